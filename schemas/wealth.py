"""Possessions and debts. Joint things name every owner; shares are fractions of one (`1/2`)."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from schemas.base import Money, PartialDate, Provenance, Record


class Owner(Record, frozen=True, kw_only=True):
    """A person's part of something: `share` as `numerator/denominator`, absent when the source does not say."""

    person: str
    share: str | None = None
    right: str | None = None  # eigendom, erfpacht, ... in the source's words


class PropertyValue(Record, frozen=True, kw_only=True):
    """A WOZ value in whole euro at its reference date (waardepeildatum: 1 January of the year before the tax year)."""

    amount: Money
    reference_date: PartialDate
    status: str | None = None


class RealEstate(Record, tag="real-estate", tag_field="kind", frozen=True, kw_only=True):
    """A home, flat or piece of land."""

    owners: tuple[Owner, ...]
    woz_id: str | None = None  # WOZ object number
    cadastral_id: str | None = None  # BRK identificatie of the kadastrale onroerende zaak
    cadastral_designation: str | None = None  # "Beekbergen K 4825"
    object_id: str | None = None  # BAG id
    street: str | None = None
    number: int | None = None
    letter: str | None = None
    addition: str | None = None
    postcode: str | None = None
    city: str | None = None
    use: str | None = None
    area_m2: int | None = None
    values: tuple[PropertyValue, ...] = ()
    bought_for: Money | None = None
    bought_in: PartialDate | None = None
    bought_with_others: bool = False  # the price covers several objects
    mortgage_registered: bool = False
    sources: tuple[Provenance, ...] = ()


class Vehicle(Record, tag="vehicle", tag_field="kind", frozen=True, kw_only=True):
    """A registered vehicle; `plate` without dashes, upper case."""

    owners: tuple[Owner, ...]
    plate: str
    brand: str | None = None
    model: str | None = None
    type: str | None = None
    first_registered: PartialDate | None = None
    owned_since: PartialDate | None = None
    inspection_until: PartialDate | None = None
    catalogue_price: Money | None = None
    sources: tuple[Provenance, ...] = ()


class Balance(Record, tag="balance", tag_field="kind", frozen=True, kw_only=True):
    """Money or securities on an account at a reference date (1 January of the tax year for the Belastingdienst)."""

    owners: tuple[Owner, ...]
    type: Literal["bank", "securities", "crypto", "other"]
    identifier: str | None = None  # IBAN or account number
    institution: str | None = None
    country: str | None = None
    amount: Money | None = None
    reference_date: PartialDate | None = None
    sources: tuple[Provenance, ...] = ()


Possession = RealEstate | Vehicle | Balance


class Debt(Record, frozen=True, kw_only=True):
    """What is owed. A mortgage's registered amount is its inscription, not what is outstanding."""

    owners: tuple[Owner, ...]
    type: Literal["mortgage", "study", "consumer", "tax", "other"]
    identifier: str | None = None
    creditor: str | None = None
    description: str | None = None
    outstanding: Money | None = None
    outstanding_at_start: Money | None = None
    registered: Money | None = None
    interest_paid: Money | None = None
    interest_rate: Decimal | None = None  # per cent per year
    fixed_until: PartialDate | None = None
    reference_date: PartialDate | None = None
    year: int | None = None
    sources: tuple[Provenance, ...] = ()
