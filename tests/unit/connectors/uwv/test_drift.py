"""UWV's messages with elements renamed or gone: no value is ever lost in silence, and no person becomes unknown."""

from __future__ import annotations

import re

import pytest

from connectors import suwiml
from connectors.contract import Failed, SourceError
from connectors.uwv import benefits, incomes
from schemas.income import Employment
from schemas.records import SourceRecords, gaps
from tests.unit.connectors.uwv.messages import (
    BSN,
    NOTHING,
    WARNING,
    benefit_answer,
    cents,
    contract,
    gross,
    income_answer,
    relation,
    report,
    right,
    tags,
)

INCOMES = income_answer(
    relation(
        report(
            "20210301",
            "20210331",
            252300,
            172,
            AantSvDagenIko=23,
            BedrLoonLbPremieVolksverz=cents(240000),
            BedrIngehoudenLbPremieVolksverz=cents(50000),
            BedrVakantietoeslag=cents(100),
            BedrExtraPrdSalaris=cents(10000),
            BedrRechtstreeksBetAlimentatie=cents(1),
        ),
        contracts=contract("20200101", "20211231", term="B", nature="01"),
        end="20211231",
    ),
    after=WARNING,
)
BENEFITS = benefit_answer(right("WW", gross(100000, "6", "20210201"), end="20211231"))

REQUIRED = {
    *("ClientSuwi", "Burgerservicenr", "Inkomstenperiode", "DatBIkp", "Inkomstenopgave", "DatBIko", "Loonheffingennr"),
    *("WaardeBedr", "SzWet", "CdSzWet"),
}
# Of a day that is not told the schema makes no point; where it alone tells what an amount is about, we do.
NEEDED = {"DatEIko"}


def names(message: bytes) -> set[str]:
    """The elements of a message that are not of its envelope, of a remark or unread parts of a payer."""
    passed = {"Code", "Tekst", "Bron", "DN", "Waarschuwing", "FiNr", "NaamRechtspersoon"}
    return {name.decode() for name in re.findall(rb"<([A-Z][A-Za-z]+)>", message)} - passed


def read(message: bytes) -> SourceRecords | Failed:
    """What comes of a message of either service."""
    parse = incomes.parse if b"IkvInfo" in message else benefits.parse
    try:
        return parse(suwiml.parse_envelope(message), BSN)
    except SourceError as error:
        return error.failed


def renamed(message: bytes, name: str) -> bytes:
    """The element under another name."""
    return re.sub(rb"(</?)%b>" % name.encode(), rb"\1%bNieuw>" % name.encode(), message)


def without(message: bytes, name: str) -> bytes:
    """The element gone, with what is in it."""
    return re.sub(rb"<%b>.*?</%b>" % (name.encode(), name.encode()), b"", message)


def test_the_messages_as_they_are_have_no_gap() -> None:
    """What the other tests take away is there."""
    for message in (INCOMES, BENEFITS):
        records = read(message)
        assert isinstance(records, SourceRecords)
        assert len(records.incomes) == 1
        assert gaps(records) == ()


@pytest.mark.parametrize("name", sorted(names(INCOMES) | names(BENEFITS)))
def test_a_renamed_element_is_a_gap_or_a_failure(name: str) -> None:
    """Under a name that the schema does not have nothing is read, and that is said."""
    for message in (INCOMES, BENEFITS):
        if name in names(message):
            records = read(renamed(message, name))
            assert isinstance(records, Failed) or "uwv-unread" in gaps(records)


@pytest.mark.parametrize("name", sorted(REQUIRED | NEEDED))
def test_a_required_element_that_is_gone_is_a_gap_or_a_failure(name: str) -> None:
    """What the schema requires and is not there was lost, not left out."""
    for message in (INCOMES, BENEFITS):
        if name in names(message):
            records = read(without(message, name))
            assert isinstance(records, Failed) or gaps(records)


@pytest.mark.parametrize("name", sorted((names(INCOMES) | names(BENEFITS)) - REQUIRED - NEEDED))
def test_an_optional_element_that_is_gone_is_no_gap(name: str) -> None:
    """What the schema makes optional may be missing; a false alarm would train people to pass over true ones."""
    for message in (INCOMES, BENEFITS):
        if name in names(message):
            records = read(without(message, name))
            assert isinstance(records, SourceRecords)
            assert "uwv-unread" not in gaps(records)


@pytest.mark.parametrize("message", [INCOMES, BENEFITS])
@pytest.mark.parametrize("name", ["Inkomstenverhouding", "Uitkeringsverhouding"])
def test_no_relations_beside_something_unknown_is_unreadable(message: bytes, name: str) -> None:
    """It would pass for a person without income otherwise."""
    if name in names(message):
        failed = read(renamed(message, name))
        assert isinstance(failed, Failed)
        assert (failed.kind, failed.retryable) == ("unreadable", True)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (income_answer("<Dienstverband/>"), False),
        (income_answer(after="<Dienstverband/>"), False),
        (income_answer(after="<PeriodeGegevensleveringIko/>"), True),
        (benefit_answer("<ArbeidsgeschiktheidClient/>", "<WerkloosheidClient/>", "<AanvraagUitkering/>"), True),
        (benefit_answer("<ArbeidsgeschiktheidClient/>", "<Recht/>"), False),
        (income_answer(instead=NOTHING), True),
    ],
)
def test_nothing_is_nothing_only_where_all_that_stands_there_is_known(message: bytes, *, told: bool) -> None:
    """Other things of the schema beside no relations are no doubt; what it does not know is."""
    assert (read(message) == SourceRecords()) is told


def test_relations_of_which_nothing_can_be_told_are_unreadable() -> None:
    """A record that says nothing would be a job or a benefit made up from a name."""
    for message in (
        income_answer("<Inkomstenverhouding><Iets>1</Iets></Inkomstenverhouding>"),
        benefit_answer(right("")),
    ):
        failed = read(message.replace(b"20210101", b"00000000"))
        assert isinstance(failed, Failed)
        assert failed.kind == "unreadable"


def test_what_can_still_be_told_is_told() -> None:
    """A wage under another name leaves the job, its hours and its other amounts as they were."""
    records = read(renamed(INCOMES, "BedrBrutoloonSv"))
    assert isinstance(records, SourceRecords)
    [job] = records.incomes
    assert isinstance(job, Employment)
    [period] = job.periods
    assert (period.wage, period.hours) == (None, 172)
    assert period.taxable_wage is not None
    [finding] = [each for each in records.findings if each.kind == "incomplete"]
    assert (finding.code, finding.field, finding.person) == ("uwv-unread", "income.employment", "self")


def test_without_its_contract_it_is_not_certain_which_field_this_is_about() -> None:
    """The contract's code tells wages from benefits; lost, the finding names no field, so that no profile hides it."""
    records = read(renamed(INCOMES, "CdSrtIkv"))
    assert isinstance(records, SourceRecords)
    assert [each.field for each in records.findings if each.code == "uwv-unread"] == [None]


def test_an_amount_with_its_own_period_needs_no_last_day() -> None:
    """What the day would tell is told: no gap."""
    yearly = tags(
        Inkomstenopgave=tags(DatBIko="20210301", BedrBrutoloonSv=cents(1, CdPeriodeEenheidGeldigheidBedr="10"))
    )
    records = read(income_answer(relation(yearly)))
    assert isinstance(records, SourceRecords)
    assert gaps(records) == ()
