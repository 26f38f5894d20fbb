"""What a citizen's remark points at: a short name for every record, by which the provider finds it in the payload.

Owns those names and nothing else. A name is the record's field with, in brackets, what the record is known by, in
letters, digits and dashes: `income.employment[123456782L01.1]`, `possession.vehicle[XX123X]`. It is made of the record
as it is sent, so it tells nothing that the profile does not let through. Where a record stands in its list is no part
of it, so it stays right when another source brings more; only what nothing tells apart is numbered (`_2`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from broker.matching import field_of, persons_of
from schemas.household import Address, Person
from schemas.income import Allowance, Assessment, Benefit, Employment, Income
from schemas.payload import Content
from schemas.pension import Pension, SchemePension, StatePension, SurvivorPension
from schemas.wealth import Balance, Debt, Possession, RealEstate, Vehicle
from sessions.model import ROLES

Shown: TypeAlias = Person | Address | Income | Pension | Possession | Debt
Parts: TypeAlias = tuple[str | int | None, ...]

_LONGEST_KEY = 60  # a remark's field has a hundred characters in all
_NAMELESS = "unnamed"


class Pointed(msgspec.Struct, frozen=True, kw_only=True):
    """A record and its names, the best first: the others are those it may have had before more was known of it."""

    record: Shown
    names: tuple[str, ...]


def pointed(content: Content, person: str) -> tuple[Pointed, ...]:
    """Every record that concerns this adult, with names of which the first is unique among them."""
    seen: Counter[str] = Counter()
    found: list[Pointed] = []
    for record in _records(content):
        if person in concerned(record, content):
            best, *others = _names(record)
            seen[best] += 1
            found.append(Pointed(record=record, names=(_numbered(best, seen[best]), *others)))
    return tuple(found)


def concerned(record: Shown, content: Content) -> frozenset[str]:
    """The adults a record is about; for a third person those they are related to."""
    adults = frozenset(ROLES)
    if not isinstance(record, Person):
        return persons_of(record) & adults
    if record.id in adults:
        return frozenset({record.id})
    ends = (persons_of(relation) for relation in content.household.relations)
    return frozenset(id_ for pair in ends if record.id in pair for id_ in pair & adults)


def _records(content: Content) -> Iterator[Shown]:
    home = content.household
    yield from (*home.persons, *home.addresses, *content.incomes, *content.pensions)
    yield from (*content.possessions, *content.debts)


def _names(record: Shown) -> list[str]:
    field = "person" if isinstance(record, Person) else field_of(record)
    keys = dict.fromkeys(key for parts in _identities(record) if (key := _key(parts)))
    return [f"{field}[{key}]" for key in keys or [_NAMELESS]]


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name[:-1]}_{number}]"


def _key(parts: Parts) -> str:
    """The parts that are known, in letters, digits and dashes, joined by dots."""
    known = (unicodedata.normalize("NFKD", str(part)).encode("ascii", "ignore").decode() for part in parts if part)
    words = (re.sub(r"[^A-Za-z0-9]+", "-", word).strip("-") for word in known)
    return ".".join(word for word in words if word)[:_LONGEST_KEY].rstrip(".-")


def _identities(record: Shown) -> tuple[Parts, ...]:
    """What a record is known by, as `broker.matching` has it: the surest first."""
    match record:
        case Person():
            return _of_person(record)
        case Address():
            place = (record.postcode, record.number, record.letter, record.addition)
            return ((record.kind, *place), (record.kind, *record.lines, record.country))
        case RealEstate():
            return _of_real_estate(record)
        case Vehicle(plate=plate):
            return ((plate,),)
        case Balance(type=kind, identifier=identifier):
            return ((identifier,),) if kind == "bank" else ((kind, identifier),)
        case Debt():
            return ((record.identifier,), (record.type, record.description, record.year))
        case Employment() | Benefit() | Assessment() | Allowance():
            return _of_income(record)
        case _:
            return _of_pension(record)


def _of_person(person: Person) -> tuple[Parts, ...]:
    """Third persons are numbered by age: a partner's child may renumber them, so they go by birth date and name."""
    name = person.name and (person.name.given_names or person.name.full)
    described = (person.birth_date, name)
    return ((person.id,), described) if person.id in ROLES or not any(described) else (described, (person.id,))


def _of_real_estate(estate: RealEstate) -> tuple[Parts, ...]:
    return (
        (estate.cadastral_id,),
        (estate.cadastral_designation,),
        (estate.woz_id,),
        (estate.object_id,),
        (estate.postcode, estate.number, estate.letter, estate.addition),
    )


def _of_income(income: Income) -> tuple[Parts, ...]:
    match income:
        case Employment():
            return ((income.payroll_number, income.number), (income.employer, income.start))
        case Benefit():
            return ((income.payroll_number, income.number), (income.scheme, income.start))
        case Assessment():
            return ((income.year,),)
        case Allowance():
            return ((income.allowance, income.start, income.provisional and "provisional"),)


def _of_pension(pension: Pension) -> tuple[Parts, ...]:
    match pension:
        case StatePension():
            return (("aow",),)
        case SchemePension():
            return ((pension.scheme, pension.indicative and "indicative", pension.only_single and "single"),)
        case SurvivorPension():
            since = pension.since and pension.since.years
            return ((pension.beneficiary, pension.scheme, pension.indicative and "indicative", since),)
