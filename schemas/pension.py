"""Pensions to come: per scheme, the state pension (AOW), and what survivors get. All amounts gross per year."""

from __future__ import annotations

from schemas.base import Money, PartialDate, Provenance, Record


class Age(Record, frozen=True, kw_only=True):
    """An age in years and months, such as an AOW age of 67 years and 3 months."""

    years: int
    months: int = 0


class PensionBlock(Record, frozen=True, kw_only=True):
    """An amount over a span of life. `until` absent means: for life."""

    since: Age | None = None
    until: Age | None = None
    reachable: Money | None = None
    accrued: Money | None = None


class SchemePension(Record, tag="scheme", tag_field="kind", frozen=True, kw_only=True):
    """One old-age pension scheme; `blocks` hold only the spans in which its amount differs, oldest first.

    `reachable` and `accrued` are those of the last block. `indicative` amounts are estimates by the provider.
    """

    person: str
    provider: str
    scheme: str
    indicative: bool = False
    starts_at: Age | None = None
    reachable: Money | None = None
    accrued: Money | None = None
    blocks: tuple[PensionBlock, ...] = ()
    as_of: PartialDate | None = None
    settlement: str | None = None  # AfhandelingVerevening: divorce settlement
    only_single: bool = False  # paid only to somebody who lives alone (AlleenstaandenPensioen)
    sources: tuple[Provenance, ...] = ()


class StatePension(Record, tag="state", tag_field="kind", frozen=True, kw_only=True):
    """AOW to be reached, for both ways of living; which applies follows from the household, never silently."""

    person: str
    starts_at: Age | None = None
    reachable_cohabiting: Money | None = None
    accrued_cohabiting: Money | None = None
    reachable_single: Money | None = None
    accrued_single: Money | None = None
    as_of: PartialDate | None = None
    sources: tuple[Provenance, ...] = ()


class SurvivorPension(Record, tag="survivor", tag_field="kind", frozen=True, kw_only=True):
    """What a partner or each child gets when `person` dies; `..._after` are the amounts after `person`'s retirement.

    `since` and `until` are ages of the beneficiary; absent means from the death of `person`, and for life.
    """

    person: str
    beneficiary: str  # "partner" or "child"
    provider: str
    scheme: str
    indicative: bool = False
    per_child: bool = False
    since: Age | None = None
    until: Age | None = None
    insured: Money | None = None
    accrued: Money | None = None
    insured_after: Money | None = None
    accrued_after: Money | None = None
    as_of: PartialDate | None = None
    settlement: str | None = None
    sources: tuple[Provenance, ...] = ()


Pension = SchemePension | StatePension | SurvivorPension
