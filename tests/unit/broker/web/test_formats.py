"""How amounts, dates, ages and shares are written in Dutch and in English."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import get_args

import pytest

from broker.texts import Language
from broker.web import formats
from schemas.base import Basis, Money, Period
from schemas.pension import Age

NOON = datetime(2026, 4, 3, 12, tzinfo=UTC).timestamp()  # 14:00 in Amsterdam
DAY = 86_400


def plain(text: str) -> str:
    """The text with ordinary spaces: between sign and amount stands one that does not break."""
    return text.replace("\xa0", " ").replace("\u202f", " ")


def euro(amount: str, period: Period = "once", basis: Basis | None = None) -> Money:
    return Money(amount=Decimal(amount), period=period, basis=basis)


@pytest.mark.parametrize(
    ("amount", "dutch", "english"),
    [
        ("3250.00", "€ 3.250,00", "€3,250.00"),
        ("3250.5", "€ 3.250,50", "€3,250.50"),
        ("468731", "€ 468.731", "€468,731"),
        ("-380.64", "€ -380,64", "-€380.64"),
        ("0", "€ 0", "€0"),
        ("0.05", "€ 0,05", "€0.05"),
        ("1234567890.12", "€ 1.234.567.890,12", "€1,234,567,890.12"),
    ],
)
def test_amounts(amount: str, dutch: str, english: str) -> None:
    """Cents are written where the source speaks in cents, also when they are zero; whole euros stay whole."""
    assert plain(formats.money(euro(amount), "nl")) == dutch
    assert formats.money(euro(amount), "en") == english


def test_an_amount_does_not_break_from_its_sign() -> None:
    """At the end of a line the euro sign stays with its amount."""
    assert " " not in formats.money(euro("3250.00"), "nl")


def test_periods() -> None:
    """What an amount is per, and whether it is gross, stands beside it in words; a sum paid once has no period."""
    assert formats.per(euro("1", "month", "gross"), "nl") == "bruto per maand"
    assert formats.per(euro("1", "four-weeks", "net"), "nl") == "netto per vier weken"
    assert formats.per(euro("1", "month", "gross"), "en") == "gross a month"
    assert formats.per(euro("1"), "nl") == ""
    assert plain(formats.sum_of_money(euro("12.00", "hour"), "nl")) == "€ 12,00 per uur"


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_period_has_words(language: Language) -> None:
    """No period of the schema is written as its code."""
    words = {formats.per(euro("1", period), language) for period in get_args(Period) if period != "once"}
    assert len(words) == len(get_args(Period)) - 1
    assert not words & set(get_args(Period))


@pytest.mark.parametrize(
    ("partial", "dutch", "english"),
    [
        ("2024", "2024", "2024"),
        ("2026-04", "april 2026", "April 2026"),
        ("2026-04-03", "3 april 2026", "3 April 2026"),
        ("2024-03-31", "31 maart 2024", "31 March 2024"),
    ],
)
def test_dates_are_as_exact_as_they_are_known(partial: str, dutch: str, english: str) -> None:
    """No day and no month is invented."""
    assert (formats.date(partial, "nl"), formats.date(partial, "en")) == (dutch, english)


@pytest.mark.parametrize(
    ("start", "end", "dutch"),
    [
        ("2026-04-01", "2026-04-30", "april 2026"),
        ("2024-02-01", "2024-02-29", "februari 2024"),
        ("2025-02-01", "2025-02-27", "van 1 februari 2025 tot en met 27 februari 2025"),
        ("2025-03-03", "2025-03-30", "van 3 maart 2025 tot en met 30 maart 2025"),
        ("2025-03", None, "sinds maart 2025"),
        (None, "2025", "tot en met 2025"),
        (None, None, ""),
    ],
)
def test_spans(start: str | None, end: str | None, dutch: str) -> None:
    """A whole calendar month is called by its name; an open end is open."""
    assert formats.span(start, end, "nl") == dutch


@pytest.mark.parametrize(
    ("seconds", "dutch", "english"),
    [
        (0, "vandaag 14:00", "today 14:00"),
        (-DAY, "gisteren 14:00", "yesterday 14:00"),
        (DAY, "morgen 14:00", "tomorrow 14:00"),
        (-2 * DAY, "1 april 2026 14:00", "1 April 2026 14:00"),
        (-14 * 3600 - 60, "gisteren 23:59", "yesterday 23:59"),
        (-14 * 3600, "vandaag 00:00", "today 00:00"),
        (2 * DAY, "5 april 2026 14:00", "5 April 2026 14:00"),
    ],
)
def test_moments(seconds: int, dutch: str, english: str) -> None:
    """A moment is told in Dutch time, by day: yesterday begins at midnight, not a day ago."""
    at = NOON + seconds
    assert (formats.moment(at, NOON, "nl"), formats.moment(at, NOON, "en")) == (dutch, english)


def test_moments_know_summer_time() -> None:
    """In winter the clock in Amsterdam is one hour ahead, in summer two."""
    winter = datetime(2026, 1, 3, 12, tzinfo=UTC).timestamp()
    assert formats.moment(winter, winter, "nl") == "vandaag 13:00"


def test_ages() -> None:
    """Years, and months where there are any."""
    assert formats.age(Age(years=67, months=3), "nl") == "67 jaar en 3 maanden"
    assert formats.age(Age(years=67, months=1), "en") == "67 years and 1 month"
    assert formats.age(Age(years=65), "nl") == "65 jaar"


def test_shares() -> None:
    """A half is called so, all of it too; other parts stay fractions."""
    assert [formats.share(part, "nl") for part in ("1/2", "1/1", "3/3", "1/3")] == [
        "de helft",
        "helemaal",
        "helemaal",
        "1/3 deel",
    ]
    assert formats.share("1/2", "en") == "half"


def test_lists() -> None:
    """As one says them: commas, and one *and*."""
    assert formats.listed(["UWV", "Belastingdienst", "RDW"], "nl") == "UWV, Belastingdienst en RDW"
    assert formats.listed(["UWV", "RDW"], "en") == "UWV and RDW"
    assert (formats.listed(["UWV"], "nl"), formats.listed([], "nl")) == ("UWV", "")


def test_counts() -> None:
    """One is singular, none is plural."""
    assert [formats.count("incomes", number, "nl") for number in (0, 1, 5)] == ["0 inkomens", "1 inkomen", "5 inkomens"]


def test_numbers() -> None:
    """Decimals stand behind the sign of the language, as many as were given."""
    assert (formats.number(Decimal("2.57"), "nl"), formats.number(Decimal("2.57"), "en")) == ("2,57", "2.57")
    assert formats.number(Decimal("0.125"), "nl") == "0,125"


def test_account_numbers() -> None:
    """An IBAN is written in groups of four; what is no IBAN stays as it is."""
    assert formats.account("NL69ZAND5800471574") == "NL69 ZAND 5800 4715 74"
    assert formats.account("ZBC") == "ZBC"


def test_when_something_is_over_is_never_told_too_early() -> None:
    """In whole minutes, up; with the day where that is not today."""
    now = datetime(2026, 4, 3, 12, 0, tzinfo=UTC).timestamp()
    assert formats.by_then(now + 1, now, "nl") == "14:01"
    assert formats.by_then(now + 60, now, "nl") == "14:01"
    assert formats.by_then(now + 16 * 3600, now, "nl") == "morgen 06:00"
    assert formats.near(now + 119, now, "en") == "14:01"


def test_sizes_of_files() -> None:
    """Kilobytes, and megabytes with one decimal; a small file is not nothing."""
    assert [formats.size(octets, "nl") for octets in (12, 85_300, 1_234_567)] == ["1\xa0kB", "85\xa0kB", "1,2\xa0MB"]
    assert formats.size(1_234_567, "en") == "1.2\xa0MB"
