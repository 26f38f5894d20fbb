"""Following sessions: reading, listing, cancelling, receipts; and that a provider sees its own only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sandbox.backoffice import BackOffice, Created
from sandbox.browser import Browser
from sandbox.citizen import collect
from sandbox.stage import PROFILES, SOURCES
from schemas.payload import json_schema
from tests.house import House
from tests.integration.provider.asking import ask, consented, linked_phone, problem, registered, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATES = ["created", "opened", "pairing", "collecting", "consented"]


async def at(house: House, office: BackOffice, state: str) -> Created:
    """A session of `office` in this state."""
    if state == "consented":
        session_id, _ = await consented(house, office)
        return Created(
            id=session_id, status=state, journey_url="", expires_at=(await office.read(session_id)).expires_at
        )
    created = await office.create_session("bijstand", household="single")
    browser = Browser(created.journey_url, house.http)
    if state != "created":
        await browser.start()
    if state in ("pairing", "collecting"):
        _, paired = await house.scanned(browser)
        if state == "collecting":
            await browser.type_code(paired.pairing_code)
    return created


@pytest.mark.parametrize("state", STATES)
async def test_a_session_can_be_cancelled_at_every_state(house: House, other: BackOffice, state: str) -> None:
    """It ends at once and is purged with a receipt; cancelling twice answers the same."""
    created = await at(house, other, state)
    path = f"/v1/sessions/{created.id}"
    assert (await ask(house, "GET", path, caller=other)).json()["status"] == state
    first = await ask(house, "DELETE", path, caller=other)
    told = first.json()
    assert (first.status, told["status"], told["reason"]) == (200, "cancelled", "provider")
    again = await ask(house, "DELETE", path, caller=other)
    assert (again.status, again.body) == (200, first.body)
    receipt = await other.check_receipt(str((await other.receipts(created.id)).purge_receipt))
    assert (receipt["sessionId"], receipt["state"], receipt["reason"]) == (created.id, "cancelled", "provider")
    problem(await ask(house, "GET", f"{path}/payload", caller=other), "session-ended")


async def test_cancelling_what_was_delivered_changes_nothing(house: House, other: BackOffice) -> None:
    """Delivered stays delivered."""
    session_id, _ = await consented(house, other)
    await other.acknowledge(session_id, (await other.pull_payload(session_id)).digest)
    before = await ask(house, "GET", f"/v1/sessions/{session_id}", caller=other)
    after = await ask(house, "DELETE", f"/v1/sessions/{session_id}", caller=other)
    assert (after.status, after.body) == (200, before.body)
    assert after.json()["status"] == "delivered"


async def test_what_a_provider_reads_says_how_far_and_never_what(house: House, other: BackOffice) -> None:
    """Per person and source todo, busy, done or failed; times in UTC with a Z; no value of the person's."""
    created = await other.create_session("bijstand", household="single", reference="zaak-7")
    phone = await linked_phone(house, created.journey_url)
    await collect(phone, "applicant", "single", SOURCES[:2])
    answer = await ask(house, "GET", f"/v1/sessions/{created.id}", caller=other)
    told = answer.json()
    assert told["persons"] == {"applicant": dict(zip(SOURCES, ["done", "done", "todo", "todo"], strict=True))}
    times = [told[name] for name in ("createdAt", "expiresAt", "deadline")]
    assert all(time.endswith("Z") for time in times)
    review = (await phone.review()).content
    person = next(person for person in review["household"]["persons"])
    assert str(person["name"]["surname"]) not in answer.body.decode()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/payload"),
        ("GET", "/receipts"),
        ("POST", "/acknowledgement"),
    ],
)
async def test_another_providers_session_does_not_exist(
    house: House, other: BackOffice, method: str, path: str
) -> None:
    """404 `unknown-session`, exactly as for an id that never was, and it is not touched."""
    created = await house.office.create_session("bijstand", household="single")
    content: dict[str, Any] = {"json": {"payloadDigest": "0" * 64}} if method == "POST" else {}
    for session_id in (created.id, created.id[:-4] + "0000", "00" * 11):
        problem(
            await ask(house, method, f"/v1/sessions/{session_id}{path}", caller=other, **content), "unknown-session"
        )
    assert (await house.office.read(created.id)).status == "created"


@pytest.mark.parametrize(
    "odd", ["x", "0" * 21, "0" * 23, "zz" * 11, "%C3%A9" * 22, "%00" * 22, "..", "%2e%2e%2f", "0" * 1000]
)
async def test_what_is_no_session_id_is_not_found(house: House, odd: str) -> None:
    """404, never a failure of ours."""
    answer = await ask(house, "GET", f"/v1/sessions/{odd}", caller=house.office)
    assert (answer.status, answer.json()["code"]) in [(404, "unknown-session"), (404, "not-found")]


async def provider(house: House, folder: Path, name: str) -> BackOffice:
    """A provider that nobody else uses, without a webhook."""
    return await registered(house, folder, BackOffice(name, house.url, house.http, clock=house.now), PROFILES[:1])


async def listed(house: House, office: BackOffice, query: str) -> list[str]:
    """The ids on one page of the list."""
    answer = await ask(house, "GET", f"/v1/sessions?{query}", caller=office)
    assert answer.status == 200
    return [line["id"] for line in answer.json()["sessions"]]


async def test_the_list_shows_ones_own_newest_first_by_page(house: House, tmp_path: Path) -> None:
    """By offset and limit until `next` is absent; another provider's sessions are not in it."""
    office = await provider(house, tmp_path, "lijst")
    made: list[str] = []
    for number in range(5):
        made.append((await office.create_session("bijstand", reference=f"zaak-{number % 2}")).id)
    newest = made[::-1]
    await until(lambda: listed(house, office, ""), lambda ids: ids == newest)
    first = (await ask(house, "GET", "/v1/sessions?limit=2", caller=office)).json()
    assert ([line["id"] for line in first["sessions"]], first["next"]) == (newest[:2], 2)
    assert await listed(house, office, "limit=2&offset=2") == newest[2:4]
    last = (await ask(house, "GET", "/v1/sessions?limit=2&offset=4", caller=office)).json()
    assert ([line["id"] for line in last["sessions"]], last["next"]) == (newest[4:], None)
    assert await listed(house, office, "offset=900") == []
    assert await listed(house, office, "reference=zaak-1") == [newest[1], newest[3]]
    assert await listed(house, office, "reference=zaak-1&offset=1") == [newest[3]]
    assert await listed(house, office, "reference=nobody") == []


async def test_the_list_follows_the_states(house: House, tmp_path: Path) -> None:
    """A session moves from one status to the other in the list, with and without a reference asked for."""
    office = await provider(house, tmp_path, "standen")
    kept = await office.create_session("bijstand", reference="zaak-1")
    stopped = await office.create_session("bijstand", reference="zaak-1")
    await office.cancel(stopped.id)
    await until(lambda: listed(house, office, "status=cancelled"), lambda ids: ids == [stopped.id])
    await until(lambda: listed(house, office, "status=created&reference=zaak-1"), lambda ids: ids == [kept.id])
    assert await listed(house, office, "status=delivered") == []


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("status=nonsense", {"status"}),
        ("limit=0", {"limit"}),
        ("limit=201", {"limit"}),
        ("limit=many", {"limit"}),
        ("offset=-1", {"offset"}),
        ("offset=1000001", {"offset"}),
        ("status=x&limit=0&offset=-1", {"status", "limit", "offset"}),
    ],
)
async def test_a_wrong_query_is_refused_by_name(house: House, query: str, wrong: set[str]) -> None:
    """400 with every parameter that is wrong, and none of the values given."""
    answer = await ask(house, "GET", f"/v1/sessions?{query}", caller=house.office)
    errors = problem(answer, "invalid-request")
    assert {text.split(":")[0] for text in errors} == wrong
    assert "nonsense" not in answer.body.decode()


async def test_the_profiles_are_the_providers_own(house: House, other: BackOffice) -> None:
    """With purpose, sources and fields, and what else may be sent, as its file says."""
    answer = await ask(house, "GET", "/v1/profiles", caller=other)
    found = {profile["id"]: profile for profile in answer.json()}
    assert set(found) == {"bijstand", "bijstand-bsn", "inkomen", "pensioen"}
    assert {name: (p["documents"], p["partial"]) for name, p in found.items() if p["documents"] or p["partial"]} == {
        "pensioen": (True, False)
    }
    assert found["inkomen"]["required"] == ["uwv"]
    assert found["bijstand"]["purpose"]["en"] == "Special assistance (practice)"


async def test_before_the_end_there_is_no_purge_receipt(house: House, other: BackOffice) -> None:
    """And before consent no consent receipt either."""
    created = await other.create_session("bijstand")
    told = (await ask(house, "GET", f"/v1/sessions/{created.id}/receipts", caller=other)).json()
    assert told == {"purgeReceipt": None, "consentReceiptDigests": {}}


async def test_the_schema_of_the_payload_is_public(house: House) -> None:
    """As the module that writes payloads says it, to anybody."""
    answer = await ask(house, "GET", "/v1/schemas/payload-1.0.json")
    assert answer.headers["Content-Type"] == "application/schema+json"
    assert answer.json() == msgspec.json.decode(msgspec.json.encode(json_schema()))
