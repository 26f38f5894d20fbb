"""Reloading, or closing and opening again, at every step: what was there is there, and nothing is done twice."""

from __future__ import annotations

from tests.browser.people import AtPc, Person, WithPhone, linked, linked_phone
from tests.browser.scene import Scene


async def again(person: Person, title: str, **facts: object) -> None:
    """The page stands as it did after a reload."""
    await person.sees_title(title, **facts)
    await person.reload()
    await person.sees_title(title, **facts)


async def test_a_reload_at_every_step(scene: Scene) -> None:
    """Invitation to receipt with a reload of every page on the way, on both screens."""
    created = await scene.begun(household="ask")
    provider = scene.provider("nl")
    pc = AtPc(scene, await scene.window("desktop"))
    phone = WithPhone(scene, await scene.window("phone"))

    await pc.open_invitation()
    await again(pc, "pc.start.title", provider=provider)
    await pc.press("pc.start.go")
    await again(pc, "pc.household.title")
    await pc.page.get_by_text(pc.words("pc.household.couple.title"), exact=True).click()
    await pc.press("pc.onwards")
    await again(pc, "pc.checklist.title")
    await pc.press("pc.checklist.go")
    await again(pc, "pc.number.title")
    await pc.press("pc.number.skip")
    await again(pc, "pc.qr.title")

    await phone.opens(await pc.qr())
    await again(phone, "phone.confirm.title", provider=provider)
    await phone.accept()
    await phone.reload()
    await phone.on_screen("confirm")
    code = await phone.accept()
    await again(pc, "pc.code.title")
    await pc.type_code(code)
    await again(pc, "pc.progress.title")
    await again(phone, "phone.ophalen.empty")

    await phone.begin("applicant", "mijnoverheid")
    await phone.page.wait_for_url(f"{scene.house.world_url}/**")
    await phone.back()
    await again(phone, "phone.ophalen.title")
    await phone.collect("applicant", "mijnoverheid", "married-couple")
    await again(phone, "phone.ophalen.title")
    await phone.collect_all("applicant", "married-couple", ("uwv", "belastingdienst", "mijnpensioenoverzicht"))
    await phone.press("phone.partner.here")
    await again(phone, "phone.partner_here.title")
    await phone.collect("partner", "mijnoverheid", "married-couple-partner")
    await again(phone, "phone.ophalen.title")
    await phone.collect_all("partner", "married-couple-partner", ("uwv", "belastingdienst", "mijnpensioenoverzicht"))

    await phone.go_to("bekijken")
    await again(phone, "phone.bekijken.title")
    await phone.go_to("verzenden")
    await again(phone, "phone.verzenden.title")
    await phone.consent("applicant")
    await phone.reads("phone.consent.given")
    await again(phone, "phone.verzenden.title")
    await phone.consent("partner")
    await phone.sees_title("phone.end.delivered.title")
    await again(pc, "pc.end.delivered.title")
    await phone.reload()
    await phone.on_screen("welcome")
    assert (await scene.house.office.wait_for("data", created.id)).attempts == 1


async def test_the_tab_was_closed_and_is_opened_again(scene: Scene) -> None:
    """Within the session's life the bare address brings back where one was, on PC and phone."""
    pc, phone = await linked(scene)
    await phone.collect("applicant", "mijnoverheid", "single")
    for person in (pc, phone):
        await person.page.close()
        person.window.page = await person.window.context.new_page()
    await pc.open_invitation()
    await pc.sees_title("pc.progress.title")
    await phone.back()
    await phone.sees_source("applicant", "mijnoverheid", "collected")


async def test_two_tabs_of_one_phone(scene: Scene) -> None:
    """A second tab is the same phone: what one does the other shows."""
    phone = await linked_phone(scene)
    first, phone.window.page = phone.page, await phone.window.context.new_page()
    await phone.back()
    await phone.collect("applicant", "mijnoverheid", "single")
    phone.window.page = first
    await phone.sees_source("applicant", "mijnoverheid", "collected")
