"""The broker did what a phone asked while being linked, and its answer is lost on the way: the phone asks again.

Between phone and broker stands a proxy that loses answers; who else holds the token or code tries to use the moment.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
import msgspec
import pytest
import pytest_asyncio

import qr.tokens
from sandbox.browser import COOKIE, Browser
from sandbox.phone import Phone
from sessions.model import State
from tests.house import House, standing
from tests.integration.journey.steps import handed_token, keys, refused, session_when
from tests.stores import DroppingProxy, Store, free_ports

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Scene:
    """A house behind a proxy, and what is asked when a phone is linked."""

    def __init__(self, house: House, proxy: DroppingProxy, store: Store) -> None:
        self.house, self._proxy, self._store = house, proxy, store

    async def pair(self, phone: Phone, way: dict[str, str], **claims: str) -> dict[str, str | None]:
        """Redeem, and hold on to the access token. Raises ApiError, and ServerDisconnectedError for a lost answer."""
        answer = await phone.request("POST", "/pairings", way, proof_overrides=claims)
        told = msgspec.json.decode(answer)
        phone.token = told["accessToken"]
        return told

    async def lose_answer(self, phone: Phone, way: dict[str, str]) -> None:
        """Redeem in vain: it is done, and the phone never hears of it."""
        with refused("unknown-session"):  # from this the phone has a nonce: the next request is not sent twice
            await self.pair(phone, {"token": qr.tokens.make_token("00" * 11)})
        self._proxy.drop_reply_to(b"POST /phone/v1/pairings ")
        before = self._proxy.dropped
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await self.pair(phone, way)
        assert self._proxy.dropped == before + 1

    def codes(self) -> int:
        """How many typed codes the store knows."""
        return len(keys(self._store, "*:code:*"))


@pytest_asyncio.fixture(loop_scope="module")
async def scene(tmp_path: Path, single_store: Store) -> AsyncGenerator[Scene]:
    (port,) = free_ports(1)
    async with DroppingProxy(f"redis://127.0.0.1:{port}") as proxy:
        settings = {"OPHAALBRUG_BASE_URL": f"http://127.0.0.1:{proxy.port}", "OPHAALBRUG_PORT": str(port)}
        async with standing(tmp_path, single_store.url, settings=settings) as house:
            yield Scene(house, proxy, single_store)


async def _shown(browser: Browser, *, typed: bool) -> dict[str, str]:
    shown = await browser.show_token(typed=typed)
    return {"typedCode": str(shown.typed_code)} if typed else {"token": shown.url.rpartition("#")[2]}


@pytest.mark.parametrize(("typed", "word"), [(False, "already-paired"), (True, "token-invalid")])
async def test_a_phone_that_never_heard_its_code_redeems_again(scene: Scene, typed: bool, word: str) -> None:
    """With a QR token as with a typed code; any other phone is refused meanwhile, and nothing of the code stays."""
    _, browser = await scene.house.opened()
    way, phone = await _shown(browser, typed=typed), scene.house.phone()
    await scene.lose_answer(phone, way)
    assert (await browser.status()).status == "pairing"
    with refused(word):
        await scene.pair(scene.house.phone(), way)
    told = await scene.pair(phone, way)
    with refused(word):
        await scene.pair(scene.house.phone(), way)
    assert (await browser.type_code(str(told["pairingCode"]))).status == "collecting"
    assert (await phone.session()).linked
    assert scene.codes() == 0
    with refused("token-invalid"):
        await scene.pair(phone, way)


async def test_a_proof_is_good_once_also_when_its_answer_was_lost(scene: Scene) -> None:
    """Asking again is with a new proof: whoever caught the former request has nothing in it."""
    _, browser = await scene.house.opened()
    way, phone = await _shown(browser, typed=True), scene.house.phone()
    await scene.pair(phone, way, jti="the same each time")
    with refused("replayed"):
        await scene.pair(phone, way, jti="the same each time")
    assert (await browser.status()).status == "pairing"


@pytest.mark.parametrize("end", ["declined", "two minutes", "stopped"])
async def test_a_typed_code_does_not_outlive_the_waiting(scene: Scene, end: str) -> None:
    """However the waiting ends, the store forgets the code in that step, and the phone that had it is out."""
    created, browser = await scene.house.opened()
    way, phone = await _shown(browser, typed=True), scene.house.phone()
    await scene.lose_answer(phone, way)
    await scene.pair(phone, way)
    assert scene.codes() == 1
    if end == "declined":
        await phone.decline()
    elif end == "stopped":
        await browser.stop()
    else:
        await scene.house.pass_time(121)
        await session_when(scene.house, created.id, lambda session: session.state is State.OPENED)
    assert scene.codes() == 0
    with refused("token-invalid"):
        await scene.pair(phone, way)


async def test_the_same_device_that_never_heard_it_was_linked_asks_again(scene: Scene) -> None:
    """Linked, once for the provider; no other device, none without its cookie, and no more once it did something."""
    created, browser = await scene.house.opened()
    way = {"token": await handed_token(scene.house, browser)}
    async with aiohttp.ClientSession(headers={"Cookie": f"{COOKIE}={browser.cookie}"}) as http:
        phone, second = (Phone(scene.house.url, http, clock=scene.house.now) for _ in range(2))
        await scene.lose_answer(phone, way)
        assert (await browser.status()).status == "collecting"
        stranger = scene.house.phone()
        stranger.key = phone.key
        for other in (second, stranger):
            with refused("token-invalid"):
                await scene.pair(other, way)
        assert (await scene.pair(phone, way))["pairingCode"] is None
        former = phone.token
        await scene.pair(phone, way)
        assert (await phone.session()).linked
        phone.token, current = former, phone.token
        with refused("wrong-secret"):
            await phone.session()
        phone.token = current
        await phone.remark("applicant", "incomes", "Dit klopt niet.")  # the vault opens with the key it was given last
        with refused("token-invalid"):
            await scene.pair(phone, way)
    assert (await scene.house.office.wait_for("paired", created.id)).session_id == created.id
    assert [event.kind for event in scene.house.office.received if event.kind == "paired"] == ["paired"]
