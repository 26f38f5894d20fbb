"""Every page, in both languages and both colour schemes, against WCAG 2.2 AA and good HTML; and for who needs more."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from broker.texts import Language
from tests.browser.checks import Checker
from tests.browser.people import at_qr
from tests.browser.qr_reading import read_qr
from tests.browser.scene import Scene, Window
from tests.browser.tour import ONE_FAILURE, TOURS, TOURS_WITH_FILES, Tour
from tests.integration.journey.handing_over import open_house
from tests.stores import Store

SPOKEN_AND_SEEN = pytest.mark.parametrize(("language", "scheme"), [("nl", "light"), ("en", "dark")])


@pytest.mark.parametrize("tour", TOURS, ids=lambda tour: tour.__name__)
@SPOKEN_AND_SEEN
async def test_every_page_is_for_everybody(
    scene: Scene, checker: Checker, tour: Tour, language: Language, scheme: str
) -> None:
    """axe-core, html-validate, 320 px and 400 % zoom, the keyboard alone, room to touch, forced colours, no motion."""
    scene.wishes["color_scheme"] = scheme
    await _checked(scene, checker, tour, language)


@pytest.mark.parametrize("tour", TOURS_WITH_FILES, ids=lambda tour: tour.__name__)
@SPOKEN_AND_SEEN
async def test_every_page_with_files_is_for_everybody(
    browser: Browser,
    tmp_path: Path,
    single_store: Store,
    checker: Checker,
    tour: Tour,
    language: Language,
    scheme: str,
) -> None:
    """The same where files are taken."""
    async with (
        open_house(tmp_path, single_store.url, settings=ONE_FAILURE) as house,
        Scene(browser, house, color_scheme=scheme) as scene,
    ):
        await _checked(scene, checker, tour, language)
        await scene.settle()


async def _checked(scene: Scene, checker: Checker, tour: Tour, language: Language) -> None:
    found: list[str] = []

    async def check(window: Window, name: str) -> None:
        judge = checker.mail if name == "mail" else checker.everything
        found.extend(f"{name}: {line}" for line in await judge(window))

    await tour(scene, language, check)
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    "wish", [{"forced_colors": "active"}, {"color_scheme": "dark"}], ids=lambda wish: next(iter(wish))
)
async def test_the_qr_code_is_dark_on_white_everywhere(scene: Scene, wish: dict[str, str]) -> None:
    """A camera reads it in any colour scheme, also where colours are forced."""
    scene.wishes |= wish
    pc, _ = await at_qr(scene)
    assert (await read_qr(pc.page)).startswith(f"{scene.house.url}/phone#")


async def test_everything_up_to_the_qr_code_works_without_a_script(scene: Scene) -> None:
    """Forms and links lead to the QR page; it reads itself again, and offers the typed code."""
    scene.wishes["java_script_enabled"] = False
    pc, _ = await at_qr(scene)
    before = await pc.qr()
    await pc.reload()
    assert await pc.qr() != before
    assert await pc.typed_way()
