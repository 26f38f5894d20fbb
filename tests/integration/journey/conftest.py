"""The house every journey test plays in: one per test, on an empty embedded store."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
import pytest

from tests.house import House, standing
from tests.integration.journey.steps import watch_refusals
from tests.stores import Store


@pytest.fixture
async def house(tmp_path: Path, single_store: Store) -> AsyncGenerator[House]:
    """A standing house with a webhook, in which every refusal is a problem of the catalogue."""
    async with standing(tmp_path, single_store.url) as built:
        watch_refusals(built)
        yield built


@pytest.fixture
async def web() -> AsyncGenerator[aiohttp.ClientSession]:
    """Connections of people's browsers: they are given pages, also for a refusal, and each keeps its own cookie."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield http
