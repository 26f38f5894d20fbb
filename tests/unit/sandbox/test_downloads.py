"""The pretend downloads say what is true of a persona, in the words and notations of the real ones."""

from __future__ import annotations

import json
from datetime import date
from io import BytesIO

import pytest
from lxml import etree
from pypdf import PdfReader

from sandbox.downloads.paper import MARK, Paper, addressed, euro, located, numeric, spoken, whole_euro
from sandbox.downloads.pensions import files
from sandbox.downloads.shelf import papers
from sandbox.downloads.uwv import CARS, Layout
from sandbox.personas import HOUSEHOLDS, Seat, by_user, seats
from sandbox.personas.facts import Address, Person
from sandbox.sources.uwv import pays_of

TODAY = date(2026, 5, 3)
PEOPLE = [seat for household in HOUSEHOLDS.values() for seat in seats(household) if seat.person.user]


def seat_of(user: str) -> Seat:
    """Who logs in under this name."""
    seat = by_user(user)
    assert seat is not None
    return seat


def pages(paper: Paper) -> list[list[str]]:
    """The lines of every page."""
    return [page.extract_text().splitlines() for page in PdfReader(BytesIO(paper.content())).pages]


def lines(paper: Paper) -> list[str]:
    """The lines of all pages."""
    return [line for page in pages(paper) for line in page]


def named(seat: Seat, name: str, layout: Layout | None = None) -> Paper:
    """One document of somebody."""
    return next(paper for paper in papers(seat, TODAY, layout or Layout()) if paper.name == name)


def message(user: str, layout: Layout | None = None) -> list[str]:
    """The lines of somebody's Verzekeringsbericht."""
    return lines(named(seat_of(user), "Verzekeringsbericht.pdf", layout))


@pytest.mark.parametrize(
    ("user", "names"),
    [
        (
            "married-couple",
            [
                "Verzekeringsbericht.pdf",
                "inkomensverklaring-2025.pdf",
                "definitieve-aanslag-inkomstenbelasting-2025.pdf",
                "kadaster-eigendomsinformatie.pdf",
                "woz-beschikking-2026.pdf",
                "woz-beschikking-2025.pdf",
            ],
        ),
        (
            "single",
            [
                "Verzekeringsbericht.pdf",
                "inkomensverklaring-2025.pdf",
                "voorlopige-aanslag-inkomstenbelasting-2025.pdf",
            ],
        ),
        ("family-many-schemes-partner", ["Verzekeringsbericht.pdf"]),
        ("no-pension", ["Verzekeringsbericht.pdf"]),
        (
            "self-employed",
            [
                "inkomensverklaring-2024.pdf",
                "definitieve-aanslag-inkomstenbelasting-2024.pdf",
                "inkomensverklaring-2025.pdf",
                "voorlopige-aanslag-inkomstenbelasting-2025.pdf",
            ],
        ),
    ],
)
def test_a_site_has_a_file_only_for_whom_it_knows(user: str, names: list[str]) -> None:
    """No pay, no message; no decision on a return, no tax papers; no home of their own, no extract."""
    assert [paper.name for paper in papers(seat_of(user), TODAY)] == names


def test_a_pensioner_gets_no_message_of_uwv() -> None:
    """AOW and pensions are not insured pay: who has nothing else is not in the Verzekeringsbericht."""
    assert not [paper for paper in papers(seat_of("pensioner"), TODAY) if paper.source == "uwv"]


@pytest.mark.parametrize("seat", PEOPLE, ids=lambda seat: seat.person.user)
def test_every_page_is_marked_and_without_bsn(seat: Seat) -> None:
    """A page that gets about says itself that it is invented; the income test wants no BSN on it."""
    for paper in papers(seat, TODAY):
        for number, page in enumerate(pages(paper), 1):
            assert page[0] == MARK
            assert page[-1].endswith(f"Pagina {number} van {len(pages(paper))}")
            assert not any(seat.person.bsn in line for line in page)


@pytest.mark.parametrize("seat", PEOPLE, ids=lambda seat: seat.person.user)
def test_files_of_a_person_have_different_names(seat: Seat) -> None:
    """A name finds one file."""
    names = [*(file.name for file in files(seat, TODAY)), *(paper.name for paper in papers(seat, TODAY))]
    assert len(set(names)) == len(names)


def test_the_same_day_gives_the_same_document() -> None:
    """Before it is sealed a document is its facts and its date, nothing of the moment."""
    seat = seat_of("married-couple")
    assert [p.content() for p in papers(seat, TODAY)] == [p.content() for p in papers(seat, TODAY)]


def test_a_message_has_the_labels_and_order_readers_look_for() -> None:
    """Whom it is about, then per employer its number, laws, wrapped contract form, and rows with the newest first."""
    found = message("married-couple")
    assert found[1:5] == [
        "Verzekeringsbericht",
        "Mevrouw A.R. de Dwarsligterink",
        "Geboortedatum: 12-03-1984",
        "Datum: 03 mei 2026",
    ]
    at = found.index("Loongegevens")
    assert found[at + 1 : at + 9] == [
        "Werkgever/Instantie Zandbak Waterwerken B.V.",
        "Loonheffingennummer 715616026L01",
        "Verzekerde wetten WW, WIA, ZW",
        "Contractvorm schriftelijke arbeidsovereenkomst voor onbepaalde tijd,",
        "geen oproepovereenkomst",
        "Periode Aantal uur Sv-loon",
        "01-10-2026 t/m 31-10-2026 156 € 4.318,27",
        "01-09-2026 t/m 30-09-2026 156 € 4.318,27",
    ]
    assert found[-1] == "VZB-006 Pagina 1 van 1"


@pytest.mark.parametrize("seat", PEOPLE, ids=lambda seat: seat.person.user)
def test_a_message_has_every_pay_period_of_every_job(seat: Seat) -> None:
    """Month or four weeks, corrections too: each is a row."""
    for paper in papers(seat, TODAY):
        if paper.source == "uwv":
            rows = [line for line in lines(paper) if " t/m " in line]
            wanted = [
                f"{pay.start:%d-%m-%Y} t/m {pay.end:%d-%m-%Y} {pay.hours} {euro(pay.wage)}"
                for job in seat.person.jobs
                for pay in reversed(pays_of(job))
            ]
            assert rows[: len(wanted)] == wanted


def test_a_correction_is_negative_in_hours_and_pay() -> None:
    """What was paid too much is taken back in a row of its own over the same four weeks."""
    found = message("family-many-schemes")
    at = found.index("23-02-2026 t/m 22-03-2026 -20 € -380,64")
    assert found[at + 1] == "23-02-2026 t/m 22-03-2026 128 € 2.436,18"


def test_contract_forms_say_how_long_and_whether_on_call() -> None:
    """The two jobs of one person differ in both."""
    found = " ".join(message("family-many-schemes"))
    assert "voor bepaalde tijd, geen oproepovereenkomst Periode" in found
    assert "voor bepaalde tijd, oproepovereenkomst Periode" in found


def test_uwv_stands_among_the_employers_without_contract_form() -> None:
    """A benefit has a number of UWV, an empty contract form and no hours."""
    found = message("family-many-schemes-partner")
    at = found.index("Werkgever/Instantie WIA (WGA)-Uitkering van UWV")
    assert found[at + 1 : at + 6] == [
        "Loonheffingennummer 810220350L20",
        "Verzekerde wetten ZW, WIA",
        "Contractvorm",
        "Periode Aantal uur Sv-loon",
        "01-10-2026 t/m 31-10-2026 0 € 965,47",
    ]


def test_a_new_page_goes_on_with_the_same_employer() -> None:
    """A page ends between two pay periods; the next begins with who it is about and the columns."""
    first, second = pages(named(seat_of("family-many-schemes"), "Verzekeringsbericht.pdf"))
    assert " t/m " in first[-2]
    assert second[:6] == [*first[:5], "Periode Aantal uur Sv-loon"]
    assert " t/m " in second[6]


def test_a_new_page_can_repeat_the_employer() -> None:
    """The other way of going on: the whole heading once more."""
    paper = named(seat_of("family-many-schemes"), "Verzekeringsbericht.pdf", Layout(heading_again=True))
    second = pages(paper)[1]
    assert second[5:7] == ["Werkgever/Instantie Zandbak Nachtopvang", "Loonheffingennummer 790230279L07"]


def test_car_amounts_stand_together_under_both_labels() -> None:
    """As some of them are printed: two labels on a line, two amounts below."""
    found = message("cohabiting")
    at = found.index("01-10-2026 t/m 31-10-2026 160 € 3.572,19")
    assert found[at + 1 : at + 3] == ["Eigen bijdrage auto Waarde privégebruik auto", "€ 100,00 € 412,50"]
    periods = sum(job.periods for job in seat_of("cohabiting").person.jobs if job.payroll_number in CARS)
    assert sum(line == "€ 100,00 € 412,50" for line in found) == periods


def test_car_amounts_stand_apart_and_then_pay_on_its_own_line() -> None:
    """As others are printed: every label and every amount on a line of its own."""
    found = message("cohabiting", Layout(cars="apart"))
    at = found.index("01-10-2026 t/m 31-10-2026 160")
    assert found[at + 1 : at + 6] == [
        "€ 3.572,19",
        "Eigen bijdrage auto",
        "€ 100,00",
        "Waarde privégebruik auto",
        "€ 412,50",
    ]


def test_another_version_and_a_bsn_can_be_printed() -> None:
    """For those who must refuse the one, and find the other."""
    found = message("married-couple", Layout(version="VZB-003", bsn=True))
    assert found[3] == "Burgerservicenummer: 999102965"
    assert found[-1].startswith("VZB-003 ")


def test_a_statement_of_income_has_one_amount() -> None:
    """The verzamelinkomen is the sum of the boxes."""
    found = lines(named(seat_of("married-couple"), "inkomensverklaring-2025.pdf"))
    assert found[1:4] == [
        "Inkomensverklaring 2025",
        "Mevrouw A.R. de Dwarsligterink",
        "Kwartelkoningpad 17 b, 9999 AB Zandstad",
    ]
    assert found[-3:-1] == ["Belastingjaar 2025", "Verzamelinkomen € 62.780,66"]
    assert sum("€" in line for line in found) == 1


def test_an_assessment_says_what_it_is_and_has_every_box() -> None:
    """Provisional or definitive, in the title; boxes and their sum."""
    found = lines(named(seat_of("self-employed"), "voorlopige-aanslag-inkomstenbelasting-2025.pdf"))
    assert found[1] == "Voorlopige aanslag inkomstenbelasting 2025"
    assert found[-6:-1] == [
        "Belastingjaar 2025",
        "Box 1: inkomen uit werk en woning € 58.736,14",
        "Box 2: inkomen uit aanmerkelijk belang € 0,00",
        "Box 3: inkomen uit sparen en beleggen € 12.017,38",
        "Verzamelinkomen € 70.753,52",
    ]


def test_an_objection_is_against_a_definitive_assessment() -> None:
    """Who objects has a definitive assessment; abroad it goes to the address there."""
    found = lines(named(seat_of("foreign-partner"), "definitieve-aanslag-inkomstenbelasting-2025.pdf"))
    assert found[2:6] == [
        "De heer Q. Grensovergange",
        "12 Rue des Coquillagesvides",
        "68800 Thann",
        "Geboortedatum: 00-00-1975",
    ]


def test_an_extract_of_the_land_register_has_price_and_owners() -> None:
    """What was paid and when, by whom, and what is inscribed."""
    found = lines(named(seat_of("married-couple-partner"), "kadaster-eigendomsinformatie.pdf"))
    assert found[1:-1] == [
        "Kadaster Eigendomsinformatie",
        "Datum: 03 mei 2026",
        "Kadastrale aanduiding Zandstad K 4825",
        "Adres Kwartelkoningpad 17 b, 9999 AB Zandstad",
        "Kadastrale grootte 214 m2",
        "Koopsom € 389.500",
        "Koopjaar 2019",
        "Gerechtigde A.R. de Dwarsligterink",
        "Geboortedatum 12-03-1984",
        "Aandeel 1/2",
        "Gerechtigde B.J. Oeverzwaluwe",
        "Geboortedatum 30-11-1982",
        "Aandeel 1/2",
        "Hypotheekhouder Zandbak Hypotheken N.V.",
        "Bedrag van inschrijving € 410.000",
    ]


def test_an_extract_leaves_out_what_there_is_not() -> None:
    """One owner has the whole; no loan, no inscription; a flat has no area of its own."""
    alone = lines(named(seat_of("pensioner"), "kadaster-eigendomsinformatie.pdf"))
    assert alone[-4:-1] == ["Gerechtigde M.P. van Grijskopspechts", "Geboortedatum 09-08-1951", "Aandeel 1/1"]
    flat = lines(named(seat_of("cohabiting"), "kadaster-eigendomsinformatie.pdf"))
    assert not any(line.startswith("Kadastrale grootte") for line in flat)


def test_a_woz_decision_is_of_the_year_after_its_value_date() -> None:
    """One value, of 1 January of the year before."""
    found = lines(named(seat_of("married-couple"), "woz-beschikking-2026.pdf"))
    assert found[1] == "WOZ-beschikking 2026"
    assert found[-6:-1] == [
        "Gemeente Zandstad",
        "WOZ-objectnummer 990100010017",
        "Adres Kwartelkoningpad 17 b, 9999 AB Zandstad",
        "WOZ-waarde € 468.731",
        "Waardepeildatum 01-01-2025",
    ]


def test_both_pension_files_are_of_the_day_and_only_the_xml_says_of_whom() -> None:
    """The JSON has no name in it, in a file called after the day."""
    as_json, as_xml = files(seat_of("cohabiting"), TODAY)
    assert (as_json.name, as_json.media_type) == ("Pensioenoverzicht-03-05-2026.json", "application/json")
    assert (as_xml.name, as_xml.media_type) == ("pensioenaanspraken.xml", "application/xml")
    whole = json.loads(as_json.content)
    assert (whole["StatusCode"], whole["TijdstipAanmakenBericht"]) == ("000", "2026-05-03T12:00:00+00:00")
    assert "Gegevens" not in whole
    root = etree.fromstring(as_xml.content)
    assert root.tag == "Pensioenaanspraken"
    assert root.findtext("Gegevens/Naam") == "G. van der Turfgraverstra"
    assert root.findtext("TijdstipAanmakenBericht") == whole["TijdstipAanmakenBericht"]
    assert root.findtext(".//TeBereiken") == "11230"


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (euro(0), "€ 0,00"),
        (euro(7), "€ 0,07"),
        (euro(123_456_789), "€ 1.234.567,89"),
        (euro(-38_064), "€ -380,64"),
        (whole_euro(1_389_500), "€ 1.389.500"),
        (numeric("2003-12-05"), "05-12-2003"),
        (numeric("2003-12"), "00-12-2003"),
        (numeric("1975"), "00-00-1975"),
        (spoken(date(2026, 3, 9)), "09 maart 2026"),
        (spoken(date(2026, 12, 31)), "31 december 2026"),
        (addressed(Person(given_names="Otto Bo", surname="Test", gender="O", born="")), "De heer/mevrouw O.B. Test"),
        (
            located(
                Address(
                    street="Pad", number=1, addition="bis", postcode="1234AB", object_id="", designation_id="", since=""
                )
            ),
            "Pad 1 bis, 1234 AB Zandstad",
        ),
    ],
)
def test_notations(written: str, wanted: str) -> None:
    """Amounts, dates, names and addresses are written as Dutch letters have them."""
    assert written == wanted
