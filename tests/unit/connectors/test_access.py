"""How a source is asked: who we say to be, how long and how many at a time, and when once more."""

from __future__ import annotations

import asyncio
import json
import tomllib
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import jwt
import msgspec
import pytest
from aiohttp import web

from connectors import access, access_tokens
from connectors.access import RETRY_SHARE, Access, Client
from connectors.access_tokens import OAuth
from connectors.contract import Context, FailureKind, SourceError, Subject
from connectors.mijnoverheid import Settings as MijnOverheidSettings
from connectors.outbound import BREAKER_FAILURES, Answer, ClientCertificate, Door
from connectors.suwiml import SuwiAccess
from connectors.uwv import UwvSettings
from tests.unit.connectors.pki import Authority

BSN = "999990019"
OIN = "00000001234567890000"
NOW = datetime.now(UTC)
SECRET = "geheim+woord"

Handler = Callable[["Host", web.BaseRequest], Awaitable[web.StreamResponse]]


class Asked(msgspec.Struct, frozen=True):
    """One request as it came in; names of headers are lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Host:
    """A source and its token endpoint on one real socket; `answer` may be replaced, `asked` says what came."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.answer: Handler = well
        self.grant: Handler = granted

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.path, headers, await request.read()))
        return await (self.grant if request.path == "/token" else self.answer)(self, request)

    def put(self, path: str = "/vraag") -> list[Asked]:
        """What was asked at `path`."""
        return [one for one in self.asked if one.path == path]


async def well(host: Host, request: web.BaseRequest) -> web.Response:
    del host, request
    return web.Response(text="goed")


async def granted(host: Host, request: web.BaseRequest) -> web.Response:
    del request
    number = len(host.put("/token"))
    return web.json_response({"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": 300})


def answering(*statuses: int, **headers: str) -> Handler:
    """Answers with these statuses one after another, the last for ever; a status of 0 is no answer at all."""

    async def answer(host: Host, request: web.BaseRequest) -> web.StreamResponse:
        status = statuses[min(len(host.put()), len(statuses)) - 1]
        if status == 0:
            assert request.transport is not None
            request.transport.close()
        return web.Response(status=status or 200, headers={name.replace("_", "-"): v for name, v in headers.items()})

    return answer


@pytest.fixture
async def host() -> AsyncGenerator[Host]:
    made = Host()
    runner = web.ServerRunner(web.Server(made))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


@asynccontextmanager
async def context_for(host: Host, request_id: str = "verzoek-1") -> AsyncGenerator[Context]:
    async def progress(_: str) -> None: ...

    door = Door.configured(frozenset({host.url.removeprefix("http://")}))
    try:
        yield Context(
            subject=Subject(bsn=BSN, level="low"),
            fields=frozenset(),
            door=door,
            now=NOW,
            request_id=request_id,
            progress=progress,
        )
    finally:
        await door.close()


async def ask(client: Client, context: Context, host: Host) -> Answer:
    return await client.ask(context, "POST", f"{host.url}/vraag", body=BSN.encode())


async def status_of(client: Client, context: Context, host: Host) -> int | FailureKind:
    """The status of the answer, or the kind of failure; proves on the way that a failure says nothing it should not."""
    try:
        return (await ask(client, context, host)).status
    except SourceError as raised:
        error = raised
    assert BSN not in str(error)
    assert host.url.removeprefix("http://") not in str(error)
    assert error.__suppress_context__ or error.__context__ is None
    return error.failed.kind


async def test_a_question_says_who_asks_and_can_be_found_back(host: Host) -> None:
    """Key, OIN and fixed headers under the names the settings give them; and ids to trace it by."""
    settings = Access(
        api_key="sleutel",
        api_key_header="apikey",
        oin=OIN,
        oin_header="X-Afnemer-OIN",
        headers={"x-doelbinding": "Voorbeeld", "Authorization": "Basic eA=="},
    )
    client = Client(settings)
    async with context_for(host, "verzoek-1") as context:
        await ask(client, context, host)
        await ask(client, context, host)
    async with context_for(host, "verzoek-2") as context:
        await ask(client, context, host)
    first, second, other = (one.headers for one in host.asked)
    assert (first["apikey"], first["x-afnemer-oin"], first["x-doelbinding"]) == ("sleutel", OIN, "Voorbeeld")
    assert first["authorization"] == "Basic eA=="
    assert "x-api-key" not in first
    assert (first["x-request-id"], first["x-correlation-id"]) == ("verzoek-1", "verzoek-1")
    traces = [one["traceparent"].split("-") for one in (first, second, other)]
    assert all([len(part) for part in trace] == [2, 32, 16, 2] and trace[0] == "00" for trace in traces)
    assert traces[0][1] == traces[1][1] != traces[2][1]
    assert len({trace[2] for trace in traces}) == 3


async def test_without_settings_nothing_but_tracing_is_added(host: Host) -> None:
    """No key, no OIN, no token: no header for them."""
    async with context_for(host) as context:
        await ask(Client(Access()), context, host)
    assert host.asked[0].headers.keys() == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
        "traceparent",
        "x-request-id",
        "x-correlation-id",
    }


def test_the_names_of_headers_are_those_of_gateways_that_exist() -> None:
    """X-API-KEY is Haal Centraal's, X-Origin-OIN that of the gateways in front of it."""
    assert Access(api_key="k", oin=OIN).credentials() == {"X-API-KEY": "k", "X-Origin-OIN": OIN}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"certificate_file": "c.pem"}, "belong together"),
        ({"key_file": "k.pem"}, "belong together"),
        ({"oin": "1234"}, "oin"),
        ({"oin": f"{OIN}\n"}, "oin"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 33}, "concurrency"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": 601}, "timeout_seconds"),
        ({"api_key": "geheim\r\nX-Meer: ja"}, "cannot be sent"),
        ({"api_key": ""}, "cannot be sent"),
        ({"api_key_header": "twee woorden"}, "cannot be sent"),
        ({"headers": {"x-doel": "geheim\n"}}, "cannot be sent"),
        ({"headers": {"X-Request-ID": "geheim"}}, "ours to set"),
        ({"headers": {"Content-Length": "9"}}, "ours to set"),
        ({"headers": {"x-api-key": "geheim"}}, "set twice"),
        ({"headers": {"x-a": "1", "X-A": "2"}}, "set twice"),
        ({"api_key_header": "X-Origin-OIN"}, "set twice"),
        ({"anders": 1}, "anders"),
        ({"oauth": {"token_url": "geheim", "client_id": "wij", "client_secret_file": "s"}}, "http"),
        ({"oauth": {"token_url": "https://t/", "client_id": "wij"}}, "client_secret_file"),
        (
            {"oauth": {"token_url": "https://t/", "client_id": "wij", "client_secret_file": "s", "key_file": "k"}},
            "key_file",
        ),
        (
            {"oauth": {"token_url": "https://t/", "client_id": "wij", "client_authentication": "private_key_jwt"}},
            "key_file",
        ),
        (
            {
                "oauth": {
                    "token_url": "https://t/",
                    "client_id": "wij",
                    "client_authentication": "tls_client_auth",
                    "client_secret_file": "s",
                }
            },
            "client_secret_file",
        ),
        (
            {"oauth": {"token_url": "https://t/", "client_id": "wij", "client_authentication": "tls_client_auth"}},
            "certificate_file",
        ),
        (
            {
                "oauth": {
                    "token_url": "https://t/",
                    "client_id": "wij",
                    "client_secret_file": "s",
                    "parameters": {"client_secret": "geheim"},
                }
            },
            "replace",
        ),
        (
            {
                "oauth": {"token_url": "https://t/", "client_id": "wij", "client_secret_file": "s"},
                "headers": {"authorization": "geheim"},
            },
            "ours to set|set twice",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_said_at_the_start(table: dict[str, object], said: str) -> None:
    """Before any citizen waits, and without repeating a secret."""
    with pytest.raises(msgspec.ValidationError, match=said) as caught:
        msgspec.convert(table, Access)
    assert "geheim" not in str(caught.value)


class Addressed(Access, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As a source's own settings are."""

    base_url: str

    def urls(self) -> tuple[str, ...]:
        return (self.base_url,)


def test_hosts_and_certificates_are_those_of_source_and_token_endpoint() -> None:
    """Both must be reached, and both may ask for the certificate; with none set there is nothing to show."""
    oauth = OAuth(token_url="https://tokens.example:8443/t", client_id="wij", client_secret_file="s")
    asked = Addressed(base_url="https://bron.example/api", oauth=oauth, certificate_file="c.pem", key_file="k.pem")
    shown = ClientCertificate(certificate_file="c.pem", key_file="k.pem")
    assert asked.certificates() == {"bron.example:443": shown, "tokens.example:8443": shown}
    assert asked.hosts() == asked.certificates().keys()
    assert Addressed(base_url="https://bron.example").certificates() == {}
    assert Addressed(base_url="https://bron.example", authority_file="a.pem").certificates() == {
        "bron.example:443": ClientCertificate(authority_file="a.pem")
    }
    with pytest.raises(ValueError, match="http"):
        Addressed(base_url="bron.example")


def test_settings_that_are_printed_tell_no_secret() -> None:
    """A log or a traceback that prints settings shows where, never with what."""
    oauth = OAuth(
        token_url="https://tokens.example/t", client_id="wij", parameters={"x": SECRET}, client_secret_file="s"
    )
    printed = repr(Addressed(base_url="https://bron.example", api_key=SECRET, headers={"x": SECRET}, oauth=oauth))
    assert printed == "Addressed('https://bron.example')"
    assert repr(oauth) == "OAuth('https://tokens.example/t')"


@pytest.mark.parametrize("statuses", [(0, 200), (502, 200), (503, 200), (504, 200)])
async def test_a_hitch_is_asked_once_more(host: Host, statuses: tuple[int, ...]) -> None:
    """A line that broke before an answer, or a gateway out of order for a moment: the second time it is there."""
    host.answer = answering(*statuses)
    async with context_for(host) as context:
        assert await status_of(Client(Access()), context, host) == 200
    first, second = host.asked
    assert first.body == second.body == BSN.encode()
    assert first.headers["x-request-id"] == second.headers["x-request-id"]


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [((0, 0, 200), "unavailable"), ((503, 503, 200), 503), ((0, 503, 200), 503), ((502, 0, 200), "unavailable")],
)
async def test_never_more_than_once_more(host: Host, statuses: tuple[int, ...], outcome: int | str) -> None:
    """Twice out of order is out of order."""
    host.answer = answering(*statuses)
    async with context_for(host) as context:
        assert await status_of(Client(Access()), context, host) == outcome
    assert len(host.asked) == 2


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404, 408, 429, 500, 501])
async def test_an_answer_is_not_asked_again(host: Host, status: int) -> None:
    """A refusal, an error of the source itself, or 'too many': asking again makes it worse or no better."""
    host.answer = answering(status)
    async with context_for(host) as context:
        assert await status_of(Client(Access()), context, host) in (status, "unreadable")
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    ("retry_after", "times"),
    [("0", 2), ("3", 1), ("120", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 1), ("-1", 1), ("²", 1)],
)
async def test_who_asks_for_patience_is_left_alone(host: Host, retry_after: str, times: int) -> None:
    """Retry-After of at most two seconds is waited for; a longer one means: not now."""
    host.answer = answering(503, Retry_After=retry_after)
    async with context_for(host) as context:
        assert await status_of(Client(Access()), context, host) == 503
    assert len(host.asked) == times


async def test_half_an_answer_is_not_asked_again(host: Host) -> None:
    """The source had begun to answer: it works, and it did the work already."""

    async def half(host: Host, request: web.BaseRequest) -> web.StreamResponse:
        del host
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return response

    host.answer = half
    async with context_for(host) as context:
        assert await status_of(Client(Access()), context, host) == "unavailable"
    assert len(host.asked) == 1


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause before a question is put once more: how many there are is what counts here."""
    monkeypatch.setattr(access, "JITTER_SECONDS", (0.0, 0.0))


@pytest.mark.usefixtures("at_once")
async def test_no_storm(host: Host) -> None:
    """A host that is out of order gets hardly more than its usual questions: one in ten is repeated, not each."""
    client = Client(Access())
    async with context_for(host) as context:
        for _ in range(5 * RETRY_SHARE):
            await ask(client, context, host)
        host.asked.clear()
        host.answer = answering(503)
        asked = 10 * RETRY_SHARE
        for _ in range(asked):
            await status_of(client, context, host)
    # Saved up by fifty questions: five. By the hundred themselves: ten. And one of this minute.
    assert len(host.asked) - asked == 16


@pytest.mark.usefixtures("at_once")
async def test_what_is_saved_up_has_an_end(host: Host) -> None:
    """After a long time without a hitch there are ten repeats at hand, and not more."""
    client = Client(Access())
    async with context_for(host) as context:
        for _ in range(30 * RETRY_SHARE):
            await ask(client, context, host)
        host.asked.clear()
        host.answer = answering(503)
        for _ in range(20):
            await status_of(client, context, host)
    assert len(host.asked) - 20 == 12  # ten at hand, one earned meanwhile, one of this minute


async def test_a_host_that_keeps_failing_is_left_to_the_door(host: Host) -> None:
    """Once the door does not ask any more, neither do we, once or twice."""
    client = Client(Access())
    host.answer = answering(0)
    async with context_for(host) as context:
        for _ in range(BREAKER_FAILURES):
            await status_of(client, context, host)
        assert len(host.asked) == BREAKER_FAILURES
        assert await status_of(client, context, host) == "unavailable"
    assert len(host.asked) == BREAKER_FAILURES


async def test_the_deadline_holds_for_all_of_it(host: Host) -> None:
    """No repeat that cannot be in time."""
    host.answer = answering(503, Retry_After="1")
    async with context_for(host) as context:
        assert await status_of(Client(Access(timeout_seconds=0.9)), context, host) == 503
    assert len(host.asked) == 1


async def test_turns_at_a_source_are_limited_and_waiting_counts(host: Host) -> None:
    """Never more questions at a time than the settings allow; who has no turn before the deadline is told so."""
    busy, most, release = 0, 0, asyncio.Event()

    async def slowly(host: Host, request: web.BaseRequest) -> web.Response:
        nonlocal busy, most
        del host, request
        busy += 1
        most = max(most, busy)
        await release.wait()
        busy -= 1
        return web.Response()

    host.answer = slowly
    client, hasty = Client(Access(concurrency=2)), Client(Access(concurrency=1, timeout_seconds=0.2))
    async with context_for(host) as context, asyncio.TaskGroup() as group:
        tasks = [group.create_task(status_of(client, context, host)) for _ in range(6)]
        assert sorted(await asyncio.gather(*(status_of(hasty, context, host) for _ in range(3))), key=str) == [
            "timeout",
            "timeout",
            "timeout",
        ]
        assert len(host.asked) == 3  # two turns and the one of the hasty, who asked once for three
        release.set()
        assert [await task for task in tasks] == [200] * 6
    assert most == 3


def oauth(host: Host, folder: Path, **table: object) -> Access:
    """Access with a token; the secret stands in a file with a line end, as editors make it."""
    (folder / "secret").write_text(f"{SECRET}\n")
    secret = {"client_secret_file": str(folder / "secret")} if "key_file" not in table else {}
    made = {"token_url": f"{host.url}/token", "client_id": "wij & co", **secret, **table}
    return msgspec.convert({"oauth": made}, Access)


async def test_a_token_is_fetched_once_for_all_and_kept(host: Host, tmp_path: Path) -> None:
    """However many ask at the same moment, and afterwards: one question to the token endpoint."""
    client = Client(oauth(host, tmp_path, scope="brp", parameters={"resourceServer": "R2"}))
    async with context_for(host) as context:
        await asyncio.gather(*(ask(client, context, host) for _ in range(5)))
        await ask(client, context, host)
    [token] = host.put("/token")
    assert parse_qs(token.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["brp"],
        "resourceServer": ["R2"],
    }
    assert token.headers["authorization"] == "Basic " + b64encode(b"wij+%26+co:geheim%2Bwoord").decode()
    assert [one.headers["authorization"] for one in host.put()] == ["Bearer token-1"] * 6
    assert BSN.encode() not in token.body


async def test_the_secret_may_travel_in_the_form(host: Host, tmp_path: Path) -> None:
    """client_secret_post, as RvIG's token endpoint wants it."""
    client = Client(oauth(host, tmp_path, client_authentication="client_secret_post"))
    async with context_for(host) as context:
        await ask(client, context, host)
    [token] = host.put("/token")
    assert parse_qs(token.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["wij & co"],
        "client_secret": [SECRET],
    }
    assert "authorization" not in token.headers


async def test_a_key_signs_an_assertion(host: Host, tmp_path: Path) -> None:
    """private_key_jwt (RFC 7523): by us, about us, for this endpoint, for five minutes, never twice the same."""
    key = Authority(tmp_path).issue("wij")
    client = Client(oauth(host, tmp_path, client_authentication="private_key_jwt", key_file=key.key_file))
    async with context_for(host) as context:
        await ask(client, context, host)
    [token] = host.put("/token")
    form = parse_qs(token.body.decode())
    assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    claims = jwt.decode(
        form["client_assertion"][0], key.key.public_key(), algorithms=["PS256"], audience=f"{host.url}/token"
    )
    assert (claims["iss"], claims["sub"]) == ("wij & co", "wij & co")
    assert (claims["iat"], claims["exp"] - claims["iat"]) == (int(NOW.timestamp()), 300)
    assert len(claims["jti"]) >= 32


async def test_with_mutual_tls_the_name_is_enough(host: Host, tmp_path: Path) -> None:
    """tls_client_auth (RFC 8705): the certificate proves it, the form only says who."""
    oauth_ = OAuth(token_url=f"{host.url}/token", client_id="wij", client_authentication="tls_client_auth")
    client = Client(Access(oauth=oauth_, certificate_file=str(tmp_path / "c"), key_file=str(tmp_path / "k")))
    async with context_for(host) as context:
        await ask(client, context, host)
    assert parse_qs(host.put("/token")[0].body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["wij"],
    }


@pytest.mark.parametrize(("expires_in", "tokens"), [(300, 1), (31, 1), (30, 2), (0, 2), (None, 1)])
async def test_a_token_is_left_before_it_ends(host: Host, tmp_path: Path, expires_in: int | None, tokens: int) -> None:
    """Within half a minute of its end it is not used for another question; unsaid, it lives a minute."""

    async def grant(host: Host, request: web.BaseRequest) -> web.Response:
        del host, request
        life = {} if expires_in is None else {"expires_in": expires_in}
        return web.json_response({"access_token": "t", "token_type": "bearer", **life})

    host.grant = grant
    client = Client(oauth(host, tmp_path))
    async with context_for(host) as context:
        await ask(client, context, host)
        await ask(client, context, host)
    assert len(host.put("/token")) == tokens


def refusing(*good: str) -> Handler:
    async def answer(host: Host, request: web.BaseRequest) -> web.Response:
        del host
        return web.Response(status=200 if request.headers["Authorization"].removeprefix("Bearer ") in good else 401)

    return answer


async def test_a_token_that_was_withdrawn_is_replaced_once(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that refuses a token of some age gets another one, within the same question."""
    client = Client(oauth(host, tmp_path))
    async with context_for(host) as context:
        assert await status_of(client, context, host) == 200
        monkeypatch.setattr(access_tokens, "YOUNG_SECONDS", 0.0)
        host.answer = refusing("token-2")
        assert await asyncio.gather(*(status_of(client, context, host) for _ in range(4))) == [200] * 4
        assert len(host.put("/token")) == 2
        host.answer = refusing()
        assert await status_of(client, context, host) == 401
        assert len(host.put("/token")) == 3


async def test_a_fresh_token_that_is_refused_means_us(host: Host, tmp_path: Path) -> None:
    """Then another one would be refused too: neither the source nor the token endpoint is asked more."""
    host.answer = refusing()
    client = Client(oauth(host, tmp_path))
    async with context_for(host) as context:
        assert [await status_of(client, context, host) for _ in range(3)] == [401] * 3
    assert (len(host.put()), len(host.put("/token"))) == (3, 1)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "invalid_client"}, "refused"),
        (401, {}, "refused"),
        (403, {}, "refused"),
        (404, {}, "unavailable"),
        (500, {}, "unavailable"),
        (503, {}, "unavailable"),
        (302, {}, "unreadable"),
        (200, {}, "unreadable"),
        (200, {"access_token": "t", "token_type": "mac"}, "unreadable"),
        (200, {"access_token": "", "token_type": "Bearer"}, "unreadable"),
        (200, {"access_token": "a\r\nb", "token_type": "Bearer"}, "unreadable"),
        (200, {"access_token": "a b", "token_type": "Bearer"}, "unreadable"),
        (200, {"access_token": 1, "token_type": "Bearer"}, "unreadable"),
    ],
)
async def test_without_a_token_the_source_is_not_asked(
    host: Host, tmp_path: Path, status: int, body: dict[str, object], kind: str
) -> None:
    """What the token endpoint says of us is the outcome; nothing it said is repeated."""

    async def grant(host: Host, request: web.BaseRequest) -> web.Response:
        del host, request
        return web.Response(status=status, text=json.dumps(body), content_type="application/json")

    host.grant = grant
    async with context_for(host) as context:
        assert await status_of(Client(oauth(host, tmp_path)), context, host) == kind
    assert not host.put()


async def test_waiting_for_a_token_counts(host: Host, tmp_path: Path) -> None:
    """A token endpoint that does not answer is a timeout of the question."""
    release = asyncio.Event()

    async def grant(host: Host, request: web.BaseRequest) -> web.Response:
        del host, request
        await release.wait()
        return web.Response()

    host.grant = grant
    hasty = msgspec.structs.replace(oauth(host, tmp_path), timeout_seconds=0.1)
    async with context_for(host) as context:
        assert await status_of(Client(hasty), context, host) == "timeout"
        release.set()
    assert not host.put()


def test_a_secret_or_key_that_cannot_be_read_is_said_at_the_start(tmp_path: Path) -> None:
    """As a ValueError that names neither the file nor what is in it."""
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    base = {"token_url": "https://t.example/", "client_id": "wij"}
    for table in (
        {"client_secret_file": str(tmp_path / "gone")},
        {"client_secret_file": str(tmp_path / "empty")},
        {"client_secret_file": str(tmp_path / "binary")},
        {"client_authentication": "private_key_jwt", "key_file": str(tmp_path / "gone")},
        {"client_authentication": "private_key_jwt", "key_file": str(tmp_path / "empty")},
    ):
        settings = msgspec.convert({"oauth": {**base, **table}}, Access)
        with pytest.raises(ValueError, match="_file of oauth") as caught:
            Client(settings)
        assert str(tmp_path) not in str(caught.value)


async def test_a_message_is_made_anew_for_every_time(host: Host) -> None:
    """A body that is made, as signed messages are, has a number of its own when it is put once more."""
    host.answer = answering(503, 200)
    made: list[bytes] = []

    def body() -> bytes:
        made.append(f"bericht {len(made)}".encode())
        return made[-1]

    async with context_for(host) as context:
        await Client(Access()).ask(context, "POST", f"{host.url}/vraag", body=body)
    assert [one.body for one in host.asked] == made == [b"bericht 0", b"bericht 1"]


def guide() -> str:
    return (Path(__file__).parents[3] / "docs" / "guides" / "operator.md").read_text(encoding="utf-8")


def test_every_setting_is_in_the_guide() -> None:
    """An operator finds each of them under "Sources"."""
    told = guide().partition("### Sources")[2].partition("\n### ")[0]
    names = [field.name for kind in (SuwiAccess, OAuth) for field in msgspec.structs.fields(kind)]
    assert [name for name in names if f"`{name}`" not in told] == []


def test_the_example_of_the_guide_is_one() -> None:
    """The registry takes its tables; only the files are yours."""
    example = tomllib.loads(guide().partition("```toml mandated.toml\n")[2].partition("```")[0])["connectors"]
    registers = msgspec.convert(example["mijnoverheid"], MijnOverheidSettings)
    assert registers.certificates().keys() == {"api.register.example:443", "tokens.register.example:443"}
    assert msgspec.convert(example["uwv"], UwvSettings).hosts() == {"suwinet.example:443"}
