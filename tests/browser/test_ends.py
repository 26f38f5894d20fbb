"""Every way it can end, and that each is explained with a way on: run out, stopped, taken over, not confirmed."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.checks import ZOOMED, measured
from tests.browser.people import AtPc, WithPhone, couple_at_verzenden, linked
from tests.browser.scene import Scene

HOUR = 3600.0
# Whether it is seen whole: in the window, and nothing of another lies over its upper or lower edge.
IS_WHOLE = """(element) => {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  return [top + 2, bottom - 2].every((y) => element.contains(document.elementFromPoint((left + right) / 2, y)));
}"""


async def ready(scene: Scene) -> tuple[AtPc, WithPhone]:
    """Somebody alone who collected everything."""
    pc, phone = await linked(scene)
    await phone.collect_all("applicant", "single")
    return pc, phone


async def test_a_link_that_nobody_used_in_time(scene: Scene) -> None:
    """It says that it has expired, that nothing was fetched, and whom to ask."""
    await scene.begun(household="single", returnUrl="https://gemeente.example/terug")
    pc = AtPc(scene, await scene.window("desktop"))
    await scene.pass_time(73 * HOUR)
    await scene.house.office.wait_for("expired")
    await pc.open_invitation()
    await pc.sees_title("pc.end.expired.title")
    await expect(pc.control("pc.end.return", provider=scene.provider("nl"))).to_be_visible()


async def test_an_attempt_that_ran_out(scene: Scene) -> None:
    """An hour without a sign of a phone: what was collected is gone, both say so, and a fresh QR stands ready."""
    pc, phone = await linked(scene)
    await phone.collect("applicant", "mijnoverheid", "single")
    await phone.away()
    await scene.pass_time(HOUR + 60)
    await pc.sees_title("pc.qr.title")
    await pc.reads("pc.qr.again")
    phone.window.watch.expect("^4")
    await phone.back()
    await phone.sees_title("phone.out.title")
    await pc.link(phone)
    await phone.sees_title("phone.ophalen.empty")


async def test_more_time_on_the_phone(scene: Scene) -> None:
    """Ten minutes before the end the phone warns, and says so to who does not see it; one tap gives another hour."""
    pc, phone = await linked(scene)
    more = phone.control("phone.time.more")
    await expect(more).to_be_hidden()
    await scene.pass_time(51 * 60)
    await expect(more).to_be_visible()
    await expect(phone.page.locator("#status")).to_contain_text(phone.words("phone.time.left", time="|").split("|")[1])
    await more.click()
    await expect(more).to_be_hidden()
    await scene.pass_time(30 * 60)
    await phone.collect("applicant", "mijnoverheid", "single")
    await pc.sees_title("pc.progress.title")


async def test_more_time_on_the_pc(scene: Scene) -> None:
    """The PC warns ten minutes before the end, announces it, and gives another hour."""
    pc, phone = await linked(scene)
    await phone.away()
    await scene.pass_time(51 * 60)
    await pc.reads("pc.progress.short")
    await pc.press("pc.progress.more")
    await expect(pc.control("pc.progress.more")).to_have_count(0)
    await scene.pass_time(30 * 60)
    await phone.back()
    await phone.on_screen("ophalen")


@pytest.mark.parametrize("where", ["pc", "phone"])
async def test_stopped_by_the_citizen(scene: Scene, where: str) -> None:
    """From either screen, after one question; both then say that everything is gone."""
    pc, phone = await ready(scene)
    if where == "pc":
        await pc.press("common.stop")
        await pc.press("pc.stop.back")
        await pc.sees_title("pc.progress.title")
        await pc.stop()
    else:
        await phone.asked("stop", sure=False)
        await phone.on_screen("ophalen")
        await phone.asked("stop", sure=True)
    await pc.sees_title("pc.end.citizen.title")
    await phone.sees_title("phone.end.citizen.title")
    assert scene.session is not None
    assert (await scene.house.office.read(scene.session.id)).status == "cancelled"


async def test_stopped_by_the_provider(scene: Scene) -> None:
    """Who withdraws the question is named, on both screens."""
    pc, phone = await linked(scene)
    assert scene.session is not None
    await scene.house.office.cancel(scene.session.id)
    await pc.sees_title("pc.end.provider.title", provider=scene.provider("nl"))
    await phone.sees_title("phone.end.provider.title", provider=scene.provider("nl"))


async def test_taken_over_by_another_browser(scene: Scene) -> None:
    """A second browser on the same link takes over; the first says so, and can take it back."""
    await scene.begun(household="single")
    first, second = [AtPc(scene, await scene.window("desktop")) for _ in range(2)]
    for watch in (first.window.watch, second.window.watch):
        watch.expect("^409 GET /j/")
    await first.go_to_qr()
    await second.go_to_qr()
    await expect(first.page.locator("h1")).to_have_text(first.words("problem.elsewhere.title"))
    await first.press("problem.way.here")
    await first.start()
    await expect(second.page.locator("h1")).to_have_text(second.words("problem.elsewhere.title"))


async def test_another_phone(scene: Scene) -> None:
    """What was collected is deleted, which is said before; the first phone is out, another one can scan."""
    pc, phone = await linked(scene)
    await phone.collect("applicant", "mijnoverheid", "single")
    other = WithPhone(scene, await scene.window("phone"))
    await pc.press("pc.progress.other_phone")
    await pc.reads("pc.restart.lead")
    phone.window.watch.expect("^4")
    await pc.press("pc.restart.go")
    await pc.sees_title("pc.qr.title")
    await phone.sees_title("phone.out.title")
    await pc.link(other)
    await other.sees_title("phone.ophalen.empty")


async def test_consent_withdrawn_before_it_was_received(scene: Scene) -> None:
    """While the provider does not answer, consent can be taken back; both screens say that."""
    pc, phone = await ready(scene)
    scene.silence_the_provider()
    await phone.go_to("verzenden")
    await phone.consent("applicant")
    await phone.on_screen("sent")
    await pc.sees_title("pc.sent.title")
    await phone.asked("withdraw", sure=False)
    await phone.on_screen("sent")
    await phone.asked("withdraw", sure=True)
    await phone.sees_title("phone.end.withdrawn.title")
    await pc.sees_title("pc.end.withdrawn.title")


async def test_not_confirmed(scene: Scene) -> None:
    """A provider that never answers: past the deadline everything is gone here, and nobody says it arrived."""
    pc, phone = await ready(scene)
    scene.silence_the_provider()
    await phone.go_to("verzenden")
    await phone.consent("applicant")
    await phone.on_screen("sent")
    await pc.sees_title("pc.sent.title")
    await scene.pass_time(77 * HOUR)
    await pc.sees_title("pc.end.undelivered.title")
    await phone.touch()
    await phone.sees_title("phone.end.undelivered.title")


async def test_changing_ones_mind_before_the_other_adult_consents(scene: Scene) -> None:
    """*Toch wijzigen* voids what was given and lets the content change again. On a phone it is seen whole wherever one
    has scrolled to; at 400 % nothing sticks, and nothing lies over it.
    """
    phone = await couple_at_verzenden(scene)
    await phone.consent("applicant")
    await phone.reads("phone.consent.given")
    amend = phone.control("phone.verzenden.amend")
    for width, height in ((390, 844), (390, 664), (320, 640), (320, 568)):
        await phone.page.set_viewport_size({"width": width, "height": height})
        for part in (0, 0.5, 1):
            await phone.page.evaluate("part => scrollTo(0, part * document.body.scrollHeight)", part)
            assert await measured(amend, IS_WHOLE), (width, height, part)
    await phone.page.set_viewport_size(ZOOMED)
    await amend.evaluate("element => element.scrollIntoView({block: 'center'})")
    assert await measured(amend, IS_WHOLE)
    await amend.click()
    await expect(phone.page.locator("#consent-applicant")).to_be_visible()


async def test_the_receipt_can_be_kept(scene: Scene) -> None:
    """Both screens give it as a file: the phone with the consents, the PC without anything personal. Coming back to the
    phone's page, from where the provider's link leads, loses nothing.
    """
    pc, phone = await ready(scene)
    await phone.go_to("verzenden")
    await phone.consent("applicant")
    await phone.sees_title("phone.end.delivered.title")
    await phone.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    from_phone = await phone.downloaded("phone.receipt.download")
    assert from_phone["consents"][0]["receipt"]["person"] == "applicant"
    assert (await scene.house.office.check_receipt(from_phone["purgeReceipt"]))["state"] == "delivered"
    await pc.sees_title("pc.end.delivered.title")
    from_pc = await pc.downloaded("pc.receipt.download")
    assert from_pc["purgeReceipt"] == from_phone["purgeReceipt"]
