"""Maintenance windows: once or weekly, on the Dutch clock, also in the two nights on which that clock is turned."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest

from connectors.maintenance import Window, lasts_until


def at(text: str) -> float:
    """Seconds since the epoch of a moment with its offset."""
    return datetime.fromisoformat(text).timestamp()


def window(**table: Any) -> Window:
    """A window as the settings file has it; `from_` stands for `from`."""
    return msgspec.convert({name.rstrip("_"): value for name, value in table.items()}, Window)


NIGHTLY = window(days=["saturday", "sunday"], start="22:30", end="06:00")


def test_a_window_with_moments_lasts_from_the_one_to_the_other() -> None:
    """The first moment is in it, the last is not; zones are honoured, in text and as TOML gives them."""
    told = {"from_": "2026-07-04T22:00:00+02:00", "until": "2026-07-05T04:00:00Z"}
    parsed = {name: datetime.fromisoformat(value) for name, value in told.items()}
    for once in (window(**told), window(**parsed)):
        end = at("2026-07-05T04:00:00+00:00")
        assert once.ends(at("2026-07-04T19:59:59+00:00")) is None
        assert once.ends(at("2026-07-04T20:00:00+00:00")) == end
        assert once.ends(end - 1) == end
        assert once.ends(end) is None


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-07-04T22:29:59+02:00", None),
        ("2026-07-04T22:30:00+02:00", "2026-07-05T06:00:00+02:00"),
        ("2026-07-05T05:59:59+02:00", "2026-07-05T06:00:00+02:00"),
        ("2026-07-05T06:00:00+02:00", None),
        ("2026-07-05T23:00:00+02:00", "2026-07-06T06:00:00+02:00"),
        ("2026-07-06T05:00:00+02:00", "2026-07-06T06:00:00+02:00"),
        ("2026-07-06T23:00:00+02:00", None),
        ("2026-01-03T22:30:00+01:00", "2026-01-04T06:00:00+01:00"),
    ],
)
def test_a_weekly_window_goes_by_the_dutch_clock(now: str, end: str | None) -> None:
    """22:30 is 22:30 in summer and winter; a window that passes midnight belongs to the day it begins on."""
    assert NIGHTLY.ends(at(now)) == (at(end) if end else None)


@pytest.mark.parametrize(
    ("start", "end", "first", "over"),
    [
        # 29 March 2026: after 01:59:59 comes 03:00, there is no 02:30
        ("01:00", "04:00", "2026-03-29T00:00:00+00:00", "2026-03-29T02:00:00+00:00"),
        ("01:00", "02:30", "2026-03-29T00:00:00+00:00", "2026-03-29T01:30:00+00:00"),
        ("02:15", "02:45", "2026-03-29T01:15:00+00:00", "2026-03-29T01:45:00+00:00"),
        ("02:30", "04:00", "2026-03-29T01:30:00+00:00", "2026-03-29T02:00:00+00:00"),
        # 25 October 2026: 02:00 to 02:59 come twice
        ("01:00", "04:00", "2026-10-24T23:00:00+00:00", "2026-10-25T03:00:00+00:00"),
        ("01:00", "02:30", "2026-10-24T23:00:00+00:00", "2026-10-25T01:30:00+00:00"),
        ("02:15", "02:45", "2026-10-25T00:15:00+00:00", "2026-10-25T01:45:00+00:00"),
    ],
)
def test_a_turned_clock_makes_a_window_longer_never_shorter(start: str, end: str, first: str, over: str) -> None:
    """A start that comes twice is the first, an end the second; one that does not come is as long after midnight."""
    night = window(days=["sunday"], start=start, end=end)
    assert night.ends(at(first) - 1) is None
    assert night.ends(at(first)) == at(over)
    assert night.ends(at(over) - 1) == at(over)
    assert night.ends(at(over)) is None


def test_windows_that_join_are_told_as_one() -> None:
    """Until the last end: nobody is told to come back in the middle. One after a gap is another."""
    evening = window(days=["saturday"], start="22:00", end="00:00")
    night = window(days=["sunday"], start="00:00", end="05:00")
    later = window(days=["sunday"], start="05:01", end="06:00")
    now = at("2026-07-04T23:00:00+02:00")
    assert lasts_until((evening, night, later), now) == at("2026-07-05T05:00:00+02:00")
    assert lasts_until((later, evening), now) == at("2026-07-05T00:00:00+02:00")
    assert lasts_until((later,), now) is None


def test_a_window_without_an_end_is_no_endless_search() -> None:
    """All day, every day: the end told is some day ahead."""
    always = window(days=["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
                    start="00:00", end="00:00")  # fmt: skip
    now = at("2026-07-04T23:00:00+02:00")
    assert lasts_until((always,), now) == at("2026-07-12T00:00:00+02:00")


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"from_": "2026-07-04T22:00:00Z"},
        {"until": "2026-07-04T22:00:00Z"},
        {"from_": "2026-07-04T22:00:00Z", "until": "2026-07-04T22:00:00Z"},
        {"from_": "2026-07-04T22:00:00", "until": "2026-07-05T22:00:00"},
        {"from_": "2026-07-04T22:00:00Z", "until": "2026-07-05T22:00:00Z", "days": ["monday"]},
        {"from_": "2026-07-04T22:00:00Z", "days": ["monday"], "start": "22:00", "end": "23:00"},
        {"days": ["monday"]},
        {"days": [], "start": "22:00", "end": "23:00"},
        {"days": ["monday"], "start": "22:00"},
        {"days": ["monday"], "end": "22:00"},
        {"days": ["maandag"], "start": "22:00", "end": "23:00"},
        {"days": ["monday"], "start": "24:00", "end": "23:00"},
        {"days": ["monday"], "start": "22:00", "end": "9:00"},
        {"days": ["monday"], "start": "22:00", "end": "23:00\n"},
        {"days": ["monday"], "start": "22:00", "end": "23:00", "zone": "UTC"},
    ],
    ids=str,
)
def test_half_a_window_is_refused(table: dict[str, Any]) -> None:
    """A typing error in it must not become a source that seems up, or never is."""
    with pytest.raises(msgspec.ValidationError):
        window(**table)
