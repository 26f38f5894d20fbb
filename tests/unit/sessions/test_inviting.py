"""Inviting: one invitation, at most three reminders, two text messages, and nothing kept of whom they went to."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from sessions import inviting, pairing
from sessions.change import Effect
from sessions.ending import PurgeFacts, end
from sessions.inviting import Mail
from sessions.lifecycle import HOUR, Event
from sessions.model import ENDS, Session, State
from tests.unit.sessions import lives
from tests.unit.sessions.lives import EXPIRES, NOW, PC, refuses

HOURS = (24.0, 48.0, 66.0)
SEALED = b"sealed address"


def invited(**more: Any) -> Session:
    return inviting.invited(lives.created(**more), SEALED).session


def mailed(session: Session, now: float) -> Session:
    change = inviting.mailed(session, HOURS, now)
    assert change is not None
    return change.session


def due(session: Session, now: float = NOW) -> Mail | None:
    return inviting.due(session, HOURS, now)


def sealed(name: str) -> bytes:
    return b"sealed to " + name.encode()


def test_creation_queues_one_mail() -> None:
    """The address lies in the session; the mail that waits says only for which session."""
    change = inviting.invited(lives.created(), SEALED)
    assert (change.session.contact, change.session.invitation) == (SEALED, "waiting")
    assert change.effects == (Effect(key=f"mail:{change.session.id}", kind="mail"),)


def test_one_invitation_and_three_reminders() -> None:
    """At once, and at each hour of the list; after the last the address goes, as nobody needs it any more."""
    session, sent = invited(), list[Mail]()
    while (mail := due(session)) is not None:
        sent.append(mail)
        session = mailed(session, mail.at + 60)
    assert sent == [Mail(0, NOW), *(Mail(n, NOW + h * HOUR) for n, h in enumerate(HOURS, 1))]
    assert (session.contact, session.invitation) == (None, "sent")


def test_reminders_come_before_the_link_expires() -> None:
    """A short session has fewer; without any the address goes with the invitation."""
    assert due(mailed(invited(expires_at=NOW + 30 * HOUR), NOW)) == Mail(1, NOW + 24 * HOUR)
    short = mailed(invited(expires_at=NOW + 24 * HOUR), NOW)
    assert (due(short), short.contact) == (None, None)


def test_an_expired_link_is_not_sent() -> None:
    """Also when the mail server was down all that time, and the sweep is late."""
    assert due(invited(), EXPIRES - 1) == Mail(0, NOW)
    assert due(invited(), EXPIRES) is None


def test_an_outage_is_not_made_good_in_a_burst() -> None:
    """The invitation comes first however late; of reminders that became due meanwhile one goes out."""
    late = mailed(invited(), NOW + 30 * HOUR)
    assert due(late) == Mail(2, NOW + 48 * HOUR)
    assert due(mailed(invited(), NOW + 1)) == Mail(1, NOW + 24 * HOUR)
    held_up = mailed(mailed(invited(), NOW), NOW + 50 * HOUR)
    assert due(held_up) == Mail(3, NOW + 66 * HOUR)


def test_a_mail_is_due_once() -> None:
    """Right after it went out, and up to the next hour of the list, nothing is due."""
    session = mailed(invited(), NOW + 24 * HOUR)
    assert due(session) == Mail(2, NOW + 48 * HOUR)


def test_who_starts_is_not_reminded() -> None:
    """The address goes in the very step of the start."""
    change = pairing.start(mailed(invited(), NOW), PC, "single", "evt", NOW + 5)
    assert (change.session.contact, due(change.session)) == (None, None)


def test_a_mail_that_was_under_way_at_the_start_is_noted() -> None:
    """Its address is gone already and does not come back."""
    opened = pairing.start(invited(), PC, "single", "evt", NOW).session
    after = mailed(opened, NOW + 1)
    assert (after.contact, after.invitation, after.state) == (None, "sent", State.OPENED)


@pytest.mark.parametrize("state", sorted(ENDS))
def test_the_end_of_a_session_is_not_touched(state: State) -> None:
    """Whatever became of a mail that was under way, a tombstone stays what it is."""
    session = lives.in_state(state)
    assert inviting.mailed(session, HOURS, NOW) is None
    assert inviting.undeliverable(session) is None
    assert due(session) is None


def test_an_address_that_takes_no_mail_is_forgotten() -> None:
    """The provider can see that nobody was reached; with somebody at work already there is nothing to say."""
    change = inviting.undeliverable(invited())
    assert change is not None
    assert (change.session.contact, change.session.invitation) == (None, "failed")
    assert inviting.undeliverable(lives.opened()) is None


def test_a_purge_counts_the_address() -> None:
    """It is a class of the receipt where there was one; how inviting went stays on the tombstone."""
    facts: list[PurgeFacts] = []

    def sign(purged: PurgeFacts) -> str:
        facts.append(purged)
        return "signed"

    left = [end(s, Event.STOP, None, sign, "evt", NOW).session for s in (invited(), mailed(invited(), NOW))]
    assert [(session.contact, session.invitation) for session in left] == [(None, "waiting"), (None, "sent")]
    end(lives.created(), Event.STOP, None, sign, "evt", NOW)
    assert [fact.destroyed.get("contacts") for fact in facts] == [1, 1, None]


def test_two_text_messages_to_a_session() -> None:
    """Each has a name of its own, and the number is sealed to that name; a third is refused."""
    first = inviting.text(lives.opened(), sealed)
    second = inviting.text(first.session, sealed)
    names = [f"sms:{first.session.id}:{number}" for number in (1, 2)]
    assert [*first.effects, *second.effects] == [Effect(key=n, kind="sms", sealed=sealed(n)) for n in names]
    with refuses("too-many-texts"):
        inviting.text(second.session, sealed)


def test_another_attempt_brings_no_more_text_messages() -> None:
    """They are counted over the whole session."""
    used = replace(lives.linked(), texts_sent=inviting.TEXTS_AT_MOST)
    with refuses("too-many-texts"):
        inviting.text(pairing.restart(used).session, sealed)


@pytest.mark.parametrize("state", sorted({*State} - {State.OPENED}))
def test_text_messages_are_for_who_needs_a_phone(state: State) -> None:
    """Only on the way to linking; not before the start, nor once a phone has scanned."""
    with refuses("session-ended" if state in ENDS else "wrong-state"):
        inviting.text(lives.in_state(state), sealed)


def test_sessions_that_nobody_invites_have_nothing_due() -> None:
    """The provider gives the link itself."""
    assert due(lives.created(expires_at=EXPIRES)) is None
