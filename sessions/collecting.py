"""Moves while collecting: a login begins and returns, a source is fetched under a lease, its outcome is kept.

Pure: each takes a session and the moment and gives a Change, or raises Refused.
"""

from __future__ import annotations

from msgspec.structs import replace

from sessions.change import Change
from sessions.errors import Refused
from sessions.lifecycle import IDENTITY_SECONDS, LOGIN_SECONDS, require
from sessions.model import Login, PersonState, Phone, Role, Session, SourceState, SourceStatus, State
from sessions.pairing import own_phone
from sessions.secrets import same

_DONE = (SourceStatus.COLLECTED, SourceStatus.ABSENT)


def part(session: Session, role: str) -> PersonState:
    """This person's part. Raises Refused(unknown-person) for somebody who does not take part."""
    person = session.people.get(role)
    if person is None:
        raise Refused("unknown-person")
    return person


def source_state(session: Session, role: str, source: str) -> SourceState:
    """This person's state for a source. Raises Refused(unknown-person, unknown-source)."""
    found = part(session, role).sources.get(source)
    if found is None:
        raise Refused("unknown-source")
    return found


def may_act(session: Session, phone: Phone, role: Role) -> None:
    """Refuse a phone that may not act for this person: a partner with an own phone acts there, and only there.

    Also a phone that was linked when its request came in, and is not any more: it holds the key of another attempt.
    """
    require(session, State.COLLECTING)
    if session.phone(phone.id) is None:
        raise Refused("wrong-secret")
    part(session, role)
    own = own_phone(session, "partner")
    allowed = phone.id == own.id if role == "partner" and own else phone.role == "applicant"
    if not allowed:
        raise Refused("not-your-part")


def _may_change(session: Session, phone: Phone, role: Role, source: str) -> SourceState:
    may_act(session, phone, role)
    if session.frozen:
        raise Refused("frozen")
    state = source_state(session, role, source)
    if state.status is SourceStatus.FETCHING:
        raise Refused("source-busy")
    if state.status in _DONE:
        raise Refused("wrong-state")
    return state


def put_source(session: Session, role: str, source: str, state: SourceState) -> Session:
    """The session with one source's state replaced."""
    person = session.people[role]
    changed = replace(person, sources={**person.sources, source: state})
    return replace(session, people={**session.people, role: changed})


def begin_login(session: Session, phone: Phone, role: Role, source: str, login: Login) -> Change:
    """The phone goes to the identity provider. A new login replaces one that was left hanging."""
    before = _may_change(session, phone, role, source)
    state = replace(before, status=SourceStatus.LOGIN, login=login, failure=None, retryable=False, reason=None)
    return Change(session=put_source(session, role, source, state))


def identity_is_fresh(state: SourceState, now: float) -> bool:
    """Whether a retry of this source needs no new login: the identity was proven less than 15 minutes ago."""
    return state.authenticated_at is not None and now - state.authenticated_at < IDENTITY_SECONDS


def find_login(session: Session, phone: Phone, state_digest: str, now: float) -> tuple[Role, str, Login]:
    """Whose login, for which source, comes back with this state. Raises Refused(login-unknown)."""
    for role, person in session.people.items():
        for source, state in person.sources.items():
            login = state.login
            if login is None or not same(login.state, state_digest):
                continue
            if login.phone == phone.id and now - login.started_at < LOGIN_SECONDS:
                return ("partner" if role == "partner" else "applicant"), source, login
    raise Refused("session-ended" if session.ended else "login-unknown")


def login_ended(session: Session, role: Role, source: str, login: Login, reason: str) -> Change:
    """This login did not succeed; that is an outcome, not an error. The source can be tried again."""
    before = source_state(session, role, source)
    if before.login != login:
        raise Refused("login-unknown")
    state = replace(before, status=SourceStatus.TODO, login=None, reason=reason)
    return Change(session=put_source(session, role, source, state))


def begin_fetching(
    session: Session, phone: Phone, role: Role, source: str, lease_until: float, login: Login | None = None
) -> Change:
    """Collecting starts, under a lease: past it the source counts as interrupted.

    `login` is the one that came back; without it an identity of a moment ago serves. Raises Refused(login-unknown) when
    another login began meanwhile.
    """
    before = _may_change(session, phone, role, source)
    if login is not None and before.login != login:
        raise Refused("login-unknown")
    state = replace(
        before,
        status=SourceStatus.FETCHING,
        login=None,
        lease_until=lease_until,
        failure=None,
        retryable=False,
        reason=None,
    )
    return Change(session=put_source(session, role, source, state))


def record_name(role: str, source: str) -> str:
    """The vault record of what a source said about a person."""
    return f"{role}/{source}"


def identity_name(role: str, source: str) -> str:
    """The vault record of the identity proven for a source."""
    return f"{role}/{source}/identity"


def next_version(session: Session) -> int:
    """The version under which a vault record is written next; no version is ever used twice in a session."""
    return session.writes + 1


def with_record(session: Session, record: str) -> Session:
    """The session with one more vault record written, under `next_version`."""
    version = next_version(session)
    return replace(session, records={**session.records, record: version}, writes=version)


def identified(
    session: Session,
    phone: Phone,
    role: Role,
    source: str,
    lease: float,
    identity: str,
    sealed: bytes,
    at: float,
    level: str,
) -> Change:
    """The login proved who this person is: one identity for all of a person's sources, another for the other adult.

    `identity` is the HMAC to compare by, `sealed` the identity itself, encrypted. From now on the phone may show this
    person's values. Raises Refused(wrong-person).
    """
    state = replace(_under_lease(session, role, source, lease), authenticated_at=at, level=level)
    after = put_source(session, role, source, state)
    person = after.people[role]
    others = [other.identity for name, other in after.people.items() if name != role]
    if person.identity not in (None, identity) or identity in others:
        raise Refused("wrong-person")
    phones = person.phones if phone.id in person.phones else (*person.phones, phone.id)
    proven = replace(person, identity=identity, phones=phones)
    after = replace(after, people={**after.people, role: proven})
    return _with_record(after, identity_name(role, source), sealed)


def _under_lease(session: Session, role: Role, source: str, lease: float) -> SourceState:
    require(session, State.COLLECTING)
    state = source_state(session, role, source)
    if state.status is not SourceStatus.FETCHING or state.lease_until != lease:
        raise Refused("wrong-state")
    return state


def _with_record(session: Session, record: str, sealed: bytes) -> Change:
    return Change(session=with_record(session, record), vault={record: sealed})


def _settled(
    state: SourceState, status: SourceStatus, reason: str | None = None, at: float | None = None
) -> SourceState:
    """The lease is given back; what part was being asked is of no use any more."""
    return replace(state, status=status, lease_until=None, reason=reason, settled_at=at)


def collected(session: Session, role: Role, source: str, lease: float, sealed: bytes, *, at: float) -> Change:
    """The source answered with data; `sealed` holds it, encrypted under the next version of the record."""
    state = _settled(_under_lease(session, role, source, lease), SourceStatus.COLLECTED, at=at)
    return _with_record(put_source(session, role, source, state), record_name(role, source), sealed)


def noted(session: Session, record: str, sealed: bytes) -> Change:
    """A record that no source made, such as the citizen's remarks."""
    require(session, State.COLLECTING)
    return _with_record(session, record, sealed)


def absent(session: Session, role: Role, source: str, lease: float, *, at: float) -> Change:
    """The source has nothing about this person."""
    state = _settled(_under_lease(session, role, source, lease), SourceStatus.ABSENT, at=at)
    return Change(session=put_source(session, role, source, state))


def left_out(session: Session, role: Role, source: str, lease: float, reason: str) -> Change:
    """The connector had nothing to ask, and says why."""
    state = _settled(_under_lease(session, role, source, lease), SourceStatus.SKIPPED, reason)
    return Change(session=put_source(session, role, source, state))


def progressed(session: Session, role: Role, source: str, lease: float, part: str) -> Change:
    """Which part of the source is being asked now, for slow sources."""
    state = replace(_under_lease(session, role, source, lease), reason=part)
    return Change(session=put_source(session, role, source, state))


def failed(session: Session, role: Role, source: str, lease: float, failure: str, *, retryable: bool) -> Change:
    """We do not know; `failure` is one of the connector contract's kinds."""
    state = _settled(_under_lease(session, role, source, lease), SourceStatus.FAILED)
    state = replace(state, failure=failure, retryable=retryable)
    return Change(session=put_source(session, role, source, state))


def skip(session: Session, phone: Phone, role: Role, source: str, reason: str) -> Change:
    """The citizen leaves an optional source out, or takes that back by logging in after all."""
    _may_change(session, phone, role, source)
    if source in session.profile.required:
        raise Refused("source-required")
    state = SourceState(status=SourceStatus.SKIPPED, reason=reason)
    return Change(session=put_source(session, role, source, state))


def overdue(session: Session, now: float) -> Session:
    """The session with leases that ran out as failures, and logins that were left hanging as still to do."""
    for role, person in session.people.items():
        for source, state in person.sources.items():
            if state.lease_until is not None and state.lease_until <= now:
                late = replace(_settled(state, SourceStatus.FAILED), failure="interrupted", retryable=True)
                session = put_source(session, role, source, late)
            elif state.login is not None and state.login.started_at + LOGIN_SECONDS <= now:
                again = replace(state, status=SourceStatus.TODO, login=None, reason="login-expired")
                session = put_source(session, role, source, again)
    return session
