"""A provider's side of a delivery, against what the broker really makes: two implementations must agree."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import tomllib
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import msgspec
import pytest
from aiohttp import web
from joserfc import jwe, jws
from joserfc.jwk import RSAKey
from standardwebhooks import Webhook as StandardWebhook

from broker.delivery import signature_headers
from broker.keys import Keys, make
from broker.providers import Webhook, read_file, sealing_jwk
from broker.sealing import seal
from sandbox.backoffice import BackOffice
from sandbox.registration import EncryptionKey, ProfileEntry, Text, client_assertion, new_key
from sandbox.webhook import BrokerKeys, Untrusted, checked_receipt, opened, read_jwks, verified
from schemas.events import CloudEvent, EventData

NOW = 1_800_000_000
SECRET = "whsec_" + b64encode(b"k" * 32).decode()
RECEIPT = {"receiptId": "r", "person": "applicant"}


@pytest.fixture(scope="module")
def broker() -> Keys:
    return Keys(make())


@pytest.fixture(scope="module")
def known(broker: Keys) -> BrokerKeys:
    return read_jwks(json.dumps(broker.jwks()).encode())


def body_of(**data: Any) -> bytes:
    facts = EventData(**{"session_id": "s", "sequence": 1, **data})
    kind = "data" if "payload" in data or "payload_url" in data else "delivered"
    return msgspec.json.encode(
        CloudEvent(id="evt_1", source="urn:x", type=f"nl.ophaalbrug.session.{kind}", time="t", data=facts)
    )


def sent(broker: Keys, body: bytes, *, now: int = NOW, event_id: str = "evt_1", secret: str = SECRET) -> dict[str, str]:
    return signature_headers(broker, Webhook(url="http://x", secret=secret), event_id, now, body)


def consented(broker: Keys, *, kind: str = "ophaalbrug-consent-receipt+jws") -> dict[str, Any]:
    return {"receipt": RECEIPT, "signature": broker.sign(json.dumps(RECEIPT).encode(), kind)}


def sealed_to(
    office_key: Any, broker: Keys, payload: dict[str, Any], profile: Any = "default", jti: str = "evt_1"
) -> Any:
    return seal(json.dumps(payload).encode(), office_key.export_public(as_dict=True), profile, broker, jti)


def test_a_webhook_of_the_broker_is_believed(broker: Keys, known: BrokerKeys) -> None:
    """Both signatures hold over id, time and exact bytes; header names may have any case."""
    body = body_of(reference="ref-1")
    headers = {name.title(): value for name, value in sent(broker, body).items()}
    event = verified(SECRET, known, headers, body, NOW)
    assert (event.id, event.data.reference) == ("evt_1", "ref-1")


def test_the_standard_library_of_webhooks_believes_it_too(broker: Keys) -> None:
    """`Webhook.verify` of standardwebhooks, with the time of day for a clock, accepts the same headers."""
    body = body_of()
    now = int(time.time())
    assert StandardWebhook(SECRET).verify(body, sent(broker, body, now=now))["id"] == "evt_1"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda h, b: (h, b + b" "), "v1 signature"),
        (lambda h, b: ({**h, "webhook-id": "evt_2"}, b), "v1 signature"),
        (lambda h, b: ({**h, "webhook-timestamp": str(NOW + 1)}, b), "v1 signature"),
        (lambda h, b: ({**h, "webhook-timestamp": str(NOW - 301)}, b), "not of now"),
        (lambda h, b: ({**h, "webhook-timestamp": str(NOW + 301)}, b), "not of now"),
        (lambda h, b: ({**h, "webhook-timestamp": "soon"}, b), "not of now"),
        (lambda h, b: ({**h, "webhook-signature": h["webhook-signature"].split(" ")[0]}, b), "v1a signature"),
        (lambda h, b: ({**h, "webhook-signature": h["webhook-signature"].split(" ")[1]}, b), "v1 signature"),
        (lambda h, b: ({**h, "webhook-signature": h["webhook-signature"][:-8] + "AAAAAA=="}, b), "v1a signature"),
        (lambda h, b: ({**h, "webhook-signature": h["webhook-signature"] + "é"}, b), "v1a signature"),
        (lambda h, b: (h, b"\xff"), "no text"),
        (lambda _, b: ({}, b), "not of now"),
    ],
)
def test_anything_else_is_not_believed(
    broker: Keys,
    known: BrokerKeys,
    change: Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]],
    reason: str,
) -> None:
    """Another byte, id, time or signature, an old message, or one of the two signatures missing."""
    body = body_of()
    headers, changed = change(sent(broker, body), body)
    with pytest.raises(Untrusted, match=reason):
        verified(SECRET, known, headers, changed, NOW)


def test_the_signatures_of_somebody_else_do_not_hold(known: BrokerKeys) -> None:
    """Knowing the shared secret is not enough: the second signature needs the broker's private key."""
    body = body_of()
    with pytest.raises(Untrusted, match="v1a"):
        verified(SECRET, known, sent(Keys(make()), body), body, NOW)


@pytest.mark.parametrize("body", [b"{}", b"no json", body_of().replace(b"evt_1", b"evt_2")])
def test_a_signed_body_must_be_the_event_it_says(broker: Keys, known: BrokerKeys, body: bytes) -> None:
    """A CloudEvent whose id is the webhook's."""
    with pytest.raises(Untrusted):
        verified(SECRET, known, sent(broker, body), body, NOW)


@pytest.mark.parametrize(("kind", "profile"), [("P-256", "default"), ("X25519", "default"), ("RSA-3072", "nlgov")])
def test_a_payload_opens_with_our_key_and_is_the_brokers(
    broker: Keys, known: BrokerKeys, kind: EncryptionKey, profile: str
) -> None:
    """Both sealing profiles; the digest is that of the sealed text, and the event it belongs to is inside."""
    key = new_key(kind, "enc")
    assert sealing_jwk((key.export_public(as_dict=True),), profile) is not None
    sealed = sealed_to(key, broker, {"sessionId": "s", "consents": [consented(broker)]}, profile)
    inside = opened(sealed.jwe, [new_key("P-256", "enc"), key], known)
    assert inside.payload["sessionId"] == "s"
    assert (inside.digest, inside.jti) == (sealed.digest, "evt_1")


def test_a_payload_of_somebody_else_is_refused(broker: Keys, known: BrokerKeys) -> None:
    """Sealed to another key, signed by another key, altered on the way, or not sealed at all."""
    key = new_key("P-256", "enc")
    good = sealed_to(key, broker, {"sessionId": "s"}).jwe
    forged = sealed_to(key, Keys(make()), {"sessionId": "s"}).jwe
    altered = good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB")
    for token, own in ((good, new_key("P-256", "enc")), (forged, key), (altered, key), ("a.b.c", key), ("", key)):
        with pytest.raises(Untrusted):
            opened(token, [own], known)


@pytest.mark.parametrize(("inner", "outer"), [("ES256", "RSA-OAEP"), ("PS256", "RSA-OAEP-256")])
def test_a_profile_cannot_be_mixed(broker: Keys, known: BrokerKeys, inner: str, outer: str) -> None:
    """Our key fixes both algorithms: genuine signatures and seals of another kind are refused."""
    key = new_key("RSA-3072", "enc")
    signing = broker.es256 if inner == "ES256" else broker.ps256
    header = {"alg": inner, "kid": signing.kid, "typ": "ophaalbrug-payload+jws"}
    signed = jws.serialize_compact(header, b"{}", signing, [inner])
    public = RSAKey.import_key(key.export_public(as_dict=True))
    around = {"alg": outer, "enc": "A256GCM", "kid": key["kid"]}
    with pytest.raises(Untrusted):
        opened(jwe.encrypt_compact(around, signed.encode(), public, [outer, "A256GCM"]), [key], known)


@pytest.mark.parametrize("wrong", ["kind", "text"])
def test_a_consent_must_be_signed_as_it_reads(broker: Keys, known: BrokerKeys, wrong: str) -> None:
    """A signature over another text, or over another kind of document, is no consent."""
    key = new_key("P-256", "enc")
    consent = consented(
        broker, kind="ophaalbrug-purge-receipt+jws" if wrong == "kind" else "ophaalbrug-consent-receipt+jws"
    )
    if wrong == "text":
        consent = {**consent, "receipt": {**RECEIPT, "person": "partner"}}
    with pytest.raises(Untrusted):
        opened(sealed_to(key, broker, {"consents": [consent]}).jwe, [key], known)


def test_a_purge_receipt_is_read_only_when_the_broker_signed_it(broker: Keys, known: BrokerKeys) -> None:
    """The facts of a receipt come from a signature with the right type and key."""
    facts = json.dumps({"sessionId": "s"}).encode()
    assert checked_receipt(broker.sign(facts, "ophaalbrug-purge-receipt+jws"), known) == {"sessionId": "s"}
    for forged in (broker.sign(facts, "JWT"), Keys(make()).sign(facts, "ophaalbrug-purge-receipt+jws"), "x"):
        with pytest.raises(Untrusted):
            checked_receipt(forged, known)


@pytest.mark.parametrize("document", [b"", b"[]", b'{"keys": [{}]}', b'{"keys": [{"kty": "OKP", "x": "AA"}]}'])
def test_keys_that_cannot_be_read_are_not_used(document: bytes) -> None:
    """A JWKS is read whole or not at all."""
    with pytest.raises(Untrusted):
        read_jwks(document)


def test_a_client_assertion_is_good_once_for_a_minute() -> None:
    """RFC 7523: issuer and subject are the client, the audience is the broker, with an id of its own each time."""
    key = new_key("P-256", "sig")
    first, second = (client_assertion("gemeente", key, "https://broker.example", NOW) for _ in range(2))
    public = jwt.PyJWK(key.export_public(as_dict=True))
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(first, public, ["ES256"], options, audience="https://broker.example")
    assert (claims["iss"], claims["sub"], claims["exp"] - claims["iat"]) == ("gemeente", "gemeente", 60)
    assert claims["jti"] not in second
    assert first != second
    assert jwt.get_unverified_header(first)["kid"] == key["kid"]


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

    def carrying(self, payload: dict[str, Any], jti: str = "evt_1") -> bytes:
        """The body of an event with this payload sealed inside."""
        sealed = sealed_to(self.office.encryption_keys[0], self.broker, payload, jti=jti)
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
        runner = web.AppRunner(made.app(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.office.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with made.office.listening() as made.url:
            yield made
        await runner.cleanup()


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


@pytest.mark.parametrize("wrong", ["session", "event", "receipt", "signature"])
async def test_what_does_not_belong_is_refused(reception: Reception, broker: Keys, wrong: str) -> None:
    """A payload of another session or event, a receipt nobody signed, a signature of nobody: 401, and not taken in."""
    body, headers = body_of(purge_receipt="x.y.z"), None
    if wrong == "session":
        body = reception.carrying({"sessionId": "other"})
    elif wrong == "event":
        body = reception.carrying({"sessionId": "s"}, jti="evt_0")
    elif wrong == "signature":
        headers = sent(broker, body, secret="whsec_" + b64encode(b"x" * 32).decode())
    assert await reception.deliver(body, headers) == 401
    assert reception.office.refused == 1
    assert not any(received.accepted for received in reception.office.received)


async def test_a_payload_too_large_to_come_along_is_fetched(reception: Reception) -> None:
    """The office follows `payloadUrl` with its own token, opens, acknowledges by digest, and only then answers."""
    sealed = sealed_to(reception.office.encryption_keys[0], reception.broker, {"sessionId": "s"})
    reception.sealed = sealed.jwe
    assert await reception.deliver(body_of(payload_url="http://x/", payload_digest=sealed.digest)) == 204
    assert (await reception.office.wait_for("data", "s")).payload == {"sessionId": "s"}
    assert reception.acknowledged == [sealed.digest]


async def test_a_purge_receipt_is_checked_when_it_comes(reception: Reception, broker: Keys) -> None:
    """The notice of the end carries a signed receipt; what it says is kept."""
    receipt = broker.sign(b'{"sessionId": "s", "state": "delivered"}', "ophaalbrug-purge-receipt+jws")
    assert await reception.deliver(body_of(purge_receipt=receipt)) == 204
    received = await reception.office.wait_for("delivered", "s")
    assert received.purge_receipt == {"sessionId": "s", "state": "delivered"}
    assert await reception.office.check_receipt(receipt) == received.purge_receipt


def test_the_first_signature_is_the_one_of_the_standard() -> None:
    """`v1` is base64 of HMAC-SHA256 over `id.timestamp.body` with the decoded secret (Standard Webhooks 1.0.0)."""
    body = body_of()
    signed = f"evt_1.{NOW}.".encode() + body
    expected = b64encode(hmac.new(b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()).decode()
    assert sent(Keys(make()), body)["webhook-signature"].startswith(f"v1,{expected} v1a,")
