"""The phone API, /phone/v1: pairing, collecting, looking, consenting. Every request is bound to the device (DPoP)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

import qr.codes
import qr.tokens
from broker import dpop
from broker.caller import Caller
from broker.clock import utc
from broker.collection import Collection
from broker.consent import Consents, Review
from broker.errors import Problem
from broker.http.linking import ShownToken, code_digest, show_token, typed_digest
from broker.http.requests import AnyRequest, bearer, body_of, own_url, parts_of
from broker.http.streams import event_stream
from broker.parts import Parts
from broker.purge import new_event_id
from broker.telemetry import log, session_ref, sessions_total
from broker.views import PhoneView, for_phone
from schemas.base import Inbound, View
from schemas.consent import SignedConsent
from sessions import collecting, pairing
from sessions.change import Change
from sessions.ending import end
from sessions.errors import Refused
from sessions.lifecycle import Event, attempt_end, require
from sessions.model import PendingPhone, Phone, Role, Session, State
from sessions.secrets import PhoneToken, new_phone_token, random_text, same
from sessions.secrets import parts as secret_parts
from sessions.store.sessions import Opened
from sessions.vault import seal_key, wrap_public

PAIRING_ATTEMPTS_PER_MINUTE = 30


class Pair(Inbound, frozen=True, kw_only=True):
    """Redeem a QR token or a typed code. The device's key is the one that signs the DPoP proof."""

    token: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    typed_code: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class Paired(View, frozen=True, kw_only=True):
    """The phone's access token, and the code to type on the PC (or on the first phone)."""

    access_token: str
    pairing_code: str
    id: str
    view: PhoneView
    token_type: Literal["DPoP"] = "DPoP"  # noqa: S105 - a kind, not a secret


class Approve(Inbound, frozen=True, kw_only=True):
    """The code on the partner's phone."""

    code: Annotated[str, msgspec.Meta(max_length=20)]


class Skip(Inbound, frozen=True, kw_only=True):
    """Why a source is left out."""

    reason: Annotated[str, msgspec.Meta(pattern=r"^[a-z-]{1,40}$")] = "citizen"


class LoginCallback(Inbound, frozen=True, kw_only=True):
    """What the identity provider gave back: a code, or the error it named instead (a cancelled login)."""

    state: Annotated[str, msgspec.Meta(max_length=200)]
    code: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    error: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class LoginStarted(View, frozen=True, kw_only=True):
    """Where to log in; without `url` a login of a moment ago still holds and fetching has begun."""

    url: str | None = None


class GiveConsent(Inbound, frozen=True, kw_only=True):
    """Consent to exactly what was shown: the digests of the review and of the sentence."""

    review_digest: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    text_digest: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class Consented(View, frozen=True, kw_only=True):
    """The signed receipt, to save: it is not kept here. `sent`: everyone consented, the data are on their way."""

    receipt: SignedConsent
    sent: bool


class Remark(Inbound, frozen=True, kw_only=True):
    """Something in the data is wrong, says the citizen."""

    person: Role
    field: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.\[\]_-]{1,100}$")]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Extended(View, frozen=True, kw_only=True):
    """Until when the attempt now runs."""

    attempt_ends_at: datetime


class Closing(View, frozen=True, kw_only=True):
    """What is left to show after the end."""

    status: State
    reason: str | None = None
    purge_receipt: str | None = None


async def caller_of(request: AnyRequest) -> Caller:
    """The phone this request comes from: one store trip marks the proof as used and reads the session."""
    parts = parts_of(request)
    token = PhoneToken(bearer(request, "DPoP"))
    session_id, phone_id, _ = secret_parts(token, "obp_", 3)
    now, ring = parts.clock(), parts.keys.ring
    proof = _proof(request, token, now)
    digest = ring.digest("phone", token)
    opened = await parts.sessions.open(session_id, proof.id, now, digest)
    phone, pending = _known(opened.session, phone_id, digest)
    known = phone or (pending.phone if pending else None)
    if known is not None and not same(known.thumbprint, proof.thumbprint):
        raise Refused("wrong-secret")
    return Caller(opened=opened, token=token, ring=ring, phone=phone, pending=pending, now=now)


def _known(session: Session, phone_id: str, digest: str) -> tuple[Phone | None, PendingPhone | None]:
    """The phone that holds this token: linked, or waiting for its code, or neither once the session ended.

    Raises Refused: wrong-secret for a phone that is out, session-ended.
    """
    pendings = (session.pairing.pending, session.partner_pairing.pending)
    pending = next((p for p in pendings if p is not None and p.phone.id == phone_id), None)
    phone = session.phone(phone_id)
    known = phone or (pending.phone if pending else None)
    if known is not None and same(known.token, digest):
        return phone, pending
    if any(same(secret, digest) for secret in session.closing_secrets):
        return None, None
    raise Refused("session-ended" if session.ended else "wrong-secret")


def _proof(request: AnyRequest, token: str | None, now: float) -> dpop.Proof:
    ring = parts_of(request).keys.ring
    given = request.headers.get("dpop", "")
    return dpop.verify(given, request.method, own_url(request), token, ring, now)


def _collection(request: AnyRequest) -> Collection:
    return request.app.state["collection"]


def _consents(request: AnyRequest) -> Consents:
    return request.app.state["consents"]


@post("/pairings", status_code=201, body=Pair)
async def pair(request: AnyRequest) -> Paired:
    """Redeem a QR token or a typed code, once; the phone then shows the code that is typed on the PC."""
    parts, asked = parts_of(request), await body_of(request, Pair)
    now = parts.clock()
    proof = _proof(request, None, now)
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
    shown = code_digest(parts, session_id, code)
    after = await parts.sessions.move(session_id, lambda s, at: pairing.scan(s, digest, phone, shown, at), now, opened)
    log.info("pairing.scanned", session_ref=session_ref(session_id), role=phone.role)
    view = for_phone(after, None, {})
    return Paired(access_token=token, pairing_code=code, id=phone_id, view=view)


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
    phone, key = caller.linked(), caller.vault_key()
    if phone.role != "applicant":
        raise Refused("not-your-part")
    digest = typed_digest(parts, caller.session.id, asked.code)

    def decide(session: Session, now: float) -> Change:
        pending = session.partner_pairing.pending
        if pending is None or pending.phone.id != pairing_id:
            raise Refused("pairing-ended")

        def seal(to: Phone) -> bytes:
            return seal_key(key, to.wrap_public, session.id, to.id)

        return pairing.type_code(session, digest, seal, "partner", "", now)

    after = await parts.sessions.move(caller.session.id, decide, caller.now, caller.opened)
    return _view(parts, after, phone)


def _view(parts: Parts, opened: Opened, phone: Phone | None) -> PhoneView:
    return for_phone(opened, phone, parts.labels(opened.session.language))


@get("/session")
async def read_session(request: AnyRequest, caller: NamedDependency[Caller]) -> PhoneView:
    """Where the session stands, as this phone may know it."""
    return _view(parts_of(request), caller.opened, caller.phone)


@get("/events")
async def events(request: AnyRequest, caller: NamedDependency[Caller]) -> Any:
    """The same, each time something changes. The proof is checked at the start; the stream ends itself.

    It ends too when the phone is out: sent away, replaced, or its person no longer takes part.
    """
    parts, digest = parts_of(request), caller.ring.digest("phone", caller.token)
    _, phone_id, _ = secret_parts(caller.token, "obp_", 3)
    labels = parts.labels(caller.session.language)

    def view(now: Opened) -> PhoneView:
        phone, _ = _known(now.session, phone_id, digest)
        return for_phone(now, phone, labels)

    return event_stream(parts, caller.opened, view)


@post("/persons/{person:str}/sources/{source:str}/login", status_code=200)
async def login(
    request: AnyRequest, caller: NamedDependency[Caller], person: FromPath[str], source: FromPath[str]
) -> LoginStarted:
    """Begin a login for one source: where the phone goes to log in."""
    return LoginStarted(url=await _collection(request).begin(caller, _person(person), source))


@post("/persons/{person:str}/sources/{source:str}/skip", status_code=200, body=Skip)
async def skip(
    request: AnyRequest, caller: NamedDependency[Caller], person: FromPath[str], source: FromPath[str]
) -> PhoneView:
    """Leave an optional source out."""
    parts, phone, asked = parts_of(request), caller.linked(), await body_of(request, Skip)
    role = _person(person)
    after = await parts.sessions.move(
        caller.session.id,
        lambda s, _: collecting.skip(s, phone, role, source, asked.reason),
        caller.now,
        caller.opened,
    )
    return _view(parts, after, phone)


@post("/logins/callback", status_code=202, body=LoginCallback)
async def login_callback(request: AnyRequest, caller: NamedDependency[Caller]) -> None:
    """A login came back. Fetching goes on by itself; follow the events."""
    asked = await body_of(request, LoginCallback)
    if (asked.code is None) == (asked.error is None):
        raise Problem("invalid-request", errors=("code, error: exactly one of them is needed",))
    await _collection(request).returned(caller, asked.state, asked.code, asked.error or "")


@get("/review")
async def review(request: AnyRequest, caller: NamedDependency[Caller]) -> Review:
    """What was found, as it would be sent, as far as this phone may show it."""
    return await _consents(request).review(caller)


@post("/remarks", status_code=201, body=Remark)
async def remark(request: AnyRequest, caller: NamedDependency[Caller]) -> None:
    """Say that a value is wrong; it goes along with the data as a remark."""
    asked = await body_of(request, Remark)
    await _consents(request).remark(caller, asked.person, asked.field, asked.text)


@post("/persons/{person:str}/consent", status_code=200, body=GiveConsent)
async def consent(request: AnyRequest, caller: NamedDependency[Caller], person: FromPath[str]) -> Consented:
    """Consent to what was shown; the last adult's consent sends."""
    asked = await body_of(request, GiveConsent)
    after, receipt = await _consents(request).give(caller, _person(person), asked.review_digest, asked.text_digest)
    return Consented(receipt=receipt, sent=after.session.state is State.CONSENTED)


@delete("/persons/{person:str}/consent", status_code=200)
async def amend(request: AnyRequest, caller: NamedDependency[Caller], person: FromPath[str]) -> PhoneView:
    """Change after all: every consent is void and the content can change again."""
    after = await _consents(request).amend(caller, _person(person))
    return _view(parts_of(request), after, caller.phone)


@post("/persons/{person:str}/decline", status_code=200)
async def decline(request: AnyRequest, caller: NamedDependency[Caller], person: FromPath[str]) -> PhoneView:
    """Do not take part: the applicant ends the session, the partner leaves it where the profile allows that."""
    after = await _consents(request).decline(caller, _person(person))
    return _view(parts_of(request), after, after.session.phone(caller.linked().id))


@post("/extension", status_code=200)
async def extend(caller: NamedDependency[Caller]) -> Extended:
    """More time: any request of a phone gives the attempt another hour; this one only says until when."""
    require(caller.session, State.COLLECTING)
    return Extended(attempt_ends_at=utc(attempt_end(caller.session, caller.now)))


@post("/withdrawal", status_code=200)
async def withdraw(request: AnyRequest, caller: NamedDependency[Caller]) -> Closing:
    """Take back consent, until the provider acknowledged: the payload is destroyed."""
    return await _end(request, caller, Event.WITHDRAW, "withdrawn")


@delete("/session", status_code=200)
async def stop(request: AnyRequest, caller: NamedDependency[Caller]) -> Closing:
    """Stop: everything is destroyed."""
    return await _end(request, caller, Event.STOP, "citizen")


async def _end(request: AnyRequest, caller: Caller, event: Event, reason: str) -> Closing:
    parts, phone_id = parts_of(request), caller.linked().id

    def decide(session: Session, now: float) -> Change:
        if not session.ended and session.phone(phone_id) is None:
            raise Refused("wrong-secret")  # another phone took over meanwhile
        return end(session, event, reason, parts.sign_purge, new_event_id(), now)

    after = await parts.sessions.move(caller.session.id, decide, caller.now, caller.opened)
    sessions_total.labels(after.session.state).inc()
    log.info("session.stopped", session_ref=session_ref(caller.session.id), reason=reason)
    return _closing(after.session)


@get("/receipt")
async def receipt(caller: NamedDependency[Caller]) -> Closing:
    """The purge receipt, for a day after the end."""
    return _closing(caller.session)


def _closing(session: Session) -> Closing:
    return Closing(status=session.state, reason=session.reason, purge_receipt=session.purge_receipt)


def _person(name: str) -> Role:
    if name not in ("applicant", "partner"):
        raise Refused("unknown-person")
    return "partner" if name == "partner" else "applicant"


HANDLERS: Any = [
    pair,
    decline_pairing,
    partner_token,
    approve,
    read_session,
    events,
    login,
    skip,
    login_callback,
    review,
    remark,
    consent,
    amend,
    decline,
    extend,
    withdraw,
    stop,
    receipt,
]


def routers() -> list[Any]:
    """The phone's surface."""
    return [Router("/phone/v1", route_handlers=HANDLERS, dependencies={"caller": Provide(caller_of)})]
