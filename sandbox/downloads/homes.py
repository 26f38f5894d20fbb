"""Papers about an owned home: the land register's, and the municipality's on each WOZ value.

How the real ones look is not public; the words are the public ones. Amounts are whole euros.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import get_args

from sandbox.downloads.paper import Paper, addressed, located, named, numeric, spoken, whole_euro
from sandbox.personas import Seat
from sandbox.personas.facts import Home, Who, WozValue


def papers(seat: Seat, today: date) -> Iterator[Paper]:
    """For an owner: one of the land register, and one per WOZ value."""
    home = seat.household.home
    if home is None or not seat.owns(home.owners):
        return
    yield extract(seat, home, today)
    for value in home.values:
        yield valuation(seat, home, value, today)


def extract(seat: Seat, home: Home, today: date) -> Paper:
    """The Kadaster's extract: the object, its price and its owners. What is inscribed is not what is still owed."""
    paper = Paper(
        "mijnoverheid",
        "kadaster-eigendomsinformatie.pdf",
        "Kadaster Eigendomsinformatie",
        made=today,
        head=(f"Datum: {spoken(today)}",),
    )
    paper.pair("Kadastrale aanduiding", home.designation)
    paper.pair("Adres", located(seat.household.address))
    if home.area_m2:
        paper.pair("Kadastrale grootte", f"{home.area_m2} m2")
    paper.pair("Koopsom", whole_euro(home.price_euro))
    paper.pair("Koopjaar", str(home.bought_in))
    paper.gap()
    for who in get_args(Who):
        _owner(paper, seat, home, who)
    if home.mortgage is not None:
        paper.pair("Hypotheekhouder", home.mortgage.lender)
        paper.pair("Bedrag van inschrijving", whole_euro(home.mortgage.registered_euro))
    return paper


def _owner(paper: Paper, seat: Seat, home: Home, who: Who) -> None:
    one = seat.household.applicant if who == "applicant" else seat.household.partner
    if one is None or who not in home.owners:
        return
    paper.pair("Gerechtigde", named(one))
    paper.pair("Geboortedatum", numeric(one.born))
    paper.pair("Aandeel", f"1/{len(home.owners)}")
    paper.gap()


def valuation(seat: Seat, home: Home, value: WozValue, today: date) -> Paper:
    """The WOZ-beschikking for the year after its value date."""
    year = value.year + 1
    paper = Paper(
        "mijnoverheid",
        f"woz-beschikking-{year}.pdf",
        f"WOZ-beschikking {year}",
        made=today,
        head=(addressed(seat.person), f"Datum: {spoken(today)}"),
    )
    paper.pair("Gemeente", seat.household.address.city)
    paper.pair("WOZ-objectnummer", home.woz_id)
    paper.pair("Adres", located(seat.household.address))
    paper.pair("WOZ-waarde", whole_euro(value.euro))
    paper.pair("Waardepeildatum", numeric(f"{value.year}-01-01"))
    return paper
