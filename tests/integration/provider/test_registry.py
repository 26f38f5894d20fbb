"""The registry of providers as one process knows it: a change that was announced is never undone by its cache."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest
from msgspec.structs import replace

from broker.providers import Webhook, new_webhook_secret
from broker.registry import Providers
from sandbox.backoffice import BackOffice
from sandbox.browser import Browser
from sandbox.stage import PROFILES
from sessions.model import State
from sessions.store.records import Records
from tests.house import House
from tests.integration.provider.asking import registered, until

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


async def test_adding_again_undoes_nothing_that_came_between(house: House) -> None:
    """A secret that is rotated while a file is added is kept: the file named none, and both are done."""
    records, name = Interleaved(house), house.office.id
    old = await house.parts.providers.get(name)
    assert old is not None
    webhook = Webhook(url="https://gemeente.example/haak")
    adding = asyncio.create_task(Providers(records, house.parts.keys.ring).put(replace(old, webhook=webhook)))
    await records.has_read.wait()
    rotated = replace(webhook, secret=new_webhook_secret(), made_at=1.0)
    assert await house.parts.providers.change(name, lambda found: replace(found, webhook=rotated))
    records.go_on.set()
    put = await adding
    assert (put.kept.webhook, put.before) == (rotated, rotated)
    assert await Providers(house.parts.records, house.parts.keys.ring).get(name) == put.kept


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


async def test_a_session_of_a_provider_that_is_gone_ends_at_its_next_step(house: House, tmp_path: Path) -> None:
    """However it was missed when the provider was removed: nobody goes on collecting for who is not there."""
    office = BackOffice(f"p-{uuid.uuid4().hex}", house.url, house.http, clock=house.now)
    await registered(house, tmp_path, office, PROFILES[:1])
    created = await office.create_session("bijstand", household="single")
    assert await house.parts.providers.remove(office.id)
    await Browser(created.journey_url, house.http).start()

    async def state() -> State:
        return (await house.parts.sessions.read(created.id)).session.state

    await until(state, lambda found: found is State.CANCELLED)
