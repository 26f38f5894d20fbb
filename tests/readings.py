"""Files that tests hand over to a house are read by a process of their own once: what it told is told again.

A process takes half a second to begin, and tells the same of the same file on the same day. What such a process does
with a file is `tests/integration/connectors`' to show, which start each of theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import msgspec
import pytest

from connectors.contract import DocumentRefused
from connectors.documents import process, reader
from connectors.documents.exchange import Task, Told

_told: dict[bytes, Told | DocumentRefused] = {}


@contextmanager
def remembered() -> Generator[None]:
    """While this lasts no file is read again that was read in this test process before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "ask", _ask)
        yield


async def _ask(task: Task) -> Told:
    """As `process.ask`, which ends well or refuses: any other end is nobody's to remember."""
    today = task.now.replace(hour=0, minute=0, second=0, microsecond=0)
    key = msgspec.msgpack.encode(msgspec.structs.replace(task, now=today))
    if key not in _told:
        try:
            _told[key] = await process.ask(task)
        except DocumentRefused as refused:
            _told[key] = refused
    await asyncio.sleep(0)
    told = _told[key]
    if isinstance(told, DocumentRefused):
        raise DocumentRefused(told.reason)
    return told
