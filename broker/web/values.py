"""Every value of a record in words, with the name of what it is: so that whoever looks sees all that is sent.

Goes by the attributes the schemas have (`review.attribute` names each) and leaves out what is not sent either. What a
record is in short is `headlines.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from babel import Locale
from msgspec.structs import FieldInfo

from broker.web import formats
from broker.web.voice import Voice
from schemas.base import Money
from schemas.household import Name
from schemas.pension import Age
from schemas.wealth import Owner

DATES = frozenset(
    {
        *("birth_date", "deceased_date", "since", "until", "start", "end", "reference_date", "as_of", "filed_on"),
        *("bought_in", "first_registered", "owned_since", "inspection_until", "fixed_until"),
    }
)
"""The attributes that hold a partial date where they hold text."""
CHOICES = frozenset({"gender", "form", "kind", "status", "allowance", "type", "beneficiary"})
"""The attributes that may hold one of our own words (`review.value` has them in people's words)."""

_ELSEWHERE = frozenset({"id", "person", "persons", "of", "sources"})  # whose it is, who says so: beside the record
_MOMENTS = frozenset({"start", "end", "since", "until", "reference_date"})

_MONEY = re.compile(r"€ (-?[0-9.]+,[0-9]{2})(?: \(([^()]*)\))?")
_ISO = re.compile(r"\b([0-9]{4}-[0-9]{2}(?:-[0-9]{2})?)\b")
_AGE = re.compile(r"(?:^|(?<=\())([0-9]{1,3}), ([0-9]{1,2})(?=\)?$)")
_SHARE = re.compile(r"(applicant|partner): ([0-9]+/[0-9]+)")
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+")


class Detail(msgspec.Struct, frozen=True):
    """A value, or several of one moment, with what it is."""

    label: str
    lines: tuple[str, ...]


def details(record: msgspec.Struct, voice: Voice) -> tuple[Detail, ...]:
    """Everything in a record that is sent, in the order of its schema."""
    return tuple(detail for name, value in _given(record) for detail in _of_attribute(name, value, voice))


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[FieldInfo, ...]:
    return tuple(field for field in msgspec.structs.fields(kind) if field.name not in _ELSEWHERE)


def _given(record: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    for field in _fields(type(record)):
        value = getattr(record, field.name)
        if value is not None and value != field.default:
            yield field.name, value


def _of_attribute(name: str, value: Any, voice: Voice) -> Iterator[Detail]:
    match value:
        case Name():
            yield from details(value, voice)
        case (Owner(), *_):
            yield Detail(attribute(name, voice), tuple(owned(owner, voice) for owner in value))
        case (msgspec.Struct(), *_):
            yield from (_of_item(name, item, voice) for item in _latest_first(value))
        case _:
            yield Detail(attribute(name, voice), (worded(name, value, voice),))


def _latest_first(items: Sequence[Any]) -> list[Any]:
    """What has a date; spans of life stay in the order of life."""
    dated = (getattr(item, "start", None) or getattr(item, "reference_date", None) for item in items)
    pairs = [(at, item) for at, item in zip(dated, items, strict=True) if at is not None]
    if len(pairs) < len(items):
        return list(items)
    return [item for _, item in sorted(pairs, key=lambda pair: pair[0], reverse=True)]


def _of_item(name: str, item: msgspec.Struct, voice: Voice) -> Detail:
    """One of several: what it is and of when is the label, its values are the lines."""
    given = dict(_given(item))
    lines = tuple(
        f"{attribute(key, voice)}: {worded(key, value, voice)}" for key, value in given.items() if key not in _MOMENTS
    )
    return Detail(": ".join(word for word in (attribute(name, voice), _moment(given, voice)) if word), lines)


def _moment(given: dict[str, Any], voice: Voice) -> str:
    since, until = given.get("since"), given.get("until")
    if isinstance(since, Age) or isinstance(until, Age):
        return ages(since, until, voice)
    at = given.get("reference_date")
    if at is not None:
        return formats.date(at, voice.language)
    return formats.span(given.get("start"), given.get("end"), voice.language)


def ages(since: Age | None, until: Age | None, voice: Voice) -> str:
    """`vanaf 67 jaar`, `van 62 tot 67 jaar`; empty when neither is known."""
    first, last = (age and formats.age(age, voice.language) for age in (since, until))
    if first and last:
        return voice.say("review.format.ages", since=first, until=last)
    if first:
        return voice.say("review.format.age-from", age=first)
    return voice.say("review.format.age-until", age=last) if last else ""


def attribute(name: str, voice: Voice) -> str:
    """What an attribute is called."""
    return voice.say(f"review.attribute.{name}")


def worded(name: str, value: Any, voice: Voice) -> str:
    """One value, as people write it. `name` is its attribute: it says what a text means."""
    match value:
        case bool():
            return voice.say("review.format.yes" if value else "review.format.no")
        case Money():
            return formats.sum_of_money(value, voice.language)
        case Age():
            return formats.age(value, voice.language)
        case Decimal():
            return _NUMBERS.get(name, "{}").format(formats.number(value, voice.language))
        case tuple():
            return formats.listed([worded(name, one, voice) for one in value], voice.language)
        case str():
            return _text(name, value, voice)
        case _:
            return _NUMBERS.get(name, "{}").format(value)


_NUMBERS = {"area_m2": "{} m²", "interest_rate": "{}%"}


def _text(name: str, value: str, voice: Voice) -> str:
    if name in DATES:
        return formats.date(value, voice.language)
    if name in CHOICES and voice.can_say(f"review.value.{value}"):
        return voice.say(f"review.value.{value}")
    if name == "under_investigation":
        return voice.says_or(f"review.block.{value}", value)
    if name in ("country", "birth_country") and len(value) == 2:
        return Locale.parse(formats.LOCALES[voice.language]).territories.get(value, value)
    return formats.account(value) if name == "identifier" else said(value, voice)


def said(word: str, voice: Voice) -> str:
    """A source's own word, in the reader's language where it is a usual one."""
    slug = re.sub(r"[^a-z0-9]+", "-", word.casefold()).strip("-")
    return voice.says_or(f"review.said.{slug}", word.replace("_", " "))


def owned(owner: Owner, voice: Voice) -> str:
    """Who owns, which part of it, and by which right."""
    part = formats.share(owner.share, voice.language) if owner.share else ""
    return ", ".join(word for word in (voice.who(owner.person), part, said(owner.right or "", voice)) if word)


def retold(value: str, voice: Voice) -> str:
    """A value that stands in a finding as text, once more in the reader's notation.

    There amounts are `€ 1.234,50 (month, gross)`, dates ISO, ages `67, 3` and shares `applicant: 1/2`.
    """
    if value in ("True", "False"):
        return voice.say("review.format.yes" if value == "True" else "review.format.no")
    if voice.can_say(f"review.value.{value}"):
        return voice.say(f"review.value.{value}")
    if _DECIMAL.fullmatch(value):
        return formats.number(Decimal(value), voice.language)
    for pattern, replaced in _RETOLD:
        value = pattern.sub(lambda found, replaced=replaced: replaced(found, voice), value)
    return value


def _money(found: re.Match[str], voice: Voice) -> str:
    euros = Decimal(found[1].replace(".", "").replace(",", "."))
    notes = [_note(note, voice) for note in (found[2] or "").split(", ") if note]
    amount = formats.amount(euros, voice.language)
    return f"{amount} ({', '.join(notes)})" if notes else amount


def _note(note: str, voice: Voice) -> str:
    name = f"review.format.{note}" if note in ("gross", "net") else f"review.format.per-{note}"
    return voice.says_or(name, note)


def _share(found: re.Match[str], voice: Voice) -> str:
    return f"{voice.who(found[1])}: {formats.share(found[2], voice.language)}"


def _date(found: re.Match[str], voice: Voice) -> str:
    try:
        return formats.date(found[1], voice.language)
    except ValueError:  # a source's text may look like a day that is in no calendar
        return found[1]


def _age(found: re.Match[str], voice: Voice) -> str:
    return formats.age(Age(years=int(found[1]), months=int(found[2])), voice.language)


# In this order: an amount may have a date in its notes.
_RETOLD: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Voice], str]], ...] = (
    (_MONEY, _money),
    (_ISO, _date),
    (_AGE, _age),
    (_SHARE, _share),
)
