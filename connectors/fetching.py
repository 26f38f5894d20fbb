"""Fetching something once for all who want it at the same moment. Keeps nothing of it: that is for who fetches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


class Fetches(Generic[_T]):
    """What is being fetched now, by name. Belongs to the event loop that first uses it."""

    def __init__(self) -> None:
        self._pending: dict[str, asyncio.Task[_T]] = {}

    async def join(self, name: str, fetch: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """The outcome of the fetch of this name that is under way, or else of a new one. Raises what `fetch` raises.

        A failure too is for all who wait; one of them who goes away ends it for nobody else.
        """
        task = self._pending.get(name)
        if task is None:
            task = self._pending[name] = asyncio.create_task(fetch())
            task.add_done_callback(lambda done: self._ended(name, done))
        return await asyncio.shield(task)

    def _ended(self, name: str, task: asyncio.Task[_T]) -> None:
        del self._pending[name]
        if not task.cancelled():
            task.exception()  # seen, also when nobody waits any more
