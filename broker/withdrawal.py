"""Taking consent back while the payload may be on its way: never beside an attempt, and told truly.

An attempt in flight is waited for. Where it is then not certain that the provider has nothing, that is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from broker.parts import Parts
from sessions.change import Change
from sessions.errors import Refused
from sessions.model import Session, State
from sessions.store.scripts import Guard
from sessions.store.sessions import Opened
from sessions.store.work import Flight

# An end that somebody chose; the last argument says whether the provider has the payload, or may have it.
Decide = Callable[[Session, float, bool], "Change | None"]

LOOK_AGAIN_SECONDS = 0.25
MARGIN_SECONDS = 20.0  # more than the worker's own: an attempt whose lease is over counts as one nobody knows of


async def ended(parts: Parts, session_id: str, decide: Decide, *, waits: bool = True) -> Opened:
    """The session after `decide`, which is asked when no attempt to deliver its payload is under way.

    Who does not want to wait (`waits`) is told of an attempt under way that it may arrive. Should an attempt outlast
    the longest it may take, it is still not raced: Refused(busy), and asking again is safe.
    Raises whatever `decide` refuses, and Refused(busy).
    """
    watch = parts.changes.watch(f"session {session_id}")
    give_up_at = time.monotonic() + parts.settings.webhook_timeout_seconds + MARGIN_SECONDS
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
    return current if change is None else await parts.sessions.apply(change, current, now, guards)
