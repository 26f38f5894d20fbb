"""What an overview says beside amounts, by value, and what each refusal says of one that cannot be read."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from connectors.contract import SourceError
from connectors.mijnpensioenoverzicht.model import Tree, read, tree
from connectors.mijnpensioenoverzicht.parse import day, parse
from schemas.base import Money
from schemas.pension import Age, PensionBlock, SchemePension, SurvivorPension
from schemas.records import Finding, FindingValue
from tests.unit.connectors.mijnpensioenoverzicht.overviews import (
    DEATH,
    FUND,
    INSURER,
    OWN_DEATH,
    PARENTS_DEATH,
    PARTNERS_DEATH,
    Value,
    age,
    as_json,
    as_xml,
    block,
    line,
    overview,
    survivor,
)

SOURCE = "mijnpensioenoverzicht"


def yearly(amount: str) -> Money:
    return Money(amount=Decimal(amount), period="year", basis="gross")


def finding(kind: str, code: str, text: str | None = None, provider: str | None = None) -> Finding:
    values = (FindingValue(source=SOURCE, value=provider),) if provider else ()
    return Finding(kind=kind, code=code, source=SOURCE, person="self", text=text, values=values)  # pyright: ignore[reportArgumentType]


def test_remarks_and_missing_providers_are_findings_of_the_person() -> None:
    """Each with its source and whom it is about; a provider is a value, and no text."""
    document = overview(remarks=["Onder voorbehoud"], failed=[FUND], nothing=[INSURER])
    assert parse(as_json(document)).findings == (
        finding("source-note", "source-remark", text="Onder voorbehoud"),
        finding("incomplete", "provider-did-not-answer", provider=FUND),
        finding("source-note", "provider-has-no-data", provider=INSURER),
    )


def test_an_old_age_pension_with_everything() -> None:
    """Each element in its own place; the first span tells when it starts, the last one all else."""
    document = overview(
        block(age(66, 4), age(68), IndicatiefPensioen=[line("H-1", 100, 50, StandPer="2024-12-31")]),
        block(
            age(68),
            age(70, 11),
            IndicatiefPensioen=[line("H-1", 90, 40, AfhandelingVerevening="Verevend", TeBereiken="90.55")],
        ),
    )
    first, last = Age(years=66, months=4), Age(years=68)
    assert parse(as_json(document)).pensions == (
        SchemePension(
            person="self",
            provider=FUND,
            scheme="H-1",
            indicative=True,
            starts_at=first,
            reachable=yearly("90.55"),
            accrued=yearly("40"),
            blocks=(
                PensionBlock(since=first, until=last, reachable=yearly("100"), accrued=yearly("50")),
                PensionBlock(
                    since=last, until=Age(years=70, months=11), reachable=yearly("90.55"), accrued=yearly("40")
                ),
            ),
            as_of="2025-12-31",
            settlement="Verevend",
        ),
    )


def test_a_survivors_pension_with_little() -> None:
    """Without amounts, number or date there is still somebody who gets something, and nothing is made up."""
    bare: Value = {"PensioenUitvoerder": INSURER}
    document = overview(
        partner=[block(OWN_DEATH, PARTNERS_DEATH, IndicatiefPensioen=[bare])],
        orphans=[block(PARENTS_DEATH, age(27), Pensioen=[survivor("W-1", 0, PerKind=True)])],
    )
    assert parse(as_json(document)).pensions == (
        SurvivorPension(person="self", beneficiary="partner", provider=INSURER, scheme=INSURER, indicative=True),
        SurvivorPension(
            person="self",
            beneficiary="child",
            provider=FUND,
            scheme="W-1",
            per_child=True,
            until=Age(years=27),
            insured=yearly("0"),
            accrued=yearly("0"),
            as_of="2025-12-31",
        ),
    )


def test_spans_of_survivors_come_in_the_order_of_life() -> None:
    """From a death on comes before any age, and ages count in months, in whatever order they are listed."""
    blocks = [
        block(age(60, 5), PARTNERS_DEATH, Pensioen=[survivor("H-1", 3)]),
        block(age(60, 1), age(60, 5), Pensioen=[survivor("H-1", 2)]),
        block(age(0), age(60, 1), Pensioen=[survivor("H-1", 4)]),
        block(OWN_DEATH, age(0), Pensioen=[survivor("H-1", 1)]),
    ]
    found = parse(as_json(overview(partner=blocks))).pensions
    assert [each.insured for each in found if isinstance(each, SurvivorPension)] == list(map(yearly, "1423"))


def test_what_is_per_child_is_not_joined_with_what_is_not() -> None:
    """Equal amounts of which one is for each child are two pensions."""
    blocks = [
        block(PARENTS_DEATH, age(18), Pensioen=[survivor("H-1", 5, PerKind=True)]),
        block(age(18), age(27), Pensioen=[survivor("H-1", 5)]),
    ]
    found = parse(as_json(overview(orphans=blocks))).pensions
    assert [(each.per_child, each.until) for each in found if isinstance(each, SurvivorPension)] == [
        (True, Age(years=18)),
        (False, Age(years=27)),
    ]


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ("999999999999.99", "999999999999.99"),
        ("1.44E+4", "14400"),
        ("1e12", "1000000000000"),
        ("-0.010", "-0.010"),
        ("1.5e-3", "0.0015"),
    ],
)
def test_an_amount_is_told_without_an_exponent(amount: str, told: str) -> None:
    """Exactly as it was, up to thirteen figures before the point, in a form that every reader takes for a number."""
    document = overview(block(age(67), DEATH, Pensioen=[line("H-1", 1, 1, TeBereiken=amount)]))
    [pension] = parse(as_json(document)).pensions
    assert isinstance(pension, SchemePension)
    assert pension.reachable is not None
    assert (pension.reachable, str(pension.reachable.amount)) == (yearly(told), told)


def test_numbers_may_be_texts_in_json() -> None:
    """Some writers quote every number; an age in quotes is the same age."""
    body = as_json(overview(block(age(67, 3), DEATH, Pensioen=[line("H-1", 100, 50)])))
    quoted = body.replace(b": 67", b': "67"').replace(b": 3}", b': "3"}').replace(b": 100", b': "100"')
    assert b'"Jaren": "67"' in quoted
    assert parse(quoted) == parse(body)


def refusal(body: bytes, content_type: str | None = None) -> tuple[str, bool, str | None]:
    with pytest.raises(SourceError) as caught:
        parse(body, content_type)
    assert caught.value.__cause__ is None
    failed = caught.value.failed
    return failed.kind, failed.retryable, failed.detail


def pension(**changed: str) -> bytes:
    return as_json(overview(block(age(67), DEATH, Pensioen=[line("H-1", 1, 1, **changed)])))


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        (as_json(overview(status="999")), "unavailable", "the overview has an error status"),
        (pension(TeBereiken="NaN"), "unreadable", "an amount is not a plain number"),
        (pension(TeBereiken="1e13"), "unreadable", "an amount is not a plain number"),
        (pension(Opgebouwd="1e-13"), "unreadable", "an amount is not a plain number"),
        (pension(StandPer="31-12-2025"), "unreadable", "a date is not of the form YYYY-MM-DD"),
        (as_json(overview(block({}, DEATH))), "unreadable", "a span of life without an edge"),
        (b'{"StatusCode": 3', "unreadable", "not a pension overview in JSON"),
        (b'{"Details": {}}', "unreadable", "not a pension overview in JSON"),
        (b"<Overzicht/>", "unreadable", "not a pension overview in XML"),
        (b"<Pensioenaanspraken/>", "unreadable", "not a pension overview in XML"),
        (b"<Pensioenaanspraken>", "unreadable", "not well-formed XML"),
        (b"%PDF", "unreadable", "neither JSON nor XML"),
    ],
)
def test_a_refusal_says_which(body: bytes, kind: str, detail: str) -> None:
    """Failed, odd or no overview: each in a sentence of our own for the log, with nothing of the file in it."""
    assert refusal(body) == (kind, True, detail)


def test_a_date_of_nothing_is_none() -> None:
    """No text and no date; a time or a zone behind a date takes nothing away."""
    assert (day(None), day(""), day("2025-12-31T23:59:59Z")) == (None, None, "2025-12-31")


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b"[1]", "application/json", [1]),
        (b"[1]", None, [1]),
        (b'\xef\xbb\xbf{"a": null}', None, {"a": None}),
        (b"<Anders><a>1</a></Anders>", "application/xml", None),
        (b"<Pensioenaanspraken> </Pensioenaanspraken>", "text/xml", None),
        (
            b'<p:Pensioenaanspraken xmlns:p="urn:x"><p:a> 1 </p:a><b/><c>2</c><c>3</c><c/></p:Pensioenaanspraken>',
            "application/soap+xml; charset=utf-8",
            {"a": "1", "b": None, "c": ["2", "3"]},
        ),
        (
            b"<Pensioenaanspraken><Pensioen>1</Pensioen><Bijzonderheden><x> a </x><x>b</x></Bijzonderheden>"
            b"<Bijzonderheden>c</Bijzonderheden></Pensioenaanspraken>",
            " TEXT/XML ",
            {"Pensioen": ["1"], "Bijzonderheden": ["a", "b", "c"]},
        ),
    ],
)
def test_a_tree_is_the_document_as_it_stands(body: bytes, content_type: str | None, told: Tree) -> None:
    """Elements by their own names, leaves as trimmed text, lists where the model has them or where several stand."""
    assert tree(body, content_type) == told


@pytest.mark.parametrize(("body", "detail"), [(b"%PDF", "not JSON"), (b"<a>", "not well-formed XML")])
def test_a_tree_of_nothing_is_refused(body: bytes, detail: str) -> None:
    """Neither JSON nor XML: said as such."""
    with pytest.raises(SourceError) as caught:
        tree(body)
    assert (caught.value.failed.kind, caught.value.failed.detail) == ("unreadable", detail)


def test_a_declared_form_is_not_sniffed() -> None:
    """The content type decides over the first character; one that only looks like a form does not."""
    document = overview()
    assert read(as_json(document), "application/vnd.x+json").status_code == "000"
    assert read(as_xml(document), "application/xmlish").status_code == "000"
    assert refusal(json.dumps(document).encode(), "text/xml; charset=utf-8")[2] == "not well-formed XML"
    assert refusal(as_xml(document), "application/json")[2] == "not a pension overview in JSON"
