"""What stands in print: the lines of a document's text layer, and Dutch amounts and days as written there.

Owns no document: which line means what is each source's own. Reads a value exactly as it is written, or not at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from schemas.base import PartialDate
from schemas.records import SELF, Finding, FindingValue

Page: TypeAlias = tuple[str, ...]

AMOUNT = r"(?:(?<!\S)-)?€ ?-?[0-9]+(?:\.[0-9]+)*(?:,(?:[0-9]+|-{1,2}))?(?:-(?!\S))?(?!\w)"
"""What looks like an amount in a line of `lines`; whether it is one, `euro` tells."""

DAY = r"(?<![\w-])(?:[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}|[0-9]{1,2} [A-Za-z]{3,9} [0-9]{4})(?![\w-])"
"""What looks like a day in a line of `lines`, in figures or with a month's name; whether it is one, `day` tells."""

_AMOUNT = re.compile(r"(-?)€ ?(-?)([0-9]{1,3}(?:\.[0-9]{3}){1,3}|[0-9]{1,12})(?:,(?:([0-9]{2})|-{1,2}))?(-?)")
_DAY = re.compile(r"([0-9]{1,2})[- ]([0-9]{1,2}|[a-z]+)[- ]([0-9]{4})")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("januari", "jan"),
            ("februari", "feb"),
            ("maart", "mrt"),
            ("april", "apr"),
            ("mei",),
            ("juni", "jun"),
            ("juli", "jul"),
            ("augustus", "aug"),
            ("september", "sept", "sep"),
            ("oktober", "okt"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}
# Fonts set two letters as one, and name their spaces, dashes and euro sign (that of Windows-1252) in their own way.
_SPELLINGS = str.maketrans(
    {"\u00a0": " ", "\u2007": " ", "\u2009": " ", "\u202f": " ", "\u200b": None, "\u00ad": None}
    | {"\u2010": "-", "\u2011": "-", "\u2013": "-", "\u2212": "-", "\u0080": "€", "\ufb01": "fi", "\ufb02": "fl"}
)
_EUR = re.compile(r"\bEUR(?= ?-?[0-9])")


def lines(page: Iterable[str]) -> Page:
    """The lines of a page that say something, in one spelling: single spaces, plain dashes, one euro sign."""
    spelled = (unicodedata.normalize("NFC", line.translate(_SPELLINGS)) for line in page)
    trimmed = (" ".join(part.split()) for line in spelled for part in line.splitlines())
    return tuple(_EUR.sub("€", line) for line in trimmed if line)


def euro(text: str) -> Decimal | None:
    """An amount such as `€ 3.250,00`, `€ 250.000`, `€ 12,-`, `-€ 8,50` or `€ 8,50-`, exactly; None for anything else.

    With two signs, one decimal or dots that part no thousands it is not certain what was meant, so that is no amount.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    before, inside, whole, cents, behind = found.groups(default="")
    signs = before + inside + behind
    if len(signs) > 1:
        return None
    amount = Decimal(f"{whole.replace('.', '')}.{cents}")
    return -amount if signs else amount


def day(text: str) -> PartialDate | None:
    """A day such as `01-04-2026` or `1 april 2026`; None for anything else, also for a day the calendar lacks."""
    found = _DAY.fullmatch(text.lower())
    if found is None:
        return None
    number, month, year = found.groups()
    try:
        return date(int(year), _MONTHS.get(month) or int(month), int(number)).isoformat()
    except ValueError:
        return None


def unread(source: str, count: int) -> tuple[Finding, ...]:
    """The finding that `count` places of a document could not be read for certain; none when all could."""
    if not count:
        return ()
    value = FindingValue(source=source, value=str(count))
    return (Finding(kind="incomplete", code="unread-line", source=source, person=SELF, values=(value,)),)


def not_read(source: str) -> Finding:
    """The finding that a document was recognised and none of its values could be read for certain."""
    return Finding(kind="incomplete", code="document-not-read", source=source, person=SELF)
