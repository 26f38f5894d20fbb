"""One run of a connector against recordings: everything it did and said, for others to judge.

As in the broker: a real door that is open to the connector's own hosts, `SourceError` and `OutboundError` turned into
outcomes. Unlike it, any other exception is kept and not hidden.
"""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from connectors.contract import Connector, Context, Failed, Field, Outcome, SourceError, Subject
from connectors.outbound import Answer, Door, OutboundError
from connectors.registry import Registry
from connectors.testing.listening import listening
from connectors.testing.source import Asked

_TURNS = 20  # of the event loop, for what ends by itself to end
_SECONDS = 20.0  # for one run: the machine's patience, not the connector's


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a run is about, and when it is."""

    bsn: str
    level: str
    now: datetime


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the door: where to, how long it would wait, and whether the door let it out."""

    url: str
    timeout_seconds: float
    refused: bool


class Run(msgspec.Struct, kw_only=True):
    """What came of it. `crash` is the text of an exception that the contract does not know."""

    outcome: Outcome | None = None
    crash: str | None = None
    attempts: tuple[Attempt, ...] = ()
    late_attempts: int = 0  # made after the run was cancelled
    asked: tuple[Asked, ...] = ()
    progress: tuple[str, ...] = ()
    said: str = ""  # logs, prints, and the texts of exceptions that were raised or lost
    hosts: frozenset[str] = frozenset()  # what the connector says it calls
    connected: frozenset[str] = frozenset()
    written: tuple[str, ...] = ()
    left_running: tuple[str, ...] = ()  # tasks that outlived the run
    cancelled: bool = False


class WatchedDoor(Door):
    """The real door, which notes who asks for what, and may be given less patience than it is asked for."""

    attempts: list[Attempt]
    patience: float | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float = 10.0,
        max_bytes: int = 1_000_000,
    ) -> Answer:
        """See Door.request."""
        index = len(self.attempts)
        self.attempts.append(Attempt(url=url, timeout_seconds=timeout_seconds, refused=False))
        shorter = timeout_seconds if self.patience is None else min(self.patience, timeout_seconds)
        try:
            return await super().request(
                method, url, headers=headers, body=body, timeout_seconds=shorter, max_bytes=max_bytes
            )
        except OutboundError as error:
            if error.kind == "address":
                self.attempts[index] = msgspec.structs.replace(self.attempts[index], refused=True)
            raise


def made(connector_class: type[Connector], settings: Mapping[str, Any]) -> Connector:
    """The connector as the broker makes it of its table of settings. Raises what the registry raises."""
    registry = Registry()
    registry.register(connector_class)
    id_ = connector_class.manifest.id
    return registry.build({id_: dict(settings)})[id_]


def run(
    connector: Connector,
    person: Person,
    fields: frozenset[Field],
    *,
    patience: float | None = None,
    cancel_at: threading.Event | None = None,
) -> Run:
    """Have the connector collect once. `patience` shortens every deadline it gives the door, in seconds.

    The run is cancelled when `cancel_at` is set.
    """
    with listening() as heard:
        done = asyncio.run(_Collecting(connector, person, fields, patience, cancel_at).run())
    done.hosts = connector.hosts()
    done.said += heard.said
    done.connected = frozenset(heard.connected)
    done.written = tuple(path for path in heard.written if "__pycache__" not in path)
    return done


class _Collecting:
    """One run inside its own event loop."""

    def __init__(
        self,
        connector: Connector,
        person: Person,
        fields: frozenset[Field],
        patience: float | None,
        cancel_at: threading.Event | None,
    ) -> None:
        self._connector = connector
        self._door = WatchedDoor.configured(connector.hosts())
        self._door.attempts, self._door.patience = [], patience
        self._cancel_at = cancel_at
        self._told: list[str] = []
        self._result = Run()
        self._context = Context(
            subject=Subject(bsn=person.bsn, level=person.level),
            fields=fields,
            door=self._door,
            now=person.now,
            request_id="conformance-1",
            progress=self._progress,
        )

    async def run(self) -> Run:
        asyncio.get_running_loop().set_exception_handler(self._lost)
        before = asyncio.all_tasks()
        task = asyncio.ensure_future(self._outcome(self._connector.collect(self._context)))
        try:
            if self._cancel_at is not None:
                await self._cancelled(task, self._cancel_at)
            await asyncio.wait({task}, timeout=_SECONDS)
        finally:
            await self._finished(task, before)
            await self._door.close()
        self._result.attempts = tuple(self._door.attempts)
        self._result.progress = tuple(self._told)
        return self._result

    async def _outcome(self, collecting: Awaitable[Outcome]) -> None:
        result = self._result
        try:
            result.outcome = await collecting
        except SourceError as error:
            result.outcome = error.failed
            result.said += traceback.format_exc()
        except OutboundError as error:
            kind = "timeout" if error.kind == "timeout" else "unavailable"
            result.outcome = Failed(kind=kind, detail=error.kind)
            result.said += traceback.format_exc()
        except Exception as error:  # what the kit is for
            result.crash = f"{type(error).__name__} in {_where(error)}"
            result.said += traceback.format_exc()

    async def _cancelled(self, task: asyncio.Task[None], at: threading.Event) -> None:
        await asyncio.to_thread(at.wait, _SECONDS)
        attempts = len(self._door.attempts)
        task.cancel()
        await asyncio.wait({task}, timeout=_SECONDS)
        await _settled()
        self._result.cancelled = task.cancelled()
        self._result.late_attempts = len(self._door.attempts) - attempts

    async def _finished(self, task: asyncio.Task[None], before: set[asyncio.Task[Any]]) -> None:
        """Note which tasks the connector left behind, and end them."""
        await _settled()
        left = {other for other in asyncio.all_tasks() - before if not other.done()}
        self._result.left_running = tuple(
            "collect itself" if other is task else str(other.get_coro()) for other in left
        )
        for other in left:
            other.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _progress(self, part: str) -> None:
        self._told.append(part)

    def _lost(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        del loop
        error = context.get("exception")
        if isinstance(error, BaseException):
            self._result.said += "".join(traceback.format_exception(error))
            self._result.crash = self._result.crash or f"{type(error).__name__} in a task that nobody awaits"


async def _settled() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _where(error: BaseException) -> str:
    """File and line, without the exception's words."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames[-3:]))
