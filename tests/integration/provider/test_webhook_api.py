"""The webhook as a resource: who may be written to, with which secrets, what is wanted, and when it is switched off."""

from __future__ import annotations

from typing import Any

import pytest
import standardwebhooks
from prometheus_client import generate_latest

from broker.providers import new_webhook_secret
from broker.telemetry import metrics
from broker.webhooks import TRIES_A_MINUTE
from sandbox.backoffice import BackOffice
from sandbox.browser import Browser
from sessions.lifecycle import DAY, HOUR
from tests.house import House
from tests.integration.provider.asking import Answer, ask, consented, problem, queued, until
from tests.integration.provider.receiver import Receiver, status

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {
    "OPHAALBRUG_DELIVERY_SCHEDULE_SECONDS": "[100, 200]",
    "OPHAALBRUG_WEBHOOK_TIMEOUT_SECONDS": "0.5",
    "OPHAALBRUG_WEBHOOK_FAILING_DAYS": str(HOUR / DAY),
}

AGREES = status(200, WebHook_Allowed_Origin="127.0.0.1")


async def webhook(house: House, office: BackOffice) -> dict[str, Any]:
    """The webhook as its provider reads it."""
    answer = await ask(house, "GET", "/v1/webhook", caller=office)
    assert answer.status == 200
    return answer.json()


async def put(house: House, office: BackOffice, **asked: Any) -> Answer:
    """Set the webhook."""
    return await ask(house, "PUT", "/v1/webhook", caller=office, json=asked)


async def tried(house: House, office: BackOffice) -> dict[str, Any]:
    """Have a test event sent."""
    answer = await ask(house, "POST", "/v1/webhook/_test", caller=office)
    assert answer.status == 200
    return answer.json()


async def started(house: House, office: BackOffice) -> str:
    """A session somebody started: a notice is on its way."""
    created = await office.create_session("bijstand", household="single")
    await Browser(created.journey_url, house.http).start()
    return created.id


async def off(house: House, receiver: Receiver) -> str:
    """A webhook that was switched off by a 410; gives the session of that event."""
    receiver.replies = [status(410)]
    session_id = await started(house, receiver.office)
    await until(lambda: webhook(house, receiver.office), lambda seen: seen["status"] == "disabled")
    return session_id


async def disabled(reason: str) -> float:
    """How many webhooks were switched off, by the metric an operator watches."""
    for line in generate_latest(metrics).decode().splitlines():
        if line.startswith(f'ophaalbrug_webhooks_disabled_total{{reason="{reason}"}}'):
            return float(line.rpartition(" ")[2])
    return 0.0


async def test_the_libraries_accept_a_rotated_secret(house: House, receiver: Receiver) -> None:
    """Rotated by its provider: the next event is signed with both secrets; the same request again changes nothing.

    The library knows no clock but the real one, so the house must not have passed time: this test comes first.
    """
    assert house.offset == 0
    office, before, new = receiver.office, await webhook(house, receiver.office), new_webhook_secret()
    first = await put(house, office, url=before["url"], secret=new, overlapSeconds=3600)
    assert first.status == 200
    assert (await put(house, office, url=before["url"], secret=new, overlapSeconds=3600)).body == first.body
    assert receiver.came == []
    told = first.json()
    assert [one["id"] for one in told["secrets"][1:]] == [one["id"] for one in before["secrets"]]
    assert (told["secrets"][0]["endsAt"], told["secrets"][1]["createdAt"], told["secret"]) == (None, None, None)
    assert new not in first.body.decode()
    await started(house, office)
    (came, *_) = await receiver.wait_for(bool)
    for secret in (office.webhook_secret, new):
        standardwebhooks.Webhook(secret).verify(came.body, came.headers)


async def test_after_the_overlap_only_the_new_secret_is_there(house: House, receiver: Receiver) -> None:
    """And only that one signs."""
    url = (await webhook(house, receiver.office))["url"]
    assert (await put(house, receiver.office, url=url, secret=new_webhook_secret(), overlapSeconds=60)).status == 200
    await house.pass_time(61)
    assert len((await webhook(house, receiver.office))["secrets"]) == 1
    await tried(house, receiver.office)
    signatures = receiver.came[-1].headers["webhook-signature"].split(" ")
    assert [item.split(",")[0] for item in signatures] == ["v1", "v1a"]


async def test_a_provider_without_a_webhook_sets_one(house: House, other: BackOffice, receiver: Receiver) -> None:
    """Its address is asked first, as CloudEvents has it; the secret that is made is told once, and signs."""
    problem(await ask(house, "GET", "/v1/webhook", caller=other), "no-webhook")
    problem(await ask(house, "POST", "/v1/webhook/_test", caller=other), "no-webhook")
    url = (await webhook(house, receiver.office))["url"]
    receiver.replies = [AGREES]
    told = (await put(house, other, url=url, types=["delivered"])).json()
    asked = receiver.came[-1]
    assert (asked.method, asked.headers["webhook-request-origin"], asked.body) == ("OPTIONS", "127.0.0.1", b"")
    assert (told["url"], told["types"], told["status"]) == (url, ["delivered"], "enabled")
    assert told["secret"].startswith("whsec_")
    assert told["secret"] not in str(await webhook(house, other))
    assert (await tried(house, other))["outcome"] == "accepted"


@pytest.mark.parametrize(
    "reply",
    [
        status(200),
        status(200, WebHook_Allowed_Origin="elders.example"),
        status(403, WebHook_Allowed_Origin="127.0.0.1"),
        status(405),
        status(307, Location="/elders", WebHook_Allowed_Origin="*"),
    ],
    ids=["says-nothing", "another-origin", "refuses", "no-options", "redirect"],
)
async def test_an_address_that_does_not_agree_is_not_taken(house: House, receiver: Receiver, reply: Any) -> None:
    """The webhook stays as it was: nobody can have us write to who did not ask for it."""
    before = await webhook(house, receiver.office)
    receiver.replies = [reply]
    problem(await put(house, receiver.office, url=before["url"] + "/nieuw"), "webhook-unproven")
    assert await webhook(house, receiver.office) == before
    assert len(receiver.came) == 1


async def test_an_address_that_cannot_be_reached_is_not_taken(house: House, receiver: Receiver) -> None:
    """Nobody listens there, or we may not go there."""
    before = await webhook(house, receiver.office)
    for url in ("http://127.0.0.1:1/", "https://10.0.0.1/", "https://[::ffff:10.0.0.1]/"):
        problem(await put(house, receiver.office, url=url), "webhook-unproven")
    assert await webhook(house, receiver.office) == before


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({}, {"url"}),
        ({"url": "ftp://a.example/geheim"}, {"url"}),
        ({"url": "https://geheim@a.example/"}, {"url"}),
        ({"url": "https://a.example/", "secret": "whsec_geheim"}, {"secret"}),
        ({"url": "https://a.example/", "secret": "whsec_" + "A" * 34}, {"secret"}),
        ({"url": "https://a.example/", "types": ["data"]}, {"types"}),
        ({"url": "https://a.example/", "overlapSeconds": -1, "geheim": 1}, {"overlapSeconds", "geheim"}),
    ],
)
async def test_what_is_no_webhook_is_refused_by_field(
    house: House, receiver: Receiver, asked: dict[str, Any], wrong: set[str]
) -> None:
    """With every field that is wrong, and without a word of what was given."""
    answer = await put(house, receiver.office, **asked)
    errors = problem(answer, "invalid-request")
    assert {error.split(":")[0] for error in errors} == wrong
    assert "geheim" not in answer.body.decode().replace("geheim: unknown field", "")
    assert receiver.came == []


async def test_only_notices_that_are_wanted_are_sent(house: House, receiver: Receiver) -> None:
    """Data come whatever is wanted; the log says of the others that they were dropped."""
    url = (await webhook(house, receiver.office))["url"]
    assert (await put(house, receiver.office, url=url, types=["delivered"])).status == 200
    session_id, _ = await consented(house, receiver.office)
    came = await receiver.wait_for(lambda came: any(one.kind == "delivered" for one in came))
    assert [one.kind for one in came] == ["data", "delivered"]
    await until(lambda: queued(house, session_id), lambda waiting: waiting == {})


async def test_a_test_event_tells_how_it_fared(house: House, receiver: Receiver) -> None:
    """Signed like any other, of a type of its own, about no session; what the receiver says is told by class."""
    receiver.replies = [status(204), status(503)]
    assert {name: value for name, value in (await tried(house, receiver.office)).items() if name != "seconds"} == {
        "outcome": "accepted",
        "answer": "2xx",
        "status": "enabled",
    }
    event = receiver.came[-1].event
    assert (event["type"], event["data"]) == ("nl.ophaalbrug.webhook.test", {"provider": receiver.office.id})
    assert event["id"] == receiver.came[-1].headers["webhook-id"]
    failed = await tried(house, receiver.office)
    assert (failed["outcome"], failed["answer"], failed["status"]) == ("failed", "5xx", "enabled")


async def test_tests_are_not_sent_at_will(house: House, receiver: Receiver) -> None:
    """More than a handful a minute is refused, and not sent."""
    answers = [await ask(house, "POST", "/v1/webhook/_test", caller=receiver.office) for _ in range(TRIES_A_MINUTE + 1)]
    refused = [answer for answer in answers if answer.status != 200]
    problem(refused[-1], "too-many-requests")
    assert len(receiver.came) == len(answers) - len(refused)


async def test_410_switches_the_webhook_off_for_every_session(house: House, receiver: Receiver) -> None:
    """Nothing is sent any more, data can be pulled, the operator's metric counts it and its provider sees why."""
    before = await disabled("gone")
    await off(house, receiver)
    seen = await webhook(house, receiver.office)
    assert (seen["status"], seen["reason"]) == ("disabled", "gone")
    assert seen["disabledAt"] is not None
    await until(lambda: disabled("gone"), lambda count: count == before + 1)
    session_id, _ = await consented(house, receiver.office)
    await until(lambda: queued(house, session_id), lambda due: due.get("data", 0) > 600)
    assert [one.kind for one in receiver.came] == ["opened"]
    digest = (await receiver.office.pull_payload(session_id)).digest
    assert (await receiver.office.acknowledge(session_id, digest)).status == "delivered"


async def test_a_test_that_succeeds_switches_it_on_again(house: House, receiver: Receiver) -> None:
    """One that fails does not. What waited goes, at once when that is asked."""
    await off(house, receiver)
    session_id, _ = await consented(house, receiver.office)
    await until(lambda: queued(house, session_id), lambda due: due.get("data", 0) > 600)
    listed = await ask(house, "GET", f"/v1/deliveries?session={session_id}&type=data", caller=receiver.office)
    (waiting,) = listed.json()["deliveries"]
    retry = f"/v1/deliveries/{waiting['id']}/_retry"
    problem(await ask(house, "POST", retry, caller=receiver.office), "webhook-disabled")
    receiver.replies = [status(500)]
    assert (await tried(house, receiver.office))["status"] == "disabled"
    assert (await tried(house, receiver.office))["status"] == "enabled"
    assert (await ask(house, "POST", retry, caller=receiver.office)).status == 200
    await receiver.wait_for(lambda came: any(one.method == "POST" and one.kind == "data" for one in came))


async def test_setting_it_switches_it_on_again(house: House, receiver: Receiver) -> None:
    """Also at the same address, which needs no proof a second time."""
    await off(house, receiver)
    told = (await put(house, receiver.office, url=(await webhook(house, receiver.office))["url"])).json()
    assert (told["status"], told["reason"], told["disabledAt"]) == ("enabled", None, None)
    assert (await webhook(house, receiver.office))["status"] == "enabled"
    assert [one.method for one in receiver.came] == ["POST"]


async def test_days_of_failure_switch_it_off(house: House, receiver: Receiver) -> None:
    """An hour, in this house: until then its provider sees since when, and a success would have mended it."""
    before = await disabled("failing")
    receiver.replies = [status(500)] * 50
    await started(house, receiver.office)
    failing = await until(lambda: webhook(house, receiver.office), lambda seen: seen["firstFailureAt"] is not None)
    assert failing["status"] == "enabled"
    await house.pass_time(HOUR)
    seen = await until(lambda: webhook(house, receiver.office), lambda seen: seen["status"] == "disabled")
    assert (seen["reason"], seen["firstFailureAt"]) == ("failing", failing["firstFailureAt"])
    await until(lambda: disabled("failing"), lambda count: count > before)


async def test_a_success_mends_what_failed(house: House, receiver: Receiver) -> None:
    """From then on the hour begins anew."""
    receiver.replies = [status(500)]
    await started(house, receiver.office)
    await until(lambda: webhook(house, receiver.office), lambda seen: seen["firstFailureAt"] is not None)
    await house.pass_time(101)
    await until(lambda: webhook(house, receiver.office), lambda seen: seen["firstFailureAt"] is None)
