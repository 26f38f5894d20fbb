"""The PC's pages follow the session: nothing is missed, nothing is renewed that somebody is typing over."""

from __future__ import annotations

import asyncio

from playwright.async_api import Route, expect

from sandbox.citizen import collect
from sandbox.phone import Phone
from tests.browser.people import AtPc
from tests.browser.scene import Scene


async def at_qr(scene: Scene) -> AtPc:
    """Somebody alone, with the QR code in front of them."""
    await scene.begun(household="single")
    pc = AtPc(scene, await scene.window())
    await pc.go_to_qr()
    return pc


async def scanned(scene: Scene, pc: AtPc) -> tuple[Phone, str]:
    """A phone that scanned, and its pairing code."""
    phone = scene.house.phone()
    paired = await phone.pair(token=await pc.qr())
    await pc.sees_title("pc.code.title")
    return phone, paired.pairing_code or ""


async def test_what_changes_while_the_page_is_asked_for_is_not_missed(scene: Scene) -> None:
    """Changes come faster than a slow line brings pages: the last page shown is that of the last change."""
    pc = await at_qr(scene)
    phone, code = await scanned(scene, pc)
    await pc.type_code(code)
    await pc.sees_title("pc.progress.title")

    async def slowly(route: Route) -> None:
        answer = await route.fetch()
        await asyncio.sleep(0.7)
        await route.fulfill(response=answer)

    await pc.page.route("**/j/progress", slowly)
    await collect(phone, "applicant", "single", ["mijnoverheid"])
    await pc.sees_progress("applicant", "done", "todo", "todo", "todo")


async def test_without_a_stream_the_typed_code_stands(scene: Scene) -> None:
    """Where events do not come through, the page asks whether anything changed; the code on it stays good."""
    pc = await at_qr(scene)
    pc.window.watch.expect("^502 GET /j/events")
    refused = {"Cache-Control": "no-store"}
    await pc.page.route("**/j/events", lambda route: route.fulfill(status=502, headers=refused))
    async with pc.page.expect_request("**/j/session"):
        code = await pc.typed_way()
    await expect(pc.page.locator("main .code")).to_have_text(code)
    await scene.house.phone().pair(typed_code=code)
    await pc.sees_title("pc.code.title")


async def test_coming_back_to_the_window_leaves_the_typed_code(scene: Scene) -> None:
    """Who looked at another window meanwhile finds the code they were typing over."""
    pc = await at_qr(scene)
    code = await pc.typed_way()
    async with pc.page.expect_response("**/j/events"):
        await pc.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(pc.page.locator("main .code")).to_have_text(code)
    await scene.house.phone().pair(typed_code=code)
    await pc.sees_title("pc.code.title")


async def test_the_language_chosen_on_the_phone_is_the_pages_too(scene: Scene) -> None:
    """Another language reaches the PC's page, its frame, and what tells a screen reader how to speak."""
    pc = await at_qr(scene)
    phone, _ = await scanned(scene, pc)
    await phone.request("PUT", "/language", {"language": "en"})
    await expect(pc.page.locator("html")).to_have_attribute("lang", "en")
    pc.window.language = "en"
    await pc.sees_title("pc.code.title")
    await expect(pc.page.locator("a.skip")).to_have_text(pc.words("common.skip"))


async def test_who_was_taken_over_reads_it_at_once(scene: Scene) -> None:
    """The former browser shows that the page was opened elsewhere, and begins again from there if one wants."""
    pc = await at_qr(scene)
    pc.window.watch.expect("^409 GET /j/")
    other = AtPc(scene, await scene.window())
    await other.open_invitation()
    await other.start()
    await pc.sees_title("problem.elsewhere.title")
    await pc.press("problem.way.here")
    await pc.sees_title("pc.start.title", provider=scene.provider("nl"))
