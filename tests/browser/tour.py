"""A tour past every page there is, in an order that a person could take. Whoever walks along is told of each one.

The pictures and the checks of all pages are both made on it. What must hold of a page is no business of the tour.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from playwright.async_api import expect

from broker.texts import Language
from tests.browser.people import AtPc, WithPhone, linked
from tests.browser.scene import Scene, Window
from tests.integration.journey.handing_over import broken, file_of

Seen = Callable[[Window, str], Awaitable[None]]
Tour = Callable[[Scene, Language, Seen], Awaitable[None]]
HOUR = 3600.0
SINGLE = "single"
APPLICANT, PARTNER = "married-couple", "married-couple-partner"


async def information(scene: Scene, language: Language, seen: Seen) -> None:
    """What stands apart from any session, the mail that invites, and what is said when something is not there."""
    await scene.begun(household="ask", language=language, invitation={"email": "iemand@voorbeeld.example"})
    pc = AtPc(scene, await scene.window("desktop", language))
    mail = await scene.message_with("/j/")
    await pc.page.goto(f"{scene.house.world_url}/sandbox/mail/{mail['number']}")
    await seen(pc.window, "mail")
    for name, address in (("home", "/"), ("privacy", "/privacy"), ("accessibility", "/accessibility")):
        await pc.page.goto(f"{scene.house.url}{address}?lang={language}")
        await seen(pc.window, name)
    pc.window.watch.expect("^4.. GET")
    await pc.page.goto(f"{scene.house.url}/nergens?lang={language}")
    await seen(pc.window, "not-found")
    await pc.page.goto(f"{scene.house.url}/j/session?lang={language}")
    await seen(pc.window, "no-session")


async def preparing(scene: Scene, language: Language, seen: Seen) -> None:
    """The PC up to the QR code."""
    await scene.begun(household="ask", language=language)
    pc = AtPc(scene, await scene.window("desktop", language))
    await pc.open_invitation()
    await seen(pc.window, "start")
    await pc.press("pc.start.go")
    await pc.sees_title("pc.household.title")
    await seen(pc.window, "household")
    await pc.page.get_by_text(pc.words("pc.household.couple.title"), exact=True).click()
    await pc.press("pc.onwards")
    await pc.sees_title("pc.checklist.title")
    await seen(pc.window, "checklist")
    await pc.press("pc.checklist.go")
    await pc.sees_title("pc.number.title")
    await seen(pc.window, "number")
    await pc.page.get_by_label(pc.words("pc.number.label")).fill("020 1234567")
    await pc.press("pc.number.go")
    await pc.reads("pc.number.wrong_number")
    await seen(pc.window, "number-wrong")
    await pc.press("pc.number.skip")
    await pc.sees_title("pc.qr.title")
    await seen(pc.window, "qr")
    await pc.press("pc.qr.cannot")
    await pc.sees_title("pc.typed.title")
    await seen(pc.window, "typed-code")
    await pc.press("common.stop")
    await pc.sees_title("pc.stop.title")
    await seen(pc.window, "stop")


async def linking(scene: Scene, language: Language, seen: Seen) -> None:
    """Scan, confirm, the code and a wrong one; and a phone that said no."""
    await scene.begun(household="couple", language=language)
    pc = AtPc(scene, await scene.window("desktop", language))
    phone = WithPhone(scene, await scene.window("phone", language))
    await phone.back()
    await phone.on_screen("welcome")
    await seen(phone.window, "welcome")
    await pc.go_to_qr()
    await phone.opens(await pc.qr())
    await phone.on_screen("confirm")
    await seen(phone.window, "confirm")
    await phone.act("refuse")
    await phone.on_screen("declined")
    await seen(phone.window, "declined")
    await pc.sees_title("pc.qr.title")
    await phone.opens(await pc.qr())
    code = await phone.accept()
    await seen(phone.window, "code")
    await pc.sees_title("pc.code.title")
    await seen(pc.window, "scanned")
    await pc.type_code(f"{(int(code) + 1) % 10_000:04d}")
    await pc.reads("pc.code.wrong_code", tries=2)
    await seen(pc.window, "code-wrong")
    await pc.type_code(code)
    await pc.sees_title("pc.progress.title")
    await phone.on_screen("ophalen")
    await seen(phone.window, "collect-empty")
    await seen(pc.window, "progress")
    await pc.press("pc.progress.other_phone")
    await pc.sees_title("pc.restart.title")
    await seen(pc.window, "other-phone")
    await phone.press("common.stop")
    await seen(phone.window, "stop")


async def collecting(scene: Scene, language: Language, seen: Seen) -> None:
    """A couple's journey from the first source to the receipt, with a source that is down on the way."""
    pc, phone = await linked(scene, language, household="couple")
    await phone.begin("applicant", "mijnoverheid")
    await phone.page.wait_for_url(f"{scene.house.world_url}/**")
    await phone.cancel_login()
    await phone.on_screen("ophalen")
    await seen(phone.window, "login-cancelled")
    await phone.collect("applicant", "mijnoverheid", APPLICANT)
    await scene.house.fault("uwv", "down")
    await phone.collect("applicant", "uwv", APPLICANT)
    await scene.house.fault("uwv", "none")
    await seen(phone.window, "source-failed")
    await pc.sees_progress("applicant", "done", "failed", "todo", "todo")
    await seen(pc.window, "progress-failed")
    await phone.go_to("bekijken")
    await seen(phone.window, "review-part")
    await phone.go_to("verzenden")
    await seen(phone.window, "send-not-yet")
    await phone.go_to("ophalen")
    await phone.collect_all("applicant", APPLICANT, ("uwv", "belastingdienst", "mijnpensioenoverzicht"))
    await seen(phone.window, "partner-choice")
    assert await phone.partner_qr()
    await seen(phone.window, "partner-own-phone")
    await phone.go_to("ophalen")
    await phone.press("phone.partner.here")
    await phone.on_screen("partner")
    await seen(phone.window, "partner-here")
    await phone.collect_all("partner", PARTNER)
    await seen(phone.window, "collect-done")
    await pc.sees_progress("partner", "done", "done", "done", "done")
    await seen(pc.window, "progress-done")
    await _sending(scene, pc, phone, seen)


async def _sending(scene: Scene, pc: AtPc, phone: WithPhone, seen: Seen) -> None:
    await phone.go_to("bekijken")
    await seen(phone.window, "review")
    for category in ("persons", "incomes", "pensions", "possessions", "debts"):
        await phone.unfold(category)
    await seen(phone.window, "review-unfolded")
    await phone.page.locator("#category-incomes article details > summary").first.click()
    await seen(phone.window, "review-remark")
    await phone.go_to("verzenden")
    await seen(phone.window, "send")
    await phone.page.locator("#decline-applicant").click()
    await seen(phone.window, "decline")
    await phone.page.keyboard.press("Escape")
    await phone.consent("applicant")
    await phone.reads("phone.consent.given")
    await seen(phone.window, "send-one-consent")
    scene.silence_the_provider()
    await phone.consent("partner")
    await phone.on_screen("sent")
    await seen(phone.window, "sent")
    await pc.sees_title("pc.sent.title")
    await seen(pc.window, "sent")
    await scene.acknowledge()
    await phone.on_screen("end")
    await seen(phone.window, "received")
    await pc.sees_title("pc.end.delivered.title")
    await seen(pc.window, "received")


async def partner_phone(scene: Scene, language: Language, seen: Seen) -> None:
    """The partner's own phone, and what the first phone shows meanwhile."""
    _, first = await linked(scene, language, household="couple")
    second = WithPhone(scene, await scene.window("phone", language))
    await first.collect("applicant", "mijnoverheid", APPLICANT)
    await second.opens(await first.partner_qr())
    await second.on_screen("confirm")
    await seen(second.window, "partner-confirm")
    code = await second.accept()
    await seen(second.window, "partner-code")
    field = first.page.get_by_label(first.words("phone.partner_own.code"))
    await expect(field).to_be_visible()
    await seen(first.window, "partner-approve")
    await field.fill(code)
    await first.press("phone.partner_own.approve")
    await second.on_screen("ophalen")
    await seen(second.window, "partner-collect")
    await second.collect("partner", "mijnoverheid", PARTNER)
    await first.on_screen("ophalen")
    await seen(first.window, "partner-elsewhere")
    await second.go_to("bekijken")
    await seen(second.window, "partner-review")


async def time(scene: Scene, language: Language, seen: Seen) -> None:
    """Little time left, none left, and a phone that came too late."""
    pc, phone = await linked(scene, language)
    await scene.pass_time(51 * 60)
    await expect(phone.control("phone.time.more")).to_be_visible()
    await seen(phone.window, "little-time")
    await phone.away()
    await pc.reads("pc.progress.short")
    await seen(pc.window, "little-time")
    await scene.pass_time(HOUR)
    await pc.sees_title("pc.qr.title")
    await seen(pc.window, "attempt-ran-out")
    phone.window.watch.expect("^4")
    await phone.back()
    await phone.on_screen("out")
    await seen(phone.window, "out")
    await scene.pass_time(80 * HOUR)
    await pc.sees_title("pc.end.expired.title")
    await seen(pc.window, "expired")


async def stopped(scene: Scene, language: Language, seen: Seen) -> None:
    """Stopped; and what another browser and another phone are told."""
    pc, phone = await linked(scene, language)
    stranger = WithPhone(scene, await scene.window("phone", language))
    await stranger.opens(f"{scene.house.url}/phone/terug?code=abc&state=def")
    await stranger.on_screen("elsewhere")
    await seen(stranger.window, "elsewhere")
    other = AtPc(scene, await scene.window("desktop", language))
    await other.open_invitation()
    await other.sees_title("pc.busy.title")
    await seen(other.window, "busy")
    await pc.stop()
    await pc.sees_title("pc.end.citizen.title")
    await seen(pc.window, "stopped")
    await phone.on_screen("end")
    await seen(phone.window, "stopped")


async def taken_over(scene: Scene, language: Language, seen: Seen) -> None:
    """A second browser started; a phone on which the link was opened."""
    await scene.begun(household="single", language=language)
    first = AtPc(scene, await scene.window("desktop", language))
    handy = AtPc(scene, await scene.window("phone", language))
    first.window.watch.expect("^409 GET /j/")
    await first.go_to_qr()
    await handy.open_invitation()
    await seen(handy.window, "start-again")
    await handy.start()
    await seen(handy.window, "checklist")
    await first.sees_title("problem.elsewhere.title")
    await seen(first.window, "taken-over")


async def not_confirmed(scene: Scene, language: Language, seen: Seen) -> None:
    """A provider that never answers."""
    pc, phone = await linked(scene, language)
    await phone.collect_all("applicant", "single")
    scene.silence_the_provider()
    await phone.go_to("verzenden")
    await phone.consent("applicant")
    await phone.on_screen("sent")
    await scene.pass_time(77 * HOUR)
    await phone.touch()
    await phone.on_screen("end")
    await seen(phone.window, "not-confirmed")
    await pc.sees_title("pc.end.undelivered.title")
    await seen(pc.window, "not-confirmed")


async def files(scene: Scene, language: Language, seen: Seen) -> None:
    """Files instead of a login: where they are to be had, one that is refused, one with a bad seal, and what goes."""
    _, phone = await linked(scene, language, profile="werk")
    await phone.page.locator("#where-applicant-uwv > summary").click()
    await seen(phone.window, "file-where")
    phone.window.watch.expect("^4[0-9]+ POST /phone/v1/persons/applicant/sources/uwv/upload$")
    await phone.hand_over("applicant", "uwv", broken(SINGLE, "uwv", "other-version"))
    await expect(phone.page.get_by_role("alert")).to_be_visible()
    await seen(phone.window, "file-refused")
    await phone.hand_over("applicant", "uwv", broken(SINGLE, "uwv", "changed"))
    await phone.sees_source("applicant", "uwv", "doubted")
    await seen(phone.window, "file-doubted")
    await phone.page.locator("#take-back-applicant-uwv").click()
    await phone.sees_source("applicant", "uwv", "todo")
    await phone.hand_over("applicant", "uwv", file_of(SINGLE, "uwv"))
    await phone.sees_source("applicant", "uwv", "collected")
    await phone.go_to("bekijken")
    await seen(phone.window, "review-files")


async def troubles(scene: Scene, language: Language, seen: Seen) -> None:
    """A source that is down before anybody logs in, one that answered in part, and sending what there is."""
    _, first = await linked(scene, language, profile="wat-er-is")
    await scene.house.fault("uwv", "down")
    await scene.house.fault("brk", "down")
    await first.collect("applicant", "mijnoverheid", SINGLE)
    assert await first.collect("applicant", "uwv", SINGLE) == "failed"
    await seen(first.window, "collected-in-part")
    theirs = scene.session
    _, second = await linked(scene, language, profile="werk")
    await second.sees_source("applicant", "uwv", "down")
    await seen(second.window, "source-down")
    scene.session = theirs
    await first.collect_all("applicant", SINGLE, ("belastingdienst", "mijnpensioenoverzicht"))
    await seen(first.window, "collected-what-there-is")
    await first.go_to("verzenden")
    await seen(first.window, "send-what-there-is")


TOURS = (
    information,
    preparing,
    linking,
    collecting,
    partner_phone,
    time,
    stopped,
    taken_over,
    not_confirmed,
)
# These need a house that takes files, and takes one person without an answer of UWV for an outage.
TOURS_WITH_FILES = (files, troubles)
ONE_FAILURE = {"OPHAALBRUG_HEALTH": '{"uwv":{"failures":1}}'}
