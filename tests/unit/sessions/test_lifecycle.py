"""The life of a session: every pair of state and event, and the moments at which time itself moves it."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from sessions import lifecycle
from sessions.errors import Refused
from sessions.lifecycle import DAY, HOUR, MINUTE, Event, attempt_end, deadline, require, transition
from sessions.model import ENDS, State
from tests.unit.sessions import lives
from tests.unit.sessions.lives import EXPIRES, NOW

# The table of the design, row by row: where from, what happens, where to.
DESIGN = [
    ("created opened", "start", "opened"),
    ("opened", "scan", "pairing"),
    ("pairing", "link", "collecting"),
    ("pairing", "unpair", "opened"),
    ("pairing collecting", "restart", "opened"),
    ("collecting", "consent", "collecting"),
    ("collecting", "amend", "collecting"),
    ("collecting", "partner-out", "collecting"),
    ("collecting", "partner-lost", "cancelled"),
    ("collecting", "decline", "cancelled"),
    ("collecting", "send", "consented"),
    ("consented", "acknowledge", "delivered"),
    ("consented", "give-up", "undelivered"),
    ("consented", "withdraw", "cancelled"),
    ("created opened pairing collecting consented", "stop", "cancelled"),
    ("created opened", "expire", "expired"),
]
ALLOWED = {(State(state), Event(event)): State(to) for states, event, to in DESIGN for state in states.split()}
PAIRS = [(state, event) for state in State for event in Event]


def test_the_table_is_the_one_of_the_design() -> None:
    """Nothing may move that the design does not name, and everything it names may."""
    assert ALLOWED == lifecycle.TABLE


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=[f"{s}-{e}" for s, e in PAIRS])
def test_every_pair_moves_as_designed_or_is_refused(state: State, event: Event) -> None:
    """A pair outside the table is refused: an end says so, any other state is just the wrong one."""
    if (state, event) in ALLOWED:
        assert transition(state, event) is ALLOWED[state, event]
        return
    with pytest.raises(Refused) as refused:
        transition(state, event)
    assert refused.value.code == ("session-ended" if state in ENDS else "wrong-state")


@pytest.mark.parametrize("state", State)
def test_an_end_has_no_way_out_and_everything_else_has_one_to_an_end(state: State) -> None:
    """Ends are final; from every other state an end can be reached."""
    reached, edge = {state}, {state}
    while edge:
        edge = {to for (origin, _), to in lifecycle.TABLE.items() if origin in edge} - reached
        reached |= edge
    assert reached == {state} if state in ENDS else reached & ENDS


@pytest.mark.parametrize("state", State)
def test_what_needs_another_state_is_refused(state: State) -> None:
    """`require` lets the named states through and tells an end from a wrong state."""
    session = lives.in_state(state)
    require(session, state)
    with pytest.raises(Refused) as refused:
        require(session, *(set(State) - {state}))
    assert refused.value.code == ("session-ended" if state in ENDS else "wrong-state")


def test_lifetimes_are_those_of_the_design() -> None:
    """The waiting times that citizens and providers are told."""
    assert lifecycle.TOKEN_ACCEPTED_SECONDS == 90
    assert lifecycle.TYPED_CODE_SECONDS == 5 * MINUTE
    assert (lifecycle.PAIRING_CODE_SECONDS, lifecycle.PAIRING_TRIES) == (2 * MINUTE, 3)
    assert lifecycle.LOGIN_SECONDS == lifecycle.IDENTITY_SECONDS == 15 * MINUTE
    assert (lifecycle.IDLE_SECONDS, lifecycle.ATTEMPT_SECONDS) == (60 * MINUTE, 24 * HOUR)
    assert lifecycle.DELIVERY_SECONDS == 76 * HOUR
    assert (lifecycle.CLOSING_SECONDS, lifecycle.TOMBSTONE_SECONDS) == (24 * HOUR, 30 * DAY)


@pytest.mark.parametrize("state", State)
def test_every_session_has_a_moment_at_which_time_moves_it(state: State) -> None:
    """No session can be forgotten: each has a finite deadline after its creation."""
    assert NOW < deadline(lives.in_state(state), NOW) < math.inf


def test_deadlines_of_the_states() -> None:
    """`expiresAt` before anyone is linked, two minutes for a code, 76 hours for delivery, a day for the rest."""
    assert deadline(lives.created(), NOW) == deadline(lives.opened(), NOW) == EXPIRES
    assert deadline(lives.waiting(), NOW) == NOW + 2 * MINUTE
    assert deadline(lives.sent(), NOW) == NOW + 76 * HOUR
    assert deadline(lives.in_state(State.DELIVERED), NOW) == NOW + 24 * HOUR
    forgotten = replace(lives.ended(Event.EXPIRE, lives.created()), return_url=None)
    assert deadline(forgotten, NOW) == NOW + 30 * DAY  # neither secret nor way on to forget earlier


def test_an_attempt_ends_an_hour_after_the_last_request() -> None:
    """Every request of any phone gives another hour."""
    session = lives.linked()
    assert deadline(session, NOW) == attempt_end(session, NOW) == NOW + HOUR
    assert attempt_end(session, NOW + 50 * MINUTE) == NOW + 110 * MINUTE
    assert attempt_end(session, NOW - DAY) == NOW + HOUR  # a request of an earlier attempt takes nothing away


def test_an_attempt_ends_after_a_day_however_busy() -> None:
    """24 hours in all, whatever the phones do."""
    session = lives.linked()
    assert attempt_end(session, NOW + 23.5 * HOUR) == NOW + 24 * HOUR


def test_a_running_attempt_may_outlive_the_session() -> None:
    """`expiresAt` ends nothing once a phone is linked."""
    late = lives.linked(expires_at=NOW + MINUTE)
    assert deadline(late, NOW) == NOW + HOUR


def test_while_collecting_the_first_limit_counts() -> None:
    """A lease, a login that hangs and a partner's phone that waits all come before the hour."""
    assert deadline(lives.fetching(lives.linked()), NOW) == NOW + 60
    assert deadline(lives.logging_in(lives.linked()), NOW) == NOW + 15 * MINUTE
    assert deadline(lives.partner_waiting(lives.linked("couple")), NOW) == NOW + 2 * MINUTE
