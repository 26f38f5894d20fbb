"""What the connectors read in the sandbox's downloads is what is true of the persona, as far as the file tells it.

The files and their readers were written apart, from the same description of the real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from pypdf import PdfReader

from connectors.belastingdienst import Belastingdienst
from connectors.contract import Document, DocumentRefused
from connectors.documents.reader import DocumentReader
from connectors.documents.settings import DocumentSettings
from connectors.mijnoverheid import MijnOverheid
from connectors.mijnpensioenoverzicht import Mijnpensioenoverzicht
from connectors.registry import default_registry
from connectors.uwv import Uwv
from sandbox import stage
from sandbox.downloads import pensions
from sandbox.downloads.authority import Authority
from sandbox.downloads.broken import Broken, broken_file
from sandbox.downloads.file import Download
from sandbox.downloads.shelf import downloads, papers
from sandbox.downloads.uwv import CARS, Layout, contract_form
from sandbox.personas import HOUSEHOLDS, Seat, by_user, canaries, seats
from sandbox.personas.facts import Age, Job, Scheme
from sandbox.sources.uwv import pays_of
from schemas.base import Money
from schemas.household import Person
from schemas.income import Assessment, Benefit, Employment, PayPeriod
from schemas.pension import SchemePension, StatePension, SurvivorPension
from schemas.records import SourceRecords
from schemas.wealth import RealEstate

TODAY = date(2026, 11, 22)
AUTHORITY = Authority.made()
PEOPLE = [seat for household in HOUSEHOLDS.values() for seat in seats(household) if seat.person.user]
LAYOUTS = (Layout(cars="apart"), Layout(heading_again=True), Layout(version="VZB-004"))
TELLING = ("cohabiting", "family-many-schemes", "family-many-schemes-partner")  # a car, two pages, a benefit
READERS: dict[str, Any] = {
    connector.manifest.id: connector for connector in (Belastingdienst, MijnOverheid, Mijnpensioenoverzicht, Uwv)
}


def opened(file: Download) -> Document:
    """A file with its pages, as the broker opens it."""
    if file.media_type != "application/pdf":
        return Document(media_type=file.media_type, content=file.content)
    pages = PdfReader(BytesIO(file.content)).pages
    text = tuple(tuple(page.extract_text().splitlines()) for page in pages)
    return Document(media_type=file.media_type, content=file.content, pages=text)


def read(file: Download) -> SourceRecords:
    """What the connector of its site reads in it."""
    found: SourceRecords = READERS[file.source].read(opened(file))
    return found


def one_of(seat: Seat, source: str, layout: Layout | None = None) -> Iterator[Download]:
    """The PDFs of one site, unsealed: a reader sees no difference."""
    for paper in papers(seat, TODAY, layout or Layout()):
        if paper.source == source:
            yield paper.file(paper.content())


def cents(money: Money | None) -> int | None:
    """An amount in cents."""
    return None if money is None else int(money.amount * 100)


def about(found: SourceRecords, seat: Seat) -> None:
    """Who the file is about: name and birth date, never a BSN.

    How a letter greets somebody of unknown gender, or prints a date of which a part is unknown, is described nowhere:
    there a reader may leave out, and may not be wrong.
    """
    one = seat.person
    names = [person.name.full for person in found.persons if person.name]
    births = [person.birth_date for person in found.persons if person.birth_date]
    assert all((person.id, person.bsn) == ("self", None) for person in found.persons)
    assert all(name.endswith(one.surname) for name in names)
    assert set(births) <= {one.born}
    assert len(names) == 1 or one.gender == "O"
    assert len(births) == 1 or len(one.born) < 10


def relation(job: Job) -> tuple[Any, ...]:
    """An income relation as it can be compared."""
    period = "four-weeks" if job.rhythm == "four-weeks" else "month"
    pays = sorted((str(p.start), str(p.end), p.hours, p.wage, period) for p in pays_of(job))
    return (job.employer, job.payroll_number, job.permanent, pays)


def told(pays: tuple[PayPeriod, ...]) -> list[tuple[Any, ...]]:
    """Pay periods as they can be compared."""
    return sorted((p.start, p.end, p.hours, cents(p.wage), p.wage and p.wage.period) for p in pays)


def test_every_site_of_the_sandbox_has_a_reader() -> None:
    """The four sources take the four sites' files."""
    ids = {manifest.id for manifest in default_registry().manifests() if "upload" in manifest.transports}
    assert ids >= READERS.keys()


@pytest.mark.parametrize("seat", PEOPLE, ids=lambda seat: seat.person.user)
def test_no_file_of_anybody_is_refused(seat: Seat) -> None:
    """Every sealed download of everybody is read, and says nothing of third persons or BSNs."""
    for file in downloads(seat, authority=AUTHORITY, today=TODAY):
        found = read(file)
        assert all(person.id == "self" and person.bsn is None for person in found.persons), file.name


MESSAGES = [
    *((seat, Layout()) for seat in PEOPLE),
    *((seat, layout) for seat in PEOPLE if seat.person.user in TELLING for layout in LAYOUTS),
]


@pytest.mark.parametrize(("seat", "layout"), MESSAGES)
def test_a_verzekeringsbericht_says_every_job_and_benefit(seat: Seat, layout: Layout) -> None:
    """Every employer once, with its number, kind of contract and every pay period; what UWV pays is a benefit."""
    for file in one_of(seat, "uwv", layout):
        found = read(file)
        about(found, seat)
        jobs = [income for income in found.incomes if isinstance(income, Employment)]
        got = [(j.employer, j.payroll_number, j.contracts[-1].permanent, told(j.periods)) for j in jobs]
        assert got == [relation(job) for job in seat.person.jobs]
        paid = [income for income in found.incomes if isinstance(income, Benefit)]
        wanted = [benefit for benefit in seat.person.benefits if benefit.law]
        assert [(b.payer, b.payroll_number, len(b.periods)) for b in paid] == [
            (b.payer, b.payroll_number, b.periods) for b in wanted
        ]
        assert [cents(p.wage) for b in paid for p in b.periods] == [b.amount for b in wanted for _ in range(b.periods)]
        assert not [finding for finding in found.findings if finding.kind == "incomplete"]
        cars = [value.value for finding in found.findings if finding.code == "company-car" for value in finding.values]
        assert len(cars) == sum(job.periods for job in seat.person.jobs if job.payroll_number in CARS)
        assert all("€ 100,00" in car and "€ 412,50" in car for car in cars)


def test_a_contract_form_is_told_whole() -> None:
    """A form that wraps over two lines is put together again."""
    seat = by_user("family-many-schemes")
    assert seat is not None
    (file,) = one_of(seat, "uwv")
    jobs = [income for income in read(file).incomes if isinstance(income, Employment)]
    assert [job.contracts[-1].description for job in jobs] == [contract_form(job) for job in seat.person.jobs]


@pytest.mark.parametrize("seat", PEOPLE, ids=lambda seat: seat.person.user)
def test_tax_papers_say_year_total_and_boxes(seat: Seat) -> None:
    """A statement has the total; an assessment its boxes too, and whether it is provisional."""
    facts = {str(item.year): item for item in seat.person.assessments}
    for file in one_of(seat, "belastingdienst"):
        found = read(file)
        fact = facts[file.name[-8:-4]]
        (item,) = found.incomes
        assert isinstance(item, Assessment)
        assert (item.year, cents(item.total)) == (fact.year, fact.box1 + fact.box2 + fact.box3)
        if not file.name.startswith("inkomensverklaring"):
            assert (cents(item.box1), cents(item.box2), cents(item.box3)) == (fact.box1, fact.box2, fact.box3)
            assert item.status == ("final" if file.name.startswith("definitieve") else "provisional")


@pytest.mark.parametrize("seat", PEOPLE, ids=lambda seat: seat.person.user)
def test_papers_of_a_home_say_what_it_is_and_what_it_cost(seat: Seat) -> None:
    """The land register's designation and price; one WOZ value with its date each."""
    home = seat.household.home
    for file in one_of(seat, "mijnoverheid"):
        assert home is not None
        (item,) = read(file).possessions
        assert isinstance(item, RealEstate)
        assert (item.street, item.number, item.postcode, item.city) == (
            seat.household.address.street,
            seat.household.address.number,
            seat.household.address.postcode,
            seat.household.address.city,
        )
        if file.name.startswith("kadaster"):
            assert (item.cadastral_designation, item.bought_in) == (home.designation, str(home.bought_in))
            assert item.bought_for is not None
            assert item.bought_for.amount == home.price_euro
        else:
            (value,) = item.values
            values = {f"{v.year}-01-01": Decimal(v.euro) for v in home.values}
            assert value.amount.amount == values[value.reference_date]
            assert value.reference_date == f"{int(file.name[-8:-4]) - 1}-01-01"


def age(span: Age) -> tuple[int, int]:
    """Years and months."""
    return span.years, span.months


def scheme(fact: Scheme) -> tuple[Any, ...]:
    """A scheme as it can be compared."""
    return (fact.provider, fact.number, fact.indicative, age(fact.start), fact.reachable, fact.accrued)


@pytest.mark.parametrize("seat", PEOPLE, ids=lambda seat: seat.person.user)
def test_both_pension_files_say_every_scheme(seat: Seat) -> None:
    """JSON and XML say the same; only the XML says who it is about."""
    as_json, as_xml = (read(file) for file in pensions.files(seat, TODAY))
    assert as_json.persons == ()
    about(as_xml, seat)
    assert as_json.pensions == as_xml.pensions
    schemes = [p for p in as_json.pensions if isinstance(p, SchemePension)]
    assert all(p.starts_at and p.reachable and p.accrued for p in schemes)
    got = {
        (
            p.provider,
            p.scheme,
            p.indicative,
            (p.starts_at.years, p.starts_at.months) if p.starts_at else None,
            p.reachable.amount if p.reachable else None,
            p.accrued.amount if p.accrued else None,
        )
        for p in schemes
    }
    assert got == {scheme(fact) for fact in seat.person.schemes}
    state = [p for p in as_json.pensions if isinstance(p, StatePension)]
    assert len(state) == (seat.person.state_pension is not None)
    survivors = [(p.beneficiary, p.scheme) for p in as_json.pensions if isinstance(p, SurvivorPension)]
    assert survivors == [(s.beneficiary, s.number) for s in seat.person.survivors]
    gaps = [finding for finding in as_json.findings if finding.kind == "incomplete"]
    assert len(gaps) == len(seat.person.silent_providers)


def message(how: Broken) -> Download:
    """A broken Verzekeringsbericht."""
    seat = by_user("married-couple")
    assert seat is not None
    file = broken_file(seat, "Verzekeringsbericht.pdf", how, authority=AUTHORITY, today=TODAY)
    assert file is not None
    return file


def test_a_version_nobody_knows_is_refused_as_that() -> None:
    """Not as another document: the citizen can be told what to do."""
    with pytest.raises(DocumentRefused) as refused:
        read(message("other-version"))
    assert refused.value.reason == "version"


def test_a_printed_bsn_gets_into_no_record() -> None:
    """What is read is the same as without it."""
    seat = by_user("married-couple")
    assert seat is not None
    (file,) = one_of(seat, "uwv")
    assert read(message("with-bsn")) == read(file)


@pytest.mark.parametrize("how", [how for how in get_args(Broken) if how not in ("other-version", "appended")])
def test_seals_are_not_the_readers_business(how: Broken) -> None:
    """Whatever the seal, a message is read; whose it is, is told."""
    (person,) = read(message(how)).persons
    assert isinstance(person, Person)
    assert person.name is not None
    assert person.name.full.endswith("Dwarsligterink") == (how != "somebody-else")


@pytest.mark.parametrize("source", sorted(READERS))
def test_a_file_of_another_site_is_another_document(source: str) -> None:
    """And the refusal says nothing of what stands in it."""
    seat = by_user("married-couple")
    assert seat is not None
    for file in downloads(seat, authority=AUTHORITY, today=TODAY):
        if file.source == source:
            continue
        with pytest.raises(DocumentRefused) as refused:
            READERS[source].read(opened(file))
        assert refused.value.reason == "other-document"
        assert not any(value in str(refused.value) for value in canaries(seat.household))


@pytest.mark.parametrize(
    ("how", "seal"),
    [
        ("unsealed", "none"),
        ("changed", "invalid"),
        ("appended", "invalid"),
        ("other-ca", "invalid"),
        ("other-signer", "invalid"),
        ("with-bsn", "valid"),
        ("somebody-else", "valid"),
    ],
)
async def test_the_door_for_files_judges_every_seal(tmp_path: Path, how: Broken, seal: str) -> None:
    """With the root the sandbox tells and the name its seals have, in the process that reads files."""
    settings = msgspec.json.decode(stage.taken(tmp_path), type=DocumentSettings)
    (tmp_path / "seal-root.pem").write_bytes(AUTHORITY.root_pem)
    reading = await DocumentReader(settings).read("uwv", message(how).content, datetime.now(UTC))
    assert reading.seal == seal
    assert reading.bsns == (("999102965",) if how == "with-bsn" else ())


async def test_every_kind_of_download_passes_the_door(tmp_path: Path) -> None:
    """Each file of somebody who has one of each, with a good seal where it is a PDF."""
    settings = msgspec.json.decode(stage.taken(tmp_path), type=DocumentSettings)
    (tmp_path / "seal-root.pem").write_bytes(AUTHORITY.root_pem)
    reader, now = DocumentReader(settings), datetime.now(UTC)
    seat = by_user("married-couple")
    assert seat is not None
    for file in downloads(seat, authority=AUTHORITY, today=TODAY):
        reading = await reader.read(file.source, file.content, now)
        assert reading.seal == ("valid" if file.media_type == "application/pdf" else "none")
        assert (reading.bsns, reading.media_type) == ((), file.media_type)
