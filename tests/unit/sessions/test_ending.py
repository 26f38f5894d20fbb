"""Ends: what is left of a session, what the receipt says, what time does, and that nothing outlives its time."""

from __future__ import annotations

import msgspec
import pytest

from sessions import ending, pairing
from sessions.change import Change
from sessions.ending import PurgeFacts, due, end
from sessions.lifecycle import DAY, HOUR, MINUTE, TABLE, Event, deadline
from sessions.model import ENDS, Pairing, Session, SourceStatus, State
from tests.unit.sessions import lives
from tests.unit.sessions.lives import EXPIRES, NOW, done, linked, refuses, sent, sign

ENDINGS = [(state, event) for (state, event), after in TABLE.items() if after in ENDS]
NOTICES = {
    "acknowledge": "delivered",
    "give-up": "undelivered",
    "withdraw": "withdrawn",
    "stop": "cancelled",
    "decline": "cancelled",
    "partner-lost": "cancelled",
    "expire": "expired",
}


def full(state: State) -> Session:
    """A session in this state with as much in it as it can hold."""
    if state is State.COLLECTING:
        both = done(done(lives.with_own_phone(linked("couple"))), "partner", on=lives.OWN)
        return lives.agreed(both)
    return lives.in_state(state)


def at(session: Session, now: float, seen_at: float = NOW) -> Change | None:
    return due(session, seen_at, sign, "evt_due", now)


@pytest.mark.parametrize(("state", "event"), ENDINGS, ids=[f"{s}-{e}" for s, e in ENDINGS])
def test_an_end_is_the_purge(state: State, event: Event) -> None:
    """One step: the end is entered, everything personal is gone, a receipt is signed, the provider is told."""
    before = full(state)
    change = end(before, event, "why", sign, "evt_end", NOW + 7)
    after = change.session
    assert change.purge
    assert (after.state, after.reason, after.ended_at) == (TABLE[state, event], "why", NOW + 7)
    assert (after.phones, after.people, after.records, after.consents) == ((), {}, {}, {})
    assert after.pairing == after.partner_pairing == Pairing()
    assert (after.browser, after.former_browsers) == (None, ())
    assert (after.payload_digest, after.payload_id) == (None, None)
    assert after.purge_receipt == f"signed:{after.state}"
    assert [(e.type, e.event_id, e.sequence) for e in change.effects] == [
        (NOTICES[event], "evt_end", before.sequence + 1)
    ]


def test_an_event_that_ends_nothing_is_no_end() -> None:
    """A wiring mistake is found at once, not in the store."""
    with pytest.raises(ValueError, match="ends"):
        end(linked(), Event.RESTART, None, sign, "evt", NOW)


@pytest.mark.parametrize("event", Event)
def test_nothing_ends_twice(event: Event) -> None:
    """An end is final, whatever comes after it."""
    with refuses("session-ended"):
        end(lives.in_state(State.CANCELLED), event, None, sign, "evt", NOW)


def test_the_tombstone_holds_what_the_design_allows_and_nothing_else() -> None:
    """Id, provider, reference, profile, end and reason, times, counts, receipt, hashes of consents, closing secrets."""
    session = lives.ended(Event.ACKNOWLEDGE, sent(lives.agreed(done(done(linked("couple")), "partner"))))
    kept = set(msgspec.to_builtins(session))
    assert kept == {
        *("id", "provider", "reference", "profile", "recipient", "language", "household", "return_url"),
        *("created_at", "expires_at", "opened_at", "consented_at", "ended_at", "state"),
        *("sequence", "purge_receipt", "closing_secrets", "counts", "consent_digests"),
    }
    assert session.consent_digests == {"applicant": "receipt-phone-1", "partner": "receipt-phone-1"}


def test_only_who_took_part_can_open_the_closing_page() -> None:
    """The browser that started and the phones that were linked; not a phone that only waited, nor a former browser."""
    assert lives.ended(Event.STOP, linked()).closing_secrets == ("browser-1", "mac-phone-1")
    assert lives.ended(Event.STOP, lives.waiting()).closing_secrets == ("browser-1",)
    assert lives.ended(Event.STOP, lives.created()).closing_secrets == ()
    taken = pairing.start(lives.opened(), "browser-2", "single", "evt", NOW).session
    assert lives.ended(Event.STOP, taken).closing_secrets == ("browser-2",)


def test_the_receipt_says_what_was_destroyed() -> None:
    """Counts per kind, also of what was destroyed when the payload was sealed; no personal data."""
    facts: list[PurgeFacts] = []

    def keep(purged: PurgeFacts) -> str:
        facts.append(purged)
        return "signed"

    end(full(State.COLLECTING), Event.DECLINE, "declined", keep, "evt", NOW)
    end(sent(done(linked())), Event.ACKNOWLEDGE, None, keep, "evt", NOW + 1)
    assert [f.destroyed for f in facts] == [
        {"vaultRecords": 5, "vaultKeys": 2, "phones": 2, "payloads": 0, "consents": 1},
        {"vaultRecords": 2, "vaultKeys": 1, "phones": 1, "payloads": 1, "consents": 1},
    ]
    assert (facts[1].session_id, facts[1].provider, facts[1].reference) == (sent().id, "gemeente", "zaak-1")
    assert (facts[1].state, facts[1].reason, facts[1].purged_at) == ("delivered", None, NOW + 1)


def test_acknowledging_delivers_once() -> None:
    """The right digest delivers; a second acknowledgement changes nothing; another digest is another payload."""
    session = sent()
    with refuses("payload-mismatch"):
        ending.acknowledge(session, "another", sign, "evt", NOW)
    change = ending.acknowledge(session, "digest", sign, "evt", NOW)
    assert change is not None
    assert change.session.state is State.DELIVERED
    assert ending.acknowledge(change.session, "digest", sign, "evt", NOW) is None


@pytest.mark.parametrize("state", [s for s in State if s not in (State.CONSENTED, State.DELIVERED)])
def test_there_is_nothing_to_acknowledge_without_a_payload(state: State) -> None:
    """Before consent it is too early; after another end it is too late, and the provider hears so."""
    session = lives.in_state(state)
    with refuses("session-ended" if session.ended else "wrong-state"):
        ending.acknowledge(session, "digest", sign, "evt", NOW)


@pytest.mark.parametrize("state", State)
def test_time_moves_a_session_at_its_deadline_and_not_before(state: State) -> None:
    """`due` and `deadline` agree, else the sweep would come in vain or too late."""
    session = lives.in_state(state)
    moment = deadline(session, NOW)
    assert at(session, moment - 0.001) is None
    assert at(session, moment) is not None


@pytest.mark.parametrize("session", [lives.created(), lives.opened()], ids=["created", "opened"])
def test_a_session_that_nobody_started_expires(session: Session) -> None:
    """At `expiresAt`."""
    change = at(session, EXPIRES)
    assert change is not None
    assert change.session.state is State.EXPIRED


def test_a_phone_that_waits_too_long_is_sent_away() -> None:
    """Two minutes, then a fresh QR can be shown; the session goes on."""
    change = at(lives.waiting(), NOW + 2 * MINUTE)
    assert change is not None
    assert (change.session.state, change.session.pairing) == (State.OPENED, Pairing())
    partner = at(lives.partner_waiting(linked("couple")), NOW + 2 * MINUTE)
    assert partner is not None
    assert (partner.session.state, partner.session.partner_pairing) == (State.COLLECTING, Pairing())


@pytest.mark.parametrize(("seen_at", "moment"), [(NOW, NOW + HOUR), (NOW + 23.9 * HOUR, NOW + DAY)])
def test_an_attempt_that_ran_out_starts_again_in_place(seen_at: float, moment: float) -> None:
    """An idle hour or a whole day: everything collected is destroyed, the session itself goes on."""
    session = done(linked())
    assert at(session, moment - 1, seen_at) is None
    change = at(session, moment, seen_at)
    assert change is not None
    assert change.empty_vault
    assert (change.session.state, change.session.records, change.session.phones) == (State.OPENED, {}, ())


def test_an_attempt_that_ran_out_after_the_session_ends_it() -> None:
    """A running attempt may finish; when it does not, there is no new one after `expiresAt`."""
    late = linked(expires_at=NOW + MINUTE)
    assert at(late, NOW + 2 * MINUTE) is None
    restarted = at(late, NOW + HOUR)
    assert restarted is not None
    over = at(restarted.session, NOW + HOUR)
    assert over is not None
    assert over.session.state is State.EXPIRED


def test_interrupted_work_shows_while_the_attempt_goes_on() -> None:
    """A lease that ran out becomes a failure that can be retried."""
    change = at(lives.fetching(linked()), NOW + 60)
    assert change is not None
    assert lives.status(change.session) is SourceStatus.FAILED


def test_delivery_is_given_up_after_76_hours() -> None:
    """Then the payload is purged and the end is called undelivered."""
    change = at(sent(), NOW + 76 * HOUR)
    assert change is not None
    assert (change.session.state, change.session.reason) == (State.UNDELIVERED, "not-acknowledged")
    assert change.purge


def test_what_is_left_goes_in_two_steps() -> None:
    """Secrets of the closing page after a day, the tombstone after thirty."""
    session = lives.in_state(State.DELIVERED)
    closed = at(session, NOW + DAY)
    assert closed is not None
    assert (closed.session.closing_secrets, closed.session.return_url, closed.forget) == ((), None, False)
    assert at(closed.session, NOW + 30 * DAY - 1) is None
    gone = at(closed.session, NOW + 30 * DAY)
    assert gone is not None
    assert gone.forget
