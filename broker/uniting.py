"""Makes one record of several about the same thing: nothing is lost, and what differs is said.

The first of the ranked records speaks; the others fill what it leaves open. Where they contradict it, its value stays
and a Clash holds all values. Which records belong together is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec.structs import FieldInfo

from broker.matching import R, Told, plain
from schemas.base import Money, Provenance
from schemas.household import Address, Name, Person, Relation
from schemas.income import Allowance, Assessment, Benefit, Employment
from schemas.pension import SchemePension, StatePension, SurvivorPension
from schemas.records import FindingValue
from schemas.wealth import Balance, Debt, Owner, RealEstate, Vehicle

_V = TypeVar("_V", covariant=True)
_H = TypeVar("_H", bound=Hashable)

# Whose word counts where two sources tell the same; the others fill in and contradict.
_FIRST: dict[type[msgspec.Struct], str] = {
    **dict.fromkeys((Person, Relation, Address, RealEstate, Vehicle), "mijnoverheid"),
    **dict.fromkeys((Employment, Benefit, Assessment, Allowance), "uwv"),
    **dict.fromkeys((Balance, Debt), "belastingdienst"),
    **dict.fromkeys((SchemePension, StatePension, SurvivorPension), "mijnpensioenoverzicht"),
}
_DATE = re.compile(r"\d{4}(-\d\d){0,2}", re.ASCII)
_MOMENTS = ("reference_date", "start", "since")


class Clash(NamedTuple):
    """One attribute (its path within the record) of which different things are said, the chosen value first.

    `person` is whose it is, where it is one of several persons' within the record.
    """

    attribute: str
    values: tuple[FindingValue, ...]
    person: str | None = None


class _Said(NamedTuple, Generic[_V]):
    """A value, who says it, and the reference date of the record it stands in."""

    source: str
    value: _V
    at: str | None = None


def ranked(group: Iterable[Told[R]]) -> list[Told[R]]:
    """The records of a group, whose word counts first: by source, then the latest, then in an order of their own.

    A document whose seal is broken comes after everything, and one without a seal after the others of its source.
    """
    settled = sorted(group, key=lambda told: (told.answer, msgspec.json.encode(told.record)))
    latest = sorted(settled, key=lambda told: _at(told.record) or "", reverse=True)
    return sorted(latest, key=lambda told: _rank(told.answer.source, told.record))


def _rank(source: str, record: msgspec.Struct) -> tuple[bool, bool, bool]:
    seals = {provenance.seal for provenance in getattr(record, "sources", ())}
    return "invalid" in seals, source != _FIRST[type(record)], "none" in seals


def unite(group: Sequence[Told[R]]) -> tuple[R, tuple[Clash, ...]]:
    """One record of a ranked group, with the provenance of all, and every contradiction in it."""
    if len(group) == 1:
        return group[0].record, ()
    return _united([_Said(told.answer.source, told.record) for told in group])


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[FieldInfo, ...]:
    """msgspec works these out anew at every call, which took most of a merge."""
    return msgspec.structs.fields(kind)


def _united(said: Sequence[_Said[R]]) -> tuple[R, tuple[Clash, ...]]:
    first = said[0].value
    changes: dict[str, Any] = {}
    clashes: list[Clash] = []
    for field in _fields(type(first)):
        found = [_Said(one.source, getattr(one.value, field.name), _at(one.value)) for one in said]
        telling = [one for one in found if not _is_silent(one.value, field)]
        if telling:
            changes[field.name], more = _chosen(field.name, telling, _at(first))
            clashes += more
    return msgspec.structs.replace(first, **changes), tuple(clashes)


def _at(record: object) -> str | None:
    return getattr(record, "reference_date", None) or getattr(record, "as_of", None)


def _is_silent(value: object, field: FieldInfo) -> bool:
    """A default cannot be told from nothing said, and "unknown" is nothing said."""
    return value == field.default or value in (None, "unknown")


def _chosen(attribute: str, telling: Sequence[_Said[Any]], at: str | None) -> tuple[object, Sequence[Clash]]:
    match telling[0].value:
        case Name():
            return _name(telling)
        case (Provenance(), *_):
            return tuple(sorted({p for one in telling for p in one.value}, key=msgspec.json.encode)), ()
        case (Owner(), *_):
            return _owners(telling)
        case (str(), *_):
            words: dict[str, str] = {}
            for word in (word for one in telling for word in one.value):
                words.setdefault(plain(word) or word, word)
            return tuple(words.values()), ()
        case tuple():
            return _items(attribute, telling)
        case _:
            return _single(attribute, telling, at)


def _single(attribute: str, telling: Sequence[_Said[object]], at: str | None) -> tuple[object, Sequence[Clash]]:
    """The first value, or the same date said more exactly. An amount of another day never fills a gap."""
    value = None
    for one in telling:
        fills = value is None and (one.at == at or not isinstance(one.value, Money))
        if fills or _refines(one.value, value):
            value = one.value
    if all(_agree(value, one.value) for one in telling):
        return value, ()
    dated = any(one.at != at for one in telling)
    return value, (Clash(attribute, _values(telling, lambda one: in_words(one.value, one.at if dated else None))),)


def _refines(value: object, known: object) -> bool:
    """Whether both are (partial) dates, and `value` says the same as `known` to the month or the day."""
    if not isinstance(value, str) or not isinstance(known, str):
        return False
    return bool(_DATE.fullmatch(value)) and _DATE.fullmatch(known) is not None and value.startswith(f"{known}-")


def _agree(one: object, other: object) -> bool:
    match one, other:
        case Money(), Money():
            bases = {one.basis, other.basis} - {None}
            return (one.amount, one.period) == (other.amount, other.period) and len(bases) < 2
        case str(), str():
            same = one == other or plain(one) == plain(other) != ""
            return same or _refines(one, other) or _refines(other, one)
        case _:
            return one == other


def _name(telling: Sequence[_Said[Name]]) -> tuple[Name, Sequence[Clash]]:
    first = telling[0].value
    if not all(_same_name(first, one.value) for one in telling):
        return first, (Clash("name", _values(telling, lambda one: one.value.full)),)
    given = next((one.value.given_names for one in telling if one.value.given_names), None)
    initials = next((one.value.initials for one in telling if one.value.initials), None)
    return msgspec.structs.replace(first, given_names=given, initials=initials), ()


def _same_name(one: Name, other: Name) -> bool:
    """Judged by the parts both have; by the whole only when there is no such part, for its form differs by source."""
    parts = [(plain(mine), plain(theirs)) for mine, theirs in zip(_parts(one), _parts(other), strict=True)]
    both = [(mine, theirs) for mine, theirs in parts if mine and theirs]
    return all(mine == theirs for mine, theirs in both or [(plain(one.full), plain(other.full))])


def _parts(name: Name) -> tuple[str | None, ...]:
    return name.given_names, name.initials, f"{name.prefix or ''}{name.surname}" if name.surname else None


def _owners(telling: Sequence[_Said[tuple[Owner, ...]]]) -> tuple[tuple[Owner, ...], Sequence[Clash]]:
    """Every owner with every right once; two rights told by one source stay two."""
    kept = _paired(telling, lambda owner: owner.person, _same_right)
    united = [_united(said) for said in kept]
    disputed = [said for said, (_, clashes) in zip(kept, united, strict=True) if clashes]
    owners = sorted((owner for owner, _ in united), key=msgspec.json.encode)
    return tuple(owners), [
        Clash("owners.share", _values(filter(_names_share, said), _share), said[0].value.person) for said in disputed
    ]


def _paired(
    telling: Sequence[_Said[tuple[_H, ...]]], place: Callable[[_H], Hashable], fits: Callable[[_H, _H], bool]
) -> list[list[_Said[_H]]]:
    """The items of several lists, those about the same together: equal ones first, and of each list no two."""
    kept: list[list[_Said[_H]]] = []
    by_place: dict[Hashable, list[list[_Said[_H]]]] = {}
    for one in telling:
        firsts = {said[0].value for said in kept}
        free = {at: list(said) for at, said in by_place.items()}
        for item in sorted(one.value, key=lambda item: item not in firsts):
            open_ = free.get(place(item), [])
            fitting = [number for number, said in enumerate(open_) if fits(said[0].value, item)]
            if fitting:
                open_.pop(max(fitting, key=lambda number: open_[number][0].value == item)).append(
                    _Said(one.source, item)
                )
            else:
                kept.append([_Said(one.source, item)])
                by_place.setdefault(place(item), []).append(kept[-1])
    return kept


def _same_right(one: Owner, other: Owner) -> bool:
    rights = {plain(one.right), plain(other.right)} - {""}
    return len(rights) < 2


def _names_share(said: _Said[Owner]) -> bool:
    return said.value.share is not None


def _share(said: _Said[Owner]) -> str:
    return f"{said.value.person}: {said.value.share}"


def _items(attribute: str, telling: Sequence[_Said[tuple[Any, ...]]]) -> tuple[object, Sequence[Clash]]:
    """Lists of dated values as one list: what is about the same moment is united, the rest is added."""
    kept = _paired(telling, _moment, lambda _one, _other: True)
    united = [(_moment(said[0].value), *_united(said)) for said in kept]
    clashes = [
        Clash(f"{attribute}.{clash.attribute}", tuple(_dated(value, moment) for value in clash.values))
        for moment, _, found in united
        for clash in found
    ]
    return tuple(item for _, item, _ in united), clashes


def _moment(item: object) -> Hashable:
    """What a value in a list is about: its date or age; a value without one is about itself."""
    return next((moment for name in _MOMENTS if (moment := getattr(item, name, None)) is not None), item)


def _dated(value: FindingValue, moment: Hashable) -> FindingValue:
    return msgspec.structs.replace(value, value=f"{value.value} ({in_words(moment)})")


def _values(said: Iterable[_Said[_V]], text: Callable[[_Said[_V]], str]) -> tuple[FindingValue, ...]:
    return tuple(dict.fromkeys(FindingValue(source=one.source, value=text(one)) for one in said))


def in_words(value: object, at: str | None = None) -> str:
    """A value as a citizen reads it, amounts in Dutch notation: `€ 1.234,50 (month, gross)`."""
    match value:
        case Money():
            amount = f"{value.amount:,.2f}".translate(str.maketrans(",.", ".,"))
            span = None if value.period == "once" else value.period
            notes = [note for note in (span, value.basis, at) if note]
            return f"€ {amount}" + (f" ({', '.join(notes)})" if notes else "")
        case msgspec.Struct():
            parts = (getattr(value, field.name) for field in _fields(type(value)))
            return ", ".join(in_words(part) for part in parts if part is not None)
        case _:
            return str(value)
