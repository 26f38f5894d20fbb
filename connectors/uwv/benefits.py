"""UWVDossierWerknemersverzekeringenGSD v0200, operation UWVPersoonsWvInfo: the benefits UWV has granted a person.

Says what was granted; what was really paid stands in the income message. Only schemes, dates and amounts are read,
nothing of why somebody is out of work or unfit for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from connectors import suwiml
from connectors.suwiml import Element, children, text
from connectors.uwv import codes, findings
from schemas.base import Money, PartialDate
from schemas.income import Benefit, PayPeriod
from schemas.records import SELF, SourceRecords

NAMESPACE = "http://bkwi.nl/SuwiML/Diensten/UWVDossierWerknemersverzekeringenGSD/v0200"
ACTION = "http://bkwi.nl/SuwiML/Diensten/UWVDossierWerknemersverzekeringenGSD-v0200/UWVPersoonsWvInfo"

_FAMILIES = {"IVA": "WIA", "WGA": "WIA"}


def request(bsn: str) -> Element:
    """Ask the benefits of one person."""
    return suwiml.operation(NAMESPACE, "UWVPersoonsWvInfo", bsn)


def parse(response: Element, bsn: str) -> SourceRecords:
    """Granted benefits in the order of the message; nothing found is no records at all.

    Raises SourceError when the answer is about another person or cannot be understood.
    """
    client = suwiml.client_of(response, bsn)
    rights = () if client is None else tuple(children(client, "Uitkeringsverhouding"))
    entries = [(right, tuple(_entries(right))) for right in rights]
    return SourceRecords(
        incomes=tuple(_benefit(right, listed) for right, listed in entries),
        findings=findings.of_answer(response, left_out=any(_lossy(entry) for _, listed in entries for entry in listed)),
    )


def not_yet_paid(granted: tuple[Benefit, ...], paid: tuple[Benefit, ...]) -> tuple[Benefit, ...]:
    """The granted benefits that do not come back among the paid ones.

    A benefit that is both granted and paid stands in both answers; counted twice it would double somebody's income.
    The payments say more, so they stay: the same scheme over an overlapping span is the same benefit.
    """
    return tuple(each for each in granted if not any(_same(each, other) for other in paid if other.periods))


def _same(one: Benefit, other: Benefit) -> bool:
    if _FAMILIES.get(one.scheme, one.scheme) != _FAMILIES.get(other.scheme, other.scheme):
        return False
    return (one.start or "") <= (other.end or "9999") and (other.start or "") <= (one.end or "9999")


class _Entry(NamedTuple):
    """One line of a benefit: a span, and the amount in it if the message gives one."""

    start: PartialDate | None
    end: PartialDate | None
    amount: Element | None


def _entries(right: Element) -> Iterator[_Entry]:
    for period in children(right, "Uitkeringsperiode"):
        start = suwiml.date(text(period, "DatBUitkeringsperiode"))
        end = suwiml.date(text(period, "DatEUitkeringsperiode"))
        for amount in tuple(children(period, "BrutoUitkeringsbedrag")) or (None,):
            yield _Entry(
                suwiml.date(text(amount, "DatBBrutoUitkeringsbedr")) or start,
                suwiml.date(text(amount, "DatEBrutoUitkeringsbedr")) or end,
                amount,
            )


def _benefit(right: Element, entries: tuple[_Entry, ...]) -> Benefit:
    return Benefit(
        person=SELF,
        scheme=text(right, "SzWet", "CdSzWet") or "UWV",
        payer="UWV",
        start=suwiml.date(text(right, "DatBUitkeringsverhouding")),
        end=suwiml.date(text(right, "DatEUitkeringsverhouding")),
        periods=tuple(
            PayPeriod(start=entry.start, end=entry.end, wage=_gross(entry.amount))
            for entry in entries
            if entry.start is not None
        ),
    )


def _gross(amount: Element | None) -> Money | None:
    """The granted amount; None also when the message does not say per what, for then it means nothing."""
    value, unit = suwiml.amount(amount), codes.BENEFIT_PERIODS.get(text(amount, "CdUitkeringsperiode") or "")
    if value is None or unit is None:
        return None
    period, factor = unit
    return Money(amount=value * Decimal(factor), period=period, basis="gross")


def _lossy(entry: _Entry) -> bool:
    return entry.start is None or (suwiml.amount(entry.amount) is not None and _gross(entry.amount) is None)
