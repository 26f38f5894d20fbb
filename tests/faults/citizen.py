"""A citizen, and beside them a provider, who get through it: who ask again when nothing answers, as people do.

Step by step, each with a name, so that something can be broken before any of them. What a lost answer leaves in the
dark is found out by looking: at the PC, at the phone.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from sandbox.answers import ApiError
from sandbox.browser import Browser
from sandbox.citizen import log_in
from sandbox.phone import Phone, PhoneView, Review
from tests.faults.scene import ANY_LEASE_SECONDS, PERSONA, Scene, refusable

PROFILE = "inkomen"
SOURCES = ("uwv", "mijnoverheid")
PATIENCE_SECONDS = 150.0
_BUSY = ("login", "fetching")
_T = TypeVar("_T")

STEPS = ("create", "start", "scan", "type-code", "collect", "review", "consent", "delivery")
Before = Mapping[str, Callable[[], Awaitable[None]]]


class Lost(Exception):
    """The broker knows nothing of this session any more, and says so."""


class Citizen:
    """One person's way through one session, with what they keep on the way."""

    def __init__(self, scene: Scene, before: Before | None = None) -> None:
        self.scene = scene
        self.before = before or {}
        self.session_id = ""
        self._key = str(uuid.uuid4())
        self._browser: Browser | None = None
        self._phone = Phone(scene.stage.broker_url, scene.stage.http, clock=scene.now)
        self._code = ""
        self._review: Review | None = None

    @property
    def browser(self) -> Browser:
        assert self._browser is not None
        return self._browser

    @property
    def phone(self) -> Phone:
        return self._phone

    def take_another_phone(self) -> None:
        """One that never saw this broker."""
        self._phone = Phone(self.scene.stage.broker_url, self.scene.stage.http, clock=self.scene.now)

    async def go(self, *, since: str = "create", until: str = "delivery") -> str:
        """Go through all the steps; gives what the PC says at the end. `unknown` when the broker has lost it."""
        try:
            for step in STEPS[STEPS.index(since) : STEPS.index(until) + 1]:
                hurt = self.before.get(step)
                if hurt is not None:
                    await hurt()
                await self._steps[step](self)
        except Lost:
            return "unknown"
        return await self.reads()

    async def reads(self) -> str:
        """What the PC says now."""
        try:
            return (await self.ask(self.browser.status)).status
        except Lost:
            return "unknown"

    async def withdraw(self) -> str:
        """Take consent back, on the phone; gives how the session stands then. Raises ApiError when it is too late."""
        return (await self._phone.withdraw()).status

    async def page(self) -> str:
        """The phone's screen of now, as HTML."""
        return await self._phone.screen("verzenden")

    async def ends_as(self, status: str) -> None:
        """Wait until the PC says so."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while (now := await self.reads()) != status:
            assert time.monotonic() < give_up_at, f"it stays {now}"
            await asyncio.sleep(0.1)

    async def ask(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Ask until somebody answers. Raises Lost, and ApiError for a refusal that asking again does not mend."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await call()
            except Exception as error:
                if isinstance(error, ApiError) and error.code in ("unknown-session", "unauthorized", "unknown-client"):
                    raise Lost from error
                if not refusable(error) or time.monotonic() > give_up_at:
                    raise
            await asyncio.sleep(0.1)

    async def _create(self) -> None:
        office = self.scene.stage.backoffice
        created = await self.ask(
            lambda: office.create_session(PROFILE, idempotency_key=self._key, household="single", reference="storing")
        )
        self.session_id = created.id
        self._browser = Browser(created.journey_url, self.scene.stage.http)

    async def _start(self) -> None:
        await self.ask(self.browser.start)

    async def _scan(self) -> None:
        shown = await self.ask(self.browser.show_token)
        self._code = (await self.ask(lambda: self._phone.pair(token=shown.url))).pairing_code

    async def _type_code(self) -> None:
        try:
            await self.ask(lambda: self.browser.type_code(self._code))
        except ApiError:
            if (await self.ask(self.browser.status)).status != "collecting":  # a lost answer: it was right
                raise

    async def _collect(self) -> None:
        for source in SOURCES:
            for _ in range(6):
                if await self._collected(source):
                    break
            else:
                raise AssertionError(f"{source} was never collected")

    async def _collected(self, source: str) -> bool:
        """One try at a source, from the login on."""

        def status(view: PhoneView) -> str:
            return view.persons["applicant"].source(source).status

        if status(await self.ask(self._phone.session)) == "collected":
            return True
        url = await self.ask(lambda: self._phone.login("applicant", source))
        if url is not None:
            back = await self.ask(lambda: log_in(url, PERSONA, jar=self._phone.jar))
            try:
                await self.ask(lambda: self._phone.callback(back.state, code=back.code))
            except ApiError as error:
                if error.code != "login-unknown":  # it was heard before; its answer was not
                    raise
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while (now := status(await self.ask(self._phone.session))) in _BUSY:
            assert time.monotonic() < give_up_at, f"{source} stays {now}"
            try:
                await self._phone.wait_for(lambda view: status(view) not in _BUSY, 2)
            except Exception as error:
                if not refusable(error):
                    raise
                await self.scene.pass_time(ANY_LEASE_SECONDS / 4)
        return now == "collected"

    async def _look(self) -> None:
        self._review = await self.ask(self._phone.review)

    async def _consent(self) -> None:
        review = self._review
        assert review is not None
        try:
            await self.ask(lambda: self._phone.consent("applicant", review))
        except ApiError:
            if (await self.ask(self.browser.status)).status not in ("consented", "delivered"):  # a lost answer
                raise

    async def _delivered(self) -> None:
        """The provider hears that it was delivered, however long that takes; or the citizen reads how it ended."""
        office, give_up_at = self.scene.stage.backoffice, time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            try:
                await office.wait_for("delivered", self.session_id, seconds=1.5)
            except TimeoutError:
                await self.scene.pass_time(ANY_LEASE_SECONDS / 4)
                if await self.reads() in ("undelivered", "unknown", "withdrawn", "cancelled", "expired"):
                    return
            else:
                return
        raise AssertionError("neither delivered nor told that it was not")

    _steps: Mapping[str, Callable[[Citizen], Awaitable[None]]] = {
        "create": _create,
        "start": _start,
        "scan": _scan,
        "type-code": _type_code,
        "collect": _collect,
        "review": _look,
        "consent": _consent,
        "delivery": _delivered,
    }
