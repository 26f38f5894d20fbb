"""The toolkit against a real broker: both clients, from opening a session to the receipts of its end."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from broker import delivery, providers
from ophaalbrug_provider import Account, ApiError, Arrival, NewSession, PrivateKey
from sandbox.citizen import collect
from sandbox.phone import Phone
from sandbox.registration import ProfileEntry, new_key
from sandbox.stage import PROFILES, SOURCES
from tests.answering import answering
from tests.house import House
from tests.integration.journey.handing_over import file_of
from tests.integration.provider.asking import linked_phone, until
from tests.integration.provider.conftest import WITH_DOCUMENTS
from tests.unit.toolkit.pretend import Box, Caller, Kind

pytestmark = pytest.mark.asyncio(loop_scope="module")
both = pytest.mark.parametrize("kind", ["blocking", "asyncio"])
PENSION = "mijnpensioenoverzicht"


@asynccontextmanager
async def office(
    house: House, kind: Kind, *profiles: ProfileEntry, box: Box | None = None, key: PrivateKey | None = None
) -> AsyncGenerator[Caller]:
    """A provider of this test alone; with `box`, one with a webhook that takes everything in."""
    name, signing, opening = (
        f"t-{uuid.uuid4().hex}",
        PrivateKey(new_key("P-256", "sig")),
        key or PrivateKey(new_key("X25519", "enc")),
    )
    public = [k.jwk.export_public(as_dict=True) for k in (signing, opening)]
    facts: dict[str, Any] = {"id": name, "name": {"nl": "G", "en": "G"}, "keys": public}
    facts["profile"] = [msgspec.to_builtins(profile) for profile in profiles or PROFILES[:1]]

    async def take_in(request: web.Request) -> web.Response:
        outcome = await made("receive", dict(request.headers), await request.read(), box)
        return web.Response(status=outcome.status)

    async with answering(take_in) as url:
        if box is not None:
            facts["webhook"] = {"url": f"{url}/hook"}
        provider = providers.checked(msgspec.convert(facts, providers.Provider))
        kept = (await house.parts.providers.put(provider)).kept
        secrets = [kept.webhook.secret] if kept.webhook else []
        account = Account(name, house.url, signing_key=signing, opening_keys=[opening], webhook_secrets=secrets)
        made = Caller(kind, account, house.now)
        async with made.awaited:
            yield made


async def consented(house: House, journey_url: str, sources: Iterable[str] = SOURCES) -> Phone:
    """A citizen who goes all the way, alone."""
    phone = await linked_phone(house, journey_url)
    await collect(phone, "applicant", "single", tuple(sources))
    assert (await phone.consent("applicant", await phone.review())).sent
    return phone


async def arrived(box: Box, kind: str) -> Arrival:
    """The event of this kind, once it was kept."""

    async def look() -> Arrival | None:
        return next((arrival for arrival in box.kept.values() if arrival.event.kind == kind), None)

    found = await until(look, bool, seconds=30)
    assert found is not None
    return found


@both
async def test_a_session_from_opening_to_its_receipts(house: House, kind: Kind) -> None:
    """The same key opens the same session; what was consented to is kept, and proven by receipts that agree."""
    box = Box()
    async with office(house, kind, box=box) as caller:
        wanted = NewSession(profile="bijstand", household="single", reference="dossier-7")
        created = await caller("create_session", wanted, idempotency_key="dossier-7")
        assert await caller("create_session", wanted, idempotency_key="dossier-7") == created
        phone = await consented(house, created.journey_url)
        payload = (await arrived(box, "data")).payload
        assert payload is not None
        assert (payload.session_id, payload.payload["reference"]) == (created.id, "dossier-7")
        purged = (await arrived(box, "delivered")).purge_receipt
        receipts = await caller("receipts", created.id)
        assert await caller("purge_receipt", receipts.purge_receipt, session_id=created.id) == purged
        assert receipts.consent_receipt_digests == payload.consent_digests
        assert (await phone.receipt()).purge_receipt == receipts.purge_receipt
        assert (await caller("session", created.id)).status == "delivered"
        (line,) = (await caller("sessions", reference="dossier-7", status="delivered")).sessions
        assert line.id == created.id
        with pytest.raises(ApiError, match=r"410 session-ended: .* see its receipts"):
            await caller("payload", created.id)


@both
async def test_documents_are_kept_before_they_are_acknowledged(house: House, kind: Kind) -> None:
    """The originals as the citizen handed them over, and then `delivered`."""
    box, original = Box(), file_of("single", PENSION)
    async with office(house, kind, WITH_DOCUMENTS, box=box) as caller:
        created = await caller(
            "create_session", NewSession(profile="pensioen", household="single"), idempotency_key="x"
        )
        phone = await linked_phone(house, created.journey_url)
        await phone.upload("applicant", PENSION, original)
        assert (await phone.consent("applicant", await phone.review())).sent
        arrival = await arrived(box, "data")
        await arrived(box, "delivered")
    assert arrival.documents == (original,)
    assert arrival.payload is not None
    assert arrival.payload.documents[0].digest == hashlib.sha256(original).hexdigest()


@both
async def test_a_payload_that_did_not_come_along_is_fetched(
    house: House, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too large for the event: pulled, kept, acknowledged. Sealed to RSA, as governments do."""
    monkeypatch.setattr(delivery, "INLINE_MAX_BYTES", 1000)
    box, key = Box(), PrivateKey(new_key("RSA-3072", "enc"))
    async with office(house, kind, PROFILES[2], box=box, key=key) as caller:
        wanted = NewSession(profile="bijstand-nlgov", household="single")
        await consented(house, (await caller("create_session", wanted, idempotency_key="x")).journey_url)
        arrival = await arrived(box, "data")
        await arrived(box, "delivered")
    assert arrival.event.payload is None
    assert arrival.payload is not None
    assert arrival.payload.payload["incomes"]


@both
async def test_without_a_webhook_one_pulls(house: House, kind: Kind) -> None:
    """As often as wanted, until it is acknowledged."""
    async with office(house, kind) as caller:
        created = await caller(
            "create_session", NewSession(profile="bijstand", household="single"), idempotency_key="x"
        )
        await consented(house, created.journey_url)
        opened, again = [await caller("payload", created.id) for _ in range(2)]
        assert opened == again
        assert (await caller("acknowledge", created.id, opened.digest)).status == "delivered"


@both
@pytest.mark.parametrize("off", [-120, 120])
async def test_our_clock_may_be_off_by_minutes(house: House, kind: Kind, off: int) -> None:
    """To either side: the broker accepts what says who we are, and our token lasts as long as it says."""
    async with office(house, kind) as caller:
        other = Caller(kind, caller.account, lambda: house.now() + off)
        async with other.awaited:
            assert (await other("sessions")).sessions == ()


@both
async def test_refusals_of_the_broker_say_what_to_do(house: House, kind: Kind) -> None:
    """An unknown profile, a key used for another request, a session that is not ours, and a client it does not know."""
    async with office(house, kind) as caller:
        created = await caller("create_session", NewSession(profile="bijstand"), idempotency_key="x")
        assert (await caller("cancel", created.id)).status == "cancelled"
        for wanted, code in ((NewSession(profile="other"), "unknown-profile"), ({"profile": 7}, "invalid-request")):
            with pytest.raises(ApiError) as raised:
                await caller("create_session", wanted, idempotency_key="y")
            assert (raised.value.code, bool(raised.value.what_to_do)) == (code, True)
        with pytest.raises(ApiError, match="idempotency-mismatch"):
            await caller("create_session", NewSession(profile="bijstand", language="en"), idempotency_key="x")
        with pytest.raises(ApiError, match="404 unknown-session"):
            await caller("session", "nothing")
    stranger = Account("stranger", house.url, signing_key=PrivateKey(new_key("P-256", "sig")))
    made = Caller(kind, stranger, house.now)
    async with made.awaited:
        with pytest.raises(ApiError, match=r"401 invalid-client: .* .check your clock"):
            await made("session", created.id)
