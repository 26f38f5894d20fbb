"""How a session may move: one table, one pure function, and the moments at which time itself moves it.

The table is the whole of design: a pair that is not in it is refused with `wrong-state`. Nothing here does I/O.
"""

from __future__ import annotations

from enum import StrEnum

from sessions.errors import Refused
from sessions.model import ENDS, Session, State

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR

PAIRING_CODE_SECONDS = 2 * MINUTE
PAIRING_TRIES = 3
TOKEN_ACCEPTED_SECONDS = 90.0
TYPED_CODE_SECONDS = 5 * MINUTE
LOGIN_SECONDS = 15 * MINUTE
IDENTITY_SECONDS = 15 * MINUTE
IDLE_SECONDS = HOUR
ATTEMPT_SECONDS = DAY
DELIVERY_SECONDS = 76 * HOUR
CLOSING_SECONDS = DAY
TOMBSTONE_SECONDS = 30 * DAY


class Event(StrEnum):
    """What can happen to a session."""

    START = "start"
    SCAN = "scan"
    LINK = "link"  # the pairing code was right
    UNPAIR = "unpair"  # three wrong codes, declined, or two minutes passed
    RESTART = "restart"  # another phone, idle too long, or the attempt took a day
    CONSENT = "consent"  # by one adult, not the last
    AMEND = "amend"  # toch wijzigen
    PARTNER_OUT = "partner-out"  # the profile allows one person
    PARTNER_LOST = "partner-lost"  # the profile does not
    DECLINE = "decline"  # by the applicant
    SEND = "send"  # the last consent
    ACKNOWLEDGE = "acknowledge"
    GIVE_UP = "give-up"  # the delivery deadline passed
    WITHDRAW = "withdraw"
    STOP = "stop"  # by citizen or provider
    EXPIRE = "expire"


_ALIVE = (State.CREATED, State.OPENED, State.PAIRING, State.COLLECTING, State.CONSENTED)

TABLE: dict[tuple[State, Event], State] = {
    (State.CREATED, Event.START): State.OPENED,
    (State.OPENED, Event.START): State.OPENED,
    (State.OPENED, Event.SCAN): State.PAIRING,
    (State.PAIRING, Event.LINK): State.COLLECTING,
    (State.PAIRING, Event.UNPAIR): State.OPENED,
    (State.PAIRING, Event.RESTART): State.OPENED,
    (State.COLLECTING, Event.RESTART): State.OPENED,
    (State.COLLECTING, Event.CONSENT): State.COLLECTING,
    (State.COLLECTING, Event.AMEND): State.COLLECTING,
    (State.COLLECTING, Event.PARTNER_OUT): State.COLLECTING,
    (State.COLLECTING, Event.PARTNER_LOST): State.CANCELLED,
    (State.COLLECTING, Event.DECLINE): State.CANCELLED,
    (State.COLLECTING, Event.SEND): State.CONSENTED,
    (State.CONSENTED, Event.ACKNOWLEDGE): State.DELIVERED,
    (State.CONSENTED, Event.GIVE_UP): State.UNDELIVERED,
    (State.CONSENTED, Event.WITHDRAW): State.CANCELLED,
    (State.CREATED, Event.EXPIRE): State.EXPIRED,
    (State.OPENED, Event.EXPIRE): State.EXPIRED,
    **{(state, Event.STOP): State.CANCELLED for state in _ALIVE},
}


def transition(state: State, event: Event) -> State:
    """The state after `event`. Raises Refused: `session-ended` in an end state, `wrong-state` otherwise."""
    after = TABLE.get((state, event))
    if after is None:
        raise Refused("session-ended" if state in ENDS else "wrong-state")
    return after


def require(session: Session, *states: State) -> None:
    """Refuse unless the session is in one of `states`."""
    if session.state not in states:
        raise Refused("session-ended" if session.ended else "wrong-state")


def deadline(session: Session, seen_at: float) -> float:
    """When time next moves this session, in seconds since the epoch. `seen_at` is the last request of any phone."""
    match session.state:
        case State.CREATED | State.OPENED:
            return session.expires_at
        case State.PAIRING:
            pending = session.pairing.pending
            return pending.scanned_at + PAIRING_CODE_SECONDS if pending else session.created_at
        case State.COLLECTING:
            return min([attempt_end(session, seen_at), *_source_limits(session), *_partner_limits(session)])
        case State.CONSENTED:
            return (session.consented_at or session.created_at) + DELIVERY_SECONDS
        case _:
            ended = session.ended_at or session.created_at
            return ended + (CLOSING_SECONDS if session.closing_secrets or session.return_url else TOMBSTONE_SECONDS)


def attempt_end(session: Session, seen_at: float) -> float:
    """When the running attempt ends: an hour without a request of any phone, or a day in all."""
    started = session.attempt_at or session.created_at
    return min(max(seen_at, started) + IDLE_SECONDS, started + ATTEMPT_SECONDS)


def _source_limits(session: Session) -> list[float]:
    sources = [s for person in session.people.values() for s in person.sources.values()]
    leases = [s.lease_until for s in sources if s.lease_until is not None]
    logins = [s.login.started_at + LOGIN_SECONDS for s in sources if s.login is not None]
    return leases + logins


def _partner_limits(session: Session) -> list[float]:
    pending = session.partner_pairing.pending
    return [pending.scanned_at + PAIRING_CODE_SECONDS] if pending else []
