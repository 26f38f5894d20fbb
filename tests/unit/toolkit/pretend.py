"""A pretend broker on a real socket, made with the real broker's sealing and signing; and callers of both kinds."""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
from aiohttp import web

from broker.delivery import signature_headers
from broker.keys import Keys
from broker.providers import Webhook
from broker.sealing import Sealed, seal, seal_document
from ophaalbrug_provider import Account, Arrival, Client, Latest, PrivateKey
from ophaalbrug_provider.aio import AsyncClient
from sandbox.registration import EncryptionKey, new_key
from schemas.events import CloudEvent, EventData, TrialData, TrialEvent

NOW = 1_800_000_000
SECRET = "whsec_" + b64encode(b"k" * 32).decode()
PROVIDER = "gemeente"
TIMES = dict.fromkeys(("createdAt", "expiresAt", "deadline"), "2027-01-01T00:00:00.000Z")
SESSION = {"id": "s", "status": "consented", "profile": "p", **TIMES}
RECEIPT = {"receiptId": "r", "person": "applicant"}
ORIGINAL = b"%PDF-1.7 an original"

Kind = Literal["blocking", "asyncio"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def private_key(kind: EncryptionKey = "P-256", use: Literal["sig", "enc"] = "enc") -> PrivateKey:
    """A new private key, registered under its thumbprint."""
    return PrivateKey(new_key(kind, use))


def public(key: PrivateKey) -> dict[str, Any]:
    """What the provider registers of a key."""
    return {**key.jwk.export_public(as_dict=True), "kid": key.kid or key.thumbprint, "use": "enc"}


def sealed_to(key: PrivateKey, broker: Keys, payload: dict[str, Any], *, profile: Any = "default") -> Sealed:
    """A payload as the broker seals it."""
    return seal(json.dumps(payload).encode(), public(key), profile, broker)


def consented(broker: Keys, kind: str = "ophaalbrug-consent-receipt+jws") -> dict[str, Any]:
    """A member of `consents`."""
    return {"receipt": RECEIPT, "signature": broker.sign(json.dumps(RECEIPT).encode(), kind)}


def purge_receipt(broker: Keys, session: str = "s") -> str:
    """A purge receipt as the broker signs it."""
    facts = {"sessionId": session, "provider": PROVIDER, "reference": None, "state": "delivered", "reason": None}
    whole = {**facts, "purgedAt": "2027-01-01T00:00:00.000Z", "destroyed": {"payloads": 1}}
    return broker.sign(json.dumps(whole).encode(), "ophaalbrug-purge-receipt+jws")


def body_of(kind: str = "delivered", event_id: str = "evt_1", **data: Any) -> bytes:
    """The body of an event."""
    facts = EventData(**{"session_id": "s", "sequence": 1, **data})
    event = CloudEvent(id=event_id, source="urn:x", type=f"nl.ophaalbrug.session.{kind}", time="t", data=facts)
    return msgspec.json.encode(event)


def trial(event_id: str = "evt_test") -> bytes:
    """The body of a test event."""
    return msgspec.json.encode(TrialEvent(id=event_id, source="urn:x", time="t", data=TrialData(provider=PROVIDER)))


def headers_of(broker: Keys, body: bytes, *, now: int = NOW, secret: str = SECRET) -> dict[str, str]:
    """The headers the broker sends with a body."""
    event_id = str(json.loads(body)["id"])
    return signature_headers(broker, Webhook(url="http://x", secret=secret), event_id, now, body)


class Box:
    """An inbox in memory, for both kinds of callers; `asked` are the ids it was asked of, `fails` makes it raise."""

    def __init__(self) -> None:
        self.kept: dict[str, Arrival] = {}
        self.asked: list[str] = []
        self.fails = False

    def knows(self, event_id: str) -> bool:
        self.asked.append(event_id)
        return event_id in self.kept

    def latest(self, session_id: str) -> Latest | None:
        events = [a.event for a in self.kept.values() if a.event.session_id == session_id]
        newest = max(events, key=lambda event: event.sequence, default=None)
        return newest and Latest(sequence=newest.sequence, kind=newest.kind)

    def keep(self, arrival: Arrival) -> None:
        if self.fails:
            raise OSError("no space left")
        self.kept.setdefault(arrival.event.id, arrival)


class AsyncBox:
    """The same, awaited."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def knows(self, event_id: str) -> bool:
        return self._box.knows(event_id)

    async def latest(self, session_id: str) -> Latest | None:
        return self._box.latest(session_id)

    async def keep(self, arrival: Arrival) -> None:
        self._box.keep(arrival)


class Caller:
    """One of the two clients, awaited alike; the blocking one runs in a thread."""

    def __init__(self, kind: Kind, account: Account, clock: Callable[[], float]) -> None:
        self.account = account
        self.client = Client(account, clock=clock, timeout_seconds=10)
        self.awaited = AsyncClient(account, clock=clock, timeout_seconds=10)
        self.kind = kind

    async def __call__(self, name: str, *args: Any, **named: Any) -> Any:
        """The client's method of that name; a `Box` becomes what the client takes."""
        if self.kind == "blocking":
            return await asyncio.to_thread(getattr(self.client, name), *args, **named)
        given = [AsyncBox(arg) if isinstance(arg, Box) else arg for arg in args]
        return await getattr(self.awaited, name)(*given, **named)


class PretendBroker:
    """Answers as the broker does; `came` is what was asked, `answers` are given first, by method and path.

    What is in `meanwhile` happens once, before an answer.
    """

    def __init__(self, keys: Keys, own: PrivateKey) -> None:
        self.keys = keys
        self.own = own
        self.now = float(NOW)
        self.url = ""
        self.came: list[str] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.tokens = 0
        self.answers: dict[str, list[web.Response]] = {}
        self.meanwhile: dict[str, Callable[[], Awaitable[None]]] = {}
        self.payload: dict[str, Any] = {"sessionId": "s", "consents": []}
        self._sealed: Sealed | None = None

    def sealed(self) -> Sealed:
        """The payload, sealed once: repeated pulls give the same bytes."""
        if self._sealed is None:
            self._sealed = sealed_to(self.own, self.keys, self.payload)
        return self._sealed

    def with_document(self) -> None:
        """From now on the payload has one document."""
        digest = hashlib.sha256(ORIGINAL).hexdigest()
        one = {"number": 1, "source": "uwv", "person": "applicant", "mediaType": "application/pdf", "digest": digest}
        self.payload = {**self.payload, "documents": [one]}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Note what is asked, and answer it."""
        asked = f"{request.method} {request.path}"
        self.came.append(asked)
        self.bodies.append(await request.read())
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if asked in self.meanwhile:
            await self.meanwhile.pop(asked)()
        if self.answers.get(asked):
            return self.answers[asked].pop(0)
        return self._usual(asked)

    def _usual(self, asked: str) -> web.Response:
        if asked == "POST /oauth/token":
            self.tokens += 1
            return web.json_response({"access_token": f"oba_{self.tokens}", "expires_in": 300})
        if asked.endswith("/documents/1"):
            return web.Response(body=seal_document(ORIGINAL, "application/pdf", public(self.own), "default"))
        known: dict[str, Any] = {
            "GET /.well-known/jwks.json": self.keys.jwks(),
            "POST /v1/sessions": {"id": "s", "status": "created", "journeyUrl": "https://x/j", **TIMES},
            "GET /v1/sessions": {"sessions": [SESSION], "next": 1},
            "GET /v1/sessions/s": SESSION,
            "DELETE /v1/sessions/s": {**SESSION, "status": "cancelled"},
            "POST /v1/sessions/s/acknowledgement": {**SESSION, "status": "delivered"},
            "GET /v1/sessions/s/receipts": {"purgeReceipt": purge_receipt(self.keys), "consentReceiptDigests": {}},
        }
        if asked == "GET /v1/sessions/s/payload":
            return web.Response(text=self.sealed().jwe)
        return web.json_response(known[asked])

    def data(self, *, inline: bool = True, **more: Any) -> bytes:
        """The body of the event that brings the payload."""
        sealed = self.sealed()
        brings = {"payload": sealed.jwe} if inline else {"payload_url": "http://elsewhere.example/steal"}
        return body_of("data", payload_digest=sealed.digest, **brings, **more)


def problem(status: int, code: str, **headers: str) -> web.Response:
    """A problem as the broker answers it."""
    content = {"type": "urn:x", "status": status, "code": code, "detail": "A sentence.", "errors": ["field: why"]}
    return web.json_response(content, status=status, content_type="application/problem+json", headers=headers)
