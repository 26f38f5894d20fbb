"""The cluster client against a real cluster whose slots move and whose nodes die."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.crc import key_slot

from sessions.store.connection import UNAVAILABLE
from tests import stores
from tests.stores import DroppingProxy, Node, Store, connected, wait_until

_COUNT = "return redis.call('INCR', KEYS[1])"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A cluster whose slots these tests may move about: 0 to 5460 on the first node, from 10922 on the last."""
    with stores.cluster(tmp_path_factory.mktemp("store")) as running:
        yield running


def _key_in(slots: range) -> str:
    return next(f"key-{n}" for n in range(1_000_000) if key_slot(f"key-{n}".encode()) in slots)


def _slot(key: str) -> int:
    return key_slot(key.encode())


def _identity(node: Node) -> str:
    return node.client.execute_command("CLUSTER", "MYID").decode()


def _give(cluster: Store, slot: int, to: Node) -> None:
    """Make `to` the owner of an empty slot on every node, the new owner first."""
    for node in (to, *(node for node in cluster.nodes if node is not to)):
        node.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", _identity(to))


def _is_at_home(cluster: Store, node: Node) -> bool:
    """Whether every node tells clients the node's own port again: who comes next must not be sent to the proxy."""
    told = [other.client.execute_command("CLUSTER", "NODES") for other in cluster.nodes]
    return all(f":{node.port}@".encode() in text for text in told)


async def test_a_lost_reply_does_not_run_a_script_twice(cluster: Store) -> None:
    """The node ran the script and its answer was lost: an error for the caller, and nothing is sent again."""
    node = cluster.nodes[0]
    async with DroppingProxy(f"redis://{stores.HOST}:{node.port}") as proxy:
        node.client.config_set("cluster-announce-port", proxy.port)  # so the client reaches the node by the proxy
        try:
            async with connected(f"redis+cluster://{stores.HOST}:{proxy.port}") as store:
                key = _key_in(range(5000))
                proxy.drop_reply_to(b"EVAL")
                with pytest.raises(UNAVAILABLE):
                    await store.client.eval(_COUNT, 1, key)
                assert (proxy.dropped, proxy.count(b"EVAL")) == (1, 1)
                assert await store.client.get(key) == b"1"
        finally:
            node.client.config_set("cluster-announce-port", 0)
            wait_until(lambda: _is_at_home(cluster, node))


async def test_moved_is_followed_on_a_stale_topology(cluster: Store) -> None:
    """A slot moved after we learned the topology: MOVED says the command was not run, so it is sent on."""
    key = _key_in(range(100))
    first, second, _ = cluster.nodes
    async with connected(cluster.url) as store:
        _give(cluster, _slot(key), second)
        assert await store.client.eval(_COUNT, 1, key) == 1
        assert second.client.get(key) == b"1"
        await store.client.delete(key)
        _give(cluster, _slot(key), first)
        assert await store.client.get(key) is None


async def test_many_moves_disturb_nobody(cluster: Store) -> None:
    """While slots keep moving, commands under way elsewhere keep their connections."""
    first, second, _ = cluster.nodes
    keys = [_key_in(range(slot, slot + 1)) for slot in range(200, 212)]
    other = _key_in(range(12_000, 13_000))
    async with connected(cluster.url) as store:
        waiting = asyncio.create_task(store.client.blpop([other], timeout=4))
        for key in keys:
            _give(cluster, _slot(key), second)
        assert await asyncio.gather(*(store.client.eval(_COUNT, 1, key) for key in keys)) == [1] * len(keys)
        await store.client.rpush(other, "x")
        assert list(await waiting) == [other.encode(), b"x"]
        await asyncio.gather(*(store.client.delete(key) for key in keys))
    for key in keys:
        _give(cluster, _slot(key), first)


async def test_ask_is_followed_on_one_connection(cluster: Store) -> None:
    """A slot on its way: ASKING and the command reach the new node together, however many connections are idle."""
    key, at_target = _key_in(range(300, 400)), _key_in(range(6000, 7000))
    source, target, _ = cluster.nodes
    async with connected(cluster.url) as store:
        await asyncio.gather(*(store.client.get(at_target) for _ in range(4)))
        target.client.execute_command("CLUSTER", "SETSLOT", _slot(key), "IMPORTING", _identity(source))
        source.client.execute_command("CLUSTER", "SETSLOT", _slot(key), "MIGRATING", _identity(target))
        assert [await store.client.eval(_COUNT, 1, key) for _ in range(3)] == [1, 2, 3]
        await store.client.delete(key)
    for node in (source, target):
        node.client.execute_command("CLUSTER", "SETSLOT", _slot(key), "STABLE")


async def test_a_half_moved_slot_is_waited_for(cluster: Store) -> None:
    """TRYAGAIN (some keys moved, some not) says the command was not run: it is sent again until the slot is whole."""
    tag = _key_in(range(500, 600))
    one, two = f"{{{tag}}}:1", f"{{{tag}}}:2"
    source, target, _ = cluster.nodes
    async with connected(cluster.url) as store:
        await store.client.set(one, "x")
        target.client.execute_command("CLUSTER", "SETSLOT", _slot(tag), "IMPORTING", _identity(source))
        source.client.execute_command("CLUSTER", "SETSLOT", _slot(tag), "MIGRATING", _identity(target))
        asked = asyncio.create_task(store.client.eval("return redis.call('EXISTS', KEYS[1], KEYS[2])", 2, one, two))
        done, _ = await asyncio.wait({asked}, timeout=0.15)
        assert not done
        for node in (source, target):
            node.client.execute_command("CLUSTER", "SETSLOT", _slot(tag), "STABLE")
        assert await asked == 1
        await store.client.delete(one)


async def test_an_error_inside_a_script_is_the_callers(cluster: Store) -> None:
    """Errors that are no redirection come through as they are."""
    async with connected(cluster.url) as store:
        with pytest.raises(Exception, match="mine"):
            await store.client.eval("return redis.error_reply('ERR mine')", 1, "key")


async def test_a_cluster_is_as_durable_as_its_weakest_primary(cluster: Store) -> None:
    """One primary that fsyncs once a second makes the cluster `everysec`."""
    weak = cluster.nodes[2].client
    async with connected(cluster.url) as store:
        weak.config_set("appendfsync", "everysec")
        assert await store.durability() == "everysec"
        weak.config_set("appendfsync", "always")


async def test_lost_nodes_fail_their_slots_only(tmp_path: Path) -> None:
    """With one primary gone its keys raise one of UNAVAILABLE; without any node the same, and never another kind."""
    with stores.cluster(tmp_path) as running:
        for node in running.nodes:
            node.client.config_set("cluster-require-full-coverage", "no")
        async with connected(running.url) as store:
            running.nodes[0].kill()
            with pytest.raises(UNAVAILABLE):
                await store.client.get(_key_in(range(5000)))
            assert await store.client.get(_key_in(range(12_000, 13_000))) is None
            running.nodes[1].kill()
            running.nodes[2].kill()
            for _ in range(3):
                with pytest.raises(UNAVAILABLE):
                    await store.client.get("any")
