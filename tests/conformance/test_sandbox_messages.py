"""What the sandbox's sources say, for every persona, judged by the public schemas of the real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, extend_schema, parse, validate
from graphql.type import GraphQLInterfaceType, GraphQLNamedType, GraphQLObjectType
from jsonschema import Draft202012Validator
from lxml import etree

from sandbox.personas import HOUSEHOLDS, Seat, seats
from sandbox.personas.facts import Age, Person, Scheme, StatePension, SurvivorPension
from sandbox.sources import belastingdienst, brk, brp, pensions, rdw, uwv, woz
from sandbox.sources.soap import Asked
from sandbox.sources.tax_schema import SDL
from tests.conformance.suwinet import body_schema

SOURCES = Path(__file__).resolve().parents[2] / ".." / "shared" / "sources"
TODAY = date(2026, 11, 21)
SEATS = [seat for household in HOUSEHOLDS.values() for seat in seats(household) if seat.person.bsn]
ADULTS = [seat for seat in SEATS if seat.role != "child"]


def name_of(seat: Seat) -> str:
    return f"{seat.household.key}-{seat.role}"


def shared(path: str) -> str:
    """The text of a public document; skips where absent."""
    if not (SOURCES / path).exists():
        pytest.skip(f"the public document is not there: shared/sources/{path}")
    return (SOURCES / path).read_text(encoding="utf-8")


def payload(message: bytes) -> etree._ElementTree:  # pyright: ignore[reportPrivateUsage]
    """What is inside the SOAP body, as a document of its own."""
    body = etree.fromstring(message).find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    assert body is not None
    return etree.ElementTree(body[0])


@pytest.mark.parametrize("seat", ADULTS, ids=name_of)
@pytest.mark.parametrize(
    ("service", "version", "namespace", "operation"),
    [
        ("UWVDossierInkomstenGSD", "v0200-b02", uwv.INCOME, "UWVPersoonsIkvInfo"),
        ("UWVDossierWerknemersverzekeringenGSD", "v0200-b01", uwv.INSURANCE, "UWVPersoonsWvInfo"),
        ("RDWDossierDigitaleDiensten", "v0200-b01", rdw.NAMESPACE, "VoertuigbezitInfoPersoon"),
        ("RDWDossierDigitaleDiensten", "v0200-b01", rdw.NAMESPACE, "KentekenInfo"),
    ],
)
def test_every_soap_answer_is_valid_by_its_xsd(
    seat: Seat, service: str, version: str, namespace: str, operation: str
) -> None:
    """SuwiML answers of UWV and RDW follow the schema of their service, found or not found."""
    schema = body_schema(service, version, "BodyReaction.xsd")
    build = {"UWVPersoonsIkvInfo": uwv.incomes, "UWVPersoonsWvInfo": uwv.benefits}.get(operation, rdw.reply)
    question = Asked(operation=operation, namespace=namespace, bsn=seat.person.bsn, rest={})
    for whose in (seat, None):
        schema.assertValid(payload(build(whose, question)))


@cache
def openapi(path: str, name: str) -> Draft202012Validator:
    """A strict validator for one component of an OpenAPI document: discriminators are followed, names must be known."""
    document = json.loads(shared(path))
    schemas: dict[str, Any] = document["components"]["schemas"]
    for component in list(schemas):
        mapping = schemas[component].get("discriminator", {}).get("mapping")
        if mapping:
            schemas[f"{component}-any"] = variants(mapping)
    strict = {"components": {"schemas": {key: tightened(schema, schemas) for key, schema in schemas.items()}}}
    return Draft202012Validator({**strict, **reference(f"#/components/schemas/{name}", schemas)})


def variants(mapping: dict[str, str]) -> dict[str, Any]:
    """A schema with a discriminator, said in JSON Schema: the value of `type` decides which schema holds."""
    chosen = [
        {"if": {"properties": {"type": {"const": kind}}}, "then": {"$ref": target, "unevaluatedProperties": False}}
        for kind, target in mapping.items()
    ]
    return {"required": ["type"], "properties": {"type": {"enum": list(mapping)}}, "allOf": chosen}


def tightened(schema: Any, schemas: dict[str, Any]) -> Any:
    """`schema` with every reference made strict, but for those in `allOf`, which only are a part of the whole."""
    if isinstance(schema, list):
        return [tightened(item, schemas) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        known = schema["$ref"].rpartition("/")[2]
        return schema if "unevaluatedProperties" in schema else reference(f"#/components/schemas/{known}", schemas)
    kept = {key: tightened(value, schemas) for key, value in schema.items() if key not in ("allOf", "if")}
    if "allOf" in schema:
        kept["allOf"] = [part if "$ref" in part else tightened(part, schemas) for part in schema["allOf"]]
    if "if" in schema:
        kept["if"] = schema["if"]
    return kept


def reference(target: str, schemas: dict[str, Any]) -> dict[str, Any]:
    name = target.rpartition("/")[2]
    if f"{name}-any" in schemas:
        return {"$ref": f"{target}-any"}
    return (
        {"$ref": target, "unevaluatedProperties": False}
        if "type" not in schemas[name] or schemas[name]["type"] == "object"
        else {"$ref": target}
    )


def test_the_strict_validator_refuses_unknown_names_and_wrong_variants() -> None:
    """The judge itself is awake: a misspelt name, a wrong type and a wrong date variant are all refused."""
    judge = openapi("brp/openapi-2.7.0.json", "Persoon")
    for wrong in (
        {"burgerservicenumer": "999102965"},
        {"geboorte": {"datum": {"type": "JaarDatum", "datum": "1984-03-12", "langFormaat": "1984"}}},
        {"verblijfplaats": {"type": "Adres", "verblijfadres": {"huisnummer": "17"}}},
    ):
        assert not judge.is_valid(wrong)
    assert judge.is_valid({"geboorte": {"datum": {"type": "JaarDatum", "jaar": 1984, "langFormaat": "1984"}}})


@pytest.mark.parametrize("seat", SEATS, ids=name_of)
def test_every_person_is_valid_by_the_brp_document(seat: Seat) -> None:
    """BRP persons follow the OpenAPI document of Personen 2.7.0, variants included, and use no names of their own."""
    openapi("brp/openapi-2.7.0.json", "Persoon").validate(brp.person(seat, TODAY))


@pytest.mark.parametrize("seat", ADULTS, ids=name_of)
def test_every_home_is_valid_by_the_woz_and_brk_documents(seat: Seat) -> None:
    """WOZ and BRK answers follow their OpenAPI documents, also when there is no home."""
    openapi("woz/openapi.json", "WozObjectHalCollectie").validate(woz.collection(seat, ""))
    openapi("brk/openapi.json", "KadastraalOnroerendeZaakHalCollectie").validate(brk.owned(seat))
    home = seat.household.home
    if home is None:
        return
    for who in home.owners:
        openapi("brk/openapi.json", "ZakelijkGerechtigdeHal").validate(brk.title(seat.household, home, who))
    if home.mortgage is not None:
        openapi("brk/openapi.json", "HypotheekHal").validate(brk.inscription(home, home.mortgage))


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


def draft() -> GraphQLSchema:
    """The government's draft of the tax office, with the ways from a person to the facts that it leaves out."""
    text = shared("gbo/semantiek/v0.3/graphql/bd.graphql")
    # The draft breaks a rule of GraphQL itself (an interface field of another type than its implementations'): as is.
    return extend_schema(build_schema(text, assume_valid=True), parse(EDGES), assume_valid=True)


def own_types() -> Iterator[tuple[str, GraphQLNamedType]]:
    for name, kind in build_schema(SDL).type_map.items():
        if not name.startswith("__"):
            yield name, kind


def test_the_tax_schema_says_nothing_the_draft_does_not() -> None:
    """Every type, field, field type and enum value of the sandbox's tax schema is one of the draft's."""
    real = draft().type_map
    for name, kind in own_types():
        assert type(real[name]) is type(kind), name
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            theirs = real[name].fields  # pyright: ignore[reportAttributeAccessIssue]
            assert {field: str(one.type) for field, one in kind.fields.items()}.items() <= {
                field: str(one.type) for field, one in theirs.items()
            }.items()
        values = getattr(kind, "values", None)
        assert values is None or set(values) == set(real[name].values), name  # pyright: ignore[reportAttributeAccessIssue]


def whole_query() -> str:
    """A query for every scalar of every type that can be reached in one step from a person."""
    schema = build_schema(SDL)
    person = schema.type_map["IngeschrevenPersoon"]
    assert isinstance(person, GraphQLObjectType)
    edges = " ".join(f"{name} {{ {selection(schema, name)} }}" for name in person.fields if name.startswith("heeft"))
    return f"query($bsn: BSN!) {{ ingeschrevenPersoon(bsn: $bsn) {{ bsn {edges} }} }}"


def selection(schema: GraphQLSchema, edge: str) -> str:
    person = schema.type_map["IngeschrevenPersoon"]
    assert isinstance(person, GraphQLObjectType)
    kind = schema.type_map[str(person.fields[edge].type).strip("[]!")]
    if isinstance(kind, GraphQLInterfaceType):
        parts = [f"... on {one.name} {{ {leaves(one)} }}" for one in schema.get_possible_types(kind)]
        return "__typename " + " ".join(parts)
    assert isinstance(kind, GraphQLObjectType)
    return leaves(kind)


def leaves(kind: GraphQLObjectType) -> str:
    inner = {"Bedrag": "{ waarde valuta }", "NatuurlijkPersoon": "{ ID geslachtsnaam geboortedatum }"}
    inner["EigenWoning"] = "{ gekoppeldAan wozWaarde { waarde } }"
    return " ".join(
        # Aliased, because the same name has different types in different members of an interface.
        f"{kind.name}_{name}: {name} {inner.get(str(one.type).strip('[]!'), '')}"
        for name, one in kind.fields.items()
    )


@pytest.mark.parametrize("seat", ADULTS, ids=name_of)
def test_every_tax_answer_is_complete_and_its_query_valid_by_the_draft(seat: Seat) -> None:
    """A query for everything is valid by the draft, and every persona answers it without a single GraphQL error."""
    query = whole_query()
    assert validate(draft(), parse(query)) == []
    question = belastingdienst.Question(query=query, variables={"bsn": seat.person.bsn})
    answer = json.loads(belastingdienst.reply(seat, question))
    assert "errors" not in answer
    assert answer["data"]["ingeschrevenPersoon"]["bsn"] == seat.person.bsn


def test_pensions_come_out_in_the_model_of_the_download() -> None:
    """From plain facts the builder makes exactly the document that public parsers of the download expect."""
    fund = partial(Scheme, provider="Stichting Voorbeeld Pensioenfonds", number="SVP-0001", start=Age(years=67))
    insurer = partial(Scheme, provider="Voorbeeld Verzekeraar N.V.", number="VV-0002", start=Age(years=65))
    survivor = partial(SurvivorPension, provider="Stichting Voorbeeld Pensioenfonds", number="SVP-0001")
    one = Person(
        given_names="E.",
        surname="Schouten",
        gender="V",
        born="1990-01-01",
        schemes=(
            insurer(reachable=4200, accrued=4200),
            fund(reachable=11400, accrued=6300),
            fund(reachable=2400, accrued=900, indicative=True),
        ),
        state_pension=StatePension(
            start=Age(years=67, months=3),
            reachable_cohabiting=12900,
            accrued_cohabiting=5700,
            reachable_single=18700,
            accrued_single=8300,
        ),
        survivors=(
            survivor(beneficiary="partner", insured=9800, accrued=5100, insured_after=10900, accrued_after=5600),
            survivor(beneficiary="child", insured=1960),
        ),
    )
    expected = json.loads(shared("constructed/CONSTRUCTED_mpo_pensioenaanspraken.json"))
    assert pensions.overview(one, "2026-05-14T10:15:30+02:00") == expected
