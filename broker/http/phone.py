"""The phone API, /phone/v1: collecting, looking, consenting, ending. Every request is bound to the device (DPoP)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from litestar.response import Stream

from broker import stopping
from broker.caller import Caller
from broker.clock import utc
from broker.collection import Collection
from broker.consent import Consents, Review
from broker.errors import Problem
from broker.http import phone_pairing
from broker.http.phone_caller import caller_of, known_phone
from broker.http.requests import AnyRequest, body_of, file_of, parts_of
from broker.http.streams import event_stream
from broker.parts import Parts
from broker.purge import new_event_id
from broker.uploads import Uploads
from broker.views import Closing, PhoneView, for_closing, for_phone
from schemas.base import Inbound, View
from schemas.consent import SignedConsent
from sessions import collecting, ending, pairing
from sessions.change import Change
from sessions.errors import Refused
from sessions.lifecycle import attempt_end, require
from sessions.model import Language, Phone, Role, Session, State
from sessions.secrets import parts as secret_parts
from sessions.store.sessions import Opened


class Speak(Inbound, frozen=True, kw_only=True):
    """The language of screens, sentences and receipts from here on."""

    language: Language


class Skip(Inbound, frozen=True, kw_only=True):
    """Why a source is left out."""

    reason: Annotated[str, msgspec.Meta(pattern=r"^[a-z-]{1,40}$")] = "citizen"


class LoginCallback(Inbound, frozen=True, kw_only=True):
    """What the identity provider gave back: a code, or the error it named instead (a cancelled login).

    Some bridges forget the `state` when they tell of an error: that ends the one login of this phone.
    """

    state: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    code: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    error: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class LoginStarted(View, frozen=True, kw_only=True):
    """Where to log in; without `url` a login of a moment ago still holds and fetching has begun."""

    url: str | None = None


class GiveConsent(Inbound, frozen=True, kw_only=True):
    """Consent to exactly what was shown: the digests of the review, and of the sentence with what is told beside it."""

    review_digest: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    text_digest: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class Consented(View, frozen=True, kw_only=True):
    """The signed receipt, to save: it is not kept here after the end. `sent`: everyone consented, the data are on their
    way.
    """

    receipt: SignedConsent
    sent: bool


class Proofs(Closing, frozen=True, kw_only=True):
    """What there is to keep: signed receipts of consent, and after the end the receipt of the purge."""

    consents: tuple[SignedConsent, ...] = ()


class Remark(Inbound, frozen=True, kw_only=True):
    """Something in the data is wrong, says the citizen."""

    person: Role
    field: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.\[\]_-]{1,100}$")]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Extended(View, frozen=True, kw_only=True):
    """Until when the attempt now runs."""

    attempt_ends_at: datetime


def _collection(request: AnyRequest) -> Collection:
    return request.app.state["collection"]


def _uploads(request: AnyRequest) -> Uploads:
    return request.app.state["uploads"]


def _consents(request: AnyRequest) -> Consents:
    return request.app.state["consents"]


@put("/language", status_code=200, body=Speak)
async def speak(request: AnyRequest, caller: NamedDependency[Caller]) -> PhoneView:
    """Another language, until somebody has consented to words in the present one."""
    parts, asked = parts_of(request), await body_of(request, Speak)
    after = await parts.sessions.move(
        caller.session.id, lambda s, _: pairing.speak(s, asked.language), caller.now, caller.opened
    )
    return _view(parts, after, caller.phone)


def _view(parts: Parts, opened: Opened, phone: Phone | None) -> PhoneView:
    return for_phone(opened, phone, parts.offered(opened.session.language))


@get("/session")
async def read_session(request: AnyRequest, caller: NamedDependency[Caller]) -> PhoneView:
    """Where the session stands, as this phone may know it."""
    return _view(parts_of(request), caller.opened, caller.phone)


@get("/events")
async def events(request: AnyRequest, caller: NamedDependency[Caller]) -> Stream:
    """The same, each time something changes. The proof is checked at the start; the stream ends itself.

    It ends too when the phone is out: sent away, replaced, or its person no longer takes part.
    """
    parts, digest = parts_of(request), caller.ring.digest("phone", caller.token)
    _, phone_id, _ = secret_parts(caller.token, "obp_", 3)

    def view(now: Opened) -> PhoneView:
        phone, _ = known_phone(now.session, phone_id, digest)
        return _view(parts, now, phone)

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


@post("/persons/{person:str}/sources/{source:str}/upload", status_code=200, file=True, request_max_body_size=None)
async def upload(
    request: AnyRequest, caller: NamedDependency[Caller], person: FromPath[str], source: FromPath[str]
) -> PhoneView:
    """Hand over a source's own download: its bytes are the body. It is read at once; the same one twice counts once."""
    parts, uploads, role = parts_of(request), _uploads(request), _person(person)
    uploads.reader(caller, role, source)
    content = await file_of(request, parts.settings.uploads.max_bytes if parts.settings.uploads else 0)
    return _view(parts, await uploads.take(caller, role, source, content), caller.phone)


@delete("/persons/{person:str}/sources/{source:str}/upload", status_code=200)
async def take_back(
    request: AnyRequest, caller: NamedDependency[Caller], person: FromPath[str], source: FromPath[str]
) -> PhoneView:
    """Take this person's documents of this source back; what the source itself answered stays."""
    after = await _uploads(request).take_back(caller, _person(person), source)
    return _view(parts_of(request), after, caller.phone)


@post("/logins/callback", status_code=202, body=LoginCallback)
async def login_callback(request: AnyRequest, caller: NamedDependency[Caller]) -> None:
    """A login came back. Fetching goes on by itself; follow the events."""
    asked = await body_of(request, LoginCallback)
    if (asked.code is None) == (asked.error is None):
        raise Problem("invalid-request", errors=("code, error: exactly one of them is needed",))
    if asked.code is not None and asked.state is None:
        raise Problem("invalid-request", errors=("state: is required",))
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
    """Consent to what was shown; the last adult's consent sends. Asked again it answers the same, until the end."""
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

    def decide(session: Session, now: float, has_it: bool) -> Change:
        return ending.withdraw(session, parts_of(request).sign_purge, new_event_id(), now, maybe_received=has_it)

    return await _ended(request, caller, decide)


@delete("/session", status_code=200)
async def stop(request: AnyRequest, caller: NamedDependency[Caller]) -> Closing:
    """Stop: everything is destroyed. Once everyone consented this is taking that back."""

    def decide(session: Session, now: float, has_it: bool) -> Change:
        sign = parts_of(request).sign_purge
        return ending.stop(session, "citizen", sign, new_event_id(), now, maybe_received=has_it)

    return await _ended(request, caller, decide)


async def _ended(request: AnyRequest, caller: Caller, decide: stopping.Decide) -> Closing:
    parts, phone_id = parts_of(request), caller.linked().id

    def still_here(session: Session, now: float, has_it: bool) -> Change | None:
        if not session.ended and session.phone(phone_id) is None:
            raise Refused("wrong-secret")  # another phone took over meanwhile
        return decide(session, now, has_it)

    return for_closing((await stopping.ended(parts, caller.session.id, still_here)).session)


@get("/receipt")
async def receipt(request: AnyRequest, caller: NamedDependency[Caller]) -> Proofs:
    """What there is to keep: until the end the receipts of who consented on this phone, for a day after it that of the
    purge.
    """
    closing = msgspec.structs.asdict(for_closing(caller.session))
    return Proofs(**closing, consents=await _consents(request).receipts(caller))


def _person(name: str) -> Role:
    if name not in ("applicant", "partner"):
        raise Refused("unknown-person")
    return "partner" if name == "partner" else "applicant"


HANDLERS: Any = [
    *phone_pairing.HANDLERS,
    speak,
    read_session,
    events,
    login,
    skip,
    upload,
    take_back,
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
