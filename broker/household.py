"""One household of everything the sources said about its adults: the merge.

Owns the order of the merge and what the reader must be told about it (findings). Who is who is `persons.py`, what is
the same thing `matching.py`, how records become one `uniting.py`. Pure: the same answers give the same content,
whatever order they came in. No record is dropped: it is there, or united with one that carries its provenance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from broker.matching import DOUBTED, Answer, Told, field_of, grouped, identity, persons_of
from broker.persons import REGISTER, directed, recognise, renamed, sort_key
from broker.uniting import Clash, ranked, unite
from connectors.contract import Field
from schemas.household import Address, Household, Person, Relation
from schemas.income import Income
from schemas.payload import Content
from schemas.pension import Pension
from schemas.records import SELF, Finding, FindingValue, SourceRecords
from schemas.wealth import Balance, Debt, Possession, RealEstate, Vehicle
from sessions.model import ROLES, Role, SourceStatus

Names: TypeAlias = Mapping[tuple[Answer, str], str]  # who a local id of an answer is, in the household

_T = TypeVar("_T", Relation, Address, Income, Pension, Possession, Debt)

_ANSWERED = (SourceStatus.COLLECTED, SourceStatus.ABSENT)
_LIVED_IN = ("residence", "location", "foreign")
_ATTRIBUTES: dict[str, Field] = {
    "name": "person.name",
    "gender": "person.gender",
    "nationalities": "person.nationality",
}


def merge(
    found: Mapping[Role, Mapping[str, SourceRecords]],
    *,
    statuses: Mapping[Role, Mapping[str, str]],
    bsns: Mapping[Role, str],
) -> Content:
    """The household's content, without anything left out for a profile.

    `found`: per adult and source what it said, the adult being `self`. `statuses`: per adult who takes part and source
    of the profile its SourceStatus value. `bsns`: the numbers proven at the logins.
    """
    answers: dict[Answer, SourceRecords] = {
        (role, source): records for role, told in found.items() for source, records in told.items()
    }
    adults: dict[Role, str | None] = {
        role: bsns.get(role) for role in ROLES if role in found or role in statuses or role in bsns
    }
    people, names = recognise(answers, adults)
    findings: set[Finding] = {*_carried(answers, names), *_missing(statuses), *_doubts(answers, names)}
    persons = _persons(people, findings)
    relations = _relations(answers, names, findings)
    addresses = _addresses(answers, names, findings)
    if all(role in found or role in bsns for role in ROLES):
        findings.update(_partner_findings(relations, answers))
        relations = (*relations, *_cohabitation(relations, addresses))
    return Content(
        household=Household(
            persons=persons,
            relations=tuple(sorted(relations, key=lambda r: (sort_key(r.of), r.kind, sort_key(r.person), _order(r)))),
            addresses=addresses,
        ),
        incomes=_once(_told(((a, r.incomes) for a, r in answers.items()), names), findings),
        pensions=_once(_told(((a, r.pensions) for a, r in answers.items()), names), findings),
        possessions=_once(_told(((a, r.possessions) for a, r in answers.items()), names), findings),
        debts=_once(_told(((a, r.debts) for a, r in answers.items()), names), findings),
        findings=tuple(sorted(findings, key=_order)),
    )


def _order(record: msgspec.Struct) -> bytes:
    """Records sort by their JSON: kind and person come first in it, then what identifies them."""
    return msgspec.json.encode(record)


def _told(items: Iterable[tuple[Answer, tuple[_T, ...]]], names: Names) -> list[Told[_T]]:
    """Every record with the answer it stood in, its persons named as in the household."""
    return [
        Told(answer, renamed(record, lambda id_, answer=answer: names[answer, id_]))
        for answer, records in items
        for record in records
    ]


def _once(told: list[Told[_T]], findings: set[Finding]) -> tuple[_T, ...]:
    """Each thing once, in order. What is said differently of one thing is added to `findings`."""
    united = [unite(ranked(group)) for group in grouped(told, lambda one: identity(one.record))]
    for record, clashes in united:
        findings.update(_clash(record, clash) for clash in clashes)
    return tuple(sorted((record for record, _ in united), key=_order))


def _clash(thing: Relation | Address | Income | Pension | Possession | Debt, clash: Clash) -> Finding:
    """Of a thing of both adults nobody is named: it concerns both."""
    concerned = persons_of(thing)
    whose = sorted(concerned & set(ROLES)) or [min(concerned)]
    return Finding(
        kind="clash",
        code=_code(clash),
        person=whose[0] if len(whose) == 1 else None,
        field=field_of(thing),
        values=clash.values,
        text=label_of(thing),
    )


def _code(clash: Clash) -> str:
    return clash.attribute.replace("_", "-").replace(".", "-")


def label_of(thing: Relation | Address | Income | Pension | Possession | Debt) -> str | None:
    """What a reader recognises the thing by; None where its kind and person say enough."""
    match thing:
        case Address() | RealEstate():
            number = f"{thing.number or ''}{thing.letter or ''}"
            parts = (thing.street, number, thing.addition, thing.city)
            label = " ".join(part for part in parts if part) or None
            return label or (thing.cadastral_id if isinstance(thing, RealEstate) else None)
        case Vehicle(plate=plate):
            return plate
        case Balance() | Debt():
            return thing.identifier
        case _:
            return None


def _persons(people: Mapping[str, list[Told[Person]]], findings: set[Finding]) -> tuple[Person, ...]:
    persons: list[Person] = []
    for id_ in sorted(people, key=sort_key):
        person, clashes = unite(ranked(people[id_]))
        persons.append(person)
        for clash in clashes:
            field = _ATTRIBUTES.get(clash.attribute, "person.birth")
            values = clash.values if clash.attribute != "bsn" else ()  # a BSN stands in its own place, nowhere else
            findings.add(Finding(kind="clash", code=_code(clash), person=id_, field=field, values=values))
    return tuple(persons)


def _relations(answers: Mapping[Answer, SourceRecords], names: Names, findings: set[Finding]) -> tuple[Relation, ...]:
    told = _told(((answer, records.relations) for answer, records in answers.items()), names)
    return _once([Told(one.answer, directed(one.record)) for one in told], findings)


def _addresses(answers: Mapping[Answer, SourceRecords], names: Names, findings: set[Finding]) -> tuple[Address, ...]:
    """Each address once. Since when somebody lives there is their own: another's date is a note, not a clash."""
    told = _told(((answer, records.addresses) for answer, records in answers.items()), names)
    addresses: list[Address] = []
    for group in grouped(told, lambda one: identity(one.record)):
        address, clashes = unite(ranked(group))
        addresses.append(address)
        findings.update(_clash(address, clash) for clash in clashes if clash.attribute != "since")
        findings.update(_moved_in(one) for one in group if one.record.since not in (None, address.since))
    return tuple(sorted(addresses, key=_order))


def _moved_in(told: Told[Address]) -> Finding:
    role, source = told.answer
    since = (FindingValue(source=source, value=told.record.since or ""),)
    return Finding(kind="source-note", code="address-since", source=source, person=role, field="address", values=since)


def _carried(answers: Mapping[Answer, SourceRecords], names: Names) -> Iterator[Finding]:
    """The sources' own findings; one without a person is about the person who was asked about."""
    for answer, records in answers.items():
        for finding in records.findings:
            yield replace(finding, person=names[answer, finding.person or SELF], source=finding.source or answer[1])


def _missing(statuses: Mapping[Role, Mapping[str, str]]) -> Iterator[Finding]:
    for role, sources in statuses.items():
        for source, status in sources.items():
            if status not in _ANSWERED:
                yield Finding(kind="missing-source", code=status, source=source, person=role)


def _doubts(answers: Mapping[Answer, SourceRecords], names: Names) -> Iterator[Finding]:
    for answer, records in answers.items():
        role, source = answer
        for person in records.persons:
            related = min((field_of(r) for r in records.relations if r.person == person.id), default=None)
            for block in person.under_investigation:
                yield Finding(
                    kind="under-investigation",
                    code=block,
                    source=source,
                    person=names[answer, person.id],
                    field=DOUBTED.get(block) or (related if block == "relation" else f"person.{block}"),
                )
        if any(address.under_investigation for address in records.addresses):
            yield Finding(kind="under-investigation", code="address", source=source, person=role, field="address")


def _partner_findings(relations: tuple[Relation, ...], answers: Mapping[Answer, SourceRecords]) -> Iterator[Finding]:
    """Whether the persons register knows the two adults as partners; nothing when it told of neither of them."""
    married = [
        (relation.of, relation.person)
        for relation in relations
        if relation.kind == "partner" and any(told.source == REGISTER for told in relation.sources)
    ]
    if any(set(pair) == set(ROLES) for pair in married):
        return
    elsewhere = [role for role in ROLES if any(role in pair for pair in married)]
    for role in elsewhere:
        yield Finding(
            kind="partner-mismatch",
            code="other-registered-partner",
            source=REGISTER,
            person=role,
            field="relation.partner",
        )
    if not elsewhere and any(source == REGISTER for _, source in answers):
        yield Finding(
            kind="no-registered-partner",
            code="cohabitation-not-registered",
            source=REGISTER,
            field="relation.partner",
        )


def _cohabitation(relations: tuple[Relation, ...], addresses: tuple[Address, ...]) -> Iterator[Relation]:
    """Two adults without any relation to each other who live at one address, on the word of who knows the address."""
    applicant, partner = ROLES
    if any({relation.person, relation.of} == set(ROLES) for relation in relations):
        return
    for address in addresses:
        if address.kind in _LIVED_IN and set(ROLES) <= set(address.persons):
            yield Relation(person=partner, kind="cohabitant", of=applicant, sources=address.sources)
            return
