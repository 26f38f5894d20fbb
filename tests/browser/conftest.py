"""Fixtures of the browser tests: one Chromium per worker, and for every test a house with people at its doors.

All of it runs in one event loop: the broker, the pretend world and the hands that steer the browser.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser import tools
from tests.browser.checks import Checker, html_checker
from tests.browser.scene import Scene, chromium
from tests.house import House, standing
from tests.stores import Store

HERE = Path(__file__).parent
in_one_loop = pytest.mark.asyncio(loop_scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests here share the loop of the browser."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(in_one_loop, append=False)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where Debian's Chromium is; without it there is nothing to test here."""
    return tools.wanted("chromium", "the browser tests need it (apt install chromium)")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium_path: str) -> AsyncGenerator[Browser]:
    """The browser; every test opens windows of its own in it."""
    async with chromium(chromium_path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path, single_store: Store) -> AsyncGenerator[House]:
    """A standing house with a webhook."""
    async with standing(tmp_path, single_store.url) as built:
        yield built


@pytest_asyncio.fixture(loop_scope="session")
async def scene(browser: Browser, house: House) -> AsyncGenerator[Scene]:
    """The house and the windows people open at it; at the end nothing may have gone wrong in any of them."""
    async with Scene(browser, house) as played:
        yield played
        await played.settle()


@pytest.fixture(scope="session")
def axe_source() -> str:
    """The rules of axe-core, as a script to run in a page."""
    return tools.node_module("axe-core", "axe.min.js").read_text("utf-8")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def checker(axe_source: str) -> AsyncGenerator[Checker]:
    """What judges a page: axe-core and html-validate."""
    node = tools.wanted("node", "the HTML checker needs it (apt install nodejs npm)")
    tools.node_module("html-validate", "package.json")
    async with html_checker(node, HERE / "validate.mjs") as validate:
        yield Checker(axe_source, validate)
