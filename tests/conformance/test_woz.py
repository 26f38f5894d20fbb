"""The WOZ register against the public OpenAPI document of Haal Centraal WOZ bevragen 1.0.0 and its examples."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.mijnoverheid.estate import Location, address_key
from connectors.mijnoverheid.woz import FIELDS, parse
from schemas.base import Money
from schemas.wealth import PropertyValue
from tests.conformance.openapi_examples import example, has_path

SPECIFICATION = Path(__file__).resolve().parents[2] / ".." / "shared" / "sources" / "woz" / "openapi.json"


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    if not SPECIFICATION.exists():
        pytest.skip("the public WOZ specification is not there: shared/sources/woz/openapi.json")
    return json.loads(SPECIFICATION.read_text())["components"]["schemas"]


def test_the_examples_of_the_specification_parse(schemas: dict[str, Any]) -> None:
    """A collection made of the specification's own examples gives every value of them."""
    body = json.dumps(example(schemas, "WozObjectHalCollectie")).encode()
    (found,) = parse(body)
    home = found.estate
    assert (home.street, home.number) == ("Laan van de landinrichtingscommissie Duiven-Westervoort", 1)
    assert (home.letter, home.addition, home.postcode, home.city) == ("A", "bis", "6922KZ", "Duiven")
    assert home.object_id == "0226010000038820"
    assert home.values == (
        PropertyValue(
            amount=Money(amount=Decimal(127000), period="once"),
            reference_date="2019-01-01",
            status="beschikking_genomen",
        ),
    )
    key = address_key("6922KZ", 1, "A", "bis")
    assert key is not None
    assert found.location == Location(
        object_ids=frozenset({"0226010000038820"}),
        designation_ids=frozenset({"0226200000038923"}),
        addresses=frozenset({key}),
    )


def test_every_status_of_the_specification_is_carried(schemas: dict[str, Any]) -> None:
    """Whatever the status of the decision, the value keeps it, so a contested value is not passed off as certain."""
    statuses = schemas["StatusBeschikkingEnum"]["enum"]
    assert len(statuses) > 15
    for status in statuses:
        message = example(schemas, "WozObjectHalCollectie")
        message["_embedded"]["wozObjecten"][0]["waarden"][0]["beschikkingsStatussen"] = [status]
        (found,) = parse(json.dumps(message).encode())
        assert found.estate.values[0].status == status


def test_every_requested_field_exists(schemas: dict[str, Any]) -> None:
    """A field that does not exist would be answered with 400."""
    for path in FIELDS.split(","):
        assert has_path(schemas, "WozObjectHal", path.split(".")), path
