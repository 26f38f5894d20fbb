"""Linking a phone: tokens, typed codes, pairing codes, and the three parties' secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import SimpleNamespace
from typing import TypeVar

import aiohttp
import pytest

import qr.tokens
from broker import dpop
from sandbox.browser import Browser
from sandbox.phone import BASE, Phone
from sessions.lifecycle import DAY
from tests.house import House
from tests.integration.journey.steps import SECONDS, refused, session_when

pytestmark = pytest.mark.asyncio(loop_scope="module")
_View = TypeVar("_View")


@pytest.fixture
def house(shared_house: House) -> House:
    """One for all: each test has sessions of its own."""
    return shared_house


def _another(code: str) -> str:
    """A code that is wrong."""
    return "0000" if code != "0000" else "1111"


async def test_an_unknown_token_or_code_opens_nothing(house: House) -> None:
    """A token that was never shown, a garbled one, and unknown typed codes are refused alike."""
    created, _ = await house.opened()
    for token in (qr.tokens.make_token(created.id), "nonsense", f"{created.id}.", created.id):
        with refused("token-invalid"):
            await house.phone().pair(token=token)
    for code in ("AAAA-AAAA", "22222222", "?"):
        with refused("token-invalid"):
            await house.phone().pair(typed_code=code)


async def test_a_token_is_good_for_ninety_seconds(house: House) -> None:
    """A token is accepted for 90 seconds and not a second longer."""
    _, browser = await house.opened()
    shown = await browser.show_token()
    await house.pass_time(91)
    with refused("token-invalid"):
        await house.phone().pair(token=shown.url)


async def test_a_renewed_token_leaves_the_former_one_good(house: House) -> None:
    """The QR renews itself every 30 seconds; a slow phone may still present the one before."""
    _, browser = await house.opened()
    older = await browser.show_token()
    assert older.renew_after_seconds == 30
    await house.pass_time(30)
    await browser.show_token()
    await house.pass_time(50)
    assert (await house.phone().pair(token=older.url)).view.status == "pairing"


async def test_a_token_is_for_one_phone(house: House) -> None:
    """A second phone with a redeemed token, or with another token that was shown, is refused; the first one is not."""
    _, browser = await house.opened()
    other, token = await browser.show_token(), (await browser.show_token()).url
    first = await house.phone().pair(token=token)
    with refused("already-paired"):
        await house.phone().pair(token=token)
    with refused("token-invalid"):
        await house.phone().pair(token=other.url)
    assert (await browser.type_code(first.pairing_code)).status == "collecting"
    with refused("token-invalid"):
        await house.phone().pair(token=token)


async def test_the_same_device_may_redeem_again(house: House) -> None:
    """The answer to a redeem was lost: the same device key redeems again, and its former token and code are void."""
    _, browser = await house.opened()
    shown, phone = await browser.show_token(), house.phone()
    lost = await phone.pair(token=shown.url)
    before = phone.token
    again = await phone.pair(token=shown.url)
    assert again.id != lost.id
    if lost.pairing_code != again.pairing_code:
        with refused("wrong-code"):
            await browser.type_code(lost.pairing_code)
    assert (await browser.type_code(again.pairing_code)).status == "collecting"
    assert (await phone.session()).linked
    phone.token = before
    with refused("wrong-secret"):
        await phone.session()


async def test_the_same_device_may_redeem_again_for_ninety_seconds(house: House) -> None:
    """Later than that, the waiting phone stays the one that waits."""
    _, browser = await house.opened()
    shown, phone = await browser.show_token(), house.phone()
    await phone.pair(token=shown.url)
    await house.pass_time(91)
    with refused("already-paired"):
        await phone.pair(token=shown.url)


async def test_a_typed_code_works_once(house: House) -> None:
    """A typed code links a phone as a QR does, however it is spelled, and only once."""
    _, browser = await house.opened()
    code = (await browser.show_token(typed=True)).typed_code
    assert code is not None
    paired = await house.phone().pair(typed_code=code.lower().replace("-", " "))
    with refused("token-invalid"):
        await house.phone().pair(typed_code=code)
    assert (await browser.type_code(paired.pairing_code)).status == "collecting"


async def test_a_typed_code_is_good_for_five_minutes_and_replaced_by_the_next(house: House) -> None:
    """A typed code that is over, or that another one replaced, opens nothing."""
    _, browser = await house.opened()
    replaced = (await browser.show_token(typed=True)).typed_code
    code = (await browser.show_token(typed=True)).typed_code
    assert replaced is not None
    assert code is not None
    with refused("token-invalid"):
        await house.phone().pair(typed_code=replaced)
    await house.pass_time(301)
    with refused("token-invalid"):
        await house.phone().pair(typed_code=code)


async def test_guessing_typed_codes_is_limited(fresh_house: House) -> None:
    """An address gets thirty tries a minute, however many phones it plays."""
    for _ in range(30):
        with refused("token-invalid"):
            await fresh_house.phone().pair(typed_code="AAAA-AAAA")
    with refused("too-many-requests"):
        await fresh_house.phone().pair(typed_code="AAAA-AAAA")
    await fresh_house.pass_time(61)
    with refused("token-invalid"):
        await fresh_house.phone().pair(typed_code="AAAA-AAAA")


async def test_three_wrong_codes_end_the_pairing(house: House) -> None:
    """Two wrong codes leave tries, the third sends the phone away; a fresh QR links another one."""
    _, browser = await house.opened()
    phone, paired = await house.scanned(browser)
    for left in (2, 1):
        with refused("wrong-code") as caught:
            await browser.type_code(_another(paired.pairing_code))
        assert caught.value.tries_left == left
    with refused("pairing-ended"):
        await browser.type_code(_another(paired.pairing_code))
    assert (await browser.status()).status == "opened"
    with refused("wrong-secret"):
        await phone.session()
    _, fresh = await house.scanned(browser)
    assert (await browser.type_code(fresh.pairing_code)).status == "collecting"


async def test_a_slip_of_the_finger_costs_no_try(house: House) -> None:
    """What is no code is refused before it is compared, however often; spaces and dashes in a code are not wrong."""
    _, browser = await house.opened()
    _, paired = await house.scanned(browser)
    code = paired.pairing_code
    for slip in ("", code[:3], f"{code}0", f"{code[:3]}o", "١٢٣٤", "    "):
        with refused("invalid-request") as caught:
            await browser.type_code(slip)
        assert caught.value.errors == ("code: must be four digits",)
    with refused("wrong-code") as caught:
        await browser.type_code(_another(code))
    assert caught.value.tries_left == 2
    assert (await browser.type_code(f" {code[:2]}-{code[2:]} ")).status == "collecting"


async def test_a_pairing_code_is_good_for_two_minutes(house: House) -> None:
    """After two minutes the waiting phone is sent away by time itself, and the right code comes too late."""
    created, browser = await house.opened()
    phone, paired = await house.scanned(browser)
    await house.pass_time(121)
    await browser.wait_for(lambda view: view.status == "opened")
    with refused("wrong-state"):
        await browser.type_code(paired.pairing_code)
    with refused("wrong-secret"):
        await phone.session()
    assert (await house.office.read(created.id)).status == "opened"


async def test_a_phone_declines(house: House) -> None:
    """A phone that did not open that page says so: it is forgotten and the PC is back at its QR."""
    _, browser = await house.opened()
    phone, paired = await house.scanned(browser)
    assert (await phone.decline()).reason == "declined"
    assert (await browser.status()).status == "opened"
    with refused("wrong-state"):
        await browser.type_code(paired.pairing_code)
    with refused("wrong-secret"):
        await phone.decline()


async def test_a_waiting_phone_learns_who_asks_and_nothing_else(house: House) -> None:
    """Until its code was typed a phone sees provider and purpose, and may do nothing but wait or decline."""
    _, browser = await house.opened()
    phone, paired = await house.scanned(browser)
    assert (paired.view.linked, paired.view.persons) == (False, {})
    for act in (phone.review, phone.stop, phone.partner_token, phone.withdraw):
        with refused("wrong-state"):
            await act()
    with refused("wrong-state"):
        await phone.login("applicant", "uwv")


async def test_a_second_browser_takes_over(house: House) -> None:
    """Whoever starts last has the page; the former browser is told so, and can do nothing."""
    created, first = await house.opened()
    second = Browser(created.journey_url, house.http)
    await second.start()
    for act in (first.status, first.show_token, first.stop, first.restart):
        with refused("taken-over"):
            await act()
    _, paired = await house.scanned(second)
    with refused("taken-over"):
        await first.type_code(paired.pairing_code)
    assert (await second.type_code(paired.pairing_code)).status == "collecting"


async def test_a_stream_ends_for_whoever_is_out(house: House) -> None:
    """A browser that was taken over and a phone that was sent away see nothing more; the next call says why."""
    created, first = await house.opened()
    async with aclosing(first.events()) as events:
        assert (await anext(events)).status == "opened"
        second = Browser(created.journey_url, house.http)
        await second.start()
        assert await _rest(events) == []
    with refused("taken-over"):
        await first.status()
    phone, paired = await house.scanned(second)
    async with aclosing(phone.events()) as events:
        assert (await anext(events)).status == "pairing"
        await phone.decline()
        assert await _rest(events) == []
    phone, paired = await house.scanned(second)
    async with aclosing(phone.events()) as events:
        assert (await anext(events)).linked is False
        await second.type_code(paired.pairing_code)
        assert (await anext(events)).linked is True
        await second.restart()
        assert await _rest(events) == []
    with refused("wrong-secret"):
        await phone.session()


async def _rest(events: AsyncGenerator[_View]) -> list[_View]:
    """What a stream still says until it ends by itself. Raises TimeoutError."""
    async with asyncio.timeout(SECONDS):
        return [view async for view in events]


async def test_a_stream_shows_the_end_to_those_who_took_part(house: House) -> None:
    """Browser and phone still hold their closing secrets: the last view they see is the end."""
    _, browser, phone = await house.linked()
    async with aclosing(browser.events()) as pc, aclosing(phone.events()) as handset:
        assert ((await anext(pc)).status, (await anext(handset)).status) == ("collecting", "collecting")
        await phone.stop()
        assert ((await anext(pc)).status, (await anext(handset)).status) == ("cancelled", "cancelled")


async def test_nobody_takes_over_while_a_phone_is_linked(house: House) -> None:
    """From the scan on, the link starts nothing: whoever finds it cannot push the citizen out."""
    created, browser = await house.opened()
    _, paired = await house.scanned(browser)
    with refused("wrong-state"):
        await Browser(created.journey_url, house.http).start()
    await browser.type_code(paired.pairing_code)
    with refused("wrong-state"):
        await Browser(created.journey_url, house.http).start()


async def test_looking_at_the_link_uses_nothing_up(house: House) -> None:
    """GET shows, POST acts: a mail scanner that opens the link leaves the session as it was."""
    created = await house.office.create_session("bijstand", household="single")
    browser = Browser(created.journey_url, house.http)
    for _ in range(3):
        assert (await browser.open()).status == "created"
    with refused("unknown-session"):
        await Browser(created.journey_url[:-1] + "!", house.http).open()
    assert (await browser.start()).status == "opened"


async def test_a_phone_is_asked_for_a_nonce_once(fresh_house: House) -> None:
    """Every answer to a phone, a refusal too, carries the nonce for its next proof (RFC 9449 section 8.2)."""
    came: list[int] = []
    trace = aiohttp.TraceConfig()

    async def ended(_: aiohttp.ClientSession, __: SimpleNamespace, done: aiohttp.TraceRequestEndParams) -> None:
        if done.url.path.startswith(BASE):
            came.append(done.response.status)
            assert done.response.headers["DPoP-Nonce"] == dpop.nonce(fresh_house.parts.keys.ring, fresh_house.now())

    trace.on_request_end.append(ended)
    trace.freeze()
    fresh_house.http.trace_configs.append(trace)
    _, _, phone = await fresh_house.linked()
    for _ in range(4):
        await fresh_house.pass_time(250)
        await phone.session()
    with refused("wrong-state"):
        await phone.withdraw()
    assert came == [401, 201, 200, 200, 200, 200, 409]


async def test_no_secret_works_in_place_of_another(house: House) -> None:
    """Phone token, browser cookie and provider token each open their own surface only."""
    created, browser, phone = await house.linked()
    provider = await house.office.access_token()
    for wrong in (phone.token, provider, browser.cookie[:-1], f"obb_{created.id}.x", ""):
        thief = Browser(created.journey_url, house.http)
        thief.cookie = wrong
        with refused("wrong-secret"):
            await thief.status()
    for wrong in (browser.cookie, provider, f"{phone.token}x"):
        with refused("wrong-secret"):
            await _with_token(house, phone, wrong).session()
    for wrong in (browser.cookie, phone.token):
        async with house.http.get(
            f"{house.url}/v1/sessions/{created.id}", headers={"Authorization": f"Bearer {wrong}"}
        ) as answer:
            assert answer.status == 401


def _with_token(house: House, phone: Phone, token: str) -> Phone:
    """The same device with another token."""
    thief = house.phone()
    thief.key, thief.token = phone.key, token
    return thief


async def test_the_closing_page_is_there_for_a_day(house: House) -> None:
    """Browser and phone still see the end, with the purge receipt, for 24 hours; after that their secrets are gone."""
    created, browser, phone = await house.linked()
    await phone.stop()
    await house.pass_time(DAY - 60)
    seen, told = await browser.status(), await phone.session()
    assert (seen.status, told.status, told.linked) == ("cancelled", "cancelled", False)
    assert seen.purge_receipt == told.purge_receipt == (await phone.receipt()).purge_receipt
    assert (await house.office.check_receipt(str(seen.purge_receipt)))["state"] == "cancelled"
    await house.pass_time(61)
    await session_when(house, created.id, lambda session: not session.closing_secrets)
    with refused("wrong-secret"):
        await browser.status()
    for act in (phone.session, phone.receipt):
        with refused("session-ended"):
            await act()


async def test_another_phone(house: House) -> None:
    """ "Andere telefoon" on the PC: the former phone is out, what it collected is gone, and a fresh QR is shown."""
    created, browser, phone = await house.collected()
    assert (await browser.restart()).status == "opened"
    with refused("wrong-secret"):
        await phone.session()
    left = await session_when(house, created.id, lambda session: session.state == "opened")
    assert (left.people, left.records, left.phones) == ({}, {}, ())
    assert await house.parts.sessions.vault(created.id, ["applicant/uwv", "applicant/uwv/identity"]) == {}
    other, paired = await house.scanned(browser)
    await browser.type_code(paired.pairing_code)
    assert {s.status for s in (await other.session()).persons["applicant"].sources} == {"todo"}
