"""Incomes: employment and benefits per pay period, tax assessments per year, allowances, registered income."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from schemas.base import Money, PartialDate, Provenance, Record


class PayPeriod(Record, frozen=True, kw_only=True):
    """One reporting period. `wage` is the SV-loon (gross, per period); hours may be zero or negative (corrections)."""

    start: PartialDate
    end: PartialDate | None = None
    wage: Money | None = None
    hours: int | None = None
    days: int | None = None
    holiday_allowance: Money | None = None
    taxable_wage: Money | None = None
    withheld_tax: Money | None = None
    extra_salary: Money | None = None
    alimony_paid: Money | None = None


class Contract(Record, frozen=True, kw_only=True):
    """What is known of the contract over a span of time; the codes are the source's own (SuwiML code tables)."""

    start: PartialDate | None = None
    end: PartialDate | None = None
    permanent: bool | None = None
    kind_code: str | None = None
    nature_code: str | None = None
    description: str | None = None


class Employment(Record, tag="employment", tag_field="kind", frozen=True, kw_only=True):
    """One income relation with an employer."""

    person: str
    employer: str | None = None
    payroll_number: str | None = None  # Loonheffingennummer, 9 digits + L + 2 digits
    number: str | None = None  # volgnummer of the income relation
    start: PartialDate | None = None
    end: PartialDate | None = None
    contracts: tuple[Contract, ...] = ()
    periods: tuple[PayPeriod, ...] = ()
    sources: tuple[Provenance, ...] = ()


class Benefit(Record, tag="benefit", tag_field="kind", frozen=True, kw_only=True):
    """A benefit or a pension in payment (WW, WIA, ZW, Wajong, AOW, Participatiewet, ...)."""

    person: str
    scheme: str
    payer: str | None = None
    payroll_number: str | None = None
    number: str | None = None
    start: PartialDate | None = None
    end: PartialDate | None = None
    periods: tuple[PayPeriod, ...] = ()
    sources: tuple[Provenance, ...] = ()


class Assessment(Record, tag="assessment", tag_field="kind", frozen=True, kw_only=True):
    """An income tax return or assessment over one year; `total` is the verzamelinkomen (boxes 1+2+3)."""

    person: str
    year: int
    status: Literal["filed", "provisional", "final", "objection", "unknown"] = "unknown"
    status_text: str | None = None
    identifier: str | None = None
    filed_on: PartialDate | None = None
    total: Money | None = None
    box1: Money | None = None
    box2: Money | None = None
    box3: Money | None = None
    sources: tuple[Provenance, ...] = ()


class Allowance(Record, tag="allowance", tag_field="kind", frozen=True, kw_only=True):
    """A toeslag: housing, care, child care or child budget."""

    person: str
    allowance: Literal["housing", "care", "childcare", "child-budget"]
    amount: Money | None = None
    provisional: bool = False
    start: PartialDate | None = None
    end: PartialDate | None = None
    rent: Money | None = None
    childcare_hours: Decimal | None = None
    childcare_hourly_rate: Money | None = None
    sources: tuple[Provenance, ...] = ()


Income = Employment | Benefit | Assessment | Allowance
