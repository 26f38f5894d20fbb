"""The Belastingdienst connector against the government's draft profile: query, types and the demonstration's citizens.

The profile's SDL names no way from a person to the facts; the test adds the edges that
connectors/belastingdienst/query.py documents, and nothing else.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, execute_sync, extend_schema, parse, validate

from connectors.belastingdienst import answer
from connectors.belastingdienst.facts import records
from connectors.belastingdienst.query import FIELDS, query
from schemas.income import Allowance, Assessment
from schemas.wealth import Balance, RealEstate

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "sources" / "gbo"
SDL = SHARED / "semantiek" / "v0.3" / "graphql" / "bd.graphql"
CITIZENS = SHARED / "demo" / "services" / "graphql-server" / "mockdata" / "citizens.json"
NOW = datetime(2026, 5, 4, tzinfo=UTC)
BSN = "999993653"

pytestmark = pytest.mark.skipif(
    not SDL.exists(), reason="the GBO semantics v0.3 (bd.graphql) are not beside this repository"
)

EDGES = """
extend type IngeschrevenPersoon {
  heeftBelastingjaarAangifte: [BelastingjaarAangifte!]
  heeftVermogensBestanddeel: [VermogensBestanddeel!]
  heeftAftrekpost: [Aftrekpost!]
  heeftEigenWoning: [EigenWoning!]
  heeftToeslag: [Toeslag!]
  heeftFiscalePartner: [FiscalePartner!]
}
"""


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    # The profile narrows an interface's field from String to an enum, which GraphQL's own check of a schema refuses.
    built = build_schema(SDL.read_text(), assume_valid=True)
    return extend_schema(built, parse(EDGES), assume_valid=True)


def asked(schema: GraphQLSchema, person: dict[str, Any], fields: frozenset[Any]) -> answer.IngeschrevenPersoon:
    """What a source of this profile would answer about `person`; every value passes the profile's own types."""
    text = query(fields)
    assert text is not None
    root = {"ingeschrevenPersoon": lambda _info, bsn: person if bsn == person["bsn"] else None}
    result = execute_sync(schema, parse(text), root_value=root, variable_values={"bsn": person["bsn"]})
    assert result.errors is None
    reply = answer.parse(json.dumps({"data": result.data}).encode(), person["bsn"])
    assert reply.person is not None
    return reply.person


def test_every_query_is_valid_in_the_profile(schema: GraphQLSchema) -> None:
    """For every one, two or all of the fields the query is valid GraphQL of the profile's types."""
    for some in (some for size in (1, 2, len(FIELDS)) for some in combinations(FIELDS, size)):
        text = query(frozenset(some))
        assert text is not None
        assert validate(schema, parse(text)) == []


def euro(amount: float) -> dict[str, Any]:
    return {"waarde": amount, "valuta": "EUR"}


ME = {"ID": "c0ffee00-0000-4000-8000-000000000001", "geslachtsnaam": "Proefpersoon"}
OTHER = {"ID": "c0ffee00-0000-4000-8000-000000000002", "geslachtsnaam": "Testpartner", "geboortedatum": "1979-00-00"}
HOME = {
    "wozWaarde": euro(412000),
    "eigenwoningSchuldSaldo": euro(250000),
    "gekoppeldAan": "NL.IMKAD.KadastraalObject.11680384270000",
}
GRANT = {"identificatie": "T-1", "ingangsdatum": "2026-01-01", "bedragMaand": euro(120), "isVoorlopig": "Ja"}
PERSON: dict[str, Any] = {
    **ME,
    "bsn": BSN,
    "heeftBelastingjaarAangifte": [
        {
            "__typename": "AangifteIH",
            "aangifteIdentificatie": "A-2025",
            "belastingsoort": "IH",
            "belastingjaar": 2025,
            "status": "Definitief vastgesteld",
            "verzamelinkomen": euro(52000.5),
        },
        {"__typename": "AangifteErf", "aangifteIdentificatie": "E-1", "belastingjaar": 2025, "status": "Ingediend"},
    ],
    "heeftVermogensBestanddeel": [
        {
            "__typename": "BankSpaartegoed",
            "belastingjaar": 2025,
            "peildatum": "2025-01-01",
            "iban": "NL00TEST0000000001",
            "land": "NL",
            "waardePeildatum": euro(1500),
            "saldoPeildatum": euro(1500),
        },
        {
            "__typename": "Belegging",
            "belastingjaar": 2025,
            "categorieEffect": "Fondsen",
            "waardePeildatum": euro(70),
        },
        {"__typename": "Cryptovaluta", "belastingjaar": 2025, "tokenSymbool": "ETH", "waardePeildatum": euro(30)},
        {
            "__typename": "OnroerendeZaakOverigBezit",
            "belastingjaar": 2025,
            "wozWaarde": euro(90000),
            "gekoppeldAan": "NL.IMKAD.KadastraalObject.99",
        },
        {
            "__typename": "Schuld",
            "belastingjaar": 2025,
            "schuldsoort": "Familie",
            "openstaandSaldoPeildatum": euro(8000),
            "rentepercentage": 3.5,
        },
    ],
    "heeftEigenWoning": [HOME],
    "heeftAftrekpost": [
        {
            "__typename": "Hypotheekrenteaftrek",
            "belastingjaar": 2025,
            "renteJaar": euro(5000),
            "eigenwoningSchuldSaldoStart": euro(260000),
            "eigenwoningSchuldSaldoEinde": euro(250000),
            "betreft": HOME,
        },
        {"__typename": "GiftenAftrek", "belastingjaar": 2025},
    ],
    "heeftToeslag": [
        {"__typename": "Huurtoeslag", "toeslagSoort": "Huurtoeslag", "rekenhuur": euro(650), **GRANT},
        {"__typename": "Zorgtoeslag", "toeslagSoort": "Zorgtoeslag", **GRANT},
        {
            "__typename": "KinderopvangToeslag",
            "toeslagSoort": "Kinderopvangtoeslag",
            "aantalUrenOpvang": 60,
            "uurtariefOpvang": euro(9.5),
            **GRANT,
        },
        {"__typename": "KindgebondenBudget", "toeslagSoort": "Kindgebondenbudget", **GRANT},
    ],
    "heeftFiscalePartner": [
        {"belastingjaar": 2025, "grondslag": "GP", "begindatum": "2015-02-03", "tussenPersonen": [OTHER, ME]}
    ],
}


def test_a_full_answer_parses_to_its_values(schema: GraphQLSchema) -> None:
    """An answer of every type we ask, made by executing our query on the profile's types, gives the values put in."""
    got = records(asked(schema, PERSON, frozenset(FIELDS)), frozenset(FIELDS), NOW)
    assert [type(item).__name__ for item in got.incomes] == ["Assessment"] + ["Allowance"] * 4
    assert isinstance(got.incomes[0], Assessment)
    assert got.incomes[0].total is not None
    assert got.incomes[0].total.amount == Decimal("52000.50")
    allowances = [item for item in got.incomes if isinstance(item, Allowance)]
    assert {item.allowance for item in allowances} == {"housing", "care", "childcare", "child-budget"}
    assert {item.amount.amount for item in allowances if item.amount} == {Decimal(120)}
    estates = [item for item in got.possessions if isinstance(item, RealEstate)]
    assert [(e.cadastral_id, e.values[0].amount.amount) for e in estates] == [
        ("11680384270000", Decimal(412000)),
        ("99", Decimal(90000)),
    ]
    balances = [item for item in got.possessions if isinstance(item, Balance)]
    assert [(b.type, b.amount.amount if b.amount else None) for b in balances] == [
        ("bank", Decimal(1500)),
        ("securities", Decimal(70)),
        ("crypto", Decimal(30)),
    ]
    assert [(d.type, d.outstanding.amount if d.outstanding else None) for d in got.debts] == [
        ("mortgage", Decimal(250000)),
        ("other", Decimal(8000)),
    ]
    assert [(p.id, p.birth_date) for p in got.persons] == [("partner", "1979")]
    assert got.relations[0].form == "registered-partnership"
    assert got.findings == ()


def test_each_field_alone_parses(schema: GraphQLSchema) -> None:
    """A profile of one field gets that field's records of the same answer, and no record of another field."""
    counts = {
        field: len(got.incomes) + len(got.possessions) + len(got.debts) + len(got.persons)
        for field in FIELDS
        for got in [records(asked(schema, PERSON, frozenset({field})), frozenset({field}), NOW)]
    }
    assert counts == {
        "relation.partner": 1,
        "income.assessment": 1,
        "income.allowance": 4,
        "possession.real-estate": 2,
        "possession.balance": 3,
        "debt.mortgage": 1,
        "debt.other": 1,
    }


@pytest.mark.skipif(not CITIZENS.exists(), reason="the GBO demonstration's citizens.json is not beside this repository")
def test_demonstration_citizens_parse(schema: GraphQLSchema) -> None:
    """Every return of the government's demonstration citizens comes out with its year, status and amounts."""
    fields = frozenset({"income.assessment"})
    statuses = {"Definitief vastgesteld": "final", "Voorlopig vastgesteld": "provisional", "In behandeling": "filed"}
    citizens = json.loads(CITIZENS.read_text())
    assert len(citizens) == 4
    for citizen in citizens:
        filed = citizen["heeftBelastingjaarAangifte"]
        typed = {**citizen, "heeftBelastingjaarAangifte": [{"__typename": "AangifteIH", **one} for one in filed]}
        got = records(asked(schema, typed, fields), fields, NOW).incomes
        assert len(got) == len(filed) == 2
        for income, one in zip(got, filed, strict=True):
            assert isinstance(income, Assessment)
            assert (income.year, income.status) == (one["belastingjaar"], statuses[one["status"]])
            amounts = (income.total, income.box1, income.box2, income.box3)
            boxes = ("verzamelinkomen", "box1Inkomen", "box2Inkomen", "box3Inkomen")
            assert [a.amount for a in amounts if a] == [Decimal(one[box]["waarde"]) for box in boxes]
