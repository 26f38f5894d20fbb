"""Moves that end a session, and what time does to it. Entering an end is the purge: one step does both.

Pure, but for `sign`, which turns the facts of a purge into a signed receipt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec.structs import replace

from schemas.ledger import EntryKind
from sessions import collecting, pairing
from sessions.change import Change, NoticeType, entries, notice
from sessions.errors import Refused
from sessions.lifecycle import (
    CLOSING_SECONDS,
    PAIRING_CODE_SECONDS,
    TOMBSTONE_SECONDS,
    Event,
    attempt_end,
    deadline,
    transition,
)
from sessions.model import ENDS, Pairing, Session, State
from sessions.secrets import same

# What a tombstone may hold. It is a list of its own, beside what `_tombstone` makes, to check that against.
_OUTLIVES = (
    "v",
    "id",
    "provider",
    "reference",
    "profile",
    "recipient",
    "language",
    "household",
    "return_url",
    "created_at",
    "expires_at",
    "opened_at",
    "consented_at",
    "ended_at",
    "state",
    "reason",
    "invitation",
    "maybe_received",
    "sequence",
    "attempts",
    "purge_receipt",
    "closing_secrets",
    "counts",
    "consent_digests",
)


class PurgeFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a purge receipt says: which kinds of things were destroyed, how many, when and why. No personal data."""

    session_id: str
    provider: str
    reference: str | None
    state: str
    reason: str | None
    purged_at: float
    destroyed: dict[str, int]


Sign = Callable[[PurgeFacts], str]

_NOTICES: dict[Event, NoticeType] = {
    Event.ACKNOWLEDGE: "delivered",
    Event.GIVE_UP: "undelivered",
    Event.WITHDRAW: "withdrawn",
    Event.STOP: "cancelled",
    Event.DECLINE: "cancelled",
    Event.PARTNER_LOST: "cancelled",
    Event.EXPIRE: "expired",
}
# What an end makes of consents that were given: nothing where the data went, or may have gone.
_ENTRIES: dict[Event, EntryKind] = {
    Event.WITHDRAW: "withdrawn",
    Event.STOP: "lapsed",
    Event.DECLINE: "lapsed",
    Event.PARTNER_LOST: "lapsed",
}


def end(
    session: Session,
    event: Event,
    reason: str | None,
    sign: Sign,
    event_id: str,
    now: float,
    *,
    maybe_received: bool = False,
) -> Change:
    """Enter an end: what is left is the tombstone, everything else goes in the same step.

    `maybe_received`: the provider has the payload, or may have it, though nobody acknowledged that.
    """
    state = transition(session.state, event)
    if state not in ENDS:
        raise ValueError("not an event that ends a session")
    facts = PurgeFacts(
        session_id=session.id,
        provider=session.provider,
        reference=session.reference,
        state=state.value,
        reason=reason,
        purged_at=now,
        destroyed=_destroyed(session),
    )
    tombstone = replace(_tombstone(session, state, facts, sign(facts)), maybe_received=maybe_received)
    left, effect = notice(tombstone, _NOTICES[event], event_id)
    entry = _ENTRIES.get(event)
    untrue = entry == "lapsed" and maybe_received
    entered = entries(session, entry) if entry is not None and not untrue else ()
    return Change(session=left, purge=True, effects=(effect, *entered))


def withdraw(session: Session, sign: Sign, event_id: str, now: float, *, maybe_received: bool) -> Change:
    """Consent is taken back, until the provider acknowledged. Raises Refused: wrong-state, session-ended."""
    return end(session, Event.WITHDRAW, "withdrawn", sign, event_id, now, maybe_received=maybe_received)


def stop(
    session: Session,
    by: Literal["citizen", "provider"],
    sign: Sign,
    event_id: str,
    now: float,
    *,
    maybe_received: bool = False,
) -> Change:
    """Somebody stops. A citizen who stops after the last consent takes that back: the provider may have the data
    already, and must hear that it may not be used.
    """
    if by == "citizen" and session.state is State.CONSENTED:
        return withdraw(session, sign, event_id, now, maybe_received=maybe_received)
    return end(session, Event.STOP, by, sign, event_id, now, maybe_received=maybe_received)


def _destroyed(session: Session) -> dict[str, int]:
    """How many things of each class are destroyed: now, or when the payload was sealed (`counts`)."""
    sealed = session.counts
    return {
        "vaultRecords": len(session.records) + sealed.get("vaultRecords", 0),
        "vaultKeys": sum(1 for p in session.phones if p.vault_key) + sealed.get("vaultKeys", 0),
        "phones": len(session.phones),
        "payloads": 1 if session.payload_digest else 0,
        "consents": len(session.consents),
        **({"documents": session.documents} if session.documents else {}),
        **({"contacts": 1} if session.contact else {}),
    }


def _tombstone(session: Session, state: State, facts: PurgeFacts, receipt: str) -> Session:
    secrets = [session.browser, *(p.token for p in session.phones)]
    return Session(
        id=session.id,
        provider=session.provider,
        reference=session.reference,
        profile=session.profile,
        recipient=session.recipient,
        language=session.language,
        household=session.household,
        return_url=session.return_url,
        created_at=session.created_at,
        expires_at=session.expires_at,
        opened_at=session.opened_at,
        consented_at=session.consented_at,
        ended_at=facts.purged_at,
        state=state,
        reason=facts.reason,
        invitation=session.invitation,
        sequence=session.sequence,
        attempts=session.attempts,
        purge_receipt=receipt,
        closing_secrets=tuple(s for s in secrets if s),
        counts=facts.destroyed,
        consent_digests={role: consent.receipt_digest for role, consent in session.consents.items()},
    )


def tombstone_of(ended: Session) -> Session:
    """An ended session with nothing but what may outlive an end: the same, where the purge was whole."""
    return Session(**{name: getattr(ended, name) for name in _OUTLIVES})


def acknowledge(session: Session, digest: str, sign: Sign, event_id: str, now: float) -> Change | None:
    """The provider has the payload: delivered and purged in one step. A second acknowledgement changes nothing (None).

    Raises Refused: payload-mismatch for another payload's digest, wrong-state before the payload exists.
    """
    if session.state is State.DELIVERED:
        return None
    if session.state is State.CONSENTED and not same(session.payload_digest, digest):
        raise Refused("payload-mismatch")
    return end(session, Event.ACKNOWLEDGE, None, sign, event_id, now)


def due(session: Session, seen_at: float, sign: Sign, event_id: str, now: float) -> Change | None:
    """What time does to this session at `now`; None when nothing is due. `seen_at`: last request of any phone."""
    if now < deadline(session, seen_at):
        return None
    match session.state:
        case State.CREATED | State.OPENED:
            return end(session, Event.EXPIRE, None, sign, event_id, now)
        case State.PAIRING:
            return pairing.unpair(session)
        case State.COLLECTING:
            return _due_while_collecting(session, seen_at, now)
        case State.CONSENTED:
            return end(session, Event.GIVE_UP, "not-acknowledged", sign, event_id, now)
        case _:
            return _due_after_the_end(session, now)


def _due_while_collecting(session: Session, seen_at: float, now: float) -> Change | None:
    if now >= attempt_end(session, seen_at):
        return pairing.restart(session)
    after = collecting.overdue(session, now)
    pending = after.partner_pairing.pending
    if pending is not None and now >= pending.scanned_at + PAIRING_CODE_SECONDS:
        after = replace(after, partner_pairing=Pairing())
    return Change(session=after) if after is not session else None


def _due_after_the_end(session: Session, now: float) -> Change | None:
    ended = session.ended_at or session.created_at
    if now >= ended + TOMBSTONE_SECONDS:
        return Change(session=session, forget=True)
    if (session.closing_secrets or session.return_url) and now >= ended + CLOSING_SECONDS:
        return Change(session=replace(session, closing_secrets=(), return_url=None))
    return None
