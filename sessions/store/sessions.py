"""Sessions in the store: read, opened by a phone's request, moved by one atomic step.

Every key of a session lies in its partition's slot, with the queues of that partition, so that one step can change the
session and queue its effects. Nothing here decides what may happen: that is for the moves.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache

import msgspec

from sessions import delivering
from sessions.change import Change, Effect, Origin
from sessions.delivering import Attempt, Line
from sessions.errors import Refused
from sessions.lifecycle import DAY, IDLE_SECONDS, attempt_end, deadline
from sessions.model import Session, State
from sessions.secrets import partition_of, random_text
from sessions.store.connection import Connection
from sessions.store.scripts import CHANNEL, Guard, Script, Write, answer, step

PROOF_MS = 300_000
MOVE_TRIES = 200

_OPEN = Script("open")
_encoder = msgspec.msgpack.Encoder()
_session = msgspec.msgpack.Decoder(Session)


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A session as read: its version (raised by every step) and when a phone was last heard."""

    session: Session
    version: int
    seen_at: float


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """An effect as it lies in the outbox."""

    session: str
    provider: str
    effect: Effect
    queued_at: float
    version: int
    attempts: int = 0
    first_failure_at: float | None = None
    due_at: float | None = None  # None: as soon as it was queued
    tried: tuple[Attempt, ...] = ()

    @property
    def due(self) -> float:
        """When it is to be done, unless a worker has it in hand: its score in the queue, then, is the lease's end."""
        return self.queued_at if self.due_at is None else self.due_at


Decide = Callable[[Session, float], "Change | None"]


@lru_cache(maxsize=4096)  # a step asks for it a dozen times
def slot(session_id: str) -> str:
    """The hash tag of a session's partition: everything under it lives in one slot."""
    return "{p" + str(partition_of(session_id)) + "}"


def key(session_id: str, kind: str) -> str:
    """The key of one kind of thing of a session."""
    return f"{slot(session_id)}:{kind}:{session_id}"


def outbox_key(partition_tag: str, effect_key: str) -> str:
    """The key of one effect in a partition's outbox."""
    return f"{partition_tag}:effect:{effect_key}"


def log_key(session_id: str) -> str:
    """The key of a session's delivery log: a line per event, by its sequence number."""
    return key(session_id, "deliveries")


def unheard(opened: Opened) -> Guard:
    """Holds as long as no phone was heard since: a request is no step, and raises no version."""
    seen = repr(opened.seen_at) if opened.seen_at else ""
    return Guard("field", key(opened.session.id, "session"), "seen", seen)


class SessionStore:
    """The only way to a session. `origin`: as what we are known to whom the events go that are queued here."""

    def __init__(self, connection: Connection, origin: Origin | None = None) -> None:
        self.connection = connection
        self._origin = origin

    async def read(self, session_id: str) -> Opened:
        """One session. Raises Refused(unknown-session), StoreUnavailable."""
        return _opened(await answer(self.connection.client.hmget(key(session_id, "session"), ["v", "d", "seen"])))

    async def open(self, session_id: str, proof: str, now: float, token: str = "") -> Opened:
        """The session a phone's request is for; `proof` is the id of its DPoP proof, good for one use.

        `token` is the HMAC of its access token: only a phone of this session is seen. Without one (a phone that is
        being linked) the proof is used up all the same.

        An attempt that ran out is over, also when the sweep is late: no request brings it back.
        Raises Refused: unknown-session, replayed, wrong-state.
        """
        keys = [key(session_id, "session"), f"{slot(session_id)}:proof:{proof}"]
        arguments = [repr(now), PROOF_MS, random_text(12), IDLE_SECONDS, token]
        fresh, *fields = await _OPEN.call(self.connection, keys, list(arguments))
        if not fresh:
            raise Refused("replayed")
        opened = _opened(fields)
        if opened.session.state is State.COLLECTING and now >= attempt_end(opened.session, opened.seen_at):
            raise Refused("wrong-state")
        return opened

    async def create(self, change: Change, now: float, mark: tuple[str, bytes] | None = None) -> bytes | None:
        """Store a new session; `mark` (name and value) makes the creation idempotent.

        Answers what an earlier creation under the same mark left, or None when this one is new. Raises Refused(busy)
        when the id is taken, or the mark ended just now.
        """
        session_id = change.session.id
        free = Guard("absent", key(session_id, "session"))
        guards, writes = [free], _writes(self._from_us(change), 1, now, now)
        if mark is not None:
            name = f"{slot(session_id)}:idempotency:{mark[0]}"
            guards.insert(0, Guard("absent", name))
            writes.append(Write("SET", name, (mark[1], "PX", int(DAY * 1000))))
        failed = await step(self.connection, self._mark(session_id), tuple(guards), tuple(writes))
        if failed is None:
            return None
        earlier = None if failed is free else await answer(self.connection.client.get(failed.key))
        if earlier is None:
            raise Refused("busy")
        return earlier

    async def move(self, session_id: str, decide: Decide, now: float, opened: Opened | None = None) -> Opened:
        """Let `decide` change the session; retried when somebody else changed it meanwhile.

        `decide` sees the newest session and gives a Change, or None to leave it. A Change that carries a refusal is
        stored first, then raised. `opened` saves the first reading. Answers the session as it now is, which may be
        given to the next move. Raises whatever `decide` refuses, and Refused(busy).
        """
        for _ in range(MOVE_TRIES):
            current = opened or await self.read(session_id)
            try:
                change = decide(current.session, now)
            except Refused:
                if opened is None:
                    raise
                opened = None  # refused on what the caller knew: decide again on what is true now
                continue
            opened = None
            if change is None:
                return current
            after = await self.apply(change, current, now)
            if after is not None:
                if change.refusal is not None:
                    raise Refused(change.refusal, **change.facts)
                return after
        raise Refused("busy")

    async def apply(self, change: Change, current: Opened, now: float, also: tuple[Guard, ...] = ()) -> Opened | None:
        """Carry out a change in one step; None when the session is no longer the one it was made for.

        `also` must hold too, or it is None as well.
        """
        session_id = current.session.id
        guards = (Guard("field", key(session_id, "session"), "v", str(current.version)), *also)
        if change.forget:
            writes = _forget(current.session, current.version + 1, now)
        else:
            writes = _writes(self._from_us(change), current.version + 1, current.seen_at, now, current.session)
        if await step(self.connection, self._mark(session_id), guards, tuple(writes)) is not None:
            return None
        seen = max(now, current.seen_at) if change.heard else current.seen_at
        return Opened(session=change.session, version=current.version + 1, seen_at=seen)

    async def vault(self, session_id: str, names: list[str]) -> dict[str, bytes]:
        """The ciphertexts of these vault records; what is not there is left out."""
        if not names:
            return {}
        found = await answer(self.connection.client.hmget(key(session_id, "vault"), names))
        return {name: value for name, value in zip(names, found, strict=True) if value is not None}

    async def payload(self, session_id: str) -> bytes | None:
        """The sealed payload that waits for the provider."""
        return await answer(self.connection.client.get(key(session_id, "payload")))

    async def document(self, session_id: str, number: int) -> bytes | None:
        """One of the sealed originals that lie beside the payload."""
        return await answer(self.connection.client.hget(key(session_id, "documents"), str(number)))

    async def session_of_code(self, partition: int, digest: str) -> str:
        """The session a typed code belongs to. Raises Refused(token-invalid)."""
        found = await answer(self.connection.client.get("{p" + str(partition) + "}:code:" + digest))
        if found is None:
            raise Refused("token-invalid")
        return found.decode()

    def _from_us(self, change: Change) -> Change:
        """The change with our origin in its events: they say the same at every attempt, whoever makes those."""
        told = (
            msgspec.structs.replace(effect, origin=self._origin) if effect.kind in ("data", "notice") else effect
            for effect in change.effects
        )
        return msgspec.structs.replace(change, effects=tuple(told))

    def _mark(self, session_id: str) -> str:
        return f"{slot(session_id)}:request:{random_text(12)}"

    def any_partition(self) -> int:
        """A partition for a new session, at random."""
        return random.randrange(self.connection.partitions)  # noqa: S311 - spreads load, guards nothing


def _opened(fields: list[bytes | None]) -> Opened:
    version, record, seen = fields
    if version is None or record is None:
        raise Refused("unknown-session")
    return Opened(session=_session.decode(record), version=int(version), seen_at=float(seen or 0))


def _tokens(session: Session) -> str:
    """The HMACs of the tokens of every phone that may call, for `open.lua`."""
    pendings = [p.pending.phone for p in (session.pairing, session.partner_pairing) if p.pending is not None]
    return " ".join([*(phone.token for phone in (*session.phones, *pendings)), *session.closing_secrets])


def _writes(change: Change, version: int, seen_at: float, now: float, before: Session | None = None) -> list[Write]:
    session = change.session
    name, vault = key(session.id, "session"), key(session.id, "vault")
    due = deadline(session, max(now, seen_at) if change.heard else seen_at)
    backstop = int((max(due, now) + DAY) * 1000)  # a deadline that passed is for the sweep, never for the TTL
    # What goes, goes first: a store that is full takes a step that begins by giving memory back.
    writes = [Write("UNLINK", vault)] if change.empty_vault or change.purge else []
    writes += _purge_writes(session, before) if change.purge else []
    linked = before is not None and before.state is State.PAIRING and session.state is State.COLLECTING
    # An attempt begins: an earlier one's idleness does not count.
    seen = ("seen", repr(now)) if linked or change.heard else ()
    writes += [
        record_write(session, version, *seen),
        Write("PEXPIREAT", name, (backstop,)),
        Write("ZADD", f"{slot(session.id)}:deadlines", (repr(due), session.id)),
    ]
    if change.vault:
        writes += _hash_writes(vault, change.vault, backstop)
    if change.vault_drop:
        writes.append(Write("HDEL", vault, change.vault_drop))
    if change.payload is not None:
        writes.append(Write("SET", key(session.id, "payload"), (change.payload, "PXAT", backstop)))
    if change.documents:
        writes += _hash_writes(key(session.id, "documents"), change.documents, backstop)
    writes += _code_writes(change)
    writes += _effect_writes(change, version, now, before)
    writes += _log_writes(change, backstop)
    writes.append(Write("PUBLISH", "", (CHANNEL, f"session {session.id}")))
    return writes


def record_write(session: Session, version: int, *also: str) -> Write:
    """What puts a session's record in its place, with `also` as further fields and values."""
    fields = ("v", version, "d", _encoder.encode(session), "t", _tokens(session), *also)
    return Write("HSET", key(session.id, "session"), fields)


def _hash_writes(name: str, values: dict[str, bytes], backstop: int) -> list[Write]:
    fields = tuple(part for item in values.items() for part in item)
    return [Write("HSET", name, fields), Write("PEXPIREAT", name, (backstop,))]


def _purge_writes(session: Session, before: Session | None) -> list[Write]:
    """Beside the vault: the payload and its documents, what waits to be sent, and a typed code that is still shown."""
    tag = slot(session.id)
    typed = before.pairing.typed if before else None
    effects = [f"data:{session.id}", f"mail:{session.id}"]
    effects += [f"sms:{session.id}:{number + 1}" for number in range(before.texts_sent if before else 0)]
    return [
        Write("UNLINK", key(session.id, "payload")),
        Write("UNLINK", key(session.id, "documents")),
        Write("ZREM", f"{tag}:outbox", tuple(effects)),
        *(Write("UNLINK", outbox_key(tag, effect)) for effect in effects),
        *([Write("UNLINK", f"{tag}:code:{typed.digest}")] if typed else []),
    ]


def _code_writes(change: Change) -> list[Write]:
    tag = slot(change.session.id)
    spent = [Write("UNLINK", f"{tag}:code:{digest}") for digest in change.spent_codes]
    shown = [
        Write("SET", f"{tag}:code:{digest}", (change.session.id, "PX", int(seconds * 1000)))
        for digest, seconds in change.codes.items()
    ]
    return spent + shown


def _effect_writes(change: Change, version: int, now: float, before: Session | None) -> list[Write]:
    session = change.session
    effects = [e for e in change.effects if session.recipient.webhook or e.kind not in ("data", "notice")]
    if before is None or before.state is not session.state:
        typed = before.pairing.typed if before and change.purge else None
        effects.append(Effect(key=f"index:{session.id}", kind="index", code=typed.digest if typed else ""))
    return _queue(session, effects, version, now)


def _queue(session: Session, effects: list[Effect], version: int, now: float) -> list[Write]:
    tag = slot(session.id)
    writes: list[Write] = []
    for effect in effects:
        queued = Queued(session=session.id, provider=session.provider, effect=effect, queued_at=now, version=version)
        writes += [
            Write("HSET", outbox_key(tag, effect.key), ("e", _encoder.encode(queued), "id", f"{version}")),
            Write("ZADD", f"{tag}:outbox", (repr(now), effect.key)),
        ]
        if effect.kind in ("data", "notice"):
            line = Line(sequence=effect.sequence, event_id=effect.event_id, type=effect.type, queued_at=now)
            oldest = str(effect.sequence - delivering.PLACES)
            writes += [line_write(session.id, line), Write("HDEL", log_key(session.id), (oldest,))]
    if effects:
        writes.append(Write("PUBLISH", "", (CHANNEL, f"work {partition_of(session.id)}")))
    return writes


def line_write(session_id: str, line: Line) -> Write:
    """What puts a line into a session's delivery log."""
    return Write("HSET", log_key(session_id), (str(line.sequence), delivering.written(line)))


def _log_writes(change: Change, backstop: int) -> list[Write]:
    """The delivery log lives as long as its session."""
    if not change.session.recipient.webhook:
        return []
    said = [line_write(change.session.id, change.line)] if change.line is not None else []
    return [*said, Write("PEXPIREAT", log_key(change.session.id), (backstop,))]


def _forget(session: Session, version: int, now: float) -> list[Write]:
    """The tombstone's time is over: nothing of the session stays, and its place in the list goes."""
    return [
        Write("UNLINK", key(session.id, "session")),
        Write("UNLINK", log_key(session.id)),
        Write("ZREM", f"{slot(session.id)}:deadlines", (session.id,)),
        *_queue(session, [Effect(key=f"index:{session.id}", kind="index", type="forget")], version, now),
    ]
