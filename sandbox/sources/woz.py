"""The pretend WOZ: answers `GET /woz/wozobjecten` and `/woz/wozobjecten/{id}` as Haal Centraal WOZ bevragen 1.0 does.

Values are whole euros. Like the real one it is asked by address or object, never by BSN.
"""

from __future__ import annotations

from collections.abc import Mapping

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery

from sandbox.personas import HOUSEHOLDS, Seat
from sandbox.personas.facts import Address, Home, Household, Person, WozValue
from sandbox.sources.brp import full_name, initials
from sandbox.sources.desk import HAL, NothingThere, answer, asked_of, keyed, problem
from sandbox.sources.wire import Json, JsonObject, json_bytes, present
from sandbox.world import World

_SEARCHES = ("adresseerbaarObjectIdentificatie", "nummeraanduidingIdentificatie", "postcode")


@get("/woz/wozobjecten", guards=[keyed("woz")])
async def wozobjecten(state: State, request: Request[None, None, State]) -> Response[bytes]:
    """Search by BAG id, or by postcode and house number; 400 for a search without either."""
    world: World = state.world
    asked = dict(request.query_params.items())
    if not any(name in asked for name in _SEARCHES):
        return problem(400, "Minimale combinatie van parameters moet worden opgegeven.")
    household = next((h for h in HOUSEHOLDS.values() if matches(h.address, asked)), None)
    seat = None if household is None else Seat(household=household, role="applicant", person=household.applicant)
    fields = asked.get("fields", "")
    return await answer(world, "woz", seat, lambda whose: json_bytes(collection(whose, fields)), HAL)


@get("/woz/wozobjecten/{identificatie:str}", guards=[keyed("woz")])
async def wozobject(state: State, identificatie: FromPath[str], fields: FromQuery[str] = "") -> Response[bytes]:
    """One object by its WOZ number."""
    world: World = state.world
    household = next((h for h in HOUSEHOLDS.values() if h.home and h.home.woz_id == identificatie), None)
    seat = None if household is None else Seat(household=household, role="applicant", person=household.applicant)

    def build(whose: Seat | None) -> bytes:
        if whose is None or whose.household.home is None:
            raise NothingThere
        return json_bytes(asked_of(woz_object(whose.household, whose.household.home), fields))

    return await answer(world, "woz", seat, build, HAL)


def matches(address: Address, asked: Mapping[str, str]) -> bool:
    """Whether `address` meets every search parameter that was given."""
    own = {
        "adresseerbaarObjectIdentificatie": address.object_id,
        "nummeraanduidingIdentificatie": address.designation_id,
        "postcode": address.postcode,
        "huisnummer": str(address.number),
        "huisletter": address.letter,
        "huisnummertoevoeging": address.addition,
    }
    return all(own[name] == value for name, value in asked.items() if name in own)


def collection(seat: Seat | None, fields: str) -> JsonObject:
    """What a search found: one object, or none for a home nobody here owns."""
    home = None if seat is None else seat.household.home
    found: list[Json] = [] if seat is None or home is None else [asked_of(woz_object(seat.household, home), fields)]
    return {"_links": {"self": {"href": "/wozobjecten"}}, "_embedded": {"wozObjecten": found}}


def woz_object(household: Household, home: Home) -> JsonObject:
    """One object with its values, newest first. The register names one interested owner, even of a joint home."""
    user = household.partner if len(home.owners) == 2 and household.partner else household.applicant
    return present(
        identificatie=home.woz_id,
        aanduiding=_designation(household.address),
        adresseerbaarObjectIdentificaties=[household.address.object_id],
        pandIdentificaties=[home.building_id],
        grondoppervlakte=home.area_m2,
        belanghebbendeEigenaar=_party(household.applicant),
        belanghebbendeGebruiker=_party(user),
        kadastraalOnroerendeZaken=[{"identificatie": home.cadastral_id, "aanduidingMetGemeentenaam": home.designation}],
        verantwoordelijkeGemeente={"code": "9901", "omschrijving": household.address.city},
        waarden=[_value(value) for value in home.values],
        _links={"self": {"href": f"/wozobjecten/{home.woz_id}"}},
    )


def _designation(address: Address) -> JsonObject:
    return present(
        straat=address.street,
        huisnummer=address.number,
        huisletter=address.letter,
        huisnummertoevoeging=address.addition,
        postcode=address.postcode,
        woonplaats=address.city,
        nummeraanduidingIdentificatie=address.designation_id,
    )


def _party(one: Person) -> JsonObject:
    name = " ".join(part for part in (initials(one), one.prefix, one.surname) if part)
    return present(burgerservicenummer=one.bsn, naam=name or full_name(one), type="natuurlijk_persoon")


def _value(value: WozValue) -> JsonObject:
    """The value date is 1 January of the year before the tax year it holds for."""
    return {
        "vastgesteldeWaarde": value.euro,
        "waardepeildatum": f"{value.year}-01-01",
        "ingangsdatum": f"{value.year + 1}-01-01",
        "beschikkingsStatussen": ["beschikking_genomen"],
        "indicatieBezwaarBeroep": False,
    }
