"""Evidence of consent: what a receipt says, who gets it again, and what the ledger holds of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from jwcrypto import jwk, jws

from broker.ledger import Ledger
from sandbox.citizen import collect
from sandbox.personas import HOUSEHOLDS, canaries
from sandbox.phone import Phone
from sandbox.stage import NAME, PROVIDER, SOURCES
from schemas.consent import SignedConsent
from schemas.ledger import LedgerLine
from tests.house import House
from tests.integration.journey.reading import seen
from tests.integration.journey.steps import couple_collected, eventually, own_phone, refuse_data, refused
from tests.unit.test_guides import block, run_python

pytestmark = pytest.mark.asyncio(loop_scope="module")
_consents = msgspec.json.Decoder(tuple[SignedConsent, ...])


@pytest.fixture
def house(shared_house: House) -> House:
    """One for all: each test has sessions of its own."""
    return shared_house


async def _kept(phone: Phone) -> tuple[SignedConsent, ...]:
    """The receipts a phone may still ask for."""
    answer = msgspec.json.decode(await phone.request("GET", "/receipt"))
    return msgspec.convert(answer["consents"], tuple[SignedConsent, ...])


def _entry(consent: SignedConsent) -> str:
    """The salted hash of a receipt, as anybody who holds it can make it: HMAC-SHA256 of its signature, in hex."""
    salt = base64.urlsafe_b64decode(consent.receipt.salt + "=")
    assert len(salt) == 32
    return hmac.new(salt, consent.signature.encode(), "sha256").hexdigest()


async def _lines(house: House, size: int) -> list[LedgerLine]:
    """The ledger once it has so many lines, which must be whole."""
    ledger = Ledger(house.parts)

    async def grown() -> bool:
        return await ledger.size(PROVIDER) >= size

    await eventually(grown)
    exported = await ledger.export(PROVIDER)
    lines = [line for line in exported if not line.startswith(b'{"head"')]
    assert len(lines) == size
    return [msgspec.json.decode(line, type=LedgerLine) for line in lines]


async def _published(house: House, path: str) -> Any:
    async with house.http.get(f"{house.url}{path}") as answer:
        assert answer.status == 200
        return json.loads(await answer.read())


async def test_a_receipt_says_all_that_the_law_asks(house: House) -> None:
    """What was shown, for what, on which ground, from where, to whom, until when, how and how to take it back."""
    created, _, phone = await house.collected(reference="zaak-7")
    review = await phone.review()
    given = await phone.consent("applicant", review)
    receipt = json.loads(msgspec.json.encode(given.receipt))["receipt"]
    Draft202012Validator(await _published(house, "/v1/schemas/consent-receipt-1.0.json")).validate(receipt)
    assert receipt["schemaVersion"] == "1.0"
    assert (receipt["sessionId"], receipt["reference"], receipt["person"]) == (created.id, "zaak-7", "applicant")
    assert receipt["recipient"] == {"id": PROVIDER, "name": NAME.nl, "contact": None}
    assert receipt["broker"]["url"] == house.url
    assert receipt["broker"]["contact"] == house.settings.contact_email
    assert receipt["broker"]["softwareVersion"]
    assert (receipt["legalBasis"], receipt["bsnBasis"], receipt["jurisdiction"]) == ("GDPR 6(1)(a)", None, "NL")
    assert receipt["sources"] == list(SOURCES)
    assert receipt["fields"]
    assert (receipt["method"], receipt["event"], receipt["language"]) == ("button", "given", "nl")
    assert (receipt["identification"], receipt["sharedPhone"]) == ("login", False)
    signed = given.receipt.receipt
    assert signed.authenticated_at is not None
    assert signed.authenticated_at <= signed.given_at
    assert "76 uur" in receipt["notice"]["retention"]
    assert "intrekken" in receipt["notice"]["withdrawal"]
    assert receipt["purpose"] in receipt["notice"]["purpose"]
    assert receipt["text"] == review.consents[0].text


async def test_a_receipt_proves_itself(house: House) -> None:
    """The broker's published key signed exactly these members; the payload has the same receipt."""
    created, _, phone = await house.collected()
    given = (await phone.consent("applicant", await phone.review())).receipt
    signed = jws.JWS()
    signed.allowed_algs = ["ES256"]
    signed.deserialize(given.signature)
    keys = jwk.JWKSet.from_json(json.dumps(await _published(house, "/.well-known/jwks.json")))
    signed.verify(keys.get_key(signed.jose_header["kid"]))
    assert json.loads(signed.payload) == json.loads(msgspec.json.encode(given))["receipt"]
    payload = (await house.office.wait_for("data", created.id)).payload
    assert payload is not None
    assert _consents.decode(msgspec.json.encode(payload["consents"])) == (given,)


async def test_a_lost_answer_to_the_last_consent_is_asked_for_again(house: House) -> None:
    """Until the end consenting again answers the same receipt, and so does asking what there is to keep."""
    refuse_data(house)
    created, _, phone = await house.collected()
    review = await phone.review()
    given = await phone.consent("applicant", review)
    assert given.sent
    again = await phone.consent("applicant", review)
    assert (again.receipt, again.sent) == (given.receipt, True)
    assert await _kept(phone) == (given.receipt,)
    house.office.answer_with.clear()
    await house.office.wait_for("delivered", created.id)
    assert await _kept(phone) == ()
    with refused("session-ended"):
        await phone.consent("applicant", review)


async def test_another_consent_than_the_one_that_was_given_is_refused(house: House) -> None:
    """After the last consent: to another review or text, or for somebody who did not take part."""
    refuse_data(house)
    _, _, phone = await house.collected()
    review = await phone.review()
    await phone.consent("applicant", review)
    right = {"reviewDigest": review.digest, "textDigest": review.consents[0].text_digest}
    for wrong in ({"reviewDigest": "0" * 64}, {"textDigest": "0" * 64}):
        with refused("wrong-state"):
            await phone.request("POST", "/persons/applicant/consent", right | wrong)
    with refused("wrong-state"):
        await phone.request("POST", "/persons/partner/consent", right)


async def test_each_phone_keeps_the_receipts_that_were_given_on_it(house: House) -> None:
    """With two phones each gets its own person's, before and after the last consent, and not the other's."""
    refuse_data(house)
    _, _, phone = await house.linked(household="couple")
    partner = await own_phone(house, phone)
    await collect(phone, "applicant", "married-couple", SOURCES)
    await collect(partner, "partner", "married-couple-partner", SOURCES)
    assert await _kept(phone) == ()
    seen = await phone.review()
    first = await phone.consent("applicant", seen)
    assert (await _kept(phone), await _kept(partner)) == ((first.receipt,), ())
    last = await partner.consent("partner", await partner.review())
    assert (await _kept(phone), await _kept(partner)) == ((first.receipt,), (last.receipt,))
    assert (await phone.consent("applicant", seen)).receipt == first.receipt
    with refused("wrong-state"):
        await partner.request(
            "POST",
            "/persons/applicant/consent",
            {"reviewDigest": seen.digest, "textDigest": seen.consents[0].text_digest},
        )


async def test_a_shared_phone_keeps_both(house: House) -> None:
    """Both adults consented on it; and what was taken back before is not among them."""
    refuse_data(house)
    _, _, phone = await couple_collected(house)
    voided = await phone.consent("applicant", await phone.review())
    await phone.amend("partner")
    assert await _kept(phone) == ()
    one = await phone.consent("applicant", await phone.review())
    other = await phone.consent("partner", await phone.review())
    assert await _kept(phone) == (one.receipt, other.receipt)
    assert one.receipt != voided.receipt


async def test_a_receipt_that_was_exchanged_is_noticed(house: House) -> None:
    """Whoever can write in the store cannot have a phone shown another receipt than the one it was given."""
    refuse_data(house)
    created, _, phone = await house.collected()
    review = await phone.review()
    await phone.consent("applicant", review)
    vault, client = f"{{p0}}:vault:{created.id}", house.parts.connection.client
    (name,) = await client.hkeys(vault)
    assert name.decode().startswith("receipts/")
    await client.hset(vault, name, bytes(200))
    with refused("wrong-secret"):
        await phone.consent("applicant", review)


async def test_the_ledger_tells_what_became_of_a_receipt(fresh_house: House) -> None:
    """Given, voided by changing after all, given anew by both; after delivery nothing more. Found by the receipt."""
    created, _, phone = await couple_collected(fresh_house)
    voided = await phone.consent("applicant", await phone.review())
    await phone.amend("partner")
    one = await phone.consent("applicant", await phone.review())
    other = await phone.consent("partner", await phone.review())
    await fresh_house.office.wait_for("delivered", created)
    lines = await _lines(fresh_house, 4)
    found = {(line.kind, line.receipt) for line in lines}
    assert found == {
        ("given", _entry(voided.receipt)),
        ("amended", _entry(voided.receipt)),
        ("given", _entry(one.receipt)),
        ("given", _entry(other.receipt)),
    }
    given = next(line for line in lines if line.receipt == _entry(one.receipt))
    assert datetime.fromisoformat(given.at) == one.receipt.receipt.given_at


async def test_the_ledger_tells_what_was_taken_back_and_what_came_to_nothing(fresh_house: House) -> None:
    """Withdrawn after sending; lapsed where somebody stopped, or another phone took over, before anything was sent."""
    refuse_data(fresh_house)
    _, _, phone = await fresh_house.collected()
    withdrawn = await phone.consent("applicant", await phone.review())
    await phone.withdraw()
    _, browser, phone = await couple_collected(fresh_house)
    stopped = await phone.consent("applicant", await phone.review())
    await browser.stop()
    _, browser, phone = await couple_collected(fresh_house)
    replaced = await phone.consent("applicant", await phone.review())
    await browser.restart()
    found = {(line.kind, line.receipt) for line in await _lines(fresh_house, 6)}
    assert found == {
        *(("given", _entry(consent.receipt)) for consent in (withdrawn, stopped, replaced)),
        ("withdrawn", _entry(withdrawn.receipt)),
        ("lapsed", _entry(stopped.receipt)),
        ("lapsed", _entry(replaced.receipt)),
    }


async def test_nothing_is_entered_of_a_provider_that_is_gone(fresh_house: House) -> None:
    """Its ledger went with it, and a session that was still under way begins no new one."""
    refuse_data(fresh_house)
    _, _, phone = await fresh_house.collected()
    await fresh_house.parts.providers.remove(PROVIDER)
    assert (await phone.consent("applicant", await phone.review())).sent

    async def carried_out() -> bool:
        waiting = await fresh_house.parts.connection.client.zrange("{p0}:outbox", 0, -1)
        return not [name for name in waiting if name.startswith(b"ledger:")]

    await eventually(carried_out)
    assert await Ledger(fresh_house.parts).size(PROVIDER) == 0


async def test_a_receipt_is_checked_as_the_guide_says(fresh_house: House) -> None:
    """The provider guide's own code finds a consent in an export, and refuses one in which a line was changed."""
    check: Any = run_python(block("provider", "check_receipt.py"))["check_receipt"]
    created, _, phone = await couple_collected(fresh_house)
    voided = await phone.consent("applicant", await phone.review())
    await phone.amend("applicant")
    await phone.consent("applicant", await phone.review())
    await phone.consent("partner", await phone.review())
    payload = (await fresh_house.office.wait_for("data", created)).payload
    assert payload is not None
    await _lines(fresh_house, 4)
    export = b"\n".join([*await Ledger(fresh_house.parts).export(PROVIDER), b""])
    broker = jwk.JWKSet.from_json(json.dumps(await _published(fresh_house, "/.well-known/jwks.json")))
    for consent in payload["consents"]:
        assert check(consent, export, broker) == ["given"]
        other = consent | {"signature": consent["signature"] + "A"}
        assert check(other, export, broker) == []
    told = json.loads(msgspec.json.encode(voided.receipt))
    assert sorted(check(told, export, broker)) == ["amended", "given"]
    changed = export.replace(b'"kind":"given"', b'"kind":"lapsed"', 1)
    with pytest.raises(ValueError, match="a line"):
        check(told, changed, broker)


async def test_what_the_receipt_repeats_is_on_the_screen(house: House) -> None:
    """Beside each adult's sentence stands what is told with it, before the button."""
    _, _, phone = await house.collected()
    review, screen = await phone.review(), await seen(phone, "verzenden")
    (shown,) = review.consents
    told = msgspec.json.decode(await phone.request("GET", "/review"))["consents"][0]["notice"]
    assert len(told) == 4
    assert screen.at(f"consent-notice-{shown.person}").words() == " ".join(told)


async def test_the_ledger_holds_nothing_of_anybody(fresh_house: House) -> None:
    """No value of the household, no id of session or receipt, no salt, and no hash that could be made without it."""
    created, _, phone = await couple_collected(fresh_house)
    one = await phone.consent("applicant", await phone.review())
    other = await phone.consent("partner", await phone.review())
    await fresh_house.office.wait_for("delivered", created)
    await _lines(fresh_house, 2)
    client = fresh_house.parts.connection.client
    stored = b"".join(
        [part async for name in client.scan_iter("{c:*") for part in await _values(client, name)]
        + await Ledger(fresh_house.parts).export(PROVIDER)
    )
    assert _entry(one.receipt).encode() in stored
    for consent in (one.receipt, other.receipt):
        receipt = msgspec.json.encode(consent.receipt)
        assert consent.receipt.salt.encode() not in stored
        assert consent.receipt.receipt_id.encode() not in stored
        for hashed in (receipt, consent.signature.encode(), consent.receipt.text.encode(), receipt + b"\n"):
            digest = hashlib.sha256(hashed)
            assert digest.hexdigest().encode() not in stored
            assert base64.urlsafe_b64encode(digest.digest()).rstrip(b"=") not in stored
    assert created.encode() not in stored
    for value in canaries(HOUSEHOLDS["married-couple"]):
        assert value.encode() not in stored


async def _values(client: Any, name: bytes) -> list[bytes]:
    """Names and values of a hash, or the value of a mark."""
    if await client.type(name) != b"hash":
        return [name, await client.get(name) or b""]
    return [name, *(part for item in (await client.hgetall(name)).items() for part in item)]
