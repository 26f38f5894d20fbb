"""Purge: the signed receipt of what was destroyed, the look afterwards, and the sweep that lets time do its part.

The destroying itself is part of the step that enters an end (sessions/ending.py). Nothing here deletes afterwards,
unless the look finds what may not be there: that is a bug, told as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from broker.clock import iso
from broker.keys import Keys
from broker.telemetry import log, purge_checks_total, session_ref, sessions_total
from sessions.ending import PurgeFacts, due
from sessions.errors import Refused
from sessions.lifecycle import deadline
from sessions.secrets import partition_of, random_text
from sessions.store import remains
from sessions.store.scripts import answer
from sessions.store.sessions import unheard

if TYPE_CHECKING:
    from broker.parts import Parts
    from sessions.store.sessions import Opened

RECEIPT_TYPE = "ophaalbrug-purge-receipt+jws"
REWRITE_SECONDS = 23 * 3600  # workers look every hour, so that no two rewrites are more than a day apart
REWRITE_TRY_SECONDS = 300
_REWRITE = "rewrite-log"


def sign_receipt(keys: Keys, facts: PurgeFacts) -> str:
    """A purge receipt: a compact ES256 JWS over the facts, without personal data."""
    claims = {**msgspec.to_builtins(facts), "purgedAt": iso(facts.purged_at)}
    return keys.sign(msgspec.json.encode(claims), RECEIPT_TYPE)


def new_event_id() -> str:
    """An id for an event: 128 random bits; without a dot, which Standard Webhooks forbids in ids."""
    return f"evt_{random_text(16)}"


async def rewrite_log(parts: Parts) -> None:
    """Once a day, by one process of all: what was deleted leaves the store's append-only file too (decision 17).

    Where it fails, or its process dies, the next hour's look does it.
    """
    if not await parts.records.take_turn(_REWRITE, REWRITE_TRY_SECONDS):
        return
    if not await answer(parts.connection.rewrite_log()):
        log.warning("store.log_not_rewritten")
        return
    await parts.records.keep_turn(_REWRITE, REWRITE_SECONDS)
    log.info("store.log_rewritten")


async def check(parts: Parts, opened: Opened, code: str) -> None:
    """See that nothing is left of an ended session but what may be; what is left is told of first, then destroyed.

    Belongs to the work that every end queues, so that it is done at least once for each, whoever dies when; by a worker
    of this release. `code`: as for `remains.look`. Raises Refused(busy) when the session changed meanwhile.
    """
    left = await remains.look(parts.connection, opened, code)
    purge_checks_total.labels("left" if left else "clean").inc()
    if not left:
        return
    session = opened.session
    log.error("purge.incomplete", session_ref=session_ref(session.id), provider=session.provider, reason=" ".join(left))
    if not await remains.destroy(parts.connection, opened, code):
        raise Refused("busy")


async def sweep(parts: Parts, session_id: str) -> None:
    """Do what is due for one session whose deadline passed, or give it its true deadline again.

    A session that somebody moves meanwhile is left alone: that step has given it a new deadline. So is one of which a
    phone is heard: it is looked at again when our lease is over.
    """
    now = parts.clock()
    try:
        opened = await parts.sessions.read(session_id)
    except Refused:
        await parts.work.drop_deadline(session_id, partition_of(session_id))
        return
    change = due(opened.session, opened.seen_at, parts.sign_purge, new_event_id(), now)
    if change is None:
        true = deadline(opened.session, opened.seen_at)
        await parts.work.put_deadline(session_id, true, partition_of(session_id), opened.version)
        return
    if await parts.sessions.apply(change, opened, now, (unheard(opened),)) is None:
        return
    after = change.session
    log.info("session.time_moved", session_ref=session_ref(session_id), state=after.state, reason=after.reason)
    if after.state is not opened.session.state:
        sessions_total.labels(after.state).inc()
