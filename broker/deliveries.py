"""The delivery log as its provider and the operator read it, and another attempt when they ask for one.

A delivery's id is its session's and its sequence number in it: nothing has to be kept to find it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Literal

import msgspec

from broker.errors import Problem
from broker.parts import Parts
from sessions.change import NoticeType
from sessions.delivering import PLACES, Status
from sessions.errors import Refused
from sessions.model import Session, State
from sessions.store.work import Logged

EventType = Literal["data", NoticeType]
SESSIONS_AT_ONCE = 100
RETRY_TRIES = 5
MOST_SESSIONS = 1000  # looked through for one page
_ID = re.compile(r"([0-9a-f]{22})-([1-9][0-9]{0,8})")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries are asked for; what is None is not asked."""

    session: str | None = None
    type: EventType | None = None
    status: Status | None = None

    def fits(self, logged: Logged) -> bool:
        """Whether a delivery is among them."""
        return self.type in (None, logged.line.type) and self.status in (None, logged.status)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries, those of the newest session first; `next` is the offset at which there may be more."""

    deliveries: tuple[Logged, ...]
    next: int | None


def delivery_id(logged: Logged) -> str:
    """The id under which a delivery is known outside."""
    return f"{logged.session}-{logged.line.sequence}"


async def listed(parts: Parts, provider_id: str, wanted: Wanted, offset: int, limit: int) -> Found:
    """At most `limit` deliveries of a provider from `offset` on, which counts places: each session has as many.

    Where little fits what is wanted a page may be short, and still have a next one.
    """
    if wanted.session is not None:
        return await _of_session(parts, provider_id, wanted, offset, limit)
    found: list[Logged] = []
    last = offset + MOST_SESSIONS * PLACES
    async for place, logged in _placed(parts, provider_id, offset):
        if place >= last or (logged is not None and len(found) == limit):
            return Found(deliveries=tuple(found), next=place)
        if logged is not None and wanted.fits(logged):
            found.append(logged)
    return Found(deliveries=tuple(found), next=None)


async def _placed(parts: Parts, provider_id: str, offset: int) -> AsyncGenerator[tuple[int, Logged | None]]:
    """Every delivery of a provider from `offset` on, with its place; before those of a session the place it begins."""
    first, read = offset // PLACES, SESSIONS_AT_ONCE
    while read == SESSIONS_AT_ONCE:
        page = await parts.records.listed(provider_id, reference=None, state=None, offset=first, limit=read)
        logs = await parts.work.deliveries([one.id for one in page], parts.clock())
        for number, (one, lines) in enumerate(zip(page, logs, strict=True), start=first):
            yield number * PLACES, None
            for place, logged in enumerate(_seen(lines, State(one.state)), start=number * PLACES):
                if place >= offset:
                    yield place, logged
        first, read = first + len(page), len(page)


async def _of_session(parts: Parts, provider_id: str, wanted: Wanted, offset: int, limit: int) -> Found:
    """The same of one session; another provider's has none."""
    try:
        session = (await parts.sessions.read(wanted.session or "")).session
    except Refused:
        return Found(deliveries=(), next=None)
    if session.provider != provider_id:
        return Found(deliveries=(), next=None)
    fitting = [logged for logged in await _log(parts, session) if wanted.fits(logged)]
    end = offset + limit
    return Found(deliveries=tuple(fitting[offset:end]), next=end if end < len(fitting) else None)


async def _log(parts: Parts, session: Session) -> list[Logged]:
    [lines] = await parts.work.deliveries([session.id], parts.clock())
    return _seen(lines, session.state)


def _seen(lines: list[Logged], state: State) -> list[Logged]:
    """A delivery of data that went away when the session was delivered was acknowledged by the provider itself."""
    return [
        msgspec.structs.replace(logged, status="delivered")
        if logged.line.type == "data" and logged.status == "dropped" and state is State.DELIVERED
        else logged
        for logged in lines
    ]


async def retry(parts: Parts, provider_id: str | None, given: str) -> Logged:
    """Try a delivery that waits at once, instead of at its time; asking twice is asking once.

    `provider_id` is whose it must be; None asks that of nobody. Raises Problem: unknown-delivery, webhook-disabled,
    delivery-under-way, delivery-over; Refused(busy).
    """
    for _ in range(RETRY_TRIES):
        logged, now = await _found(parts, provider_id, given), parts.clock()
        if logged.status == "sending":
            raise Problem("delivery-under-way")
        if logged.queued is None:
            raise Problem("delivery-over")
        await _refuse_disabled(parts, logged.queued.provider)
        if logged.due is None or logged.due <= now:  # it is about to be tried
            return logged
        if await parts.work.retry(logged, now):
            return msgspec.structs.replace(logged, due=now)
    raise Refused("busy")


async def _refuse_disabled(parts: Parts, provider_id: str) -> None:
    provider = await parts.providers.get(provider_id)
    if provider is None or provider.webhook is None:
        raise Problem("no-webhook")
    if (await parts.providers.health(provider_id, provider.webhook)).disabled_at is not None:
        raise Problem("webhook-disabled")


async def _found(parts: Parts, provider_id: str | None, given: str) -> Logged:
    named = _ID.fullmatch(given)
    try:
        session = (await parts.sessions.read(named[1])).session if named else None
    except Refused:
        session = None
    if named is None or session is None or provider_id not in (None, session.provider):
        raise Problem("unknown-delivery")
    found = next((one for one in await _log(parts, session) if one.line.sequence == int(named[2])), None)
    if found is None:
        raise Problem("unknown-delivery")
    return found
