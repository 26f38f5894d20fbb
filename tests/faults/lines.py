"""A line between two parts that can be made to behave badly: slow, cut, silent, short, or never quite closed.

A TCP proxy of our own: a chosen way of misbehaving, for all connections or for the next few, from the moment it is set.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Literal

HOST = "127.0.0.1"
CHUNK = 65_536
Manner = Literal[
    "well",
    "slow",  # every chunk arrives a second late
    "reset",  # the connection is reset as soon as something is sent over it
    "lost-reply",  # what is asked arrives, the reply does not, and the connection is reset
    "half-open",  # from the next word on nothing arrives, either way, and nobody is told
    "truncated",  # half of the reply arrives, of an HTTP answer half of its body, and then the connection ends
    "slow-close",  # the reply arrives whole, then who answers is gone, and who asks hears that only much later
    "refused",  # nobody listens, and connections that were open are reset; until it behaves otherwise
]
SLOW_SECONDS = 1.0
LATE_CLOSE_SECONDS = 4.0
QUIET_SECONDS = 0.5  # no more of a reply for so long: it was whole
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class Line:
    """One line. `manner` is how it behaves now; `times` counts down how many connections or chunks it still does so."""

    def __init__(self, upstream: str | int) -> None:
        self._upstream = upstream
        self.port = 0
        self.manner: Manner = "well"
        self.times = 0
        self.hurt = 0  # how often it has misbehaved
        self._served: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None

    @property
    def redis_url(self) -> str:
        return f"redis://{HOST}:{self.port}"

    def behave(self, manner: Manner, times: int = 1_000_000) -> None:
        """Behave so from now on, `times` times; also on connections that are open already."""
        self.manner, self.times = manner, times
        if manner == "refused":
            self._refuse()
        elif self._server is None:
            self._opening = asyncio.create_task(self.open())

    def _refuse(self) -> None:
        """Listen no more, and reset what is open: what others see of a process that died."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self.hurt += 1
        for task, writer in self._served.items():
            self.hurt += 1
            reset(writer)
            task.cancel()

    def _misbehaves(self, manner: Manner) -> bool:
        """Whether it is time to behave so; every time counts."""
        if self.manner != manner or self.times <= 0:
            return False
        self.times -= 1
        self.hurt += 1
        return True

    async def open(self) -> None:
        """Listen: at the same port every time."""
        self._server = await asyncio.start_server(self._accept, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._opening is not None:
            await self._opening
        if self._server is not None:
            self._server.close()
        await self.drop()

    async def drop(self) -> None:
        """End what is open, also what is silent."""
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served[task] = writer
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._served.pop(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await self._dial()
        silent = asyncio.Event()
        ways = [
            asyncio.create_task(self._ask(reader, up_writer, writer, silent)),
            asyncio.create_task(self._reply(up_reader, writer, silent)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            up_writer.close()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._upstream, int):
            return await asyncio.open_connection(HOST, self._upstream)
        return await asyncio.open_unix_connection(self._upstream.removeprefix("unix://"))

    async def _ask(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        silent: asyncio.Event,
    ) -> None:
        """Carry what is asked, until it ends."""
        while chunk := await source.read(CHUNK):
            if self._misbehaves("reset"):
                reset(back)
                return
            await self._hindered(silent)
            sink.write(chunk)
            await sink.drain()
        if silent.is_set():  # nor is the end of who asks
            await asyncio.Event().wait()

    async def _reply(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, silent: asyncio.Event) -> None:
        """Carry what is answered, until it ends."""
        while chunk := await source.read(CHUNK):
            if self._misbehaves("lost-reply"):
                reset(sink)
                return
            if self._misbehaves("truncated"):
                sink.write(await _half(chunk, source))
                await sink.drain()
                return
            await self._hindered(silent)
            sink.write(chunk)
            await sink.drain()
            if self._misbehaves("slow-close"):
                await _rest(source, sink)
                silent.set()
                await asyncio.sleep(LATE_CLOSE_SECONDS)
                return
        if silent.is_set():  # an end is not heard either
            await asyncio.Event().wait()

    async def _hindered(self, silent: asyncio.Event) -> None:
        """Before a chunk goes on: late, or never."""
        if self._misbehaves("half-open"):
            silent.set()
        if silent.is_set():
            await asyncio.Event().wait()
        if self._misbehaves("slow"):
            await asyncio.sleep(SLOW_SECONDS)


async def _half(chunk: bytes, source: asyncio.StreamReader) -> bytes:
    """What arrives of a reply that begins with `chunk`: of one in HTTP the head, and half of the body that it tells of.

    A short reply without a body, or in another protocol, ends in its own middle.
    """
    head, ended, body = chunk.partition(b"\r\n\r\n")
    told = _LENGTH.search(head) if ended and head.startswith(b"HTTP/") else None
    length = int(told[1]) if told is not None else 0
    if length < 2:
        return chunk[: len(chunk) // 2]
    while len(body) < length // 2 and (more := await source.read(CHUNK)):
        body += more
    return head + ended + body[: length // 2]


async def _rest(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Carry on until nothing comes any more."""
    with suppress(TimeoutError):
        while chunk := await asyncio.wait_for(source.read(CHUNK), QUIET_SECONDS):
            sink.write(chunk)
            await sink.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN (socket(7), SO_LINGER of zero seconds)."""
    found = writer.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def lined(upstream: str | int) -> AsyncGenerator[Line]:
    """A line to a port of this machine, or to a unix socket (`unix://path`), while the context lasts."""
    line = Line(upstream)
    await line.open()
    try:
        yield line
    finally:
        await line.close()
