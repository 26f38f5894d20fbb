"""Creating a session for a provider: what it asks is checked, and everything it relies on is pinned.

Links are derived from the session's id, never stored: a repeated create and a reminder give the same link.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from broker.contact import MAX_ADDRESS, Contact, is_address, seal_contact
from broker.errors import Problem
from broker.jwks import provider_keys
from broker.parts import Parts
from broker.providers import Provider, can_seal, import_key, sealing_jwk
from broker.settings import Settings
from broker.telemetry import log, session_ref, sessions_total
from schemas.base import Inbound, is_bsn
from sessions import inviting
from sessions.change import Change
from sessions.errors import Refused
from sessions.model import HouseholdPolicy, Profile, Recipient, Session, State
from sessions.secrets import Keyring, new_session_id
from sessions.store.sessions import Opened

HOUR = 3600
LINK_CHARACTERS = 22  # 132 bits of HMAC
Reference = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)",
        description="the provider's own reference; never a BSN",
    ),
]
IdempotencyKey = Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,255}$")]


class Invitation(Inbound, frozen=True, kw_only=True):
    """Whom to invite by mail. It is told to nobody, and forgotten as soon as somebody starts."""

    email: Annotated[str, Meta(max_length=MAX_ADDRESS, extra_json_schema={"format": "email"})]
    name: Annotated[str, Meta(max_length=100, description="how the mail greets them: Dear …")] | None = None


TestCase = Literal[
    "absent",
    "digid-down",
    "half-data",
    "level-too-low",
    "login-cancelled",
    "partner-mismatch",
    "same-person",
    "schema-drift",
    "someone-elses-record",
    "source-down",
    "source-timeout",
    "unregistered-cohabitation",
    "wrong-person",
]


class SessionRequest(Inbound, frozen=True, kw_only=True):
    """What a provider sends to open a session."""

    profile: Annotated[str, Meta(description="id of one of the provider's profiles")]
    household: Annotated[
        HouseholdPolicy | None, Meta(description="single, couple or ask; within what the profile allows")
    ] = None
    reference: Reference | None = None
    language: Annotated[Literal["nl", "en"], Meta(description="language of pages and receipts")] = "nl"
    return_url: (
        Annotated[str, Meta(pattern=r"^https://\S{1,2000}$(?!\n)", description="where a citizen goes on afterwards")]
        | None
    ) = None
    invitation: Annotated[
        Invitation | None, Meta(description="whom the broker mails the link to; without it you give it yourself")
    ] = None
    expires_in: (
        Annotated[int, Meta(ge=HOUR, le=12 * 7 * 24 * HOUR, description="seconds until someone must have started")]
        | None
    ) = None


class SandboxRequest(SessionRequest, frozen=True, kw_only=True):
    """What a provider sends to open a session at a broker in sandbox mode."""

    test_case: Annotated[
        TestCase | None, Meta(description="what is to go wrong in this session: the pretend world plays it")
    ] = None


def request_kind(settings: Settings) -> type[SessionRequest]:
    """What this broker takes: outside sandbox mode a test case is an unknown field like any other."""
    return SandboxRequest if settings.sandbox else SessionRequest


class _Mark(msgspec.Struct, frozen=True):
    """What an Idempotency-Key leaves: the session it made and the HMAC of the request, which may name an invitee."""

    session: str
    request: str


async def create(parts: Parts, provider: Provider, request: SessionRequest, idempotency_key: str | None) -> Opened:
    """Open a session. The same key with the same request answers the same session.

    Raises Problem: unknown-profile, invalid-request, recipient-key; Refused(idempotency-mismatch).
    """
    now = parts.clock()
    profile = provider.profile_named(request.profile)
    if profile is None:
        raise Problem("unknown-profile")
    _check(parts, profile, request)
    partition, mark_name = _place(parts, provider, idempotency_key)
    session = Session(
        id=new_session_id(partition),
        provider=provider.id,
        profile=profile,
        recipient=await _recipient(parts, provider, profile),
        language=request.language,
        household=request.household or profile.household,
        created_at=now,
        expires_at=now + (request.expires_in or parts.settings.session_hours * HOUR),
        reference=request.reference,
        return_url=request.return_url or provider.return_url,
        test_case=request.test_case if isinstance(request, SandboxRequest) else None,
    )
    change = _invited(parts, session, request.invitation) if request.invitation else Change(session=session)
    mark = _Mark(session.id, parts.keys.ring.digest("request", msgspec.json.encode(request).decode()))
    named = (mark_name, msgspec.json.encode(mark)) if mark_name else None
    earlier = await parts.sessions.create(change, now, named)
    if earlier is not None:
        return await _repeated(parts, earlier, mark)
    sessions_total.labels(State.CREATED).inc()
    log.info("session.created", session_ref=session_ref(session.id), provider=provider.id)
    return Opened(session=session, version=1, seen_at=now)


def _invited(parts: Parts, session: Session, invitation: Invitation) -> Change:
    contact = Contact(email=invitation.email, name=(invitation.name or "").strip() or None)
    return inviting.invited(session, seal_contact(parts.keys.ring, session.id, contact))


async def _repeated(parts: Parts, earlier: bytes, mark: _Mark) -> Opened:
    known = msgspec.json.decode(earlier, type=_Mark)
    if known.request != mark.request:
        raise Refused("idempotency-mismatch")
    return await parts.sessions.read(known.session)


def _check(parts: Parts, profile: Profile, request: SessionRequest) -> None:
    problems = [
        (request.reference is not None and _holds_bsn(request.reference), "reference: looks like a BSN"),
        (
            request.household is not None and profile.household not in ("ask", request.household),
            f"household: this profile is fixed to {profile.household}",
        ),
        (
            any(source not in parts.manifests for source in profile.required),
            "profile: a required source is not switched on here",
        ),
        (
            any(not _asks(parts, source, profile) for source in profile.required if source in parts.manifests),
            "profile: a required source is asked none of its fields",
        ),
    ]
    if request.invitation is not None:
        problems += _invitation_problems(parts, request.invitation)
    found = tuple(text for wrong, text in problems if wrong)
    if found:
        raise Problem("invalid-request", errors=found)


def _invitation_problems(parts: Parts, invitation: Invitation) -> list[tuple[bool, str]]:
    return [
        (parts.settings.mail is None, "invitation: this broker sends no mail"),
        (not is_address(invitation.email), "invitation: email is not a mail address"),
        (
            invitation.name is not None and not invitation.name.isprintable(),
            "invitation: name has characters that cannot be printed",
        ),
    ]


def _holds_bsn(reference: str) -> bool:
    """Whether it is a BSN, also with dots or dashes in it (`999.99.0342`), or holds one (`bsn-999990342`).

    A number such as `zaak-2026-00042` is none, though its digits together could pass the elfproef.
    """
    return is_bsn(re.sub("[._-]", "", reference)) or any(map(is_bsn, re.findall("[0-9]+", reference)))


def _asks(parts: Parts, source: str, profile: Profile) -> bool:
    return bool(set(parts.manifests[source].fields) & set(profile.fields))


def _place(parts: Parts, provider: Provider, idempotency_key: str | None) -> tuple[int, str | None]:
    """The partition of the new session and the name of its idempotency mark, which lies in the same partition."""
    if idempotency_key is None:
        return parts.sessions.any_partition(), None
    name = parts.keys.ring.digest("idempotency", f"{provider.id}|{idempotency_key}")
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return number % parts.connection.partitions, name


async def _recipient(parts: Parts, provider: Provider, profile: Profile) -> Recipient:
    jwk = sealing_jwk(await provider_keys(parts, provider), profile.sealing)
    # Tried before anybody begins: it may be fetched from the provider, who may publish anything.
    if jwk is None or not can_seal(jwk, profile.sealing):
        raise Problem("recipient-key")
    public = import_key(jwk).as_dict(private=False)
    return Recipient(
        provider=provider.id,
        name=provider.name,
        key=msgspec.json.encode(public).decode(),
        webhook=provider.webhook is not None,
        contact=provider.contact,
    )


def journey_url(parts: Parts, session_id: str) -> str:
    """The address a citizen starts from."""
    return f"{parts.settings.base_url}/j/{session_id}.{link_mac(parts.keys.ring, session_id)}"


def link_mac(ring: Keyring, session_id: str) -> str:
    """What makes a journey link unguessable."""
    return ring.digest("journey-link", session_id)[:LINK_CHARACTERS]


def session_of_link(ring: Keyring, link: str) -> str:
    """The session id of a journey link. Raises Refused(unknown-session) for a link we did not make."""
    session_id, _, mac = link.partition(".")
    if not hmac.compare_digest(mac.encode(), link_mac(ring, session_id).encode()):
        raise Refused("unknown-session")
    return session_id
