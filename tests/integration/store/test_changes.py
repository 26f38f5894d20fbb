"""The change channel, by effect: whoever watches hears of every step of anybody, and is told to look after a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from sessions.change import Change
from sessions.model import Session
from sessions.store.changes import Changes, Watch
from sessions.store.connection import Connection
from sessions.store.records import Records
from sessions.store.scripts import CHANNEL, StoreUnavailable
from sessions.store.sessions import SessionStore
from tests import stores
from tests.integration.store.examples import NOW, masters, session
from tests.stores import Store, connected

SOON = 5.0


@pytest.fixture
async def changes(store_url: str, running: Store) -> AsyncIterator[Changes]:
    """Another process' channel, on a connection of its own; what earlier tests published is over."""
    async with connected(store_url) as other:
        listening = Changes(other)
        await listening.start()
        await _settle(listening, running)
        yield listening
        await listening.stop()


def _again(found: Session, _: float) -> Change:
    return Change(session=replace(found, sequence=found.sequence + 1))


async def _settle(changes: Changes, running: Store) -> None:
    """Wait until everything published up to now was heard: of each node, as notices of one node keep their order."""
    for number, client in enumerate(masters(running)):
        marker = changes.watch(f"marker {number}")
        client.publish(CHANNEL, marker.name)
        assert await marker.wait(SOON)
        marker.close()


async def test_each_step_reaches_who_watches_the_session(changes: Changes, sessions: SessionStore) -> None:
    """Creation and every move, from any partition and so from any node of a cluster."""
    for partition in range(6):
        made = session(partition)
        watch = changes.watch(f"session {made.id}")
        await sessions.create(Change(session=made), NOW)
        assert await watch.wait(SOON)
        for _ in range(2):
            await sessions.move(made.id, _again, NOW)
            assert await watch.wait(SOON)
        watch.close()


async def test_a_step_that_is_not_done_tells_nothing(changes: Changes, sessions: SessionStore, running: Store) -> None:
    """A step for an older version wakes nobody; neither does another session's step."""
    made = session()
    await sessions.create(Change(session=made), NOW)
    current = await sessions.read(made.id)
    await sessions.move(made.id, _again, NOW)
    await _settle(changes, running)
    watch = changes.watch(f"session {made.id}")
    assert not await sessions.apply(Change(session=made), current, NOW)
    await sessions.create(Change(session=session()), NOW)
    await _settle(changes, running)
    assert not watch.take()


async def test_a_kind_can_be_watched_as_a_whole(
    changes: Changes, sessions: SessionStore, connection: Connection, running: Store
) -> None:
    """A worker watches all `work`, the registry's cache every provider."""
    work, registry = changes.watch("work"), changes.watch("registry")
    await sessions.create(Change(session=session()), NOW)
    assert await work.wait(SOON)
    await _settle(changes, running)
    assert not registry.take()
    await Records(connection).swap_provider("gemeente", b"", b"1")
    assert await registry.wait(SOON)
    await _settle(changes, running)
    assert not work.take()


async def test_many_changes_while_nobody_waits_count_as_one(
    changes: Changes, connection: Connection, running: Store
) -> None:
    """A watcher reads the state; how often it changed meanwhile is of no use."""
    watch = changes.watch("session x")
    for _ in range(5):
        await connection.client.publish(CHANNEL, "session x")
    await _settle(changes, running)
    assert await watch.wait(SOON)
    assert not await watch.wait(0.01)
    assert not watch.take()


async def test_every_watcher_of_a_thing_is_told(changes: Changes, connection: Connection) -> None:
    """Two streams of one session are both woken; one that was closed is not, and does not hinder the other."""
    first, second, closed = (changes.watch("session x") for _ in range(3))
    closed.close()
    closed.close()
    await connection.client.publish(CHANNEL, "session x")
    assert await asyncio.gather(first.wait(SOON), second.wait(SOON)) == [True, True]
    assert not closed.take()


async def test_a_gap_wakes_everybody(changes: Changes, running: Store, connection: Connection) -> None:
    """When the subscription broke, notices may be lost: everybody looks, and hears the next notices again."""
    watches = [changes.watch(name) for name in ("session x", "work", "registry")]
    assert sum(node.client.client_kill_filter(_type="pubsub") for node in running.nodes) >= 1
    assert await asyncio.gather(*(watch.wait(SOON) for watch in watches)) == [True, True, True]
    await connection.client.publish(CHANNEL, "work 3")
    assert await watches[1].wait(SOON)


async def test_the_end_wakes_everybody(changes: Changes) -> None:
    """Who waits when the process is about to stop learns of it at once, and that it is the end."""
    watches = [changes.watch(name) for name in ("session x", "work")]
    assert not changes.ending
    changes.end()
    assert await asyncio.gather(*(watch.wait(SOON) for watch in watches)) == [True, True]
    assert changes.ending


async def test_strange_notices_do_no_harm(changes: Changes, connection: Connection) -> None:
    """Bytes that are no text, and names nobody knows, are passed over."""
    watch = changes.watch("session x")
    for text in (b"\xff\xfe", b"", b" ", b"unknown thing"):
        await connection.client.publish(CHANNEL, text)
    await connection.client.publish(CHANNEL, "session x")
    assert await watch.wait(SOON)


async def test_waiting_ends_and_can_be_given_up(changes: Changes, connection: Connection) -> None:
    """Without a change the wait says so in time; a wait that is cancelled loses no change that comes later."""
    watch: Watch = changes.watch("session x")
    assert not await watch.wait(0.01)
    waiting = asyncio.create_task(watch.wait(SOON))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await connection.client.publish(CHANNEL, "session x")
    assert await watch.wait(SOON)


async def test_listening_ends_when_stopped(store_url: str, running: Store) -> None:
    """After `stop` no subscription is left on any node; stopping what never started does nothing."""
    async with connected(store_url) as other:
        never = Changes(other)
        await never.stop()
        listening = Changes(other)
        await listening.start()
        assert _subscribers(running) == 1
        await listening.stop()
        await asyncio.to_thread(stores.wait_until, lambda: _subscribers(running) == 0)


def _subscribers(running: Store) -> int:
    return sum(dict(node.client.pubsub_numsub(CHANNEL))[CHANNEL.encode()] for node in running.nodes)


async def test_a_channel_that_cannot_be_opened_is_store_unavailable(tmp_path: Path) -> None:
    """Starting on a store that is gone says so, in the words every caller knows."""
    with stores.single(tmp_path) as running:
        async with connected(running.url) as other:
            running.nodes[0].kill()
            with pytest.raises(StoreUnavailable):
                await Changes(other).start()


async def test_what_is_told_is_heard_with_its_words(changes: Changes, store_url: str) -> None:
    """What is kept nowhere goes with the notice, to whoever hears that name and to nobody else, in every process."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    others: list[str] = []
    changes.hear("health", heard.put_nowait)
    changes.hear("healthy", others.append)
    async with connected(store_url) as connection:
        telling = Changes(connection)
        telling.tell("health", '{"words": "as they are"}')
        await telling.stop()  # what is still to be told is told first
    async with asyncio.timeout(SOON):
        assert await heard.get() == '{"words": "as they are"}'
    changes.tell("health", "ours too")
    async with asyncio.timeout(SOON):
        assert await heard.get() == "ours too"
    assert not others


async def test_what_cannot_be_told_is_lost(tmp_path: Path) -> None:
    """The store is gone: nothing is raised, and nobody waits for it."""
    with stores.single(tmp_path) as store:
        async with connected(store.url) as connection:
            telling = Changes(connection)
            await connection.now()
            store.nodes[0].kill()
            telling.tell("health", "x")
            await telling.stop()
