"""What a phone may change without its person's data: another pairing code, another language."""

from __future__ import annotations

import msgspec
import pytest

from broker.web.render import text
from sandbox.phone import Phone, PhoneView
from schemas.base import Record
from sessions.lifecycle import MINUTE
from tests.house import House
from tests.integration.journey.reading import seen
from tests.integration.journey.steps import own_phone, refused, tried

pytestmark = pytest.mark.asyncio(loop_scope="module")


class _NewCode(Record, frozen=True, kw_only=True):
    pairing_code: str


@pytest.fixture
def house(shared_house: House) -> House:
    """One for all: each test has sessions of its own."""
    return shared_house


async def _new_code(phone: Phone) -> str:
    """Another code for a phone that waits. Raises ApiError."""
    return msgspec.json.decode(await phone.request("POST", "/pairing/code"), type=_NewCode).pairing_code


async def _speak(phone: Phone, language: str) -> PhoneView:
    """Another language for the session. Raises ApiError."""
    return msgspec.json.decode(await phone.request("PUT", "/language", {"language": language}), type=PhoneView)


async def _another_than(phone: Phone, code: str) -> str:
    """A new code that is not the one before by chance."""
    fresh = await _new_code(phone)
    return fresh if fresh != code else await _another_than(phone, code)


async def test_a_phone_that_lost_its_code_gets_another(house: House) -> None:
    """After a reload the new code links the phone and the former one does not; wrong tries still count."""
    _, browser = await house.opened()
    phone, paired = await house.scanned(browser)
    with refused("wrong-code") as caught:
        await browser.type_code("0000" if paired.pairing_code != "0000" else "1111")
    assert caught.value.tries_left == 2
    fresh = await _another_than(phone, paired.pairing_code)
    with refused("wrong-code") as caught:
        await browser.type_code(paired.pairing_code)
    assert caught.value.tries_left == 1
    assert (await browser.type_code(fresh)).status == "collecting"
    assert (await phone.session()).linked


async def test_another_code_brings_no_other_time(house: House) -> None:
    """The two minutes run from the scan: a new code ends with them, and after them there is none."""
    _, browser = await house.opened()
    phone, _ = await house.scanned(browser)
    await house.pass_time(1.8 * MINUTE)
    fresh = await _new_code(phone)
    await house.pass_time(0.3 * MINUTE)
    await browser.wait_for(lambda view: view.status == "opened")
    with refused("wrong-state"):
        await browser.type_code(fresh)
    with refused("wrong-secret"):
        await _new_code(phone)


async def test_only_a_waiting_phone_gets_a_code(house: House) -> None:
    """A linked phone has nothing to link, and one that was sent away nobody to link to."""
    _, browser, phone = await house.linked()
    with refused("wrong-state"):
        await _new_code(phone)
    await browser.restart()
    with refused("wrong-secret"):
        await _new_code(phone)


async def test_the_partners_phone_gets_another_code_too(house: House) -> None:
    """It is the new one that is typed on the first phone."""
    _, _, first = await house.linked(household="couple")
    partner = house.phone()
    paired = await partner.pair(token=(await first.partner_token()).url)
    fresh = await _another_than(partner, paired.pairing_code)
    with refused("wrong-code"):
        await first.approve(paired.id, paired.pairing_code)
    await first.approve(paired.id, fresh)
    assert (await partner.session()).linked


async def test_a_phone_chooses_the_language_for_all(house: House) -> None:
    """Whatever is shown from then on speaks it, on the phone and on the PC; choosing it again changes nothing."""
    _, browser, phone = await house.linked()
    for language in ("en", "en", "nl"):
        assert (await _speak(phone, language)).language == language
        assert (await browser.status()).language == language
    assert (await seen(phone, "ophalen")).title() == text("nl", "phone.ophalen.empty")
    with refused("invalid-request"):
        await _speak(phone, "fy")


async def test_a_waiting_phone_may_choose_too(house: House) -> None:
    """Before it is linked its person must be able to read who asks."""
    _, browser = await house.opened()
    phone, paired = await house.scanned(browser)
    view = await _speak(phone, "en")
    assert (view.linked, view.language, view.provider) == (False, "en", "Municipality of Sandbox (practice)")
    assert (await browser.type_code(paired.pairing_code)).language == "en"


async def test_no_language_after_a_consent(house: House) -> None:
    """Somebody agreed to words in the present one: neither phone changes it, until the consent is taken back."""
    _, _, first = await house.linked("inkomen", household="couple")
    partner = await own_phone(house, first)
    await tried(first, "applicant", "uwv", "married-couple")
    await tried(partner, "partner", "uwv", "married-couple-partner")
    await first.consent("applicant", await first.review())
    for phone in (first, partner):
        with refused("frozen"):
            await _speak(phone, "en")
    await first.amend("applicant")
    assert (await _speak(partner, "en")).language == "en"


@pytest.mark.parametrize("role", ["stranger", "former"])
async def test_who_is_out_chooses_nothing(house: House, role: str) -> None:
    """Without a proof of its own, or after it was sent away, a phone changes nobody's language."""
    _, browser, phone = await house.linked()
    if role == "stranger":
        token, phone = phone.token, house.phone()
        phone.token = token
    else:
        await browser.restart()
    with refused("wrong-secret"):
        await _speak(phone, "en")
    assert (await browser.status()).language == "nl"
