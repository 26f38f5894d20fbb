"""What a session's vault holds, opened: one household's content, in memory only while a request runs.

Owns how vault records are read, written and put together; what a profile lets through is `review`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec.structs import replace

from broker import review
from broker.household import merge
from broker.persons import renamed
from connectors.contract import Subject
from schemas.base import Record
from schemas.consent import SignedConsent
from schemas.payload import Content, Document
from schemas.records import SELF, Finding, SourceRecords
from sessions import collecting, uploading
from sessions.change import Change
from sessions.model import ROLES, Role, Session
from sessions.store.sessions import SessionStore
from sessions.vault import VaultError, VaultKey, decrypt, encrypt, mark


class Handed(Record, frozen=True, kw_only=True):
    """A document as the vault keeps it: what it said, and what it is. `kept`: its original travels along."""

    records: SourceRecords
    media_type: str
    digest: str
    size_bytes: int
    seal: Literal["valid", "invalid", "none"] | None = None
    kept: bool


class Inside(msgspec.Struct, frozen=True):
    """An open vault: the content that the profile permits, and the consents that wait for the other adult's.

    `originals` are the names of the vault records of the content's documents, in their order.
    """

    content: Content
    originals: tuple[str, ...]
    receipts: dict[str, SignedConsent]


_records = msgspec.json.Decoder(SourceRecords)
_handed = msgspec.json.Decoder(Handed)
_signed = msgspec.json.Decoder(SignedConsent)
_subject = msgspec.json.Decoder(Subject)
findings = msgspec.json.Decoder(tuple[Finding, ...])


def written(session: Session, key: VaultKey, records: dict[str, bytes]) -> Change:
    """The session with these vault records, encrypted each under its next version."""
    sealed: dict[str, bytes] = {}
    for name, plain in records.items():
        sealed[name] = encrypt(key, session.id, name, collecting.next_version(session), plain)
        session = collecting.with_record(session, name)
    return Change(session=session, vault=sealed)


async def decrypted(
    sessions: SessionStore, session: Session, key: VaultKey, names: list[str]
) -> dict[str, bytes] | None:
    """These records, decrypted; None when the session has moved on since it was read, and the vault with it.

    Raises VaultError when it has not: then the key is another one.
    """
    sealed = await sessions.vault(session.id, names)
    try:
        return {n: decrypt(key, session.id, n, session.records[n], sealed.get(n, b"")) for n in names}
    except VaultError:
        newest = await sessions.read(session.id)
        if newest.session.records == session.records:
            raise
        return None


async def opened(sessions: SessionStore, session: Session, key: VaultKey) -> Inside | None:
    """Everything in the vault but the originals; None and VaultError as in `decrypted`."""
    names = [name for name in session.records if "/original/" not in name]
    plain = await decrypted(sessions, session, key, names)
    return None if plain is None else inside(session, plain)


def inside(session: Session, plain: dict[str, bytes]) -> Inside:
    """The household of these records, as far as the profile permits, with its documents."""
    found: dict[Role, dict[str, SourceRecords]] = {}
    bsns: dict[Role, str] = {}
    kept: list[tuple[str, Document]] = []
    for role, source in _asked(session):
        handed = _handed_over(plain, role, source)
        answers = [_records.decode(plain[n])] if (n := collecting.record_name(role, source)) in plain else []
        if answers or handed:
            answers += [apart(document.records, number) for number, document in handed.items()]
            found.setdefault(role, {})[source] = together(answers)
        if (name := collecting.identity_name(role, source)) in plain:
            bsns[role] = _subject.decode(plain[name]).bsn
        for number, document in handed.items():
            if document.kept:
                original = uploading.original_name(role, source, number)
                kept.append((original, _document(document, role, source, len(kept) + 1)))
    fields, bsn_allowed = frozenset(session.profile.fields), session.profile.bsn_basis is not None
    merged = merge(found, statuses=_statuses(session), bsns=bsns, fields=fields)
    content = replace(merged, documents=tuple(document for _, document in kept))
    remarks = tuple(r for role in ROLES if (p := plain.get(f"remark/{role}")) for r in findings.decode(p))
    return Inside(
        content=review.permitted(review.with_remarks(content, remarks), fields, bsn_allowed=bsn_allowed),
        originals=tuple(name for name, _ in kept),
        receipts={role: _signed.decode(p) for role in ROLES if (p := plain.get(f"receipt/{role}"))},
    )


def _asked(session: Session) -> Iterator[tuple[Role, str]]:
    for role in ROLES:
        person = session.people.get(role)
        for source in person.sources if person else ():
            yield role, source


def _statuses(session: Session) -> dict[Role, dict[str, str]]:
    statuses: dict[Role, dict[str, str]] = {}
    for role, source in _asked(session):
        statuses.setdefault(role, {})[source] = session.people[role].sources[source].status.value
    return statuses


def _handed_over(plain: dict[str, bytes], role: str, source: str) -> dict[int, Handed]:
    """The documents of a person and source, by number."""
    names = {n: uploading.document_name(role, source, n) for n in range(1, uploading.MAX_UPLOADS + 1)}
    return {number: _handed.decode(plain[name]) for number, name in names.items() if name in plain}


def _document(handed: Handed, role: str, source: str, number: int) -> Document:
    return Document(
        number=number,
        source=source,
        person=role,
        media_type=handed.media_type,
        digest=handed.digest,
        size_bytes=handed.size_bytes,
        seal=handed.seal,
    )


def together(answers: list[SourceRecords]) -> SourceRecords:
    """Several answers of one source about one person as one."""
    names = SourceRecords.__struct_fields__
    return SourceRecords(**{name: tuple(i for a in answers for i in getattr(a, name)) for name in names})


def apart(records: SourceRecords, number: int) -> SourceRecords:
    """A document's records, in which nobody but `self` has an id that another answer of the same source may use.

    Its `child-1` need not be that of another document: who is the same person is for the merge to find out.
    """

    def name(id_: str) -> str:
        stem, _, count = id_.rpartition("-")
        stem, count = (stem, count) if count.isdecimal() else (id_, "0")
        return id_ if id_ == SELF else f"{stem}-{1000 * number + int(count)}"

    return replace(
        records,
        persons=tuple(replace(person, id=name(person.id)) for person in records.persons),
        relations=tuple(renamed(record, name) for record in records.relations),
        addresses=tuple(renamed(record, name) for record in records.addresses),
        incomes=tuple(renamed(record, name) for record in records.incomes),
        pensions=tuple(renamed(record, name) for record in records.pensions),
        possessions=tuple(renamed(record, name) for record in records.possessions),
        debts=tuple(renamed(record, name) for record in records.debts),
        findings=tuple(replace(f, person=name(f.person)) if f.person else f for f in records.findings),
    )


def birth_mark(records: SourceRecords, key: VaultKey) -> str | None:
    """The mark of the whole birth date that `self` has in these records; None where there is none, or more than one."""
    dates = {person.birth_date for person in records.persons if person.id == SELF and person.birth_date}
    whole = [date for date in dates if len(date) == len("2000-12-31")]
    return mark(key, "birth", whole[0].encode()) if len(whole) == 1 else None
