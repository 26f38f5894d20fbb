"""The citizen's own download of a pension overview (JSON or XML), read as an answer is, with more suspicion.

A file can be anything, so what is no overview is refused: it may not pass for somebody without a pension.
"""

from __future__ import annotations

from msgspec.structs import replace

from connectors.contract import Document, DocumentRefused, SourceError
from connectors.mijnpensioenoverzicht.model import Tree, tree
from connectors.mijnpensioenoverzicht.parse import day, parse
from connectors.mijnpensioenoverzicht.wholeness import part
from schemas.household import Name, Person
from schemas.records import SELF, SourceRecords


def read(document: Document) -> SourceRecords:
    """Pensions and findings as `parse.parse` has them, and the person where the file names one (XML only).

    Raises DocumentRefused: other-document (also for a PDF: it has no layout anybody describes); damaged, also for an
    overview that says of itself that it failed.
    """
    if document.media_type == "application/pdf":
        raise DocumentRefused("other-document")
    try:
        overview = tree(document.content, document.media_type)
        if not _is_overview(overview):
            raise DocumentRefused("other-document")
        records = parse(document.content, document.media_type)
        persons = _persons(overview)
    except SourceError:
        raise DocumentRefused("damaged") from None
    return replace(records, persons=persons)


def _is_overview(overview: Tree) -> bool:
    """A status alone is found in many a file; beside it stand the details of pensions, their totals or both."""
    return isinstance(overview, dict) and "StatusCode" in overview and not {"Details", "Totalen"}.isdisjoint(overview)


def _persons(overview: Tree) -> tuple[Person, ...]:
    """Who the overview is about: `Gegevens` with `Naam` and `Geboortedatum`. Raises SourceError for another date."""
    holder = part(overview, "Gegevens")
    name, born = part(holder, "Naam"), part(holder, "Geboortedatum")
    written = Name(full=name) if isinstance(name, str) and name else None
    birth_date = day(f"{born}-00-00"[:10]) if isinstance(born, str) else None  # it may lack its day, or its month too
    if written is None and birth_date is None:
        return ()
    return (Person(id=SELF, name=written, birth_date=birth_date),)
