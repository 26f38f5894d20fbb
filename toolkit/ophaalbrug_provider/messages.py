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

    def __repr__(self) -> str:
        return "Invitation()"  # somebody's address belongs in no log


class NewSession(_Wire, frozen=True, kw_only=True):
    """What to ask of whom. `reference`: 1 to 64 of `A-Za-z0-9._-`, no BSN; `expires_in` in seconds.

    `test_case`: have it go wrong, at a broker in sandbox mode only.
    """

    profile: str
    household: Literal["single", "couple", "ask"] | None = None
    reference: str | None = None
    language: Literal["nl", "en"] | None = None
    invitation: Invitation | None = None
    return_url: str | None = None
    expires_in: int | None = None
    test_case: str | None = None


class Created(_Wire, frozen=True, kw_only=True):
    """A new session. `journey_url` is for this citizen only: it is their key to the session."""

    id: str
    status: str
    journey_url: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Created({self.id})"  # who reads the link in a log has the citizen's key


class SessionView(_Wire, frozen=True, kw_only=True):
    """Where a session stands. `persons` says per person and source only todo, busy, done or failed.

    `maybe_received`: it was taken back, or cancelled by you, when you had the payload or may have: delete it.
    """

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
    maybe_received: bool = False


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


class Text(_Wire, frozen=True, kw_only=True):
    """A text for people, in both languages."""

    nl: str
    en: str


class Profile(_Wire, frozen=True, kw_only=True):
    """What you may ask of a citizen, and why, as you are registered. `sealing`: which kind of key it needs."""

    id: str
    purpose: Text
    required: tuple[str, ...]
    optional: tuple[str, ...]
    fields: tuple[str, ...]
    household: str
    sealing: str
    documents: bool = False
    partial: bool = False
    bsn_basis: str | None = None


class Attempt(_Wire, frozen=True, kw_only=True):
    """One attempt to deliver. `answer`: the class of your endpoint's status (`5xx`), or why there was none.

    `outcome`: accepted, failed, throttled, refused (410), not-sent, or unknown: sent, and no answer of yours came.
    """

    started_at: datetime
    outcome: str
    answer: str
    seconds: float


class Delivery(_Wire, frozen=True, kw_only=True):
    """One event on its way to your webhook; `event_id` is its webhook-id. `next_attempt_at` is there while it waits.

    `status`: waiting, sending, delivered, refused (410), or dropped: a newer notice came, or the session ended.
    """

    id: str
    session_id: str
    event_id: str
    type: str
    sequence: int
    status: str
    queued_at: datetime
    attempts: tuple[Attempt, ...]
    next_attempt_at: datetime | None = None


class DeliveryPage(_Wire, frozen=True, kw_only=True):
    """A page of deliveries, those of the newest session first; `next` is the offset of the next one, if there is one.

    Where little fits what was asked a page may be short, or empty, and still have a next one.
    """

    deliveries: tuple[Delivery, ...]
    next: int | None = None


class Secret(_Wire, frozen=True, kw_only=True):
    """A webhook secret without the secret. `created_at` is unknown of one from a file; a former one has `ends_at`."""

    id: str
    created_at: datetime | None = None
    ends_at: datetime | None = None


class Webhook(_Wire, frozen=True, kw_only=True):
    """Your webhook as it is: `status` enabled or disabled, and then `reason` gone (a 410) or failing (for days).

    `types` that are wanted: none named is all. `secrets`, the newest first. `public_key`: `whpk_…`, what `v1a` is
    checked with. `secret` is there once, when the broker made it.
    """

    url: str
    types: tuple[str, ...]
    status: str
    secrets: tuple[Secret, ...]
    public_key: str
    reason: str | None = None
    disabled_at: datetime | None = None
    first_failure_at: datetime | None = None
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Webhook({self.status})"  # its secret belongs in no log


class Trial(_Wire, frozen=True, kw_only=True):
    """How a test event fared: `outcome` and `answer` as of an `Attempt`, `status` of the webhook after it."""

    outcome: str
    answer: str
    seconds: float
    status: str


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
    """One genuine event. `kind` is the last word of its `type`: data, opened, delivered and so on, or test.

    Kinds that you do not know may come: answer them with 2xx. `sequence` rises within a session, with gaps. An event
    that is about no session, as a test is, has an empty `session_id`; of a type newer than this package, `kind` is all
    of it. `maybe_received`, in withdrawn and cancelled: you have the payload, or may have it, and are to delete it.
    """

    id: str
    kind: str
    type: str
    source: str
    time: str
    session_id: str = ""
    sequence: int = 0
    reference: str | None = None
    reason: str | None = None
    maybe_received: bool = False
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
