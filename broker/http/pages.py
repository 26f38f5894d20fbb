"""The journey on the PC, what is seen: one page for each place where a session can stand, none with any data.

A page that does not fit where the session stands sends on to the one that does. What acts is `journey`'s. All of it
works without a script; `pc.js` only saves people the reloading.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import HttpMethod, Response, Router, get, route
from litestar.params import FromPath
from litestar.response import Redirect

from broker.clock import iso
from broker.http.html import html, shown_provider, wants_page
from broker.http.journey import HANDLERS, HERE, browser_session, journey_view, session_of
from broker.http.linking import show_token, show_typed_code
from broker.http.requests import AnyRequest, parts_of
from broker.http.streams import view_id
from broker.parts import Parts
from broker.views import JourneyView, in_language, outcome
from broker.web.formats import listed, moment
from sessions.errors import Refused
from sessions.lifecycle import PAIRING_CODE_SECONDS, PAIRING_TRIES, attempt_end
from sessions.model import Language, Session, State
from sessions.store.sessions import Opened

WARNED_SECONDS = 600.0
_LOOKING = (HttpMethod.GET, HttpMethod.HEAD)  # mail programs ask for the head of a link before they show it
_QR, _PROGRESS = "/j/pair", "/j/progress"
_STEPS = {State.COLLECTING: 4, State.CONSENTED: 4}
_SPEAKING = (State.OPENED, State.PAIRING, State.COLLECTING)

Answer = Response[Any]


def fitting(session: Session) -> str:
    """The address of the page that fits where a session stands."""
    return _QR if session.state in (State.OPENED, State.PAIRING) else _PROGRESS


@route("/{link:str}", http_method=_LOOKING)
async def start_page(request: AnyRequest, link: FromPath[str]) -> Answer:
    """What the link is for. Looking changes nothing."""
    parts = parts_of(request)
    opened = await parts.sessions.read(session_of(request, link))
    if not wants_page(request):
        return Response(journey_view(parts, opened))
    if await _is_ours(request, opened):
        return Redirect(HERE, status_code=303)
    return await _before_start(request, opened, link, "start")


@route("/{link:str}/household", http_method=_LOOKING)
async def household_page(request: AnyRequest, link: FromPath[str]) -> Answer:
    """Alone, or for a partner too?"""
    opened = await parts_of(request).sessions.read(session_of(request, link))
    if opened.session.household != "ask":
        return Redirect(f"/j/{link}", status_code=303)
    return await _before_start(request, opened, link, "household")


async def _is_ours(request: AnyRequest, opened: Opened) -> bool:
    """Whether this browser started this session, and still has it."""
    try:
        return (await browser_session(request)).session.id == opened.session.id
    except Refused:
        return False


async def _before_start(request: AnyRequest, opened: Opened, link: str, name: str) -> Answer:
    """A page on the way to the start; where the session is past it, what there is to say."""
    session = opened.session
    if session.ended:
        return await _ended(request, opened, known=False)
    language = _asked_language(request) or session.language
    switch = _switch(request, language)
    if session.state not in (State.CREATED, State.OPENED):
        return await _page(request, opened, "busy", spoken=language, **switch)
    return await _page(
        request,
        opened,
        name,
        spoken=language,
        link=f"/j/{link}",
        query=f"?lang={language}" if language != session.language else "",
        asks_household=session.household == "ask",
        elsewhere=session.state is State.OPENED,
        until=moment(session.expires_at, parts_of(request).clock(), language),
        step=1 if name == "start" else 2,
        stop_url="",
        **switch,
    )


def _switch(request: AnyRequest, language: Language) -> dict[str, str]:
    """The language switch of a page that changes nothing in its session: a link to the same page."""
    other = "en" if language == "nl" else "nl"
    return {"other_language_url": f"{request.scope['path']}?lang={other}", "language_action": ""}


def _asked_language(request: AnyRequest) -> Language | None:
    asked = request.query_params.get("lang")
    return "nl" if asked == "nl" else "en" if asked == "en" else None


@get("/session")
async def here(request: AnyRequest) -> Answer:
    """Where the session stands: for a person the page that fits, for a program the facts."""
    opened = await browser_session(request)
    if wants_page(request):
        return Redirect(fitting(opened.session), status_code=303)
    view = journey_view(parts_of(request), opened)
    return Response(view, headers={"ETag": f'"{view_id(view)}"'})


Shows = Callable[[AnyRequest, Opened], Awaitable[Answer]]


async def _shown(request: AnyRequest, states: tuple[State, ...], show: Shows) -> Answer:
    """A page for these states; in any other the one that fits."""
    opened = await browser_session(request)
    if opened.session.state not in states:
        return Redirect(fitting(opened.session), status_code=303)
    return await show(request, opened)


@get("/checklist")
async def checklist_page(request: AnyRequest) -> Answer:
    """What one needs at hand."""
    return await _shown(request, (State.OPENED,), _checklist)


async def _checklist(request: AnyRequest, opened: Opened) -> Answer:
    sends = parts_of(request).settings.sms is not None
    return await _page(
        request,
        opened,
        "checklist",
        couple=opened.session.partner == "with",
        on_phone=_is_phone(request),
        onwards="/j/number" if sends else _QR,
        step=2,
    )


def _is_phone(request: AnyRequest) -> bool:
    """Whether the browser says that it is a phone's (Client Hints; else `Mobi`, as MDN advises)."""
    hint = request.headers.get("sec-ch-ua-mobile")
    return hint == "?1" if hint else "Mobi" in request.headers.get("user-agent", "")


@get("/number")
async def number_page(request: AnyRequest) -> Answer:
    """Which phone gets the app's address by SMS; this can be skipped."""
    return await _shown(request, (State.OPENED,), _number)


async def _number(request: AnyRequest, opened: Opened) -> Answer:
    if parts_of(request).settings.sms is None:
        return Redirect(_QR, status_code=303)
    wrong = request.query_params.get("wrong", "")
    return await _page(request, opened, "number", wrong=wrong if wrong in ("number", "limit") else "", step=3)


@get("/pair")
async def pair_page(request: AnyRequest) -> Answer:
    """The QR code, or a code to type; once a phone has scanned, the field for the code on its screen."""
    return await _shown(request, (State.OPENED, State.PAIRING), _pair)


async def _pair(request: AnyRequest, opened: Opened) -> Answer:
    if opened.session.state is State.PAIRING:
        return await _type_code(request, opened)
    parts, session = parts_of(request), opened.session
    typed = "typed" in request.query_params
    shown = await (
        show_typed_code(parts, opened, parts.clock())
        if typed
        else show_token(parts, opened, "applicant", parts.clock())
    )
    wrong = request.query_params.get("wrong", "")
    return await _page(
        request,
        opened,
        "typed" if typed else "qr",
        shown=shown,
        ended=session.unpaired or wrong == "pairing-ended",
        sent=request.query_params.get("sms") == "sent",
        again=session.attempts > 0,
        step=3,
    )


async def _type_code(request: AnyRequest, opened: Opened) -> Answer:
    session = opened.session
    pending = session.pairing.pending
    if pending is None:  # between two steps; the next look shows which
        return Redirect(_QR, status_code=303)
    seconds = max(1, round(pending.scanned_at + PAIRING_CODE_SECONDS - parts_of(request).clock()) + 1)
    return await _page(
        request,
        opened,
        "code",
        tries_left=PAIRING_TRIES - pending.tries,
        wrong="format" if request.query_params.get("wrong") == "format" else "code" if pending.tries else "",
        seconds=seconds,
        step=3,
    )


@get("/progress")
async def progress_page(request: AnyRequest) -> Answer:
    """How far it is: who, which source, and whether it was sent; and every end."""
    opened = await browser_session(request)
    if opened.session.ended:
        return await _ended(request, opened, known=True)
    return await _shown(request, (State.COLLECTING, State.CONSENTED), _progress)


async def _progress(request: AnyRequest, opened: Opened) -> Answer:
    session = opened.session
    if session.state is State.CONSENTED:
        return await _page(request, opened, "sent", step=4, sent_at=_said(request, session, session.consented_at))
    now = parts_of(request).clock()
    ends_at = attempt_end(session, opened.seen_at)
    left = ends_at - now
    labels = parts_of(request).labels(session.language)
    return await _page(
        request,
        opened,
        "progress",
        people=journey_view(parts_of(request), opened).persons,
        labels={source: labels.get(source, source) for source in session.profile.sources},
        short=left < WARNED_SECONDS,
        can_extend=attempt_end(session, now) > ends_at + 1,
        until=_said(request, session, ends_at),
        seconds=max(1, round(left - WARNED_SECONDS if left >= WARNED_SECONDS else left) + 1),
        step=4,
    )


def _said(request: AnyRequest, session: Session, at: float | None) -> str:
    """A moment in words, in the session's language."""
    return moment(at, parts_of(request).clock(), session.language) if at is not None else ""


async def _ended(request: AnyRequest, opened: Opened, *, known: bool) -> Answer:
    """How it ended, and the way on. The receipt is for the browser that started (`known`)."""
    session, now = opened.session, parts_of(request).clock()
    language = _asked_language(request) or session.language
    was_sent = session.state in (State.DELIVERED, State.UNDELIVERED)
    return await _page(
        request,
        opened,
        "end",
        spoken=language,
        outcome=outcome(session),
        known=known,
        sent_at=moment(session.consented_at, now, language) if was_sent and session.consented_at else "",
        ended_at=moment(session.ended_at, now, language) if session.ended_at else "",
        number=session.id,
        destroyed={name: count for name, count in session.counts.items() if count},
        return_url=session.return_url or "",
        step=5,
        **_switch(request, language),
    )


@get("/restart")
async def restart_page(request: AnyRequest) -> Answer:
    """Another phone? What that does is said before."""
    return await _shown(request, (State.PAIRING, State.COLLECTING), _asking("restart"))


@get("/stop")
async def stop_page(request: AnyRequest) -> Answer:
    """Really stop?"""
    return await _shown(request, (*_SPEAKING, State.CONSENTED), _asking("stop"))


def _asking(name: str) -> Shows:
    async def show(request: AnyRequest, opened: Opened) -> Answer:
        state = opened.session.state
        sent = state is State.CONSENTED
        return await _page(request, opened, name, sent=sent, back=fitting(opened.session), step=_STEPS.get(state, 3))

    return show


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a citizen needs for this session's sources here: a login with DigiD, perhaps with SMS; for those named in
    `files` (in words, "" for none) there is no login and a file is to be chosen.
    """

    login: bool
    sms: bool
    mijnoverheid: bool
    files: str


def _needs(parts: Parts, session: Session, language: Language) -> Needs:
    ways, labels = parts.transports(), parts.labels(language)
    asked = [source for source in session.profile.sources if "api" in ways.get(source, ())]
    return Needs(
        login=bool(asked),
        sms=any(parts.connectors[source].manifest.login.sms for source in asked),
        mijnoverheid="mijnoverheid" in asked,
        files=listed([labels[s] for s in session.profile.sources if ways.get(s) == ("upload",)], language),
    )


class Receipt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What somebody may keep of a session: nothing about themselves. `purge_receipt` is a JWS of the broker's."""

    session_id: str
    provider: str
    purpose: str
    outcome: State
    reason: str | None
    ended_at: str
    destroyed: dict[str, int]
    purge_receipt: str


@get("/receipt")
async def receipt(request: AnyRequest) -> Answer:
    """The receipt as a file. Raises Refused(wrong-state) before the end."""
    session = (await browser_session(request)).session
    if session.purge_receipt is None or session.ended_at is None:
        raise Refused("wrong-state")
    kept = Receipt(
        session_id=session.id,
        provider=in_language(session.language, session.recipient.name),
        purpose=in_language(session.language, session.profile.purpose),
        outcome=session.state,
        reason=session.reason,
        ended_at=iso(session.ended_at),
        destroyed=session.counts,
        purge_receipt=session.purge_receipt,
    )
    body = msgspec.json.format(msgspec.json.encode(kept), indent=2)
    name = "ophaalbrug-bewijs.json" if session.language == "nl" else "ophaalbrug-receipt.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type="application/json", headers=headers)


async def _page(request: AnyRequest, opened: Opened, name: str, spoken: Language | None = None, **facts: Any) -> Answer:
    """A page of the journey, with what every one of them shows."""
    parts, session = parts_of(request), opened.session
    language = spoken or session.language
    alive = not session.ended and session.state is not State.CREATED
    view = journey_view(parts, opened)
    shared: dict[str, Any] = {
        "provider": await shown_provider(parts, session, language),
        "purpose": in_language(language, session.profile.purpose),
        "sources": _labels(parts, view, session, language),
        "needs": _needs(parts, session, language),
        "view": view_id(view),
        "base_url": parts.settings.base_url,
        "language_action": "/j/language" if session.state in _SPEAKING and not session.frozen else "",
        "stop_url": "/j/stop" if alive else "",
        "step": None,
    }
    return html(parts, f"pc/{name}.html", language, **(shared | facts))


def _labels(parts: Parts, view: JourneyView, session: Session, language: Language) -> tuple[str, ...]:
    if language == session.language:
        return view.sources
    labels = parts.labels(language)
    return tuple(labels.get(source, source) for source in session.profile.sources)


PAGES: Any = [
    start_page,
    household_page,
    here,
    checklist_page,
    number_page,
    pair_page,
    progress_page,
    restart_page,
    stop_page,
    receipt,
]


def routers() -> list[Any]:
    """The journey's surface: what acts and what is seen."""
    return [Router("/j", route_handlers=[*HANDLERS, *PAGES], include_in_schema=False)]
