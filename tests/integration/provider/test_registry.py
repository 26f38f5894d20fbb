"""The registry of providers as one process knows it: a change that was announced is never undone by its cache."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from broker.providers import Webhook, new_webhook_secret
from broker.registry import Providers
from sessions.store.records import Records
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Interleaved(Records):
    """Records whose first reader stops with the answer in hand until it is told to go on."""

    def __init__(self, house: House) -> None:
        super().__init__(house.parts.connection)
        self.has_read = asyncio.Event()
        self.go_on = asyncio.Event()

    async def provider(self, provider_id: str) -> bytes | None:
        """One provider, as it is stored."""
        found = await super().provider(provider_id)
        if not self.has_read.is_set():
            self.has_read.set()
            await self.go_on.wait()
        return found


async def test_what_was_read_before_a_change_is_not_kept_after_it(house: House) -> None:
    """A reader that was overtaken by a change does not put the old provider back, with the secret that was rotated."""
    records, name = Interleaved(house), house.office.id
    registry = Providers(records, house.parts.keys.ring, house.parts.changes.watch("registry"))
    overtaken = asyncio.create_task(registry.get(name))
    await records.has_read.wait()
    old = await house.parts.providers.get(name)
    assert old is not None
    new = replace(old, webhook=Webhook(url="https://gemeente.example/haak", secret=new_webhook_secret()))
    announced = house.parts.changes.watch("registry")
    await house.parts.providers.put(new)
    assert await announced.wait(10)
    assert await registry.get(name) == new
    records.go_on.set()
    assert await overtaken == old
    assert await registry.get(name) == new
