"""The sentences that carry legal weight, in Dutch and English: what a person consents to, word for word."""

from __future__ import annotations

import hashlib

from schemas.household import Name
from sessions.model import Language

_CONSENT = {
    "nl": (
        "Ik, {name}, geef toestemming om eenmalig mijn gegevens te versturen naar {provider}. "
        "De gegevens zijn afkomstig van {sources}."
    ),
    "en": "I, {name}, consent to my data being sent once to {provider}. The data come from {sources}.",
}
_UNNAMED = {"nl": "ondergetekende", "en": "the undersigned"}
_AND = {"nl": " en ", "en": " and "}


def consent(language: Language, name: Name | None, provider: str, sources: list[str]) -> str:
    """The consent sentence of one adult, as shown above the button."""
    shown = name.full if name is not None else _UNNAMED[language]
    return _CONSENT[language].format(name=shown, provider=provider, sources=_listed(sources, language))


def _listed(names: list[str], language: Language) -> str:
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + _AND[language] + names[-1]


def text_digest(text: str) -> str:
    """The digest by which a consent names the text it was given to (hex SHA-256)."""
    return hashlib.sha256(text.encode()).hexdigest()
