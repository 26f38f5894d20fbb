"""The change channel: one subscription per process, fanned out in memory to whoever watches.

A notice says only that something changed; the watcher reads the truth. After a gap everybody is told to look again.
What is kept nowhere goes with its notice, and who misses that knows it later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from sessions.store.connection import Connection, Subscription
from sessions.store.scripts import CHANNEL, StoreUnavailable, answer


class Watch:
    """A place to wait for change of one thing. Many changes while nobody waits count as one."""

    def __init__(self, changes: Changes, name: str) -> None:
        self._changes = changes
        self.name = name
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Something changed, or may have."""
        self._changed.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until something changed; False when nothing did for `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def take(self) -> bool:
        """Whether something changed since the last look; looking forgets it."""
        changed = self._changed.is_set()
        self._changed.clear()
        return changed

    def close(self) -> None:
        """Stop watching."""
        self._changes.forget(self)


class Changes:
    """What this process hears on the channel. Names: `session <id>`, `work`, `registry`, `health <what is known>`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._watches: dict[str, set[Watch]] = {}
        self._ears: dict[str, Callable[[str], None]] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None
        self.ending = False

    async def start(self) -> None:
        """Subscribe; returns once the store confirmed. Raises StoreUnavailable."""
        subscription: Subscription = await answer(self._connection.subscribe(CHANNEL))
        self._subscription = subscription
        self._task = asyncio.create_task(self._listen(subscription))

    async def stop(self) -> None:
        """Stop listening and close the subscription's connection; what is still to be told is told first."""
        await asyncio.gather(*self._telling)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._subscription is not None:
            await self._subscription.aclose()

    def end(self) -> None:
        """The process is about to stop, and says so to everybody who watches: `ending` is why they wake."""
        self.ending = True
        self._wake(*self._watches)

    def watch(self, name: str) -> Watch:
        """Watch one thing from now on; close the watch when done."""
        watch = Watch(self, name)
        self._watches.setdefault(name, set()).add(watch)
        return watch

    def forget(self, watch: Watch) -> None:
        """Remove a watch."""
        watches = self._watches.get(watch.name, set())
        watches.discard(watch)
        if not watches:
            self._watches.pop(watch.name, None)

    def hear(self, name: str, ear: Callable[[str], None]) -> None:
        """Have `ear` called with the words of every notice of this name, our own too. It must not raise."""
        self._ears[name] = ear

    def tell(self, name: str, words: str) -> None:
        """Tell every process something that is kept nowhere; lost when the store cannot be reached now."""
        task = asyncio.create_task(self._publish(f"{name} {words}"))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _publish(self, notice: str) -> None:
        with suppress(StoreUnavailable):
            await answer(self._connection.client.publish(CHANNEL, notice))

    async def _listen(self, subscription: Subscription) -> None:
        async for message in subscription:
            if message is None:
                names = list(self._watches)
            else:
                text = message.decode(errors="replace")
                name, _, words = text.partition(" ")
                names = [text, name]
                if ear := self._ears.get(name):
                    ear(words)
            self._wake(*names)

    def _wake(self, *names: str) -> None:
        for name in names:
            for watch in tuple(self._watches.get(name, ())):
                watch.wake()
