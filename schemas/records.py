"""What one source says about one person: the records a connector finds, before anything is merged.

In these records the person the answer is about is `self`; others are `partner`, `ex-partner-1`, `child-1`, `parent-1`.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from schemas.base import Provenance, Record
from schemas.household import Address, Person, Relation
from schemas.income import Income
from schemas.pension import Pension
from schemas.wealth import Debt, Possession

SELF = "self"

FindingKind = Literal[
    "clash",  # two sources (or persons) say different things of the same value
    "incomplete",  # part of a source did not answer: what is here is true, but not all of it
    "missing-source",  # a whole source has no answer
    "source-note",  # the source itself adds a remark
    "under-investigation",  # the register doubts a value
    "partner-mismatch",  # who logged in as partner is not the registered partner
    "no-registered-partner",  # two adults apply, no register knows them as partners
    "remark",  # the citizen says a value is wrong
]


class FindingValue(Record, frozen=True, kw_only=True):
    """One of the values a finding is about, with who says so. The value is text, as a citizen would read it."""

    source: str
    value: str


class Finding(Record, frozen=True, kw_only=True):
    """Something the reader of the data must know. `code` is stable; `field` points at the record."""

    kind: FindingKind
    code: str
    source: str | None = None
    person: str | None = None
    field: str | None = None
    values: tuple[FindingValue, ...] = ()
    text: str | None = None


class SourceRecords(Record, frozen=True, kw_only=True):
    """Everything one source found about `self`. Every record carries its provenance already."""

    persons: tuple[Person, ...] = ()
    relations: tuple[Relation, ...] = ()
    addresses: tuple[Address, ...] = ()
    incomes: tuple[Income, ...] = ()
    pensions: tuple[Pension, ...] = ()
    possessions: tuple[Possession, ...] = ()
    debts: tuple[Debt, ...] = ()
    findings: tuple[Finding, ...] = ()


def gaps(records: SourceRecords) -> tuple[str, ...]:
    """What a source could not answer of what was asked: the codes of its findings `incomplete`, each once, sorted."""
    return tuple(sorted({finding.code for finding in records.findings if finding.kind == "incomplete"}))


_R = TypeVar("_R", Person, Relation, Address, Income, Pension, Possession, Debt)


def stamped(records: SourceRecords, provenance: Provenance) -> SourceRecords:
    """Give every record of `records` that has no provenance yet this one."""

    def stamp(items: tuple[_R, ...]) -> tuple[_R, ...]:
        return tuple(i if i.sources else msgspec.structs.replace(i, sources=(provenance,)) for i in items)

    return msgspec.structs.replace(
        records,
        persons=stamp(records.persons),
        relations=stamp(records.relations),
        addresses=stamp(records.addresses),
        incomes=stamp(records.incomes),
        pensions=stamp(records.pensions),
        possessions=stamp(records.possessions),
        debts=stamp(records.debts),
    )
