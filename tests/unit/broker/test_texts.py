"""The consent sentence, word for word, and the digest by which a consent names it."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.texts import Language, consent, text_digest
from schemas.household import Name

NAME = Name(full="A. de Vries")
SOURCES = ["MijnOverheid", "UWV", "Belastingdienst", "Mijnpensioenoverzicht"]


def test_the_sentence_is_the_one_that_was_agreed() -> None:
    """In Dutch as in the design; in English the same."""
    assert consent("nl", NAME, "Gemeente Utrecht", SOURCES) == (
        "Ik, A. de Vries, geef toestemming om eenmalig mijn gegevens te versturen naar Gemeente Utrecht. "
        "De gegevens zijn afkomstig van MijnOverheid, UWV, Belastingdienst en Mijnpensioenoverzicht."
    )
    assert consent("en", NAME, "City of Utrecht", SOURCES) == (
        "I, A. de Vries, consent to my data being sent once to City of Utrecht. "
        "The data come from MijnOverheid, UWV, Belastingdienst and Mijnpensioenoverzicht."
    )


@pytest.mark.parametrize(
    ("language", "sources", "listed"),
    [
        ("nl", ["UWV"], "van UWV."),
        ("nl", ["MijnOverheid", "UWV"], "van MijnOverheid en UWV."),
        ("en", ["UWV"], "from UWV."),
        ("en", ["MijnOverheid", "UWV"], "from MijnOverheid and UWV."),
    ],
)
def test_sources_are_listed_as_people_do(language: Language, sources: list[str], listed: str) -> None:
    """One, two or more."""
    assert consent(language, NAME, "X", sources).endswith(listed)


def test_someone_whose_name_was_not_asked_still_consents() -> None:
    """Where the profile lets no name through, the sentence names nobody."""
    assert consent("nl", None, "X", ["UWV"]).startswith("Ik, ondergetekende, geef toestemming")
    assert consent("en", None, "X", ["UWV"]).startswith("I, the undersigned, consent")


@given(st.text(max_size=50), st.text(max_size=50))
def test_names_stand_in_the_sentence_as_they_are(name: str, provider: str) -> None:
    """Whatever signs are in them: braces are no placeholders."""
    text = consent("nl", Name(full=name), provider, ["{name}", "UWV"])
    assert text.startswith(f"Ik, {name}, geef toestemming")
    assert text.endswith(f"naar {provider}. De gegevens zijn afkomstig van {{name}} en UWV.")


def test_the_digest_names_exactly_this_text() -> None:
    """Hex SHA-256 over UTF-8: one other letter is another text."""
    text = consent("nl", Name(full="É. Çelik"), "X", ["UWV"])
    assert text_digest(text) == hashlib.sha256(text.encode("utf-8")).hexdigest()
    assert text_digest(text) != text_digest(text.replace("É", "E"))
