"""Events to a provider: CloudEvents 1.0 in structured JSON mode, after the NL GOV profile.

Context attributes carry nothing sensitive; nothing personal stands outside the sealed payload.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.base import Record

TYPE_PREFIX = "nl.ophaalbrug.session."


class EventData(Record, frozen=True, kw_only=True):
    """What an event says: which session, and for `.data` the sealed payload or where to get it.

    `maybe_received`, in `.withdrawn` and `.cancelled`: the receiver has the payload, or may have it, and is asked to
    delete it.
    """

    session_id: str
    sequence: int
    reference: str | None = None
    reason: str | None = None
    payload: str | None = None
    payload_url: str | None = None
    payload_digest: str | None = None
    purge_receipt: str | None = None
    maybe_received: bool = False


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvent; `id` equals the webhook-id header. Times are RFC 3339 UTC."""

    id: str
    source: str
    type: str
    time: str
    data: EventData
    specversion: Literal["1.0"] = "1.0"
    datacontenttype: Literal["application/json"] = "application/json"


class TrialData(Record, frozen=True, kw_only=True):
    """What a test event says: whose webhook is tried. No session is meant."""

    provider: str


class TrialEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvent that only tries a webhook."""

    id: str
    source: str
    time: str
    data: TrialData
    type: Literal["nl.ophaalbrug.webhook.test"] = "nl.ophaalbrug.webhook.test"
    specversion: Literal["1.0"] = "1.0"
    datacontenttype: Literal["application/json"] = "application/json"
