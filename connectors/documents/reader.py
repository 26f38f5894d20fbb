"""The door for files: judges size and kind here, has the rest done by a process of its own, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256

from connectors.contract import DocumentRefused, MediaType
from connectors.documents.exchange import Seal, Task
from connectors.documents.kinds import accepted
from connectors.documents.process import ask
from connectors.documents.settings import DocumentSettings, trusted
from schemas.base import Record
from schemas.records import SourceRecords


class Reading(Record, frozen=True, kw_only=True):
    """What a file says and is. Its records carry no provenance; `digest` is the hex SHA-256 of its bytes.

    `bsns` are the numbers the file itself calls BSN, Burgerservicenummer or sofinummer. `may_hold_bsn` is true as soon
    as any nine digits of its text pass the elfproef; what stands in a picture is not seen.
    """

    records: SourceRecords
    media_type: MediaType
    digest: str
    size_bytes: int
    seal: Seal | None
    bsns: tuple[str, ...]
    may_hold_bsn: bool


class DocumentReader:
    """Reads files for one server process. Raises ValueError when `trust_file` cannot be read."""

    def __init__(self, settings: DocumentSettings) -> None:
        self._settings = settings
        self._trust = trusted(settings.trust_file)
        self._turns = asyncio.Semaphore(settings.processes)

    async def read(self, source: str, content: bytes, now: datetime) -> Reading:
        """What the download `content` of `source` says. Raises DocumentRefused.

        A cancelled call leaves no process behind. The seal is judged as of `now` (UTC).
        """
        media_type = accepted(source, content, self._settings.max_bytes)
        async with self._turn():
            told = await ask(self._task(source, content, media_type, now))
        return Reading(
            records=told.records,
            media_type=media_type,
            digest=sha256(content).hexdigest(),
            size_bytes=len(content),
            seal=told.seal,
            bsns=told.bsns,
            may_hold_bsn=told.may_hold_bsn,
        )

    def _task(self, source: str, content: bytes, media_type: MediaType, now: datetime) -> Task:
        settings = self._settings
        return Task(
            source=source,
            media_type=media_type,
            content=content,
            now=now,
            trust=self._trust,
            signers=settings.signers.get(source, ()),
            max_pages=settings.max_pages,
            cpu_seconds=settings.cpu_seconds,
            wall_seconds=settings.wall_seconds,
            memory_bytes=settings.memory_bytes,
        )

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        """Wait for one of the few processes to be free, as long as a file may take and no longer."""
        try:
            async with asyncio.timeout(self._settings.wall_seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise DocumentRefused("too-slow") from None
        try:
            yield
        finally:
            self._turns.release()
