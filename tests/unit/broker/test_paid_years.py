"""A year at the tax office beside the pay that was reported for it: when they are compared, and what is said."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.base import Money
from schemas.income import Assessment, Benefit, Employment, PayPeriod
from schemas.records import Finding, SourceRecords
from schemas.wealth import Debt
from tests.unit.broker.households import OWN, euro, findings, household, said, told

MONTHS = [(date(2023, m, 1), date(2023 + m // 12, m % 12 + 1, 1) - timedelta(days=1)) for m in range(1, 13)]
FOUR_WEEKS = [
    (date(2023, 1, 2) + timedelta(days=28 * n), date(2023, 1, 29) + timedelta(days=28 * n)) for n in range(13)
]
RETURN = Assessment(person="self", year=2023, box1=euro(36_000, "year"))


def wage(amount: str | int) -> Money:
    return Money(amount=Decimal(amount), period="month", basis="gross")


def periods(spans: list[tuple[date, date]], amount: str | int = 3_000) -> tuple[PayPeriod, ...]:
    return tuple(PayPeriod(start=f"{start}", end=f"{end}", taxable_wage=wage(amount)) for start, end in spans)


def job(spans: list[tuple[date, date]], amount: str | int = 3_000, **more: Any) -> Employment:
    return Employment(person="self", payroll_number="1L01", number="1", periods=periods(spans, amount), **more)


def said_of(*pay: Employment | Benefit, counted: Assessment = RETURN, **more: Any) -> tuple[Finding, ...]:
    """What is found of one person with this pay and this return."""
    tax = told("belastingdienst", incomes=(counted,), debts=more.pop("debts", ()))
    return household({**told("uwv", incomes=pay, **more), **tax}).findings


def codes(*pay: Employment | Benefit, **more: Any) -> list[tuple[str, str]]:
    return [(finding.kind, finding.code) for finding in said_of(*pay, **more)]


@pytest.mark.parametrize("spans", [MONTHS, MONTHS[::-1]])
def test_a_year_of_pay_that_agrees_is_no_finding(spans: list[tuple[date, date]]) -> None:
    """Twelve months of what the return counts, in any order."""
    assert codes(job(spans)) == []


def test_a_year_in_whole_euros_agrees() -> None:
    """A return is rounded to the euro, for each payer; a cent more is a difference."""
    assert codes(job(MONTHS), counted=replace(RETURN, box1=euro("36001.00", "year"))) == []
    assert codes(job(MONTHS), counted=replace(RETURN, box1=euro("35999.00", "year"))) == []
    assert codes(job(MONTHS), counted=replace(RETURN, box1=euro("36001.01", "year"))) == [
        ("clash", "income-more-than-paid")
    ]
    second = replace(job(MONTHS[:1], 1), number="2")
    assert codes(job(MONTHS), second, counted=replace(RETURN, box1=euro("36003.00", "year"))) == []


def test_more_than_was_paid_is_a_clash_of_one_year() -> None:
    """Both amounts are said with their source and span; the year says which return it is about."""
    (clash,) = said_of(job(MONTHS), counted=replace(RETURN, box1=euro(40_000, "year")))
    assert clash == Finding(
        kind="clash",
        code="income-more-than-paid",
        source="belastingdienst",
        person="applicant",
        field="income.assessment",
        values=clash.values,
        text="2023",
    )
    assert said(clash) == [
        ("belastingdienst", "€ 40.000,00 (year, 2023)"),
        ("uwv", "€ 36.000,00 (gross, 2023-01-01 - 2023-12-31)"),
    ]


def test_less_than_was_paid_is_a_clash_too() -> None:
    """Deductions that nobody told of may explain it."""
    assert codes(job(MONTHS), counted=replace(RETURN, box1=euro(30_000, "year"))) == [
        ("clash", "income-less-than-paid")
    ]


@pytest.mark.parametrize(
    ("debt", "code"),
    [
        ({}, "income-differs-by-deduction"),
        ({"interest_paid": euro("5999.99", "year")}, "income-less-than-paid"),
        ({"year": 2022}, "income-less-than-paid"),
        ({"interest_paid": None}, "income-less-than-paid"),
    ],
)
def test_mortgage_interest_of_that_year_explains_a_lower_income(debt: dict[str, Any], code: str) -> None:
    """It is deducted in box 1; only as much as was paid, and in the year in which it was."""
    loan = Debt(owners=OWN, type="mortgage", identifier="1", interest_paid=euro(6_000, "year"), year=2023)
    counted = replace(RETURN, box1=euro(30_000, "year"))
    assert [found for _, found in codes(job(MONTHS), counted=counted, debts=(replace(loan, **debt),))] == [code]


def test_interest_of_two_loans_counts_together_and_somebody_elses_does_not() -> None:
    """Of every loan of the person; and never for an income above the pay."""
    loans = [
        Debt(owners=OWN, type="mortgage", identifier=n, interest_paid=euro(3_000, "year"), year=2023) for n in "12"
    ]
    counted = replace(RETURN, box1=euro(30_000, "year"))
    assert codes(job(MONTHS), counted=counted, debts=tuple(loans)) == [("source-note", "income-differs-by-deduction")]
    other = replace(loans[0], owners=(replace(OWN[0], person="child-1"),))
    assert codes(job(MONTHS), counted=counted, debts=(loans[1], other)) == [("clash", "income-less-than-paid")]
    counted = replace(RETURN, box1=euro(39_000, "year"))
    assert codes(job(MONTHS), counted=counted, debts=tuple(loans)) == [("clash", "income-more-than-paid")]


@pytest.mark.parametrize("spans", [MONTHS[:6], MONTHS[6:], MONTHS[:5] + MONTHS[6:], FOUR_WEEKS[:12], FOUR_WEEKS[1:]])
def test_pay_of_a_part_of_the_year_is_no_clash(spans: list[tuple[date, date]]) -> None:
    """A half year of pay and a year's income do not contradict each other: the note says what each is about."""
    (note,) = said_of(job(spans, 2_900))
    assert (note.kind, note.code, note.text) == ("source-note", "income-differs-by-period", "2023")
    assert f"{spans[0][0]} - {spans[-1][1]}" in said(note)[1][1]


def test_thirteen_times_four_weeks_are_a_year() -> None:
    """Though they are a day short of it; they may begin in the year before."""
    assert codes(job(FOUR_WEEKS, 3_000), counted=replace(RETURN, box1=euro(50_000, "year"))) == [
        ("clash", "income-more-than-paid")
    ]
    early = [(start - timedelta(days=9), end - timedelta(days=9)) for start, end in FOUR_WEEKS]
    late = [(start, end) for start, end in early if end >= date(2023, 1, 1)]
    assert codes(job(late), counted=replace(RETURN, box1=euro(50_000, "year"))) == [
        ("source-note", "income-differs-by-period")
    ]


def test_a_week_at_each_end_is_still_the_year() -> None:
    """One day more is not."""
    for first, last, code in (
        (date(2023, 1, 8), date(2023, 12, 24), "income-more-than-paid"),
        (date(2023, 1, 9), date(2023, 12, 24), "income-differs-by-period"),
        (date(2023, 1, 8), date(2023, 12, 23), "income-differs-by-period"),
    ):
        assert [found for _, found in codes(job([(first, last)]))] == [code]


def test_a_day_without_pay_breaks_a_year() -> None:
    """From one day to the next there is no gap; with a day between them there is."""
    for second, code in ((date(2023, 7, 1), "income-more-than-paid"), (date(2023, 7, 2), "income-differs-by-period")):
        spans = [(date(2023, 1, 1), date(2023, 6, 30)), (second, date(2023, 12, 31))]
        assert [found for _, found in codes(job(spans))] == [code]


def test_pay_counts_in_the_year_in_which_its_period_ends() -> None:
    """That is when it is received; pay of other years is no part of the sum."""
    before, after = (date(2022, 12, 1), date(2022, 12, 31)), (date(2023, 12, 15), date(2024, 1, 11))
    assert codes(job([before, *MONTHS, after])) == []


def test_two_jobs_and_a_benefit_are_one_sum() -> None:
    """A year may be filled by several payers, one after the other or at once; a long period may hide a short one."""
    benefit = Benefit(person="self", scheme="WW", payroll_number="2L01", number="1", periods=periods(MONTHS[6:], 2_000))
    year = [(date(2023, 1, 1), date(2023, 12, 31))]
    first = job(MONTHS[:6], 4_000)
    assert codes(first, benefit) == []
    assert codes(replace(job(year, 30_000), number="9"), replace(job(MONTHS[1:3]), number="8")) == []


@pytest.mark.parametrize(
    "change",
    [{"taxable_wage": None}, {"end": None}, {"end": "2023-06"}, {"start": "2023-06"}, {"wage": wage(1), "end": None}],
)
def test_nothing_is_said_where_the_pay_cannot_be_counted(change: dict[str, Any]) -> None:
    """A month without its taxable wage, or without a first or last day, makes the sum no sum."""
    pay = job(MONTHS[:6])
    odd = replace(pay.periods[5], **change)
    assert codes(replace(pay, periods=(*pay.periods[:5], odd))) == []


def test_nothing_is_said_without_pay_or_without_an_amount() -> None:
    """No pay of that year is known, or the return has no income in it."""
    assert codes(job(MONTHS), counted=replace(RETURN, year=2022)) == []
    assert codes(job([])) == []
    assert codes(job(MONTHS[:6]), counted=replace(RETURN, box1=None)) == []


def test_the_total_stands_in_for_box_1() -> None:
    """An inkomensverklaring knows only the total; box 1 goes before it."""
    assert codes(job(MONTHS), counted=replace(RETURN, box1=None, total=euro(36_000, "year"))) == []
    assert codes(job(MONTHS), counted=replace(RETURN, total=euro(90_000, "year"))) == []


def test_pay_of_a_source_that_told_not_everything_is_not_compared() -> None:
    """What is missing could be the difference; what another source or person is missing could not."""
    gap = Finding(kind="incomplete", code="benefits-unavailable")
    assert codes(job(MONTHS[:6]), findings=(gap,)) == [("incomplete", "benefits-unavailable")]
    elsewhere = told("mijnoverheid", findings=(gap,))
    tax, pay = told("belastingdienst", incomes=(RETURN,)), told("uwv", incomes=(job(MONTHS[:6]),))
    content = household({**tax, **pay, **elsewhere}, told("uwv", findings=(gap,)))
    assert [finding.code for finding in findings(content, "source-note")] == ["income-differs-by-period"]


def test_pay_of_the_partner_is_not_the_applicants() -> None:
    """Each adult's return stands beside their own pay."""
    tax = {**told("belastingdienst", incomes=(RETURN,)), **told("uwv", incomes=(job(MONTHS),))}
    other = told("uwv", incomes=(job(MONTHS, 500),))
    assert [finding.code for finding in household(tax, other).findings if finding.field == "income.assessment"] == []


def test_a_profile_that_asks_not_all_of_it_is_told_nothing() -> None:
    """A finding shows a sum of the pay, so it is made only for who asks for pay, benefits and returns."""
    fields = {"income.employment", "income.benefit", "income.assessment"}
    answers: dict[str, SourceRecords] = {
        **told("belastingdienst", incomes=(RETURN,)),
        **told("uwv", incomes=(job(MONTHS[:6]),)),
    }
    assert len(household(answers, fields=fields | {"address"}).findings) == 1
    for field in fields:
        assert household(answers, fields=fields - {field}).findings == ()


def test_a_return_without_a_source_names_none() -> None:
    """Records have a source; whoever leaves it out breaks nothing."""
    bare = SourceRecords(incomes=(RETURN, job(MONTHS[:6])))
    (note,) = household({"uwv": bare}).findings
    assert (note.source, note.values) == (None, ())
