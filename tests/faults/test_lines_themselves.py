"""The lines of the fault suite do what their names say: on plain sockets, with nothing of the product."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.faults import lines
from tests.faults.lines import HOST, Line, lined

BODY = b"x" * 1000
HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


class Answerer:
    """Answers every word it hears with `answers`, one write after another, and counts the words."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = answers or (b"+OK\r\n",)
        self.heard: list[bytes] = []
        self.served: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.served.add(task)
        with suppress(OSError):
            while word := await reader.read(1024):
                self.heard.append(word)
                for answer in self.answers:
                    writer.write(answer)
                    await writer.drain()
                    await asyncio.sleep(0.01)  # so that they are chunks of their own
        writer.close()


@asynccontextmanager
async def between(answerer: Answerer) -> AsyncGenerator[Line]:
    server = await asyncio.start_server(answerer.serve, HOST, 0)
    async with lined(server.sockets[0].getsockname()[1]) as line:
        yield line
    server.close()
    await asyncio.gather(*answerer.served)


@asynccontextmanager
async def dialled(line: Line) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(HOST, line.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def asked(line: Line, seconds: float = 5.0) -> bytes:
    """Say a word on a new connection; all that comes until it ends, or for so long."""
    async with dialled(line) as (reader, writer):
        writer.write(b"?")
        return await heard(reader, seconds)


async def answered(line: Line) -> bytes:
    """What comes first on a new connection."""
    async with dialled(line) as (reader, writer):
        writer.write(b"?")
        return await reader.read(1024)


async def heard(reader: asyncio.StreamReader, seconds: float) -> bytes:
    found = b""
    try:
        async with asyncio.timeout(seconds):
            while more := await reader.read(1024):
                found += more
    except TimeoutError:
        return found + b" (open)"
    return found + b" (ended)"


async def test_a_line_that_is_well_carries_both_ways() -> None:
    """And counts nothing."""
    answerer = Answerer()
    async with between(answerer) as line:
        assert await answered(line) == b"+OK\r\n"
    assert (answerer.heard, line.hurt) == ([b"?"], 0)


async def test_a_reset_comes_before_what_is_asked_arrives() -> None:
    """And once is once: the next connection is well."""
    answerer = Answerer()
    async with between(answerer) as line:
        line.behave("reset", 1)
        with pytest.raises(ConnectionResetError):
            await asked(line)
        assert answerer.heard == []
        assert await answered(line) == b"+OK\r\n"
    assert line.hurt == 1


async def test_of_a_lost_reply_the_question_arrived() -> None:
    """It was heard, and what was said is never heard."""
    answerer = Answerer()
    async with between(answerer) as line:
        line.behave("lost-reply", 1)
        with pytest.raises(ConnectionResetError):
            await asked(line)
    assert (answerer.heard, line.hurt) == ([b"?"], 1)


async def test_half_open_is_silence_in_both_directions() -> None:
    """On a connection that was idle too: nothing arrives and nothing ends; a new one is well again."""
    answerer = Answerer()
    async with between(answerer) as line, dialled(line) as (reader, writer):
        writer.write(b"?")
        assert await reader.read(1024) == b"+OK\r\n"
        line.behave("half-open", 1)
        writer.write(b"!")
        assert await heard(reader, 0.2) == b" (open)"
        writer.write(b"!")
        assert await heard(reader, 0.2) == b" (open)"
        assert await answered(line) == b"+OK\r\n"
    assert (answerer.heard, line.hurt) == ([b"?", b"?"], 1)


async def test_slow_is_late_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every chunk waits, each way."""
    monkeypatch.setattr(lines, "SLOW_SECONDS", 0.1)
    async with between(Answerer()) as line, dialled(line) as (reader, writer):
        line.behave("slow", 2)
        began = time.monotonic()
        writer.write(b"?")
        assert await reader.read(1024) == b"+OK\r\n"
    assert time.monotonic() - began >= 0.2
    assert line.hurt == 2


@pytest.mark.parametrize("answers", [(HTTP + BODY,), (HTTP, BODY), (HTTP + BODY[:10], BODY[10:])])
async def test_of_an_answer_in_http_half_the_body_arrives(answers: tuple[bytes, ...]) -> None:
    """The head says how long it should have been, however it was cut into chunks."""
    async with between(Answerer(*answers)) as line:
        line.behave("truncated", 1)
        assert await asked(line) == HTTP + BODY[:500] + b" (ended)"
    assert line.hurt == 1


@pytest.mark.parametrize("answer", [b"$5\r\nhallo\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"])
async def test_another_answer_ends_in_its_middle(answer: bytes) -> None:
    """A reply of the store, or a head without a body."""
    async with between(Answerer(answer)) as line:
        line.behave("truncated", 1)
        assert await asked(line) == answer[: len(answer) // 2] + b" (ended)"


async def test_slow_close_gives_the_answer_whole_and_the_end_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said in between arrives nowhere; the end comes when it comes."""
    monkeypatch.setattr(lines, "LATE_CLOSE_SECONDS", 2.0)
    answerer = Answerer(b"one", b"two")
    async with between(answerer) as line, dialled(line) as (reader, writer):
        line.behave("slow-close", 1)
        writer.write(b"?")
        assert await heard(reader, lines.QUIET_SECONDS + 0.5) == b"onetwo (open)"
        writer.write(b"!")
        assert await heard(reader, 5) == b" (ended)"
    assert (answerer.heard, line.hurt) == ([b"?"], 1)


async def test_refused_is_nobody_there_until_it_is_well() -> None:
    """What was open is reset, a new connection is refused; afterwards the same port listens again."""
    async with between(Answerer()) as line, dialled(line) as (reader, writer):
        writer.write(b"?")
        await reader.read(1024)
        port = line.port
        line.behave("refused")
        with pytest.raises(ConnectionResetError):
            await heard(reader, 5)
        with pytest.raises(ConnectionRefusedError):
            await asked(line)
        line.behave("well")
        assert await _again(line) == b"+OK\r\n"
    assert (line.port, line.hurt) == (port, 2)


async def _again(line: Line) -> bytes:
    async with asyncio.timeout(5):
        while True:
            try:
                return await answered(line)
            except ConnectionRefusedError:
                await asyncio.sleep(0)
