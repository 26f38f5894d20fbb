"""The household merge: who is who, and what is said when answers differ."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from broker.household import label_of, merge
from schemas.household import Address, Name, Person, Relation
from schemas.income import Assessment
from schemas.records import Finding, FindingValue, SourceRecords
from schemas.wealth import Balance, Debt, RealEstate, Vehicle
from tests.unit.broker.households import (
    ANNA,
    APPLICANT,
    BRAM,
    CHILD,
    CHILD_OF,
    HOME,
    LOGINS,
    MARRIED,
    MIA,
    OTHER,
    OWN,
    PARTNER,
    couple,
    findings,
    household,
    ids,
    links,
    register,
    said,
    told,
)


def test_a_couple_with_a_child_is_three_persons() -> None:
    """Everybody once, whoever names them; a child has a relation to each parent that names it."""
    content = couple()
    assert ids(content) == ["applicant", "partner", "child-1"]
    assert links(content) == [
        ("child-1", "child", "applicant"),
        ("partner", "partner", "applicant"),
        ("child-1", "child", "partner"),
    ]
    assert content.findings == ()


def test_an_address_of_both_is_there_once_with_both() -> None:
    """Who lives together shares one address record."""
    (address,) = couple().household.addresses
    assert address.persons == ("applicant", "partner")


def test_since_when_each_lives_there_is_a_note_and_no_clash() -> None:
    """Moving in on another day contradicts nothing; the other's day is kept all the same."""
    later = replace(HOME, since="2015-04-01")
    content = household(register(persons=(ANNA,), addresses=(HOME,)), register(persons=(BRAM,), addresses=(later,)))
    assert content.household.addresses[0].since == "2010"
    (note,) = findings(content, "source-note")
    assert (note.code, note.person, said(note)) == ("address-since", "partner", [("mijnoverheid", "2015-04-01")])
    assert not findings(content, "clash")


def test_living_apart_is_two_addresses() -> None:
    """Another house letter is another address, and so is a letter address at the same place."""
    for other in (replace(HOME, letter="A"), replace(HOME, kind="letter"), replace(HOME, kind="unknown")):
        content = household(register(addresses=(HOME,)), register(addresses=(other,)))
        assert sorted(address.persons for address in content.household.addresses) == [("applicant",), ("partner",)]


def test_an_unknown_place_is_nobody_elses() -> None:
    """Two persons of whom the register does not know where they live do not live together."""
    nowhere = Address(persons=("self",), kind="unknown")
    content = household(register(addresses=(nowhere,)), register(addresses=(nowhere,)))
    assert len(content.household.addresses) == 2
    assert "cohabitant" not in {kind for _, kind, _ in links(content)}


def test_the_same_place_abroad_is_one_address() -> None:
    """Foreign addresses are compared by their lines."""
    abroad = Address(persons=("self",), kind="foreign", lines=("12 Rue Basse", "Lille"), country="Frankrijk")
    content = household(register(addresses=(abroad,)), register(addresses=(abroad,)))
    assert [address.persons for address in content.household.addresses] == [("applicant", "partner")]


def test_without_a_bsn_the_partner_is_known_by_birth_date_and_surname() -> None:
    """A source without numbers still speaks of the person who logged in."""
    unnumbered = Person(id="partner", name=Name(full="Bram Bos", surname="Bos"), birth_date=BRAM.birth_date)
    content = household(register(persons=(ANNA, unnumbered), relations=(MARRIED,)), register(persons=(BRAM,)))
    assert ids(content) == ["applicant", "partner"]
    assert not findings(content, "partner-mismatch")


@pytest.mark.parametrize("born", ["1979", "1979-02"])
def test_a_part_of_a_birth_date_recognises_nobody(born: str) -> None:
    """Many people with one surname are born in a year: that is not certain."""
    vague = Person(id="partner", name=BRAM.name, birth_date=born)
    partner = register(persons=(replace(BRAM, birth_date=born),))
    content = household(register(persons=(ANNA, vague), relations=(MARRIED,)), partner)
    assert ids(content) == ["applicant", "partner", "registered-partner"]


def test_a_partner_named_in_full_by_two_sources_is_one_person() -> None:
    """A birth date that is not known, or not known alike, does not make a second partner of the same adult."""
    registered = Person(id="partner", name=Name(full="R. Beau", given_names="Rosalie", surname="Beau"))
    taxed = replace(registered, birth_date="1975")
    content = household(
        {
            **register(persons=(ANNA, registered), relations=(MARRIED,)),
            **told("belastingdienst", persons=(taxed,), relations=(replace(MARRIED, since=None),)),
        }
    )
    assert ids(content) == ["applicant", "registered-partner"]
    assert content.household.persons[1].birth_date == "1975"
    assert len(content.household.relations) == 1


def test_a_partner_is_recognised_whatever_given_names_are_told() -> None:
    """One given name or all of them: birth date and surname are the same."""
    short = Name(full="Bram Bos", given_names="Bram", surname="Bos")
    long = Name(full="Bram Jan Bos", given_names="Bram Jan", surname="Bos")
    mention = Person(id="partner", name=short, birth_date=BRAM.birth_date)
    content = household(
        register(persons=(ANNA, mention), relations=(MARRIED,)), register(persons=(replace(BRAM, name=long),))
    )
    assert ids(content) == ["applicant", "partner"]
    assert [(f.code, f.person) for f in findings(content, "clash")] == [("name", "partner")]


def test_another_registered_partner_stays_a_third_person() -> None:
    """Who logged in as partner is not who the register knows: both are told, and that they differ."""
    someone = Person(id="partner", bsn=OTHER, name=Name(full="C. Kok", surname="Kok"), birth_date="1981-01-01")
    content = household(register(persons=(ANNA, someone), relations=(MARRIED,)), register(persons=(BRAM,)))
    assert ids(content) == ["applicant", "partner", "registered-partner"]
    assert links(content) == [("registered-partner", "partner", "applicant")]
    (finding,) = findings(content, "partner-mismatch")
    assert (finding.person, finding.code, finding.field) == (
        "applicant",
        "other-registered-partner",
        "relation.partner",
    )


def test_without_a_partner_taking_part_the_registered_partner_is_a_person() -> None:
    """Name, birth date and relation are there; `partner` is only ever someone who logged in."""
    content = household(register(persons=(ANNA, replace(BRAM, id="partner")), relations=(MARRIED,)))
    assert ids(content) == ["applicant", "registered-partner"]
    assert content.household.persons[1].name == BRAM.name
    assert links(content) == [("registered-partner", "partner", "applicant")]
    assert content.findings == ()


def test_a_partner_who_has_yet_to_log_in_is_no_mismatch() -> None:
    """Nothing is said of who the partner is before that is proven."""
    alone = register(persons=(ANNA, replace(BRAM, id="partner")), relations=(MARRIED,))
    statuses = {"applicant": {}, "partner": {"mijnoverheid": "todo"}}
    content = household(alone, statuses=statuses, bsns={"applicant": APPLICANT})
    assert ids(content) == ["applicant", "partner", "registered-partner"]
    assert {finding.kind for finding in content.findings} == {"missing-source"}


def test_two_adults_no_register_knows_as_partners() -> None:
    """They are told apart from a couple, and are cohabitants if they live at one address."""
    content = household(register(persons=(ANNA,), addresses=(HOME,)), register(persons=(BRAM,), addresses=(HOME,)))
    (finding,) = findings(content, "no-registered-partner")
    assert (finding.code, finding.person) == ("cohabitation-not-registered", None)
    (relation,) = content.household.relations
    assert (relation.person, relation.kind, relation.of) == ("partner", "cohabitant", "applicant")
    assert relation.sources == content.household.addresses[0].sources


def test_two_adults_at_two_addresses_are_no_cohabitants() -> None:
    """Without an address in common there is no relation to tell."""
    elsewhere = replace(HOME, number=2)
    content = household(register(persons=(ANNA,), addresses=(HOME,)), register(persons=(BRAM,), addresses=(elsewhere,)))
    assert findings(content, "no-registered-partner")
    assert content.household.relations == ()


def test_a_parent_and_an_adult_child_are_no_cohabitants() -> None:
    """A relation the register knows is not covered by another; told from both sides it is one."""
    mother = Person(id="parent-1", bsn=PARTNER)
    son = Person(id="child-1", bsn=APPLICANT)
    content = household(
        register(
            persons=(ANNA, mother),
            relations=(Relation(person="parent-1", kind="parent", of="self"),),
            addresses=(HOME,),
        ),
        register(persons=(BRAM, son), relations=(CHILD_OF,), addresses=(HOME,)),
    )
    assert ids(content) == ["applicant", "partner"]
    assert links(content) == [("applicant", "child", "partner")]


def test_a_register_that_did_not_answer_knows_of_no_missing_partner() -> None:
    """An outage never looks like being unmarried."""
    content = household(told("uwv"), told("uwv"), statuses={r: {"mijnoverheid": "failed"} for r in LOGINS})
    assert {finding.kind for finding in content.findings} == {"missing-source"}


def test_children_are_numbered_by_birth_date_and_then_by_name() -> None:
    """The order in which a source lists them has no influence, and numbers count as numbers."""
    born = [*(f"20{year}-01-01" for year in range(22, 11, -1)), "2000-01-01", "2000-01-01"]
    children = [
        Person(id=f"child-{n}", birth_date=day, name=Name(full=f"Kind {chr(90 - n)}")) for n, day in enumerate(born, 1)
    ]
    relations = tuple(Relation(person=child.id, kind="child", of="self") for child in children)
    content = household(register(persons=tuple(children), relations=relations))
    assert ids(content) == ["applicant", *(f"child-{n}" for n in range(1, 14))]
    named = [p.name.full for p in content.household.persons[1:] if p.name]
    assert named[:3] == ["Kind M", "Kind N", "Kind O"]


def test_twins_without_numbers_stay_two() -> None:
    """The same day and surname make brothers and sisters, not one child."""
    twin = (
        replace(MIA, bsn=None),
        replace(MIA, id="child-2", bsn=None, name=Name(full="Max", given_names="Max", surname="Bos")),
    )
    relations = (CHILD_OF, replace(CHILD_OF, person="child-2"))
    content = household(*(register(persons=twin, relations=relations) for _ in range(2)))
    assert ids(content) == ["applicant", "partner", "child-1", "child-2"]
    assert len([link for link in links(content) if link[1] == "child"]) == 4


def test_a_description_that_fits_two_is_not_trusted() -> None:
    """A child without a number that could be either of two namesakes is left by itself."""
    namesake = replace(MIA, id="child-2", bsn=OTHER)
    both = register(persons=(MIA, namesake), relations=(CHILD_OF, replace(CHILD_OF, person="child-2")))
    content = household(both, register(persons=(replace(MIA, bsn=None),), relations=(CHILD_OF,)))
    assert [id_ for id_ in ids(content) if id_.startswith("child")] == ["child-1", "child-2", "child-3"]


def test_marrying_the_same_person_again_is_one_person_with_two_relations() -> None:
    """A BSN is one person, also within one answer."""
    former = Relation(person="ex-partner-1", kind="ex-partner", of="self", since="2001-01-01", until="2005-01-01")
    persons = (ANNA, replace(BRAM, id="partner"), replace(BRAM, id="ex-partner-1"))
    content = household(register(persons=persons, relations=(MARRIED, former)), register(persons=(BRAM,)))
    assert ids(content) == ["applicant", "partner"]
    assert [kind for _, kind, _ in links(content)] == ["ex-partner", "partner"]


def test_who_is_only_referred_to_is_a_person_too() -> None:
    """No record points at nobody."""
    content = household(
        register(relations=(CHILD_OF,), findings=(Finding(kind="source-note", code="x", person="parent-1"),))
    )
    assert ids(content) == ["applicant", "child-1", "parent-1"]


def test_the_proven_bsn_stands_for_the_person() -> None:
    """Who somebody is was proven at the login, also when no source repeats it."""
    content = household(told("uwv"), told("uwv"))
    assert [person.bsn for person in content.household.persons] == [APPLICANT, PARTNER]


def test_a_persons_name_and_birth_date_told_differently_are_findings() -> None:
    """MijnOverheid counts first; what another source says stands beside it."""
    other = Person(
        id="self", name=Name(full="A. Vriesema", surname="Vriesema"), birth_date="1980-05-02", gender="female"
    )
    content = household({**told("belastingdienst", persons=(other,)), **register(persons=(ANNA,))})
    (person,) = content.household.persons
    assert (person.name, person.birth_date, person.gender) == (ANNA.name, "1980-05-01", "female")
    by_code = {finding.code: finding for finding in findings(content, "clash")}
    assert said(by_code["name"]) == [("mijnoverheid", "A. de Vries"), ("belastingdienst", "A. Vriesema")]
    assert said(by_code["birth-date"]) == [("mijnoverheid", "1980-05-01"), ("belastingdienst", "1980-05-02")]
    assert {(f.person, f.field) for f in by_code.values()} == {
        ("applicant", "person.name"),
        ("applicant", "person.birth"),
    }


def test_another_spelling_of_the_same_is_no_clash() -> None:
    """Prefix and surname are compared together, names by the parts both have, dates as far as both know them."""
    spelled = Person(
        id="self", name=Name(full="Anna VRIES, de", given_names="Anna", surname="de vries"), birth_date="1980"
    )
    anna = replace(ANNA, name=Name(full="A. de Vries", prefix="de", surname="Vries"))
    content = household({**told("belastingdienst", persons=(spelled,)), **register(persons=(anna,))})
    assert not content.findings
    name = content.household.persons[0].name
    assert name is not None
    assert (name.full, name.given_names, content.household.persons[0].birth_date) == (
        "A. de Vries",
        "Anna",
        "1980-05-01",
    )


def test_a_more_exact_date_of_a_lesser_source_is_taken() -> None:
    """A year and a day within it do not contradict each other."""
    exact = Person(id="self", birth_date="1980-05-01")
    content = household(
        {**register(persons=(replace(ANNA, birth_date="1980"),)), **told("belastingdienst", persons=(exact,))}
    )
    assert content.household.persons[0].birth_date == "1980-05-01"
    assert not content.findings


@pytest.mark.parametrize("status", ["failed", "skipped", "todo"])
def test_a_missing_source_is_said(status: str) -> None:
    """Empty is never failure: what was not answered is named, by person and source."""
    content = household(told("uwv"), statuses={"applicant": {"uwv": "collected", "mijnoverheid": status}})
    (finding,) = content.findings
    assert finding == Finding(kind="missing-source", code=status, source="mijnoverheid", person="applicant")


def test_absent_is_an_answer() -> None:
    """A source that has nothing is not missing."""
    assert household({}, statuses={"applicant": {"uwv": "absent"}}).findings == ()


def test_what_the_register_doubts_is_said() -> None:
    """Every block under investigation is a finding, of persons and addresses; of one child told by both once."""
    doubted = replace(MIA, under_investigation=("birth", "relation"))
    records = [
        SourceRecords(
            persons=(replace(self_, under_investigation=("bsn",)), doubted),
            relations=(CHILD_OF,),
            addresses=(replace(HOME, under_investigation=True),),
        )
        for self_ in (ANNA, BRAM)
    ]
    content = household(*({"mijnoverheid": r} for r in records))
    assert {(f.person, f.code, f.field) for f in findings(content, "under-investigation")} == {
        ("applicant", "bsn", "person.bsn"),
        ("partner", "bsn", "person.bsn"),
        ("applicant", "address", "address"),
        ("partner", "address", "address"),
        ("child-1", "birth", "person.birth"),
        ("child-1", "relation", "relation.children"),
    }
    assert content.household.persons[2].under_investigation == ("birth", "relation")
    assert content.household.addresses[0].under_investigation


def test_a_sources_findings_come_along() -> None:
    """They speak of the household's persons; one that names nobody is about who was asked about."""
    notes = (
        Finding(kind="source-note", code="a", person="partner"),
        Finding(kind="incomplete", code="b", source="uwv", values=(FindingValue(source="uwv", value="x"),)),
    )
    content = household({}, {**register(persons=(BRAM, replace(ANNA, id="partner")), findings=notes)})
    carried = {f.code: (f.person, f.source) for f in content.findings if f.code in "ab"}
    assert carried == {"a": ("applicant", "mijnoverheid"), "b": ("partner", "uwv")}


def test_what_findings_point_at() -> None:
    """Source, person and field: whoever reads them finds the record by it."""
    content = household(
        register(persons=(replace(ANNA, under_investigation=("birth",)),), addresses=(HOME,)),
        register(persons=(BRAM,), addresses=(replace(HOME, since="2011", under_investigation=True),)),
    )
    assert {(f.kind, f.code, f.source, f.person, f.field) for f in content.findings} == {
        ("no-registered-partner", "cohabitation-not-registered", "mijnoverheid", None, "relation.partner"),
        ("source-note", "address-since", "mijnoverheid", "partner", "address"),
        ("under-investigation", "birth", "mijnoverheid", "applicant", "person.birth"),
        ("under-investigation", "address", "mijnoverheid", "partner", "address"),
    }


def test_two_numbers_of_one_person_are_said_without_the_numbers() -> None:
    """A BSN stands in its own place, nowhere else."""
    people = [replace(ANNA, bsn=number) for number in (OTHER, CHILD)]
    content = household({**register(persons=people[:1]), **told("belastingdienst", persons=people[1:])}, bsns={})
    (clash,) = findings(content, "clash")
    assert (clash.code, clash.field, clash.values) == ("bsn", "person.birth", ())


def test_a_mismatch_names_the_register_and_whose_partner_it_is() -> None:
    """Of each adult who is married to somebody else; a tax partner alone is no marriage."""
    someone = Person(id="partner", bsn=OTHER)
    married = register(persons=(BRAM, someone), relations=(MARRIED,))
    content = household(register(persons=(ANNA,)), married)
    assert [(f.source, f.person) for f in findings(content, "partner-mismatch")] == [("mijnoverheid", "partner")]
    taxed = told("belastingdienst", persons=(replace(BRAM, id="partner"),), relations=(MARRIED,))
    content = household({**register(persons=(ANNA,)), **taxed}, register(persons=(BRAM,)))
    assert [finding.code for finding in findings(content, "no-registered-partner")] == ["cohabitation-not-registered"]
    parent = replace(MARRIED, person="parent-1", kind="parent")
    content = household(register(persons=(ANNA,), relations=(parent,)), register(persons=(BRAM,)))
    assert not findings(content, "partner-mismatch")


def test_who_logged_in_without_an_answer_is_still_one_of_two() -> None:
    """The register answered for one adult, the other was only proven."""
    content = merge({"applicant": register(persons=(ANNA,))}, statuses={}, bsns=LOGINS)
    assert findings(content, "no-registered-partner")
    content = merge({"applicant": register(persons=(ANNA,)), "partner": {}}, statuses={}, bsns={})
    assert findings(content, "no-registered-partner")


@pytest.mark.parametrize(
    ("thing", "label"),
    [
        (replace(HOME, letter="a", addition="2"), "Dorpsstraat 1a 2 Zandstad"),
        (replace(HOME, number=None), "Dorpsstraat Zandstad"),
        (Address(persons=("self",)), None),
        (RealEstate(owners=OWN, cadastral_id="1"), "1"),
        (RealEstate(owners=OWN, cadastral_id="1", city="Zandstad"), "Zandstad"),
        (Vehicle(owners=OWN, plate="12ABC3"), "12ABC3"),
        (Balance(owners=OWN, type="bank", identifier="NL91"), "NL91"),
        (Debt(owners=OWN, type="tax", identifier="T1"), "T1"),
        (Assessment(person="self", year=2023), "2023"),
        (MARRIED, None),
    ],
)
def test_what_a_thing_is_recognised_by(thing: Any, label: str | None) -> None:
    """The words by which a finding is found again at its record."""
    assert label_of(thing) == label
