"""Work that waits: the outbox (effects of steps) and the deadlines, claimed under a lease, partition by partition.

A worker that dies loses its lease; the work is then due again. Completing needs the lease still to be one's own and the
effect still to be the one that was carried out.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sessions.secrets import random_text
from sessions.store.connection import Connection
from sessions.store.scripts import CHANNEL, Guard, Script, Write, answer, step
from sessions.store.sessions import Queued, key, outbox_key

_CLAIM = Script("claim")
_queued = msgspec.msgpack.Decoder(Queued)
_encoder = msgspec.msgpack.Encoder()


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An effect in a worker's hands until `lease_until`."""

    partition: int
    queued: Queued
    lease_until: float


class WorkQueue:
    """The queues of every partition."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def next_due(self) -> dict[int, float]:
        """Per partition with work, when the first of it is due (seconds since the epoch)."""
        pipe = self.connection.client.pipeline(transaction=False)
        for partition in range(self.connection.partitions):
            for queue in ("outbox", "deadlines"):
                pipe.zrange(f"{_tag(partition)}:{queue}", 0, 0, withscores=True)
        found = await answer(pipe.execute())
        first: dict[int, float] = {}
        for number, entries in enumerate(found):
            for _, score in entries:
                partition = number // 2
                first[partition] = min(first.get(partition, score), score)
        return first

    async def claim(self, partition: int, now: float, lease_seconds: float, limit: int) -> list[Claim]:
        """Take effects that are due; an effect that was withdrawn meanwhile is left out."""
        tag, until = _tag(partition), now + lease_seconds
        names = await _CLAIM.call(self.connection, [f"{tag}:outbox"], [repr(now), repr(until), limit])
        if not names:
            return []
        pipe = self.connection.client.pipeline(transaction=False)
        for name in names:
            pipe.hget(outbox_key(tag, name.decode()), "e")
        found = await answer(pipe.execute())
        read = [_read(entry) for entry in found if entry is not None]
        return [Claim(partition=partition, queued=queued, lease_until=until) for queued in read if queued is not None]

    async def claim_deadlines(self, partition: int, now: float, lease_seconds: float, limit: int) -> list[str]:
        """Sessions whose deadline passed; each must be moved, or given its true deadline again."""
        keys = [f"{_tag(partition)}:deadlines"]
        names = await _CLAIM.call(self.connection, keys, [repr(now), repr(now + lease_seconds), limit])
        return [name.decode() for name in names]

    async def put_deadline(self, session_id: str, at: float, partition: int, version: int) -> None:
        """Nothing was due yet: the session, if it still has `version`, waits again until `at`.

        A step that came between has set the deadline itself.
        """
        tag = _tag(partition)
        guards = (Guard("field", key(session_id, "session"), "v", str(version)),)
        writes = (Write("ZADD", f"{tag}:deadlines", ("XX", repr(at), session_id)),)
        await step(self.connection, f"{tag}:request:{random_text(12)}", guards, writes)

    async def drop_deadline(self, session_id: str, partition: int) -> None:
        """The session is no more."""
        await answer(self.connection.client.zrem(f"{_tag(partition)}:deadlines", session_id))

    async def done(self, claim: Claim) -> bool:
        """The effect was carried out. False when the lease was lost or a newer effect took its place."""
        tag, name = _tag(claim.partition), claim.queued.effect.key
        writes = (Write("ZREM", f"{tag}:outbox", (name,)), Write("UNLINK", outbox_key(tag, name)))
        return await step(self.connection, self._mark(claim, "done"), self._mine(claim), writes) is None

    async def again(self, claim: Claim, at: float, now: float) -> bool:
        """The attempt failed: wait until `at`. False when the lease was lost or a newer effect took its place."""
        queued = claim.queued
        after = msgspec.structs.replace(
            queued, attempts=queued.attempts + 1, first_failure_at=queued.first_failure_at or now
        )
        tag, name = _tag(claim.partition), queued.effect.key
        writes = (
            Write("HSET", outbox_key(tag, name), ("e", _encoder.encode(after))),
            Write("ZADD", f"{tag}:outbox", (repr(at), name)),
            Write("PUBLISH", "", (CHANNEL, f"work {claim.partition}")),  # due earlier than the lease's end said
        )
        return await step(self.connection, self._mark(claim, "again"), self._mine(claim), writes) is None

    def _mine(self, claim: Claim) -> tuple[Guard, ...]:
        tag, name = _tag(claim.partition), claim.queued.effect.key
        return (
            Guard("field", outbox_key(tag, name), "id", str(claim.queued.version)),
            Guard("score", f"{tag}:outbox", name, repr(claim.lease_until)),
        )

    def _mark(self, claim: Claim, outcome: Literal["done", "again"]) -> str:
        queued = claim.queued
        return f"{_tag(claim.partition)}:request:{outcome}:{queued.effect.key}:{queued.version}:{claim.lease_until!r}"


def _read(entry: bytes) -> Queued | None:
    """An effect; None for one of a newer release, which is left for a worker that knows it when its lease ends."""
    try:
        return _queued.decode(entry)
    except msgspec.MsgspecError:
        return None


def _tag(partition: int) -> str:
    return "{p" + str(partition) + "}"
