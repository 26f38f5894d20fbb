"""Moments at which a process under test dies: named for what is done, armed one at a time, nothing when unarmed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sessions import faults

_DIES = """
from sessions import faults
faults.arm("work > two", print)
with faults.during("work"):
    faults.reach("one")
    print("one", flush=True)
    try:
        faults.reach("two")
    finally:
        print("never said", flush=True)
"""


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """No other test may find one armed."""
    yield
    faults.arm("", lambda _: None)


def test_it_dies_there_and_says_nothing() -> None:
    """At its moment the process is gone by SIGKILL: nothing after it runs, not even what always runs."""
    ended = subprocess.run([sys.executable, "-c", _DIES], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout == "one\n"


def test_every_moment_is_told() -> None:
    """A moment is named for its work and what is about to be done, with a number from the second time on."""
    told: list[str] = []
    faults.arm(faults.EVERY, told.append)
    with faults.during("data"):
        faults.reach("post")
        faults.reach("step")
        faults.reach("step")
    with faults.during(lambda: "GET /x"):
        faults.reach("step")
    assert told == ["data > post", "data > step", "data > step 2", "GET /x > step"]


def test_outside_any_work_nothing_is_reached() -> None:
    """What belongs to no piece of work (a command, the start) has no moments."""
    told: list[str] = []
    faults.arm(faults.EVERY, told.append)
    faults.reach("step")
    assert told == []


async def test_works_that_run_at_once_do_not_mix() -> None:
    """Each task counts for itself."""
    told: list[str] = []
    faults.arm(faults.EVERY, told.append)

    async def work(name: str) -> None:
        with faults.during(name):
            faults.reach("step")
            await asyncio.sleep(0)
            faults.reach("step")

    await asyncio.gather(work("a"), work("b"))
    assert sorted(told) == ["a > step", "a > step 2", "b > step", "b > step 2"]


def test_unarmed_it_is_nothing() -> None:
    """Without a moment in the settings nobody is told and nobody dies."""
    told: list[str] = []
    faults.arm("", told.append)
    with faults.during("work"):
        faults.reach("step")
    assert told == []
