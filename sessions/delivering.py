"""What is remembered of a delivery to a provider: its attempts and how it ended. No data, no address, no words.

A line of this log is written by the steps that change the delivery itself, and goes with its session's tombstone. Pure.
"""

from __future__ import annotations

from typing import Literal

import msgspec

PLACES = 32  # lines kept per session: the last so many events
ATTEMPTS_KEPT = 20  # the schedule has ten; retries on demand and long leases come on top

AttemptOutcome = Literal[
    "accepted",  # any 2xx
    "refused",  # 410: never again
    "throttled",  # 429
    "failed",  # answered, with another status than these
    "unknown",  # sent, and no answer of the receiver's own came (502 and 504 are a gateway's): it may have it
    "not-sent",  # nothing of it left
]
Closed = Literal["delivered", "refused", "dropped"]
Status = Literal["waiting", "sending", "delivered", "refused", "dropped"]


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt. `answer` is the class of the status (`5xx`), or why there was none, in one word of ours."""

    at: float
    outcome: AttemptOutcome
    answer: str = ""
    seconds: float = 0.0


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event's line. `closed` is how it ended, as far as the delivery itself saw that."""

    sequence: int
    event_id: str
    type: str
    queued_at: float
    tried: tuple[Attempt, ...] = ()
    closed: Closed | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Line)


def written(line: Line) -> bytes:
    """A line as it is stored."""
    return _encoder.encode(line)


def read(stored: bytes) -> Line:
    """A line that was stored."""
    return _decoder.decode(stored)


def tried(before: tuple[Attempt, ...], attempt: Attempt | None) -> tuple[Attempt, ...]:
    """The attempts with one more. Of too many, the oldest goes that says nothing of the receiver having it."""
    if attempt is None:
        return before
    kept = (*before, attempt)
    if len(kept) <= ATTEMPTS_KEPT:
        return kept
    dropped = next((number for number, one in enumerate(kept) if not may_have_arrived((one,))), 0)
    return kept[:dropped] + kept[dropped + 1 :]


def may_have_arrived(attempts: tuple[Attempt, ...]) -> bool:
    """Whether the receiver has what was sent, or may have it."""
    return any(attempt.outcome in ("accepted", "unknown") for attempt in attempts)
