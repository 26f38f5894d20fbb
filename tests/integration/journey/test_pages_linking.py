"""The PC's pages around linking a phone: the number for the SMS, the code to type, and all that goes wrong there."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import msgspec
import pytest

from broker.web.render import text
from sandbox.world import Message
from sessions.lifecycle import HOUR
from sessions.model import State
from tests.house import House, standing
from tests.integration.journey.reading import Part
from tests.integration.journey.steps import eventually, refused, session_when
from tests.integration.journey.visitor import brought_to, of
from tests.stores import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")
NUMBER = "+31612345678"
QR, CODE = text("nl", "pc.qr.title"), text("nl", "pc.code.title")


@pytest.fixture
def house(shared_house: House) -> House:
    """One for all: each test has sessions of its own."""
    return shared_house


def _another(code: str) -> str:
    """A code that is wrong."""
    return "0000" if code != "0000" else "1111"


def _error(seen: Part, field: str) -> str:
    """What a field says is wrong, tied to it for who does not see it; an empty text when nothing is."""
    typed_in = seen.at(field)
    assert typed_in.get("value") == ""  # nothing that was typed is sent back
    if not seen.has(f"{field}-error"):
        assert typed_in.get("aria-invalid") == ""
        return ""
    assert typed_in.get("aria-invalid") == "true"
    assert f"{field}-error" in typed_in.get("aria-describedby").split()
    return seen.at(f"{field}-error").words().removeprefix(text("nl", "common.field.error")).strip()


def _says(seen: Part, name: str) -> bool:
    return text("nl", name) in seen.words()


async def test_a_wrong_code_says_how_often_one_may_try(house: House, web: aiohttp.ClientSession) -> None:
    """After a wrong code the same page says so at its field, with the tries that are left; the third ends the pairing,
    and the page with the fresh QR says why.
    """
    _, browser = await house.opened()
    phone, paired = await house.scanned(browser)
    visitor = of(browser, web)
    seen = await visitor.open("/j/pair")
    assert (seen.title(), _error(seen, "code")) == (CODE, "")
    assert seen.all("input[@id='code'][@autofocus='']")
    wrong = _another(paired.pairing_code)
    seen = await visitor.submit("/j/pairing", code=wrong)
    assert _error(seen, "code") == text("nl", "pc.code.wrong_code", tries=2)
    seen = await visitor.submit("/j/pairing", code=wrong)
    assert _error(seen, "code") == text("nl", "pc.code.wrong_code_last")
    seen = await visitor.submit("/j/pairing", code=wrong)
    assert (visitor.status, seen.title(), _says(seen, "pc.qr.ended")) == (200, QR, True)
    with refused("wrong-secret"):
        await phone.session()
    seen = await visitor.open("/j/pair")  # as it renews itself, until another phone scans
    assert (seen.title(), _says(seen, "pc.qr.ended")) == (QR, True)


async def test_a_slip_of_the_finger_is_said_and_costs_nothing(house: House, web: aiohttp.ClientSession) -> None:
    """What is no code is called that, also after a wrong one; all tries that were left are left."""
    _, browser = await house.opened()
    _, paired = await house.scanned(browser)
    visitor = of(browser, web)
    await visitor.open("/j/pair")
    for slip in ("", "123", "12345", "abcd"):
        seen = await visitor.submit("/j/pairing", code=slip)
        assert _error(seen, "code") == text("nl", "pc.code.wrong_format")
    seen = await visitor.submit("/j/pairing", code=_another(paired.pairing_code))
    assert _error(seen, "code") == text("nl", "pc.code.wrong_code", tries=2)
    seen = await visitor.submit("/j/pairing", code="12")
    assert _error(seen, "code") == text("nl", "pc.code.wrong_format")
    seen = await visitor.open("/j/pair")
    assert _error(seen, "code") == text("nl", "pc.code.wrong_code", tries=2)
    await visitor.submit("/j/pairing", code=paired.pairing_code)
    assert visitor.at == "/j/progress"


async def test_a_code_that_comes_too_late_is_explained(house: House, web: aiohttp.ClientSession) -> None:
    """After two minutes the page of the code asks for itself and is the QR again; a code typed then is told why."""
    _, browser = await house.opened()
    _, paired = await house.scanned(browser)
    visitor = of(browser, web)
    seen = await visitor.open("/j/pair")
    (live,) = seen.all("*[@data-live]")
    assert 100 <= int(live.get("data-refetch-in")) <= 121
    await house.pass_time(121)
    seen = await visitor.submit("/j/pairing", code=paired.pairing_code)
    assert (visitor.status, seen.title(), _says(seen, "pc.qr.ended")) == (200, QR, True)
    await house.scanned(browser)
    await house.pass_time(121)
    await browser.wait_for(lambda view: view.status == "opened")
    seen = await visitor.open("/j/pair")
    assert (seen.title(), _says(seen, "pc.qr.ended")) == (QR, True)


async def test_a_second_click_on_the_code_is_no_problem(house: House, web: aiohttp.ClientSession) -> None:
    """The right code, sent twice, leads to progress twice."""
    _, browser = await house.opened()
    _, paired = await house.scanned(browser)
    visitor = of(browser, web)
    for _ in range(2):
        await visitor.post("/j/pairing", code=paired.pairing_code)
        assert (visitor.status, visitor.at) == (200, "/j/progress")


async def test_somebody_elses_phone_is_sent_away(house: House, web: aiohttp.ClientSession) -> None:
    """ "Dit was mijn telefoon niet" takes one click: the phone is out, and a fresh QR is there."""
    _, browser = await house.opened()
    phone, _ = await house.scanned(browser)
    visitor = of(browser, web)
    await visitor.open("/j/pair")
    seen = await visitor.submit("/j/unpair")
    assert (visitor.at, seen.title()) == ("/j/pair", QR)
    with refused("wrong-secret"):
        await phone.session()


async def test_the_code_to_type_is_shown_with_its_address(house: House, web: aiohttp.ClientSession) -> None:
    """Who cannot scan reads an address and a code; another look shows another code, and there is a way back."""
    visitor = await brought_to(house, web, State.OPENED)
    seen = await visitor.open("/j/pair?typed")
    assert (seen.title(), f"{house.url}/phone" in seen.words()) == (text("nl", "pc.typed.title"), True)
    first = _code(seen)
    assert _code(await visitor.open("/j/pair?typed")) != first
    with refused("token-invalid"):
        await house.phone().pair(typed_code=first)
    assert (await visitor.follow_to("/j/pair")).title() == QR


def _code(seen: Part) -> str:
    (code,) = seen.all("span[@class='code']")
    return code.words()


async def test_an_attempt_that_ran_out_is_explained(house: House, web: aiohttp.ClientSession) -> None:
    """Back at the QR after an hour without the phone, the page says that what was collected is deleted."""
    created, browser, _ = await house.linked()
    visitor = of(browser, web)
    assert (await visitor.open("/j/session")).title() == text("nl", "pc.progress.title")
    await house.pass_time(HOUR + 1)
    await session_when(house, created.id, lambda session: session.state is State.OPENED)
    seen = await visitor.open(visitor.at)
    assert (seen.title(), _says(seen, "pc.qr.again")) == (QR, True)


async def test_the_address_of_the_app_is_texted(house: House, web: aiohttp.ClientSession) -> None:
    """A number typed on the page gets the bare address once; the page says that it went out, not to which number."""
    visitor = await brought_to(house, web, State.OPENED)
    await visitor.open("/j/number")
    seen = await visitor.submit("/j/number", number="06-12 34 56 78")
    assert (visitor.status, seen.title(), _says(seen, "pc.qr.sent")) == (200, QR, True)
    assert "345678" not in visitor.text.replace(" ", "")

    async def arrived() -> bool:
        return bool(await _texts(house))

    await eventually(arrived)
    (message,) = await _texts(house)
    assert f"{house.url}/phone " in message.text
    assert not any(part in message.text for part in ("#", "/j/", visitor.cookie))


async def _texts(house: House) -> list[Message]:
    async with house.http.get(f"{house.world_url}/sandbox/inbox.json") as answer:
        messages = msgspec.json.decode(await answer.read(), type=list[Message])
    return [message for message in messages if message.to == NUMBER]


async def test_a_number_that_gets_no_message_is_explained(house: House, web: aiohttp.ClientSession) -> None:
    """What is no Dutch mobile number is said at the field, and counts for nothing; a third message is explained too."""
    visitor = await brought_to(house, web, State.OPENED)
    await visitor.open("/j/number")
    for wrong in ("", "020 1234567", "+49 1512 3456789", "iemand@post.example", "' or 1=1"):
        seen = await visitor.submit("/j/number", number=wrong)
        assert (visitor.status, visitor.at) == (200, "/j/number?wrong=number")
        assert _error(seen, "number") == text("nl", "pc.number.wrong_number")
    for number in ("0611112222", "0687654321"):
        await visitor.open("/j/number")
        await visitor.submit("/j/number", number=number)
        assert visitor.at == "/j/pair?sms=sent"
    await visitor.open("/j/number")
    seen = await visitor.submit("/j/number", number="0611112222")
    assert _error(seen, "number") == text("nl", "pc.number.wrong_limit")
    assert (await visitor.follow("skip-sms")).title() == QR


async def test_without_a_gateway_nobody_is_asked_for_a_number(
    tmp_path: Path, single_store: Store, web: aiohttp.ClientSession
) -> None:
    """Where no text messages are sent the checklist leads to the QR, and so does the number's address."""
    async with standing(tmp_path, single_store.url, settings={"OPHAALBRUG_SMS": "null"}) as house:
        visitor = await brought_to(house, web, State.OPENED)
        await visitor.open("/j/checklist")
        assert (await visitor.follow("onwards")).title() == QR
        assert (await visitor.open("/j/number")).title() == QR
        seen = await visitor.post("/j/number", number="0612345678")
        assert (visitor.status, seen.title()) == (200, QR)
