"""Stopping a session from the PC or by its provider: once it ended, stopping again changes nothing.

A provider's stop waits for nothing: what may just now be on its way goes to who stopped it, and that is said.
"""

from __future__ import annotations

from typing import Literal

from broker import withdrawal
from broker.parts import Parts
from broker.purge import new_event_id
from broker.telemetry import sessions_total
from sessions.change import Change
from sessions.ending import stop
from sessions.model import Session
from sessions.store.sessions import Opened


async def stopped(parts: Parts, opened: Opened, by: Literal["citizen", "provider"]) -> Opened:
    """The session as it is after a stop; counted only when this stop ended it. Raises Refused(busy)."""
    by_us = False

    def decide(session: Session, now: float, has_it: bool) -> Change | None:
        nonlocal by_us
        by_us = not session.ended  # the last decision is the one that was carried out
        if not by_us:
            return None
        return stop(session, by, parts.sign_purge, new_event_id(), now, maybe_received=has_it)

    after = await withdrawal.ended(parts, opened.session.id, decide, waits=by == "citizen")
    if by_us:
        sessions_total.labels(after.session.state).inc()
    return after
