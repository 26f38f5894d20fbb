"""The sentences that carry legal weight, in Dutch and English: what a person consents to, word for word.

A receipt repeats them, and names their wording: whoever changes one changes `WORDING`.
"""

from __future__ import annotations

import hashlib

from schemas.consent import ConsentNotice
from schemas.household import Name
from sessions.lifecycle import DELIVERY_SECONDS, HOUR
from sessions.model import Language

WORDING = "2026-11-22"
_CONSENT = {
    "nl": (
        "Ik, {name}, geef toestemming om eenmalig mijn gegevens te versturen naar {provider}. "
        "De gegevens zijn afkomstig van {sources}."
    ),
    "en": "I, {name}, consent to my data being sent once to {provider}. The data come from {sources}.",
}
# GDPR art. 7(3): how to take consent back is told before it is given.
_NOTICE = {
    "nl": {
        "purpose": "Waarvoor: {purpose}.",
        "retention": (
            "Wij bewaren je gegevens niet: we verwijderen ze zodra {provider} ze heeft ontvangen, "
            "en uiterlijk {hours} uur na het verzenden."
        ),
        "recipient": "Wat {provider} ermee doet, en hoe lang {provider} ze bewaart, kun je daar vragen{contact}.",
        "withdrawal": (
            "Je kunt je toestemming hier intrekken tot {provider} de gegevens heeft ontvangen. "
            "Daarna trek je die in bij {provider}."
        ),
    },
    "en": {
        "purpose": "What for: {purpose}.",
        "retention": (
            "We do not keep your data: we delete them as soon as {provider} has received them, "
            "and {hours} hours after sending at the latest."
        ),
        "recipient": "What {provider} does with them, and how long {provider} keeps them, you can ask there{contact}.",
        "withdrawal": (
            "You can withdraw your consent here until {provider} has received the data. "
            "After that you withdraw it with {provider}."
        ),
    },
}
_UNNAMED = {"nl": "ondergetekende", "en": "the undersigned"}
_AND = {"nl": " en ", "en": " and "}


def consent(language: Language, name: Name | None, provider: str, sources: list[str]) -> str:
    """The consent sentence of one adult, as shown above the button."""
    shown = name.full if name is not None else _UNNAMED[language]
    return _CONSENT[language].format(name=shown, provider=provider, sources=_listed(sources, language))


def notice(language: Language, provider: str, purpose: str, contact: str | None) -> ConsentNotice:
    """What is told beside that sentence: what for, how long it is kept here, whom to ask, how to take it back."""
    words = {
        "provider": provider,
        "purpose": purpose.rstrip("."),
        "contact": f": {contact}" if contact else "",
        "hours": round(DELIVERY_SECONDS / HOUR),
    }
    return ConsentNotice(version=WORDING, **{name: told.format(**words) for name, told in _NOTICE[language].items()})


def _listed(names: list[str], language: Language) -> str:
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + _AND[language] + names[-1]


def text_digest(text: str, *sentences: str) -> str:
    """The digest by which a consent names what it was given to (hex SHA-256): a newline stands between each."""
    return hashlib.sha256("\n".join((text, *sentences)).encode()).hexdigest()
