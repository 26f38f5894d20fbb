"""The text layer of a Verzekeringsbericht cut into what it consists of: who it is about, and blocks per employer.

Owns the layout around the pay rows and nothing of what the values mean. No official description is public: the labels
are those that independent public readers of the PDF agree on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, takewhile
from typing import Literal, NamedTuple, TypeAlias

from connectors.printed import DAY, Page, day
from connectors.uwv.verzekeringsbericht_rows import VALUES, Part, Row, parts, rows
from schemas.base import PartialDate

Heading: TypeAlias = Literal["employer", "payroll", "laws", "contract"]

VERSION = re.compile(r"(?<!\w)VZB[-_ ]?([0-9]{3})(?!\w)")

_HEADINGS: dict[str, Heading] = {
    "Werkgever": "employer",
    "Loonheffingennummer": "payroll",
    "Verzekerde wetten": "laws",
    "Contractvorm": "contract",
}
_HEADING = re.compile(
    r"(?<!\w)(?:(Werkgever) ?/ ?Instantie|(Loonheffingennummer)|(Verzekerde wetten)|(Contractvorm))(?!\w):?"
)
_BORN = re.compile(rf"Geboortedatum:? ?({DAY})")
_SALUTATION = re.compile(r"(?:De heer|Mevrouw) ([^\d,;:€]{2,100})")
# What stands on every page, whatever the page is about.
_RUNNING = re.compile(
    rf"Geboortedatum:? ?{DAY}|(?<!\w)Datum:? ?{DAY}|{VERSION.pattern}|(?:Pagina|Blad) [0-9]+(?: ?(?:van|/) ?[0-9]+)?"
)
_TITLES = frozenset({"Verzekeringsbericht", "Loongegevens"})
_WAITING = re.compile(r"(?:Geboortedatum|Datum):?")
_PREFIX = 4  # letters of the longest word of a name that has no capital
_EDGE = 6  # so many lines from the edge of a page, what comes back on another page is a header or footer


class Block(NamedTuple):
    """One employer or payer: its headings as printed (None: absent or empty), its rows, how much was not understood."""

    employer: str | None
    payroll: str | None
    contract: str | None
    rows: tuple[Row, ...]
    unread: int
    on_top: bool  # its heading is the first thing on a page that is not the first


class Message(NamedTuple):
    """Everything a Verzekeringsbericht says that we use."""

    versions: frozenset[str]
    names: frozenset[str]
    birth_dates: frozenset[PartialDate]
    blocks: tuple[Block, ...]


class _Piece(NamedTuple):
    """A heading with what stands behind it, or a line without a heading."""

    heading: Heading | None
    text: str
    on_top: bool


def is_message(pages: Sequence[Page]) -> bool:
    """Whether this is a Verzekeringsbericht: two of its title, its version and its headings are there."""
    everything = [line for page in pages for line in page]
    signs = (
        any(re.search(r"\bVerzekeringsbericht\b", line, re.IGNORECASE) for line in everything),
        any(VERSION.search(line) for line in everything),
        any(line == "Loongegevens" or _HEADING.match(line) for line in everything),
    )
    return sum(signs) >= 2


def cut(pages: Sequence[Page]) -> Message:
    """The parts of a Verzekeringsbericht; `pages` are those of `printed.lines`. Raises nothing."""
    joined = [_joined(page) for page in pages]
    everything = [line for page in joined for line in page]
    before = takewhile(lambda line: _HEADING.search(line) is None, everything)
    born = (day(found[1]) for line in everything for found in _BORN.finditer(line))
    return Message(
        versions=frozenset(found[1] for line in everything for found in VERSION.finditer(line)),
        names=frozenset(name for line in before if (name := _name(_RUNNING.sub("", line).strip())) is not None),
        birth_dates=frozenset(known for known in born if known is not None),
        blocks=tuple(_whole(_block(pieces) for pieces in _per_employer(_pieces(_bodies(joined))))),
    )


def _joined(page: Page) -> Page:
    """A date that stands below its label, behind it."""
    joined: list[str] = []
    for line in page:
        if joined and _WAITING.fullmatch(joined[-1]):
            joined[-1] = f"{joined[-1]} {line}"
        else:
            joined.append(line)
    return tuple(joined)


def _name(line: str) -> str | None:
    """The name behind a salutation: words with a capital, and short ones between them (`van der`); else None."""
    found = _SALUTATION.fullmatch(line)
    words = found[1].split() if found else []
    own = [word for word in words if word.lstrip("'’")[:1].isupper()]
    if not own or any(len(word) > _PREFIX for word in words if word not in own):
        return None
    return " ".join(words)


def _bodies(pages: Sequence[Page]) -> list[Page]:
    """The pages without what stands on every page: known lines, and lines that come back at the same place."""
    known = [
        tuple(rest for line in page if (rest := _RUNNING.sub("", line).strip()) and not _is_title(rest))
        for page in pages
    ]
    places = Counter(place for page in known for place in {*_places(page), *_places(page[::-1], bottom=True)})
    bodies: list[Page] = []
    for page in known:
        top = _repeated(page, places, bottom=False)
        end = _repeated(page[top:][::-1], places, bottom=True)
        bodies.append(page[top : len(page) - end])
    return bodies


def _is_title(line: str) -> bool:
    return line in _TITLES or _name(line) is not None


def _places(page: Page, *, bottom: bool = False) -> Iterator[tuple[bool, int, str]]:
    for index, line in enumerate(page[:_EDGE]):
        yield bottom, index, re.sub("[0-9]+", "0", line)


def _repeated(page: Page, places: Counter[tuple[bool, int, str]], *, bottom: bool) -> int:
    """How many lines from the edge stand at the same place of another page too, up to the first that may be data."""
    passed = takewhile(
        lambda pair: places[pair[0]] > 1 and _is_prose(pair[1]), zip(_places(page, bottom=bottom), page, strict=False)
    )
    return sum(1 for _ in passed)


def _is_prose(line: str) -> bool:
    kinds = {part.kind for part in parts(line)}
    return "word" in kinds and not kinds & VALUES and _HEADING.search(line) is None


def _pieces(pages: Iterable[Page]) -> Iterator[_Piece]:
    for number, page in enumerate(pages):
        for index, line in enumerate(page):
            starts = [found.start() for found in _HEADING.finditer(line)]
            edges = [0, *(start for start in starts if start), len(line)]
            for start, end in pairwise(edges):
                yield _piece(line[start:end].strip(), on_top=number > 0 and index == 0 and start == 0)


def _piece(text: str, *, on_top: bool) -> _Piece:
    found = _HEADING.match(text)
    if found is None:
        return _Piece(None, text, on_top)
    heading = next(group for group in found.groups() if group)
    return _Piece(_HEADINGS[heading], text[found.end() :].strip(), on_top)


def _per_employer(pieces: Iterable[_Piece]) -> Iterator[list[_Piece]]:
    """What follows each employer's heading; what stands before the first is no pay."""
    current: list[_Piece] = []
    for piece in pieces:
        if piece.heading == "employer" and current:
            yield current
            current = []
        if piece.heading == "employer" or current:
            current.append(piece)
    if current:
        yield current


def _block(pieces: list[_Piece]) -> Block:
    headings: dict[Heading, list[list[str]]] = {}
    table: list[list[Part]] = []
    writing: list[str] | None = None
    for piece in pieces:
        read = list(parts(piece.text))
        if piece.heading is not None:
            writing = [piece.text] if piece.text else []
            headings.setdefault(piece.heading, []).append(writing)
        elif writing is not None and _continues(read):
            writing.append(piece.text)
        else:
            writing = None
            table.append(read)
    said = {heading: {" ".join(text) for text in texts if text} for heading, texts in headings.items()}
    certain, unread = rows(table)
    return Block(
        employer=_only(said.get("employer")),
        payroll=_only(said.get("payroll")),
        contract=_only(said.get("contract")),
        rows=certain,
        unread=unread + sum(len(texts) > 1 for texts in said.values()),
        on_top=pieces[0].on_top,
    )


def _only(texts: set[str] | None) -> str | None:
    return next(iter(texts)) if texts is not None and len(texts) == 1 else None


def _continues(line: Sequence[Part]) -> bool:
    """Whether a line goes on with the text of the heading above it: it has words, and nothing of a pay row."""
    kinds = {part.kind for part in line}
    return "word" in kinds and not kinds & VALUES


def _whole(blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks that a page break parted, in one: the same headings again on top of a page, and no day paid twice."""
    last: Block | None = None
    for block in blocks:
        if last is not None and block.on_top and block[:3] == last[:3] and not _overlap(last.rows, block.rows):
            last = last._replace(rows=(*last.rows, *block.rows), unread=last.unread + block.unread)
            continue
        if last is not None:
            yield last
        last = block
    if last is not None:
        yield last


def _overlap(ones: Sequence[Row], others: Sequence[Row]) -> bool:
    return any(one.start <= other.end and other.start <= one.end for one in ones for other in others)
