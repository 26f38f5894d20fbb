"""What goes wrong on the way and is put right: a source that is down, wrong codes, a login given up, no network."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.browser.people import WithPhone, at_qr, linked, linked_phone
from tests.browser.scene import Scene


def wrong(code: str) -> str:
    """Four digits that are not the code."""
    return f"{(int(code) + 1) % 10_000:04d}"


async def test_a_source_that_is_down_and_tried_again(scene: Scene) -> None:
    """An outage is told as an outage, the others can go on, and a retry within the quarter needs no new login."""
    pc, phone = await linked(scene)
    await scene.house.fault("uwv", "down")
    assert await phone.collect("applicant", "mijnoverheid", "single") == "collected"
    assert await phone.collect("applicant", "uwv", "single") == "failed"
    await expect(phone.source("applicant", "uwv")).to_contain_text(
        phone.words("phone.failure.unavailable", source="UWV")
    )
    await pc.sees_progress("applicant", "done", "failed", "todo", "todo")
    assert await phone.collect("applicant", "belastingdienst", "single") == "collected"
    await scene.house.fault("uwv", "none")
    before = len(phone.window.watch.addresses)
    assert await phone.collect("applicant", "uwv", "single") == "collected"
    assert not [a for a in phone.window.watch.addresses[before:] if a.startswith(scene.house.world_url)]


async def test_a_login_given_up(scene: Scene) -> None:
    """*Annuleren* at DigiD comes back to the same place, says it kindly, and nothing is lost."""
    phone = await linked_phone(scene)
    await phone.collect("applicant", "mijnoverheid", "single")
    await phone.begin("applicant", "uwv")
    await phone.page.wait_for_url(f"{scene.house.world_url}/**")
    await phone.cancel_login()
    await phone.on_screen("ophalen")
    await expect(phone.source("applicant", "uwv")).to_contain_text(phone.words("phone.login.cancelled"))
    await phone.sees_source("applicant", "mijnoverheid", "collected")
    assert await phone.collect("applicant", "uwv", "single") == "collected"


async def test_back_from_a_login_in_another_browser(scene: Scene) -> None:
    """A browser that has no key can do nothing with the login's answer: it says where to go on, and sends nothing."""
    stranger = WithPhone(scene, await scene.window("phone"))
    await stranger.opens(f"{scene.house.url}/phone/terug?code=abc&state=def")
    await stranger.sees_title("phone.elsewhere.title")
    assert not [a for a in stranger.window.watch.addresses if "/phone/v1/" in a]
    assert "code=" not in stranger.page.url


async def test_the_browsers_back_button_after_a_login(scene: Scene) -> None:
    """Going back may end in a login that was used: everything is still there, and nobody is told to log in again."""
    phone = await linked_phone(scene)
    await phone.collect("applicant", "mijnoverheid", "single")
    phone.window.watch.expect("^410 POST /phone/v1/logins/callback$")
    await phone.page.go_back()
    if not phone.page.url.startswith(scene.house.url):
        await phone.back()
    await phone.on_screen("ophalen")
    await phone.sees_source("applicant", "mijnoverheid", "collected")
    await expect(phone.page.get_by_role("alert")).to_have_count(0)


async def test_a_wrong_pairing_code_three_times(scene: Scene) -> None:
    """Each time it is said how many tries are left, beside the field; then a fresh QR, and the phone is sent away."""
    pc, phone = await at_qr(scene)
    await phone.opens(await pc.qr())
    code = await phone.accept()
    await pc.type_code(wrong(code))
    await pc.reads("pc.code.wrong_code", tries=2)
    field = pc.page.get_by_label(pc.words("pc.code.label"))
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_be_focused()
    await pc.type_code(wrong(code))
    await pc.reads("pc.code.wrong_code_last")
    phone.window.watch.expect("^4")
    await pc.type_code(wrong(code))
    await pc.sees_title("pc.qr.title")
    await pc.reads("pc.qr.ended")
    await phone.sees_title("phone.unpaired.title")
    await pc.link(phone)


async def test_what_is_no_code_costs_no_try(scene: Scene) -> None:
    """A slip of the finger is told; spaces and dashes from a paste are no slip."""
    pc, phone = await at_qr(scene)
    await phone.opens(await pc.qr())
    code = await phone.accept()
    await pc.type_code("12")
    await pc.reads("pc.code.wrong_format")
    await pc.type_code(f" {code[:2]}-{code[2:]} ")
    await pc.sees_title("pc.progress.title")


async def test_a_code_that_took_too_long(scene: Scene) -> None:
    """After two minutes the phone is sent away and a fresh QR stands ready, without anybody touching anything."""
    pc, phone = await at_qr(scene)
    await phone.opens(await pc.qr())
    await phone.accept()
    phone.window.watch.expect("^4")
    await scene.pass_time(125)
    await pc.sees_title("pc.qr.title")
    await phone.sees_title("phone.unpaired.title")


async def test_a_phone_that_waits_when_it_is_all_over(scene: Scene) -> None:
    """The provider stops while the code stands on the phone: nobody is sent to a QR code that is not there."""
    pc, phone = await at_qr(scene)
    await phone.opens(await pc.qr())
    await phone.accept()
    phone.window.watch.expect("^4")
    assert scene.session is not None
    await scene.house.office.cancel(scene.session.id)
    await phone.sees_title("phone.out.title")
    await pc.sees_title("pc.end.provider.title", provider=scene.provider("nl"))


async def test_a_no_that_comes_too_late(scene: Scene) -> None:
    """The code was typed just before: the phone shows that it is linked, and goes on hearing what happens."""
    pc, phone = await at_qr(scene)
    await phone.opens(await pc.qr())
    code = await phone.accept()
    phone.window.watch.expect("^409 DELETE /phone/v1/pairing$")

    async def late(route: Route) -> None:
        await pc.type_code(code)
        await pc.sees_title("pc.progress.title")
        await route.fallback()

    await phone.page.route("**/phone/v1/pairing", late)
    await phone.act("refuse")
    await phone.on_screen("ophalen")
    await pc.stop()
    await phone.sees_title("phone.end.citizen.title")


async def test_a_scan_in_a_window_that_was_open_for_long(scene: Scene) -> None:
    """The app may have stood open for a quarter of an hour before a code is scanned with it: the time goes on."""
    pc, phone = await at_qr(scene)
    await phone.back()
    await phone.on_screen("welcome")
    await scene.pass_time(15 * 60)
    await pc.reload()
    address = await pc.qr()
    await phone.page.evaluate("address => { location.href = address; }", address)
    await phone.on_screen("confirm")


async def test_a_qr_code_that_was_used(scene: Scene) -> None:
    """A picture of the code is of no use to a second phone; it says where a fresh one is."""
    pc, phone = await at_qr(scene)
    address = await pc.qr()
    await pc.link(phone)
    other = WithPhone(scene, await scene.window("phone"))
    other.window.watch.expect("^4.. POST /phone/v1/pairings$")
    await other.opens(address)
    await other.on_screen("welcome")
    await expect(other.page.get_by_role("alert")).to_be_visible()


async def test_a_code_to_type_that_was_replaced(scene: Scene) -> None:
    """Reloading the PC shows another code: who still types the one before reads where the good one is."""
    pc, phone = await at_qr(scene)
    before = await pc.typed_way()
    await pc.reload()
    await pc.sees_title("pc.typed.title")
    shown = await pc.page.locator("main .code").inner_text()
    assert shown != before
    phone.window.watch.expect("^410 POST /phone/v1/pairings$")
    await phone.type_in(before)
    await expect(phone.page.get_by_role("alert")).to_have_text(phone.words("phone.problem.token-invalid"))
    await phone.page.get_by_label(phone.words("phone.welcome.code")).fill(shown)
    await phone.press("phone.welcome.go")
    await phone.on_screen("confirm")


async def test_the_qr_code_renews_itself(scene: Scene) -> None:
    """After half a minute another code stands there, without a jump of focus or a word to a screen reader."""
    pc, phone = await at_qr(scene)
    before = await pc.qr()
    await pc.control("pc.qr.cannot").focus()
    said = await pc.page.locator("#status").inner_text()
    await scene.pass_time(31)
    picture = await pc.page.locator("figure svg").inner_html()
    await expect(pc.page.locator("figure svg")).not_to_have_text(picture)
    await pc.page.wait_for_function("before => document.querySelector('figure svg').innerHTML !== before", arg=picture)
    assert await pc.qr() != before
    await expect(pc.control("pc.qr.cannot")).to_be_focused()
    assert await pc.page.locator("#status").inner_text() == said
    await phone.opens(before)
    await phone.on_screen("confirm")


@pytest.mark.parametrize("who", ["phone", "pc"])
async def test_ten_seconds_without_a_network(scene: Scene, who: str) -> None:
    """It says so, loses nothing, and goes on by itself with what is true by then."""
    pc, phone = await linked(scene)
    person = phone if who == "phone" else pc
    person.window.watch.expect("^offline")
    await person.window.context.set_offline(offline=True)
    notice = person.page.locator("#offline")
    if who == "phone":
        await expect(notice).to_be_visible()
        await phone.page.locator("#collect-applicant-mijnoverheid").click()
    else:
        await phone.collect("applicant", "mijnoverheid", "single")
        await expect(notice).to_be_visible()
    await person.page.wait_for_timeout(10_000)
    await person.window.context.set_offline(offline=False)
    await expect(notice).to_be_hidden()
    if who == "phone":
        await phone.page.wait_for_url(f"{scene.house.world_url}/**")
        await phone.log_in("single")
        await phone.sees_source("applicant", "mijnoverheid", "collected")
    await pc.sees_progress("applicant", "done", "todo", "todo", "todo")


async def test_a_network_that_is_lost_while_a_login_comes_back(scene: Scene) -> None:
    """The login's answer is sent as soon as it can be: nobody has to log in twice."""
    phone = await linked_phone(scene)
    phone.window.watch.expect("^offline")
    failures = iter([True, True])

    async def unreachable(route: Route) -> None:
        await (route.abort("internetdisconnected") if next(failures, False) else route.fallback())

    await phone.page.route("**/phone/v1/logins/callback", unreachable)
    assert await phone.collect("applicant", "mijnoverheid", "single") == "collected"


async def test_a_login_whose_answer_is_lost(scene: Scene) -> None:
    """The broker heard it, and fetches; sent again it is not known any more, which is no reason to do it again."""
    phone = await linked_phone(scene)
    phone.window.watch.expect("^offline")
    phone.window.watch.expect("^410 POST /phone/v1/logins/callback$")
    lost = iter([True])

    async def lose(route: Route) -> None:
        if next(lost, False):
            await route.fetch()
            await route.abort("connectionreset")
        else:
            await route.fallback()

    await phone.page.route("**/phone/v1/logins/callback", lose)
    assert await phone.collect("applicant", "mijnoverheid", "single") == "collected"
    await expect(phone.page.get_by_role("alert")).to_have_count(0)
    assert next(lost, None) is None


async def test_touching_twice_asks_once(scene: Scene) -> None:
    """A double tap starts one login."""
    phone = await linked_phone(scene)
    asked = phone.window.watch.addresses
    await phone.page.locator("#collect-applicant-mijnoverheid").dblclick()
    await phone.page.wait_for_url(f"{scene.house.world_url}/**")
    assert len([address for address in asked if address.endswith("/mijnoverheid/login")]) == 1


async def test_a_question_stays_open_while_the_screen_is_renewed(scene: Scene) -> None:
    """News that comes while somebody is being asked does not take the question away; afterwards it is shown."""
    pc, phone = await linked(scene, household="couple")
    underway, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(route: Route) -> None:
        underway.set()
        await go_on.wait()
        await route.fallback()

    await phone.page.route("**/phone/v1/screens/*", slowly)
    await pc.press("common.language.en")
    await underway.wait()
    await phone.page.locator("#leave").click()
    async with phone.page.expect_response("**/phone/v1/screens/*"):
        go_on.set()
    await phone.page.wait_for_timeout(300)
    question = phone.page.locator("dialog[open]")
    await expect(question).to_be_visible()
    await question.locator("[data-action=close]").click()
    await expect(phone.page.locator("html")).to_have_attribute("lang", "en")


async def test_a_button_stays_under_the_finger_that_presses_it(scene: Scene) -> None:
    """A screen that is renewed between press and release does not swallow the touch."""
    pc, phone = await linked(scene, household="couple")
    button = phone.page.locator("#leave")
    await button.hover()
    await phone.page.mouse.down()
    async with phone.page.expect_response("**/phone/v1/screens/*"):
        await pc.press("common.language.en")
    await phone.page.wait_for_timeout(300)
    await phone.page.mouse.up()
    await expect(phone.page.locator("dialog[open]")).to_be_visible()
