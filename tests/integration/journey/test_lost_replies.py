"""The store carries a command out and its reply is lost: the journey still completes, with exactly one delivery.

Between broker and store stands a proxy that loses replies. Phone, browser and provider do what a client does with a
503: they ask again.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from broker.ledger import Ledger
from sandbox.answers import ApiError
from sandbox.browser import Browser
from sandbox.citizen import log_in
from sandbox.phone import Phone, PhoneView
from sandbox.stage import PROVIDER
from tests.house import House, standing
from tests.integration.journey.steps import eventually, keys, watch_refusals
from tests.stores import DroppingProxy, Store

_T = TypeVar("_T")

# What the broker sends while a journey runs; that these are all of them is a test of its own.
_COMMANDS = ("EVALSHA", "HMGET", "HGET", "GET", "ZRANGE", "TIME", "EXISTS")
_BESIDE = {"ZSCORE", "ZMSCORE"}  # in one pipeline with HGET, and with EXISTS: their replies are lost together
_SOURCES = ("uwv", "mijnoverheid")
_BUSY = ("login", "fetching")
_TRIES = 5


class _Citizen:
    """Goes through a journey, asking again what the broker could not answer; before each step a reply is doomed."""

    def __init__(self, house: House, proxy: DroppingProxy, command: str) -> None:
        self._house, self._proxy = house, proxy
        self._doomed = f"\r\n{command}\r\n".encode()

    async def ask(self, call: Callable[[], Awaitable[_T]], *, lose: bool = True) -> _T:
        """Ask until there is an answer, of which the first is lost."""
        if lose:
            self._proxy.drop_reply_to(self._doomed)
        for _ in range(_TRIES):
            try:
                return await call()
            except ApiError as error:
                if error.code != "store-unavailable":
                    raise
        raise AssertionError("the store was out of reach too often")

    async def journey(self) -> str:
        """One person from invitation to delivery; gives the session's id."""
        office, phone, key = self._house.office, self._house.phone(), str(uuid.uuid4())
        created = await self.ask(lambda: office.create_session("inkomen", idempotency_key=key, household="single"))
        browser = Browser(created.journey_url, self._house.http)
        await self.ask(browser.start)
        shown = await self.ask(browser.show_token)
        paired = await self.ask(lambda: phone.pair(token=shown.url))
        await self.ask(lambda: browser.type_code(paired.pairing_code))
        for source in _SOURCES:
            await self._collect(phone, source)
        await self.ask(lambda: phone.remark("applicant", "incomes", "Dit klopt niet."))
        review = await self.ask(phone.review)
        assert (await self.ask(lambda: phone.consent("applicant", review))).sent
        await self._delivered(created.id)
        assert (await self.ask(browser.status)).status == "delivered"
        assert (await self.ask(phone.receipt)).purge_receipt is not None
        return created.id

    async def _collect(self, phone: Phone, source: str) -> None:
        """A source; a reply lost to its job itself makes it fail, and the citizen tries again."""
        for number in range(_TRIES):
            lose = number == 0
            url = await self.ask(lambda: phone.login("applicant", source), lose=lose)
            if url is not None:
                back = await log_in(url, "single", jar=phone.jar)
                await self.ask(lambda back=back: phone.callback(back.state, code=back.code), lose=lose)
            if await self.ask(lambda: self._status(phone, source), lose=lose) == "collected":
                return
        raise AssertionError(f"{source} was not collected")

    async def _status(self, phone: Phone, source: str) -> str:
        def status(view: PhoneView) -> str:
            return view.persons["applicant"].source(source).status

        return status(await phone.wait_for(lambda view: status(view) not in _BUSY))

    async def _delivered(self, session_id: str) -> None:
        """Work whose claim was never heard of is in nobody's hands until its lease ends."""
        for _ in range(_TRIES):
            try:
                await self._house.office.wait_for("delivered", session_id, seconds=2.0)
            except TimeoutError:
                await self._house.pass_time(60)
            else:
                return
        raise AssertionError("the payload did not arrive")

    async def entered(self) -> int:
        """How many lines the ledger has, once the consent is in it, which may have to wait for a lease as well."""
        ledger = Ledger(self._house.parts)

        async def grown() -> bool:
            await self._house.pass_time(1)
            return await ledger.size(PROVIDER) > 0

        await eventually(grown)
        return await ledger.size(PROVIDER)


@pytest.mark.parametrize("command", _COMMANDS)
async def test_a_lost_reply_at_every_step_costs_nothing(tmp_path: Path, single_store: Store, command: str) -> None:
    """At every step of a journey the reply to one command of this kind is lost: one delivery, nothing left behind."""
    async with DroppingProxy(single_store.url) as proxy, standing(tmp_path, proxy.url) as house:
        watch_refusals(house)
        citizen = _Citizen(house, proxy, command)
        session_id = await citizen.journey()
        assert proxy.dropped >= (1 if command == "EXISTS" else 2)  # one look after the end, and many of the others
        data = [event for event in house.office.received if event.kind == "data"]
        assert [(event.session_id, event.accepted, event.same_bytes) for event in data] == [(session_id, True, True)]
        assert len((await citizen.ask(house.office.list)).sessions) == 1
        assert await citizen.entered() == 1
        assert not [name for name in keys(single_store) if b":vault:" in name or b":payload:" in name]


async def test_no_kind_of_command_is_left_out(tmp_path: Path, single_store: Store) -> None:
    """The commands whose replies are lost above are all that a journey sends, but for the making of connections."""
    async with DroppingProxy(single_store.url) as proxy, standing(tmp_path, proxy.url) as house:
        await _Citizen(house, proxy, "nothing").journey()
        proxy.passed.clear()
        await house.opened()
        await _Citizen(house, proxy, "nothing").journey()
        sent = re.findall(rb"(?:^|\r\n)\*\d+\r\n\$\d+\r\n([A-Z]+)", b"".join(proxy.passed))
        assert {name.decode() for name in sent} - {"CLIENT", "HELLO", "PING"} == {*_COMMANDS, *_BESIDE}
