"""Two at once, in every order: one is held before its n-th step while the other runs to its end, for every n there is.

A step is a command to the store (those of a pipeline one by one: the store lets others in between) and, for who sends
to a webhook, the moment before the request and the one after its answer. Nothing sleeps and nothing is left to chance.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, cast

import msgspec
from redis import Redis

from broker.errors import Problem
from broker.parts import Parts
from broker.registry import Providers
from connectors.outbound import Answer, Door
from sessions.errors import Refused
from sessions.store.connection import Connection
from sessions.store.records import Records
from sessions.store.sessions import SessionStore
from sessions.store.work import WorkQueue

# How long who was let run whole may wait for who is held, before that one is let go. Only who truly waits costs it.
PATIENCE_SECONDS = 0.2
STUCK_SECONDS = 30.0


class Hold:
    """Lets steps pass until the one numbered `at`; that waits until it is let go."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.taken = 0
        self.reached, self.let_go = asyncio.Event(), asyncio.Event()

    async def step(self) -> None:
        """A step is about to be taken."""
        self.taken += 1
        if self.taken == self.at:
            self.reached.set()
            await self.let_go.wait()


class Order(msgspec.Struct, frozen=True):
    """One order that was played, and what the held one and the other came to: an answer, or the code of a refusal."""

    at: int
    held: Any
    other: Any


class _Pipeline:
    """Commands that are sent together, each of them a step."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self._queue: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *given, **named: self._queue.append((name, given, named))

    async def execute(self) -> list[Any]:
        return [await getattr(self._client, name)(*given, **named) for name, given, named in self._queue]


class _Client:
    """A client of a single server, each of whose commands is a step of its owner."""

    def __init__(self, client: Any, hold: Hold) -> None:
        self._client, self._hold = client, hold

    def pipeline(self, transaction: bool = True) -> _Pipeline:
        assert not transaction, "only what others can come between is played here"
        return _Pipeline(self)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        command = getattr(self._client, name)

        async def stepped(*given: Any, **named: Any) -> Any:
            await self._hold.step()
            return await command(*given, **named)

        return stepped


class _Door:
    """The way to a webhook, with a step on either side of it."""

    def __init__(self, door: Door, hold: Hold) -> None:
        self._door, self._hold = door, hold

    async def request(self, *given: Any, **named: Any) -> Answer:
        await self._hold.step()
        try:
            return await self._door.request(*given, **named)
        finally:
            await self._hold.step()


def held_connection(connection: Connection, hold: Hold) -> Connection:
    """The same store, for somebody who can be held."""
    held = copy.copy(connection)
    held.client = cast(Any, _Client(connection.client, hold))
    return held


def held_parts(parts: Parts, hold: Hold) -> Parts:
    """The parts of a broker whose every step can be held. It keeps nothing in mind of the registry."""
    connection = held_connection(parts.connection, hold)
    records = Records(connection)
    return msgspec.structs.replace(
        parts,
        connection=connection,
        sessions=SessionStore(connection),
        records=records,
        work=WorkQueue(connection),
        providers=Providers(records, parts.keys.ring),
        outside=cast(Any, _Door(parts.outside, hold)),
    )


async def each_order(
    begin: Callable[[], Awaitable[None]],
    held: Callable[[Hold], Awaitable[Any]],
    other: Callable[[], Awaitable[Any]],
) -> AsyncGenerator[Order]:
    """Play every order and give it as soon as both are done: `other` whole before each step of `held`, and after all.

    `begin` puts the scene back. Where `other` waits for `held`, that is let go after a while.
    """
    at, is_last = 0, False
    while not is_last:
        at += 1
        await begin()
        hold = Hold(at)
        async with asyncio.timeout(STUCK_SECONDS):
            one = asyncio.create_task(_outcome(held(hold)))
            held_up = asyncio.create_task(hold.reached.wait())
            await asyncio.wait({one, held_up}, return_when=asyncio.FIRST_COMPLETED)
            is_last = not hold.reached.is_set()
            held_up.cancel()
            two = asyncio.create_task(_outcome(other()))
            await asyncio.wait({two}, timeout=PATIENCE_SECONDS)
            hold.let_go.set()
            order = Order(at, await one, await two)
        yield order
    assert at > 1, "who is held took no step"


async def _outcome(act: Awaitable[Any]) -> Any:
    """What somebody came to. A refusal is an answer too; anything else that is raised is not."""
    try:
        return await act
    except (Refused, Problem) as refusal:
        return refusal.code


def snapshot(client: Redis) -> Callable[[], Awaitable[None]]:
    """What puts everything that lies in this server back as it is now."""
    kept = {name: (client.dump(name), client.pexpiretime(name)) for name in client.scan_iter(count=1000)}

    async def restore() -> None:
        pipe = client.pipeline(transaction=True)
        pipe.flushall()
        for name, (value, ends) in kept.items():
            pipe.restore(name, max(ends, 0), cast(bytes, value), absttl=ends > 0)
        pipe.execute()

    return restore
