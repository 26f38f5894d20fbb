"""Consent: when it may be asked, who gives it, what freezes, what voids it, and what the last one does."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sessions import collecting, consenting, ending, pairing
from sessions.change import Change
from sessions.lifecycle import Event
from sessions.model import Consent, Pairing, Role, Session, State
from tests.unit.sessions import lives
from tests.unit.sessions.lives import FIRST, NOW, OPTIONAL, OWN, REQUIRED, done, held, linked, refuses


def couple_done(session: Session | None = None) -> Session:
    """Both adults collected what is required, on the first phone."""
    return done(done(session or linked("couple")), "partner")


def test_consent_can_be_asked_when_every_required_source_answered_for_everyone() -> None:
    """Found and absent are answers; optional sources may be left undone."""
    session = linked("couple")
    assert not consenting.is_ready(session)
    session = done(session)
    assert not consenting.is_ready(session)
    absent = collecting.absent(lives.fetching(session, "partner"), "partner", REQUIRED, NOW + 60, at=NOW).session
    assert consenting.is_ready(absent)
    assert consenting.is_ready(done(session, "partner"))


def test_a_failed_or_skipped_required_source_is_no_answer() -> None:
    """An outage never counts as 'nothing there'."""
    fetching = lives.fetching(linked())
    failed = collecting.failed(fetching, "applicant", REQUIRED, NOW + 60, "unavailable", retryable=False).session
    left_out = collecting.left_out(fetching, "applicant", REQUIRED, NOW + 60, "no-field-asked").session
    assert not consenting.is_ready(failed)
    assert not consenting.is_ready(left_out)


def test_consent_waits_for_what_is_under_way() -> None:
    """Not while a login or a fetch runs, also of an optional source, nor while a partner's phone is being linked."""
    session = couple_done()
    assert consenting.is_ready(session)
    assert not consenting.is_ready(lives.logging_in(session, "applicant", OPTIONAL))
    assert not consenting.is_ready(lives.fetching(session, "applicant", OPTIONAL))
    assert not consenting.is_ready(lives.partner_waiting(session))


def test_each_adult_consents_where_they_logged_in() -> None:
    """The answer is the moment of that person's login; a phone on which they did not log in is refused."""
    session = couple_done()
    assert consenting.check(session, held(session), "applicant") == NOW
    assert consenting.check(session, held(session), "partner") == NOW
    moved = lives.with_own_phone(session)
    with refuses("consent-needs-login"):
        consenting.check(moved, held(moved, OWN), "partner")
    with refuses("not-your-part"):
        consenting.check(moved, held(moved), "partner")
    there = done(lives.with_own_phone(done(linked("couple"))), "partner", on=OWN)
    assert consenting.check(there, held(there, OWN), "partner") == NOW


def test_a_partner_on_a_shared_phone_needs_the_own_login() -> None:
    """The applicant cannot consent for a partner who never proved who they are."""
    session = done(linked("couple"))
    for name in (REQUIRED, OPTIONAL):  # answered by no login of the partner
        answered = replace(session.people["partner"].sources[name], status=collecting.SourceStatus.ABSENT)
        session = collecting.put_source(session, "partner", name, answered)
    assert consenting.is_ready(session)
    with refuses("consent-needs-login"):
        consenting.check(session, held(session), "partner")


def test_consent_before_everything_is_there_is_refused() -> None:
    """And for somebody who does not take part, and in any other state."""
    session = linked("single")
    with refuses("not-ready"):
        consenting.check(session, held(session), "applicant")
    with refuses("unknown-person"):
        consenting.check(done(session), held(session), "partner")
    for state in set(State) - {State.COLLECTING}:
        other = lives.in_state(state)
        with refuses("session-ended" if other.ended else "wrong-state"):
            consenting.check(other, lives.phone(), "applicant")


def test_the_last_login_counts() -> None:
    """The receipt records when this person last proved who they are."""
    session = done(linked())
    later = replace(session.people["applicant"].sources[REQUIRED], authenticated_at=NOW + 600)
    session = collecting.put_source(done(session, "applicant", OPTIONAL), "applicant", REQUIRED, later)
    assert consenting.login_moment(session, "applicant") == NOW + 600
    assert consenting.login_moment(linked(), "applicant") is None


def test_the_first_of_two_consents_freezes_and_waits() -> None:
    """The encrypted receipt lies in the vault until the other adult consents; nothing is sent."""
    session = couple_done()
    assert not session.frozen
    assert not consenting.is_last(session, "applicant")
    change = consenting.keep(consenting.given(session, "applicant", lives.consent()), "applicant", b"receipt")
    assert change.session.frozen
    assert change.session.state is State.COLLECTING
    assert (change.vault, change.effects, change.payload) == ({"receipt/applicant": b"receipt"}, (), None)
    assert change.session.records["receipt/applicant"] == session.writes + 1
    assert consenting.is_last(change.session, "partner")


def test_one_adult_alone_is_the_last() -> None:
    """Nobody else has to agree."""
    assert consenting.is_last(done(linked("single")), "applicant")


def test_the_last_consent_queues_the_sealed_payload_and_destroys_the_rest() -> None:
    """One step: payload stored, data event and notice queued, vault and vault keys gone."""
    session = lives.agreed(couple_done())
    last = consenting.given(session, "partner", lives.consent())
    change = consenting.send(last, "partner", b"jwe", "digest", ("evt_data", "evt_notice"), NOW + 9)
    sent = change.session
    assert (sent.state, sent.consented_at, sent.payload_digest) == (State.CONSENTED, NOW + 9, "digest")
    assert change.payload == b"jwe"
    assert change.empty_vault
    assert sent.records == {}
    assert [phone.vault_key for phone in sent.phones] == [None]
    assert sent.counts == {"vaultRecords": 5, "vaultKeys": 1}
    events = {e.kind: e for e in change.effects}
    assert (events["data"].event_id, events["notice"].event_id) == ("evt_data", "evt_notice")
    assert sent.payload_id == "evt_data"
    assert events["notice"].type == "consented"
    assert {e.sequence for e in change.effects} == {session.sequence + 1, session.sequence + 2}
    assert events["data"].key != events["notice"].key  # a notice never replaces the data


def test_change_after_all_voids_every_consent_and_unfreezes() -> None:
    """By any adult: consents and waiting receipts go, the content stays and can change again."""
    session = lives.agreed(couple_done())
    change = consenting.amend(session)
    after = change.session
    assert (after.consents, after.frozen, after.state) == ({}, False, State.COLLECTING)
    assert change.vault_drop == ("receipt/applicant",)
    assert after.records == couple_done().records
    lives.logging_in(after, "applicant", OPTIONAL)
    assert lives.agreed(after).records["receipt/applicant"] > session.records["receipt/applicant"]


@pytest.mark.parametrize("state", [s for s in State if s is not State.COLLECTING])
def test_consents_can_only_be_changed_while_collecting(state: State) -> None:
    """What is sent is sent: then there is withdrawing."""
    session = lives.in_state(state)
    code = "session-ended" if session.ended else "wrong-state"
    with refuses(code):
        consenting.amend(session)
    with refuses(code):
        consenting.partner_out(session)
    with refuses(code):
        consenting.keep(session, "applicant", b"r")
    with refuses(code):
        consenting.send(session, "applicant", b"p", "d", ("a", "b"), NOW)


def test_a_partner_who_leaves_takes_everything_along() -> None:
    """Records, remarks, phone and all consents go; the applicant keeps their own and goes on alone."""
    session = done(lives.with_own_phone(done(linked("couple"))), "partner", on=OWN)
    session = collecting.noted(session, "remark/partner", b"r").session
    session = collecting.noted(session, "remark/applicant", b"r").session
    session = lives.agreed(session)
    change = consenting.partner_out(session)
    after = change.session
    gone = {"partner/uwv", "partner/uwv/identity", "remark/partner", "receipt/applicant"}
    assert set(change.vault_drop) == gone
    assert set(after.records) == {"applicant/uwv", "applicant/uwv/identity", "remark/applicant"}
    assert (after.partner, list(after.people), after.consents) == ("without", ["applicant"], {})
    assert [phone.id for phone in after.phones] == [FIRST]
    assert after.partner_pairing == Pairing()
    assert consenting.is_last(after, "applicant")


def test_a_partner_who_is_still_linking_can_be_left_out() -> None:
    """The waiting phone goes with them."""
    after = consenting.partner_out(lives.partner_waiting(linked("couple"))).session
    assert after.partner_pairing == Pairing()
    with refuses("unknown-person"):
        consenting.partner_out(after)


@pytest.mark.parametrize(
    ("profile_policy", "policy", "allowed"),
    [
        ("ask", "ask", True),
        ("ask", "single", True),
        ("single", "single", True),
        ("ask", "couple", False),
        ("couple", "couple", False),
        ("couple", "ask", False),
    ],
)
def test_one_person_may_go_on_where_neither_profile_nor_provider_asked_for_two(
    profile_policy: str, policy: str, allowed: bool
) -> None:
    """Where a couple was asked for, a partner who declines ends the session."""
    session = lives.created(household=policy)
    session = replace(session, profile=replace(session.profile, household=profile_policy))
    assert consenting.one_person_allowed(session) is allowed


def _entered(change: Change) -> set[tuple[str, str]]:
    """What a step queues for the ledger."""
    entries = [effect for effect in change.effects if effect.kind == "ledger"]
    assert {effect.key for effect in entries} == {f"ledger:{effect.type}:{effect.event_id}" for effect in entries}
    return {(effect.type, effect.event_id) for effect in entries}


def _consent(role: Role) -> Consent:
    return replace(lives.consent(), entry=f"hash-of-{role}")


def _first(session: Session) -> Change:
    return consenting.keep(consenting.given(session, "applicant", _consent("applicant")), "applicant", b"receipt")


def _last(session: Session) -> Change:
    both = consenting.given(session, "partner", _consent("partner"))
    return consenting.send(both, "partner", b"jwe", "digest", ("a", "b"), NOW, receipts={FIRST: b"sealed"})


def test_each_consent_is_entered_once_by_its_own_step() -> None:
    """The first by the first, the last by the last; one of before there was a ledger by none."""
    first = _first(couple_done())
    assert _entered(first) == {("given", "hash-of-applicant")}
    assert _entered(_last(first.session)) == {("given", "hash-of-partner")}
    old = consenting.keep(consenting.given(couple_done(), "applicant", lives.consent()), "applicant", b"receipt")
    assert _entered(old) == set()


def test_what_voids_a_consent_is_entered() -> None:
    """Changing after all, a partner who leaves, another phone: for every consent that there was."""
    session = _first(couple_done()).session
    assert _entered(consenting.amend(session)) == {("amended", "hash-of-applicant")}
    assert _entered(consenting.partner_out(session)) == {("amended", "hash-of-applicant")}
    assert _entered(pairing.restart(session)) == {("lapsed", "hash-of-applicant")}
    assert _entered(pairing.restart(couple_done())) == set()


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (Event.WITHDRAW, "withdrawn"),
        (Event.STOP, "lapsed"),
        (Event.ACKNOWLEDGE, None),
        (Event.GIVE_UP, None),
    ],
)
def test_an_end_is_entered_where_it_undoes_consent(event: Event, kind: str | None) -> None:
    """Taken back, or stopped before it arrived, for both adults; received, or maybe received, changes nothing."""
    sent = _last(_first(couple_done()).session).session
    change = ending.end(sent, event, None, lives.sign, "evt", NOW)
    assert _entered(change) == ({(kind, "hash-of-applicant"), (kind, "hash-of-partner")} if kind else set())


@pytest.mark.parametrize("event", [Event.STOP, Event.DECLINE, Event.PARTNER_LOST])
def test_a_consent_lapses_with_its_session(event: Event) -> None:
    """Whoever stops it before everybody consented."""
    change = ending.end(_first(couple_done()).session, event, None, lives.sign, "evt", NOW)
    assert _entered(change) == {("lapsed", "hash-of-applicant")}


def test_the_receipts_of_a_phone_wait_until_the_end() -> None:
    """Sealed to it, in a vault that is empty but for them; the end counts them among what it destroys."""
    change = _last(_first(couple_done()).session)
    assert (change.empty_vault, change.vault) == (True, {f"receipts/{FIRST}": b"sealed"})
    assert [*change.session.records] == [f"receipts/{FIRST}"]
    destroyed: list[int] = []

    def sign(facts: ending.PurgeFacts) -> str:
        destroyed.append(facts.destroyed["vaultRecords"])
        return ""

    end = ending.end(change.session, Event.ACKNOWLEDGE, None, sign, "evt", NOW)
    assert end.purge
    assert destroyed == [change.session.counts["vaultRecords"] + 1]
