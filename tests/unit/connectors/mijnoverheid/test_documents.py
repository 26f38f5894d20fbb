"""Papers about a home as lines of text: what is labelled beyond doubt, and nothing that is not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Document, DocumentRefused
from connectors.mijnoverheid.documents import read
from connectors.printed import not_read
from schemas.base import Money
from schemas.records import Finding, FindingValue, SourceRecords
from schemas.wealth import Owner, PropertyValue, RealEstate

LAND = ("Kadaster", "Eigendomsinformatie")
WOZ = ("Gemeente Zeewolde", "WOZ-beschikking")
OWNERS = (Owner(person="self"),)
NOT_READ = not_read("mijnoverheid")
NOT_TOLD = Finding(
    kind="source-note", code="owner-not-told", source="mijnoverheid", person="self", field="possession.real-estate"
)


def reading(*lines: str) -> SourceRecords:
    return read(Document(media_type="application/pdf", content=b"%PDF-", pages=(lines,)))


def home(*lines: str) -> RealEstate:
    """The one home of a paper of which everything is read."""
    records = reading(*lines)
    [estate] = records.possessions
    assert isinstance(estate, RealEstate)
    assert records.findings == (NOT_TOLD,)
    return estate


def once(amount: int) -> Money:
    return Money(amount=Decimal(amount), period="once")


def worth(amount: int, day: str) -> PropertyValue:
    return PropertyValue(amount=once(amount), reference_date=day)


def unread(count: int) -> Finding:
    value = FindingValue(source="mijnoverheid", value=str(count))
    return Finding(kind="incomplete", code="unread-line", source="mijnoverheid", person="self", values=(value,))


def undated(amount: str) -> Finding:
    value = FindingValue(source="mijnoverheid", value=amount)
    return Finding(
        kind="source-note",
        code="woz-value-undated",
        source="mijnoverheid",
        person="self",
        field="possession.real-estate",
        values=(value,),
    )


def test_an_extract_tells_parcel_place_and_price() -> None:
    """Everything the Kadaster labels; and that it is theirs is not told by the paper."""
    records = reading(
        *LAND,
        "Kadastrale aanduiding: Zeewolde B 731",
        "Locatie: Korenmolen 14 C-2, 3891 XB Zeewolde",
        "Koopsom: € 412.500 Koopjaar 2019",
        "Met meer onroerend goed verkregen: Ja",
    )
    assert records == SourceRecords(
        possessions=(
            RealEstate(
                owners=OWNERS,
                cadastral_designation="Zeewolde B 731",
                street="Korenmolen",
                number=14,
                letter="C",
                addition="2",
                postcode="3891XB",
                city="Zeewolde",
                bought_for=once(412500),
                bought_in="2019",
                bought_with_others=True,
            ),
        ),
        findings=(NOT_TOLD,),
    )


def test_a_decision_tells_value_and_day() -> None:
    """The WOZ value, the day it is for, and the home."""
    assert home(
        *WOZ, "Objectadres: Korenmolen 14, 3891 XB Zeewolde", "WOZ-waarde: € 398.000", "Waardepeildatum: 1 januari 2025"
    ) == RealEstate(
        owners=OWNERS,
        street="Korenmolen",
        number=14,
        postcode="3891XB",
        city="Zeewolde",
        values=(worth(398000, "2025-01-01"),),
    )


@pytest.mark.parametrize(
    ("written", "designation"),
    [
        ("Zeewolde B 731", "Zeewolde B 731"),
        ("'s-Gravenhage AB 12345 A12", "'s-Gravenhage AB 12345 A12"),
        ("Bergen (L) K 1 A 7", "Bergen (L) K 1 A 7"),
        ("gemeente Zeewolde, sectie B, nummer 731", "Zeewolde B 731"),
        ("Gemeente Zeewolde sectie b perceel 731", "Zeewolde B 731"),
        ("Zeewolde sectie B perceelnummer 731", "Zeewolde B 731"),
    ],
)
def test_a_designation_has_one_form(written: str, designation: str) -> None:
    """As the register writes it, also when the paper spells it out."""
    assert home(*LAND, f"Kadastrale aanduiding {written}").cadastral_designation == designation


@pytest.mark.parametrize(
    ("lines", "price", "year"),
    [
        (("Koopsom € 412.500", "Koopjaar 2019"), once(412500), "2019"),
        (("Koopsom: € 412.500 (2019)",), once(412500), "2019"),
        (("Koopsom € 412.500, in 2019",), once(412500), "2019"),
        (("Koopsom € 412.500",), once(412500), None),
        (("Koopjaar: 2019",), None, "2019"),
        (("Koopjaar: 2019", "Koopjaar 2019"), None, "2019"),
    ],
)
def test_price_and_year_may_stand_apart(lines: tuple[str, ...], price: Money | None, year: str | None) -> None:
    """One without the other is what it is."""
    estate = home(*LAND, "Kadastrale aanduiding Zeewolde B 731", *lines)
    assert (estate.bought_for, estate.bought_in, estate.bought_with_others) == (price, year, False)


@pytest.mark.parametrize(("word", "several"), [("Ja", True), ("nee", False)])
def test_a_price_may_cover_more(word: str, several: bool) -> None:
    """Yes and no are told apart."""
    estate = home(*LAND, "Koopsom € 1", f"Met meer objecten verkregen {word}")
    assert estate.bought_with_others is several


@pytest.mark.parametrize(
    "line",
    [
        "Koopsom € 412.500 € 1",
        "Koopsom 412.500",
        "Koopsom € 412.50",
        "Koopjaar 9999",
        "Kadastrale aanduiding Zeewolde 1234",
        "Locatie: Plein 1945 12, 3891 XB Zeewolde",
        "Adres van het object: Korenmolen, 3891 XB Zeewolde",
        "Waardepeildatum 31-02-2025",
        "WOZ-waarde 2025",
        "WOZ-waarde op 01-01-2025: € 39.80",
        "WOZ-waarde op 31-02-2025: € 398.000",
    ],
)
def test_what_is_not_certain_is_counted(line: str) -> None:
    """Two readings or none: not read, and said; what is certain stands."""
    records = reading(*LAND, line, "Kadastrale aanduiding Zeewolde B 731")
    assert records.possessions == (RealEstate(owners=OWNERS, cadastral_designation="Zeewolde B 731"),)
    assert records.findings == (NOT_TOLD, unread(1))
    assert reading(*LAND, line) == SourceRecords(findings=(NOT_READ,))


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("Koopsom € 1", "Koopsom € 2"),
        ("Koopjaar 2018", "Koopjaar 2019"),
        ("Met meer objecten verkregen ja", "Met meer objecten verkregen nee"),
        ("Adres: Korenmolen 14, 3891 XB Zeewolde", "Adres: Korenmolen 15, 3891 XB Zeewolde"),
    ],
)
def test_what_contradicts_itself_is_not_read(line: str, other: str) -> None:
    """Two prices, years, answers or addresses are none; once over is one."""
    records = reading(*LAND, "Kadastrale aanduiding Zeewolde B 731", line, other)
    assert records.possessions == (RealEstate(owners=OWNERS, cadastral_designation="Zeewolde B 731"),)
    assert records.findings == (NOT_TOLD, unread(1))
    assert reading(*LAND, "Kadastrale aanduiding Zeewolde B 731", line, line).findings == (NOT_TOLD,)


def test_two_parcels_in_one_paper_are_none() -> None:
    """Which price, place and value are whose is not certain."""
    lines = ("Kadastrale aanduiding Zeewolde B 731", "Kadastrale aanduiding Zeewolde B 732", "Koopsom € 5")
    assert reading(*LAND, *lines) == SourceRecords(findings=(NOT_READ,))


@pytest.mark.parametrize(
    "lines",
    [
        ("WOZ-waarde € 398.000", "Peildatum 01-01-2025"),
        ("Vastgestelde WOZ-waarde bedraagt: € 398.000.", "Waardepeildatum: 1 januari 2025"),
        ("WOZ-waarde op 1 januari 2025: € 398.000",),
        ("WOZ-waarde per waardepeildatum 01-01-2025 € 398.000",),
        ("WOZ-waarde: € 398.000 (waardepeildatum 1 januari 2025)",),
        ("WOZ-waarde € 398.000, peildatum: 01-01-2025",),
        ("Peildatum WOZ-waarde", "01-01-2025 € 398.000"),
        ("WOZ-waarde Waardepeildatum", "€ 398.000 01-01-2025"),
        ("WOZ-waarde", "€ 398.000", "Waardepeildatum", "01-01-2025"),
        ("WOZ-waarde op 1 januari 2025: € 398.000", "WOZ-waarde: € 398.000", "Waardepeildatum 01-01-2025"),
        ("WOZ-waarde op 1 januari 2025: € 398.000", "WOZ-waarde: € 398.000"),
    ],
)
def test_a_value_has_its_day(lines: tuple[str, ...]) -> None:
    """On one line, on two, below one another or in a table."""
    assert home(*WOZ, "Waarde op peildatum", *lines).values == (worth(398000, "2025-01-01"),)


def test_a_table_of_values_is_read_oldest_first() -> None:
    """Every year with its own value."""
    lines = ("Waardepeildatum WOZ-waarde", "01-01-2025 € 398.000", "01-01-2024 € 371.000")
    assert home("WOZ-waardeloket", "WOZ-waarde", *lines).values == (
        worth(371000, "2024-01-01"),
        worth(398000, "2025-01-01"),
    )


def test_a_table_without_its_heading_is_none() -> None:
    """Days with amounts may be anything."""
    assert reading(*WOZ, "Peildatum onbekend", "01-01-2025 € 398.000") == SourceRecords(findings=(NOT_READ,))


def test_a_value_without_a_day_is_a_remark() -> None:
    """The year of a value is not invented."""
    lines = ("Objectadres: Korenmolen 14, 3891 XB Zeewolde", "WOZ-waarde € 398.000", "Peildatum onbekend")
    records = reading(*WOZ, *lines)
    assert [getattr(each, "values", None) for each in records.possessions] == [()]
    assert records.findings == (NOT_TOLD, undated("398000"))
    assert reading(*WOZ, *lines[1:]) == SourceRecords(findings=(NOT_READ, undated("398000")))


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        (("WOZ-waarde € 1", "WOZ-waarde € 2", "Waardepeildatum 01-01-2025"), 2),
        (("WOZ-waarde € 1", "Waardepeildatum 01-01-2025", "Waardepeildatum 01-01-2024"), 1),
        (("WOZ-waarde op 01-01-2025 € 1", "WOZ-waarde op 01-01-2025 € 2"), 1),
        (("WOZ-waarde op 01-01-2025 € 1", "WOZ-waarde € 2", "Peildatum 01-01-2025"), 1),
        (("WOZ-waarde", "Waardepeildatum", "€ 1", "01-01-2025", "WOZ-waarde € 3", "WOZ-waarde € 4", "Peildatum"), 2),
    ],
)
def test_values_that_fit_more_than_one_day_are_none(lines: tuple[str, ...], count: int) -> None:
    """Two values or two days: whose is whose is not certain."""
    records = reading(*WOZ, "Objectadres: Korenmolen 14, 3891 XB Zeewolde", *lines)
    assert [getattr(each, "values", None) for each in records.possessions] == [()]
    assert records.findings == (NOT_TOLD, unread(count))


def test_a_day_that_contradicts_leaves_the_others() -> None:
    """One year with two values takes nothing from another year."""
    lines = ("WOZ-waarde op 01-01-2025 € 1", "WOZ-waarde op 01-01-2025 € 2", "WOZ-waarde op 01-01-2024 € 3")
    records = reading(*WOZ, *lines)
    assert records.possessions == (RealEstate(owners=OWNERS, values=(worth(3, "2024-01-01"),)),)
    assert records.findings == (NOT_TOLD, unread(1))


@pytest.mark.parametrize(
    "lines",
    [
        ("Koopsom", "Koopjaar", "€ 5", "2019"),
        ("Koopsom", "€ 5", "€ 6"),
        ("Koopsom", "€ 5", "2019"),
        ("Koopjaar", "Koopsom", "€ 5"),
        ("Koopsom",),
    ],
)
def test_values_apart_from_several_labels_are_not_matched_up(lines: tuple[str, ...]) -> None:
    """Only a label by itself above one value by itself is certain."""
    assert reading(*LAND, *lines) == SourceRecords(findings=(NOT_READ,))


def test_a_label_above_its_value() -> None:
    """Each label by itself, each value below it, and the page may begin or end there."""
    estate = home(
        *LAND, "Kadastrale aanduiding", "Zeewolde B 731", "Adres", "Korenmolen 14, 3891 XB Zeewolde", "Koopsom", "€ 5"
    )
    assert (estate.cadastral_designation, estate.number, estate.bought_for) == ("Zeewolde B 731", 14, once(5))
    assert home("Koopsom", "€ 5", *LAND) == RealEstate(owners=OWNERS, bought_for=once(5))


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("Korenmolen 14, 3891 XB Zeewolde", ("Korenmolen", 14, None, None, "3891XB", "Zeewolde")),
        ("1e Korenmolenweg 14a 3891XB Zeewolde", ("1e Korenmolenweg", 14, "a", None, "3891XB", "Zeewolde")),
        ("Van de Molen 14-2, 3891 XB, Zeewolde aan Zee", ("Van de Molen", 14, None, "2", "3891XB", "Zeewolde aan Zee")),
    ],
)
def test_an_address_falls_apart_in_its_parts(address: str, parts: tuple[object, ...]) -> None:
    """Street, number, letter, addition, postcode and place."""
    at = home(*LAND, f"Adres object: {address}")
    assert (at.street, at.number, at.letter, at.addition, at.postcode, at.city) == parts


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Kadaster", "Koopsom € 5"),
        ("Eigendomsinformatie", "Koopsom € 5"),
        ("Kadaster", "Uw eigendomsinformatie"),
        ("Kadasters", "Kadastraal bericht"),
        ("WOZ-waarde € 5",),
        ("Peildatum 01-01-2025",),
        ("WOZ-waarden", "peildatum"),
        ("WOZ-waarde", "peildatums"),
    ],
)
def test_other_papers_are_refused(lines: tuple[str, ...]) -> None:
    """The Kadaster's name with a title of its own, or a WOZ value with a day: else it is another paper."""
    with pytest.raises(DocumentRefused) as refused:
        reading(*lines)
    assert refused.value.reason == "other-document"


@pytest.mark.parametrize(
    "lines",
    [("Kadaster", "kadastraal bericht object"), ("Het Kadaster", "Kadastrale aanduiding"), ("peildatum", "woz-waarde")],
)
def test_papers_of_ours_without_values_say_so(lines: tuple[str, ...]) -> None:
    """Known for what they are, and unread."""
    assert reading(*lines) == SourceRecords(findings=(NOT_READ,))


LINES = (
    *LAND,
    *WOZ,
    "Koopsom",
    "€ 5",
    "€ 6",
    "Koopsom € 7",
    "WOZ-waarde",
    "Peildatum",
    "01-01-2025",
    "2019",
    "Koopjaar",
)


@given(st.lists(st.one_of(st.sampled_from(LINES), st.text())))
def test_no_shuffle_invents_an_amount(lines: list[str]) -> None:
    """Whatever the order: refused, or what is told stands in so many words."""
    try:
        records = reading(*lines)
    except DocumentRefused:
        return
    for estate in records.possessions:
        assert isinstance(estate, RealEstate)
        assert estate.bought_for in (None, once(5), once(6), once(7))
        assert estate.bought_in in (None, "2019")
        assert set(estate.values) <= {worth(5, "2025-01-01"), worth(6, "2025-01-01")}


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_every_amount_comes_back(price: int, value: int) -> None:
    """Exactly."""
    lines = (f"Koopsom € {price:,}", f"WOZ-waarde per 01-01-2025: € {value:,}")
    estate = home(*LAND, *(line.replace(",", ".") for line in lines))
    assert (estate.bought_for, estate.values) == (once(price), (worth(value, "2025-01-01"),))
