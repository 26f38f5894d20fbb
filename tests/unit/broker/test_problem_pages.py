"""What a person is told when something cannot be done: something for every code, in both languages."""

from __future__ import annotations

import re

import pytest

from broker.errors import CATALOGUE
from broker.http.problem_pages import kind_of
from broker.texts import Language
from broker.web.render import texts


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("code", CATALOGUE)
def test_every_problem_has_a_title_and_advice(code: str, language: Language) -> None:
    """A code without a kind of its own is a matter of going back to where one was."""
    assert texts(language)[f"problem.{kind_of(code)}.title"]
    assert texts(language)[f"problem.{kind_of(code)}.next"]
    assert kind_of("frozen") == "moved-on"


def test_dutch_says_je() -> None:
    """Plain Dutch, to somebody one knows: no `u` or `uw` in sentences for people."""
    said = [*(entry.nl for entry in CATALOGUE.values()), *texts("nl").values()]
    assert [sentence for sentence in said if re.search(r"\b[Uu]w?\b", sentence)] == []
