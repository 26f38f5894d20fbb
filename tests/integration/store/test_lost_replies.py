"""A reply is lost after the server carried the command out: nothing is done twice, and nobody is told otherwise.

On every topology, with a proxy before each node that takes writes. Where a node is named in the store's own answers
(Sentinel, Cluster), it is the proxy's port that is named.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from redis.asyncio import RedisCluster

from sessions.change import Change
from sessions.errors import Refused
from sessions.model import Phone, Session
from sessions.store import scripts
from sessions.store.connection import Connection
from sessions.store.records import Records
from sessions.store.scripts import CHANNEL, Guard, Write, step
from sessions.store.sessions import SessionStore
from sessions.store.work import WorkQueue
from tests import stores
from tests.integration.store import examples
from tests.integration.store.examples import NOW, everything, port_of, session
from tests.stores import HOST, DroppingProxy, Store, connected

LEASE = 30.0


@dataclass(frozen=True)
class Lossy:
    """A deployment behind proxies, and a connection to it."""

    running: Store
    connection: Connection
    proxies: tuple[DroppingProxy, ...]

    async def losing(self, key: str, call: Any) -> Any:
        """What `call` answers when the reply to its script, which is for the slot of `key`, is lost once."""
        proxy = self.proxies[0]
        if isinstance(self.connection.client, RedisCluster):
            port = port_of(self.connection.client, key)
            proxy = next(p for p in self.proxies if p.port == port)
        dropped, sent = proxy.dropped, proxy.count(b"EVALSHA")
        proxy.drop_reply_to(b"EVALSHA")
        found = await call
        assert (proxy.dropped - dropped, proxy.count(b"EVALSHA") - sent) == (1, 2)
        return found


async def _single(stack: AsyncExitStack, directory: Path) -> tuple[Store, str, list[DroppingProxy]]:
    running = stack.enter_context(stores.single(directory))
    proxy = await stack.enter_async_context(DroppingProxy(running.url))
    return running, proxy.url, [proxy]


async def _sentinel(stack: AsyncExitStack, directory: Path) -> tuple[Store, str, list[DroppingProxy]]:
    running = stack.enter_context(stores.sentinel(directory))
    proxy = await stack.enter_async_context(DroppingProxy(f"redis://{HOST}:{running.nodes[0].port}"))
    watch = running.sentinels[0]
    await asyncio.to_thread(watch.client.execute_command, "SENTINEL", "MONITOR", "behind", HOST, proxy.port, 1)
    return running, f"redis+sentinel://{HOST}:{watch.port}/behind/0", [proxy]


async def _cluster(stack: AsyncExitStack, directory: Path) -> tuple[Store, str, list[DroppingProxy]]:
    running = stack.enter_context(stores.cluster(directory))
    nodes = [f"redis://{HOST}:{node.port}" for node in running.nodes]
    proxies = [await stack.enter_async_context(DroppingProxy(node)) for node in nodes]
    for node, proxy in zip(running.nodes, proxies, strict=True):
        node.client.config_set("cluster-announce-port", proxy.port)
    ports = {proxy.port for proxy in proxies}
    for node in running.nodes:
        await asyncio.to_thread(stores.wait_until, lambda node=node: _named(node) == ports)
    return running, f"redis+cluster://{HOST}:{proxies[0].port}", proxies


def _named(node: stores.Node) -> set[int]:
    slots: Any = node.client.execute_command("CLUSTER SLOTS")
    return {entry[2][1] for entry in slots}


@pytest.fixture(params=[_single, _sentinel, _cluster], ids=["single", "sentinel", "cluster"])
async def lossy(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lossy]:
    async with AsyncExitStack() as stack:
        running, url, proxies = await request.param(stack, tmp_path)
        connection = await stack.enter_async_context(connected(url))
        for script in Path(scripts.__file__).parent.glob("*.lua"):  # known beforehand, so that each goes out as EVALSHA
            for client in examples.masters(running):
                client.script_load(script.read_text())
        yield Lossy(running, connection, tuple(proxies))


async def test_a_lost_reply_is_never_a_second_effect(lossy: Lossy) -> None:
    """The retry answers as the first sending did, and leaves the store as the first sending left it.

    One test for all, as the deployments behind proxies take seconds to start: a step, creating, moving, opening,
    claiming, putting off, finishing, and listing, each with its reply lost.
    """
    await _a_step(lossy)
    made = await _creating(lossy)
    await _moving(lossy, made)
    await _opening(lossy, made)
    await _work(lossy)
    await _listing(lossy, made)


async def _a_step(lossy: Lossy) -> None:
    """A guard that the step itself makes fail would tell a second run from the first; so would a second notice."""
    subscription = await lossy.connection.subscribe(CHANNEL)
    guards = (Guard("absent", "{p0}:said"),)
    writes = (Write("SET", "{p0}:said", ("yes",)), Write("PUBLISH", "", (CHANNEL, "session x")))
    assert await lossy.losing("{p0}", step(lossy.connection, "{p0}:mark", guards, writes)) is None
    assert await lossy.losing("{p0}", step(lossy.connection, "{p0}:other", guards, writes)) is guards[0]
    await step(lossy.connection, "{p0}:end", (), (Write("PUBLISH", "", (CHANNEL, "end")),))  # from the same node
    assert [await asyncio.wait_for(anext(subscription), 5) for _ in range(2)] == [b"session x", b"end"]
    await subscription.aclose()


async def _creating(lossy: Lossy) -> Session:
    """The creator is told that the session is new, not that an earlier request made it."""
    caller = Phone(id="phone", token="token", thumbprint="t", wrap_public=b"w")
    store, made = SessionStore(lossy.connection), replace(session(), phones=(caller,))
    change = Change(session=made)
    assert await lossy.losing("{p0}", store.create(change, NOW, ("name", b"body"))) is None
    assert await lossy.losing("{p0}", store.create(change, NOW, ("name", b"other"))) == b"body"
    assert (await store.read(made.id)).version == 1
    return made


async def _moving(lossy: Lossy, made: Session) -> None:
    """One move is one version, and `apply` knows its own step from somebody else's."""
    store = SessionStore(lossy.connection)
    opened = await store.read(made.id)
    assert await lossy.losing("{p0}", store.apply(Change(session=made), opened, NOW))
    assert not await lossy.losing("{p0}", store.apply(Change(session=made), opened, NOW))
    await lossy.losing("{p0}", store.move(made.id, lambda s, _: Change(session=s), NOW))
    assert (await store.read(made.id)).version == 3


async def _opening(lossy: Lossy, made: Session) -> None:
    """The phone's own request is no replay because we sent it twice; a second request with its proof is."""
    store = SessionStore(lossy.connection)
    found = await lossy.losing("{p0}", store.open(made.id, "proof", NOW + 1, "token"))
    assert (found.session, found.seen_at) == (made, NOW + 1)
    with pytest.raises(Refused, match="replayed"):
        await lossy.losing("{p0}", store.open(made.id, "proof", NOW + 2, "token"))
    assert (await store.read(made.id)).seen_at == NOW + 1


async def _work(lossy: Lossy) -> None:
    """Work whose claim was never heard of is in nobody's hands until its lease ends; ends are counted once."""
    work = WorkQueue(lossy.connection)
    assert await lossy.losing("{p0}", work.claim(0, NOW, LEASE, 9)) == []
    assert await work.claim(0, NOW + LEASE - 1, LEASE, 9) == []
    [claim] = await work.claim(0, NOW + LEASE, LEASE, 9)
    assert await lossy.losing("{p0}", work.again(claim, NOW + 100, NOW))
    [claim] = await work.claim(0, NOW + 100, LEASE, 9)
    assert claim.queued.attempts == 1
    assert await lossy.losing("{p0}", work.done(claim))
    assert "{p0}:outbox" not in everything(lossy.running)


async def _listing(lossy: Lossy, made: Session) -> None:
    """A session is listed once, and forgotten."""
    records = Records(lossy.connection)
    await lossy.losing("{l:gemeente}", records.put_listed(made, 3))
    [listed] = await records.listed("gemeente", reference=None, state=None, offset=0, limit=9)
    assert listed.id == made.id
    await lossy.losing("{l:gemeente}", records.drop_listed("gemeente", made.id))
    assert await records.listed("gemeente", reference=None, state=None, offset=0, limit=9) == []
