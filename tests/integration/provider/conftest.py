"""One house per test file: these tests open sessions of their own and leave each other's alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.backoffice import BackOffice
from sandbox.registration import ProfileEntry, Text
from sandbox.stage import FIELDS, PROFILES
from tests import stores
from tests.house import House, standing
from tests.integration.provider.asking import registered
from tests.integration.provider.receiver import Receiver, receiving

UPLOADS = '{"sources": ["mijnpensioenoverzicht"]}'
WITH_DOCUMENTS = ProfileEntry(
    id="pensioen",
    purpose=Text(nl="Pensioen (oefening)", en="Pension (practice)"),
    required=("mijnpensioenoverzicht",),
    fields=FIELDS,
    documents=True,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    """A house on a store of its own, that stands while the file's tests run, with the file's SETTINGS."""
    settings = {"OPHAALBRUG_UPLOADS": UPLOADS, **getattr(request.module, "SETTINGS", {})}
    folder = tmp_path_factory.mktemp("house")
    with stores.single(tmp_path_factory.mktemp("store")) as store:
        async with standing(folder, store.url, settings=settings) as built:
            yield built


@pytest_asyncio.fixture(loop_scope="module")
async def receiver(house: House, tmp_path: Path) -> AsyncGenerator[Receiver]:
    """A provider of this test alone, and its webhook."""
    async with receiving(house, tmp_path) as listening:
        yield listening


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(house: House, tmp_path_factory: pytest.TempPathFactory) -> BackOffice:
    """Another provider, without a webhook."""
    office = BackOffice("waterschap", house.url, house.http, clock=house.now)
    profiles = [profile for profile in PROFILES if profile.sealing == "default"] + [WITH_DOCUMENTS]
    return await registered(house, tmp_path_factory.mktemp("other"), office, profiles)
