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
from sessions.errors import Refused
from sessions.model import ENDS, Session, State
from sessions.store.sessions import Opened

_PAGE = 500


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


async def stop_all(parts: Parts, provider_id: str) -> None:
    """Stop every open session of a provider, as if it did so itself. Raises Refused(busy)."""
    for session_id in await open_sessions(parts, provider_id):
        try:
            opened = await parts.sessions.read(session_id)
        except Refused:  # listed still, and gone
            await parts.records.drop_listed(provider_id, session_id)
        else:
            await stopped(parts, opened, "provider")
