"""The citizen takes consent back while the data wait, are on their way, or have left without an answer.

Each time the payload is destroyed, citizen and provider read the same of it, and where the provider may have the data,
both are told so: it is to delete them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from sandbox.answers import ApiError
from tests.faults import receiver as manners
from tests.faults.citizen import Citizen
from tests.faults.conftest import Note
from tests.faults.receiver import Behaviour, Receiver
from tests.faults.scene import ANY_LEASE_SECONDS, Scene, Verdict, scene

# One attempt, and the next only in an hour: what happens in between is for the test to say.
PATIENT = {"OPHAALBRUG_DELIVERY_SCHEDULE_SECONDS": "[3600]"}


async def test_before_the_first_attempt(folder: Path, cell: Note) -> None:
    """No worker came by yet: nothing left, and nobody is told that it may have."""
    receiver = Receiver()
    async with scene(folder, receiver=receiver, settings=PATIENT) as standing:
        citizen = Citizen(standing, {"consent": lambda: standing.stop("worker")})
        await citizen.go(until="consent")
        assert await citizen.withdraw() == "cancelled"
        await standing.revive()
        verdict, told = await _judged(standing, citizen, receiver)
    cell("consent taken back", "before the first attempt", verdict)
    assert (verdict.told, verdict.arrived, receiver.attempts) == ("cancelled", 0, 0)
    assert not told.get("maybeReceived")


@pytest.mark.parametrize(
    ("name", "behave", "maybe"),
    [
        ("answered 500", manners.when_told(manners.status(500)), False),
        ("reset", manners.when_told(manners.reset_now), True),
        ("never answered", manners.hold, True),
    ],
)
async def test_during_an_attempt(folder: Path, cell: Note, name: str, behave: Behaviour, maybe: bool) -> None:
    """It waits until the attempt is over. What was refused did not arrive; what was not answered may have."""
    receiver = Receiver([behave])
    async with scene(folder, receiver=receiver, settings=PATIENT) as standing:
        citizen, asked = await _asked_during(standing, receiver)
        receiver.told.set()
        assert await asked == "cancelled"
        assert await _page_says_maybe(citizen) is maybe
        verdict, told = await _judged(standing, citizen, receiver)
    cell("consent taken back", f"during an attempt that is then {name}", verdict)
    assert (verdict.told, verdict.arrived, receiver.attempts) == ("cancelled", 0, 1)
    assert bool(told.get("maybeReceived")) is maybe


async def test_during_an_attempt_that_is_accepted(folder: Path, cell: Note) -> None:
    """The receiver's answer came first: delivered, and the citizen hears that it was too late."""
    receiver = Receiver([manners.when_told(manners.well)])
    async with scene(folder, receiver=receiver, settings=PATIENT) as standing:
        citizen, asked = await _asked_during(standing, receiver)
        receiver.told.set()
        with pytest.raises(ApiError) as refused:
            await asked
        assert refused.value.code == "session-ended"
        await citizen.ends_as("delivered")
        verdict = await standing.judge(citizen.session_id, "delivered")
    cell("consent taken back", "during an attempt that is then accepted", verdict)
    assert (verdict.told, verdict.arrived, receiver.attempts) == ("delivered", 1, 1)


async def test_after_an_attempt_of_which_nobody_knows(folder: Path, cell: Note) -> None:
    """The provider took it in, and the broker never heard so: both are told that it may be there, and must go."""
    receiver = Receiver([manners.taken_in_and_reset])
    async with scene(folder, receiver=receiver, settings=PATIENT) as standing:
        citizen = Citizen(standing)
        await citizen.go(until="consent")
        await standing.logged("worker", "delivery.attempted")
        assert await citizen.withdraw() == "cancelled"
        assert await _page_says_maybe(citizen)
        verdict, told = await _judged(standing, citizen, receiver)
    cell("consent taken back", "after an attempt that was taken in and reset", verdict)
    assert (verdict.told, verdict.arrived, receiver.attempts) == ("cancelled", 1, 1)
    assert told["maybeReceived"] is True


async def test_the_worker_is_killed_over_the_attempt(folder: Path, cell: Note) -> None:
    """It died with the attempt in hand: the withdrawal waits no longer than its lease, and counts it as unknown."""
    receiver = Receiver([manners.hold])
    async with scene(folder, receiver=receiver, settings=PATIENT) as standing:
        citizen, asked = await _asked_during(standing, receiver)
        await standing.let_be("worker")
        await standing.kill("worker")
        await standing.pass_time(ANY_LEASE_SECONDS)
        assert await asked == "cancelled"
        await standing.revive()
        assert await _page_says_maybe(citizen)
        verdict, told = await _judged(standing, citizen, receiver)
    cell("consent taken back", "during an attempt whose worker is killed", verdict)
    assert (verdict.told, verdict.arrived, receiver.attempts) == ("cancelled", 0, 1)
    assert told["maybeReceived"] is True


async def test_the_worker_is_killed_after_the_withdrawal(folder: Path, cell: Note) -> None:
    """Consent is gone, the worker dies over telling so: the provider hears it from the next one, and no data ever."""
    receiver = Receiver([manners.status(500)])
    async with scene(folder, receiver=receiver, settings=PATIENT) as standing:
        citizen = Citizen(standing)
        await citizen.go(until="consent")
        await standing.logged("worker", "delivery.attempted")
        await standing.restart("worker", fault_point="notice > step")
        assert await citizen.withdraw() == "cancelled"
        verdict, told = await _judged(standing, citizen, receiver)
        assert standing.deaths == ["worker -9"]
    cell("consent taken back", "and the worker killed over the notice", verdict)
    assert (verdict.told, verdict.arrived, receiver.attempts) == ("cancelled", 0, 1)
    assert not told.get("maybeReceived")


async def _asked_during(standing: Scene, receiver: Receiver) -> tuple[Citizen, asyncio.Task[str]]:
    """A citizen who asks it back while an attempt is under way, and has no answer yet."""
    citizen = Citizen(standing)
    await citizen.go(until="consent")
    await asyncio.wait_for(receiver.reached.wait(), 30)
    asked = asyncio.create_task(citizen.withdraw())
    done, _ = await asyncio.wait([asked], timeout=0.5)
    assert not done
    return citizen, asked


async def _judged(standing: Scene, citizen: Citizen, receiver: Receiver) -> tuple[Verdict, Mapping[str, object]]:
    """The verdict, and what the event `.withdrawn` told."""
    await standing.stage.backoffice.wait_for("withdrawn", citizen.session_id)
    verdict = await standing.judge(citizen.session_id, await citizen.reads())
    events = [msgspec.json.decode(body) for body in receiver.notices]
    return verdict, next(event["data"] for event in events if event["type"].endswith(".withdrawn"))


async def _page_says_maybe(citizen: Citizen) -> bool:
    """What the citizen reads at the PC, in the words of the page."""
    return "misschien al ontvangen" in await citizen.page()
