"""Work that waits: the outbox (effects of steps) and the deadlines, claimed under a lease, partition by partition.

A worker that dies loses its lease; the work is then due again. Completing needs the lease still to be one's own and the
effect still to be the one that was carried out. What became of an event is written into its session's delivery log by
the same step.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sessions import delivering
from sessions.delivering import Attempt, Closed, Line, Status
from sessions.lifecycle import DAY, TOMBSTONE_SECONDS
from sessions.secrets import partition_of, random_text
from sessions.store.connection import Connection
from sessions.store.scripts import CHANNEL, Guard, Script, Write, answer, step
from sessions.store.sessions import Queued, key, line_write, log_key, outbox_key

_CLAIM = Script("claim")
_queued = msgspec.msgpack.Decoder(Queued)
_encoder = msgspec.msgpack.Encoder()
_TOLD = ("data", "notice")  # the effects that are events to a provider: the others have no line in the log


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An effect in a worker's hands until `lease_until`."""

    partition: int
    queued: Queued
    lease_until: float


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the delivery log with where it now stands; `due` is when it is tried next, or its lease ends."""

    session: str
    line: Line
    status: Status
    due: float | None = None
    queued: Queued | None = None  # while it waits or is in hand

    @property
    def tried(self) -> tuple[Attempt, ...]:
        """The attempts, with one that a worker was lost over."""
        return self.line.tried if self.queued is None else self.queued.tried


class Flight(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a session's payload is on its way. `until`: the end of the lease of who is sending it now, if anybody is.

    `arrived`: the receiver has it, or may have it. `guard` holds as long as no attempt begins or ends.
    """

    until: float | None
    arrived: bool
    guard: Guard


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
        """Take effects that are due; an effect that was withdrawn, or replaced, meanwhile is left out.

        Of one that another worker had, and lost, nobody knows what became of that attempt: it is among those tried.
        """
        tag, until = _tag(partition), now + lease_seconds
        taken = await _CLAIM.call(self.connection, [f"{tag}:outbox"], [repr(now), repr(until), limit])
        if not taken:
            return []
        pipe = self.connection.client.pipeline(transaction=False)
        for name in taken[::2]:
            pipe.hget(outbox_key(tag, name.decode()), "e")
            pipe.zscore(f"{tag}:outbox", name)  # after the entry: if the lease stands then, it is of that entry
        found = await answer(pipe.execute())
        read = [(_read(entry), float(score)) for entry, score in zip(found[::2], taken[1::2], strict=True)]
        return [
            Claim(partition=partition, queued=_as_left(queued, score), lease_until=until)
            for (queued, score), held in zip(read, found[1::2], strict=True)
            if queued is not None and held == until
        ]

    async def claim_deadlines(self, partition: int, now: float, lease_seconds: float, limit: int) -> list[str]:
        """Sessions whose deadline passed; each must be moved, or given its true deadline again."""
        keys = [f"{_tag(partition)}:deadlines"]
        taken = await _CLAIM.call(self.connection, keys, [repr(now), repr(now + lease_seconds), limit])
        return [name.decode() for name in taken[::2]]

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

    async def done(self, claim: Claim, closed: Closed = "dropped", attempt: Attempt | None = None) -> bool:
        """The effect is over: carried out by `attempt`, or `dropped` without one, as far as the delivery log goes.

        False when the lease was lost or a newer effect took its place.
        """
        tag, name = _tag(claim.partition), claim.queued.effect.key
        line = line_of(claim, attempt, closed)
        writes = (
            Write("ZREM", f"{tag}:outbox", (name,)),
            Write("UNLINK", outbox_key(tag, name)),
            *_log_writes(claim.queued, line),
        )
        return await self._concluded(claim, "done", writes, line)

    async def again(self, claim: Claim, at: float, now: float, attempt: Attempt | None = None) -> bool:
        """The attempt failed: wait until `at`. False when the lease was lost or a newer effect took its place."""
        queued = claim.queued
        after = msgspec.structs.replace(
            queued,
            attempts=queued.attempts + 1,
            first_failure_at=queued.first_failure_at or now,
            tried=delivering.tried(queued.tried, attempt),
        )
        return await self._put_back(claim, after, at)

    async def put_off(self, claim: Claim, at: float) -> bool:
        """No attempt was made: wait until `at`. False when the lease was lost or a newer effect took its place."""
        return await self._put_back(claim, claim.queued, at)

    async def _put_back(self, claim: Claim, after: Queued, at: float) -> bool:
        writes = (
            *_due_writes(_tag(claim.partition), msgspec.structs.replace(after, due_at=at)),
            *_log_writes(after, _line(after)),
            # It may be due earlier than the lease's end said, and whoever waits for the attempt's end may go on.
            Write("PUBLISH", "", (CHANNEL, f"work {claim.partition}")),
        )
        return await self._concluded(claim, "again", writes, msgspec.structs.replace(_line(after), closed="dropped"))

    async def _concluded(
        self, claim: Claim, outcome: Literal["done", "again"], writes: tuple[Write, ...], line: Line
    ) -> bool:
        """Carry out what follows from having had this in hand. False when it was not ours any more.

        Where something else took its place meanwhile, `line` is what the delivery log then says of it, once.
        """
        mine = self._mine(claim)
        failed = await step(self.connection, self._mark(claim, outcome), mine, writes)
        if failed is mine[0] and line.tried != claim.queued.tried:
            queued = claim.queued
            untold = Guard("field", log_key(queued.session), str(line.sequence), delivering.written(_line(queued)))
            await step(self.connection, self._mark(claim, "told"), (untold,), _log_writes(queued, line))
        return failed is None

    async def deliveries(self, session_ids: list[str], now: float) -> list[list[Logged]]:
        """The delivery logs of these sessions, each with its newest event first; two round trips a node at most.

        What waits is read before the log: an event that is finished in between is then seen as finished. And its place
        in the queue before the entry: while that place holds, the entry is the one that was read.
        """
        if not session_ids:
            return []
        pipe = self.connection.client.pipeline(transaction=False)
        for session_id in session_ids:
            tag = _tag(partition_of(session_id))
            for kind in _TOLD:
                pipe.zscore(f"{tag}:outbox", f"{kind}:{session_id}")
                pipe.hget(outbox_key(tag, f"{kind}:{session_id}"), "e")
            pipe.hvals(log_key(session_id))
        found = await answer(pipe.execute())
        width = 2 * len(_TOLD) + 1
        rows = [found[at : at + width] for at in range(0, len(found), width)]
        return [_logged(name, row, now) for name, row in zip(session_ids, rows, strict=True)]

    async def retry(self, logged: Logged, now: float) -> bool:
        """Try a waiting event now. False when it no longer waits as it did: a worker has it, or it is over."""
        queued = logged.queued
        if queued is None:
            return False
        partition = partition_of(logged.session)
        tag, name = _tag(partition), queued.effect.key
        # An attempt asked for by hand is extra: after it the wait is as long as this one was to be.
        before = max(0, queued.attempts - 1) if queued.due > now else queued.attempts
        guards = (
            Guard("field", outbox_key(tag, name), "id", str(queued.version)),
            Guard("score", f"{tag}:outbox", name, repr(queued.due)),
        )
        writes = (
            *_due_writes(tag, msgspec.structs.replace(queued, due_at=min(now, queued.due), attempts=before)),
            Write("PUBLISH", "", (CHANNEL, f"work {partition}")),
        )
        return await step(self.connection, f"{tag}:request:{random_text(12)}", guards, writes) is None

    async def flight(self, session_id: str, event_id: str, now: float) -> Flight:
        """Where the delivery of this session's payload stands; `event_id` is that of its data event."""
        [lines] = await self.deliveries([session_id], now)
        tag, name = _tag(partition_of(session_id)), f"data:{session_id}"
        found = next((one for one in lines if one.line.event_id == event_id), None)
        if found is None or found.queued is None or found.due is None:
            gone = Guard("absent", outbox_key(tag, name))
            arrived = found is not None and delivering.may_have_arrived(found.line.tried)
            return Flight(until=None, arrived=arrived, guard=gone)
        return Flight(
            until=found.due if found.status == "sending" else None,
            arrived=delivering.may_have_arrived(found.queued.tried),
            guard=Guard("score", f"{tag}:outbox", name, repr(found.due)),
        )

    def _mine(self, claim: Claim) -> tuple[Guard, ...]:
        tag, name = _tag(claim.partition), claim.queued.effect.key
        return (
            Guard("field", outbox_key(tag, name), "id", str(claim.queued.version)),
            Guard("score", f"{tag}:outbox", name, repr(claim.lease_until)),
        )

    def _mark(self, claim: Claim, outcome: Literal["done", "again", "told"]) -> str:
        queued = claim.queued
        return f"{_tag(claim.partition)}:request:{outcome}:{queued.effect.key}:{queued.version}:{claim.lease_until!r}"


def line_of(claim: Claim, attempt: Attempt | None, closed: Closed) -> Line:
    """What the delivery log says of an event that is over."""
    after = msgspec.structs.replace(claim.queued, tried=delivering.tried(claim.queued.tried, attempt))
    return msgspec.structs.replace(_line(after), closed=closed)


def _line(queued: Queued) -> Line:
    effect = queued.effect
    return Line(
        sequence=effect.sequence,
        event_id=effect.event_id,
        type=effect.type,
        queued_at=queued.queued_at,
        tried=queued.tried,
    )


def _due_writes(tag: str, queued: Queued) -> tuple[Write, ...]:
    """The entry and its place in the queue say the same moment: any other score is the end of a lease."""
    name = queued.effect.key
    return (
        Write("HSET", outbox_key(tag, name), ("e", _encoder.encode(queued))),
        Write("ZADD", f"{tag}:outbox", (repr(queued.due), name)),
    )


def _log_writes(queued: Queued, line: Line) -> tuple[Write, ...]:
    """The event's line; a log that a step makes anew ends by itself, as the session's own does."""
    if queued.effect.kind not in _TOLD:
        return ()
    backstop = int((queued.queued_at + TOMBSTONE_SECONDS + 2 * DAY) * 1000)
    return (line_write(queued.session, line), Write("PEXPIREAT", log_key(queued.session), (backstop, "NX")))


def _as_left(queued: Queued, score: float) -> Queued:
    """An effect as who had it before left it: with another score than its moment, that was a worker that was lost."""
    if queued.effect.kind not in _TOLD or score == queued.due or (queued.due_at is None and queued.attempts > 0):
        return queued  # the last: it was put off by an older release, which did not note the moment
    lost = Attempt(at=queued.due, outcome="unknown", answer="interrupted")
    return msgspec.structs.replace(queued, tried=delivering.tried(queued.tried, lost))


def _logged(session_id: str, row: list[bytes | float | list[bytes] | None], now: float) -> list[Logged]:
    waiting: dict[str, tuple[Queued, float]] = {}
    for score, entry in zip(row[:-1:2], row[1:-1:2], strict=True):
        queued = _read(entry) if isinstance(entry, bytes) else None
        if queued is not None and isinstance(score, float):
            waiting[queued.effect.event_id] = (_as_left(queued, score) if score <= now else queued, score)
    lines = [delivering.read(stored) for stored in (row[-1] if isinstance(row[-1], list) else [])]
    lines.sort(key=lambda line: -line.sequence)
    return [_standing(session_id, line, waiting.get(line.event_id), now) for line in lines]


def _standing(session_id: str, line: Line, waiting: tuple[Queued, float] | None, now: float) -> Logged:
    """A line that is not closed and does not wait was dropped: a newer notice came, or the session ended."""
    if line.closed is not None or waiting is None:
        return Logged(session=session_id, line=line, status=line.closed or "dropped")
    queued, score = waiting
    status = "sending" if score > now and score != queued.due else "waiting"
    return Logged(session=session_id, line=line, status=status, due=score, queued=queued)


def _read(entry: bytes | None) -> Queued | None:
    """An effect; None for one that is gone, or of a newer release: that is left for a worker that knows it."""
    if entry is None:
        return None
    try:
        return _queued.decode(entry)
    except msgspec.MsgspecError:
        return None


def _tag(partition: int) -> str:
    return "{p" + str(partition) + "}"
