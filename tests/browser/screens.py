"""Pictures of every page, in both languages and both colour schemes: `make screenshots`.

Each goes to `build/screenshots/<language>/<light|dark>/<desktop|phone>/NN-name.png`. What stands on a PC is taken at
the width of a phone too: people open the invitation where their mail is.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, ViewportSize

from broker.texts import Language
from tests import stores
from tests.browser.scene import DEVICES, Scene, Window, chromium
from tests.browser.tour import ONE_FAILURE, TOURS, TOURS_WITH_FILES, Tour
from tests.house import House, standing
from tests.integration.journey.handing_over import open_house

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "screenshots"
Scheme = Literal["light", "dark"]


class Album:
    """The pictures of one language and scheme, numbered in order of taking."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    async def take(self, window: Window, name: str) -> None:
        """The whole page, on the device it stands on; a PC's page on a phone too."""
        self._count += 1
        for device in ("desktop", "phone") if window.device == "desktop" else ("phone",):
            size: ViewportSize = DEVICES[device]["viewport"]
            await window.page.set_viewport_size(size)
            height = await window.page.evaluate("document.documentElement.scrollHeight")
            await window.page.set_viewport_size({**size, "height": max(height, size["height"])})
            path = self._folder / device / f"{self._count:02d}-{name}.png"
            await window.page.screenshot(path=path)
        await window.page.set_viewport_size(DEVICES[window.device]["viewport"])


def house_of(tour: Tour, folder: Path, redis_url: str) -> AbstractAsyncContextManager[House]:
    """The house that a tour needs."""
    if tour in TOURS_WITH_FILES:
        return open_house(folder, redis_url, settings=ONE_FAILURE)
    return standing(folder, redis_url)


async def pictures(browser: Browser, language: Language, scheme: Scheme) -> None:
    """Every page in one language and colour scheme. Raises AssertionError when anything went wrong on the way."""
    album = Album(PICTURES / language / scheme)
    for tour in (*TOURS, *TOURS_WITH_FILES):
        with tempfile.TemporaryDirectory() as folder, stores.single(Path(folder)) as store:
            async with (
                house_of(tour, Path(folder), store.url) as house,
                Scene(browser, house, color_scheme=scheme) as scene,
            ):
                await tour(scene, language, album.take)
                await scene.settle()
        print(f"{language} {scheme}: {tour.__name__}", file=sys.stderr)


async def everything() -> None:
    """All albums, one after the other."""
    found = shutil.which("chromium")
    if found is None:
        sys.exit("chromium is not installed (apt install chromium)")
    shutil.rmtree(PICTURES, ignore_errors=True)
    async with chromium(found) as browser:
        languages: tuple[Language, ...] = ("nl", "en")
        schemes: tuple[Scheme, ...] = ("light", "dark")
        for language in languages:
            for scheme in schemes:
                await pictures(browser, language, scheme)
    print(PICTURES.relative_to(ROOT))


if __name__ == "__main__":
    asyncio.run(everything())
