"""The journey for who reads English: asked for by the provider, or chosen on the way. No Dutch is left standing."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from broker.web.render import texts
from tests.browser.people import AtPc, Person, WithPhone, linked
from tests.browser.scene import Scene

# Whole sentences in Dutch that are not the same in English: short words may be names.
DUTCH = {text for name, text in texts("nl").items() if len(text) > 12 and "{" not in text and text != texts("en")[name]}


async def in_english(person: Person) -> None:
    """The page says that it is English, and no Dutch sentence stands on it."""
    await expect(person.page.locator("html")).to_have_attribute("lang", "en")
    lines = (await person.page.locator("body").inner_text()).splitlines()
    assert [line for line in lines if line.strip() in DUTCH] == []


async def test_a_journey_in_english(scene: Scene) -> None:
    """A session in English is English from the first page to the receipt, and so is the consent."""
    created = await scene.begun(household="ask", language="en")
    pc = AtPc(scene, await scene.window("desktop", "en"))
    phone = WithPhone(scene, await scene.window("phone", "en"))
    await pc.open_invitation()
    await in_english(pc)
    await pc.start("single")
    await in_english(pc)
    await pc.press("pc.checklist.go")
    await in_english(pc)
    await pc.press("pc.number.skip")
    await in_english(pc)
    await phone.opens(await pc.qr())
    await phone.on_screen("confirm")
    await in_english(phone)
    code = await phone.accept()
    await in_english(phone)
    await pc.type_code(code)
    await phone.on_screen("ophalen")
    await in_english(phone)
    await phone.collect_all("applicant", "single")
    await in_english(phone)
    await in_english(pc)
    await phone.go_to("bekijken")
    await in_english(phone)
    await phone.go_to("verzenden")
    await in_english(phone)
    await phone.consent("applicant")
    await phone.sees_title("phone.end.delivered.title")
    await pc.sees_title("pc.end.delivered.title")
    await in_english(phone)
    await in_english(pc)
    payload = (await scene.house.office.wait_for("data", created.id)).payload
    assert payload is not None
    assert payload["consents"][0]["receipt"]["language"] == "en"


async def test_english_chosen_before_the_start(scene: Scene) -> None:
    """The start page switches without starting anything; what follows, phone included, is English."""
    await scene.begun(household="ask")
    window = await scene.window("desktop", "en")
    pc, phone = AtPc(scene, window), WithPhone(scene, await scene.window("phone", "en"))
    await pc.open_invitation()
    await pc.press("common.language.en")
    await in_english(pc)
    await pc.start("single")
    await pc.press("pc.checklist.go")
    await pc.press("pc.number.skip")
    await pc.link(phone)
    await in_english(pc)
    await in_english(phone)


@pytest.mark.parametrize("where", ["pc", "phone"])
async def test_english_chosen_on_the_way(scene: Scene, where: str) -> None:
    """One switch, on either screen, changes both: the session speaks one language."""
    pc, phone = await linked(scene)
    await (pc if where == "pc" else phone).press("common.language.en")
    pc.window.language = phone.window.language = "en"
    await pc.sees_title("pc.progress.title")
    await phone.sees_title("phone.ophalen.empty")
    await in_english(pc)
    await in_english(phone)
