"""What identifies a thing: attribute by attribute, and which field of a profile it belongs to."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from broker.matching import Answer, Identity, Told, field_of, grouped, known, persons_of, plain, things
from schemas.household import Address, Relation
from schemas.income import Allowance, Assessment, Benefit, Employment
from schemas.pension import Age, SchemePension, StatePension, SurvivorPension
from schemas.wealth import Balance, Debt, Owner, RealEstate, Vehicle

ONE, OTHER = Answer("applicant", "a"), Answer("applicant", "b")
OWN = (Owner(person="applicant"),)
WED = Relation(person="partner", kind="partner", of="applicant", since="2001")
EX = replace(WED, kind="ex-partner")
HOME = Address(persons=("applicant",), postcode="1234AB", number=1, letter="a", addition="2")
ABROAD = Address(persons=("applicant",), kind="foreign", lines=("12 Rue", "Lille"), country="Frankrijk")
HOUSE = RealEstate(owners=OWN, postcode="1234AB", number=1, letter="a", addition="2")
CAR = Vehicle(owners=OWN, plate="12ABC3")
ACCOUNT = Balance(owners=OWN, type="bank", identifier="NL91 ABNA")
LOAN = Debt(owners=OWN, type="mortgage", identifier="0601", creditor="Bank")
JOB = Employment(person="applicant", payroll_number="1L01", number="1")
UNIT = replace(JOB, number=None)
BENEFIT = Benefit(person="applicant", scheme="WW", payroll_number="1L01", number="1")
GRANT = replace(BENEFIT, number=None)
RETURN = Assessment(person="applicant", year=2023)
FILED = replace(RETURN, identifier="1")
CARE = Allowance(person="applicant", allowance="care", start="2024-01-01")
AOW = StatePension(person="applicant")
FUND = SchemePension(person="applicant", provider="Fonds", scheme="1")
WIDOW = SurvivorPension(
    person="applicant", beneficiary="partner", provider="Fonds", scheme="1", since=Age(years=50), until=Age(years=60)
)

# A thing, what else may be told of the same one, and what makes it another.
CASES: list[tuple[Any, list[dict[str, Any]], list[dict[str, Any]]]] = [
    (WED, [{"since": "2002"}, {"form": "marriage"}], [{"kind": "cohabitant"}, {"person": "x"}, {"of": "x"}]),
    (EX, [{"until": "2010"}, {"since": None}], [{"since": "2002"}, {"person": "x"}, {"of": "x"}]),
    (
        HOME,
        [{"street": "x"}, {"postcode": "1234 ab"}, {"letter": "A"}, {"persons": ("x",)}, {"object_id": "1"}],
        [{"kind": "letter"}, {"postcode": "1234AC"}, {"number": 2}, {"letter": None}, {"addition": None}],
    ),
    (replace(HOME, object_id="1"), [{"number": 2}], [{"object_id": "2"}, {"kind": "letter"}]),
    (
        ABROAD,
        [{"lines": ("12, rue Lille",)}, {"country": "FRANKRIJK"}, {"since": "2001"}],
        [{"lines": ("13 Rue", "Lille")}, {"country": "België"}, {"municipality": "x"}, {"kind": "location"}],
    ),
    (replace(ABROAD, kind="location"), [{"street": "x"}], [{"kind": "foreign"}, {"lines": ("x",)}]),
    (replace(ABROAD, lines=()), [], [{}]),
    (HOUSE, [{"street": "x"}, {"woz_id": "1"}], [{"postcode": "1234AC"}, {"number": 2}, {"letter": None}]),
    (HOUSE, [{"letter": "A"}, {"addition": "-2"}], [{"addition": None}, {"postcode": None}]),
    (replace(HOUSE, cadastral_id="1"), [{"number": 2}, {"woz_id": "1"}], [{"cadastral_id": "2"}]),
    (replace(HOUSE, cadastral_designation="B K 1"), [{"number": 2}], [{"cadastral_designation": "B K 2"}]),
    (replace(HOUSE, cadastral_designation="B K 1"), [{"cadastral_designation": "bk1", "number": 3}], []),
    (replace(HOUSE, woz_id="1"), [{"number": 2}], [{"woz_id": "2"}]),
    (replace(HOUSE, object_id="1"), [{"number": 2}], [{"object_id": "2"}]),
    (CAR, [{"plate": "12-abc-3"}, {"brand": "x"}], [{"plate": "12ABC4"}]),
    (ACCOUNT, [{"identifier": "nl91abna"}, {"institution": "x"}], [{"identifier": "NL92"}, {"identifier": None}]),
    (replace(ACCOUNT, type="crypto"), [], [{}]),
    (LOAN, [{"identifier": "06-01"}, {"creditor": None}, {"creditor": "bank"}], [{"identifier": "2"}]),
    (LOAN, [{"outstanding": None}], [{"creditor": "Kas"}, {"type": "other"}, {"identifier": None}]),
    (
        JOB,
        [{"start": "2020"}, {"employer": "x"}, {"number": None}],
        [{"person": "x"}, {"payroll_number": "2L01"}, {"number": "2"}, {"payroll_number": None}],
    ),
    (UNIT, [{"start": "2020"}, {"number": "2"}], [{"person": "x"}, {"payroll_number": "2L01"}]),
    (replace(UNIT, start="2020"), [{}, {"start": None}], [{"start": "2021"}]),
    (BENEFIT, [{"scheme": "ZW"}, {"payer": "x"}], [{"person": "x"}, {"payroll_number": "2L01"}, {"number": "2"}]),
    (GRANT, [{"payer": "x"}], [{"scheme": "ZW"}, {"payroll_number": None}]),
    (RETURN, [{"identifier": "1"}, {"status": "final"}], [{"year": 2024}, {"person": "x"}]),
    (FILED, [{"year": 2024}], [{"identifier": "2"}, {"person": "x"}]),
    (CARE, [{"rent": None}], [{"person": "x"}, {"allowance": "housing"}, {"start": "2025"}, {"provisional": True}]),
    (CARE, [], [{"start": None}]),
    (AOW, [{"starts_at": Age(years=67)}], [{"person": "x"}]),
    (
        FUND,
        [{"provider": "FONDS"}, {"settlement": "x"}],
        [{"person": "x"}, {"provider": "x"}, {"scheme": "2"}, {"indicative": True}, {"only_single": True}],
    ),
    (
        WIDOW,
        [{"provider": "FONDS"}, {"settlement": "x"}],
        [{"person": "x"}, {"beneficiary": "child"}, {"per_child": True}, {"indicative": True}],
    ),
    (WIDOW, [], [{"since": None}, {"until": None}, {"provider": "x"}, {"scheme": "2"}]),
]
SAME = [(thing, change) for thing, same, _ in CASES for change in same]
ANOTHER = [(thing, change) for thing, _, other in CASES for change in other]


def count(*records: Any) -> int:
    """How many things these are, each told in an answer of its own."""
    return len(things([Told(Answer("applicant", str(number)), one) for number, one in enumerate(records)]))


@pytest.mark.parametrize(("thing", "change"), SAME)
def test_what_is_told_of_the_same_thing(thing: Any, change: dict[str, Any]) -> None:
    """What does not identify a thing, or only in another spelling, makes no other of it."""
    assert count(thing, replace(thing, **change)) == 1


@pytest.mark.parametrize(("thing", "change"), ANOTHER)
def test_what_makes_it_another(thing: Any, change: dict[str, Any]) -> None:
    """Each part of what identifies a thing counts."""
    assert count(thing, replace(thing, **change)) == 2


def test_kinds_are_never_mixed() -> None:
    """A car and an account with the same number are two things, and so are a job and a benefit."""
    assert count(replace(CAR, plate="1"), replace(ACCOUNT, identifier="1")) == 2
    assert count(UNIT, replace(GRANT, scheme="")) == 2


def test_a_stronger_identifier_keeps_apart_what_a_weaker_joins() -> None:
    """Two parcels with one WOZ object number, and a third record that knows only that: three things."""
    parcels = [replace(HOUSE, cadastral_id=number, woz_id="1") for number in "12"]
    assert count(*parcels, replace(HOUSE, woz_id="1")) == 3


def test_identifiers_join_within_an_answer_and_descriptions_do_not() -> None:
    """A number is one thing however often it is listed; a source that describes two means two."""
    assert len(things([Told(ONE, CAR), Told(ONE, CAR)])) == 1
    assert len(things([Told(ONE, HOUSE), Told(ONE, HOUSE)])) == 2
    assert len(things([Told(ONE, HOUSE), Told(ONE, HOUSE), Told(OTHER, HOUSE)])) == 3


def test_what_keeps_apart_counts_from_the_second_description_on() -> None:
    """The first description is taken at its word; the weaker ones only where nothing told contradicts them."""

    def number(first: str | None, apart: str | None) -> Identity:
        return Identity(certain=(None,), likely=(first, "b"), apart=(None, apart))

    def groups(*identities: Identity) -> int:
        told = [Told(Answer("applicant", str(n)), HOME) for n in range(len(identities))]
        by_answer = {one.answer: each for one, each in zip(told, identities, strict=True)}
        return len(grouped(told, lambda one: by_answer[one.answer]))

    assert groups(number("a", "x"), number("a", "y")) == 1
    assert groups(number(None, "x"), number(None, "y")) == 2
    assert groups(number(None, "x"), number(None, None)) == 1
    assert groups(number(None, "x"), number(None, "x")) == 1
    assert groups() == 0


@pytest.mark.parametrize(
    ("thing", "field", "persons"),
    [
        (WED, "relation.partner", {"applicant", "partner"}),
        (EX, "relation.partner", {"applicant", "partner"}),
        (replace(WED, kind="cohabitant"), "relation.partner", {"applicant", "partner"}),
        (replace(WED, kind="child"), "relation.children", {"applicant", "partner"}),
        (replace(WED, kind="parent"), "relation.children", {"applicant", "partner"}),
        (replace(HOME, persons=("a", "b")), "address", {"a", "b"}),
        (JOB, "income.employment", {"applicant"}),
        (BENEFIT, "income.benefit", {"applicant"}),
        (RETURN, "income.assessment", {"applicant"}),
        (CARE, "income.allowance", {"applicant"}),
        (FUND, "pension.scheme", {"applicant"}),
        (AOW, "pension.state", {"applicant"}),
        (WIDOW, "pension.survivor", {"applicant"}),
        (HOUSE, "possession.real-estate", {"applicant"}),
        (CAR, "possession.vehicle", {"applicant"}),
        (replace(ACCOUNT, owners=(*OWN, Owner(person="x"))), "possession.balance", {"applicant", "x"}),
        (LOAN, "debt.mortgage", {"applicant"}),
        (replace(LOAN, type="study"), "debt.other", {"applicant"}),
    ],
)
def test_every_thing_has_a_field_and_persons(thing: Any, field: str, persons: set[str]) -> None:
    """The field is what lets it through, the persons are whose it is."""
    assert field_of(thing) == field
    assert persons_of(thing) == persons


def test_spellings_are_compared_by_letters_and_digits() -> None:
    """In lower case, without accents' marks lost, and nothing is an empty text."""
    assert plain(" Café-Bar 12! ") == "cafébar12"
    assert plain(None) == ""


def test_a_key_is_known_when_all_its_parts_are() -> None:
    """Nothing and the empty text are not known; zero is."""
    assert known("a", 0) == ("a", 0)
    assert known("a", None) is None
    assert known("", 1) is None
