"""The consent sentence, word for word, and the digest by which a consent names it."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.texts import WORDING, Language, consent, notice, text_digest
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


def test_the_digest_names_what_is_told_beside_it_too() -> None:
    """A newline between each; without one of the sentences, or in another order, it is another."""
    told = notice("nl", "X", "Bijstand", None).sentences
    assert text_digest("a", *told) == hashlib.sha256("\n".join(["a", *told]).encode()).hexdigest()
    assert len({text_digest("a", *told), text_digest("a", *told[:-1]), text_digest("a", *reversed(told))}) == 3


def test_withdrawal_retention_and_recipient_are_told_beforehand() -> None:
    """What for, how long it is kept here, whom to ask about the rest, how to take it back: in both languages."""
    told = notice("nl", "Gemeente Utrecht", "Bijstand aanvragen.", "privacy@utrecht.example")
    assert told.sentences == (
        "Waarvoor: Bijstand aanvragen.",
        "Wij bewaren je gegevens niet: we verwijderen ze zodra Gemeente Utrecht ze heeft ontvangen, "
        "en uiterlijk 76 uur na het verzenden.",
        "Wat Gemeente Utrecht ermee doet, en hoe lang Gemeente Utrecht ze bewaart, kun je daar vragen: "
        "privacy@utrecht.example.",
        "Je kunt je toestemming hier intrekken tot Gemeente Utrecht de gegevens heeft ontvangen. "
        "Daarna trek je die in bij Gemeente Utrecht.",
    )
    assert told.version == WORDING
    english = notice("en", "City of Utrecht", "Assistance", None)
    assert english.purpose == "What for: Assistance."
    assert english.recipient.endswith("how long City of Utrecht keeps them, you can ask there.")
    assert "76 hours" in english.retention
    assert "withdraw your consent here until City of Utrecht" in english.withdrawal


def test_whoever_changes_a_word_changes_the_wording() -> None:
    """Receipts name the wording they showed: the words below belong to this version, and to no other."""
    words = [consent(language, NAME, "X", ["Y"]) for language in ("nl", "en")]
    words += [s for language in ("nl", "en") for s in notice(language, "X", "Z", "c").sentences]
    assert (WORDING, text_digest(*words)[:16]) == ("2026-11-22", "ac12a81a4402e16d")
