"""The partner on a phone of their own: let in by the first, seeing only what is theirs, consenting for themself."""

from __future__ import annotations

from playwright.async_api import Route, expect

from sandbox.personas import HOUSEHOLDS
from tests.browser.people import AtPc, WithPhone, at_qr, linked
from tests.browser.scene import Scene

HOUSEHOLD = HOUSEHOLDS["married-couple"]


async def couple(scene: Scene) -> tuple[AtPc, WithPhone, WithPhone]:
    """A PC, the first phone, linked, and a phone of the partner that was nowhere yet."""
    pc, first = await linked(scene, household="couple")
    return pc, first, WithPhone(scene, await scene.window("phone"))


async def let_in(first: WithPhone, second: WithPhone) -> None:
    """The partner scans the first phone's screen; the first phone types the partner's code."""
    await second.opens(await first.partner_qr())
    code = await second.accept()
    await first.page.get_by_label(first.words("phone.partner_own.code")).fill(code)
    await first.press("phone.partner_own.approve")
    await first.on_screen("ophalen")
    await second.on_screen("ophalen")


async def test_the_partner_on_a_phone_of_their_own(scene: Scene) -> None:
    """Each collects, looks and consents on their own phone; what goes is of both. A proof of consent can be kept once
    it is given: who comes back only after the end reads where it is.
    """
    pc, first, second = await couple(scene)
    await first.collect_all("applicant", "married-couple")
    await let_in(first, second)
    await second.collect_all("partner", "married-couple-partner")
    await pc.sees_progress("partner", "done", "done", "done", "done")
    await first.reads("phone.partner.elsewhere_done")

    for phone, own, other in (
        (first, HOUSEHOLD.applicant, HOUSEHOLD.partner),
        (second, HOUSEHOLD.partner, HOUSEHOLD.applicant),
    ):
        assert own is not None
        assert other is not None
        await phone.go_to("bekijken")
        shown = await phone.page.locator("main").text_content() or ""
        assert own.jobs[0].employer in shown
        assert other.jobs[0].employer not in shown

    await first.go_to("verzenden")
    await second.go_to("verzenden")
    await first.consent("applicant")
    await first.reads("phone.verzenden.waiting_for_partner")
    kept = await first.downloaded("phone.receipt.download")
    assert [consent["receipt"]["person"] for consent in kept["consents"]] == ["applicant"]
    await first.away()
    await second.consent("partner")
    elsewhere = second.words("phone.receipt.elsewhere", provider=scene.provider("nl"))
    await second.sees_title("phone.end.delivered.title")
    await expect(second.page.get_by_text(elsewhere)).to_be_hidden()
    await first.back()
    await first.sees_title("phone.end.delivered.title")
    await expect(first.page.get_by_text(elsewhere)).to_be_visible()
    await pc.sees_title("pc.end.delivered.title")


async def test_a_screen_that_comes_in_late_does_not_undo_a_tap(scene: Scene) -> None:
    """A link that is followed leads where it says, also when another screen puts its address there just then."""
    _, first, _ = await couple(scene)
    await first.on_screen("ophalen")
    await first.page.evaluate(
        "() => { location.hash = '#partner-phone'; history.replaceState(null, '', '/phone#ophalen'); }"
    )
    await first.on_screen("partner-phone")


async def test_a_wrong_code_of_the_partners_phone_is_told(scene: Scene) -> None:
    """The first phone is as strict as the PC: a wrong code is no link, and says how often one may still try."""
    _, first, second = await couple(scene)
    await second.opens(await first.partner_qr())
    code = await second.accept()
    first.window.watch.expect(r"^4\d\d POST /phone/v1/pairings/[^/]+/approval$")
    field = first.page.get_by_label(first.words("phone.partner_own.code"))
    await field.fill(f"{(int(code) + 1) % 10_000:04d}")
    await first.press("phone.partner_own.approve")
    await expect(first.page.get_by_role("alert")).to_have_text(first.words("phone.problem.wrong-code", tries=2))
    await field.fill(code)
    await first.press("phone.partner_own.approve")
    await second.on_screen("ophalen")


async def test_a_code_for_the_partner_that_cannot_be_renewed_now(scene: Scene) -> None:
    """A broker that is too busy for one moment is asked again: the code appears without a touch."""
    _, first, _ = await couple(scene)
    answers = iter([503, 429])
    first.window.watch.expect(r"^(503|429) POST /phone/v1/pairing-tokens$")

    async def refuse(route: Route) -> None:
        status = next(answers, None)
        headers = {"cache-control": "no-store"}
        await (route.fallback() if status is None else route.fulfill(status=status, headers=headers))

    await first.page.route("**/phone/v1/pairing-tokens", refuse)
    assert await first.partner_qr()
    assert next(answers, None) is None


async def test_a_partner_who_does_not_take_part(scene: Scene) -> None:
    """Where the provider allows one person the applicant goes on alone; this is said before."""
    await scene.begun(household="ask")
    pc = AtPc(scene, await scene.window("desktop"))
    first = WithPhone(scene, await scene.window("phone"))
    await pc.go_to_qr("couple")
    await pc.link(first)
    await first.collect_all("applicant", "married-couple")
    await first.asked("leave", sure=True)
    await first.go_to("verzenden")
    await first.consent("applicant")
    await first.sees_title("phone.end.delivered.title")
    await pc.sees_title("pc.end.delivered.title")


async def test_a_partner_who_says_no_where_both_are_needed(scene: Scene) -> None:
    """The provider asks for a couple: without the partner it ends, which both are told."""
    pc, first, second = await couple(scene)
    await let_in(first, second)
    await second.asked("leave", sure=True)
    await pc.sees_title("pc.end.declined.title")
    for phone in (first, second):
        await phone.sees_title("phone.end.declined.title")


async def test_no_to_a_stranger_with_a_qr_code(scene: Scene) -> None:
    """Declining is as prominent as accepting, links nothing, and leaves no key behind."""
    pc, phone = await at_qr(scene)
    await phone.opens(await pc.qr())
    await phone.on_screen("confirm")
    yes, no = await phone.page.evaluate(
        """() => ["accept", "refuse"].map((action) => {
          const button = document.querySelector(`[data-action=${action}]`);
          const { backgroundColor, fontSize, height } = getComputedStyle(button);
          return [backgroundColor, fontSize, height];
        })"""
    )
    assert yes == no
    await phone.act("refuse")
    await phone.sees_title("phone.declined.title")
    await pc.sees_title("pc.qr.title")
