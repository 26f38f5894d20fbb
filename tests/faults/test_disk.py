"""A store that cannot keep any more: its disk is full, under either way of syncing, or its memory is."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest
from redis import exceptions as redis_errors

from sandbox.answers import ApiError
from tests.faults.conftest import Note
from tests.faults.moments import ANSWERING, Fault, stayed_calm, struck
from tests.faults.scene import Scene, scene

MOMENTS = ("start", "collect", "consent", "delivery", ANSWERING)
AWAY_SECONDS = 2.0
POLL_SECONDS, REFUSES_WITHIN_SECONDS = 0.05, 20.0
_PROBE = "ophaalbrug:probe"


async def _fill_disk(standing: Scene) -> None:
    standing.store.fill_disk()
    await _refuses_to_write(standing)


async def _make_room(standing: Scene) -> None:
    standing.store.make_room()


async def _fill_memory(standing: Scene) -> None:
    await standing.store.client.config_set("maxmemory", "1mb")
    await _refuses_to_write(standing)


async def _more_memory(standing: Scene) -> None:
    await standing.store.client.config_set("maxmemory", "0")


async def _refuses_to_write(standing: Scene) -> None:
    """From when on it does: who would write hears `store-unavailable`, in words, and who only reads, reads."""
    give_up_at = time.monotonic() + REFUSES_WITHIN_SECONDS
    while not await _refused(standing):
        assert time.monotonic() < give_up_at
        await asyncio.sleep(POLL_SECONDS)
    office = standing.stage.backoffice
    with pytest.raises(ApiError) as refusal:
        await office.create_session("inkomen", household="single", reference="vol")
    assert (refusal.value.status, refusal.value.code) == (503, "store-unavailable")
    assert refusal.value.detail
    assert (await office.list()).sessions is not None


async def _refused(standing: Scene) -> bool:
    """Whether the store refuses to write; under `everysec` it knows only once its disk has refused it something."""
    try:
        await standing.store.client.set(_PROBE, "x")
    except (redis_errors.ResponseError, redis_errors.OutOfMemoryError):
        return True
    return False


async def _break_disk(standing: Scene) -> None:
    standing.store.fill_disk()


async def _start(standing: Scene) -> None:
    """Under `always` the server ends at the first write; there is room by the time somebody starts it again."""
    pid = standing.store.pid
    with suppress(redis_errors.RedisError):
        await standing.store.client.set(_PROBE, "x")
    await standing.store.gone(pid)
    await standing.store.start()


EVERY_SECOND = Fault(name="disk full, everysec", strike=_fill_disk, mend=_make_room, seconds=AWAY_SECONDS)
ALWAYS = Fault(name="disk full, always", strike=_break_disk, mend=_start, seconds=AWAY_SECONDS)
MEMORY = Fault(name="memory full", strike=_fill_memory, mend=_more_memory, seconds=AWAY_SECONDS)


@pytest.mark.parametrize(
    ("fault", "fsync"),
    [(EVERY_SECOND, "everysec"), (ALWAYS, "always"), (MEMORY, "always")],
    ids=lambda of: of.name if isinstance(of, Fault) else "",
)
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_full_store(folder: Path, cell: Note, fault: Fault, fsync: str, moment: str) -> None:
    """Nothing that was acknowledged is lost; with room again the journey completes, and nobody has to do a thing."""
    async with scene(folder, store={"appendfsync": fsync}) as standing:
        first = standing.store.pid
        citizen, read = await struck(standing, moment, fault)
        assert (standing.store.pid == first) is (fault is not ALWAYS)
        verdict = await standing.judge(citizen.session_id, read)
        cell(fault.name, moment, verdict)
        assert verdict.told == "delivered"
        stayed_calm(standing)
