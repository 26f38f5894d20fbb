"""A receiver of webhooks that stands before the real back office, and that misbehaves before it passes anything on.

A server of plain sockets, so that it can do what no web framework would. What it does, it does to events with data, one
way of behaving for each attempt; when those are used up, and for every other event, it passes on.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from tests.faults.lines import HOST, reset

ELSEWHERE = b"/elsewhere"
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_EVENT = re.compile(rb'"type":"nl\.ophaalbrug\.session\.([a-z]+)"')
_HUGE_BYTES = 10 * 2**20


class Exchange:
    """One request with data, and what is done with it. `body` is half of it until the rest is `read`."""

    def __init__(
        self, receiver: Receiver, head: bytes, half: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.receiver = receiver
        self.head = head
        self.body = half
        self.writer = writer
        self._reader = reader

    async def read(self) -> None:
        """Read the rest."""
        self.body += await self._reader.readexactly(_length(self.head) - len(self.body))

    async def pass_on(self) -> bytes:
        """Have the back office take it in; gives its whole answer."""
        reader, writer = await asyncio.open_connection(HOST, self.receiver.office_port)
        writer.write(self.head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + self.body)
        try:
            return await reader.read()
        finally:
            writer.close()

    async def say(self, text: bytes) -> None:
        """Answer, or a part of that."""
        self.writer.write(text)
        await self.writer.drain()

    async def left(self) -> None:
        """Wait until who asked went away."""
        while await self._reader.read(1024):
            pass

    def reset(self) -> None:
        """End the connection with RST."""
        reset(self.writer)


Behaviour = Callable[[Exchange], Awaitable[None]]


class Receiver:
    """Behaves as in `first`, one for each attempt to send data, and from then on as in `then`.

    `tls`: what it shows of itself; `secure` alone: it is told at as https, and speaks plain HTTP there.
    Counts: `attempts` with data, `overlaps` of two attempts at the same time, `followed` requests at the place it
    redirects to. `notices` are the bodies of the other events.
    """

    def __init__(
        self,
        first: Iterable[Behaviour] = (),
        then: Behaviour | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        secure: bool = False,
    ) -> None:
        self.first = [*first]
        self.then = then or well
        self.office_port = 0
        self.port = 0
        self.followed = self.overlaps = self.in_hand = 0
        self.bodies: list[bytes] = []
        self.notices: list[bytes] = []
        self.reached = asyncio.Event()  # an attempt has arrived
        self.told = asyncio.Event()  # it may answer
        self._tls = tls
        self._secure = secure or tls is not None
        self._server: asyncio.Server | None = None
        self._starting: asyncio.Task[None] | None = None
        self._served: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http{'s' if self._secure else ''}://{HOST}:{self.port}"

    @property
    def attempts(self) -> int:
        """How often data were sent, whole or in part."""
        return len(self.bodies)

    @property
    def identical(self) -> bool:
        """Whether every attempt had the same bytes, as far as it came."""
        whole = max(self.bodies, key=len, default=b"")
        return all(whole.startswith(body) for body in self.bodies)

    @asynccontextmanager
    async def standing(self, office_port: int) -> AsyncGenerator[str]:
        """Stand before the back office at this port while the context lasts; gives our own address."""
        self.office_port = office_port
        await self.listen()
        try:
            yield self.url
        finally:
            if self._starting is not None:
                await self._starting
            self.die()
            await asyncio.gather(*self._served, return_exceptions=True)

    async def listen(self) -> None:
        """Listen: at the same port every time."""
        self._server = await asyncio.start_server(self._accept, HOST, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    def die(self) -> None:
        """Be gone, with every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._served:
            task.cancel()

    def die_for(self, seconds: float) -> None:
        """Be gone, and start again."""

        async def again() -> None:
            await asyncio.sleep(seconds)
            await self.listen()

        self.die()
        self._starting = asyncio.create_task(again())

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._served.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        if first == b"\x16":  # somebody who speaks TLS (RFC 8446 section 5.1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        head = first + await reader.readuntil(b"\r\n\r\n")
        if head.split(b" ")[1] == ELSEWHERE:
            self.followed += 1
        half = await reader.readexactly(_length(head) // 2)
        exchange = Exchange(self, head, half, reader, writer)
        kind = _EVENT.search(half)
        if kind is None or kind[1] != b"data":
            await well(exchange)
            self.notices.append(exchange.body)
            return
        await self._handle(exchange)

    async def _handle(self, exchange: Exchange) -> None:
        """Behave, for as long as somebody waits for an answer."""
        behave = self.first.pop(0) if self.first else self.then
        self.overlaps += self.in_hand > 0
        self.in_hand += 1
        at = self.attempts
        self.bodies.append(b"")
        try:
            if behave is not reset_at_half:
                await exchange.read()
            self.bodies[at] = exchange.body
            self.reached.set()
            await self._while_asked(exchange, behave)
        finally:
            self.bodies[at] = exchange.body
            self.in_hand -= 1

    async def _while_asked(self, exchange: Exchange, behave: Behaviour) -> None:
        ways = [asyncio.ensure_future(behave(exchange)), asyncio.create_task(exchange.left())]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in done:
                way.result()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found is not None else 0


async def well(exchange: Exchange) -> None:
    """Pass on, and answer what the back office answers."""
    await exchange.read()
    await exchange.say(await exchange.pass_on())


def status(code: int, **headers: str) -> Behaviour:
    """Answer a status and no more; underscores in header names stand for dashes."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    text = f"HTTP/1.1 {code} No\r\n{lines}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()

    async def behave(exchange: Exchange) -> None:
        await exchange.say(text)

    return behave


def redirect(code: int) -> Behaviour:
    """Send it elsewhere: to a place where we look who comes."""

    async def behave(exchange: Exchange) -> None:
        await status(code, Location=exchange.receiver.url + ELSEWHERE.decode())(exchange)

    return behave


async def slow_head(exchange: Exchange) -> None:
    """A byte of the answer's head per second."""
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
        await exchange.say(bytes([byte]))
        await asyncio.sleep(1)


async def slow_body(exchange: Exchange) -> None:
    """200 at once, and of its body a byte per second."""
    await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
    for _ in range(60):
        await exchange.say(b"x")
        await asyncio.sleep(1)


async def huge(exchange: Exchange) -> None:
    """200, and a body of ten megabytes."""
    await exchange.say(f"HTTP/1.1 200 OK\r\nContent-Length: {_HUGE_BYTES}\r\n\r\n".encode())
    for _ in range(_HUGE_BYTES // 65_536):
        await exchange.say(b"x" * 65_536)


async def garbage(exchange: Exchange) -> None:
    """The back office has it; what is said of that is 200 and nonsense, with a length that does not fit."""
    await exchange.pass_on()
    await exchange.say(b"HTTP/1.1 200 \xff\xfe\x00\r\nContent-Type: \x07\r\nContent-Length: 4\r\n\r\n\x00\xff{]surplus")


async def nonsense(exchange: Exchange) -> None:
    """No HTTP at all."""
    await exchange.say(b"\x00\x01\x02 200 OK\r\n\r\n")


async def taken_in_late(exchange: Exchange) -> None:
    """The back office has it; its answer goes out after the worker's time limit of three seconds."""
    answer = await exchange.pass_on()
    await asyncio.sleep(4)
    await exchange.say(answer)


async def taken_in_and_reset(exchange: Exchange) -> None:
    """The back office has it; nobody hears so."""
    await exchange.pass_on()
    exchange.reset()


async def reset_now(exchange: Exchange) -> None:
    """The whole request was read; nothing was done with it."""
    exchange.reset()


async def reset_at_half(exchange: Exchange) -> None:
    """Half of the request was read."""
    exchange.reset()


async def hang_up(exchange: Exchange) -> None:
    """The whole request was read, and is not answered: the connection ends as it should."""
    exchange.writer.write_eof() if exchange.writer.can_write_eof() else exchange.writer.close()


async def taken_in_and_killed(exchange: Exchange) -> None:
    """The back office has it; then everything here dies, and is there again after a second and a half."""
    await exchange.pass_on()
    exchange.reset()
    exchange.receiver.die_for(1.5)


def slowly(seconds: float) -> Behaviour:
    """Pass on, and answer within the time limit, but not at once."""

    async def behave(exchange: Exchange) -> None:
        answer = await exchange.pass_on()
        await asyncio.sleep(seconds)
        await exchange.say(answer)

    return behave


async def hold(exchange: Exchange) -> None:
    """Neither pass on nor answer, for as long as somebody waits."""
    del exchange
    await asyncio.Event().wait()


def then(hook: Callable[[], Awaitable[None]]) -> Behaviour:
    """Pass on; let something happen to the world; answer what the back office answered."""

    async def behave(exchange: Exchange) -> None:
        answer = await exchange.pass_on()
        await hook()
        await exchange.say(answer)

    return behave


def when_told(behave: Behaviour) -> Behaviour:
    """Behave so, but not before the test says so."""

    async def behaved(exchange: Exchange) -> None:
        await exchange.receiver.told.wait()
        await behave(exchange)

    return behaved
