"""A receiver's duties: only what is genuine, once, kept before it is answered, and nothing after it was taken back."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from broker.keys import Keys
from ophaalbrug_provider import Again, ApiError, Dropped, Heard, Kept, NoKey, Outcome, Refused, Unreachable, Untrusted
from tests.unit.toolkit.pretend import (
    ORIGINAL,
    Box,
    Caller,
    PretendBroker,
    body_of,
    headers_of,
    private_key,
    problem,
    purge_receipt,
    sealed_to,
    trial,
)

ACKNOWLEDGE = "POST /v1/sessions/s/acknowledgement"
DOCUMENT = "GET /v1/sessions/s/payload/documents/1"


async def receive(caller: Caller, broker: PretendBroker, box: Box, body: bytes) -> Outcome:
    """One webhook of this broker."""
    return await caller("receive", headers_of(broker.keys, body, now=int(broker.now)), body, box)


async def test_data_is_kept_and_then_answered(caller: Caller, broker: PretendBroker) -> None:
    """The payload is opened and kept; the 2xx alone acknowledges what came along whole."""
    box = Box()
    outcome = await receive(caller, broker, box, broker.data(reference="r"))
    assert isinstance(outcome, Kept)
    assert (outcome.status, outcome.arrival) == (204, box.kept["evt_1"])
    assert outcome.arrival.payload is not None
    assert outcome.arrival.payload.payload == broker.payload
    assert ACKNOWLEDGE not in broker.came


async def test_a_payload_that_is_fetched_is_acknowledged_after_it_was_kept(
    caller: Caller, broker: PretendBroker
) -> None:
    """The address in the event is not followed: our token goes to our broker only."""
    box, kept_first = Box(), []
    usual = box.keep
    box.keep = lambda arrival: (kept_first.append(ACKNOWLEDGE not in broker.came), usual(arrival))[1]  # type: ignore[method-assign]
    outcome = await receive(caller, broker, box, broker.data(inline=False))
    assert isinstance(outcome, Kept)
    assert outcome.arrival.payload is not None
    assert kept_first == [True]
    assert broker.came[-1] == ACKNOWLEDGE
    assert outcome.arrival.payload.digest.encode() in broker.bodies[-1]


@pytest.mark.parametrize("inline", [True, False])
async def test_documents_come_before_the_acknowledgement(caller: Caller, broker: PretendBroker, inline: bool) -> None:
    """With documents a 2xx acknowledges nothing: they are fetched and kept first, and then it is said."""
    broker.with_document()
    outcome = await receive(caller, broker, Box(), broker.data(inline=inline))
    assert isinstance(outcome, Kept)
    assert outcome.arrival.documents == (ORIGINAL,)
    assert broker.came.index(DOCUMENT) < broker.came.index(ACKNOWLEDGE)


async def test_the_same_event_again_is_not_taken_in_twice(caller: Caller, broker: PretendBroker) -> None:
    """Answered well; acknowledged again, because we may have stopped between keeping and acknowledging."""
    box, body = Box(), broker.data(inline=False)
    broker.answers[ACKNOWLEDGE] = [problem(503, "store-unavailable")]
    first = await receive(caller, broker, box, body)
    assert isinstance(first, Refused)
    assert (first.status, "evt_1" in box.kept) == (503, True)
    again = await receive(caller, broker, box, body)
    assert (again, broker.came.count(ACKNOWLEDGE)) == (Again(event=box.kept["evt_1"].event), 2)
    notice = body_of("opened", "evt_2")
    assert [type(await receive(caller, broker, box, notice)) for _ in range(2)] == [Kept, Again]
    assert broker.came.count(ACKNOWLEDGE) == 2


@pytest.mark.parametrize("code", ["session-ended", "unknown-session"])
async def test_a_session_that_ended_meanwhile_is_no_failure(caller: Caller, broker: PretendBroker, code: str) -> None:
    """It was withdrawn or ran out while we kept it: another event says so, and trying again would not help."""
    broker.answers[ACKNOWLEDGE] = [problem(410, code)]
    assert isinstance(await receive(caller, broker, Box(), broker.data(inline=False)), Kept)


async def test_without_keeping_there_is_no_2xx(caller: Caller, broker: PretendBroker) -> None:
    """What the inbox raises, passes through: the broker tries again, and nothing is acknowledged."""
    box = Box()
    box.fails = True
    with pytest.raises(OSError, match="no space left"):
        await receive(caller, broker, box, broker.data(inline=False))
    assert ACKNOWLEDGE not in broker.came
    box.fails = False
    assert isinstance(await receive(caller, broker, box, broker.data(inline=False)), Kept)


@pytest.mark.parametrize("end", ["withdrawn", "cancelled", "expired", "undelivered"])
async def test_data_of_a_session_that_was_taken_back_are_not_kept(
    caller: Caller, broker: PretendBroker, end: str
) -> None:
    """The notice overtook them: they may not be used, and are not even opened."""
    box = Box()
    ended = body_of(end, "evt_9", sequence=9, purge_receipt=purge_receipt(broker.keys))
    assert isinstance(await receive(caller, broker, box, ended), Kept)
    outcome = await receive(caller, broker, box, broker.data(inline=False, sequence=8))
    assert isinstance(outcome, Dropped)
    assert (outcome.status, set(box.kept)) == (204, {"evt_9"})
    assert not [asked for asked in broker.came if "payload" in asked or "acknowledgement" in asked]


async def test_a_notice_that_comes_late_says_so(caller: Caller, broker: PretendBroker) -> None:
    """`sequence` rises within a session, not between sessions; data that a notice overtook are kept all the same."""
    box = Box()
    for event_id, sequence, session, overtaken in (("a", 2, "s", False), ("b", 1, "s", True), ("c", 1, "t", False)):
        body = body_of("paired", event_id, sequence=sequence, session_id=session)
        outcome = await receive(caller, broker, box, body)
        assert isinstance(outcome, Kept)
        assert outcome.arrival.overtaken is overtaken
    outcome = await receive(caller, broker, box, broker.data(sequence=1))
    assert isinstance(outcome, Kept)
    assert outcome.arrival.payload is not None


async def test_what_came_along_whole_is_not_acknowledged_twice(caller: Caller, broker: PretendBroker) -> None:
    """Known already, and without documents: the 2xx says it all, also when the broker's API cannot be reached."""
    box, body = Box(), broker.data()
    assert [type(await receive(caller, broker, box, body)) for _ in range(2)] == [Kept, Again]
    assert ACKNOWLEDGE not in broker.came


async def test_a_known_event_with_documents_is_acknowledged_again(caller: Caller, broker: PretendBroker) -> None:
    """Its 2xx says nothing, and we may have stopped before we said it."""
    broker.with_document()
    box, body = Box(), broker.data()
    assert [type(await receive(caller, broker, box, body)) for _ in range(2)] == [Kept, Again]
    assert broker.came.count(ACKNOWLEDGE) == 2


async def test_a_purge_receipt_is_checked_when_it_comes(caller: Caller, broker: PretendBroker, others: Keys) -> None:
    """The facts that are kept are those the broker signed, of this session."""
    box = Box()
    assert isinstance(await receive(caller, broker, box, body_of(purge_receipt=purge_receipt(broker.keys))), Kept)
    purged = box.kept["evt_1"].purge_receipt
    assert purged is not None
    assert (purged.session_id, purged.destroyed) == ("s", {"payloads": 1})
    for number, receipt in enumerate((purge_receipt(broker.keys, "t"), purge_receipt(others), "x")):
        refused = await receive(caller, broker, box, body_of("delivered", f"evt_r{number}", purge_receipt=receipt))
        assert isinstance(refused, Refused)
        assert (refused.status, type(refused.error)) in ((401, Untrusted), (401, type(refused.error)))
    assert set(box.kept) == {"evt_1"}


@pytest.mark.parametrize("wrong", ["session", "digest", "signature", "body"])
async def test_what_does_not_belong_is_refused(caller: Caller, broker: PretendBroker, wrong: str) -> None:
    """A payload of another session or event, or a webhook of nobody: 401, and nothing is kept."""
    box, body = Box(), broker.data()
    headers = headers_of(broker.keys, body)
    if wrong == "session":
        other = sealed_to(broker.own, broker.keys, {"sessionId": "t", "consents": []})
        body = body_of("data", payload=other.jwe, payload_digest=other.digest)
        headers = headers_of(broker.keys, body)
    elif wrong == "digest":
        body = body_of("data", payload=broker.sealed().jwe, payload_digest="0" * 64)
        headers = headers_of(broker.keys, body)
    elif wrong == "signature":
        headers = headers_of(broker.keys, body, secret="whsec_" + "eHh4" * 8)
    else:
        body = body.replace(b'"s"', b'"t"')
    outcome = await caller("receive", headers, body, box)
    assert isinstance(outcome, Refused)
    assert (outcome.status, box.kept) == (401, {})
    assert isinstance(outcome.error, Untrusted)


async def test_a_payload_to_a_key_we_lost_is_asked_again(caller: Caller, broker: PretendBroker) -> None:
    """Genuine, but not to be opened: 503 keeps it with the broker while somebody looks for the key."""
    box, sealed = Box(), sealed_to(private_key(), broker.keys, broker.payload)
    outcome = await receive(caller, broker, box, body_of("data", payload=sealed.jwe, payload_digest=sealed.digest))
    assert isinstance(outcome, Refused)
    assert (outcome.status, type(outcome.error), box.kept) == (503, NoKey, {})
    assert "old private key" in str(outcome.error)


async def test_a_broker_that_cannot_be_asked_is_asked_later(caller: Caller, broker: PretendBroker) -> None:
    """503 to the webhook: the broker sends it again. Also when its keys cannot be had."""
    box, large = Box(), web.Response(body=b"x" * (2**20 + 1))
    broker.answers["GET /.well-known/jwks.json"] = [large, problem(503, "busy")]
    broker.answers["GET /v1/sessions/s/payload"] = [problem(503, "busy")]
    kinds: list[Any] = []
    for _ in range(3):
        outcome = await receive(caller, broker, box, broker.data(inline=False))
        assert isinstance(outcome, Refused)
        kinds.append((outcome.status, type(outcome.error)))
    assert kinds == [(503, Unreachable), (503, ApiError), (503, ApiError)]
    assert isinstance(await receive(caller, broker, box, broker.data(inline=False)), Kept)


async def test_a_test_event_is_answered_and_not_kept(caller: Caller, broker: PretendBroker, others: Keys) -> None:
    """204 when it is genuine, without a question to the inbox; a type newer than this package fares alike."""
    box, newer = Box(), trial("evt_new").replace(b"webhook.test", b"provider.news")
    box.fails = True
    for body, kind in ((trial(), "test"), (trial(), "test"), (newer, "nl.ophaalbrug.provider.news")):
        outcome = await receive(caller, broker, box, body)
        assert isinstance(outcome, Heard)
        assert (outcome.status, outcome.event.kind) == (204, kind)
    forged = await caller("receive", headers_of(others, trial()), trial(), box)
    assert isinstance(forged, Refused)
    assert (forged.status, box.asked) == (401, [])


@pytest.mark.parametrize("end", ["withdrawn", "undelivered"])
async def test_data_that_are_taken_back_while_they_are_fetched_are_not_kept(
    caller: Caller, broker: PretendBroker, end: str
) -> None:
    """The broker no longer waited for our answer, and the session ended: the notice of it came in before we kept."""
    broker.with_document()
    box, ended = Box(), body_of(end, "evt_9", sequence=9, purge_receipt=purge_receipt(broker.keys))

    async def meanwhile() -> None:
        assert isinstance(await receive(caller, broker, box, ended), Kept)

    broker.meanwhile[DOCUMENT] = meanwhile
    outcome = await receive(caller, broker, box, broker.data(sequence=8))
    assert (type(outcome), set(box.kept)) == (Dropped, {"evt_9"})
    assert ACKNOWLEDGE not in broker.came


async def test_data_of_a_session_that_is_over_cannot_be_fetched(caller: Caller, broker: PretendBroker) -> None:
    """Trying again would not help, and another event says how it ended. But a session that is not ours is a mistake
    of ours: the broker keeps what it has while we mend it.
    """
    for code, expected in (("session-ended", (Dropped, 204)), ("unknown-session", (Refused, 503))):
        box = Box()
        broker.answers["GET /v1/sessions/s/payload"] = [problem(410, code)]
        outcome = await receive(caller, broker, box, broker.data(inline=False))
        assert (type(outcome), outcome.status, box.kept) == (*expected, {})


async def test_an_event_can_be_opened_without_being_taken_in(caller: Caller, broker: PretendBroker) -> None:
    """For who keeps books in another way: neither kept nor acknowledged."""
    broker.with_document()
    body = broker.data()
    event = await caller("verify", headers_of(broker.keys, body), body)
    arrival = await caller("open", event)
    assert arrival.documents == (ORIGINAL,)
    assert ACKNOWLEDGE not in broker.came
    assert isinstance(await caller("take_in", event, Box()), Kept)
