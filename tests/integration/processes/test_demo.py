"""The demo as everybody runs it: a whole journey, and one line of JSON that others may read."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec
import pytest

from sandbox.personas import HOUSEHOLDS
from sandbox.stage import SOURCES

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 240.0


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much was delivered."""

    persons: int
    incomes: int
    pensions: int
    possessions: int
    debts: int


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How it was delivered."""

    verified: bool
    attempts: int


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The demo's last line: these fields and no others."""

    status: str
    persons: dict[str, dict[str, str]]
    payload: Payload
    webhook: Webhook
    purged: bool
    residue: int
    broker_memory: int
    seconds: float


async def demo(*arguments: str) -> tuple[int | None, str, str]:
    """Play it once: its exit code, standard output and standard error."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("OPHAALBRUG_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "broker", "demo", *arguments),
        cwd=ROOT,
        env=settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS):
        out, error = await process.communicate()
    return process.returncode, out.decode(), error.decode()


EXPECTED = {
    "married-couple": Payload(persons=5, incomes=4, pensions=6, possessions=3, debts=1),
    "single": Payload(persons=1, incomes=4, pensions=2, possessions=1, debts=1),
}


@pytest.mark.parametrize(("household", "arguments"), [("married-couple", []), ("single", ["--household", "single"])])
async def test_the_demo_ends_with_what_it_promised(household: str, arguments: list[str]) -> None:
    """Exit code 0 and one line: everything collected, delivered, purged, and nothing left where nothing may be."""
    code, out, told = await demo("--once", *arguments)
    assert code == 0, told
    assert len(out.splitlines()) == 1
    line = msgspec.json.decode(out, type=Line)
    roles = ["applicant"] if HOUSEHOLDS[household].partner is None else ["applicant", "partner"]
    assert line.persons == {role: dict.fromkeys(SOURCES, "collected") for role in roles}
    assert (line.status, line.purged, line.residue) == ("delivered", True, 0)
    assert line.webhook == Webhook(verified=True, attempts=1)
    assert line.payload == EXPECTED[household]
    assert 0 < line.seconds < SECONDS
    assert line.broker_memory >= 0
    # Each moment is searched, and told on the other stream.
    moments = ("before consent", "after consent", "after purge")
    assert all(f"searched 6 places {moment}: nothing readable" in " ".join(told.split()) for moment in moments)


async def test_a_household_that_is_not_there_is_refused() -> None:
    """With the names of those that are, and no line of JSON."""
    code, out, told = await demo("--once", "--household", "nobody")
    assert (code, out) == (2, "")
    assert all(name in told for name in HOUSEHOLDS)
