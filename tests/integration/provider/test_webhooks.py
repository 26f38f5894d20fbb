"""Deliveries to a provider's webhook over real HTTP: signed, tried again as the standard says, and once in effect."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
import standardwebhooks
import svix.webhooks
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jsonschema import Draft7Validator, FormatChecker
from msgspec.structs import replace

from broker import delivery
from broker.delivery import PENALTY_SECONDS, signature_headers
from broker.keys import Keys, make
from broker.providers import Webhook
from sandbox.backoffice import BackOffice, Created
from sandbox.browser import Browser
from sandbox.stage import PROFILES
from sessions.store.work import Claim
from tests.house import House
from tests.integration.provider.asking import ask, consented, problem, queued, registered, until
from tests.integration.provider.receiver import Receiver, Reply, huge, silent, status

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {"OPHAALBRUG_DELIVERY_SCHEDULE_SECONDS": "[100, 200]", "OPHAALBRUG_WEBHOOK_TIMEOUT_SECONDS": "0.5"}

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "validators"


@pytest_asyncio.fixture(loop_scope="module")
async def office(house: House, tmp_path: Path) -> AsyncGenerator[BackOffice]:
    """A provider of this test alone, whose webhook checks and opens everything."""
    checking = BackOffice(f"p-{uuid.uuid4().hex}", house.url, house.http, clock=house.now)
    async with checking.listening() as url:
        yield await registered(house, tmp_path, checking, PROFILES[:1], url)


async def opened(house: House, office: BackOffice, **wishes: str) -> Created:
    """A session somebody started: the first notice is on its way."""
    created = await office.create_session("bijstand", household="single", **wishes)
    await Browser(created.journey_url, house.http).start()
    return created


async def next_attempt(house: House, session_id: str) -> float:
    """Seconds until the next delivery of a session, once the one under way has been concluded."""
    lease = house.settings.lease_seconds
    waiting = await until(lambda: queued(house, session_id), lambda due: bool(due) and min(due.values()) > lease)
    return min(waiting.values())


async def nothing_waits(house: House, session_id: str) -> None:
    """Wait until no delivery of a session is left. Raises TimeoutError."""
    await until(lambda: queued(house, session_id), lambda waiting: waiting == {})


async def test_an_event_is_signed_as_the_standard_says(house: House, receiver: Receiver) -> None:
    """Two libraries verify `v1`, cryptography `v1a` with the published key; the id in the header is the event's.

    The libraries know no clock but the real one, so the house must not have passed time: this test comes first.
    """
    assert house.offset == 0
    await opened(house, receiver.office)
    (came, *_) = await receiver.wait_for(bool)
    assert (came.method, came.path, came.headers["content-type"]) == ("POST", "/haak", "application/cloudevents+json")
    for library in (standardwebhooks.Webhook, svix.webhooks.Webhook):
        library(receiver.office.webhook_secret).verify(came.body, came.headers)
    keys = (await ask(house, "GET", "/.well-known/jwks.json")).json()["keys"]
    public = next(key["x"] for key in keys if key["alg"] == "Ed25519")
    signatures = dict(item.split(",") for item in came.headers["webhook-signature"].split(" "))
    signed = f"{came.headers['webhook-id']}.{came.headers['webhook-timestamp']}.".encode() + came.body
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(public + "="))
    key.verify(base64.b64decode(signatures["v1a"]), signed)
    assert came.headers["webhook-id"] == came.event["id"]


async def test_an_event_is_a_cloudevent(house: House, receiver: Receiver) -> None:
    """By the CloudEvents JSON schema, for notice and data; `source` is a URN and nothing personal stands outside."""
    schema = SHARED / "cloudevents" / "cloudevents.json"
    if not schema.exists():
        pytest.skip("needs the CloudEvents JSON schema beside the project (shared/validators/cloudevents)")
    validator = Draft7Validator(json.loads(schema.read_text()), format_checker=FormatChecker())
    session_id, _ = await consented(house, receiver.office, reference="zaak-1")
    events = [c.event for c in await receiver.wait_for(lambda came: any(c.kind == "delivered" for c in came))]
    for event in events:
        validator.validate(event)
        assert event["source"].startswith("urn:nld:oin:")
        assert event["time"].endswith("Z")
        assert (event["data"]["sessionId"], event["data"]["reference"]) == (session_id, "zaak-1")
        assert set(event["data"]) <= {"sessionId", "reference", "sequence", "payload", "payloadDigest", "purgeReceipt"}
    assert {event["type"].rsplit(".", 1)[1] for event in events} >= {"data", "delivered"}
    sequences = [event["data"]["sequence"] for event in events]
    assert len(set(sequences)) == len(sequences)


async def test_500_then_200_delivers_once(house: House, office: BackOffice) -> None:
    """The second attempt is the same event, byte for byte, signed anew; a third never comes."""
    office.answer_kind, office.answer_with = "data", [500]
    session_id, _ = await consented(house, office)
    assert 89 < await next_attempt(house, session_id) <= 100
    assert (await office.read(session_id)).status == "consented"
    await house.pass_time(101)
    received = await office.wait_for("data", session_id)
    assert (received.attempts, received.same_bytes) == (2, True)
    assert received.payload is not None
    await office.wait_for("delivered", session_id)
    await nothing_waits(house, session_id)
    assert (await office.read(session_id)).status == "delivered"
    assert office.refused == 0


@pytest.mark.parametrize(
    ("reply", "least", "most"),
    [
        pytest.param(status(400), 89, 100, id="400"),
        pytest.param(status(404), 89, 100, id="404"),
        pytest.param(status(503), 89, 100, id="503"),
        pytest.param(status(503, Retry_After="150"), 149, 150, id="503-with-retry-after"),
        pytest.param(status(429), max(89, PENALTY_SECONDS), 100, id="429"),
        pytest.param(status(429, Retry_After="150"), 149, 150, id="429-with-retry-after"),
        pytest.param(status(429, Retry_After="9999"), 199, 200, id="429-with-endless-retry-after"),
        pytest.param(status(429, Retry_After="soon"), 89, 100, id="429-with-nonsense"),
        pytest.param(status(307, Location="/elders"), 89, 100, id="redirect"),
        pytest.param(huge, 89, 100, id="huge-answer"),
        pytest.param(silent, 89, 100, id="timeout"),
    ],
)
async def test_what_is_no_success_is_tried_again(
    house: House, receiver: Receiver, reply: Reply, least: float, most: float
) -> None:
    """After the schedule's own wait, or what the receiver asks up to twice that; a redirect is never followed."""
    receiver.replies = [reply]
    created = await opened(house, receiver.office)
    await receiver.wait_for(bool)
    assert least < await next_attempt(house, created.id) <= most
    assert [came.path for came in receiver.came] == ["/haak"]
    await house.pass_time(201)
    first, second = await receiver.wait_for(lambda came: len(came) == 2)
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert int(second.headers["webhook-timestamp"]) >= int(first.headers["webhook-timestamp"]) + 200
    await nothing_waits(house, created.id)


async def test_a_receiver_that_hangs_up_is_tried_again(house: House, receiver: Receiver) -> None:
    """A connection that ends without an answer is no answer."""

    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    receiver.replies = [hang_up]
    created = await opened(house, receiver.office)
    assert 89 < await next_attempt(house, created.id) <= 100
    await house.pass_time(101)
    await receiver.wait_for(lambda came: len(came) == 2)


async def test_410_ends_the_delivery(house: House, office: BackOffice) -> None:
    """The endpoint is gone for good: this event never comes again; a payload waits to be pulled."""
    office.answer_kind, office.answer_with = "data", [410]
    session_id, _ = await consented(house, office)

    async def attempts() -> int:
        return sum(event.attempts for event in office.received if event.kind == "data")

    await until(attempts, lambda count: count == 1)
    await until(lambda: queued(house, session_id), lambda waiting: "data" not in waiting)  # a notice may: it is off now
    inside = await office.pull_payload(session_id)
    assert (await office.acknowledge(session_id, inside.digest)).status == "delivered"
    assert await attempts() == 1


async def claimed(house: House, session_id: str, kind: str) -> Claim:
    """The event of this kind that waits for its next attempt, in our hands."""
    claims = await house.parts.work.claim(0, house.now() + 101, 60.0, 100)
    return next(claim for claim in claims if claim.queued.effect.key == f"{kind}:{session_id}")


@pytest.mark.parametrize("inline", [True, False])
async def test_other_settings_between_attempts_change_no_byte(
    house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, inline: bool
) -> None:
    """A worker that was started with another name and address of the broker sends what was promised under that id."""
    if not inline:
        monkeypatch.setattr(delivery, "INLINE_MAX_BYTES", 1000)
    receiver.on_data = status(500)
    session_id, _ = await consented(house, receiver.office)
    await until(lambda: queued(house, session_id), lambda due: due.get("data", 0) > 60)
    claim = await claimed(house, session_id, "data")
    named = replace(house.settings, source_urn="urn:nld:oin:1:systeem:anders", base_url="https://elders.example")
    await delivery.Delivery(replace(house.parts, settings=named)).carry_out(claim)
    first, second = [came for came in receiver.came if came.kind == "data"]
    assert ("payload" in first.event["data"]) is inline
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)


async def test_data_outlast_a_webhook_that_was_taken_away(house: House, receiver: Receiver) -> None:
    """They wait and can be pulled; when there is a webhook again they are sent there, as the same event."""
    receiver.on_data = status(500)
    session_id, _ = await consented(house, receiver.office)
    await until(lambda: queued(house, session_id), lambda due: due.get("data", 0) > 60)
    changed = await house.parts.providers.get(receiver.office.id)
    assert changed is not None
    await house.parts.providers.put(replace(changed, webhook=None), fresh_webhook=True)
    await house.pass_time(101)
    await until(lambda: queued(house, session_id), lambda due: due.get("data", 0) > 200)
    assert (await receiver.office.pull_payload(session_id)).payload["sessionId"] == session_id
    receiver.on_data = None
    await house.parts.providers.put(changed)
    await house.pass_time(delivery.DISABLED_PAUSE_SECONDS)
    came = await receiver.wait_for(lambda came: [one.kind for one in came].count("data") == 2)
    first, second = [one for one in came if one.kind == "data"]
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    await until(lambda: receiver.office.read(session_id), lambda seen: seen.status == "delivered")


async def test_a_notice_that_the_end_overtook_is_not_sent(house: House, receiver: Receiver) -> None:
    """A worker had it in hand: sent now it would say another thing than before, under the same id."""
    receiver.replies = [status(500)]
    created = await opened(house, receiver.office)
    await next_attempt(house, created.id)
    claim = await claimed(house, created.id, "notice")
    await receiver.office.cancel(created.id)
    await receiver.wait_for(lambda came: len(came) == 2)
    await delivery.Delivery(house.parts).carry_out(claim)
    await nothing_waits(house, created.id)
    assert [came.kind for came in receiver.came] == ["opened", "cancelled"]


async def test_the_newest_notice_replaces_one_that_waits(house: House, receiver: Receiver) -> None:
    """A provider that was away hears of the last state only; sequence numbers say what it missed."""
    receiver.replies = [status(500)]
    created = await opened(house, receiver.office)
    await next_attempt(house, created.id)
    await receiver.office.cancel(created.id)
    first, second = await receiver.wait_for(lambda came: len(came) == 2)
    assert [first.kind, second.kind] == ["opened", "cancelled"]
    assert second.event["data"]["sequence"] == first.event["data"]["sequence"] + 1
    assert second.event["data"]["reason"] == "provider"
    await receiver.office.check_receipt(second.event["data"]["purgeReceipt"])
    await nothing_waits(house, created.id)
    assert len(receiver.came) == 2


async def test_a_notice_nobody_took_for_a_day_is_dropped(house: House, receiver: Receiver) -> None:
    """Notices are news, not records."""
    receiver.replies = [status(500)] * 5
    created = await opened(house, receiver.office)
    await next_attempt(house, created.id)
    await house.pass_time(24 * 3600 + 1)
    await nothing_waits(house, created.id)
    assert len(receiver.came) == 1


async def test_that_data_must_be_deleted_is_told_as_long_as_data_are_sent(house: House, receiver: Receiver) -> None:
    """A receiver that is away for a weekend still hears of a withdrawal: its citizen was told that it does."""
    receiver.replies = [status(500)] * 20
    session_id, phone = await consented(house, receiver.office)
    await receiver.wait_for(lambda came: any(c.kind == "data" for c in came))
    await until(lambda: queued(house, session_id), lambda due: due.get("data", 0) > 60)
    await phone.withdraw()
    await receiver.wait_for(lambda came: any(c.kind == "withdrawn" for c in came))
    await next_attempt(house, session_id)
    receiver.replies.clear()
    await house.pass_time(60 * 3600)
    await nothing_waits(house, session_id)
    bodies = [c.body for c in receiver.came if c.kind == "withdrawn"]
    assert len(bodies) == 2
    assert len(set(bodies)) == 1


async def test_withdrawn_while_the_webhook_is_away(house: House, receiver: Receiver) -> None:
    """What the citizen took back is not delivered afterwards: the payload's delivery is withdrawn with it."""
    receiver.replies = [status(500)] * 20
    session_id, phone = await consented(house, receiver.office)
    await receiver.wait_for(lambda came: any(c.kind == "data" for c in came))
    await until(lambda: queued(house, session_id), lambda due: due.get("data", 0) > 60)
    receiver.replies.clear()
    before = len(receiver.came)
    await phone.withdraw()
    assert "data" not in await queued(house, session_id)
    came = await receiver.wait_for(lambda came: any(c.kind == "withdrawn" for c in came))
    await nothing_waits(house, session_id)
    assert [c.kind for c in came[before:]] == ["withdrawn"]
    pulled = await ask(house, "GET", f"/v1/sessions/{session_id}/payload", caller=receiver.office)
    problem(pulled, "session-ended")


async def test_the_vectors_of_the_standard_hold_for_our_signatures() -> None:
    """The published `v1` and `v1a` vectors, made with our own keys' code."""
    vectors = SHARED / "standard-webhooks" / "vectors.json"
    if not vectors.exists():
        pytest.skip("needs the Standard Webhooks vectors beside the project (shared/validators/standard-webhooks)")
    symmetric, asymmetric = json.loads(vectors.read_text())["vectors"]
    keys = Keys(make(b"s" * 32))
    keys.webhook = Ed25519PrivateKey.from_private_bytes(base64.b64decode(asymmetric["ed25519_sk_then_pk_base64"])[:32])
    webhook = Webhook(url="https://gemeente.example/haak", secret=symmetric["secret"])
    event_id, timestamp = symmetric["webhook-id"], symmetric["webhook-timestamp"]
    headers = signature_headers(keys, webhook, event_id, timestamp, symmetric["body"].encode())
    expected = f"{symmetric['webhook-signature']} {asymmetric['webhook-signature']}"
    assert headers["webhook-signature"] == expected
