"""Amounts, days and lines as they stand in print: exactly as written, or not at all."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import printed
from schemas.records import Finding, FindingValue


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("€ 3.250,00", "3250.00"),
        ("€3.250,00", "3250.00"),
        ("€ 250.000", "250000"),
        ("€ 1.250.000,50", "1250000.50"),
        ("€ 250000", "250000"),
        ("€ 12,-", "12"),
        ("€ 12,--", "12"),
        ("€ 0", "0"),
        ("-€ 8,50", "-8.50"),
        ("€ -8,50", "-8.50"),
        ("€ 8,50-", "-8.50"),
        ("-€ 12,-", "-12"),
    ],
)
def test_an_amount_is_read_as_it_is_written(text: str, amount: str) -> None:
    """Dots part thousands, a comma the cents, and one minus sign may stand before, inside or behind."""
    read = printed.euro(text)
    assert read is not None
    assert (read, str(read)) == (Decimal(amount), amount)


@pytest.mark.parametrize(
    "text",
    [
        "3.250,00",  # no euro sign
        "€ 3.25",
        "€ 3.2500",
        "€ 3250.000",
        "€ 3,5",
        "€ 3,500",
        "€ 3.250.00",
        "€ 3,250.00",
        "-€ -3,00",
        "-€ 3,00-",
        "€ 3 250,00",
        "€ 3.250,00 p.m.",
        "€",
        "",
        "€ ١٢",
        "€ 1234567890123",
        "€ 1.234.567.890.123",
    ],
)
def test_what_is_no_certain_amount_is_none(text: str) -> None:
    """An amount written in a way that leaves two readings open is not read."""
    assert printed.euro(text) is None


@given(st.integers(min_value=-(10**11), max_value=10**11), st.booleans())
def test_amounts_come_back_as_they_went_out(cents: int, sign_first: bool) -> None:
    """Whatever the amount: written the Dutch way and read again it is the same, to the cent."""
    whole, rest = divmod(abs(cents), 100)
    grouped = f"{whole:,}".replace(",", ".")
    minus = "-" if cents < 0 else ""
    text = f"{minus}€ {grouped},{rest:02}" if sign_first else f"€ {minus}{grouped},{rest:02}"
    assert printed.euro(text) == Decimal(cents) / 100
    assert re.fullmatch(printed.AMOUNT, text)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("loon € 3.250,00 bruto", ["€ 3.250,00"]),
        ("is € 250.000.", ["€ 250.000"]),
        ("2025 - € 100", ["€ 100"]),
        ("€ 100,00 € 412,50", ["€ 100,00", "€ 412,50"]),
        ("€ 100-€ 200", ["€ 100", "€ 200"]),
        ("€ 12abc", []),
        ("3.250,00", []),
    ],
)
def test_amounts_are_found_in_a_line(line: str, found: list[str]) -> None:
    """A dash between two things is no minus sign, and the stop of a sentence is no part of an amount."""
    assert [match[0] for match in re.finditer(printed.AMOUNT, line)] == found


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("01-04-2026", "2026-04-01"),
        ("1-4-2026", "2026-04-01"),
        ("3 mei 2026", "2026-05-03"),
        ("03 Mei 2026", "2026-05-03"),
        ("29-02-2024", "2024-02-29"),
        ("1 mrt 2026", "2026-03-01"),
        ("29-02-2026", None),
        ("31 april 2026", None),
        ("00-04-2026", None),
        ("1 foo 2026", None),
        ("1-13-2026", None),
        ("01-04-0000", None),
        ("2026-04-01", None),
        ("01-04-26", None),
        ("01-04-2026 ", None),
    ],
)
def test_a_day_is_one_of_the_calendar(text: str, day: str | None) -> None:
    """In figures or with the month's name; what the calendar does not have is no day."""
    assert printed.day(text) == day


_NAMES = "januari februari maart april mei juni juli augustus september oktober november december"


@given(st.dates(min_value=date(1000, 1, 1)))
def test_days_come_back_as_they_went_out(day: date) -> None:
    """Every day, in both ways of writing."""
    named = f"{day.day} {_NAMES.split()[day.month - 1]} {day.year}"
    for text in (day.strftime("%d-%m-%Y"), named):
        assert printed.day(text) == day.isoformat()
        assert re.fullmatch(printed.DAY, text)


@pytest.mark.parametrize("text", ["101-04-2026", "01-04-20261", "x01-04-2026", "1-01-04-2026", "01-04-2026-1"])
def test_a_day_inside_a_longer_number_is_none(text: str) -> None:
    """A number that has a day in it is a number."""
    assert re.search(printed.DAY, text) is None


def test_lines_have_one_spelling() -> None:
    """Spaces, dashes, euro signs, accents and joined letters of any font become plain ones; empty lines go."""
    page = (
        "\u00a0Sv-loon\u2009\u202f\u20073.250 ",
        "\u0080\u00a08,50\nEUR 9 EUROPA\u00ad",
        " ",
        "\ufb01e\u0301\ufb02 \u22123\u20134",
    )
    assert printed.lines(page) == ("Sv-loon 3.250", "€ 8,50", "€ 9 EUROPA", "fiéfl -3-4")


def test_what_could_not_be_read_is_counted_and_not_told() -> None:
    """A finding says how much is missing; nothing is said when nothing is."""
    assert printed.unread("uwv", 0) == ()
    assert printed.unread("uwv", 3) == (
        Finding(
            kind="incomplete",
            code="unread-line",
            source="uwv",
            person="self",
            values=(FindingValue(source="uwv", value="3"),),
        ),
    )
    assert printed.not_read("uwv") == Finding(kind="incomplete", code="document-not-read", source="uwv", person="self")
