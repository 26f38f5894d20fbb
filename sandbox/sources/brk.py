"""The pretend land register: BRK bevragen 2.0, by BSN to objects, and from an object to its owners and mortgages.

Prices and inscriptions are whole euros; a mortgage here is what was inscribed, not what is still owed.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from litestar import Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery, RawBody

from sandbox.personas import HOUSEHOLDS, Seat, by_bsn
from sandbox.personas.facts import Address, Home, Household, Mortgage, Person, Who
from sandbox.sources.brp import full_name
from sandbox.sources.desk import HAL, NothingThere, answer, asked_of, keyed, problem
from sandbox.sources.wire import Json, JsonObject, json_bytes, present
from sandbox.world import World

_PATH = "/kadastraalonroerendezaken"
_STATES = {"marriage": ("1", "Gehuwd"), "partnership": ("3", "Geregistreerd partnerschap")}


class BsnBody(msgspec.Struct, frozen=True, kw_only=True):
    """The question by BSN; `fields` as in the query parameter of that name."""

    burgerservicenummer: str
    fields: str = ""


@post("/brk/kadastraalonroerendezaken", guards=[keyed("brk")], status_code=200)
async def objects(state: State, body: RawBody) -> Response[bytes]:
    """The objects somebody has a right to."""
    world: World = state.world
    try:
        question = msgspec.json.decode(body, type=BsnBody)
    except msgspec.MsgspecError:
        return problem(400, "Een of meerdere parameters zijn niet correct.")
    seat = by_bsn(question.burgerservicenummer)
    return await answer(world, "brk", seat, lambda whose: json_bytes(owned(whose, question.fields)), HAL)


@get("/brk/kadastraalonroerendezaken/{zaak:str}", guards=[keyed("brk")])
async def one_object(state: State, zaak: FromPath[str], fields: FromQuery[str] = "") -> Response[bytes]:
    """One object."""
    return await _about(state.world, zaak, lambda household, home: asked_of(real_estate(household, home), fields))


@get("/brk/kadastraalonroerendezaken/{zaak:str}/zakelijkgerechtigden", guards=[keyed("brk")])
async def owners(state: State, zaak: FromPath[str], fields: FromQuery[str] = "") -> Response[bytes]:
    """Who has a right to the object, and which share."""

    def build(household: Household, home: Home) -> JsonObject:
        rights = [asked_of(title(household, home, who), fields) for who in home.owners]
        return _listed("zakelijkGerechtigden", rights, f"{_PATH}/{home.cadastral_id}/zakelijkgerechtigden")

    return await _about(state.world, zaak, build)


@get("/brk/kadastraalonroerendezaken/{zaak:str}/zakelijkgerechtigden/{recht:str}", guards=[keyed("brk")])
async def one_owner(state: State, zaak: FromPath[str], recht: FromPath[str]) -> Response[bytes]:
    """One right to the object."""

    def build(household: Household, home: Home) -> JsonObject:
        for who in home.owners:
            if _title_id(home, who) == recht:
                return title(household, home, who)
        raise NothingThere

    return await _about(state.world, zaak, build)


@get("/brk/kadastraalonroerendezaken/{zaak:str}/hypotheken", guards=[keyed("brk")])
async def mortgages(state: State, zaak: FromPath[str], fields: FromQuery[str] = "") -> Response[bytes]:
    """What is inscribed on the object."""

    def build(_: Household, home: Home) -> JsonObject:
        loans = [asked_of(inscription(home, loan), fields) for loan in _loans(home)]
        return _listed("hypotheken", loans, f"{_PATH}/{home.cadastral_id}/hypotheken")

    return await _about(state.world, zaak, build)


@get("/brk/kadastraalonroerendezaken/{zaak:str}/hypotheken/{hypotheek:str}", guards=[keyed("brk")])
async def one_mortgage(state: State, zaak: FromPath[str], hypotheek: FromPath[str]) -> Response[bytes]:
    """One inscription."""

    def build(_: Household, home: Home) -> JsonObject:
        for loan in _loans(home):
            if loan.identifier == hypotheek:
                return inscription(home, loan)
        raise NothingThere

    return await _about(state.world, zaak, build)


async def _about(world: World, zaak: str, build: Callable[[Household, Home], JsonObject]) -> Response[bytes]:
    household = next((h for h in HOUSEHOLDS.values() if h.home and h.home.cadastral_id == zaak), None)
    seat = None if household is None else Seat(household=household, role="applicant", person=household.applicant)

    def body(whose: Seat | None) -> bytes:
        if whose is None or whose.household.home is None:
            raise NothingThere
        return json_bytes(build(whose.household, whose.household.home))

    return await answer(world, "brk", seat, body, HAL)


def owned(seat: Seat | None, fields: str = "") -> JsonObject:
    """The objects of the person in `seat`, narrowed to what `fields` asks."""
    home = None if seat is None else seat.household.home
    if seat is None or home is None or not seat.owns(home.owners):
        return {"_links": {"self": {"href": _PATH}}, "_embedded": {}}
    return _listed("kadastraalOnroerendeZaken", [asked_of(real_estate(seat.household, home), fields)], _PATH)


def real_estate(household: Household, home: Home) -> JsonObject:
    """The object itself."""
    here = f"{_PATH}/{home.cadastral_id}"
    rights: list[Json] = [_title_id(home, who) for who in home.owners]
    loans: list[Json] = [loan.identifier for loan in _loans(home)]
    return present(
        identificatie=home.cadastral_id,
        domein="NL.IMKAD.KadastraalObject",
        type="appartementsrecht" if " A" in home.designation else "perceel",
        kadastraleAanduiding=home.designation,
        koopsom={
            "koopsom": home.price_euro,
            "koopjaar": home.bought_in,
            "indicatieMetMeerObjectenVerkregen": False,
        },
        aardCultuurBebouwd={"code": "11", "waarde": "Wonen"},
        kadastraleGrootte={"soortGrootte": {"code": "1", "waarde": "Vastgesteld"}, "waarde": home.area_m2}
        if home.area_m2
        else None,
        adressen=[_address(household.address)],
        zakelijkGerechtigdeIdentificaties=rights,
        hypotheekIdentificaties=loans,
        _links={
            "self": {"href": here},
            "zakelijkGerechtigden": [{"href": f"{here}/zakelijkgerechtigden/{right}"} for right in rights],
            "hypotheken": [{"href": f"{here}/hypotheken/{loan}"} for loan in loans],
        },
    )


def title(household: Household, home: Home, who: Who) -> JsonObject:
    """One owner's right: an equal share, to the whole for one owner, to a half for two."""
    one = household.partner if who == "partner" and household.partner else household.applicant
    other = household.applicant if one is household.partner else household.partner
    union = household.union if len(home.owners) == 2 else None
    code, text = _STATES[union.kind] if union else ("2", "Ongehuwd en geen geregistreerd partnerschap")
    return present(
        identificatie=_title_id(home, who),
        type="eigenaar",
        aanvangsdatum=f"{home.bought_in}-06-01",
        tenaamstelling=present(
            aandeel={"teller": 1, "noemer": len(home.owners)},
            burgerlijkeStaatTenTijdeVanVerkrijging={"code": code, "waarde": text},
            betrokkenPartner=_person(other) if union and other else None,
        ),
        persoon=_person(one),
        _links={"self": {"href": f"{_PATH}/{home.cadastral_id}/zakelijkgerechtigden/{_title_id(home, who)}"}},
    )


def inscription(home: Home, loan: Mortgage) -> JsonObject:
    """A registered mortgage: the amount of security, and who lent."""
    return {
        "identificatie": loan.identifier,
        "domein": "NL.IMKAD.ZekerheidsRecht",
        "bedragZekerheidsstelling": {
            "som": float(loan.registered_euro),
            "valuta": {"code": "EUR", "waarde": "Euro"},
        },
        "hypotheekhouders": [
            {
                "identificatie": "990100042",
                "omschrijving": loan.lender,
                "type": "kadaster_niet_natuurlijk_persoon",
            }
        ],
        "_links": {"self": {"href": f"{_PATH}/{home.cadastral_id}/hypotheken/{loan.identifier}"}},
    }


def _loans(home: Home) -> tuple[Mortgage, ...]:
    return () if home.mortgage is None else (home.mortgage,)


def _title_id(home: Home, who: Who) -> str:
    return f"{home.cadastral_id}{home.owners.index(who) + 1}"


def _person(one: Person) -> JsonObject:
    return {"identificatie": one.bsn, "omschrijving": full_name(one), "type": "ingeschreven_natuurlijk_persoon"}


def _address(address: Address) -> JsonObject:
    return present(
        straat=address.street,
        huisnummer=address.number,
        huisletter=address.letter,
        huisnummertoevoeging=address.addition,
        postcode=address.postcode,
        woonplaats=address.city,
        nummeraanduidingIdentificatie=address.designation_id,
        adresseerbaarObjectIdentificatie=address.object_id,
    )


def _listed(name: str, items: list[JsonObject], path: str) -> JsonObject:
    return {"_links": {"self": {"href": path}}, "_embedded": {name: items}}
