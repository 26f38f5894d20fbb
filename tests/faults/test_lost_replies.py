"""The store does what it is asked, and its reply is lost: once before each step, and once for every single change."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sessions.store import embedded
from tests.faults.citizen import STEPS, Citizen
from tests.faults.conftest import Note
from tests.faults.moments import MOMENTS, Fault, stayed_calm, struck
from tests.faults.scene import Scene, scene
from tests.stores import DroppingProxy

_HEAD_BYTES = 1000  # of a call: enough to tell it from any other, less than what may come in pieces


class Forgetful(DroppingProxy):
    """Loses the reply to every script call that it has not seen before: its repetition gets through.

    Of a claim only once for each queue: work whose claim was never heard of waits for its lease, so that losing every
    one of them would put all work off for ever.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self.seen: set[bytes] = set()

    async def _requests(
        self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        while chunk := await reader.read(65_536):
            if (call := _call(chunk)) and call not in self.seen:
                self.seen.add(call)
                doomed.set()
            upstream.write(chunk)
            await upstream.drain()


def _call(chunk: bytes) -> bytes:
    """What tells a script call (`EVALSHA digest keys key…`) from another; empty for anything else."""
    words = chunk.split(b"\r\n", 9)
    if words[2:3] != [b"EVALSHA"]:
        return b""
    return words[8] if words[8].endswith((b":outbox", b":deadlines")) else chunk[:_HEAD_BYTES]


async def _lose(standing: Scene) -> None:
    standing.lines["store"].behave("lost-reply", times=1)


LOST = Fault(name="a reply of the store is lost", strike=_lose)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_lost_reply(folder: Path, cell: Note, moment: str) -> None:
    """Whoever asked does not know whether it was done, and it makes no difference."""
    async with scene(folder, between=("store",)) as standing:
        citizen, read = await struck(standing, moment, LOST)
        verdict = await standing.judge(citizen.session_id, read)
        assert standing.lines["store"].hurt == 1
        cell(LOST.name, moment, verdict)
        assert verdict.told == "delivered"
        stayed_calm(standing)


async def test_the_first_reply_to_every_change_is_lost(folder: Path, cell: Note) -> None:
    """Every change of a whole journey, of service and worker, is asked twice and done once."""
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(Forgetful(f"unix://{embedded.socket_path(folder / 'store')}"))
        standing = await stack.enter_async_context(scene(folder, settings={"OPHAALBRUG_REDIS_URL": line.url}))
        citizen = Citizen(standing)
        read = await citizen.go()
        verdict = await standing.judge(citizen.session_id, read)
        cell("the first reply to every change of the store is lost", "every step", verdict)
        assert verdict.told == "delivered"
        assert line.dropped >= len(STEPS)
        stayed_calm(standing)
