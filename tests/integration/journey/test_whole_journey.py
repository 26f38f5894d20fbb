"""The main job, whole: from session to purge, on every way of running the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.citizen import collect
from sandbox.stage import SOURCES
from tests.house import standing


async def test_one_person_from_session_to_purge(tmp_path: Path, store_url: str) -> None:
    """One adult: collected, reviewed, consented, delivered once to a verified webhook, acknowledged, purged."""
    async with standing(tmp_path, store_url) as house:
        created, browser, phone = await house.collected("single", reference="dossier-7")
        review = await phone.review()
        assert review.ready
        assert (await phone.consent("applicant", review)).sent
        received = await house.office.wait_for("data", created.id)
        await house.office.wait_for("delivered", created.id)
        assert (received.attempts, received.reference) == (1, "dossier-7")
        assert received.payload is not None
        assert received.payload["consents"][0]["receipt"]["person"] == "applicant"
        assert (await house.office.read(created.id)).status == "delivered"
        assert (await browser.status()).status == "delivered"
        assert await house.parts.sessions.payload(created.id) is None


@pytest.mark.parametrize("profile", ["bijstand", "bijstand-nlgov"])
async def test_a_couple_on_one_phone(tmp_path: Path, store_url: str, profile: str) -> None:
    """Two adults on one phone: joint things come once with both owners, both consents travel along."""
    async with standing(tmp_path, store_url) as house:
        created, _, phone = await house.linked(profile, household="couple")
        await collect(phone, "applicant", "married-couple", SOURCES)
        await collect(phone, "partner", "married-couple-partner", SOURCES)
        assert not (await phone.consent("applicant", await phone.review())).sent
        assert (await phone.consent("partner", await phone.review())).sent
        payload = (await house.office.wait_for("data", created.id)).payload
        assert payload is not None
        counts = {name: len(payload[name]) for name in ("incomes", "pensions", "possessions", "debts", "consents")}
        assert counts == {"incomes": 4, "pensions": 6, "possessions": 3, "debts": 1, "consents": 2}
        assert len(payload["household"]["persons"]) == 5
        assert {owner["person"] for owner in payload["debts"][0]["owners"]} == {"applicant", "partner"}
