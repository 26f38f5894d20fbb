"""Two at one session, outbox or chain, in every order of their steps: one was first, and the other knows it.

On one kind of store: that a step is one on each of them is `test_scripts`' to prove.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from sessions import ending, pairing
from sessions.change import Change, Effect
from sessions.delivering import Attempt
from sessions.lifecycle import PAIRING_CODE_SECONDS, deadline
from sessions.model import Phone, Session, State
from sessions.secrets import new_session_id, random_text
from sessions.store.chain import Chains, Head
from sessions.store.connection import Connection
from sessions.store.records import Records
from sessions.store.sessions import SessionStore, slot
from sessions.store.work import WorkQueue
from tests.integration.store import examples
from tests.integration.store.examples import NOW, QR, phone, session
from tests.interleaving import Order, each_order, held_connection
from tests.stores import Store, connected

LEASE = 30.0
Act = Callable[[Connection, str], Awaitable[Any]]


@pytest.fixture
async def connection(single_store: Store) -> AsyncGenerator[Connection]:
    async with connected(single_store.url) as made:
        yield made


async def _played(
    connection: Connection, scene: Callable[[SessionStore, Session], Awaitable[str]], held: Act, other: Act
) -> AsyncGenerator[tuple[Order, Session]]:
    """Every order, each way round, with the session as it was left."""
    store, session_id = SessionStore(connection), ""

    async def begin() -> None:
        nonlocal session_id
        await _emptied(connection)
        session_id = await scene(store, session())

    for one, two in ((held, other), (other, held)):
        async for order in each_order(
            begin,
            lambda hold, one=one: one(held_connection(connection, hold), session_id),
            lambda two=two: two(connection, session_id),
        ):
            told = order if one is held else Order(order.at, order.other, order.held)
            yield told, (await store.read(session_id)).session


async def _emptied(connection: Connection) -> None:
    """Nothing of an earlier order waits in partition 0."""
    await connection.client.unlink("{p0}:outbox", "{p0}:deadlines")


def _moves(decide: Callable[[Session, float], Change | None], now: float = NOW) -> Act:
    async def act(connection: Connection, session_id: str) -> State:
        return (await SessionStore(connection).move(session_id, decide, now)).session.state

    return act


def _scans(by: Phone, redeemed: str = QR) -> Act:
    return _moves(lambda s, now: pairing.scan(s, redeemed, by, f"code-{by.id}", now), NOW + 1)


def _end(event: str) -> Act:
    def decide(found: Session, now: float) -> Change | None:
        match event:
            case "acknowledged":
                return examples.acknowledged(found, now)
            case "cancelled":
                return ending.stop(found, "provider", _sign, random_text(), now)
            case "withdrawn":
                return ending.withdraw(found, _sign, random_text(), now, maybe_received=False)
            case _:
                return ending.due(found, 0.0, _sign, random_text(), now + 90 * 3600)

    return _moves(decide)


def _sign(_: ending.PurgeFacts) -> str:
    return "receipt"


# -- linking


async def test_one_token_and_two_devices(connection: Connection) -> None:
    """One waits for its code, the other is told that it came too late."""
    async for order, left in _played(connection, examples.opened, _scans(phone(1)), _scans(phone(2))):
        assert {order.held, order.other} == {State.PAIRING, "already-paired"}, order
        assert examples.pending(left).phone == (phone(1) if order.held is State.PAIRING else phone(2))


async def test_one_token_and_one_device_twice(connection: Connection) -> None:
    """An answer was lost and the device asks again: both are answered, and the one that was written last waits."""
    again = replace(phone(1), id="phone-1-again", token="digest-again")
    async for order, left in _played(connection, examples.opened, _scans(phone(1)), _scans(again)):
        assert (order.held, order.other) == (State.PAIRING, State.PAIRING), order
        assert examples.pending(left).phone.id in ("phone-1", "phone-1-again")
        assert left.pairing.tokens == ()


async def _handed(store: SessionStore, made: Session) -> str:
    session_id = await examples.opened(store, made)
    await store.move(session_id, lambda s, now: pairing.show_token(s, "here", "applicant", now, s.browser), NOW)
    return session_id


def _links_here(by: Phone) -> Act:
    def seal(to: Phone) -> bytes:
        return to.id.encode()

    return _moves(lambda s, now: pairing.link_here(s, "here", "browser", by, seal, random_text(), now))


async def test_one_handed_token_and_two_devices(connection: Connection) -> None:
    """The browser's cookie on two devices: one is linked, the other is told that it came too late."""
    async for order, left in _played(connection, _handed, _links_here(phone(1)), _links_here(phone(2))):
        assert {order.held, order.other} == {State.COLLECTING, "token-invalid"}, order
        assert [p.id for p in left.phones] == ["phone-1" if order.held is State.COLLECTING else "phone-2"]


async def test_one_handed_token_and_one_device_twice(connection: Connection) -> None:
    """Both are answered, the one that was written last is linked with a key that is its own, and it is told once."""
    again = replace(phone(1), id="phone-1-again", token="digest-again")
    async for order, left in _played(connection, _handed, _links_here(phone(1)), _links_here(again)):
        assert (order.held, order.other) == (State.COLLECTING, State.COLLECTING), order
        assert [p.vault_key for p in left.phones] == [p.id.encode() for p in left.phones] != []
        assert (len(left.phones), left.sequence) == (1, 2)  # opened and paired


async def test_a_code_that_is_typed_as_its_phone_is_sent_away(connection: Connection) -> None:
    """Linked, or declined and not linked: nobody is linked who was sent away."""
    typed, declined = _moves(examples.linked), _moves(lambda s, _: pairing.unpair(s))
    async for order, left in _played(connection, examples.scanned, typed, declined):
        first = order.held is State.COLLECTING
        assert (left.state, bool(left.phones)) == ((State.COLLECTING, True) if first else (State.OPENED, False)), order
        assert order.other == ("wrong-state" if first else State.OPENED), order


async def test_a_code_that_is_typed_as_its_time_is_over(connection: Connection) -> None:
    """The sweep comes by at the moment it is typed: linked, or the phone is gone; never stuck in between."""
    late = _moves(lambda s, now: ending.due(s, 0.0, _sign, "", now), NOW + PAIRING_CODE_SECONDS)
    async for order, left in _played(connection, examples.scanned, _moves(examples.linked), late):
        assert left.state is (State.COLLECTING if order.held is State.COLLECTING else State.OPENED), order


# -- ends


@pytest.mark.parametrize(
    ("one", "two"), [("acknowledged", "late"), ("acknowledged", "cancelled"), ("withdrawn", "late")]
)
async def test_two_ends(connection: Connection, one: str, two: str) -> None:
    """A session ends once, in the way of who came first, and its receipt is the one of that end."""
    async for order, left in _played(connection, examples.consented, _end(one), _end(two)):
        assert left.ended
        assert left.state in (order.held, order.other), order
        assert await connection.client.exists(f"{slot(left.id)}:payload:{left.id}") == 0
        [notice] = await _claimed(connection, "notice")
        assert notice.queued.effect.sequence == left.sequence


# -- work


async def _claimed(connection: Connection, kind: str, now: float = NOW + 1) -> list[Any]:
    claims = await WorkQueue(connection).claim(0, now, LEASE, 100)
    return [one for one in claims if one.queued.effect.kind == kind]


async def test_two_workers_and_one_outbox(connection: Connection) -> None:
    """Every entry is in the hands of one of them, and of one only."""

    async def work(at: Connection, _: str) -> set[str]:
        return {one.queued.effect.key for one in await WorkQueue(at).claim(0, NOW, LEASE, 2)}

    async for order, _ in _played(connection, examples.consented, work, work):
        assert not order.held & order.other, order
        assert len(order.held | order.other) == 3


async def test_who_lost_the_lease_finishes_nothing(connection: Connection) -> None:
    """One worker is at the end of its work as another takes it over: one of them finishes it, and it is logged once."""
    accepted = Attempt(at=NOW, outcome="accepted", answer="2xx")

    async def finish(at: Connection, _: str) -> bool:
        return await WorkQueue(at).done(claims[0], "delivered", accepted)

    async def take_over(at: Connection, _: str) -> bool:
        found = await _claimed(at, "data", NOW + LEASE)
        return bool(found) and await WorkQueue(at).done(found[0], "delivered", accepted)

    claims: list[Any] = []

    async def scene(store: SessionStore, made: Session) -> str:
        session_id = await examples.consented(store, made)
        claims[:] = await _claimed(connection, "data", NOW)
        return session_id

    async for order, left in _played(connection, scene, finish, take_over):
        assert sorted((order.held, order.other)) == [False, True], order
        [lines] = await WorkQueue(connection).deliveries([left.id], NOW)
        data = next(one for one in lines if one.line.type == "data")
        assert [one.outcome for one in data.tried] == (["accepted"] if order.held else ["unknown", "accepted"])


async def test_a_newer_notice_beside_the_end_of_an_attempt(connection: Connection) -> None:
    """The older one's attempt ends as the newer is queued: the newer is still to be done, whatever the order."""

    async def scene(store: SessionStore, made: Session) -> str:
        session_id = await examples.consented(store, made)
        claims[:] = await _claimed(connection, "notice", NOW)
        return session_id

    async def finish(at: Connection, _: str) -> bool:
        return await WorkQueue(at).done(claims[0], "delivered", Attempt(at=NOW, outcome="accepted", answer="2xx"))

    claims: list[Any] = []
    async for _, left in _played(connection, scene, finish, _end("cancelled")):
        [newer] = await _claimed(connection, "notice", NOW + 1)
        assert newer.queued.effect.sequence == left.sequence


async def test_a_deadline_that_is_put_back_beside_a_step(connection: Connection) -> None:
    """Whoever looks and finds that nothing is due yet does not undo the deadline of the step that comes between."""

    async def looks(at: Connection, session_id: str) -> None:
        opened = await SessionStore(at).read(session_id)
        true = deadline(opened.session, opened.seen_at)
        await WorkQueue(at).put_deadline(session_id, true, 0, opened.version)

    async for _, left in _played(connection, examples.opened, looks, _scans(phone(1))):
        assert left.state is State.PAIRING
        assert await connection.client.zscore("{p0}:deadlines", left.id) == NOW + 1 + PAIRING_CODE_SECONDS


async def test_the_list_and_the_session_agree(connection: Connection) -> None:
    """Two workers list a session while it moves: the list ends where the session did."""

    async def lists(at: Connection, session_id: str) -> None:
        opened = await SessionStore(at).read(session_id)
        await Records(at).put_listed(opened.session, opened.version)

    async def moves_and_lists(at: Connection, session_id: str) -> None:
        await _scans(phone(1))(at, session_id)
        await lists(at, session_id)

    async for _, left in _played(connection, examples.opened, lists, moves_and_lists):
        found = await Records(connection).listed(left.provider, reference=None, state=None, offset=0, limit=500)
        assert next(one for one in found if one.id == left.id).state == State.PAIRING


async def test_two_lines_at_the_end_of_a_chain(connection: Connection) -> None:
    """Two workers add behind the same head: one of them has to look again, and no line is lost or overwritten."""
    chains = Chains(connection)

    def adds(entry: str) -> Act:
        async def act(at: Connection, _: str) -> int:
            tries = 0
            while True:
                tries += 1
                before = await Chains(at).head("chain")
                after = Head(size=before.size + 1, hash=f"hash-{entry}", signature="signed", marked=0)
                if await Chains(at).add("chain", entry, entry.encode(), before, after):
                    return tries

        return act

    async def scene(store: SessionStore, made: Session) -> str:
        await chains.drop("chain")
        await store.create(Change(session=made), NOW)
        return made.id

    async for order, _ in _played(connection, scene, adds("a"), adds("b")):
        whole = await chains.whole("chain")
        assert sorted(whole.lines) == [b"a", b"b"]
        assert (whole.head.size, sorted(whole.entries.values())) == (2, [1, 2])
        assert order.held + order.other <= 3


async def test_two_creations_under_one_mark(connection: Connection) -> None:
    """One session is made; who came second gets what the first left."""

    def creates(number: int) -> Act:
        async def act(at: Connection, _: str) -> bytes:
            made = session(id=new_session_id(0))
            mark = ("one", str(number).encode())
            return await SessionStore(at).create(Change(session=made), NOW, mark) or mark[1]

        return act

    async def scene(store: SessionStore, made: Session) -> str:
        await connection.client.unlink("{p0}:idempotency:one")
        await store.create(Change(session=made, effects=(Effect(key="x", kind="index"),)), NOW)
        return made.id

    async for order, _ in _played(connection, scene, creates(1), creates(2)):
        assert order.held == order.other, order
