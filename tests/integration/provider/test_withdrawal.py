"""Taking consent back while the data are on their way: an attempt is never raced, and what is not known is said."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from aiohttp import web

from broker.ledger import Ledger
from sandbox.answers import ApiError
from sandbox.browser import Browser
from sandbox.citizen import collect
from sandbox.stage import SOURCES
from tests.house import House
from tests.integration.provider.asking import ask, consented, linked_phone, problem, queued, until
from tests.integration.provider.receiver import Receiver, silent, status

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {"OPHAALBRUG_DELIVERY_SCHEDULE_SECONDS": "[100, 200]", "OPHAALBRUG_WEBHOOK_TIMEOUT_SECONDS": "2"}


class Slow:
    """A receiver that has taken in the data and thinks about it until the test lets it answer."""

    def __init__(self) -> None:
        self.reached, self.release = asyncio.Event(), asyncio.Event()
        self.code = 204

    async def reply(self, request: web.Request) -> web.StreamResponse:
        """Answer `code`, or hang up when that is 0."""
        self.reached.set()
        await self.release.wait()
        if self.code == 0:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=self.code or 204)


async def withdrawn(receiver: Receiver) -> dict[str, Any]:
    """What the event `.withdrawn` says."""
    came = await receiver.wait_for(lambda came: any(one.kind == "withdrawn" for one in came))
    return next(one.event["data"] for one in came if one.kind == "withdrawn")


async def nothing_left(house: House, receiver: Receiver, session_id: str) -> None:
    """The payload is gone, and nothing of it is sent any more."""
    assert await house.parts.sessions.payload(session_id) is None
    assert "data" not in await queued(house, session_id)
    problem(await ask(house, "GET", f"/v1/sessions/{session_id}/payload", caller=receiver.office), "session-ended")


@pytest.mark.parametrize(("code", "maybe"), [(500, False), (429, False), (502, True), (504, True), (0, True)])
async def test_a_withdrawal_waits_for_the_attempt_in_flight(
    house: House, receiver: Receiver, code: int, maybe: bool
) -> None:
    """It is decided when the receiver's answer is known: a no is a no; a gateway's is not, nor is a broken line after
    the body was sent.

    Then citizen and provider read that it may have been received, and the provider is to delete.
    """
    slow = Slow()
    slow.code, receiver.on_data = code, slow.reply
    session_id, phone = await consented(house, receiver.office)
    await slow.reached.wait()
    asked = asyncio.create_task(phone.withdraw())
    done, _ = await asyncio.wait([asked], timeout=0.4)
    assert not done
    assert (await receiver.office.read(session_id)).status == "consented"
    slow.release.set()
    assert (await asked).reason == "withdrawn"
    told = await withdrawn(receiver)
    assert told.get("maybeReceived", False) is maybe
    seen = (await ask(house, "GET", f"/v1/sessions/{session_id}", caller=receiver.office)).json()
    assert (seen["status"], seen["reason"], seen["maybeReceived"]) == ("cancelled", "withdrawn", maybe)
    assert (await house.parts.sessions.read(session_id)).session.maybe_received is maybe
    await nothing_left(house, receiver, session_id)
    assert [one.kind for one in receiver.came].count("data") == 1


async def test_what_was_received_while_the_withdrawal_waited_is_delivered(house: House, receiver: Receiver) -> None:
    """The answer is the acknowledgement: it came first, and the citizen hears that the session has ended."""
    slow = Slow()
    receiver.on_data = slow.reply
    session_id, phone = await consented(house, receiver.office)
    await slow.reached.wait()
    asked = asyncio.create_task(phone.withdraw())
    slow.release.set()
    with pytest.raises(ApiError) as refused:
        await asked
    assert refused.value.code == "session-ended"
    await until(lambda: receiver.office.read(session_id), lambda seen: seen.status == "delivered")
    await receiver.wait_for(lambda came: any(one.kind == "delivered" for one in came))
    assert not any(one.kind == "withdrawn" for one in receiver.came)


async def test_an_acknowledgement_does_not_wait_for_the_attempt(house: House, receiver: Receiver) -> None:
    """The provider calls while its own webhook has not answered: delivered, and the waiting withdrawal is refused.

    The attempt's late answer changes nothing.
    """
    slow = Slow()
    slow.code, receiver.on_data = 500, slow.reply
    session_id, phone = await consented(house, receiver.office)
    await slow.reached.wait()
    asked = asyncio.create_task(phone.withdraw())
    digest = (await receiver.office.pull_payload(session_id)).digest
    assert (await receiver.office.acknowledge(session_id, digest)).status == "delivered"
    with pytest.raises(ApiError):
        await asked
    slow.release.set()
    await receiver.wait_for(lambda came: any(one.kind == "delivered" for one in came))
    await until(lambda: queued(house, session_id), lambda waiting: waiting == {})
    assert (await receiver.office.read(session_id)).status == "delivered"


async def test_silence_is_no_answer(house: House, receiver: Receiver) -> None:
    """The receiver never answered: it may have the data, and a later clear no does not undo that."""
    receiver.on_data = silent
    session_id, phone = await consented(house, receiver.office)
    await until(lambda: queued(house, session_id), lambda due: due.get("data", 0) > 60)
    receiver.on_data = status(500)
    await house.pass_time(101)
    await receiver.wait_for(lambda came: [one.kind for one in came].count("data") == 2)
    assert (await phone.withdraw()).reason == "withdrawn"
    assert (await withdrawn(receiver))["maybeReceived"] is True
    await nothing_left(house, receiver, session_id)


async def test_a_payload_that_was_fetched_was_received(house: House, receiver: Receiver) -> None:
    """Pulled and not acknowledged: the provider has it, whatever its webhook said."""
    receiver.on_data = status(500)
    session_id, phone = await consented(house, receiver.office)
    await until(lambda: queued(house, session_id), lambda due: due.get("data", 0) > 60)
    await receiver.office.pull_payload(session_id)
    await phone.withdraw()
    assert (await withdrawn(receiver))["maybeReceived"] is True
    assert (await ask(house, "GET", f"/v1/sessions/{session_id}", caller=receiver.office)).json()["maybeReceived"]


@pytest.mark.parametrize(("code", "pulls", "maybe"), [(500, False, False), (500, True, True), (0, False, True)])
async def test_who_fetched_the_data_cannot_cancel_as_if_nothing_came(
    house: House, receiver: Receiver, code: int, pulls: bool, maybe: bool
) -> None:
    """A provider that cancels after consent: it is said that it may have the data, and no ledger says they lapsed."""
    slow = Slow()
    slow.code, receiver.on_data = code, slow.reply
    slow.release.set()
    session_id, _ = await consented(house, receiver.office)
    await until(lambda: queued(house, session_id), lambda due: due.get("data", 0) > 60)
    if pulls:
        await receiver.office.pull_payload(session_id)
    await receiver.office.cancel(session_id)
    seen = (await ask(house, "GET", f"/v1/sessions/{session_id}", caller=receiver.office)).json()
    assert (seen["reason"], seen["maybeReceived"]) == ("provider", maybe)

    async def waiting() -> list[bytes]:
        entries: Any = await house.parts.connection.client.zrange("{p0}:outbox", 0, -1)
        return [name for name in entries if name.startswith(b"ledger:")]

    await until(waiting, lambda entries: entries == [])
    lines = [msgspec.json.decode(line) for line in await Ledger(house.parts).export(receiver.office.id)]
    kinds = [line["kind"] for line in lines if "kind" in line]
    assert kinds == (["given"] if maybe else ["given", "lapsed"])


async def test_cancelling_during_an_attempt_says_that_it_may_arrive(house: House, receiver: Receiver) -> None:
    """The provider's own stop waits for nothing, so what its webhook is just being sent counts as sent."""
    slow = Slow()
    receiver.on_data = slow.reply
    session_id, _ = await consented(house, receiver.office)
    await slow.reached.wait()
    await receiver.office.cancel(session_id)
    seen = (await ask(house, "GET", f"/v1/sessions/{session_id}", caller=receiver.office)).json()
    slow.release.set()
    assert (seen["status"], seen["reason"], seen["maybeReceived"]) == ("cancelled", "provider", True)
    await nothing_left(house, receiver, session_id)


async def test_a_worker_that_was_lost_over_an_attempt_leaves_it_unknown(house: House, receiver: Receiver) -> None:
    """It may have sent everything before it died: nobody waits for it beyond its lease, and nobody calls it certain."""
    receiver.on_data = status(500)
    session_id, phone = await consented(house, receiver.office)
    await until(lambda: queued(house, session_id), lambda due: due.get("data", 0) > 60)
    now = house.now()
    claims = await house.parts.work.claim(0, now + 101, 0.0, 100)
    assert f"data:{session_id}" in {claim.queued.effect.key for claim in claims}
    await house.pass_time(102)
    await phone.withdraw()
    assert (await withdrawn(receiver))["maybeReceived"] is True


async def test_stopping_at_the_pc_waits_too(house: House, receiver: Receiver) -> None:
    """Whichever of the citizen's devices takes it back; the provider's own stop waits for nothing."""
    slow = Slow()
    slow.code, receiver.on_data = 0, slow.reply
    created = await receiver.office.create_session("bijstand", household="single")
    browser = Browser(created.journey_url, house.http)
    await browser.start()
    phone, paired = await house.scanned(browser)
    await browser.type_code(paired.pairing_code)
    await collect(phone, "applicant", "single", SOURCES)
    assert (await phone.consent("applicant", await phone.review())).sent
    await slow.reached.wait()
    asked = asyncio.create_task(browser.stop())
    done, _ = await asyncio.wait([asked], timeout=0.4)
    assert not done
    slow.release.set()
    await asked
    assert (await withdrawn(receiver))["maybeReceived"] is True
    assert (await receiver.office.read(created.id)).status == "cancelled"


async def test_cancelling_races_the_last_consent(house: House, receiver: Receiver) -> None:
    """The provider cancels while the citizen consents: one of the two came first, and nothing is left of the data."""
    for _ in range(5):
        created = await receiver.office.create_session("bijstand", household="single")
        phone = await linked_phone(house, created.journey_url)
        await collect(phone, "applicant", "single", SOURCES)
        review = await phone.review()
        receiver.on_data = status(500)
        agreed, _ = await asyncio.gather(
            phone.consent("applicant", review), receiver.office.cancel(created.id), return_exceptions=True
        )
        seen = (await ask(house, "GET", f"/v1/sessions/{created.id}", caller=receiver.office)).json()
        assert (seen["status"], seen["reason"]) == ("cancelled", "provider")
        assert isinstance(agreed, ApiError) or (not isinstance(agreed, BaseException) and agreed.sent)
        await nothing_left(house, receiver, created.id)


async def test_many_withdrawals_at_once_are_one(house: House, receiver: Receiver) -> None:
    """Ten of them while an attempt is under way: one end, one event, one receipt."""
    slow = Slow()
    slow.code, receiver.on_data = 500, slow.reply
    session_id, phone = await consented(house, receiver.office)
    await slow.reached.wait()
    asked = [asyncio.create_task(phone.withdraw()) for _ in range(10)]
    slow.release.set()
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(not isinstance(end, BaseException) for end in ends) == 1
    assert {end.code for end in ends if isinstance(end, ApiError)} == {"session-ended"}
    await withdrawn(receiver)
    await until(lambda: queued(house, session_id), lambda waiting: waiting == {})
    assert [one.kind for one in receiver.came].count("withdrawn") == 1
