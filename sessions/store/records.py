"""What lies outside any session: the provider registry, access tokens, used proofs, limits, and the providers' lists.

None of it is ever touched by a session's step; the lists are kept by outbox effects and may lag a second.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sessions.model import Session, State
from sessions.secrets import random_text
from sessions.store.connection import Connection
from sessions.store.scripts import CHANNEL, Guard, Script, Write, answer, step

TOKEN_SECONDS = 300
JTI_SECONDS = 600
FORGET_VERSION = 2**53

_PROVIDERS, _WEBHOOKS = "ophaalbrug:providers", "ophaalbrug:webhooks"
_INDEX = Script("index")
_STATES = tuple(State)


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A session in its provider's list."""

    id: str
    state: str
    created_at: float
    reference: str | None


class Records:
    """Small records by name."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    # --- the provider registry ---

    async def providers(self) -> dict[str, bytes]:
        """Every provider's stored entry, by id."""
        found = await answer(self.connection.client.hgetall(_PROVIDERS))
        return {name.decode(): value for name, value in found.items()}

    async def provider(self, provider_id: str) -> bytes | None:
        """One provider's stored entry."""
        return await answer(self.connection.client.hget(_PROVIDERS, provider_id))

    async def swap_provider(self, provider_id: str, before: bytes, after: bytes) -> bool:
        """Store a provider in place of `before` (empty: of none), and tell every process.

        False when another has been stored since.
        """
        return await self._put(_PROVIDERS, provider_id, after, before)

    async def remove_provider(self, provider_id: str) -> bool:
        """Remove a provider and tell every process. False when there was none."""
        while (before := await self.provider(provider_id)) is not None:
            if await self._put(_PROVIDERS, provider_id, None, before):
                return True
        return False

    async def webhook_health(self, provider_id: str) -> bytes | None:
        """What is known of how a provider's webhook does."""
        return await answer(self.connection.client.hget(_WEBHOOKS, provider_id))

    async def put_webhook_health(self, provider_id: str, health: bytes | None) -> None:
        """Store (or, with None, forget) it and tell every process."""
        await self._put(_WEBHOOKS, provider_id, health)

    async def _put(self, name: str, provider_id: str, entry: bytes | None, before: bytes | None = None) -> bool:
        """Store (None: remove) what hash `name` has of a provider, and tell every process in the same step.

        With `before` only in the place of that: False when something else has been stored since.
        """
        write = Write("HDEL", name, (provider_id,)) if entry is None else Write("HSET", name, (provider_id, entry))
        told = Write("PUBLISH", "", (CHANNEL, f"registry {provider_id}"))
        guards = () if before is None else (Guard("field", name, provider_id, before),)
        # The mark lies in the slot of the hash itself, whose whole name is what is hashed.
        return await step(self.connection, f"{{{name}}}:request:{random_text(12)}", guards, (write, told)) is None

    # --- access tokens and single-use proofs ---

    async def put_token(self, digest: str, grant: str) -> None:
        """Remember what an access token grants, for 300 seconds of the store's clock."""
        await answer(self.connection.client.set(f"ophaalbrug:token:{digest}", grant, ex=TOKEN_SECONDS))

    async def grant_of_token(self, digest: str) -> str | None:
        """What an access token grants; None when it is unknown or over."""
        found = await answer(self.connection.client.get(f"ophaalbrug:token:{digest}"))
        return found.decode() if found else None

    async def use_once(self, digest: str, seconds: int = JTI_SECONDS) -> bool:
        """Use up a one-time value. False when it was used before."""
        return bool(await answer(self.connection.client.set(f"ophaalbrug:once:{digest}", "1", nx=True, ex=seconds)))

    async def count(self, name: str, window_seconds: int, now: float) -> int:
        """Count one more of `name` in the running window and answer how many there are."""
        bucket = f"ophaalbrug:count:{name}:{int(now // window_seconds)}"
        pipe = self.connection.client.pipeline(transaction=False)
        pipe.set(bucket, 0, nx=True, ex=window_seconds * 2)  # first: no counter is ever without an end
        pipe.incr(bucket)
        return int((await answer(pipe.execute()))[1])

    async def take_turn(self, name: str, seconds: int) -> bool:
        """Whether this process is the one that does `name`: nobody else is for so many seconds."""
        return bool(await answer(self.connection.client.set(f"ophaalbrug:turn:{name}", "1", nx=True, ex=seconds)))

    async def keep_turn(self, name: str, seconds: int) -> None:
        """It is done: nobody else does `name` for so many seconds more."""
        await answer(self.connection.client.set(f"ophaalbrug:turn:{name}", "1", ex=seconds))

    # --- what a store remembers of its owner ---

    async def claim_store(self, fingerprint: str, partitions: int) -> Mapping[str, str]:
        """Mark an empty store as made with these keys and partitions; answers what the store says."""
        client = self.connection.client
        await answer(client.hsetnx("ophaalbrug:meta", "fingerprint", fingerprint))
        await answer(client.hsetnx("ophaalbrug:meta", "partitions", str(partitions)))
        found = await answer(client.hgetall("ophaalbrug:meta"))
        return {name.decode(): value.decode() for name, value in found.items()}

    async def raise_partitions(self, partitions: int) -> None:
        """Remember a larger number of partitions."""
        await answer(self.connection.client.hset("ophaalbrug:meta", "partitions", str(partitions)))

    # --- the providers' lists ---

    async def put_listed(self, session: Session, version: int) -> None:
        """Put a session in its provider's list under its present state; an older version changes nothing."""
        entry = f"{version}|{session.state}|{session.created_at!r}|{session.reference or ''}"
        state = 4 + _STATES.index(session.state)
        arguments = [session.id, version, entry, repr(session.created_at), state, "1" if session.reference else "0"]
        await _INDEX.call(self.connection, _list_keys(session.provider, session.reference), list(arguments))

    async def drop_listed(self, provider_id: str, session_id: str) -> None:
        """Take a forgotten session out of its provider's list."""
        stored = await answer(self.connection.client.hget(_list_keys(provider_id, None)[0], session_id))
        reference = stored.decode().split("|", 3)[3] if stored else None
        keys = _list_keys(provider_id, reference or None)
        await _INDEX.call(self.connection, keys, [session_id, FORGET_VERSION, "", "0", "4", "0"])

    async def listed(
        self, provider_id: str, *, reference: str | None, state: str | None, offset: int, limit: int
    ) -> list[Listed]:
        """A page of a provider's sessions, newest first."""
        keys = _list_keys(provider_id, reference)
        by_state = keys[3 + _STATES.index(State(state))] if state else None
        client = self.connection.client
        if reference and by_state:  # few sessions share a reference: all of them, then the page
            both = await answer(client.zinter([keys[2], by_state], aggregate="MIN"))
            ids = both[::-1][offset : offset + limit]
        else:
            name = keys[2] if reference else by_state or keys[1]
            ids = await answer(client.zrevrange(name, offset, offset + limit - 1))
        if not ids:
            return []
        entries = await answer(client.hmget(keys[0], ids))
        return [_listed(i.decode(), e.decode()) for i, e in zip(ids, entries, strict=True) if e is not None]


def _list_keys(provider_id: str, reference: str | None) -> list[str]:
    tag = "{l:" + provider_id + "}"
    states = [f"{tag}:state:{state}" for state in _STATES]
    return [f"{tag}:entries", f"{tag}:all", f"{tag}:reference:{reference or ''}", *states]


def _listed(session_id: str, entry: str) -> Listed:
    _, state, created, reference = entry.split("|", 3)
    return Listed(id=session_id, state=state, created_at=float(created), reference=reference or None)
