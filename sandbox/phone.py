"""The phone app as a program: a key of its own, a proof with every request (DPoP, RFC 9449), and the phone API.

An example of a client in full: it holds an access token in memory and stores nothing. Logging in at the identity
provider is `citizen`'s.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from io import BytesIO
from typing import Any, Literal, TypeVar

import aiohttp
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from sandbox.answers import QUICK, STREAMING, content, first, refusal, server_sent
from schemas.base import Record
from schemas.consent import SignedConsent

Role = Literal["applicant", "partner"]
BASE = "/phone/v1"
_T = TypeVar("_T")


class SourceView(Record, frozen=True, kw_only=True):
    """One source of one person: `todo, login, fetching, collected, absent, skipped` or `failed`.

    `transports`: what can be done here, log in (`api`) or hand over a download (`upload`); `transport`: how what was
    collected came. `gaps` are codes of what is missing from it.
    """

    id: str
    label: str
    status: str
    required: bool
    failure: str | None = None
    retryable: bool = False
    reason: str | None = None
    transport: str | None = None
    transports: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    documents: int = 0


class PersonView(Record, frozen=True, kw_only=True):
    """One adult's part. `here`: this person logged in on this phone, or handed over documents on it."""

    sources: tuple[SourceView, ...]
    here: bool
    consented: bool

    def source(self, name: str) -> SourceView:
        """The source called `name`. Raises StopIteration where it is not asked."""
        return next(source for source in self.sources if source.id == name)


class PhoneView(Record, frozen=True, kw_only=True):
    """The session as this phone may know it; until it is `linked` that is only who asks, and why."""

    status: str
    provider: str
    purpose: str
    language: str
    linked: bool
    role: str
    reason: str | None = None
    persons: dict[str, PersonView] = {}
    ready: bool = False
    partial: bool = False
    frozen: bool = False
    attempt_ends_at: datetime | None = None
    return_url: str | None = None
    purge_receipt: str | None = None


class Paired(Record, frozen=True, kw_only=True):
    """The phone's access token and the code to type on the PC, or on the first phone."""

    access_token: str
    pairing_code: str
    id: str
    view: PhoneView


class ConsentText(Record, frozen=True, kw_only=True):
    """The sentence one adult agrees to, and its digest."""

    person: str
    text: str
    text_digest: str
    given: bool = False


class Review(Record, frozen=True, kw_only=True):
    """What would be sent, as far as this phone may see it; `counts` per category stand for a person it may not see.

    `content` is the `Content` of schemas/payload.py as JSON, to show.
    """

    digest: str
    content: dict[str, Any]
    counts: dict[str, dict[str, int]]
    consents: tuple[ConsentText, ...]
    ready: bool
    frozen: bool


class Consented(Record, frozen=True, kw_only=True):
    """The signed receipt, to save. `sent`: everybody consented, the data are on their way."""

    receipt: SignedConsent
    sent: bool


class Closing(Record, frozen=True, kw_only=True):
    """What is left to show after the end."""

    status: str
    reason: str | None = None
    purge_receipt: str | None = None


class PartnerToken(Record, frozen=True, kw_only=True):
    """The QR for the partner's own phone: its address and its picture."""

    url: str
    svg: str
    renew_after_seconds: int


class _LoginStarted(Record, frozen=True, kw_only=True):
    url: str | None = None


class _Extended(Record, frozen=True, kw_only=True):
    attempt_ends_at: datetime


def proof(
    key: ec.EllipticCurvePrivateKey,
    method: str,
    url: str,
    *,
    now: float,
    nonce: str = "",
    token: str = "",
    overrides: Mapping[str, object] | None = None,
) -> str:
    """A DPoP proof for one request: an ES256 JWT that carries the public key (RFC 9449 section 4.2).

    `url` is without query and fragment, `now` in seconds since the epoch. `overrides` is for tests that send wrong
    proofs: it replaces claims (None leaves one out), or `typ` and `jwk` in the header.
    """
    header: dict[str, object] = {"typ": "dpop+jwt", "jwk": ECAlgorithm.to_jwk(key.public_key(), as_dict=True)}
    claims: dict[str, object] = {
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        "htu": url,
        "iat": int(now),
        "nonce": nonce or None,
        "ath": _digest(token) if token else None,
    }
    for name, value in (overrides or {}).items():
        (header if name in header else claims)[name] = value
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, "ES256", header)


def _digest(token: str) -> str:
    """The `ath` claim: base64url of the SHA-256 of the access token."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


_ASK_AGAIN = ("use-dpop-nonce", "replayed")


class Phone:
    """One phone: its key, its access token once paired, and the cookie jar of its browser.

    `key` and `token` may be exchanged by a test that plays a thief.
    """

    def __init__(self, base_url: str, http: aiohttp.ClientSession, *, clock: Callable[[], float] = time.time) -> None:
        self.base_url = base_url.rstrip("/")
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.token = ""
        self.jar = aiohttp.CookieJar(unsafe=True)  # unsafe: cookies also where the host is an IP address
        self._http = http
        self._clock = clock
        self._nonce = ""

    async def pair(self, *, token: str = "", typed_code: str = "") -> Paired:
        """Redeem a QR (its whole address, or the token in it) or a typed code. Keeps the access token."""
        asked = {"typedCode": typed_code} if typed_code else {"token": token.rpartition("#")[2]}
        paired = msgspec.json.decode(await self.request("POST", "/pairings", asked), type=Paired)
        self.token = paired.access_token
        return paired

    async def decline(self) -> Closing:
        """No, I did not open that page."""
        return await self._call("DELETE", "/pairing", Closing)

    async def session(self) -> PhoneView:
        """Where the session stands."""
        return await self._call("GET", "/session", PhoneView)

    async def events(self) -> AsyncGenerator[PhoneView]:
        """Where the session stands, now and at each change, until the broker ends the stream."""
        answer = await self._send("GET", "/events", limits=STREAMING)
        async with aclosing(server_sent(answer, PhoneView)) as views:
            async for view in views:
                yield view

    async def wait_for(self, holds: Callable[[PhoneView], bool], seconds: float = 30.0) -> PhoneView:
        """Follow the events until one `holds`. Raises TimeoutError."""
        return await first(self.events, holds, seconds)

    async def login(self, person: Role, source: str) -> str | None:
        """Where to log in for a source; None when a login of a moment ago still holds and fetching has begun."""
        started = await self._call("POST", f"/persons/{person}/sources/{source}/login", _LoginStarted)
        return started.url

    async def callback(self, state: str, *, code: str | None = None, error: str | None = None) -> None:
        """Hand over what the identity provider gave back. Fetching goes on by itself: follow the events."""
        told = {"state": state, "code": code, "error": error}
        await self.request("POST", "/logins/callback", {name: value for name, value in told.items() if value})

    async def skip(self, person: Role, source: str, reason: str = "citizen") -> PhoneView:
        """Leave an optional source out."""
        return await self._call("POST", f"/persons/{person}/sources/{source}/skip", PhoneView, {"reason": reason})

    async def upload(self, person: Role, source: str, content: bytes) -> PhoneView:
        """Hand over a source's own download; what the file is called is nobody's business."""
        path = f"/persons/{person}/sources/{source}/upload"
        return msgspec.json.decode(await self.request("POST", path, content), type=PhoneView)

    async def take_back(self, person: Role, source: str) -> PhoneView:
        """Take this person's documents of a source back."""
        return await self._call("DELETE", f"/persons/{person}/sources/{source}/upload", PhoneView)

    async def review(self) -> Review:
        """What was found, as it would be sent."""
        return await self._call("GET", "/review", Review)

    async def remark(self, person: Role, field: str, text: str) -> None:
        """Say that a value is wrong; the remark goes along, the value stays."""
        await self.request("POST", "/remarks", {"person": person, "field": field, "text": text})

    async def consent(self, person: Role, review: Review) -> Consented:
        """Consent to what `review` showed. Raises ApiError(review-changed) when that is no longer what would be sent.

        Raises StopIteration when the review has no sentence for this person, who did not log in on this phone.
        """
        shown = next(text for text in review.consents if text.person == person)
        digests = {"reviewDigest": review.digest, "textDigest": shown.text_digest}
        return await self._call("POST", f"/persons/{person}/consent", Consented, digests)

    async def amend(self, person: Role) -> PhoneView:
        """Change after all: every consent is void."""
        return await self._call("DELETE", f"/persons/{person}/consent", PhoneView)

    async def decline_part(self, person: Role) -> PhoneView:
        """Do not take part."""
        return await self._call("POST", f"/persons/{person}/decline", PhoneView)

    async def withdraw(self) -> Closing:
        """Take consent back, while the provider has not acknowledged."""
        return await self._call("POST", "/withdrawal", Closing)

    async def stop(self) -> Closing:
        """Stop: everything is destroyed."""
        return await self._call("DELETE", "/session", Closing)

    async def receipt(self) -> Closing:
        """The purge receipt, for a day after the end."""
        return await self._call("GET", "/receipt", Closing)

    async def partner_token(self) -> PartnerToken:
        """A QR for the partner's own phone."""
        return await self._call("POST", "/pairing-tokens", PartnerToken)

    async def approve(self, pairing_id: str, code: str) -> PhoneView:
        """Let the partner's phone in, with the code on its screen."""
        return await self._call("POST", f"/pairings/{pairing_id}/approval", PhoneView, {"code": code})

    async def extend(self) -> datetime:
        """More time: until when the attempt now runs (UTC)."""
        return (await self._call("POST", "/extension", _Extended)).attempt_ends_at

    async def screen(self, name: str) -> str:
        """A screen of the app as HTML: the one asked for, or the one that fits."""
        return (await self.request("GET", f"/screens/{name}")).decode()

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | bytes | None = None,
        *,
        proof_overrides: Mapping[str, object] | None = None,
    ) -> bytes:
        """One request below `/phone/v1`, with a proof; `proof_overrides` as in `proof`. Raises ApiError.

        `body` is sent as JSON, or as it is when it is bytes.
        """
        return await content(await self._send(method, path, body, overrides=proof_overrides))

    async def _call(self, method: str, path: str, kind: type[_T], body: Mapping[str, object] | None = None) -> _T:
        return msgspec.json.decode(await self.request(method, path, body), type=kind)

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | bytes | None = None,
        *,
        limits: aiohttp.ClientTimeout = QUICK,
        overrides: Mapping[str, object] | None = None,
    ) -> aiohttp.ClientResponse:
        """Send, and once more with a new proof: when the broker asks for its nonce (RFC 9449 section 9), or when the
        client repeated by itself what it sent over a connection that broke (RFC 9110 section 9.2.2).
        """
        answer = await self._send_once(method, path, body, limits, overrides)
        fresh = answer.headers.get("DPoP-Nonce")
        if fresh is None:
            return answer
        self._nonce = fresh
        if answer.status != 401 or (await refusal(answer)).code not in _ASK_AGAIN:
            return answer
        return await self._send_once(method, path, body, limits, overrides)

    async def _send_once(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | bytes | None,
        limits: aiohttp.ClientTimeout,
        overrides: Mapping[str, object] | None,
    ) -> aiohttp.ClientResponse:
        url = f"{self.base_url}{BASE}{path}"
        signed = proof(
            self.key, method, url, now=self._clock(), nonce=self._nonce, token=self.token, overrides=overrides
        )
        headers = {"DPoP": signed}
        if self.token:
            headers["Authorization"] = f"DPoP {self.token}"
        data, json = (BytesIO(body), None) if isinstance(body, bytes) else (None, body)
        return await self._http.request(method, url, data=data, json=json, headers=headers, timeout=limits)
