"""Whole overviews in the form that public readers of the download agree on: JSON and XML say the same."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from connectors.mijnpensioenoverzicht.model import Overview, read
from connectors.mijnpensioenoverzicht.parse import parse
from schemas.base import Money
from schemas.pension import Age, Pension, SchemePension, StatePension, SurvivorPension

SAMPLES = Path(__file__).resolve().parents[2] / ".." / "shared" / "sources" / "constructed"
JSON = SAMPLES / "CONSTRUCTED_mpo_pensioenaanspraken.json"
XML = SAMPLES / "CONSTRUCTED_mpo_pensioenaanspraken.xml"

pytestmark = pytest.mark.skipif(
    not (JSON.is_file() and XML.is_file()), reason="the constructed overviews are not on this machine"
)


def yearly(amount: int) -> Money:
    return Money(amount=Decimal(amount), period="year", basis="gross")


@pytest.fixture(params=[JSON, XML], ids=["json", "xml"])
def pensions(request: pytest.FixtureRequest) -> tuple[Pension, ...]:
    records = parse(request.param.read_bytes())
    assert not records.findings
    return records.pensions


def test_both_forms_give_one_model() -> None:
    """What stands in the XML stands in the JSON, down to the last value we read."""
    assert isinstance(read(JSON.read_bytes()), Overview)
    assert read(JSON.read_bytes()) == read(XML.read_bytes())
    assert parse(JSON.read_bytes()) == parse(XML.read_bytes())


def test_each_scheme_is_there_once(pensions: tuple[Pension, ...]) -> None:
    """Three old-age schemes over three spans of life: each once, from its own age, for life."""
    schemes = [each for each in pensions if isinstance(each, SchemePension)]
    assert [(each.scheme, each.indicative, each.starts_at, each.reachable, each.accrued) for each in schemes] == [
        ("VV-0002", False, Age(years=65), yearly(4200), yearly(4200)),
        ("SVP-0001", False, Age(years=67), yearly(11400), yearly(6300)),
        ("SVP-0001", True, Age(years=67), yearly(2400), yearly(900)),
    ]
    assert [[(each.since, each.until) for each in scheme.blocks] for scheme in schemes] == [
        [(Age(years=65), None)],
        [(Age(years=67), None)],
        [(Age(years=67), None)],
    ]


def test_the_state_pension_starts_at_its_own_age(pensions: tuple[Pension, ...]) -> None:
    """67 years and 3 months, later than the pensions, for both ways of living."""
    [state] = [each for each in pensions if isinstance(each, StatePension)]
    assert state.starts_at == Age(years=67, months=3)
    assert (state.reachable_cohabiting, state.accrued_cohabiting) == (yearly(12900), yearly(5700))
    assert (state.reachable_single, state.accrued_single) == (yearly(18700), yearly(8300))
    assert state.as_of == "2026-01-01"


def test_survivors_have_theirs(pensions: tuple[Pension, ...]) -> None:
    """One for the partner, before and after retirement, and one for each child until eighteen."""
    partner, orphan = (each for each in pensions if isinstance(each, SurvivorPension))
    assert (partner.beneficiary, partner.insured, partner.accrued_after) == ("partner", yearly(9800), yearly(5600))
    assert (orphan.beneficiary, orphan.per_child, orphan.until, orphan.insured) == (
        "child",
        True,
        Age(years=18),
        yearly(1960),
    )
