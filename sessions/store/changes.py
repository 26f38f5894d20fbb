"""The change channel: one subscription per process, fanned out in memory to whoever watches.

A notice says only that something changed; the watcher reads the truth. After a gap everybody is told to look again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sessions.store.connection import Connection, Subscription
from sessions.store.scripts import CHANNEL, answer


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
    """What this process hears on the channel. Names: `session <id>`, `work`, `registry`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._watches: dict[str, set[Watch]] = {}
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Subscribe; returns once the store confirmed. Raises StoreUnavailable."""
        subscription: Subscription = await answer(self._connection.subscribe(CHANNEL))
        self._subscription = subscription
        self._task = asyncio.create_task(self._listen(subscription))

    async def stop(self) -> None:
        """Stop listening and close the subscription's connection."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._subscription is not None:
            await self._subscription.aclose()

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

    async def _listen(self, subscription: Subscription) -> None:
        async for message in subscription:
            if message is None:
                names = list(self._watches)
            else:
                text = message.decode(errors="replace")
                names = [text, text.split(" ", 1)[0]]
            for name in names:
                for watch in tuple(self._watches.get(name, ())):
                    watch.wake()
