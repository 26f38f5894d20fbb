"""Looking and consenting: who sees whom, what a consent is tied to, and that the last one sends exactly once."""

from __future__ import annotations

import asyncio
import hashlib

import msgspec

from broker.consent import MAX_REMARKS
from sandbox.citizen import collect
from sandbox.personas import HOUSEHOLDS
from sandbox.phone import Consented
from sandbox.stage import SOURCES
from tests.house import House
from tests.integration.journey.steps import (
    collected_but_one,
    refuse_data,
    refused,
    tried,
)


async def test_a_review_before_anything_is_empty(house: House) -> None:
    """Looking is possible from the start: nothing found, and nothing ready."""
    _, _, phone = await house.linked()
    review = await phone.review()
    assert (review.ready, review.frozen, review.consents) == (False, False, ())
    assert not {"incomes", "pensions", "possessions", "debts"} & {*review.content}


async def test_consent_waits_for_the_required_sources(house: House) -> None:
    """While a required source has no answer, nobody can consent."""
    _, _, phone = await house.linked()
    await tried(phone, "applicant", "uwv", "single")
    review = await phone.review()
    assert not review.ready
    with refused("not-ready"):
        await phone.consent("applicant", review)
    await house.fault("brp", "down")
    outcomes = await collect(phone, "applicant", "single", ("mijnoverheid", *SOURCES[2:]))
    assert outcomes["mijnoverheid"] == "failed"
    with refused("not-ready"):
        await phone.consent("applicant", await phone.review())


async def test_consent_is_to_what_was_shown(house: House) -> None:
    """After a remark, or another source, the consent is refused and the review shown again; so for another text."""
    _, _, phone = await house.linked("inkomen")
    await tried(phone, "applicant", "uwv", "single")
    first = await phone.review()
    await tried(phone, "applicant", "mijnoverheid", "single")
    with refused("review-changed"):
        await phone.consent("applicant", first)
    second = await phone.review()
    await phone.remark("applicant", "incomes[0].amount", "Dit klopt niet.")
    with refused("review-changed"):
        await phone.consent("applicant", second)
    third = await phone.review()
    assert len({first.digest, second.digest, third.digest}) == 3
    assert any(found.get("text") == "Dit klopt niet." for found in third.content["findings"])
    other_text = hashlib.sha256(b"I agree to something else.").hexdigest()
    with refused("review-changed"):
        await phone.request(
            "POST", "/persons/applicant/consent", {"reviewDigest": third.digest, "textDigest": other_text}
        )
    assert (await phone.consent("applicant", await phone.review())).sent


async def test_what_happens_at_the_same_moment_is_all_kept(house: House) -> None:
    """Remarks made at once are all kept, and a review meanwhile shows one moment whole, never a mixture or an error."""
    _, _, phone = await house.linked("inkomen")
    await tried(phone, "applicant", "uwv", "single")
    texts = [f"Opmerking {number}" for number in range(12)]
    answers = await asyncio.gather(
        *(phone.remark("applicant", "incomes", text) for text in texts), *(phone.review() for _ in range(12))
    )
    assert all(answer is None or answer.content["incomes"] for answer in answers)
    remarks = [found["text"] for found in (await phone.review()).content["findings"] if found["kind"] == "remark"]
    assert sorted(remarks) == sorted(texts)


async def test_no_remark_is_pushed_out(house: House) -> None:
    """The same sent again, as after a lost answer, is one remark; what no longer fits is refused, and the first stays.

    That holds for a full house too: what is there already is no remark too many.
    """
    _, _, phone = await house.linked("inkomen")
    await tried(phone, "applicant", "uwv", "single")
    texts = [f"Opmerking {number}" for number in range(MAX_REMARKS)]
    for text in (texts[0], *texts):
        await phone.remark("applicant", "incomes", text)
    with refused("too-many-remarks"):
        await phone.remark("applicant", "incomes", "Eén te veel")
    await phone.remark("applicant", "incomes", texts[0])
    remarks = [found["text"] for found in (await phone.review()).content["findings"] if found["kind"] == "remark"]
    assert sorted(remarks) == sorted(texts)


async def test_a_remark_sent_again_is_not_refused_for_a_consent_since(house: House) -> None:
    """It was taken in, and its answer lost; a new remark is refused, as the content no longer changes."""
    _, _, phone = await collected_but_one(house)
    await phone.remark("applicant", "incomes", "Dit klopt niet.")
    review = await phone.review()
    assert not (await phone.consent("applicant", review)).sent
    await phone.remark("applicant", "incomes", "Dit klopt niet.")
    with refused("frozen"):
        await phone.remark("applicant", "incomes", "Dit ook niet.")
    assert (await phone.review()).digest == review.digest


async def test_the_receipt_says_what_was_agreed(house: House) -> None:
    """The sentence names person, provider and sources, and the receipt repeats it with the digest of the review.

    So it does what is told beside the sentence: the digest is of both, as the phone shows them.
    """
    _, _, phone = await house.collected()
    review = await phone.review()
    shown = review.consents[0]
    given = (await phone.consent("applicant", review)).receipt.receipt
    surname = HOUSEHOLDS["single"].applicant.surname
    assert surname in shown.text
    assert "Gemeente Zandbak" in shown.text
    assert (given.text, given.review_digest, given.shared_phone) == (shown.text, review.digest, False)
    told = msgspec.json.decode(await phone.request("GET", "/receipt"))["consents"][0]["receipt"]["notice"]
    lines = [shown.text, *(told[name] for name in ("purpose", "retention", "recipient", "withdrawal"))]
    assert given.text_digest == shown.text_digest == hashlib.sha256("\n".join(lines).encode()).hexdigest()


async def test_only_the_fields_of_the_profile_leave(house: House) -> None:
    """An income check gets incomes and a name: no address, pension, possession, debt, birth date or BSN."""
    created, _, phone = await house.linked("inkomen")
    await collect(phone, "applicant", "single", ("uwv", "mijnoverheid"))
    review = await phone.review()
    assert (await phone.consent("applicant", review)).sent
    payload = (await house.office.wait_for("data", created.id)).payload
    assert payload is not None
    for shown in (review.content, payload):
        assert not any(shown.get(name) for name in ("pensions", "possessions", "debts", "documents"))
        assert shown["incomes"]
        assert not shown["household"].get("addresses")
        person = HOUSEHOLDS["single"].applicant
        text = msgspec.json.encode(shown).decode()
        assert person.bsn not in text
        assert person.born not in text


async def test_a_bsn_leaves_on_a_legal_basis_only(house: House) -> None:
    """With a registered basis the adult's BSN travels along; without one it occurs nowhere."""
    bsn = HOUSEHOLDS["single"].applicant.bsn
    for profile, there in (("bijstand-bsn", True), ("bijstand", False)):
        created, _, phone = await house.collected(profile=profile)
        await phone.consent("applicant", await phone.review())
        payload = (await house.office.wait_for("data", created.id)).payload
        assert payload is not None
        assert (bsn in msgspec.json.encode(payload).decode()) == there


async def test_the_first_consent_freezes_until_someone_changes_their_mind(house: House) -> None:
    """After one consent nothing of the content can change; "toch wijzigen" by the other voids it and lets change."""
    created, _, phone = await collected_but_one(house)
    given = await phone.consent("applicant", await phone.review())
    assert not given.sent
    review = await phone.review()
    assert (review.frozen, [text.given for text in review.consents]) == (True, [True, False])
    with refused("frozen"):
        await phone.login("partner", "belastingdienst")
    with refused("frozen"):
        await phone.skip("partner", "belastingdienst")
    with refused("frozen"):
        await phone.remark("applicant", "incomes", "Toch niet.")
    with refused("frozen"):
        await phone.partner_token()
    assert (await phone.consent("applicant", review)).receipt == given.receipt
    view = await phone.amend("partner")
    assert (view.frozen, [p.consented for p in view.persons.values()]) == (False, [False, False])
    assert "receipt/applicant" not in (await house.parts.sessions.read(created)).session.records
    await tried(phone, "partner", "mijnoverheid", "married-couple-partner")
    with refused("review-changed"):
        await phone.consent("partner", review)
    assert not (await phone.consent("partner", await phone.review())).sent
    assert (await phone.consent("applicant", await phone.review())).sent
    payload = (await house.office.wait_for("data", created)).payload
    assert payload is not None
    assert [c["receipt"]["person"] for c in payload["consents"]] == ["applicant", "partner"]


async def test_one_of_fifty_consents_sends(house: House) -> None:
    """Fifty parallel last consents: one is taken and all get its receipt; one event under one id is delivered once."""
    refuse_data(house)
    created, _, phone = await house.collected()
    review = await phone.review()
    results = await asyncio.gather(*(phone.consent("applicant", review) for _ in range(50)), return_exceptions=True)
    taken = [result for result in results if isinstance(result, Consented)]
    assert len(taken) == 50
    assert len({result.receipt.signature for result in taken}) == 1
    house.office.answer_with.clear()
    await house.office.wait_for("delivered", created.id)
    [data] = [event for event in house.office.received if event.kind == "data"]
    assert data.same_bytes
    assert data.payload is not None
    assert [consent["signature"] for consent in data.payload["consents"]] == [taken[0].receipt.signature]


async def test_consent_can_be_taken_back_until_the_provider_has_it(house: House) -> None:
    """Withdrawn before the acknowledgement: the payload is destroyed and never arrives."""
    refuse_data(house)
    created, browser, phone = await house.collected()
    await phone.consent("applicant", await phone.review())
    with refused("wrong-state"):
        await phone.review()
    assert (await phone.withdraw()).reason == "withdrawn"
    assert await house.parts.sessions.payload(created.id) is None
    assert (await browser.status()).status == "cancelled"
    await house.office.wait_for("withdrawn", created.id)
    with refused("session-ended"):
        await house.office.pull_payload(created.id)
    assert not [event for event in house.office.received if event.kind == "data" and event.accepted]


async def test_consent_cannot_be_taken_back_afterwards(house: House) -> None:
    """Once the provider has the data, or before anyone consented, there is nothing to withdraw."""
    created, _, phone = await house.collected()
    with refused("wrong-state"):
        await phone.withdraw()
    await phone.consent("applicant", await phone.review())
    await house.office.wait_for("delivered", created.id)
    for act in (phone.withdraw, phone.stop):
        with refused("session-ended"):
            await act()


async def test_what_a_phone_knew_is_not_asked_of_another_session(house: House) -> None:
    """A digest of one session's review is of no use in another, also for the same person and the same data."""
    _, _, one = await house.collected()
    _, _, other = await house.collected()
    review, foreign = await other.review(), await one.review()
    assert review.digest != foreign.digest
    with refused("review-changed"):
        await other.consent("applicant", foreign)
