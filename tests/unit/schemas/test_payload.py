"""Payload 1.0: what a provider receives fits the published JSON Schema, and comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, ValidationError

from schemas.base import Money, Provenance
from schemas.consent import ConsentBroker, ConsentNotice, ConsentReceipt, ConsentRecipient, SignedConsent
from schemas.household import Address, Household, Name, Person, Relation
from schemas.income import Allowance, Assessment, Benefit, Contract, Employment, PayPeriod
from schemas.payload import SCHEMA_VERSION, Document, Payload, json_schema
from schemas.pension import Age, PensionBlock, SchemePension, StatePension, SurvivorPension
from schemas.records import Finding, FindingValue
from schemas.wealth import Balance, Debt, Owner, PropertyValue, RealEstate, Vehicle

MOMENT = datetime(2026, 11, 21, 12, 0, 0, 123000, tzinfo=UTC)
SOURCES = (Provenance(source="uwv", transport="api", retrieved_at=MOMENT, document_digest="0" * 64, seal="none"),)
EURO = Money(amount=Decimal("2500.00"), period="month", basis="gross")
BOTH = (Owner(person="applicant", share="1/2", right="eigendom"), Owner(person="partner"))
RECEIPT = ConsentReceipt(
    receipt_id="r1",
    session_id="s1",
    person="applicant",
    recipient=ConsentRecipient(id="gemeente", name="Gemeente"),
    broker=ConsentBroker(url="https://brug.example", contact="beheer@brug.example", software_version="1.0"),
    notice=ConsentNotice(version="1", purpose="p", retention="r", recipient="q", withdrawal="w"),
    salt="A" * 43,
    purpose="Bijstand",
    sources=("uwv",),
    fields=("income.employment",),
    language="nl",
    text="Ik geef toestemming.",
    text_digest="0" * 64,
    review_digest="1" * 64,
    given_at=MOMENT,
    authenticated_at=MOMENT,
    shared_phone=False,
)

EMPTY = Payload(
    session_id="s1",
    purpose="Bijstand",
    created_at=MOMENT,
    household=Household(),
    incomes=(),
    pensions=(),
    possessions=(),
    debts=(),
    findings=(),
    consents=(),
)
FULL = Payload(
    session_id="s1",
    reference="zaak-1",
    purpose="Bijstand",
    created_at=MOMENT,
    household=Household(
        persons=(
            Person(
                id="applicant",
                bsn="999993653",
                name=Name(full="A. de Vries", prefix="de", surname="Vries"),
                birth_date="1980-05",
                gender="female",
                nationalities=("Nederlandse",),
                under_investigation=("address",),
                sources=SOURCES,
            ),
            Person(id="child-1", birth_date="2015"),
        ),
        relations=(
            Relation(person="partner", kind="partner", of="applicant", form="marriage", since="2010-06-01"),
            Relation(person="child-1", kind="child", of="applicant", sources=SOURCES),
        ),
        addresses=(Address(persons=("applicant", "partner"), street="Dorpsstraat", number=1, sources=SOURCES),),
    ),
    incomes=(
        Employment(
            person="applicant",
            employer="Bakkerij",
            contracts=(Contract(start="2020-01-01", permanent=True),),
            periods=(PayPeriod(start="2026-01-01", end="2026-01-31", wage=EURO, hours=-8),),
            sources=SOURCES,
        ),
        Benefit(person="partner", scheme="WW", periods=(PayPeriod(start="2026-01"),)),
        Assessment(person="applicant", year=2025, status="final", total=Money(amount=Decimal(-5), period="year")),
        Allowance(person="applicant", allowance="housing", amount=EURO, childcare_hours=Decimal("12.5")),
    ),
    pensions=(
        SchemePension(
            person="applicant",
            provider="ABP",
            scheme="OP",
            starts_at=Age(years=67, months=3),
            blocks=(PensionBlock(since=Age(years=67), reachable=EURO),),
            as_of="2026-01-01",
        ),
        StatePension(person="applicant", starts_at=Age(years=67), reachable_single=EURO),
        SurvivorPension(person="applicant", beneficiary="child", provider="ABP", scheme="WzP", per_child=True),
    ),
    possessions=(
        RealEstate(owners=BOTH, values=(PropertyValue(amount=EURO, reference_date="2025-01-01"),), sources=SOURCES),
        Vehicle(owners=BOTH[:1], plate="AB123C", catalogue_price=EURO),
        Balance(owners=BOTH, type="bank", identifier="NL00BANK0123456789", amount=EURO),
    ),
    debts=(Debt(owners=BOTH, type="mortgage", interest_rate=Decimal("3.85"), outstanding=EURO, year=2025),),
    findings=(
        Finding(
            kind="clash",
            code="birth-date",
            person="applicant",
            values=(FindingValue(source="uwv", value="1980"), FindingValue(source="mijnoverheid", value="1981")),
        ),
    ),
    consents=(SignedConsent(receipt=RECEIPT, signature="a.b.c"),),
    documents=(
        Document(
            number=1,
            source="uwv",
            person="applicant",
            media_type="application/pdf",
            digest="0" * 64,
            size_bytes=12,
            seal="valid",
        ),
    ),
)
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
Change = Callable[[dict[str, Any]], Any]


def as_sent(payload: Payload) -> dict[str, Any]:
    return json.loads(msgspec.json.encode(payload))


def test_the_published_schema_is_a_schema() -> None:
    """JSON Schema draft 2020-12, complete in itself."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    text = json.dumps(SCHEMA)
    for piece in text.split('"$ref": "')[1:]:
        reference = piece.split('"')[0]
        assert reference.removeprefix("#/$defs/") in SCHEMA["$defs"]


@pytest.mark.parametrize("payload", [EMPTY, FULL], ids=["empty", "full"])
def test_what_is_sent_fits_the_schema(payload: Payload) -> None:
    """With nothing found, and with one of every kind of record."""
    VALIDATOR.validate(as_sent(payload))


@pytest.mark.parametrize("payload", [EMPTY, FULL], ids=["empty", "full"])
def test_a_payload_comes_back_as_it_was(payload: Payload) -> None:
    """Encoding loses nothing."""
    assert msgspec.json.decode(msgspec.json.encode(payload), type=Payload) == payload


def test_an_empty_list_is_there() -> None:
    """Nothing found is said, not left out; a reader needs no guess."""
    sent = as_sent(EMPTY)
    for name in ("incomes", "pensions", "possessions", "debts", "findings", "consents", "documents"):
        assert sent[name] == []
    assert sent["schemaVersion"] == SCHEMA_VERSION == "1.0"
    assert sent["createdAt"] == "2026-11-21T12:00:00.123000Z"


def test_every_kind_of_record_names_its_kind() -> None:
    """`kind` tells the members of a list apart."""
    sent = as_sent(FULL)
    assert [r["kind"] for r in sent["incomes"]] == ["employment", "benefit", "assessment", "allowance"]
    assert [r["kind"] for r in sent["pensions"]] == ["scheme", "state", "survivor"]
    assert [r["kind"] for r in sent["possessions"]] == ["real-estate", "vehicle", "balance"]


def drop(name: str) -> Change:
    return lambda sent: sent.pop(name)


def put(value: object, *path: str | int) -> Change:
    def change(sent: Any) -> None:
        for step in path[:-1]:
            sent = sent[step]
        sent[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        *(drop(name) for name in ("sessionId", "purpose", "createdAt", "household", "incomes", "debts", "consents")),
        put("2.0", "schemaVersion"),
        put("1980-00", "household", "persons", 0, "birthDate"),
        put("1980-05-01T00:00:00Z", "household", "persons", 0, "birthDate"),
        put("half a year", "incomes", 0, "periods", 0, "wage", "period"),
        put("USD", "incomes", 0, "periods", 0, "wage", "currency"),
        put("lottery", "incomes", 0, "kind"),
        put("sibling", "household", "relations", 0, "kind"),
        put("fax", "incomes", 0, "sources", 0, "transport"),
        put("rumour", "findings", 0, "kind"),
        put({}, "possessions"),
        put(None, "consents", 0, "signature"),
    ],
)
def test_what_is_something_else_does_not_fit_the_schema(change: Change) -> None:
    """The schema says as much as our own types do: both refuse."""
    sent = as_sent(FULL)
    change(sent)
    with pytest.raises(ValidationError):
        VALIDATOR.validate(sent)
    if "schemaVersion" in sent:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(sent, Payload)


def test_a_reader_bears_what_a_later_version_adds() -> None:
    """Unknown fields are allowed: 1.1 may add, never take away."""
    sent = as_sent(FULL) | {"later": 1}
    sent["incomes"][0]["later"] = 1
    VALIDATOR.validate(sent)
    assert msgspec.convert(sent, Payload) == FULL
