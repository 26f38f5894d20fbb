"""The WOZ register (Haal Centraal WOZ bevragen 1.0.0): what the municipality says a home is worth, in whole euro.

Owns the questions and the reading of the answers. The register cannot be asked by BSN, only by place, so an answer may
be about somebody else's home: whose it is, is for estate.py to judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import msgspec

from connectors.contract import Context
from connectors.mijnoverheid.estate import Location, Valued, address_key
from connectors.mijnoverheid.register import Api, Wire, decode, together
from schemas.base import Money
from schemas.wealth import PropertyValue, RealEstate

FIELDS = (
    "identificatie,aanduiding,adresseerbaarObjectIdentificaties,belanghebbendeEigenaar.burgerservicenummer,"
    "grondoppervlakte,kadastraalOnroerendeZaken.identificatie,waarden"
)
MAX_PAGES = 10  # of a hundred objects each: more is no home but a street


class _Designation(Wire, frozen=True):
    straat: str | None = None
    huisnummer: int | None = None
    huisletter: str | None = None
    huisnummertoevoeging: str | None = None
    postcode: str | None = None
    woonplaats: str | None = None
    nummeraanduiding_identificatie: str | None = None


class _Owner(Wire, frozen=True):
    burgerservicenummer: str | None = None


class _Ground(Wire, frozen=True):
    identificatie: str | None = None


class _Value(Wire, frozen=True):
    vastgestelde_waarde: int | None = None
    waardepeildatum: date | None = None
    beschikkings_statussen: tuple[str, ...] = ()
    indicatie_bezwaar_beroep: bool = False


class _Object(Wire, frozen=True):
    identificatie: str | None = None
    aanduiding: _Designation = _Designation()
    adresseerbaar_object_identificaties: tuple[str, ...] = ()
    belanghebbende_eigenaar: _Owner = _Owner()
    grondoppervlakte: int | None = None
    kadastraal_onroerende_zaken: tuple[_Ground, ...] = ()
    waarden: tuple[_Value, ...] = ()


class _Embedded(Wire, frozen=True):
    woz_objecten: tuple[_Object, ...] = ()


class _Link(Wire, frozen=True):
    pass


class _Links(Wire, frozen=True):
    next: _Link | None = None


class _Collection(msgspec.Struct, frozen=True):
    embedded: _Embedded = msgspec.field(name="_embedded", default=_Embedded())
    links: _Links = msgspec.field(name="_links", default=_Links())


class Partly(msgspec.Struct, frozen=True):
    """WOZ objects of a register that has more of them than we ask for."""

    found: tuple[Valued, ...]


async def ask(context: Context, api: Api, locations: list[Location]) -> tuple[Valued, ...] | Partly:
    """Every WOZ object at these places, each once. Raises SourceError."""
    queries = list(dict.fromkeys(query for location in locations for query in _queries(location)))
    answers = await together(_pages(context, api, query) for query in queries)
    found = {valued.estate.woz_id: valued for pages, _ in answers for page in pages for valued in _objects(page)}
    objects = tuple(found.values())
    return objects if all(is_whole for _, is_whole in answers) else Partly(objects)


async def _pages(context: Context, api: Api, query: tuple[tuple[str, str], ...]) -> tuple[list[_Collection], bool]:
    """The answer page by page, and whether that is all of it.

    `next` only says that there is more: pages are asked by number, so that no address out of an answer is followed.
    """
    pages: list[_Collection] = []
    while len(pages) < MAX_PAGES:
        body = await api.get(context, "/wozobjecten", _search(query, len(pages) + 1))
        if body is None:
            return pages, True
        pages.append(decode(body, _Collection))
        if pages[-1].links.next is None:
            return pages, True
    return pages, False


def parse(body: bytes) -> tuple[Valued, ...]:
    """Read a WozObjectHalCollectie. Raises SourceError(unreadable)."""
    return _objects(decode(body, _Collection))


def _objects(page: _Collection) -> tuple[Valued, ...]:
    return tuple(_valued(found) for found in page.embedded.woz_objecten)


def _queries(location: Location) -> Iterator[tuple[tuple[str, str], ...]]:
    """One search per place, by the best key there is: two keys of one place would bring the same object twice."""
    if location.object_ids:
        yield from ((("adresseerbaarObjectIdentificatie", id_),) for id_ in sorted(location.object_ids))
    elif location.designation_ids:
        yield from ((("nummeraanduidingIdentificatie", id_),) for id_ in sorted(location.designation_ids))
    else:
        for postcode, number, letter, addition in sorted(location.addresses):
            named = {"postcode": postcode, "huisnummer": str(number), "huisletter": letter}
            named["huisnummertoevoeging"] = addition
            yield tuple((name, value) for name, value in named.items() if value)


def _search(query: tuple[tuple[str, str], ...], page: int) -> dict[str, str]:
    first = {**dict(query), "fields": FIELDS, "pageSize": "100"}
    return first if page == 1 else {**first, "page": str(page)}


def _valued(found: _Object) -> Valued:
    at = found.aanduiding
    designation = at.nummeraanduiding_identificatie
    key = address_key(at.postcode, at.huisnummer, at.huisletter, at.huisnummertoevoeging)
    location = Location(
        object_ids=frozenset(found.adresseerbaar_object_identificaties),
        designation_ids=frozenset({designation} if designation else ()),
        addresses=frozenset({key} if key else ()),
    )
    grounds = (ground.identificatie for ground in found.kadastraal_onroerende_zaken)
    return Valued(
        estate=_estate(found),
        location=location,
        cadastral_ids=frozenset(id_ for id_ in grounds if id_),
        owner_bsn=found.belanghebbende_eigenaar.burgerservicenummer,
    )


def _estate(found: _Object) -> RealEstate:
    at = found.aanduiding
    return RealEstate(
        owners=(),
        woz_id=found.identificatie,
        object_id=next(iter(found.adresseerbaar_object_identificaties), None),
        street=at.straat,
        number=at.huisnummer,
        letter=at.huisletter,
        addition=at.huisnummertoevoeging,
        postcode=at.postcode,
        city=at.woonplaats,
        area_m2=found.grondoppervlakte,
        values=tuple(_property_values(found.waarden)),
    )


def _property_values(values: tuple[_Value, ...]) -> Iterator[PropertyValue]:
    for value in values:
        if value.vastgestelde_waarde is None or value.waardepeildatum is None:
            continue  # a decision without a value, or without the day it is for, says nothing of what a home is worth
        yield PropertyValue(
            amount=Money(amount=Decimal(value.vastgestelde_waarde), period="once"),
            reference_date=value.waardepeildatum.isoformat(),
            status=_status(value),
        )


def _status(value: _Value) -> str | None:
    """The register's own words; the proxy leaves only whether an objection or appeal is pending."""
    if value.beschikkings_statussen:
        return ", ".join(value.beschikkings_statussen)
    return "bezwaar_of_beroep" if value.indicatie_bezwaar_beroep else None
