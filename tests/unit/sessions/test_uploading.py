"""Documents: who may hand one over, where, whom it may be about, and how they go again."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sessions import collecting, consenting, uploading
from sessions.model import Role, Session, SourceState, SourceStatus, State, Upload
from sessions.uploading import MAX_KEPT_BYTES, MAX_UPLOADS, document_name, original_name
from tests.unit.sessions import lives
from tests.unit.sessions.lives import FIRST, NOW, OPTIONAL, OWN, REQUIRED, done, held, linked, refuses


def upload(mark: str = "a", named: tuple[str, ...] = (), born: str | None = None, kept: int = 0) -> Upload:
    return Upload(mark=mark, named=named, born=born, kept_bytes=kept)


def add(session: Session, given: Upload, role: Role = "applicant", source: str = REQUIRED, on: str = FIRST) -> Session:
    """The session with one more document, its records written."""
    number = len(session.people[role].sources[source].uploads) + 1
    after = uploading.uploaded(session, held(session, on), role, source, given, at=NOW + 5)
    after = collecting.with_record(after, document_name(role, source, number))
    return collecting.with_record(after, original_name(role, source, number)) if given.kept_bytes else after


def state(session: Session, role: str = "applicant", source: str = REQUIRED) -> SourceState:
    return session.people[role].sources[source]


def failing(session: Session) -> Session:
    """The required source is asked again, and fails."""
    session = lives.fetching(session)
    return collecting.failed(session, "applicant", REQUIRED, NOW + 60, "timeout", retryable=True).session


def answered(session: Session, gaps: tuple[str, ...] = (), born: str | None = None) -> Session:
    """The required source answers, with these gaps."""
    fetched = lives.fetching(session)
    return collecting.collected(
        fetched, "applicant", REQUIRED, NOW + 60, b"records", at=NOW, gaps=gaps, born=born
    ).session


def test_a_document_answers_a_source() -> None:
    """The source is collected by upload, its phone may show the person's values, and consent can be asked."""
    session = add(linked(), upload())
    found = state(session)
    assert (found.status, found.transport, found.settled_at) == (SourceStatus.COLLECTED, "upload", NOW + 5)
    assert session.people["applicant"].phones == (FIRST,)
    assert consenting.is_ready(session)


def test_an_upload_only_applicant_consents_without_a_login() -> None:
    """A host without any login can run a journey: the consent then has no moment of a login."""
    session = add(linked(), upload())
    assert consenting.check(session, held(session), "applicant") is None


def test_a_partner_on_a_shared_phone_logs_in_before_handing_over() -> None:
    """Only a login tells there who holds the phone; on an own phone, or after a login here, it needs none."""
    session = linked("couple")
    with refuses("consent-needs-login"):
        uploading.may_upload(session, held(session), "partner", REQUIRED)
    logged_in = done(session, "partner", OPTIONAL)
    assert state(add(logged_in, upload(), "partner"), "partner").transport == "upload"
    own = add(lives.with_own_phone(session), upload(), "partner", on=OWN)
    assert own.people["partner"].phones == (OWN,)
    everything = add(own, upload("b"))
    assert consenting.check(everything, held(everything, OWN), "partner") is None


def test_a_partners_consent_on_a_shared_phone_needs_a_login() -> None:
    """Documents put into place otherwise do not count as one."""
    session = add(linked("couple"), upload())
    session = collecting.put_source(
        session,
        "partner",
        REQUIRED,
        SourceState(status=SourceStatus.COLLECTED, transport="upload", uploads=(upload(),)),
    )
    partner = replace(session.people["partner"], phones=(FIRST,))
    session = replace(session, people={**session.people, "partner": partner})
    with refuses("consent-needs-login"):
        consenting.check(session, held(session), "partner")


def test_somebody_elses_phone_hands_over_nothing() -> None:
    """The same rule as for every act: each adult where they collect."""
    session = lives.with_own_phone(linked("couple"))
    with refuses("not-your-part"):
        uploading.may_upload(session, held(session, OWN), "applicant", REQUIRED)
    with refuses("unknown-source"):
        uploading.may_upload(session, held(session), "applicant", "rdw")
    with refuses("unknown-person"):
        uploading.may_upload(linked(), held(linked()), "partner", REQUIRED)


@pytest.mark.parametrize("where", [s for s in State if s is not State.COLLECTING])
def test_documents_are_taken_while_collecting_only(where: State) -> None:
    """In no other state, and neither handed over nor taken back."""
    session = lives.in_state(where)
    code = "session-ended" if session.ended else "wrong-state"
    with refuses(code):
        uploading.uploaded(session, lives.phone(), "applicant", REQUIRED, upload(), at=NOW)
    with refuses(code):
        uploading.taken_back(session, lives.phone(), "applicant", REQUIRED)


def test_the_first_consent_freezes_documents() -> None:
    """Nothing is added to, or taken from, what was consented to."""
    session = lives.agreed(add(done(done(linked("couple")), "partner"), upload(), source=OPTIONAL))
    with refuses("frozen"):
        uploading.uploaded(session, held(session), "applicant", OPTIONAL, upload("b"), at=NOW)
    with refuses("frozen"):
        uploading.taken_back(session, held(session), "applicant", OPTIONAL)


def test_a_source_that_is_being_asked_waits() -> None:
    """Its answer is about to come; a login that was only begun is given up for the document."""
    with refuses("source-busy"):
        fetching = lives.fetching(linked())
        uploading.may_upload(fetching, held(fetching), "applicant", REQUIRED)
    left = add(lives.logging_in(linked()), upload())
    assert (state(left).status, state(left).login) == (SourceStatus.COLLECTED, None)


def test_a_source_that_answered_in_full_needs_no_document() -> None:
    """Nor one that knows nobody of that name; one that answered in part, or failed, does."""
    absent = collecting.absent(lives.fetching(linked()), "applicant", REQUIRED, NOW + 60, at=NOW).session
    for session in (answered(linked()), absent):
        with refuses("wrong-state"):
            uploading.may_upload(session, held(session), "applicant", REQUIRED)
    partly = add(answered(linked(), ("brk",)), upload())
    assert (state(partly).transport, state(partly).gaps) == ("api", ("brk",))
    assert state(add(failing(linked()), upload())).failure is None


def test_as_many_documents_as_somebody_may_have() -> None:
    """At most four of a source; the fifth is refused, and so is one too many byte in the session."""
    session = linked()
    for number in range(MAX_UPLOADS):
        session = add(session, upload(str(number)))
    with refuses("too-many-documents"):
        add(session, upload("one more"))
    full = add(linked("couple"), upload("a", kept=MAX_KEPT_BYTES - 10))
    assert uploading.kept_bytes(full) == MAX_KEPT_BYTES - 10
    with refuses("too-many-documents"):
        add(full, upload("b", kept=11), source=OPTIONAL)
    assert uploading.kept_bytes(add(full, upload("b", kept=10), source=OPTIONAL)) == MAX_KEPT_BYTES


def test_a_document_is_known_by_its_mark() -> None:
    """The very same one again, and no other."""
    found = state(add(linked(), upload("a")))
    assert uploading.is_known(found, "a")
    assert not uploading.is_known(found, "b")


def test_a_document_that_names_others_and_not_this_person_is_refused() -> None:
    """Where a login told who this is; one that names this person among others is taken, and one that names nobody."""
    session = done(linked(), "applicant", OPTIONAL)  # identity: "applicant"
    with refuses("document-wrong-person"):
        add(session, upload(named=("somebody",)))
    for named in ((), ("applicant",), ("applicant", "child")):
        assert state(add(session, upload(named=named))).uploads[0].named == named


def test_two_documents_of_one_person_agree_on_who_that_is() -> None:
    """Without a login too: at least one number must stand in all that name any."""
    session = add(linked(), upload("a", named=("me", "child")))
    with refuses("document-wrong-person"):
        add(session, upload("b", named=("somebody",)), source=OPTIONAL)
    session = add(session, upload("b", named=("me",)), source=OPTIONAL)
    with refuses("document-wrong-person"):
        add(session, upload("c", named=("child",)))


def test_a_document_about_the_other_adult_alone_is_refused() -> None:
    """Whether that adult logged in or handed over documents; one that names both is taken."""
    with_login = done(linked("couple"), "partner", OPTIONAL)
    with_document = add(lives.with_own_phone(linked("couple")), upload(named=("partner",)), "partner", on=OWN)
    for session in (with_login, with_document):
        with refuses("document-wrong-person"):
            add(session, upload("b", named=("partner",)))
        assert state(add(session, upload("b", named=("me", "partner")))).status is SourceStatus.COLLECTED


def test_who_logs_in_later_is_who_the_documents_named() -> None:
    """Somebody else is a wrong person, as at a second login."""
    session = add(linked(), upload(named=("me",)), source=OPTIONAL)
    fetching = collecting.begin_fetching(session, held(session), "applicant", REQUIRED, NOW + 60).session
    with refuses("wrong-person"):
        collecting.identified(fetching, held(session), "applicant", REQUIRED, NOW + 60, "other", b"i", NOW, "low")
    after = collecting.identified(fetching, held(session), "applicant", REQUIRED, NOW + 60, "me", b"i", NOW, "low")
    assert after.session.people["applicant"].identity == "me"


def test_a_document_with_another_birth_date_is_refused() -> None:
    """Against what a source said, and against an earlier document; a document without one is taken."""
    from_source = answered(linked(), born="1980")
    from_document = add(linked(), upload("a", born="1980"))
    for session in (from_source, from_document):
        with refuses("document-wrong-person"):
            add(session, upload("b", born="1981"), source=OPTIONAL)
        for born in ("1980", None):
            assert state(add(session, upload("b", born=born), source=OPTIONAL), source=OPTIONAL).uploads


def test_the_other_adults_birth_date_is_theirs() -> None:
    """It is compared within one person only."""
    session = done(add(linked("couple"), upload(born="1980")), "partner", OPTIONAL)
    assert state(add(session, upload("b", born="1990"), "partner"), "partner").uploads


def test_taking_documents_back_takes_everything_of_them() -> None:
    """Their records go in the same step, the source is to do again, and other sources keep theirs."""
    session = add(add(linked(), upload("a", kept=3)), upload("b"))
    session = add(session, upload("c", kept=4), source=OPTIONAL)
    change = uploading.taken_back(session, held(session), "applicant", REQUIRED)
    names = {document_name("applicant", REQUIRED, 1), document_name("applicant", REQUIRED, 2)}
    assert {*change.vault_drop} == {*names, original_name("applicant", REQUIRED, 1)}
    kept = {document_name("applicant", OPTIONAL, 1), original_name("applicant", OPTIONAL, 1)}
    assert set(change.session.records) == kept
    assert state(change.session) == SourceState()
    assert uploading.kept_bytes(change.session) == 4
    assert change.session.people["applicant"].phones == (FIRST,)
    last = uploading.taken_back(change.session, held(session), "applicant", OPTIONAL).session
    assert last == replace(linked(), writes=session.writes)
    with refuses("wrong-state"):
        uploading.taken_back(change.session, held(session), "applicant", REQUIRED)


@pytest.mark.parametrize("gaps", [(), ("brk",)])
def test_what_the_source_itself_answered_stays(gaps: tuple[str, ...]) -> None:
    """Documents are added to it and taken from it; its own gaps stay what they were."""
    session = answered(add(linked(), Upload(mark="a", gaps=("unread-line",))), gaps)
    assert state(session).gaps == tuple(sorted(("unread-line", *gaps)))
    after = uploading.taken_back(session, held(session), "applicant", REQUIRED).session
    found = state(after)
    assert (found.status, found.transport, found.gaps, found.uploads) == (SourceStatus.COLLECTED, "api", gaps, ())
    assert set(after.records) == {"applicant/uwv", "applicant/uwv/identity"}


def test_a_source_is_asked_again_where_something_is_missing() -> None:
    """After an answer in part, and beside documents in which something could not be read; not when all is there."""
    for session in (answered(linked(), ("brk",)), add(linked(), Upload(mark="a", gaps=("unread-line",)))):
        assert lives.status(lives.logging_in(session)) is SourceStatus.LOGIN
    for session in (answered(linked()), add(linked(), upload())):
        with refuses("wrong-state"):
            lives.logging_in(session)


def test_asking_again_in_vain_loses_nothing() -> None:
    """A login that is cancelled or left, a failure, an interruption, an empty answer: what was collected stays."""
    before = answered(linked(), ("brk",))
    waiting = lives.logging_in(before)
    login = state(waiting).login
    assert login is not None
    cancelled = collecting.login_ended(waiting, "applicant", REQUIRED, login, "cancelled").session
    left = collecting.overdue(waiting, NOW + 900)
    again = lives.fetching(before)
    interrupted = collecting.overdue(again, NOW + 60)
    nothing = collecting.absent(again, "applicant", REQUIRED, NOW + 60, at=NOW).session
    skipped = collecting.left_out(again, "applicant", REQUIRED, NOW + 60, "no-field-asked").session
    failed = failing(before)
    for session in (cancelled, left, interrupted, nothing, skipped, failed):
        found = state(session)
        assert (found.status, found.transport, found.gaps) == (SourceStatus.COLLECTED, "api", ("brk",))
        assert session.records["applicant/uwv"] == before.records["applicant/uwv"]
        assert consenting.is_ready(session)
    assert (state(failed).failure, state(failed).retryable, state(failed).settled_at) == ("timeout", True, NOW)
    assert (state(interrupted).failure, state(cancelled).reason) == ("interrupted", "cancelled")
    assert state(left).reason == "login-expired"


def test_a_better_answer_takes_the_place_of_one_in_part() -> None:
    """One that lacks what the former had does not: it counts as a try in vain."""
    before = answered(linked(), ("brk",))
    better = answered(before, ())
    assert (state(better).gaps, state(better).failure) == ((), None)
    assert better.records["applicant/uwv"] > before.records["applicant/uwv"]
    worse = answered(before, ("woz",))
    assert (state(worse).gaps, state(worse).failure, state(worse).retryable) == (("brk",), "unavailable", True)
    assert worse.records["applicant/uwv"] == before.records["applicant/uwv"]


def test_what_was_collected_in_part_cannot_be_skipped() -> None:
    """Left out is what nothing was collected of; documents are taken back instead."""
    session = add(linked(), Upload(mark="a", gaps=("unread-line",)), source=OPTIONAL)
    with refuses("wrong-state"):
        collecting.skip(session, held(session), "applicant", OPTIONAL, "citizen")


def test_send_what_there_is_only_where_the_profile_allows() -> None:
    """A required source that failed then waits for nothing; one nobody tried, or that was left out, still does."""
    strict = failing(linked())
    assert not consenting.is_ready(strict)
    partial = replace(strict, profile=replace(strict.profile, partial=True))
    assert consenting.is_ready(partial)
    assert consenting.is_partial(partial)
    for other in (SourceStatus.TODO, SourceStatus.SKIPPED, SourceStatus.LOGIN, SourceStatus.FETCHING):
        session = collecting.put_source(partial, "applicant", REQUIRED, SourceState(status=other))
        assert not consenting.is_ready(session)
        assert not consenting.is_partial(session)


def test_what_is_sent_in_part_is_known() -> None:
    """A gap or an optional source that failed makes it partial; what the citizen chose to skip does not."""
    assert consenting.is_partial(answered(linked(), ("brk",)))
    whole = answered(linked())
    assert not consenting.is_partial(whole)
    skipped = collecting.skip(whole, held(whole), "applicant", OPTIONAL, "citizen").session
    assert not consenting.is_partial(skipped)
    failed = SourceState(status=SourceStatus.FAILED, failure="timeout")
    assert consenting.is_partial(collecting.put_source(whole, "applicant", OPTIONAL, failed))


def test_documents_lie_beside_the_payload_and_are_counted() -> None:
    """The last consent stores the sealed originals by number in the same step; the purge receipt says how many."""
    session = add(linked(), upload(kept=3))
    change = consenting.send(session, "applicant", b"jwe", "digest", ("evt_a", "evt_b"), NOW, (b"one", b"two"))
    assert change.documents == {"1": b"one", "2": b"two"}
    assert change.session.documents == 2
    facts: list[dict[str, int]] = []

    def sign(purged: lives.ending.PurgeFacts) -> str:
        facts.append(purged.destroyed)
        return "signed"

    end = lives.ending.end(change.session, lives.Event.ACKNOWLEDGE, None, sign, "evt", NOW)
    assert (facts[0]["documents"], end.session.documents) == (2, 0)
    assert facts[0]["vaultRecords"] == 2


def test_a_partner_who_leaves_takes_their_documents_along() -> None:
    """Also the originals."""
    session = add(lives.with_own_phone(linked("couple")), upload(kept=3), "partner", on=OWN)
    change = consenting.partner_out(session)
    assert {*change.vault_drop} == {document_name("partner", REQUIRED, 1), original_name("partner", REQUIRED, 1)}
