"""What is true of an invented household, in nobody's format: every source tells its own part of it in its own way.

Amounts are whole cents unless a name says otherwise; dates are ISO, may lack day or month (`1985`), and are empty
when nobody knows them. Holds no data and knows no source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Source = Literal["brp", "woz", "brk", "rdw", "uwv", "belastingdienst", "mpo"]
Service = Literal["uwv-benefits"]  # one of the services of a source that has more
Fault = Literal[
    "none", "down", "slow", "silent", "html", "wrong-types", "drifted", "wrong-person", "unknown-person", "huge"
]
Who = Literal["applicant", "partner"]


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all facts: they never change."""


class Country(Fact, frozen=True, kw_only=True):
    """A country with its BRP code, ISO 3166-1 code and the BRP code and name of its nationality."""

    code: str
    name: str
    iso: str
    nationality_code: str
    nationality: str


NETHERLANDS = Country(
    code="6030", name="Nederland", iso="NL", nationality_code="0001", nationality="Nederlandse nationaliteit"
)
FRANCE = Country(code="5002", name="Frankrijk", iso="FR", nationality_code="0057", nationality="Franse nationaliteit")


class Address(Fact, frozen=True, kw_only=True):
    """A Dutch address; the ids are those of the BAG (16 digits)."""

    street: str
    number: int
    letter: str = ""
    addition: str = ""
    postcode: str
    city: str = "Zandstad"
    object_id: str
    designation_id: str
    since: str
    doubted_since: str = ""


class ForeignAddress(Fact, frozen=True, kw_only=True):
    """An address abroad: free lines and a country."""

    lines: tuple[str, ...]
    country: Country
    since: str = ""


class Correction(Fact, frozen=True, kw_only=True):
    """A later correction of one pay period: both may be negative."""

    period: int
    wage: int
    hours: int


class Job(Fact, frozen=True, kw_only=True):
    """An income relation with an employer, paid per calendar month or per four weeks from `first_period` on."""

    employer: str
    payroll_number: str
    since: str
    until: str = ""
    permanent: bool = True
    rhythm: Literal["month", "four-weeks"] = "month"
    first_period: str
    periods: int
    wage: int
    withheld: int
    hours: int
    corrections: tuple[Correction, ...] = ()


class Benefit(Fact, frozen=True, kw_only=True):
    """A benefit or pension in payment, per month; `law` is UWV's code of the law, empty when UWV does not pay it."""

    payer: str
    payroll_number: str
    kind_code: str
    law: str = ""
    since: str
    until: str = ""
    first_period: str
    periods: int
    amount: int
    withheld: int


class Assessment(Fact, frozen=True, kw_only=True):
    """An income tax return over one year."""

    year: int
    status: str
    filed_on: str
    box1: int
    box2: int = 0
    box3: int = 0


class Allowance(Fact, frozen=True, kw_only=True):
    """A toeslag, per month; what is only true of one kind is zero for the others."""

    kind: Literal["Huurtoeslag", "Zorgtoeslag", "KinderopvangToeslag", "KindgebondenBudget"]
    monthly: int
    provisional: bool
    since: str
    until: str
    rent: int = 0
    childcare_hours: int = 0
    childcare_rate: int = 0
    childcare_name: str = ""
    children: int = 0


class Age(Fact, frozen=True, kw_only=True, order=True):
    """An age in years and months."""

    years: int
    months: int = 0


_AOW_AGE = Age(years=67, months=3)


class Scheme(Fact, frozen=True, kw_only=True):
    """One old-age pension scheme, in whole euro per year; `until` is only there for a temporary pension."""

    provider: str
    number: str
    start: Age
    until: Age | None = None
    reachable: int
    accrued: int
    indicative: bool = False
    as_of: str = "2025-12-31"
    settlement: str = ""


class StatePension(Fact, frozen=True, kw_only=True):
    """AOW to come, in whole euro per year, for both ways of living."""

    start: Age
    reachable_cohabiting: int
    accrued_cohabiting: int
    reachable_single: int
    accrued_single: int
    as_of: str = "2026-01-01"


def aow(accrued_share: float, *, start: Age = _AOW_AGE) -> StatePension:
    """Full AOW to come, in round figures, of which `accrued_share` (0 to 1) is built up."""
    cohabiting, single = 12_912, 18_888
    return StatePension(
        start=start,
        reachable_cohabiting=cohabiting,
        accrued_cohabiting=round(cohabiting * accrued_share),
        reachable_single=single,
        accrued_single=round(single * accrued_share),
    )


class SurvivorPension(Fact, frozen=True, kw_only=True):
    """What the partner, or each child, gets after a death, in whole euro per year; zero is not told."""

    beneficiary: Literal["partner", "child"]
    provider: str
    number: str
    insured: int
    accrued: int = 0
    insured_after: int = 0
    accrued_after: int = 0
    as_of: str = "2025-12-31"


class Person(Fact, frozen=True, kw_only=True):
    """One person and what is only theirs. Without `user` they cannot log in; without `bsn` no register knows them."""

    bsn: str = ""
    user: str = ""
    given_names: str
    prefix: str = ""
    surname: str
    gender: Literal["M", "V", "O"]
    born: str
    birth_place: str = "Zandstad"
    birth_country: Country = NETHERLANDS
    nationality: Country = NETHERLANDS
    died: str = ""
    confidential: bool = False
    address: Address | None = None
    abroad: ForeignAddress | None = None
    jobs: tuple[Job, ...] = ()
    benefits: tuple[Benefit, ...] = ()
    assessments: tuple[Assessment, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    schemes: tuple[Scheme, ...] = ()
    state_pension: StatePension | None = None
    survivors: tuple[SurvivorPension, ...] = ()
    silent_providers: tuple[str, ...] = ()
    pension_format: Literal["json", "xml"] = "json"


class Union(Fact, frozen=True, kw_only=True):
    """A marriage or registered partnership of applicant and partner, as the register knows it."""

    kind: Literal["marriage", "partnership"]
    since: str
    place: str = "Zandstad"
    country: Country = NETHERLANDS
    ended: str = ""


class Mortgage(Fact, frozen=True, kw_only=True):
    """The loan on a home: the inscription in the land register in whole euro, the rest as the tax office knows it."""

    identifier: str
    lender: str
    registered_euro: int
    balance_start: int
    balance_end: int
    interest: int


class WozValue(Fact, frozen=True, kw_only=True):
    """A WOZ value in whole euro on 1 January of `year`."""

    year: int
    euro: int


class Home(Fact, frozen=True, kw_only=True):
    """An owned home at the household's address; owners share equally."""

    owners: tuple[Who, ...]
    woz_id: str
    building_id: str
    cadastral_id: str
    designation: str
    area_m2: int
    values: tuple[WozValue, ...]
    price_euro: int
    bought_in: int
    mortgage: Mortgage | None = None


class Vehicle(Fact, frozen=True, kw_only=True):
    """A registered vehicle; `plate` without dashes."""

    holders: tuple[Who, ...]
    plate: str
    kind: str = "P"
    brand: str
    model: str
    first_registered: str
    held_since: str


class Account(Fact, frozen=True, kw_only=True):
    """Money or securities on 1 January of the tax year; each owner's tax record shows the whole balance."""

    owners: tuple[Who, ...]
    kind: Literal["bank", "securities", "crypto"] = "bank"
    name: str
    balance: int
    country: Country = NETHERLANDS


class Debt(Fact, frozen=True, kw_only=True):
    """A debt in box 3."""

    owners: tuple[Who, ...]
    kind: str
    balance: int
    rate: float | None = None
    fixed_until: str = ""


class Household(Fact, frozen=True, kw_only=True):
    """People who belong together, what they share, and what goes wrong with their sources.

    `stranger` is somebody outside it who turns up all the same: at the login, or in a source's answer.
    """

    key: str
    title_nl: str
    title_en: str
    applicant: Person
    partner: Person | None = None
    union: Union | None = None
    children: tuple[Person, ...] = ()
    stranger: Person | None = None
    address: Address
    home: Home | None = None
    vehicles: tuple[Vehicle, ...] = ()
    accounts: tuple[Account, ...] = ()
    debts: tuple[Debt, ...] = ()
    tax_year: int = 2025
    faults: Mapping[Source | Service, Fault] = {}
    cancels_login: bool = False
