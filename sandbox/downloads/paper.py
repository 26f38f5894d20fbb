"""A sheet of the pretend sites: plain type, marked as an example on every page, no logo and nobody's house style.

Owns how text is put on pages, and how names, dates and amounts are written there. Nothing is compressed, so that a test
can find and change what is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from sandbox.downloads.file import Download, Site
from sandbox.personas.facts import Address, Person
from sandbox.sources.brp import initials

MARK = "VOORBEELD - verzonnen gegevens"
_MONTHS = (
    "januari",
    "februari",
    "maart",
    "april",
    "mei",
    "juni",
    "juli",
    "augustus",
    "september",
    "oktober",
    "november",
    "december",
)
_SALUTATIONS = {"M": "De heer", "V": "Mevrouw", "O": "De heer/mevrouw"}
_LINE = 6.5  # mm


class Paper:
    """A document in the making: `source` hands it out as `name`, with `head` on top of every page and `foot` below."""

    def __init__(self, source: Site, name: str, title: str, *, made: date, head: Sequence[str], foot: str = "") -> None:
        self.source: Site = source
        self.name = name
        self._sheet = _Sheet(title, head, foot)
        self._sheet.set_creation_date(datetime(made.year, made.month, made.day, 12, tzinfo=UTC))
        self._sheet.add_page()

    def text(self, text: str, *, strong: bool = False) -> None:
        """A line, or as many as it needs."""
        self._sheet.plain(strong=strong)
        self._sheet.multi_cell(0, _LINE, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def pair(self, label: str, value: str, *, width: float = 55) -> None:
        """A label and its value beside it, which may wrap; `width` of the label in mm."""
        self._sheet.plain()
        self._sheet.cell(width, _LINE, label)
        if value:
            self._sheet.multi_cell(95, _LINE, value, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        else:
            self._sheet.ln(_LINE)

    def row(self, *cells: str, widths: Sequence[float], strong: bool = False) -> None:
        """Cells beside each other, `widths` in mm; empty ones are left open."""
        self._sheet.plain(strong=strong)
        for cell, width in zip(cells, widths, strict=True):
            if cell:
                self._sheet.cell(width, _LINE, cell)
            else:
                self._sheet.set_x(self._sheet.get_x() + width)
        self._sheet.ln(_LINE)

    def gap(self) -> None:
        """Half an empty line."""
        self._sheet.ln(_LINE / 2)

    def has_room(self, lines: int) -> bool:
        """Whether `lines` more lines fit on this page."""
        return self._sheet.get_y() + lines * _LINE < self._sheet.page_break_trigger

    def turn(self) -> None:
        """Go on on a new page."""
        self._sheet.add_page()

    def content(self) -> bytes:
        """The PDF."""
        return bytes(self._sheet.output())

    def file(self, content: bytes) -> Download:
        """The document as a file, with `content` that was made of it."""
        return Download(source=self.source, name=self.name, media_type="application/pdf", content=content)


class _Sheet(FPDF):
    """Pages with the mark and the head on top, and the foot and their number below."""

    def __init__(self, title: str, head: Sequence[str], foot: str) -> None:
        super().__init__()
        self.core_fonts_encoding = "windows-1252"  # has the euro sign
        self.set_compression(False)
        self.set_auto_page_break(auto=True, margin=25)
        self.set_title(f"{title} ({MARK})")
        self.set_lang("nl")
        self.set_producer("zandbak")
        self._head = (title, *head)
        self._foot = foot

    def plain(self, *, strong: bool = False) -> None:
        """The type of ordinary text."""
        self.set_font("helvetica", style="B" if strong else "", size=10)

    def header(self) -> None:
        self.set_font("helvetica", style="B", size=9)
        self.cell(0, _LINE, MARK, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.plain()
        for line in self._head:
            self.cell(0, _LINE, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(_LINE / 2)

    def footer(self) -> None:
        self.set_y(-18)
        self.set_font("helvetica", size=8)
        if self._foot:
            self.cell(40, _LINE, self._foot)
        self.cell(0, _LINE, f"Pagina {self.page_no()} van {{nb}}", align="R")


def addressed(one: Person) -> str:
    """A person as a letter has them: `Mevrouw A.R. de Dwars`."""
    return f"{_SALUTATIONS[one.gender]} {named(one)}"


def named(one: Person) -> str:
    """Initials and surname."""
    return " ".join(part for part in (initials(one), one.prefix, one.surname) if part)


def numeric(day: str) -> str:
    """An ISO date as DD-MM-YYYY, with zeros for what is not known (`1985` is `00-00-1985`)."""
    year, month, of_month = f"{day}-00-00"[:10].split("-")
    return f"{of_month}-{month}-{year}"


def spoken(day: date) -> str:
    """A date as letters have it: `03 mei 2026`."""
    return f"{day.day:02d} {_MONTHS[day.month - 1]} {day.year}"


def euro(cents: int) -> str:
    """`€ 1.234,56`, the sign after the euro."""
    whole, rest = divmod(abs(cents), 100)
    return f"€ {'-' if cents < 0 else ''}{whole:,}".replace(",", ".") + f",{rest:02d}"


def whole_euro(amount: int) -> str:
    """Whole euros: `€ 389.500`."""
    return f"€ {amount:,}".replace(",", ".")


def located(address: Address) -> str:
    """An address on one line: `Straat 17 b, 9999 AB Zandstad`."""
    number = " ".join(part for part in (str(address.number), address.letter, address.addition) if part)
    return f"{address.street} {number}, {address.postcode[:4]} {address.postcode[4:]} {address.city}"
