"""Every page, in both languages and both colour schemes, against WCAG 2.2 AA and good HTML; and for who needs more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from broker.texts import Language
from tests.browser.checks import Checker
from tests.browser.people import at_qr
from tests.browser.qr_reading import read_qr
from tests.browser.scene import Scene, Window
from tests.browser.tour import TOURS, Seen

Tour = Callable[[Scene, Language, Seen], Awaitable[None]]


@pytest.mark.parametrize("tour", TOURS, ids=lambda tour: tour.__name__)
@pytest.mark.parametrize(("language", "scheme"), [("nl", "light"), ("en", "dark")])
async def test_every_page_is_for_everybody(
    scene: Scene, checker: Checker, tour: Tour, language: Language, scheme: str
) -> None:
    """axe-core, html-validate, 320 px and 400 % zoom, the keyboard alone, room to touch, forced colours, no motion."""
    scene.wishes["color_scheme"] = scheme
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
