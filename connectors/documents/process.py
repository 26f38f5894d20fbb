"""Runs the process that reads one file, and sees to it that it ends: when it is done, too slow, or no longer wanted."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress

import msgspec

from connectors.contract import DocumentRefused
from connectors.documents.budget import OVER_BUDGET
from connectors.documents.exchange import MAX_ANSWER_BYTES, Refused, Task, Told

# Isolated: no environment variables, no working directory and no user's folder to take code from.
_COMMAND = ("-I", "-B", "-m", "connectors.documents.worker")
_EXCEPTION = 1  # how Python ends on one, and all that a file can cause are caught


async def ask(task: Task) -> Told:
    """What the file of `task` says. Raises DocumentRefused. However this ends, the process is gone by then."""
    process = await _started()
    try:
        async with asyncio.timeout(task.wall_seconds):
            answer = await _exchanged(process, msgspec.msgpack.encode(task))
            ended = await process.wait()
    except TimeoutError:
        raise DocumentRefused("too-slow") from None
    finally:
        await _end(process)
    return _told(answer, ended)


async def _started() -> Process:
    """A new process that waits for its task. Given up halfway it is brought into being first, so that it can be ended.

    uvloop forgets a process whose start is cancelled.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            sys.executable, *_COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd="/", env={}, start_new_session=True
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.shield(asyncio.ensure_future(_given_up(starting)))
        raise


async def _given_up(starting: asyncio.Future[Process]) -> None:
    with suppress(OSError):  # it could not be started: nothing to end
        await _end(await starting)


async def _exchanged(process: Process, question: bytes) -> bytes:
    """Write all, then read all: the process reads to the end before it writes."""
    assert process.stdin is not None  # noqa: S101  both are pipes
    assert process.stdout is not None  # noqa: S101
    with suppress(ConnectionError):  # it died; how it ended tells why
        process.stdin.write(question)
        await process.stdin.drain()
    process.stdin.close()
    answer = bytearray()
    while chunk := await process.stdout.read(65_536):
        answer += chunk
        if len(answer) > MAX_ANSWER_BYTES:
            raise DocumentRefused("too-slow")
    return bytes(answer)


async def _end(process: Process) -> None:
    """Kill what is left of it, and wait until it is gone, also when the one who waits is cancelled a second time."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(asyncio.ensure_future(process.wait()))


def _told(answer: bytes, ended: int) -> Told:
    """What it said before it ended. Raises RuntimeError when it could not do its work: that is not the file's fault."""
    if ended == _EXCEPTION:
        raise RuntimeError("the process that reads files cannot do its work: is all of the broker installed?")
    if ended < 0 and -ended in OVER_BUDGET:
        raise DocumentRefused("too-slow")
    try:
        said = msgspec.msgpack.decode(answer, type=Told | Refused)
    except msgspec.DecodeError:
        raise DocumentRefused("damaged") from None
    if isinstance(said, Refused):
        raise DocumentRefused(said.reason)
    return said
