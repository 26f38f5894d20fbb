"""Fetching once for all who want the same thing at the same moment."""

from __future__ import annotations

import asyncio

import pytest

from connectors.fetching import Fetches


class Source:
    """Answers when it is let, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False
        self.free = asyncio.Event()

    async def fetch(self) -> int:
        self.asked += 1
        await self.free.wait()
        if self.fails:
            raise LookupError
        return self.asked


def crowd(source: Source, names: str = "a" * 9) -> tuple[Fetches[int], list[asyncio.Task[int]]]:
    fetches = Fetches[int]()
    return fetches, [asyncio.create_task(fetches.join(name, source.fetch)) for name in names]


async def test_a_crowd_is_one_fetch_and_the_next_is_another() -> None:
    """Whoever comes while it is under way gets its outcome; nothing of it is kept for who comes after."""
    source = Source()
    fetches, tasks = crowd(source)
    source.free.set()
    assert await asyncio.gather(*tasks) == [1] * 9
    assert await fetches.join("a", source.fetch) == 2


async def test_other_names_are_other_fetches() -> None:
    """They do not wait for each other."""
    source = Source()
    _, tasks = crowd(source, "abab")
    source.free.set()
    await asyncio.gather(*tasks)
    assert source.asked == 2


async def test_a_failure_is_for_all_and_not_kept() -> None:
    """One failure ends all that waited for it, and the next asks anew."""
    source = Source()
    source.fails = True
    fetches, tasks = crowd(source)
    source.free.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {LookupError}
    source.fails = False
    assert await fetches.join("a", source.fetch) == 2


async def test_who_goes_away_ends_it_for_nobody_else() -> None:
    """Also when it was the one who began."""
    source = Source()
    _, (first, *others) = crowd(source)
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.free.set()
    assert await asyncio.gather(*others) == [1] * 8
