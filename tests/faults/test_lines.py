"""Lines between two parts that behave badly: each manner, on each line, at each step where that line is used.

For a few chunks, or for a few seconds, and then well again: the journey completes, and the data arrive once.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import get_args

import pytest

from tests.faults.citizen import Citizen
from tests.faults.conftest import Note
from tests.faults.lines import Line, Manner
from tests.faults.moments import stayed_calm
from tests.faults.receiver import Receiver, then
from tests.faults.scene import scene

MANNERS: tuple[Manner, ...] = tuple(manner for manner in get_args(Manner) if manner != "well")
TIMES: dict[Manner, int] = {"slow": 4, "reset": 3, "lost-reply": 3, "half-open": 2, "truncated": 3, "slow-close": 2}
REFUSED_SECONDS = 2.0
WHERE = (
    ("sources", "collect"),
    ("receiver", "consent"),
    ("people", "scan"),
    ("people", "collect"),
    ("people", "consent"),
    ("store", "collect"),
    ("store", "consent"),
)
# The first thing that a receiver's line is used for after consent is delivery.
STRUCK_AT = {("receiver", "consent"): "delivery"}


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize(("name", "step"), WHERE, ids=lambda part: part)
async def test_a_line_behaves_badly(folder: Path, cell: Note, name: str, step: str, manner: Manner) -> None:
    """From just before this step on, for a while: whoever asks asks again, and it is delivered once."""
    async with scene(folder, between=(name,)) as standing:
        line = standing.lines[name]

        async def strike() -> None:
            misbehave(line, manner)

        await standing.logged("worker", "worker.started")
        citizen = Citizen(standing, {step: strike})
        read = await citizen.go()
        verdict = await standing.judge(citizen.session_id, read)
        assert line.hurt > 0
        stayed_calm(standing)
    cell(f"line to {name}: {manner}", STRUCK_AT.get((name, step), step), verdict)
    assert verdict.told == "delivered"


@pytest.mark.parametrize("manner", MANNERS)
async def test_the_line_to_the_store_behaves_badly_during_delivery(folder: Path, cell: Note, manner: Manner) -> None:
    """When the provider has the data and the worker is about to note so: it is noted later, whatever is sent again."""

    async def strike() -> None:
        misbehave(lines[0], manner)

    lines: list[Line] = []
    receiver = Receiver([then(strike)])
    async with scene(folder, between=("store",), receiver=receiver) as standing:
        lines.append(standing.lines["store"])
        citizen = Citizen(standing)
        read = await citizen.go()
        verdict = await standing.judge(citizen.session_id, read)
        assert lines[0].hurt > 0
        stayed_calm(standing)
    cell(f"line to store: {manner}", "delivery", verdict)
    assert verdict.told == "delivered"


def misbehave(line: Line, manner: Manner) -> None:
    """For a while; `hurt` counts from now."""
    line.hurt = 0
    line.behave(manner, TIMES.get(manner, 1))
    if manner == "refused":
        asyncio.get_running_loop().call_later(REFUSED_SECONDS, line.behave, "well")
