"""What a connector makes of every field of a recorded answer: a report to keep, whose changes show that a source moved.

Found out from outside, by taking each field away and changing it, and looking whether the outcome differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from connectors.contract import Absent, Outcome
from connectors.testing.documents import document
from connectors.testing.exchanges import Case, Exchange


class Drift(msgspec.Struct, kw_only=True, rename="camel"):
    """About the answers of one question: paths as in `connectors.testing.documents`, each with all that is in it.

    `unread`: nothing becomes of it; `missing`: the connector asks for it, and no recording has it;
    `silent_without`: taken away, it turns Found into Absent, so that a renamed field would pass for an empty answer.
    """

    unread: list[str]
    missing: list[str]
    silent_without: list[str]


class _Seen(msgspec.Struct):
    paths: dict[str, bool] = {}  # whether anything becomes of it
    asked: set[str] = set()
    silent: set[str] = set()


class Survey:
    """Gathers what several cases tell of the same questions. `collect` runs a case and gives its outcome."""

    def __init__(self, collect: Callable[[Case], Outcome | None]) -> None:
        self._collect = collect
        self._seen: dict[str, _Seen] = {}

    def look(self, case: Case) -> None:
        """Try every field of every answer of a case."""
        good = comparable(self._collect(case))
        for index, exchange in enumerate(case.exchanges):
            self._look_at(case, index, exchange, good)

    def asked(self, exchange: Exchange, paths: Iterable[str]) -> None:
        """Note what the connector asks for in this question, or has a place for."""
        self._seen.setdefault(exchange.name, _Seen()).asked.update(paths)

    def report(self) -> dict[str, Drift]:
        """What was found, by question."""
        return {
            name: Drift(
                unread=_outermost(path for path, read in seen.paths.items() if not read),
                missing=_outermost(sorted(seen.asked - seen.paths.keys())),
                silent_without=[path for path in seen.paths if path in seen.silent],
            )
            for name, seen in sorted(self._seen.items())
        }

    def _look_at(self, case: Case, index: int, exchange: Exchange, good: object) -> None:
        read = document(exchange.body)
        if read is None:
            return
        seen = self._seen.setdefault(exchange.name, _Seen())

        def changes(body: bytes) -> bool:
            return comparable(self._collect(case.with_answer(index, _answering(exchange, body)))) != good

        for path in read.paths():
            without = self._collect(case.with_answer(index, _answering(exchange, read.without(path))))
            if isinstance(without, Absent) and not path.endswith("[]"):  # without any item there is nothing
                seen.silent.add(path)
            others = (read.altered(path), read.odd(path, "list"), read.odd(path, "flag"))
            matters = comparable(without) != good or any(changes(body) for body in others)
            seen.paths[path] = seen.paths.get(path, False) or matters


def comparable(outcome: Outcome | None) -> Any:
    """An outcome without what tells of the bytes of an answer and not of its content."""
    return _without_digest(msgspec.to_builtins(outcome))


def paths_of(shape: Any) -> frozenset[str]:
    """The paths of a JSON answer that is read into this struct type, as the report names them.

    For `asked` of a connector that decodes with msgspec: what it has a place for. Untyped parts are not followed.
    """
    return frozenset(_paths(msgspec.inspect.type_info(shape), ""))


def _paths(info: msgspec.inspect.Type, path: str) -> Iterable[str]:
    if isinstance(info, msgspec.inspect.StructType):
        for field in info.fields:
            inner = f"{path}.{field.encode_name}".lstrip(".")
            yield inner
            yield from _paths(field.type, inner)
    elif isinstance(info, msgspec.inspect.UnionType):
        for one in info.types:
            yield from _paths(one, path)
    elif isinstance(info, msgspec.inspect.VarTupleType | msgspec.inspect.ListType):
        yield f"{path}[]"
        yield from _paths(info.item_type, f"{path}[]")


def _answering(exchange: Exchange, body: bytes) -> Exchange:
    return exchange.answering(body, exchange.status)


def _outermost(paths: Iterable[str]) -> list[str]:
    """The paths that lie in none before them."""
    kept: list[str] = []
    for path in paths:
        if not any(path.startswith((f"{outer}.", f"{outer}[]", f"{outer}/")) for outer in kept):
            kept.append(path)
    return kept


def _without_digest(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _without_digest(value) for name, value in tree.items() if name != "documentDigest"}
    if isinstance(tree, list | tuple):
        return [_without_digest(value) for value in tree]
    return tree
