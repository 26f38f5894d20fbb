"""Faults that pass, and when they strike: before a step of a journey, while the receiver answers, or after all of it.

Also what must hold of every such journey, whatever became of it: no process died, none failed, nobody read a 500.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ophaalbrug_provider import Arrival
from sandbox.backoffice import BackOffice
from tests.faults.citizen import STEPS, Citizen
from tests.faults.scene import Scene

ANSWERING, AFTER = "while the receiver answers", "after the acknowledgement"
MOMENTS = (*STEPS, ANSWERING, AFTER)

Deed = Callable[[Scene], Awaitable[None]]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong, what mends it, and after how many seconds that begins, while the journey goes on."""

    name: str
    strike: Deed
    mend: Deed | None = None
    seconds: float = 0.0


async def struck(standing: Scene, moment: str, fault: Fault, citizen: Citizen | None = None) -> tuple[Citizen, str]:
    """A journey on which the fault strikes, once, at this moment; gives who went, and what their PC says at the end.

    All is mended when this returns.
    """
    citizen = citizen or Citizen(standing)
    await standing.logged("worker", "worker.started")
    strikes: list[asyncio.Task[None]] = []

    async def hurt() -> None:
        hit = asyncio.Event()
        strikes.append(asyncio.create_task(_passes(standing, fault, hit)))
        await hit.wait()

    if moment == ANSWERING:
        hold(standing.stage.backoffice, hurt)
    elif moment in STEPS:
        citizen.before = {moment: hurt}
    read = await citizen.go()
    if moment == AFTER:
        await hurt()
    (passed,) = strikes  # it struck once
    await passed
    return citizen, await citizen.reads() if moment == AFTER else read


async def _passes(standing: Scene, fault: Fault, hit: asyncio.Event) -> None:
    try:
        await fault.strike(standing)
    finally:
        hit.set()
    if fault.mend is not None:
        await asyncio.sleep(fault.seconds)
        await fault.mend(standing)


def hold(office: BackOffice, hurt: Callable[[], Awaitable[None]]) -> None:
    """Have the receiver, once it has the first payload, answer only after `hurt` has struck."""
    keep = office.keep

    async def held(arrival: Arrival) -> None:
        await keep(arrival)
        if arrival.event.kind == "data":
            office.keep = keep  # pyright: ignore[reportAttributeAccessIssue] - as it was
            await hurt()

    office.keep = held  # pyright: ignore[reportAttributeAccessIssue] - until the payload came


def stayed_calm(standing: Scene) -> None:
    """No process of the broker died, none failed at anything, and nobody got an answer of 500."""
    assert standing.deaths == [], standing.deaths
    for name in ("serve", "worker"):
        log = standing.log_of(name)
        assert "Traceback" not in log, log
        wrong = [line for line in told(log) if line["event"] not in _DONE_TO_IT and _is_wrong(line)]
        assert wrong == [], wrong


# What others did: the store did not answer, a receiver answered 500.
_DONE_TO_IT = ("store.unavailable", "delivery.attempted")


def _is_wrong(line: dict[str, Any]) -> bool:
    return line.get("status") == 500 or line["level"] == "error"


def told(log: str) -> list[dict[str, Any]]:
    """The lines of a log; planted words are no JSON."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]
