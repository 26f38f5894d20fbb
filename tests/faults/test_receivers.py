"""A receiver that misbehaves, before the real back office: what its provider then gets, and is told.

Most come to their senses: delivered once. Where nobody who can be trusted ever answers, provider and citizen are told
that it was not confirmed, and nothing left.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sessions.lifecycle import DAY, DELIVERY_SECONDS
from tests.faults import receiver as manners
from tests.faults.certificates import Certificates
from tests.faults.citizen import Citizen
from tests.faults.conftest import Note
from tests.faults.moments import stayed_calm
from tests.faults.receiver import Behaviour, Exchange, Receiver
from tests.faults.scene import ANY_LEASE_SECONDS, Scene, Verdict, scene

ABSURD = str(10**9)
GROWTH_BYTES = 4 * 2**20

# How it behaves first, and how often data are then sent.
SENSIBLE_LATER: dict[str, tuple[list[Behaviour], int]] = {
    "500 three times": ([manners.status(500)] * 3, 4),
    "429 with Retry-After": ([manners.status(429, Retry_After="1")], 2),
    "429 without": ([manners.status(429)], 2),
    "503 with an absurd Retry-After": ([manners.status(503, Retry_After=ABSURD)], 2),
    "503 with no sense in Retry-After": ([manners.status(503, Retry_After="gisteren")], 2),
    "slow headers": ([manners.slow_head], 2),
    "slow body": ([manners.slow_body], 2),
    "no HTTP at all": ([manners.nonsense], 2),
    "200 with garbage": ([manners.garbage], 2),
    "204 after the time limit": ([manners.taken_in_late], 2),
    "reset after the whole request": ([manners.taken_in_and_reset], 2),
    "reset after half the request": ([manners.reset_at_half], 2),
    "closed without an answer": ([manners.hang_up], 2),
    "killed when it had accepted": ([manners.taken_in_and_killed], 2),
}


@pytest.mark.parametrize("name", SENSIBLE_LATER)
async def test_a_receiver_that_comes_to_its_senses(folder: Path, cell: Note, name: str) -> None:
    """It is sent again, under one id and with the same bytes, until it says that it has it: taken in once."""
    first, attempts = SENSIBLE_LATER[name]
    receiver = Receiver(first)
    async with scene(folder, receiver=receiver) as standing:
        verdict = await _delivered(standing, receiver)
        stayed_calm(standing)
    cell(f"receiver: {name}", "delivery", verdict)
    assert verdict.told == "delivered"
    assert verdict.attempts >= attempts


@pytest.mark.parametrize("code", [301, 302, 307, 308])
async def test_a_redirect_is_never_followed(folder: Path, cell: Note, code: int) -> None:
    """Who may be asked is what the provider registered: the place it points at never hears of us."""
    receiver = Receiver([manners.redirect(code)])
    async with scene(folder, receiver=receiver) as standing:
        verdict = await _delivered(standing, receiver)
    cell(f"receiver: {code} to elsewhere", "delivery", verdict)
    assert verdict.told == "delivered"
    assert verdict.attempts == 2
    assert receiver.followed == 0


async def test_a_body_of_ten_megabytes_is_not_read(folder: Path, cell: Note) -> None:
    """At most 64 kB of an answer is: the worker's memory stays what it was."""
    before: list[int] = []
    scenes: list[Scene] = []

    async def measured(exchange: Exchange) -> None:
        before.append(scenes[0].memory_peak("worker"))
        await manners.huge(exchange)

    receiver = Receiver([manners.status(500), measured, manners.huge, manners.huge])
    async with scene(folder, receiver=receiver) as standing:
        scenes.append(standing)
        verdict = await _delivered(standing, receiver)
        grown = standing.memory_peak("worker") - before[0]
    cell("receiver: a body of 10 MB", "delivery", verdict)
    assert verdict.told == "delivered"
    assert verdict.attempts == 5
    assert grown < GROWTH_BYTES


async def test_gone_and_pulled(folder: Path, cell: Note) -> None:
    """410 ends the attempts and switches the webhook off; the data wait, and who pulls and acknowledges has them."""
    receiver = Receiver(then=manners.status(410))
    async with scene(folder, receiver=receiver) as standing:
        citizen = Citizen(standing)
        assert await citizen.go(until="consent") == "consented"
        await standing.logged("worker", "webhook.disabled")
        await standing.pass_time(DELIVERY_SECONDS - DAY)
        await standing.pull(citizen.session_id)
        await citizen.ends_as("delivered")
        verdict = await _after_a_day(standing, citizen, "delivered")
    cell("receiver: 410, then pulled", "delivery", verdict)
    assert verdict.told == "delivered"
    assert receiver.attempts == 1


async def test_gone_and_never_pulled(folder: Path, cell: Note) -> None:
    """410, and nobody comes for the data: at the deadline they are destroyed, and both sides read so."""
    receiver = Receiver(then=manners.status(410))
    async with scene(folder, receiver=receiver) as standing:
        citizen = Citizen(standing)
        await citizen.go(until="consent")
        await standing.logged("worker", "webhook.disabled")
        verdict = await _given_up(standing, citizen)
    cell("receiver: 410, never pulled", "delivery", verdict)
    assert verdict.told == "undelivered"
    assert receiver.attempts == 1


async def test_certificate_that_can_be_trusted(folder: Path, cell: Note) -> None:
    """The measure of the tests below: with the same authority, a good certificate is accepted."""
    made = Certificates(folder)
    receiver = Receiver(tls=made.good())
    async with scene(folder, receiver=receiver, settings=made.trusted) as standing:
        verdict = await _delivered(standing, receiver)
    cell("receiver: good TLS", "delivery", verdict)
    assert verdict.told == "delivered"


@pytest.mark.parametrize("name", ["self-signed", "expired", "another name's", "none: plain HTTP on the port of TLS"])
async def test_bad_tls(folder: Path, cell: Note, name: str) -> None:
    """Not one byte of the data goes to whom we cannot be sure of; at the deadline both sides read so."""
    made = Certificates(folder)
    receiver = Receiver(tls=made.bad(name), secure=True)
    async with scene(folder, receiver=receiver, settings=made.trusted) as standing:
        citizen = Citizen(standing)
        await citizen.go(until="consent")
        await standing.logged("worker", "delivery.no_answer", 2)
        verdict = await _given_up(standing, citizen)
        stayed_calm(standing)
    cell(f"receiver: certificate {name}", "delivery", verdict)
    assert verdict.told == "undelivered"
    assert (receiver.attempts, receiver.notices) == (0, [])


async def test_the_store_is_frozen_while_the_receiver_answers(folder: Path, cell: Note) -> None:
    """The provider has it and says so; noting that takes longer than the worker waits for the store."""

    async def freeze() -> None:
        stores[0].freeze()
        asyncio.get_running_loop().call_later(7, stores[0].thaw)

    receiver, stores = Receiver([manners.then(freeze)]), []
    async with scene(folder, receiver=receiver) as standing:
        stores.append(standing.store)
        verdict = await _delivered(standing, receiver)
    cell("store frozen while the receiver answers", "delivery", verdict)
    assert verdict.told == "delivered"


async def test_the_store_is_killed_while_the_receiver_answers(folder: Path, cell: Note) -> None:
    """The provider has it and says so; that was not noted. It is sent again, and taken in once."""

    async def kill() -> None:
        await stores[0].kill()
        starting.append(asyncio.create_task(stores[0].start()))

    receiver, stores, starting = Receiver([manners.then(kill)]), [], []
    async with scene(folder, receiver=receiver) as standing:
        stores.append(standing.store)
        verdict = await _delivered(standing, receiver)
        await starting[0]
    cell("store killed while the receiver answers", "delivery", verdict)
    assert verdict.told == "delivered"
    assert verdict.attempts == 2


async def test_two_workers_never_send_at_the_same_time(folder: Path, cell: Note) -> None:
    """A slow receiver and two workers: one attempt at a time, and here one in all."""
    receiver = Receiver([manners.slowly(2.5)])
    async with scene(folder, receiver=receiver) as standing:
        await standing.add_worker()
        verdict = await _delivered(standing, receiver)
    cell("two workers, a slow receiver", "delivery", verdict)
    assert verdict.told == "delivered"
    assert (receiver.attempts, receiver.overlaps) == (1, 0)


async def test_one_of_two_workers_is_killed_over_an_attempt(folder: Path, cell: Note) -> None:
    """The other one takes over when the lease is over, and not before."""
    receiver = Receiver([manners.hold])
    async with scene(folder, receiver=receiver, settings={"OPHAALBRUG_WEBHOOK_TIMEOUT_SECONDS": "30"}) as standing:
        citizen = Citizen(standing)
        await citizen.go(until="consent")
        await asyncio.wait_for(receiver.reached.wait(), 30)
        await standing.add_worker()
        await standing.logged("worker-2", "worker.started")
        await standing.let_be("worker")
        await standing.kill("worker")
        verdict = await _delivered(standing, receiver, citizen, until=None)
    cell("two workers, one killed over an attempt", "delivery", verdict)
    assert verdict.told == "delivered"
    assert (receiver.attempts, receiver.overlaps) == (2, 0)


async def _delivered(
    standing: Scene, receiver: Receiver, citizen: Citizen | None = None, until: str | None = "consent"
) -> Verdict:
    """Go through it, and wait for the end; time passes only while nobody is being sent to."""
    citizen = citizen or Citizen(standing)
    if until is not None:
        await citizen.go(until=until)
    office = standing.stage.backoffice
    for _ in range(30):
        try:
            await office.wait_for("delivered", citizen.session_id, seconds=2)
            break
        except TimeoutError:
            if receiver.in_hand == 0:
                await standing.pass_time(ANY_LEASE_SECONDS / 4)
    else:
        raise AssertionError("neither delivered nor told that it was not")
    await citizen.ends_as("delivered")
    await standing.revive()
    return await standing.judge(citizen.session_id, "delivered")


async def _given_up(standing: Scene, citizen: Citizen) -> Verdict:
    """The deadline passes; the notice of that finds nobody either, and is let go a day later."""
    await standing.pass_time(DELIVERY_SECONDS)
    await citizen.ends_as("undelivered")
    return await _after_a_day(standing, citizen, "undelivered")


async def _after_a_day(standing: Scene, citizen: Citizen, read: str) -> Verdict:
    await standing.pass_time(DAY)
    return await standing.judge(citizen.session_id, read)
