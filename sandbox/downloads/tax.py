"""The tax office's papers: a statement of income and an assessment over each year it has decided on.

How the real ones look is not public; the words are the public ones. Amounts are in cents here, as the tax office's
draft API has them, so that both tell the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sandbox.downloads.paper import Paper, addressed, euro, located, numeric, spoken
from sandbox.personas import Seat
from sandbox.personas.facts import Assessment

_KINDS = {
    "Definitief vastgesteld": "Definitieve aanslag",
    "Bezwaar lopend": "Definitieve aanslag",
    "Voorlopig vastgesteld": "Voorlopige aanslag",
}


def papers(seat: Seat, today: date) -> Iterator[Paper]:
    """Two for every year that was decided on; what was only filed gives none."""
    for item in seat.person.assessments:
        if item.status in _KINDS:
            yield statement(seat, item, today)
            yield assessment(seat, item, today)


def statement(seat: Seat, item: Assessment, today: date) -> Paper:
    """The inkomensverklaring: one amount, the verzamelinkomen."""
    paper = Paper(
        "belastingdienst",
        f"inkomensverklaring-{item.year}.pdf",
        f"Inkomensverklaring {item.year}",
        made=today,
        head=_head(seat, today),
    )
    paper.text("Deze verklaring gaat over je inkomen zoals dat bij de Belastingdienst bekend is.")
    paper.gap()
    paper.pair("Belastingjaar", str(item.year))
    paper.pair("Verzamelinkomen", euro(_total(item)))
    return paper


def assessment(seat: Seat, item: Assessment, today: date) -> Paper:
    """The aanslag inkomstenbelasting: what it is, and the income of each box with their sum."""
    kind = _KINDS[item.status]
    paper = Paper(
        "belastingdienst",
        f"{kind.lower().replace(' ', '-')}-inkomstenbelasting-{item.year}.pdf",
        f"{kind} inkomstenbelasting {item.year}",
        made=today,
        head=_head(seat, today),
    )
    paper.pair("Belastingjaar", str(item.year), width=95)
    paper.gap()
    paper.pair("Box 1: inkomen uit werk en woning", euro(item.box1), width=95)
    paper.pair("Box 2: inkomen uit aanmerkelijk belang", euro(item.box2), width=95)
    paper.pair("Box 3: inkomen uit sparen en beleggen", euro(item.box3), width=95)
    paper.pair("Verzamelinkomen", euro(_total(item)), width=95)
    return paper


def _head(seat: Seat, today: date) -> tuple[str, ...]:
    one = seat.person
    where = one.abroad.lines if one.abroad else (located(one.address or seat.household.address),)
    return (addressed(one), *where, f"Geboortedatum: {numeric(one.born)}", f"Datum: {spoken(today)}")


def _total(item: Assessment) -> int:
    return item.box1 + item.box2 + item.box3
