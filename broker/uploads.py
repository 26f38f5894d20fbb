"""Documents a citizen hands over on the phone: read in a process apart, and put into the vault in one step.

Everything happens within the request: a crash stores nothing, and nothing is left to clean up. What a file is called
is never known here, and no word of it reaches a log or an error.
"""

from __future__ import annotations

import msgspec

from broker.caller import Caller
from broker.clock import utc
from broker.contents import Handed, birth_mark, written
from broker.errors import Problem
from broker.parts import Parts
from broker.telemetry import collections_total, log, session_ref
from connectors.contract import DocumentRefused
from connectors.documents import DocumentReader, Reading
from schemas.base import Provenance
from schemas.records import Finding, gaps, stamped
from sessions import uploading
from sessions.change import Change
from sessions.errors import Refused
from sessions.model import Phone, Profile, Role, Session, Upload
from sessions.store.sessions import Opened
from sessions.vault import VaultKey, mark


class Uploads:
    """The documents of every session."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def reader(self, caller: Caller, role: Role, source: str) -> DocumentReader:
        """Who may read a document that this phone hands over for this person; asked before any of it is taken in.

        Raises Refused as `uploading.may_upload` does, Problem(uploads-off).
        """
        uploading.may_upload(caller.session, caller.linked(), role, source)
        reader = self._parts.documents
        if reader is None or "upload" not in self._parts.transports().get(source, ()):
            raise Problem("uploads-off")
        return reader

    async def take(self, caller: Caller, role: Role, source: str, content: bytes) -> Opened:
        """Read a document and keep what it says; the same one twice changes nothing.

        Raises DocumentRefused, Problem(uploads-off), Refused: document-wrong-person, too-many-documents, and what
        `uploading.may_upload` does.
        """
        reader, phone = self.reader(caller, role, source), caller.linked()
        try:
            reading = await reader.read(source, content, utc(caller.now))
        except DocumentRefused as refused:
            self._tell(caller, source, refused.reason)
            raise

        with caller.vault_key() as key:

            def decide(session: Session, now: float) -> Change | None:
                return _taken(session, phone, key, role, source, reading, content, now)

            try:
                after = await self._parts.sessions.move(caller.session.id, decide, caller.now, caller.opened)
            except Refused as refused:
                self._tell(caller, source, refused.code)
                raise
        self._tell(caller, source, "taken")
        return after

    async def take_back(self, caller: Caller, role: Role, source: str) -> Opened:
        """This person's documents of this source go. Raises Refused as `uploading.taken_back` does."""
        phone = caller.linked()
        return await self._parts.sessions.move(
            caller.session.id,
            lambda session, _: uploading.taken_back(session, phone, role, source),
            caller.now,
            caller.opened,
        )

    def _tell(self, caller: Caller, source: str, outcome: str) -> None:
        collections_total.labels(source, "uploaded" if outcome == "taken" else "upload-refused").inc()
        log.info("upload.read", connector=source, session_ref=session_ref(caller.session.id), outcome=outcome)


def _taken(
    session: Session,
    phone: Phone,
    key: VaultKey,
    role: Role,
    source: str,
    reading: Reading,
    content: bytes,
    now: float,
) -> Change | None:
    """The session with what a document says in its vault; None when it has this very document already."""
    document = mark(key, "document", reading.digest.encode())
    state = uploading.may_upload(session, phone, role, source)
    if uploading.is_known(state, document):
        return None
    handed = _handed(reading, session.profile, source, now)
    upload = Upload(
        mark=document,
        named=tuple(sorted({mark(key, "identity", bsn.encode()) for bsn in reading.bsns})),
        born=birth_mark(reading.records, key),
        gaps=gaps(reading.records),
        kept_bytes=len(content) if handed.kept else 0,
        seal=reading.seal,
    )
    after = uploading.uploaded(session, phone, role, source, upload, at=now)
    number = len(state.uploads) + 1
    records = {uploading.document_name(role, source, number): msgspec.json.encode(handed)}
    if handed.kept:
        records[uploading.original_name(role, source, number)] = content
    return written(after, key, records)


def _handed(reading: Reading, profile: Profile, source: str, now: float) -> Handed:
    """What is kept of a document: its records, and whether its original may travel.

    Where nobody has a legal basis for a BSN an original that may hold one stays here, and the provider is told so.
    """
    holds_bsn = reading.may_hold_bsn or bool(reading.bsns)
    kept = profile.documents and (profile.bsn_basis is not None or not holds_bsn)
    provenance = Provenance(
        source=source,
        transport="upload",
        retrieved_at=utc(now),
        document_digest=reading.digest,
        seal=reading.seal,
    )
    records = stamped(reading.records, provenance)
    if profile.documents and not kept:
        withheld = Finding(kind="source-note", code="document-withheld", source=source)
        records = msgspec.structs.replace(records, findings=(*records.findings, withheld))
    return Handed(
        records=records,
        media_type=reading.media_type,
        digest=reading.digest,
        size_bytes=reading.size_bytes,
        seal=reading.seal,
        kept=kept,
    )
