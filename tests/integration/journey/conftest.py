"""The houses journey tests play in, on an empty embedded store: one per test, or one for all tests of a file.

A file whose tests leave each other's sessions alone takes the `shared_house` for its `house`, and runs in one event
loop. What changes the house itself (its providers, its ledger, its clock where that is read) stands in a fresh one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests import stores
from tests.house import House, standing
from tests.integration.journey.steps import watch_refusals
from tests.stores import Store


@asynccontextmanager
async def _watched(folder: Path, redis_url: str) -> AsyncGenerator[House]:
    """A standing house with a webhook, in which every refusal is a problem of the catalogue."""
    async with standing(folder, redis_url) as built:
        watch_refusals(built)
        yield built


@pytest.fixture
async def house(tmp_path: Path, single_store: Store) -> AsyncGenerator[House]:
    """A house for one test."""
    async with _watched(tmp_path, single_store.url) as built:
        yield built


@pytest_asyncio.fixture(loop_scope="module")
async def fresh_house(tmp_path: Path, single_store: Store) -> AsyncGenerator[House]:
    """The same, where the other tests of the file share one."""
    async with _watched(tmp_path, single_store.url) as built:
        yield built


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    """A house on a store of its own, that stands while the file's tests run."""
    with stores.single(tmp_path_factory.mktemp("store")) as store:
        async with _watched(tmp_path_factory.mktemp("house"), store.url) as built:
            yield built


@pytest_asyncio.fixture(loop_scope="module")
async def shared_house(standing_house: House) -> AsyncGenerator[House]:
    """The same, in which everything works again after each test. Time that passed does not come back."""
    yield standing_house
    await standing_house.mend()


@pytest_asyncio.fixture(loop_scope="module")
async def web() -> AsyncGenerator[aiohttp.ClientSession]:
    """Connections of people's browsers: they are given pages, also for a refusal, and each keeps its own cookie."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield http
