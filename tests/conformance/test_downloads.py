"""Whole downloads in the form that public readers of them agree on, read as files a citizen hands over."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from connectors.contract import Document, MediaType
from connectors.mijnpensioenoverzicht.download import read as read_overview
from connectors.mijnpensioenoverzicht.parse import parse
from connectors.uwv.verzekeringsbericht import read as read_message
from schemas.base import Money
from schemas.household import Name, Person
from schemas.income import Benefit, Employment, PayPeriod

SAMPLES = Path(__file__).resolve().parents[2] / ".." / "shared" / "sources" / "constructed"
MESSAGE = SAMPLES / "CONSTRUCTED_uwv_verzekeringsbericht_textlaag.txt"
OVERVIEWS: dict[MediaType, Path] = {
    "application/json": SAMPLES / "CONSTRUCTED_mpo_pensioenaanspraken.json",
    "application/xml": SAMPLES / "CONSTRUCTED_mpo_pensioenaanspraken.xml",
}

pytestmark = pytest.mark.skipif(
    not all(path.is_file() for path in (MESSAGE, *OVERVIEWS.values())),
    reason="the constructed downloads are not on this machine",
)


def month(number: int, last: int, hours: int, *, wage: str = "3250.00", year: int = 2026) -> PayPeriod:
    return PayPeriod(
        start=f"{year}-{number:02}-01",
        end=f"{year}-{number:02}-{last}",
        wage=Money(amount=Decimal(wage), period="month", basis="gross"),
        hours=hours,
    )


def test_a_verzekeringsbericht_is_read_whole() -> None:
    """A permanent job with a car in one month, a benefit after it, and no line left over."""
    lines = tuple(MESSAGE.read_text(encoding="utf-8").splitlines())
    records = read_message(Document(media_type="application/pdf", content=b"", pages=(lines,)))
    [person], [job, benefit] = records.persons, records.incomes
    assert isinstance(job, Employment)
    assert isinstance(benefit, Benefit)
    assert (person.id, person.birth_date, person.bsn) == ("self", "1990-01-01", None)
    assert (job.payroll_number, benefit.payroll_number) == ("123456782L01", "810220350L04")
    assert [contract.permanent for contract in job.contracts] == [True]
    assert job.periods == (month(4, 30, 160), month(3, 31, 176), month(2, 28, 160), month(1, 31, 168))
    assert (benefit.scheme, benefit.periods) == ("WW", (month(12, 31, 0, wage="2180.45", year=2025),))
    [note] = records.findings
    assert note.code == "company-car"
    assert [value.value.partition(", ")[2] for value in note.values] == [
        "2026-02-01: waarde privégebruik € 412,50, eigen bijdrage € 100,00"
    ]


@pytest.mark.parametrize("media_type", list(OVERVIEWS))
def test_an_overview_is_read_as_an_answer_is(media_type: MediaType) -> None:
    """The same pensions either way; only the XML says whose they are."""
    content = OVERVIEWS[media_type].read_bytes()
    records = read_overview(Document(media_type=media_type, content=content))
    assert records.pensions == parse(content).pensions
    assert len(records.pensions) == 6
    named = Person(id="self", name=Name(full="E. Schouten"), birth_date="1990-01-01")
    assert records.persons == ((named,) if media_type == "application/xml" else ())
