"""The pretend tax office: a GraphQL service over a subset of the government's draft profile of it.

Amounts are euros as floats. The draft names no way from a person to the facts about them; `heeft…` edges fill that in.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

import msgspec
from graphql import build_schema, graphql_sync
from litestar import Response, post
from litestar.datastructures import State
from litestar.params import RawBody

from sandbox.personas import Seat, by_bsn
from sandbox.personas.facts import Account, Allowance, Assessment, Debt, Home, Household, Mortgage, Person
from sandbox.sources.desk import JSON, answer, keyed, problem
from sandbox.sources.tax_schema import SDL
from sandbox.sources.wire import Json, JsonObject
from sandbox.world import World

_SCHEMA = build_schema(SDL)
_NINE_DIGITS = re.compile(rb"\b[0-9]{9}\b")
_IDS = uuid.UUID("99900000-0000-5000-8000-000000000999")
_GENDERS = {"M": "Man", "V": "Vrouw", "O": "VastgesteldOnbekend"}


class Question(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A GraphQL request."""

    query: str
    variables: dict[str, Any] = {}
    operation_name: str | None = None


@post(["/belastingdienst", "/belastingdienst/graphql"], guards=[keyed("belastingdienst")], status_code=200)
async def belastingdienst(state: State, body: RawBody) -> Response[bytes]:
    """Run a query; errors of the query itself travel in the answer, as GraphQL has it."""
    world: World = state.world
    try:
        question = msgspec.json.decode(body, type=Question)
    except msgspec.MsgspecError:
        return problem(400, "Geen GraphQL-verzoek.")
    asked = _NINE_DIGITS.search(body)
    seat = by_bsn(asked.group().decode()) if asked else None
    return await answer(world, "belastingdienst", seat, lambda whose: reply(whose, question), JSON)


def reply(seat: Seat | None, question: Question) -> bytes:
    """The answer to `question` when the person it asks for is the one in `seat`."""

    def one(_: object, **__: str) -> JsonObject | None:
        return None if seat is None else taxpayer(seat)

    def everybody(_: object) -> list[Json]:
        raise PermissionError("Alleen op bsn")  # a list of everybody is nobody's business

    root = {"ingeschrevenPersoon": one, "ingeschrevenPersoonLijst": everybody}
    result = graphql_sync(
        _SCHEMA, question.query, root, variable_values=question.variables, operation_name=question.operation_name
    )
    return msgspec.json.encode(result.formatted)


def taxpayer(seat: Seat) -> JsonObject:
    """Everything the tax office knows of the person in `seat`, for the schema to pick from."""
    one, household = seat.person, seat.household
    home = household.home if household.home and seat.owns(household.home.owners) else None
    partner = _fiscal_partner(seat)
    return {
        **_natural(one),
        "bsn": one.bsn,
        "inOnderzoek": "Nee",
        "heeftBelastingjaarAangifte": [_return(one, item) for item in one.assessments],
        "heeftVermogensBestanddeel": [
            *(_asset(one, household, item) for item in household.accounts if seat.owns(item.owners)),
            *(_debt(one, household, item) for item in household.debts if seat.owns(item.owners)),
        ],
        "heeftAftrekpost": [_deduction(household, home, home.mortgage)] if home and home.mortgage else [],
        "heeftEigenWoning": [_own_home(household, home)] if home else [],
        "heeftToeslag": [_allowance(one, item) for item in one.allowances],
        "heeftFiscalePartner": [partner] if partner else [],
    }


def _money(cents: int) -> JsonObject:
    return {"waarde": cents / 100, "valuta": "EUR"}


def _natural(one: Person) -> JsonObject:
    # DatumIncompleet has zeros on the unknown places, GBO draft.
    born = f"{one.born}-00-00"[:10] if one.born else None
    return {
        "ID": str(uuid.uuid5(_IDS, f"{one.bsn} {one.surname}")),
        "geslachtsnaam": one.surname,
        "voornamen": one.given_names,
        "voorvoegsel": one.prefix or None,
        "geboortedatum": born,
        "geboorteplaats": one.birth_place,
        "geboorteland": one.birth_country.iso,
        "geslacht": _GENDERS[one.gender],
    }


def _return(one: Person, item: Assessment) -> JsonObject:
    return {
        "__typename": "AangifteIH",
        "aangifteIdentificatie": f"ZANDBAK-IH-{uuid.uuid5(_IDS, one.bsn).hex[:8]}-{item.year}",
        "indieningsdatum": item.filed_on,
        "status": item.status,
        "belastingjaar": item.year,
        "belastingsoort": "IH",
        "ingangsdatumAangifte": f"{item.year}-01-01",
        "einddatumAangifte": f"{item.year}-12-31",
        "ingediendDoor": _natural(one),
        "verzamelinkomen": _money(item.box1 + item.box2 + item.box3),
        "box1Inkomen": _money(item.box1),
        "box2Inkomen": _money(item.box2),
        "box3Inkomen": _money(item.box3),
        "boxCategorie": ["Box1WerkEnWoning"],
    }


def _fact(one: Person, household: Household, kind: str, category: str, cents: int) -> JsonObject:
    """What every part of box 3 has: its value on 1 January of the tax year."""
    return {
        "__typename": kind,
        "peildatum": f"{household.tax_year}-01-01",
        "belastingjaar": household.tax_year,
        "categorie": category,
        "waardePeildatum": _money(cents),
        "houderVan": _natural(one),
        "valuta": "EUR",
    }


def _asset(one: Person, household: Household, item: Account) -> JsonObject:
    if item.kind == "securities":
        fact = _fact(one, household, "Belegging", "Beleggingsfondsen", item.balance)
        return {**fact, "categorieEffect": item.name, "marktwaardePeildatum": _money(item.balance)}
    if item.kind == "crypto":
        fact = _fact(one, household, "Cryptovaluta", "Cryptovaluta", item.balance)
        return {**fact, "tokenSymbool": item.name, "marktwaardePeildatum": _money(item.balance)}
    category = "BanktegoedBinnenland" if item.country.iso == "NL" else "BanktegoedBuitenland"
    fact = _fact(one, household, "BankSpaartegoed", category, item.balance)
    return {**fact, "iban": item.name, "saldoPeildatum": _money(item.balance), "land": item.country.iso}


def _debt(one: Person, household: Household, item: Debt) -> JsonObject:
    return {
        **_fact(one, household, "Schuld", "Schuld", item.balance),
        "schuldsoort": item.kind,
        "openstaandSaldoPeildatum": _money(item.balance),
        "rentepercentage": item.rate,
        "einddatumRentevasteperiode": item.fixed_until or None,
    }


def _own_home(household: Household, home: Home) -> JsonObject:
    """The WOZ value that counts for a tax year is the one of a year before."""
    value = next((v for v in home.values if v.year == household.tax_year - 1), home.values[-1])
    return {
        "wozWaarde": _money(value.euro * 100),
        "eigenwoningForfait": _money(value.euro * 35 // 100),
        "eigenwoningSchuldSaldo": _money(home.mortgage.balance_end) if home.mortgage else None,
        "ingangsdatumRegime": f"{home.bought_in}-06-01",
        "gekoppeldAan": f"NL.IMKAD.KadastraalObject.{home.cadastral_id}",
    }


def _deduction(household: Household, home: Home, loan: Mortgage) -> JsonObject:
    return {
        "__typename": "Hypotheekrenteaftrek",
        "peildatum": f"{household.tax_year}-12-31",
        "belastingjaar": household.tax_year,
        "categorie": "Hypotheekrenteaftrek",
        "bedragJaar": _money(loan.interest),
        "renteJaar": _money(loan.interest),
        "eigenwoningSchuldSaldoStart": _money(loan.balance_start),
        "eigenwoningSchuldSaldoEinde": _money(loan.balance_end),
        "aflossingsschema": "Annuitair",
        "betreft": _own_home(household, home),
    }


def _allowance(one: Person, item: Allowance) -> JsonObject:
    return {
        "__typename": item.kind,
        "identificatie": f"ZANDBAK-{item.kind}-{uuid.uuid5(_IDS, one.bsn).hex[:8]}",
        "ingangsdatum": item.since,
        "einddatum": item.until,
        "bedragPeriode": _money(item.monthly * 12),
        "toeslagSoort": item.kind.replace("Toeslag", "toeslag").replace("Budget", "budget"),
        "bedragMaand": _money(item.monthly),
        "isVoorlopig": "Ja" if item.provisional else "Nee",
        "toegekendAan": _natural(one),
        "rekenhuur": _money(item.rent),
        "aantalUrenOpvang": item.childcare_hours,
        "uurtariefOpvang": _money(item.childcare_rate),
        "opvanginstelling": item.childcare_name,
        "aantalKinderen": item.children,
    }


def _fiscal_partner(seat: Seat) -> JsonObject | None:
    """Married people, and owners of one home: two of the grounds of the income tax act, which differ from the BRP's."""
    union, home, other = seat.household.union, seat.household.home, seat.spouse
    joint = home is not None and len(home.owners) == 2
    if other is None or other.died or not (union or joint):
        return None
    return {
        "belastingjaar": seat.household.tax_year,
        "grondslag": "Huwelijk of geregistreerd partnerschap" if union else "Gezamenlijke eigen woning",
        "begindatum": f"{seat.household.tax_year}-01-01",
        "einddatum": None,
        "tussenPersonen": [_natural(seat.person), _natural(other)],
    }
