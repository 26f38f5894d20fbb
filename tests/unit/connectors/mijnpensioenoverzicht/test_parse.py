"""From a pension overview to our records: each trap of the format has a test, in JSON and in XML alike."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import SourceError
from connectors.mijnpensioenoverzicht.model import read
from connectors.mijnpensioenoverzicht.parse import parse
from schemas.base import Money
from schemas.pension import Age, PensionBlock, SchemePension, StatePension, SurvivorPension
from schemas.records import SourceRecords
from tests.unit.connectors.mijnpensioenoverzicht.overviews import (
    DEATH,
    FUND,
    INSURER,
    OWN_DEATH,
    PARENTS_DEATH,
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

Writer = Callable[[Mapping[str, Value]], bytes]


@pytest.fixture(params=[as_json, as_xml], ids=["json", "xml"])
def written(request: pytest.FixtureRequest) -> Writer:
    """Both forms: what holds for one holds for the other."""
    return request.param


def yearly(amount: int) -> Money:
    return Money(amount=Decimal(amount), period="year", basis="gross")


def test_a_scheme_in_several_spans_is_one_pension(written: Writer) -> None:
    """The same number comes back in every span of life; with the same amounts it is one span, from its first age on."""
    pension = line("H-1", 11400, 6300)
    document = overview(block(age(67), age(67, 3), Pensioen=[pension]), block(age(67, 3), DEATH, Pensioen=[pension]))
    assert parse(written(document)).pensions == (
        SchemePension(
            person="self",
            provider=FUND,
            scheme="H-1",
            starts_at=Age(years=67),
            reachable=yearly(11400),
            accrued=yearly(6300),
            blocks=(PensionBlock(since=Age(years=67), reachable=yearly(11400), accrued=yearly(6300)),),
            as_of="2025-12-31",
        ),
    )


def test_an_amount_that_changes_has_its_spans_oldest_first(written: Writer) -> None:
    """High first, then low: the amounts are those for life, the spans tell the rest, in whatever order they came."""
    document = overview(
        block(age(70), DEATH, Pensioen=[line("H-1", 9000, 9000)]),
        block(age(67), age(70), Pensioen=[line("H-1", 12000, 9000)]),
    )
    [pension] = parse(written(document)).pensions
    assert isinstance(pension, SchemePension)
    assert (pension.starts_at, pension.reachable) == (Age(years=67), yearly(9000))
    assert [(each.since, each.until, each.reachable) for each in pension.blocks] == [
        (Age(years=67), Age(years=70), yearly(12000)),
        (Age(years=70), None, yearly(9000)),
    ]


def test_a_temporary_pension_ends_at_an_age(written: Writer) -> None:
    """It occurs in early spans only; its last span has an end, so nobody takes it for a pension for life."""
    document = overview(
        block(age(65), age(66), Pensioen=[line("T-1", 4200, 4200)]),
        block(age(66), age(67), Pensioen=[line("T-1", 4200, 4200)]),
        block(age(67), DEATH, Pensioen=[line("H-1", 1, 1)]),
    )
    temporary = parse(written(document)).pensions[0]
    assert isinstance(temporary, SchemePension)
    [span] = temporary.blocks
    assert (span.since, span.until) == (Age(years=65), Age(years=67))


def test_a_pause_between_spans_is_kept(written: Writer) -> None:
    """Spans are joined only when one follows on the other."""
    document = overview(
        block(age(60), age(62), Pensioen=[line("H-1", 100, 100)]),
        block(age(67), DEATH, Pensioen=[line("H-1", 100, 100)]),
    )
    [pension] = parse(written(document)).pensions
    assert isinstance(pension, SchemePension)
    assert len(pension.blocks) == 2


def test_certain_indicative_and_single_pensions_stay_apart(written: Writer) -> None:
    """One scheme can have all three kinds; they add up, so they may not be merged."""
    document = overview(
        block(
            age(67),
            DEATH,
            Pensioen=[line("H-1", 100, 50)],
            IndicatiefPensioen=[line("H-1", 20, 10)],
            AlleenstaandenPensioen=[line("H-1", 5, 5)],
        )
    )
    found = [each for each in parse(written(document)).pensions if isinstance(each, SchemePension)]
    assert [(each.indicative, each.only_single, each.reachable) for each in found] == [
        (False, False, yearly(100)),
        (True, False, yearly(20)),
        (False, True, yearly(5)),
    ]


def test_the_same_number_at_two_providers_is_two_pensions(written: Writer) -> None:
    """Numbers are the providers' own."""
    document = overview(block(age(67), DEATH, Pensioen=[line("1", 100, 50), line("1", 200, 60, INSURER)]))
    assert len(parse(written(document)).pensions) == 2


def test_two_lines_without_a_number_are_two_pensions() -> None:
    """Without numbers the order within a span tells them apart; the provider's name stands in for the scheme."""
    lines = [{"TeBereiken": amount, "PensioenUitvoerder": FUND} for amount in (100, 200)]
    document = overview(block(age(66), age(67), Pensioen=lines), block(age(67), DEATH, Pensioen=lines))
    found = parse(as_json(document)).pensions
    assert [each.reachable for each in found if isinstance(each, SchemePension)] == [yearly(100), yearly(200)]
    assert isinstance(found[0], SchemePension)
    assert found[0].scheme == FUND


def test_the_state_pension_may_start_later_and_keeps_both_ways_of_living(written: Writer) -> None:
    """An AOW age has months; which of the two amounts applies is not decided here."""
    pension = [line("H-1", 100, 50)]
    document = overview(
        block(age(65), age(67, 3), Pensioen=pension), block(age(67, 3), DEATH, Pensioen=pension, AOW=aow(12900, 18700))
    )
    state = parse(written(document)).pensions[1]
    assert state == StatePension(
        person="self",
        starts_at=Age(years=67, months=3),
        reachable_cohabiting=yearly(12900),
        accrued_cohabiting=yearly(6450),
        reachable_single=yearly(18700),
        accrued_single=yearly(9350),
        as_of="2026-01-01",
    )


def test_the_state_pension_is_one_record_over_all_spans(written: Writer) -> None:
    """AOW in every later span is still one AOW, from the first on, with the amounts for life."""
    document = overview(block(age(67), age(70), AOW=aow(12000, 18000)), block(age(70), DEATH, AOW=aow(12900, 18700)))
    [state] = parse(written(document)).pensions
    assert isinstance(state, StatePension)
    assert (state.starts_at, state.reachable_single) == (Age(years=67), yearly(18700))


def test_survivors_and_orphans_are_pensions_of_others(written: Writer) -> None:
    """What partner and children get has its own amounts, also after retirement, and an end where it has one."""
    amounts: Value = {
        "VerzekerdBedrag": 9800,
        "OpgebouwdBedrag": 5100,
        "VerzekerdBedragNaPens": 10900,
        "OpgebouwdBedragNaPens": 5600,
    }
    document = overview(
        partner=[
            block(
                OWN_DEATH, PARTNERS_DEATH, Pensioen=[survivor("H-1", 0, Bedragen=amounts, AfhandelingScheiding="1/2")]
            )
        ],
        orphans=[block(PARENTS_DEATH, age(18), Pensioen=[survivor("H-1", 1960, PerKind=True)])],
    )
    partner, orphan = parse(written(document)).pensions
    assert partner == SurvivorPension(
        person="self",
        beneficiary="partner",
        provider=FUND,
        scheme="H-1",
        insured=yearly(9800),
        accrued=yearly(5100),
        insured_after=yearly(10900),
        accrued_after=yearly(5600),
        as_of="2025-12-31",
        settlement="1/2",
    )
    assert isinstance(orphan, SurvivorPension)
    assert (orphan.beneficiary, orphan.per_child, orphan.since, orphan.until) == ("child", True, None, Age(years=18))
    assert orphan.insured == yearly(1960)


def test_a_survivor_pension_with_a_temporary_part_has_both_spans(written: Writer) -> None:
    """More until an age, less after: two amounts, two records, each with its span; equal ones are joined."""
    document = overview(
        partner=[
            block(OWN_DEATH, age(60), Pensioen=[survivor("H-1", 12000)]),
            block(age(60), age(67), Pensioen=[survivor("H-1", 12000)]),
            block(age(67), PARTNERS_DEATH, Pensioen=[survivor("H-1", 9000)], IndicatiefPensioen=[survivor("H-1", 10)]),
        ]
    )
    found = [each for each in parse(written(document)).pensions if isinstance(each, SurvivorPension)]
    assert [(each.since, each.until, each.insured, each.indicative) for each in found] == [
        (None, Age(years=67), yearly(12000), False),
        (Age(years=67), None, yearly(9000), False),
        (Age(years=67), None, yearly(10), True),
    ]


def test_a_divorce_settlement_is_carried(written: Writer) -> None:
    """AfhandelingVerevening says what goes to a former partner, in the provider's words."""
    document = overview(block(age(67), DEATH, Pensioen=[line("H-1", 1, 1, AfhandelingVerevening="Verevend")]))
    [pension] = parse(written(document)).pensions
    assert isinstance(pension, SchemePension)
    assert pension.settlement == "Verevend"


def test_what_is_missing_and_remarked_reaches_the_reader(written: Writer) -> None:
    """A provider that failed makes the overview incomplete; one without data and a disclaimer are notes."""
    document = overview(remarks=["Bedragen onder voorbehoud"], failed=[FUND, INSURER], nothing=["Fonds Noord"])
    assert [
        (each.kind, each.code, each.text, [value.value for value in each.values])
        for each in parse(written(document)).findings
    ] == [
        ("source-note", "source-remark", "Bedragen onder voorbehoud", []),
        ("incomplete", "provider-did-not-answer", None, [FUND]),
        ("incomplete", "provider-did-not-answer", None, [INSURER]),
        ("source-note", "provider-has-no-data", None, ["Fonds Noord"]),
    ]


def test_providers_may_be_wrapped_one_by_one_in_xml() -> None:
    """One writer puts each missing provider in a `Puv`; an empty element is an empty list."""
    body = (
        "<Pensioenaanspraken><StatusCode>000</StatusCode><Bijzonderheden/><Details/>"
        "<OntbrekendePuvsError><Puv>A</Puv><Puv>B</Puv></OntbrekendePuvsError></Pensioenaanspraken>"
    )
    assert [each.values[0].value for each in parse(body.encode()).findings] == ["A", "B"]


@pytest.mark.parametrize("status", ["999", "001", "0", "00"])
def test_a_status_other_than_000_is_a_failure(written: Writer, status: str) -> None:
    """The status is text: "000" is good and nothing else is, not even another zero."""
    with pytest.raises(SourceError) as caught:
        parse(written(overview(status=status)))
    assert caught.value.failed.kind == "unavailable"


def test_an_overview_without_details_is_not_empty(written: Writer) -> None:
    """Somebody without any pension has an overview with empty details; without them nothing was said."""
    assert parse(written(overview())) == SourceRecords()
    with pytest.raises(SourceError) as caught:
        parse(written({"StatusCode": "000"}))
    assert caught.value.failed.kind == "unreadable"


def test_dates_with_a_time_or_a_zone_are_dates(written: Writer) -> None:
    """Some writers add to the date; the day stays the day."""
    for day in ("2025-12-31T00:00:00", "2025-12-31+01:00"):
        document = overview(block(age(67), DEATH, Pensioen=[line("H-1", 1, 1, StandPer=day)]))
        [pension] = parse(written(document)).pensions
        assert isinstance(pension, SchemePension)
        assert pension.as_of == "2025-12-31"


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e999999", "veel", "-", "1.000,00"])
def test_an_amount_that_is_no_amount_is_unreadable(written: Writer, amount: str) -> None:
    """Numbers may be text, but no text becomes a number by force."""
    document = overview(block(age(67), DEATH, Pensioen=[line("H-1", 1, 1, TeBereiken=amount)]))
    with pytest.raises(SourceError) as caught:
        parse(written(document))
    assert caught.value.failed.kind == "unreadable"


@pytest.mark.parametrize(
    "broken",
    [
        block(age(67), DEATH, Pensioen=[{"TeBereiken": 1}]),
        block(age(67), {"Onbekend": "x"}, Pensioen=[line("H-1", 1, 1)]),
        block(age(67, 12), DEATH),
        block(age(-1), DEATH),
        block(age(67), DEATH, Pensioen=[line("H-1", 1, 1, StandPer="31-12-2025")]),
        {"Tot": DEATH},
        "x",
    ],
)
def test_a_block_in_another_form_is_unreadable(written: Writer, broken: Value) -> None:
    """A provider without a name, an edge that is neither age nor death, a thirteenth month: not an overview."""
    with pytest.raises(SourceError) as caught:
        parse(written(overview(broken)))
    assert caught.value.failed.kind == "unreadable"


def test_the_form_is_declared_or_sniffed() -> None:
    """The content type decides; without one that says so, the first character does."""
    document = overview(block(age(67), DEATH, AOW=aow(10, 20)))
    for body in (as_json(document), as_xml(document), codecs.BOM_UTF8 + as_json(document), b"\n " + as_json(document)):
        for content_type in (None, "application/octet-stream", "text/plain; charset=utf-8"):
            assert parse(body, content_type) == parse(as_json(document))
    assert parse(as_json(document), "application/problem+json") == parse(as_json(document))
    assert parse(as_xml(document), "text/xml; charset=utf-8") == parse(as_json(document))
    for body, content_type in ((as_json(document), "text/xml"), (as_xml(document), "application/json")):
        with pytest.raises(SourceError):
            parse(body, content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"%PDF-1.7",
        b"<html><body>Inloggen</body></html>",
        b"<!DOCTYPE html><html></html>",
        b'<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/hostname">]><Pensioenaanspraken><StatusCode>&x;</StatusCode></Pensioenaanspraken>',
        b"[]",
        b"{}",
        b'{"StatusCode": 0}',
        b'{"StatusCode": "000", "Details": []}',
        b'{"StatusCode": "\xff"}',
        b'{"a":' * 100_000,
        b"<Pensioenaanspraken/>",
        b"<Pensioenaanspraken><StatusCode>000</StatusCode><Details>x</Details></Pensioenaanspraken>",
        b"<Pensioenaanspraken><StatusCode>000</StatusCode><StatusCode>999</StatusCode></Pensioenaanspraken>",
    ],
)
def test_anything_else_is_unreadable(body: bytes) -> None:
    """HTML, PDF, attacks, other JSON, and two values where one can be: refused, never taken for "no pensions"."""
    with pytest.raises(SourceError) as caught:
        parse(body)
    assert caught.value.failed.kind == "unreadable"


EDGES = st.sampled_from([age(65), age(67, 3), DEATH, OWN_DEATH, {}, "x"])
LINES = st.lists(st.sampled_from([line("1", 5, 5), line("2", 7, 7), survivor("1", 9), {}, 3]), max_size=3)
BLOCKS = st.lists(
    st.builds(lambda since, until, lines: block(since, until, Pensioen=lines), EDGES, EDGES, LINES), max_size=3
)


@given(BLOCKS, BLOCKS)
def test_odd_overviews_are_records_or_a_source_error(old_age: list[Value], partner: list[Value]) -> None:
    """Whatever the blocks hold, both forms give the same records, or both are refused with SourceError."""
    document = overview(*old_age, partner=partner)
    outcomes: list[SourceRecords | str] = []
    for body in (as_json(document), as_xml(document)):
        try:
            outcomes.append(parse(body))
        except SourceError as error:
            outcomes.append(error.failed.kind)
    # XML has no empty objects: what JSON says with one, XML leaves out, and only then the two may differ.
    assert outcomes[0] == outcomes[1] or "{}" in json.dumps(document)


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda noise: as_xml(overview())[:-40] + noise))
def test_odd_bytes_are_an_overview_or_a_source_error(noise: bytes) -> None:
    """Nothing but SourceError comes out of bytes that are no overview."""
    kind = "unreadable"
    try:
        read(noise)
    except SourceError as error:
        kind = error.failed.kind
    assert kind == "unreadable"
