"""Stopping a session from the PC or by its provider: once it ended, stopping again changes nothing."""

from __future__ import annotations

from typing import Literal

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

    def decide(session: Session, now: float) -> Change | None:
        nonlocal by_us
        by_us = not session.ended  # the last decision is the one that was carried out
        return stop(session, by, parts.sign_purge, new_event_id(), now) if by_us else None

    after = await parts.sessions.move(opened.session.id, decide, parts.clock(), opened)
    if by_us:
        sessions_total.labels(after.session.state).inc()
    return after
