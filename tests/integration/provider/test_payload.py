"""The payload: pulled as often as wanted, acknowledged once, and gone after that; receipts that can be checked."""

from __future__ import annotations

import hashlib

import pytest
from jsonschema import Draft202012Validator

from broker import delivery
from sandbox.backoffice import BackOffice
from tests.house import House
from tests.integration.provider.asking import Answer, ask, consented, linked_phone, problem, queued, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def acknowledge(house: House, office: BackOffice, session_id: str, digest: object) -> Answer:
    """Say that this digest was received."""
    path = f"/v1/sessions/{session_id}/acknowledgement"
    return await ask(house, "POST", path, caller=office, json={"payloadDigest": digest})


async def test_without_a_webhook_the_payload_waits_to_be_pulled(house: House, other: BackOffice) -> None:
    """Nothing is queued for such a provider; the payload is the same at every pull, and its ETag is its digest."""
    session_id, _ = await consented(house, other, reference="zaak-9")
    assert await queued(house, session_id) == {}
    path = f"/v1/sessions/{session_id}/payload"
    first, second = [await ask(house, "GET", path, caller=other) for _ in range(2)]
    assert (first.status, first.headers["Content-Type"]) == (200, "application/jose")
    assert first.body == second.body
    digest = hashlib.sha256(first.body).hexdigest()
    assert first.headers["ETag"] == f'"{digest}"'
    assert (await other.read(session_id)).payload_digest == digest
    opened = await other.pull_payload(session_id)
    assert (opened.digest, opened.payload["reference"]) == (digest, "zaak-9")


async def test_what_was_pulled_is_what_the_published_schema_says(house: House, other: BackOffice) -> None:
    """Payload 1.0; the schema itself is a valid one of its draft."""
    session_id, _ = await consented(house, other)
    schema = (await ask(house, "GET", "/v1/schemas/payload-1.0.json")).json()
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate((await other.pull_payload(session_id)).payload)


async def test_acknowledging_ends_and_purges(house: House, other: BackOffice) -> None:
    """Twice answers the same; after it there is nothing to pull, and nothing in the store."""
    session_id, _ = await consented(house, other)
    digest = (await other.pull_payload(session_id)).digest
    first = await acknowledge(house, other, session_id, digest)
    told = first.json()
    assert (first.status, told["status"], told["payloadDigest"]) == (200, "delivered", None)
    assert (await acknowledge(house, other, session_id, digest)).body == first.body
    problem(await ask(house, "GET", f"/v1/sessions/{session_id}/payload", caller=other), "session-ended")
    assert await house.parts.sessions.payload(session_id) is None


async def test_the_digest_of_another_payload_is_refused(house: House, other: BackOffice) -> None:
    """409 `payload-mismatch`: who acknowledges says what was received; the payload stays."""
    session_id, _ = await consented(house, other)
    problem(await acknowledge(house, other, session_id, "0" * 64), "payload-mismatch")
    assert (await other.read(session_id)).status == "consented"
    assert (await other.pull_payload(session_id)).payload["sessionId"] == session_id


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n", 0, None])
async def test_what_is_no_digest_is_refused(house: House, other: BackOffice, digest: object) -> None:
    """64 lower-case hexadecimal digits."""
    session_id = (await other.create_session("bijstand")).id
    errors = problem(await acknowledge(house, other, session_id, digest), "invalid-request")
    assert [text.split(":")[0] for text in errors] == ["payloadDigest"]


async def test_before_consent_there_is_nothing(house: House, other: BackOffice) -> None:
    """Neither to pull nor to acknowledge: `wrong-state`."""
    created = await other.create_session("bijstand", household="single")
    await linked_phone(house, created.journey_url)
    problem(await ask(house, "GET", f"/v1/sessions/{created.id}/payload", caller=other), "wrong-state")
    problem(await acknowledge(house, other, created.id, "0" * 64), "wrong-state")


async def test_the_receipts_prove_what_happened(house: House, other: BackOffice) -> None:
    """The purge receipt is signed and counts what went; consent receipts' hashes are of those in the payload."""
    session_id, phone = await consented(house, other)
    waiting = await other.receipts(session_id)
    opened = await other.pull_payload(session_id)
    await other.acknowledge(session_id, opened.digest)
    given = await other.receipts(session_id)
    hashes = {
        c["receipt"]["person"]: hashlib.sha256(c["signature"].encode()).hexdigest() for c in opened.payload["consents"]
    }
    assert given.consent_receipt_digests == waiting.consent_receipt_digests == hashes
    assert waiting.purge_receipt is None
    receipt = await other.check_receipt(str(given.purge_receipt))
    assert (receipt["sessionId"], receipt["provider"], receipt["state"]) == (session_id, other.id, "delivered")
    assert receipt["destroyed"]["payloads"] == receipt["destroyed"]["consents"] == 1
    assert receipt["destroyed"]["vaultRecords"] > 0
    assert (await phone.receipt()).purge_receipt == given.purge_receipt


async def test_a_payload_too_large_to_come_along_is_fetched(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event then carries an address and a digest; a 2xx alone is no acknowledgement, the provider's own is."""
    monkeypatch.setattr(delivery, "INLINE_MAX_BYTES", 1000)
    office = house.office
    office.follows_links = False
    session_id, _ = await consented(house, office)
    received = await office.wait_for("data", session_id)
    assert received.payload is None
    assert received.payload_url == f"{house.url}/v1/sessions/{session_id}/payload"
    await until(lambda: queued(house, session_id), lambda waiting: waiting == {})
    assert (await office.read(session_id)).status == "consented"
    opened = await office.pull_payload(session_id)
    assert (await office.acknowledge(session_id, opened.digest)).status == "delivered"
    await office.wait_for("delivered", session_id)


async def test_a_payload_never_acknowledged_is_destroyed(house: House, other: BackOffice) -> None:
    """After 76 hours: undelivered, purged, with a receipt that says why."""
    session_id, _ = await consented(house, other)
    await house.pass_time(76 * 3600 + 1)
    ended = await until(lambda: other.read(session_id), lambda view: view.status != "consented")
    assert (ended.status, ended.reason) == ("undelivered", "not-acknowledged")
    receipt = await other.check_receipt(str((await other.receipts(session_id)).purge_receipt))
    assert receipt["destroyed"]["payloads"] == 1
    problem(await ask(house, "GET", f"/v1/sessions/{session_id}/payload", caller=other), "session-ended")
