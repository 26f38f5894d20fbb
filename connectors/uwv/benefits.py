"""UWVDossierWerknemersverzekeringenGSD v0200, operation UWVPersoonsWvInfo: the benefits UWV has granted a person.

Says what was granted; what was really paid stands in the income message. Only schemes, dates and amounts are read,
nothing of why somebody is out of work or unfit for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from connectors import suwiml
from connectors.suwiml import Element, children, departs, text
from connectors.unread import Block
from connectors.uwv import codes, findings
from connectors.uwv.findings import Told
from schemas.base import Money, PartialDate
from schemas.income import Benefit, PayPeriod
from schemas.records import SELF, SourceRecords

NAMESPACE = "http://bkwi.nl/SuwiML/Diensten/UWVDossierWerknemersverzekeringenGSD/v0200"
ACTION = "http://bkwi.nl/SuwiML/Diensten/UWVDossierWerknemersverzekeringenGSD-v0200/UWVPersoonsWvInfo"

_FAMILIES = {"IVA": "WIA", "WGA": "WIA"}

# What the schema (BodyReaction.xsd, v0200-b01) requires and allows where we read. An amount may lack its value there:
# to us it then is one that we cannot read.
_AMOUNT = Block(
    must=frozenset({"WaardeBedr"}),
    may=frozenset({"CdMunteenheid", "CdUitkeringsperiode", "DatBBrutoUitkeringsbedr", "DatEBrutoUitkeringsbedr"}),
)
_PERIOD = Block(
    may=frozenset(
        {
            "DatBUitkeringsperiode",
            "DatEUitkeringsperiode",
            "RedenMaatregelMbtUitkeringUwv",
            "BrutoUitkeringsbedrag",
        }
    ),
    inside={"BrutoUitkeringsbedrag": _AMOUNT},
)
_RIGHT = Block(
    must=frozenset({"SzWet"}),
    may=frozenset(
        {
            "DatBUitkeringsverhouding",
            "DatEUitkeringsverhouding",
            "OmsRedenEindeUitkeringsverh",
            "DatEMaximaleUitkeringsduur",
            "AantWerkurenPerWeekGrondslagUitk",
            "SectorBeroepsEnBedrijfsleven",
            "SpecifiekeGegevensWwUitkering",
            "Uitkeringsperiode",
        }
    ),
    inside={"SzWet": Block(must=frozenset({"CdSzWet"})), "Uitkeringsperiode": _PERIOD},
)
_CLIENT = Block(
    must=frozenset({"Burgerservicenr"}),
    may=frozenset({"ArbeidsgeschiktheidClient", "WerkloosheidClient", "AanvraagUitkering", "Uitkeringsverhouding"}),
)
_ANSWER = Block(must=frozenset({"ClientSuwi"}), may=frozenset({"FWI"}), inside={"ClientSuwi": _CLIENT})


def request(bsn: str) -> Element:
    """Ask the benefits of one person."""
    return suwiml.operation(NAMESPACE, "UWVPersoonsWvInfo", bsn)


def parse(response: Element, bsn: str) -> SourceRecords:
    """Granted benefits in the order of the message; nothing found is no records at all.

    Raises SourceError when the answer is about another person, cannot be understood, or has nothing that we know where
    the schema has rights.
    """
    client = suwiml.client_of(response, bsn)
    rights = () if client is None else tuple(children(client, "Uitkeringsverhouding"))
    entries = [(right, tuple(_entries(right))) for right in rights]
    told = [Told(_benefit(right, listed), departs(right, _RIGHT), "income.benefit") for right, listed in entries]
    odd = client is not None and departs(response, _ANSWER)
    undated = any(_lossy(entry) for _, listed in entries for entry in listed)
    return SourceRecords(
        incomes=findings.certain(told, departs=odd),
        findings=(*findings.of_answer(response, left_out=undated), *findings.unread(told, departs=odd)),
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
