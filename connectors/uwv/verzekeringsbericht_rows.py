"""The pay rows of a Verzekeringsbericht: period, hours, SV-loon and what a company car counts for.

Owns the order of a row's parts. Text extractors differ in where they break lines, so a row is read from that order and
not from its lines; a row of which one part has no certain place is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

from connectors.printed import AMOUNT, DAY, day, euro
from schemas.base import PartialDate

Kind: TypeAlias = Literal["day", "until", "amount", "euro", "number", "own", "value", "column", "word"]

_PART = re.compile(
    rf"(?P<day>{DAY})|(?P<until>t/m)|(?P<amount>{AMOUNT})|(?P<euro>-?€)"
    r"|(?P<number>-?[0-9][0-9.]*(?:,(?:[0-9]+|-{1,2}))?-?(?!\S))"
    r"|(?P<own>Eigen bijdrage auto)|(?P<value>Waarde priv[eé]gebruik auto)"
    r"|(?P<column>(?:Periode|Aantal (?:uur|uren)|[Ss][Vv]-?[Ll]oon)(?!\w))|(?P<word>\S+)"
)
VALUES: frozenset[Kind] = frozenset({"day", "until", "amount", "euro", "own", "value"})
_HOURS = re.compile(r"(-?)([0-9]{1,5})(?:,0+)?(-?)")


class Row(NamedTuple):
    """What was paid over one period, in euro. `hours_unread`: hours stand there, and are no whole number."""

    start: PartialDate
    end: PartialDate
    hours: int | None
    hours_unread: bool
    wage: Decimal
    own: Decimal | None  # what the employee pays for the car
    value: Decimal | None  # what private use of the car counts for


class Part(NamedTuple):
    kind: Kind
    text: str


def rows(table: Iterable[list[Part]]) -> tuple[tuple[Row, ...], int]:
    """The rows that can be read for certain, and how many rows and other lines with values cannot."""
    certain: list[Row] = []
    unread = 0
    for found in _row_parts(table):
        row = _row(found)
        if row is not None:
            certain.append(row)
        unread += row is None or row.hours_unread
    return tuple(certain), unread


def _row_parts(table: Iterable[list[Part]]) -> Iterator[list[Part]]:
    """The parts of each row: from a first day to the next, over as many lines as it takes.

    A line with other words ends a row. Values before any row, or among other words, come as a row of their own, which
    cannot be read.
    """
    current: list[Part] = []
    for line in table:
        kinds = {part.kind for part in line}
        if "word" in kinds:
            yield from (row for row in (current, line if kinds & VALUES else []) if row)
            current = []
            continue
        for part in _without_columns(line):
            done, current = _grown(current, part)
            if done:
                yield done
    if current:
        yield current


def _grown(row: list[Part], part: Part) -> tuple[list[Part], list[Part]]:
    """The row that `part` ends, if any, and the one it belongs to. What stands before `t/m` is a first day."""
    kinds = [before.kind for before in row]
    if part.kind == "day" and kinds != ["day", "until"]:
        return row, [part]
    if part.kind == "until" and kinds == ["day", "until", "day"]:
        return row[:-1], [row[-1], part]
    return [], [*row, part]


def _without_columns(line: list[Part]) -> Iterable[Part]:
    """A line without the names of the columns, which may come back on every page."""
    kinds = {part.kind for part in line}
    if "column" in kinds and not kinds & {"day", "amount", "euro", "number"}:
        return ()
    return (part for part in line if part.kind != "column")


def _row(parts: Sequence[Part]) -> Row | None:
    """A row of which every part has its place, else None."""
    if [part.kind for part in parts[:3]] != ["day", "until", "day"]:
        return None
    start, end, rest = day(parts[0].text), day(parts[2].text), list(parts[3:])
    hours = rest.pop(0).text if rest and rest[0].kind == "number" else None
    amounts = _amounts(_with_signs(rest))
    if start is None or end is None or start > end or amounts is None:
        return None
    whole = _whole_number(hours) if hours is not None else None
    return Row(start, end, whole, hours is not None and whole is None, *amounts)


def _with_signs(parts: Sequence[Part]) -> list[Part]:
    """Amounts whose euro sign stands alone, at the end of the line before, in one part."""
    signed: list[Part] = []
    for part in parts:
        if part.kind == "number" and signed and signed[-1].kind == "euro":
            signed[-1] = Part("amount", f"{signed[-1].text} {part.text}")
        else:
            signed.append(part)
    return signed


def _amounts(parts: Sequence[Part]) -> tuple[Decimal, Decimal | None, Decimal | None] | None:
    """Wage, own contribution and private use of a row. None when it is not certain which amount is which.

    Each label is followed by its amount, and the one amount without a label is the wage; or the wage comes first, then
    both labels, then both amounts.
    """
    kinds = [part.kind for part in parts]
    if set(kinds[1:3]) == {"own", "value"} and kinds[:1] == kinds[3:4] == kinds[4:] == ["amount"]:
        parts = [parts[0], parts[1], parts[3], parts[2], parts[4]]
    labelled: dict[Kind, Decimal | None] = {}
    label: Kind = "word"
    for part in parts:
        if part.kind == "amount" and label not in labelled:
            labelled[label], label = euro(part.text), "word"
        elif part.kind in ("own", "value") and label == "word" and part.kind not in labelled:
            label = part.kind
        else:
            return None
    wage = labelled.get("word")
    if wage is None or label != "word" or None in labelled.values():
        return None
    return wage, labelled.get("own"), labelled.get("value")


def _whole_number(text: str) -> int | None:
    found = _HOURS.fullmatch(text)
    if found is None or (found[1] and found[3]):
        return None
    return -int(found[2]) if found[1] or found[3] else int(found[2])


def parts(text: str) -> Iterator[Part]:
    for found in _PART.finditer(text.replace("t/m", " t/m ")):
        for kind, value in found.groupdict().items():
            if value is not None:
                yield Part(kind, value)  # pyright: ignore[reportArgumentType]  # the groups are called after the kinds
