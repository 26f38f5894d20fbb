"""What a purge may have left of a session: the store is asked anew, and whatever should not be there is destroyed.

Owns the list of what may not outlive an end. It is a list of its own, apart from what the purging step destroys, so
that a kind which that step forgets is still looked for. A key of a kind that neither knows is not seen.
"""

from __future__ import annotations

from typing import Literal

from sessions.ending import tombstone_of
from sessions.inviting import TEXTS_AT_MOST
from sessions.store.connection import Connection
from sessions.store.scripts import Guard, Write, answer, step
from sessions.store.sessions import Opened, key, outbox_key, record_write, slot

Kind = Literal["vault", "payload", "documents", "code", "effect", "record"]


async def look(connection: Connection, opened: Opened, code: str) -> tuple[Kind, ...]:
    """The kinds of things that are left of an ended session and may not be; one round trip. Raises StoreUnavailable.

    `code` is the digest of the typed code that was shown when it ended, empty where there was none.
    """
    session = opened.session
    pipe = connection.client.pipeline(transaction=False)
    names = _keys(session.id, code)
    for name in names:
        pipe.execute_command("EXISTS", name)
    pipe.zmscore(_outbox(session.id), _effects(session.id))
    *there, scores = await answer(pipe.execute())
    found: set[Kind] = {kind for kind, exists in zip(names.values(), there, strict=True) if exists}
    if any(score is not None for score in scores):
        found.add("effect")
    if tombstone_of(session) != session:
        found.add("record")
    return tuple(sorted(found))


async def destroy(connection: Connection, opened: Opened, code: str) -> bool:
    """Destroy everything that `look` looks for, in one step. False when the session is no longer as it was `opened`.

    Done twice it does what it did once. Raises StoreUnavailable.
    """
    session, version = opened.session, opened.version
    writes = (
        *(Write("UNLINK", name) for name in _keys(session.id, code)),
        Write("ZREM", _outbox(session.id), tuple(_effects(session.id))),
        record_write(tombstone_of(session), version + 1),
    )
    guards = (Guard("field", key(session.id, "session"), "v", str(version)),)
    mark = f"{slot(session.id)}:request:remains:{session.id}:{version}"
    return await step(connection, mark, guards, writes) is None


def _keys(session_id: str, code: str) -> dict[str, Kind]:
    tag = slot(session_id)
    names: dict[str, Kind] = {
        key(session_id, "vault"): "vault",
        key(session_id, "payload"): "payload",
        key(session_id, "documents"): "documents",
    }
    if code:
        names[f"{tag}:code:{code}"] = "code"
    effects: dict[str, Kind] = {outbox_key(tag, effect): "effect" for effect in _effects(session_id)}
    return names | effects


def _effects(session_id: str) -> list[str]:
    """What no longer goes out: data, and messages with a person's address."""
    texts = [f"sms:{session_id}:{number}" for number in range(1, TEXTS_AT_MOST + 1)]
    return [f"data:{session_id}", f"mail:{session_id}", *texts]


def _outbox(session_id: str) -> str:
    return f"{slot(session_id)}:outbox"
