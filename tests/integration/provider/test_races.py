"""A delivery and what may come between, in every order of their steps: nothing doubled, lost or told wrongly."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from broker import deliveries, purge
from broker.delivery import Delivery, acknowledge
from broker.parts import Parts
from broker.providers import Provider
from broker.purge import new_event_id
from broker.stopping import ended, stopped
from broker.webhooks import rotated
from broker.worker import Worker
from sandbox.answers import ApiError
from schemas.ledger import LedgerLine
from sessions import ending
from sessions.change import Change
from sessions.lifecycle import DELIVERY_SECONDS
from sessions.model import Session, State
from sessions.store.chain import Chains
from sessions.store.work import Claim
from tests import stores
from tests.house import House, standing
from tests.integration.provider.asking import consented
from tests.integration.provider.receiver import Receiver, receiving
from tests.interleaving import Hold, Order, each_order, held_parts, snapshot

pytestmark = pytest.mark.asyncio(loop_scope="module")
Act = Callable[[Parts], Awaitable[Any]]
_LATER = 1_000_000.0  # beyond every lease and wait
_ROUNDS = 8


class Scene:
    """One session whose data wait to be delivered, put back as often as wanted; nobody works but who is told to."""

    def __init__(self, house: House, receiver: Receiver, session: Session, restore: Callable[[], Awaitable[None]]):
        self.house, self.receiver, self.id = house, receiver, session.id
        self.delivery = f"{session.id}-{session.sequence}"  # of the data
        self._restore = restore
        self.code = 204
        self.under_way: Counter[str] = Counter()
        self.at_once = 0
        self.taken: list[str] = []  # ids of events of which the receiver has the whole
        receiver.on_data = self.reply

    async def begin(self) -> None:
        """As it was when everybody had just consented."""
        await self._restore()
        self.receiver.came.clear()
        self.under_way.clear()
        self.taken.clear()
        self.at_once = 0

    async def reply(self, request: web.Request) -> web.StreamResponse:
        """Answer `code`; 0 hangs up. Notes how many requests of one event there are at once."""
        event = request.headers["webhook-id"]
        self.under_way[event] += 1
        self.at_once = max(self.at_once, self.under_way[event])
        try:
            await asyncio.sleep(0)
            if self.code in (0, 204):
                self.taken.append(event)
            if self.code == 0:
                assert request.transport is not None
                request.transport.abort()
            return web.Response(status=self.code or 204)
        finally:
            self.under_way[event] -= 1

    async def session(self) -> Session:
        """Where it stands."""
        return (await self.house.parts.sessions.read(self.id)).session

    async def claimed(self, parts: Parts, after: float = 0.0) -> Claim | None:
        """The delivery of the data, taken as a worker takes it."""
        lease = parts.settings.lease_seconds
        claims = await parts.work.claim(0, parts.clock() + after, lease, 100)
        return next((one for one in claims if one.queued.effect.kind == "data"), None)

    async def attempted(self, parts: Parts, after: float = 0.0) -> bool:
        """One attempt to deliver the data, if it is due."""
        claim = await self.claimed(parts, after)
        if claim is not None:
            await Delivery(parts).carry_out(claim)
        return claim is not None

    async def withdrawn(self, parts: Parts) -> Session:
        """The citizen takes consent back."""

        def decide(session: Session, now: float, has_it: bool) -> Change:
            return ending.withdraw(session, parts.sign_purge, new_event_id(), now, maybe_received=has_it)

        return (await ended(parts, self.id, decide)).session

    async def acknowledged(self, parts: Parts) -> Session:
        """The provider says that it has the data."""
        digest = (await self.session()).payload_digest or "gone"
        return (await acknowledge(parts, self.id, digest)).session

    async def cancelled(self, parts: Parts) -> Session:
        """The provider stops."""
        return (await stopped(parts, await parts.sessions.read(self.id), "provider")).session

    async def late(self, parts: Parts) -> None:
        """The sweep comes by after the deadline of the delivery."""
        later = msgspec.structs.replace(parts, clock=lambda: parts.clock() + DELIVERY_SECONDS)
        await purge.sweep(later, self.id)

    async def finished(self) -> Session:
        """Everything that waits is carried out, whatever was lost; then what must hold of any end is checked."""
        self.code = 204
        parts = self.house.parts
        worker = Worker(parts)
        for _ in range(_ROUNDS):
            claims = await parts.work.claim(0, parts.clock() + _LATER, _LATER, 100)
            for claim in claims:
                await worker._carry_out(claim)  # pyright: ignore[reportPrivateUsage] - without its clock
            if not claims:
                break
        assert await parts.connection.client.zcard("{p0}:outbox") == 0
        session = await self.session()
        await self._check(session)
        return session

    async def _check(self, session: Session) -> None:
        parts, came = self.house.parts, self.receiver.came
        assert session.ended
        assert await parts.sessions.payload(self.id) is None
        assert self.at_once <= 1
        data = [one for one in came if one.kind == "data"]
        assert len({(one.headers["webhook-id"], one.body) for one in data}) <= 1
        notices = [one.event["data"]["sequence"] for one in came if one.kind != "data"]
        assert notices == sorted(set(notices))
        assert came[-1].kind == session.reason or came[-1].kind == session.state
        assert came[-1].event["data"]["sequence"] == session.sequence
        [listed] = await parts.records.listed(session.provider, reference=None, state=None, offset=0, limit=9)
        assert listed.state == session.state
        lines = _LEDGER[session.state, session.reason]
        if session.maybe_received:  # "lapsed" would say that nothing can have arrived
            lines = [line for line in lines if line != "lapsed"]
        assert sorted(await self.ledger(session.provider)) == lines

    async def ledger(self, provider: str) -> list[str]:
        """The kinds of its lines."""
        chain = await Chains(self.house.parts.connection).whole(provider)
        return [msgspec.json.decode(line, type=LedgerLine).kind for line in chain.lines]


_LEDGER: dict[tuple[State, str | None], list[str]] = {
    (State.DELIVERED, None): ["given"],
    (State.UNDELIVERED, "not-acknowledged"): ["given"],
    (State.CANCELLED, "withdrawn"): ["given", "withdrawn"],
    (State.CANCELLED, "provider"): ["given", "lapsed"],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Scene]:
    """A house without a worker, in which one person consented."""
    folder = tmp_path_factory.mktemp("house")
    waits = {
        "OPHAALBRUG_WORKER": "false",
        "OPHAALBRUG_DELIVERY_SCHEDULE_SECONDS": "[100, 200]",
        "OPHAALBRUG_WEBHOOK_TIMEOUT_SECONDS": "2",
    }
    with stores.single(tmp_path_factory.mktemp("store")) as store:
        async with standing(folder, store.url, settings=waits) as house, receiving(house, folder) as receiver:
            session_id, _ = await consented(house, receiver.office)
            store.nodes[0].client.config_set("appendfsync", "no")  # the disk's pace is not what is played here
            session = (await house.parts.sessions.read(session_id)).session
            yield Scene(house, receiver, session, snapshot(store.nodes[0].client))


@pytest.fixture(autouse=True)
def _receives(scene: Scene) -> None:
    scene.code = 204


async def _played(
    scene: Scene, held: Act, other: Act, code: int = 204, first: Callable[[], Awaitable[None]] | None = None
) -> AsyncGenerator[tuple[Order, Session]]:
    """Every order, each way round, with the session as it was left; then everything is finished and checked.

    The receiver answers `code`. `first` puts the scene back otherwise than as everybody had just consented.
    """
    parts = scene.house.parts

    async def begin() -> None:
        await (first or scene.begin)()
        scene.code = code

    for one, two in ((held, other), (other, held)):
        async for order in each_order(
            begin, lambda hold, one=one: one(held_parts(parts, hold)), lambda two=two: two(parts)
        ):
            told = order if one is held else Order(order.at, order.other, order.held)
            yield told, await scene.session()
            await scene.finished()


# -- one attempt at a time


async def test_two_workers_never_attempt_one_delivery_at_once(scene: Scene) -> None:
    """Of two who look for work, in whatever order, one has the delivery; the other has nothing."""
    async for order, left in _played(scene, scene.attempted, scene.attempted):
        assert sorted((order.held, order.other)) == [False, True]
        assert left.state is State.DELIVERED
        assert len(scene.taken) == 1


async def test_a_lease_that_ran_out_begins_no_attempt(scene: Scene) -> None:
    """A worker that was held up past its lease leaves the delivery to who has it now."""
    house, begun = scene.house, 0
    lease = house.settings.lease_seconds

    async def begin() -> None:
        nonlocal begun
        await scene.begin()
        scene.code, begun = 500, 0

    async def slow(hold: Hold) -> bool:
        return await scene.attempted(held_parts(house.parts, hold))

    async def next_one() -> None:
        nonlocal begun
        begun = len(scene.receiver.came)
        await house.pass_time(lease + 1)
        await scene.attempted(house.parts)

    doubled = []
    async for order in each_order(begin, slow, next_one):
        if not begun and len(scene.receiver.came) > 1:
            doubled.append(order.at)
        await house.pass_time(-lease - 1)
        await scene.finished()
    assert len(doubled) <= 1  # on the very brink of the request nobody looks any more


@pytest.mark.parametrize("code", [204, 500, 0])
async def test_a_retry_on_demand_is_no_second_attempt(scene: Scene, code: int) -> None:
    """Asked while a worker is at it: refused, or the same attempt; the delivery is not tried beside itself."""

    async def again(parts: Parts) -> Any:
        await deliveries.retry(parts, None, scene.delivery)
        return await scene.attempted(parts, after=0.001)

    async for order, _ in _played(scene, scene.attempted, again, code):
        assert order.other in (True, False, "delivery-under-way", "delivery-over"), order
        assert scene.at_once <= 1


# -- the acknowledgement


@pytest.mark.parametrize("code", [204, 500, 0])
async def test_an_acknowledgement_beside_the_attempt(scene: Scene, code: int) -> None:
    """Whichever comes first, it is delivered once, and told once."""
    async for order, left in _played(scene, scene.attempted, scene.acknowledged, code):
        assert isinstance(order.other, Session), order
        assert left.state is State.DELIVERED
        assert len(scene.taken) <= 1


async def test_an_acknowledgement_beside_the_deadline(scene: Scene) -> None:
    """Delivered, or told that it was not: what the provider hears is what the session says."""

    async for order, left in _played(scene, scene.acknowledged, scene.late):
        said = order.held.state if isinstance(order.held, Session) else order.held
        assert (left.state, said) in (
            (State.DELIVERED, State.DELIVERED),
            (State.UNDELIVERED, "session-ended"),
        ), order


async def test_the_deadline_beside_the_attempt(scene: Scene) -> None:
    """Delivered, or not confirmed; the attempt that came too late changes nothing any more."""

    async for order, left in _played(scene, scene.attempted, scene.late):
        assert left.state in (State.DELIVERED, State.UNDELIVERED), order


# -- taking it back


@pytest.mark.parametrize("code", [204, 500, 0])
async def test_a_withdrawal_beside_the_attempt(scene: Scene, code: int) -> None:
    """Who reads that it was taken back, and not that it may have been received, is right: the provider has nothing."""
    async for order, left in _played(scene, scene.attempted, scene.withdrawn, code):
        if left.state is State.DELIVERED:
            assert (order.other, code) == ("session-ended", 204), order
        else:
            assert (left.reason, left.maybe_received) == ("withdrawn", bool(scene.taken)), order


async def test_a_withdrawal_beside_a_retry_on_demand(scene: Scene) -> None:
    """After a clear no nothing is told to have been received, also when a retry is asked for at that moment.

    It is asked of another process, whose clock is a little behind.
    """

    async def begun() -> None:
        await scene.begin()
        scene.code = 500
        await scene.attempted(scene.house.parts)

    async def again(parts: Parts) -> None:
        behind = msgspec.structs.replace(parts, clock=lambda: parts.clock() - 2)
        await deliveries.retry(behind, None, scene.delivery)

    async for order, left in _played(scene, scene.withdrawn, again, 500, begun):
        assert isinstance(order.held, Session), order
        assert (left.reason, left.maybe_received) == ("withdrawn", False), order


async def test_a_withdrawal_beside_a_pull(scene: Scene) -> None:
    """Who has read that the provider has nothing is right: it got no payload."""

    async def pulled() -> bool:
        try:
            return bool((await scene.receiver.office.pull_payload(scene.id)).digest)
        except ApiError as refused:
            if refused.code != "session-ended":
                raise
            return False

    parts = scene.house.parts
    async for order in each_order(scene.begin, lambda hold: scene.withdrawn(held_parts(parts, hold)), pulled):
        left = await scene.finished()
        assert (left.reason, left.maybe_received) == ("withdrawn", order.other), order


@pytest.mark.parametrize("code", [204, 500, 0])
async def test_a_stop_by_the_provider_beside_the_attempt(scene: Scene, code: int) -> None:
    """It waits for nothing: delivered, or cancelled; either way nothing is left and nothing is sent any more."""
    async for order, left in _played(scene, scene.attempted, scene.cancelled, code):
        assert isinstance(order.other, Session), order
        assert left.state is State.DELIVERED or (left.state, left.reason) == (State.CANCELLED, "provider"), order


# -- secrets


async def test_a_secret_that_is_rotated_during_an_attempt(scene: Scene) -> None:
    """Whatever the moment, a receiver that knows either secret takes what was sent, and it arrives once."""
    fresh = "whsec_" + "b" * 43 + "="

    async def rotate(parts: Parts) -> None:
        def decide(found: Provider) -> Provider:
            assert found.webhook is not None
            now = parts.clock()
            return msgspec.structs.replace(found, webhook=rotated(found.webhook, fresh, 3600.0, now))

        await parts.providers.change(scene.receiver.office.id, decide)

    async for order, left in _played(scene, scene.attempted, rotate):
        assert left.state is State.DELIVERED, order
        assert len(scene.taken) == 1
