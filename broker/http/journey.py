"""The journey on the PC, what acts: start, show a QR, type the pairing code, another phone, more time, stop.

The browser proves itself with a `__Host-` cookie and never receives data. GET shows, POST acts: a mail scanner that
opens a link uses nothing up. A person's browser posts forms and is sent on to a page (`pages`); a program posts JSON
and gets the session as it now is.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.response import Redirect, Stream

import qr.tokens
from broker.creation import session_of_link
from broker.errors import Problem
from broker.http.html import wants_page
from broker.http.linking import ShownToken, hand_token, show_token, show_typed_code, typed_digest
from broker.http.requests import COOKIE, AnyRequest, browser_secret, parts_of, same_origin, sent_in
from broker.http.streams import event_stream
from broker.invitations import send_text
from broker.parts import Parts
from broker.purge import new_event_id
from broker.stopping import stopped
from broker.telemetry import log, session_ref
from broker.views import JourneyView, for_journey
from schemas.base import Inbound, View
from sessions import pairing
from sessions.change import Change
from sessions.errors import Refused
from sessions.model import Language, Phone, Session
from sessions.secrets import new_browser_secret, same
from sessions.secrets import parts as secret_parts
from sessions.store.sessions import Opened
from sessions.vault import new_key, seal_key

HERE = "/j/session"  # the page that fits where this browser's session stands
_WITH_LANGUAGES = {f"/j/{name}" for name in ("checklist", "number", "pair", "progress", "restart", "stop")}


class Start(Inbound, frozen=True, kw_only=True):
    """Alone or as a couple, where the profile leaves it to the citizen; and the language they read the page in."""

    household: Literal["single", "couple"] | None = None
    language: Language | None = None


class ShowToken(Inbound, frozen=True, kw_only=True):
    """Which way in to show: a QR picture, or a code to type."""

    typed: bool = False


class TypeCode(Inbound, frozen=True, kw_only=True):
    """The code on the phone's screen."""

    code: Annotated[str, msgspec.Meta(max_length=20)]


class Number(Inbound, frozen=True, kw_only=True):
    """The mobile number that gets the address of the phone app."""

    number: Annotated[str, msgspec.Meta(max_length=30)]


class Speak(Inbound, frozen=True, kw_only=True):
    """The language of everything that is still to be shown."""

    language: Language


class Handed(View, frozen=True, kw_only=True):
    """Where this browser goes on, on its own device."""

    url: str


async def browser_session(request: AnyRequest) -> Opened:
    """The session this browser started. Raises Refused: wrong-secret, taken-over, unknown-session."""
    parts = parts_of(request)
    secret = browser_secret(request)
    session_id, _ = secret_parts(secret, "obb_", 2)
    opened = await parts.sessions.read(session_id)
    _require_browser(opened.session, parts.keys.ring.digest("browser", secret))
    return opened


def _require_browser(session: Session, digest: str) -> None:
    if same(session.browser, digest) or any(same(s, digest) for s in session.closing_secrets):
        return
    raise Refused("taken-over" if any(same(b, digest) for b in session.former_browsers) else "wrong-secret")


def session_of(request: AnyRequest, link: str) -> str:
    """The session id of a journey link. Raises Refused(unknown-session)."""
    return session_of_link(parts_of(request).keys.ring, link)


def _answer(request: AnyRequest, opened: Opened, page: str = HERE) -> Response[Any]:
    """A person is sent to a page, a program told where the session stands."""
    if wants_page(request):
        return Redirect(page, status_code=303)
    return Response(journey_view(parts_of(request), opened), status_code=200)


def journey_view(parts: Parts, opened: Opened) -> JourneyView:
    """The session as the PC may know it."""
    return for_journey(opened, parts.labels(opened.session.language))


@post("/{link:str}/start", status_code=200)
async def start(request: AnyRequest, link: FromPath[str]) -> Response[Any]:
    """Start, in this browser; a browser that started before is told so."""
    same_origin(request)
    parts = parts_of(request)
    asked = await sent_in(request, Start)
    session_id = session_of(request, link)
    secret = new_browser_secret(session_id)
    digest = parts.keys.ring.digest("browser", secret)

    def decide(session: Session, now: float) -> Change:
        return pairing.start(session, digest, asked.household, new_event_id(), now, asked.language)

    after = await parts.sessions.move(session_id, decide, parts.clock())
    log.info("session.opened", session_ref=session_ref(session_id), provider=after.session.provider)
    answer = _answer(request, after, "/j/checklist")
    cookie = Cookie(key=COOKIE, value=secret, path="/", secure=True, httponly=True, samesite="lax")
    answer.set_cookie(cookie)
    return answer


@get("/events")
async def events(request: AnyRequest) -> Stream:
    """The session each time something changes (server-sent events), until another browser takes over."""
    parts, opened = parts_of(request), await browser_session(request)
    digest = parts.keys.ring.digest("browser", browser_secret(request))

    def view(now: Opened) -> JourneyView:
        _require_browser(now.session, digest)
        return journey_view(parts, now)

    return event_stream(parts, opened, view)


@post("/pairing-tokens", status_code=201)
async def show_way_in(request: AnyRequest) -> ShownToken:
    """Show a new QR token, or a code to type; older QR tokens stay good for 90 seconds."""
    same_origin(request)
    parts, asked = parts_of(request), await sent_in(request, ShowToken)
    opened = await browser_session(request)
    if asked.typed:
        return await show_typed_code(parts, opened, parts.clock())
    return await show_token(parts, opened, "applicant", parts.clock())


@post("/same-device", status_code=201)
async def go_on_here(request: AnyRequest) -> Response[Any]:
    """Go on on this device: the phone app starts with a token that is good with this browser's cookie only."""
    same_origin(request)
    parts = parts_of(request)
    token = await hand_token(parts, await browser_session(request), parts.clock())
    if wants_page(request):
        return Redirect(qr.tokens.token_url("", token), status_code=303)
    return Response(Handed(url=qr.tokens.token_url(parts.settings.base_url, token)), status_code=201)


@post("/number", status_code=200)
async def text_address(request: AnyRequest) -> Response[Any]:
    """Send the address of the phone app by SMS, twice at most. The number is forgotten once it was sent."""
    same_origin(request)
    parts, asked = parts_of(request), await sent_in(request, Number)
    opened = await browser_session(request)
    try:
        after = await send_text(parts, opened, asked.number)
    except Problem as problem:
        return _number_again(request, "number", problem)
    except Refused as refused:
        if refused.code != "too-many-texts":
            raise
        return _number_again(request, "limit", refused)
    return _answer(request, after, "/j/pair?sms=sent")


def _number_again(request: AnyRequest, wrong: str, error: Exception) -> Response[Any]:
    if not wants_page(request):
        raise error
    return Redirect(f"/j/number?wrong={wrong}", status_code=303)


@post("/pairing", status_code=200)
async def type_code(request: AnyRequest) -> Response[Any]:
    """Type the code the phone shows. Three tries, two minutes; what is no code costs no try."""
    same_origin(request)
    parts, asked = parts_of(request), await sent_in(request, TypeCode)
    opened = await browser_session(request)
    try:
        after = await _typed(parts, opened, asked.code)
    except Problem as problem:
        return _code_again(request, "format", problem)
    except Refused as refused:
        if refused.code not in ("wrong-code", "pairing-ended", "wrong-state"):
            raise
        # Not waiting for a code any more: time was up, or a second click came after the first.
        return _code_again(request, "wrong-code" if refused.code == "wrong-code" else "pairing-ended", refused)
    log.info("session.paired", session_ref=session_ref(after.session.id), provider=after.session.provider)
    return _answer(request, after)


def _code_again(request: AnyRequest, wrong: str, error: Exception) -> Response[Any]:
    """The page says what was wrong, and how many tries are left."""
    if not wants_page(request):
        raise error
    return Redirect(f"/j/pair?wrong={wrong}", status_code=303)


async def _typed(parts: Parts, opened: Opened, code: str) -> Opened:
    digest = typed_digest(parts, opened.session.id, code)
    with new_key() as key:

        def decide(session: Session, now: float) -> Change:
            def seal(phone: Phone) -> bytes:
                return seal_key(key, phone.wrap_public, session.id, phone.id)

            return pairing.type_code(session, digest, seal, "applicant", new_event_id(), now)

        return await parts.sessions.move(opened.session.id, decide, parts.clock(), opened)


@post("/unpair", status_code=200)
async def unpair(request: AnyRequest) -> Response[Any]:
    """That was not my phone: the waiting one is sent away, and a fresh QR can be shown."""
    same_origin(request)
    parts, opened = parts_of(request), await browser_session(request)
    after = await parts.sessions.move(opened.session.id, lambda s, _: pairing.unpair(s), parts.clock(), opened)
    return _answer(request, after)


@post("/language", status_code=200)
async def speak(request: AnyRequest) -> Response[Any]:
    """Another language, for everything that is still to be shown."""
    same_origin(request)
    parts, asked = parts_of(request), await sent_in(request, Speak)
    opened = await browser_session(request)
    after = await parts.sessions.move(
        opened.session.id, lambda s, _: pairing.speak(s, asked.language), parts.clock(), opened
    )
    return _answer(request, after, _came_from(request))


def _came_from(request: AnyRequest) -> str:
    """The page a form was on, as the browser says (our pages' Referrer-Policy lets it); else the one that fits."""
    address = request.headers.get("referer", "").removeprefix(parts_of(request).settings.base_url)
    return address if address.partition("?")[0] in _WITH_LANGUAGES else HERE


@post("/extension", status_code=200)
async def extend(request: AnyRequest) -> Response[Any]:
    """More time: somebody is still there, though the phone was silent for long."""
    same_origin(request)
    parts, opened = parts_of(request), await browser_session(request)

    def decide(session: Session, now: float) -> Change:
        return pairing.more_time(session, opened.seen_at, now)

    return _answer(request, await parts.sessions.move(opened.session.id, decide, parts.clock(), opened))


@post("/restart", status_code=200)
async def restart(request: AnyRequest) -> Response[Any]:
    """Another phone: what was collected is destroyed, and a fresh QR can be shown."""
    same_origin(request)
    parts, opened = parts_of(request), await browser_session(request)
    after = await parts.sessions.move(opened.session.id, lambda s, _: pairing.restart(s), parts.clock(), opened)
    return _answer(request, after)


@post("/stop", status_code=200)
async def stop(request: AnyRequest) -> Response[Any]:
    """Stop: everything is destroyed."""
    same_origin(request)
    parts = parts_of(request)
    return _answer(request, await stopped(parts, await browser_session(request), "citizen"))


HANDLERS: Any = [
    start,
    events,
    show_way_in,
    go_on_here,
    text_address,
    type_code,
    unpair,
    speak,
    extend,
    restart,
    stop,
]
