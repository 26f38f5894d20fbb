"""What of the household's content may be seen, and by whom: the profile's fields, each phone's persons, the digest.

Pure; it only takes away. What is left after `permitted` is what is shown, consented to and sent; `visible` narrows it
for one phone and never for the provider.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar, get_args

import msgspec
from msgspec.structs import replace

from broker.matching import DOUBTED, field_of, persons_of
from connectors.contract import Field
from schemas.household import Household, Person, Relation
from schemas.income import Income
from schemas.payload import Content
from schemas.pension import Pension
from schemas.records import Finding
from schemas.wealth import Balance, Debt, Possession, RealEstate, Vehicle
from sessions.model import ROLES

_FIELDS = frozenset(get_args(Field))
_BSN = "person.bsn"  # a field of findings; profiles have `bsn_basis` for it

_P = TypeVar("_P", Income, Pension)
_O = TypeVar("_O", Possession, Debt)


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many records there are, by category as on screen, and none of their values."""

    persons: int = 0
    incomes: int = 0
    pensions: int = 0
    possessions: int = 0
    debts: int = 0
    documents: int = 0


def permitted(content: Content, fields: frozenset[str], *, bsn_allowed: bool) -> Content:
    """What a profile lets through: `fields` are names of `connectors.contract.Field`.

    Of third persons (everybody but applicant and partner) name, birth date and relation, if the field of that relation
    is there. BSNs go, wherever they stand; with `bsn_allowed` those of the two adults stay, in their own place.
    Documents are there only where the profile asks for them: whether they are kept is decided when they come.
    """
    numbers = {person.id: person.bsn for person in content.household.persons if person.bsn}
    kept = _without(_within(content, fields, bsn_allowed=bsn_allowed), frozenset(numbers.values()))
    if not bsn_allowed:
        return kept
    persons = tuple(replace(p, bsn=numbers.get(p.id) if p.id in ROLES else None) for p in kept.household.persons)
    return replace(kept, household=replace(kept.household, persons=persons))


def visible(content: Content, persons: frozenset[str]) -> Content:
    """What a phone shows on which only `persons` (of applicant and partner) logged in.

    Of the other adult only the id, and what both share: children, relations, the address, things they own together.
    """
    hidden = frozenset(ROLES) - persons
    home = content.household
    related = {id_ for relation in home.relations if (ends := persons_of(relation)) & persons for id_ in ends}
    shown = persons | (related - hidden)
    return Content(
        household=Household(
            persons=tuple(Person(id=p.id) if p.id in hidden else p for p in home.persons if p.id in shown | hidden),
            relations=tuple(r for r in home.relations if persons_of(r) <= shown | hidden and persons_of(r) & shown),
            addresses=tuple(address for address in home.addresses if persons_of(address) & persons),
        ),
        incomes=tuple(income for income in content.incomes if income.person in persons),
        pensions=tuple(pension for pension in content.pensions if pension.person in persons),
        possessions=tuple(thing for thing in content.possessions if persons_of(thing) & persons),
        debts=tuple(debt for debt in content.debts if persons_of(debt) & persons),
        findings=tuple(f for f in content.findings if (f.person in shown if f.person else bool(persons))),
        documents=tuple(document for document in content.documents if document.person in persons),
    )


def counts(content: Content, person: str) -> Counts:
    """How much there is of an adult whose values are not shown; joint things and own children count as theirs."""
    related = {id_ for relation in content.household.relations if person in (e := persons_of(relation)) for id_ in e}
    theirs = {person} | (related - set(ROLES))
    return Counts(
        persons=sum(p.id in theirs for p in content.household.persons),
        incomes=sum(income.person == person for income in content.incomes),
        pensions=sum(pension.person == person for pension in content.pensions),
        possessions=sum(person in persons_of(thing) for thing in content.possessions),
        debts=sum(person in persons_of(debt) for debt in content.debts),
        documents=sum(document.person == person for document in content.documents),
    )


def digest(content: Content, key: bytes) -> str:
    """HMAC-SHA256 of the content, in hex: equal content has an equal digest, which says nothing without `key`."""
    return hmac.new(key, msgspec.json.encode(content, order="deterministic"), hashlib.sha256).hexdigest()


def with_remarks(content: Content, remarks: tuple[Finding, ...]) -> Content:
    """The content with the citizens' remarks behind the other findings. Raises ValueError for another kind of finding.

    A remark is free text and may hold a BSN: `permitted` comes after this.
    """
    if any(remark.kind != "remark" for remark in remarks):
        raise ValueError("only remarks are added here")
    ours = tuple(finding for finding in content.findings if finding.kind != "remark")
    theirs = {*remarks, *(finding for finding in content.findings if finding.kind == "remark")}
    return replace(content, findings=(*ours, *sorted(theirs, key=msgspec.json.encode)))


def _within(content: Content, fields: frozenset[str], *, bsn_allowed: bool) -> Content:
    """The content without what is not in `fields`, and without any BSN in its own place."""
    home = content.household
    relations = tuple(relation for relation in home.relations if _is_asked(relation, fields))
    known = frozenset(ROLES).union(*(persons_of(relation) for relation in relations))
    addresses = (replace(a, persons=_adults(a.persons)) for a in home.addresses if "address" in fields)
    allowed = fields | {_BSN} if bsn_allowed else fields
    return Content(
        household=Household(
            persons=tuple(_attributes(person, fields) for person in home.persons if person.id in known),
            relations=relations,
            addresses=tuple(address for address in addresses if address.persons),
        ),
        incomes=_of_adults(content.incomes, fields),
        pensions=_of_adults(content.pensions, fields),
        possessions=_owned_by_adults(content.possessions, fields),
        debts=_owned_by_adults(content.debts, fields),
        findings=tuple(finding for finding in content.findings if _speaks_of(finding, allowed, known)),
        documents=content.documents,
    )


def _is_asked(relation: Relation, fields: frozenset[str]) -> bool:
    """Children are asked for, parents are not: no field of a profile names them."""
    if field_of(relation) not in fields:
        return False
    parent = {"child": relation.of, "parent": relation.person}.get(relation.kind)
    return parent in ROLES if parent is not None else not persons_of(relation).isdisjoint(ROLES)


def _attributes(person: Person, fields: frozenset[str]) -> Person:
    """Confidentiality stays always: it tells the receiver how to treat the rest."""
    if person.id not in ROLES:
        return Person(id=person.id, name=person.name, birth_date=person.birth_date, sources=person.sources)
    kept = replace(
        person, bsn=None, under_investigation=tuple(d for d in person.under_investigation if DOUBTED.get(d) in fields)
    )
    if "person.name" not in fields:
        kept = replace(kept, name=None)
    if "person.birth" not in fields:
        kept = replace(kept, birth_date=None, birth_place=None, birth_country=None, deceased=False, deceased_date=None)
    if "person.gender" not in fields:
        kept = replace(kept, gender=None)
    return kept if "person.nationality" in fields else replace(kept, nationalities=())


def _adults(ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(id_ for id_ in ids if id_ in ROLES)


def _of_adults(records: tuple[_P, ...], fields: frozenset[str]) -> tuple[_P, ...]:
    return tuple(record for record in records if field_of(record) in fields and record.person in ROLES)


def _owned_by_adults(things: tuple[_O, ...], fields: frozenset[str]) -> tuple[_O, ...]:
    """What a third person owns is nobody's business here: shares of the adults say what is theirs."""
    asked = (_with_adults(thing) for thing in things if field_of(thing) in fields)
    return tuple(thing for thing in asked if thing.owners)


def _with_adults(thing: _O) -> _O:
    match thing:
        case RealEstate() | Vehicle() | Balance() | Debt():
            return replace(thing, owners=tuple(owner for owner in thing.owners if owner.person in ROLES))


def _speaks_of(finding: Finding, allowed: frozenset[str], known: frozenset[str]) -> bool:
    """Whether a finding is about something that is still there. Where a remark points is the citizen's own choice."""
    if finding.person is not None and finding.person not in known:
        return False
    if finding.field is None or finding.field in allowed:
        return True
    if finding.person is not None and finding.person not in ROLES:
        return finding.field in ("person.name", "person.birth")
    return finding.kind == "remark" and finding.field not in _FIELDS | {_BSN}


def _without(content: Content, numbers: frozenset[str]) -> Content:
    """The content with these BSNs taken out of every text, also when written with spaces, dots or dashes."""
    if not numbers:
        return content
    spelled = ("[ .-]?".join(re.escape(digit) for digit in number) for number in sorted(numbers))
    pattern = re.compile("|".join(spelled))
    persons = tuple(replace(person, bsn=None) for person in content.household.persons)
    content = replace(content, household=replace(content.household, persons=persons))
    if pattern.search(msgspec.json.encode(content).decode()) is None:
        return content
    plain = msgspec.to_builtins(content, builtin_types=(Decimal, datetime))
    return msgspec.convert(_mapped(plain, lambda text: pattern.sub("", text)), Content)


def _mapped(value: object, change: Callable[[str], str]) -> object:
    match value:
        case str():
            return change(value)
        case dict():
            return {key: _mapped(item, change) for key, item in value.items()}
        case list() | tuple():
            return [_mapped(item, change) for item in value]
        case _:
            return value
