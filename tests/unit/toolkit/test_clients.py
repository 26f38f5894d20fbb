"""The two clients, over real sockets: the same calls, tokens kept and renewed, and errors that say what to do."""

from __future__ import annotations

import asyncio
import json
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from broker.errors import CATALOGUE
from broker.keys import Keys
from ophaalbrug_provider import (
    Account,
    ApiError,
    Client,
    Created,
    Document,
    Invitation,
    NewSession,
    Unreachable,
    Unreadable,
    Untrusted,
    Webhook,
)
from ophaalbrug_provider.aio import AsyncClient
from ophaalbrug_provider.errors import ADVICE
from tests.unit.test_guides import FOR_CITIZENS
from tests.unit.toolkit.pretend import (
    NOW,
    ORIGINAL,
    Caller,
    PretendBroker,
    body_of,
    headers_of,
    private_key,
    problem,
    purge_receipt,
)

JWKS = "GET /.well-known/jwks.json"
READ = "GET /v1/sessions/s"


async def test_every_call_of_the_api(caller: Caller, broker: PretendBroker) -> None:
    """Method, path and body as the provider API says; one token serves them all."""
    wanted = NewSession(profile="p", reference="r", return_url="https://x", invitation=Invitation(email="a@b.example"))
    assert (await caller("create_session", wanted, idempotency_key="file-1")).journey_url == "https://x/j"
    assert json.loads(broker.bodies[-1]) == {
        "profile": "p",
        "reference": "r",
        "returnUrl": "https://x",
        "invitation": {"email": "a@b.example"},
    }
    assert broker.headers[-1]["idempotency-key"] == "file-1"
    assert (await caller("session", "s")).status == "consented"
    assert (await caller("sessions", reference="r", limit=1)).next == 1
    assert (await caller("cancel", "s")).status == "cancelled"
    opened = await caller("payload", "s")
    assert (await caller("acknowledge", "s", opened.digest)).status == "delivered"
    assert json.loads(broker.bodies[-1]) == {"payloadDigest": opened.digest}
    receipts = await caller("receipts", "s")
    assert (await caller("purge_receipt", receipts.purge_receipt, session_id="s")).state == "delivered"
    assert json.loads(await caller("call", "GET", "/v1/sessions/s"))["id"] == "s"
    assert broker.came[:3] == ["POST /oauth/token", "POST /v1/sessions", READ]
    assert broker.came.count("POST /oauth/token") == broker.came.count(JWKS) == 1


async def test_the_token_is_asked_with_an_assertion(caller: Caller, broker: PretendBroker) -> None:
    """Client credentials with private_key_jwt (RFC 7523), signed with our key."""
    assert await caller("access_token") == "oba_1"
    form = {name: value[0] for name, value in parse_qs(broker.bodies[0].decode()).items()}
    assert form["grant_type"] == "client_credentials"
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    key = jwt.PyJWK(caller.account.signing_key.jwk.export_public(as_dict=True))
    options: Any = {"verify_exp": False, "verify_iat": False}
    assert jwt.decode(form["client_assertion"], key, ["ES256"], options, audience=broker.url)["iss"] == "gemeente"


async def test_a_token_is_kept_until_shortly_before_it_runs_out(caller: Caller, broker: PretendBroker) -> None:
    """Half a minute early, so that none runs out under way."""
    for later, tokens in ((0, 1), (269, 1), (270, 2)):
        broker.now = NOW + later
        await caller("session", "s")
        assert broker.tokens == tokens


async def test_a_token_that_is_refused_is_renewed_once(caller: Caller, broker: PretendBroker) -> None:
    """The broker may have forgotten it; who is refused twice is told so."""
    await caller("session", "s")
    broker.answers[READ] = [problem(401, "unauthorized")]
    assert (await caller("session", "s")).id == "s"
    assert (broker.tokens, broker.headers[-1]["authorization"]) == (2, "Bearer oba_2")
    broker.answers[READ] = [problem(401, "unauthorized"), problem(401, "unauthorized")]
    with pytest.raises(ApiError, match="still registered"):
        await caller("session", "s")
    assert broker.came.count(READ) == 5


async def test_a_refusal_says_what_to_do(caller: Caller, broker: PretendBroker) -> None:
    """Status, code, sentence, fields, the time to wait, and advice; an answer of somebody else says that too."""
    broker.answers[READ] = [problem(503, "store-unavailable", **{"Retry-After": "7"})]
    with pytest.raises(ApiError, match=r"503 store-unavailable: A sentence. \[field: why\] \(try again") as raised:
        await caller("session", "s")
    error = raised.value
    assert (error.status, error.code, error.errors, error.retry_after) == (
        *(503, "store-unavailable"),
        *(("field: why",), 7.0),
    )
    for answer in (
        web.Response(status=502, text="<h1>secret</h1>"),
        web.Response(status=502, body=b"\xff{", content_type="application/problem+json"),
    ):
        broker.answers[READ] = [answer]
        with pytest.raises(ApiError, match=r"502 no-problem-document: $"):
            await caller("session", "s")


async def test_an_answer_that_cannot_be_read_is_not_guessed(caller: Caller, broker: PretendBroker) -> None:
    """A page of a proxy, another API; nothing of it is repeated."""
    for body in (b"<html>Jansen</html>", b'{"id": 7}', b"\xff"):
        broker.answers[READ] = [web.Response(body=body)]
        with pytest.raises(Unreadable) as raised:
            await caller("session", "s")
        assert "Jansen" not in str(raised.value)
    broker.answers["GET /v1/sessions/s/payload"] = [web.Response(body=b"\xff")]
    with pytest.raises(Unreadable):
        await caller("payload", "s")


async def test_a_redirect_is_not_followed(caller: Caller, broker: PretendBroker) -> None:
    """It would take the access token to another place."""
    broker.answers[READ] = [web.Response(status=307, headers={"Location": f"{broker.url}/v1/elsewhere"})]
    with pytest.raises(ApiError, match="307"):
        await caller("session", "s")
    assert "GET /v1/elsewhere" not in broker.came


async def test_an_endless_answer_is_not_read_to_its_end(caller: Caller, broker: PretendBroker) -> None:
    """A megabyte is enough for anything but a payload or a document."""
    broker.answers[READ] = [web.Response(body=b"x" * (2**20 + 1))]
    with pytest.raises(Unreachable, match="larger"):
        await caller("session", "s")


async def test_ids_cannot_lead_elsewhere(caller: Caller, broker: PretendBroker) -> None:
    """A session id with a slash stays one part of the path."""
    broker.answers["GET /v1/sessions/../../oauth/token"] = [problem(404, "unknown-session")]
    with pytest.raises(ApiError, match="unknown-session"):
        await caller("session", "../../oauth/token")


async def test_a_document_is_fetched_and_compared(caller: Caller, broker: PretendBroker) -> None:
    """By its number; with another digest it is not the one."""
    broker.with_document()
    (document,) = (await caller("payload", "s")).documents
    assert await caller("document", "s", document) == ORIGINAL
    other = Document(number=1, source="uwv", person="applicant", media_type="application/pdf", digest="0" * 64)
    with pytest.raises(Untrusted):
        await caller("document", "s", other)


async def test_the_brokers_keys_are_kept_for_a_while(caller: Caller, broker: PretendBroker) -> None:
    """Five minutes; a webhook costs no extra request."""
    body = body_of()
    for later, fetched in ((0, 1), (299, 1), (300, 2)):
        broker.now = NOW + later
        assert (await caller("verify", headers_of(broker.keys, body, now=NOW + later), body)).kind == "delivered"
        assert broker.came.count(JWKS) == fetched


@pytest.mark.parametrize("what", ["webhook", "payload", "receipt"])
async def test_a_new_key_of_the_broker_is_fetched(
    caller: Caller, broker: PretendBroker, others: Keys, what: str
) -> None:
    """A signature by a key we do not know asks the broker again, but not more than twice a minute."""
    old, body = broker.keys, body_of()
    await caller("verify", headers_of(old, body), body)
    broker.keys = others

    async def seen() -> object:
        if what == "webhook":
            return await caller("verify", headers_of(others, body, now=int(broker.now)), body)
        if what == "receipt":
            return await caller("purge_receipt", purge_receipt(others))
        return await caller("payload", "s")

    with pytest.raises(Untrusted):
        await seen()
    assert broker.came.count(JWKS) == 1
    broker.now += 31
    await seen()
    assert broker.came.count(JWKS) == 2


async def test_a_pinned_webhook_key_needs_no_other(caller: Caller, broker: PretendBroker, others: Keys) -> None:
    """Who was given the broker's key by its operator trusts that one alone, and asks nothing."""
    signing, body = private_key(use="sig"), body_of()
    account = Account("g", broker.url, signing_key=signing, webhook_keys=[broker.keys.webhook_public()])
    async with Caller(caller.kind, account, lambda: broker.now).awaited as awaited:
        pinned = Caller(caller.kind, account, lambda: broker.now)
        pinned.awaited = awaited
        assert (await pinned("verify", headers_of(broker.keys, body), body)).id == "evt_1"
        with pytest.raises(Untrusted, match="v1a"):
            await pinned("verify", headers_of(others, body), body)
    assert broker.came == []


async def test_a_broker_that_is_not_there(caller: Caller) -> None:
    """No connection, a connection that closes, or one that is silent: try again, with the same Idempotency-Key."""

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    for behave in (None, close, silent):
        server = await asyncio.start_server(behave or close, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        if behave is None:
            server.close()
        account = Account("g", f"http://127.0.0.1:{port}", signing_key=private_key(use="sig"))
        made = Caller(caller.kind, account, lambda: float(NOW))
        made.client = Client(account, timeout_seconds=0.2)
        async with AsyncClient(account, timeout_seconds=0.2) as made.awaited:
            with pytest.raises(Unreachable, match="same Idempotency-Key"):
                await made("session", "s")
        server.close()


async def test_a_broker_must_prove_its_name(caller: Caller, tmp_path: Path) -> None:
    """TLS is verified: a certificate that nobody vouches for is no broker's; the blocking client can be given one."""
    context, trusted = self_signed(tmp_path)
    token = b'{"access_token": "t", "expires_in": 300}'

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(token), token))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    account = Account("g", f"https://127.0.0.1:{port}", signing_key=private_key(use="sig"))
    made = Caller(caller.kind, account, lambda: float(NOW))
    async with made.awaited:
        with pytest.raises(Unreachable):
            await made("access_token")
    assert await asyncio.to_thread(Client(account, tls=trusted).access_token) == "t"
    server.close()


def self_signed(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's certificate for 127.0.0.1, and a client's context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=36500))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    certificate = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    file = folder / "server.pem"
    file.write_bytes(certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(file)
    return served, ssl.create_default_context(cadata=certificate.decode())


async def test_a_session_that_is_traced_serves_too(broker: PretendBroker) -> None:
    """A trace of the caller's own session may read an answer before we do."""
    trace = aiohttp.TraceConfig()

    async def ended(_: object, __: object, about: aiohttp.TraceRequestEndParams) -> None:
        await about.response.read()

    trace.on_request_end.append(ended)
    account = Account("g", broker.url, signing_key=private_key(use="sig"))
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        assert (await AsyncClient(account, session).session("s")).id == "s"


async def test_an_async_client_needs_a_session(broker: PretendBroker) -> None:
    """Forgetting `async with` is said at once."""
    account = Account("g", broker.url, signing_key=private_key(use="sig"))
    with pytest.raises(RuntimeError, match="async with"):
        await AsyncClient(account).session("s")


def test_every_code_of_the_api_comes_with_advice() -> None:
    """The broker's catalogue without what only citizens' phones and browsers meet."""
    assert set(ADVICE) == set(CATALOGUE) - set(FOR_CITIZENS)


def test_nothing_of_a_citizen_is_in_the_text_of_what_travels() -> None:
    """What ends up in a log or a traceback: no address, no link, which is a key, and no secret."""
    moment = datetime(2027, 1, 1, tzinfo=UTC)
    link = Created(id="s", status="created", journey_url="https://x/j#geheim", expires_at=moment)
    wanted = NewSession(profile="p", invitation=Invitation(email="geheim@x.example", name="Geheim"))
    webhook = Webhook(url="https://x", types=(), status="enabled", secrets=(), public_key="whpk_x", secret="geheim")
    shown = f"{link!r} {wanted!r} {webhook!r}"
    assert "geheim" not in shown.lower()
