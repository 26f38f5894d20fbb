"""The closed catalogue of what can go wrong for a caller: code, HTTP status, a sentence in Dutch and in English.

Domain code raises `sessions.errors.Refused` or `Problem`; broker/http turns both into RFC 9457 answers with this table.
Nothing from a source or a person is ever put into an error.
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from sessions.errors import RefusalCode

OwnCode = Literal[
    "invalid-request",
    "unsupported-media-type",
    "too-large",
    "not-found",
    "method-not-allowed",
    "unauthorized",
    "use-dpop-nonce",
    "invalid-proof",
    "invalid-client",
    "unsupported-grant-type",
    "unknown-profile",
    "recipient-key",
    "login-unavailable",
    "too-many-requests",
    "store-unavailable",
    "internal",
]
Code = RefusalCode | OwnCode


class Entry(msgspec.Struct, frozen=True):
    """One line of the catalogue."""

    status: int
    nl: str
    en: str


class Problem(Exception):
    """A problem of the catalogue. `errors` names invalid fields; `facts` are extra members of the answer."""

    def __init__(self, code: Code, *, errors: tuple[str, ...] = (), headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.code: Code = code
        self.errors = errors
        self.headers = headers or {}


CATALOGUE: dict[str, Entry] = {
    "wrong-state": Entry(409, "Dit kan nu niet.", "This is not possible now."),
    "unknown-session": Entry(404, "Deze sessie bestaat niet (meer).", "There is no such session (any more)."),
    "session-ended": Entry(410, "Deze sessie is afgelopen.", "This session has ended."),
    "wrong-secret": Entry(401, "U heeft geen toegang met deze sleutel.", "This secret gives no access."),
    "taken-over": Entry(409, "Deze pagina is elders geopend.", "This page was opened elsewhere."),
    "token-invalid": Entry(
        410,
        "Deze code is verlopen of al gebruikt. Scan de nieuwe code.",
        "This code is over or used. Scan the new one.",
    ),
    "already-paired": Entry(409, "Er is al een telefoon gekoppeld.", "A phone is linked already."),
    "wrong-code": Entry(
        422, "Deze code klopt niet. Kijk op uw telefoon.", "This code is not right. Look at your phone."
    ),
    "pairing-ended": Entry(
        410, "De koppeling is gestopt. Scan de nieuwe QR-code.", "Linking has stopped. Scan the new QR code."
    ),
    "not-your-part": Entry(403, "Dit doet uw partner op de eigen telefoon.", "Your partner does this on their phone."),
    "unknown-person": Entry(404, "Deze persoon doet niet mee.", "This person does not take part."),
    "unknown-source": Entry(404, "Deze bron wordt niet gevraagd.", "This source is not asked."),
    "source-busy": Entry(409, "Deze bron wordt al opgehaald.", "This source is being fetched."),
    "source-required": Entry(409, "Deze bron is verplicht.", "This source is required."),
    "not-ready": Entry(409, "Haal eerst alle verplichte gegevens op.", "First fetch everything that is required."),
    "frozen": Entry(
        409, "Er is al toestemming gegeven. Kies eerst 'toch wijzigen'.", "Consent was given. First choose 'change'."
    ),
    "review-changed": Entry(
        409, "De gegevens zijn veranderd. Bekijk ze opnieuw.", "The data have changed. Look at them again."
    ),
    "consent-needs-login": Entry(409, "Log eerst zelf in op deze telefoon.", "First log in yourself on this phone."),
    "login-unknown": Entry(
        410,
        "Deze inlogpoging is verlopen. Begin opnieuw bij de bron.",
        "This login is over. Start again at the source.",
    ),
    "wrong-person": Entry(409, "Iemand anders is ingelogd dan verwacht.", "Somebody else logged in than was expected."),
    "household-unknown": Entry(
        400, "Kies of u de gegevens alleen of met partner levert.", "Say whether you come alone or with a partner."
    ),
    "payload-mismatch": Entry(409, "Dit is een ander bericht.", "That is the digest of another payload."),
    "replayed": Entry(401, "Dit verzoek is al gebruikt.", "This proof was used before."),
    "idempotency-mismatch": Entry(
        409, "Deze sleutel hoort bij een ander verzoek.", "This Idempotency-Key belongs to another request."
    ),
    "busy": Entry(503, "Het is even te druk. Probeer het zo opnieuw.", "Too busy just now. Try again shortly."),
    "invalid-request": Entry(400, "Het verzoek klopt niet.", "The request is not valid."),
    "unsupported-media-type": Entry(415, "Alleen JSON wordt gelezen.", "Only JSON is read."),
    "too-large": Entry(413, "Het verzoek is te groot.", "The request is too large."),
    "not-found": Entry(404, "Deze pagina bestaat niet.", "There is nothing here."),
    "method-not-allowed": Entry(405, "Dit kan hier niet.", "This method is not allowed here."),
    "unauthorized": Entry(401, "U moet zich eerst bekendmaken.", "Authentication is needed."),
    "use-dpop-nonce": Entry(401, "Probeer het opnieuw.", "Send the proof again with the nonce given."),
    "invalid-proof": Entry(401, "Deze telefoon wordt niet herkend.", "The DPoP proof is not valid."),
    "invalid-client": Entry(401, "Deze aanbieder wordt niet herkend.", "The client assertion is not valid."),
    "unsupported-grant-type": Entry(
        400, "Deze manier van aanmelden bestaat hier niet.", "Only the client_credentials grant is supported."
    ),
    "unknown-profile": Entry(400, "Dit profiel bestaat niet.", "There is no such profile."),
    "recipient-key": Entry(
        409, "De sleutel van de aanbieder is niet bruikbaar.", "The provider has no usable encryption key."
    ),
    "login-unavailable": Entry(
        503,
        "Inloggen met DigiD lukt nu niet. Probeer het later opnieuw.",
        "Logging in with DigiD is not possible now. Try again later.",
    ),
    "too-many-requests": Entry(429, "Te veel pogingen. Wacht even.", "Too many requests. Wait a moment."),
    "store-unavailable": Entry(
        503,
        "De dienst is even niet bereikbaar. Probeer het zo opnieuw.",
        "The service is out of reach. Try again soon.",
    ),
    "internal": Entry(500, "Er ging iets mis bij ons.", "Something went wrong on our side."),
}


def codes() -> frozenset[str]:
    """Every code there is."""
    return frozenset(get_args(RefusalCode)) | frozenset(get_args(OwnCode))
