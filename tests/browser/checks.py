"""What every page must stand: axe-core, html-validate, 320 px, the keyboard, targets, forced colours, reduced motion.

Each check gives the list of what is wrong, in words one can act on; an empty list is a pass.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, ViewportSize

from tests.browser.scene import Window

BY_LAW = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa")
NARROW: ViewportSize = {"width": 320, "height": 640}
ZOOMED: ViewportSize = {"width": 320, "height": 256}  # 1280 by 1024 at 400 %: WCAG 2.2, 1.4.10
_MOST_TABS = 120
_IN_PAGE = (Path(__file__).parent / "in_page.js").read_text("utf-8")

Validate = Callable[[str], Awaitable[list[str]]]


class Checker:
    """All checks of one page together."""

    def __init__(self, axe_source: str, validate: Validate) -> None:
        self._axe_source = axe_source
        self._validate = validate

    async def everything(self, window: Window) -> list[str]:
        """What is wrong with the page as it stands."""
        page = window.page
        found = await self.axe(page)
        found += await self.html(window)
        found += await reflow(page)
        found += await targets(page)
        found += await by_preference(page)
        return found + await keyboard(page)

    async def mail(self, window: Window) -> list[str]:
        """What is wrong with a mail: its style has to stand inline, and landmarks are the mail program's."""
        page = window.page
        found = await self.axe(page, BY_LAW)
        found += [line for line in await self.html(window) if not line.startswith("html no-inline-style")]
        return found + await reflow(page) + await keyboard(page)

    async def axe(self, page: Page, standards: Sequence[str] = (*BY_LAW, "best-practice")) -> list[str]:
        """Rules of axe-core that are violated, with the elements; on a screen as high as the page: nothing sticks.

        What lies half under a bar that sticks can be scrolled from under it, which axe-core does not know.
        """
        usual = page.viewport_size
        assert usual is not None
        height = await page.evaluate("document.documentElement.scrollHeight")
        await page.set_viewport_size({"width": usual["width"], "height": max(usual["height"], height)})
        await page.evaluate(self._axe_source)
        report = await page.evaluate(
            "async (tags) => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", list(standards)
        )
        await page.set_viewport_size(usual)
        return [
            f"axe {rule['id']}: {node['html'][:120]} ({node['failureSummary']})"
            for rule in report["violations"]
            for node in rule["nodes"]
        ]

    async def html(self, window: Window) -> list[str]:
        """Rules of html-validate that the page breaks: as the server sent it, and as it stands now."""
        sources = [await answer.text() for answer in window.watch.sources.values()]
        found = [await self._validate(source) for source in (*sources, await window.page.content())]
        return [f"html {line}" for lines in found for line in lines]


@asynccontextmanager
async def html_checker(node: str, script: Path) -> AsyncGenerator[Validate]:
    """A checker that stays up: starting one takes longer than a page."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(node, script, stdin=pipe, stdout=pipe, limit=2**22)
    assert process.stdin is not None
    assert process.stdout is not None
    told, heard, turn = process.stdin, process.stdout, asyncio.Lock()

    async def validate(html: str) -> list[str]:
        async with turn:
            told.write(json.dumps(html).encode() + b"\n")
            await told.drain()
            return json.loads(await heard.readline())

    yield validate
    told.close()
    await process.wait()


async def measured(control: Locator, function: str) -> Any:
    """What a function says of a control that is on the page: news of another screen may renew this one meanwhile."""
    on_page = f"element => element.isConnected ? [({function})(element)] : []"
    while not (said := await control.evaluate(on_page)):
        continue
    return said[0]


async def _looked(page: Page, function: str) -> Any:
    return await page.evaluate(f"({_IN_PAGE}).{function}()")


async def reflow(page: Page) -> list[str]:
    """What is lost at 320 px, and at 400 % zoom of an ordinary screen: nothing scrolls sideways, nothing is cut off."""
    usual = page.viewport_size
    assert usual is not None
    found: list[str] = []
    for size in (NARROW, ZOOMED):
        await page.set_viewport_size(size)
        found += [f"{size['width']}x{size['height']}: {line}" for line in await _looked(page, "reflow")]
    await page.set_viewport_size(usual)
    return found


async def targets(page: Page) -> list[str]:
    """What is too small to touch: 24 px at least (WCAG 2.2, 2.5.8), and 44 for buttons. Links in a sentence may be."""
    return await _looked(page, "targets")


async def keyboard(page: Page) -> list[str]:
    """What a keyboard cannot do: reach a control by Tab, see where it is, or get out again."""
    wanted: dict[str, str] = dict(await _looked(page, "beginTabbing"))
    found: list[str] = []
    reached: list[str] = []
    for _ in range(_MOST_TABS):
        await page.keyboard.press("Tab")
        at: dict[str, Any] | None = await _looked(page, "focused")
        if at is None or at["stop"] == next(iter(reached), None):
            break
        name = wanted.get(at["stop"], at["stop"])
        if at["stop"] in reached:
            found.append(f"the keyboard is trapped at {name}")
            break
        reached.append(at["stop"])
        found += [] if at["marked"] else [f"focus is not to be seen on {name}"]
        found += [f"{name} has focus under something else"] if at["covered"] else []
    return found + [f"the keyboard does not reach {name}" for stop, name in wanted.items() if stop not in reached]


async def by_preference(page: Page) -> list[str]:
    """What a wish of the system breaks: controls without an edge in forced colours, movement where none is wanted."""
    await page.emulate_media(forced_colors="active", reduced_motion="reduce")
    found = [*await _looked(page, "edgeless"), *await _looked(page, "movements")]
    await page.emulate_media(forced_colors="null", reduced_motion="null")
    return found
