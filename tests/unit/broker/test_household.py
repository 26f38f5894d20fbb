"""The household merge: who is who, what is the same thing, what is said when answers differ."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.household import merge
from schemas.base import Money, Provenance, is_bsn
from schemas.household import Address, Name, Person, Relation
from schemas.income import Allowance, Assessment, Benefit, Employment, PayPeriod
from schemas.payload import Content
from schemas.pension import Age, SchemePension, StatePension, SurvivorPension
from schemas.records import Finding, FindingValue, SourceRecords, stamped
from schemas.wealth import Balance, Debt, Owner, PropertyValue, RealEstate, Vehicle
from sessions.model import Role

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
BSNS = [str(n) for n in range(999_990_000, 999_991_000) if is_bsn(str(n))]
APPLICANT, PARTNER, CHILD, OTHER = BSNS[:4]
LOGINS: dict[Role, str] = {"applicant": APPLICANT, "partner": PARTNER}
ANNA = Person(id="self", bsn=APPLICANT, name=Name(full="A. de Vries", surname="Vries"), birth_date="1980-05-01")
BRAM = Person(id="self", bsn=PARTNER, name=Name(full="B. Bos", surname="Bos"), birth_date="1979-02-03")
MARRIED = Relation(person="partner", kind="partner", of="self", form="marriage", since="2010-06-01")
CHILD_OF = Relation(person="child-1", kind="child", of="self")
MIA = Person(
    id="child-1", bsn=CHILD, name=Name(full="Mia Bos", given_names="Mia", surname="Bos"), birth_date="2012-01-01"
)
OWN = (Owner(person="self"),)
HOME = Address(persons=("self",), street="Dorpsstraat", number=1, postcode="1234AB", city="Zandstad", since="2010")
REGISTERED: dict[Role, SourceRecords] = {
    "applicant": SourceRecords(
        persons=(ANNA, replace(BRAM, id="partner"), MIA), relations=(MARRIED, CHILD_OF), addresses=(HOME,)
    ),
    "partner": SourceRecords(
        persons=(BRAM, replace(ANNA, id="partner"), MIA), relations=(MARRIED, CHILD_OF), addresses=(HOME,)
    ),
}


def euro(amount: str | int, period: Any = "once") -> Money:
    return Money(amount=Decimal(amount), period=period)


def told(source: str, **records: Any) -> dict[str, SourceRecords]:
    """One source's answer, every record with its provenance."""
    provenance = Provenance(source=source, transport="api", retrieved_at=NOW)
    return {source: stamped(SourceRecords(**records), provenance)}


def register(**records: Any) -> dict[str, SourceRecords]:
    return told("mijnoverheid", **records)


def household(
    applicant: Mapping[str, SourceRecords], partner: Mapping[str, SourceRecords] | None = None, **options: Any
) -> Content:
    """The merge of one or two adults who have logged in."""
    found: dict[Role, Mapping[str, SourceRecords]] = {"applicant": applicant}
    if partner is not None:
        found["partner"] = partner
    bsns = options.pop("bsns", {role: LOGINS[role] for role in found})
    return merge(found, statuses=options.pop("statuses", {role: {} for role in found}), bsns=bsns, **options)


def couple() -> Content:
    return household(*({"mijnoverheid": r} for r in _sourced(REGISTERED)))


def _sourced(answers: Mapping[Role, SourceRecords]) -> Iterator[SourceRecords]:
    for role in ("applicant", "partner"):
        yield stamped(answers[role], Provenance(source="mijnoverheid", transport="api", retrieved_at=NOW))


def ids(content: Content) -> list[str]:
    return [person.id for person in content.household.persons]


def links(content: Content) -> list[tuple[str, str, str]]:
    return [(r.person, r.kind, r.of) for r in content.household.relations]


def findings(content: Content, kind: str) -> list[Finding]:
    return [finding for finding in content.findings if finding.kind == kind]


def said(finding: Finding) -> list[tuple[str, str]]:
    return [(value.source, value.value) for value in finding.values]


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


JOINT = [
    RealEstate(owners=OWN, cadastral_id="0601"),
    RealEstate(owners=OWN, woz_id="0363", postcode="1234AB", number=1),
    RealEstate(owners=OWN, cadastral_designation="Beekbergen K 4825"),
    RealEstate(owners=OWN, object_id="0363010000000001"),
    RealEstate(owners=OWN, postcode="1234AB", number=1, letter="a", addition="2"),
    Vehicle(owners=OWN, plate="12ABC3"),
    Balance(owners=OWN, type="bank", identifier="NL91ABNA0417164300", amount=euro(100)),
]


@pytest.mark.parametrize("thing", JOINT, ids=lambda thing: f"{type(thing).__name__}-{JOINT.index(thing)}")
def test_joint_possessions_are_there_once_with_both_owners(thing: Any) -> None:
    """What both sources name by the same identifier is one thing of two people, with both provenances."""
    spelled = thing
    if isinstance(thing, Balance):
        spelled = replace(thing, identifier="nl91 abna 0417 1643 00")
    content = household(told("belastingdienst", possessions=(thing,)), told("mijnoverheid", possessions=(spelled,)))
    (one,) = content.possessions
    assert [owner.person for owner in one.owners] == ["applicant", "partner"]
    assert {provenance.source for provenance in one.sources} == {"belastingdienst", "mijnoverheid"}
    assert not findings(content, "clash")


UNSURE = [
    Balance(owners=OWN, type="bank", institution="ABN AMRO", amount=euro(100)),
    Balance(owners=OWN, type="crypto", identifier="BTC", amount=euro(100)),
    Balance(owners=OWN, type="securities", identifier="Aandelen", amount=euro(100)),
    RealEstate(owners=OWN, street="Dorpsstraat", number=1, city="Zandstad"),
]


@pytest.mark.parametrize("thing", UNSURE, ids=lambda thing: f"{type(thing).__name__}-{UNSURE.index(thing)}")
def test_without_an_identifier_nothing_is_joint(thing: Any) -> None:
    """Two people can each have the same kind of thing: never merge what is not certain."""
    content = household(*(told("belastingdienst", possessions=(thing,)) for _ in range(2)))
    assert sorted(owner.person for one in content.possessions for owner in one.owners) == ["applicant", "partner"]
    assert len(content.possessions) == 2


def test_a_home_and_its_garage_at_one_address_are_two() -> None:
    """Different parcels are different things, whatever else they have in common."""
    home = RealEstate(owners=OWN, cadastral_id="1", postcode="1234AB", number=1)
    garage = replace(home, cadastral_id="2")
    unknown = replace(home, cadastral_id=None)
    content = household(register(possessions=(home, garage)), register(possessions=(unknown,)))
    assert len(content.possessions) == 3


def test_a_home_told_by_two_sources_is_one() -> None:
    """The WOZ value of another year is added; what the register leaves open is filled."""
    registered = RealEstate(
        owners=(Owner(person="self", share="1/2", right="Eigendom"), Owner(person="partner", share="1/2")),
        cadastral_id="1",
        values=(PropertyValue(amount=euro(300_000), reference_date="2024-01-01", status="definitief"),),
    )
    taxed = RealEstate(
        owners=OWN,
        cadastral_id="1",
        area_m2=90,
        values=(
            PropertyValue(amount=euro("300000.00"), reference_date="2024-01-01"),
            PropertyValue(amount=euro(280_000), reference_date="2023-01-01"),
        ),
    )
    persons = (ANNA, replace(BRAM, id="partner"))
    register_ = register(persons=persons, relations=(MARRIED,), possessions=(registered,))
    content = household({**told("belastingdienst", possessions=(taxed,)), **register_})
    (home,) = content.possessions
    assert isinstance(home, RealEstate)
    assert [(o.person, o.share, o.right) for o in home.owners] == [
        ("applicant", "1/2", "Eigendom"),
        ("registered-partner", "1/2", None),
    ]
    assert [(v.reference_date, v.amount.amount) for v in home.values] == [
        ("2024-01-01", 300_000),
        ("2023-01-01", 280_000),
    ]
    assert (home.area_m2, home.values[0].status) == (90, "definitief")
    assert not findings(content, "clash")


def test_clashing_values_are_kept_side_by_side() -> None:
    """The register's value stands, both values are in a finding in readable form, whoever was first."""

    def valued(amount: int) -> RealEstate:
        value = PropertyValue(amount=euro(amount), reference_date="2024-01-01")
        return RealEstate(
            owners=OWN, cadastral_id="1", street="Dorpsstraat", number=1, city="Zandstad", values=(value,)
        )

    content = household(
        {**told("belastingdienst", possessions=(valued(290_000),)), **register(possessions=(valued(300_000),))}
    )
    (home,) = content.possessions
    assert isinstance(home, RealEstate)
    assert home.values[0].amount == euro(300_000)
    (clash,) = findings(content, "clash")
    assert said(clash) == [
        ("mijnoverheid", "€ 300.000,00 (2024-01-01)"),
        ("belastingdienst", "€ 290.000,00 (2024-01-01)"),
    ]
    assert (clash.code, clash.field, clash.person) == ("values-amount", "possession.real-estate", "applicant")
    assert clash.text == "Dorpsstraat 1 Zandstad"


def test_a_clash_about_a_joint_thing_is_nobodys_alone() -> None:
    """It concerns both, so it names neither."""
    vehicles = [Vehicle(owners=OWN, plate="12ABC3", brand=brand) for brand in ("Volvo", "Saab")]
    content = household(*(register(possessions=(vehicle,)) for vehicle in vehicles))
    (clash,) = findings(content, "clash")
    assert (clash.code, clash.person, said(clash)) == (
        "brand",
        None,
        [("mijnoverheid", "Volvo"), ("mijnoverheid", "Saab")],
    )


def test_shares_told_differently_clash() -> None:
    """Who owns how much is as much a value as any other."""
    halves = [Vehicle(owners=(Owner(person="self", share=share),), plate="12ABC3") for share in ("1/1", "1/2")]
    content = household({**register(possessions=(halves[0],)), **told("belastingdienst", possessions=(halves[1],))})
    (clash,) = findings(content, "clash")
    assert clash.code == "owners-share"
    assert said(clash) == [("mijnoverheid", "applicant: 1/1"), ("belastingdienst", "applicant: 1/2")]


def test_two_rights_of_one_owner_stay_two() -> None:
    """A source that lists two rights means two."""
    owners = tuple(Owner(person="self", right=right) for right in ("Opstal", "Erfpacht"))
    home = RealEstate(owners=owners, cadastral_id="1")
    content = household(
        {**register(possessions=(home,)), **told("belastingdienst", possessions=(replace(home, owners=OWN),))}
    )
    assert [(o.person, o.right) for o in content.possessions[0].owners] == [
        ("applicant", "Erfpacht"),
        ("applicant", "Opstal"),
    ]


def test_a_balance_of_another_day_is_the_latest_with_the_other_beside_it() -> None:
    """Amounts of different days are never mixed; each is said with its day."""
    balances = [
        Balance(owners=OWN, type="bank", identifier="NL91", amount=euro(amount), reference_date=f"{year}-01-01")
        for amount, year in ((100, 2023), (250, 2024))
    ]
    content = household(*(told("belastingdienst", possessions=(balance,)) for balance in balances))
    (account,) = content.possessions
    assert isinstance(account, Balance)
    assert (account.amount, account.reference_date) == (euro(250), "2024-01-01")
    clash = {finding.code: said(finding) for finding in findings(content, "clash")}
    assert clash["amount"] == [
        ("belastingdienst", "€ 250,00 (2024-01-01)"),
        ("belastingdienst", "€ 100,00 (2023-01-01)"),
    ]
    assert "reference-date" in clash


def test_an_amount_of_another_day_fills_no_gap() -> None:
    """It would say something no source said; it is kept as a finding."""
    known = Debt(owners=OWN, type="mortgage", identifier="H1", outstanding=euro(100), reference_date="2023-12-31")
    newer = replace(known, outstanding=None, reference_date="2024-12-31")
    content = household(*(told("belastingdienst", debts=(debt,)) for debt in (known, newer)))
    assert (content.debts[0].outstanding, content.debts[0].reference_date) == (None, "2024-12-31")
    clash = {finding.code: said(finding) for finding in findings(content, "clash")}
    assert clash["outstanding"] == [("belastingdienst", "€ 100,00 (2023-12-31)")]


def test_a_joint_mortgage_is_there_once() -> None:
    """The same identifier is the same debt, of both."""
    loan = Debt(owners=OWN, type="mortgage", identifier="0601", outstanding=euro(200_000))
    content = household(*(told("belastingdienst", debts=(loan,)) for _ in range(2)))
    (debt,) = content.debts
    assert [owner.person for owner in debt.owners] == ["applicant", "partner"]


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ({"creditor": "Bank"}, {"creditor": "Bank"}),
        ({"identifier": "1", "creditor": "Bank"}, {"identifier": "2", "creditor": "Bank"}),
        ({"identifier": "1", "creditor": "Bank"}, {"identifier": "1", "creditor": "Kas"}),
        ({"identifier": "1"}, {"identifier": "1", "type": "other"}),
    ],
)
def test_debts_that_may_be_different_stay_two(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """A creditor lends to both; only an identifier of the same creditor makes a debt the same."""
    debts = [Debt(**{"owners": OWN, "type": "mortgage", **each}) for each in (mine, theirs)]
    content = household(*(told("belastingdienst", debts=(debt,)) for debt in debts))
    assert len(content.debts) == 2


def test_an_employment_told_by_two_sources_is_one() -> None:
    """UWV counts first for incomes, and pay periods of both are joined by their first day."""

    def job(wage: int, *months: int) -> Employment:
        periods = tuple(PayPeriod(start=f"2024-0{m}-01", wage=euro(wage, "month")) for m in months)
        return Employment(person="self", payroll_number="123456789L01", number="1", employer="Bruin", periods=periods)

    sources = {**told("aangifte", incomes=(job(2, 2, 3),)), **told("uwv", incomes=(job(1, 1, 2),))}
    content = household(sources)
    (income,) = content.incomes
    assert isinstance(income, Employment)
    assert [(p.start, p.wage) for p in income.periods] == [
        ("2024-01-01", euro(1, "month")),
        ("2024-02-01", euro(1, "month")),
        ("2024-03-01", euro(2, "month")),
    ]
    (clash,) = findings(content, "clash")
    assert said(clash) == [("uwv", "€ 1,00 (month) (2024-02-01)"), ("aangifte", "€ 2,00 (month) (2024-02-01)")]


def test_the_same_employer_of_both_is_two_employments() -> None:
    """An income belongs to a person."""
    job = Employment(person="self", payroll_number="123456789L01", number="1")
    content = household(*(told("uwv", incomes=(job,)) for _ in range(2)))
    assert [income.person for income in content.incomes] == ["applicant", "partner"]


def test_what_one_source_lists_twice_is_two() -> None:
    """A source that names two jobs or two pensions alike means two: nothing is dropped."""
    job = Employment(person="self", payroll_number="123456789L01", number="1")
    pension = SchemePension(person="self", provider="Fonds", scheme="1")
    answer = {**told("uwv", incomes=(job, job)), **told("mijnpensioenoverzicht", pensions=(pension, pension))}
    content = household(answer)
    assert (len(content.incomes), len(content.pensions)) == (2, 2)


@pytest.mark.parametrize(
    "income",
    [
        Benefit(person="self", scheme="AOW", payroll_number="1", number="1"),
        Assessment(person="self", year=2023),
        Allowance(person="self", allowance="care", start="2024-01-01"),
    ],
    ids=lambda income: type(income).__name__,
)
def test_other_incomes_told_by_two_sources_are_one(income: Any) -> None:
    """The same thing told twice of one person counts once."""
    content = household({**told("uwv", incomes=(income,)), **told("belastingdienst", incomes=(income,))})
    assert len(content.incomes) == 1
    assert len(content.incomes[0].sources) == 2


@pytest.mark.parametrize(
    "pension",
    [
        StatePension(person="self", starts_at=Age(years=67)),
        SchemePension(person="self", provider="Fonds", scheme="1"),
        SurvivorPension(person="self", beneficiary="partner", provider="Fonds", scheme="1"),
    ],
    ids=lambda pension: type(pension).__name__,
)
def test_pensions_told_by_two_sources_are_one(pension: Any) -> None:
    """Mijnpensioenoverzicht counts first; survivor pensions of different spans stay apart."""
    content = household({**told("mijnpensioenoverzicht", pensions=(pension,)), **told("other", pensions=(pension,))})
    assert len(content.pensions) == 1
    assert len(content.pensions[0].sources) == 2


def test_ages_told_differently_clash_in_years_and_months() -> None:
    """A value of parts is written with its parts."""
    ages = [StatePension(person="self", starts_at=age) for age in (Age(years=67, months=3), Age(years=67))]
    content = household({**told("mijnpensioenoverzicht", pensions=ages[:1]), **told("other", pensions=ages[1:])})
    (clash,) = findings(content, "clash")
    assert said(clash) == [("mijnpensioenoverzicht", "67, 3"), ("other", "67, 0")]


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


# What happens to any answers at all. Values come from small pools, so that things meet.

_maybe = [None, "1", "2"]
_amount = st.sampled_from([None, euro(1), euro(2)])
_day = st.sampled_from([None, "2023", "2023-01-01", "2024-01-01"])
_someone = st.sampled_from(["self", "partner", "child-1", "ex-partner-1"])
_owners = st.lists(
    st.builds(Owner, person=_someone, share=st.sampled_from([None, "1/2"]), right=st.sampled_from(_maybe)),
    min_size=1,
    max_size=3,
).map(tuple)
_name = st.sampled_from([None, Name(full="A B", surname="B"), Name(full="C B", given_names="C", surname="B")])
_person = st.builds(
    Person,
    id=_someone,
    bsn=st.sampled_from([None, CHILD, OTHER, PARTNER]),
    name=_name,
    birth_date=st.sampled_from([None, "2001-01-01", "2002"]),
    nationalities=st.sampled_from([(), ("x",), ("y", "x")]),
    under_investigation=st.sampled_from([(), ("name",), ("relation",)]),
)
_relation = st.builds(
    Relation,
    person=_someone,
    kind=st.sampled_from(["partner", "ex-partner", "child", "parent"]),
    of=st.just("self"),
    since=_day,
)
_address = st.builds(
    Address,
    persons=st.lists(_someone, min_size=1, max_size=2).map(tuple),
    kind=st.sampled_from(["residence", "letter", "foreign", "unknown"]),
    postcode=st.sampled_from([None, "1234AB"]),
    number=st.sampled_from([None, 1, 2]),
    object_id=st.sampled_from(_maybe),
    lines=st.sampled_from([(), ("x",)]),
    since=_day,
)
_income = st.one_of(
    st.builds(
        Employment,
        person=st.just("self"),
        payroll_number=st.sampled_from(_maybe),
        number=st.sampled_from(_maybe),
        periods=st.lists(st.builds(PayPeriod, start=st.just("2024"), wage=_amount), max_size=2).map(tuple),
    ),
    st.builds(
        Assessment, person=st.just("self"), year=st.just(2023), identifier=st.sampled_from(_maybe), total=_amount
    ),
)
_pension = st.one_of(
    st.builds(StatePension, person=st.just("self"), reachable_single=_amount, as_of=_day),
    st.builds(SchemePension, person=st.just("self"), provider=st.just("x"), scheme=st.sampled_from(["1", "2"])),
)
_possession = st.one_of(
    st.builds(
        RealEstate,
        owners=_owners,
        cadastral_id=st.sampled_from(_maybe),
        woz_id=st.sampled_from(_maybe),
        postcode=st.sampled_from([None, "1234AB"]),
        number=st.just(1),
        values=st.lists(
            st.builds(PropertyValue, amount=st.just(euro(1)), reference_date=st.just("2024")), max_size=2
        ).map(tuple),
    ),
    st.builds(Vehicle, owners=_owners, plate=st.sampled_from(["A", "B"]), brand=st.sampled_from(_maybe)),
    st.builds(
        Balance,
        owners=_owners,
        type=st.just("bank"),
        identifier=st.sampled_from(_maybe),
        amount=_amount,
        reference_date=_day,
    ),
)
_debt = st.builds(
    Debt,
    owners=_owners,
    type=st.just("mortgage"),
    identifier=st.sampled_from(_maybe),
    creditor=st.sampled_from(_maybe),
    outstanding=_amount,
    reference_date=_day,
)


def _few(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=3).map(tuple)


_answer = st.builds(
    SourceRecords,
    persons=st.lists(_person, max_size=3, unique_by=lambda person: person.id).map(tuple),
    relations=_few(_relation),
    addresses=_few(_address),
    incomes=_few(_income),
    pensions=_few(_pension),
    possessions=_few(_possession),
    debts=_few(_debt),
    findings=_few(st.builds(Finding, kind=st.just("source-note"), code=st.sampled_from("ab"), person=_someone)),
)
_sources = st.dictionaries(st.sampled_from(["mijnoverheid", "belastingdienst", "uwv"]), _answer, max_size=3)
_answers = st.dictionaries(st.sampled_from(["applicant", "partner"]), _sources, max_size=2)

_LISTS = ("persons", "relations", "addresses", "incomes", "pensions", "possessions", "debts")


def _numbered(found: dict[Role, dict[str, SourceRecords]]) -> dict[Role, dict[str, SourceRecords]]:
    """The same answers, every record with a provenance that no other has."""
    count = iter(range(10_000))

    def numbered(source: str, items: tuple[Any, ...]) -> tuple[Any, ...]:
        moments = (NOW + timedelta(seconds=next(count)) for _ in items)
        return tuple(
            replace(item, sources=(Provenance(source=source, transport="api", retrieved_at=moment),))
            for item, moment in zip(items, moments, strict=True)
        )

    return {
        role: {s: replace(r, **{name: numbered(s, getattr(r, name)) for name in _LISTS}) for s, r in told_.items()}
        for role, told_ in found.items()
    }


def _merged(found: dict[Role, dict[str, SourceRecords]]) -> Content:
    statuses = {role: dict.fromkeys(sources, "collected") for role, sources in found.items()}
    return merge(found, statuses=statuses, bsns={role: LOGINS[role] for role in found})


def _records(content: Content) -> list[Any]:
    home = content.household
    lists = (home.persons, home.relations, home.addresses, content.incomes, content.pensions)
    return [record for records in (*lists, content.possessions, content.debts) for record in records]


@settings(deadline=None)
@given(_answers, st.integers(0, 2**32))
def test_the_order_of_answers_and_records_has_no_influence(
    found: dict[Role, dict[str, SourceRecords]], seed: int
) -> None:
    """The same answers give the same content, to the byte: the digest that is consented to depends on it."""
    found, chance = _numbered(found), random.Random(seed)  # noqa: S311  # a shuffle, no secret

    def shuffled(items: Any) -> list[Any]:
        return chance.sample(list(items), len(items))

    def again(records: SourceRecords) -> SourceRecords:
        return replace(records, **{n: tuple(shuffled(getattr(records, n))) for n in (*_LISTS, "findings")})

    other = {role: {s: again(r) for s, r in shuffled(told_.items())} for role, told_ in shuffled(found.items())}
    assert msgspec.json.encode(_merged(other)) == msgspec.json.encode(_merged(found))


@settings(deadline=None)
@given(_answers)
def test_no_record_is_ever_dropped(found: dict[Role, dict[str, SourceRecords]]) -> None:
    """The provenance of every record that came in is on a record of its kind that goes out."""
    found = _numbered(found)
    given_ = {
        (type(record), record.sources[0])
        for sources in found.values()
        for records in sources.values()
        for name in _LISTS
        for record in getattr(records, name)
    }
    kept = {(type(record), provenance) for record in _records(_merged(found)) for provenance in record.sources}
    assert kept >= given_


@settings(deadline=None)
@given(_answers)
def test_every_record_names_persons_that_are_there(found: dict[Role, dict[str, SourceRecords]]) -> None:
    """No local id of an answer is left, and no two persons share one."""
    content = _merged(found)
    known = set(ids(content))
    assert len(known) == len(ids(content))
    named = {r.person for r in (*content.incomes, *content.pensions)}
    named |= {owner.person for thing in (*content.possessions, *content.debts) for owner in thing.owners}
    named |= {id_ for address in content.household.addresses for id_ in address.persons}
    named |= {id_ for relation in content.household.relations for id_ in (relation.person, relation.of)}
    named |= {finding.person for finding in content.findings if finding.person}
    assert named <= known
    assert "self" not in known


@settings(deadline=None)
@given(_answers)
def test_things_with_an_identifier_are_there_once(found: dict[Role, dict[str, SourceRecords]]) -> None:
    """A plate, a parcel, an account number or a BSN is never in the content twice."""
    content = _merged(found)
    numbers = [
        (type(thing), number)
        for thing in content.possessions
        if (
            number := getattr(thing, "plate", None)
            or getattr(thing, "cadastral_id", None)
            or getattr(thing, "identifier", None)
        )
    ]
    numbers += [(Person, person.bsn) for person in content.household.persons if person.bsn]
    assert len(numbers) == len(set(numbers))


@settings(deadline=None)
@given(_answers)
def test_no_amount_is_lost(found: dict[Role, dict[str, SourceRecords]]) -> None:
    """Every balance that was told is a record's amount or one of the values of a finding."""
    content = _merged(found)
    shown = {f"€ {n},00" for n in (1, 2)}
    told_ = {
        f"€ {thing.amount.amount},00"
        for sources in found.values()
        for records in sources.values()
        for thing in records.possessions
        if isinstance(thing, Balance) and thing.amount is not None
    }
    kept = {f"€ {t.amount.amount},00" for t in content.possessions if isinstance(t, Balance) and t.amount}
    kept |= {value.value[:6] for finding in content.findings for value in finding.values if value.value[:6] in shown}
    assert told_ <= kept
