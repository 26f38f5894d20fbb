"""The land register (BRK bevragen 2.0.0): titles by BSN, with share, purchase price and whether a mortgage rests on it.

Owns the questions and the reading of the answers. A purchase price is in whole euro and may cover several objects; a
mortgage is only signalled, since what is registered is its inscription and not what is owed. The register answers in
one piece: its interface has no pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

from connectors.contract import Context
from connectors.mijnoverheid.estate import Holder, Location, Title, address_key
from connectors.mijnoverheid.register import Api, Wire, decode, together
from schemas.base import Money, PartialDate
from schemas.wealth import RealEstate

FIELDS = (
    "identificatie,indicatieVervallen,type,koopsom,aardCultuurBebouwd,aardCultuurOnbebouwd,kadastraleAanduiding,"
    "kadastraleGrootte,adressen,hypotheekIdentificaties"
)
# Names of fellow owners are not asked for: only which holder is whom, by number.
HOLDER_FIELDS = "type,tenaamstelling.aandeel,persoon.identificatie,persoon.type"


class Question(msgspec.Struct, frozen=True):
    """The body of ZoekKadastraalOnroerendeZakenMetBsn (BsnBody): the only search by BSN, and not in the URL."""

    burgerservicenummer: str
    fields: str = FIELDS


class _Listed(Wire, frozen=True):
    waarde: str | None = None


class _Price(Wire, frozen=True):
    koopsom: int | None = None
    koopjaar: int | None = None
    indicatie_met_meer_objecten_verkregen: bool = False


class _Size(Wire, frozen=True):
    waarde: int | None = None


class _Address(Wire, frozen=True):
    straat: str | None = None
    huisnummer: int | None = None
    huisletter: str | None = None
    huisnummertoevoeging: str | None = None
    postcode: str | None = None
    woonplaats: str | None = None
    nummeraanduiding_identificatie: str | None = None
    adresseerbaar_object_identificatie: str | None = None


class _Object(Wire, frozen=True):
    identificatie: Annotated[str, Meta(pattern=r"^[0-9]{1,30}$")]  # it becomes part of a path
    indicatie_vervallen: bool = False
    type: str | None = None
    koopsom: _Price = _Price()
    aard_cultuur_bebouwd: _Listed = _Listed()
    aard_cultuur_onbebouwd: _Listed = _Listed()
    kadastrale_aanduiding: str | None = None
    kadastrale_grootte: _Size = _Size()
    adressen: tuple[_Address, ...] = ()
    hypotheek_identificaties: tuple[str, ...] = ()


class _Objects(Wire, frozen=True):
    kadastraal_onroerende_zaken: tuple[_Object, ...] = ()


class _ObjectCollection(msgspec.Struct, frozen=True):
    embedded: _Objects = msgspec.field(name="_embedded", default=_Objects())


class _Fraction(Wire, frozen=True):
    noemer: Annotated[int, Meta(ge=1)]
    teller: Annotated[int, Meta(ge=1)]


class _InName(Wire, frozen=True):
    aandeel: _Fraction | None = None


class _Person(Wire, frozen=True):
    identificatie: str | None = None
    type: str | None = None


class _Holder(Wire, frozen=True):
    type: str | None = None
    tenaamstelling: _InName = _InName()
    persoon: _Person = _Person()


class _Holders(Wire, frozen=True):
    zakelijk_gerechtigden: tuple[_Holder, ...] = ()


class _HolderCollection(msgspec.Struct, frozen=True):
    embedded: _Holders = msgspec.field(name="_embedded", default=_Holders())


async def ask(context: Context, api: Api) -> tuple[Title, ...]:
    """Everything this person has a right on. Raises SourceError when any part of it did not come."""
    body = await api.post(context, "/kadastraalonroerendezaken", Question(context.subject.bsn))
    titles = parse_titles(body) if body is not None else ()
    holders = await together(_holders(context, api, title.estate.cadastral_id or "") for title in titles)
    return tuple(msgspec.structs.replace(t, holders=h) for t, h in zip(titles, holders, strict=True))


async def _holders(context: Context, api: Api, cadastral_id: str) -> tuple[Holder, ...]:
    path = f"/kadastraalonroerendezaken/{quote(cadastral_id, safe='')}/zakelijkgerechtigden"
    body = await api.get(context, path, {"fields": HOLDER_FIELDS})
    return parse_holders(body) if body is not None else ()


def parse_titles(body: bytes) -> tuple[Title, ...]:
    """Read a KadastraalOnroerendeZaakHalCollectie, without what no longer exists. Raises SourceError(unreadable)."""
    found = decode(body, _ObjectCollection).embedded.kadastraal_onroerende_zaken
    return tuple(_title(one) for one in found if not one.indicatie_vervallen)


def parse_holders(body: bytes) -> tuple[Holder, ...]:
    """The holders known by BSN in a ZakelijkGerechtigdeHalCollectie. Raises SourceError(unreadable).

    Numbers of the Kadaster's own persons and of companies look alike: only the type says that one is a BSN.
    """
    found = decode(body, _HolderCollection).embedded.zakelijk_gerechtigden
    return tuple(
        Holder(bsn=one.persoon.identificatie, share=_share(one.tenaamstelling.aandeel), right=one.type)
        for one in found
        if one.persoon.type == "ingeschreven_natuurlijk_persoon" and one.persoon.identificatie
    )


def _share(part: _Fraction | None) -> str | None:
    return f"{part.teller}/{part.noemer}" if part is not None else None


def _title(found: _Object) -> Title:
    at = next(iter(found.adressen), _Address())
    price = found.koopsom
    estate = RealEstate(
        owners=(),
        cadastral_id=found.identificatie,
        cadastral_designation=found.kadastrale_aanduiding,
        object_id=at.adresseerbaar_object_identificatie,
        street=at.straat,
        number=at.huisnummer,
        letter=at.huisletter,
        addition=at.huisnummertoevoeging,
        postcode=at.postcode,
        city=at.woonplaats,
        use=found.aard_cultuur_bebouwd.waarde or found.aard_cultuur_onbebouwd.waarde or found.type,
        area_m2=found.kadastrale_grootte.waarde,
        bought_for=Money(amount=Decimal(price.koopsom), period="once") if price.koopsom is not None else None,
        bought_in=year(price.koopjaar),
        bought_with_others=price.indicatie_met_meer_objecten_verkregen,
        mortgage_registered=bool(found.hypotheek_identificaties),
    )
    return Title(estate=estate, location=_location(found.adressen))


def year(number: int | None) -> PartialDate | None:
    """A year as a partial date; None for what no purchase can date from (0, and 9999 for unknown)."""
    return str(number) if number is not None and 1000 <= number < 9999 else None


def _location(addresses: Iterable[_Address]) -> Location:
    addresses = tuple(addresses)
    keys = (address_key(a.postcode, a.huisnummer, a.huisletter, a.huisnummertoevoeging) for a in addresses)
    return Location(
        object_ids=frozenset(i for a in addresses if (i := a.adresseerbaar_object_identificatie)),
        designation_ids=frozenset(i for a in addresses if (i := a.nummeraanduiding_identificatie)),
        addresses=frozenset(key for key in keys if key),
    )
