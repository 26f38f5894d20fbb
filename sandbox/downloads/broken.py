"""Files nobody should take as they are: without a good seal, about somebody else, or in a form that is not known."""

from __future__ import annotations

import re
from datetime import date
from io import BytesIO
from typing import Literal

from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from sandbox.downloads.authority import Authority
from sandbox.downloads.file import Download, Site
from sandbox.downloads.shelf import papers
from sandbox.downloads.uwv import AS_PRINTED, Layout
from sandbox.personas import Seat, stranger_to

Broken = Literal[
    "unsealed", "changed", "appended", "other-ca", "other-signer", "with-bsn", "other-version", "somebody-else"
]
_LAYOUTS: dict[Broken, Layout] = {"with-bsn": Layout(bsn=True), "other-version": Layout(version="VZB-003")}
_AMOUNT = re.compile(rb"\x80 -?([0-9])")  # the euro sign as Windows-1252 has it
_ADDED = b"q BT /F1 10 Tf 60 70 Td (Toegevoegd na het verzegelen: \x80 9.999,99) Tj ET Q"


def broken_file(seat: Seat, name: str, how: Broken, *, authority: Authority, today: date) -> Download | None:
    """The PDF called `name` of the person in `seat`, broken in one way; None when they have none.

    `with-bsn` and `other-version` break only the Verzekeringsbericht; `somebody-else` gives the file a stranger has
    under that name.
    """
    whose = stranger_to(seat) if how == "somebody-else" else seat
    layout = _LAYOUTS.get(how, AS_PRINTED)
    paper = next((paper for paper in papers(whose, today, layout) if paper.name == name), None)
    if paper is None:
        return None
    plain = paper.content()
    if how == "unsealed":
        return paper.file(plain)
    signer: Site = "mijnpensioenoverzicht" if how == "other-signer" else paper.source  # which seals no PDF of its own
    sealed = (Authority.made() if how == "other-ca" else authority).seal(plain, signer)
    if how == "changed":
        sealed = _changed(sealed)
    if how == "appended":
        sealed = _appended(sealed)
    return paper.file(sealed)


def _changed(sealed: bytes) -> bytes:
    """The first amount with another first digit, in place: as long as it was, so nothing else moves."""
    found = _AMOUNT.search(sealed)
    if found is None:
        raise ValueError("there is no amount to change")
    digit = int(found[1]) % 9 + 1
    return sealed[: found.start(1)] + str(digit).encode() + sealed[found.end(1) :]


def _appended(sealed: bytes) -> bytes:
    """A revision after the sealed one, which prints an amount on the first page."""
    writer = IncrementalPdfFileWriter(BytesIO(sealed))
    writer.add_stream_to_page(0, writer.add_object(StreamObject(stream_data=_ADDED)))
    written = BytesIO()
    writer.write(written)
    return written.getvalue()
