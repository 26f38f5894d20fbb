"""The pretend BRP: answers `POST /brp/personen` as the BRP API Personen 2.7.0 does, giving only the `fields` asked.

Source of the format: the public OpenAPI document of that API. Knows one question: by BSN.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec
from litestar import Response, post
from litestar.datastructures import State
from litestar.params import RawBody

from sandbox.personas import Seat, by_bsn
from sandbox.personas.facts import Address, Country, ForeignAddress, Person, Union
from sandbox.sources.desk import JSON, answer, keyed, problem
from sandbox.sources.wire import Json, JsonObject, json_bytes, narrowed, present
from sandbox.world import World

_KIND = "RaadpleegMetBurgerservicenummer"
_MONTHS = (
    "januari",
    "februari",
    "maart",
    "april",
    "mei",
    "juni",
    "juli",
    "augustus",
    "september",
    "oktober",
    "november",
    "december",
)
_GENDERS = {"M": "man", "V": "vrouw", "O": "onbekend"}
_FORMS = {"marriage": ("H", "huwelijk"), "partnership": ("P", "geregistreerd partnerschap")}

# Delivered of themselves when there is something to deliver: asking for them is a mistake (fields documentation of the
# API). `type` says which variant a block is, so it comes along with any part of it.
_UNASKED = frozenset(
    {"inOnderzoek", "geheimhoudingPersoonsgegevens", "opschortingBijhouding", "rni", "verificatie", "type"}
)
_ASKABLE = frozenset(
    {
        "aNummer",
        "adressering",
        "burgerservicenummer",
        "datumEersteInschrijvingGBA",
        "datumInschrijvingInGemeente",
        "europeesKiesrecht",
        "geboorte",
        "gemeenteVanInschrijving",
        "geslacht",
        "gezag",
        "immigratie",
        "indicatieCurateleRegister",
        "indicatieGezagMinderjarige",
        "kinderen",
        "leeftijd",
        "naam",
        "nationaliteiten",
        "ouders",
        "overlijden",
        "partners",
        "uitsluitingKiesrecht",
        "verblijfplaats",
        "verblijfstitel",
    }
)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The request body; one BSN per question is all the sandbox answers."""

    type: str
    burgerservicenummer: tuple[str, ...]
    fields: tuple[str, ...]


@post("/brp/personen", guards=[keyed("brp")], status_code=200)
async def personen(state: State, body: RawBody) -> Response[bytes]:
    """Answer one question by BSN, or 400 when it is not one."""
    world: World = state.world
    try:
        question = msgspec.json.decode(body, type=Question)
    except msgspec.MsgspecError:
        return problem(400, "Een of meerdere parameters zijn niet correct.")
    wrong_fields = any(path.split(".")[0] not in _ASKABLE for path in question.fields)
    if question.type != _KIND or len(question.burgerservicenummer) != 1 or not question.fields or wrong_fields:
        return problem(400, "Een of meerdere parameters zijn niet correct.")
    seat = by_bsn(question.burgerservicenummer[0])
    today = world.today()
    return await answer(world, "brp", seat, lambda whose: reply(whose, question.fields, today), JSON)


def reply(seat: Seat | None, fields: Sequence[str], today: date) -> bytes:
    """The whole answer; somebody unknown is an empty list, as in the real API."""
    people: list[Json] = [] if seat is None else [narrowed(person(seat, today), fields, _UNASKED)]
    return json_bytes({"type": _KIND, "personen": people})


def person(seat: Seat, today: date) -> JsonObject:
    """Everything the register knows of the person in `seat`."""
    one = seat.person
    return present(
        burgerservicenummer=one.bsn,
        geslacht=_gender(one),
        leeftijd=_age(one.born, today),
        naam={**_name(one), "volledigeNaam": full_name(one), "aanduidingNaamgebruik": _OWN_NAME},
        geboorte=_birth(one),
        overlijden=_death(one),
        opschortingBijhouding=present(reden=_code("O", "overlijden"), datum=when(one.died)) if one.died else None,
        geheimhoudingPersoonsgegevens=True if one.confidential else None,
        nationaliteiten=[_nationality(one.nationality)],
        verblijfplaats=_residence(one, seat.household.address),
        gemeenteVanInschrijving=_code("9901", "Zandstad") if one.abroad is None else None,
        partners=_partners(seat),
        kinderen=[] if seat.role in ("child", "stranger") else [_child(child) for child in seat.household.children],
    )


def when(text: str) -> JsonObject:
    """A date in the API's polymorphic form, from `2013-02-07`, `2013-02`, `2013` or nothing."""
    parts = [int(part) for part in text.split("-")] if text else []
    if not parts:
        return {"type": "DatumOnbekend", "onbekend": True, "langFormaat": "onbekend"}
    if len(parts) == 1:
        return {"type": "JaarDatum", "jaar": parts[0], "langFormaat": str(parts[0])}
    month = _MONTHS[parts[1] - 1]
    if len(parts) == 2:
        return {"type": "JaarMaandDatum", "jaar": parts[0], "maand": parts[1], "langFormaat": f"{month} {parts[0]}"}
    return {"type": "Datum", "datum": text, "langFormaat": f"{parts[2]} {month} {parts[0]}"}


def full_name(one: Person) -> str:
    """Given names, prefix and surname in the order they are written."""
    return " ".join(part for part in (one.given_names, one.prefix, one.surname) if part)


def initials(one: Person) -> str:
    """`Anneke Roos` is `A.R.`."""
    return "".join(f"{name[0]}." for name in one.given_names.split())


def _code(code: str, text: str) -> JsonObject:
    return {"code": code, "omschrijving": text}


_OWN_NAME = _code("E", "eigen geslachtsnaam")


def _gender(one: Person) -> JsonObject:
    return _code(one.gender, _GENDERS[one.gender])


def _name(one: Person) -> JsonObject:
    return present(
        voornamen=one.given_names, voorvoegsel=one.prefix, geslachtsnaam=one.surname, voorletters=initials(one)
    )


def _birth(one: Person) -> JsonObject:
    return present(datum=when(one.born), plaats={"omschrijving": one.birth_place}, land=_country(one.birth_country))


def _death(one: Person) -> JsonObject | None:
    return {"datum": when(one.died)} if one.died else None


def _country(country: Country) -> JsonObject:
    return _code(country.code, country.name)


def _nationality(country: Country) -> JsonObject:
    return {"type": "Nationaliteit", "nationaliteit": _code(country.nationality_code, country.nationality)}


def _age(born: str, today: date) -> int | None:
    """Full years; not told when the birth date is not complete, which is what the register does too."""
    if len(born) != 10:
        return None
    birth = date.fromisoformat(born)
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


def _residence(one: Person, home: Address) -> JsonObject:
    return _abroad(one.abroad) if one.abroad is not None else _at(one.address or home)


def _at(address: Address) -> JsonObject:
    doubt = {"adresseerbaarObjectIdentificatie": True, "datumIngangOnderzoek": when(address.doubted_since)}
    return present(
        type="Adres",
        verblijfadres=present(
            officieleStraatnaam=address.street,
            korteStraatnaam=address.street,
            huisnummer=address.number,
            huisletter=address.letter,
            huisnummertoevoeging=address.addition,
            postcode=address.postcode,
            woonplaats=address.city,
        ),
        functieAdres=_code("W", "woonadres"),
        datumVan=when(address.since),
        adresseerbaarObjectIdentificatie=address.object_id,
        nummeraanduidingIdentificatie=address.designation_id,
        inOnderzoek=doubt if address.doubted_since else None,
    )


def _abroad(address: ForeignAddress) -> JsonObject:
    lines: dict[str, Json] = {f"regel{number}": line for number, line in enumerate(address.lines, 1)}
    return {
        "type": "VerblijfplaatsBuitenland",
        "verblijfadres": {**lines, "land": _country(address.country)},
        "datumVan": when(address.since),
    }


def _partners(seat: Seat) -> list[Json]:
    """The register knows a partner by marriage or registered partnership only."""
    union, other = seat.household.union, seat.spouse
    if union is None or other is None:
        return []
    return [_partner(other, union)]


def _partner(other: Person, union: Union) -> JsonObject:
    place = {"omschrijving": union.place}
    return present(
        burgerservicenummer=other.bsn,
        naam=_name(other),
        geslacht=_gender(other),
        geboorte=_birth(other),
        soortVerbintenis=_code(*_FORMS[union.kind]),
        aangaanHuwelijkPartnerschap={"datum": when(union.since), "plaats": place, "land": _country(union.country)},
        ontbindingHuwelijkPartnerschap={"datum": when(union.ended)} if union.ended else None,
    )


def _child(child: Person) -> JsonObject:
    return present(burgerservicenummer=child.bsn, naam=_name(child), geboorte=_birth(child))
