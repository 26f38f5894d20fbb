"""Ending by choice: a stop at the phone, the PC or by the provider, and consent taken back; each is counted and logged.

Never beside an attempt to deliver the payload: one in flight is waited for, and where it is then not certain that the
provider has nothing, that is said. A provider's stop waits for nothing: what may just now be on its way goes to who
stopped it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from broker.parts import Parts
from broker.purge import new_event_id
from broker.telemetry import log, session_ref, sessions_total
from sessions.change import Change
from sessions.ending import stop
from sessions.errors import Refused
from sessions.model import ENDS, Session, State
from sessions.store.scripts import Guard
from sessions.store.sessions import Opened
from sessions.store.work import Flight

# An end that somebody chose; the last argument says whether the provider has the payload, or may have it.
Decide = Callable[[Session, float, bool], "Change | None"]

LOOK_AGAIN_SECONDS = 0.25
MARGIN_SECONDS = 5.0  # beyond a lease: an attempt whose lease is over counts as one nobody knows of
_PAGE = 500


async def stopped(parts: Parts, opened: Opened, by: Literal["citizen", "provider"]) -> Opened:
    """The session as it is after a stop from the PC or by its provider: one that ended stays as it is.

    Raises Refused(busy).
    """

    def decide(session: Session, now: float, has_it: bool) -> Change | None:
        if session.ended:
            return None
        return stop(session, by, parts.sign_purge, new_event_id(), now, maybe_received=has_it)

    return await ended(parts, opened.session.id, decide, waits=by == "citizen")


async def open_sessions(parts: Parts, provider_id: str) -> list[str]:
    """The ids of a provider's sessions that did not end yet, as far as its list knows."""
    found: list[str] = []
    for state in (state for state in State if state not in ENDS):
        ids: list[str] = []
        while page := await parts.records.listed(
            provider_id, reference=None, state=state, offset=len(ids), limit=_PAGE
        ):
            ids += (listed.id for listed in page)
        found += ids
    return found


async def stop_all(parts: Parts, provider_id: str) -> int:
    """Stop every open session of a provider, as if it did so itself. Raises Refused(busy).

    Answers how many of them it has the data of, or may have.
    """
    received = 0
    for session_id in await open_sessions(parts, provider_id):
        try:
            opened = await parts.sessions.read(session_id)
        except Refused:  # listed still, and gone
            await parts.records.drop_listed(provider_id, session_id)
        else:
            received += (await stopped(parts, opened, "provider")).session.maybe_received
    return received


async def ended(parts: Parts, session_id: str, decide: Decide, *, waits: bool = True) -> Opened:
    """The session after `decide`, which is asked when no attempt to deliver its payload is under way.

    Who does not want to wait (`waits`) is told of an attempt under way that it may arrive. Should an attempt outlast
    the longest it may take, it is still not raced: Refused(busy), and asking again is safe.
    Raises whatever `decide` refuses, and Refused(busy).
    """
    watch = parts.changes.watch(f"session {session_id}")
    give_up_at = time.monotonic() + parts.settings.lease_seconds + MARGIN_SECONDS
    try:
        while time.monotonic() < give_up_at:
            current, now = await parts.sessions.read(session_id), parts.clock()
            flight = await _flight(parts, current.session, now)
            if waits and flight is not None and flight.until is not None:
                await watch.wait(LOOK_AGAIN_SECONDS)
                continue
            after = await _decided(parts, current, decide, flight, now)
            if after is not None:
                return after
    finally:
        watch.close()
    raise Refused("busy")


async def _flight(parts: Parts, session: Session, now: float) -> Flight | None:
    """Where the payload's delivery stands; None when there is nothing that could be on its way."""
    if session.state is not State.CONSENTED or session.payload_id is None:
        return None
    return await parts.work.flight(session.id, session.payload_id, now)


async def _decided(parts: Parts, current: Opened, decide: Decide, flight: Flight | None, now: float) -> Opened | None:
    """One try; None when the session, or the delivery, moved in between."""
    guards: tuple[Guard, ...] = (flight.guard,) if flight is not None else ()
    may_arrive = flight is not None and (flight.arrived or flight.until is not None)
    has_it = current.session.pulled_at is not None or may_arrive
    change = decide(current.session, now, has_it)
    if change is None:
        return current
    after = await parts.sessions.apply(change, current, now, guards)
    if after is not None:
        _tell(after.session)
    return after


def _tell(session: Session) -> None:
    sessions_total.labels(session.state).inc()
    log.info("session.stopped", session_ref=session_ref(session.id), state=session.state, reason=session.reason)
