"""Overviews with names changed or gone: no pension is ever lost in silence, and nobody seems to have none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from connectors.contract import Failed, SourceError
from connectors.mijnpensioenoverzicht.parse import parse
from schemas.pension import SchemePension
from schemas.records import SourceRecords, gaps
from tests.unit.connectors.mijnpensioenoverzicht.overviews import (
    DEATH,
    FUND,
    OWN_DEATH,
    PARTNERS_DEATH,
    Value,
    age,
    aow,
    as_json,
    as_xml,
    block,
    line,
    overview,
    survivor,
)

WHOLE = overview(
    block(age(67, 3), DEATH, Pensioen=[line("H-1", 11400, 6300)], AOW=aow(12900, 18700)),
    partner=[block(OWN_DEATH, PARTNERS_DEATH, Pensioen=[survivor("H-1", 9800)])],
)
NAMES = (
    *("StatusCode", "Details", "OuderdomsPensioenDetails", "OuderdomsPensioen", "Van", "Leeftijd", "Jaren", "Maanden"),
    *("Pensioen", "TeBereiken", "Opgebouwd", "PensioenUitvoerder", "AOW", "AOWDetailsOpbouw", "OpgebouwdAlleenstaand"),
    *("PartnerPensioenDetails", "PartnerPensioen", "Bedragen", "VerzekerdBedrag", "HerkenningsNummer", "StandPer"),
)
GONE = (
    *("StatusCode", "Details", "Van", "Pensioen", "TeBereiken", "Opgebouwd", "PensioenUitvoerder", "AOW"),
    *("AOWDetailsOpbouw", "OpgebouwdAlleenstaand", "TeBereikenSamenwonend", "PartnerPensioen", "Bedragen"),
)
Writer = Callable[[Mapping[str, Value]], bytes]


@pytest.fixture(params=[as_json, as_xml], ids=["json", "xml"])
def written(request: pytest.FixtureRequest) -> Writer:
    """Both forms."""
    return request.param


def changed(value: Value, name: str, to: str | None) -> Value:
    """The document with every `name` called `to`, or gone, but for the totals."""
    if isinstance(value, Mapping):
        kept = {(to if each == name else each): inner for each, inner in value.items()}
        return {each: inner if each == "Totalen" else changed(inner, name, to) for each, inner in kept.items() if each}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [changed(each, name, to) for each in value]
    return value


def totalled(document: Mapping[str, Value], **amounts: Value) -> Mapping[str, Value]:
    """The overview with these totals of old age."""
    total = block(age(67), DEATH, **amounts)
    return {**document, "Totalen": {"OuderdomsPensioenTotalen": {"OuderdomsPensioenTotaal": [total]}}}


def drifted(written: Writer, document: Mapping[str, Value], name: str, to: str | None) -> SourceRecords | Failed:
    """What comes of a document after a change."""
    made = changed(document, name, to)
    assert isinstance(made, Mapping)
    try:
        return parse(written(made))
    except SourceError as error:
        return error.failed


def test_the_overview_as_it_is_has_no_gap(written: Writer) -> None:
    """What the other tests take away is there."""
    records = parse(written(WHOLE))
    assert len(records.pensions) == 3
    assert gaps(records) == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_name_is_a_gap_or_a_failure(name: str, written: Writer) -> None:
    """What is found under no known name, while a known one is missing, was not read; and that is said."""
    records = drifted(written, WHOLE, name, f"{name}Nieuw")
    assert isinstance(records, Failed) or gaps(records) == ("mpo-unread",)


@pytest.mark.parametrize("name", ["OntbrekendePuvsError", "OntbrekendePuvsGeenGegevens", "Bijzonderheden"])
def test_who_did_not_answer_is_not_lost_with_its_name(name: str, written: Writer) -> None:
    """The lists beside the pensions count as much: a provider that failed may hold all of somebody's pension."""
    pensions = block(age(67), DEATH, Pensioen=[line("H-1", 1, 1)])
    document = overview(pensions, remarks=["Let op"], failed=[FUND], nothing=[FUND])
    records = drifted(written, document, name, f"{name}Nieuw")
    assert isinstance(records, SourceRecords)
    assert "mpo-unread" in gaps(records)


@pytest.mark.parametrize("name", GONE)
def test_what_is_always_there_and_gone_is_a_gap_or_a_failure(name: str, written: Writer) -> None:
    """Amounts belong to their pension, and what the totals have belongs in the details."""
    of_partner = {"PartnerPensioenTotaal": [block(OWN_DEATH, PARTNERS_DEATH, Pensioen={"VerzekerdBedrag": 9800})]}
    document = totalled(WHOLE, Pensioen=11400, AOWSamenwonend=12900, AOWAlleenstaand=18700)
    totals = document["Totalen"]
    assert isinstance(totals, Mapping)
    document = {**document, "Totalen": {**totals, "PartnerPensioenTotalen": of_partner}}
    assert gaps(parse(written(document))) == ()
    records = drifted(written, document, name, None)
    assert isinstance(records, Failed) or gaps(records) == ("mpo-unread",)


@pytest.mark.parametrize("name", ["HerkenningsNummer", "StandPer", "Maanden", "Bijzonderheden", "OntbrekendePuvsError"])
def test_what_is_not_always_there_and_gone_is_no_gap(name: str, written: Writer) -> None:
    """Readers of real downloads do without these."""
    records = drifted(written, WHOLE, name, None)
    assert isinstance(records, SourceRecords)
    assert gaps(records) == ()


@pytest.mark.parametrize("name", ["Details", "OuderdomsPensioenDetails", "OuderdomsPensioen", "Pensioen"])
def test_no_pensions_beside_something_unknown_is_unreadable(name: str, written: Writer) -> None:
    """It would pass for a person without a pension otherwise."""
    document = overview(block(age(67), DEATH, Pensioen=[line("H-1", 11400, 6300)]))
    failed = drifted(written, document, name, f"{name}Nieuw")
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.retryable) == ("unreadable", True)
    bare = {key: value for key, value in document.items() if key != "Totalen"}
    assert isinstance(drifted(written, bare, name, f"{name}Nieuw"), Failed)


@pytest.mark.parametrize("document", [overview(), {"StatusCode": "000", "Details": {}}])
def test_an_overview_with_empty_details_says_that_there_is_nothing(
    document: Mapping[str, Value], written: Writer
) -> None:
    """A good status, details that are named and empty, no totals: this is how the source says so."""
    assert parse(written(document)) == SourceRecords()


def test_no_pensions_beside_a_total_is_unreadable(written: Writer) -> None:
    """The totals know of money that the details do not have."""
    for totals in ({"Pensioen": 4200}, {"AOWSamenwonend": 1}):
        with pytest.raises(SourceError) as caught:
            parse(written(totalled(overview(), **totals)))
        assert caught.value.failed.kind == "unreadable"


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("TeBereiken", "pension.scheme"),
        ("OpgebouwdSamenwonend", "pension.state"),
        ("Bedragen", "pension.survivor"),
        ("Pensioen", None),
    ],
)
def test_the_gap_names_the_field_where_it_is_certain(name: str, field: str | None) -> None:
    """A profile that does not ask this field then hears nothing of it."""
    records = drifted(as_json, totalled(WHOLE, Pensioen=1), name, None)
    assert isinstance(records, SourceRecords)
    assert [finding.field for finding in records.findings] == [field]


def test_what_can_still_be_told_is_told(written: Writer) -> None:
    """A pension whose amount has another name is a pension, with its provider and what was built up."""
    records = drifted(written, WHOLE, "TeBereiken", "TeBereikenBedrag")
    assert isinstance(records, SourceRecords)
    pension = records.pensions[0]
    assert isinstance(pension, SchemePension)
    assert (pension.provider, pension.reachable) == (FUND, None)
    assert pension.accrued is not None


def test_something_new_beside_all_that_is_known_is_no_gap() -> None:
    """The next version of the description may add names; only one in the place of another is a loss."""
    new = {**WHOLE, "Versie": "1.3"}
    assert gaps(parse(as_json(new))) == ()
    lines = [line("H-1", 1, 1, AfhandelingVerevening="Uitgevoerd", Scenario=3)]
    assert gaps(parse(as_json(overview(block(age(67), DEATH, Pensioen=lines))))) == ()


def test_zero_totals_are_no_pension() -> None:
    """A total of nothing promises nothing, in whatever form the zero is written."""
    document = overview(block(age(67), DEATH, Pensioen=[line("H-1", 1, 1)]))
    for zero in (0, "0", "0.00"):
        assert gaps(parse(as_json(totalled(document, Pensioen=1, AOWSamenwonend=zero)))) == ()
