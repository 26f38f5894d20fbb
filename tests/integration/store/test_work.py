"""The outbox and the deadlines, by effect: work is claimed by one, finished only by who holds it, and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from sessions import ending
from sessions.change import Change, Effect, Origin, notice
from sessions.delivering import PLACES, Attempt
from sessions.lifecycle import Event
from sessions.model import Session, State
from sessions.secrets import random_text
from sessions.store import connection as store_connection
from sessions.store.connection import Connection
from sessions.store.scripts import CHANNEL, StoreUnavailable
from sessions.store.sessions import SessionStore, key, log_key, outbox_key
from sessions.store.work import Claim, Logged, WorkQueue
from tests import stores
from tests.integration.store import examples
from tests.integration.store.examples import DAY, NOW, everything, hear, session
from tests.stores import DroppingProxy, Store, connected

LEASE = 30.0


async def _queue(sessions: SessionStore, *keys: str, at: float = NOW) -> Session:
    """A session of partition 0 with these effects queued at `at`, beside its place in the list."""
    made = session()
    effects = tuple(Effect(key=name, kind="notice", type="opened", event_id=f"event-{name}") for name in keys)
    await sessions.create(Change(session=made, effects=effects), at)
    return made


async def _claim_all(work: WorkQueue, now: float = NOW, lease: float = LEASE) -> dict[str, Claim]:
    claims = await work.claim(0, now, lease, 100)
    assert len({c.queued.effect.key for c in claims}) == len(claims)
    return {c.queued.effect.key: c for c in claims}


async def _notify(sessions: SessionStore, made: Session, event_id: str, now: float) -> None:
    def told(found: Session, _: float) -> Change:
        numbered, effect = notice(found, "paired", event_id)
        return Change(session=numbered, effects=(effect,))

    await sessions.move(made.id, told, now)


# -- claiming


async def test_an_effect_is_claimed_as_it_was_queued(sessions: SessionStore, work: WorkQueue) -> None:
    """A claim carries everything a worker needs: the effect, whose it is, since when, and that nobody tried yet."""
    made = await _queue(sessions, "a")
    claim = (await _claim_all(work))["a"]
    queued = claim.queued
    assert (claim.partition, claim.lease_until) == (0, NOW + LEASE)
    assert (queued.session, queued.provider, queued.version, queued.queued_at) == (made.id, "gemeente", 1, NOW)
    assert queued.effect == Effect(key="a", kind="notice", type="opened", event_id="event-a")
    assert (queued.attempts, queued.first_failure_at) == (0, None)


async def test_only_what_is_due_is_claimed(sessions: SessionStore, work: WorkQueue) -> None:
    """Work of the future stays where it is; work of now is taken."""
    await _queue(sessions, "now", at=NOW)
    await _queue(sessions, "later", at=NOW + 1)
    assert "later" not in await _claim_all(work, NOW)
    assert "later" in await _claim_all(work, NOW + 1)


async def test_a_claim_is_for_one_until_its_lease_ends(sessions: SessionStore, work: WorkQueue) -> None:
    """While the lease runs nobody else gets the work; from its end on it is due again, for whoever comes."""
    await _queue(sessions, "a")
    assert "a" in await _claim_all(work)
    assert await _claim_all(work, NOW + LEASE - 0.001) == {}
    again = (await _claim_all(work, NOW + LEASE))["a"]
    assert again.lease_until == NOW + 2 * LEASE


async def test_no_more_is_claimed_than_asked_for(sessions: SessionStore, work: WorkQueue) -> None:
    """The oldest first, up to the limit; the rest is there for the next."""
    for number in range(5):
        await _queue(sessions, f"n{number}", at=NOW - 10 + number)
    first = await work.claim(0, NOW, LEASE, 3)
    rest = await work.claim(0, NOW, LEASE, 100)
    assert [c.queued.queued_at for c in first] == [NOW - 10, NOW - 10, NOW - 9]
    assert len(rest) == 7


async def test_workers_share_the_work_without_overlap(sessions: SessionStore, work: WorkQueue) -> None:
    """Ten workers at once take forty effects: every effect is in exactly one hand."""
    names = [f"n{number}" for number in range(40)]
    await _queue(sessions, *names)
    hands = await asyncio.gather(*(work.claim(0, NOW, LEASE, 7) for _ in range(10)))
    claimed = [claim.queued.effect.key for hand in hands for claim in hand]
    assert sorted(n for n in claimed if n in names) == sorted(names)
    assert len(claimed) == len(set(claimed)) == 41


async def test_partitions_are_claimed_apart(sessions: SessionStore, work: WorkQueue) -> None:
    """A claim on one partition takes nothing from another."""
    made = session(5)
    await sessions.create(Change(session=made), NOW)
    assert await work.claim(4, NOW, LEASE, 10) == []
    assert [c.queued.session for c in await work.claim(5, NOW, LEASE, 10)] == [made.id]


async def test_an_effect_withdrawn_meanwhile_is_left_out(
    sessions: SessionStore, work: WorkQueue, connection: Connection
) -> None:
    """Between the claim and the look at its body an effect may be withdrawn; then there is nothing to do."""
    await _queue(sessions, "a", "b")
    await connection.client.unlink(outbox_key("{p0}", "a"))
    assert {"a", "b"} & set(await _claim_all(work)) == {"b"}


async def test_an_effect_replaced_meanwhile_is_left_to_who_comes_next(
    sessions: SessionStore, work: WorkQueue, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the claim and the look at its body a newer notice came: it is in nobody's hands, and claimed once."""
    made, pipeline = await _queue(sessions), connection.client.pipeline

    async def replaced_first(execute: Callable[[], Awaitable[Any]]) -> Any:
        monkeypatch.undo()
        await _notify(sessions, made, "newer", NOW)
        return await execute()

    def late(**options: Any) -> Any:
        pipe = pipeline(**options)
        monkeypatch.setattr(pipe, "execute", partial(replaced_first, pipe.execute))
        return pipe

    await _notify(sessions, made, "older", NOW)
    monkeypatch.setattr(connection.client, "pipeline", late)
    assert f"notice:{made.id}" not in await _claim_all(work)
    newer = (await _claim_all(work))[f"notice:{made.id}"]
    assert (newer.queued.effect.event_id, newer.queued.tried) == ("newer", ())
    assert await work.done(newer)


async def test_an_event_says_where_it_came_from_when_it_was_queued(
    sessions: SessionStore, work: WorkQueue, connection: Connection
) -> None:
    """Whoever makes its attempts later, under whatever settings, has them say the same."""
    origin = Origin(source="urn:nld:oin:00000000000000000001:systeem:a", base_url="https://a.example")
    made = await _queue(SessionStore(connection, origin), "a")
    claims = await _claim_all(work)
    assert claims["a"].queued.effect.origin == origin
    assert claims[f"index:{made.id}"].queued.effect.origin is None
    assert await work.again(claims["a"], NOW, NOW)
    await sessions.move(made.id, lambda found, _: Change(session=found), NOW)
    assert (await _claim_all(work))["a"].queued.effect.origin == origin


async def test_claiming_costs_two_round_trips(single_store: Store) -> None:
    """However many effects are claimed, one command takes them and one pipeline reads them, if there are any."""
    async with DroppingProxy(single_store.url) as proxy, connected(proxy.url) as connection:
        work = WorkQueue(connection)
        await _queue(SessionStore(connection), *(f"n{number}" for number in range(20)))
        assert len(await work.claim(0, NOW, LEASE, 1)) == 1  # opens the connection of pipelines
        before = len(proxy.passed)
        assert len(await work.claim(0, NOW, LEASE, 100)) == 20
        assert len(proxy.passed) - before == 2
        assert await work.claim(0, NOW, LEASE, 100) == []
        assert len(proxy.passed) - before == 3


# -- finishing


async def test_what_is_done_is_gone(sessions: SessionStore, work: WorkQueue, running: Store) -> None:
    """An effect carried out leaves the queue with its body; saying so twice is the same answer."""
    await _queue(sessions, "a", "b")
    claims = await _claim_all(work)
    assert await work.done(claims["a"])
    assert await work.done(claims["a"])
    left = everything(running)
    assert outbox_key("{p0}", "a") not in left
    assert outbox_key("{p0}", "b") in left
    assert b"a" not in dict(left["{p0}:outbox"])
    assert "a" not in await _claim_all(work, NOW + DAY)


async def test_who_lost_the_lease_cannot_finish(sessions: SessionStore, work: WorkQueue) -> None:
    """A worker that was away too long neither ends nor puts off what another has in hand; the other can."""
    await _queue(sessions, "a", "b")
    lost = await _claim_all(work)
    held = await _claim_all(work, NOW + LEASE)
    assert not await work.done(lost["a"])
    assert not await work.again(lost["b"], NOW + 999, NOW)
    assert await work.done(held["a"])
    assert await work.again(held["b"], NOW + 99, NOW)
    assert "b" in await _claim_all(work, NOW + 99)


async def test_who_carries_out_a_replaced_effect_cannot_finish(sessions: SessionStore, work: WorkQueue) -> None:
    """A newer notice took the place while the older was under way: it is still to do, at once, and not put off."""
    made = await _queue(sessions)
    await _notify(sessions, made, "older", NOW)
    name = f"notice:{made.id}"
    older = (await _claim_all(work))[name]
    await _notify(sessions, made, "newer", NOW + 1)
    assert not await work.done(older)
    assert not await work.again(older, NOW + 999, NOW)
    newer = (await _claim_all(work, NOW + 1))[name]
    assert (newer.queued.effect.event_id, newer.queued.attempts) == ("newer", 0)
    assert await work.done(newer)


@pytest.mark.parametrize("taken", [True, False])
async def test_what_came_of_a_replaced_notice_is_told(
    sessions: SessionStore, work: WorkQueue, connection: Connection, *, taken: bool
) -> None:
    """An attempt was under way when the newer one came: the log has it, once, and nothing of the newer changes."""
    made = await _queue(sessions)
    await _notify(sessions, made, "older", NOW)
    older = (await _claim_all(work))[f"notice:{made.id}"]
    await _notify(sessions, made, "newer", NOW + 1)
    outcome = Attempt(at=NOW, outcome="accepted") if taken else BROKEN
    for _ in range(2):
        assert not await (work.done(older, "delivered", outcome) if taken else work.again(older, NOW + 9, NOW, outcome))
    [lines] = await work.deliveries([made.id], NOW + 1)
    told = {logged.line.event_id: logged for logged in lines}
    assert (told["older"].status, told["older"].tried) == ("delivered" if taken else "dropped", (outcome,))
    assert (told["newer"].status, told["newer"].tried) == ("waiting", ())


async def test_the_moment_of_a_lease_does_not_tell_effects_apart(sessions: SessionStore, work: WorkQueue) -> None:
    """The newer notice was claimed with a lease that ends when the older one's does: the older still cannot finish."""
    made = await _queue(sessions)
    await _notify(sessions, made, "older", NOW)
    name = f"notice:{made.id}"
    older = (await _claim_all(work))[name]
    await _notify(sessions, made, "newer", NOW)
    newer = (await _claim_all(work))[name]
    assert newer.lease_until == older.lease_until
    assert not await work.done(older)
    assert await work.done(newer)


async def test_the_newest_notice_replaces_one_that_waits(sessions: SessionStore, work: WorkQueue) -> None:
    """Three notices before anybody delivers are one delivery: of the newest, with its number, from now on."""
    made = await _queue(sessions)
    for number in range(3):
        await _notify(sessions, made, f"event-{number}", NOW + number)
    claim = (await _claim_all(work, NOW + 2))[f"notice:{made.id}"]
    assert (claim.queued.effect.event_id, claim.queued.effect.sequence) == ("event-2", 3)
    assert (claim.queued.queued_at, claim.queued.version) == (NOW + 2, 4)


async def test_a_failed_attempt_is_due_again(sessions: SessionStore, work: WorkQueue) -> None:
    """Attempts are counted, the first failure is remembered, and nobody gets it before its time."""
    await _queue(sessions, "a")
    claims = await _claim_all(work)
    for number in range(3):
        at = NOW + 100 * (number + 1)
        assert await work.again(claims["a"], at, NOW + number)
        assert "a" not in await _claim_all(work, at - 0.1, lease=0.0)
        claims = await _claim_all(work, at)
    last = claims["a"].queued
    assert (last.attempts, last.first_failure_at, last.queued_at) == (3, NOW, NOW)
    assert last.effect.event_id == "event-a"


async def test_what_was_put_off_is_not_done(sessions: SessionStore, work: WorkQueue, running: Store) -> None:
    """After `again` the claim is spent: `done` with it is refused, and the effect still waits."""
    await _queue(sessions, "a")
    claim = (await _claim_all(work))["a"]
    assert await work.again(claim, NOW + 100, NOW)
    assert not await work.done(claim)
    assert dict(everything(running)["{p0}:outbox"])[b"a"] == NOW + 100


async def test_putting_off_twice_counts_once(sessions: SessionStore, work: WorkQueue) -> None:
    """A worker that asks again, having heard nothing, does not count an attempt that was not made."""
    await _queue(sessions, "a")
    claim = (await _claim_all(work))["a"]
    assert await work.again(claim, NOW + 5, NOW)
    assert await work.again(claim, NOW + 5, NOW)
    assert (await _claim_all(work, NOW + 5))["a"].queued.attempts == 1


async def test_workers_hear_of_new_and_of_retried_work(
    sessions: SessionStore, work: WorkQueue, connection: Connection
) -> None:
    """Effects that are queued, and attempts put off to before the lease's end, wake the workers of the partition."""
    subscription = await connection.subscribe(CHANNEL)
    made = session(7)
    await sessions.create(Change(session=made, effects=(Effect(key="a", kind="notice"),)), NOW)
    await hear(subscription, f"session {made.id}".encode(), b"work 7")
    claims = {c.queued.effect.key: c for c in await work.claim(7, NOW, LEASE, 9)}
    await work.again(claims["a"], NOW + 5, NOW)
    await hear(subscription, b"work 7")
    await subscription.aclose()


async def test_purge_withdraws_a_delivery_under_way(sessions: SessionStore, work: WorkQueue) -> None:
    """The citizen withdraws while the payload is on its way: the delivery is neither tried again nor reported done."""
    session_id = await examples.consented(sessions, session())
    claim = (await _claim_all(work))[f"data:{session_id}"]

    def withdrawn(found: Session, now: float) -> Change:
        return ending.end(found, Event.WITHDRAW, "withdrawn", lambda _: "receipt", random_text(), now)

    assert (await sessions.move(session_id, withdrawn, NOW)).session.state is State.CANCELLED
    assert not await work.again(claim, NOW + 5, NOW)
    assert not await work.done(claim)
    assert f"data:{session_id}" not in await _claim_all(work, NOW + DAY)


# -- the delivery log

BROKEN = Attempt(at=NOW, outcome="failed", answer="5xx", seconds=0.1)


async def _log(work: WorkQueue, session_id: str, now: float = NOW) -> dict[str, Logged]:
    """What the log says, by type of event; of a type that came twice the newest."""
    [lines] = await work.deliveries([session_id], now)
    return {logged.line.type: logged for logged in reversed(lines)}


async def test_a_delivery_is_in_the_log_from_the_step_that_queued_it(sessions: SessionStore, work: WorkQueue) -> None:
    """Before anybody tried it, with when it is due; a session nobody heard of has no log."""
    session_id = await examples.consented(sessions, session())
    log = await _log(work, session_id)
    assert set(log) == {"opened", "paired", "consented", "data"}
    data = log["data"]
    assert (data.status, data.due, data.tried, data.line.queued_at) == ("waiting", NOW, (), NOW)
    assert [log[kind].status for kind in ("opened", "paired", "consented")] == ["dropped", "dropped", "waiting"]
    assert await work.deliveries([session_id, session().id], NOW) == [
        (await work.deliveries([session_id], NOW))[0],
        [],
    ]
    assert await work.deliveries([], NOW) == []


async def test_the_log_follows_every_attempt(sessions: SessionStore, work: WorkQueue) -> None:
    """In hand, waiting for the next with how the last went, put off without one, and how it ended."""
    session_id = await examples.consented(sessions, session())
    claim = (await _claim_all(work))[f"data:{session_id}"]
    assert ((await _log(work, session_id))["data"].status, claim.queued.tried) == ("sending", ())
    assert await work.again(claim, NOW + 100, NOW, BROKEN)
    after = (await _log(work, session_id))["data"]
    assert (after.status, after.due, after.tried, after.line.tried) == ("waiting", NOW + 100, (BROKEN,), (BROKEN,))
    claim = (await _claim_all(work, NOW + 100))[f"data:{session_id}"]
    assert await work.put_off(claim, NOW + 200)
    put_off = (await _log(work, session_id))["data"]
    assert (put_off.status, put_off.due, put_off.tried) == ("waiting", NOW + 200, (BROKEN,))
    claim = (await _claim_all(work, NOW + 200))[f"data:{session_id}"]
    assert claim.queued.attempts == 1
    taken = Attempt(at=NOW + 200, outcome="accepted", answer="2xx")
    assert await work.done(claim, "delivered", taken)
    ended = (await _log(work, session_id))["data"]
    assert (ended.status, ended.due, ended.tried, ended.queued) == ("delivered", None, (BROKEN, taken), None)


async def test_an_attempt_that_was_lost_is_one_nobody_knows_of(sessions: SessionStore, work: WorkQueue) -> None:
    """A worker died with the delivery in hand: who takes it over keeps that in the log, also when that one dies too."""
    session_id = await examples.consented(sessions, session())
    await _claim_all(work)
    seen = (await _log(work, session_id, NOW + LEASE))["data"]
    assert (seen.status, [one.outcome for one in seen.tried]) == ("waiting", ["unknown"])
    await _claim_all(work, NOW + LEASE)
    claim = (await _claim_all(work, NOW + 2 * LEASE))[f"data:{session_id}"]
    assert [(one.outcome, one.answer) for one in claim.queued.tried] == [("unknown", "interrupted")]
    assert await work.again(claim, NOW + 999, NOW, BROKEN)
    assert [one.outcome for one in (await _log(work, session_id))["data"].tried] == ["unknown", "failed"]
    claim = (await _claim_all(work, NOW + 999))[f"data:{session_id}"]
    assert [one.outcome for one in claim.queued.tried] == ["unknown", "failed"]


async def test_who_lost_the_lease_writes_nothing_into_the_log(sessions: SessionStore, work: WorkQueue) -> None:
    """Its outcome came too late to count: who has the delivery now says how it goes."""
    session_id = await examples.consented(sessions, session())
    lost = (await _claim_all(work))[f"data:{session_id}"]
    await _claim_all(work, NOW + LEASE)
    assert not await work.done(lost, "delivered", Attempt(at=NOW, outcome="accepted"))
    log = (await _log(work, session_id, NOW + LEASE))["data"]
    assert (log.status, log.line.closed, log.line.tried) == ("sending", None, ())


async def test_a_waiting_delivery_can_be_tried_at_once(
    sessions: SessionStore, work: WorkQueue, connection: Connection
) -> None:
    """Its next attempt is now and extra: after it the wait is that of before. Workers hear; asking again is nothing."""
    session_id = await examples.consented(sessions, session())
    claim = (await _claim_all(work))[f"data:{session_id}"]
    await work.again(claim, NOW + 100, NOW, BROKEN)
    subscription = await connection.subscribe(CHANNEL)
    waiting = (await _log(work, session_id))["data"]
    assert await work.retry(waiting, NOW + 1)
    await hear(subscription, b"work 0")
    await subscription.aclose()
    assert not await work.retry(waiting, NOW + 2)
    assert await work.retry((await _log(work, session_id, NOW + 2))["data"], NOW + 2)
    again = (await _claim_all(work, NOW + 1))[f"data:{session_id}"]
    assert (again.queued.attempts, again.queued.tried) == (0, (BROKEN,))


async def test_what_is_in_hand_is_not_tried_beside_it(sessions: SessionStore, work: WorkQueue) -> None:
    """A worker took it between the look and the asking, or finished it: there is never a second attempt under way."""
    session_id = await examples.consented(sessions, session())
    waiting = (await _log(work, session_id))["data"]
    claim = (await _claim_all(work))[f"data:{session_id}"]
    assert not await work.retry(waiting, NOW)
    assert not await work.retry((await _log(work, session_id))["data"], NOW)
    assert await _claim_all(work) == {}
    await work.done(claim, "delivered")
    assert not await work.retry(waiting, NOW)
    assert not await work.retry((await _log(work, session_id))["data"], NOW)


async def test_retries_and_the_schedule_at_once_give_one_claim(sessions: SessionStore, work: WorkQueue) -> None:
    """Twenty who ask and ten workers at the moment it is due: one of the workers has it, and has it once."""
    session_id = await examples.consented(sessions, session())
    claim = (await _claim_all(work))[f"data:{session_id}"]
    await work.again(claim, NOW + 5, NOW, BROKEN)
    waiting = (await _log(work, session_id))["data"]
    asked = [work.retry(waiting, NOW + 5) for _ in range(20)]
    hands = [work.claim(0, NOW + 5, LEASE, 100) for _ in range(10)]
    _, claims = await asyncio.gather(asyncio.gather(*asked), asyncio.gather(*hands))
    names = [one.queued.effect.key for hand in claims for one in hand]
    assert names.count(f"data:{session_id}") == 1


async def test_only_the_newest_lines_of_a_session_are_kept(sessions: SessionStore, work: WorkQueue) -> None:
    """A session that is started over and over does not make its log grow without end."""
    made = session()
    await sessions.create(Change(session=made), NOW)
    for number in range(PLACES + 5):
        await _notify(sessions, made, f"event-{number}", NOW)
    [lines] = await work.deliveries([made.id], NOW)
    assert [logged.line.sequence for logged in lines] == [*range(PLACES + 5, 5, -1)]
    assert [logged.status for logged in lines] == ["waiting", *["dropped"] * (PLACES - 1)]


async def test_the_log_goes_with_its_session(sessions: SessionStore, work: WorkQueue, running: Store) -> None:
    """It is there as long as the tombstone, and would end by itself as that does; an attempt does not prolong it."""
    session_id = await examples.consented(sessions, session())
    claim = (await _claim_all(work))[f"data:{session_id}"]
    await sessions.move(session_id, examples.acknowledged, NOW)
    assert not await work.done(claim, "delivered", BROKEN)
    ends = examples.ends(running)
    assert ends[log_key(session_id)] == ends[key(session_id, "session")]
    notice_claim = (await _claim_all(work, NOW + LEASE))[f"notice:{session_id}"]
    assert await work.done(notice_claim, "delivered", BROKEN)
    assert examples.ends(running)[log_key(session_id)] == ends[log_key(session_id)]
    await sessions.move(session_id, lambda s, _: Change(session=s, forget=True), NOW)
    assert log_key(session_id) not in everything(running)


async def test_the_flight_of_a_payload(sessions: SessionStore, work: WorkQueue) -> None:
    """Nobody has it, somebody has, an attempt was lost, it arrived: each with a guard that holds only then."""
    session_id = await examples.consented(sessions, session())
    event_id = str((await sessions.read(session_id)).session.payload_id)
    waits = await work.flight(session_id, event_id, NOW)
    assert (waits.until, waits.arrived) == (None, False)
    claim = (await _claim_all(work))[f"data:{session_id}"]
    held = await work.flight(session_id, event_id, NOW)
    assert (held.until, held.arrived) == (NOW + LEASE, False)
    lost = await work.flight(session_id, event_id, NOW + LEASE)
    assert (lost.until, lost.arrived) == (None, True)
    opened = await sessions.read(session_id)
    same = Change(session=opened.session)
    assert await sessions.apply(same, opened, NOW, (waits.guard,)) is None
    moved = await sessions.apply(same, opened, NOW, (held.guard,))
    assert moved is not None
    assert await work.done(claim, "delivered", Attempt(at=NOW, outcome="accepted"))
    there = await work.flight(session_id, event_id, NOW)
    assert (there.until, there.arrived) == (None, True)
    assert await sessions.apply(same, moved, NOW, (held.guard,)) is None
    assert await sessions.apply(same, moved, NOW, (there.guard,)) is not None


async def test_without_a_webhook_nothing_is_on_its_way(sessions: SessionStore, work: WorkQueue) -> None:
    """There is no log either, and a step guarded by that can be done."""
    session_id = await examples.consented(sessions, session(webhook=False))
    opened = await sessions.read(session_id)
    flight = await work.flight(session_id, str(opened.session.payload_id), NOW)
    assert (flight.until, flight.arrived, await work.deliveries([session_id], NOW)) == (None, False, [[]])
    assert await sessions.apply(Change(session=opened.session), opened, NOW, (flight.guard,)) is not None


# -- deadlines


async def _due_at(sessions: SessionStore, at: float, partition: int = 0) -> str:
    """A session whose deadline is `at`."""
    made = session(partition, expires_at=at)
    await sessions.create(Change(session=made), NOW)
    return made.id


async def test_passed_deadlines_are_claimed_under_a_lease(sessions: SessionStore, work: WorkQueue) -> None:
    """Sessions whose time has come, oldest first, up to the limit; again only when the lease has ended."""
    late = [await _due_at(sessions, NOW - 3 + number) for number in range(3)]
    later = await _due_at(sessions, NOW + 1)
    assert await work.claim_deadlines(0, NOW, LEASE, 2) == late[:2]
    assert await work.claim_deadlines(0, NOW, LEASE, 9) == late[2:]
    assert set(await work.claim_deadlines(0, NOW + LEASE, LEASE, 9)) == {*late, later}
    assert await work.claim_deadlines(0, NOW + LEASE, LEASE, 9) == []


async def test_sweepers_share_the_deadlines_without_overlap(sessions: SessionStore, work: WorkQueue) -> None:
    """Each overdue session is in exactly one hand."""
    late = [await _due_at(sessions, NOW - 1) for _ in range(30)]
    hands = await asyncio.gather(*(work.claim_deadlines(0, NOW, LEASE, 4) for _ in range(10)))
    assert sorted(name for hand in hands for name in hand) == sorted(late)


async def test_a_step_sets_the_deadline_anew(sessions: SessionStore, work: WorkQueue) -> None:
    """Whoever moved a session also said when it is due next, whatever lease was on it."""
    session_id = await _due_at(sessions, NOW - 1)
    assert await work.claim_deadlines(0, NOW, LEASE, 9) == [session_id]
    await sessions.move(session_id, lambda s, _: Change(session=replace(s, expires_at=NOW + 5)), NOW)
    assert await work.claim_deadlines(0, NOW + 5, LEASE, 9) == [session_id]


async def test_a_deadline_can_be_put_off_or_dropped(sessions: SessionStore, work: WorkQueue) -> None:
    """A session that was not due yet waits until its true deadline; one that is gone is not put back by it."""
    session_id = await _due_at(sessions, NOW - 1)
    await work.claim_deadlines(0, NOW, LEASE, 9)
    await work.put_deadline(session_id, NOW + 100, 0, 1)
    assert await work.claim_deadlines(0, NOW + 99, LEASE, 9) == []
    assert await work.claim_deadlines(0, NOW + 100, LEASE, 9) == [session_id]
    await work.drop_deadline(session_id, 0)
    await work.put_deadline(session_id, NOW, 0, 1)
    assert await work.claim_deadlines(0, NOW + DAY, LEASE, 9) == []


async def test_a_sweep_does_not_undo_a_newer_deadline(sessions: SessionStore, work: WorkQueue) -> None:
    """A step came between the sweep's reading and its putting off: the step's deadline stands."""
    session_id = await _due_at(sessions, NOW - 1)
    read = await sessions.read(session_id)
    await sessions.move(session_id, lambda s, _: Change(session=replace(s, expires_at=NOW + 5)), NOW)
    await work.put_deadline(session_id, NOW + 3600, 0, read.version)
    assert await work.claim_deadlines(0, NOW + 5, LEASE, 9) == [session_id]
    await work.put_deadline(session_id, NOW + 3600, 0, read.version + 1)
    assert await work.claim_deadlines(0, NOW + 3599, LEASE, 9) == []


# -- when there is work


async def test_next_due_is_the_first_of_either_queue(sessions: SessionStore, work: WorkQueue) -> None:
    """Per partition with work the earliest moment of outbox and deadlines; partitions without work are not named."""
    assert await work.next_due() == {}
    last = work.connection.partitions - 1
    session_id = await _due_at(sessions, NOW + 50, last)
    assert await work.next_due() == {last: NOW}
    [claim] = await work.claim(last, NOW, LEASE, 9)
    assert await work.next_due() == {last: NOW + LEASE}
    assert await work.done(claim)
    assert await work.next_due() == {last: NOW + 50}
    await work.drop_deadline(session_id, last)
    assert await work.next_due() == {}


async def test_next_due_looks_at_every_partition(work: WorkQueue, sessions: SessionStore) -> None:
    """On a cluster the partitions lie on different nodes; all are asked."""
    for partition in range(work.connection.partitions):
        await _due_at(sessions, NOW + 50 + partition, partition)
    assert await work.next_due() == dict.fromkeys(range(work.connection.partitions), NOW)


@pytest.mark.parametrize("topology", ["single", "cluster"])
@pytest.mark.parametrize("hurt", ["killed", "hanging"])
async def test_work_on_a_lost_store_is_store_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topology: str, hurt: str
) -> None:
    """Whatever a worker asks of a store that is gone, it hears StoreUnavailable and nothing else, in time."""
    monkeypatch.setattr(store_connection, "READ_SECONDS", 0.2)
    with getattr(stores, topology)(tmp_path) as running:
        async with connected(running.url) as connection:
            sessions, work = SessionStore(connection), WorkQueue(connection)
            made = await _queue(sessions, "a")
            claim = (await _claim_all(work))["a"]
            for node in running.nodes:
                node.kill() if hurt == "killed" else node.stop()
            calls: list[Any] = [
                work.next_due,
                lambda: work.claim(0, NOW, LEASE, 9),
                lambda: work.done(claim),
                lambda: work.drop_deadline(made.id, 0),
                lambda: sessions.read(made.id),
            ]
            try:
                for call in calls:
                    async with asyncio.timeout(5):
                        with pytest.raises(StoreUnavailable):
                            await call()
            finally:
                for node in running.nodes:
                    if hurt == "hanging":
                        node.resume()
