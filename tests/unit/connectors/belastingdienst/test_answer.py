"""What the Belastingdienst's answer is as a whole: a person, nobody, or one of the refusals, each in its own words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from connectors.belastingdienst import answer
from connectors.contract import SourceError

BSN = "999993653"
NOBODY: dict[str, Any] = {"ingeschrevenPersoon": None}


def parsed(body: object) -> answer.Reply:
    return answer.parse(json.dumps(body).encode(), BSN)


def error(code: object = None) -> dict[str, Any]:
    return {"message": "geheim", "extensions": {"code": code}}


@pytest.mark.parametrize(
    ("body", "kind", "retryable", "detail"),
    [
        ({}, "unreadable", True, "neither data nor errors"),
        ({"data": None}, "unreadable", True, "neither data nor errors"),
        ({"data": None, "errors": []}, "unreadable", True, "neither data nor errors"),
        ({"data": 3}, "unreadable", True, "the answer has not the agreed form"),
        ([], "unreadable", True, "the answer has not the agreed form"),
        ({"errors": [error("UNAUTHENTICATED")]}, "refused", False, "the source refused our credentials"),
        ({"errors": [error("X"), error("FORBIDDEN")]}, "refused", False, "the source refused our credentials"),
        ({"data": NOBODY, "errors": [error("FORBIDDEN")]}, "refused", False, "the source refused our credentials"),
        ({"errors": [error("forbidden")]}, "refused", False, "the source refused the query"),
        ({"errors": [{"message": "geheim"}]}, "refused", False, "the source refused the query"),
        ({"data": None, "errors": [error(403)]}, "unavailable", True, "the source answered with errors only"),
        ({"data": NOBODY, "errors": [{}]}, "unavailable", True, "the source answered with errors only"),
        (
            {"data": {"ingeschrevenPersoon": {"bsn": "999991772"}}},
            "wrong-person",
            False,
            "the answer is about another BSN",
        ),
        (
            {"data": {"ingeschrevenPersoon": {"bsn": "999991772"}}, "errors": [error()]},
            "wrong-person",
            False,
            "the answer is about another BSN",
        ),
    ],
)
def test_every_refusal_says_which_it_is(body: object, kind: str, retryable: bool, detail: str) -> None:
    """Kind, whether to ask again, and for the log a sentence of our own with nothing of the answer in it."""
    with pytest.raises(SourceError) as refused:
        parsed(body)
    failed = refused.value.failed
    assert (failed.kind, failed.retryable, failed.detail) == (kind, retryable, detail)
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)


def test_errors_beside_a_person_leave_parts_out() -> None:
    """With data and errors both the answer counts, and is not complete; an empty list of errors is none."""
    person = {"ingeschrevenPersoon": {"bsn": BSN}}
    whole = answer.Reply(person=answer.IngeschrevenPersoon(bsn=BSN), complete=True)
    assert parsed({"data": person}) == whole
    assert parsed({"data": person, "errors": []}) == whole
    assert parsed({"data": person, "errors": [error("FORBIDDEN")]}) == answer.Reply(person=whole.person, complete=False)
    assert parsed({"data": NOBODY}) == answer.Reply(person=None, complete=True)


def test_items_are_taken_by_their_type() -> None:
    """Of an edge with several types only the wanted one is read; the others may have any form, but must have a name."""
    token = {
        "__typename": "Cryptovaluta",
        "belastingjaar": 2024,
        "tokenSymbool": "BTC",
        "waardePeildatum": {"waarde": 1},
    }
    paper = {"__typename": "Belegging", "belastingjaar": "odd"}
    items = tuple(Raw(json.dumps(item).encode()) for item in (token, paper))
    worth = answer.Bedrag(waarde=1)
    assert answer.of_type(items, answer.Cryptovaluta) == (
        answer.Cryptovaluta(belastingjaar=2024, token_symbool="BTC", waarde_peildatum=worth),
    )
    assert answer.of_type(items, answer.Schuld) == ()
    assert answer.of_type(None, answer.Schuld) == ()
    with pytest.raises(SourceError) as refused:
        answer.of_type((Raw(b"{}"),), answer.Schuld)
    assert refused.value.failed.detail == "the answer has not the agreed form"
