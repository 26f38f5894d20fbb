"""Two workers with much to do at once, in one process and in two: each event goes out once, whatever else happens."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from broker import deliveries
from broker.delivery import acknowledge
from broker.errors import Problem
from broker.parts import Parts, running
from broker.purge import new_event_id
from broker.stopping import ended, stopped
from broker.worker import Worker
from sandbox.backoffice import BackOffice
from sandbox.stage import PROFILES, PROVIDER
from sandbox.stage import running as on_stage
from schemas.ledger import LedgerLine
from sessions import consenting, ending
from sessions.change import Change
from sessions.errors import Refused
from sessions.model import Consent, PersonState, Profile, Recipient, Session, State, Text
from sessions.secrets import new_session_id, random_text
from sessions.store.chain import Chains
from sessions.store.connection import Connection
from sessions.store.sessions import SessionStore
from tests.answering import answering
from tests.house import standing
from tests.integration.provider.asking import registered, until
from tests.stores import Store, connected

MANY = 60
_NAME = Text(nl="Gemeente", en="Municipality")
_PROFILE = Profile(id="bijstand", purpose=Text(nl="Bijstand", en="Assistance"), required=("uwv",), household="single")


class Webhook:
    """What came of each event, by its id; `at_once` is how often one was sent beside itself."""

    def __init__(self) -> None:
        self.came: Counter[str] = Counter()
        self.kinds: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        self.has: set[str] = set()  # sessions whose data were taken in
        self.at_once = 0
        self._under_way: Counter[str] = Counter()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Take in an event, slowly enough for others to come between."""
        event: dict[str, Any] = msgspec.json.decode(await request.read())
        self._under_way[event["id"]] += 1
        self.at_once = max(self.at_once, self._under_way[event["id"]])
        await asyncio.sleep(0.01)
        self._under_way[event["id"]] -= 1
        self.came[event["id"]] += 1
        data, kind = event["data"], event["type"].rsplit(".", 1)[1]
        self.kinds[data["sessionId"]].append((data["sequence"], kind))
        if kind == "data":
            self.has.add(data["sessionId"])
        return web.Response(status=204)


async def consented(store: SessionStore, provider: str, now: float) -> str:
    """A session of this provider whose data wait to be delivered; what is in them is not looked at here."""
    made = Session(
        id=new_session_id(0),
        provider=provider,
        profile=_PROFILE,
        recipient=Recipient(provider=provider, name=_NAME, key="{}", webhook=True),
        language="nl",
        household="single",
        created_at=now,
        expires_at=now + 259_200,
        state=State.COLLECTING,
        attempt_at=now,
        partner="without",
        people={"applicant": PersonState(sources={})},
        consents={
            "applicant": Consent(
                at=now, review_digest="", phone="", shared_phone=False, language="nl", entry=secrets.token_hex(32)
            )
        },
    )
    ids = (f"evt_{random_text(16)}", f"evt_{random_text(16)}")
    await store.create(consenting.send(made, "applicant", b"sealed", "digest", ids, now), now)
    return made.id


async def finished(connection: Connection, ids: list[str]) -> dict[str, Session]:
    """Every session, once nothing waits any more."""

    async def waiting() -> int:
        return await connection.client.zcard("{p0}:outbox")

    await until(waiting, lambda left: left == 0, 60)
    store = SessionStore(connection)
    return {one: (await store.read(one)).session for one in ids}


async def whole(connection: Connection, provider: str, found: dict[str, Session], webhook: Webhook) -> None:
    """Each event once, the last notice the truest, the ledger and the list complete and no line of them twice."""
    assert webhook.at_once == 1
    assert set(webhook.came.values()) == {1}
    for session_id, session in found.items():
        assert session.ended
        assert max(webhook.kinds[session_id]) == (session.sequence, _told(session))
    chain = await Chains(connection).whole(provider)
    lines = [msgspec.json.decode(line, type=LedgerLine) for line in chain.lines]
    assert Counter(line.kind for line in lines) == Counter(
        kind
        for session in found.values()
        for kind in _LINES.get(_told(session), ["given"])
        if kind != "lapsed" or not session.maybe_received
    )
    assert len({(line.kind, line.receipt) for line in lines}) == len(lines)
    listed: Any = await connection.client.hgetall(f"{{l:{provider}}}:entries")
    states = {name.decode(): entry.split(b"|")[1].decode() for name, entry in listed.items()}
    assert states == {one: session.state for one, session in found.items()}


_LINES = {"withdrawn": ["given", "withdrawn"], "cancelled": ["given", "lapsed"]}


def _told(session: Session) -> str:
    return "withdrawn" if session.reason == "withdrawn" else str(session.state)


# -- in one process


@asynccontextmanager
async def working(*of: Parts) -> AsyncGenerator[None]:
    """A worker for each of these parts."""
    workers = [Worker(parts) for parts in of]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        await asyncio.gather(*tasks)


async def test_two_workers_and_everybody_else_at_once(tmp_path: Path, single_store: Store) -> None:
    """Sixty deliveries, while who has them acknowledges, cancels or asks again, and citizens take theirs back.

    Each thrice at the same moment. Who reads that it was taken back, and not that it may have been received, is right.
    """
    settings = {"OPHAALBRUG_WORKER": "false", "OPHAALBRUG_DELIVERY_SCHEDULE_SECONDS": "[100]"}
    webhook = Webhook()
    async with (
        standing(tmp_path, single_store.url, settings=settings) as house,
        answering(webhook.answer) as url,
        running(house.settings, single_store.url) as other,
    ):
        parts, provider = house.parts, "gemeente"
        office = BackOffice(provider, house.url, house.http, clock=house.now)
        await registered(house, tmp_path, office, PROFILES[:1], f"{url}/haak")
        ids = [await consented(parts.sessions, provider, house.now()) for _ in range(MANY)]
        acts = [_acknowledges, _withdraws, _cancels, _asks_again, _nothing]
        async with working(parts, other):
            asked = [acts[number % 5](at, one) for number, one in enumerate(ids) for at in (parts, other, parts)]
            await asyncio.gather(*map(_refusable, asked))
            found = await finished(parts.connection, ids)
        await whole(parts.connection, provider, found, webhook)
        for session_id, session in found.items():
            if session.reason == "withdrawn" and not session.maybe_received:
                assert session_id not in webhook.has


async def _refusable(act: Awaitable[Any]) -> None:
    try:
        await act
    except (Refused, Problem) as refused:
        if refused.code not in ("session-ended", "delivery-under-way", "delivery-over"):
            raise


async def _acknowledges(parts: Parts, session_id: str) -> None:
    await acknowledge(parts, session_id, "digest")


async def _cancels(parts: Parts, session_id: str) -> None:
    await stopped(parts, await parts.sessions.read(session_id), "provider")


async def _asks_again(parts: Parts, session_id: str) -> None:
    for sequence in (1, 2):
        await deliveries.retry(parts, None, f"{session_id}-{sequence}")


async def _nothing(parts: Parts, session_id: str) -> None:
    await parts.sessions.read(session_id)


async def _withdraws(parts: Parts, session_id: str) -> None:
    def decide(session: Session, now: float, has_it: bool) -> Change:
        return ending.withdraw(session, parts.sign_purge, new_event_id(), now, maybe_received=has_it)

    await ended(parts, session_id, decide)


# -- in two processes


async def test_two_worker_processes(tmp_path: Path) -> None:
    """Two real processes on one outbox: both had work, and none of it was done twice."""
    webhook = Webhook()
    async with answering(webhook.answer) as url, on_stage(tmp_path, webhook_url=f"{url}/haak") as stage:
        await stage.start("worker-2", "worker")
        async with connected(f"unix://{stage.socket}") as connection:
            await until(lambda: _subscribed(connection), lambda clients: clients >= 3, 30)
            store, now = SessionStore(connection), await connection.now()
            ids = [await consented(store, PROVIDER, now) for _ in range(2 * MANY)]
            found = await finished(connection, ids)
            await whole(connection, PROVIDER, found, webhook)
        assert {session.state for session in found.values()} == {State.DELIVERED}
        logs = [(tmp_path / "logs" / f"{name}.log").read_text() for name in ("worker", "worker-2")]
        assert all("delivery.attempted" in log for log in logs)


async def _subscribed(connection: Connection) -> int:
    """How many processes listen for work: the service, and each worker."""
    [(_, count)] = await connection.client.pubsub_numsub("ophaalbrug:changes")
    return count
