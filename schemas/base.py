"""Building blocks of every record: the struct base, money, partial dates and provenance.

Owns the units. Nothing here knows a source or a profile.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Record(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of everything stored or sent: camelCase on the wire, absent fields left out, unknown fields ignored.

    `kw_only` is not inherited by msgspec structs: every subclass says it for itself.
    """


class View(msgspec.Struct, frozen=True, rename="camel"):
    """Base of what an API answers: camelCase, every field always there."""


class Inbound(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Base of everything that comes from outside: unknown fields are refused."""


# `YYYY`, `YYYY-MM` or `YYYY-MM-DD` (the GBO scalar DatumIncompleet without its zeros). `$` alone would let a last
# newline pass.
PartialDate = Annotated[str, Meta(pattern=r"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$(?!\n)")]

Period = Literal["hour", "day", "week", "four-weeks", "month", "year", "once"]
Basis = Literal["gross", "net"]


class Money(Record, frozen=True, kw_only=True):
    """An amount in decimal euro, with the period it covers; `basis` is absent where gross/net has no meaning."""

    amount: Decimal
    period: Period
    basis: Basis | None = None
    currency: Literal["EUR"] = "EUR"


class Provenance(Record, frozen=True, kw_only=True):
    """Where a record came from. `retrieved_at` is UTC; `document_digest` is the hex SHA-256 of the document."""

    source: str
    part: str | None = None  # which register of the source: brp, woz, brk, rdw
    transport: Literal["api", "upload"]
    retrieved_at: datetime
    document_digest: str | None = None
    seal: Literal["valid", "invalid", "none"] | None = None


_COMPACT = re.compile(r"^([0-9]{4})-?([0-9]{2})-?([0-9]{2})$")


def partial_date(text: str | None) -> PartialDate | None:
    """Turn `YYYYMMDD` or `YYYY-MM-DD` with zeros for what is unknown into a partial date.

    All zeros (or nothing) is None, and so is an open end (`99991231`, `99991230` in SuwiML samples).
    Raises ValueError for text that is no date at all.
    """
    if not text:
        return None
    found = _COMPACT.match(text.strip())
    if found is None:
        raise ValueError("not a date of the form YYYYMMDD or YYYY-MM-DD")
    year, month, day = found.groups()
    if year in ("0000", "9999"):
        return None
    if month == "00":
        return year
    if day == "00":
        return _checked(f"{year}-{month}-01")[:7]
    return _checked(f"{year}-{month}-{day}")


def _checked(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:  # newer Pythons repeat the value in it
        raise ValueError("not a day of the calendar") from None
    return text


def is_bsn(text: str) -> bool:
    """Whether `text` is nine digits that pass the elfproef (weights 9..2 and -1; Besluit bsn, art. 2)."""
    if len(text) != 9 or not (text.isascii() and text.isdigit()) or text == "000000000":
        return False
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(w * int(d) for w, d in zip(weights, text, strict=True)) % 11 == 0
