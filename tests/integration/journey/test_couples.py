"""Two adults: on one phone or on two, who sees whom, who acts for whom, and who may leave."""

from __future__ import annotations

import msgspec
import pytest

from sandbox.citizen import collect
from sandbox.phone import Phone, Role
from sandbox.stage import SOURCES
from tests.house import House
from tests.integration.journey.steps import (
    asked_couple,
    collected_but_one,
    couple_collected,
    own_phone,
    own_values,
    refused,
    session_when,
    tried,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def house(shared_house: House) -> House:
    """One for all: each test has sessions of its own."""
    return shared_house


async def test_each_adult_consents_after_a_login_on_that_phone(house: House) -> None:
    """The partner logged in on the first phone, then linked an own one: consent there needs a login there."""
    _, _, phone = await collected_but_one(house)
    partner = await own_phone(house, phone)
    review = await phone.review()
    digests = {"reviewDigest": review.digest, "textDigest": "0" * 64}
    with refused("consent-needs-login"):
        await partner.request("POST", "/persons/partner/consent", digests)
    await tried(partner, "partner", "mijnoverheid", "married-couple-partner")
    assert not (await partner.consent("partner", await partner.review())).sent


async def test_the_partner_comes_in_with_an_own_phone(house: House) -> None:
    """The first phone shows a QR and types the code of the partner's phone: wrong codes count, and only it may."""
    _, browser, phone = await house.linked(household="couple")
    shown = await phone.partner_token()
    assert shown.svg.startswith("<svg")
    partner = house.phone()
    paired = await partner.pair(token=shown.url)
    assert not paired.view.linked
    with refused("already-paired"):
        await phone.partner_token()
    with refused("pairing-ended"):
        await phone.approve("another-pairing", paired.pairing_code)
    with refused("wrong-code") as caught:
        await phone.approve(paired.id, "0000" if paired.pairing_code != "0000" else "1111")
    assert caught.value.tries_left == 2
    for _ in range(3):
        with refused("invalid-request"):
            await phone.approve(paired.id, paired.pairing_code[:3])  # no code: costs no try
    with refused("wrong-state"):
        await browser.type_code(paired.pairing_code)
    await phone.approve(paired.id, f"{paired.pairing_code[:2]} {paired.pairing_code[2:]}")
    assert (await partner.session()).role == "partner"
    with refused("not-your-part"):
        await partner.partner_token()
    with refused("already-paired"):
        await phone.partner_token()


async def test_the_partners_phone_may_be_sent_away(house: House) -> None:
    """The partner's phone declines, or waits for more than two minutes: it is out, and another QR can be shown."""
    created, _, phone = await house.linked(household="couple")
    waiting = house.phone()
    await waiting.pair(token=(await phone.partner_token()).url)
    assert not (await phone.session()).ready
    await waiting.decline()
    with refused("wrong-secret"):
        await waiting.session()
    late = house.phone()
    paired = await late.pair(token=(await phone.partner_token()).url)
    await house.pass_time(121)
    await session_when(house, created.id, lambda s: s.partner_pairing.pending is None)
    with refused("pairing-ended"):
        await phone.approve(paired.id, paired.pairing_code)
    await own_phone(house, phone)


async def test_each_phone_shows_its_own_person(house: House) -> None:
    """With two phones each shows its own person's values, and of the other states and counts; and acts for one only."""
    created, _, phone = await house.linked(household="couple")
    partner = await own_phone(house, phone)
    await collect(phone, "applicant", "married-couple", SOURCES)
    await collect(partner, "partner", "married-couple-partner", SOURCES)
    await _shows_only(phone, "applicant", "partner")
    await _shows_only(partner, "partner", "applicant")
    with refused("not-your-part"):
        await phone.login("partner", "uwv")
    with refused("not-your-part"):
        await partner.login("applicant", "uwv")
    digests = {"reviewDigest": "0" * 64, "textDigest": "0" * 64}
    with refused("not-your-part"):
        await phone.request("POST", "/persons/partner/consent", digests)
    with refused("not-your-part"):
        await partner.decline_part("applicant")
    assert (await phone.review()).digest == (await partner.review()).digest
    assert not (await partner.consent("partner", await partner.review())).sent
    assert (await phone.consent("applicant", await phone.review())).sent
    payload = (await house.office.wait_for("data", created.id)).payload
    assert payload is not None
    assert [c["receipt"]["sharedPhone"] for c in payload["consents"]] == [False, False]


async def _shows_only(phone: Phone, role: Role, other: Role) -> None:
    """The phone's own person's values are in its review, those of the other are in none of its answers."""
    review, view = await phone.request("GET", "/review"), await phone.request("GET", "/session")
    text = (review + view).decode()
    mine = [value for value in own_values("married-couple", role) if value in text]
    theirs = [value for value in own_values("married-couple", other) if value in text]
    assert mine
    assert theirs == []
    counts = msgspec.json.decode(review)["counts"][other]
    assert (counts["incomes"], counts["possessions"] > 0) == (2, True)
    assert [consent["person"] for consent in msgspec.json.decode(review)["consents"]] == [role]


async def test_on_one_phone_both_see_both(house: House) -> None:
    """A shared phone shows both adults, and both receipts say that it was shared."""
    created, _, phone = await couple_collected(house)
    text = (await phone.request("GET", "/review")).decode()
    for role in ("applicant", "partner"):
        assert any(value in text for value in own_values("married-couple", role))
        assert (await phone.consent(role, await phone.review())).receipt.receipt.shared_phone
    await house.office.wait_for("delivered", created)


async def test_the_partner_leaves_where_one_person_may_go_on(house: House) -> None:
    """A declining partner's records go at once, all consents are void, and the applicant goes on alone."""
    session_id, _, phone = await asked_couple(house)
    await collect(phone, "applicant", "married-couple", SOURCES)
    await collect(phone, "partner", "married-couple-partner", SOURCES)
    await phone.remark("partner", "incomes", "Dit is te veel.")
    await phone.consent("applicant", await phone.review())
    view = await phone.decline_part("partner")
    assert ({*view.persons}, view.frozen, view.status) == ({"applicant"}, False, "collecting")
    left = (await house.parts.sessions.read(session_id)).session
    gone = ["partner/uwv", "partner/uwv/identity", "remark/partner", "receipt/applicant"]
    assert not set(gone) & set(left.records)
    assert await house.parts.sessions.vault(session_id, gone) == {}
    assert (await phone.consent("applicant", await phone.review())).sent
    payload = (await house.office.wait_for("data", session_id)).payload
    assert payload is not None
    assert {income["person"] for income in payload["incomes"]} == {"applicant"}
    assert len(payload["consents"]) == 1


@pytest.mark.parametrize("role", ["applicant", "partner"])
async def test_declining_ends_it_where_both_are_needed(house: House, role: Role) -> None:
    """The applicant declines, or the partner where the provider asked for a couple: cancelled, and purged."""
    session_id, browser, phone = await collected_but_one(house)
    assert (await phone.decline_part(role)).status == "cancelled"
    assert ((await browser.status()).status, (await browser.status()).reason) == ("cancelled", "declined")
    assert await house.parts.sessions.vault(session_id, ["applicant/uwv", "partner/uwv"]) == {}
    assert (await house.office.wait_for("cancelled", session_id)).purge_receipt is not None
