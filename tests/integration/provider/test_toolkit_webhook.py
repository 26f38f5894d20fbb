"""The webhook over the toolkit, through a real broker: set, proven, tested, rotated, watched, and asked again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from broker.providers import new_webhook_secret
from ophaalbrug_provider import Account, ApiError, Heard, PrivateKey, new_secret
from sandbox import office as program
from sandbox.backoffice import BackOffice
from sandbox.browser import Browser
from sandbox.stage import PROFILES
from tests.answering import answering
from tests.house import House
from tests.integration.provider.asking import registered, until
from tests.stores import free_ports
from tests.unit.toolkit.pretend import Box, Caller, Kind

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {"OPHAALBRUG_DELIVERY_SCHEDULE_SECONDS": "[100, 200]"}
both = pytest.mark.parametrize("kind", ["blocking", "asyncio"])


class Endpoint:
    """A webhook as the guide has it: `receive` for what comes, `allowing` for who asks. `caller` is whose it is."""

    def __init__(self) -> None:
        self.box = Box()
        self.caller: Caller | None = None
        self.outcomes: list[Any] = []
        self.closed = False

    async def answer(self, request: web.Request) -> web.Response:
        """Answer as a provider must, unless it is `closed`."""
        assert self.caller is not None
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=self.caller.awaited.allowing(request.headers))
        outcome = await self.caller("receive", request.headers, await request.read(), self.box)
        self.outcomes.append(outcome)
        return web.Response(status=503 if self.closed else outcome.status)


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(house: House, tmp_path: Path) -> BackOffice:
    """A provider of this test alone, without a webhook."""
    name = f"t-{tmp_path.name}".replace("_", "-").replace("[", "-").replace("]", "")[:60].lower()
    return await registered(house, tmp_path, BackOffice(name, house.url, house.http, clock=house.now), PROFILES[:1])


def caller_of(house: House, office: BackOffice, kind: Kind, *secrets: str) -> Caller:
    """The toolkit's client of this provider."""
    signing, opening = PrivateKey(office.signing_key), [PrivateKey(key) for key in office.encryption_keys]
    account = Account(office.id, house.url, signing_key=signing, opening_keys=opening, webhook_secrets=secrets)
    return Caller(kind, account, house.now)


@both
async def test_from_no_webhook_to_one_whose_secret_was_replaced(house: House, fresh: BackOffice, kind: Kind) -> None:
    """Set with a secret of our own, asked by OPTIONS, tested; then another secret, first at ours and then there."""
    first, second, endpoint = new_secret(), new_secret(), Endpoint()
    caller = endpoint.caller = caller_of(house, fresh, kind, first)
    async with answering(endpoint.answer) as url, caller.awaited:
        with pytest.raises(ApiError, match=r"404 no-webhook: .* \(set one with `set_webhook`"):
            await caller("webhook")
        made = await caller("set_webhook", url, types=["delivered"], secret=first)
        assert (made.url, made.types, made.status, made.secret) == (url, ("delivered",), "enabled", None)
        assert first not in repr(made)
        trial = await caller("test_webhook")
        assert (trial.outcome, trial.answer, trial.status) == ("accepted", "2xx", "enabled")
        assert [type(outcome) for outcome in endpoint.outcomes] == [Heard]
        assert endpoint.box.asked == []
        both_known = endpoint.caller = caller_of(house, fresh, kind, first, second)
        async with both_known.awaited:
            told = await both_known("set_webhook", url, secret=second, overlap_seconds=60)
            newest, former = told.secrets
            assert (newest.ends_at, former.ends_at is not None, former.id) == (None, True, made.secrets[0].id)
            assert (await both_known("test_webhook")).outcome == "accepted"
        await house.pass_time(61)
        last = endpoint.caller = caller_of(house, fresh, kind, second)
        async with last.awaited:
            assert (await last("webhook")).secrets == (newest,)
            assert (await last("test_webhook")).outcome == "accepted"


@both
async def test_a_secret_the_broker_made_is_told_once(house: House, fresh: BackOffice, kind: Kind) -> None:
    """Whoever gives none gets one, and reads it in that answer only."""
    endpoint = Endpoint()
    caller = endpoint.caller = caller_of(house, fresh, kind)
    async with answering(endpoint.answer) as url, caller.awaited:
        made = await caller("set_webhook", url)
        assert len(made.secret) == len(new_webhook_secret())
        assert made.secret not in repr(made)
        assert (await caller("webhook")).secret is None


@both
async def test_an_endpoint_that_does_not_agree_is_told_how(house: House, fresh: BackOffice, kind: Kind) -> None:
    """The advice names what to answer with."""

    async def deaf(_: web.Request) -> web.Response:
        return web.Response(status=204)

    caller = caller_of(house, fresh, kind)
    async with answering(deaf) as url, caller.awaited:
        with pytest.raises(ApiError, match=r"409 webhook-unproven: .* `allowing`"):
            await caller("set_webhook", url)


@both
async def test_deliveries_are_watched_and_tried_again(house: House, fresh: BackOffice, kind: Kind) -> None:
    """What waits is found page by page; one is tried at once when its endpoint is mended; a stranger's is unknown."""
    endpoint, secret = Endpoint(), new_secret()
    caller = endpoint.caller = caller_of(house, fresh, kind, secret)
    async with answering(endpoint.answer) as url, caller.awaited:
        await caller("set_webhook", url, secret=secret)
        endpoint.closed = True
        for _ in range(2):
            created = await fresh.create_session("bijstand", household="single")
            await Browser(created.journey_url, house.http).start()

        async def tried() -> list[Any]:
            found, offset = [], 0
            while offset is not None:
                page = await caller("deliveries", type="opened", status="waiting", offset=offset, limit=1)
                offset = page.next
                found += [one for one in page.deliveries if one.attempts]
            return found

        newest, _ = await until(tried, lambda found: len(found) == 2)
        assert (newest.session_id, newest.attempts[0].answer) == (created.id, "5xx")
        assert newest.next_attempt_at is not None
        endpoint.closed = False
        assert (await caller("retry_delivery", newest.id)).id == newest.id

        async def delivered() -> Any:
            return (await caller("deliveries", session=created.id, status="delivered")).deliveries

        (done,) = await until(delivered, bool)
        assert [attempt.outcome for attempt in done.attempts] == ["failed", "accepted"]
        assert done.event_id in endpoint.box.kept
        with pytest.raises(ApiError, match="410 delivery-over"):
            await caller("retry_delivery", newest.id)
        with pytest.raises(ApiError, match=r"404 unknown-delivery: .* `deliveries\(\)`"):
            await caller("retry_delivery", "elsewhere-1")


@both
async def test_profiles_as_they_are_registered(house: House, fresh: BackOffice, kind: Kind) -> None:
    """What may be asked, and why."""
    caller = caller_of(house, fresh, kind)
    async with caller.awaited:
        (profile,) = await caller("profiles")
    assert (profile.id, profile.purpose.nl, profile.sealing) == ("bijstand", PROFILES[0].purpose.nl, "default")
    assert profile.fields == PROFILES[0].fields


async def test_the_pretend_back_office_sets_and_tests_its_webhook(house: House, fresh: BackOffice) -> None:
    """The sandbox answers OPTIONS and takes a test event in without keeping it; told to misbehave, it fails one."""
    async with fresh.listening() as url:
        assert (await fresh.set_webhook(url)).status == "enabled"
        fresh.webhook_secret = new_webhook_secret()
        assert len((await fresh.set_webhook(url)).secrets) == 2
        fresh.answer_with = [500]
        tried = [(await fresh.test_webhook()).outcome for _ in range(2)]
        assert tried == ["failed", "accepted"]
        assert (fresh.tests, fresh.refused, fresh.received) == (2, 0, ())


async def test_the_office_as_a_program_has_its_webhook_tried(house: House, fresh: BackOffice) -> None:
    """Over its own address: set to where it listens, and tried."""
    (port,) = free_ports(1)
    async with fresh.listening() as url, program.opened(fresh, url, "127.0.0.1", port):
        async with house.http.post(f"http://127.0.0.1:{port}/webhook/_test") as answer:
            assert (answer.status, (await answer.json())["outcome"]) == (200, "accepted")
        for _ in range(10):  # more than the broker does in a minute
            async with house.http.post(f"http://127.0.0.1:{port}/webhook/_test") as answer:
                last = answer.status, await answer.json()
    assert (last[0], "too-many-requests" in last[1]["error"]) == (502, True)
