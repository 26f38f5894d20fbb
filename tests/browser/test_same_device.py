"""A citizen with nothing but a phone: no QR code, no SMS, no code to type over. The app starts by itself."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser.people import AtPc, WithPhone
from tests.browser.scene import Scene


async def test_everything_on_one_phone(scene: Scene) -> None:
    """From the invitation to the receipt in one browser on one phone."""
    created = await scene.begun(household="ask")
    window = await scene.window("phone")
    citizen, app = AtPc(scene, window), WithPhone(scene, window)
    await citizen.open_invitation()
    await citizen.start("single")
    await expect(citizen.control("pc.checklist.go")).to_have_count(0)
    await citizen.press("pc.here.go")
    await app.sees_title("phone.ophalen.empty")
    await app.collect_all("applicant", "single")
    await app.go_to("bekijken")
    await app.go_to("verzenden")
    await app.consent("applicant")
    await app.sees_title("phone.end.delivered.title")
    assert (await scene.house.office.wait_for("data", created.id)).payload is not None
    assert await scene.messages() == [m for m in await scene.messages() if "inlogcode" in m["text"]]


async def test_a_phone_may_use_another_one_all_the_same(scene: Scene) -> None:
    """Who opened the link on one phone can scan with another: the QR page is there for phones too."""
    await scene.begun(household="single")
    first = AtPc(scene, await scene.window("phone"))
    second = WithPhone(scene, await scene.window("phone"))
    await first.open_invitation()
    await first.start()
    await first.press("pc.here.other")
    await first.sees_title("pc.qr.title")
    await expect(first.control("pc.here.go")).to_be_visible()
    await first.page.locator("figure svg").scroll_into_view_if_needed()
    await first.link(second)


async def test_going_on_here_is_offered_on_phones_only(scene: Scene) -> None:
    """A PC has no camera in the hand: there the QR page offers a code to type, and nothing else."""
    await scene.begun(household="single")
    pc = AtPc(scene, await scene.window("desktop"))
    await pc.go_to_qr()
    await expect(pc.control("pc.here.go")).to_be_hidden()


async def test_the_handed_token_is_of_no_use_to_another_phone(scene: Scene) -> None:
    """Whoever copies the address of the app gets nowhere: it belongs to the browser it was handed to."""
    await scene.begun(household="single")
    window, thief = await scene.window("phone"), WithPhone(scene, await scene.window("phone"))
    citizen = AtPc(scene, window)
    await citizen.open_invitation()
    await citizen.start()
    async with citizen.page.expect_response(re.compile("/j/same-device$")) as handed:
        await window.context.set_offline(False)
        await window.page.route(re.compile(r"/phone(#.*)?$"), lambda route: route.abort())
        window.watch.expect("offline|console")
        await citizen.page.evaluate("document.querySelector('form[action=\"/j/same-device\"]').submit()")
    address = (await handed.value).headers["location"]
    thief.window.watch.expect(r"^4\d\d POST /phone/v1/pairings$")
    await thief.opens(scene.house.url + address)
    await thief.on_screen("welcome")
    await expect(thief.page.get_by_role("alert")).to_be_visible()
