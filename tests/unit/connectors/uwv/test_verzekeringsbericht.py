"""The Verzekeringsbericht as lines of text: every way in which its parts may fall apart, and nothing guessed."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Document, DocumentRefused
from connectors.uwv.verzekeringsbericht import read
from schemas.base import Money
from schemas.household import Name, Person
from schemas.income import Benefit, Contract, Employment, PayPeriod
from schemas.records import Finding, FindingValue, SourceRecords

HEADER = (
    "Verzekeringsbericht",
    "Mevrouw A. van der Molen",
    "Geboortedatum: 14-02-1981",
    "Datum: 03 mei 2026",
    "VZB-006",
)
PERMANENT = "schriftelijke arbeidsovereenkomst voor onbepaalde tijd, geen oproepovereenkomst"
COLUMNS = "Periode Aantal uur Sv-loon"
ROW = "01-04-2026 t/m 30-04-2026 160 € 3.250,00"
ROW_BEFORE = "01-03-2026 t/m 31-03-2026 176 € 3.100,50"
EMPLOYER = (
    "Werkgever/Instantie Kwekerij De Linde B.V.",
    "Loonheffingennummer 812345678L01",
    "Verzekerde wetten WW, WIA, ZW",
)


def employer(*rows: str, contract: tuple[str, ...] = (f"Contractvorm {PERMANENT}",)) -> tuple[str, ...]:
    return (*EMPLOYER, *contract, COLUMNS, *rows)


def benefit(name: str = "WW-Uitkering van UWV", number: str = "810220350L04") -> tuple[str, ...]:
    return (
        f"Werkgever/Instantie {name}",
        f"Loonheffingennummer {number}",
        "Verzekerde wetten ZW, WIA",
        "Contractvorm",
        COLUMNS,
        "01-12-2025 t/m 31-12-2025 0 € 2.180,45",
    )


def reading(*pages: tuple[str, ...]) -> SourceRecords:
    return read(Document(media_type="application/pdf", content=b"%PDF-", pages=pages))


def message(*lines: str) -> SourceRecords:
    return reading((*HEADER, "Loongegevens", *lines))


def job(*lines: str) -> Employment:
    """The one employment of a message in which everything is read."""
    records = message(*lines)
    [income] = records.incomes
    assert isinstance(income, Employment)
    assert not [finding for finding in records.findings if finding.kind == "incomplete"]
    return income


def unread(records: SourceRecords) -> int:
    """How many places are said not to have been read."""
    values = [finding.values[0].value for finding in records.findings if finding.code == "unread-line"]
    return int(values[0]) if values else 0


def refusal(*pages: tuple[str, ...]) -> str:
    with pytest.raises(DocumentRefused) as refused:
        reading(*pages)
    return refused.value.reason


def accepted(*pages: tuple[str, ...]) -> SourceRecords:
    """What is read, or nothing when the document is refused; any other error is a mistake of ours."""
    try:
        return reading(*pages)
    except DocumentRefused:
        return SourceRecords()


def monthly(amount: str, period: str = "month") -> Money:
    return Money(amount=Decimal(amount), period=period, basis="gross")  # pyright: ignore[reportArgumentType]


APRIL = PayPeriod(start="2026-04-01", end="2026-04-30", wage=monthly("3250.00"), hours=160)
MARCH = PayPeriod(start="2026-03-01", end="2026-03-31", wage=monthly("3100.50"), hours=176)


def test_a_message_tells_who_it_is_about_and_what_was_paid() -> None:
    """Name and birth date of the person, employer, number, contract and pay; nothing else, and no finding."""
    assert message(*employer(ROW, ROW_BEFORE)) == SourceRecords(
        persons=(Person(id="self", name=Name(full="A. van der Molen"), birth_date="1981-02-14"),),
        incomes=(
            Employment(
                person="self",
                employer="Kwekerij De Linde B.V.",
                payroll_number="812345678L01",
                contracts=(Contract(permanent=True, description=PERMANENT),),
                periods=(APRIL, MARCH),
            ),
        ),
    )


def test_benefits_of_uwv_are_no_employment() -> None:
    """UWV as payer: a benefit with its scheme, no contract, and hours that are nought."""
    assert message(*benefit()).incomes == (
        Benefit(
            person="self",
            scheme="WW",
            payer="WW-Uitkering van UWV",
            payroll_number="810220350L04",
            periods=(PayPeriod(start="2025-12-01", end="2025-12-31", wage=monthly("2180.45"), hours=0),),
        ),
    )
    assert message(*benefit()).findings == ()


@pytest.mark.parametrize(
    ("name", "number", "scheme"),
    [
        ("WW-Uitkering van UWV", "810220350L02", "WW"),
        ("WIA (WGA)-Uitkering van UWV", "810220350L20", "WGA"),
        ("WIA (IVA)-Uitkering van UWV", "810220350L23", "IVA"),
        ("Ziektewet- of WAZO-Uitkering van UWV", "810220350L26", "ZW"),
        ("WAO-Uitkering van UWV", "810220350L53", "WAO"),
        ("WAZ-Uitkering van UWV", "810220350L04", "WAZ"),
        ("Toeslag bij Uitkering (TW) van UWV", "810220350L04", "TW"),
        ("IOW-Uitkering van UWV", "810220350L04", "IOW"),
        ("UWV", "810220350L04", "UWV"),
        ("WW-Uitkering van UWV", "810220350L99", "WW"),
        ("WW-uitkering van UWV Zwolle", "812345678L01", "WW"),
    ],
)
def test_the_scheme_is_in_the_payers_name(name: str, number: str, scheme: str) -> None:
    """A benefit by its office's number or by its payer's name, whichever tells it."""
    [income] = message(*benefit(name, number)).incomes
    assert isinstance(income, Benefit)
    assert (income.scheme, income.payer, income.payroll_number) == (scheme, name, number)


@pytest.mark.parametrize("name", ["UWV", "Uitkeringsfonds Oost", "Stichting van UWV-personeel"])
def test_who_works_for_uwv_or_the_like_has_an_employer(name: str) -> None:
    """Only UWV's benefit offices pay benefits: its own staff, and names with some of the words, are employed."""
    records = message(f"Werkgever/Instantie {name}", "Loonheffingennummer 812345678L01", COLUMNS, ROW)
    [income] = records.incomes
    assert isinstance(income, Employment)
    assert (income.employer, income.contracts, records.findings) == (name, (), ())


def test_a_benefit_with_a_form_of_contract_is_odd() -> None:
    """A benefit has none: its payments stand, and that something is left out is said."""
    lines = ["Contractvorm " + PERMANENT if line == "Contractvorm" else line for line in benefit()]
    records = message(*lines)
    assert isinstance(records.incomes[0], Benefit)
    assert unread(records) == 1


@pytest.mark.parametrize(
    ("form", "permanent"),
    [
        ("schriftelijke arbeidsovereenkomst voor onbepaalde tijd, geen oproepovereenkomst", True),
        ("niet schriftelijke arbeidsovereenkomst voor onbepaalde tijd, geen oproepovereenkomst", True),
        ("publiekrechtelijke aanstelling voor onbepaalde tijd", True),
        ("schriftelijke arbeidsovereenkomst voor onbepaalde tijd, oproepovereenkomst", False),
        ("niet schriftelijke arbeidsovereenkomst voor onbepaalde tijd, oproepovereenkomst", False),
        ("schriftelijke arbeidsovereenkomst voor bepaalde tijd, geen oproepovereenkomst", False),
        ("schriftelijke arbeidsovereenkomst voor bepaalde tijd, oproepovereenkomst", False),
        ("niet schriftelijke arbeidsovereenkomst voor bepaalde tijd, geen oproepovereenkomst", False),
        ("niet schriftelijke arbeidsovereenkomst voor bepaalde tijd, oproepovereenkomst", False),
        ("publiekrechtelijke aanstelling voor bepaalde tijd", False),
    ],
)
def test_three_of_ten_forms_of_contract_are_permanent(form: str, permanent: bool) -> None:
    """Rekenregels IBL 8.1.1: for an indefinite time and not on call. Also with a capital."""
    for written in (form, form.capitalize()):
        income = job(*employer(ROW, contract=(f"Contractvorm {written}",)))
        assert income.contracts == (Contract(permanent=permanent, description=form),)


@pytest.mark.parametrize(
    "contract",
    [
        ("Contractvorm schriftelijke arbeidsovereenkomst voor onbepaalde tijd, geen", "oproepovereenkomst"),
        ("Contractvorm", "schriftelijke arbeidsovereenkomst voor", "onbepaalde tijd,", "geen oproepovereenkomst"),
        ("Contractvorm: schriftelijke arbeidsovereen-", "komst voor onbepaalde tijd, geen oproep", "overeenkomst"),
    ],
)
def test_a_form_of_contract_may_wrap(contract: tuple[str, ...]) -> None:
    """Over any number of lines, with or without a hyphen, beside its label or below it."""
    assert job(*employer(ROW, contract=contract)).contracts == (Contract(permanent=True, description=PERMANENT),)


def test_an_unknown_form_of_contract_is_told_as_it_is() -> None:
    """What we do not know is neither permanent nor not."""
    assert job(*employer(ROW, contract=("Contractvorm leerwerk", "overeenkomst"))).contracts == (
        Contract(description="leerwerk overeenkomst"),
    )


@pytest.mark.parametrize("text", ["fase 3 uitzend", "x" * 201])
def test_what_can_be_no_form_of_contract_is_left_out(text: str) -> None:
    """Numbers or a whole page in its place are not told on; the pay stands, and what is missing is counted."""
    records = message(*employer(ROW, contract=(f"Contractvorm {text}",)))
    [income] = records.incomes
    assert isinstance(income, Employment)
    assert (income.contracts, income.periods, unread(records)) == ((), (APRIL,), 1)


def test_the_longest_form_of_contract_is_still_one() -> None:
    """Two hundred characters are."""
    assert job(*employer(ROW, contract=(f"Contractvorm {'x' * 200}",))).contracts == (Contract(description="x" * 200),)


def test_no_form_of_contract_is_no_contract() -> None:
    """An empty heading, or none at all."""
    assert job(*employer(ROW, contract=("Contractvorm",))).contracts == ()
    assert job(*employer(ROW, contract=())).contracts == ()


def test_four_weekly_pay_is_known_by_its_dates() -> None:
    """Whether amounts are per month or per four weeks is printed nowhere; February goes with the others."""
    income = job(
        *employer(
            "26-01-2026 t/m 22-02-2026 152 € 2.400,00",
            "29-12-2025 t/m 25-01-2026 152 € 2.400,00",
            "01-12-2025 t/m 28-12-2025 152 € 2.400,00",
        )
    )
    assert [period.wage for period in income.periods] == [monthly("2400.00", "four-weeks")] * 3
    assert job(*employer("01-02-2026 t/m 28-02-2026 1 € 1,00", ROW)).periods[0].wage == monthly("1.00")
    february = job(*employer("01-02-2026 t/m 28-02-2026 1 € 1,00", "07-12-2025 t/m 03-01-2026 1 € 1,00"))
    assert [period.wage for period in february.periods] == [monthly("1.00", "four-weeks")] * 2


@pytest.mark.parametrize(
    ("row", "hours", "wage"),
    [
        ("01-04-2026 t/m 30-04-2026 160 € 3.250,00", 160, "3250.00"),
        ("01-04-2026 t/m 30-04-2026 -8 € -120,00", -8, "-120.00"),
        ("01-04-2026 t/m 30-04-2026 8- -€ 120,00", -8, "-120.00"),
        ("01-04-2026 t/m 30-04-2026 0 € 0,00", 0, "0.00"),
        ("01-04-2026 t/m 30-04-2026 160,00 € 3.250,00-", 160, "-3250.00"),
        ("01-04-2026 t/m 30-04-2026 € 3.250,00", None, "3250.00"),
        ("01-04-2026\u00a0t/m\u00a030-04-2026 160 \u0080\u00a03.250,00", 160, "3250.00"),
        ("01-04-2026 t/m30-04-2026 160 EUR 3.250,00", 160, "3250.00"),
        ("1-4-2026 t/m 30-4-2026 160 €3250,00", 160, "3250.00"),
        ("Periode 01-04-2026 t/m 30-04-2026 Aantal uren 160 SV-loon € 3.250,00", 160, "3250.00"),
    ],
)
def test_a_row_is_read_however_it_is_spelled(row: str, hours: int | None, wage: str) -> None:
    """Hours may be negative, nought or absent; signs, spaces and euro signs differ by extractor."""
    [period] = job(*employer(row)).periods
    assert period == PayPeriod(start="2026-04-01", end="2026-04-30", wage=monthly(wage), hours=hours)


@pytest.mark.parametrize(
    "lines",
    [
        ("01-04-2026 t/m 30-04-2026", "160", "€ 3.250,00"),
        ("01-04-2026", "t/m", "30-04-2026 160", "€", "3.250,00"),
        ("01-04-2026 t/m", "30-04-2026", "160 € 3.250,00"),
        ("01-04-2026 t/m 30-04-2026 160", COLUMNS, "€ 3.250,00"),
        ("Periode 01-04-2026", "t/m 30-04-2026", "Aantal uur 160", "Sv-loon € 3.250,00"),
        ("Periode 01-04-2026", "t/m 30-04-2026", "Aantal uur 160", "Sv-loon €", "3.250,00"),
    ],
)
def test_a_row_may_break_anywhere(lines: tuple[str, ...]) -> None:
    """A row is the order of its parts, not a line; a column's name beside a part takes nothing away."""
    assert job(*employer(ROW_BEFORE, *lines, ROW_BEFORE)).periods == (MARCH, APRIL, MARCH)


@pytest.mark.parametrize(
    "lines",
    [
        (ROW, "Eigen bijdrage auto", "€ 100,00", "Waarde privégebruik auto", "€ 412,50"),
        (ROW, "Eigen bijdrage auto € 100,00 Waarde privégebruik auto € 412,50"),
        (ROW, "Eigen bijdrage auto Waarde privégebruik auto", "€ 100,00 € 412,50"),
        (ROW, "Waarde privégebruik auto", "Eigen bijdrage auto", "€ 412,50", "€ 100,00"),
        (ROW, "Waarde prive\u0301gebruik auto € 412,50", "Eigen bijdrage auto € 100,00"),
        (
            "01-04-2026 t/m 30-04-2026 160",
            "€ 3.250,00",
            "Eigen bijdrage auto Waarde privegebruik auto",
            "€ 100,00 € 412,50",
        ),
        (
            "01-04-2026 t/m 30-04-2026 160",
            "Eigen bijdrage auto",
            "€ 100,00",
            "Waarde privégebruik auto",
            "€ 412,50",
            "€ 3.250,00",
        ),
        (
            "01-04-2026 t/m 30-04-2026 160",
            "Eigen bijdrage auto € 100,00",
            "€ 3.250,00",
            "Waarde privégebruik auto € 412,50",
        ),
    ],
)
def test_amounts_of_a_car_are_not_taken_for_the_wage(lines: tuple[str, ...]) -> None:
    """Labels together or apart, the wage on its own line or not: wage is wage, and the car goes in a note."""
    records = message(*employer(*lines, ROW_BEFORE))
    [income] = records.incomes
    assert isinstance(income, Employment)
    assert income.periods == (APRIL, MARCH)
    assert records.findings == (
        Finding(
            kind="source-note",
            code="company-car",
            source="uwv",
            person="self",
            field="income.employment",
            values=(
                FindingValue(
                    source="uwv",
                    value="Kwekerij De Linde B.V., 2026-04-01: waarde privégebruik € 412,50, eigen bijdrage € 100,00",
                ),
            ),
        ),
    )


def test_a_car_may_have_one_amount() -> None:
    """Only what stands there is noted, per employer, by number when the employer has no name."""
    nameless = ("Werkgever/Instantie", "Loonheffingennummer 812345678L09", COLUMNS, ROW, "Eigen bijdrage auto € 75,00")
    records = message(
        *employer(ROW, "Waarde privégebruik auto € 412,50", ROW_BEFORE, "Eigen bijdrage auto € 50,00"), *nameless
    )
    assert [
        [value.value for value in finding.values] for finding in records.findings if finding.code == "company-car"
    ] == [
        [
            "Kwekerij De Linde B.V., 2026-04-01: waarde privégebruik € 412,50",
            "Kwekerij De Linde B.V., 2026-03-01: eigen bijdrage € 50,00",
        ],
        ["812345678L09, 2026-04-01: eigen bijdrage € 75,00"],
    ]


@pytest.mark.parametrize(
    "lines",
    [
        # Which of three amounts is the wage?
        (
            "01-04-2026 t/m 30-04-2026 160",
            "Eigen bijdrage auto Waarde privégebruik auto",
            "€ 100,00 € 412,50 € 3.250,00",
        ),
        ("01-04-2026 t/m 30-04-2026 160", "Eigen bijdrage auto Waarde privégebruik auto", "€ 100,00 € 412,50"),
        (ROW, "Eigen bijdrage auto"),
        (ROW, "Eigen bijdrage auto", "Eigen bijdrage auto", "€ 1,00", "€ 2,00"),
        (ROW, "Eigen bijdrage auto € 1,00 Eigen bijdrage auto € 2,00"),
        (ROW, "Eigen bijdrage auto € 1,0"),
        ("01-04-2026 t/m 30-04-2026 160 Eigen bijdrage auto € 100,00",),
        ("01-04-2026 t/m 30-04-2026 160 € 3.250,00 € 3.251,00",),
        ("01-04-2026 t/m 30-04-2026 160 € 3.250,0",),
        ("01-04-2026 t/m 30-04-2026 160 3.250,00",),
        ("01-04-2026 t/m 30-04-2026 160 8 € 3.250,00",),
        ("01-04-2026 t/m 30-04-2026 160",),
        ("01-04-2026 t/m 30-04-2026",),
        ("01-04-2026 t/m",),
        ("01-04-2026 t/m 31-04-2026 160 € 3.250,00",),
        ("32-04-2026 t/m 30-04-2026 160 € 3.250,00",),
        ("30-04-2026 t/m 01-04-2026 160 € 3.250,00",),
        ("01-04-2026 t/m 30-04-2026 160 € 3.250,00 voorlopig",),
        ("01-04-2026 t/m 30-04-2026 160 vakantiegeld € 3.250,00",),
        ("Totaal over 2026 € 3.250,00",),
    ],
)
def test_what_is_not_certain_is_counted_and_nothing_else_is_touched(lines: tuple[str, ...]) -> None:
    """A row that can be read in two ways is read in none; the rows around it stand."""
    records = message(*employer(ROW_BEFORE, *lines, ROW_BEFORE))
    [income] = records.incomes
    assert isinstance(income, Employment)
    assert income.periods == (MARCH, MARCH)
    assert unread(records) == 1


def test_a_second_day_without_until_starts_a_row_of_its_own() -> None:
    """The first day of a row is what stands before `t/m`; two days in a row are two rows that cannot be read."""
    assert unread(message(*employer(ROW, "01-04-2026", "01-05-2026"))) == 2
    assert unread(message(*employer(ROW, "01-04-2026 30-04-2026 160 € 3.250,00"))) == 2


@pytest.mark.parametrize("hours", ["7,5", "-8-", "1.600", "123456"])
def test_hours_that_are_no_whole_number_are_left_out(hours: str) -> None:
    """The wage stands, the hours do not, and that is said."""
    records = message(*employer(f"01-04-2026 t/m 30-04-2026 {hours} € 3.250,00"))
    [income] = records.incomes
    assert isinstance(income, Employment)
    assert income.periods == (PayPeriod(start="2026-04-01", end="2026-04-30", wage=monthly("3250.00")),)
    assert unread(records) == 1


def test_words_end_a_row() -> None:
    """An amount below other words is not that of the row above them; words alone lose nothing."""
    records = message(
        *employer("01-04-2026 t/m 30-04-2026 160", "Vakantiegeld", "€ 500,00", ROW_BEFORE, "Heeft u vragen?")
    )
    [income] = records.incomes
    assert isinstance(income, Employment)
    assert (income.periods, unread(records)) == ((MARCH,), 2)
    assert job(*employer(ROW, "Heeft u vragen? Bel 0800 123 45", ROW_BEFORE)).periods == (APRIL, MARCH)


def test_periods_to_come_are_what_the_message_says() -> None:
    """An employer may report ahead: the message's own date takes nothing away."""
    [period] = job(*employer("01-06-2027 t/m 30-06-2027 160 € 3.250,00")).periods
    assert (period.start, period.end) == ("2027-06-01", "2027-06-30")


def test_the_same_row_twice_is_two_rows() -> None:
    """Somebody may have two jobs with one employer: nothing is taken for a repetition."""
    assert job(*employer(ROW, ROW)).periods == (APRIL, APRIL)


def test_a_page_may_end_in_the_middle_of_an_employer() -> None:
    """Headers, footers and column names come back on every page; the employer goes on below them."""
    footer = ("Uitvoeringsinstituut, team 12", "Pagina 1 van 3")
    repeated = (*HEADER, "Loongegevens")
    first = (*repeated, *EMPLOYER, "Contractvorm schriftelijke arbeidsovereenkomst voor", *footer)
    second = (*repeated, "onbepaalde tijd, geen oproepovereenkomst", COLUMNS, ROW, *footer[:1], "Pagina 2 van 3")
    third = (*repeated, COLUMNS, ROW_BEFORE, *footer[:1], "Pagina 3 van 3")
    assert reading(first, second, third) == message(*employer(ROW, ROW_BEFORE))


def test_a_page_may_end_in_the_middle_of_a_row() -> None:
    """The car's amounts below the break are still those of the row above it."""
    car = ("Eigen bijdrage auto", "€ 100,00", "Waarde privégebruik auto", "€ 412,50")
    whole = message(*employer(ROW, *car))
    assert reading((*HEADER, *employer(ROW, "Versie 7 UWV")), (*HEADER, COLUMNS, *car, "Versie 8 UWV")) == whole
    assert unread(whole) == 0


def test_headings_repeated_on_top_of_a_page_go_on() -> None:
    """The same employer, number and contract on top of the next page is the same one."""
    parted = reading((*HEADER, *employer(ROW)), (*HEADER, *employer(ROW_BEFORE)))
    assert parted == message(*employer(ROW, ROW_BEFORE))


@pytest.mark.parametrize(
    "second",
    [
        (*HEADER, *employer(ROW)),  # the same day cannot be paid twice in one job
        (*HEADER, "Toelichting", *employer(ROW_BEFORE)),  # not on top
        (*HEADER, *employer(ROW_BEFORE, contract=("Contractvorm publiekrechtelijke aanstelling voor bepaalde tijd",))),
        (*HEADER, *(line.replace("L01", "L02") for line in employer(ROW_BEFORE))),
        (*HEADER, *(line.replace("Linde", "Beuk") for line in employer(ROW_BEFORE))),
    ],
)
def test_other_headings_or_days_are_another_job(second: tuple[str, ...]) -> None:
    """Two jobs with one employer stay two."""
    assert [len(income.periods) for income in reading((*HEADER, *employer(ROW)), second).incomes] == [1, 1]  # pyright: ignore[reportAttributeAccessIssue]


def test_the_same_headings_further_down_are_another_job() -> None:
    """On one page nothing is repeated: two jobs with one employer stand below one another."""
    assert len(message(*employer(ROW), *employer(ROW_BEFORE)).incomes) == 2
    assert len(reading((*employer(ROW), *employer(ROW_BEFORE), *HEADER)).incomes) == 2


def test_three_pages_of_one_employer_are_one_job() -> None:
    """And what was not understood on any of them is counted."""
    odd = "01-01-2026 t/m 31-01-2026 1 € 1"
    older = "01-02-2026 t/m 28-02-2026 152 € 3.000,00 x"
    pages = [(*HEADER, *employer(row)) for row in (ROW, ROW_BEFORE, odd, older)]
    records = reading(*pages)
    [income] = records.incomes
    assert isinstance(income, Employment)
    assert [period.start for period in income.periods] == ["2026-04-01", "2026-03-01", "2026-01-01"]
    assert unread(records) == 1


def test_labels_may_share_a_line_or_stand_above_their_values() -> None:
    """Two columns beside one another, values below their labels, names over several lines."""
    two = ("Werkgever/Instantie Kwekerij De Linde B.V. Loonheffingennummer 812345678L01", f"Contractvorm {PERMANENT}")
    below = (
        "Werkgever / Instantie:",
        "Kwekerij De",
        "Linde B.V.",
        "Loonheffingennummer:",
        "812345678 L01",
        "Contractvorm",
        PERMANENT,
    )
    whole = job(*employer(ROW))
    assert job(*two, COLUMNS, ROW) == whole
    assert job(*below, COLUMNS, ROW) == whole


def test_values_apart_from_all_labels_are_not_matched_up() -> None:
    """Labels first and values after: whose is what is not certain, and of what cannot be named nothing is told."""
    labels = ("Werkgever/Instantie", "Loonheffingennummer", "Verzekerde wetten", "Contractvorm")
    values = ("Kwekerij De Linde B.V.", "812345678L01", "WW", PERMANENT)
    assert refusal((*HEADER, *labels, *values, COLUMNS, ROW)) == "damaged"
    both = message(*labels, *values, COLUMNS, ROW, *employer(ROW_BEFORE))
    [income] = both.incomes
    assert (income, unread(both)) == (job(*employer(ROW_BEFORE)), 3)  # the row, its payer, and what is no contract


def test_an_employer_may_lack_its_name_or_number() -> None:
    """One of the two tells who pays; what is missing is counted, not guessed."""
    nameless = message("Werkgever/Instantie", "Loonheffingennummer 812345678L01", COLUMNS, ROW)
    odd_number = message("Werkgever/Instantie De Linde", "Loonheffingennummer 12345L01", COLUMNS, ROW)
    long = message(f"Werkgever/Instantie {'x' * 201}", "Loonheffingennummer 812345678L01", COLUMNS, ROW)
    numberless = message("Werkgever/Instantie De Linde", COLUMNS, ROW)
    assert [(each.incomes, unread(each)) for each in (nameless, odd_number, long, numberless)] == [
        ((Employment(person="self", payroll_number="812345678L01", periods=(APRIL,)),), 1),
        ((Employment(person="self", employer="De Linde", periods=(APRIL,)),), 1),
        ((Employment(person="self", payroll_number="812345678L01", periods=(APRIL,)),), 1),
        ((Employment(person="self", employer="De Linde", periods=(APRIL,)),), 0),
    ]


def test_headings_that_contradict_one_another_tell_nothing() -> None:
    """Two numbers of one employer: neither."""
    records = message(*EMPLOYER, "Loonheffingennummer 812345678L02", COLUMNS, ROW)
    [income] = records.incomes
    assert (income.payroll_number, unread(records)) == (None, 1)  # pyright: ignore[reportAttributeAccessIssue]
    same = message(*EMPLOYER, "Loonheffingennummer 812345678L01", COLUMNS, ROW)
    assert (same.incomes[0].payroll_number, unread(same)) == ("812345678L01", 0)  # pyright: ignore[reportAttributeAccessIssue]


def test_what_stands_before_the_first_employer_is_no_pay() -> None:
    """A summary or a letter may have amounts too."""
    assert job("Totaal € 99.999,00", ROW_BEFORE, *employer(ROW)).periods == (APRIL,)


@pytest.mark.parametrize(
    ("lines", "person"),
    [
        (("De heer Y. Öztürk-de Wit",), Person(id="self", name=Name(full="Y. Öztürk-de Wit"))),
        (("Mevrouw P. over den Dijk",), Person(id="self", name=Name(full="P. over den Dijk"))),
        (
            ("Mevrouw J. 't Hart Geboortedatum: 1 maart 1970",),
            Person(id="self", name=Name(full="J. 't Hart"), birth_date="1970-03-01"),
        ),
        (("Geboortedatum", "01-03-1970"), Person(id="self", birth_date="1970-03-01")),
        (("Geboortedatum 01-03-1970", "Geboortedatum: 01-03-1970"), Person(id="self", birth_date="1970-03-01")),
    ],
)
def test_name_and_birth_date_are_found(lines: tuple[str, ...], person: Person) -> None:
    """Beside one another or apart, on one page or on all."""
    assert reading((*lines, "VZB-004", "Loongegevens", *employer(ROW))).persons == (person,)


@pytest.mark.parametrize(
    "lines",
    [
        ("De heer P. Smit", "De heer P. Smits", "Geboortedatum: 01-03-1970", "Geboortedatum: 02-03-1970"),
        ("Mevrouw, wij sturen u dit", "Geboortedatum: 31-02-1970"),
        ("Mevrouw wij sturen Jansen dit", "De heer van den", "Mevrouw P. 12"),
        ("Geboortedatum onbekend",),
    ],
)
def test_an_uncertain_person_is_none(lines: tuple[str, ...]) -> None:
    """Two names, two dates, prose or no date: nobody is named."""
    assert reading((*lines, "VZB-005", "Loongegevens", *employer(ROW))).persons == ()


def test_an_employer_is_not_the_person() -> None:
    """Who employs may be a Mr or Mrs: what stands below the first employer's heading names nobody else."""
    lines = (
        "VZB-005",
        "Loongegevens",
        "Werkgever/Instantie Mevrouw P. de Groot",
        "Loonheffingennummer 812345678L01",
        COLUMNS,
        ROW,
    )
    records = reading((*lines, "Mevrouw Q. de Kok"))
    assert records.persons == ()
    assert records.incomes[0].employer == "Mevrouw P. de Groot"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("version", ["VZB-004", "VZB-005", "VZB-006", "VZB 006", "VZB006"])
def test_three_versions_are_known(version: str) -> None:
    """VZB-004 to 006, wherever they are printed."""
    assert len(reading(("Verzekeringsbericht", *employer(ROW), version)).incomes) == 1


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("Verzekeringsbericht", "VZB-003", *employer(ROW)), "version"),
        (("Verzekeringsbericht", "VZB-007", *employer(ROW)), "version"),
        (("Verzekeringsbericht", "VZB-006", "VZB-007", *employer(ROW)), "version"),
        (("Verzekeringsbericht", *employer(ROW)), "version"),
        (("Verzekeringsbericht", "Loongegevens"), "version"),
        (("VZB-003", "Loongegevens"), "version"),
        (("Verzekeringsbericht", "VZB-003"), "version"),
        (("Verzekeringsbericht", "VZB-0060", "XVZB-006"), "other-document"),
        (("VZB-006",), "other-document"),
        (employer(ROW), "other-document"),
        (("Uw verzekeringsbericht staat klaar",), "other-document"),
        ((), "other-document"),
        (("Verzekeringsberichten", "Uw loongegevens"), "other-document"),
        ((*HEADER, *employer("01-04-2026 t/m 30-04-2026 160")), "damaged"),
        ((*HEADER, "Werkgever/Instantie", COLUMNS, ROW), "damaged"),
    ],
)
def test_what_cannot_be_used_is_refused(lines: tuple[str, ...], reason: str) -> None:
    """Two of title, version and headings make a message; no row that can be read, where there are rows, is none."""
    assert refusal(lines) == reason


def test_other_pages_or_files_are_other_documents() -> None:
    """No pages, no text."""
    assert refusal() == "other-document"


@pytest.mark.parametrize("lines", [(), EMPLOYER, ("Er zijn geen loongegevens.",)])
def test_a_message_without_pay_says_that_nothing_was_read(lines: tuple[str, ...]) -> None:
    """No rows and none in sight: an empty answer is not handed on as if it were one."""
    records = message(*lines)
    assert [finding.code for finding in records.findings] == ["document-not-read"]
    assert [getattr(income, "periods", None) for income in records.incomes] == ([()] if lines == EMPLOYER else [])


def test_no_number_of_a_person_gets_into_the_records() -> None:
    """A BSN that is printed stands in no record and no finding."""
    records = message("BSN 999990019", *employer(ROW, "BSN: 999990019", "Burgerservicenummer 999990019 € 1,00"))
    assert "999990019" not in repr(records)
    assert unread(records) == 1


PARTS = (
    *HEADER,
    "Loongegevens",
    *EMPLOYER,
    "Contractvorm",
    PERMANENT,
    COLUMNS,
    ROW,
    ROW_BEFORE,
    "01-02-2026 t/m 28-02-2026",
    "160",
    "€ 3.333,33",
    "€",
    "t/m",
    "Eigen bijdrage auto",
    "Waarde privégebruik auto",
    "€ 100,00",
    "€ 412,50",
    *benefit(),
)


@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=30), max_size=4))
def test_no_shuffle_invents_an_amount(pages: list[list[str]]) -> None:
    """Lines in any order: refused, or every amount that is told stands in the text, per row no more than once."""
    records = accepted(*(tuple(page) for page in pages))
    text = "\n".join(line for page in pages for line in page)
    printed = {each.replace(".", "").replace(",", ".") for each in re.findall(r"[0-9.]+,[0-9]{2}", text)}
    for income in records.incomes:
        assert isinstance(income, Employment | Benefit)
        for period in income.periods:
            assert period.wage is not None
            assert str(period.wage.amount) in printed
    rows = sum(len(getattr(income, "periods", ())) for income in records.incomes)
    assert rows <= text.count("t/m")


@given(st.lists(st.lists(st.text(), max_size=12), max_size=3), st.data())
def test_odd_text_is_refused_or_read(pages: list[list[str]], data: st.DataObject) -> None:
    """Whatever a text layer holds beside a message: nothing but a refusal comes out as an error."""
    lines = list(HEADER + employer(ROW))
    for line in [line for page in pages for line in page]:
        lines.insert(data.draw(st.integers(0, len(lines))), line)
    for page in (lines, *pages):
        told = repr(accepted(tuple(page)))
        assert told.count("PayPeriod(") <= sum(line.count("t/m") for line in page)


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=20))
def test_every_amount_comes_back(cents: list[int]) -> None:
    """Any number of rows with any amounts: read exactly, in their order."""
    rows = []
    for each in cents:
        whole, rest = divmod(abs(each), 100)
        sign = "-" if each < 0 else ""
        rows.append(f"01-04-2026 t/m 30-04-2026 160 € {sign}{whole:,}".replace(",", ".") + f",{rest:02}")
    wages = [period.wage for period in job(*employer(*rows)).periods]
    assert [wage and wage.amount for wage in wages] == [Decimal(each) / 100 for each in cents]
