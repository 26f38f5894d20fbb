"""The ledger: for each provider a chain of what became of consents, against which a receipt can be checked later.

Lines are made by the worker, from effects that the consents' own steps queued, and each new end of the chain is signed
with the broker's key. What makes a ledger whole is `ledger_check`'s.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from joserfc.jwk import KeySet

from broker.clock import iso
from broker.ledger_check import MARK_EVERY, Exported, Verdict, checked, read
from broker.providers import ProviderError, import_key
from schemas.ledger import HEAD_TYPE, EntryKind, HeadLine, LedgerHead, LedgerLine, beginning, hash_of
from sessions.errors import Refused
from sessions.lifecycle import DAY
from sessions.store.chain import Chains, Head
from sessions.store.scripts import StoreUnavailable

if TYPE_CHECKING:
    from broker.parts import Parts
    from sessions.store.work import Claim

ADD_TRIES = 200


class Ledger:
    """The ledgers of every provider."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._chains = Chains(parts.connection)
        self._turn = asyncio.Lock()  # of one process's tasks one adds at a time: only processes are in each other's way

    async def carry_out(self, claim: Claim) -> None:
        """Enter what a step queued; nothing of a provider that is no more."""
        queued = claim.queued
        kind: EntryKind = msgspec.convert(queued.effect.type, EntryKind)
        if await self._parts.providers.get(queued.provider) is not None:
            await self.enter(queued.provider, kind, queued.effect.event_id, queued.queued_at)
        await self._parts.work.done(claim)

    async def enter(self, provider: str, kind: EntryKind, receipt: str, at: float) -> None:
        """Add an entry behind the last, unless it is there. `at`: seconds since the epoch.

        Raises StoreUnavailable, Refused(busy).
        """
        async with self._turn:
            for _ in range(ADD_TRIES):
                if await self._entered(provider, kind, receipt, at):
                    return
        raise Refused("busy")

    async def _entered(self, provider: str, kind: EntryKind, receipt: str, at: float) -> bool:
        """Try it behind what is the last line now; False when another came first."""
        before = await self._chains.head(provider)
        line = LedgerLine(
            number=before.size + 1,
            provider=provider,
            at=iso(at),
            kind=kind,
            receipt=receipt,
            previous=before.hash or beginning(provider),
        )
        written = msgspec.json.encode(line)
        after = self._signed(provider, before, hash_of(written))
        return await self._chains.add(provider, line.entry, written, before, after)

    def _signed(self, provider: str, before: Head, hash_: str) -> Head:
        """The new end of the chain. One in `MARK_EVERY`, and one a day, is kept beside the lines."""
        now, size = self._parts.clock(), before.size + 1
        head = LedgerHead(provider=provider, size=size, hash=hash_, signed_at=iso(now))
        due = size - before.marked >= MARK_EVERY or now - before.marked_at >= DAY
        return Head(
            size=size,
            hash=hash_,
            signature=self._parts.keys.sign(msgspec.json.encode(head), HEAD_TYPE),
            marked=size if due else before.marked,
            marked_at=now if due else before.marked_at,
        )

    async def size(self, provider: str) -> int:
        """How many lines a provider's ledger has. Raises StoreUnavailable."""
        return (await self._chains.head(provider)).size

    async def drop(self, provider: str) -> None:
        """A provider goes, and its ledger with it. Raises StoreUnavailable."""
        await self._chains.drop(provider)

    async def export(self, provider: str) -> list[bytes]:
        """The ledger as JSON Lines, without their newlines: its lines as they are written, then its signed heads.

        Raises StoreUnavailable, Refused(busy).
        """
        chain = await self._chains.whole(provider)
        heads = {**chain.heads, chain.head.size: chain.head.signature} if chain.head.size else {}
        return [*chain.lines, *(msgspec.json.encode(HeadLine(head=signature)) for signature in heads.values())]

    async def check(self, provider: str, keys: KeySet, exported: Exported | None = None) -> Verdict:
        """Whether the ledger is whole, by itself and beside an earlier copy; `keys` are those heads may be signed by.

        Raises StoreUnavailable, Refused(busy).
        """
        return checked(provider, await self._chains.whole(provider), keys, exported)


class _KeySet(msgspec.Struct, frozen=True, kw_only=True):
    keys: tuple[dict[str, Any], ...]


async def ledgers_checked(
    parts: Parts, provider_id: str | None, copy: bytes | None = None, former_keys: bytes | None = None
) -> list[Verdict]:
    """Check one provider's ledger, or everybody's; `copy` is an earlier export of it, `former_keys` a JWKS as JSON.

    Raises ProviderError where that cannot be done.
    """
    providers = [found.id for found in await parts.providers.all()]
    if provider_id is not None and provider_id not in providers:
        raise ProviderError(f"there is no provider {provider_id}")
    keys = _signing_keys(parts, former_keys)
    try:
        exported = read(copy) if copy is not None else None
        names = providers if provider_id is None else [provider_id]
        return [await Ledger(parts).check(name, keys, exported) for name in names]
    except ValueError as error:
        raise ProviderError(str(error)) from None
    except (StoreUnavailable, Refused):
        raise ProviderError("the ledger cannot be read now: the store does not answer, or it keeps growing") from None


async def ledger_exported(parts: Parts, provider_id: str) -> list[bytes]:
    """A provider's ledger as JSON Lines, without their newlines. Raises ProviderError where that cannot be done."""
    if await parts.providers.get(provider_id) is None:
        raise ProviderError(f"there is no provider {provider_id}")
    try:
        return await Ledger(parts).export(provider_id)
    except (StoreUnavailable, Refused):
        raise ProviderError("the ledger cannot be read now: the store does not answer, or it keeps growing") from None


def _signing_keys(parts: Parts, former: bytes | None) -> KeySet:
    """The key heads are signed with, and those before it, here or in `former`. Raises ProviderError."""
    try:
        before = msgspec.json.decode(former, type=_KeySet) if former is not None else _KeySet(keys=())
    except msgspec.MsgspecError:
        raise ProviderError("the file of keys is not a JWKS") from None
    return KeySet([parts.keys.es256, *parts.keys.former, *(import_key(jwk) for jwk in before.keys)])
