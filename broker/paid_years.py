"""A year's income as the tax office counts it, beside the pay that was reported for that year.

Owns when the two can be compared at all, and what is said when they differ. Pure. Box 1 counts taxable wages and
benefits (Wet IB 2001, art. 3.80 and 3.100), which is what payers report as the wage for income tax; the wage for social
security is another amount and is compared with nothing. The two may well both be right, so what can explain a
difference stands in the code:

- `income-differs-by-period` (a note): the pay that is known is not that of the whole year.
- `income-differs-by-deduction` (a note): mortgage interest of that year is at least the difference.
- `income-less-than-paid` (a clash): the tax office counts less. Other deductions may explain it.
- `income-more-than-paid` (a clash): the tax office counts more. Income without a payroll may explain it (profit).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from broker.matching import persons_of
from broker.uniting import in_words
from schemas.base import Money
from schemas.income import Assessment, Benefit, Employment, Income, PayPeriod
from schemas.records import Finding, FindingValue
from schemas.wealth import Debt

_ROUNDED = Decimal(1)  # a return is in whole euros, rounded for each payer
_SLACK = timedelta(days=7)  # thirteen times four weeks are a day or two short of a year, and seldom begin on its first


class _Paid(NamedTuple):
    """What payers reported for one year: the sum, from when until when, and how many payers."""

    sources: tuple[str, ...]
    amount: Decimal
    start: date
    end: date
    payers: int
    unbroken: bool

    def covers(self, year: int) -> bool:
        """Whether this is the pay of the whole year."""
        return self.unbroken and self.start - date(year, 1, 1) <= _SLACK and date(year, 12, 31) - self.end <= _SLACK


def compared(incomes: Sequence[Income], debts: Sequence[Debt], *, partly: Set[tuple[str, str]]) -> Iterator[Finding]:
    """What differs between the assessments and the pay among `incomes`, of the merged household.

    `debts` say which interest was paid. `partly`: person and source, of which not everything is known; there the pay is
    no sum of anything. Nothing is said where a part of the pay has no taxable wage or no end.
    """
    for told in incomes:
        if not isinstance(told, Assessment) or (counted := told.box1 or told.total) is None:
            continue
        paid = _paid(incomes, told.person, told.year)
        if paid is None or any((told.person, source) in partly for source in paid.sources):
            continue
        code = _code(told.year, counted.amount - paid.amount, paid, _interest(debts, told))
        if code is not None:
            yield _finding(code, told, counted, paid)


def _code(year: int, difference: Decimal, paid: _Paid, interest: Decimal) -> str | None:
    if abs(difference) <= _ROUNDED * paid.payers:
        return None
    if not paid.covers(year):
        return "income-differs-by-period"
    if difference > 0:
        return "income-more-than-paid"
    return "income-differs-by-deduction" if -difference <= interest else "income-less-than-paid"


def _paid(incomes: Sequence[Income], person: str, year: int) -> _Paid | None:
    """The pay of the year; None when nothing is known of it, or not enough to count it."""
    payers = [i for i in incomes if isinstance(i, Employment | Benefit) and i.person == person]
    of_year = [(payer, period) for payer in payers for period in payer.periods if _ended(period).startswith(str(year))]
    spans = sorted(span for _, period in of_year if (span := _span(period)) is not None)
    wages = [period.taxable_wage.amount for _, period in of_year if period.taxable_wage is not None]
    if not of_year or not len(of_year) == len(spans) == len(wages):
        return None
    ends = list(accumulate((end for _, end in spans), max))
    return _Paid(
        sources=tuple(sorted({told.source for payer, _ in of_year for told in payer.sources})),
        amount=sum(wages, Decimal(0)),
        start=spans[0][0],
        end=ends[-1],
        payers=len({id(payer) for payer, _ in of_year}),
        unbroken=all(start - end <= timedelta(days=1) for end, (start, _) in zip(ends, spans[1:], strict=False)),
    )


def _ended(period: PayPeriod) -> str:
    """Pay is taxed in the year in which it is received: that of a period's end, for pay comes afterwards."""
    return period.end or period.start


def _span(period: PayPeriod) -> tuple[date, date] | None:
    try:
        return date.fromisoformat(period.start), date.fromisoformat(period.end or "")
    except ValueError:
        return None


def _interest(debts: Sequence[Debt], told: Assessment) -> Decimal:
    """The mortgage interest of the year; partners may divide a joint one as they like (Wet IB 2001, art. 2.17)."""
    own = (debt for debt in debts if debt.year == told.year and told.person in persons_of(debt))
    return sum((debt.interest_paid.amount for debt in own if debt.interest_paid is not None), Decimal(0))


def _finding(code: str, told: Assessment, counted: Money, paid: _Paid) -> Finding:
    wages = Money(amount=paid.amount, period="once", basis="gross")
    values = [FindingValue(source=s, value=in_words(counted, str(told.year))) for s in _sources(told)]
    values += [FindingValue(source=s, value=in_words(wages, f"{paid.start} - {paid.end}")) for s in paid.sources]
    return Finding(
        kind="source-note" if code.startswith("income-differs") else "clash",
        code=code,
        source=next(iter(_sources(told)), None),
        person=told.person,
        field="income.assessment",
        values=tuple(values),
        text=str(told.year),
    )


def _sources(told: Assessment) -> list[str]:
    return sorted({provenance.source for provenance in told.sources})
