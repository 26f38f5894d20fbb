"""Linking a phone: the start page, tokens and codes, scanning, the pairing code, another phone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sessions import pairing
from sessions.model import Pairing, SourceStatus, State
from tests.unit.sessions import lives
from tests.unit.sessions.lives import EXPIRES, NOW, refuses, seal


def test_start_opens_the_session_and_tells_the_provider_once() -> None:
    """The first start gives the notice `opened`; a second start by the same or another browser gives none."""
    first = pairing.start(lives.created(), "b1", "single", "evt", NOW)
    assert (first.session.state, first.session.browser, first.session.opened_at) == (State.OPENED, "b1", NOW)
    assert [(e.kind, e.type, e.event_id, e.sequence) for e in first.effects] == [("notice", "opened", "evt", 1)]
    second = pairing.start(first.session, "b2", "single", "evt2", NOW + 60)
    assert second.effects == ()
    assert second.session.opened_at == NOW


def test_another_browser_takes_over_and_the_former_is_remembered_to_be_told_so() -> None:
    """The former browser can read 'elders geopend'; only the last few are kept."""
    session = lives.created()
    for number in range(7):
        session = pairing.start(session, f"b{number}", "single", "evt", NOW).session
    assert session.browser == "b6"
    assert session.former_browsers == ("b2", "b3", "b4", "b5")


def test_what_the_former_browser_showed_is_good_for_nothing() -> None:
    """A new start makes QR and typed code of the former page void, the typed code also in the store."""
    shown = pairing.show_token(lives.opened(), "qr", "applicant", NOW).session
    shown = pairing.show_typed_code(shown, "typed", NOW).session
    again = pairing.start(shown, "b2", "single", "evt", NOW)
    assert again.session.pairing == Pairing()
    assert again.spent_codes == ("typed",)
    for token in ("qr", "typed"):
        with refuses("token-invalid"):
            pairing.scan(again.session, token, lives.phone(), "code", NOW)


@pytest.mark.parametrize(
    ("policy", "answer", "partner"),
    [
        ("ask", "single", "without"),
        ("ask", "couple", "with"),
        ("single", None, "without"),
        ("couple", None, "with"),
        ("single", "couple", "without"),  # what the provider fixed is not asked
        ("couple", "single", "with"),
    ],
)
def test_the_household_is_known_once_started(policy: str, answer: str | None, partner: str) -> None:
    """Alone or with a partner: the provider's answer, else the citizen's."""
    session = lives.created(household=policy)
    assert pairing.start(session, "b", answer, "evt", NOW).session.partner == partner


@pytest.mark.parametrize("answer", [None, "ask"])
def test_a_question_without_an_answer_is_not_a_start(answer: None) -> None:
    """Where the profile asks, the citizen has to choose."""
    with refuses("household-unknown"):
        pairing.start(lives.created(), "b", answer, "evt", NOW)


def test_nobody_starts_or_scans_after_the_end_even_before_the_sweep() -> None:
    """`expiresAt` counts from its own second on."""
    pairing.start(lives.created(), "b", "single", "evt", EXPIRES - 0.001)
    with refuses("session-ended"):
        pairing.start(lives.created(), "b", "single", "evt", EXPIRES)
    shown = pairing.show_token(lives.opened(), "qr", "applicant", EXPIRES - 1).session
    with refuses("session-ended"):
        pairing.scan(shown, "qr", lives.phone(), "code", EXPIRES)


@pytest.mark.parametrize("state", [s for s in State if s is not State.OPENED])
def test_tokens_are_shown_in_opened_only(state: State) -> None:
    """No QR before the start, none while a phone waits or is linked, none after the end."""
    session = lives.in_state(state)
    code = "session-ended" if session.ended else "wrong-state"
    with refuses(code):
        pairing.show_token(session, "qr", "applicant", NOW)
    with refuses(code):
        pairing.show_typed_code(session, "typed", NOW)


def test_a_qr_token_is_accepted_for_ninety_seconds() -> None:
    """Renewed every 30 s, accepted 90 s: older pictures of the same page still work, then no more."""
    session = lives.opened()
    for turn in range(4):
        session = pairing.show_token(session, f"qr{turn}", "applicant", NOW + 30 * turn).session
    assert [t.digest for t in session.pairing.tokens] == ["qr1", "qr2", "qr3"]
    assert pairing.scan(session, "qr1", lives.phone(), "code", NOW + 119.9).session.state is State.PAIRING
    with refuses("token-invalid"):
        pairing.scan(session, "qr1", lives.phone(), "code", NOW + 120)


def test_a_typed_code_is_accepted_for_five_minutes_and_replaces_the_former() -> None:
    """One typed code at a time; the store learns which to keep, how long, and which to drop."""
    first = pairing.show_typed_code(lives.opened(), "t1", NOW)
    assert (first.codes, first.spent_codes) == ({"t1": 300.0}, ())
    second = pairing.show_typed_code(first.session, "t2", NOW + 10)
    assert (second.codes, second.spent_codes) == ({"t2": 300.0}, ("t1",))
    with refuses("token-invalid"):
        pairing.scan(second.session, "t1", lives.phone(), "code", NOW + 11)
    with refuses("token-invalid"):
        pairing.scan(second.session, "t2", lives.phone(), "code", NOW + 310)
    assert pairing.scan(second.session, "t2", lives.phone(), "code", NOW + 309).session.state is State.PAIRING


def test_scanning_uses_up_everything_that_was_shown() -> None:
    """Single use: after a scan neither this token nor any other on the page links a second phone."""
    session = pairing.show_token(lives.opened(), "qr1", "applicant", NOW).session
    session = pairing.show_token(session, "qr2", "applicant", NOW).session
    session = pairing.show_typed_code(session, "typed", NOW).session
    taken = pairing.scan(session, "qr1", lives.phone(), "code", NOW)
    assert (taken.spent_codes, taken.session.pairing.typed) == (("typed",), None)
    for token in ("qr2", "typed"):
        with refuses("token-invalid"):
            pairing.scan(taken.session, token, lives.phone("other"), "code", NOW)


def test_an_unknown_token_is_refused() -> None:
    """In `opened` as in any other state; after the end the phone hears that the session ended."""
    with refuses("token-invalid"):
        pairing.scan(lives.opened(), "guess", lives.phone(), "code", NOW)
    with refuses("token-invalid"):
        pairing.scan(lives.linked(), "qr", lives.phone(), "code", NOW)
    with refuses("session-ended"):
        pairing.scan(lives.in_state(State.DELIVERED), "qr", lives.phone(), "code", NOW)


def test_the_same_device_may_scan_again_when_the_answer_was_lost() -> None:
    """Within 90 s the same key with the same token replaces its own waiting phone, with a new token and code."""
    again = replace(lives.phone("phone-1b"), thumbprint=lives.phone().thumbprint)
    after = pairing.scan(lives.waiting(), "qr", again, "code-b", NOW + 89).session
    pending = after.pairing.pending
    assert pending is not None
    assert (pending.phone.id, pending.code, pending.scanned_at) == ("phone-1b", "code-b", NOW)


def test_scanning_again_gives_no_new_tries_and_no_new_time() -> None:
    """Wrong codes count over rescans, and the two minutes run from the first scan: else both could be dodged."""
    session = lives.waiting()
    for expected in ("wrong-code", "wrong-code", "pairing-ended"):
        change = pairing.type_code(session, "wrong", seal, "applicant", "evt", NOW)
        assert change.refusal == expected
        session = change.session
        if session.state is State.PAIRING:
            session = pairing.scan(session, "qr", lives.phone(), "code", NOW + 1).session
    assert session.state is State.OPENED


@pytest.mark.parametrize(
    ("token", "thumbprint", "later", "code"),
    [
        ("qr", "another key", 1, "already-paired"),
        ("qr", "key-phone-1", 90, "already-paired"),
        ("other", "key-phone-1", 1, "token-invalid"),
    ],
)
def test_any_other_second_scan_is_refused(token: str, thumbprint: str, later: float, code: str) -> None:
    """The first phone wins: another key, another token or a late repeat does not get in."""
    intruder = replace(lives.phone("phone-x"), thumbprint=thumbprint)
    with refuses(code):
        pairing.scan(lives.waiting(), token, intruder, "code", NOW + later)


def test_a_waiting_phone_has_no_key_and_nobody_takes_part_yet() -> None:
    """Before the pairing code nothing can be collected."""
    session = lives.waiting()
    assert (session.phones, session.people) == ((), {})
    assert session.pairing.pending is not None
    assert session.pairing.pending.phone.vault_key is None


def test_the_right_code_links_the_phone() -> None:
    """The vault key is sealed to this phone only, everyone's sources stand ready, the provider hears `paired`."""
    change = pairing.type_code(lives.waiting("couple"), "code", seal, "applicant", "evt", NOW + 5)
    session = change.session
    assert (session.state, session.attempt_at, session.pairing) == (State.COLLECTING, NOW + 5, Pairing())
    assert [(p.id, p.vault_key) for p in session.phones] == [("phone-1", b"vault key for phone-1")]
    assert list(session.people) == ["applicant", "partner"]
    for person in session.people.values():
        assert {name: s.status for name, s in person.sources.items()} == {
            "uwv": SourceStatus.TODO,
            "belastingdienst": SourceStatus.TODO,
        }
    assert [(e.type, e.sequence) for e in change.effects] == [("paired", 2)]


def test_somebody_alone_has_no_partner_to_collect_for() -> None:
    """Who takes part follows from the household answer."""
    assert list(lives.linked("single").people) == ["applicant"]


def test_a_wrong_code_counts_and_says_how_many_tries_are_left() -> None:
    """The refusal is given after the count is stored."""
    first = pairing.type_code(lives.waiting(), "wrong", seal, "applicant", "evt", NOW)
    assert (first.refusal, first.facts) == ("wrong-code", {"triesLeft": 2})
    second = pairing.type_code(first.session, "wrong", seal, "applicant", "evt", NOW)
    assert (second.refusal, second.facts) == ("wrong-code", {"triesLeft": 1})
    right = pairing.type_code(second.session, "code", seal, "applicant", "evt", NOW)
    assert right.session.state is State.COLLECTING


def test_three_wrong_codes_send_the_phone_away() -> None:
    """Back to `opened` with nothing of the phone left; the right code then comes too late."""
    session = lives.waiting()
    for _ in range(3):
        change = pairing.type_code(session, "wrong", seal, "applicant", "evt", NOW)
        session = change.session
    assert change.refusal == "pairing-ended"
    assert (session.state, session.pairing, session.phones) == (State.OPENED, Pairing(), ())
    with refuses("wrong-state"):
        pairing.type_code(session, "code", seal, "applicant", "evt", NOW)


def test_a_code_is_good_for_two_minutes() -> None:
    """Also the right code, also before the sweep."""
    in_time = pairing.type_code(lives.waiting(), "code", seal, "applicant", "evt", NOW + 119.9)
    assert in_time.session.state is State.COLLECTING
    late = pairing.type_code(lives.waiting(), "code", seal, "applicant", "evt", NOW + 120)
    assert (late.refusal, late.session.state) == ("pairing-ended", State.OPENED)


@pytest.mark.parametrize("state", [s for s in State if s is not State.PAIRING])
def test_a_pairing_code_is_typed_in_pairing_only(state: State) -> None:
    """Nothing can be linked twice or too early."""
    session = lives.in_state(state)
    with refuses("session-ended" if session.ended else "wrong-state"):
        pairing.type_code(session, "code", seal, "applicant", "evt", NOW)


def test_declining_on_the_phone_shows_a_fresh_qr() -> None:
    """'No, I did not open that page': the phone is forgotten, the page stays open."""
    session = pairing.unpair(lives.waiting()).session
    assert (session.state, session.pairing, session.browser) == (State.OPENED, Pairing(), "browser-1")


@pytest.mark.parametrize("state", [State.PAIRING, State.COLLECTING])
def test_restart_destroys_the_attempt_and_keeps_the_household_answer(state: State) -> None:
    """Another phone, an idle hour or a day: vault, phones and consents go; the way in is a fresh QR."""
    before = lives.waiting("couple")
    if state is State.COLLECTING:
        before = lives.linked("couple")
        before = lives.agreed(lives.done(lives.done(before), "partner"))
        before = pairing.show_token(lives.only(before, consents={}), "qr-2", "partner", NOW).session
    change = pairing.restart(before)
    after = change.session
    assert change.empty_vault
    assert after.state is State.OPENED
    assert (after.phones, after.people, after.records, after.consents) == ((), {}, {}, {})
    assert after.pairing == after.partner_pairing == Pairing()
    assert (after.attempt_at, after.attempts) == (None, 1)
    assert (after.partner, after.browser, after.expires_at) == ("with", "browser-1", EXPIRES)


@pytest.mark.parametrize("state", [s for s in State if s not in (State.PAIRING, State.COLLECTING)])
def test_only_an_attempt_can_be_restarted(state: State) -> None:
    """After consent there is nothing to start again, and an end is an end."""
    session = lives.in_state(state)
    with refuses("session-ended" if session.ended else "wrong-state"):
        pairing.restart(session)


def test_a_partners_phone_is_linked_by_a_token_of_its_own() -> None:
    """It waits beside the first phone, and gets the vault key with the role of partner."""
    waiting = lives.partner_waiting(lives.linked("couple"))
    assert waiting.state is State.COLLECTING
    assert [p.id for p in waiting.phones] == ["phone-1"]
    after = pairing.type_code(waiting, "code-2", seal, "partner", "", NOW)
    assert [(p.id, p.role, p.vault_key is not None) for p in after.session.phones] == [
        ("phone-1", "applicant", True),
        ("phone-2", "partner", True),
    ]
    assert after.session.partner_pairing == Pairing()
    assert after.effects == ()  # what happens between the two phones is not the provider's business


def test_whose_phone_a_token_links() -> None:
    """A token shown for the partner never makes a phone of the applicant, also when it is redeemed again."""
    shown = pairing.show_token(lives.linked("couple"), "qr-2", "partner", NOW).session
    assert pairing.role_of_token(shown, "qr-2") == "partner"
    assert pairing.role_of_token(shown, "qr") == "applicant"
    assert pairing.role_of_token(lives.partner_waiting(lives.linked("couple")), "qr-2") == "partner"
    assert pairing.role_of_token(lives.with_own_phone(lives.linked("couple")), "qr-2") == "applicant"
    with refuses("token-invalid"):
        pairing.scan(shown, "qr-2", lives.phone("x", "applicant"), "code", NOW)


def test_a_partners_phone_that_fails_leaves_the_first_one_alone() -> None:
    """Three wrong codes or two minutes send only the waiting phone away."""
    waiting = lives.partner_waiting(lives.linked("couple"))
    session = waiting
    for _ in range(3):
        change = pairing.type_code(session, "wrong", seal, "partner", "", NOW)
        session = change.session
    assert change.refusal == "pairing-ended"
    late = pairing.type_code(waiting, "code-2", seal, "partner", "", NOW + 120)
    assert late.refusal == "pairing-ended"
    for after in (session, late.session):
        assert (after.state, after.partner_pairing) == (State.COLLECTING, Pairing())
        assert [p.id for p in after.phones] == ["phone-1"]
    with refuses("pairing-ended"):
        pairing.type_code(session, "code-2", seal, "partner", "", NOW)


def test_when_a_partners_phone_may_be_linked() -> None:
    """Only for a partner who takes part, one at a time, once, and not while the content is frozen."""
    couple = lives.linked("couple")
    with refuses("unknown-person"):
        pairing.show_token(lives.linked("single"), "qr-2", "partner", NOW)
    with refuses("already-paired"):
        pairing.show_token(lives.partner_waiting(couple), "qr-3", "partner", NOW)
    with refuses("already-paired"):
        pairing.show_token(lives.with_own_phone(couple), "qr-3", "partner", NOW)
    with refuses("wrong-state"):
        pairing.show_token(lives.waiting("couple"), "qr-2", "partner", NOW)


def test_a_token_shown_before_the_freeze_links_nobody_after_it() -> None:
    """A partner's phone cannot come in between two consents."""
    shown = pairing.show_token(lives.linked("couple"), "qr-2", "partner", NOW).session
    frozen = lives.agreed(lives.done(lives.done(shown), "partner"))
    with refuses("frozen"):
        pairing.show_token(frozen, "qr-3", "partner", NOW)
    with refuses("frozen"):
        pairing.scan(frozen, "qr-2", lives.phone("phone-2", "partner"), "code", NOW)


def test_an_attempt_of_days_cannot_be_had_by_pairing_again() -> None:
    """The day runs from the moment the first phone was linked; a partner's phone does not move it."""
    session = lives.with_own_phone(lives.linked("couple"), NOW + 60)
    assert session.attempt_at == NOW
