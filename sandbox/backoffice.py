"""A provider's back office: registers, opens sessions over the API, receives webhooks, opens and acknowledges payloads.

An example for providers, so it keeps everything in memory and does one thing at a time. What it checks is `webhook`'s.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Literal, TypeVar

import aiohttp
import jwt
import msgspec
from aiohttp import web
from jwcrypto import jwk
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from sandbox.answers import QUICK, content
from sandbox.webhook import BrokerKeys, Opened, Untrusted, checked_receipt, opened, read_jwks, verified
from schemas.base import Record
from schemas.events import TYPE_PREFIX, CloudEvent

ASSERTION_SECONDS = 60
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_BODY_BYTES = 2**20
EncryptionKey = Literal["P-256", "X25519", "RSA-3072"]
_KINDS: dict[EncryptionKey, dict[str, Any]] = {
    "P-256": {"kty": "EC", "crv": "P-256"},
    "X25519": {"kty": "OKP", "crv": "X25519"},
    "RSA-3072": {"kty": "RSA", "size": 3072},
}
_T = TypeVar("_T")


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A text for people, in both languages."""

    nl: str
    en: str


class ProfileEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A `[[profile]]` of the provider file: what is asked, and why. `fields` are the broker's field names."""

    id: str
    purpose: Text
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    household: Literal["single", "couple", "ask"] = "ask"
    bsn_basis: str | None = None
    sealing: Literal["default", "nlgov"] = "default"


class Created(Record, frozen=True, kw_only=True):
    """A new session: send the citizen to `journey_url`."""

    id: str
    status: str
    journey_url: str
    expires_at: datetime


class SessionView(Record, frozen=True, kw_only=True):
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


class Receipts(Record, frozen=True, kw_only=True):
    """The signed purge receipt, and hashes of the consent receipts by person."""

    purge_receipt: str | None = None
    consent_receipt_digests: dict[str, str] = {}


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One event, however often it was sent. `kind` is the last word of its type: data, opened, delivered and so on.

    `attempts` counts genuine requests, also those answered with an error; `same_bytes`: all of them were the same.
    `payload` and `purge_receipt` are there once checked and opened.
    """

    id: str
    kind: str
    session_id: str
    sequence: int
    reference: str | None
    attempts: int
    same_bytes: bool
    body_digest: str
    accepted: bool = False
    payload_url: str | None = None
    payload: dict[str, Any] | None = None
    purge_receipt: dict[str, Any] | None = None


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int


class _Page(Record, frozen=True, kw_only=True):
    sessions: tuple[Listed, ...] = ()


class Listed(Record, frozen=True, kw_only=True):
    """A line of the list of sessions."""

    id: str
    reference: str | None | UnsetType = UNSET
