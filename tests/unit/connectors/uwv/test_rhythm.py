"""Month or four weeks: read from the dates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.uwv.rhythm import period_of, span, usual_period


@pytest.mark.parametrize(
    ("start", "end", "usual", "period"),
    [
        ("2021-03-01", "2021-03-31", None, "month"),
        ("2024-02-01", "2024-02-29", "four-weeks", "month"),
        ("2021-02-01", "2021-02-28", None, "month"),
        ("2021-02-01", "2021-02-28", "month", "month"),
        ("2021-02-01", "2021-02-28", "four-weeks", "four-weeks"),
        ("2021-01-04", "2021-01-31", None, "four-weeks"),
        ("2021-01-04", "2021-01-31", "month", "month"),
        ("2021-03-29", "2021-04-25", "month", "four-weeks"),
        ("2021-03-15", "2021-03-31", None, "month"),
        ("2021-03-01", "2021-03-20", None, "month"),
        ("2021-03-15", "2021-03-28", "four-weeks", "four-weeks"),
        ("2021-03-10", "2021-03-20", "month", "month"),
        ("2021-03-10", "2021-03-20", None, "once"),
        ("2021-01-01", "2021-12-31", "month", "year"),
        ("2021-01-01", "2021-06-30", "month", "once"),
        ("2021-03-01", None, None, "once"),
        ("2021-03", "2021-03-31", "month", "month"),
        ("2021-03-31", "2021-03-01", "month", "month"),
    ],
)
def test_the_dates_tell_the_period(start: str, end: str | None, usual: str | None, period: str) -> None:
    """Whole months, and 28 days over a month's end, leave no doubt; elsewhere the rhythm decides, then the shape."""
    assert period_of(span(start, end), usual) == period  # pyright: ignore[reportArgumentType]


def test_the_rhythm_is_the_commonest_of_the_certain_spans() -> None:
    """One odd span (a February, a broken month) does not change how an employer pays."""
    four_weekly = [span("2021-01-04", "2021-01-31"), span("2021-02-01", "2021-02-28"), span("2021-03-29", "2021-04-25")]
    assert usual_period(four_weekly) == "four-weeks"
    assert usual_period([span("2021-02-01", "2021-02-28"), span("2021-03-01", "2021-03-31")]) == "month"
    assert usual_period([None, span("2021-03-10", "2021-03-20")]) is None


@given(st.dates(), st.dates(), st.sampled_from([None, "month", "four-weeks", "year"]))
def test_any_span_has_a_period(start: object, end: object, usual: str | None) -> None:
    """No pair of dates is beyond an answer."""
    period = period_of(span(str(start), str(end)), usual)  # pyright: ignore[reportArgumentType]
    assert period in ("month", "four-weeks", "year", "once")
