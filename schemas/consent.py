"""Proof of consent: what an adult agreed to, as it was shown, signed by the broker.

The fields follow GDPR art. 7(1) and 13, EDPB guidelines 05/2020 (104-111) and ISO/IEC TS 27560:2023, as W3C's Data
Privacy Vocabulary tells it. Within 1.x members are only added; readers ignore those they do not know.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from schemas.base import Record

RECEIPT_VERSION = "1.0"


class Proof(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of what proves something by itself: every member is always there, also where it is null."""


class ConsentRecipient(Proof, frozen=True, kw_only=True):
    """Who receives the data and answers for what happens to them, by registered id and name.

    `contact` is the mail or web address for questions and withdrawal, where the provider registered one.
    """

    id: str
    name: str
    contact: str | None = None


class ConsentBroker(Proof, frozen=True, kw_only=True):
    """The broker by which consent was asked: its address, where its operator can be reached, what it ran."""

    url: str
    contact: str
    software_version: str


class ConsentNotice(Proof, frozen=True, kw_only=True):
    """What was told beside the sentence, as it was shown, in its order. `version` names the wording."""

    version: str
    purpose: str
    retention: str
    recipient: str
    withdrawal: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """Them all, in the order in which they were shown."""
        return self.purpose, self.retention, self.recipient, self.withdrawal


class ConsentReceipt(Proof, frozen=True, kw_only=True):
    """One adult's consent.

    `text` and the sentences of `notice` are exactly what was shown: `text_digest` is the hex SHA-256 of them, a newline
    between each. `review_digest` is a keyed one of the content that was shown. `sources` are those that answered about
    this person, `fields` the groups of data that go, `bsn_basis` the law on which a BSN goes along.

    `identification` none: this adult never logged in, but handed over documents on a phone of their own. Then
    `authenticated_at` is null. `salt` (base64url of 32 bytes) makes the entry in the ledger, and is kept nowhere else.
    """

    schema_version: Literal["1.0"] = RECEIPT_VERSION
    receipt_id: str
    session_id: str
    reference: str | None = None
    person: str
    recipient: ConsentRecipient
    broker: ConsentBroker
    purpose: str
    legal_basis: Literal["GDPR 6(1)(a)"] = "GDPR 6(1)(a)"
    bsn_basis: str | None = None
    sources: tuple[str, ...]
    fields: tuple[str, ...]
    documents: int = 0
    language: Literal["nl", "en"]
    text: str
    notice: ConsentNotice
    text_digest: str
    review_digest: str
    given_at: datetime
    event: Literal["given"] = "given"
    authenticated_at: datetime | None = None
    identification: Literal["login", "none"] = "login"
    shared_phone: bool
    method: Literal["button"] = "button"
    jurisdiction: Literal["NL"] = "NL"
    salt: str


class SignedConsent(Record, frozen=True, kw_only=True):
    """A receipt with the broker's signature over it (compact JWS)."""

    receipt: ConsentReceipt
    signature: str


def json_schema() -> dict[str, Any]:
    """A receipt as JSON Schema (draft 2020-12), as published at /v1/schemas/consent-receipt-1.0.json."""
    (schema,), components = msgspec.json.schema_components((ConsentReceipt,), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Ophaalbrug consent receipt {RECEIPT_VERSION}",
        **schema,
        "$defs": components,
    }
