"""A provider's back office: opens sessions over the API, receives webhooks, opens and acknowledges payloads.

What a provider does is the toolkit's (`ophaalbrug_provider`); here is who it is, what it remembers for demo and tests,
and how it misbehaves when told to. It keeps everything in memory. Its keys and its file are `registration`'s.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import msgspec
from aiohttp import web
from msgspec.structs import replace

import ophaalbrug_provider as toolkit
from ophaalbrug_provider import (
    Arrival,
    Created,
    Event,
    Kept,
    Latest,
    Opened,
    Page,
    Receipts,
    Refused,
    SessionView,
    Trial,
    Webhook,
)
from ophaalbrug_provider.aio import AsyncClient
from sandbox.answers import ApiError
from sandbox.registration import EncryptionKey, ProfileEntry, Text, as_toml, new_key

MAX_BODY_BYTES = 2**20

_T = TypeVar("_T")


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


class BackOffice:
    """One provider: its keys, its client of the provider API, and its webhook.

    `received` is what came in, in order; `payload` the last one opened, `documents` the originals that came with it;
    `refused` counts requests that failed a check, `tests` the genuine test events, of which nothing is kept. With
    `follows_links` documents, and a payload too large to come along, are fetched and acknowledged before the webhook is
    answered.
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
        self.documents: list[bytes] = []
        self.refused = 0
        self.tests = 0
        self._events: dict[str, Received] = {}
        self._came = asyncio.Condition()
        self._http = http
        self._clock = clock
        self._made: tuple[object, AsyncClient] | None = None

    @property
    def _client(self) -> AsyncClient:
        """Our calls to the broker: with the keys, secret and address of now."""
        facts = (self.base_url, self.webhook_secret, len(self.encryption_keys))
        if self._made is None or self._made[0] != facts:
            account = toolkit.Account(
                self.id,
                self.base_url,
                signing_key=toolkit.PrivateKey(self.signing_key),
                opening_keys=[toolkit.PrivateKey(key) for key in self.encryption_keys],
                webhook_secrets=[self.webhook_secret],
            )
            self._made = (facts, AsyncClient(account, self._http, clock=self._clock))
        return self._made[1]

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
        key = idempotency_key or str(uuid.uuid4())
        return await _told(self._client.create_session({"profile": profile, **wishes}, idempotency_key=key))

    async def read(self, session_id: str) -> SessionView:
        """Where a session stands."""
        return await _told(self._client.session(session_id))

    async def list(
        self, *, reference: str | None = None, status: str | None = None, offset: int = 0, limit: int = 50
    ) -> Page:
        """Our sessions, newest first."""
        found = self._client.sessions(reference=reference, status=status, offset=offset, limit=limit)
        return await _told(found)

    async def cancel(self, session_id: str) -> SessionView:
        """Stop a session and have it purged."""
        return await _told(self._client.cancel(session_id))

    async def pull_payload(self, session_id: str) -> Opened:
        """Fetch and open a payload: for who has no webhook. Acknowledge it afterwards. Raises ApiError, Untrusted."""
        inside = await _told(self._client.payload(session_id))
        self.payload = inside.payload
        return inside

    async def pull_document(self, session_id: str, document: Mapping[str, Any]) -> bytes:
        """Fetch and open one of the `documents` of a payload, before it is acknowledged. Raises ApiError, Untrusted."""
        return await _told(self._client.document(session_id, msgspec.convert(document, toolkit.Document)))

    async def acknowledge(self, session_id: str, digest: str) -> SessionView:
        """Say that the payload with this digest is safe with us: the broker then destroys everything."""
        return await _told(self._client.acknowledge(session_id, digest))

    async def receipts(self, session_id: str) -> Receipts:
        """The purge receipt, and the hashes of the consent receipts."""
        return await _told(self._client.receipts(session_id))

    async def check_receipt(self, receipt: str) -> dict[str, Any]:
        """What a purge receipt says, when the broker signed it. Raises Untrusted."""
        return msgspec.to_builtins(await _told(self._client.purge_receipt(receipt)))

    async def set_webhook(self, url: str, *, types: Iterable[str] = ()) -> Webhook:
        """Have events sent to this address, which the broker asks first, and signed with our secret of now.

        After `webhook_secret` was changed the former signs beside it for a day.
        """
        return await _told(self._client.set_webhook(url, types=(*types,), secret=self.webhook_secret))

    async def test_webhook(self) -> Trial:
        """Have a test event sent to our webhook."""
        return await _told(self._client.test_webhook())

    async def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> bytes:
        """One request with our access token. Raises ApiError."""
        content = None if body is None else msgspec.json.encode(body)
        return await _told(self._client.call(method, path, content))

    async def access_token(self) -> str:
        """An access token, fetched again just before it runs out."""
        return await _told(self._client.access_token())

    @asynccontextmanager
    async def listening(self, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
        """Receive webhooks while the context lasts; gives the endpoint's address. Port 0 takes a free one."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/webhook", self._webhook)
        app.router.add_options("/webhook", self._asked)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield f"http://{host}:{runner.addresses[0][1]}/webhook"
        finally:
            await runner.cleanup()

    async def _asked(self, request: web.Request) -> web.Response:
        """The broker asks whether it may send its events here: it may, and nobody else."""
        return web.Response(status=204, headers=self._client.allowing(request.headers))

    async def _webhook(self, request: web.Request) -> web.Response:
        """Answer 204 for what is genuine, also the second time; 401 for what is not."""
        status = await self._answer(request.headers, await request.read())
        async with self._came:
            self._came.notify_all()
        return web.Response(status=status)

    async def _answer(self, headers: Mapping[str, str], body: bytes) -> int:
        try:
            event = await self._client.verify(headers, body)
            self._note(event, body)
            status = self._status(event.kind)
            if status >= 300 or event.kind == "test":
                return status
            outcome = await (self._client.take_in(event, self) if self.follows_links else self._looked_at(event))
        except toolkit.ToolkitError as error:
            outcome = Refused(error=error, status=401 if isinstance(error, toolkit.Untrusted) else 503)
        self.refused += isinstance(outcome, Refused) and isinstance(outcome.error, toolkit.Untrusted)
        return outcome.status

    async def _looked_at(self, event: Event) -> Kept:
        """The event opened and kept, and neither followed nor acknowledged. Raises Untrusted."""
        arrival = Arrival(event=event) if event.payload_url else await self._client.open(event)
        await self.keep(arrival)
        return Kept(arrival=arrival)

    async def knows(self, event_id: str) -> bool:
        """Whether this event was taken in: we are our own inbox."""
        return self._events[event_id].accepted

    async def latest(self, session_id: str) -> Latest | None:
        """The newest event of a session that was taken in."""
        ours = (event for event in self.received if event.accepted and event.session_id == session_id)
        newest = max(ours, key=lambda event: event.sequence, default=None)
        return newest and Latest(sequence=newest.sequence, kind=newest.kind)

    async def keep(self, arrival: Arrival) -> None:
        """Remember what came."""
        inside, purged = arrival.payload, arrival.purge_receipt
        if inside is not None:
            self.payload, self.documents = inside.payload, [*arrival.documents]
        self._events[arrival.event.id] = replace(
            self._events[arrival.event.id],
            accepted=True,
            payload=inside and inside.payload,
            purge_receipt=purged and msgspec.to_builtins(purged),
        )

    def _note(self, event: Event, body: bytes) -> None:
        """Count the event, whether or not it is going to be accepted."""
        if event.kind == "test":
            self.tests += 1
            return
        digest = hashlib.sha256(body).hexdigest()
        known = self._events.get(event.id)
        if known is None:
            noted = Received(
                id=event.id,
                kind=event.kind,
                session_id=event.session_id,
                sequence=event.sequence,
                reference=event.reference,
                payload_url=event.payload_url,
                body_digest=digest,
            )
        else:
            same = known.same_bytes and digest == known.body_digest
            noted = replace(known, attempts=known.attempts + 1, same_bytes=same)
        self._events[event.id] = noted

    def _status(self, kind: str) -> int:
        misbehaves = self.answer_with and self.answer_kind in (None, kind)
        return self.answer_with.pop(0) if misbehaves else 204

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


async def _told(asked: Awaitable[_T]) -> _T:
    """What the toolkit answers, with its refusals as those of the sandbox's other clients."""
    try:
        return await asked
    except toolkit.ApiError as error:
        raise ApiError(error.status, error.code, error.detail, error.errors) from None
    except toolkit.Unreachable as error:
        raise aiohttp.ClientConnectionError(error.happened) from None
