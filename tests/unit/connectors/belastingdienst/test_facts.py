"""A whole answer of the Belastingdienst: each field brings its own records, by value, and no other's."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.belastingdienst.answer import IngeschrevenPersoon
from connectors.belastingdienst.facts import records
from connectors.belastingdienst.query import FIELDS
from connectors.contract import Field, SourceError
from schemas.base import Money
from schemas.household import Name, Person, Relation
from schemas.income import Allowance, Assessment
from schemas.records import Finding, FindingValue, SourceRecords
from schemas.wealth import Balance, Debt, Owner, PropertyValue, RealEstate

NOW = datetime(2026, 5, 4, 23, 30, tzinfo=UTC)
OWN = (Owner(person="self"),)
HOME: dict[str, Any] = {
    "wozWaarde": {"waarde": 300000},
    "gekoppeldAan": "NL.IMKAD.KadastraalObject.11680384270000.2019-01-01",
}
FLAT: dict[str, Any] = {
    "wozWaarde": {"waarde": 150000},
    "eigenwoningSchuldSaldo": {"waarde": 90000},
    "gekoppeldAan": "NL.IMKAD.KadastraalObject.22",
}
DEDUCTION: dict[str, Any] = {
    "__typename": "Hypotheekrenteaftrek",
    "belastingjaar": 2025,
    "renteJaar": {"waarde": 4000.5},
    "eigenwoningSchuldSaldoStart": {"waarde": 190000},
    "eigenwoningSchuldSaldoEinde": {"waarde": 180000},
    "betreft": HOME,
}
PARTNER: dict[str, Any] = {
    "ID": "they",
    "geslachtsnaam": "Molen",
    "voornamen": "Bo",
    "voorvoegsel": "van der",
    "geboortedatum": "1980-03-00",
}
ME: dict[str, Any] = {"ID": "me", "geslachtsnaam": "Dijk"}
PARTNERSHIP: dict[str, Any] = {
    "belastingjaar": 2025,
    "grondslag": " Huwelijk ",
    "begindatum": "2010-05-05",
    "tussenPersonen": [PARTNER, ME],
}
WHOLE: dict[str, Any] = {
    "heeftBelastingjaarAangifte": [
        {
            "__typename": "AangifteIH",
            "aangifteIdentificatie": "A-1",
            "status": "Definitief vastgesteld",
            "belastingjaar": 2024,
            "indieningsdatum": "2025-04-27",
            "verzamelinkomen": {"waarde": 100.005},
            "box1Inkomen": {"waarde": 60},
            "box2Inkomen": {"waarde": 30},
            "box3Inkomen": {"waarde": 10},
        }
    ],
    "heeftToeslag": [
        {
            "toeslagSoort": "Kinderopvangtoeslag",
            "isVoorlopig": "Ja",
            "ingangsdatum": "2026-01-01",
            "einddatum": "2026-06-30",
            "bedragMaand": {"waarde": 101.5},
            "rekenhuur": {"waarde": 700},
            "aantalUrenOpvang": 80,
            "uurtariefOpvang": {"waarde": 9.27},
        }
    ],
    "heeftVermogensBestanddeel": [
        {
            "__typename": "BankSpaartegoed",
            "belastingjaar": 2025,
            "iban": "NL00TEST0000000001",
            "land": "BE",
            "peildatum": "2025-01-02",
            "waardePeildatum": {"waarde": 900},
            "saldoPeildatum": {"waarde": 901},
        },
        {
            "__typename": "Belegging",
            "belastingjaar": 2025,
            "categorieEffect": "Fondsen",
            "waardePeildatum": {"waarde": 10},
        },
        {
            "__typename": "Cryptovaluta",
            "belastingjaar": 2025,
            "tokenSymbool": "BTC",
            "waardePeildatum": {"waarde": 20},
        },
        {
            "__typename": "OnroerendeZaakOverigBezit",
            "belastingjaar": 2025,
            "wozWaarde": {"waarde": 99000},
            "gekoppeldAan": "NL.IMKAD.KadastraalObject.33",
        },
        {
            "__typename": "Schuld",
            "belastingjaar": 2025,
            "schuldsoort": "Familie",
            "openstaandSaldoPeildatum": {"waarde": 5000},
            "rentepercentage": 2.25,
            "einddatumRentevasteperiode": "2030-06-01",
        },
    ],
    "heeftEigenWoning": [FLAT],
    "heeftAftrekpost": [DEDUCTION],
    "heeftFiscalePartner": [PARTNERSHIP],
}


def told(edges: dict[str, Any], *fields: Field) -> SourceRecords:
    person = msgspec.convert({"bsn": "999993653", "ID": "me", **edges}, IngeschrevenPersoon, strict=False)
    return records(person, frozenset(fields), NOW)


def raw(edges: dict[str, Any]) -> dict[str, Any]:
    """The same edges as they come: the items of an interface still unread."""
    kinds = ("heeftBelastingjaarAangifte", "heeftVermogensBestanddeel", "heeftAftrekpost")
    return {
        name: [msgspec.Raw(msgspec.json.encode(item)) for item in items] if name in kinds else items
        for name, items in edges.items()
    }


def money(amount: str, period: str = "once") -> Money:
    return Money(amount=Decimal(amount), period=period)  # pyright: ignore[reportArgumentType]


def undated(amount: str) -> Finding:
    return Finding(
        kind="source-note",
        code="woz-value-undated",
        source="belastingdienst",
        person="self",
        field="possession.real-estate",
        values=(FindingValue(source="belastingdienst", value=amount),),
    )


BY_FIELD: dict[Field, SourceRecords] = {
    "relation.partner": SourceRecords(
        persons=(
            Person(
                id="partner",
                name=Name(full="Bo van der Molen", given_names="Bo", prefix="van der", surname="Molen"),
                birth_date="1980-03",
            ),
        ),
        relations=(Relation(person="partner", kind="partner", of="self", form="marriage"),),
    ),
    "income.assessment": SourceRecords(
        incomes=(
            Assessment(
                person="self",
                year=2024,
                status="final",
                status_text="Definitief vastgesteld",
                identifier="A-1",
                filed_on="2025-04-27",
                total=money("100.00", "year"),
                box1=money("60.00", "year"),
                box2=money("30.00", "year"),
                box3=money("10.00", "year"),
            ),
        )
    ),
    "income.allowance": SourceRecords(
        incomes=(
            Allowance(
                person="self",
                allowance="childcare",
                amount=money("101.50", "month"),
                provisional=True,
                start="2026-01-01",
                end="2026-06-30",
                rent=money("700.00", "month"),
                childcare_hours=Decimal(80),
                childcare_hourly_rate=money("9.27", "hour"),
            ),
        )
    ),
    "possession.real-estate": SourceRecords(
        possessions=(
            RealEstate(
                owners=OWN,
                cadastral_id="11680384270000",
                values=(PropertyValue(amount=money("300000.00"), reference_date="2024-01-01"),),
            ),
            RealEstate(owners=OWN, cadastral_id="22"),
            RealEstate(
                owners=OWN,
                cadastral_id="33",
                values=(PropertyValue(amount=money("99000.00"), reference_date="2024-01-01"),),
            ),
        ),
        findings=(undated("150000.00"),),
    ),
    "possession.balance": SourceRecords(
        possessions=(
            Balance(
                owners=OWN,
                type="bank",
                identifier="NL00TEST0000000001",
                country="BE",
                amount=money("901.00"),
                reference_date="2025-01-02",
            ),
            Balance(
                owners=OWN,
                type="securities",
                identifier="Fondsen",
                amount=money("10.00"),
                reference_date="2025-01-01",
            ),
            Balance(owners=OWN, type="crypto", identifier="BTC", amount=money("20.00"), reference_date="2025-01-01"),
        )
    ),
    "debt.mortgage": SourceRecords(
        debts=(
            Debt(
                owners=OWN,
                type="mortgage",
                identifier="11680384270000",
                outstanding=money("180000.00"),
                outstanding_at_start=money("190000.00"),
                interest_paid=money("4000.50", "year"),
                reference_date="2025-12-31",
                year=2025,
            ),
            Debt(owners=OWN, type="mortgage", identifier="22", outstanding=money("90000.00")),
        )
    ),
    "debt.other": SourceRecords(
        debts=(
            Debt(
                owners=OWN,
                type="other",
                description="Familie",
                outstanding=money("5000.00"),
                interest_rate=Decimal("2.25"),
                fixed_until="2030-06-01",
                reference_date="2025-01-01",
                year=2025,
            ),
        )
    ),
}


@pytest.mark.parametrize("field", sorted(BY_FIELD))
def test_a_field_brings_its_own_records(field: Field) -> None:
    """Of an answer with everything in it only what the field is about is told, with every element in its place."""
    assert told(raw(WHOLE), field) == BY_FIELD[field]


def test_all_fields_bring_all_records() -> None:
    """Together they tell what each tells alone; none of this source's fields is missing here."""
    assert set(BY_FIELD) == set(FIELDS)
    every = told(raw(WHOLE), *BY_FIELD)
    assert every.incomes == (*BY_FIELD["income.assessment"].incomes, *BY_FIELD["income.allowance"].incomes)
    assert every.possessions == (
        *BY_FIELD["possession.real-estate"].possessions,
        *BY_FIELD["possession.balance"].possessions,
    )
    assert every.debts == (*BY_FIELD["debt.mortgage"].debts, *BY_FIELD["debt.other"].debts)
    assert (every.persons, every.relations) == (
        BY_FIELD["relation.partner"].persons,
        BY_FIELD["relation.partner"].relations,
    )
    assert every.findings == BY_FIELD["possession.real-estate"].findings
    assert told({}, *BY_FIELD) == told(raw(WHOLE)) == SourceRecords()


def test_of_two_deductions_the_later_year_counts() -> None:
    """In whatever order they come; the value of the home goes with the year that names the same value."""
    former = DEDUCTION | {"belastingjaar": 2024, "eigenwoningSchuldSaldoEinde": {"waarde": 190000}}
    for order in ([former, DEDUCTION], [DEDUCTION, former]):
        assert told(raw({"heeftAftrekpost": order}), "debt.mortgage").debts == BY_FIELD["debt.mortgage"].debts[:1]
    other_value = DEDUCTION | {"betreft": HOME | {"wozWaarde": {"waarde": 1}}}
    found = told(raw({"heeftAftrekpost": [other_value], "heeftEigenWoning": [HOME]}), "possession.real-estate")
    assert found.possessions == (RealEstate(owners=OWN, cadastral_id="11680384270000"),)
    assert found.findings == (undated("300000.00"),)


@pytest.mark.parametrize("debt", [None, {"waarde": 0}])
def test_a_home_without_debt_is_no_mortgage(debt: object) -> None:
    """Nought owed, or nothing said of it: no debt is told."""
    assert told({"heeftEigenWoning": [FLAT | {"eigenwoningSchuldSaldo": debt}]}, "debt.mortgage") == SourceRecords()


def test_what_an_answer_leaves_out_is_none() -> None:
    """No hours of care, no rate of interest, no value of a home: nothing is nought."""
    allowance = {
        "toeslagSoort": "Zorgtoeslag",
        "isVoorlopig": "Onbekend",
        "ingangsdatum": "2026-01-01",
        "bedragMaand": {"waarde": 1},
    }
    assert told({"heeftToeslag": [allowance]}, "income.allowance").incomes == (
        Allowance(person="self", allowance="care", amount=money("1.00", "month"), start="2026-01-01"),
    )
    debt = {
        "__typename": "Schuld",
        "belastingjaar": 2025,
        "schuldsoort": "Lening",
        "openstaandSaldoPeildatum": {"waarde": 0},
    }
    home = {"__typename": "OnroerendeZaakOverigBezit", "belastingjaar": 2025, "gekoppeldAan": "perceel"}
    found = told(raw({"heeftVermogensBestanddeel": [debt, home]}), "debt.other", "possession.real-estate")
    assert found.possessions == (RealEstate(owners=OWN, cadastral_id="perceel"),)
    assert [(one.outstanding, one.interest_rate, one.fixed_until) for one in found.debts] == [
        (money("0.00"), None, None)
    ]


def test_the_latest_partnership_counts() -> None:
    """Of the latest year, and within it the one that began last; one without a beginning comes first."""

    def named(name: str, **facts: Any) -> dict[str, Any]:
        return PARTNERSHIP | {"tussenPersonen": [ME, {"ID": name, "geslachtsnaam": name}]} | facts

    several = [
        named("first", begindatum=None),
        named("last", begindatum="2025-07-01"),
        named("middle", begindatum="2025-02-01"),
        named("former", begindatum="2025-09-01", belastingjaar=2024),
    ]
    for order in (several, several[::-1]):
        (person,) = told({"heeftFiscalePartner": order}, "relation.partner").persons
        assert person == Person(id="partner", name=Name(full="last", surname="last"))


@pytest.mark.parametrize(("end", "kind"), [("2026-05-03", "ex-partner"), ("2026-05-04", "partner"), (None, "partner")])
def test_a_partnership_lasts_through_its_last_day(end: str | None, kind: str) -> None:
    """It ended when its last day lies before today; the relation has no dates, for they are not the marriage's."""
    found = told({"heeftFiscalePartner": [PARTNERSHIP | {"einddatum": end}]}, "relation.partner")
    id_ = "ex-partner-1" if kind == "ex-partner" else "partner"
    assert found.relations == (Relation(person=id_, kind=kind, of="self", form="marriage"),)  # pyright: ignore[reportArgumentType]
    assert [person.id for person in found.persons] == [id_]


@pytest.mark.parametrize("people", [[], [ME], [PARTNER], [ME, ME], [PARTNER, PARTNER], [ME, PARTNER, PARTNER]])
def test_who_the_partner_is_is_not_guessed(people: list[dict[str, Any]]) -> None:
    """Only of two, one of whom is the person, is the other the partner."""
    assert told({"heeftFiscalePartner": [PARTNERSHIP | {"tussenPersonen": people}]}, "relation.partner") == (
        SourceRecords(findings=(Finding(kind="incomplete", code="fiscal-partner-unclear", source="belastingdienst"),))
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [("1980", "1980"), ("1980-03", "1980-03"), ("1980-03-04", "1980-03-04"), ("0000-00-00", None), (None, None)],
)
def test_a_birth_date_may_lack_parts(written: str | None, read: str | None) -> None:
    """What is not known of it is left out."""
    edge = PARTNERSHIP | {"tussenPersonen": [ME, PARTNER | {"geboortedatum": written}]}
    (person,) = told({"heeftFiscalePartner": [edge]}, "relation.partner").persons
    assert person.birth_date == read


@pytest.mark.parametrize(
    ("edges", "field", "detail"),
    [
        (
            {"heeftFiscalePartner": [PARTNERSHIP | {"tussenPersonen": [ME, PARTNER | {"geboortedatum": "maart"}]}]},
            "relation.partner",
            "a date has not the agreed form",
        ),
        (
            {"heeftEigenWoning": [FLAT | {"wozWaarde": {"waarde": 1, "valuta": "USD"}}]},
            "possession.real-estate",
            "an amount in another currency than euro",
        ),
    ],
)
def test_what_is_not_as_agreed_is_refused(edges: dict[str, Any], field: Field, detail: str) -> None:
    """A date or an amount of another form makes the answer unreadable, and the error says which and not what."""
    with pytest.raises(SourceError) as refused:
        told(edges, field)
    failed = refused.value.failed
    assert (failed.kind, failed.retryable, failed.detail) == ("unreadable", True, detail)
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)
