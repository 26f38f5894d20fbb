"""An answer was lost while a phone was being linked: who may ask again, for how long, and what is left of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from sessions import pairing
from sessions.change import Change
from sessions.model import Pairing, PendingPhone, Session, State
from tests.unit.sessions import lives
from tests.unit.sessions.lives import NOW, PC, refuses, seal


def _typed() -> Session:
    """A phone redeemed a typed code, fifteen seconds after it was shown, and waits; its pairing code is 'code'."""
    shown = pairing.show_typed_code(lives.opened(), "typed", NOW - 15).session
    change = pairing.scan(shown, "typed", lives.phone(), "code", NOW)
    assert change.spent_codes == ()
    return change.session


def test_a_typed_code_may_be_redeemed_again_by_the_same_device() -> None:
    """Also after another code and wrong tries; tries, time and the code to be dropped stay as they were."""
    session = _typed()
    for number in range(3):
        again = replace(lives.phone(f"again-{number}"), thumbprint=lives.phone().thumbprint)
        session = pairing.scan(session, "typed", again, f"code-{number}", NOW + 30).session
        session = pairing.new_code(session, again.id, "newest", NOW + 31).session
        if number < 2:
            session = pairing.type_code(session, "wrong", seal, "applicant", "evt", NOW + 32).session
    pending = session.pairing.pending
    assert pending is not None
    assert (pending.phone.id, pending.code, pending.tries, pending.scanned_at) == ("again-2", "newest", 2, NOW)
    assert pairing.unpair(session).spent_codes == ("typed",)


@pytest.mark.parametrize(("thumbprint", "at"), [("another key", 1), ("key-phone-1", 90)])
def test_nobody_else_hears_that_a_typed_code_was_a_good_one(thumbprint: str, at: float) -> None:
    """It is short enough to be guessed: another device, or a late one, hears what a wrong guess hears."""
    with refuses("token-invalid"):
        pairing.scan(_typed(), "typed", replace(lives.phone("phone-x"), thumbprint=thumbprint), "code", NOW + at)


def test_a_lost_answer_gives_a_typed_code_no_more_time() -> None:
    """Five minutes from when it was shown it is over, also for the phone that redeemed it."""
    shown = pairing.show_typed_code(lives.opened(), "typed", NOW).session
    waiting = pairing.scan(shown, "typed", lives.phone(), "code", NOW + 299).session
    assert pairing.scan(waiting, "typed", lives.phone(), "code", NOW + 299.9).session.state is State.PAIRING
    with refuses("token-invalid"):
        pairing.scan(waiting, "typed", lives.phone(), "code", NOW + 300)


def test_a_redeemed_typed_code_goes_with_the_waiting() -> None:
    """Linked, sent away for any reason, or begun anew: the store drops it in that step, and it links nobody."""
    wrong = replace(_typed(), pairing=replace(_typed().pairing, pending=_tried_twice(_typed())))
    for change in (
        pairing.type_code(_typed(), "code", seal, "applicant", "evt", NOW + 1),
        pairing.type_code(_typed(), "code", seal, "applicant", "evt", NOW + 120),
        pairing.type_code(wrong, "wrong", seal, "applicant", "evt", NOW + 1),
        pairing.unpair(_typed()),
        pairing.restart(_typed()),
    ):
        assert (change.spent_codes, change.session.pairing) == (("typed",), Pairing())
        with refuses("token-invalid"):
            pairing.scan(change.session, "typed", lives.phone(), "code", NOW + 2)


def _tried_twice(session: Session) -> PendingPhone:
    assert session.pairing.pending is not None
    return replace(session.pairing.pending, tries=2)


def _linked(household: str = "single") -> Session:
    """The browser that started was handed a token for its own device, and was linked with it."""
    shown = pairing.show_token(lives.opened(household), "here", "applicant", NOW, PC).session
    return pairing.link_here(shown, "here", PC, lives.phone(), seal, "evt", NOW).session


def _again(session: Session, at: float, **otherwise: str) -> Change:
    """The same device redeems once more, with another token; or one that differs."""
    phone = replace(lives.phone("phone-1b"), thumbprint=lives.phone().thumbprint)
    browser = otherwise.pop("browser", PC)
    return pairing.link_here(session, "here", browser, replace(phone, **otherwise), seal, "evt", at)


def test_the_device_that_was_linked_may_ask_again_when_the_answer_was_lost() -> None:
    """It gets another token and the session another vault key; the former phone is out, the attempt no longer, and the
    provider hears nothing more.
    """
    before = _linked("couple")
    change = _again(before, NOW + 89)
    assert change.session == replace(before, phones=change.session.phones)
    assert [(p.id, p.vault_key) for p in change.session.phones] == [("phone-1b", seal(lives.phone("phone-1b")))]
    assert change.effects == ()
    assert _again(change.session, NOW + 89).session == change.session


def test_nobody_else_links_here_again() -> None:
    """Not with another key, nor another browser, nor as what was scanned; and not later than the token was good."""
    linked = _linked()
    for otherwise in ({"thumbprint": "another key"}, {"browser": "another"}):
        with refuses("token-invalid"):
            _again(linked, NOW + 1, **otherwise)
    with refuses("token-invalid"):
        _again(linked, NOW + 90)
    with refuses("token-invalid"):
        pairing.scan(linked, "here", lives.phone(), "code", NOW + 1)
    with refuses("token-invalid"):
        _again(pairing.restart(linked).session, NOW + 1)


def _waits_for_partner(session: Session) -> Session:
    return pairing.show_token(session, "qr-2", "partner", NOW).session


def _with_remark(session: Session) -> Session:
    return lives.only(session, records={"remark/applicant": 1})


@pytest.mark.parametrize(
    "done",
    [lives.logging_in, lives.done, lives.with_own_phone, lives.partner_waiting, _waits_for_partner, _with_remark],
)
def test_a_phone_that_did_anything_is_not_replaced(done: Callable[[Session], Session]) -> None:
    """Its answer was not lost, and what lies under the vault key would be: only an unused phone is replaced."""
    with refuses("token-invalid"):
        _again(done(_linked("couple")), NOW + 1)
