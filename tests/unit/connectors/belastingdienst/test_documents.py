"""Inkomensverklaring and aanslag as lines of text: what is labelled beyond doubt, and nothing that is not."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.belastingdienst.documents import read
from connectors.contract import Document, DocumentRefused
from connectors.printed import not_read
from schemas.base import Money
from schemas.income import Assessment
from schemas.records import Finding, FindingValue, SourceRecords

STATEMENT = ("Belastingdienst", "Inkomensverklaring 2024", "Dagtekening 12 mei 2026")
ASSESSMENT = ("Belastingdienst", "Definitieve aanslag inkomstenbelasting en premie volksverzekeringen 2024")
NOT_READ = not_read("belastingdienst")


def reading(*lines: str) -> SourceRecords:
    return read(Document(media_type="application/pdf", content=b"%PDF-", pages=(lines,)))


def income(*lines: str) -> Assessment:
    """The one assessment of a paper of which everything is read."""
    records = reading(*lines)
    [assessment] = records.incomes
    assert isinstance(assessment, Assessment)
    assert records.findings == ()
    return assessment


def euro(amount: str) -> Money:
    return Money(amount=Decimal(amount), period="year")


def unread(count: int) -> Finding:
    value = FindingValue(source="belastingdienst", value=str(count))
    return Finding(kind="incomplete", code="unread-line", source="belastingdienst", person="self", values=(value,))


def test_a_statement_tells_year_and_total() -> None:
    """The verzamelinkomen of a year; a statement is neither provisional nor final."""
    assert income(*STATEMENT, "Verzamelinkomen € 38.512") == Assessment(
        person="self", year=2024, status="unknown", status_text="Inkomensverklaring", total=euro("38512")
    )


def test_an_assessment_tells_the_boxes_too() -> None:
    """Income per box in the law's own words, over as many pages as there are."""
    pages = (
        (*ASSESSMENT, "Box 1: inkomen uit werk en woning € 41.000"),
        ("Belastbaar inkomen uit aanmerkelijk belang (box 2): € 0", "Inkomen uit sparen en beleggen box 3 -€ 2.488,50"),
        ("Uw verzamelinkomen over 2024 is € 38.511,50.",),
    )
    records = read(Document(media_type="application/pdf", content=b"%PDF-", pages=pages))
    assert records == SourceRecords(
        incomes=(
            Assessment(
                person="self",
                year=2024,
                status="final",
                status_text="Definitieve aanslag",
                total=euro("38511.50"),
                box1=euro("41000"),
                box2=euro("0"),
                box3=euro("-2488.50"),
            ),
        )
    )


@pytest.mark.parametrize(
    ("title", "status", "text"),
    [
        ("Voorlopige aanslag inkomstenbelasting 2024", "provisional", "Voorlopige aanslag"),
        ("Uw voorlopige aanslag 2024 inkomstenbelasting", "provisional", "Voorlopige aanslag"),
        ("Herziene voorlopige aanslag 2024 inkomstenbelasting", "provisional", "Voorlopige aanslag"),
        ("Definitieve aanslag 2024 inkomstenbelasting", "final", "Definitieve aanslag"),
        ("AANSLAG INKOMSTENBELASTING 2024", "unknown", "Aanslag"),
        ("Uw inkomensverklaring 2024", "unknown", "Inkomensverklaring"),
    ],
)
def test_how_final_it_is_stands_in_the_title(title: str, status: str, text: str) -> None:
    """Provisional and final are told apart by the title, and not assumed where it is silent."""
    assessment = income("Belastingdienst", title, "Verzamelinkomen: € 1")
    assert (assessment.status, assessment.status_text, assessment.year) == (status, text, 2024)


def test_a_title_may_wrap() -> None:
    """The tax may stand on the next line."""
    assessment = income(
        "Belastingdienst", "Voorlopige aanslag", "Inkomstenbelasting/premie 2025", "Verzamelinkomen € 1"
    )
    assert (assessment.status, assessment.year) == ("provisional", 2025)


def test_two_titles_leave_it_open() -> None:
    """A final assessment that names the provisional one is not certainly either."""
    other = "Voorlopige aanslag inkomstenbelasting 2024"
    assert income(*ASSESSMENT, other, "Verzamelinkomen € 1").status == "unknown"
    assert income(*ASSESSMENT, other, "Verzamelinkomen € 1").status_text == "Aanslag"
    assert income(*ASSESSMENT, ASSESSMENT[1], "Verzamelinkomen € 1").status == "final"


def test_a_statement_may_name_the_assessment_it_rests_on() -> None:
    """The first title is the paper's."""
    assert income(*STATEMENT, ASSESSMENT[1], "Verzamelinkomen € 1").status_text == "Inkomensverklaring"
    assert income(*ASSESSMENT, STATEMENT[1], "Verzamelinkomen € 1").status_text == "Definitieve aanslag"


@pytest.mark.parametrize(
    "line",
    [
        "Verzamelinkomen € 38.512",
        "VERZAMELINKOMEN: € 38.512,00",
        "Uw verzamelinkomen is € 38.512.",
        "Het vastgesteld verzamelinkomen bedraagt € 38.512",
        "Verzamelinkomen 2024 € 38.512",
        "Verzamelinkomen over 2024 vastgesteld op € 38.512",
        "Verzamelinkomen\u00a0\u0080\u00a038.512",
    ],
)
def test_a_label_and_its_amount_on_one_line(line: str) -> None:
    """However it is spelled: exactly that amount."""
    total = income(*STATEMENT, line).total
    assert total is not None
    assert total.amount == 38512


@pytest.mark.parametrize(
    "line",
    [
        "Verzamelinkomen € 38.512 € 20.000",
        "Verzamelinkomen partner € 20.000",
        "Verzamelinkomen € 38.51",
        "Gezamenlijk verzamelinkomen € 60.000",
        "Belasting box 1 € 9.000",
        "Box 1 € 41.000",
        "Over het inkomen uit werk en woning betaalt u € 9.000",
        "Box 2: inkomen uit werk en woning € 41.000",
    ],
)
def test_another_amount_is_not_taken_for_it(line: str) -> None:
    """Two amounts, somebody else's, a tax, a box without saying what of: counted, never read."""
    records = reading(*STATEMENT, line)
    assert records.incomes == (Assessment(person="self", year=2024, status_text="Inkomensverklaring"),)
    assert records.findings == (unread(1), NOT_READ)
    certain = reading(*STATEMENT, line, "Verzamelinkomen € 1")
    assert [(each.total, each.box1) for each in certain.incomes if isinstance(each, Assessment)] == [(euro("1"), None)]
    assert certain.findings == (unread(1),)


def test_words_without_an_amount_lose_nothing() -> None:
    """Explanations name the labels too."""
    assert income(*STATEMENT, "Het verzamelinkomen is de som van box 1, 2 en 3", "Verzamelinkomen € 5").total == euro(
        "5"
    )


def test_a_label_that_comes_back_must_say_the_same() -> None:
    """Twice the same amount is one; two amounts are none."""
    assert income(*STATEMENT, "Verzamelinkomen € 5", "Verzamelinkomen: € 5,00").total == euro("5")
    records = reading(*ASSESSMENT, "Verzamelinkomen € 5", "Verzamelinkomen € 6", "Inkomen uit werk en woning € 7")
    [assessment] = records.incomes
    assert isinstance(assessment, Assessment)
    assert (assessment.total, assessment.box1, records.findings) == (None, euro("7"), (unread(1),))


@pytest.mark.parametrize(
    "lines",
    [
        ("Belastingdienst", "Inkomensverklaring 2024", "Verzamelinkomen 2023 € 1"),
        ("Belastingdienst", "Inkomensverklaring", "Belastingjaar 2023 2024", "Verzamelinkomen € 1"),
        ("Belastingdienst", "Inkomensverklaring", "Inkomensjaar: 2023", "Belastingjaar: 2024", "Verzamelinkomen € 1"),
        ("Belastingdienst", "Inkomensverklaring", "Datum 12 mei 2024", "Verzamelinkomen € 2.024"),
        ("Belastingdienst", "Inkomensverklaring van 12 mei 2024", "Verzamelinkomen € 2024"),
        ("Belastingdienst", "Inkomensverklaring 1.2024-3", "Verzamelinkomen € 1"),
    ],
)
def test_without_one_certain_year_there_is_no_assessment(lines: tuple[str, ...]) -> None:
    """Two years, or none: the paper is known for what it is, and that it is unread is said."""
    assert reading(*lines) == SourceRecords(findings=(NOT_READ,))


@pytest.mark.parametrize(
    "line", ["Belastingjaar: 2024", "Inkomensjaar 2024", "Inkomstenbelasting 2024", "Aanslag 2024"]
)
def test_the_year_may_stand_apart(line: str) -> None:
    """In the title or at a label of its own; the day of the letter is no tax year."""
    lines = ("Belastingdienst", "Inkomensverklaring van 12 mei 2026", line, "Kenmerk 2022", "Verzamelinkomen € 1")
    assert income(*lines).year == 2024


def test_a_paper_without_amounts_is_known_for_what_it_is() -> None:
    """Year and kind are certain; that no amount is read is said."""
    assert reading(*ASSESSMENT) == SourceRecords(
        incomes=(Assessment(person="self", year=2024, status="final", status_text="Definitieve aanslag"),),
        findings=(NOT_READ,),
    )


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Belastingdienst", "Verzamelinkomen € 5", "2024"),
        ("Inkomensverklaring 2024",),
        ("Belastingdienst", "Deze inkomensverklaring 2024"),
        ("Belastingdienst", "Inkomensverklaringen 2024"),
        ("Belastingdienst", "Navorderingsaanslag inkomstenbelasting 2024"),
        ("Belastingdienst", "Aanslag motorrijtuigenbelasting 2024"),
        ("Belastingdiensten", "Aanslag inkomstenbelasting 2024"),
    ],
)
def test_other_papers_are_refused(lines: tuple[str, ...]) -> None:
    """A title of ours at the start of a line, and the sender's name or the word for total income: both or neither."""
    with pytest.raises(DocumentRefused) as refused:
        reading(*lines)
    assert refused.value.reason == "other-document"


def test_the_sender_may_be_a_picture() -> None:
    """Then the word for total income tells that it is the tax office's."""
    assert income("Inkomensverklaring 2024", "Verzamelinkomen € 5").total == euro("5")


LINES = (
    *STATEMENT,
    *ASSESSMENT,
    "Verzamelinkomen € 38.512",
    "Verzamelinkomen",
    "€ 41.000",
    "Verzamelinkomen € 1 € 2",
    "2023",
)


@given(st.lists(st.one_of(st.sampled_from(LINES), st.text())))
def test_no_shuffle_invents_an_amount(lines: list[str]) -> None:
    """Whatever the order and whatever stands between: refused, or what is told stands in so many words."""
    try:
        records = reading(*lines)
    except DocumentRefused:
        return
    for each in records.incomes:
        assert isinstance(each, Assessment)
        assert each.total in (None, euro("38512"))
        assert (each.box1, each.box2, each.box3) == (None, None, None)
        assert re.search(str(each.year), "\n".join(lines))


@given(st.integers(-(10**9), 10**9))
def test_every_amount_comes_back(amount: int) -> None:
    """Exactly, also below nought."""
    sign = "-" if amount < 0 else ""
    assert income(*STATEMENT, f"Verzamelinkomen {sign}€ {abs(amount):,}".replace(",", ".")).total == euro(str(amount))
