"""Chains of lines, one for each provider: only ever added to, one line at a time, by any number of workers at once.

A line is added in one atomic step, which holds the head it follows on: two who add at once cannot both, so a chain does
not fork; and line, head and name of the entry are written together, so it has no gap. What stands in a line, and that
it names the hash of the one before, is for who makes it.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator

import msgspec

from sessions.errors import Refused
from sessions.secrets import random_text
from sessions.store.connection import Connection
from sessions.store.scripts import Guard, Write, answer, step

READ_AT_ONCE = 500
READ_TRIES = 10


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a chain: how many lines there are, the hash of the last (hex; empty before the first), its signature.

    `marked_at` is when a head was last set apart to be kept (seconds since the epoch), `marked` of how many lines.
    """

    size: int = 0
    hash: str = ""
    signature: str = ""
    marked: int = 0
    marked_at: float = 0.0


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A whole chain as it lies in the store, which may not be as it should.

    `lines` go up to the first that is missing, `count` is how many lie there; `entries` say in which line each entry
    is, `heads` are the signatures that were kept, by number of lines.
    """

    head: Head
    lines: tuple[bytes, ...]
    count: int
    entries: dict[str, int]
    heads: dict[int, str]


class Chains:
    """The chains in the store, by name."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def head(self, name: str) -> Head:
        """The end of this chain. Raises StoreUnavailable."""
        fields = ["size", "hash", "signature", "marked", "marked_at"]
        found = await answer(self._connection.client.hmget(_key(name, "head"), fields))
        size, hash_, signature, marked, marked_at = (value.decode() if value else "" for value in found)
        return Head(
            size=int(size or 0),
            hash=hash_,
            signature=signature,
            marked=int(marked or 0),
            marked_at=float(marked_at or 0),
        )

    async def add(self, name: str, entry: str, line: bytes, before: Head, after: Head) -> bool:
        """Add `line` behind `before`. False when another came first: then read the head again.

        `entry` names what is added: what is in the chain already is not added again, and that is no failure. A head
        whose `marked` is its size is kept beside the chain, under that size. Raises StoreUnavailable.
        """
        follows = Guard("field", _key(name, "head"), "hash", before.hash)
        fresh = Guard("field", _key(name, "entries"), entry, "")
        head = msgspec.structs.asdict(after)
        head["marked_at"] = repr(after.marked_at)
        writes = [
            Write("HSET", _key(name, "lines"), (after.size, line)),
            Write("HSET", _key(name, "entries"), (entry, after.size)),
            Write("HSET", _key(name, "head"), tuple(part for item in head.items() for part in item)),
        ]
        if after.marked == after.size:
            writes.append(Write("HSET", _key(name, "heads"), (after.size, after.signature)))
        mark = _key(name, f"request:{random_text(12)}")
        failed = await step(self._connection, mark, (fresh, follows), tuple(writes))
        return failed is not follows

    async def whole(self, name: str) -> Chain:
        """All of a chain at one moment, as it lies there. Raises StoreUnavailable, Refused(busy)."""
        for _ in range(READ_TRIES):
            before = await self.head(name)
            lines = [line async for line in self._lines(name)]
            client = self._connection.client
            entries = await answer(client.hgetall(_key(name, "entries")))
            heads = await answer(client.hgetall(_key(name, "heads")))
            count = int(await answer(client.hlen(_key(name, "lines"))))
            if await self.head(name) == before:
                return Chain(
                    head=before,
                    lines=tuple(lines),
                    count=count,
                    entries={entry.decode(): int(number) for entry, number in entries.items()},
                    heads={size: heads[b"%d" % size].decode() for size in sorted(map(int, heads))},
                )
        raise Refused("busy")

    async def _lines(self, name: str) -> AsyncGenerator[bytes]:
        """Every line from the first on, until one that is missing."""
        first, found = 1, [b""]
        while None not in found:
            found = await answer(
                self._connection.client.hmget(_key(name, "lines"), list(range(first, first + READ_AT_ONCE)))
            )
            for line in itertools.takewhile(lambda line: line is not None, found):
                yield line
            first += READ_AT_ONCE

    async def drop(self, name: str) -> None:
        """The whole chain goes. Raises StoreUnavailable."""
        await answer(self._connection.client.unlink(*(_key(name, kind) for kind in _KINDS)))


_KINDS = ("head", "lines", "entries", "heads")


def _key(name: str, kind: str) -> str:
    return "{c:" + name + "}:" + kind
