"""The atomic step, by its effect: guards, writes, request marks, and a store that goes away."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
import uvloop
from redis.asyncio import RedisCluster
from redis.exceptions import ResponseError

from sessions.store import connection as store_connection
from sessions.store import embedded
from sessions.store.connection import Connection
from sessions.store.scripts import CHANNEL, REQUEST_MARK_MS, Guard, StoreUnavailable, Write, answer, step
from tests import stores
from tests.integration.store.examples import NOW, everything, hear, port_of
from tests.stores import Store, connected

_SAID = Write("SET", "{p0}:said", ("yes",))

_GUARDS = [
    (Guard("absent", "{p0}:nothing"), True),
    (Guard("absent", "{p0}:text"), False),
    (Guard("absent", "{p0}:hash"), False),
    (Guard("field", "{p0}:hash", "v", "7"), True),
    (Guard("field", "{p0}:hash", "v", 7), True),
    (Guard("field", "{p0}:hash", "v", "07"), False),
    (Guard("field", "{p0}:hash", "w", ""), True),
    (Guard("field", "{p0}:hash", "w", "7"), False),
    (Guard("field", "{p0}:nothing", "v", "7"), False),
    (Guard("score", "{p0}:queue", "a", repr(NOW + 0.1)), True),
    (Guard("score", "{p0}:queue", "a", repr(NOW + 0.2)), False),
    (Guard("score", "{p0}:queue", "b", repr(NOW)), False),
    (Guard("score", "{p0}:nothing", "a", repr(NOW)), False),
]


async def _furnish(connection: Connection) -> None:
    await connection.client.set("{p0}:text", "x")
    await connection.client.hset("{p0}:hash", mapping={"v": "7", "gone": "x"})
    await connection.client.zadd("{p0}:queue", {"a": NOW + 0.1, "gone": 1})


@pytest.mark.parametrize(("guard", "holds"), _GUARDS)
async def test_a_guard_holds_or_stops_the_step(connection: Connection, guard: Guard, holds: bool) -> None:
    """Each kind of guard lets the step through exactly when what it says is so; numbers are compared in full."""
    await _furnish(connection)
    assert await step(connection, "{p0}:mark", (guard,), (_SAID,)) == (None if holds else guard)
    assert await connection.client.get("{p0}:said") == (b"yes" if holds else None)


def _every_write(until: int) -> tuple[Write, ...]:
    return (
        Write("HSET", "{p0}:hash", ("v", 8, "d", b"\xff\x00")),
        Write("HDEL", "{p0}:hash", ("gone",)),
        Write("SET", "{p0}:new", (b"\x00\xfe", "PX", 60_000)),
        Write("UNLINK", "{p0}:text"),
        Write("ZADD", "{p0}:queue", (repr(NOW + 0.3), "b")),
        Write("ZREM", "{p0}:queue", ("gone",)),
        Write("PEXPIREAT", "{p0}:hash", (until,)),
        Write("PUBLISH", "", (CHANNEL, "session x")),
    )


async def test_every_write_is_done(connection: Connection, running: Store) -> None:
    """A step carries out all kinds of writes, with bytes and scores as they were given."""
    await _furnish(connection)
    until = int((NOW + 1000) * 1000)
    subscription = await connection.subscribe(CHANNEL)
    assert await step(connection, "{p0}:mark", (), _every_write(until)) is None
    assert everything(running) == {
        "{p0}:hash": {b"v": b"8", b"d": b"\xff\x00"},
        "{p0}:new": b"\x00\xfe",
        "{p0}:queue": [(b"a", NOW + 0.1), (b"b", NOW + 0.3)],
        "{p0}:mark": b"1",
    }
    assert await connection.client.pexpiretime("{p0}:hash") == until
    assert 0 < await connection.client.pttl("{p0}:new") <= 60_000
    await hear(subscription, b"session x")
    await subscription.aclose()


async def test_a_guard_that_fails_stops_everything(connection: Connection, running: Store) -> None:
    """All or nothing: the first guard that fails is named, and no write of any kind is done, nor a mark left."""
    await _furnish(connection)
    before = everything(running)
    first, second = Guard("field", "{p0}:hash", "v", "6"), Guard("absent", "{p0}:text")
    guards = (Guard("absent", "{p0}:nothing"), first, second)
    assert await step(connection, "{p0}:mark", guards, _every_write(int((NOW + 9) * 1000))) is first
    assert everything(running) == before
    assert await step(connection, "{p0}:mark", (Guard("absent", "{p0}:nothing"),), (_SAID,)) is None


async def test_the_same_request_twice_is_one_effect(connection: Connection) -> None:
    """A step sent again under its mark answers "done", though its guard no longer holds, and writes nothing."""
    guards = (Guard("absent", "{p0}:said"),)
    assert await step(connection, "{p0}:mark", guards, (_SAID,)) is None
    await connection.client.set("{p0}:said", "later")
    assert await step(connection, "{p0}:mark", guards, (_SAID,)) is None
    assert await connection.client.get("{p0}:said") == b"later"
    assert await step(connection, "{p0}:other", guards, (_SAID,)) is guards[0]


async def test_a_request_is_remembered_for_ten_minutes(connection: Connection) -> None:
    """The mark ends by itself, long after anybody would send the same step again."""
    await step(connection, "{p0}:mark", (), (_SAID,))
    assert REQUEST_MARK_MS - 60_000 < await connection.client.pttl("{p0}:mark") <= REQUEST_MARK_MS


async def test_of_fifty_steps_for_one_version_one_is_done(connection: Connection) -> None:
    """Steps made for the same version exclude each other, however many run at once."""
    await connection.client.hset("{p0}:hash", "v", 1)
    guards = (Guard("field", "{p0}:hash", "v", "1"),)

    async def attempt(number: int) -> bool:
        writes = (Write("HSET", "{p0}:hash", ("v", 2, f"by-{number}", "x")),)
        return await step(connection, f"{{p0}}:mark-{number}", guards, writes) is None

    done = await asyncio.gather(*(attempt(number) for number in range(50)))
    assert done.count(True) == 1
    assert set(await connection.client.hgetall("{p0}:hash")) == {b"v", f"by-{done.index(True)}".encode()}


async def test_a_store_that_forgot_the_scripts_is_given_them_again(connection: Connection, running: Store) -> None:
    """After a restart or a failover the scripts are unknown: they are sent along once more."""
    for node in running.nodes:
        node.client.script_flush()
    assert await step(connection, "{p0}:mark", (), (_SAID,)) is None
    assert await connection.client.get("{p0}:said") == b"yes"


async def test_a_command_that_is_wrong_is_no_outage(connection: Connection) -> None:
    """An error of ours is not taken for a store that cannot be reached."""
    await connection.client.set("{p0}:text", "x")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await step(connection, "{p0}:mark", (), (Write("HSET", "{p0}:text", ("v", 1)),))


# -- a store that goes away


@pytest.mark.parametrize("topology", ["single", "sentinel", "cluster"])
async def test_a_hanging_store_is_told_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topology: str) -> None:
    """Nodes that stop answering give StoreUnavailable after two read timeouts; when they go on, so do we.

    The step that had no answer was sent twice and lies in both sockets: it is done once.
    """
    monkeypatch.setattr(store_connection, "READ_SECONDS", 0.3)
    with getattr(stores, topology)(tmp_path) as running:
        async with connected(running.url) as connection:
            nodes = (*running.nodes, *running.sentinels)
            for node in nodes:
                node.stop()
            try:
                began = time.monotonic()
                with pytest.raises(StoreUnavailable):
                    await _say_once(connection)
                assert time.monotonic() - began < 5
            finally:
                for node in nodes:
                    node.resume()
            await _say_until_heard(connection)
            assert await connection.client.get("{p0}:said") == b"yes"


async def _say_once(connection: Connection) -> Guard | None:
    return await step(connection, "{p0}:mark", (Guard("absent", "{p0}:said"),), (_SAID,))


async def _say_until_heard(connection: Connection) -> None:
    """Send the step until the store answers; it must then be done, once."""
    async with asyncio.timeout(20):
        while True:
            try:
                assert await _say_once(connection) is None
                return
            except StoreUnavailable:
                await asyncio.sleep(0.05)


async def test_a_killed_store_that_comes_back_is_used_again(tmp_path: Path) -> None:
    """While the server is gone every step says so; after its restart the same connection works, and knows the mark."""
    with embedded.start(tmp_path / "data") as first:
        async with connected(first.url) as connection:
            assert await step(connection, "{p0}:mark", (), (_SAID,)) is None
            first.stop()
            with pytest.raises(StoreUnavailable):
                await step(connection, "{p0}:more", (), (_SAID,))
            with embedded.start(tmp_path / "data"):
                assert await step(connection, "{p0}:mark", (), (Write("UNLINK", "{p0}:said"),)) is None
                assert await step(connection, "{p0}:more", (Guard("absent", "{p0}:said"),), ()) is not None


async def test_a_lost_cluster_node_takes_its_partitions_only_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One primary is killed: its partitions answer StoreUnavailable at once; nothing raises anything else."""
    monkeypatch.setattr(store_connection, "READ_SECONDS", 0.5)
    with stores.cluster(tmp_path) as running:
        async with connected(running.url) as connection:
            assert isinstance(connection.client, RedisCluster)
            port = port_of(connection.client, "{p0}:said")
            next(node for node in running.nodes if node.port == port).kill()
            for number in range(4):
                with pytest.raises(StoreUnavailable):
                    await step(connection, f"{{p0}}:mark-{number}", (), (_SAID,))


def _forbid(running: Store, how: str) -> None:
    server = running.nodes[0].client
    settings: dict[str, dict[str, Any]] = {"full": {"maxmemory": 1}, "alone": {"min-replicas-to-write": 1}}
    for name, value in settings.get(how, {}).items():
        server.config_set(name, value)
    if how == "replica":
        server.replicaof(stores.HOST, 9)


@pytest.mark.parametrize("how", ["full", "alone", "replica"])
async def test_a_store_that_takes_no_writes_is_unavailable(tmp_path: Path, how: str) -> None:
    """Memory full, too few replicas, or a replica by now: not our fault and not for ever; nothing is written."""
    with stores.single(tmp_path) as running:
        async with connected(running.url) as connection:
            _forbid(running, how)
            with pytest.raises(StoreUnavailable):
                await step(connection, "{p0}:mark", (), (_SAID,))
            assert await connection.client.get("{p0}:said") is None


def test_a_connection_that_is_closed_under_a_command_is_an_outage() -> None:
    """On uvloop that is a RuntimeError, which is no mistake of ours; any other RuntimeError is."""

    async def written_to_nobody() -> None:
        async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await reader.read()
            writer.transport.abort()
            while True:
                writer.write(b"PING")
                await asyncio.sleep(0)

    async def failed() -> None:
        raise RuntimeError("something else")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        with pytest.raises(StoreUnavailable):
            runner.run(answer(written_to_nobody()))
        with pytest.raises(RuntimeError, match="something else"):
            runner.run(answer(failed()))
