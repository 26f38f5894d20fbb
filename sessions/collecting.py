"""Moves while collecting: a login begins and returns, a source is fetched under a lease, its outcome is kept.

What was collected is never lost by asking again: a source that answered in part, or of which there are documents, may
be asked once more, and stays collected when that fails. Documents are `uploading`'s.

Pure: each takes a session and the moment and gives a Change, or raises Refused.
"""

from __future__ import annotations

from msgspec.structs import replace

from sessions.change import Change
from sessions.errors import Refused
from sessions.lifecycle import IDENTITY_SECONDS, LOGIN_SECONDS, require
from sessions.model import ROLES, Login, PersonState, Phone, Role, Session, SourceState, SourceStatus, State
from sessions.pairing import own_phone
from sessions.secrets import same


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


def on_shared_phone(phone: Phone, role: Role) -> bool:
    """Whether this is a partner on the applicant's phone: there only a login says who holds it."""
    return role == "partner" and phone.role == "applicant"


def may_change(session: Session, phone: Phone, role: Role, source: str) -> SourceState:
    """The state of a source that this phone may now ask, skip or add to for this person.

    Raises Refused: source-busy, frozen, and what `may_act` and `source_state` do.
    """
    may_act(session, phone, role)
    if session.frozen:
        raise Refused("frozen")
    state = source_state(session, role, source)
    if state.status is SourceStatus.FETCHING:
        raise Refused("source-busy")
    return state


def _may_ask(session: Session, phone: Phone, role: Role, source: str) -> SourceState:
    """As `may_change`, for a source that has not said everything yet."""
    state = may_change(session, phone, role, source)
    if state.status is SourceStatus.ABSENT or (state.status is SourceStatus.COLLECTED and not state.gaps):
        raise Refused("wrong-state")
    return state


def at_rest(state: SourceState, otherwise: SourceStatus) -> SourceStatus:
    """Where a source is when nothing is under way any more: what was collected before stays collected."""
    return SourceStatus.COLLECTED if state.transport is not None else otherwise


def put_source(session: Session, role: str, source: str, state: SourceState) -> Session:
    """The session with one source's state replaced."""
    person = session.people[role]
    changed = replace(person, sources={**person.sources, source: state})
    return replace(session, people={**session.people, role: changed})


def begin_login(session: Session, phone: Phone, role: Role, source: str, login: Login) -> Change:
    """The phone goes to the identity provider. A new login replaces one that was left hanging."""
    before = _may_ask(session, phone, role, source)
    state = replace(before, status=SourceStatus.LOGIN, login=login, failure=None, retryable=False, reason=None)
    return Change(session=put_source(session, role, source, state))


def identity_is_fresh(state: SourceState, now: float) -> bool:
    """Whether a retry of this source needs no new login: the identity was proven less than 15 minutes ago."""
    return state.authenticated_at is not None and now - state.authenticated_at < IDENTITY_SECONDS


def find_login(session: Session, phone: Phone, state_digest: str | None, now: float) -> tuple[Role, str, Login]:
    """Whose login, for which source, comes back to this phone with this state. Raises Refused(login-unknown).

    Without a state (some bridges forget it when they tell of an error) it is the only one of this phone.
    """
    found: list[tuple[Role, str, Login]] = [
        (role, source, login)
        for role in ROLES
        for source, login in _under_way(session, role, phone, now)
        if state_digest is None or same(login.state, state_digest)
    ]
    if len(found) != 1:
        raise Refused("session-ended" if session.ended else "login-unknown")
    return found[0]


def _under_way(session: Session, role: Role, phone: Phone, now: float) -> list[tuple[str, Login]]:
    """This person's logins that this phone began and that are not too old."""
    logins = [(source, state.login) for source, state in _sources(session, role).items()]
    return [(s, one) for s, one in logins if one and one.phone == phone.id and now - one.started_at < LOGIN_SECONDS]


def _sources(session: Session, role: Role) -> dict[str, SourceState]:
    return session.people[role].sources if role in session.people else {}


def login_ended(session: Session, role: Role, source: str, login: Login, reason: str) -> Change:
    """This login did not succeed; that is an outcome, not an error. The source can be tried again."""
    before = source_state(session, role, source)
    if before.login != login:
        raise Refused("login-unknown")
    state = replace(before, status=at_rest(before, SourceStatus.TODO), login=None, reason=reason)
    return Change(session=put_source(session, role, source, state))


def begin_fetching(
    session: Session, phone: Phone, role: Role, source: str, lease_until: float, login: Login | None = None
) -> Change:
    """Collecting starts, under a lease: past it the source counts as interrupted.

    `login` is the one that came back; without it an identity of a moment ago serves. Raises Refused(login-unknown) when
    another login began meanwhile.
    """
    before = _may_ask(session, phone, role, source)
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
    if person.identity not in (None, identity) or identity in others or not may_be(person, identity):
        raise Refused("wrong-person")
    proven = replace(seen_on(person, phone), identity=identity)
    after = replace(after, people={**after.people, role: proven})
    return _with_record(after, identity_name(role, source), sealed)


def may_be(person: PersonState, identity: str) -> bool:
    """Whether every document of this person that names anybody by BSN names this one."""
    named = [upload.named for state in person.sources.values() for upload in state.uploads]
    return all(identity in names for names in named if names)


def seen_on(person: PersonState, phone: Phone) -> PersonState:
    """The person, whose values this phone may show from now on."""
    return person if phone.id in person.phones else replace(person, phones=(*person.phones, phone.id))


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
    at = state.settled_at if at is None else at
    return replace(state, status=at_rest(state, status), lease_until=None, reason=reason, settled_at=at)


def collected(
    session: Session,
    role: Role,
    source: str,
    lease: float,
    sealed: bytes,
    *,
    at: float,
    gaps: tuple[str, ...] = (),
    born: str | None = None,
) -> Change:
    """The source answered with data; `sealed` holds it, encrypted under the next version of the record.

    `gaps` are codes of what it could not answer, `born` is the HMAC of the birth date in it. An answer that lacks what
    an earlier one had does not take its place: then this was a try in vain.
    """
    before = _under_lease(session, role, source, lease)
    if before.transport == "api" and not set(gaps) <= set(before.answer_gaps):
        return failed(session, role, source, lease, "unavailable", retryable=True)
    state = _settled(before, SourceStatus.COLLECTED, at=at)
    state = replace(state, transport="api", answer_gaps=gaps, born=born)
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


def failed(
    session: Session,
    role: Role,
    source: str,
    lease: float,
    failure: str,
    *,
    retryable: bool,
    reason: str | None = None,
) -> Change:
    """We do not know; `failure` is one of the connector contract's kinds, `reason` why a login was refused."""
    state = _settled(_under_lease(session, role, source, lease), SourceStatus.FAILED, reason)
    state = replace(state, failure=failure, retryable=retryable)
    return Change(session=put_source(session, role, source, state))


def skip(session: Session, phone: Phone, role: Role, source: str, reason: str) -> Change:
    """The citizen leaves an optional source out, or takes that back by logging in after all."""
    if _may_ask(session, phone, role, source).transport is not None:
        raise Refused("wrong-state")  # something of it was collected
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
                status = at_rest(state, SourceStatus.TODO)
                again = replace(state, status=status, login=None, reason="login-expired")
                session = put_source(session, role, source, again)
    return session
