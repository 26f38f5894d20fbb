"""The household merge: what a citizen's own downloads add to it."""

from __future__ import annotations

from typing import Any, Literal

from msgspec.structs import replace

from schemas.base import Provenance
from schemas.household import Person, Relation
from schemas.income import Benefit, Contract, Employment, PayPeriod
from schemas.records import Finding, SourceRecords, stamped
from schemas.wealth import Owner, RealEstate
from tests.unit.broker.households import (
    ANNA,
    BRAM,
    CHILD_OF,
    HOME,
    MARRIED,
    NOW,
    OWN,
    euro,
    findings,
    household,
    ids,
    links,
    register,
    said,
    told,
)

JOB = Employment(person="self", employer="Bruin", payroll_number="123456789L01")


def document(
    source: str, name: str, seal: Literal["valid", "invalid", "none"] = "valid", **records: Any
) -> SourceRecords:
    """What one document says; `name` is a single character."""
    provenance = Provenance(source=source, transport="upload", retrieved_at=NOW, document_digest=name * 64, seal=seal)
    return stamped(SourceRecords(**records), provenance)


def together(*parts: SourceRecords) -> SourceRecords:
    """The documents of one source as they are kept: one after the other."""
    lists = SourceRecords.__struct_fields__
    return SourceRecords(**{name: tuple(r for part in parts for r in getattr(part, name)) for name in lists})


def paid(wage: int, *months: int) -> tuple[PayPeriod, ...]:
    return tuple(PayPeriod(start=f"2024-{m:02}-01", wage=euro(wage, "month")) for m in months)


def test_two_documents_with_the_same_job_are_one_income() -> None:
    """A Verzekeringsbericht names the payroll unit only; months of both are there, each once."""
    first = document("uwv", "a", incomes=(replace(JOB, periods=paid(1, 1, 2)),))
    second = document("uwv", "b", incomes=(replace(JOB, periods=paid(1, 2, 3)),))
    (income,) = household({"uwv": together(first, second)}).incomes
    assert isinstance(income, Employment)
    assert [period.start for period in income.periods] == ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert [told_.document_digest for told_ in income.sources] == ["a" * 64, "b" * 64]


def test_what_was_fetched_and_what_was_handed_over_is_one_income() -> None:
    """The record says of both how they came, and of the document its digest and seal."""
    fetched = told("uwv", incomes=(replace(JOB, number="1", start="2020-02-01"),))["uwv"]
    content = household({"uwv": together(document("uwv", "a", incomes=(JOB,)), fetched)})
    (income,) = content.incomes
    assert isinstance(income, Employment)
    assert (income.number, income.start) == ("1", "2020-02-01")
    assert {(p.transport, p.document_digest, p.seal) for p in income.sources} == {
        ("api", None, None),
        ("upload", "a" * 64, "valid"),
    }
    assert content.findings == ()


def test_a_document_that_fits_two_jobs_is_left_by_itself() -> None:
    """Two contracts with one employer: which of them the document tells of is not known."""
    fetched = told("uwv", incomes=(replace(JOB, number="1"), replace(JOB, number="2")))["uwv"]
    content = household({"uwv": together(fetched, document("uwv", "a", incomes=(JOB,)))})
    assert len(content.incomes) == 3


def test_two_contracts_of_one_employer_in_two_documents_stay_two() -> None:
    """Another number or another first day is another contract, as long as no number says that they are the same."""
    for mine, theirs in (
        (replace(JOB, number="1"), replace(JOB, number="2")),
        (replace(JOB, start="2019-01-01"), replace(JOB, start="2023-01-01")),
        (replace(JOB, number="1", start="2019-01-01"), replace(JOB, start="2023-01-01")),
    ):
        both = together(document("uwv", "a", incomes=(mine,)), document("uwv", "b", incomes=(theirs,)))
        assert len(household({"uwv": both}).incomes) == 2


def test_one_contract_with_two_first_days_is_a_clash() -> None:
    """The number of a contract says that it is the same, whatever else is told of it."""
    jobs = [replace(JOB, number="1", start=f"20{year}-01-01") for year in (19, 23)]
    both = together(*(document("uwv", name, incomes=(job,)) for name, job in zip("ab", jobs, strict=True)))
    content = household({"uwv": both})
    assert len(content.incomes) == 1
    (clash,) = findings(content, "clash")
    assert (clash.code, said(clash)) == ("start", [("uwv", "2019-01-01"), ("uwv", "2023-01-01")])


def test_two_benefits_of_one_payroll_stay_two() -> None:
    """UWV pays several schemes; a job at the same payroll unit is no benefit either."""
    benefits = [Benefit(person="self", scheme=scheme, payroll_number="123456789L01") for scheme in ("WW", "ZW")]
    parts = [document("uwv", name, incomes=(one,)) for name, one in zip("abc", (*benefits, JOB), strict=True)]
    assert len(household({"uwv": together(*parts)}).incomes) == 3
    again = document("uwv", "d", incomes=(benefits[0],))
    assert len(household({"uwv": together(*parts, again)}).incomes) == 3


def test_a_document_that_lists_two_means_two() -> None:
    """Also beside other documents: what one of them lists twice is never counted once."""
    both = document("uwv", "a", incomes=(JOB, JOB))
    assert len(household({"uwv": together(both, document("uwv", "b"))}).incomes) == 2


def test_a_document_with_a_broken_seal_has_the_last_word_nowhere() -> None:
    """It is kept, and what it says stands beside; but any other source speaks before it."""
    forged = document("uwv", "a", "invalid", incomes=(replace(JOB, number="1", employer="Groen"),))
    fetched = told("aangifte", incomes=(replace(JOB, number="1", employer="Bruin"),))
    content = household({"uwv": forged, **fetched})
    (income,) = content.incomes
    assert isinstance(income, Employment)
    assert income.employer == "Bruin"
    assert said(findings(content, "clash")[0]) == [("aangifte", "Bruin"), ("uwv", "Groen")]


def test_a_sealed_document_speaks_before_one_without_a_seal() -> None:
    """Of one source; and an unsealed one of the source that knows best still speaks before another source."""
    unsealed = document("uwv", "a", "none", incomes=(replace(JOB, employer="Groen"),))
    sealed = document("uwv", "b", incomes=(replace(JOB, employer="Bruin"),))
    content = household({"uwv": together(unsealed, sealed)})
    assert said(findings(content, "clash")[0]) == [("uwv", "Bruin"), ("uwv", "Groen")]
    other = told("aangifte", incomes=(replace(JOB, employer="Wit"),))
    content = household({"uwv": unsealed, **other})
    assert said(findings(content, "clash")[0]) == [("uwv", "Groen"), ("aangifte", "Wit")]


def test_local_ids_are_those_of_one_document() -> None:
    """`child-1` of one document is not `child-1` of another, unless what is told of them says so."""
    kids = [Person(id="child-1", birth_date=f"20{year}-01-01") for year in (10, 12)]
    parts = [
        document("mijnoverheid", name, persons=(kid,), relations=(CHILD_OF,))
        for name, kid in zip("ab", kids, strict=True)
    ]
    content = household({"mijnoverheid": together(*parts)})
    assert [person.birth_date for person in content.household.persons[1:]] == ["2010-01-01", "2012-01-01"]
    assert links(content) == [("child-1", "child", "applicant"), ("child-2", "child", "applicant")]


def test_a_finding_goes_with_the_document_that_knows_its_person() -> None:
    """Findings say not which document they came from; whom they are about does, and else it is the adult."""
    notes = tuple(Finding(kind="source-note", code=f"of-{id_}", person=id_) for id_ in ("child-1", "child-2", "self"))
    parts = [
        document("mijnoverheid", "a", persons=(Person(id="child-1", birth_date="2012-01-01"),)),
        document("mijnoverheid", "b", persons=(Person(id="child-2", birth_date="2010-01-01"),)),
        SourceRecords(findings=(*notes, Finding(kind="incomplete", code="of-nobody"))),
    ]
    content = household({"mijnoverheid": together(*parts)})
    born = {person.id: person.birth_date for person in content.household.persons}
    about = {finding.code: finding.person for finding in content.findings}
    assert born[about["of-child-1"] or ""] == "2012-01-01"
    assert born[about["of-child-2"] or ""] == "2010-01-01"
    assert (about["of-self"], about["of-nobody"]) == ("applicant", "applicant")
    assert ids(content) == ["applicant", "child-1", "child-2"]


def test_a_document_with_nothing_but_a_finding_is_told() -> None:
    """What could not be read of it is said."""
    unread = Finding(kind="incomplete", code="unread-line")
    content = household({"uwv": SourceRecords(findings=(unread,))})
    assert [(f.code, f.source, f.person) for f in content.findings] == [("unread-line", "uwv", "applicant")]


def test_an_extract_of_the_land_register_knows_of_no_marriage() -> None:
    """Whoever hands over what they own is not said to be unmarried; only the persons register can."""
    parcel = RealEstate(owners=OWN, cadastral_id="1")
    extracts = [
        {"mijnoverheid": document("mijnoverheid", name, possessions=(parcel,), persons=(replace(who, bsn=None),))}
        for name, who in zip("ab", (ANNA, BRAM), strict=True)
    ]
    content = household(*extracts)
    assert not findings(content, "no-registered-partner")
    assert [owner.person for owner in content.possessions[0].owners] == ["applicant", "partner"]


def test_a_register_that_told_of_things_only_knows_of_no_marriage() -> None:
    """The land register answered, the persons register did not."""
    parcel = RealEstate(owners=OWN, cadastral_id="1")
    content = household(register(possessions=(parcel,)), register(possessions=(parcel,)))
    assert not findings(content, "no-registered-partner")


def test_a_share_of_a_third_person_is_said_of_them() -> None:
    """So that it goes where their other data go: nowhere."""
    homes = [
        RealEstate(owners=(*OWN, Owner(person="child-1", share=share)), cadastral_id="1") for share in ("1/2", "1/3")
    ]
    answers = {**register(possessions=homes[:1]), **told("belastingdienst", possessions=homes[1:])}
    kid = Person(
        id="child-1", bsn=None, birth_date="2012-01-01", name=ANNA.name and replace(ANNA.name, given_names="X")
    )
    named = {source: replace(records, persons=(kid,)) for source, records in answers.items()}
    (clash,) = findings(household(named), "clash")
    assert (clash.code, clash.person) == ("owners-share", "child-1")
    assert said(clash) == [("mijnoverheid", "child-1: 1/2"), ("belastingdienst", "child-1: 1/3")]


def test_who_were_married_and_live_together_are_cohabitants() -> None:
    """A marriage that ended says nothing of how they live now."""
    former = replace(MARRIED, kind="ex-partner", person="ex-partner-1", until="2015-01-01")
    bram = replace(BRAM, id="ex-partner-1")
    content = household(
        register(persons=(ANNA, bram), relations=(former,), addresses=(HOME,)),
        register(persons=(BRAM,), addresses=(HOME,)),
    )
    assert links(content) == [("partner", "cohabitant", "applicant"), ("partner", "ex-partner", "applicant")]


def test_a_home_in_two_extracts_is_one() -> None:
    """The WOZ notice knows the address, the land register the parcel and the address: one home."""
    parcel = RealEstate(owners=OWN, cadastral_id="1", postcode="1234AB", number=1)
    valued = RealEstate(owners=OWN, woz_id="2", postcode="1234AB", number=1)
    both = together(
        document("mijnoverheid", "a", possessions=(parcel,)), document("mijnoverheid", "b", possessions=(valued,))
    )
    (home,) = household({"mijnoverheid": both}).possessions
    assert isinstance(home, RealEstate)
    assert (home.cadastral_id, home.woz_id) == ("1", "2")


def test_contracts_of_two_documents_are_listed_by_their_first_day() -> None:
    """The same span told twice is one; equal ones find each other first, whatever the order in the document."""
    spans = (Contract(start="2020-01-01", description="a"), Contract(start="2020-01-01", description="b"))
    first = document("uwv", "a", incomes=(replace(JOB, contracts=spans[:1]),))
    second = document("uwv", "b", incomes=(replace(JOB, contracts=(spans[1], spans[0])),))
    content = household({"uwv": together(first, second)})
    (income,) = content.incomes
    assert isinstance(income, Employment)
    assert income.contracts == spans
    assert not content.findings


def test_an_amount_paid_twice_in_one_period_stays_two() -> None:
    """A list that names a moment twice means two: a correction is no repetition."""
    once, twice = (replace(JOB, periods=paid(1, *months)) for months in ((1,), (1, 1)))
    both = together(document("uwv", "a", incomes=(once,)), document("uwv", "b", incomes=(twice,)))
    (income,) = household({"uwv": both}).incomes
    assert isinstance(income, Employment)
    assert len(income.periods) == 2


def test_an_ex_partner_named_alike_by_two_sources_is_found_by_day_and_surname() -> None:
    """Without a number, an ex-partner of the same day and surname is the same one."""
    former = Relation(person="ex-partner-1", kind="ex-partner", of="self")
    ex = replace(BRAM, id="ex-partner-1", bsn=None)
    answers = {
        **register(persons=(ex,), relations=(former,)),
        **told("belastingdienst", persons=(ex,), relations=(former,)),
    }
    assert ids(household(answers)) == ["applicant", "ex-partner-1"]
