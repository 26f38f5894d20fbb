"""Files from the phone: a journey without any login, a file that is refused and the right one, one that is given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Route, expect

from tests.browser.people import WithPhone, linked, linked_phone
from tests.browser.scene import Scene
from tests.house import House
from tests.integration.journey.handing_over import broken, file_of, open_house, private_house
from tests.stores import Store

REFUSED = "^4[0-9]+ POST /phone/v1/persons/applicant/sources/uwv/upload$"


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path, single_store: Store) -> AsyncGenerator[House]:
    """A house that takes the downloads of every source, of two million bytes at most."""
    async with open_house(tmp_path, single_store.url, max_bytes=2_000_000) as built:
        yield built


async def test_a_journey_of_files_alone(browser: Browser, tmp_path: Path, single_store: Store) -> None:
    """Nobody logs in anywhere: two downloads are chosen, looked at and sent, and the phone never goes elsewhere."""
    async with private_house(tmp_path, single_store.url) as house, Scene(browser, house) as scene:
        pc, phone = await linked(scene, profile="werk")
        await phone.reads("phone.ophalen.first_file")
        for source in ("uwv", "mijnpensioenoverzicht"):
            await phone.hand_over("applicant", source, file_of("single", source))
            await phone.sees_source("applicant", source, "collected")
        await pc.sees_progress("applicant", "done", "done")
        await phone.go_to("bekijken")
        await expect(phone.page.locator("#review-documents article")).to_have_count(2)
        await phone.go_to("verzenden")
        await phone.consent("applicant")
        await phone.sees_title("phone.end.delivered.title")
        await phone.page.locator("#receipt-details > summary").click()
        await phone.reads("phone.receipt.no_login")
        await pc.sees_title("pc.end.delivered.title")
        await expect(pc.page.locator("main")).to_contain_text(pc.words("pc.receipt.thing.documents", count=2))
        assert house.office.documents == [file_of("single", "uwv"), file_of("single", "mijnpensioenoverzicht")]
        assert not [address for address in phone.window.watch.addresses if address.startswith(house.world_url)]
        assert not [address for address in phone.window.watch.addresses if "download" in address]
        await scene.settle()


async def test_a_refused_file_and_then_the_right_one(scene: Scene) -> None:
    """The reason stands at the source and is told aloud, the focus stays there, and another file can be chosen."""
    phone = await linked_phone(scene, profile="werk")
    phone.window.watch.expect(REFUSED)
    line, field = phone.source("applicant", "uwv"), phone.page.locator("#file-applicant-uwv")
    for wrong in (b"PK\x03\x04 a zip", broken("single", "uwv", "other-version")):
        await phone.hand_over("applicant", "uwv", wrong)
        await expect(line.get_by_role("alert")).to_be_visible()
        await expect(field).to_be_focused()
        assert await field.input_value() == ""
    await phone.hand_over("applicant", "uwv", file_of("single", "uwv"))
    await phone.sees_source("applicant", "uwv", "collected")
    await expect(line.get_by_role("alert")).to_have_count(0)
    await expect(phone.page.locator("#says-applicant-uwv")).to_contain_text(phone.words("phone.seal.valid"))
    await expect(phone.page.locator("#status")).to_contain_text(phone.words("phone.seal.valid"))
    await expect(field).to_be_focused()


async def test_a_file_that_is_too_large_is_not_sent(scene: Scene) -> None:
    """That is known before a byte of it leaves the phone."""
    phone = await linked_phone(scene, profile="werk")
    field = phone.page.locator("#file-applicant-uwv")
    await field.set_input_files({"name": "x.pdf", "mimeType": "application/pdf", "buffer": bytes(2_000_001)})
    await phone.reads("phone.problem.document-too-large")
    assert not [address for address in phone.window.watch.addresses if address.endswith("/upload")]


async def _on_its_way(phone: WithPhone, field: str) -> asyncio.Event:
    """A file whose request is held until the event is set."""
    underway, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(route: Route) -> None:
        underway.set()
        await go_on.wait()
        await route.fallback()

    await phone.page.route("**/upload", slowly)
    content = file_of("single", "uwv")
    await phone.page.locator(field).set_input_files({"name": "x", "mimeType": "", "buffer": content})
    await underway.wait()
    return go_on


async def test_a_file_on_its_way_can_be_given_up(scene: Scene) -> None:
    """It is said that it is being read, nothing else is chosen meanwhile, and giving up leaves everything as it was."""
    phone = await linked_phone(scene, profile="werk")
    phone.window.watch.expect("^offline")
    field = "#file-applicant-uwv"
    go_on = await _on_its_way(phone, field)
    await expect(phone.page.locator("#busy-file-applicant-uwv")).to_be_visible()
    await phone.hears("phone.upload.busy")
    await expect(phone.page.locator(field)).to_have_attribute("aria-disabled", "true")
    await phone.page.locator("#halt-applicant-uwv").click()
    await expect(phone.page.locator("#busy-file-applicant-uwv")).to_be_hidden()
    go_on.set()
    await expect(phone.page.locator(field)).to_be_focused()
    await phone.sees_source("applicant", "uwv", "todo")
    await phone.page.unroute("**/upload")
    await phone.hand_over("applicant", "uwv", file_of("single", "uwv"))
    await phone.sees_source("applicant", "uwv", "collected")


async def test_a_file_on_its_way_outlives_a_new_screen(scene: Scene) -> None:
    """News that renews the screen meanwhile still shows that the file is being read."""
    pc, phone = await linked(scene, profile="werk")
    go_on = await _on_its_way(phone, "#file-applicant-uwv")
    await pc.press("common.language.en")
    await expect(phone.page.locator("html")).to_have_attribute("lang", "en")
    await expect(phone.page.locator("#busy-file-applicant-uwv")).to_be_visible()
    go_on.set()
    await phone.sees_source("applicant", "uwv", "collected")


async def test_a_file_that_is_being_chosen_outlives_a_new_screen(scene: Scene) -> None:
    """What somebody picks comes to the field they touched, though the screen was made anew while they looked for it."""
    phone = await linked_phone(scene, profile="werk")
    field = await phone.page.locator("#file-applicant-uwv").element_handle()
    await phone.page.evaluate("document.querySelector('main h1').id = 'former'; dispatchEvent(new Event('renew'))")
    await expect(phone.page.locator("#former")).to_have_count(0)
    chosen: FilePayload = {"name": "Mijn download", "mimeType": "", "buffer": file_of("single", "uwv")}
    await field.set_input_files(chosen)
    await phone.sees_source("applicant", "uwv", "collected")


async def test_the_keyboard_opens_the_file_picker(scene: Scene) -> None:
    """The field is a stop of its own, its focus can be seen on the button, and the space bar opens the picker once."""
    phone = await linked_phone(scene, profile="werk")
    field = phone.page.locator("#file-applicant-uwv")
    await phone.page.locator("#collect-applicant-uwv").focus()
    await phone.page.keyboard.press("Tab")
    await expect(field).to_be_focused()
    button = phone.page.locator("label:has(#file-applicant-uwv)")
    await expect(button).to_have_css("outline-style", "solid")
    async with phone.page.expect_file_chooser() as opened:
        await phone.page.keyboard.press("Space")
    await (await opened.value).set_files({"name": "x", "mimeType": "", "buffer": file_of("single", "uwv")})
    await phone.sees_source("applicant", "uwv", "collected")


async def test_one_touch_opens_the_file_picker(scene: Scene) -> None:
    """The button itself is the field's label; and what was handed over can be taken back."""
    phone = await linked_phone(scene, profile="werk")
    async with phone.page.expect_file_chooser() as opened:
        await phone.page.locator("label:has(#file-applicant-uwv)").tap()
    await (await opened.value).set_files({"name": "x", "mimeType": "", "buffer": file_of("single", "uwv")})
    await phone.sees_source("applicant", "uwv", "collected")
    await phone.page.locator("#take-back-applicant-uwv").click()
    await phone.sees_source("applicant", "uwv", "todo")
