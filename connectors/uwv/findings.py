"""What a reader of UWV's answers has to know beside the values, and which of them are certain enough to tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from connectors.contract import Field, SourceError
from connectors.suwiml import Element, remarks
from connectors.unread import unread as of_fields
from schemas.income import Benefit, Contract, Employment, Income
from schemas.records import SELF, Finding

SOURCE = "uwv"


class Told(NamedTuple):
    """One relation of a message as we read it; `departs` where the message is not as its schema says there.

    `field` is what a profile calls it, None where what departs may hide which of the two it is.
    """

    income: Income
    departs: bool
    field: Field | None


def certain(told: Iterable[Told], *, departs: bool) -> tuple[Income, ...]:
    """The incomes that say something; `departs` when the message is not as its schema says around the relations.

    Raises SourceError(unreadable) when nothing is left of a message that departs anywhere: that nothing can be read is
    not that there is nothing.
    """
    told = tuple(told)
    incomes = tuple(each.income for each in told if not (each.departs and _says_nothing(each.income)))
    if not incomes and (departs or told):
        raise SourceError("unreadable", "nothing in the answer stands where its schema says")
    return incomes


def of_answer(response: Element, *, left_out: bool) -> tuple[Finding, ...]:
    """The source's own remarks, and whether some amounts of this answer could not be used.

    `left_out`: a pay period without a first day, or an amount without its period.
    """
    notes = tuple(
        Finding(kind="source-note", code="source-remark", source=SOURCE, person=SELF, text=remark)
        for remark in remarks(response)
    )
    return (*notes, incomplete("period-without-dates")) if left_out else notes


def unread(told: Iterable[Told], *, departs: bool) -> tuple[Finding, ...]:
    """One finding when the message departs from its schema, around the relations or in them."""
    fields: set[Field | None] = {each.field for each in told if each.departs}
    return of_fields(SOURCE, "uwv-unread", fields | {None} if departs else fields)


def incomplete(code: str) -> Finding:
    """What is here is true, but not all of it."""
    return Finding(kind="incomplete", code=code, source=SOURCE, person=SELF)


def _says_nothing(income: Income) -> bool:
    match income:
        case Employment():
            agreed = tuple(contract for contract in income.contracts if contract != Contract())
            said = (income.employer, income.payroll_number, income.start, income.end, *agreed, *income.periods)
        case Benefit():
            said = (income.start, income.end, *income.periods)
        case _:
            return False
    return not any(said)
