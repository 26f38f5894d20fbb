"""The registry of providers: in the store, webhook secrets encrypted, cached per process until a change is announced.

Knows nothing of what makes a provider a good one: that is `broker.providers`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.providers import Health, Provider, Webhook, completed
from sessions.errors import Refused
from sessions.secrets import Keyring
from sessions.store.changes import Watch
from sessions.store.records import Records

CHANGE_TRIES = 20


class Put(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as it was added, or put in the place of one that had the webhook `before`."""

    kept: Provider
    before: Webhook | None


class Providers:
    """The registry, as this process knows it."""

    def __init__(self, records: Records, ring: Keyring, watch: Watch | None = None) -> None:
        self._records = records
        self._cipher = AESGCM(ring.key("registry"))
        self._watch = watch
        self._cache: dict[str, Provider] = {}
        self._healths: dict[str, Health] = {}

    def _look(self) -> None:
        if self._watch is not None and self._watch.take():
            self._cache, self._healths = {}, {}

    async def get(self, provider_id: str) -> Provider | None:
        """One provider, from the cache unless something changed."""
        self._look()
        cache = self._cache  # what is read before a change stays out of the cache that comes after it
        found = cache.get(provider_id)
        if found is None:
            stored = await self._records.provider(provider_id)
            if stored is None:
                return None
            found = self._open(provider_id, stored)
            if self._watch is not None:
                cache[provider_id] = found
        return found

    async def all(self) -> list[Provider]:
        """Every provider, by id."""
        stored = await self._records.providers()
        return [self._open(name, entry) for name, entry in sorted(stored.items())]

    async def put(self, provider: Provider, *, fresh_webhook: bool = False) -> Put:
        """Add or replace a provider; sessions under way keep what was pinned at their creation.

        Of its webhook, what `provider` does not name stays (see `completed`), and nothing with `fresh_webhook`.
        Raises Refused(busy).
        """
        for _ in range(CHANGE_TRIES):
            stored = await self._records.provider(provider.id)
            before = self._open(provider.id, stored) if stored is not None else None
            kept = completed(provider, None if fresh_webhook else before)
            if await self._records.swap_provider(provider.id, stored or b"", self._sealed(kept)):
                if await self._records.webhook_health(provider.id) is not None:  # who adds it again has mended it
                    await self._records.put_webhook_health(provider.id, None)
                return Put(kept=kept, before=before.webhook if before is not None else None)
        raise Refused("busy")

    async def change(self, provider_id: str, decide: Callable[[Provider], Provider]) -> Provider | None:
        """Let `decide` change the provider as it is stored now, again when somebody else changed it meanwhile.

        None when there is no such provider. Raises whatever `decide` raises, and Refused(busy).
        """
        for _ in range(CHANGE_TRIES):
            stored = await self._records.provider(provider_id)
            if stored is None:
                return None
            changed = decide(self._open(provider_id, stored))
            if await self._records.swap_provider(provider_id, stored, self._sealed(changed)):
                return changed
        raise Refused("busy")

    async def remove(self, provider_id: str) -> bool:
        """Remove a provider; False when there was none."""
        await self._records.put_webhook_health(provider_id, None)
        return await self._records.remove_provider(provider_id)

    async def health(self, provider_id: str, webhook: Webhook) -> Health:
        """How this webhook does, from the cache unless something changed; another address begins anew."""
        self._look()
        cache, at = self._healths, _address_digest(webhook)
        known = cache.get(provider_id)
        if known is None:
            stored = await self._records.webhook_health(provider_id)
            known = msgspec.json.decode(stored, type=Health) if stored is not None else Health()
            if self._watch is not None:
                cache[provider_id] = known
        return known if known.url == at else Health(url=at)

    async def put_health(self, provider_id: str, health: Health) -> None:
        """Note how a webhook does."""
        self._healths.pop(provider_id, None)
        await self._records.put_webhook_health(provider_id, msgspec.json.encode(health))

    def _sealed(self, provider: Provider) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, msgspec.json.encode(provider), provider.id.encode())

    def _open(self, provider_id: str, entry: bytes) -> Provider:
        plain = self._cipher.decrypt(entry[:12], entry[12:], provider_id.encode())
        return msgspec.json.decode(plain, type=Provider)


def _address_digest(webhook: Webhook) -> str:
    return hashlib.sha256(webhook.url.encode()).hexdigest()
