"""The Belastingdienst's papers as the citizen downloads them: inkomensverklaring and aanslag inkomstenbelasting (PDF).

Their layout is published nowhere. So only what is labelled in so many words, with its one amount on the same line, is
read; the rest is said to be unread, and travels with the document itself. Amounts are euro over a tax year.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

from connectors import printed
from connectors.belastingdienst.facts import SOURCE
from connectors.contract import Document, DocumentRefused
from connectors.printed import AMOUNT, DAY, Page, euro
from schemas.base import Money
from schemas.income import Assessment
from schemas.records import SELF, SourceRecords

_Label: TypeAlias = Literal["total", "box1", "box2", "box3"]
_Status: TypeAlias = Literal["provisional", "final", "unknown"]

_STATEMENT = re.compile(r"^(?:uw )?inkomensverklaring\b", re.IGNORECASE | re.MULTILINE)
_ASSESSMENT = re.compile(
    r"^(?:uw )?(?:(?:nadere|herziene) )?(?:(voorlopige|definitieve) )?aanslag\s(?:20[0-9]{2}\s)?inkomstenbelasting\b",
    re.IGNORECASE | re.MULTILINE,
)
_SENDER = re.compile(r"\b(?:belastingdienst|verzamelinkomen)\b", re.IGNORECASE)
_STATUSES: dict[str, _Status] = {"voorlopige": "provisional", "definitieve": "final"}

_YEAR = re.compile(r"(?<![\w.,-])20[0-9]{2}(?![\w-])")
_NAMES_YEAR = re.compile(
    r"\b(?:belastingjaar|inkomensjaar|inkomensverklaring|aanslag|inkomstenbelasting|verzamelinkomen)\b", re.IGNORECASE
)
_LABELS: dict[_Label, str] = {
    "total": "(?:vastgesteld )?verzamelinkomen",
    "box1": r"(?:box 1[ :-]*)?(?:belastbaar )?inkomen uit werk en woning(?: \(?box 1\)?)?",
    "box2": r"(?:box 2[ :-]*)?(?:belastbaar )?inkomen uit aanmerkelijk belang(?: \(?box 2\)?)?",
    "box3": r"(?:box 3[ :-]*)?(?:belastbaar )?inkomen uit sparen en beleggen(?: \(?box 3\)?)?",
}
_LINES: dict[_Label, re.Pattern[str]] = {
    label: re.compile(
        rf"(?:uw |het )?{words}(?:[: ]|over|in|is|bedraagt|vastgesteld op|20[0-9]{{2}})*({AMOUNT})\.?", re.IGNORECASE
    )
    for label, words in _LABELS.items()
}
_WATCHED = re.compile(r"verzamelinkomen|\bbox [123]\b|inkomen uit (?:werk|aanmerkelijk|sparen)", re.IGNORECASE)


class _Title(NamedTuple):
    """What kind of paper it is, in its own words, and how final."""

    text: str
    status: _Status


class _Incomes(NamedTuple):
    """The amounts that are certain, and how many labelled ones are not."""

    amounts: Mapping[_Label, Decimal]
    unread: int


def read(document: Document) -> SourceRecords:
    """One assessment with the amounts that are certain; without a certain tax year only the finding that it is unread.

    Raises DocumentRefused(other-document).
    """
    lines = tuple(line for page in document.pages for line in printed.lines(page))
    title = _title("\n".join(lines))
    if title is None:
        raise DocumentRefused("other-document")
    year, incomes = _year(lines), _incomes(lines)
    if year is None:
        return SourceRecords(findings=(printed.not_read(SOURCE),))
    assessment = Assessment(
        person=SELF,
        year=year,
        status=title.status,
        status_text=title.text,
        total=_yearly(incomes.amounts.get("total")),
        box1=_yearly(incomes.amounts.get("box1")),
        box2=_yearly(incomes.amounts.get("box2")),
        box3=_yearly(incomes.amounts.get("box3")),
    )
    unread = printed.unread(SOURCE, incomes.unread)
    return SourceRecords(
        incomes=(assessment,), findings=unread if incomes.amounts else (*unread, printed.not_read(SOURCE))
    )


def _title(text: str) -> _Title | None:
    """The paper's title, at the start of a line; a statement may name the assessment it rests on further down."""
    statement, assessment = _STATEMENT.search(text), _ASSESSMENT.search(text)
    if _SENDER.search(text) is None or (statement is None and assessment is None):
        return None
    if assessment is None or (statement is not None and statement.start() < assessment.start()):
        return _Title("Inkomensverklaring", "unknown")
    kinds = {found[1].lower() if found[1] else "" for found in _ASSESSMENT.finditer(text)}
    kind = kinds.pop() if len(kinds) == 1 else ""
    return _Title(f"{kind} aanslag".strip().capitalize(), _STATUSES.get(kind, "unknown"))


def _year(lines: Page) -> int | None:
    """The tax year, when all lines that name one name the same; the days on which letters were written are none."""
    named = (re.sub(f"{DAY}|{AMOUNT}", "", line) for line in lines if _NAMES_YEAR.search(line))
    years = {found for line in named for found in _YEAR.findall(line)}
    return int(years.pop()) if len(years) == 1 else None


def _incomes(lines: Page) -> _Incomes:
    """A label's amount is certain when it has one amount, the same wherever the label comes back."""
    found: dict[_Label, set[Decimal]] = {}
    unread = 0
    for line in lines:
        label, amount = _labelled(line)
        if label is not None and amount is not None:
            found.setdefault(label, set()).add(amount)
        elif "€" in line and _WATCHED.search(line):
            unread += 1
    certain: dict[_Label, Decimal] = {
        label: next(iter(amounts)) for label, amounts in found.items() if len(amounts) == 1
    }
    return _Incomes(certain, unread + len(found) - len(certain))


def _labelled(line: str) -> tuple[_Label | None, Decimal | None]:
    for label, pattern in _LINES.items():
        if (found := pattern.fullmatch(line)) is not None:
            return label, euro(found[1])
    return None, None


def _yearly(amount: Decimal | None) -> Money | None:
    return None if amount is None else Money(amount=amount, period="year")
