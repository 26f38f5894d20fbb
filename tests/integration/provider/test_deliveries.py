"""The delivery log over the API: a provider's own, without data, page by page; and another attempt when it asks."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from typing import Any

import pytest
from aiohttp import web

from sandbox.backoffice import BackOffice
from sandbox.browser import Browser
from sessions.delivering import PLACES
from tests.house import House
from tests.integration.provider.asking import ask, consented, problem, until
from tests.integration.provider.receiver import Receiver, status

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {"OPHAALBRUG_DELIVERY_SCHEDULE_SECONDS": "[100, 200]"}


async def listed(house: House, office: BackOffice, query: str = "") -> list[dict[str, Any]]:
    """The deliveries on one page."""
    answer = await ask(house, "GET", f"/v1/deliveries?{query}", caller=office)
    assert answer.status == 200
    return answer.json()["deliveries"]


async def stopped(house: House, office: BackOffice, number: int) -> str:
    """A session that was started and cancelled: two notices."""
    created = await office.create_session("bijstand", household="single", reference=f"zaak-{number}")
    await Browser(created.journey_url, house.http).start()
    await until(lambda: listed(house, office, f"session={created.id}"), lambda seen: seen[0]["status"] == "delivered")
    await office.cancel(created.id)
    return created.id


def retry(delivery: dict[str, Any]) -> str:
    """Where another attempt is asked."""
    return f"/v1/deliveries/{delivery['id']}/_retry"


async def test_the_log_of_a_session_tells_how_each_event_went(house: House, receiver: Receiver) -> None:
    """Newest first, with attempts and their outcome by class; nothing of the address or of the receiver's words."""

    async def wordy(request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text="GEHEIM", headers={"X-Word": "GEHEIM", "Retry-After": "150"})

    receiver.replies = [wordy]
    created = await receiver.office.create_session("bijstand", household="single", reference="zaak-1")
    await Browser(created.journey_url, house.http).start()
    query = f"session={created.id}"
    (waiting,) = await until(lambda: listed(house, receiver.office, query), lambda seen: bool(seen[0]["attempts"]))
    assert (waiting["type"], waiting["status"], waiting["sequence"]) == ("opened", "waiting", 1)
    assert waiting["nextAttemptAt"] > waiting["queuedAt"]
    (attempt,) = waiting["attempts"]
    assert (attempt["outcome"], attempt["answer"]) == ("failed", "5xx")
    assert 0 <= attempt["seconds"] < 10
    assert waiting["eventId"] == receiver.came[0].headers["webhook-id"]
    answer = await ask(house, "GET", f"/v1/deliveries?{query}", caller=receiver.office)
    assert not re.search(r"GEHEIM|127\.0\.0\.1|/haak|zaak-1", answer.body.decode())
    await receiver.office.cancel(created.id)
    newest, replaced = await until(
        lambda: listed(house, receiver.office, query), lambda seen: seen[0]["status"] == "delivered"
    )
    assert [one["outcome"] for one in newest["attempts"]] == ["accepted"]
    assert (newest["type"], newest["nextAttemptAt"], replaced["status"]) == ("cancelled", None, "dropped")
    assert [one["outcome"] for one in replaced["attempts"]] == ["failed"]


async def test_what_was_acknowledged_was_delivered(house: House, receiver: Receiver) -> None:
    """By a 2xx, whose attempt is in the log though the same step purged the session; or by the provider's own call."""
    by_answer, _ = await consented(house, receiver.office)
    data = f"session={by_answer}&type=data"
    (told,) = await until(lambda: listed(house, receiver.office, data), lambda seen: seen[0]["status"] == "delivered")
    assert [(one["outcome"], one["answer"]) for one in told["attempts"]] == [("accepted", "2xx")]
    receiver.replies = [status(500)] * 9
    by_call, _ = await consented(house, receiver.office)
    digest = (await receiver.office.pull_payload(by_call)).digest
    await receiver.office.acknowledge(by_call, digest)
    (told,) = await listed(house, receiver.office, f"session={by_call}&type=data")
    assert told["status"] == "delivered"
    problem(await ask(house, "POST", retry(told), caller=receiver.office), "delivery-over")


async def test_the_list_goes_page_by_page(house: House, receiver: Receiver) -> None:
    """Every delivery once, those of the newest session first; by type and status too; never another provider's."""
    made = [await stopped(house, receiver.office, number) for number in range(4)]
    whole = await until(
        lambda: listed(house, receiver.office), lambda seen: [one["status"] for one in seen] == ["delivered"] * 8
    )
    assert [one["sessionId"] for one in whole] == [name for name in made[::-1] for _ in range(2)]
    assert [one["type"] for one in whole] == ["cancelled", "opened"] * 4
    for query, wanted in (
        ("", whole),
        ("&type=opened", whole[1::2]),
        ("&status=delivered", whole),
        ("&status=waiting", []),
        (f"&session={made[0]}", whole[6:]),
    ):
        offset, seen, pages = 0, list[Any](), 0
        while offset is not None:
            page = await ask(house, "GET", f"/v1/deliveries?limit=3&offset={offset}{query}", caller=receiver.office)
            seen += page.json()["deliveries"]
            assert len(page.json()["deliveries"]) <= 3
            offset, pages = page.json()["next"], pages + 1
        assert seen == wanted
        assert pages == max(1, -(-len(wanted) // 3))
    assert await listed(house, house.office, f"session={made[0]}") == []
    assert await listed(house, receiver.office, f"session={'0' * 22}") == []
    assert await listed(house, receiver.office, f"offset={900 * PLACES}") == []


@pytest.mark.parametrize(
    ("query", "wrong"),
    [("status=geheim", {"status"}), ("type=geheim", {"type"}), ("limit=0&offset=-1", {"limit", "offset"})],
)
async def test_a_wrong_query_is_refused_by_name(house: House, query: str, wrong: set[str]) -> None:
    """400 with every parameter that is wrong, and none of the values given."""
    answer = await ask(house, "GET", f"/v1/deliveries?{query}", caller=house.office)
    assert {text.split(":")[0] for text in problem(answer, "invalid-request")} == wrong
    assert "geheim" not in answer.body.decode()


async def test_a_delivery_is_tried_again_when_its_provider_asks(house: House) -> None:
    """At once, as the same event with the same bytes, without waiting for its time; what is over is not."""
    office = house.office
    office.answer_kind, office.answer_with = "data", [500]
    session_id, _ = await consented(house, office)
    query = f"session={session_id}&type=data"
    (waiting,) = await until(lambda: listed(house, office, query), lambda seen: bool(seen[0]["attempts"]))
    answer = await ask(house, "POST", retry(waiting), caller=office)
    assert (answer.status, answer.json()["id"]) == (200, waiting["id"])
    assert answer.json()["nextAttemptAt"] < waiting["nextAttemptAt"]
    received = await office.wait_for("data", session_id)
    assert (received.attempts, received.same_bytes) == (2, True)
    (told,) = await until(lambda: listed(house, office, query), lambda seen: seen[0]["status"] == "delivered")
    problem(await ask(house, "POST", retry(told), caller=office), "delivery-over")


async def test_what_is_under_way_is_not_tried_beside_it(house: House, receiver: Receiver) -> None:
    """Ten who ask while the receiver takes its time hear so, and the receiver hears once."""
    release = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.Response(status=204)

    receiver.replies = [slow]
    created = await receiver.office.create_session("bijstand", household="single")
    await Browser(created.journey_url, house.http).start()
    await receiver.wait_for(bool)
    (sending,) = await listed(house, receiver.office, f"session={created.id}")
    assert sending["status"] == "sending"
    for answer in await asyncio.gather(
        *(ask(house, "POST", retry(sending), caller=receiver.office) for _ in range(10))
    ):
        problem(answer, "delivery-under-way")
    release.set()
    await until(
        lambda: listed(house, receiver.office, f"session={created.id}"), lambda seen: seen[0]["status"] == "delivered"
    )
    assert len(receiver.came) == 1


async def test_many_who_ask_at_once_ask_once(house: House, receiver: Receiver) -> None:
    """Twenty requests for one waiting delivery: one more attempt, whoever of them came first."""
    receiver.replies = [status(500)]
    created = await receiver.office.create_session("bijstand", household="single")
    await Browser(created.journey_url, house.http).start()
    query = f"session={created.id}"
    (waiting,) = await until(lambda: listed(house, receiver.office, query), lambda seen: bool(seen[0]["attempts"]))
    answers = await asyncio.gather(*(ask(house, "POST", retry(waiting), caller=receiver.office) for _ in range(20)))
    assert answers[0].status in (200, 409, 410)
    assert {answer.status for answer in answers} <= {200, 409, 410}
    assert 200 in {answer.status for answer in answers}
    (told,) = await until(lambda: listed(house, receiver.office, query), lambda seen: seen[0]["status"] == "delivered")
    assert [one["outcome"] for one in told["attempts"]] == ["failed", "accepted"]
    assert len(receiver.came) == 2


@pytest.mark.parametrize("given", ["x", "0" * 22, f"{'0' * 22}-1", f"{'0' * 22}-0", "%2e%2e", "zz" * 11 + "-1"])
async def test_an_unknown_delivery_is_not_found(house: House, given: str) -> None:
    """Whatever is asked for."""
    problem(await ask(house, "POST", f"/v1/deliveries/{given}/_retry", caller=house.office), "unknown-delivery")


async def test_another_providers_delivery_does_not_exist(house: House, receiver: Receiver) -> None:
    """404, exactly as for an id that never was, and it is not tried."""
    receiver.replies = [status(500)]
    created = await receiver.office.create_session("bijstand", household="single")
    await Browser(created.journey_url, house.http).start()
    query = f"session={created.id}"
    (waiting,) = await until(lambda: listed(house, receiver.office, query), lambda seen: bool(seen[0]["attempts"]))
    problem(await ask(house, "POST", retry(waiting), caller=house.office), "unknown-delivery")
    assert await listed(house, receiver.office, query) == [waiting]


async def test_the_command_line_lists_and_retries(house: House, receiver: Receiver) -> None:
    """The operator sees what the provider sees, a line for each, and may ask for another attempt of any provider's."""
    receiver.replies = [status(500)]
    created = await receiver.office.create_session("bijstand", household="single")
    await Browser(created.journey_url, house.http).start()
    query = f"session={created.id}"
    (waiting,) = await until(lambda: listed(house, receiver.office, query), lambda seen: bool(seen[0]["attempts"]))
    assert (await command(house, "delivery", "list", receiver.office.id)).split("\t")[:5] == [
        waiting["id"],
        "opened",
        "waiting",
        "1",
        "failed (5xx)",
    ]
    assert (await command(house, "delivery", "retry", waiting["id"])).startswith(
        f"{waiting['id']}\topened\twaiting\t1\t"
    )
    await receiver.wait_for(lambda came: len(came) == 2)


async def command(house: House, *words: str) -> str:
    """What a command of the command line prints, run beside the house on its store."""
    client: Any = house.parts.connection.client
    address = client.connection_pool.connection_kwargs
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OPHAALBRUG_")},
        "OPHAALBRUG_REDIS_URL": f"unix://{address['path']}",
        "OPHAALBRUG_DATA_DIR": str(house.settings.data_dir),
        "OPHAALBRUG_BASE_URL": house.url,
        "OPHAALBRUG_CLOCK_OFFSET_FILE": str(house.offset_file),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "broker", *words),
        env=environment,
        cwd=house.offset_file.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return out.decode()


async def test_an_acknowledgement_that_came_before_the_answer(house: House, receiver: Receiver) -> None:
    """A receiver acknowledges before it answers: delivered, and the attempt is in the log with what it answered."""

    async def acknowledges(request: web.Request) -> web.StreamResponse:
        data = json.loads(await request.read())["data"]
        path = f"/v1/sessions/{data['sessionId']}/acknowledgement"
        await ask(house, "POST", path, caller=receiver.office, json={"payloadDigest": data["payloadDigest"]})
        return web.Response(status=204)

    receiver.on_data = acknowledges
    session_id, _ = await consented(house, receiver.office)

    async def log() -> list[dict[str, Any]]:
        return await listed(house, receiver.office, f"session={session_id}&type=data")

    [told] = await until(log, lambda seen: bool(seen[0]["attempts"]))
    assert (told["status"], [attempt["outcome"] for attempt in told["attempts"]]) == ("delivered", ["accepted"])
