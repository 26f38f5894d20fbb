"""The phone API's part about linking: redeeming what was shown, the code for the PC, the partner's own phone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath

import qr.codes
import qr.tokens
from broker.caller import Caller
from broker.errors import Problem
from broker.http.linking import ShownToken, code_digest, show_token, typed_digest
from broker.http.phone_caller import proof_of
from broker.http.requests import AnyRequest, body_of, browser_secret, parts_of
from broker.parts import Parts
from broker.purge import new_event_id
from broker.telemetry import log, session_ref
from broker.views import Closing, Offered, PhoneView, for_phone
from schemas.base import Inbound, View
from sessions import pairing
from sessions.change import Change
from sessions.errors import Refused
from sessions.model import Phone, Session
from sessions.secrets import PhoneToken, new_phone_token, random_text
from sessions.store.sessions import Opened
from sessions.vault import new_key, seal_key, wrap_public

PAIRING_ATTEMPTS_PER_MINUTE = 30


class Pair(Inbound, frozen=True, kw_only=True):
    """Redeem a QR token or a typed code. The device's key is the one that signs the DPoP proof."""

    token: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    typed_code: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class Paired(View, frozen=True, kw_only=True):
    """The phone's access token, and the code to type on the PC (or on the first phone).

    There is no code where the browser that started goes on on its own device: it is linked already.
    """

    access_token: str
    pairing_code: str | None
    id: str
    view: PhoneView
    token_type: Literal["DPoP"] = "DPoP"  # noqa: S105 - a kind, not a secret


class NewCode(View, frozen=True, kw_only=True):
    """Another code to type on the PC, for a waiting phone that lost the first."""

    pairing_code: str


class Approve(Inbound, frozen=True, kw_only=True):
    """The code on the partner's phone."""

    code: Annotated[str, msgspec.Meta(max_length=20)]


@post("/pairings", status_code=201, body=Pair)
async def pair(request: AnyRequest) -> Paired:
    """Redeem a QR token or a typed code, once; the phone then shows the code that is typed on the PC.

    A token that was handed to the browser on this very device is good with that browser's cookie only, and links at
    once.
    """
    parts, asked = parts_of(request), await body_of(request, Pair)
    now = parts.clock()
    proof = proof_of(request, None, now)
    session_id, digest = await _redeemed(request, parts, asked, now)
    opened = await parts.sessions.open(session_id, proof.id, now)
    phone_id, code = random_text(9), qr.codes.make_pairing_code()
    token = new_phone_token(session_id, phone_id)
    phone = Phone(
        id=phone_id,
        token=parts.keys.ring.digest("phone", token),
        thumbprint=proof.thumbprint,
        wrap_public=wrap_public(token, parts.keys.ring),
        role=pairing.role_of_token(opened.session, digest),
    )
    if pairing.is_handed(opened.session, digest):
        return await _link_here(request, opened, digest, token, phone)
    shown = code_digest(parts, session_id, code)
    after = await parts.sessions.move(session_id, lambda s, at: pairing.scan(s, digest, phone, shown, at), now, opened)
    log.info("pairing.scanned", session_ref=session_ref(session_id), role=phone.role)
    view = for_phone(after, None, Offered())
    return Paired(access_token=token, pairing_code=code, id=phone_id, view=view)


async def _link_here(request: AnyRequest, opened: Opened, redeemed: str, token: PhoneToken, phone: Phone) -> Paired:
    """Link the device of the browser that started, whose cookie comes along."""
    parts = parts_of(request)
    browser = parts.keys.ring.digest("browser", browser_secret(request))
    session_id = opened.session.id
    with new_key() as key:

        def decide(session: Session, at: float) -> Change:
            def seal(to: Phone) -> bytes:
                return seal_key(key, to.wrap_public, session.id, to.id)

            return pairing.link_here(session, redeemed, browser, phone, seal, new_event_id(), at)

        after = await parts.sessions.move(session_id, decide, parts.clock(), opened)
    log.info("session.paired", session_ref=session_ref(session_id), provider=after.session.provider)
    linked = after.session.phone(phone.id)
    view = for_phone(after, linked, parts.offered(after.session.language))
    return Paired(access_token=token, pairing_code=None, id=phone.id, view=view)


async def _redeemed(request: AnyRequest, parts: Parts, asked: Pair, now: float) -> tuple[str, str]:
    """The session a token or typed code is for, and the HMAC under which it was shown."""
    try:
        if asked.token is not None and asked.typed_code is None:
            scanned = qr.tokens.parse_token(asked.token)
            return scanned.session_id, parts.keys.ring.digest("pairing", asked.token)
        if asked.typed_code is not None and asked.token is None:
            await _limit_typing(request, parts, now)
            code = qr.codes.parse_typed_code(asked.typed_code)
            digest = parts.keys.ring.digest("typed", code)
            partition = qr.codes.partition_of(code)
            if partition >= parts.connection.partitions:
                raise Refused("token-invalid")
            return await parts.sessions.session_of_code(partition, digest), digest
    except ValueError:
        raise Refused("token-invalid") from None
    raise Problem("invalid-request", errors=("token, typedCode: exactly one of them is needed",))


async def _limit_typing(request: AnyRequest, parts: Parts, now: float) -> None:
    """Typed codes are short: an address gets thirty tries a minute."""
    address = request.client.host if request.client else "?"
    name = parts.keys.ring.digest("address", address)
    if await parts.records.count(f"typed:{name}", 60, now) > PAIRING_ATTEMPTS_PER_MINUTE:
        raise Problem("too-many-requests", headers={"Retry-After": "60"})


@post("/pairing/code", status_code=200)
async def new_code(request: AnyRequest, caller: NamedDependency[Caller]) -> NewCode:
    """Another pairing code for a phone that waits: its page was reloaded. Tries and time stay as they were."""
    parts, pending = parts_of(request), caller.pending
    if pending is None:
        raise Refused("wrong-state")
    code = qr.codes.make_pairing_code()
    digest = code_digest(parts, caller.session.id, code)

    def decide(session: Session, now: float) -> Change:
        return pairing.new_code(session, pending.phone.id, digest, now)

    await parts.sessions.move(caller.session.id, decide, caller.now, caller.opened)
    return NewCode(pairing_code=code)


@delete("/pairing", status_code=200)
async def decline_pairing(request: AnyRequest, caller: NamedDependency[Caller]) -> Closing:
    """No, I did not open that page: the waiting phone is forgotten, the PC shows a fresh QR."""
    parts, pending = parts_of(request), caller.pending
    if pending is None:
        raise Refused("wrong-state")
    role = pending.phone.role

    def decide(session: Session, _: float) -> Change:
        waiting = session.pairing.pending if role == "applicant" else session.partner_pairing.pending
        if waiting is None or waiting.phone.id != pending.phone.id:
            raise Refused("pairing-ended")
        return pairing.unpair(session, role)

    after = await parts.sessions.move(caller.session.id, decide, caller.now, caller.opened)
    return Closing(status=after.session.state, reason="declined")


@post("/pairing-tokens", status_code=201)
async def partner_token(request: AnyRequest, caller: NamedDependency[Caller]) -> ShownToken:
    """A QR for the partner's own phone, shown on the first phone."""
    parts, phone = parts_of(request), caller.linked()
    if phone.role != "applicant":
        raise Refused("not-your-part")
    return await show_token(parts, caller.opened, "partner", caller.now)


@post("/pairings/{pairing_id:str}/approval", status_code=200, body=Approve)
async def approve(request: AnyRequest, caller: NamedDependency[Caller], pairing_id: FromPath[str]) -> PhoneView:
    """The first phone types the code of the partner's phone; only it can seal the vault key to that phone."""
    parts, asked = parts_of(request), await body_of(request, Approve)
    phone = caller.linked()
    if phone.role != "applicant":
        raise Refused("not-your-part")
    digest = typed_digest(parts, caller.session.id, asked.code)
    with caller.vault_key() as key:

        def decide(session: Session, now: float) -> Change:
            pending = session.partner_pairing.pending
            if pending is None or pending.phone.id != pairing_id:
                raise Refused("pairing-ended")

            def seal(to: Phone) -> bytes:
                return seal_key(key, to.wrap_public, session.id, to.id)

            return pairing.type_code(session, digest, seal, "partner", "", now)

        after = await parts.sessions.move(caller.session.id, decide, caller.now, caller.opened)
    return for_phone(after, phone, parts.offered(after.session.language))


HANDLERS: Any = [pair, new_code, decline_pairing, partner_token, approve]
