"""Who is who: the same person in several answers, known by one id in the household.

Owns the ids of persons and the direction of relations. `applicant` and `partner` are those who logged in, nobody else;
a registered partner who does not take part is a third person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from broker.matching import Answer, Identity, Told, grouped, known, persons_of, plain
from schemas.household import Address, Name, Person, Relation
from schemas.income import Income
from schemas.pension import Pension
from schemas.records import SELF, SourceRecords
from schemas.wealth import Balance, Debt, Possession, RealEstate, Vehicle
from sessions.model import ROLES, Role

REGISTER = "mijnoverheid"  # the source that holds the persons register

_LOGIN = "login"  # what the login told: who this is
_FAMILIES = ("partner", "child", "ex-partner", "parent", "cohabitant")
_WHOLE_DATE = len("2000-12-31")
_NUMBERED = re.compile(r"(.*?)(?:-(\d+))?", re.ASCII)

_T = TypeVar("_T", Relation, Address, Income, Pension, Possession, Debt)


class _Mention(NamedTuple):
    """A person in one answer: under which local id, as whose what, and what is told of them."""

    answer: Answer
    id: str
    family: str
    told: tuple[Person, ...]

    @property
    def bsn(self) -> str | None:
        return next((person.bsn for person in self.told if person.bsn), None)

    @property
    def born(self) -> str | None:
        return next((person.birth_date for person in self.told if person.birth_date), None)

    @property
    def name(self) -> Name | None:
        return next((person.name for person in self.told if person.name), None)


def recognise(
    answers: Mapping[Answer, SourceRecords], adults: Mapping[Role, str | None]
) -> tuple[dict[str, list[Told[Person]]], dict[tuple[Answer, str], str]]:
    """What is told of each person of the household, by id; and who each local id of each answer is.

    `adults` are those who take part, with the BSN proven at their login: it counts above what a source says.
    """
    mentions = [_Mention(Answer(role, _LOGIN), SELF, SELF, (Person(id=SELF, bsn=bsn),)) for role, bsn in adults.items()]
    for answer, records in answers.items():
        mentions += _mentions(answer, records, adults.get(answer.role))
    people: dict[str, list[Told[Person]]] = {}
    names: dict[tuple[Answer, str], str] = {}
    for id_, group in _identified(grouped(mentions, _identity)):
        names |= {(mention.answer, mention.id): id_ for mention in group}
        people[id_] = [Told(mention.answer, replace(person, id=id_)) for mention in group for person in mention.told]
    return people, names


def sort_key(id_: str) -> tuple[int, str, int]:
    """The order of persons: applicant, partner, then by kind and number (`child-10` after `child-2`)."""
    stem, number = _parts(id_)
    return (ROLES.index(id_) if id_ in ROLES else len(ROLES)), stem, number


def renamed(record: _T, name: Callable[[str], str]) -> _T:
    """The record with the household's ids for the ids of its answer, and whom it lists in a fixed order."""
    match record:
        case Relation():
            return replace(record, person=name(record.person), of=name(record.of))
        case Address():
            return replace(record, persons=tuple(sorted({name(id_) for id_ in record.persons}, key=sort_key)))
        case RealEstate() | Vehicle() | Balance() | Debt():
            owners = (replace(owner, person=name(owner.person)) for owner in record.owners)
            return replace(record, owners=tuple(sorted(owners, key=msgspec.json.encode)))
        case _:
            return replace(record, person=name(record.person))


def directed(relation: Relation) -> Relation:
    """The relation as seen from an adult, so that the same one told from both sides reads the same."""
    person, kind, of = relation.person, relation.kind, relation.of
    if kind in ("child", "parent"):
        child, parent = (person, of) if kind == "child" else (of, person)
        if child in ROLES and parent not in ROLES:
            return replace(relation, person=parent, kind="parent", of=child)
        return replace(relation, person=child, kind="child", of=parent)
    first, second = sorted((person, of), key=sort_key)
    return replace(relation, person=second, of=first)


def _mentions(answer: Answer, records: SourceRecords, bsn: str | None) -> Iterator[_Mention]:
    """Everybody in an answer, also who is only referred to."""
    told: dict[str, list[Person]] = {id_: [] for id_ in referred(records)}
    kinds: dict[str, set[str]] = {}
    for relation in records.relations:
        kinds.setdefault(relation.person, set()).add(relation.kind)
    for person in records.persons:
        told.setdefault(person.id, []).append(replace(person, bsn=bsn or person.bsn) if person.id == SELF else person)
    for id_, persons in told.items():
        family = SELF if id_ == SELF else _first(kinds.get(id_, set()), _parts(id_)[0])
        yield _Mention(answer, id_, family, tuple(sorted(persons, key=msgspec.json.encode)) or (Person(id=id_),))


def referred(records: SourceRecords) -> set[str]:
    """The local ids of everybody an answer refers to, whether or not it tells of them as a person."""
    things = (
        *records.relations,
        *records.addresses,
        *records.incomes,
        *records.pensions,
        *records.possessions,
        *records.debts,
    )
    findings = {finding.person for finding in records.findings if finding.person is not None}
    return {SELF} | findings | {id_ for thing in things for id_ in persons_of(thing)}


def _identity(mention: _Mention) -> Identity:
    """By BSN; else by birth date and full name, and for partners by birth date and surname.

    Only someone's partner is known by a surname: brothers and sisters share theirs, and twins the day as well. Without
    a whole birth date, two sources that name a partner of the same adult in full mean the same one.
    """
    name, family = mention.name or Name(full=""), mention.family
    role = mention.answer.role
    born = mention.born if mention.born and len(mention.born) == _WHOLE_DATE else None
    given, surname = plain(name.given_names), name.surname and plain(f"{name.prefix or ''}{name.surname}")
    return Identity(
        certain=(role if mention.id == SELF else None, mention.bsn),
        likely=(
            known(born, given, surname),
            known(born, surname) if family in (SELF, "partner", "ex-partner") else None,
            known(role, given, surname) if family == "partner" else None,
        ),
    )


def _identified(groups: Sequence[list[_Mention]]) -> Iterator[tuple[str, list[_Mention]]]:
    """Each group with its id: the role of who logged in, else its family and a number in a fixed order."""
    families: dict[str, list[list[_Mention]]] = {}
    for group in groups:
        role = next((mention.answer.role for mention in group if mention.id == SELF), None)
        if role is not None:
            yield role, group
        else:
            present = {mention.family for mention in group}
            families.setdefault(_first(present, min(present)), []).append(group)
    for family, members in families.items():
        partners = family == "partner"
        ordered = sorted(members, key=lambda group: (partners and not _is_registered(group), *_seniority(group)))
        for number, group in enumerate(ordered, start=1):
            yield _third(family, number), group


def _first(present: Set[str], otherwise: str) -> str:
    """What a person of several families is called by."""
    return next((family for family in _FAMILIES if family in present), otherwise)


def _is_registered(group: Sequence[_Mention]) -> bool:
    """The partner the persons register names comes before one that only another source knows."""
    return any(mention.answer.source == REGISTER for mention in group)


def _third(family: str, number: int) -> str:
    if family == "partner":
        return "registered-partner" if number == 1 else f"registered-partner-{number}"
    return f"{family}-{number}"


def _seniority(group: Sequence[_Mention]) -> tuple[object, ...]:
    """By birth date, then by name, and in the end by what is told."""
    born = min((mention.born for mention in group if mention.born), default="9999")
    name = min((plain(mention.name.full) for mention in group if mention.name), default="")
    told = min((mention.answer, mention.id, msgspec.json.encode(mention.told)) for mention in group)
    return born, name, told


def _parts(id_: str) -> tuple[str, int]:
    found = _NUMBERED.fullmatch(id_)
    stem, number = found.groups() if found else (id_, None)
    return stem, int(number or 0)
