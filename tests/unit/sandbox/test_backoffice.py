"""The pretend back office: its provider file, what it remembers of deliveries, and how it misbehaves when told to."""

from __future__ import annotations

import json
import tomllib
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from broker.delivery import signature_headers
from broker.keys import Keys, make
from broker.providers import Webhook, new_webhook_secret, read_file
from broker.sealing import seal
from sandbox.backoffice import BackOffice
from sandbox.registration import ProfileEntry, Text
from schemas.events import CloudEvent, EventData
from tests.answering import standing
from tests.unit.toolkit.pretend import NOW, SECRET, headers_of, purge_receipt, trial


@pytest.fixture(scope="module")
def broker() -> Keys:
    return Keys(make())


def body_of(**data: Any) -> bytes:
    facts = EventData(**{"session_id": "s", "sequence": 1, **data})
    kind = "data" if "payload" in data or "payload_url" in data else "delivered"
    return msgspec.json.encode(
        CloudEvent(id="evt_1", source="urn:x", type=f"nl.ophaalbrug.session.{kind}", time="t", data=facts)
    )


def sent(broker: Keys, body: bytes, secret: str = SECRET) -> dict[str, str]:
    return signature_headers(broker, Webhook(url="http://x", secret=secret), "evt_1", NOW, body)


def sealed_to(office_key: Any, broker: Keys, payload: dict[str, Any]) -> Any:
    return seal(json.dumps(payload).encode(), office_key.export_public(as_dict=True), "default", broker)


async def test_the_provider_file_is_one_the_broker_reads(tmp_path: Path) -> None:
    """Quotes, both kinds of keys and several profiles survive; only public keys are in it."""
    profiles = [
        ProfileEntry(id="a", purpose=Text(nl='een "toets"\nregel', en="a check"), required=("uwv",)),
        ProfileEntry(id="b", purpose=Text(nl="é", en="e"), required=("uwv",), fields=("address",), sealing="nlgov"),
    ]
    async with aiohttp.ClientSession() as http:
        office = BackOffice("gemeente", "http://127.0.0.1:9", http, encryption=("P-256", "RSA-3072"))
    path = tmp_path / "provider.toml"
    path.write_text(
        office.provider_file(profiles, name=Text(nl="G", en="M"), webhook_url="http://x/"), encoding="utf-8"
    )
    provider = read_file(path)
    assert provider.profile[0].purpose.nl == 'een "toets"\nregel'
    assert provider.profile[1].sealing == "nlgov"
    assert provider.webhook == Webhook(url="http://x/", secret=office.webhook_secret)
    assert list(provider.keys) == office.public_jwks()["keys"]
    assert '"d"' not in json.dumps(tomllib.loads(path.read_text(encoding="utf-8")))


class Reception:
    """A listening back office, and a broker that only publishes its keys and gives out one payload."""

    def __init__(self, broker: Keys, http: aiohttp.ClientSession) -> None:
        self.broker = broker
        self.http = http
        self.sealed = ""
        self.acknowledged: list[str] = []
        self.office = BackOffice("gemeente", "", http, clock=lambda: float(NOW))
        self.office.webhook_secret = SECRET
        self.url = ""

    async def deliver(self, body: bytes, headers: dict[str, str] | None = None) -> int:
        """Send as the broker does; the status of the answer."""
        async with self.http.post(self.url, data=body, headers=headers or sent(self.broker, body)) as answer:
            return answer.status

    def carrying(self, payload: dict[str, Any]) -> bytes:
        """The body of an event with this payload sealed inside."""
        sealed = sealed_to(self.office.encryption_keys[0], self.broker, payload)
        return body_of(payload=sealed.jwe, payload_digest=sealed.digest)

    def app(self) -> web.Application:
        """The broker's side."""

        async def jwks(_: web.Request) -> web.Response:
            return web.json_response(self.broker.jwks())

        async def token(request: web.Request) -> web.Response:
            form = await request.post()
            assert form["grant_type"] == "client_credentials"
            return web.json_response({"access_token": "oba_t", "expires_in": 300})

        async def payload(request: web.Request) -> web.Response:
            assert request.headers["Authorization"] == "Bearer oba_t"
            return web.Response(text=self.sealed)

        async def acknowledge(request: web.Request) -> web.Response:
            self.acknowledged.append((await request.json())["payloadDigest"])
            times = dict.fromkeys(("createdAt", "expiresAt", "deadline"), "2027-01-01T00:00:00.000Z")
            return web.json_response({"id": "s", "status": "delivered", "profile": "p", **times})

        app = web.Application()
        app.router.add_get("/.well-known/jwks.json", jwks)
        app.router.add_post("/oauth/token", token)
        app.router.add_get("/v1/sessions/s/payload", payload)
        app.router.add_post("/v1/sessions/s/acknowledgement", acknowledge)
        return app


@pytest.fixture
async def reception(broker: Keys) -> AsyncIterator[Reception]:
    async with aiohttp.ClientSession() as http:
        made = Reception(broker, http)
        async with standing(made.app()) as made.office.base_url, made.office.listening() as made.url:
            yield made


async def test_a_delivery_is_taken_in_once(reception: Reception) -> None:
    """The payload is opened; the same event again is counted, answered well, and not taken in twice."""
    body = reception.carrying({"sessionId": "s", "incomes": []})
    assert [await reception.deliver(body), await reception.deliver(body)] == [204, 204]
    received = await reception.office.wait_for("data", "s")
    assert (received.attempts, received.same_bytes, received.accepted) == (2, True, True)
    assert received.payload == reception.office.payload == {"sessionId": "s", "incomes": []}
    assert len(reception.office.received) == 1


async def test_an_office_can_be_told_to_misbehave(reception: Reception) -> None:
    """It gives the statuses it was told to first, to the kind of event it was told, and then behaves."""
    reception.office.answer_with = [500, 429]
    reception.office.answer_kind = "data"
    body = reception.carrying({"sessionId": "s"})
    assert [await reception.deliver(body) for _ in range(3)] == [500, 429, 204]
    assert (await reception.office.wait_for("data")).attempts == 3
    with pytest.raises(TimeoutError):
        await reception.office.wait_for("delivered", seconds=0.05)


async def test_other_bytes_under_the_same_id_are_noticed(reception: Reception) -> None:
    """Retries must send the same bytes; an office that compares finds out when they do not."""
    await reception.deliver(body_of(reference="a"))
    await reception.deliver(body_of(reference="b"))
    assert [received.same_bytes for received in reception.office.received] == [False]


@pytest.mark.parametrize("wrong", ["session", "digest", "receipt", "signature"])
async def test_what_does_not_belong_is_refused(reception: Reception, broker: Keys, wrong: str) -> None:
    """A payload of another session or digest, a receipt nobody signed, a signature of nobody: 401, and not taken in."""
    body, headers = body_of(purge_receipt="x.y.z"), None
    if wrong == "session":
        body = reception.carrying({"sessionId": "other"})
    elif wrong == "digest":
        other = sealed_to(reception.office.encryption_keys[0], broker, {"sessionId": "s"})
        body = body_of(payload=other.jwe, payload_digest="0" * 64)
    elif wrong == "signature":
        headers = sent(broker, body, secret="whsec_" + b64encode(b"x" * 32).decode())
    assert await reception.deliver(body, headers) == 401
    assert reception.office.refused == 1
    assert not any(received.accepted for received in reception.office.received)


async def test_a_test_event_is_counted_and_not_kept(reception: Reception, broker: Keys) -> None:
    """Genuine it is answered 204, or as the office was told to misbehave; it is about no session."""
    reception.office.answer_with = [503]
    headers = headers_of(broker, trial())
    assert [await reception.deliver(trial(), headers) for _ in range(2)] == [503, 204]
    assert await reception.deliver(trial(), headers_of(broker, trial(), secret=new_webhook_secret())) == 401
    assert (reception.office.tests, reception.office.refused, reception.office.received) == (2, 1, ())


async def test_the_broker_may_send_here_and_nobody_else(reception: Reception) -> None:
    """CloudEvents, "HTTP 1.1 Web Hooks", section 4: asked by OPTIONS, the office names its broker's host."""
    allowed: list[str | None] = []
    for origin in ("127.0.0.1", "elders.example"):
        async with reception.http.options(reception.url, headers={"WebHook-Request-Origin": origin}) as answer:
            assert answer.status == 204
            allowed.append(answer.headers.get("WebHook-Allowed-Origin"))
    assert allowed == ["127.0.0.1", None]


async def test_a_payload_too_large_to_come_along_is_fetched(reception: Reception) -> None:
    """The office follows `payloadUrl` with its own token, opens, acknowledges by digest, and only then answers."""
    sealed = sealed_to(reception.office.encryption_keys[0], reception.broker, {"sessionId": "s"})
    reception.sealed = sealed.jwe
    assert await reception.deliver(body_of(payload_url="http://x/", payload_digest=sealed.digest)) == 204
    assert (await reception.office.wait_for("data", "s")).payload == {"sessionId": "s"}
    assert reception.acknowledged == [sealed.digest]


async def test_a_purge_receipt_is_checked_when_it_comes(reception: Reception, broker: Keys) -> None:
    """The notice of the end carries a signed receipt; what it says is kept."""
    receipt = purge_receipt(broker)
    assert await reception.deliver(body_of(purge_receipt=receipt)) == 204
    received = await reception.office.wait_for("delivered", "s")
    assert received.purge_receipt is not None
    assert (received.purge_receipt["sessionId"], received.purge_receipt["state"]) == ("s", "delivered")
    assert await reception.office.check_receipt(receipt) == received.purge_receipt
