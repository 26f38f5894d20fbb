"""What lies outside sessions, by effect: registry, tokens, one-time values, counters, the store's owner, the lists."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from sessions.model import Session, State
from sessions.store.connection import Connection
from sessions.store.records import Listed, Records
from sessions.store.scripts import CHANNEL
from tests.integration.store.examples import NOW, ends, everything, hear, session
from tests.stores import Store


@pytest.fixture
def records(connection: Connection) -> Records:
    return Records(connection)


# -- the registry


async def test_a_provider_is_stored_read_and_removed(records: Records) -> None:
    """Entries are bytes by id; the newest counts; removing says whether there was one."""
    assert (await records.providers(), await records.provider("gemeente")) == ({}, None)
    assert await records.swap_provider("gemeente", b"", b"\xff1")
    assert await records.swap_provider("gemeente", b"\xff1", b"\xff2")
    assert await records.swap_provider("notaris", b"", b"3")
    assert await records.providers() == {"gemeente": b"\xff2", "notaris": b"3"}
    assert await records.provider("gemeente") == b"\xff2"
    assert await records.remove_provider("gemeente")
    assert not await records.remove_provider("gemeente")
    assert await records.providers() == {"notaris": b"3"}


async def test_every_process_hears_of_a_changed_provider(records: Records, connection: Connection) -> None:
    """Storing, removing and how the webhook does are told on the channel, in the step that changes it."""
    subscription = await connection.subscribe(CHANNEL)
    for change in (
        records.swap_provider("waterschap", b"", b"1"),
        records.put_webhook_health("waterschap", b"1"),
        records.put_webhook_health("waterschap", None),
        records.remove_provider("waterschap"),
    ):
        await change
        await hear(subscription, b"registry waterschap")
    await subscription.aclose()


# -- tokens, one-time values, counters


async def test_an_access_token_is_known_for_300_seconds(records: Records, running: Store) -> None:
    """Whose it is, until it ends; another is unknown."""
    await records.put_token("digest", "gemeente")
    assert await records.grant_of_token("digest") == "gemeente"
    assert await records.grant_of_token("other") is None
    assert ends(running)["ophaalbrug:token:digest"] - NOW > 290
    assert ends(running)["ophaalbrug:token:digest"] - time.time() < 310


async def test_a_one_time_value_is_used_once(records: Records, running: Store) -> None:
    """Of fifty uses at once one is the first; another value has a use of its own; the memory of it ends."""
    uses = await asyncio.gather(*(records.use_once("digest", 60) for _ in range(50)))
    assert uses.count(True) == 1
    assert not await records.use_once("digest", 60)
    assert await records.use_once("other")
    assert all(at > NOW for at in ends(running).values())


async def test_a_count_runs_per_name_and_window(records: Records, running: Store) -> None:
    """Counting at once loses nothing; a new window begins at one; every counter ends by itself."""
    begun = time.time()
    counts = await asyncio.gather(*(records.count("typed:a", 60, 6000.0) for _ in range(50)))
    assert sorted(counts) == list(range(1, 51))
    assert await records.count("typed:a", 60, 6059.9) == 51
    assert await records.count("typed:a", 60, 6060.0) == 1
    assert await records.count("typed:b", 60, 6000.0) == 1
    assert len(ends(running)) == 3
    assert all(begun < at < time.time() + 600 for at in ends(running).values())


async def test_of_many_one_gets_the_turn(records: Records, running: Store) -> None:
    """A turn is one process's until it ends by itself; who did what it was for keeps it longer."""
    taken = await asyncio.gather(*(records.take_turn("rewrite", 60) for _ in range(10)))
    assert sorted(taken) == [False] * 9 + [True]
    [at] = ends(running).values()
    assert at < time.time() + 70
    await records.keep_turn("rewrite", 600)
    [at] = ends(running).values()
    assert at > time.time() + 500
    assert not await records.take_turn("rewrite", 60)


# -- the store's owner


async def test_a_store_belongs_to_who_came_first(records: Records) -> None:
    """The first claim is remembered, with its number of partitions; later ones learn it."""
    assert await records.claim_store("keys-a", 1) == {"fingerprint": "keys-a", "partitions": "1"}
    assert await records.claim_store("keys-b", 64) == {"fingerprint": "keys-a", "partitions": "1"}
    await records.raise_partitions(64)
    assert await records.claim_store("keys-a", 64) == {"fingerprint": "keys-a", "partitions": "64"}


async def test_of_many_that_claim_an_empty_store_one_gets_it(records: Records) -> None:
    """Processes with different keys that start at once are told the same owner."""
    claims = await asyncio.gather(*(records.claim_store(f"keys-{n}", 1) for n in range(20)))
    assert len({claim["fingerprint"] for claim in claims}) == 1


# -- the lists


def _made(number: int, reference: str | None = None, state: State = State.CREATED) -> Session:
    return session(created_at=NOW + number, reference=reference, state=state)


async def _list(
    records: Records, reference: str | None = None, state: str | None = None, offset: int = 0, limit: int = 100
) -> list[Listed]:
    return await records.listed("gemeente", reference=reference, state=state, offset=offset, limit=limit)


def _ids(found: Sequence[Listed | Session]) -> list[str]:
    return [item.id for item in found]


async def test_a_list_is_newest_first_and_in_pages(records: Records) -> None:
    """By creation; pages do not overlap and leave nothing out; another provider's list is another."""
    made = [_made(number) for number in range(7)]
    for one in made:
        await records.put_listed(one, 1)
    newest_first = _ids(made[::-1])
    assert _ids(await _list(records)) == newest_first
    pages = [_ids(await _list(records, offset=offset, limit=3)) for offset in (0, 3, 6, 9)]
    assert pages == [newest_first[:3], newest_first[3:6], newest_first[6:], []]
    assert await records.listed("notaris", reference=None, state=None, offset=0, limit=9) == []


async def test_a_list_tells_state_moment_and_reference(records: Records) -> None:
    """An entry holds what the provider knows already."""
    one = _made(0, "2026-1")
    await records.put_listed(one, 1)
    assert await _list(records) == [Listed(id=one.id, state="created", created_at=NOW, reference="2026-1")]


async def test_a_session_is_listed_under_its_present_state_only(records: Records) -> None:
    """Moving on, it leaves the list of its former state, through every state there is."""
    one = _made(0)
    for version, state in enumerate(State, 1):
        await records.put_listed(replace(one, state=state), version)
        for other in State:
            assert _ids(await _list(records, state=other.value)) == ([one.id] if other is state else [])
    assert _ids(await _list(records)) == [one.id]


async def test_effects_in_the_wrong_order_leave_the_newest(records: Records) -> None:
    """An older version, or the same one again, changes nothing."""
    one = _made(0)
    await records.put_listed(replace(one, state=State.COLLECTING), 10)
    await records.put_listed(replace(one, state=State.OPENED), 9)
    await records.put_listed(replace(one, state=State.PAIRING), 10)
    assert [item.state for item in await _list(records)] == ["collecting"]
    assert await _list(records, state="opened") == []
    assert await _list(records, state="pairing") == []


async def test_sessions_are_found_by_reference(records: Records) -> None:
    """A reference may be used again; a session without one is found under none."""
    first, second, other, without = _made(0, "2026-1"), _made(1, "2026-1"), _made(2, "2026-2"), _made(3)
    for one in (first, second, other, without):
        await records.put_listed(one, 1)
    assert _ids(await _list(records, "2026-1")) == [second.id, first.id]
    assert _ids(await _list(records, "2026-2")) == [other.id]
    assert await _list(records, "2026-3") == []


async def test_reference_and_state_together_are_paged_whole(records: Records) -> None:
    """A page is full while there is more to come, also where many of the reference are in other states."""
    made = [_made(n, "2026-1", State.DELIVERED if n % 3 == 0 else State.EXPIRED) for n in range(12)]
    for one in [*made, _made(20, "2026-2", State.DELIVERED)]:
        await records.put_listed(one, 1)
    delivered = _ids([one for one in made if one.state is State.DELIVERED][::-1])
    pages = [_ids(await _list(records, "2026-1", "delivered", offset, 3)) for offset in (0, 3)]
    assert pages == [delivered[:3], delivered[3:]]


@pytest.mark.parametrize("reference", ["2026-1", None])
async def test_a_forgotten_session_leaves_every_list(records: Records, running: Store, reference: str | None) -> None:
    """Nothing of it is left, forgetting twice does no harm, and others stay listed."""
    one, other = _made(0, reference), session(provider="notaris")
    await records.put_listed(one, 7)
    await records.put_listed(other, 1)
    await records.drop_listed("gemeente", one.id)
    await records.drop_listed("gemeente", one.id)
    assert await _list(records) == []
    assert [name for name in everything(running) if name.startswith("{l:gemeente}")] == []
    assert _ids(await records.listed("notaris", reference=None, state=None, offset=0, limit=9)) == [other.id]
