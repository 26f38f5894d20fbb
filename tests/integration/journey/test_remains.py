"""After every end a worker looks whether anything is left: a clean end is counted, a leftover is told and destroyed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from broker import purge
from broker.telemetry import metrics, session_ref
from broker.worker import Worker
from sessions.errors import Refused
from sessions.store.sessions import key
from tests.house import House, standing
from tests.integration.journey.steps import eventually
from tests.stores import DroppingProxy, Store

NO_WORKER = {"OPHAALBRUG_WORKER": "false"}


def _checks(outcome: str) -> float:
    """How many looks this process counted."""
    return metrics.get_sample_value("ophaalbrug_purge_checks_total", {"outcome": outcome}) or 0.0


@asynccontextmanager
async def _working(house: House) -> AsyncGenerator[None]:
    """A worker while the block runs; what it has begun is done at the end."""
    worker = Worker(house.parts)
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await running


async def _idle(house: House, store: Store) -> None:
    """Wait until nothing is left to do."""

    async def nothing_waits() -> bool:
        return store.nodes[0].client.zcard("{p0}:outbox") == 0

    await eventually(nothing_waits)


async def test_every_end_is_looked_at_and_nothing_else_is(house: House, single_store: Store) -> None:
    """A session that lives costs no look; one that was stopped is looked at once, and so is one that was delivered.

    Where delivery follows at once, a worker that comes late with the step before sees the end too, and looks as well.
    """
    clean, left = _checks("clean"), _checks("left")
    created, _, phone = await house.collected()
    await _idle(house, single_store)
    assert (_checks("clean"), _checks("left")) == (clean, left)
    stopped, _ = await house.opened()
    await _idle(house, single_store)
    await house.office.cancel(stopped.id)
    await _idle(house, single_store)
    assert (_checks("clean"), _checks("left")) == (clean + 1, left)
    await phone.consent("applicant", await phone.review())
    await house.office.wait_for("delivered", created.id)
    await _idle(house, single_store)
    assert _checks("clean") in (clean + 2, clean + 3)
    assert _checks("left") == left


async def test_a_leftover_is_told_counted_and_destroyed(
    tmp_path: Path, single_store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever an end left is gone when its work is done; one line says what kind it was, and nothing of anybody."""
    async with standing(tmp_path, single_store.url, settings=NO_WORKER) as house:
        created, browser = await house.opened()
        await browser.show_token(typed=True)
        typed = (await house.parts.sessions.read(created.id)).session.pairing.typed
        assert typed is not None
        await house.office.cancel(created.id)
        client, code = single_store.nodes[0].client, f"{{p0}}:code:{typed.digest}"
        client.set(key(created.id, "payload"), b"CANARY")
        client.set(code, created.id)
        before = _checks("left")
        async with _working(house):
            await _idle(house, single_store)
        assert client.exists(key(created.id, "payload"), code) == 0
        assert _checks("left") == before + 1
    lines = [msgspec.json.decode(line) for line in capfd.readouterr().err.splitlines() if "purge.incomplete" in line]
    assert [{name: line[name] for name in line if name != "timestamp"} for line in lines] == [
        {
            "event": "purge.incomplete",
            "level": "error",
            "session_ref": session_ref(created.id),
            "provider": house.office.id,
            "reason": "code payload",
        }
    ]


async def test_a_look_that_was_late_changes_nothing(house: House, single_store: Store) -> None:
    """The session changed between reading and destroying: the work is put off, and done on what is true then."""
    created, _ = await house.opened()
    await house.office.cancel(created.id)
    await _idle(house, single_store)
    name = key(created.id, "payload")
    single_store.nodes[0].client.set(name, b"CANARY")
    opened = await house.parts.sessions.read(created.id)
    with pytest.raises(Refused, match="busy"):
        await purge.check(house.parts, replace(opened, version=opened.version - 1), "")
    assert single_store.nodes[0].client.exists(name) == 1
    await purge.check(house.parts, opened, "")
    assert single_store.nodes[0].client.exists(name) == 0


async def test_a_lost_answer_does_not_leave_it_there(tmp_path: Path, single_store: Store) -> None:
    """The step that destroys is sent again when its answer is lost, and does what it did."""
    async with (
        DroppingProxy(single_store.url) as proxy,
        standing(tmp_path, proxy.url, settings=NO_WORKER) as house,
    ):
        created, _ = await house.opened()
        await house.office.cancel(created.id)
        name = key(created.id, "vault")
        single_store.nodes[0].client.hset(name, "applicant/uwv", b"CANARY")
        opened = await house.parts.sessions.read(created.id)
        proxy.drop_reply_to(b"remains")
        await purge.check(house.parts, opened, "")
        assert proxy.dropped == 1
        assert single_store.nodes[0].client.exists(name) == 0
        assert (await house.parts.sessions.read(created.id)).version == opened.version + 1
