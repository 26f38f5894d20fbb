"""The way to the store through Sentinel: whoever is master now, and no write to whoever was."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessions.store import connection as store_connection
from sessions.store import sentinel as store_sentinel
from sessions.store.connection import UNAVAILABLE, connect
from tests import stores
from tests.stores import Store, connected, wait_until

_COUNT = "return redis.call('INCR', KEYS[1])"


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[Store]:
    """A Sentinel deployment these tests may hurt."""
    with stores.sentinel(tmp_path) as running:
        yield running


async def _new_master(sentinel: Store) -> None:
    """Wait until the sentinel names the former replica as master."""
    await asyncio.to_thread(wait_until, lambda: stores.master_port(sentinel) == sentinel.nodes[1].port)


async def test_the_first_command_after_a_failover_finds_the_new_master(sentinel: Store) -> None:
    """The master was killed and the sentinel has named another: nothing fails any more."""
    master, replica = sentinel.nodes
    async with connected(sentinel.url) as store:
        await store.client.set("key", "before")
        await asyncio.to_thread(wait_until, lambda: replica.client.get("key") == b"before")
        master.kill()
        await _new_master(sentinel)
        assert await store.client.eval(_COUNT, 1, "count") == 1
        assert await store.client.get("key") == b"before"
        assert replica.client.get("count") == b"1"


async def test_a_replaced_master_that_still_answers_is_left(sentinel: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failover on demand the old master goes on taking writes for seconds: ours no longer go there."""
    async with connected(sentinel.url) as store:
        await asyncio.gather(*(store.client.set(f"key-{n}", "x") for n in range(5)))
        sentinel.sentinels[0].client.execute_command("SENTINEL", "FAILOVER", stores.SERVICE)
        await _new_master(sentinel)
        monkeypatch.setattr(store_sentinel, "RECHECK_SECONDS", 0.0)  # as if its second had passed
        await store.client.set("after", "x")
        assert sentinel.nodes[1].client.get("after") == b"x"


async def test_a_frozen_master_is_replaced(sentinel: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A master that hangs raises within the read timeout; after the failover the next command works."""
    monkeypatch.setattr(store_connection, "READ_SECONDS", 0.5)
    master, replica = sentinel.nodes
    async with connected(sentinel.url) as store:
        master.stop()
        try:
            with pytest.raises(UNAVAILABLE):
                await store.client.set("key", "x")
            await _new_master(sentinel)
            assert await store.client.set("key", "x")
            assert replica.client.get("key") == b"x"
        finally:
            master.resume()


async def test_lost_sentinels_do_not_stop_a_living_master(sentinel: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no sentinel to ask, connections that are open go on being used."""
    async with connected(sentinel.url) as store:
        sentinel.sentinels[0].kill()
        monkeypatch.setattr(store_sentinel, "RECHECK_SECONDS", 0.0)
        assert await store.client.set("key", "x")


async def test_a_subscription_follows_the_master(sentinel: Store) -> None:
    """When the master is lost, the subscription goes on at the new one after a gap."""
    master, replica = sentinel.nodes
    async with connected(sentinel.url) as store:
        subscription = await store.subscribe("changes")
        master.kill()
        assert await asyncio.wait_for(anext(subscription), 10) is None
        replica.client.publish("changes", "from the new one")
        assert await asyncio.wait_for(anext(subscription), 10) == b"from the new one"
        await subscription.aclose()


async def test_sentinels_may_have_credentials_of_their_own(sentinel: Store) -> None:
    """A login for the sentinels is given apart from that for the store."""
    watch = sentinel.sentinels[0].client
    watch.execute_command("ACL", "SETUSER", "watcher", "on", ">p&ss", "~*", "&*", "+@all")
    watch.execute_command("ACL", "SETUSER", "default", "off")
    async with connected(sentinel.url + "?sentinel_username=watcher&sentinel_password=p%26ss") as store:
        assert await store.client.get("key") is None
    with pytest.raises(UNAVAILABLE):
        await connect(sentinel.url)
