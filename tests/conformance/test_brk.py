"""The land register against recorded answers and the public OpenAPI document of BRK bevragen 2.0.0."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.mijnoverheid.brk import FIELDS, HOLDER_FIELDS, Question, parse_holders, parse_titles
from connectors.mijnoverheid.estate import Holder
from schemas.base import Money
from tests.conformance.openapi_examples import example, has_path

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "sources" / "brk"


def shared(name: str) -> Any:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the public BRK samples are not there: shared/sources/brk/{name}")
    return json.loads(path.read_text())


def recorded(name: str) -> bytes:
    return json.dumps(shared(f"responses/{name}.json")["response"]).encode()


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    return shared("openapi.json")["components"]["schemas"]


def test_recorded_titleholders() -> None:
    """Of a bank, a person only the Kadaster knows and a registered person, only the last is known by BSN."""
    body = recorded("BRKTitleholdersClientTests__test_client_0")
    assert parse_holders(body) == (Holder(bsn="999991905", share="1/2", right="erfpachter"),)


@pytest.mark.parametrize(
    "name",
    [
        "BRKCadastralClientTests__test_client_404_0",
        "BRKValidatorIntegrationTestCase__test_brk_validator_integration_0",
        "BRKValidatorTestCase__test_brk_validator_bsn_0",
    ],
)
def test_recorded_empty_searches(name: str) -> None:
    """A search without results has an empty `_embedded`: nobody owns anything there, and that is no error."""
    assert parse_titles(recorded(name)) == ()


def test_the_examples_of_the_specification_parse(schemas: dict[str, Any]) -> None:
    """A collection made of the specification gives place, price in whole euro, size and the mortgage signal."""
    message = example(schemas, "KadastraalOnroerendeZaakHalCollectie")
    (one,) = message["_embedded"]["kadastraalOnroerendeZaken"]
    one["indicatieVervallen"] = False  # the simplest boolean is true
    one["koopsom"] = {"koopsom": 184000, "koopjaar": 2004, "indicatieMetMeerObjectenVerkregen": True}
    (title,) = parse_titles(json.dumps(message).encode())
    home = title.estate
    assert (home.street, home.number) == ("Laan van de landinrichtingscommissie Duiven-Westervoort", 1)
    assert (home.letter, home.addition, home.postcode, home.city) == ("A", "bis", "6922KZ", "Duiven")
    assert home.bought_for == Money(amount=Decimal(184000), period="once")
    assert (home.bought_in, home.bought_with_others) == ("2004", True)
    assert (home.area_m2, home.mortgage_registered) == (1, True)
    assert title.location.designation_ids == {"1234207890123456"}


def test_every_kind_of_right_is_carried(schemas: dict[str, Any]) -> None:
    """Leasehold, usufruct and the rest are no ownership: the register's own word goes along."""
    rights = schemas["TypeGerechtigdeEnum"]["enum"]
    for right in rights:
        message = example(schemas, "ZakelijkGerechtigdeHalCollectie")
        (one,) = message["_embedded"]["zakelijkGerechtigden"]
        one.update(type=right, persoon={"identificatie": "999991905", "type": "ingeschreven_natuurlijk_persoon"})
        (holder,) = parse_holders(json.dumps(message).encode())
        assert (holder.right, holder.share) == (right, "1/2")


def test_every_requested_field_exists(schemas: dict[str, Any]) -> None:
    """A field that does not exist would be answered with 400."""
    for path in FIELDS.split(","):
        assert has_path(schemas, "KadastraalOnroerendeZaakHal", path.split(".")), path
    for path in HOLDER_FIELDS.split(","):
        assert has_path(schemas, "ZakelijkGerechtigdeHal", path.split(".")), path


def test_the_question_is_that_of_the_specification(schemas: dict[str, Any]) -> None:
    """The search by BSN is a POST with exactly the properties of BsnBody."""
    sent = msgspec.json.decode(msgspec.json.encode(Question("999991905")))
    assert set(sent) == set(schemas["BsnBody"]["properties"])
