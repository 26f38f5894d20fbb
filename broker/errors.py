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
    "unknown-delivery",
    "delivery-under-way",
    "delivery-over",
    "no-webhook",
    "webhook-disabled",
    "webhook-unproven",
    "login-unavailable",
    "source-unavailable",
    "too-many-requests",
    "store-unavailable",
    "internal",
    "too-many-remarks",
    "uploads-off",
    "document-too-large",
    "document-not-supported",
    "document-encrypted",
    "document-damaged",
    "document-too-many-pages",
    "document-too-slow",
    "document-other-document",
    "document-version",
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
    "unknown-session": Entry(404, "Deze sessie is er niet (meer).", "There is no such session (any more)."),
    "session-ended": Entry(410, "Deze sessie is afgelopen.", "This session has ended."),
    "wrong-secret": Entry(401, "Je hebt hier geen toegang meer.", "You have no access here any more."),
    "taken-over": Entry(409, "Deze pagina is elders geopend.", "This page was opened elsewhere."),
    "token-invalid": Entry(
        410,
        "Deze code is verlopen of al gebruikt. Gebruik de nieuwe code.",
        "This code has expired or was used before. Use the new one.",
    ),
    "already-paired": Entry(409, "Er is al een telefoon gekoppeld.", "A phone is linked already."),
    "wrong-code": Entry(
        422, "Deze code klopt niet. Kijk op je telefoon.", "This code is not right. Look at your phone."
    ),
    "pairing-ended": Entry(
        410, "De koppeling is gestopt. Scan de nieuwe QR-code.", "Linking has stopped. Scan the new QR code."
    ),
    "not-your-part": Entry(403, "Dit doet je partner op de eigen telefoon.", "Your partner does this on their phone."),
    "unknown-person": Entry(404, "Deze persoon doet niet mee.", "This person does not take part."),
    "unknown-source": Entry(404, "Deze bron wordt niet gevraagd.", "This source is not asked."),
    "source-busy": Entry(409, "Deze gegevens worden al opgehaald.", "These data are being fetched already."),
    "source-required": Entry(409, "Deze bron kun je niet overslaan.", "This source cannot be skipped."),
    "not-ready": Entry(409, "Haal eerst alle gegevens op die nodig zijn.", "First fetch everything that is needed."),
    "frozen": Entry(
        409,
        "Er is al toestemming gegeven. Kies eerst 'Toch wijzigen'.",
        "Consent was given. First choose 'Change after all'.",
    ),
    "review-changed": Entry(
        409, "De gegevens zijn veranderd. Bekijk ze opnieuw.", "The data have changed. Look at them again."
    ),
    "consent-needs-login": Entry(409, "Log eerst zelf in op deze telefoon.", "First log in yourself on this phone."),
    "login-unknown": Entry(
        410,
        "Je inlogpoging is verlopen. Log opnieuw in bij deze bron.",
        "This login has expired. Log in again for this source.",
    ),
    "wrong-person": Entry(
        409, "Er is iemand anders ingelogd dan we verwachtten.", "Somebody else logged in than we expected."
    ),
    "document-wrong-person": Entry(
        422,
        "Dit document gaat over iemand anders. Kies een document dat over jou gaat.",
        "This document is about somebody else. Choose one that is about you.",
    ),
    "too-many-documents": Entry(
        409,
        "Er kan geen document meer bij. Haal eerst een document weg.",
        "No more documents can be added. Take one away first.",
    ),
    "household-unknown": Entry(
        400,
        "Kies eerst: alleen jouw gegevens, of ook die van je partner.",
        "First choose: only your data, or also your partner's.",
    ),
    "payload-mismatch": Entry(409, "Dit is een ander bericht.", "That is the digest of another payload."),
    "replayed": Entry(401, "Dit verzoek is al eerder gedaan.", "This proof was used before."),
    "idempotency-mismatch": Entry(
        409, "Deze sleutel hoort bij een ander verzoek.", "This Idempotency-Key belongs to another request."
    ),
    "too-many-texts": Entry(
        409,
        "Er zijn al twee sms'jes gestuurd. Typ het adres zelf in op je telefoon.",
        "Two text messages were sent already. Type the address on your phone yourself.",
    ),
    "busy": Entry(503, "Het is even te druk. Probeer het zo opnieuw.", "Too busy just now. Try again shortly."),
    "invalid-request": Entry(400, "Het verzoek klopt niet.", "The request is not valid."),
    "unsupported-media-type": Entry(
        415, "Dit soort bericht wordt hier niet gelezen.", "This kind of body is not read here."
    ),
    "too-large": Entry(413, "Het verzoek is te groot.", "The request is too large."),
    "not-found": Entry(404, "Deze pagina bestaat niet.", "There is nothing here."),
    "method-not-allowed": Entry(405, "Dit kan hier niet.", "This method is not allowed here."),
    "unauthorized": Entry(401, "Je moet eerst laten zien wie je bent.", "Authentication is needed."),
    "use-dpop-nonce": Entry(401, "Probeer het opnieuw.", "Send the proof again with the nonce given."),
    "invalid-proof": Entry(401, "Deze telefoon wordt niet herkend.", "The DPoP proof is not valid."),
    "invalid-client": Entry(401, "Deze aanbieder wordt niet herkend.", "The client assertion is not valid."),
    "unsupported-grant-type": Entry(
        400, "Deze manier van aanmelden kan hier niet.", "Only the client_credentials grant is supported."
    ),
    "unknown-profile": Entry(400, "Dit profiel bestaat niet.", "There is no such profile."),
    "recipient-key": Entry(
        409, "De sleutel van de aanbieder is niet bruikbaar.", "The provider has no usable encryption key."
    ),
    "unknown-delivery": Entry(404, "Deze bezorging is er niet (meer).", "There is no such delivery (any more)."),
    "delivery-under-way": Entry(
        409, "Deze bezorging is nu bezig.", "This delivery is being attempted right now. See how it goes first."
    ),
    "delivery-over": Entry(
        410, "Deze bezorging is afgelopen.", "This delivery is over: it was received, refused, or no longer needed."
    ),
    "no-webhook": Entry(404, "Er is geen webhook ingesteld.", "No webhook has been set."),
    "webhook-disabled": Entry(
        409, "De webhook staat uit.", "The webhook is switched off: test it, and it is called again."
    ),
    "webhook-unproven": Entry(
        409,
        "Het adres van de webhook heeft niet bevestigd dat het berichten van ons wil.",
        "The endpoint did not answer the validation request by allowing this broker's origin.",
    ),
    "login-unavailable": Entry(
        503,
        "Inloggen met DigiD lukt nu niet. Probeer het later opnieuw.",
        "Logging in with DigiD is not possible now. Try again later.",
    ),
    "source-unavailable": Entry(
        503,
        "Deze bron is nu niet bereikbaar. Probeer het later opnieuw.",
        "This source is out of reach now. Try again later.",
    ),
    "too-many-requests": Entry(429, "Te veel pogingen. Wacht even.", "Too many requests. Wait a moment."),
    "store-unavailable": Entry(
        503,
        "De dienst is even niet bereikbaar. Probeer het zo opnieuw.",
        "The service is out of reach. Try again soon.",
    ),
    "internal": Entry(500, "Er ging iets mis bij ons.", "Something went wrong on our side."),
    "too-many-remarks": Entry(
        409,
        "Je hebt al veel opmerkingen gemaakt. Er kan er geen meer bij.",
        "You made many remarks already. No more can be added.",
    ),
    "uploads-off": Entry(
        409, "Van deze bron kun je hier geen document toevoegen.", "No documents of this source are taken here."
    ),
    "document-too-large": Entry(
        413,
        "Dit bestand is te groot. Kies het bestand zoals je het bij de bron hebt gedownload.",
        "This file is too large. Choose the file as you downloaded it from the source.",
    ),
    "document-not-supported": Entry(
        415,
        "Dit soort bestand kunnen we niet lezen. Kies het bestand zoals je het bij de bron hebt gedownload, geen foto.",
        "We cannot read this kind of file. Choose the file as you downloaded it from the source, not a photo.",
    ),
    "document-encrypted": Entry(
        422,
        "Dit bestand is met een wachtwoord beveiligd. Download het opnieuw bij de bron, zonder wachtwoord.",
        "This file is protected by a password. Download it again from the source, without one.",
    ),
    "document-damaged": Entry(
        422,
        "Dit bestand is beschadigd. Download het opnieuw bij de bron en probeer het nog eens.",
        "This file is damaged. Download it again from the source and try once more.",
    ),
    "document-too-many-pages": Entry(
        422,
        "Dit document heeft te veel pagina's. Kies het bestand zoals je het bij de bron hebt gedownload.",
        "This document has too many pages. Choose the file as you downloaded it from the source.",
    ),
    "document-too-slow": Entry(
        422,
        "Dit bestand lezen duurt te lang. Download het opnieuw bij de bron, of probeer het zo nog eens.",
        "Reading this file takes too long. Download it again from the source, or try again shortly.",
    ),
    "document-other-document": Entry(
        422,
        "Dit is niet het document dat bij deze bron hoort. Kijk of je het goede bestand hebt gekozen.",
        "This is not the document that belongs to this source. See whether you chose the right file.",
    ),
    "document-version": Entry(
        422,
        "Deze versie van het document kennen we nog niet. Download het nieuwste document bij de bron.",
        "We do not know this version of the document yet. Download the newest one from the source.",
    ),
}


def codes() -> frozenset[str]:
    """Every code there is."""
    return frozenset(get_args(RefusalCode)) | frozenset(get_args(OwnCode))
