"""Collecting: who may act for whom, logins, leases, outcomes, and what the first consent freezes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sessions import collecting, pairing
from sessions.lifecycle import MINUTE
from sessions.model import Login, Session, SourceState, SourceStatus, State
from tests.unit.sessions import lives
from tests.unit.sessions.lives import FIRST, NOW, OPTIONAL, OWN, REQUIRED, fetching, held, linked, refuses, status

LEASE = NOW + 60


def login(on: str = FIRST) -> Login:
    return Login(state="s", nonce="n", verifier="v", phone=on, started_at=NOW, fresh=False)


def source(session: Session, role: str = "applicant", name: str = REQUIRED) -> SourceState:
    return session.people[role].sources[name]


def test_the_first_phone_acts_for_both_until_the_partner_has_one() -> None:
    """On one shared phone both adults do their part."""
    session = linked("couple")
    collecting.may_act(session, held(session), "applicant")
    collecting.may_act(session, held(session), "partner")


def test_a_partner_with_an_own_phone_acts_there_and_only_there() -> None:
    """The own phone is for the partner alone, and the first phone no longer acts for the partner."""
    session = lives.with_own_phone(linked("couple"))
    collecting.may_act(session, held(session, OWN), "partner")
    collecting.may_act(session, held(session), "applicant")
    with refuses("not-your-part"):
        collecting.may_act(session, held(session), "partner")
    with refuses("not-your-part"):
        collecting.may_act(session, held(session, OWN), "applicant")


def test_nobody_acts_for_someone_who_does_not_take_part() -> None:
    """Alone is alone."""
    session = linked("single")
    with refuses("unknown-person"):
        collecting.may_act(session, held(session), "partner")
    with refuses("unknown-source"):
        collecting.begin_login(session, held(session), "applicant", "rdw", login())


def test_a_phone_that_is_no_longer_linked_does_nothing() -> None:
    """A request that began before a restart must not write under the key of an attempt that is gone."""
    old = held(linked())
    waiting = pairing.show_token(pairing.restart(linked()).session, "qr-b", "applicant", NOW).session
    waiting = pairing.scan(waiting, "qr-b", lives.phone("phone-b"), "code", NOW).session
    after = pairing.type_code(waiting, "code", lives.seal, "applicant", "evt", NOW).session
    with refuses("wrong-secret"):
        collecting.may_act(after, old, "applicant")
    with refuses("wrong-secret"):
        collecting.begin_login(after, old, "applicant", REQUIRED, login())


@pytest.mark.parametrize("state", [s for s in State if s is not State.COLLECTING])
def test_collecting_happens_in_collecting_only(state: State) -> None:
    """No login, skip, note or outcome in any other state."""
    session, phone = lives.in_state(state), lives.phone()
    code = "session-ended" if session.ended else "wrong-state"
    with refuses(code):
        collecting.begin_login(session, phone, "applicant", REQUIRED, login())
    with refuses(code):
        collecting.skip(session, phone, "applicant", OPTIONAL, "citizen")
    with refuses(code):
        collecting.begin_fetching(session, phone, "applicant", REQUIRED, LEASE)
    with refuses(code):
        collecting.noted(session, "remark/applicant", b"x")
    with refuses(code):
        collecting.collected(session, "applicant", REQUIRED, LEASE, b"x", at=NOW)


def test_the_first_consent_freezes_logins_fetches_and_skips() -> None:
    """What was consented to cannot change under anybody's hands."""
    frozen = lives.agreed(lives.done(lives.done(linked("couple")), "partner"))
    phone = held(frozen)
    with refuses("frozen"):
        collecting.begin_login(frozen, phone, "applicant", OPTIONAL, login())
    with refuses("frozen"):
        collecting.begin_fetching(frozen, phone, "applicant", OPTIONAL, LEASE)
    with refuses("frozen"):
        collecting.skip(frozen, phone, "applicant", OPTIONAL, "citizen")


def test_a_login_begins_and_replaces_one_that_was_left_hanging() -> None:
    """A citizen who comes back from nowhere simply logs in again; the former state no longer fits."""
    session = lives.logging_in(linked())
    assert status(session) is SourceStatus.LOGIN
    again = collecting.begin_login(session, held(session), "applicant", REQUIRED, login()).session
    assert collecting.find_login(again, held(again), "s", NOW)[:2] == ("applicant", REQUIRED)
    with refuses("login-unknown"):
        collecting.find_login(again, held(again), "state-applicant-uwv", NOW)


def test_a_login_is_found_by_its_state_on_the_phone_that_began_it() -> None:
    """Person and source follow from what came back, and only on the phone that went away for it."""
    session = lives.with_own_phone(lives.logging_in(linked("couple")))
    session = lives.logging_in(session, "partner", OPTIONAL, on=OWN)
    found = collecting.find_login(session, held(session, OWN), "state-partner-belastingdienst", NOW)
    assert found[:2] == ("partner", OPTIONAL)
    with refuses("login-unknown"):
        collecting.find_login(session, held(session), "state-partner-belastingdienst", NOW)
    with refuses("login-unknown"):
        collecting.find_login(session, held(session), "guess", NOW)


def test_without_a_state_it_is_the_only_login_of_the_phone() -> None:
    """Bridges may forget the state of an error: one login under way is then meant, of two we do not guess which."""
    session = lives.with_own_phone(lives.logging_in(linked("couple")))
    session = lives.logging_in(session, "partner", OPTIONAL, on=OWN)
    assert collecting.find_login(session, held(session), None, NOW)[:2] == ("applicant", REQUIRED)
    assert collecting.find_login(session, held(session, OWN), None, NOW)[:2] == ("partner", OPTIONAL)
    two = lives.logging_in(session, "applicant", OPTIONAL)
    for unclear, at in ((two, NOW), (linked(), NOW), (session, NOW + 15 * MINUTE)):
        with refuses("login-unknown"):
            collecting.find_login(unclear, held(unclear), None, at)


def test_why_a_login_was_refused_is_kept_until_the_next_try() -> None:
    """A failure at the login carries its reason; other failures have none."""
    session = collecting.failed(
        fetching(linked()), "applicant", REQUIRED, LEASE, "login", retryable=True, reason="on-behalf"
    ).session
    assert (source(session).failure, source(session).reason) == ("login", "on-behalf")
    again = collecting.begin_login(session, held(session), "applicant", REQUIRED, login()).session
    assert source(again).reason is None


def test_a_login_is_good_for_fifteen_minutes() -> None:
    """Later it is over, also before the sweep."""
    session = lives.logging_in(linked())
    state = "state-applicant-uwv"
    assert collecting.find_login(session, held(session), state, NOW + 15 * MINUTE - 0.1)[1] == REQUIRED
    with refuses("login-unknown"):
        collecting.find_login(session, held(session), state, NOW + 15 * MINUTE)
    with refuses("session-ended"):
        collecting.find_login(lives.in_state(State.CANCELLED), lives.phone(), state, NOW)


def test_a_login_that_did_not_succeed_leaves_the_source_to_do() -> None:
    """Cancelling is an outcome: the reason is kept, the source can be tried again at once."""
    before = lives.logging_in(linked())
    login = source(before).login
    assert login is not None
    after = collecting.login_ended(before, "applicant", REQUIRED, login, "cancelled").session
    assert (source(after).status, source(after).login, source(after).reason) == (SourceStatus.TODO, None, "cancelled")
    with refuses("login-unknown"):
        collecting.login_ended(after, "applicant", REQUIRED, login, "cancelled")


def test_a_source_is_fetched_once_at_a_time() -> None:
    """While a lease runs nobody logs in, fetches or skips."""
    session = fetching(linked())
    phone = held(session)
    with refuses("source-busy"):
        collecting.begin_login(session, phone, "applicant", REQUIRED, login())
    with refuses("source-busy"):
        collecting.begin_fetching(session, phone, "applicant", REQUIRED, LEASE + 1)
    busy = fetching(linked(), "applicant", OPTIONAL)
    with refuses("source-busy"):
        collecting.skip(busy, phone, "applicant", OPTIONAL, "citizen")


@pytest.mark.parametrize("outcome", ["collected", "absent"])
def test_an_answered_source_stays_answered(outcome: str) -> None:
    """No second login can turn what a source said into a failure beside its own data."""
    session = fetching(linked(), "applicant", OPTIONAL)
    if outcome == "collected":
        session = collecting.collected(session, "applicant", OPTIONAL, LEASE, b"x", at=NOW).session
    else:
        session = collecting.absent(session, "applicant", OPTIONAL, LEASE, at=NOW).session
    phone = held(session)
    with refuses("wrong-state"):
        collecting.begin_login(session, phone, "applicant", OPTIONAL, login())
    with refuses("wrong-state"):
        collecting.begin_fetching(session, phone, "applicant", OPTIONAL, LEASE)
    with refuses("wrong-state"):
        collecting.skip(session, phone, "applicant", OPTIONAL, "citizen")


def test_a_proven_identity_lets_this_phone_show_this_person() -> None:
    """Identity, level and moment are kept; the phone sees the person, once, and nobody else."""
    session = linked("couple")
    assert session.people["applicant"].phones == ()
    session = fetching(session)
    assert session.people["applicant"].phones == (FIRST,)
    assert session.people["partner"].phones == ()
    assert (source(session).authenticated_at, source(session).level) == (NOW, "substantial")
    session = fetching(session, "applicant", OPTIONAL)
    assert session.people["applicant"].phones == (FIRST,)
    assert set(session.records) == {"applicant/uwv/identity", "applicant/belastingdienst/identity"}


def test_a_retry_within_fifteen_minutes_needs_no_new_login() -> None:
    """The identity is fresh until a quarter of an hour after the login, however often the source fails."""
    session = collecting.failed(fetching(linked()), "applicant", REQUIRED, LEASE, "timeout", retryable=True).session
    assert collecting.identity_is_fresh(source(session), NOW + 15 * MINUTE - 0.1)
    assert not collecting.identity_is_fresh(source(session), NOW + 15 * MINUTE)
    assert not collecting.identity_is_fresh(SourceState(), NOW)
    again = collecting.begin_fetching(session, held(session), "applicant", REQUIRED, LEASE + 1).session
    assert source(again).failure is None  # an old failure says nothing about what happens now
    assert not source(again).retryable
    assert source(again).authenticated_at == NOW


def test_found_data_go_into_the_vault_under_the_next_version() -> None:
    """Every write of a record gets a version of its own, which binds its ciphertext."""
    session = fetching(linked())
    change = collecting.collected(session, "applicant", REQUIRED, LEASE, b"sealed", at=NOW)
    assert change.vault == {"applicant/uwv": b"sealed"}
    assert change.session.records["applicant/uwv"] == session.writes + 1 == change.session.writes
    assert (status(change.session), source(change.session).lease_until) == (SourceStatus.COLLECTED, None)
    first = collecting.noted(change.session, "remark/applicant", b"one").session
    assert collecting.noted(first, "remark/applicant", b"two").session.records["remark/applicant"] == first.writes + 1


def test_empty_is_never_failure_and_failure_never_empty() -> None:
    """Absent, skipped and failed are three different things, and none of them writes a record."""
    session = collecting.progressed(fetching(linked()), "applicant", REQUIRED, LEASE, "brp").session
    assert source(session).reason == "brp"
    outcomes = [
        (collecting.absent(session, "applicant", REQUIRED, LEASE, at=NOW), (SourceStatus.ABSENT, None, False, None)),
        (
            collecting.left_out(session, "applicant", REQUIRED, LEASE, "no-field-asked"),
            (SourceStatus.SKIPPED, None, False, "no-field-asked"),
        ),
        (
            collecting.failed(session, "applicant", REQUIRED, LEASE, "unavailable", retryable=True),
            (SourceStatus.FAILED, "unavailable", True, None),
        ),
    ]
    for change, expected in outcomes:
        state = source(change.session)
        assert (state.status, state.failure, state.retryable, state.reason) == expected
        assert state.lease_until is None
        assert change.vault == {}


def test_a_late_answer_is_dropped() -> None:
    """Who lost the lease, to the sweep or to a newer attempt, cannot write any more."""
    session = fetching(linked())
    phone = held(session)
    writes = [
        lambda s: collecting.collected(s, "applicant", REQUIRED, LEASE, b"x", at=NOW),
        lambda s: collecting.absent(s, "applicant", REQUIRED, LEASE, at=NOW),
        lambda s: collecting.left_out(s, "applicant", REQUIRED, LEASE, "x"),
        lambda s: collecting.failed(s, "applicant", REQUIRED, LEASE, "timeout", retryable=True),
        lambda s: collecting.progressed(s, "applicant", REQUIRED, LEASE, "x"),
        lambda s: collecting.identified(s, phone, "applicant", REQUIRED, LEASE, "who", b"i", NOW, "low"),
    ]
    swept = collecting.overdue(session, LEASE)
    newer = collecting.begin_fetching(swept, held(swept), "applicant", REQUIRED, LEASE + 60).session
    for write in writes:
        with refuses("wrong-state"):
            write(swept)
        with refuses("wrong-state"):
            write(newer)


def test_skipping_is_for_optional_sources_and_can_be_taken_back() -> None:
    """A required source cannot be left out; a skipped one can still be fetched."""
    session = linked()
    with refuses("source-required"):
        collecting.skip(session, held(session), "applicant", REQUIRED, "citizen")
    skipped = collecting.skip(session, held(session), "applicant", OPTIONAL, "citizen").session
    assert source(skipped, name=OPTIONAL) == SourceState(status=SourceStatus.SKIPPED, reason="citizen")
    assert status(lives.done(skipped, "applicant", OPTIONAL), "applicant", OPTIONAL) is SourceStatus.COLLECTED


def test_a_lease_that_ran_out_is_an_interruption_that_can_be_retried() -> None:
    """The process that fetched is gone; the citizen may try again."""
    session = fetching(linked())
    assert collecting.overdue(session, LEASE - 0.1) is session
    late = source(collecting.overdue(session, LEASE))
    assert (late.status, late.failure, late.retryable) == (SourceStatus.FAILED, "interrupted", True)
    assert late.lease_until is None


def test_a_login_left_hanging_goes_back_to_do() -> None:
    """After a quarter of an hour nobody waits for it any more."""
    session = lives.logging_in(linked())
    assert collecting.overdue(session, NOW + 15 * MINUTE - 0.1) is session
    late = source(collecting.overdue(session, NOW + 15 * MINUTE))
    assert (late.status, late.login, late.reason) == (SourceStatus.TODO, None, "login-expired")


def test_one_persons_progress_leaves_the_other_untouched() -> None:
    """Each adult has a state of their own for each source."""
    session = linked("couple")
    after = lives.done(session)
    assert after.people["partner"] == session.people["partner"]
    assert source(after, name=OPTIONAL) == SourceState()
    assert replace(after, people={}, records={}, writes=0) == replace(session, people={})
