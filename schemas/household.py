"""Persons, how they are related and where they live.

Local ids (`applicant`, `partner`, `child-1`) stand for people; in one source's answer the subject is `self`.
"""

from __future__ import annotations

from typing import Literal

from schemas.base import PartialDate, Provenance, Record

RelationKind = Literal["partner", "ex-partner", "child", "parent", "cohabitant"]
AddressKind = Literal["residence", "letter", "foreign", "location", "unknown"]


class Name(Record, frozen=True, kw_only=True):
    """A name as registered; `full` is the form for on screen, made by the source or from the parts."""

    full: str
    given_names: str | None = None
    initials: str | None = None
    prefix: str | None = None
    surname: str | None = None


class Person(Record, frozen=True, kw_only=True):
    """One person. Of third persons (children, ex-partners) only id, name and birth date leave the broker.

    `under_investigation` names the blocks the register is not sure of (`inOnderzoek`); `confidential` is geheimhouding.
    """

    id: str
    bsn: str | None = None
    name: Name | None = None
    birth_date: PartialDate | None = None
    birth_place: str | None = None
    birth_country: str | None = None
    gender: Literal["male", "female", "unknown"] | None = None
    nationalities: tuple[str, ...] = ()
    deceased: bool = False
    deceased_date: PartialDate | None = None
    confidential: bool = False
    under_investigation: tuple[str, ...] = ()
    sources: tuple[Provenance, ...] = ()


class Relation(Record, frozen=True, kw_only=True):
    """`person` is the `kind` of `of`: {person: "child-1", kind: "child", of: "applicant"}."""

    person: str
    kind: RelationKind
    of: str
    form: Literal["marriage", "registered-partnership"] | None = None
    since: PartialDate | None = None
    until: PartialDate | None = None
    sources: tuple[Provenance, ...] = ()


class Address(Record, frozen=True, kw_only=True):
    """A place where `persons` live or are registered. `lines` serves foreign and unstructured addresses."""

    persons: tuple[str, ...]
    kind: AddressKind = "residence"
    street: str | None = None
    number: int | None = None
    letter: str | None = None
    addition: str | None = None
    postcode: str | None = None
    city: str | None = None
    municipality: str | None = None
    country: str | None = None
    lines: tuple[str, ...] = ()
    since: PartialDate | None = None
    object_id: str | None = None  # BAG adresseerbaarObjectIdentificatie, 16 digits
    under_investigation: bool = False
    sources: tuple[Provenance, ...] = ()


class Household(Record, frozen=True, kw_only=True):
    """Who belongs together."""

    persons: tuple[Person, ...] = ()
    relations: tuple[Relation, ...] = ()
    addresses: tuple[Address, ...] = ()
