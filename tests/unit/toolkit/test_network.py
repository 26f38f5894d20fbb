"""What a network does to the two clients: answers cut off, slow or lost, proxies, threads. Nothing is sent twice."""

from __future__ import annotations

import asyncio
import pickle
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from ophaalbrug_provider import Account, ApiError, Client, NewSession, NoKey, Unreachable, Untrusted
from ophaalbrug_provider.aio import AsyncClient
from tests.answering import answering
from tests.unit.toolkit.pretend import NOW, Caller, Kind, PretendBroker, body_of, headers_of, private_key
from tests.unit.toolkit.pretend import problem as problem_of

READ = "GET /v1/sessions/s"
JWKS = "GET /.well-known/jwks.json"
both = pytest.mark.parametrize("kind", ["blocking", "asyncio"])
Raw = Callable[[asyncio.StreamWriter], Awaitable[None]]
GRANT = b'{"access_token": "t", "expires_in": 300}'
TOKEN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(GRANT), GRANT)


@asynccontextmanager
async def behaving(kind: Kind, behave: Raw, seconds: float = 10) -> AsyncGenerator[Caller]:
    """A caller of a broker that gives out tokens, and answers all else, which must be asked, as told: by bytes."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if length := re.search(rb"(?i)content-length: (\d+)", head):
            await reader.readexactly(int(length[1]))
        if head.startswith(b"POST /oauth/token"):
            writer.write(TOKEN)
        else:
            asked.append("it")
            await behave(writer)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        account = Account("g", url, signing_key=private_key(use="sig"))
        caller = Caller(kind, account, lambda: float(NOW))
        caller.client = Client(account, timeout_seconds=seconds)
        async with AsyncClient(account, timeout_seconds=seconds) as caller.awaited:
            yield caller
    assert asked


@both
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("framing", ["Content-Length: 99", "Transfer-Encoding: chunked"])
async def test_an_answer_that_was_cut_off_is_none(kind: Kind, status: int, framing: str) -> None:
    """Whatever its status was going to be: a part of JSON may be JSON too, and of a payload it is no forgery."""

    async def cut(writer: asyncio.StreamWriter) -> None:
        body = b"63\r\n7" if "chunked" in framing else b"7"
        writer.write(f"HTTP/1.1 {status} X\r\n{framing}\r\n\r\n".encode() + body)
        await writer.drain()

    async with behaving(kind, cut) as caller:
        for name, *args in (("call", "GET", "/v1/profiles"), ("payload", "s")):
            with pytest.raises(Unreachable):
                await caller(name, *args)


@both
async def test_an_answer_that_drips_is_not_waited_for(kind: Kind) -> None:
    """A byte now and then keeps no thread for ever."""
    gone = asyncio.Event()

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
        while not gone.is_set():
            writer.write(b" ")
            try:
                async with asyncio.timeout(0.02):
                    await gone.wait()
            except TimeoutError:
                continue

    async with behaving(kind, drip, seconds=0.3) as caller:
        with pytest.raises(Unreachable):
            await caller("session", "s")
        gone.set()


@both
async def test_nothing_is_sent_twice_by_itself(kind: Kind) -> None:
    """When no answer came, whoever asked decides: also on a connection that served before."""
    came: list[str] = []

    async def lose(request: web.Request) -> web.StreamResponse:
        came.append(f"{request.method} {request.path}")
        if request.path == "/oauth/token" or request.method == "GET":
            return web.json_response({"access_token": "t", "expires_in": 300})
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with answering(lose) as url:
        caller = Caller(kind, Account("g", url, signing_key=private_key(use="sig")), lambda: float(NOW))
        async with caller.awaited:
            for name, *args in (("acknowledge", "s", "0"), ("retry_delivery", "s-1"), ("test_webhook",)):
                await caller("call", "GET", "/v1/profiles")
                with pytest.raises(Unreachable):
                    await caller(name, *args)
            with pytest.raises(Unreachable):
                await caller("create_session", NewSession(profile="p"), idempotency_key="k")
    posts = [one for one in came if one.startswith("POST /v1")]
    assert len(posts) == len(set(posts)) == 4


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
async def test_a_refusal_is_handed_on_at_once(caller: Caller, broker: PretendBroker, status: int) -> None:
    """Only after a 401 a call is sent again: then certainly nothing was done."""
    broker.answers["POST /v1/webhook/_test"] = [web.Response(status=status)]
    with pytest.raises(ApiError, match=str(status)):
        await caller("test_webhook")
    assert broker.came.count("POST /v1/webhook/_test") == 1


async def test_a_token_that_another_renewed_is_not_thrown_away(caller: Caller, broker: PretendBroker) -> None:
    """Many calls that are refused together renew the token once, if they may be."""
    await caller("session", "s")

    async def other_renews() -> None:
        broker.answers[READ] = [problem_of(401, "unauthorized")]
        assert (await caller("session", "s")).id == "s"
        broker.answers[READ] = [problem_of(401, "unauthorized")]

    broker.meanwhile[READ] = other_renews
    assert (await caller("session", "s")).id == "s"
    assert broker.tokens == 2


async def test_a_client_is_shared_by_threads_and_tasks(caller: Caller, broker: PretendBroker) -> None:
    """Twenty at once, the first of them without a token or keys: each gets its own answer."""
    bodies = [body_of("opened", f"evt_{number}") for number in range(20)]
    verified = (caller("verify", headers_of(broker.keys, body), body) for body in bodies)
    events = await asyncio.gather(*verified, *(caller("session", "s") for _ in range(20)))
    assert [event.id for event in events] == [f"evt_{number}" for number in range(20)] + ["s"] * 20


async def test_a_clock_that_is_put_back_keeps_no_old_keys(caller: Caller, broker: PretendBroker) -> None:
    """What was fetched in the future is fetched again."""
    for now, fetched in ((NOW, 1), (NOW - 3600, 2)):
        broker.now, body = now, body_of()
        await caller("verify", headers_of(broker.keys, body, now=now), body)
        assert broker.came.count(JWKS) == fetched


async def test_a_broker_on_this_machine_is_asked_directly(
    caller: Caller, broker: PretendBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain http is for this machine alone: a proxy would read the token."""
    asked: list[str] = []

    async def spy(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(status=502)

    async with answering(spy) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "")
        fresh = Caller(caller.kind, caller.account, lambda: broker.now)
        async with fresh.awaited:
            assert ((await fresh("session", "s")).id, asked) == ("s", [])


async def test_a_session_that_raises_by_itself_serves_too(broker: PretendBroker) -> None:
    """A refusal stays one, with its advice, and a token that is refused is renewed."""
    account = Account("g", broker.url, signing_key=private_key(use="sig"))
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        client = AsyncClient(account, session)
        broker.answers[READ] = [problem_of(401, "unauthorized"), problem_of(404, "unknown-session")]
        with pytest.raises(ApiError, match="unknown-session"):
            await client.session("s")


def test_errors_survive_a_queue_of_jobs() -> None:
    """Workers hand them from one process to another: with all they say, once."""
    refused = ApiError(503, "busy", "A sentence.", ("field: why",), 7.0)
    for error in (refused, Unreachable("no answer"), Untrusted("a", "b"), NoKey("c")):
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
