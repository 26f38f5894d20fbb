"""One household of everything the sources said about its adults: the merge.

Owns the order of the merge and what the reader must be told about it (findings). Who is who is `persons.py`, what is
the same thing `matching.py`, how records become one `uniting.py`. Pure: the same answers give the same content,
whatever order they came in. No record is dropped: it is there, or united with one that carries its provenance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from broker.matching import DOUBTED, Answer, Told, field_of, persons_of, things
from broker.paid_years import compared
from broker.persons import REGISTER, directed, recognise, referred, renamed, sort_key
from broker.uniting import Clash, ranked, unite
from connectors.contract import Field
from schemas.household import Address, Household, Person, Relation
from schemas.income import Assessment, Income
from schemas.payload import Content
from schemas.pension import Pension
from schemas.records import SELF, Finding, FindingValue, SourceRecords
from schemas.wealth import Balance, Debt, Possession, RealEstate, Vehicle
from sessions.model import ANSWERED, ROLES, Role

Names: TypeAlias = Mapping[tuple[Answer, str], str]  # who a local id of an answer is, in the household

Record: TypeAlias = Person | Relation | Address | Income | Pension | Possession | Debt

_T = TypeVar("_T", Relation, Address, Income, Pension, Possession, Debt)

_KINDS = ("persons", "relations", "addresses", "incomes", "pensions", "possessions", "debts")
_COMPARED: frozenset[Field] = frozenset({"income.employment", "income.benefit", "income.assessment"})
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
    fields: Set[str] | None = None,
) -> Content:
    """The household's content, without anything left out for a profile.

    `found`: per adult and source what it said, the adult being `self`. `statuses`: per adult who takes part and source
    of the profile its SourceStatus value. `bsns`: the numbers proven at the logins. `fields`: those of the profile, all
    when None: what combines fields is said only when it asks each of them, for a finding may show a sum.
    """
    answers = _answers(found)
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
    incomes = _once(_told(((a, r.incomes) for a, r in answers.items()), names), findings)
    debts = _once(_told(((a, r.debts) for a, r in answers.items()), names), findings)
    if fields is None or fields >= _COMPARED:
        findings.update(compared(incomes, debts, partly=_partly(answers)))
    return Content(
        household=Household(
            persons=persons,
            relations=tuple(sorted(relations, key=_family_order)),
            addresses=addresses,
        ),
        incomes=incomes,
        pensions=_once(_told(((a, r.pensions) for a, r in answers.items()), names), findings),
        possessions=_once(_told(((a, r.possessions) for a, r in answers.items()), names), findings),
        debts=debts,
        findings=tuple(sorted(findings, key=_order)),
    )


def _family_order(relation: Relation) -> tuple[object, ...]:
    return sort_key(relation.of), relation.kind, sort_key(relation.person), _order(relation)


def _answers(found: Mapping[Role, Mapping[str, SourceRecords]]) -> dict[Answer, SourceRecords]:
    return {
        Answer(role, source, document): records
        for role, told in found.items()
        for source, together in told.items()
        for document, records in _by_document(together).items()
    }


def _by_document(together: SourceRecords) -> dict[str, SourceRecords]:
    """What each document told by itself, by its digest; what the source answered directly stands under "".

    Local ids are those of one document, and one that lists two things means two. Findings have no provenance: each
    goes with the first document that speaks of its person.
    """
    if not any(_document(record) for record in _all(together)):
        return {"": together}
    parts = {
        document: SourceRecords(
            **{
                name: tuple(record for record in getattr(together, name) if _document(record) == document)
                for name in _KINDS
            }
        )
        for document in sorted({_document(record) for record in _all(together)})
    }
    people = {name: {p.id for p in records.persons} | referred(records) for name, records in parts.items()}
    for finding in together.findings:
        speaking = (name for name, ids in people.items() if (finding.person or SELF) in ids)
        at = next(speaking, min(parts))
        parts[at] = replace(parts[at], findings=(*parts[at].findings, finding))
    return parts


def _all(records: SourceRecords) -> Iterator[Record]:
    return (record for name in _KINDS for record in getattr(records, name))


def _document(record: Record) -> str:
    digests = (told.document_digest for told in record.sources if told.transport == "upload")
    return min((digest for digest in digests if digest), default="")


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
    united = [unite(ranked(group)) for group in things(told)]
    for record, clashes in united:
        findings.update(_clash(record, clash) for clash in clashes)
    return tuple(sorted((record for record, _ in united), key=_order))


def _clash(thing: Relation | Address | Income | Pension | Possession | Debt, clash: Clash) -> Finding:
    """Of a thing of both adults nobody is named: it concerns both. What is a third person's is said of them."""
    concerned = {clash.person} if clash.person and clash.person not in ROLES else persons_of(thing)
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
        case Assessment():
            return str(thing.year)
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
    for group in things(told):
        address, clashes = unite(ranked(group))
        addresses.append(replace(address, persons=tuple(sorted(address.persons, key=sort_key))))
        findings.update(_clash(address, clash) for clash in clashes if clash.attribute != "since")
        findings.update(_moved_in(one) for one in group if one.record.since not in (None, address.since))
    return tuple(sorted(addresses, key=_order))


def _moved_in(told: Told[Address]) -> Finding:
    role, source, _ = told.answer
    since = (FindingValue(source=source, value=told.record.since or ""),)
    return Finding(kind="source-note", code="address-since", source=source, person=role, field="address", values=since)


def _carried(answers: Mapping[Answer, SourceRecords], names: Names) -> Iterator[Finding]:
    """The sources' own findings; one without a person is about the person who was asked about."""
    for answer, records in answers.items():
        for finding in records.findings:
            yield replace(finding, person=names[answer, finding.person or SELF], source=finding.source or answer.source)


def _partly(answers: Mapping[Answer, SourceRecords]) -> frozenset[tuple[str, str]]:
    """Whom which sources told not everything of."""
    gaps = (answer for answer, records in answers.items() if any(f.kind == "incomplete" for f in records.findings))
    return frozenset((answer.role, answer.source) for answer in gaps)


def _missing(statuses: Mapping[Role, Mapping[str, str]]) -> Iterator[Finding]:
    for role, sources in statuses.items():
        for source, status in sources.items():
            if status not in ANSWERED:
                yield Finding(kind="missing-source", code=status, source=source, person=role)


def _doubts(answers: Mapping[Answer, SourceRecords], names: Names) -> Iterator[Finding]:
    for answer, records in answers.items():
        role, source, _ = answer
        related = {r.person: field_of(r) for r in sorted(records.relations, key=field_of, reverse=True)}
        for person in records.persons:
            for block in person.under_investigation:
                yield Finding(
                    kind="under-investigation",
                    code=block,
                    source=source,
                    person=names[answer, person.id],
                    field=DOUBTED.get(block) or (related.get(person.id) if block == "relation" else f"person.{block}"),
                )
        if any(address.under_investigation for address in records.addresses):
            yield Finding(kind="under-investigation", code="address", source=source, person=role, field="address")


def _partner_findings(relations: tuple[Relation, ...], answers: Mapping[Answer, SourceRecords]) -> Iterator[Finding]:
    """Whether the persons register knows the two adults as partners; nothing when it told of neither of them.

    An extract of another register that a citizen hands over tells nothing about who is married.
    """
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
    asked = (answer for answer, records in answers.items() if records.persons and not answer.document)
    if not elsewhere and any(answer.source == REGISTER for answer in asked):
        yield Finding(
            kind="no-registered-partner",
            code="cohabitation-not-registered",
            source=REGISTER,
            field="relation.partner",
        )


def _cohabitation(relations: tuple[Relation, ...], addresses: tuple[Address, ...]) -> Iterator[Relation]:
    """Two adults who live at one address and are nothing else to each other, on the word of who knows the address.

    Who were married before and live together are cohabitants now.
    """
    applicant, partner = ROLES
    if any({r.person, r.of} == set(ROLES) for r in relations if r.kind != "ex-partner"):
        return
    for address in addresses:
        if address.kind in _LIVED_IN and set(ROLES) <= set(address.persons):
            yield Relation(person=partner, kind="cohabitant", of=applicant, sources=address.sources)
            return
