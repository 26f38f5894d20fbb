"""One adult: the ways around the QR code and the SMS, sources one may skip, remarks, and saying no."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.checks import measured
from tests.browser.people import AtPc, WithPhone, linked, linked_phone
from tests.browser.scene import Scene

USER = "single"


async def test_alone_with_a_typed_code_and_an_sms(scene: Scene) -> None:
    """Who cannot scan gets the app's address by SMS and types a code; what is sent is theirs alone."""
    created = await scene.begun(household="ask")
    pc = AtPc(scene, await scene.window("desktop"))
    phone = WithPhone(scene, await scene.window("phone"))
    await pc.open_invitation()
    await pc.start("single")
    await pc.press("pc.checklist.go")
    await pc.page.get_by_label(pc.words("pc.number.label")).fill("06 12345678")
    await pc.press("pc.number.go")
    await pc.reads("pc.qr.sent")
    message = await scene.message_with(f"{scene.house.url}/phone")
    assert message["to"].endswith("612345678")

    await phone.type_in(await pc.typed_way())
    await pc.type_code(await phone.accept())
    await phone.collect_all("applicant", USER)
    await phone.go_to("bekijken")
    await phone.go_to("verzenden")
    await phone.consent("applicant")
    await phone.sees_title("phone.end.delivered.title")
    await pc.sees_title("pc.end.delivered.title")
    received = await scene.house.office.wait_for("data", created.id)
    assert received.payload is not None
    assert [consent["receipt"]["person"] for consent in received.payload["consents"]] == ["applicant"]


async def test_a_number_that_is_none_is_told_beside_the_field(scene: Scene) -> None:
    """The mistake is tied to its field, and skipping stays possible."""
    await scene.begun(household="single")
    pc = AtPc(scene, await scene.window("desktop"))
    await pc.open_invitation()
    await pc.start()
    await pc.press("pc.checklist.go")
    field = pc.page.get_by_label(pc.words("pc.number.label"))
    await field.fill("020 1234567")
    await pc.press("pc.number.go")
    await pc.reads("pc.number.wrong_number")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_be_focused()
    await pc.press("pc.number.skip")
    await pc.sees_title("pc.qr.title")


async def test_a_remark_goes_along_and_changes_no_value(scene: Scene) -> None:
    """*Dit klopt niet* is added to what is sent; the source's value stays as it was."""
    phone = await linked_phone(scene)
    await phone.collect_all("applicant", USER)
    await phone.go_to("bekijken")
    await phone.unfold("incomes")
    record = phone.page.locator("#category-incomes article").first
    before = await record.locator(".amount").inner_text()
    await phone.remark(record, "Ik werk hier niet meer.")
    await expect(record).to_contain_text("Ik werk hier niet meer.")
    assert await record.locator(".amount").inner_text() == before
    await phone.go_to("verzenden")
    await phone.consent("applicant")
    await phone.sees_title("phone.end.delivered.title")
    payload = (await scene.house.office.wait_for("data")).payload
    assert payload is not None
    assert "Ik werk hier niet meer." in str(payload["findings"])


async def test_an_optional_source_is_skipped_with_its_reason(scene: Scene) -> None:
    """Only where the profile allows it; the reason is chosen, and said afterwards."""
    phone = await linked_phone(scene, profile="inkomen")
    assert await phone.page.locator("#skip-applicant-uwv").count() == 0
    await phone.collect("applicant", "uwv", USER)
    for source in ("belastingdienst", "mijnoverheid"):
        await phone.skip("applicant", source, "rather-not")
        await phone.sees_source("applicant", source, "skipped")
        await expect(phone.source("applicant", source)).to_contain_text(phone.words("phone.skipped.rather-not"))
    await phone.go_to("verzenden")
    await phone.consent("applicant")
    await phone.sees_title("phone.end.delivered.title")


async def test_saying_no_is_as_easy_as_saying_yes(scene: Scene) -> None:
    """*Niet verzenden* stands beside *Verzenden*, is as large, asks once, and wipes everything."""
    pc, phone = await linked(scene)
    await phone.collect_all("applicant", USER)
    await phone.go_to("verzenden")
    yes, no = phone.page.locator("#consent-applicant"), phone.page.locator("#decline-applicant")
    for button in (yes, no):
        assert await measured(button, "one => one.getBoundingClientRect().height") >= 44
    size = "one => getComputedStyle(one).fontSize"
    assert await measured(yes, size) == await measured(no, size)
    await phone.asked("decline-applicant", sure=False)
    await phone.on_screen("verzenden")
    await phone.asked("decline-applicant", sure=True)
    await phone.sees_title("phone.end.declined.title")
    await pc.sees_title("pc.end.declined.title")


async def test_an_invitation_opened_by_a_mail_scanner_uses_nothing_up(scene: Scene) -> None:
    """Somebody else looks at the link first; the citizen begins all the same."""
    await scene.begun(household="single")
    scanner, pc = AtPc(scene, await scene.window("desktop")), AtPc(scene, await scene.window("desktop"))
    await scanner.open_invitation()
    await scanner.sees_title("pc.start.title", provider=scene.provider("nl"))
    assert await scanner.window.context.cookies() == []
    await pc.go_to_qr()
    await scanner.reload()
    await scanner.reads("pc.start.elsewhere")
