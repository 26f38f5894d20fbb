"""Chains, by effect: they grow at one end only, whoever adds at the same moment and whichever reply is lost."""

from __future__ import annotations

import asyncio

import pytest

from sessions.store.chain import READ_AT_ONCE, Chains, Head
from sessions.store.connection import Connection
from tests.integration.store.examples import everything
from tests.stores import DroppingProxy, Store, connected


@pytest.fixture
def chains(connection: Connection) -> Chains:
    return Chains(connection)


def _next(before: Head, text: str, *, marked: bool = False) -> Head:
    size = before.size + 1
    return Head(
        size=size,
        hash=f"{size}-{text}",
        signature=f"signed-{size}",
        marked=size if marked else before.marked,
        marked_at=7.25 if marked else before.marked_at,
    )


async def _add(chains: Chains, text: str, *, marked: bool = False) -> Head:
    """Add as a worker does: behind what is the end now, again when another came first."""
    while True:
        before = await chains.head("gemeente")
        after = _next(before, text, marked=marked)
        if await chains.add("gemeente", text, text.encode(), before, after):
            return after


async def test_a_chain_grows_line_by_line(chains: Chains) -> None:
    """Lines in their order, what was said of the end, and the heads that were set apart; another chain is another."""
    assert await chains.head("gemeente") == Head()
    await _add(chains, "a")
    await _add(chains, "b", marked=True)
    head = await _add(chains, "c")
    found = await chains.whole("gemeente")
    assert (found.lines, found.count, found.head) == ((b"a", b"b", b"c"), 3, head)
    assert head == Head(size=3, hash="3-c", signature="signed-3", marked=2, marked_at=7.25)
    assert (found.entries, found.heads) == ({"a": 1, "b": 2, "c": 3}, {2: "signed-2"})
    assert (await chains.whole("notaris")).lines == ()


async def test_what_is_there_is_not_added_again(chains: Chains) -> None:
    """An effect that is carried out twice is one line; that it was there already is no failure."""
    before = await chains.head("gemeente")
    assert await chains.add("gemeente", "a", b"a", before, _next(before, "a"))
    after = await chains.head("gemeente")
    assert await chains.add("gemeente", "a", b"a", before, _next(before, "a"))
    assert await chains.add("gemeente", "a", b"other", after, _next(after, "other"))
    assert (await chains.whole("gemeente")).lines == (b"a",)


async def test_two_cannot_follow_on_the_same_line(chains: Chains) -> None:
    """Who comes second is told so, and nothing of theirs is written."""
    before = await chains.head("gemeente")
    assert await chains.add("gemeente", "a", b"a", before, _next(before, "a"))
    assert not await chains.add("gemeente", "b", b"b", before, _next(before, "b"))
    found = await chains.whole("gemeente")
    assert (found.lines, found.entries) == ((b"a",), {"a": 1})


async def test_many_who_add_at_once_make_one_chain(store_url: str, chains: Chains) -> None:
    """Sixty entries through three connections: each is there once, and the numbers have no gap."""
    async with connected(store_url) as second, connected(store_url) as third:
        workers = (chains, Chains(second), Chains(third))
        await asyncio.gather(*(_add(workers[n % 3], f"entry-{n % 60}") for n in range(120)))
    found = await chains.whole("gemeente")
    assert sorted(found.lines) == sorted(f"entry-{n}".encode() for n in range(60))
    assert sorted(found.entries.values()) == list(range(1, 61))
    assert all(found.lines[number - 1] == entry.encode() for entry, number in found.entries.items())
    assert (found.head.size, found.count) == (60, 60)


async def test_a_long_chain_is_read_whole(chains: Chains) -> None:
    """More lines than are read at once, and exactly as many."""
    for number in range(READ_AT_ONCE):
        await _add(chains, str(number))
    assert len((await chains.whole("gemeente")).lines) == READ_AT_ONCE
    await _add(chains, "more")
    assert (await chains.whole("gemeente")).lines[-1] == b"more"


async def test_a_chain_can_go(chains: Chains, running: Store) -> None:
    """Nothing of it stays, and of another everything; a new one begins at the beginning."""
    await _add(chains, "a", marked=True)
    other = _next(Head(), "a")
    await chains.add("notaris", "a", b"a", Head(), other)
    await chains.drop("gemeente")
    left = {name for name in everything(running) if not name.partition(":")[2].partition("}:")[2].startswith("request")}
    assert left == {"{c:notaris}:head", "{c:notaris}:lines", "{c:notaris}:entries"}
    assert await chains.head("gemeente") == Head()
    assert (await _add(chains, "b")).size == 1


async def test_a_lost_reply_adds_no_second_line(single_store: Store) -> None:
    """The step is sent again, answers as it did the first time, and the chain is as after one sending."""
    async with DroppingProxy(single_store.url) as proxy, connected(proxy.url) as connection:
        chains = Chains(connection)
        await _add(chains, "a")
        for text in ("b", "c"):
            before = await chains.head("gemeente")
            proxy.drop_reply_to(b"\r\nEVALSHA\r\n")
            assert await chains.add("gemeente", text, text.encode(), before, _next(before, text))
        assert proxy.dropped == 2
        found = await chains.whole("gemeente")
        assert (found.lines, found.head.size) == ((b"a", b"b", b"c"), 3)
