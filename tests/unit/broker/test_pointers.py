"""What a remark points at: one record, the same one after more was collected, and nothing the profile keeps back."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.household import merge
from broker.http.phone import Remark
from broker.pointers import pointed
from broker.review import permitted, with_remarks
from connectors.contract import Field
from schemas.base import is_bsn
from schemas.household import Address, Household, Name, Person, Relation
from schemas.income import Allowance, Assessment, Benefit, Employment
from schemas.payload import Content
from schemas.pension import Age, SchemePension, StatePension, SurvivorPension
from schemas.records import Finding, SourceRecords
from schemas.wealth import Balance, Debt, Owner, RealEstate, Vehicle
from sessions.model import Role

ALL = frozenset(get_args(Field))
BSNS = [str(n) for n in range(999_990_000, 999_990_100) if is_bsn(str(n))]
LOGINS: dict[Role, str] = {"applicant": BSNS[0], "partner": BSNS[1]}
MINE = (Owner(person="applicant"),)
BOTH = (*MINE, Owner(person="partner"))
LONG = "Stichting Bedrijfstakpensioenfonds voor de Zeer Lange Namen en Alles wat daarbij hoort in Nederland"
EVERYTHING = Content(
    household=Household(
        persons=(
            Person(id="applicant"),
            Person(id="partner"),
            Person(id="child-1", name=Name(full="Zoë van Dijk", given_names="Zoë"), birth_date="2013-02-07"),
            Person(id="child-2"),
        ),
        relations=tuple(Relation(person=f"child-{n}", kind="child", of="applicant") for n in (1, 2)),
        addresses=(Address(persons=("applicant", "partner"), postcode="9999AB", number=17, letter="b"),),
    ),
    incomes=(
        Employment(person="applicant", payroll_number="715616026L01", number="1"),
        Employment(person="applicant", payroll_number="715616026L01", number="2"),
        Employment(person="applicant", employer=LONG),
        Employment(person="applicant"),
        Employment(person="applicant"),
        Benefit(person="applicant", scheme="WW", start="2025-03"),
        Assessment(person="applicant", year=2025),
        Assessment(person="partner", year=2025),
        Allowance(person="applicant", allowance="care", start="2026-01-01", provisional=True),
    ),
    pensions=(
        StatePension(person="applicant"),
        SchemePension(person="applicant", provider="Fonds", scheme="ZPW-44710921"),
        SchemePension(person="applicant", provider="Fonds", scheme="ZPW-44710921", indicative=True),
        SchemePension(person="applicant", provider="Ander fonds", scheme="ZPW-44710921"),
        SurvivorPension(person="applicant", beneficiary="child", provider="Fonds", scheme="É (1)", since=Age(years=18)),
    ),
    possessions=(
        RealEstate(owners=BOTH, cadastral_id="99010001700017", woz_id="990100010017"),
        Vehicle(owners=MINE, plate="ZB417X"),
        Balance(owners=BOTH, type="bank", identifier="NL69ZAND5800471574"),
        Balance(owners=MINE, type="crypto", identifier="ZBC"),
        Balance(owners=MINE, type="other"),
    ),
    debts=(Debt(owners=BOTH, type="mortgage", identifier="99010001700017"), Debt(owners=MINE, type="other", year=2025)),
)


def names(content: Content, person: str = "applicant") -> list[str]:
    """The first name of every record of a person."""
    return [one.names[0] for one in pointed(content, person)]


def test_what_records_are_called() -> None:
    """The record's field and what it is known by, as the guide for providers has it."""
    assert names(EVERYTHING) == [
        "person[applicant]",
        "person[2013-02-07.Zoe]",
        "person[child-2]",
        "address[residence.9999AB.17.b]",
        "income.employment[715616026L01.1]",
        "income.employment[715616026L01.2]",
        "income.employment[Stichting-Bedrijfstakpensioenfonds-voor-de-Zeer-Lange-Namen]",
        "income.employment[unnamed]",
        "income.employment[unnamed_2]",
        "income.benefit[WW.2025-03]",
        "income.assessment[2025]",
        "income.allowance[care.2026-01-01.provisional]",
        "pension.state[aow]",
        "pension.scheme[ZPW-44710921]",
        "pension.scheme[ZPW-44710921.indicative]",
        "pension.scheme[ZPW-44710921_2]",
        "pension.survivor[child.E-1.18]",
        "possession.real-estate[99010001700017]",
        "possession.vehicle[ZB417X]",
        "possession.balance[NL69ZAND5800471574]",
        "possession.balance[crypto.ZBC]",
        "possession.balance[other]",
        "debt.mortgage[99010001700017]",
        "debt.other[other.2025]",
    ]


def test_every_record_of_a_person_can_be_pointed_at() -> None:
    """What is of both can be pointed at by each; what is the other's by the other only."""
    assert names(EVERYTHING, "partner") == [
        "person[partner]",
        "address[residence.9999AB.17.b]",
        "income.assessment[2025]",
        "possession.real-estate[99010001700017]",
        "possession.balance[NL69ZAND5800471574]",
        "debt.mortgage[99010001700017]",
    ]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_the_phone_api_takes_every_name(first: str, second: str) -> None:
    """Whatever a source calls a thing, its name is one that a remark may have."""
    content = Content(
        incomes=(
            Employment(person="applicant", payroll_number=first, number=second),
            Benefit(person="applicant", scheme=first),
        ),
        possessions=tuple(Balance(owners=MINE, type="securities", identifier=first) for _ in range(12)),
    )
    for name in names(content):
        msgspec.convert({"person": "applicant", "field": name, "text": "x"}, Remark)
    assert len(set(names(content))) == 14


@pytest.mark.parametrize("fields", [ALL, frozenset({"income.employment"}), frozenset({"debt.other"})])
def test_a_remark_reaches_the_provider_with_its_record(fields: frozenset[str]) -> None:
    """What the profile lets through of the remarks points at what it lets through of the records."""
    seen = permitted(EVERYTHING, fields, bsn_allowed=False)
    remarks = tuple(
        Finding(kind="remark", code="remark", person=person, field=name, text="klopt niet")
        for person in ("applicant", "partner")
        for name in names(seen, person)
    )
    sent = permitted(with_remarks(EVERYTHING, remarks), fields, bsn_allowed=False)
    assert set(sent.findings) == set(remarks)
    for remark in sent.findings:
        assert remark.field in names(sent, remark.person or "")


def test_a_name_tells_nothing_that_is_not_sent() -> None:
    """It is made of the record as it is sent: a BSN in a payroll number is in neither."""
    income = Employment(person="applicant", payroll_number=f"{BSNS[0]}L01", number="1")
    home = Household(persons=(Person(id="applicant", bsn=BSNS[0]),))
    seen = permitted(Content(household=home, incomes=(income,)), ALL, bsn_allowed=False)
    (_, name) = names(seen)
    assert name == "income.employment[L01.1]"
    remark = Finding(kind="remark", code="remark", person="applicant", field=name, text="x")
    whole = with_remarks(Content(household=home, incomes=(income,)), (remark,))
    assert (
        names(permitted(whole, ALL, bsn_allowed=False))[1] == permitted(whole, ALL, bsn_allowed=False).findings[0].field
    )


def _child(id_: str, name: str, born: str) -> tuple[Person, Relation]:
    return Person(id=id_, name=Name(full=name, given_names=name), birth_date=born), Relation(
        person=id_, kind="child", of="self"
    )


def _register(*children: tuple[Person, Relation], **more: tuple[RealEstate, ...]) -> SourceRecords:
    return SourceRecords(
        persons=(Person(id="self"), *(child for child, _ in children)),
        relations=tuple(relation for _, relation in children),
        **more,
    )


def test_a_name_stays_right_when_more_is_collected() -> None:
    """Another source fills a record in and brings others; a partner's older child renumbers the children."""
    home = RealEstate(owners=(Owner(person="self"),), cadastral_id="1", street="Dorpsstraat")
    young = _child("child-1", "Mia", "2015-01-01")
    tax = SourceRecords(incomes=(Assessment(person="self", year=2025),), possessions=(replace(home, street=None),))
    found: dict[Role, dict[str, SourceRecords]] = {
        "applicant": {"belastingdienst": tax, "mijnoverheid": _register(young)}
    }
    before = _merged(found)
    found["applicant"]["mijnoverheid"] = _register(
        young, possessions=(replace(home, woz_id="7"), RealEstate(owners=home.owners, cadastral_id="0"))
    )
    found["partner"] = {
        "mijnoverheid": _register(_child("child-1", "Tom", "2009-01-01"), _child("child-2", "Mia", "2015-01-01"))
    }
    after = _merged(found)
    mia = next(person for person in after.household.persons if person.name and person.name.full == "Mia")
    assert mia.id == "child-2"
    assert set(names(before)) <= set(names(after))
    assert next(one.record for one in pointed(after, "applicant") if one.names[0] == "person[2015-01-01.Mia]") == mia


def test_a_record_is_still_known_by_its_former_names() -> None:
    """A home that was known by its WOZ number keeps its remark when the land register names the parcel."""
    (former,) = pointed(Content(possessions=(RealEstate(owners=MINE, woz_id="7"),)), "applicant")
    (now,) = pointed(Content(possessions=(RealEstate(owners=MINE, woz_id="7", cadastral_id="1"),)), "applicant")
    assert former.names[0] != now.names[0]
    assert former.names[0] in now.names


def _merged(found: dict[Role, dict[str, SourceRecords]]) -> Content:
    bsns = {role: LOGINS[role] for role in found}
    return permitted(merge(found, statuses={role: {} for role in found}, bsns=bsns), ALL, bsn_allowed=False)
