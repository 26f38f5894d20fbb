"""The journey on the PC: start, show a QR, type the pairing code, follow progress, another phone, stop.

The browser proves itself with a `__Host-` cookie and never receives data. GET shows, POST acts: a mail scanner that
opens a link uses nothing up.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, Router, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath

from broker.creation import session_of_link
from broker.http.linking import ShownToken, show_token, show_typed_code, typed_digest
from broker.http.requests import COOKIE, AnyRequest, body_of, parts_of, same_origin
from broker.http.stopping import stopped
from broker.http.streams import event_stream
from broker.parts import Parts
from broker.purge import new_event_id
from broker.telemetry import log, session_ref
from broker.views import JourneyView, for_journey
from schemas.base import Inbound
from sessions import pairing
from sessions.change import Change
from sessions.errors import Refused
from sessions.model import Phone, Session
from sessions.secrets import new_browser_secret, same
from sessions.secrets import parts as secret_parts
from sessions.store.sessions import Opened
from sessions.vault import new_key, seal_key


class Start(Inbound, frozen=True, kw_only=True):
    """Alone or as a couple, where the profile leaves it to the citizen."""

    household: Literal["single", "couple"] | None = None


class ShowToken(Inbound, frozen=True, kw_only=True):
    """Which way in to show: a QR picture, or a code to type."""

    typed: bool = False


class TypeCode(Inbound, frozen=True, kw_only=True):
    """The code on the phone's screen."""

    code: Annotated[str, msgspec.Meta(max_length=20)]


async def browser_session(request: AnyRequest) -> Opened:
    """The session this browser started. Raises Refused: wrong-secret, taken-over, unknown-session."""
    parts = parts_of(request)
    secret = request.cookies.get(COOKIE, "")
    session_id, _ = secret_parts(secret, "obb_", 2)
    opened = await parts.sessions.read(session_id)
    _require_browser(opened.session, parts.keys.ring.digest("browser", secret))
    return opened


def _require_browser(session: Session, digest: str) -> None:
    if same(session.browser, digest) or any(same(s, digest) for s in session.closing_secrets):
        return
    raise Refused("taken-over" if any(same(b, digest) for b in session.former_browsers) else "wrong-secret")


@get("/{link:str}")
async def invitation(request: AnyRequest, link: FromPath[str]) -> JourneyView:
    """What the link is for. Looking changes nothing."""
    parts = parts_of(request)
    opened = await parts.sessions.read(session_of_link(parts.keys.ring, link))
    return _view(parts, opened)


@post("/{link:str}/start", status_code=200)
async def start(request: AnyRequest, link: FromPath[str]) -> Response[JourneyView]:
    """Start, in this browser; a browser that started before is told so."""
    same_origin(request)
    parts = parts_of(request)
    asked = await body_of(request, Start)
    session_id = session_of_link(parts.keys.ring, link)
    secret = new_browser_secret(session_id)
    digest = parts.keys.ring.digest("browser", secret)
    after = await parts.sessions.move(
        session_id, lambda s, now: pairing.start(s, digest, asked.household, new_event_id(), now), parts.clock()
    )
    log.info("session.opened", session_ref=session_ref(session_id), provider=after.session.provider)
    view = _view(parts, after)
    cookie = Cookie(key=COOKIE, value=secret, path="/", secure=True, httponly=True, samesite="lax")
    return Response(view, cookies=[cookie])


@get("/session")
async def status(request: AnyRequest) -> JourneyView:
    """Where the session stands."""
    return _view(parts_of(request), await browser_session(request))


@get("/events")
async def events(request: AnyRequest) -> Any:
    """The same, each time something changes (server-sent events), until another browser takes over."""
    parts, opened = parts_of(request), await browser_session(request)
    digest = parts.keys.ring.digest("browser", request.cookies[COOKIE])
    labels = parts.labels(opened.session.language)

    def view(now: Opened) -> JourneyView:
        _require_browser(now.session, digest)
        return for_journey(now, labels)

    return event_stream(parts, opened, view)


@post("/pairing-tokens", status_code=201)
async def show_way_in(request: AnyRequest) -> ShownToken:
    """Show a new QR token, or a code to type; older QR tokens stay good for 90 seconds."""
    same_origin(request)
    parts, asked = parts_of(request), await body_of(request, ShowToken)
    opened = await browser_session(request)
    if asked.typed:
        return await show_typed_code(parts, opened, parts.clock())
    return await show_token(parts, opened, "applicant", parts.clock())


@post("/pairing", status_code=200)
async def type_code(request: AnyRequest) -> JourneyView:
    """Type the code the phone shows. Three tries, two minutes; what is no code costs no try."""
    same_origin(request)
    parts, asked = parts_of(request), await body_of(request, TypeCode)
    opened = await browser_session(request)
    digest = typed_digest(parts, opened.session.id, asked.code)
    vault_key = new_key()

    def decide(session: Session, now: float) -> Change:
        def seal(phone: Phone) -> bytes:
            return seal_key(vault_key, phone.wrap_public, session.id, phone.id)

        return pairing.type_code(session, digest, seal, "applicant", new_event_id(), now)

    after = await parts.sessions.move(opened.session.id, decide, parts.clock(), opened)
    log.info("session.paired", session_ref=session_ref(after.session.id), provider=after.session.provider)
    return _view(parts, after)


@post("/restart", status_code=200)
async def restart(request: AnyRequest) -> JourneyView:
    """Another phone: what was collected is destroyed, and a fresh QR can be shown."""
    same_origin(request)
    parts, opened = parts_of(request), await browser_session(request)
    after = await parts.sessions.move(opened.session.id, lambda s, _: pairing.restart(s), parts.clock(), opened)
    return _view(parts, after)


@post("/stop", status_code=200)
async def stop(request: AnyRequest) -> JourneyView:
    """Stop: everything is destroyed."""
    same_origin(request)
    parts = parts_of(request)
    return _view(parts, await stopped(parts, await browser_session(request), "citizen"))


def _view(parts: Parts, opened: Opened) -> JourneyView:
    return for_journey(opened, parts.labels(opened.session.language))


def routers() -> list[Any]:
    """The journey's surface."""
    handlers: Any = [invitation, start, status, events, show_way_in, type_code, restart, stop]
    return [Router("/j", route_handlers=handlers, include_in_schema=False)]
