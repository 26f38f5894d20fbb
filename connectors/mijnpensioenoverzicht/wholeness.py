"""Whether all that stands in a pension overview was read, and whether one without pensions really says so.

No official description is public, so this goes by what independent readers of the download agree on: names that are
always there, and totals that repeat what the details have.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from connectors.contract import Field, SourceError
from connectors.mijnpensioenoverzicht.model import (
    Details,
    Line,
    OldAgeBlock,
    Overview,
    StateLine,
    SurvivorBlock,
    SurvivorLine,
    Tree,
)
from connectors.unread import renamed

# What stands beside the names of the model, and is known and not read.
_PASSED_OVER = frozenset({"TijdstipAanmakenBericht", "Statussen", "Gegevens", "Totalen"})
_LISTS = ("Pensioen", "IndicatiefPensioen", "AlleenstaandenPensioen")
_ZEROS = (None, 0, "", "0", "0.0", "0.00")


def lost(told: Tree, overview: Overview) -> frozenset[Field | None]:
    """What was not read whole: the fields it belongs to, None for what could belong to any.

    `told` is the overview as it stands. Raises SourceError(unreadable) for one without pensions that does not say that
    there are none.
    """
    details = overview.details or Details()
    blocks = old_age_blocks(details)
    survivors = (*partner_blocks(details), *orphan_blocks(details))
    fields: set[Field | None] = {*_lacking(blocks, survivors), *_untold(part(told, "Totalen"), details)}
    if _renamed(told, overview):
        fields.add(None)
    if not any(map(_pays, (*blocks, *survivors))) and (fields or not _says_nothing(told)):
        raise SourceError("unreadable", "no pensions where the overview has them, or says that it has none")
    return frozenset(fields)


def old_age_blocks(details: Details) -> tuple[OldAgeBlock, ...]:
    """The spans of the person's own life."""
    return (details.ouderdoms_pensioen_details and details.ouderdoms_pensioen_details.ouderdoms_pensioen) or ()


def partner_blocks(details: Details) -> tuple[SurvivorBlock, ...]:
    """The spans of a partner's."""
    return (details.partner_pensioen_details and details.partner_pensioen_details.partner_pensioen) or ()


def orphan_blocks(details: Details) -> tuple[SurvivorBlock, ...]:
    """The spans of a child's."""
    return (details.wezen_pensioen_details and details.wezen_pensioen_details.wezen_pensioen) or ()


def part(told: Tree, *path: str) -> Tree:
    """What stands at `path`; None when something else does, or nothing."""
    for name in path:
        told = told.get(name) if isinstance(told, dict) else None
    return told


def _renamed(told: Tree, overview: Overview) -> bool:
    names = (
        {name: inner for name, inner in told.items() if name not in _PASSED_OVER} if isinstance(told, dict) else told
    )
    return renamed(names, msgspec.to_builtins(overview))


def _lacking(blocks: tuple[OldAgeBlock, ...], survivors: tuple[SurvivorBlock, ...]) -> Iterator[Field]:
    """Amounts that always are there, and are not."""
    if any(line.te_bereiken is None or line.opgebouwd is None for block in blocks for line in _lines(block)):
        yield "pension.scheme"
    if any(block.state is not None and not _tells(block.state) for block in blocks):
        yield "pension.state"
    if not all(_left(block) and all(map(_insures, _left(block))) for block in survivors):
        yield "pension.survivor"


def _untold(totals: Tree, details: Details) -> Iterator[Field]:
    """Totals of something that the details have nothing of."""
    blocks = old_age_blocks(details)
    own = set(_summed(part(totals, "OuderdomsPensioenTotalen", "OuderdomsPensioenTotaal")))
    kept = {name for block in blocks for name, lines in zip(_LISTS, _kinds(block), strict=True) if lines}
    if own.intersection(_LISTS) - kept:
        yield "pension.scheme"
    if own & {"AOWSamenwonend", "AOWAlleenstaand"} and not any(block.state for block in blocks):
        yield "pension.state"
    partner = set(_summed(part(totals, "PartnerPensioenTotalen", "PartnerPensioenTotaal")))
    orphans = set(_summed(part(totals, "WezenPensioenTotalen", "WezenPensioenTotaal")))
    for summed, left in ((partner, partner_blocks(details)), (orphans, orphan_blocks(details))):
        if summed.intersection(_LISTS) and not any(map(_left, left)):
            yield "pension.survivor"


def _summed(totals: Tree) -> Iterator[str]:
    """The names under which a total has an amount: of old age by itself, of survivors in an object."""
    for block in totals if isinstance(totals, list) else [totals]:
        for name, amount in block.items() if isinstance(block, dict) else ():
            if any(leaf not in _ZEROS for leaf in _leaves(amount)):
                yield name


def _says_nothing(told: Tree) -> bool:
    """An overview whose details are named, and that has no total of anything."""
    totals = part(told, "Totalen")
    return isinstance(told, dict) and "Details" in told and all(leaf is None for leaf in _leaves(totals))


def _leaves(told: Tree) -> Iterator[str | float | None]:
    """Every value, however deep."""
    waiting = [told]
    while waiting:
        match waiting.pop():
            case dict() as branch:
                waiting.extend(branch.values())
            case list() as several:
                waiting.extend(several)
            case leaf:
                yield leaf


def _pays(block: OldAgeBlock | SurvivorBlock) -> bool:
    if isinstance(block, OldAgeBlock):
        return block.state is not None or bool(_lines(block))
    return bool(_left(block))


def _kinds(block: OldAgeBlock) -> tuple[tuple[Line, ...], ...]:
    return (block.pensioen or (), block.indicatief_pensioen or (), block.alleenstaanden_pensioen or ())


def _lines(block: OldAgeBlock) -> tuple[Line, ...]:
    return tuple(line for lines in _kinds(block) for line in lines)


def _left(block: SurvivorBlock) -> tuple[SurvivorLine, ...]:
    return (*(block.pensioen or ()), *(block.indicatief_pensioen or ()))


def _tells(state: StateLine) -> bool:
    return state.amounts is not None and None not in msgspec.structs.astuple(state.amounts)


def _insures(line: SurvivorLine) -> bool:
    amounts = msgspec.structs.astuple(line.bedragen) if line.bedragen is not None else ()
    return any(amount is not None for amount in amounts)
