"""The catalogue of errors: closed, complete, in two languages, with statuses that fit."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from broker.errors import CATALOGUE, Entry, OwnCode, Problem, codes
from sessions.errors import RefusalCode, Refused

ENTRIES = pytest.mark.parametrize(("code", "entry"), CATALOGUE.items(), ids=list(CATALOGUE))


def test_every_code_has_an_entry_and_there_is_no_other() -> None:
    """A refusal without a sentence cannot be raised, a sentence without a refusal is dead."""
    assert set(CATALOGUE) == codes() == {*get_args(RefusalCode), *get_args(OwnCode)}
    assert not set(get_args(RefusalCode)) & set(get_args(OwnCode))


@ENTRIES
def test_every_entry_speaks_both_languages(code: str, entry: Entry) -> None:
    """One plain sentence or two, for people; never the code itself."""
    for sentence in (entry.nl, entry.en):
        assert re.fullmatch(r"[A-Z].{8,120}[.]", sentence)
        assert code not in sentence.lower().split() or " " not in code
    assert entry.nl != entry.en


@ENTRIES
def test_an_expected_refusal_is_never_an_internal_error(code: str, entry: Entry) -> None:
    """4xx for what a caller can mend, 503 for what passes; 500 is for our own mistakes alone."""
    assert 400 <= entry.status < 500 or entry.status == 503 or (code, entry.status) == ("internal", 500)


@ENTRIES
def test_a_code_is_a_stable_lower_case_name(code: str, entry: Entry) -> None:
    """It becomes part of an address (RFC 9457 `type`)."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert entry.status


def test_an_error_carries_its_code_and_nothing_personal() -> None:
    """What is printed of it is the code alone."""
    assert str(Refused("wrong-code", triesLeft=2)) == "wrong-code"
    assert Refused("wrong-code", triesLeft=2).facts == {"triesLeft": 2}
    problem = Problem("invalid-request", errors=("reference: looks like a BSN",), headers={"A": "b"})
    assert (str(problem), problem.errors, problem.headers) == (
        "invalid-request",
        ("reference: looks like a BSN",),
        {"A": "b"},
    )
    assert Problem("internal").headers == {}
