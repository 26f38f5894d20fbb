"""Going on on the device one started on: no QR, no SMS, no code; with a token that is good in that browser only."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest

from broker.web.render import text
from qr.tokens import parse_token
from sandbox.browser import COOKIE, Browser
from sandbox.phone import Phone, PhoneView
from schemas.base import Record
from sessions.model import State
from tests.house import House
from tests.integration.journey.steps import handed_token, refused
from tests.integration.journey.visitor import PC, PHONE, Visitor, brought_to

pytestmark = pytest.mark.asyncio(loop_scope="module")
# How browsers tell what they are: (headers, whether that is a phone).
DEVICES: dict[str, tuple[dict[str, str], bool]] = {
    "phone": ({"User-Agent": PHONE}, True),
    "phone that hints": ({"User-Agent": PC, "Sec-CH-UA-Mobile": "?1"}, True),
    "pc": ({"User-Agent": PC}, False),
    "tablet that hints": ({"User-Agent": PHONE, "Sec-CH-UA-Mobile": "?0"}, False),
    "silent": ({"User-Agent": ""}, False),
}


@pytest.fixture
def house(shared_house: House) -> House:
    """One for all: each test has sessions of its own."""
    return shared_house


class _Linked(Record, frozen=True, kw_only=True):
    access_token: str
    pairing_code: None
    view: PhoneView


@asynccontextmanager
async def _app_in(house: House, cookie: str) -> AsyncGenerator[Phone]:
    """The phone app in the browser that has this cookie."""
    headers = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield Phone(house.url, http, clock=house.now)


async def _links(phone: Phone, token: str) -> PhoneView:
    """Redeem a token that was handed over: no code comes with it. Raises ApiError."""
    paired = msgspec.json.decode(await phone.request("POST", "/pairings", {"token": token}), type=_Linked)
    assert paired.pairing_code is None
    phone.token = paired.access_token
    return paired.view


@pytest.mark.parametrize("device", DEVICES)
async def test_only_a_phone_is_offered_to_go_on_here(house: House, web: aiohttp.ClientSession, device: str) -> None:
    """A phone's checklist has the one button and leads past SMS and QR; another phone can be used. A PC's has not."""
    headers, is_phone = DEVICES[device]
    visitor = await brought_to(house, web, State.OPENED)
    seen = await visitor.open("/j/checklist", **headers)
    assert ("/j/same-device" in visitor.forms()) is is_phone
    assert ("/j/number" in visitor.links()) is not is_phone
    if is_phone:
        assert seen.at("here").words() == text("nl", "pc.here.go")
        assert "/j/pair" in visitor.links()


async def test_the_way_leads_to_the_app_and_links_at_once(house: House, web: aiohttp.ClientSession) -> None:
    """On a phone: start, one button, and the app has a token in its fragment that links it without any code."""
    created = await house.office.create_session("bijstand", household="single")
    visitor = Visitor(web, house.url, PHONE)
    await visitor.open(created.journey_url)
    await visitor.submit(f"{visitor.at}/start")
    await visitor.submit("/j/same-device")
    assert (visitor.status, visitor.at) == (200, "/phone")
    assert visitor.fragment
    async with _app_in(house, visitor.cookie) as phone:
        view = await _links(phone, visitor.fragment)
        assert (view.linked, view.status) == (True, "collecting")
        assert {source.status for source in (await phone.session()).persons["applicant"].sources} == {"todo"}
    seen = await visitor.open("/j/session")
    assert (visitor.at, seen.title()) == ("/j/progress", text("nl", "pc.progress.title"))
    assert (await house.office.wait_for("paired", created.id)).session_id == created.id


async def test_the_token_is_good_with_its_own_browser_only(house: House) -> None:
    """Sent to somebody else it links nobody: not without a cookie, not with a wrong one, not with another session's."""
    created, browser = await house.opened()
    _, other = await house.opened()
    token = await handed_token(house, browser)
    assert parse_token(token).session_id == created.id
    for cookie in ("", "nonsense", browser.cookie[:-1], other.cookie):
        async with _app_in(house, cookie) as thief:
            with refused("token-invalid"):
                await _links(thief, token)
    assert (await browser.status()).status == "opened"
    async with _app_in(house, browser.cookie) as phone:
        assert (await _links(phone, token)).linked


async def test_the_token_is_good_for_ninety_seconds(house: House) -> None:
    """Later it links nobody, and the page hands out another."""
    _, browser = await house.opened()
    token = await handed_token(house, browser)
    await house.pass_time(91)
    async with _app_in(house, browser.cookie) as phone:
        with refused("token-invalid"):
            await _links(phone, token)
        assert (await _links(phone, await handed_token(house, browser))).linked


async def test_the_token_works_once(house: House) -> None:
    """A second device is refused, the same browser or not; the one that was linked stays so."""
    _, browser = await house.opened()
    token = await handed_token(house, browser)
    async with _app_in(house, browser.cookie) as phone, _app_in(house, browser.cookie) as second:
        await _links(phone, token)
        with refused("token-invalid"):
            await _links(second, token)
        assert (await phone.session()).linked


async def test_what_the_qr_shows_still_needs_its_code(house: House) -> None:
    """A cookie that comes along makes no scanned token a handed one."""
    _, browser = await house.opened()
    shown = await browser.show_token()
    async with _app_in(house, browser.cookie) as phone:
        paired = await phone.pair(token=shown.url)
        assert (paired.view.linked, paired.view.status) == (False, "pairing")
        await browser.type_code(str(paired.pairing_code))


async def test_who_was_taken_over_links_nothing(house: House) -> None:
    """A token from before another browser took over is void, whichever cookie comes along."""
    created, former = await house.opened()
    token = await handed_token(house, former)
    browser = Browser(created.journey_url, house.http)
    await browser.start()
    for cookie in (former.cookie, browser.cookie):
        async with _app_in(house, cookie) as phone:
            with refused("token-invalid"):
                await _links(phone, token)
    assert (await browser.status()).status == "opened"
