"""One home, two registers: joins what the land register and the WOZ register say about the same real estate.

Knows what both have in common, not how either of them says it. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from schemas.base import Provenance
from schemas.records import SELF
from schemas.wealth import Owner, RealEstate

AddressKey: TypeAlias = tuple[str, int, str, str]


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that says where a thing is: BAG ids of objects and of addresses, and addresses written out."""

    object_ids: frozenset[str] = frozenset()
    designation_ids: frozenset[str] = frozenset()
    addresses: frozenset[AddressKey] = frozenset()


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with a right on real estate. `share` is `numerator/denominator`, `right` in the register's words."""

    bsn: str
    share: str | None = None
    right: str | None = None


class Title(msgspec.Struct, frozen=True, kw_only=True):
    """What the land register says: `estate` still without owners, who the natural persons among its holders are."""

    estate: RealEstate
    location: Location
    holders: tuple[Holder, ...] = ()


class Valued(msgspec.Struct, frozen=True, kw_only=True):
    """What the WOZ register says: `estate` with its values, and the one owner the municipality writes to."""

    estate: RealEstate
    location: Location
    cadastral_ids: frozenset[str] = frozenset()
    owner_bsn: str | None = None


def address_key(
    postcode: str | None, number: int | None, letter: str | None, addition: str | None
) -> AddressKey | None:
    """An address in the one spelling in which two registers can be compared; None without postcode or number."""
    if not postcode or number is None:
        return None
    return (_plain(postcode), number, _plain(letter), _plain(addition))


def joined(
    titles: Sequence[Title],
    valued: Iterable[Valued],
    people: Mapping[str, str],
    *,
    land: Provenance,
    woz: Provenance,
) -> tuple[RealEstate, ...]:
    """One record per home, carrying the provenance of every register that told something of it.

    `people` maps the BSNs that may be named to local ids; other holders are left out. A WOZ object counts once: with
    the first title it lies on, else by itself if `self` is its owner. A neighbour's object that a search by address
    brought along is dropped.
    """
    values: dict[int, Valued] = {}
    apart: list[RealEstate] = []
    for found in valued:
        index = _title_under(found, titles)
        if index is not None and index not in values:
            values[index] = found
        elif index is not None:
            apart.append(_owned(found.estate, _owners(titles[index], people), woz))
        elif found.owner_bsn is not None and people.get(found.owner_bsn) == SELF:
            apart.append(_owned(found.estate, (Owner(person=SELF),), woz))
    return (*(_with_value(title, values.get(i), people, land, woz) for i, title in enumerate(titles)), *apart)


def _plain(text: str | None) -> str:
    return (text or "").replace(" ", "").replace("-", "").upper()


def _same(one: Location, other: Location) -> bool:
    """Judged by the best key both have: BAG object, else BAG address, else the address written out."""
    for mine, theirs in (
        (one.object_ids, other.object_ids),
        (one.designation_ids, other.designation_ids),
        (one.addresses, other.addresses),
    ):
        if mine and theirs:
            return not mine.isdisjoint(theirs)
    return False


def _title_under(found: Valued, titles: Sequence[Title]) -> int | None:
    """The home before the garden: the title at the same place, else one that the WOZ object names as its ground."""
    for index, title in enumerate(titles):
        if _same(title.location, found.location):
            return index
    for index, title in enumerate(titles):
        if title.estate.cadastral_id in found.cadastral_ids:
            return index
    return None


def _owners(title: Title, people: Mapping[str, str]) -> tuple[Owner, ...]:
    owners = tuple(
        Owner(person=people[holder.bsn], share=holder.share, right=holder.right)
        for holder in title.holders
        if holder.bsn in people
    )
    if any(owner.person == SELF for owner in owners):
        return owners
    return (Owner(person=SELF), *owners)  # the register was asked for what is theirs, so a right they have


def _owned(estate: RealEstate, owners: tuple[Owner, ...], source: Provenance) -> RealEstate:
    return msgspec.structs.replace(estate, owners=owners, sources=(source,))


def _with_value(
    title: Title, found: Valued | None, people: Mapping[str, str], land: Provenance, woz: Provenance
) -> RealEstate:
    """The land register's word, filled up with what only the WOZ register knows."""
    estate = _owned(title.estate, _owners(title, people), land)
    if found is None:
        return estate
    other = found.estate
    if estate.postcode is None and estate.street is None:
        estate = _at_address_of(estate, other)
    return msgspec.structs.replace(
        estate,
        woz_id=other.woz_id,
        values=other.values,
        object_id=estate.object_id or other.object_id,
        area_m2=estate.area_m2 if estate.area_m2 is not None else other.area_m2,
        sources=(land, woz),
    )


def _at_address_of(estate: RealEstate, other: RealEstate) -> RealEstate:
    return msgspec.structs.replace(
        estate,
        street=other.street,
        number=other.number,
        letter=other.letter,
        addition=other.addition,
        postcode=other.postcode,
        city=other.city,
    )
