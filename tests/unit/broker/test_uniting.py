"""How several records become one: whose word counts, what fills a gap, and what is a contradiction."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from broker.matching import Answer, Told
from broker.uniting import in_words, ranked, unite
from schemas.base import Provenance
from schemas.household import Address, Name, Person
from schemas.income import Assessment, Contract, Employment
from schemas.pension import Age, PensionBlock, SchemePension, StatePension
from schemas.wealth import Balance, Owner, PropertyValue, RealEstate, Vehicle
from tests.unit.broker.households import NOW, OWN, euro

CAR = Vehicle(owners=OWN, plate="1")


def united(*records: Any, sources: tuple[str, ...] = ("mijnoverheid", "uwv", "x")) -> Any:
    """The one record of several, each of another source in this order of rank, with its clashes."""
    return unite(ranked([Told(Answer("applicant", s), r) for s, r in zip(sources, records, strict=False)]))


def attributes(*records: Any) -> list[str]:
    return [clash.attribute for clash in united(*records)[1]]


def values(*records: Any, sources: tuple[str, ...] = ("mijnoverheid", "uwv", "x")) -> list[list[tuple[str, str]]]:
    """What is said differently, attribute by attribute: who says what."""
    return [[(v.source, v.value) for v in clash.values] for clash in united(*records, sources=sources)[1]]


@pytest.mark.parametrize(
    ("record", "first"),
    [
        (Person(id="x"), "mijnoverheid"),
        (Address(persons=("x",)), "mijnoverheid"),
        (RealEstate(owners=OWN), "mijnoverheid"),
        (CAR, "mijnoverheid"),
        (Employment(person="x"), "uwv"),
        (Assessment(person="x", year=2023), "uwv"),
        (Balance(owners=OWN, type="bank"), "belastingdienst"),
        (StatePension(person="x"), "mijnpensioenoverzicht"),
    ],
)
def test_one_source_knows_best(record: Any, first: str) -> None:
    """Of each kind of thing; the rest follow by name."""
    sources = ("a", "belastingdienst", "mijnoverheid", "mijnpensioenoverzicht", "uwv")
    order = [told.answer.source for told in ranked([Told(Answer("applicant", source), record) for source in sources])]
    assert order == [first, *(source for source in sources if source != first)]


@pytest.mark.parametrize("name", ["as_of", "reference_date"])
def test_the_latest_word_counts_first(name: str) -> None:
    """By the date of the record; one without a date comes after those with one."""
    kinds = {"as_of": StatePension(person="x"), "reference_date": Balance(owners=OWN, type="bank")}
    records = [replace(kinds[name], **{name: day}) for day in (None, "2023", "2024")]
    days = [getattr(told.record, name) for told in ranked([Told(Answer("applicant", "a"), r) for r in records])]
    assert days == ["2024", "2023", None]


def test_equal_rank_is_settled_by_what_is_told() -> None:
    """Never by who came first."""
    told = [Told(Answer("applicant", "a"), replace(CAR, brand=brand)) for brand in "ba"]
    assert ranked(told) == ranked(told[::-1]) == told[::-1]


def test_one_record_is_left_as_it_is() -> None:
    """There is nothing to unite."""
    assert united(CAR) == (CAR, ())


def test_a_gap_is_filled_and_nothing_contradicts_it() -> None:
    """A default, and "unknown", are nothing said."""
    person = Person(id="x", gender="unknown")
    found, clashes = united(person, Person(id="x", gender="male", birth_place="Zandstad", deceased=True))
    assert (found.gender, found.birth_place, found.deceased, clashes) == ("male", "Zandstad", True, ())
    assert attributes(Assessment(person="x", year=2023, status="final"), Assessment(person="x", year=2023)) == []


def test_texts_agree_by_their_letters_and_digits() -> None:
    """Of which there must be some: two different signs are no spelling of each other."""
    assert attributes(replace(CAR, brand="Land-Rover"), replace(CAR, brand="LAND ROVER")) == []
    assert attributes(replace(CAR, brand="-"), replace(CAR, brand="?")) == ["brand"]
    assert attributes(replace(CAR, brand="?"), replace(CAR, brand="?")) == []


def test_dates_agree_as_far_as_they_go() -> None:
    """Either may be the more exact one, which is taken; a text that begins alike is no date."""

    def owned(*days: str) -> tuple[str, list[str]]:
        records = [replace(CAR, owned_since=day) for day in days]
        return united(*records)[0].owned_since, attributes(*records)

    assert owned("2020", "2020-05", "2020-05-03") == ("2020-05-03", [])
    assert owned("2020-05-03", "2020") == ("2020-05-03", [])
    assert owned("2020-05", "2020-06-01") == ("2020-05", ["owned_since"])
    assert attributes(replace(CAR, brand="20"), replace(CAR, brand="20-1")) == ["brand"]
    assert attributes(replace(CAR, brand="2020"), replace(CAR, brand="2020-X")) == ["brand"]


def test_numbers_agree_when_they_are_equal() -> None:
    """A number is no text."""
    assert attributes(RealEstate(owners=OWN, area_m2=90), RealEstate(owners=OWN, area_m2=91)) == ["area_m2"]
    assert values(RealEstate(owners=OWN, area_m2=90), RealEstate(owners=OWN, area_m2=91)) == [
        [("mijnoverheid", "90"), ("uwv", "91")]
    ]


def test_amounts_agree_by_sum_and_period_and_basis() -> None:
    """Of which the basis may be left open; cents that are zero make no difference."""

    def price(amount: str, period: Any = "once", basis: Any = None) -> Vehicle:
        return replace(CAR, catalogue_price=replace(euro(amount, period), basis=basis))

    one = price("1", "month", "gross")
    assert attributes(one, price("1.00", "month")) == []
    assert attributes(one, price("1", "year", "gross")) == ["catalogue_price"]
    assert attributes(one, price("1", "month", "net")) == ["catalogue_price"]
    assert attributes(one, price("2", "month", "gross")) == ["catalogue_price"]
    assert values(price("1234.5"), price("7", "month", "net")) == [
        [("mijnoverheid", "€ 1.234,50"), ("uwv", "€ 7,00 (month, net)")]
    ]


def test_an_amount_of_another_day_fills_no_gap_and_is_said_with_its_day() -> None:
    """But one of the same day does."""
    pension = StatePension(person="x", as_of="2024-01-01")
    later = replace(pension, reachable_single=euro(1, "year"))
    assert united(pension, later, sources=("mijnpensioenoverzicht", "uwv"))[0].reachable_single == euro(1, "year")
    older = replace(later, as_of="2023-01-01")
    found, clashes = united(pension, older, sources=("mijnpensioenoverzicht", "uwv"))
    assert found.reachable_single is None
    assert [(c.attribute, c.values[0].value) for c in clashes] == [
        ("reachable_single", "€ 1,00 (year, 2023-01-01)"),
        ("as_of", "2024-01-01"),
    ]


def test_names_are_judged_by_the_parts_both_have() -> None:
    """And by the whole only where there is no such part; what one leaves open the other fills."""
    anna = Name(full="A. de Vries", initials="A.", prefix="de", surname="Vries")
    given = Name(full="Anna", given_names="Anna")
    found, clashes = united(Person(id="x", name=given), Person(id="x", name=replace(anna, full="anna")))
    assert (found.name.full, found.name.given_names, found.name.initials, clashes) == ("Anna", "Anna", "A.", ())
    assert attributes(Person(id="x", name=given), Person(id="x", name=anna)) == ["name"]
    for other in ({"initials": "B."}, {"surname": "Vis"}, {"prefix": "van"}):
        assert attributes(Person(id="x", name=anna), Person(id="x", name=replace(anna, **other))) == ["name"]
    assert values(Person(id="x", name=anna), Person(id="x", name=replace(anna, full="B", surname="Vis"))) == [
        [("mijnoverheid", "A. de Vries"), ("uwv", "B")]
    ]
    assert attributes(Person(id="x", name=anna), Person(id="x", name=replace(anna, full="De Vries, A."))) == []


def test_where_a_record_is_from_is_kept_of_all() -> None:
    """Every provenance once, in an order of its own."""
    told = [Provenance(source="x", transport="api", retrieved_at=NOW + timedelta(days=n)) for n in range(3)]
    records = [replace(CAR, sources=(told[2], told[0])), replace(CAR, sources=(told[1], told[0]))]
    assert united(*records)[0].sources == tuple(told)


def test_words_are_listed_once() -> None:
    """In another spelling they are the same; signs are themselves."""
    people = [
        Person(id="x", nationalities=("Nederlandse", "?")),
        Person(id="x", nationalities=("-", "NEDERLANDSE", "?")),
    ]
    found, clashes = united(*people)
    assert (found.nationalities, clashes) == (("Nederlandse", "?", "-"), ())


def test_owners_are_listed_once_with_every_right() -> None:
    """A right that is not named may be any; and of each list no two are the same one."""

    def car(*owners: Owner) -> Vehicle:
        return replace(CAR, owners=owners)

    def owned(*records: Vehicle) -> list[tuple[str, str | None, str | None]]:
        return [(o.person, o.share, o.right) for o in united(*records)[0].owners]

    me, half = Owner(person="a"), Owner(person="a", share="1/2")
    assert owned(car(me), car(half)) == [("a", "1/2", None)]
    assert owned(car(me), car(replace(half, right="Erfpacht"))) == [("a", "1/2", "Erfpacht")]
    assert owned(car(replace(me, right="erf-pacht")), car(replace(half, right="Erfpacht"))) == [
        ("a", "1/2", "erf-pacht")
    ]
    two = car(replace(me, right="Opstal"), replace(me, right="Erfpacht"))
    assert owned(car(me), two) == [("a", None, "Erfpacht"), ("a", None, "Opstal")]
    assert owned(two, car(replace(half, right="Erfpacht"))) == [("a", None, "Opstal"), ("a", "1/2", "Erfpacht")]
    assert owned(car(me), car(Owner(person="b"))) == [("a", None, None), ("b", None, None)]


def test_shares_that_differ_are_said_of_whose_they_are() -> None:
    """Who says nothing of a share takes no part in it."""
    records = [replace(CAR, owners=(Owner(person="a", share=share),)) for share in ("1/2", None, "1/3")]
    (clash,) = united(*records)[1]
    assert (clash.attribute, clash.person) == ("owners.share", "a")
    assert [(v.source, v.value) for v in clash.values] == [("mijnoverheid", "a: 1/2"), ("x", "a: 1/3")]


def test_dated_values_are_united_by_their_moment() -> None:
    """By a first day, a reference date or an age; the rest is added, in the order in which it is told."""
    worth = [PropertyValue(amount=euro(n), reference_date=f"202{n}") for n in (4, 3, 2)]
    homes = [RealEstate(owners=OWN, values=told) for told in ((worth[1],), (worth[2], worth[1], worth[0]))]
    assert united(*homes)[0].values == (worth[1], worth[2], worth[0])
    block = PensionBlock(since=Age(years=67), reachable=euro(1, "year"))
    pensions = [
        SchemePension(person="x", provider="x", scheme="1", blocks=(b,))
        for b in (block, replace(block, reachable=euro(2, "year")), PensionBlock(accrued=euro(3, "year")))
    ]
    found, clashes = united(*pensions)
    assert len(found.blocks) == 2
    assert [(c.attribute, c.values[0].value) for c in clashes] == [("blocks.reachable", "€ 1,00 (year) (67, 0)")]


def test_values_without_a_moment_are_about_themselves() -> None:
    """Two that differ stay two, two that are equal are one."""
    spans = [Contract(description=text) for text in "aab"]
    jobs = [Employment(person="x", contracts=(span,)) for span in spans]
    assert united(*jobs)[0].contracts == (spans[0], spans[2])


def test_equal_values_find_each_other_first() -> None:
    """A moment that is told twice: what was told alike is the same, the other is the other."""
    first, second = (Contract(start="2020", description=text) for text in "ab")
    jobs = [Employment(person="x", contracts=told) for told in ((first, second), (second,))]
    assert united(*jobs, sources=("uwv", "x")) == (jobs[0], ())
    assert united(*jobs[::-1], sources=("uwv", "x"))[0].contracts == (second, first)
    assert united(jobs[0], replace(jobs[0], contracts=(first,)), sources=("uwv", "x")) == (jobs[0], ())
    nearly = Employment(person="x", contracts=(replace(first, description="c"), first))
    found, clashes = united(Employment(person="x", contracts=(first,)), nearly, sources=("uwv", "x"))
    assert (found.contracts, clashes) == ((first, nearly.contracts[0]), ())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (euro("1234567.5"), "€ 1.234.567,50"),
        (euro(1, "four-weeks"), "€ 1,00 (four-weeks)"),
        (replace(euro(1), basis="net"), "€ 1,00 (net)"),
        (replace(euro(1, "year"), basis="gross"), "€ 1,00 (year, gross)"),
        (Age(years=67, months=3), "67, 3"),
        (PensionBlock(since=Age(years=67)), "67, 0"),
        (True, "True"),
        ("x", "x"),
    ],
)
def test_a_value_in_words(value: object, text: str) -> None:
    """Amounts in Dutch notation with their span and basis, other things by their parts."""
    assert in_words(value) == text


def test_an_amount_in_words_with_its_day() -> None:
    """After the span and the basis; a text stays as it is."""
    assert in_words(replace(euro(1, "year"), basis="gross"), "2024") == "€ 1,00 (year, gross, 2024)"
    assert in_words(euro(1), "2024") == "€ 1,00 (2024)"
    assert in_words("x", "2024") == "x"
