"""The WOZ register (Haal Centraal WOZ bevragen 1.0.0): what the municipality says a home is worth, in whole euro.

Owns the questions and the reading of the answers. The register cannot be asked by BSN, only by place, so an answer may
be about somebody else's home: whose it is, is for estate.py to judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import msgspec

from connectors.mijnoverheid.estate import Location, Valued, address_key
from connectors.mijnoverheid.register import Register, Wire, decode, get, together
from connectors.outbound import Door
from schemas.base import Money
from schemas.wealth import PropertyValue, RealEstate

FIELDS = (
    "identificatie,aanduiding,adresseerbaarObjectIdentificaties,belanghebbendeEigenaar.burgerservicenummer,"
    "grondoppervlakte,kadastraalOnroerendeZaken.identificatie,waarden"
)


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


class _Collection(msgspec.Struct, frozen=True):
    embedded: _Embedded = msgspec.field(name="_embedded", default=_Embedded())


async def ask(door: Door, register: Register, locations: list[Location]) -> tuple[Valued, ...]:
    """Every WOZ object at these places, each once. Raises SourceError."""
    queries = list(dict.fromkeys(query for location in locations for query in _queries(location)))
    bodies = await together(get(door, register, "/wozobjecten", _search(query)) for query in queries)
    found = {valued.estate.woz_id: valued for body in bodies if body is not None for valued in parse(body)}
    return tuple(found.values())


def parse(body: bytes) -> tuple[Valued, ...]:
    """Read a WozObjectHalCollectie. Raises SourceError(unreadable)."""
    return tuple(_valued(found) for found in decode(body, _Collection).embedded.woz_objecten)


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


def _search(query: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {**dict(query), "fields": FIELDS, "pageSize": "100"}


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
