"""A provider's back office: opens sessions over the API, receives webhooks, opens and acknowledges payloads.

An example for providers, so it keeps everything in memory. Its keys and its file are `registration`'s; how signatures
are checked and payloads opened is `webhook`'s.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from msgspec.structs import replace

from sandbox.answers import QUICK, content
from sandbox.registration import (
    ASSERTION_TYPE,
    EncryptionKey,
    ProfileEntry,
    Text,
    as_toml,
    client_assertion,
    new_key,
)
from sandbox.webhook import BrokerKeys, Opened, Untrusted, checked_receipt, opened, read_jwks, verified
from schemas.base import Record
from schemas.events import TYPE_PREFIX, CloudEvent

MAX_BODY_BYTES = 2**20
JWKS_SECONDS = 300


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
    invitation: str | None = None


class Listed(Record, frozen=True, kw_only=True):
    """A line of the list of sessions; `read` tells the rest."""

    id: str
    reference: str | None = None


class Page(Record, frozen=True, kw_only=True):
    """A page of the list; `next` is the offset of the next one."""

    sessions: tuple[Listed, ...]
    next: int | None = None


class Receipts(Record, frozen=True, kw_only=True):
    """The signed purge receipt, and hashes of the consent receipts by person."""

    purge_receipt: str | None = None
    consent_receipt_digests: dict[str, str] = {}


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One event, however often it was sent. `kind` is the last word of its type: data, opened, delivered and so on.

    `attempts` counts its genuine requests, also those we answered with an error; `same_bytes`: all had the same body.
    `accepted`: it was taken in, with every signature, seal and receipt in it found good.
    """

    id: str
    kind: str
    session_id: str
    sequence: int
    reference: str | None
    body_digest: str
    attempts: int = 1
    same_bytes: bool = True
    accepted: bool = False
    payload_url: str | None = None
    payload: dict[str, Any] | None = None
    purge_receipt: dict[str, Any] | None = None


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int


class BackOffice:
    """One provider: its keys, its client of the provider API, and its webhook.

    `received` is what came in, in order; `payload` the last one opened; `refused` counts requests that failed a check.
    With `follows_links` a payload too large to come along is fetched and acknowledged before the webhook is answered.
    To misbehave: `answer_with` holds the statuses to give first, to events of `answer_kind` only when that is set.
    """

    def __init__(
        self,
        provider_id: str,
        base_url: str,
        http: aiohttp.ClientSession,
        *,
        encryption: Iterable[EncryptionKey] = ("P-256",),
        answer_with: Iterable[int] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.id = provider_id
        self.base_url = base_url.rstrip("/")
        self.signing_key = new_key("P-256", "sig")
        self.encryption_keys = [new_key(kind, "enc") for kind in encryption]
        self.webhook_secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self.answer_with = [*answer_with]
        self.answer_kind: str | None = None
        self.follows_links = True
        self.payload: dict[str, Any] | None = None
        self.refused = 0
        self._events: dict[str, Received] = {}
        self._came = asyncio.Condition()
        self._http = http
        self._clock = clock
        self._token = ("", 0.0)
        self._broker: tuple[BrokerKeys | None, float] = (None, 0.0)

    def public_jwks(self) -> dict[str, Any]:
        """The public halves of our keys, to paste or to serve."""
        own = [self.signing_key, *self.encryption_keys]
        return {"keys": [key.export_public(as_dict=True) for key in own]}

    def provider_file(
        self, profiles: Iterable[ProfileEntry], *, name: Text, webhook_url: str | None = None, **look: str
    ) -> str:
        """The TOML text for `ophaalbrug provider add`. `look`: accent, and logo_file beside where it is written."""
        facts: dict[str, Any] = {"id": self.id, "name": msgspec.to_builtins(name), **self.public_jwks()}
        facts |= look
        if webhook_url is not None:
            facts["webhook"] = {"url": webhook_url, "secret": self.webhook_secret}
        return as_toml({**facts, "profile": [msgspec.to_builtins(profile) for profile in profiles]})

    async def create_session(
        self, profile: str, *, idempotency_key: str = "", **wishes: str | int | Mapping[str, str]
    ) -> Created:
        """Open a session. `wishes` as in the API: household, reference, language, returnUrl, expiresIn, invitation.

        The same `idempotency_key` with the same wishes gives the same session; without one each call opens another.
        Raises ApiError.
        """
        key = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        made = await self.request("POST", "/v1/sessions", {"profile": profile, **wishes}, key)
        return msgspec.json.decode(made, type=Created)

    async def read(self, session_id: str) -> SessionView:
        """Where a session stands."""
        return msgspec.json.decode(await self.request("GET", f"/v1/sessions/{session_id}"), type=SessionView)

    async def list(self, **wishes: str | int) -> Page:
        """Our sessions, newest first. `wishes` as in the API: reference, status, offset, limit."""
        return msgspec.json.decode(await self.request("GET", "/v1/sessions", query=wishes), type=Page)

    async def cancel(self, session_id: str) -> SessionView:
        """Stop a session and have it purged."""
        return msgspec.json.decode(await self.request("DELETE", f"/v1/sessions/{session_id}"), type=SessionView)

    async def pull_payload(self, session_id: str) -> Opened:
        """Fetch and open a payload: for who has no webhook, or was sent a `payloadUrl`. Acknowledge it afterwards.

        Raises ApiError, Untrusted.
        """
        sealed = await self.request("GET", f"/v1/sessions/{session_id}/payload")
        inside = self._opened(sealed.decode("ascii"), session_id, await self._broker_keys())
        self.payload = inside.payload
        return inside

    async def acknowledge(self, session_id: str, digest: str) -> SessionView:
        """Say that the payload with this digest is safe with us: the broker then destroys everything."""
        path = f"/v1/sessions/{session_id}/acknowledgement"
        return msgspec.json.decode(await self.request("POST", path, {"payloadDigest": digest}), type=SessionView)

    async def receipts(self, session_id: str) -> Receipts:
        """The purge receipt, and the hashes of the consent receipts."""
        return msgspec.json.decode(await self.request("GET", f"/v1/sessions/{session_id}/receipts"), type=Receipts)

    async def check_receipt(self, receipt: str) -> dict[str, Any]:
        """What a purge receipt says, when the broker signed it. Raises Untrusted."""
        return checked_receipt(receipt, await self._broker_keys())

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> bytes:
        """One request with our access token. Raises ApiError."""
        sent = {**(headers or {}), "Authorization": f"Bearer {await self.access_token()}"}
        url = self.base_url + path
        return await content(
            await self._http.request(method, url, json=body, headers=sent, params=query, timeout=QUICK)
        )

    async def access_token(self, assertion: str = "") -> str:
        """An access token, fetched again just before it runs out; with `assertion` a new one for exactly that."""
        token, good_until = self._token
        if not assertion and self._clock() < good_until:
            return token
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or client_assertion(self.id, self.signing_key, self.base_url, self._clock()),
        }
        answer = await self._http.post(f"{self.base_url}/oauth/token", data=form, timeout=QUICK)
        granted = msgspec.json.decode(await content(answer), type=_Token)
        self._token = (granted.access_token, self._clock() + granted.expires_in - 30)
        return granted.access_token

    async def _broker_keys(self) -> BrokerKeys:
        """The broker's public keys, kept for five minutes."""
        known, good_until = self._broker
        if known is None or self._clock() >= good_until:
            answer = await self._http.get(f"{self.base_url}/.well-known/jwks.json", timeout=QUICK)
            known = read_jwks(await content(answer))
            self._broker = (known, self._clock() + JWKS_SECONDS)
        return known

    @asynccontextmanager
    async def listening(self, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
        """Receive webhooks while the context lasts; gives the endpoint's address. Port 0 takes a free one."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/webhook", self._webhook)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield f"http://{host}:{runner.addresses[0][1]}/webhook"
        finally:
            await runner.cleanup()

    async def _webhook(self, request: web.Request) -> web.Response:
        """Answer 204 for what is genuine, also the second time; 401 for what is not."""
        body = await request.read()
        keys = await self._broker_keys()
        try:
            event = verified(self.webhook_secret, keys, request.headers, body, self._clock())
            noted = self._noted(event, body)
            status = self._status(noted)
            if status < 300 and not noted.accepted:
                self._events[event.id] = await self._taken_in(event, keys)
        except Untrusted:
            self.refused += 1
            return web.Response(status=401)
        async with self._came:
            self._came.notify_all()
        return web.Response(status=status)

    def _noted(self, event: CloudEvent, body: bytes) -> Received:
        """The event counted, whether or not it is going to be accepted."""
        digest = hashlib.sha256(body).hexdigest()
        known = self._events.get(event.id)
        if known is None:
            noted = Received(
                id=event.id,
                kind=event.type.removeprefix(TYPE_PREFIX),
                session_id=event.data.session_id,
                sequence=event.data.sequence,
                reference=event.data.reference,
                payload_url=event.data.payload_url,
                body_digest=digest,
            )
        else:
            same = known.same_bytes and digest == known.body_digest
            noted = replace(known, attempts=known.attempts + 1, same_bytes=same)
        self._events[event.id] = noted
        return noted

    def _status(self, noted: Received) -> int:
        misbehaves = self.answer_with and self.answer_kind in (None, noted.kind)
        return self.answer_with.pop(0) if misbehaves else 204

    async def _taken_in(self, event: CloudEvent, keys: BrokerKeys) -> Received:
        """The event with what it carries or points at opened and checked. Raises Untrusted, ApiError."""
        data, payload, purged = event.data, None, None
        if data.payload is not None:
            payload = self._brought(self._opened(data.payload, data.session_id, keys), event)
        elif data.payload_url is not None and self.follows_links:
            payload = self._brought(await self.pull_payload(data.session_id), event)
            await self.acknowledge(data.session_id, str(data.payload_digest))
        if data.purge_receipt is not None:
            purged = checked_receipt(data.purge_receipt, keys)
        return replace(self._events[event.id], accepted=True, payload=payload, purge_receipt=purged)

    def _brought(self, inside: Opened, event: CloudEvent) -> dict[str, Any]:
        """The payload, when it is the one this event brings. Raises Untrusted."""
        if inside.jti != event.id or inside.digest != event.data.payload_digest:
            raise Untrusted("the payload belongs to another event")
        self.payload = inside.payload
        return inside.payload

    def _opened(self, sealed: str, session_id: str, keys: BrokerKeys) -> Opened:
        inside = opened(sealed, self.encryption_keys, keys)
        if inside.payload.get("sessionId") != session_id:
            raise Untrusted("the payload belongs to another session")
        return inside

    @property
    def received(self) -> tuple[Received, ...]:
        """Every genuine event, in order of first arrival."""
        return tuple(self._events.values())

    async def wait_for(self, kind: str, session_id: str = "", seconds: float = 30.0) -> Received:
        """The first accepted event of a kind (`data`, `delivered`, …), of one session if given. Raises TimeoutError."""

        def found() -> Received | None:
            wanted = (event for event in self.received if event.accepted and event.kind == kind)
            return next((event for event in wanted if session_id in ("", event.session_id)), None)

        async with asyncio.timeout(seconds), self._came:
            while (event := found()) is None:
                await self._came.wait()
            return event
