"""What stays behind in a browser: the cookie, a key that cannot be exported with its token, and nothing of a person."""

from __future__ import annotations

from sandbox.personas import HOUSEHOLDS, canaries
from tests.browser.leftovers import assert_nothing_at_all, assert_nothing_but_the_key
from tests.browser.people import AtPc, WithPhone, at_qr, linked
from tests.browser.scene import Scene

PERSONAL = canaries(HOUSEHOLDS["married-couple"])


async def test_nothing_personal_stays_at_any_moment(scene: Scene) -> None:
    """Searched at every step of a couple's journey on both screens, and after the end, when the key is gone too."""
    await scene.begun(household="couple")
    pc = AtPc(scene, await scene.window("desktop"))
    phone = WithPhone(scene, await scene.window("phone"))

    async def search() -> None:
        for window in (pc.window, phone.window):
            await assert_nothing_but_the_key(window, PERSONAL)

    await pc.go_to_qr()
    await pc.link(phone)
    await search()
    await phone.collect_all("applicant", "married-couple")
    await search()
    await phone.press("phone.partner.here")
    await phone.collect_all("partner", "married-couple-partner")
    await phone.go_to("bekijken")
    for category in ("persons", "incomes", "pensions", "possessions", "debts"):
        await phone.unfold(category)
    await search()
    await phone.go_to("verzenden")
    await search()
    await phone.consent("applicant")
    await phone.reads("phone.consent.given")
    await search()
    await phone.consent("partner")
    await phone.sees_title("phone.end.delivered.title")
    await pc.sees_title("pc.end.delivered.title")
    await search()
    await assert_nothing_at_all(phone.window, PERSONAL)


async def test_stopping_clears_the_phone(scene: Scene) -> None:
    """Whichever screen stops it: no key and no token are left on the phone."""
    pc, phone = await linked(scene)
    await phone.collect("applicant", "mijnoverheid", "single")
    await pc.stop()
    await phone.sees_title("phone.end.citizen.title")
    await assert_nothing_at_all(phone.window, canaries(HOUSEHOLDS["single"]))


async def test_declining_leaves_no_key(scene: Scene) -> None:
    """A phone that says no keeps nothing of having been asked."""
    pc, phone = await at_qr(scene)
    await phone.opens(await pc.qr())
    await phone.act("refuse")
    await phone.sees_title("phone.declined.title")
    await assert_nothing_at_all(phone.window, ())


async def test_the_pc_shows_no_data(scene: Scene) -> None:
    """Whatever was collected: no value of it stands on any page of the PC."""
    await scene.begun(household="single")
    pc = AtPc(scene, await scene.window("desktop"))
    phone = WithPhone(scene, await scene.window("phone"))
    personal = canaries(HOUSEHOLDS["single"])
    await pc.go_to_qr()
    await pc.link(phone)
    await phone.collect_all("applicant", "single")
    await pc.sees_progress("applicant", *["done"] * 4)
    assert not [value for value in personal if value in await pc.page.content()]
    await phone.go_to("verzenden")
    await phone.consent("applicant")
    await pc.sees_title("pc.end.delivered.title")
    assert not [value for value in personal if value in await pc.page.content()]
