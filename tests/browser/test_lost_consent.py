"""The answer to a consent is lost after the broker took it: until the end its receipt is still there to keep."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.browser.people import WithPhone, couple_at_verzenden, linked_phone
from tests.browser.scene import Scene

CONSENT, RECEIPT = "**/phone/v1/persons/*/consent", "**/phone/v1/receipt"


async def consents_unheard(phone: WithPhone, person: Any, *, tries: int) -> None:
    """Consent; the broker hears it, and of these first tries no answer reaches the phone."""
    heard, lost = asyncio.Event(), iter(range(tries))

    async def lose(route: Route) -> None:
        if next(lost, None) is None:
            await route.fallback()
            return
        await route.fetch()
        await route.abort("connectionreset")
        heard.set()

    phone.window.watch.expect("^offline")
    await phone.page.route(CONSENT, lose)
    await phone.consent(person)
    await heard.wait()


async def reloaded(phone: WithPhone) -> None:
    """The browser's own button."""
    await phone.reload()


async def opened_again(phone: WithPhone) -> None:
    """The app is closed and its bare address opened."""
    await phone.page.close()
    phone.window.page = await phone.window.context.new_page()
    await phone.back()


async def nothing(_: WithPhone) -> None:
    """The app asks again by itself."""


async def kept(phone: WithPhone) -> list[str]:
    """Of whom the file that can be kept holds a receipt of consent."""
    file = await phone.downloaded("phone.receipt.download")
    return [consent["receipt"]["person"] for consent in file["consents"]]


@pytest.mark.parametrize("then", [nothing, reloaded, opened_again])
async def test_a_receipt_whose_answer_was_lost(scene: Scene, then: Callable[[WithPhone], Awaitable[None]]) -> None:
    """The network fails, or the app is loaded again: the screen that says it was sent offers the receipt, and so does
    the end.
    """
    phone = await linked_phone(scene)
    await phone.collect_all("applicant", "single")
    scene.silence_the_provider()
    await phone.go_to("verzenden")
    await consents_unheard(phone, "applicant", tries=1 if then is nothing else 100)
    await then(phone)
    await phone.on_screen("sent")
    assert await kept(phone) == ["applicant"]
    await scene.acknowledge()
    await phone.on_screen("end")
    assert await kept(phone) == ["applicant"]


async def test_the_first_of_two_receipts_was_lost(scene: Scene) -> None:
    """Two adults on one phone: what the first did not hear is asked for before the second one's consent ends it all."""
    phone = await couple_at_verzenden(scene)
    await consents_unheard(phone, "applicant", tries=100)
    await phone.reload()
    await phone.page.unroute(CONSENT)
    await phone.reads("phone.consent.given")
    await phone.consent("partner")
    await phone.on_screen("end")
    assert await kept(phone) == ["applicant", "partner"]


async def test_a_consent_that_is_void_leaves_no_receipt(scene: Scene) -> None:
    """After *Toch wijzigen* and another consent there is one receipt to keep: that of the consent that holds."""
    phone = await couple_at_verzenden(scene)
    await phone.consent("applicant")
    await phone.press("phone.verzenden.amend")
    await expect(phone.page.locator("#consent-applicant")).to_be_visible()
    await phone.consent("partner")
    await phone.reads("phone.consent.given")
    await phone.consent("applicant")
    await phone.on_screen("end")
    assert sorted(await kept(phone)) == ["applicant", "partner"]
