"""Moments at which a process under test dies as if its plug were pulled: between any two things it does to the world.

A moment is named for a piece of work and what it is about to do: `data > post`, `POST /phone/v1/pairings > step`, with
a number from the second time on (`data > step 2`). Settings refuse to arm one in production; unarmed, reaching a
moment is one comparison.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NoReturn

EVERY = "every"  # tell of each moment, and die at none


class _Work:
    """One piece of work under way: how it is called, and what it has done so far."""

    def __init__(self, name: Callable[[], str]) -> None:
        self.name = name
        self.done: Counter[str] = Counter()


_armed = ""
_tell: Callable[[str], None] = lambda _: None  # noqa: E731
_work: ContextVar[_Work | None] = ContextVar("work", default=None)


def arm(moment: str, tell: Callable[[str], None]) -> None:
    """Die at `moment`, the first time it is reached; with `every` call `tell` at each. Empty disarms."""
    global _armed, _tell
    _armed, _tell = moment, tell


@contextmanager
def during(name: str | Callable[[], str]) -> Generator[None]:
    """What is reached inside belongs to the work called `name`; asked only when something is reached."""
    if not _armed:
        yield
        return
    before = _work.set(_Work(name if callable(name) else lambda: name))
    try:
        yield
    finally:
        _work.reset(before)


def reach(what: str) -> None:
    """The work is about to do `what`."""
    work = _work.get() if _armed else None
    if work is None:
        return
    work.done[what] += 1
    times = work.done[what]
    moment = f"{work.name()} > {what}{f' {times}' if times > 1 else ''}"
    if moment == _armed:
        _die()
    if _armed == EVERY:
        _tell(moment)


def _die() -> NoReturn:
    """No handler runs, nothing is flushed (signal(7))."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit  # never reached: the signal cannot be caught
