"""The review: what a profile lets through, who sees whom, the digest, remarks."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.household import merge
from broker.review import Counts, counts, digest, permitted, visible, with_remarks
from connectors.contract import Field
from schemas.base import Money, Provenance, is_bsn
from schemas.household import Address, Household, Name, Person, Relation
from schemas.income import Allowance, Assessment, Benefit, Employment
from schemas.payload import Content, Document
from schemas.pension import SchemePension, StatePension, SurvivorPension
from schemas.records import Finding, FindingValue, SourceRecords
from schemas.wealth import Balance, Debt, Owner, RealEstate, Vehicle
from sessions.model import Role

ALL = frozenset(get_args(Field))
APPLICANT, PARTNER, CHILD, EX = [str(n) for n in range(999_990_000, 999_990_100) if is_bsn(str(n))][:4]
BSNS = {"applicant": APPLICANT, "partner": PARTNER, "child-1": CHILD, "ex-partner-1": EX}
SOURCE = (Provenance(source="mijnoverheid", transport="api", retrieved_at=datetime(2025, 3, 1, tzinfo=UTC)),)
KEY = b"k" * 32


def _document(person: str) -> Document:
    """An original that this adult handed over."""
    return Document(
        number=1,
        source="uwv",
        person=person,
        media_type="application/pdf",
        digest="0" * 64,
        size_bytes=9,
        seal="valid",
    )


def test_documents_are_shown_to_who_handed_them_over() -> None:
    """The other adult sees how many there are; what is sent has them all, and the digest covers them."""
    content = Content(documents=(_document("applicant"), _document("partner")))
    assert permitted(content, frozenset(), bsn_allowed=False).documents == content.documents
    for role in ("applicant", "partner"):
        assert visible(content, frozenset({role})).documents == (_document(role),)
        assert counts(content, role).documents == 1
    assert visible(content, frozenset()).documents == ()
    assert digest(content, KEY) != digest(replace(content, documents=content.documents[:1]), KEY)


def _person(id_: str) -> Person:
    return Person(
        id=id_,
        bsn=BSNS[id_],
        name=Name(full=f"Naam {id_}", surname="Naam"),
        birth_date="1980-05-01",
        birth_place="Zandstad",
        birth_country="Nederland",
        gender="female",
        nationalities=("Nederlandse",),
        deceased=True,
        deceased_date="2020",
        confidential=True,
        under_investigation=("name", "gender", "bsn"),
        sources=SOURCE,
    )


def _possessions() -> tuple[Any, ...]:
    """A home and an account of both, a car of each, a boat of the applicant and somebody who does not take part."""
    both = (Owner(person="applicant", share="1/2"), Owner(person="partner", share="1/2"))
    return (
        RealEstate(owners=both, cadastral_id="1"),
        Balance(owners=both, type="bank", identifier="NL91"),
        Vehicle(owners=(Owner(person="applicant"),), plate="A"),
        Vehicle(owners=(Owner(person="partner"),), plate="P"),
        Vehicle(owners=(Owner(person="applicant"), Owner(person="ex-partner-1", share="1/2")), plate="B"),
        Vehicle(owners=(Owner(person="ex-partner-1"),), plate="X"),
    )


CONTENT = Content(
    household=Household(
        persons=tuple(_person(id_) for id_ in BSNS),
        relations=(
            Relation(person="child-1", kind="child", of="applicant"),
            Relation(person="child-1", kind="child", of="ex-partner-1"),
            Relation(person="ex-partner-1", kind="ex-partner", of="partner", until="2005"),
            Relation(person="partner", kind="partner", of="applicant", form="marriage"),
        ),
        addresses=(
            Address(persons=("applicant", "partner", "child-1"), street="Dorpsstraat"),
            Address(persons=("partner",), kind="letter", street="Kerkstraat"),
        ),
    ),
    incomes=(
        Employment(person="applicant", employer="Bruin"),
        Employment(person="partner", employer="Zwart"),
        Benefit(person="applicant", scheme="WW"),
        Assessment(person="applicant", year=2023),
        Allowance(person="applicant", allowance="care"),
    ),
    pensions=(
        SchemePension(person="applicant", provider="Fonds", scheme="1"),
        StatePension(person="partner"),
        SurvivorPension(person="applicant", beneficiary="partner", provider="Fonds", scheme="1"),
    ),
    possessions=_possessions(),
    debts=(
        Debt(owners=(Owner(person="applicant"),), type="mortgage", identifier="1"),
        Debt(owners=(Owner(person="partner"),), type="study"),
    ),
    findings=(
        Finding(kind="clash", code="brand", person="partner", field="possession.vehicle", text="P"),
        Finding(kind="clash", code="area-m2", field="possession.real-estate"),
        Finding(kind="missing-source", code="failed", source="uwv", person="applicant"),
        Finding(kind="under-investigation", code="bsn", person="applicant", field="person.bsn"),
        Finding(kind="under-investigation", code="birth", person="child-1", field="person.birth"),
        Finding(kind="remark", code="remark", person="applicant", field="incomes/0", text="klopt niet"),
    ),
)


def kinds(content: Content) -> set[str]:
    """The fields of which something is in the content."""
    home = content.household
    people = [person for person in home.persons if person.id in ("applicant", "partner")]
    found: dict[str, object] = {
        "person.name": any(p.name for p in people),
        "person.birth": any(p.birth_date or p.birth_place or p.birth_country or p.deceased for p in people),
        "person.gender": any(p.gender for p in people),
        "person.nationality": any(p.nationalities for p in people),
        "address": home.addresses,
        "relation.partner": any("partner" in r.kind for r in home.relations),
        "relation.children": any(r.kind == "child" for r in home.relations),
        "income.employment": any(isinstance(i, Employment) for i in content.incomes),
        "income.benefit": any(isinstance(i, Benefit) for i in content.incomes),
        "income.assessment": any(isinstance(i, Assessment) for i in content.incomes),
        "income.allowance": any(isinstance(i, Allowance) for i in content.incomes),
        "pension.scheme": any(isinstance(p, SchemePension) for p in content.pensions),
        "pension.state": any(isinstance(p, StatePension) for p in content.pensions),
        "pension.survivor": any(isinstance(p, SurvivorPension) for p in content.pensions),
        "possession.real-estate": any(isinstance(p, RealEstate) for p in content.possessions),
        "possession.vehicle": any(isinstance(p, Vehicle) for p in content.possessions),
        "possession.balance": any(isinstance(p, Balance) for p in content.possessions),
        "debt.mortgage": any(d.type == "mortgage" for d in content.debts),
        "debt.other": any(d.type != "mortgage" for d in content.debts),
    }
    assert set(found) == ALL
    return {field for field, there in found.items() if there}


@pytest.mark.parametrize("field", sorted(ALL))
def test_a_field_lets_its_own_kind_through_and_nothing_else(field: str) -> None:
    """Only what the profile names leaves: each field brings exactly its own records or attributes."""
    assert kinds(permitted(CONTENT, frozenset({field}), bsn_allowed=False)) == {field}


@pytest.mark.parametrize("field", sorted(ALL))
def test_without_a_field_only_its_kind_is_gone(field: str) -> None:
    """And nothing that was asked is missing."""
    assert kinds(permitted(CONTENT, ALL - {field}, bsn_allowed=False)) == ALL - {field}


def test_of_third_persons_only_name_birth_date_and_relation() -> None:
    """A child is not the one who consents: nothing of it leaves that its parent does not need it for."""
    content = permitted(CONTENT, ALL, bsn_allowed=True)
    child = next(person for person in content.household.persons if person.id == "child-1")
    named = Name(full="Naam child-1", surname="Naam")
    assert child == Person(id="child-1", name=named, birth_date="1980-05-01", sources=SOURCE)
    assert all("child-1" not in address.persons for address in content.household.addresses)


def test_what_a_third_person_owns_is_left_out() -> None:
    """A share in something tells of the adult; the other owner and what only they own does not."""
    vehicles = [t for t in permitted(CONTENT, ALL, bsn_allowed=False).possessions if isinstance(t, Vehicle)]
    assert [vehicle.plate for vehicle in vehicles] == ["A", "P", "B"]
    assert [owner.person for owner in vehicles[2].owners] == ["applicant"]


def test_third_persons_go_with_the_field_of_their_relation() -> None:
    """A profile that does not ask for children gets none, nor what is found about them."""
    content = permitted(CONTENT, ALL - {"relation.children"}, bsn_allowed=False)
    assert [person.id for person in content.household.persons] == ["applicant", "partner", "ex-partner-1"]
    assert "child-1" not in {finding.person for finding in content.findings}


def test_parents_are_never_let_through() -> None:
    """No field asks for them; a child's other parent is not told either."""
    parent = Relation(person="ex-partner-1", kind="parent", of="applicant")
    home = replace(CONTENT.household, relations=(*CONTENT.household.relations[:2], parent))
    content = permitted(replace(CONTENT, household=home), ALL, bsn_allowed=False)
    assert content.household.relations == CONTENT.household.relations[:1]
    assert [person.id for person in content.household.persons] == ["applicant", "partner", "child-1"]


def test_the_parents_of_an_adult_are_never_let_through() -> None:
    """Also where a source tells the relation from the other end: an adult who is the child of somebody."""
    told = Relation(person="applicant", kind="child", of="parent-1")
    home = replace(CONTENT.household, relations=(*CONTENT.household.relations, told))
    assert permitted(replace(CONTENT, household=home), ALL, bsn_allowed=False) == permitted(
        CONTENT, ALL, bsn_allowed=False
    )


def test_findings_go_with_what_they_are_about() -> None:
    """A finding about a vehicle says something of a vehicle."""
    fields = ALL - {"possession.vehicle"}
    codes = [finding.code for finding in permitted(CONTENT, fields, bsn_allowed=False).findings]
    assert codes == ["area-m2", "failed", "birth", "remark"]
    assert "bsn" in [finding.code for finding in permitted(CONTENT, fields, bsn_allowed=True).findings]


def test_doubts_go_with_what_is_doubted() -> None:
    """That a name is under investigation is told only to who gets the name; confidentiality is always told."""
    applicant = permitted(CONTENT, frozenset({"person.name"}), bsn_allowed=False).household.persons[0]
    assert applicant.under_investigation == ("name",)
    assert applicant.confidential


def test_without_a_basis_no_bsn_is_left() -> None:
    """Not of anybody, wherever it stood."""
    text = msgspec.json.encode(permitted(CONTENT, ALL, bsn_allowed=False)).decode()
    assert not [bsn for bsn in BSNS.values() if bsn in text]


def test_with_a_basis_the_adults_bsn_stays_in_its_place() -> None:
    """A basis is for those who ask something of the provider, not for their children."""
    persons = permitted(CONTENT, ALL, bsn_allowed=True).household.persons
    assert [person.bsn for person in persons] == [APPLICANT, PARTNER, None, None]


@pytest.mark.parametrize("bsn_allowed", [True, False])
@pytest.mark.parametrize(
    "spelling",
    [
        "{0}",
        "BSN {0}.",
        "{0}L01",
        "IH2023{0}01",
        "{0[0]}{0[1]}{0[2]}{0[3]}.{0[4]}{0[5]}.{0[6]}{0[7]}{0[8]}",
        "{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]} {0[6]}{0[7]}{0[8]}",
    ],
)
def test_a_bsn_in_another_text_is_taken_out(spelling: str, bsn_allowed: bool) -> None:
    """Payroll numbers, tax numbers and remarks may hold the BSN of a person who is self-employed."""
    hidden = spelling.format(CHILD), spelling.format(APPLICANT)
    income = Employment(person="applicant", employer="Bruin 12", payroll_number=hidden[1])
    value = FindingValue(source="uwv", value=hidden[0])
    finding = Finding(kind="source-note", code="x", person="applicant", text=f"zie {hidden[1]} aldus", values=(value,))
    content = permitted(replace(CONTENT, incomes=(income,), findings=(finding,)), ALL, bsn_allowed=bsn_allowed)
    digits = re.sub("[ .-]", "", msgspec.json.encode((content.incomes, content.findings)).decode())
    assert CHILD not in digits
    assert APPLICANT not in digits
    assert isinstance(content.incomes[0], Employment)
    assert content.incomes[0].employer == "Bruin 12"
    assert content.findings[0].text is not None
    assert content.findings[0].text.startswith("zie ")


def test_numbers_that_are_no_bsn_of_the_household_stay() -> None:
    """Only the household's own numbers are looked for: an account number is no BSN."""
    account = Balance(owners=(Owner(person="applicant"),), type="bank", identifier="NL91ABNA0417164300")
    content = permitted(replace(CONTENT, possessions=(account,)), ALL, bsn_allowed=False)
    assert content.possessions == (account,)


def test_amounts_and_moments_come_through_unchanged() -> None:
    """Looking for numbers in texts changes no amount and no time."""
    amount = Money(amount=Decimal(int(APPLICANT)), period="once")
    account = Balance(owners=(Owner(person="applicant"),), type="bank", amount=amount, sources=SOURCE)
    content = permitted(replace(CONTENT, possessions=(account,)), ALL, bsn_allowed=False)
    assert content.possessions == (account,)


def test_a_phone_shows_its_own_person_and_what_is_joint() -> None:
    """Own and jointly owned things in full; of the other adult the id."""
    seen = visible(CONTENT, frozenset({"applicant"}))
    assert seen.household.persons == (CONTENT.household.persons[0], Person(id="partner"), CONTENT.household.persons[2])
    assert [r.kind for r in seen.household.relations] == ["child", "partner"]
    assert [address.street for address in seen.household.addresses] == ["Dorpsstraat"]
    assert {income.person for income in seen.incomes} == {pension.person for pension in seen.pensions} == {"applicant"}
    assert seen.possessions == tuple(t for t in CONTENT.possessions if any(o.person == "applicant" for o in t.owners))
    assert seen.debts == CONTENT.debts[:1]
    assert [finding.code for finding in seen.findings] == ["area-m2", "failed", "bsn", "birth", "remark"]


def test_third_persons_are_shown_to_whoever_is_related() -> None:
    """The partner's former partner is not the applicant's business; the applicant's child is not the partner's."""
    seen = visible(CONTENT, frozenset({"partner"})).household
    assert [person.id for person in seen.persons] == ["applicant", "partner", "ex-partner-1"]
    assert seen.persons[0] == Person(id="applicant")


def test_on_one_shared_phone_both_see_both() -> None:
    """Who both logged in on it were told so before."""
    content = permitted(CONTENT, ALL, bsn_allowed=True)
    assert visible(content, frozenset({"applicant", "partner"})) == content


def test_a_phone_nobody_logged_in_on_shows_nothing() -> None:
    """Not even what is joint."""
    nothing = Content(household=Household(persons=(Person(id="applicant"), Person(id="partner"))))
    assert visible(CONTENT, frozenset()) == nothing


def test_counts_tell_how_much_and_nothing_else() -> None:
    """Per category on screen, with what is joint."""
    assert counts(CONTENT, "partner") == Counts(persons=2, incomes=1, pensions=1, possessions=3, debts=1)
    assert counts(Content(), "partner") == Counts()


def test_equal_content_has_an_equal_digest() -> None:
    """A digest is that of the content, whatever object holds it, and of this key."""
    copy = msgspec.json.decode(msgspec.json.encode(CONTENT), type=Content)
    assert digest(copy, KEY) == digest(CONTENT, KEY)
    assert re.fullmatch("[0-9a-f]{64}", digest(CONTENT, KEY))
    assert digest(CONTENT, b"x" * 32) != digest(CONTENT, KEY)


@pytest.mark.parametrize("part", ["household", "incomes", "pensions", "possessions", "debts", "findings"])
def test_any_change_changes_the_digest(part: str) -> None:
    """Consent is to what was shown, all of it."""
    assert digest(replace(CONTENT, **{part: getattr(Content(), part)}), KEY) != digest(CONTENT, KEY)


def test_remarks_stand_behind_the_findings_in_an_order_of_their_own() -> None:
    """The digest does not depend on who said something first."""
    remarks = tuple(Finding(kind="remark", code="remark", person="applicant", text=text) for text in "ba")
    content = with_remarks(CONTENT, remarks)
    assert content.findings[:5] == CONTENT.findings[:5]
    assert [finding.text for finding in content.findings[5:]] == ["klopt niet", "a", "b"]
    assert with_remarks(CONTENT, remarks[::-1]) == content == with_remarks(with_remarks(CONTENT, remarks[:1]), remarks)


def test_only_remarks_are_added_as_remarks() -> None:
    """A citizen cannot speak for a source."""
    with pytest.raises(ValueError, match="only remarks"):
        with_remarks(CONTENT, (Finding(kind="clash", code="x"),))


# Whatever the answers are.


def _answer(role: str, secret: st.SearchStrategy[str]) -> st.SearchStrategy[SourceRecords]:
    """Records of one adult alone, every text and number of which comes from `secret`."""
    own = st.just((Owner(person="self"),))
    me = st.builds(Person, id=st.just("self"), bsn=st.just(BSNS[role]), name=st.builds(Name, full=secret))
    child = Person(id="child-1", bsn=CHILD, name=Name(full="Mia"), birth_date="2012-01-01")
    return st.builds(
        SourceRecords,
        persons=me.map(lambda person: (person, child)),
        relations=st.just((Relation(person="child-1", kind="child", of="self"),)),
        addresses=_few(
            st.builds(Address, persons=st.just(("self",)), street=secret, postcode=secret, number=st.just(1))
        ),
        incomes=_few(st.builds(Employment, person=st.just("self"), employer=secret, payroll_number=secret)),
        pensions=_few(st.builds(SchemePension, person=st.just("self"), provider=secret, scheme=secret)),
        possessions=_few(
            st.one_of(
                st.builds(Vehicle, owners=own, plate=secret, brand=secret),
                st.builds(Balance, owners=own, type=st.just("bank"), identifier=secret, institution=secret),
            )
        ),
        debts=_few(st.builds(Debt, owners=own, type=st.just("other"), identifier=secret, description=secret)),
        findings=_few(st.builds(Finding, kind=st.just("source-note"), code=st.just("x"), text=secret)),
    )


def _few(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=3).map(tuple)


def _household(secrets: dict[Role, st.SearchStrategy[str]]) -> st.SearchStrategy[Content]:
    """Any household of two adults, merged; two sources of each, so that they also contradict each other."""
    sources = ("mijnoverheid", "belastingdienst")
    answers = st.fixed_dictionaries(
        {role: st.fixed_dictionaries({s: _answer(role, secret) for s in sources}) for role, secret in secrets.items()}
    )
    bsns: dict[Role, str] = {"applicant": APPLICANT, "partner": PARTNER}
    return answers.map(lambda found: merge(found, statuses={}, bsns=bsns))


_canaries = _household(
    {
        "applicant": st.integers(0, 3).map(lambda n: f"kanarie-a-{n}"),
        "partner": st.integers(0, 3).map(lambda n: f"kanarie-p-{n}"),
    }
)
_number = st.sampled_from(list(BSNS.values()))
_numbers = st.one_of(_number, _number.map(lambda n: f"{n[:3]}.{n[3:6]} {n[6:]}"), _number.map(lambda n: f"nr {n}B01"))


@settings(deadline=None)
@given(_canaries)
def test_no_value_of_the_other_adult_is_ever_visible(content: Content) -> None:
    """Neither in a record nor in a finding, while all of one's own is there."""
    mine = msgspec.json.encode(visible(content, frozenset({"applicant"}))).decode()
    theirs = msgspec.json.encode(visible(content, frozenset({"partner"}))).decode()
    whole = msgspec.json.encode(content).decode()
    assert "kanarie-p" not in mine
    assert "kanarie-a" not in theirs
    assert mine.count("kanarie-a") == whole.count("kanarie-a")
    assert theirs.count("kanarie-p") == whole.count("kanarie-p")


@settings(deadline=None)
@given(_household({"applicant": _numbers, "partner": _numbers}), st.sets(st.sampled_from(sorted(ALL))), st.booleans())
def test_no_bsn_is_ever_let_through(content: Content, fields: set[str], bsn_allowed: bool) -> None:
    """Whatever a source wrote where: only an adult's own place may hold one, and only with a basis."""
    kept = permitted(content, frozenset(fields), bsn_allowed=bsn_allowed)
    places = {person.id: person.bsn for person in kept.household.persons if person.bsn}
    assert places == ({"applicant": APPLICANT, "partner": PARTNER} if bsn_allowed else {})
    persons = tuple(replace(person, bsn=None) for person in kept.household.persons)
    rest = replace(kept, household=replace(kept.household, persons=persons))
    text = re.sub("[ .-]", "", msgspec.json.encode(rest).decode())
    assert not [bsn for bsn in (APPLICANT, PARTNER, CHILD) if bsn in text]


@settings(deadline=None)
@given(_canaries, st.sets(st.sampled_from(sorted(ALL))))
def test_permitting_only_takes_away(content: Content, fields: set[str]) -> None:
    """Nothing appears that was not there, and doing it again changes nothing."""
    kept = permitted(content, frozenset(fields), bsn_allowed=False)
    assert permitted(kept, frozenset(fields), bsn_allowed=False) == kept
    assert set(kept.incomes) <= set(content.incomes)
    assert set(kept.findings) <= set(content.findings)
    assert kinds(kept) <= fields
