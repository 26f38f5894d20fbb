"""What a reader of UWV's answers has to know beside the values."""

from __future__ import annotations

from connectors.suwiml import Element, remarks
from schemas.records import SELF, Finding

SOURCE = "uwv"


def of_answer(response: Element, *, left_out: bool) -> tuple[Finding, ...]:
    """The source's own remarks, and whether some amounts of this answer could not be used.

    `left_out`: a pay period without a first day, or an amount without its period.
    """
    notes = tuple(
        Finding(kind="source-note", code="source-remark", source=SOURCE, person=SELF, text=remark)
        for remark in remarks(response)
    )
    return (*notes, incomplete("period-without-dates")) if left_out else notes


def incomplete(code: str) -> Finding:
    """What is here is true, but not all of it."""
    return Finding(kind="incomplete", code=code, source=SOURCE, person=SELF)
