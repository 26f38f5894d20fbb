"""The atomic step: guards and writes carried out in the store, once per request id, however often they are sent.

Owns how scripts are called and what happens when an answer is lost. Knows nothing of sessions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Literal

import msgspec
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError

from sessions import faults
from sessions.store.connection import UNAVAILABLE, Connection, is_closed

REQUEST_MARK_MS = 600_000
CHANNEL = "ophaalbrug:changes"  # the one channel: what changed, in a word and an id, never data

Argument = str | bytes | int | float


class StoreUnavailable(Exception):
    """The store gave no answer, or takes no writes now. Whether a step was done is unknown; asking again is safe."""


_LOST = (*UNAVAILABLE, OSError)
_NOT_NOW = ("MISCONF", "NOREPLICAS")  # the disk is full; too few replicas to be safe


async def answer(call: Awaitable[Any]) -> Any:
    """Await a single command; bytes come back, as the connection decodes nothing. Raises StoreUnavailable."""
    try:
        return await call
    except (*_LOST, OutOfMemoryError, ReadOnlyError) as error:
        raise StoreUnavailable from error
    except ResponseError as error:
        if str(error).startswith(_NOT_NOW):
            raise StoreUnavailable from error
        raise
    except RuntimeError as error:
        if is_closed(error):
            raise StoreUnavailable from error
        raise


class Guard(msgspec.Struct, frozen=True):
    """What must hold for a step to be done: a key that is absent, a hash field's value, a member's score."""

    kind: Literal["absent", "field", "score"]
    key: str
    name: str = ""
    value: Argument = ""


class Write(msgspec.Struct, frozen=True):
    """One command of a step; `key` is empty for PUBLISH."""

    command: Literal["HSET", "HDEL", "SET", "UNLINK", "ZADD", "ZREM", "PEXPIREAT", "PUBLISH"]
    key: str
    arguments: tuple[Argument, ...] = ()


class Script:
    """A Lua script beside this file, called by its digest."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._text = (Path(__file__).parent / f"{name}.lua").read_text(encoding="utf-8")
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def call(self, connection: Connection, keys: list[str], arguments: list[Argument]) -> Any:
        """Run the script; once more when the answer was lost, as every script bears being sent twice.

        Raises StoreUnavailable.
        """
        faults.reach(self._name)
        try:
            return await answer(self._call(connection, keys, arguments))
        except StoreUnavailable:
            return await answer(self._call(connection, keys, arguments))

    async def _call(self, connection: Connection, keys: list[str], arguments: list[Argument]) -> Any:
        try:
            return await connection.client.evalsha(self._digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await connection.client.eval(self._text, len(keys), *keys, *arguments)


_STEP = Script("step")
_encoder = msgspec.msgpack.Encoder()


async def step(connection: Connection, mark: str, guards: tuple[Guard, ...], writes: tuple[Write, ...]) -> Guard | None:
    """Do `writes` if every guard holds. All keys must lie in one slot.

    `mark` is the key that remembers this request: a step sent again under it answers as it did, and writes nothing.
    Answers the first guard that does not hold, or None when the step is done. Raises StoreUnavailable.
    """
    keys = dict.fromkeys([mark, *(guard.key for guard in guards), *(write.key for write in writes if write.key)])
    arguments: list[Argument] = [REQUEST_MARK_MS, b""]

    def packable(value: Argument) -> str | int:
        if not isinstance(value, bytes):
            return str(value)
        arguments.append(value)
        return len(arguments)

    asked = [(guard.kind, guard.key, guard.name, packable(guard.value)) for guard in guards]
    done = [(w.command, *([w.key] if w.key else ()), *map(packable, w.arguments)) for w in writes]
    # Packed, as each argument costs the client's time; bytes go beside it, as Lua's MessagePack knows none.
    arguments[1] = _encoder.encode((asked, done))
    failed = await _STEP.call(connection, list(keys), arguments)
    return guards[int(failed) - 1] if failed else None
