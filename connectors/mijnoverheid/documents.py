"""Papers about a home as the citizen downloads them: the Kadaster's extract, and what tells the WOZ value (PDF).

Their layout is published nowhere, and WOZ papers differ by municipality. So only what is labelled in so many words is
read; the rest is said to be unread, and travels with the document itself. Anybody can get such a paper about any home:
that the home is theirs is the word of who hands it over, and a finding says so. Amounts are euro.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple, TypeVar

from connectors import printed
from connectors.contract import Document, DocumentRefused
from connectors.mijnoverheid.brk import year
from connectors.printed import AMOUNT, DAY, Page, day, euro
from schemas.base import Money, PartialDate
from schemas.records import SELF, Finding, FindingValue, SourceRecords
from schemas.wealth import Owner, PropertyValue, RealEstate

SOURCE = "mijnoverheid"
_FIELD = "possession.real-estate"

_T = TypeVar("_T")

_LAND = re.compile(r"^(?:eigendomsinformatie|kadastraal bericht|kadastrale aanduiding)\b", re.IGNORECASE | re.MULTILINE)
_LAND_SENDER = re.compile(r"\bkadaster\b", re.IGNORECASE)
_WOZ = re.compile(r"\bWOZ-(?:waarde|beschikking)\b", re.IGNORECASE)
_WOZ_DATE = re.compile(r"peildatum\b", re.IGNORECASE)

_DESIGNATION = re.compile(
    r"Kadastrale aanduiding:? (?:gemeente )?(['’]?[^\W\d][^\d:,]*?),? (?:sectie )?([A-Z]{1,2}),?"
    r" (?:(?:perceel|nummer|perceelnummer) )?([0-9]{1,5})(?: ?(A ?[0-9]{1,4}))?",
    re.IGNORECASE,
)
_BOUGHT = re.compile(
    rf"Koopsom:? ({AMOUNT})(?:,? (?:\(?koopjaar:? |in |\()([0-9]{{4}})\)?)?|Koopjaar:? ([0-9]{{4}})", re.IGNORECASE
)
_WITH_OTHERS = re.compile(r"Met meer (?:onroerend goed|objecten) verkregen:? (ja|nee)", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?:Objectadres|Adres(?: van het object| object)?|Locatie|Ligging):? ([^:,]+) ([1-9][0-9]{0,4})"
    r" ?([A-Za-z])?(?:-([0-9A-Za-z]{1,4}))?,? ([1-9][0-9]{3}) ?([A-Z]{2}),? ([^\d,:]+)"
)
_VALUE = re.compile(rf"(?:Vastgestelde )?WOZ-waarde(?: (?:is|bedraagt))?:? ({AMOUNT})\.?", re.IGNORECASE)
_REFERENCE = re.compile(rf"(?:Waarde)?peildatum:? ({DAY})", re.IGNORECASE)
_DATED = (
    re.compile(rf"WOZ-waarde (?:op|per)(?: (?:waarde)?peildatum)? (?P<day>{DAY}):? (?P<euro>{AMOUNT})", re.IGNORECASE),
    re.compile(rf"WOZ-waarde:? (?P<euro>{AMOUNT}),? \(?(?:waarde)?peildatum:? (?P<day>{DAY})\)?", re.IGNORECASE),
)
_COLUMNS = re.compile(
    r"(?:(?:waarde)?peildatum (?:vastgestelde )?WOZ-waarde|WOZ-waarde (?:waarde)?peildatum)", re.IGNORECASE
)
_LISTED = (
    re.compile(rf"(?P<day>{DAY}) (?P<euro>{AMOUNT})"),
    re.compile(rf"(?P<euro>{AMOUNT}) (?P<day>{DAY})"),
)
_ALONE = re.compile(
    r"(?:Kadastrale aanduiding|Koopsom|Koopjaar|Objectadres|Adres(?: van het object| object)?|Locatie|Ligging"
    r"|(?:Vastgestelde )?WOZ-waarde|(?:Waarde)?peildatum):?",
    re.IGNORECASE,
)
_WATCHED = re.compile(
    r"(?:Kadastrale aanduiding|Koopsom|Koopjaar|WOZ-waarde|(?:Waarde)?peildatum)\b.*(?:€|[0-9]{3})"
    r"|(?:Objectadres|Adres(?: van het object| object)?|Locatie|Ligging)\b.*[0-9]{4} ?[A-Z]{2}\b",
    re.IGNORECASE,
)


class _Address(NamedTuple):
    street: str
    number: int
    letter: str | None
    addition: str | None
    postcode: str
    city: str


class _Dated(NamedTuple):
    day: PartialDate
    amount: Decimal


class _Worth(NamedTuple):
    """WOZ values of which amount and day are certain; amounts without a day; how much is not certain."""

    values: tuple[PropertyValue, ...]
    undated: tuple[Decimal, ...] = ()
    unread: int = 0


def read(document: Document) -> SourceRecords:
    """One home with what is certain of it, owned by `self`; when nothing is, only the finding that it is unread.

    Raises DocumentRefused(other-document).
    """
    lines = tuple(line for page in document.pages for line in _joined(printed.lines(page)))
    if not _is_land("\n".join(lines)) and not _is_woz(lines):
        raise DocumentRefused("other-document")
    designations, worth = _all(_designation, lines), _worth(lines)
    home = _home(lines, worth)
    if len(designations) > 1 or home == RealEstate(owners=home.owners):
        return SourceRecords(findings=(printed.not_read(SOURCE), *_undated(worth.undated)))
    return SourceRecords(
        possessions=(home,),
        findings=(
            Finding(kind="source-note", code="owner-not-told", source=SOURCE, person=SELF, field=_FIELD),
            *_undated(worth.undated),
            *printed.unread(SOURCE, _unread(lines) + worth.unread),
        ),
    )


def _is_land(text: str) -> bool:
    return _LAND.search(text) is not None and _LAND_SENDER.search(text) is not None


def _is_woz(lines: Page) -> bool:
    return any(map(_WOZ.search, lines)) and any(_WOZ_DATE.search(line) or _dated(line) for line in lines)


def _joined(page: Page) -> Page:
    """A value that stands below its label, behind it. Two labels or two values in a row leave it open whose is what."""
    joined: list[str] = []
    for index, line in enumerate(page):
        before, after = page[max(index - 2, 0) : index], page[index + 1 : index + 2]
        alone = [_ALONE.fullmatch(each) is not None for each in before]
        if alone[-1:] == [True] and alone[:-1] != [True] and not _is_label(line) and not any(map(_is_value, after)):
            joined[-1] = f"{joined[-1]} {line}"
        else:
            joined.append(line)
    return tuple(joined)


def _is_label(line: str) -> bool:
    return _ALONE.fullmatch(line) is not None or _COLUMNS.fullmatch(line) is not None


def _is_value(line: str) -> bool:
    return re.fullmatch(f"{AMOUNT}|{DAY}|[0-9]{{4}}", line) is not None


def _all(reader: Callable[[str], _T | None], lines: Page) -> frozenset[_T]:
    return frozenset(value for line in lines if (value := reader(line)) is not None)


def _only(values: Iterable[_T]) -> _T | None:
    found = tuple(values)
    return found[0] if len(found) == 1 else None


def _designation(line: str) -> str | None:
    """As the register writes it (`Beekbergen K 4825`): municipality, section, number and an apartment's index."""
    found = _DESIGNATION.fullmatch(line)
    if found is None:
        return None
    place, section, number, index = found.groups()
    return " ".join(part for part in (place, section.upper(), number, index) if part)


def _price(line: str) -> Decimal | None:
    found = _BOUGHT.fullmatch(line)
    return euro(found[1]) if found and found[1] else None


def _bought_in(line: str) -> PartialDate | None:
    found = _BOUGHT.fullmatch(line)
    written = (found[2] or found[3]) if found else None
    return year(int(written)) if written else None


def _with_others(line: str) -> bool | None:
    found = _WITH_OTHERS.fullmatch(line)
    return found[1].lower() == "ja" if found else None


def _address(line: str) -> _Address | None:
    """A whole address on one line. A street that seems to end in a number leaves open which number is the house's."""
    found = _ADDRESS.fullmatch(line)
    if found is None or found[1][-1].isdigit():
        return None
    street, number, letter, addition, digits, letters, city = found.groups()
    return _Address(street, int(number), letter, addition, digits + letters, city.strip())


def _amount(line: str) -> Decimal | None:
    found = _VALUE.fullmatch(line)
    return euro(found[1]) if found else None


def _reference(line: str) -> PartialDate | None:
    found = _REFERENCE.fullmatch(line)
    return day(found[1]) if found else None


def _dated(line: str) -> _Dated | None:
    return _pair(line, _DATED)


def _listed(line: str) -> _Dated | None:
    return _pair(line, _LISTED)


def _pair(line: str, patterns: Iterable[re.Pattern[str]]) -> _Dated | None:
    for pattern in patterns:
        if (found := pattern.fullmatch(line)) is not None:
            on, amount = day(found["day"]), euro(found["euro"])
            return _Dated(on, amount) if on is not None and amount is not None else None
    return None


_READERS: tuple[Callable[[str], object | None], ...] = (
    _designation,
    _address,
    _price,
    _bought_in,
    _amount,
    _reference,
    _dated,
)


def _unread(lines: Page) -> int:
    """How many lines have one of our labels and a value, and are not understood; and values that contradict."""
    missed = sum(_WATCHED.match(line) is not None and all(read(line) is None for read in _READERS) for line in lines)
    clashing = (_all(_price, lines), _all(_bought_in, lines), _all(_with_others, lines), _all(_address, lines))
    return missed + sum(len(values) > 1 for values in clashing)


def _home(lines: Page, worth: _Worth) -> RealEstate:
    price, at = _only(_all(_price, lines)), _only(_all(_address, lines))
    return RealEstate(
        owners=(Owner(person=SELF),),
        cadastral_designation=_only(_all(_designation, lines)),
        street=at and at.street,
        number=at and at.number,
        letter=at and at.letter,
        addition=at and at.addition,
        postcode=at and at.postcode,
        city=at and at.city,
        values=worth.values,
        bought_for=None if price is None else Money(amount=price, period="once"),
        bought_in=_only(_all(_bought_in, lines)),
        bought_with_others=_only(_all(_with_others, lines)) or False,
    )


def _worth(lines: Page) -> _Worth:
    """WOZ values, oldest first: each with the day it stands with, or one amount and one day in the whole paper."""
    told = _all(_dated, lines) | (_all(_listed, lines) if any(map(_COLUMNS.fullmatch, lines)) else frozenset())
    apart = _all(_amount, lines) - {each.amount for each in told}
    days = _all(_reference, lines)
    lonely, on = _only(apart), _only(days)
    if lonely is not None and on is not None:
        told, apart = told | {_Dated(on, lonely)}, frozenset[Decimal]()
    by_day = {each.day: {other.amount for other in told if other.day == each.day} for each in sorted(told)}
    certain = tuple(_property_value(on, amounts) for on, amounts in by_day.items() if len(amounts) == 1)
    undated = tuple(apart) if len(apart) == 1 and not days else ()
    return _Worth(certain, undated, len(by_day) - len(certain) + (len(apart) - len(undated)))


def _property_value(on: PartialDate, amounts: Iterable[Decimal]) -> PropertyValue:
    return PropertyValue(amount=Money(amount=next(iter(amounts)), period="once"), reference_date=on)


def _undated(amounts: Iterable[Decimal]) -> tuple[Finding, ...]:
    """A WOZ value whose day the paper does not tell is a remark and no value: a date would be invented."""
    return tuple(
        Finding(
            kind="source-note",
            code="woz-value-undated",
            source=SOURCE,
            person=SELF,
            field=_FIELD,
            values=(FindingValue(source=SOURCE, value=str(amount)),),
        )
        for amount in amounts
    )
