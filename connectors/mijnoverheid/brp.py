"""The persons register (BRP Personen 2.7.0): asks exactly the fields a profile needs and reads the answer.

Owns the way from a BSN to person, partners, children and address. It knows no other register.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from connectors.contract import Context, Field, SourceError
from connectors.mijnoverheid.brp_messages import (
    AnyDate,
    Datum,
    Geboorte,
    JaarDatum,
    JaarMaandDatum,
    Kind,
    Listed,
    Naam,
    Nationaliteit,
    Partner,
    Personen,
    Persoon,
    Question,
    Title,
    Verblijfadres,
    Verblijfplaats,
)
from connectors.mijnoverheid.brp_wholeness import lost
from connectors.mijnoverheid.estate import Location, address_key
from connectors.mijnoverheid.register import Api, decode
from connectors.unread import unread
from schemas.base import PartialDate, partial_date
from schemas.household import Address, Name, Person, Relation, RelationKind
from schemas.records import SELF, Finding, SourceRecords

_NAME = ("naam.voornamen", "naam.adellijkeTitelPredicaat", "naam.voorvoegsel", "naam.geslachtsnaam", "naam.voorletters")
_RELATED = ("burgerservicenummer", *_NAME, "geboorte.datum")
_PLACE = (
    "verblijfplaats.type",
    "verblijfplaats.adresseerbaarObjectIdentificatie",
    "verblijfplaats.nummeraanduidingIdentificatie",
    "verblijfplaats.verblijfadres.postcode",
    "verblijfplaats.verblijfadres.huisnummer",
    "verblijfplaats.verblijfadres.huisletter",
    "verblijfplaats.verblijfadres.huisnummertoevoeging",
)
_FIELDS: dict[Field, tuple[str, ...]] = {
    "person.name": (*_NAME, "naam.volledigeNaam"),
    "person.birth": ("geboorte.datum", "geboorte.plaats", "geboorte.land"),
    "person.gender": ("geslacht",),
    "person.nationality": ("nationaliteiten.type", "nationaliteiten.nationaliteit"),
    "address": (
        "verblijfplaats.type",
        "verblijfplaats.verblijfadres",
        "verblijfplaats.functieAdres",
        "verblijfplaats.datumVan",
        "verblijfplaats.indicatieVastgesteldVerblijftNietOpAdres",
        "verblijfplaats.adresseerbaarObjectIdentificatie",
        "verblijfplaats.nummeraanduidingIdentificatie",
        "gemeenteVanInschrijving",
    ),
    "relation.partner": (
        *(f"partners.{field}" for field in _RELATED),
        "partners.soortVerbintenis",
        "partners.aangaanHuwelijkPartnerschap.datum",
        "partners.ontbindingHuwelijkPartnerschap.datum",
    ),
    "relation.children": tuple(f"kinderen.{field}" for field in _RELATED),
}

_GENDERS: dict[str | None, Literal["male", "female", "unknown"]] = {"M": "male", "V": "female", "O": "unknown"}
_FORMS: dict[str | None, Literal["marriage", "registered-partnership"]] = {
    "H": "marriage",
    "P": "registered-partnership",
}
_WITHOUT_NATIONALITY = {
    "Nationaliteit": "Onbekend",
    "BehandeldAlsNederlander": "Behandeld als Nederlander",
    "VastgesteldNietNederlander": "Vastgesteld niet-Nederlander",
    "Staatloos": "Staatloos",
    "NationaliteitOnbekend": "Onbekend",
}
_DECEASED = "O"
_LETTER_ADDRESS = "B"
_UNKNOWN = "0000"


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """What the register says about one person; `home` is where a WOZ object of theirs may lie."""

    records: SourceRecords
    home: Location | None = None


def requested(fields: frozenset[Field], *, place: bool) -> tuple[str, ...]:
    """The `fields` of the question for a profile's fields: the BSN to check, and nothing that is not needed.

    `place` adds what the WOZ register must know to find a home.
    """
    wanted = ["burgerservicenummer"]
    for field, names in _FIELDS.items():
        if field in fields:
            wanted.extend(names)
    if place and "address" not in fields:
        wanted.extend(_PLACE)
    return tuple(wanted)


async def ask(context: Context, api: Api, *, place: bool) -> Registered | None:
    """What the register says about this person; None when it does not know them. Raises SourceError.

    What was asked and is not in the answer is said, unless nothing else is in it: then it is unreadable.
    """
    bsn = context.subject.bsn
    question = Question(burgerservicenummer=(bsn,), fields=requested(context.fields, place=place))
    body = await api.post(context, "/personen", question)
    if body is None:
        return None
    found, missing = parse(body, bsn), lost(body, context.fields)
    if found is None or not missing:
        return found
    if found.records == SourceRecords(persons=(Person(id=SELF, bsn=bsn),)):
        raise SourceError("unreadable", "nothing that was asked stands in the answer")
    findings = (*found.records.findings, *unread("mijnoverheid", "brp-unread", missing))
    return msgspec.structs.replace(found, records=msgspec.structs.replace(found.records, findings=findings))


def parse(body: bytes, bsn: str) -> Registered | None:
    """Read the answer to a question about `bsn`; None for an empty list.

    Raises SourceError: wrong-person for an answer about somebody else, unreadable for anything else that is not one
    person.
    """
    found = decode(body, Personen).personen
    if any(person.burgerservicenummer not in (bsn, None) for person in found):
        raise SourceError("wrong-person", "the answer is about another person", retryable=False)
    if len(found) > 1 or any(person.burgerservicenummer is None for person in found):
        raise SourceError("unreadable", "the answer is not about one person")
    return _registered(found[0]) if found else None


def date(value: AnyDate | None) -> PartialDate | None:
    """A polymorphic date as a partial date; None when it is unknown."""
    match value:
        case Datum(datum=full):
            return partial_date(full.isoformat())
        case JaarMaandDatum(jaar=year, maand=month):
            return partial_date(f"{year:04d}-{month:02d}-00")
        case JaarDatum(jaar=year):
            return partial_date(f"{year:04d}-00-00")
        case _:
            return None


def _registered(person: Persoon) -> Registered:
    related = (*_partners(person.partners), *_children(person.kinderen))
    records = SourceRecords(
        persons=(_self(person), *(someone for someone, _ in related)),
        relations=tuple(relation for _, relation in related),
        addresses=tuple(_addresses(person)),
        findings=tuple(_suspended(person)),
    )
    return Registered(records=records, home=_home(person.verblijfplaats))


def _self(person: Persoon) -> Person:
    suspended = person.opschorting_bijhouding
    death = person.overlijden
    if death is None and suspended is not None and suspended.reden.code == _DECEASED:
        deceased, since = True, date(suspended.datum)
    else:
        deceased, since = death is not None, date(death.datum if death else None)
    return Person(
        id=SELF,
        bsn=person.burgerservicenummer,
        name=name(person.naam),
        birth_date=date(person.geboorte.datum),
        birth_place=_said(person.geboorte.plaats),
        birth_country=_said(person.geboorte.land),
        gender=_GENDERS.get(person.geslacht.code),
        nationalities=tuple(_nationality(one) for one in person.nationaliteiten),
        deceased=deceased,
        deceased_date=since,
        confidential=person.geheimhouding_persoonsgegevens,
        under_investigation=tuple(_doubts(person)),
    )


def _doubts(person: Persoon) -> Iterator[str]:
    """The blocks of the person that are `inOnderzoek`, in the words of a profile's fields."""
    blocks = {
        "bsn": person.in_onderzoek.burgerservicenummer,
        "name": person.naam.in_onderzoek is not None,
        "birth": person.geboorte.in_onderzoek is not None,
        "gender": person.in_onderzoek.geslacht,
        "nationality": any(one.in_onderzoek is not None for one in person.nationaliteiten),
        "death": person.overlijden is not None and person.overlijden.in_onderzoek is not None,
    }
    return (block for block, doubtful in blocks.items() if doubtful)


def _suspended(person: Persoon) -> Iterator[Finding]:
    """A register that is no longer kept up (emigration, a mistake) says so; death has a field of its own."""
    suspended = person.opschorting_bijhouding
    if suspended is not None and suspended.reden.code != _DECEASED:
        yield Finding(kind="source-note", code="brp-suspended", person=SELF, text=suspended.reden.omschrijving)


def name(naam: Naam) -> Name | None:
    """A name with its form for on screen: the register's own, else its parts in the order of the Logisch Ontwerp.

    None when the register knows no part of it.
    """
    full = naam.volledige_naam or " ".join(_in_order(naam))
    if not full:
        return None
    return Name(
        full=full,
        given_names=naam.voornamen,
        initials=naam.voorletters,
        prefix=naam.voorvoegsel,
        surname=naam.geslachtsnaam,
    )


def _in_order(naam: Naam) -> Iterator[str]:
    honour = naam.adellijke_titel_predicaat or Title()
    before, between = (honour.omschrijving, None) if honour.soort == "predicaat" else (None, honour.omschrijving)
    given = naam.voornamen or naam.voorletters
    return (part for part in (before, given, between, naam.voorvoegsel, naam.geslachtsnaam) if part)


def _said(entry: Listed) -> str | None:
    """A table entry as a reader knows it; its bare code when the register's own table is older than the entry."""
    return entry.omschrijving or (entry.code if entry.code != _UNKNOWN else None)


def _nationality(one: Nationaliteit) -> str:
    known = _said(one.nationaliteit) if one.type == "Nationaliteit" else None
    return known or _WITHOUT_NATIONALITY[one.type]


def _partners(partners: tuple[Partner, ...]) -> Iterator[tuple[Person, Relation]]:
    """The present partner is `partner`; more than one (a foreign marriage) are numbered on, dissolved ones apart."""
    present = [partner for partner in partners if partner.ontbinding_huwelijk_partnerschap is None]
    former = [partner for partner in partners if partner.ontbinding_huwelijk_partnerschap is not None]
    for number, partner in enumerate(present, start=1):
        yield _partner(partner, "partner" if number == 1 else f"partner-{number}", "partner")
    for number, partner in enumerate(former, start=1):
        yield _partner(partner, f"ex-partner-{number}", "ex-partner")


def _partner(partner: Partner, id_: str, kind: RelationKind) -> tuple[Person, Relation]:
    begin, end = partner.aangaan_huwelijk_partnerschap, partner.ontbinding_huwelijk_partnerschap
    doubtful = any(block and block.in_onderzoek for block in (partner, begin, end))
    relation = Relation(
        person=id_,
        kind=kind,
        of=SELF,
        form=_FORMS.get(partner.soort_verbintenis.code),
        since=date(begin.datum),
        until=date(end.datum) if end else None,
    )
    return _third(partner, id_, doubtful=doubtful), relation


def _children(children: Iterable[Kind]) -> Iterator[tuple[Person, Relation]]:
    for number, child in enumerate(children, start=1):
        id_ = f"child-{number}"
        yield (
            _third(child, id_, doubtful=child.in_onderzoek is not None),
            Relation(person=id_, kind="child", of=SELF),
        )


def _third(someone: Partner | Kind, id_: str, *, doubtful: bool) -> Person:
    """Of third persons only name, birth date, and the BSN by which a partner who logs in is recognised."""
    blocks: dict[str, Naam | Geboorte] = {"name": someone.naam, "birth": someone.geboorte}
    doubts = [block for block, part in blocks.items() if part.in_onderzoek is not None]
    return Person(
        id=id_,
        bsn=someone.burgerservicenummer,
        name=name(someone.naam),
        birth_date=date(someone.geboorte.datum),
        under_investigation=(*doubts, *(["relation"] if doubtful else [])),
    )


def _addresses(person: Persoon) -> Iterator[Address]:
    place = person.verblijfplaats
    if place is None:
        return
    at = place.verblijfadres
    doubtful = place.in_onderzoek or at.in_onderzoek or place.indicatie_vastgesteld_verblijft_niet_op_adres
    address = Address(persons=(SELF,), since=date(place.datum_van), under_investigation=bool(doubtful))
    if place.type == "VerblijfplaatsOnbekend":
        yield msgspec.structs.replace(address, kind="unknown")
    elif place.type == "VerblijfplaatsBuitenland":
        lines = tuple(line for line in (at.regel1, at.regel2, at.regel3) if line)
        yield msgspec.structs.replace(address, kind="foreign", lines=lines, country=_said(at.land))
    elif place.type == "Locatie":
        lines = (at.locatiebeschrijving,) if at.locatiebeschrijving else ()
        municipality = _said(person.gemeente_van_inschrijving)
        yield msgspec.structs.replace(address, kind="location", lines=lines, municipality=municipality)
    else:
        yield _dutch(address, place, _said(person.gemeente_van_inschrijving))


def _dutch(address: Address, place: Verblijfplaats, municipality: str | None) -> Address:
    at = place.verblijfadres
    return msgspec.structs.replace(
        address,
        kind="letter" if place.functie_adres.code == _LETTER_ADDRESS else "residence",
        street=at.officiele_straatnaam or at.korte_straatnaam,
        number=at.huisnummer,
        letter=at.huisletter,
        addition=at.huisnummertoevoeging,
        postcode=_postcode(at),
        city=at.woonplaats,
        municipality=municipality,
        lines=(at.aanduiding_bij_huisnummer.omschrijving,) if at.aanduiding_bij_huisnummer.omschrijving else (),
        object_id=place.adresseerbaar_object_identificatie,
    )


def _postcode(at: Verblijfadres) -> str | None:
    return at.postcode.replace(" ", "").upper() if at.postcode else None


def _home(place: Verblijfplaats | None) -> Location | None:
    if place is None or place.type != "Adres":
        return None
    at = place.verblijfadres
    key = address_key(at.postcode, at.huisnummer, at.huisletter, at.huisnummertoevoeging)
    objects, designations = place.adresseerbaar_object_identificatie, place.nummeraanduiding_identificatie
    if not (key or objects or designations):
        return None
    return Location(
        object_ids=frozenset({objects} if objects else ()),
        designation_ids=frozenset({designations} if designations else ()),
        addresses=frozenset({key} if key else ()),
    )
