"""The provider API, /v1: sessions, payloads with documents, receipts, profiles; and the token endpoint.

Its deliveries and its webhook stand beside this, in `provider_deliveries` and `provider_webhook`.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec.structs import replace

from broker import oauth
from broker.clock import iso, utc
from broker.creation import IdempotencyKey, create, journey_url, request_kind
from broker.delivery import acknowledge
from broker.errors import Problem
from broker.http import problems, provider_deliveries, provider_webhook
from broker.http.requests import AnyRequest, bearer, body_of, form_of, parts_of
from broker.parts import Parts
from broker.providers import Provider
from broker.stopping import stopped
from broker.views import ProviderView, for_provider
from schemas import consent
from schemas.base import Inbound, View
from schemas.payload import json_schema
from sessions.change import Change
from sessions.errors import Refused
from sessions.lifecycle import DAY
from sessions.model import HouseholdPolicy, Session, State, Text
from sessions.store.sessions import Opened

PAGE_SIZE = 50
GRANT = "client_credentials"
SECURITY_TXT_SECONDS = 364 * DAY  # RFC 9116, 2.5.5: less than a year


class Created(View, frozen=True, kw_only=True):
    """A new session: send the citizen to `journeyUrl`."""

    id: str
    status: State
    journey_url: str
    expires_at: datetime


class Acknowledgement(Inbound, frozen=True, kw_only=True):
    """The digest of the payload that was received and opened (hex SHA-256 of the compact JWE)."""

    payload_digest: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class Receipts(View, frozen=True, kw_only=True):
    """Proof that everything is gone, and hashes of the consent receipts, which travel in the payload."""

    purge_receipt: str | None = None
    consent_receipt_digests: dict[str, str] = {}


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An access token (RFC 6749 section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a kind, not a secret
    expires_in: int = oauth.TOKEN_SECONDS


class Line(View, frozen=True, kw_only=True):
    """A session in the list."""

    id: str
    status: State
    created_at: datetime
    reference: str | None


class Page(View, frozen=True, kw_only=True):
    """A page of sessions, newest first; `next` is the offset of the next page."""

    sessions: tuple[Line, ...]
    next: int | None = None


class ProfileView(View, frozen=True, kw_only=True):
    """What may be asked of a citizen, and why, as the provider's file says."""

    id: str
    purpose: Text
    required: tuple[str, ...]
    optional: tuple[str, ...]
    fields: tuple[str, ...]
    household: HouseholdPolicy
    bsn_basis: str | None
    sealing: Literal["default", "nlgov"]
    documents: bool
    partial: bool


async def caller_of(request: AnyRequest) -> Provider:
    """The provider whose access token this request carries."""
    return await oauth.provider_of(parts_of(request), bearer(request, "Bearer"))


async def _own(parts: Parts, caller: Provider, session_id: str) -> Opened:
    """The caller's own session; another provider's does not exist for it."""
    opened = await parts.sessions.read(session_id)
    if opened.session.provider != caller.id:
        raise Refused("unknown-session")
    return opened


@post("/sessions", status_code=201, body=request_kind)
async def create_session(request: AnyRequest, caller: NamedDependency[Provider]) -> Response[Created]:
    """Open a session. With an Idempotency-Key the same request may be sent again and answers the same."""
    parts = parts_of(request)
    asked = await body_of(request, request_kind(parts.settings))
    key = _idempotency_key(request)
    opened = await create(parts, caller, asked, key)
    session = opened.session
    made = Created(
        id=session.id,
        status=State.CREATED,
        journey_url=journey_url(parts, session.id),
        expires_at=for_provider(opened).expires_at,
    )
    return Response(made, status_code=201, headers={"Location": f"{parts.settings.base_url}/v1/sessions/{session.id}"})


def _idempotency_key(request: AnyRequest) -> str | None:
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    try:
        return msgspec.convert(given, IdempotencyKey)
    except msgspec.ValidationError:
        raise Problem("invalid-request", errors=("Idempotency-Key: 1 to 255 visible characters",)) from None


@get("/sessions/{session_id:str}")
async def read_session(
    request: AnyRequest, caller: NamedDependency[Provider], session_id: FromPath[str]
) -> ProviderView:
    """Where a session stands; never data."""
    return for_provider(await _own(parts_of(request), caller, session_id))


@get("/sessions")
async def list_sessions(
    request: AnyRequest,
    caller: NamedDependency[Provider],
    reference: FromQuery[str | None] = None,
    status: FromQuery[State | None] = None,
    offset: Annotated[int, QueryParameter(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = PAGE_SIZE,
) -> Page:
    """The provider's sessions, newest first, by reference and status. May lag a second."""
    found = await parts_of(request).records.listed(
        caller.id, reference=reference, state=status, offset=offset, limit=limit
    )
    lines = tuple(
        Line(id=s.id, status=State(s.state), created_at=utc(s.created_at), reference=s.reference) for s in found
    )
    return Page(sessions=lines, next=offset + limit if len(found) == limit else None)


@delete("/sessions/{session_id:str}", status_code=200)
async def cancel_session(
    request: AnyRequest, caller: NamedDependency[Provider], session_id: FromPath[str]
) -> ProviderView:
    """Stop a session and purge it. Doing it twice changes nothing."""
    parts = parts_of(request)
    return for_provider(await stopped(parts, await _own(parts, caller, session_id), "provider"))


async def _fetching(parts: Parts, opened: Opened) -> Session:
    """The session, noted as one whose payload the provider may have: before it is read, so that no reading goes by."""

    def decide(session: Session, now: float) -> Change | None:
        waits = session.state is State.CONSENTED and session.pulled_at is None
        return Change(session=replace(session, pulled_at=now)) if waits else None

    return (await parts.sessions.move(opened.session.id, decide, parts.clock(), opened)).session


@get("/sessions/{session_id:str}/payload", media_type="application/jose")
async def read_payload(
    request: AnyRequest, caller: NamedDependency[Provider], session_id: FromPath[str]
) -> Response[bytes]:
    """The sealed payload (compact JWE), as often as wanted until it is acknowledged."""
    parts = parts_of(request)
    session = await _fetching(parts, await _own(parts, caller, session_id))
    sealed = await parts.sessions.payload(session_id)
    if sealed is None or session.payload_digest is None:
        raise Refused("session-ended" if session.ended else "wrong-state")
    return Response(sealed, media_type="application/jose", headers={"ETag": f'"{session.payload_digest}"'})


@get("/sessions/{session_id:str}/payload/documents/{number:int}", media_type="application/jose")
async def read_document(
    request: AnyRequest, caller: NamedDependency[Provider], session_id: FromPath[str], number: FromPath[int]
) -> Response[bytes]:
    """A sealed original of the payload's `documents` (compact JWE), as often as wanted until it is acknowledged."""
    parts = parts_of(request)
    session = await _fetching(parts, await _own(parts, caller, session_id))
    if session.payload_digest is None:
        raise Refused("session-ended" if session.ended else "wrong-state")
    sealed = await parts.sessions.document(session_id, number)
    if sealed is None:
        raise Problem("not-found")
    digest = hashlib.sha256(sealed).hexdigest()
    return Response(sealed, media_type="application/jose", headers={"ETag": f'"{digest}"'})


@post("/sessions/{session_id:str}/acknowledgement", status_code=200, body=Acknowledgement)
async def acknowledge_payload(
    request: AnyRequest, caller: NamedDependency[Provider], session_id: FromPath[str]
) -> ProviderView:
    """Say that the payload was received and opened: the session is delivered and purged in the same step."""
    parts = parts_of(request)
    given = await body_of(request, Acknowledgement)
    await _own(parts, caller, session_id)
    return for_provider(await acknowledge(parts, session_id, given.payload_digest))


@get("/sessions/{session_id:str}/receipts")
async def read_receipts(request: AnyRequest, caller: NamedDependency[Provider], session_id: FromPath[str]) -> Receipts:
    """The signed purge receipt, and the hashes of the consent receipts."""
    session = (await _own(parts_of(request), caller, session_id)).session
    given = {role: consent.receipt_digest for role, consent in session.consents.items()}
    return Receipts(purge_receipt=session.purge_receipt, consent_receipt_digests=session.consent_digests or given)


@get("/profiles")
async def list_profiles(caller: NamedDependency[Provider]) -> tuple[ProfileView, ...]:
    """The provider's profiles."""
    return tuple(msgspec.convert(profile, ProfileView, from_attributes=True) for profile in caller.profile)


@get("/schemas/payload-1.0.json", media_type="application/schema+json", sync_to_thread=False)
def payload_schema() -> dict[str, Any]:
    """Payload 1.0 as JSON Schema."""
    return json_schema()


@get("/schemas/consent-receipt-1.0.json", media_type="application/schema+json", sync_to_thread=False)
def consent_receipt_schema() -> dict[str, Any]:
    """A consent receipt 1.0 as JSON Schema."""
    return consent.json_schema()


@post("/oauth/token", status_code=200, include_in_schema=False, exception_handlers=problems.OAUTH_HANDLERS)
async def token(request: AnyRequest) -> Token:
    """Exchange a client assertion for an access token of 300 seconds."""
    form = await form_of(request)
    grant_type, assertion = form.get("grant_type"), form.get("client_assertion")
    if not grant_type:
        raise Problem("invalid-request", errors=("grant_type: is required",))
    if grant_type != GRANT:
        raise Problem("unsupported-grant-type")
    if form.get("client_assertion_type") != oauth.ASSERTION_TYPE or not assertion:
        raise Problem("invalid-client")
    return Token(access_token=await oauth.grant(parts_of(request), assertion))


@get("/.well-known/oauth-authorization-server", include_in_schema=False, sync_to_thread=False)
def metadata(request: AnyRequest) -> dict[str, Any]:
    """Authorization server metadata (RFC 8414)."""
    base = parts_of(request).settings.base_url
    return {
        "issuer": base,
        "token_endpoint": f"{base}/oauth/token",
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "grant_types_supported": [GRANT],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "PS256", "EdDSA", "Ed25519"],
        "response_types_supported": [],
    }


@get("/.well-known/jwks.json", include_in_schema=False, sync_to_thread=False)
def jwks(request: AnyRequest) -> dict[str, Any]:
    """The broker's public keys."""
    return parts_of(request).keys.jwks()


@get("/.well-known/security.txt", include_in_schema=False, sync_to_thread=False)
def security_txt(request: AnyRequest) -> Response[str]:
    """Whom to tell about a weakness (RFC 9116); each answer is good for just under a year, so none is forgotten."""
    parts = parts_of(request)
    settings = parts.settings
    lines = (
        f"Contact: mailto:{settings.contact_email}",
        f"Contact: {settings.contact_url}",
        f"Expires: {iso(parts.clock() + SECURITY_TXT_SECONDS)}",
        "Preferred-Languages: nl, en",
    )
    return Response("\n".join(lines) + "\n", media_type="text/plain")


HANDLERS: Any = [
    create_session,
    list_sessions,
    read_session,
    cancel_session,
    read_payload,
    read_document,
    acknowledge_payload,
    read_receipts,
    list_profiles,
    *provider_deliveries.HANDLERS,
    *provider_webhook.HANDLERS,
]


def routers() -> list[Any]:
    """The provider's surface."""
    api = Router(
        "/v1",
        route_handlers=[*HANDLERS, payload_schema, consent_receipt_schema],
        dependencies={"caller": Provide(caller_of)},
    )
    return [api, token, metadata, jwks, security_txt]
