"""Whether an amount is per month or per four weeks: SuwiML does not say so, the dates of the pay periods do.

Pure calendar work; knows no messages.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import TypeAlias

from schemas.base import PartialDate, Period

FOUR_WEEKS = 28

# First and last day, both included; None when one of them is not known to the day.
Span: TypeAlias = tuple[date, date] | None


def span(start: PartialDate | None, end: PartialDate | None) -> Span:
    """The span between two dates, None unless both are whole dates in the right order."""
    if start is None or end is None or len(start) < 10 or len(end) < 10 or end < start:
        return None
    return date.fromisoformat(start), date.fromisoformat(end)


def usual_period(spans: Iterable[Span]) -> Period | None:
    """The rhythm in which one employer or payer reports: the commonest of the spans that leave no doubt."""
    sure: Counter[Period] = Counter(period for each in spans if (period := _sure(each)) is not None)
    return sure.most_common(1)[0][0] if sure else None


def period_of(reported: Span, usual: Period | None) -> Period:
    """The period of the amounts reported over one span, in a relation whose other spans have a `usual` rhythm.

    Doubtful are February (28 days is both), and the months in which a job begins or ends: there the rhythm decides.
    A span that fits nothing is `once`: an amount over just these dates.
    """
    certain = _sure(reported)
    if certain is not None:
        return certain
    if reported is None:
        return usual or "once"
    days = _days(reported)
    if usual == "four-weeks" and days <= FOUR_WEEKS:
        return "four-weeks"
    if _is_month(reported) or (usual == "month" and _in_one_month(reported)):
        return "month"
    if days == FOUR_WEEKS:
        return "four-weeks"
    return "month" if _in_one_month(reported) and _touches_edge(reported) else "once"


def _sure(reported: Span) -> Period | None:
    if reported is None:
        return None
    start, end = reported
    if (start.month, start.day, end.month, end.day) == (1, 1, 12, 31) and start.year == end.year:
        return "year"
    if _days(reported) == FOUR_WEEKS:
        return None if _in_one_month(reported) else "four-weeks"
    return "month" if _is_month(reported) else None


def _days(reported: tuple[date, date]) -> int:
    return (reported[1] - reported[0]).days + 1


def _in_one_month(reported: tuple[date, date]) -> bool:
    start, end = reported
    return (start.year, start.month) == (end.year, end.month)


def _is_month(reported: tuple[date, date]) -> bool:
    start, end = reported
    return _in_one_month(reported) and start.day == 1 and end.day == _last_day(end)


def _touches_edge(reported: tuple[date, date]) -> bool:
    return reported[0].day == 1 or reported[1].day == _last_day(reported[1])


def _last_day(day: date) -> int:
    return monthrange(day.year, day.month)[1]
