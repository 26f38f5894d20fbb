"""The household merge: what is the same thing, and what is said when it is told differently."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.income import Allowance, Assessment, Benefit, Employment, PayPeriod
from schemas.pension import Age, SchemePension, StatePension, SurvivorPension
from schemas.wealth import Balance, Debt, Owner, PropertyValue, RealEstate, Vehicle
from tests.unit.broker.households import (
    ANNA,
    BRAM,
    MARRIED,
    OWN,
    euro,
    findings,
    household,
    register,
    said,
    told,
)

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
