"""Moves with documents: a citizen hands over a source's own download on the phone, or takes those back.

Whom a document is about is compared by HMACs under the vault key, never by what it says. Pure: each takes a session and
gives one, or a Change, or raises Refused.
"""

from __future__ import annotations

from msgspec.structs import replace

from sessions.change import Change
from sessions.collecting import at_rest, may_change, on_shared_phone, put_source, record_name, seen_on
from sessions.errors import Refused
from sessions.model import PersonState, Phone, Role, Session, SourceState, SourceStatus, Upload

MAX_UPLOADS = 4  # of one person and source
MAX_KEPT_BYTES = 25_000_000  # originals of one session


def document_name(role: str, source: str, number: int) -> str:
    """The vault record of what a document said, and of what it is."""
    return f"{record_name(role, source)}/document/{number}"


def original_name(role: str, source: str, number: int) -> str:
    """The vault record of a document's own bytes, where these travel along."""
    return f"{record_name(role, source)}/original/{number}"


def may_upload(session: Session, phone: Phone, role: Role, source: str) -> SourceState:
    """The state of a source of which this phone may hand over a document for this person.

    On a shared phone a partner must have logged in first: the applicant may hold their documents too. A source that
    itself answered in full needs none. Raises Refused: consent-needs-login, wrong-state, and what
    `collecting.may_change` does.
    """
    state = may_change(session, phone, role, source)
    if on_shared_phone(phone, role) and phone.id not in session.people[role].phones:
        raise Refused("consent-needs-login")
    answered = state.status is SourceStatus.ABSENT or (state.transport == "api" and not state.gaps)
    if answered and not state.uploads:
        raise Refused("wrong-state")
    return state


def uploaded(session: Session, phone: Phone, role: Role, source: str, upload: Upload, *, at: float) -> Session:
    """The session with one more document; the vault records it needs are the caller's to write.

    Raises Refused: document-wrong-person, too-many-documents, and what `may_upload` does.
    """
    before = may_upload(session, phone, role, source)
    if len(before.uploads) >= MAX_UPLOADS or upload.kept_bytes + kept_bytes(session) > MAX_KEPT_BYTES:
        raise Refused("too-many-documents")
    _refuse_another(session, role, upload)
    state = replace(
        before,
        status=SourceStatus.COLLECTED,
        login=None,
        failure=None,
        retryable=False,
        reason=None,
        settled_at=at,
        transport=before.transport or "upload",
        uploads=(*before.uploads, upload),
    )
    after = put_source(session, role, source, state)
    return replace(after, people={**after.people, role: seen_on(after.people[role], phone)})


def is_known(state: SourceState, mark: str) -> bool:
    """Whether this very document was handed over before."""
    return any(upload.mark == mark for upload in state.uploads)


def kept_bytes(session: Session) -> int:
    """How many bytes of originals lie in this session's vault."""
    states = (state for person in session.people.values() for state in person.sources.values())
    return sum(upload.kept_bytes for state in states for upload in state.uploads)


def _refuse_another(session: Session, role: str, upload: Upload) -> None:
    """Refuse a document that names others by BSN and not this person, or gives another birth date."""
    person = session.people[role]
    if upload.named:
        others = [_known_as(other) or set() for name, other in session.people.items() if name != role]
        known = _known_as(person)
        possible = set(upload.named) if known is None else known & set(upload.named)
        if not possible.difference(*(other for other in others if len(other) == 1)):
            raise Refused("document-wrong-person")
    births = {born for state in person.sources.values() for born in (state.born, *(u.born for u in state.uploads))}
    if upload.born is not None and births - {None} and upload.born not in births:
        raise Refused("document-wrong-person")


def _known_as(person: PersonState) -> set[str] | None:
    """The identities this person can have: the one of the login, else those that all their documents name.

    None when neither says anything.
    """
    if person.identity is not None:
        return {person.identity}
    named = [set(upload.named) for state in person.sources.values() for upload in state.uploads if upload.named]
    return set[str].intersection(*named) if named else None


def taken_back(session: Session, phone: Phone, role: Role, source: str) -> Change:
    """This person's documents of a source go; what the source itself answered stays.

    With the last one of who never logged in goes what their phones may show. Raises Refused: wrong-state where there
    are none, and what `collecting.may_change` does.
    """
    before = may_change(session, phone, role, source)
    if not before.uploads:
        raise Refused("wrong-state")
    transport = "api" if before.transport == "api" else None
    state = replace(before, uploads=(), transport=transport, login=None, reason=None)
    state = replace(state, status=at_rest(state, SourceStatus.TODO))
    if transport is None:
        state = replace(state, settled_at=None, failure=None, retryable=False)
    prefixes = (document_name(role, source, 0)[:-1], original_name(role, source, 0)[:-1])
    gone = tuple(name for name in session.records if name.startswith(prefixes))
    kept = {name: version for name, version in session.records.items() if name not in gone}
    after = replace(put_source(session, role, source, state), records=kept)
    person = after.people[role]
    if person.identity is None and not any(one.uploads for one in person.sources.values()):
        after = replace(after, people={**after.people, role: replace(person, phones=())})
    return Change(session=after, vault_drop=gone)
