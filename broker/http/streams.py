"""Live status: subscribe, snapshot, then changes. A stream ends itself after five minutes, when it cannot go on, or
when the process is told to stop; the client comes back.
"""

from __future__ import annotations

import asyncio
import signal
import zlib
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from types import FrameType

import msgspec
from litestar.response import Stream

from broker.parts import Parts
from schemas.base import View
from sessions.errors import Refused
from sessions.store.scripts import StoreUnavailable
from sessions.store.sessions import Opened

STREAM_SECONDS = 300.0
KEEPALIVE_SECONDS = 20.0
SETTLE_SECONDS = 0.05  # changes come in bursts; nobody sees a twentieth of a second


def event_stream(parts: Parts, opened: Opened, view: Callable[[Opened], View]) -> Stream:
    """Server-sent events of one session, each a whole view; the same view is not sent twice."""
    return Stream(_events(parts, opened.session.id, view), media_type="text/event-stream")


def view_id(view: View) -> str:
    """The id of a view's event: a page that was made from the same view has nothing to ask again."""
    return _name(msgspec.json.encode(view))


def _name(encoded: bytes) -> str:
    return f"{zlib.crc32(encoded):08x}"


@contextmanager
def ended_by_signals(parts: Parts) -> Generator[None]:
    """While this lasts, a signal to stop ends the streams too: the server would wait for them as long as it may.

    Whoever handled the signal still gets it. One that nobody handles ends the process at once and is left alone.
    """
    loop = asyncio.get_running_loop()
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in former.items() if callable(handler)}

    def end(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(parts.changes.end)
        handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


async def _events(parts: Parts, session_id: str, view: Callable[[Opened], View]) -> AsyncIterator[bytes]:
    watch = parts.changes.watch(f"session {session_id}")
    ends_at, last = parts.clock() + STREAM_SECONDS, b""
    try:
        yield b"retry: 1000\n\n"
        while parts.clock() < ends_at and not parts.changes.ending:
            try:
                now = msgspec.json.encode(view(await parts.sessions.read(session_id)))
            except (Refused, StoreUnavailable):
                return
            if now != last:
                yield b"event: session\nid: " + _name(now).encode() + b"\ndata: " + now + b"\n\n"
                last = now
            if await watch.wait(KEEPALIVE_SECONDS):
                await asyncio.sleep(SETTLE_SECONDS)
                watch.take()
            else:
                yield b": still here\n\n"
    finally:
        watch.close()
