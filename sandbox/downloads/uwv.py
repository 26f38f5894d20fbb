"""The Verzekeringsbericht: per employer or paying body the hours and Sv-loon of every pay period, newest first.

Labels and order are those that public readers of the real one look for; no official sample is public. It also tells
two things the API does not: the exact form of a contract, and what a company car is worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

from sandbox.downloads.paper import Paper, addressed, euro, numeric, spoken
from sandbox.personas import Seat
from sandbox.personas.facts import Benefit, Fact, Job
from sandbox.sources.uwv import Pay, pays_of

NAME = "Verzekeringsbericht.pdf"
_WIDTHS = (70.0, 35.0, 50.0)
_HEADING = 6  # lines, when the contract form needs two


class Layout(Fact, frozen=True, kw_only=True):
    """How it is printed: the version at the foot, where car amounts stand, and what a new page begins with.

    Car amounts stand together under both labels, or apart, and then the Sv-loon stands on a line of its own too.
    `heading_again` repeats the employer on a page that goes on with them.
    """

    version: str = "VZB-006"
    cars: Literal["together", "apart"] = "together"
    heading_again: bool = False
    bsn: bool = False


class Car(Fact, frozen=True, kw_only=True):
    """What a company car adds to each pay period, in cents: paid for it by the employee, and its private use."""

    contribution: int
    private_use: int


CARS: dict[str, Car] = {"723129210L02": Car(contribution=10_000, private_use=41_250)}
ON_CALL = frozenset({"790230279L07"})
AS_PRINTED = Layout()


def papers(seat: Seat, today: date, layout: Layout = AS_PRINTED) -> Iterator[Paper]:
    """The one message; none for somebody UWV knows nothing of. Pensions and AOW are not insured, so not in it."""
    blocks = [*seat.person.jobs, *(_as_job(benefit) for benefit in seat.person.benefits if benefit.law)]
    if not blocks:
        return
    paper = _begun(seat, today, layout)
    for job in blocks:
        _block(paper, job, layout)
    yield paper


def contract_form(job: Job) -> str:
    """The form of a contract, in the words of the rules for the income test."""
    span = "onbepaalde tijd" if job.permanent else "bepaalde tijd"
    call = "oproepovereenkomst" if job.payroll_number in ON_CALL else "geen oproepovereenkomst"
    return f"schriftelijke arbeidsovereenkomst voor {span}, {call}"


def _begun(seat: Seat, today: date, layout: Layout) -> Paper:
    one = seat.person
    head = [addressed(one), f"Geboortedatum: {numeric(one.born)}", f"Datum: {spoken(today)}"]
    if layout.bsn:
        head.insert(1, f"Burgerservicenummer: {one.bsn}")
    paper = Paper("uwv", NAME, "Verzekeringsbericht", made=today, head=head, foot=layout.version)
    paper.text("In dit bericht staan je loongegevens zoals je werkgever of uitkeringsinstantie ze heeft doorgegeven.")
    paper.gap()
    paper.text("Loongegevens", strong=True)
    return paper


def _as_job(benefit: Benefit) -> Job:
    """UWV stands among the employers when it pays a benefit, without hours."""
    return Job(
        employer=benefit.payer,
        payroll_number=benefit.payroll_number,
        since=benefit.since,
        first_period=benefit.first_period,
        periods=benefit.periods,
        wage=benefit.amount,
        withheld=benefit.withheld,
        hours=0,
    )


def _block(paper: Paper, job: Job, layout: Layout) -> None:
    """One employer, over as many pages as it needs; neither a heading nor half a pay period ends a page."""
    car = CARS.get(job.payroll_number)
    lines = 1 if car is None else 3 if layout.cars == "together" else 6
    if not paper.has_room(_HEADING + lines):
        paper.turn()
    _heading(paper, job)
    for pay in reversed(pays_of(job)):
        if not paper.has_room(lines):
            paper.turn()
            if layout.heading_again:
                _heading(paper, job)
            else:
                _columns(paper)
        _pay(paper, pay, car, layout)
    paper.gap()


def _heading(paper: Paper, job: Job) -> None:
    benefit = job.employer.endswith("van UWV")
    paper.pair("Werkgever/Instantie", job.employer)
    paper.pair("Loonheffingennummer", job.payroll_number)
    paper.pair("Verzekerde wetten", "ZW, WIA" if benefit else "WW, WIA, ZW")
    paper.pair("Contractvorm", "" if benefit else contract_form(job))
    _columns(paper)


def _columns(paper: Paper) -> None:
    paper.row("Periode", "Aantal uur", "Sv-loon", widths=_WIDTHS, strong=True)


def _pay(paper: Paper, pay: Pay, car: Car | None, layout: Layout) -> None:
    period = f"{pay.start:%d-%m-%Y} t/m {pay.end:%d-%m-%Y}"
    labels = ("Eigen bijdrage auto", "Waarde privégebruik auto")
    amounts = () if car is None else (euro(car.contribution), euro(car.private_use))
    if not amounts or layout.cars == "together":
        paper.row(period, str(pay.hours), euro(pay.wage), widths=_WIDTHS)
    if amounts and layout.cars == "together":
        paper.row("", *labels, widths=(50.0, 45.0, 50.0))
        paper.row("", *amounts, widths=(50.0, 45.0, 50.0))
    if amounts and layout.cars == "apart":
        paper.row(period, str(pay.hours), "", widths=_WIDTHS)
        for line in (euro(pay.wage), labels[0], amounts[0], labels[1], amounts[1]):
            paper.row("", line, widths=(105.0, 50.0))
