"""What in an answer was not read: names that nobody knows where a known one should be, and the finding that says so.

An answer is drifting away from what we know of its source when something in it has another name. What was lost in that
way must never look as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from connectors.contract import Field
from schemas.records import SELF, Finding

Plain: TypeAlias = "str | int | float | bool | Sequence[Plain] | Mapping[str, Plain] | None"


class Block(NamedTuple):
    """What a source's schema lets stand in one block of a message that we read, by name.

    `must` is never missing or empty, `may` can be; `inside` are those that are looked into. Of a valid message nothing
    stands outside this: schemas change with their version, and the version is in the question. What departs from it was
    renamed, moved or lost on the way, and of its own absence nothing may be concluded.
    """

    must: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    inside: Mapping[str, Block] = {}


def departs(told: Plain, block: Block) -> bool:
    """Whether something stands in a JSON object, or in one of a list, that its schema does not know or lacks there."""
    if isinstance(told, Sequence) and not isinstance(told, str):
        return any(departs(one, block) for one in told)
    if not isinstance(told, Mapping):
        return False
    if not block.must <= told.keys() or not told.keys() <= block.must | block.may:
        return True
    return any(departs(told[name], inner) for name, inner in block.inside.items() if name in told)


def renamed(told: Plain, read: Plain) -> bool:
    """Whether anywhere in a message an unknown name stands where a known one is missing.

    `told` is the message as it came, `read` what our model made of it with every name it knows, both as plain values.
    An unknown name beside all the known ones is something new and no loss.
    """
    if isinstance(told, Mapping) and isinstance(read, Mapping):
        if told.keys() - read.keys() and read.keys() - told.keys():
            return True
        return any(renamed(told[name], read[name]) for name in told.keys() & read.keys())
    if isinstance(told, str) or isinstance(read, str) or not isinstance(told, Sequence):
        return False
    return isinstance(read, Sequence) and any(renamed(one, other) for one, other in zip(told, read, strict=False))


def unread(source: str, code: str, fields: Iterable[Field | None]) -> tuple[Finding, ...]:
    """One finding `incomplete` when any of `fields` was not read whole, and none when there are none.

    It names the field when it is one; None among them is something of which we cannot tell where it belongs.
    """
    found = set(fields)
    if not found:
        return ()
    field = next(iter(found)) if len(found) == 1 else None
    return (Finding(kind="incomplete", code=code, source=source, person=SELF, field=field),)
