"""Building blocks: money, partial dates and the elfproef."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import Inbound, Money, PartialDate, Record, is_bsn, partial_date

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12)


class Odd(Record, frozen=True, kw_only=True):
    first_thing: str | None = None


class Strict(Inbound, frozen=True, kw_only=True):
    first_thing: str | None = None


@given(DECIMALS)
def test_money_keeps_every_cent(amount: Decimal) -> None:
    """Decimal on the wire as text: never a binary fraction, and trailing zeros survive."""
    money = Money(amount=amount, period="month", basis="gross")
    encoded = msgspec.json.encode(money)
    assert msgspec.json.decode(encoded, type=Money) == money
    assert msgspec.json.decode(encoded)["amount"] == str(amount)


def test_money_says_what_it_covers() -> None:
    """The period is always there; gross or net only where it has a meaning; the currency is the euro."""
    assert msgspec.to_builtins(Money(amount=Decimal("1.10"), period="once")) == {"amount": "1.10", "period": "once"}
    for wrong in ({"amount": "1"}, {"amount": "x", "period": "year"}, {"amount": "1", "period": "decade"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Money)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"amount": "1", "period": "year", "currency": "USD"}, Money)


@pytest.mark.parametrize("text", ["2020", "2020-01", "2020-12", "2020-02-29", "0001-01-01", "2020-10-31"])
def test_a_partial_date_is_a_year_a_month_or_a_day(text: str) -> None:
    """Three forms, most significant first."""
    assert msgspec.convert(text, PartialDate) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "20", "2020-", "2020-00", "2020-13", "2020-1", "2020-01-00", "2020-01-32", "2020-01-1", "20200101"),
        *("2020-01-01T00:00", " 2020", "2020\n", "2020-01-01\n", "２０２０", "0000-00-00x"),
    ],
)
def test_anything_else_is_no_partial_date(text: str) -> None:
    """Neither zeros for what is unknown, nor other forms, digits or ends of lines."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, PartialDate)


@given(st.dates())
def test_a_full_date_comes_through(day: date) -> None:
    """Written with or without dashes."""
    expected = None if day.year == 9999 else day.isoformat()
    assert partial_date(day.isoformat()) == partial_date(day.strftime("%Y%m%d").zfill(8)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("", None),
        ("00000000", None),
        ("0000-00-00", None),
        ("99991231", None),
        ("99991230", None),
        ("19700000", "1970"),
        ("1970-00-00", "1970"),
        ("19700500", "1970-05"),
        ("1970-05-00", "1970-05"),
        (" 19700501 ", "1970-05-01"),
        ("20000229", "2000-02-29"),
    ],
)
def test_zeros_are_what_is_unknown(text: str | None, expected: str | None) -> None:
    """All unknown is None, and so is an open end."""
    assert partial_date(text) == expected


@pytest.mark.parametrize(
    "text",
    ["x", "  ", "1970", "197005", "19701301", "19700230", "19701300", "1970/05/01", "１９７０００００", "19700501x"],
)
def test_what_is_no_date_is_said_so_without_repeating_it(text: str) -> None:
    """A value from a source never becomes part of an error."""
    with pytest.raises(ValueError, match=r"^not a (date of the form YYYYMMDD or YYYY-MM-DD|day of the calendar)$"):
        partial_date(text)


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", fullmatch=True))
def test_what_comes_out_is_always_a_partial_date(text: str) -> None:
    """Or nothing, or a ValueError; there is no fourth."""
    try:
        found = partial_date(text)
    except ValueError:
        return
    assert found is None or msgspec.convert(found, PartialDate) == found


@pytest.mark.parametrize("text", ["999993653", "999990342", "111222333", "123456782"])
def test_a_bsn_passes_the_elfproef(text: str) -> None:
    """Weights 9 to 2 and -1, a multiple of eleven."""
    assert is_bsn(text)


@pytest.mark.parametrize(
    "text",
    [
        "000000000",
        "999993654",
        "99999365",
        "9999936530",
        "999.99.365",
        " 99999365",
        "٩٩٩٩٩٣٦٥٣",
        "",
        "zaak-1-xx",
        "999993653\n",
    ],
)
def test_what_is_no_bsn(text: str) -> None:
    """Nine ASCII digits, not all zero."""
    assert not is_bsn(text)


@given(st.sampled_from(["999993653", "999990342"]), st.integers(0, 8), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(bsn: str, place: int, off: int) -> None:
    """That is what the elfproef is for."""
    digit = (int(bsn[place]) + off) % 10
    assert not is_bsn(f"{bsn[:place]}{digit}{bsn[place + 1 :]}")


def test_records_bear_what_a_newer_version_adds_and_strangers_do_not() -> None:
    """What is stored or sent ignores unknown fields and leaves absent ones out; what comes from outside has none."""
    assert msgspec.json.decode(b'{"firstThing": "x", "later": 1}', type=Odd) == Odd(first_thing="x")
    assert msgspec.json.encode(Odd()) == b"{}"
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"firstThing": "x", "later": 1}', type=Strict)
