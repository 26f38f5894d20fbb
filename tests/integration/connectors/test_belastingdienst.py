"""The Belastingdienst by the rules for every connector, on answers to its one query."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from graphql import FieldNode, InlineFragmentNode, SelectionSetNode, parse

from connectors.belastingdienst import Belastingdienst
from connectors.belastingdienst.query import FIELDS, query
from connectors.testing import Case, ConnectorConformance, Exchange
from tests.integration.connectors.recordings import BSN, NOW, recording

DENIED = {"errors": [{"message": "Geen toegang", "extensions": {"code": "FORBIDDEN"}}], "data": None}
LISTS = ("heeft", "tussenPersonen")


def asked(answer: bytes | Path, status: int = 200) -> tuple[Exchange, ...]:
    """The one question there is, with this answer."""
    return (Exchange("POST", "/graphql", answer, status),)


def selected(node: SelectionSetNode | None, path: str) -> Iterable[str]:
    """The paths of a selection, as the drift report names them; a fragment adds nothing to its path."""
    for part in node.selections if node else ():
        if isinstance(part, FieldNode):
            inner = f"{path}.{part.name.value}"
            yield inner
            item = f"{inner}[]" if part.name.value.startswith(LISTS) else inner
            yield from selected(part.selection_set, item)
        elif isinstance(part, InlineFragmentNode):
            yield from selected(part.selection_set, path)


class TestBelastingdienst(ConnectorConformance):
    """Own home, allowances and wealth; nobody, and a refusal."""

    connector = Belastingdienst
    bsn = BSN
    now = NOW
    cases = (
        Case("own-home", "found", asked(recording("belastingdienst", "own-home.json"))),
        Case("allowances", "found", asked(recording("belastingdienst", "allowances.json"))),
        Case("wealth", "found", asked(recording("belastingdienst", "wealth.json"))),
        Case("nobody", "absent", asked(recording("belastingdienst", "nobody.json"))),
        Case("denied", "refused", asked(json.dumps(DENIED).encode())),
    )

    def settings(self, url: str) -> dict[str, str]:
        """The service, on the host."""
        return {"url": f"{url}/graphql", "api_key": "KEY"}

    def asked(self, exchange: Exchange) -> Iterable[str]:
        """What the query for all fields selects."""
        del exchange
        (operation,) = parse(query(frozenset(FIELDS)) or "").definitions
        return selected(operation.selection_set, "data")  # pyright: ignore[reportAttributeAccessIssue]
