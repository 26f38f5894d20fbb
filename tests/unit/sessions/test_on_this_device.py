"""Moves that pages brought: going on on the same device, another code, another language, more time."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sessions import pairing
from sessions.change import Change
from sessions.lifecycle import ATTEMPT_SECONDS, HOUR, IDLE_SECONDS
from sessions.model import Session, State
from tests.unit.sessions import lives
from tests.unit.sessions.lives import EXPIRES, NOW, PC, refuses, seal


def handed(household: str = "single") -> Session:
    """The browser that started was handed a token for its own device."""
    return pairing.show_token(lives.opened(household), "here", "applicant", NOW, PC).session


def link(session: Session, browser: str = PC, redeemed: str = "here", at: float = NOW) -> Change:
    return pairing.link_here(session, redeemed, browser, lives.phone(), seal, "evt", at)


def test_the_browser_that_started_is_linked_at_once() -> None:
    """No code is typed: the device holds the key, the attempt begins, and the provider hears of it once."""
    change = link(handed("couple"))
    after = change.session
    assert (after.state, after.attempt_at, set(after.people)) == (State.COLLECTING, NOW, {"applicant", "partner"})
    assert [phone.vault_key for phone in after.phones] == [seal(lives.phone())]
    assert [(e.kind, e.type) for e in change.effects] == [("notice", "paired")]


def test_linking_here_spends_what_else_was_shown() -> None:
    """What the page showed for another phone is good for nothing afterwards."""
    shown = pairing.show_token(handed(), "qr", "applicant", NOW).session
    change = link(pairing.show_typed_code(shown, "typed", NOW).session)
    assert change.spent_codes == ("typed",)
    assert ([token.digest for token in change.session.pairing.tokens], change.session.pairing.typed) == (["here"], None)


@pytest.mark.parametrize("browser", ["", "another"])
def test_a_handed_token_is_good_with_its_own_browser_only(browser: str) -> None:
    """A link with the token in it, sent to somebody else, links nobody: the cookie does not come along."""
    with refuses("token-invalid"):
        link(handed(), browser)


def test_a_handed_token_does_not_pass_for_a_scanned_one() -> None:
    """Otherwise whoever has the token could ask for a code and talk somebody into typing it."""
    session = handed()
    assert pairing.is_handed(session, "here")
    with refuses("token-invalid"):
        pairing.scan(session, "here", lives.phone(), "code", NOW)


def test_a_scanned_token_does_not_pass_for_a_handed_one() -> None:
    """What stands on the screen needs the code, whatever cookie comes along."""
    session = pairing.show_token(lives.opened(), "qr", "applicant", NOW).session
    assert not pairing.is_handed(session, "qr")
    with refuses("token-invalid"):
        link(session, redeemed="qr")


def test_a_handed_token_ends_after_ninety_seconds_and_with_the_session() -> None:
    """It is as short-lived as a QR code, and nothing starts once the session is over."""
    assert link(handed(), at=NOW + 89).session.state is State.COLLECTING
    with refuses("token-invalid"):
        link(handed(), at=NOW + 90)
    late = pairing.show_token(lives.opened(), "here", "applicant", EXPIRES - 1, PC).session
    with refuses("session-ended"):
        link(late, at=EXPIRES)


def test_a_browser_that_was_taken_over_is_linked_no_more() -> None:
    """The browser that started last has the session; a new start makes what was handed void."""
    again = pairing.start(handed(), "b2", "single", "evt", NOW).session
    with refuses("token-invalid"):
        link(again)
    with refuses("taken-over"):
        link(replace(handed(), browser="b2"))


def test_a_waiting_phone_gets_another_code_with_the_tries_it_had() -> None:
    """A reloaded page lost its code: the former is void, tries and time stay."""
    session = pairing.type_code(lives.waiting(), "wrong", seal, "applicant", "", NOW).session
    after = pairing.new_code(session, lives.FIRST, "code-b", NOW + 60).session
    pending, before = after.pairing.pending, session.pairing.pending
    assert pending is not None
    assert before is not None
    assert (pending.code, pending.tries, pending.scanned_at) == ("code-b", 1, before.scanned_at)
    assert pairing.type_code(after, "code", seal, "applicant", "", NOW + 61).refusal == "wrong-code"
    linked = pairing.type_code(after, "code-b", seal, "applicant", "", NOW + 61).session
    assert linked.state is State.COLLECTING


def test_a_partners_waiting_phone_gets_another_code_too() -> None:
    """The first phone's linking is left alone."""
    session = lives.partner_waiting(lives.linked("couple"))
    after = pairing.new_code(session, lives.OWN, "code-3", NOW).session
    assert after.partner_pairing.pending is not None
    assert after.partner_pairing.pending.code == "code-3"
    assert after.phones == session.phones


def test_no_code_for_a_phone_that_does_not_wait() -> None:
    """Nor for one that waited for two minutes already."""
    for session in (lives.opened(), lives.linked(), pairing.unpair(lives.waiting()).session):
        with refuses("pairing-ended"):
            pairing.new_code(session, lives.FIRST, "code", NOW)
    with refuses("pairing-ended"):
        pairing.new_code(lives.waiting(), lives.FIRST, "code", NOW + 120)


def test_the_start_may_choose_the_language() -> None:
    """The provider's choice holds unless the citizen made another."""
    assert pairing.start(lives.created(), "b", "single", "evt", NOW).session.language == "nl"
    assert pairing.start(lives.created(), "b", "single", "evt", NOW, "en").session.language == "en"


def test_the_language_changes_until_somebody_consented() -> None:
    """A consent is to words: they stay as they were. The same language again changes nothing."""
    session = lives.linked("couple")
    change = pairing.speak(session, "en")
    assert change is not None
    assert change.session == replace(session, language="en")
    assert pairing.speak(session, "nl") is None
    frozen = lives.agreed(session)
    assert pairing.speak(frozen, "nl") is None
    with refuses("frozen"):
        pairing.speak(frozen, "en")


@pytest.mark.parametrize("state", [State.CREATED, State.CONSENTED])
def test_a_language_is_for_what_is_still_to_be_shown(state: State) -> None:
    """Before the start it is the start that says; after the last consent the words stand."""
    with refuses("wrong-state"):
        pairing.speak(lives.in_state(state), "en")


def test_more_time_counts_as_being_heard() -> None:
    """An hour from now, but never past the day that an attempt may take."""
    session = lives.linked()
    change = pairing.more_time(session, NOW, NOW + IDLE_SECONDS - 1)
    assert change.heard
    assert change.session == session
    with refuses("wrong-state"):
        pairing.more_time(session, NOW, NOW + IDLE_SECONDS)
    with refuses("wrong-state"):
        pairing.more_time(session, NOW + 23.5 * HOUR, NOW + ATTEMPT_SECONDS)
    with refuses("wrong-state"):
        pairing.more_time(lives.opened(), NOW, NOW)
