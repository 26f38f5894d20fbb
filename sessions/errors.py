"""The refusals a session can give: a closed list of codes. Status and sentences are added where people see them."""

from __future__ import annotations

from typing import Literal

RefusalCode = Literal[
    "wrong-state",  # this cannot be done in the state the session is in
    "unknown-session",
    "session-ended",
    "wrong-secret",  # a secret is missing, wrong or of another party
    "taken-over",  # another browser started this session
    "token-invalid",  # a pairing token or typed code is unknown, expired or used
    "already-paired",  # a phone is already linked or waiting
    "wrong-code",  # the pairing code does not match; tries are left
    "pairing-ended",  # too many wrong codes, or two minutes passed
    "not-your-part",  # this phone may not act for that person
    "unknown-person",
    "unknown-source",
    "source-busy",
    "source-required",  # a required source cannot be skipped
    "not-ready",  # consent before the required sources are done
    "frozen",  # someone consented: first take that back
    "review-changed",
    "consent-needs-login",
    "login-unknown",
    "wrong-person",
    "document-wrong-person",  # a document is about somebody else than who hands it over
    "too-many-documents",  # no more documents of this source, or no more bytes in this session
    "household-unknown",
    "payload-mismatch",  # acknowledgement of another payload
    "replayed",  # a proof was used twice
    "idempotency-mismatch",  # same Idempotency-Key, other body
    "too-many-texts",  # both text messages of this session were sent
    "busy",  # too many changes at the same moment
]


class Refused(Exception):
    """An expected "no". `code` is public; nothing personal is ever in it."""

    def __init__(self, code: RefusalCode, **facts: int | str) -> None:
        super().__init__(code)
        self.code: RefusalCode = code
        self.facts = facts
