"""The household merge: what holds of any answers at all."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import timedelta
from typing import Any, TypeAlias, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.household import merge
from broker.review import permitted
from connectors.contract import Field
from schemas.base import Provenance
from schemas.household import Address, Name, Person, Relation
from schemas.income import Allowance, Assessment, Benefit, Employment, PayPeriod
from schemas.payload import Content
from schemas.pension import SchemePension, StatePension
from schemas.records import Finding, SourceRecords, stamped
from schemas.wealth import Balance, Debt, Owner, PropertyValue, RealEstate, Vehicle
from sessions.model import Role
from tests.unit.broker.households import (
    CHILD,
    LOGINS,
    NOW,
    OTHER,
    OWN,
    PARTNER,
    euro,
    household,
    ids,
    quarrel,
    told,
)

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

Answers: TypeAlias = dict[Role, dict[str, SourceRecords]]

_LISTS = ("persons", "relations", "addresses", "incomes", "pensions", "possessions", "debts")


def _numbered(found: Answers) -> Answers:
    """The same answers, every record with a provenance that no other has; every third is out of a document."""
    count = iter(range(10_000))

    def numbered(source: str, items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(replace(item, sources=(_provenance(source, next(count)),)) for item in items)

    return {
        role: {s: replace(r, **{name: numbered(s, getattr(r, name)) for name in _LISTS}) for s, r in told_.items()}
        for role, told_ in found.items()
    }


def _provenance(source: str, number: int) -> Provenance:
    moment = NOW + timedelta(seconds=number)
    if number % 3:
        return Provenance(source=source, transport="api", retrieved_at=moment)
    digest, seal = f"{number % 2}" * 64, ("valid", "none", "invalid")[number % 9 // 3]
    return Provenance(source=source, transport="upload", retrieved_at=moment, document_digest=digest, seal=seal)  # pyright: ignore[reportArgumentType]


def _merged(found: Answers) -> Content:
    statuses = {role: dict.fromkeys(sources, "collected") for role, sources in found.items()}
    return merge(found, statuses=statuses, bsns={role: LOGINS[role] for role in found})


def _records(content: Content) -> list[Any]:
    home = content.household
    lists = (home.persons, home.relations, home.addresses, content.incomes, content.pensions)
    return [record for records in (*lists, content.possessions, content.debts) for record in records]


@settings(max_examples=60)
@given(_answers, st.integers(0, 2**32))
def test_the_order_of_answers_and_records_has_no_influence(found: Answers, seed: int) -> None:
    """The same answers give the same content, to the byte: the digest that is consented to depends on it."""
    found, chance = _numbered(found), random.Random(seed)  # noqa: S311  # a shuffle, no secret

    def shuffled(items: Any) -> list[Any]:
        return chance.sample(list(items), len(items))

    def again(records: SourceRecords) -> SourceRecords:
        return replace(records, **{n: tuple(shuffled(getattr(records, n))) for n in (*_LISTS, "findings")})

    other = {role: {s: again(r) for s, r in shuffled(told_.items())} for role, told_ in shuffled(found.items())}
    assert msgspec.json.encode(_merged(other)) == msgspec.json.encode(_merged(found))


@settings(max_examples=60)
@given(_answers)
def test_no_record_is_ever_dropped(found: Answers) -> None:
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


@settings(max_examples=60)
@given(_answers)
def test_every_record_names_persons_that_are_there(found: Answers) -> None:
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


@settings(max_examples=60)
@given(_answers)
def test_things_with_an_identifier_are_there_once(found: Answers) -> None:
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


@settings(max_examples=60)
@given(_answers)
def test_no_amount_is_lost(found: Answers) -> None:
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


# Only things, of people of whom nothing is told: then nobody in them can be recognised as one of the adults.
_things = st.builds(
    SourceRecords,
    incomes=_few(_income),
    pensions=_few(_pension),
    possessions=_few(_possession),
    debts=_few(_debt),
    addresses=_few(_address),
)
_couples = st.fixed_dictionaries(
    {role: st.dictionaries(st.sampled_from(["mijnoverheid", "uwv"]), _things, max_size=2) for role in LOGINS}
)


def _persons_named(record: Any) -> set[str]:
    if isinstance(record, Address):
        return set(record.persons)
    owners = getattr(record, "owners", None)
    return {record.person} if owners is None else {owner.person for owner in owners}


@settings(max_examples=60)
@given(_couples)
def test_nothing_of_one_adult_becomes_the_others(found: Answers) -> None:
    """A thing is an adult's only where an answer about that adult says so; and then it is so in the content."""
    found = _numbered(found)
    named: dict[Provenance, set[str]] = {}
    for role, sources in found.items():
        for record in (r for records in sources.values() for name in _LISTS for r in getattr(records, name)):
            named[record.sources[0]] = {role} if "self" in _persons_named(record) else set()
    content = _merged(found)
    things = (*content.incomes, *content.pensions, *content.possessions, *content.debts, *content.household.addresses)
    for thing in things:
        assert _persons_named(thing) & set(LOGINS) == set().union(*(named[told] for told in thing.sources))


@settings(max_examples=60)
@given(_answers)
def test_of_third_persons_only_name_birth_date_and_relation_leave(found: Answers) -> None:
    """Whatever is asked: nobody but the two adults has an income or a share, and no finding tells of one."""
    everything = permitted(_merged(_numbered(found)), frozenset(get_args(Field)), bsn_allowed=True)
    third = {person.id for person in everything.household.persons} - set(LOGINS)
    for person in everything.household.persons:
        if person.id in third:
            bare = Person(id=person.id, name=person.name, birth_date=person.birth_date, sources=person.sources)
            assert person == bare
    home = everything.household
    things = (*everything.incomes, *everything.pensions, *everything.possessions, *everything.debts, *home.addresses)
    assert not third & {id_ for thing in things for id_ in _persons_named(thing)}
    told_ = [value.value for finding in everything.findings for value in finding.values]
    assert not [value for value in told_ if value.split(":")[0] in third]


_full_names = {"payroll_number": "1", "number": "1"}
_known = st.builds(
    SourceRecords,
    incomes=st.lists(
        st.sampled_from(
            [
                Employment(person="self", **_full_names),
                Employment(person="self", payroll_number="2", periods=(PayPeriod(start="2024-01", wage=euro(1)),) * 2),
                Benefit(person="self", scheme="WW", payroll_number="3"),
                Assessment(person="self", year=2023, total=euro(1)),
                Allowance(person="self", allowance="care", start="2024-01-01"),
            ]
        ),
        unique=True,
    ).map(tuple),
    pensions=st.lists(_pension, max_size=2, unique_by=lambda one: getattr(one, "scheme", None)).map(tuple),
    possessions=st.lists(
        st.sampled_from(
            [
                RealEstate(owners=OWN, postcode="1234AB", number=1, bought_for=euro(1)),
                Vehicle(owners=OWN * 2, plate="A"),
                Balance(owners=OWN, type="bank", identifier="1", amount=euro(1)),
            ]
        ),
        unique=True,
    ).map(tuple),
    debts=st.lists(_debt, max_size=1).map(
        lambda told_: tuple(replace(one, identifier="1", owners=OWN) for one in told_)
    ),
)


@settings(max_examples=60)
@given(_known)
def test_the_same_told_again_adds_only_where_it_is_from(records: SourceRecords) -> None:
    """A document that says what the source (or another document of it) said before changes no value and no count."""
    answers = [
        stamped(records, Provenance(source="uwv", transport="upload", retrieved_at=NOW, document_digest=name * 64))
        for name in "ab"
    ]
    both = SourceRecords(**{name: getattr(answers[0], name) + getattr(answers[1], name) for name in _LISTS})
    once, twice = _merged({"applicant": {"uwv": answers[0]}}), _merged({"applicant": {"uwv": both}})
    assert [replace(record, sources=()) for record in _records(twice)] == [
        replace(record, sources=()) for record in _records(once)
    ]
    assert twice.findings == once.findings
    assert all(len(record.sources) == 2 for record in _records(twice)[1:])


def test_the_order_does_not_depend_on_the_process() -> None:
    """Sets and hashes differ from process to process; the content that two of them merge is the same to the byte."""
    script = (
        "import msgspec; from tests.unit.broker.households import quarrel; "
        "print(msgspec.json.encode(quarrel()).decode())"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert made == {msgspec.json.encode(quarrel()) + b"\n"}


def _calls(answers: tuple[dict[str, SourceRecords], ...]) -> int:
    """How many functions a merge of these calls: what it costs, whatever the machine."""
    count = 0

    def counted(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        household(*answers)
    finally:
        sys.setprofile(None)
    return count


def _many(count: int) -> tuple[dict[str, SourceRecords], ...]:
    """A couple's answers with this many records of each kind and this many parts in one record."""
    children = [Person(id=f"child-{n}", birth_date="2010-01-01", name=Name(full=f"{n}")) for n in range(count)]
    days = [f"{1900 + n // 12}-{n % 12 + 1:02}-01" for n in range(count)]
    periods = tuple(PayPeriod(start=day, wage=euro(n, "month")) for n, day in enumerate(days))
    records = {
        "persons": tuple(children),
        "relations": tuple(Relation(person=child.id, kind="child", of="self") for child in children),
        "incomes": (
            Employment(person="self", payroll_number="1", number="x", periods=periods),
            *(Employment(person="self", payroll_number="1", number=f"{n}") for n in range(count)),
            *(Employment(person="self", payroll_number="2", number="1") for _ in range(count)),
        ),
        "possessions": (
            RealEstate(owners=tuple(Owner(person=child.id) for child in children), cadastral_id="x"),
            *(RealEstate(owners=OWN, cadastral_id=f"{n}", postcode="1234AB", number=1) for n in range(count)),
            *(Vehicle(owners=OWN, plate="1") for _ in range(count)),
        ),
        "findings": tuple(Finding(kind="source-note", code="x", person=child.id) for child in children),
    }
    return told("uwv", **records), told("uwv", **records)


def test_twice_as_much_costs_twice_as_much() -> None:
    """A source may send hundreds of records: no part of the merge compares each with each."""
    assert _calls(_many(200)) < 2.3 * _calls(_many(100))
