"""Clocks that jump: hours ahead, an hour back, past the deadline of a delivery; and one that is wrong by itself.

Broker, phone and provider share the clock that jumps; the store has its own.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sandbox.answers import ApiError
from sandbox.browser import COOKIE
from sessions.lifecycle import HOUR
from sessions.store.scripts import CHANNEL
from tests.faults.citizen import Citizen
from tests.faults.conftest import Note
from tests.faults.moments import MOMENTS, Fault, stayed_calm, struck
from tests.faults.preloading import preloaded
from tests.faults.scene import Scene, scene
from tests.stores import wait_until

RIGHT_AGAIN_SECONDS = 3.0
OVER = ("pairing-ended", "wrong-state", "token-invalid", "unauthorized", "wrong-secret", "phone-revoked")
WORDS = {
    "nl": ("De ontvangst is niet bevestigd", "niet op tijd bevestigd"),
    "en": ("Delivery was not confirmed", "did not confirm"),
}


class Patient(Citizen):
    """Somebody who begins again at the QR when told that the attempt is over."""

    async def go(self, *, since: str = "create", until: str = "delivery") -> str:
        try:
            read = await super().go(since=since, until=until)
        except ApiError as refusal:
            if refusal.code not in OVER:
                raise
            read = await self.reads()
            while read == "collecting":  # the phone knows it before the sweep does
                await self.scene.pass_time(1)
                read = await self.reads()
        if read not in ("opened", "pairing", "unknown"):
            return read
        self.before = {}
        self.take_another_phone()
        return await super().go(since="scan", until=until)


def jump(hours: float, *, back_after_seconds: float = 0.0) -> Fault:
    """The clock jumps; after some seconds, when given, it is right again."""

    async def strike(standing: Scene) -> None:
        await standing.pass_time(hours * HOUR)

    async def mend(standing: Scene) -> None:
        await standing.pass_time(-hours * HOUR)

    name = f"clock {abs(hours):.0f} h {'ahead' if hours > 0 else 'back'}"
    if back_after_seconds:
        return Fault(name=f"{name}, right again later", strike=strike, mend=mend, seconds=back_after_seconds)
    return Fault(name=name, strike=strike)


JUMPS = (jump(2), jump(30), jump(-1, back_after_seconds=RIGHT_AGAIN_SECONDS))


@pytest.mark.parametrize("fault", JUMPS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_clock_jumps(folder: Path, cell: Note, fault: Fault, moment: str) -> None:
    """An attempt that is over by then is begun again at the QR, within the same session, and completes."""
    async with scene(folder) as standing:
        citizen, read = await struck(standing, moment, fault, Patient(standing))
        verdict = await standing.judge(citizen.session_id, read)
        cell(fault.name, moment, verdict)
        assert verdict.told == "delivered"
        stayed_calm(standing)


async def test_ahead_past_the_end_of_a_session(folder: Path, cell: Note) -> None:
    """Nobody started within 72 hours: expired, told to both, purged, though nobody asks for it."""
    async with scene(folder) as standing:
        citizen = Citizen(standing)
        await citizen.go(until="start")
        await standing.pass_time(80 * HOUR)
        await standing.stage.backoffice.wait_for("expired", citizen.session_id)
        verdict = await standing.judge(citizen.session_id, await citizen.reads())
        cell("clock 80 h ahead", "scan", verdict)
        assert verdict.told == "expired"
        stayed_calm(standing)


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_ahead_past_the_deadline_of_a_delivery(folder: Path, cell: Note, language: str) -> None:
    """The receiver is down until the deadline: purged, the provider told, and "not confirmed" to be read everywhere."""
    async with scene(folder) as standing:
        office = standing.stage.backoffice
        office.answer_kind, office.answer_with = "data", [503] * 1000
        citizen = Citizen(standing)
        await citizen.go(until="type-code")
        await citizen.phone.request("PUT", "/language", {"language": language})
        await citizen.go(since="collect", until="consent")
        await standing.pass_time(80 * HOUR)
        read = await citizen.go(since="delivery")
        assert (await office.wait_for("undelivered", citizen.session_id)).purge_receipt is not None
        for shown in (await _pc_page(citizen), await citizen.phone.screen("end")):
            assert all(words in " ".join(shown.split()) for words in WORDS[language]), shown
        verdict = await standing.judge(citizen.session_id, read)
        cell(f"clock 80 h ahead, receiver down, read in {language}", "delivery", verdict)
        assert verdict.told == "undelivered"
        stayed_calm(standing)


async def _pc_page(citizen: Citizen) -> str:
    """The page of this session in the citizen's browser, as HTML."""
    browser = citizen.browser
    headers = {"Accept": "text/html", "Cookie": f"{COOKIE}={browser.cookie}"}
    async with citizen.scene.stage.http.get(f"{browser.origin}/j/progress", headers=headers) as answer:
        assert answer.status == 200
        return await answer.text()


async def test_a_worker_whose_own_clock_is_wrong(folder: Path, cell: Note) -> None:
    """Six seconds from the store's, and nothing moves them together: it does nothing until it is right again."""
    async with scene(folder) as standing:
        citizen, environment = Citizen(standing), standing.stage.environment
        wrong = {**environment, "LD_PRELOAD": preloaded(folder, "shifted_clock"), "SHIFTED_CLOCK_SECONDS": "6"}
        wrong.pop("OPHAALBRUG_CLOCK_OFFSET_FILE")
        standing.stage.environment = wrong
        await standing.restart("worker")
        standing.stage.environment = environment
        await _notices(standing, 1)
        await citizen.go(until="consent")
        await standing.store.client.publish(CHANNEL, "work 0")
        await _notices(standing, 2)
        assert not standing.stage.backoffice.received
        await standing.restart("worker")
        verdict = await standing.judge(citizen.session_id, await citizen.go(since="delivery"))
        cell("the worker's clock is 6 s ahead of the store's", "all until delivery", verdict)
        assert verdict.told == "delivered"
        stayed_calm(standing)


async def _notices(standing: Scene, times: int) -> None:
    """Wait until the worker has said so often that its clock is not the store's."""
    await asyncio.to_thread(wait_until, lambda: standing.log_of("worker").count("worker.clock_differs") >= times, 60)
