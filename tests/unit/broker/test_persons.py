"""Who is who: what makes two mentions one person, the ids they get, and the direction of relations."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from broker.matching import Answer
from broker.persons import directed, recognise, referred, renamed, sort_key
from schemas.household import Address, Name, Person, Relation
from schemas.income import Employment
from schemas.records import Finding, SourceRecords
from schemas.wealth import Balance, Debt, Owner, Vehicle
from tests.unit.broker.households import (
    ANNA,
    BRAM,
    CHILD,
    CHILD_OF,
    MARRIED,
    MIA,
    OTHER,
    household,
    ids,
    links,
    register,
    told,
)

MINE, THEIRS = Answer("applicant", "mijnoverheid"), Answer("partner", "mijnoverheid")
LEE = Name(full="Lee van Dam", given_names="Lee", prefix="van", surname="Dam")


def together(*mentions: tuple[Person, str], source: str = "belastingdienst") -> int:
    """How many third persons there are when each of the sources of one adult names one of these, as this relation."""
    answers: dict[str, SourceRecords] = {}
    for number, (person, kind) in enumerate(mentions):
        local = replace(person, id="x")
        relation = Relation(person="x", kind=kind, of="self")  # pyright: ignore[reportArgumentType]
        answers |= told(f"{source}-{number}", persons=(local,), relations=(relation,))
    return len(ids(household(answers))) - 1


KNOWN = Person(id="x", name=LEE, birth_date="2010-05-01")


@pytest.mark.parametrize("kind", ["child", "partner", "ex-partner", "parent", "cohabitant"])
def test_day_and_full_name_are_a_person(kind: str) -> None:
    """With the whole birth date and the whole name two sources mean the same one, however it is written."""
    spelled = Name(full="x", given_names="LEE", surname="Van Dam")
    assert together((KNOWN, kind), (replace(KNOWN, name=spelled), kind)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"birth_date": "2010-05-02"},
        {"birth_date": "2010-05"},
        {"birth_date": None},
        {"name": None},
        {"name": replace(LEE, given_names="Leo")},
        {"name": replace(LEE, given_names=None)},
        {"name": replace(LEE, surname="Dom")},
        {"name": replace(LEE, prefix=None)},
        {"name": replace(LEE, surname=None)},
    ],
)
def test_a_child_of_whom_something_else_is_told_is_another(other: dict[str, Any]) -> None:
    """Twins share a day and a surname, namesakes a name; and what is not told proves nothing."""
    assert together((KNOWN, "child"), (replace(KNOWN, **other), "child")) == 2


@pytest.mark.parametrize(("kind", "persons"), [("partner", 1), ("ex-partner", 1), ("parent", 2), ("cohabitant", 2)])
def test_day_and_surname_are_a_person_of_partners_only(kind: str, persons: int) -> None:
    """One has few partners born on a day; brothers and sisters can be twins."""
    other = replace(KNOWN, name=replace(LEE, given_names="L."))
    assert together((KNOWN, kind), (other, kind)) == persons
    assert together((KNOWN, kind), (replace(other, birth_date="2010-05-02"), kind)) == 2
    assert together((KNOWN, kind), (replace(other, name=replace(LEE, given_names="L.", surname="Dom")), kind)) == 2


@pytest.mark.parametrize(("kind", "persons"), [("partner", 1), ("ex-partner", 2), ("child", 2)])
def test_the_full_name_of_one_adults_partner_is_enough(kind: str, persons: int) -> None:
    """Someone has one partner; the birth date may be missing or in part."""
    assert together((KNOWN, kind), (replace(KNOWN, birth_date="2010"), kind)) == persons


@pytest.mark.parametrize(
    "other", [{"given_names": "Leo"}, {"surname": "Dom"}, {"given_names": None}, {"surname": None}]
)
def test_another_name_is_another_partner(other: dict[str, Any]) -> None:
    """Each part of the full name counts where the birth date is not known."""
    unborn = replace(KNOWN, birth_date=None)
    assert together((unborn, "partner"), (replace(unborn, name=replace(LEE, **other)), "partner")) == 2


def test_namesakes_are_partners_of_their_own_adult() -> None:
    """Each adult has somebody of that name as the registered partner: that may be two people."""
    spouse = Person(id="partner", name=LEE)
    content = household(*(register(persons=(spouse,), relations=(MARRIED,)) for _ in range(2)))
    assert ids(content) == ["applicant", "partner", "registered-partner", "registered-partner-2"]


def test_each_parent_names_another_of_twins() -> None:
    """The same day and surname in two answers, another given name: two children."""
    twins = [replace(MIA, bsn=None, name=replace(LEE, given_names=given)) for given in ("Lee", "Leo")]
    content = household(*(register(persons=(twin,), relations=(CHILD_OF,)) for twin in twins))
    assert links(content) == [("child-1", "child", "applicant"), ("child-2", "child", "partner")]


def test_a_child_known_by_number_to_one_parent_only_is_one() -> None:
    """Name and day join what the number cannot; the number stays."""
    content = household(
        register(persons=(MIA,), relations=(CHILD_OF,)),
        register(persons=(replace(MIA, bsn=None),), relations=(CHILD_OF,)),
    )
    assert ids(content) == ["applicant", "partner", "child-1"]
    assert content.household.persons[2].bsn == CHILD


def test_namesakes_with_numbers_are_two() -> None:
    """The same name and day and another number: two children, of both parents."""
    both = register(
        persons=(MIA, replace(MIA, id="child-2", bsn=OTHER)), relations=(CHILD_OF, replace(CHILD_OF, person="child-2"))
    )
    assert ids(household(both, both)) == ["applicant", "partner", "child-1", "child-2"]


def test_one_person_listed_twice_by_a_source_is_one() -> None:
    """The same number under two local ids; what both tell is kept."""
    again = replace(MIA, id="child-9", birth_place="Zandstad")
    content = household(register(persons=(MIA, again), relations=(CHILD_OF, replace(CHILD_OF, person="child-9"))))
    assert links(content) == [("child-1", "child", "applicant")]
    assert content.household.persons[1].birth_place == "Zandstad"


def test_several_ex_partners_are_several_people() -> None:
    """By day and surname each is found again in the other source; nobody becomes another."""
    one, two = replace(BRAM, bsn=None), Person(id="y", name=LEE, birth_date="1975-01-01")
    former = tuple(Relation(person=id_, kind="ex-partner", of="self") for id_ in ("ex-partner-1", "ex-partner-2"))

    def listed(first: Person, second: Person) -> dict[str, Any]:
        return {
            "persons": (replace(first, id="ex-partner-1"), replace(second, id="ex-partner-2")),
            "relations": former,
        }

    content = household({**register(**listed(one, two)), **told("belastingdienst", **listed(two, one))})
    assert [(p.id, p.birth_date) for p in content.household.persons[1:]] == [
        ("ex-partner-1", "1975-01-01"),
        ("ex-partner-2", "1979-02-03"),
    ]
    assert len(content.household.relations) == 2


def test_a_child_who_lives_elsewhere_is_a_child() -> None:
    """Where a child lives is not told of it; it is a child of who it is a child of."""
    away = Address(persons=("child-1",), postcode="9999ZZ", number=9)
    content = household(register(persons=(ANNA, MIA), relations=(CHILD_OF,), addresses=(away,)))
    assert links(content) == [("child-1", "child", "applicant")]
    assert [address.persons for address in content.household.addresses] == [("child-1",)]


def test_more_adults_in_the_data_are_third_persons() -> None:
    """A parent who lives in and an adult child are people of the household, and nobody but the two takes part."""
    mother = Person(id="parent-1", name=LEE, birth_date="1950-01-01")
    parent = Relation(person="parent-1", kind="parent", of="self")
    home = Address(persons=("self", "parent-1", "child-1"), postcode="1234AB", number=1)
    grown = replace(MIA, birth_date="1999-01-01")
    content = household(
        register(persons=(ANNA, mother, grown), relations=(parent, CHILD_OF), addresses=(home,)),
        register(persons=(BRAM,), addresses=(replace(home, persons=("self",)),)),
    )
    assert ids(content) == ["applicant", "partner", "child-1", "parent-1"]
    assert content.household.addresses[0].persons == ("applicant", "partner", "child-1", "parent-1")
    assert ("partner", "cohabitant", "applicant") in links(content)


def test_the_partner_of_the_register_comes_first() -> None:
    """Whoever else another source calls the partner is the second, however old."""
    registered = Person(id="partner", name=LEE, birth_date="1990-01-01")
    other = Person(id="partner", name=replace(LEE, surname="Oud"), birth_date="1950-01-01")
    content = household(
        {
            **register(persons=(registered,), relations=(MARRIED,)),
            **told("belastingdienst", persons=(other,), relations=(MARRIED,)),
        }
    )
    assert [(p.id, p.birth_date) for p in content.household.persons[1:]] == [
        ("registered-partner", "1990-01-01"),
        ("registered-partner-2", "1950-01-01"),
    ]


def test_ex_partners_go_by_age_whoever_names_them() -> None:
    """Only of partners the register's word comes first."""
    former = Relation(person="x", kind="ex-partner", of="self")
    young, old = (Person(id="x", birth_date=f"{year}-01-01") for year in (1990, 1950))
    content = household(
        {
            **register(persons=(young,), relations=(former,)),
            **told("belastingdienst", persons=(old,), relations=(former,)),
        }
    )
    assert [p.birth_date for p in content.household.persons[1:]] == ["1950-01-01", "1990-01-01"]


def test_of_unknown_age_is_last_and_goes_by_name() -> None:
    """The order of children does not depend on who is asked first."""
    named = [Person(id=f"child-{n}", name=Name(full=full)) for n, full in enumerate(("Zoe", "Ada"))]
    born = Person(id="child-7", birth_date="2020-01-01", name=Name(full="Zus"))
    nameless = Person(id="child-8", birth_place="Ergens")
    content = household(register(persons=(*named, nameless, born)))
    told_ = [p.name.full if p.name else None for p in content.household.persons[1:]]
    assert told_ == ["Zus", None, "Ada", "Zoe"]


def test_who_is_of_two_families_is_called_by_the_nearest() -> None:
    """A partner who is also an ex-partner of before is the registered partner; an unknown relation keeps its word."""
    spouse = replace(BRAM, id="partner")
    former = Relation(person="ex-partner-1", kind="ex-partner", of="self")
    content = household(
        register(persons=(spouse, replace(BRAM, id="ex-partner-1")), relations=(former, MARRIED)),
    )
    assert ids(content) == ["applicant", "registered-partner"]
    assert ids(household(register(persons=(Person(id="tenant-4"), Person(id="lodger"))))) == [
        "applicant",
        "lodger-1",
        "tenant-1",
    ]


def test_without_a_proven_number_a_source_tells_it() -> None:
    """A host without any login: the number a source has of its own subject stands."""
    content = household(register(persons=(ANNA,)), bsns={})
    assert content.household.persons[0].bsn == ANNA.bsn


def test_without_a_login_every_source_speaks_of_the_same_adult() -> None:
    """Whoever hands over documents is `self` in each of them, whatever each of them tells."""
    parts = {"a": Person(id="self", birth_date="1980-05-01"), "b": Person(id="self", name=LEE)}
    answers = {name: told(name, persons=(person,))[name] for name, person in parts.items()}
    (person,) = household(answers, bsns={}).household.persons
    assert (person.birth_date, person.name) == ("1980-05-01", LEE)


def test_a_proven_number_counts_above_a_sources() -> None:
    """Who somebody is was proven; what a source calls `self` is that person."""
    people, names = recognise(
        {MINE: SourceRecords(persons=(replace(ANNA, bsn=OTHER),))}, {"applicant": ANNA.bsn, "partner": BRAM.bsn}
    )
    assert {one.record.bsn for one in people["applicant"]} == {ANNA.bsn}
    assert {one.record.id for one in people["applicant"]} == {"applicant"}
    assert names[MINE, "self"] == "applicant"
    assert set(people) == {"applicant", "partner"}


def test_two_adults_with_one_description_stay_two() -> None:
    """Who logged in as two people is two people, whatever a source says of them."""
    same = Person(id="self", name=LEE, birth_date="1980-01-01")
    assert ids(household(register(persons=(same,)), register(persons=(same,)), bsns={})) == ["applicant", "partner"]


def test_the_same_facts_of_one_person_in_any_order() -> None:
    """An answer that tells of one local id twice tells of one person, in an order of its own."""
    parts = (Person(id="child-1", birth_date="2010-01-01"), Person(id="child-1", name=LEE))
    contents = [household(register(persons=told_, relations=(CHILD_OF,))) for told_ in (parts, parts[::-1])]
    assert contents[0] == contents[1]
    (_, child) = contents[0].household.persons
    assert (child.name, child.birth_date) == (LEE, "2010-01-01")


def test_everybody_an_answer_refers_to() -> None:
    """In relations, addresses, things and findings; `self` always."""
    records = SourceRecords(
        relations=(CHILD_OF,),
        addresses=(Address(persons=("a", "b")),),
        incomes=(Employment(person="c"),),
        possessions=(Vehicle(owners=(Owner(person="d"),), plate="1"),),
        debts=(Debt(owners=(Owner(person="e"),), type="tax"),),
        findings=(Finding(kind="source-note", code="x", person="f"), Finding(kind="source-note", code="y")),
    )
    assert referred(records) == {"self", "child-1", "a", "b", "c", "d", "e", "f"}


@pytest.mark.parametrize(
    ("of", "same"),
    [
        (("parent-1", "parent", "applicant"), ("parent-1", "parent", "applicant")),
        (("applicant", "child", "parent-1"), ("parent-1", "parent", "applicant")),
        (("applicant", "parent", "child-1"), ("child-1", "child", "applicant")),
        (("child-1", "child", "applicant"), ("child-1", "child", "applicant")),
        (("applicant", "parent", "partner"), ("partner", "child", "applicant")),
        (("partner", "child", "applicant"), ("partner", "child", "applicant")),
        (("child-1", "parent", "parent-1"), ("parent-1", "child", "child-1")),
        (("applicant", "partner", "partner"), ("partner", "partner", "applicant")),
        (("child-2", "cohabitant", "child-10"), ("child-10", "cohabitant", "child-2")),
        (("child-1", "ex-partner", "applicant"), ("child-1", "ex-partner", "applicant")),
    ],
)
def test_a_relation_reads_the_same_from_both_sides(of: tuple[str, Any, str], same: tuple[str, str, str]) -> None:
    """A child is a child of its parent; an adult has a parent; the rest is told from the first of the two."""
    person, kind, whose = of
    relation = directed(Relation(person=person, kind=kind, of=whose, since="2001"))
    assert (relation.person, relation.kind, relation.of, relation.since) == (*same, "2001")


def test_persons_are_in_the_order_of_the_household() -> None:
    """The applicant, the partner, and then by kind and number."""
    listed = ["parent", "child-10", "partner", "child-2", "child", "applicant", "child-x"]
    ordered = ["applicant", "partner", "child", "child-2", "child-10", "child-x", "parent"]
    assert sorted(listed, key=sort_key) == ordered


def test_records_name_the_persons_of_the_household() -> None:
    """Every local id is replaced; who is listed twice in an address is there once."""
    names = {"self": "partner", "partner": "applicant", "me": "partner"}.__getitem__
    address = renamed(Address(persons=("self", "partner", "me")), names)
    assert address.persons == ("applicant", "partner")
    listed = Address(persons=("child-10", "child-2", "self"))
    assert renamed(listed, {"child-10": "child-10", "child-2": "child-2", "self": "partner"}.__getitem__).persons == (
        "partner",
        "child-2",
        "child-10",
    )
    account = Balance(owners=(Owner(person="self", share="1/2"), Owner(person="partner")), type="bank")
    assert renamed(account, names).owners == (Owner(person="applicant"), Owner(person="partner", share="1/2"))
    assert renamed(Employment(person="self"), names).person == "partner"
    relation = renamed(Relation(person="partner", kind="partner", of="self"), names)
    assert (relation.person, relation.of) == ("applicant", "partner")
