"""What travels between a provider and a broker: requests, views of a session, events, payloads and receipts.

Unknown fields are ignored: a newer broker may say more. Times are UTC, digests lower-case hex SHA-256.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """camelCase on the wire, absent fields left out."""


class Invitation(_Wire, frozen=True, kw_only=True):
    """Whom the broker mails the link, and how the mail greets them."""

    email: str
    name: str | None = None


class NewSession(_Wire, frozen=True, kw_only=True):
    """What to ask of whom. `reference`: 1 to 64 of `A-Za-z0-9._-`, no BSN; `expires_in` in seconds."""

    profile: str
    household: Literal["single", "couple", "ask"] | None = None
    reference: str | None = None
    language: Literal["nl", "en"] | None = None
    invitation: Invitation | None = None
    return_url: str | None = None
    expires_in: int | None = None


class Created(_Wire, frozen=True, kw_only=True):
    """A new session. `journey_url` is for this citizen only: it is their key to the session."""

    id: str
    status: str
    journey_url: str
    expires_at: datetime


class SessionView(_Wire, frozen=True, kw_only=True):
    """Where a session stands. `persons` says per person and source only todo, busy, done or failed."""

    id: str
    status: str
    profile: str
    created_at: datetime
    expires_at: datetime
    deadline: datetime
    reference: str | None = None
    reason: str | None = None
    persons: dict[str, dict[str, str]] = {}
    consented_at: datetime | None = None
    ended_at: datetime | None = None
    payload_digest: str | None = None
    invitation: str | None = None


class Listed(_Wire, frozen=True, kw_only=True):
    """A line of the list of sessions."""

    id: str
    status: str
    created_at: datetime
    reference: str | None = None


class Page(_Wire, frozen=True, kw_only=True):
    """A page of the list, newest first; `next` is the offset of the next one."""

    sessions: tuple[Listed, ...]
    next: int | None = None


class Receipts(_Wire, frozen=True, kw_only=True):
    """What is left of a session: the signed purge receipt once it ended, and digests of its consents by person."""

    purge_receipt: str | None = None
    consent_receipt_digests: dict[str, str] = {}


class PurgeReceipt(_Wire, frozen=True, kw_only=True, omit_defaults=False):
    """What the broker signed that it destroyed: how many of each kind, when and why."""

    session_id: str
    provider: str
    state: str
    purged_at: datetime
    destroyed: dict[str, int]
    reference: str | None = None
    reason: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One genuine event. `kind` is the last word of its `type`: data, opened, delivered and so on.

    Kinds that you do not know may come: answer them with 2xx. `sequence` rises within a session, with gaps.
    """

    id: str
    kind: str
    type: str
    source: str
    time: str
    session_id: str
    sequence: int
    reference: str | None = None
    reason: str | None = None
    payload: str | None = None
    payload_url: str | None = None
    payload_digest: str | None = None
    purge_receipt: str | None = None


class Document(_Wire, frozen=True, kw_only=True):
    """An original that goes with a payload. `seal` is what the electronic seal in it is worth: valid, invalid, none."""

    number: int
    source: str
    person: str
    media_type: str
    digest: str
    size_bytes: int = 0
    seal: str | None = None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An opened payload, with every signature in it found good.

    `payload` is as JSON Schema `/v1/schemas/payload-1.0.json` says; `digest` (of the sealed text) acknowledges it;
    `consent_digests`, by person, are what the session's receipts name.
    """

    session_id: str
    payload: dict[str, Any]
    digest: str
    documents: tuple[Document, ...]
    consent_digests: dict[str, str]

    def __repr__(self) -> str:
        return f"Opened({self.session_id})"  # what people consented to belongs in no log
