"""What the broker sends, received with the libraries that providers use: three that open it, four that verify it.

The events go through the broker's own door over a real socket to an endpoint in Node; in Python from the same bytes.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from jwcrypto.jwk import JWK

from broker.delivery import INLINE_MAX_BYTES, body, signature_headers
from broker.providers import FormerSecret, Sealing, Webhook, new_webhook_secret
from broker.sealing import seal
from sandbox.backoffice import BackOffice
from sandbox.stage import PROFILES
from schemas.events import EventData
from sessions.change import Effect
from tests import stores
from tests.conformance.receivers import in_python, node
from tests.conformance.receivers.node import NodeReceiver, Told
from tests.house import House, standing
from tests.integration.provider.asking import consented, registered, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = new_webhook_secret()
CHECKS = ("standardwebhooks", "svix", "v1a")
EVENT = "evt_" + "x" * 22


def private(**kind: Any) -> dict[str, Any]:
    key = JWK.generate(use="enc", **kind)
    return {**key.export(as_dict=True), "kid": key.thumbprint()}


def public(key: dict[str, Any]) -> dict[str, Any]:
    return {**JWK(**key).export_public(as_dict=True), "kid": key["kid"]}


P256, X25519 = private(kty="EC", crv="P-256"), private(kty="OKP", crv="X25519")
RSA = private(kty="RSA", size=3072)
OWN = [P256, X25519, RSA]
every_recipient = pytest.mark.parametrize(
    ("key", "profile"), [(P256, "default"), (X25519, "default"), (RSA, "nlgov")], ids=["P-256", "X25519", "RSA"]
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    """A house on a store of its own, whose clock is the real one: the receivers' libraries know no other."""
    with stores.single(tmp_path_factory.mktemp("store")) as store:
        async with standing(tmp_path_factory.mktemp("house"), store.url) as built:
            yield built


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver(house: House) -> AsyncGenerator[NodeReceiver]:
    """An endpoint in Node that holds a key of every kind."""
    async with node.receiving(SECRET, OWN, f"{house.url}/.well-known/jwks.json") as running:
        yield running


def event(sealed: str | None, reference: str | None = None) -> bytes:
    """The body of the event that brings a payload, or brings none."""
    effect = Effect(key="data:x", kind="data", type="data", event_id=EVENT, sequence=3)
    data = EventData(session_id="0" * 22, sequence=3, reference=reference, payload=sealed, payload_digest="0" * 64)
    return body(effect, time.time(), "urn:nld:oin:00000000000000000000:systeem:ophaalbrug", data)


def headers_of(
    house: House, sent: bytes, *, secret: str = SECRET, former: tuple[FormerSecret, ...] = (), age: int = 0
) -> dict[str, str]:
    webhook = Webhook(url="https://gemeente.example/haak", secret=secret, former=former)
    return signature_headers(house.parts.keys, webhook, EVENT, int(time.time()) - age, sent)


async def posted(house: House, receiver: NodeReceiver, headers: dict[str, str], sent: bytes) -> tuple[int, Told]:
    """What the endpoint in Node answered, and what it made of the event."""
    answer = await house.parts.outside.request("POST", receiver.url, headers=headers, body=sent)
    return answer.status, await receiver.told()


def sealed_to(house: House, key: dict[str, Any], profile: Sealing, payload: bytes) -> str:
    return seal(payload, public(key), profile, house.parts.keys).jwe


def at_the_limit(house: House, key: dict[str, Any], profile: Sealing) -> tuple[bytes, str, bytes]:
    """A payload, sealed, and the event that brings it: exactly as large as still goes inline.

    The sealing grows by steps of a few characters; the provider's own reference fills what is left.
    """
    size = INLINE_MAX_BYTES * 9 // 16
    while True:
        payload = msgspec.json.encode({"schemaVersion": "1.0", "filling": "x" * size})
        sealed = sealed_to(house, key, profile, payload)
        left = INLINE_MAX_BYTES - len(event(sealed, reference=""))
        if 0 < left <= 64:
            return payload, sealed, event(sealed, reference="r" * left)
        size += left // 2 if left < 0 else 1


@every_recipient
async def test_every_library_opens_the_largest_payload_that_rides_along(
    house: House, receiver: NodeReceiver, key: dict[str, Any], profile: Sealing
) -> None:
    """At exactly the limit, with every receiver's own limits: jose, joserfc, jwcrypto and the four that verify."""
    payload, sealed, sent = at_the_limit(house, key, profile)
    assert len(sent) == INLINE_MAX_BYTES
    headers = headers_of(house, sent)
    status, told = await posted(house, receiver, headers, sent)
    assert (status, told.verified, told.error) == (204, CHECKS, None)
    assert told.payload == payload.decode()
    assert in_python.verifiers(SECRET, headers, sent) == ["standardwebhooks", "svix"]
    for opener in in_python.OPENERS.values():
        assert opener(sealed, OWN, house.parts.keys.jwks()) == payload


@pytest.mark.parametrize(("profile", "key"), [("bijstand", X25519), ("bijstand-nlgov", RSA)], ids=["default", "nlgov"])
async def test_a_journey_ends_at_an_endpoint_in_node(
    house: House, tmp_path: Path, profile: str, key: dict[str, Any]
) -> None:
    """From consent to acknowledgement with nothing of ours at the other end: its 2xx purges the session."""
    office = BackOffice(f"p-{uuid.uuid4().hex}", house.url, house.http, clock=house.now)
    office.encryption_keys = [JWK(**key)]
    jwks = f"{house.url}/.well-known/jwks.json"
    profiles = [msgspec.structs.replace(p, id="bijstand") for p in PROFILES if p.id == profile]
    async with node.receiving(office.webhook_secret, [key], jwks) as receiver:
        await registered(house, tmp_path, office, profiles, receiver.url)
        session_id, _ = await consented(house, office)
        told = await receiver.told()
        while told.payload is None:
            assert (told.verified, told.error) == (CHECKS, None)
            told = await receiver.told()
        assert told.verified == CHECKS
        assert msgspec.json.decode(told.payload)["sessionId"] == session_id
        ended = await until(lambda: office.read(session_id), lambda view: view.ended_at is not None)
        assert ended.status == "delivered"


@pytest.mark.parametrize("wrong", ["body", "id", "timestamp", "secret", "stale"])
async def test_every_library_refuses_what_was_changed(house: House, receiver: NodeReceiver, wrong: str) -> None:
    """Body, id and moment are signed, with this endpoint's secret; and what is an hour old is no news."""
    sent = event("a.b.c.d.e")
    another = new_webhook_secret() if wrong == "secret" else SECRET
    headers = headers_of(house, sent, secret=another, age=3600 if wrong == "stale" else 0)
    match wrong:
        case "body":
            sent = sent.replace(b"a.b.c.d.e", b"a.b.c.d.f")
        case "id":
            headers["webhook-id"] = "evt_other"
        case "timestamp":
            headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
        case _:
            headers["webhook-signature"] = headers["webhook-signature"].split(" ")[0]
    status, told = await posted(house, receiver, headers, sent)
    assert (status, told.verified) == (401, ())
    assert in_python.verifiers(SECRET, headers, sent) == []


async def test_every_library_verifies_with_the_old_secret_and_the_new_while_both_are_good(
    house: House, receiver: NodeReceiver
) -> None:
    """Rotation: who still has the old secret verifies until it ends, who has the new one from the start."""
    sent, new, now = event(None), new_webhook_secret(), time.time()
    during = headers_of(house, sent, secret=new, former=(FormerSecret(secret=SECRET, until=now + 3600),))
    ended = headers_of(house, sent, secret=new, former=(FormerSecret(secret=SECRET, until=now - 3600),))
    for secret in (SECRET, new):
        assert in_python.verifiers(secret, during, sent) == ["standardwebhooks", "svix"]
    assert in_python.verifiers(SECRET, ended, sent) == []
    assert (await posted(house, receiver, during, sent))[1].verified == CHECKS
    assert (await posted(house, receiver, ended, sent))[1].verified == ("v1a",)
