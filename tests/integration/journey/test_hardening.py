"""What a strange store may not do: stop the worker, roll back a consent, or tell a name to who guesses."""

from __future__ import annotations

import hashlib

import pytest

from sandbox.answers import ApiError
from sandbox.citizen import collect
from sandbox.stage import SOURCES
from tests.house import House

_PARTNER = "married-couple-partner"


async def test_an_effect_nobody_understands_stops_no_worker(house: House) -> None:
    """An entry of a newer release is left alone; what lies beside it is still done."""
    client, now = house.parts.connection.client, house.now()
    await client.hset("{p0}:effect:strange", mapping={"e": b"\xc1", "id": "1"})
    await client.zadd("{p0}:outbox", {"strange": now})
    created, _ = await house.opened()
    await house.office.cancel(created.id)
    assert (await house.office.wait_for("cancelled", created.id)).accepted
    assert await client.exists("{p0}:effect:strange")


async def test_a_crash_in_a_delivery_counts_as_an_attempt(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that crashes waits a minute before it is tried again, instead of coming back for ever at once."""
    created, _ = await house.opened()
    await house.office.wait_for("opened", created.id)

    async def crash(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr("broker.delivery.post", crash)
        await house.office.cancel(created.id)
        while not await _waits_until(house, created.id) > house.now() + 50:
            await house.parts.connection.client.ping()
    await house.pass_time(61)
    assert (await house.office.wait_for("cancelled", created.id)).accepted


async def _waits_until(house: House, session_id: str) -> float:
    return await house.parts.connection.client.zscore("{p0}:outbox", f"notice:{session_id}") or 0.0


async def test_the_store_holds_nothing_derived_from_the_sentence(house: House) -> None:
    """The consent sentence holds a name; a plain hash of it in the store would let anyone try names."""
    created, _, phone = await house.linked(household="couple")
    await collect(phone, "applicant", "married-couple", SOURCES)
    await collect(phone, "partner", _PARTNER, SOURCES)
    review = await phone.review()
    await phone.consent("applicant", review)
    stored = b"".join(await house.parts.connection.client.hvals(f"{{p0}}:session:{created.id}"))
    for shown in review.consents:
        digest = hashlib.sha256(shown.text.encode())
        assert digest.hexdigest().encode() not in stored
        assert digest.digest() not in stored


async def test_an_older_receipt_put_back_is_noticed(house: House) -> None:
    """Whoever can write in the store cannot make the payload carry a consent that was taken back."""
    created, _, phone = await house.linked(household="couple")
    await collect(phone, "applicant", "married-couple", SOURCES)
    await collect(phone, "partner", _PARTNER, SOURCES)
    vault, client = f"{{p0}}:vault:{created.id}", house.parts.connection.client
    await phone.consent("applicant", await phone.review())
    old = await client.hget(vault, "receipt/applicant")
    await phone.amend("applicant")
    await phone.remark("applicant", "incomes", "Dit klopt niet.")
    await phone.consent("applicant", await phone.review())
    await client.hset(vault, "receipt/applicant", old)
    with pytest.raises(ApiError, match="wrong-secret"):
        await phone.consent("partner", await phone.review())
