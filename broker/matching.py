"""Which records are about the same thing: by what identifies each kind, and never on a guess.

Owns identity and nothing else: what becomes of records that belong together is `uniting.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from connectors.contract import Field
from schemas.household import Address, Relation
from schemas.income import Allowance, Assessment, Benefit, Employment, Income
from schemas.pension import Pension, SchemePension, StatePension, SurvivorPension
from schemas.wealth import Balance, Debt, Possession, RealEstate, Vehicle
from sessions.model import Role

Thing: TypeAlias = Relation | Address | Income | Pension | Possession | Debt
Key: TypeAlias = Hashable | None

# The words in which a register names a block of a person that it is not sure of.
DOUBTED: dict[str, Field] = {
    "name": "person.name",
    "birth": "person.birth",
    "death": "person.birth",
    "gender": "person.gender",
    "nationality": "person.nationality",
}

R = TypeVar("R", bound=msgspec.Struct)
T = TypeVar("T", Relation, Address, Income, Pension, Possession, Debt)

_FIELDS: dict[type[Income | Pension | Possession], Field] = {
    Employment: "income.employment",
    Benefit: "income.benefit",
    Assessment: "income.assessment",
    Allowance: "income.allowance",
    SchemePension: "pension.scheme",
    StatePension: "pension.state",
    SurvivorPension: "pension.survivor",
    RealEstate: "possession.real-estate",
    Vehicle: "possession.vehicle",
    Balance: "possession.balance",
}


class Answer(NamedTuple):
    """Whom a source told about, which source, and in which document if the citizen handed it over."""

    role: Role
    source: str
    document: str = ""


class Told(NamedTuple, Generic[R]):
    """A record and the answer it stood in; its person ids are those of the household."""

    answer: Answer
    record: R


class Identity(NamedTuple):
    """What tells one thing from another, strongest first; None where it is not known.

    `certain` are identifiers. `likely` are descriptions that fit one thing: trusted between answers only, because a
    source that lists two means two. `apart` are facts that contradict every description but the first: where two are
    told, there are two things.
    """

    certain: tuple[Key, ...] = ()
    likely: tuple[Key, ...] = ()
    apart: tuple[Key, ...] = ()


class _Answered(Protocol):
    @property
    def answer(self) -> Answer: ...


_T = TypeVar("_T", bound=_Answered)


def plain(text: str | None) -> str:
    """The letters and digits of a text, in lower case: the form in which spellings are compared."""
    return "".join(c for c in (text or "").casefold() if c.isalnum())


def known(*parts: Hashable) -> Key:
    """A key of which every part is known, or no key."""
    return None if None in parts or "" in parts else parts


def field_of(thing: Thing) -> Field:
    """The field of a profile that lets this kind of record through."""
    match thing:
        case Relation(kind=kind):
            return "relation.children" if kind in ("child", "parent") else "relation.partner"
        case Address():
            return "address"
        case Debt(type=kind):
            return "debt.mortgage" if kind == "mortgage" else "debt.other"
        case _:
            return _FIELDS[type(thing)]


def persons_of(thing: Thing) -> frozenset[str]:
    """The ids of everybody a record is about."""
    match thing:
        case Relation(person=person, of=of):
            return frozenset({person, of})
        case Address(persons=persons):
            return frozenset(persons)
        case RealEstate() | Vehicle() | Balance() | Debt():
            return frozenset(owner.person for owner in thing.owners)
        case _:
            return frozenset({thing.person})


def grouped(items: Iterable[_T], identify: Callable[[_T], Identity]) -> list[list[_T]]:
    """The items, those about the same thing together. Every item is in one group; their order has no influence.

    Level by level, strongest first, groups with the same key become one, unless together they would hold two different
    identifiers of a stronger level: what fits more than one thing is left by itself.
    """
    groups = [[item] for item in items]
    identities = {id(item): identify(item) for group in groups for item in group}

    def keys(group: Sequence[_T], depth: int) -> set[Hashable]:
        found = (_keys(identities[id(item)]) for item in group)
        return {key for each in found if depth < len(each) and (key := each[depth]) is not None}

    def compatible(together: Sequence[Sequence[_T]], depth: int) -> bool:
        union = [item for group in together for item in group]
        identifiers = len(identities[id(union[0])].certain)
        if any(len(keys(union, stronger)) > 1 for stronger in range(min(depth, identifiers))):
            return False
        if depth > identifiers and any(
            len(told - {None}) > 1 for told in _apart(identities[id(item)] for item in union)
        ):
            return False
        answers = [answer for group in together for answer in {item.answer for item in group}]
        return depth < identifiers or len(answers) == len(set(answers))

    for depth in range(max((len(_keys(identity)) for identity in identities.values()), default=0)):
        groups = list(_joined(groups, depth, keys, compatible))
    return groups


def _keys(identity: Identity) -> tuple[Key, ...]:
    return identity.certain + identity.likely


def _apart(identities: Iterable[Identity]) -> Iterator[set[Key]]:
    return (set(told) for told in zip(*(identity.apart for identity in identities), strict=True))


def _joined(
    groups: Iterable[list[_T]],
    depth: int,
    keys: Callable[[Sequence[_T], int], set[Hashable]],
    compatible: Callable[[Sequence[Sequence[_T]], int], bool],
) -> Iterator[list[_T]]:
    by_key: dict[Hashable, list[list[_T]]] = {}
    for group in groups:
        found = keys(group, depth)
        if len(found) == 1:
            by_key.setdefault(found.pop(), []).append(group)
        else:
            yield group
    for together in by_key.values():
        if compatible(together, depth):
            yield [item for group in together for item in group]
        else:
            yield from together


def things(told: Iterable[Told[T]]) -> list[list[Told[T]]]:
    """The records, those about the same thing together, and never things of two kinds."""
    kinds: dict[type[msgspec.Struct], list[Told[T]]] = {}
    for one in told:
        kinds.setdefault(type(one.record), []).append(one)
    return [group for same in kinds.values() for group in grouped(same, lambda one: identity(one.record))]


def identity(thing: Thing) -> Identity:
    """What identifies this record among those of its kind."""
    match thing:
        case Relation():
            return _relation(thing)
        case Address():
            return _address(thing)
        case RealEstate():
            return _real_estate(thing)
        case Vehicle(plate=plate):
            return Identity(certain=(known(plain(plate)),))
        case Balance():
            return Identity(certain=(_account(thing),))
        case Debt():
            number, creditor = plain(thing.identifier), plain(thing.creditor)
            return Identity(certain=(known(thing.type, number, creditor), known(thing.type, number)))
        case Employment() | Benefit() | Assessment() | Allowance():
            return _income(thing)
        case _:
            return _pension(thing)


def _relation(relation: Relation) -> Identity:
    """Who has been married to the same person twice has two relations with them, told apart by when they began."""
    bond = (relation.kind, relation.person, relation.of)
    certain = known(bond, relation.since) if relation.kind == "ex-partner" else bond
    return Identity(certain=(certain,), likely=(bond,))


def _address(address: Address) -> Identity:
    lines = plain("".join(address.lines))
    if address.kind in ("foreign", "location"):
        place = (address.kind, lines, plain(address.country), address.municipality)
        return Identity(likely=(place if lines else None,))
    return Identity(
        certain=(known(address.kind, address.object_id),),
        likely=(known(address.kind, _postal(address)),),
    )


def _postal(at: Address | RealEstate) -> Key:
    number = known(plain(at.postcode), at.number)
    return number and (number, plain(at.letter), plain(at.addition))


def _real_estate(estate: RealEstate) -> Identity:
    """The parcel before the WOZ object and the building: a home and its garage share an address, never a parcel."""
    designation = plain(estate.cadastral_designation)
    return Identity(
        certain=(known(estate.cadastral_id), known(designation), known(estate.woz_id), known(estate.object_id)),
        likely=(_postal(estate),),
    )


def _account(balance: Balance) -> Key:
    """Only a bank account has a number of its own: for securities and crypto the number names what is held."""
    return known(plain(balance.identifier)) if balance.type == "bank" else None


def _income(income: Income) -> Identity:
    match income:
        case Employment():
            return _contract(income, "")
        case Benefit(scheme=scheme):
            return _contract(income, scheme)
        case Assessment():
            return Identity(certain=(known(income.person, income.identifier),), likely=((income.person, income.year),))
        case Allowance():
            return Identity(likely=(known(income.person, income.allowance, income.start, income.provisional),))


def _contract(income: Employment | Benefit, scheme: str) -> Identity:
    """A Verzekeringsbericht names the payroll unit and neither the number of the contract nor its first day."""
    unit = known(income.person, income.payroll_number)
    return Identity(
        likely=(known(unit, income.number), unit and (unit, scheme)),
        apart=(income.number, income.start),
    )


def _pension(pension: Pension) -> Identity:
    match pension:
        case StatePension():
            return Identity(likely=(pension.person,))
        case SchemePension():
            kind = (pension.indicative, pension.only_single)
            return Identity(likely=((pension.person, plain(pension.provider), plain(pension.scheme), kind),))
        case SurvivorPension():
            whose = (pension.person, pension.beneficiary, pension.per_child, pension.indicative)
            span = (pension.since, pension.until)
            return Identity(likely=((whose, span, plain(pension.provider), plain(pension.scheme)),))
