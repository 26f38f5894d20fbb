"""Proof of consent: what an adult agreed to, as it was shown, signed by the broker.

The fields follow GDPR art. 7(1), EDPB guidelines 05/2020 (104-111) and ISO/IEC TS 27560:2023.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from schemas.base import Record


class ConsentRecipient(Record, frozen=True, kw_only=True):
    """Who receives the data, by registered id and name."""

    id: str
    name: str


class ConsentReceipt(Record, frozen=True, kw_only=True):
    """One adult's consent. `text` is exactly what was shown; digests are hex, the review digest is a keyed one."""

    schema_version: Literal["1.0"] = "1.0"
    receipt_id: str
    session_id: str
    person: str
    recipient: ConsentRecipient
    purpose: str
    sources: tuple[str, ...]
    fields: tuple[str, ...]
    language: Literal["nl", "en"]
    text: str
    text_digest: str
    review_digest: str
    given_at: datetime
    authenticated_at: datetime
    shared_phone: bool
    method: Literal["button"] = "button"
    jurisdiction: Literal["NL"] = "NL"


class SignedConsent(Record, frozen=True, kw_only=True):
    """A receipt with the broker's signature over it (compact JWS)."""

    receipt: ConsentReceipt
    signature: str
