"""A house, a browser, and the windows people open: every window is watched, and speaks one language.

Owns contexts and devices; what people do in them is `people`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Literal, Self

from playwright.async_api import Browser, Page, async_playwright, expect

from broker.texts import Language
from sandbox.backoffice import Created
from sandbox.stage import NAME
from sessions.model import Role
from tests.browser.watch import Watch
from tests.house import House

Device = Literal["desktop", "phone"]
LOCALES: dict[Language, str] = {"nl": "nl-NL", "en": "en-GB"}
# A phone in the hand: touch, a phone's name, and Chromium's own size for it.
DEVICES: dict[Device, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1180, "height": 900}},
    "phone": {
        "viewport": {"width": 412, "height": 839},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
        "user_agent": "Mozilla/5.0 (Linux; Android 15; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Mobile Safari/537.36",
    },
}
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)
SETTLED = ("collected", "absent", "skipped", "failed")
# The house's time is its own; the clocks of the windows go with it.
_CLOCK = """(() => {
  const Real = Date;
  let ahead = 0;
  globalThis.Date = class Date extends Real {
    constructor(...given) {
      super(...(given.length ? given : [Real.now() + ahead]));
    }
    static now() {
      return Real.now() + ahead;
    }
  };
  globalThis.clockGoesAhead = (seconds) => {
    ahead = seconds * 1000;
  };
})();"""


class Window:
    """A browser of its own (cookies, keys, history) with one page open, under watch."""

    def __init__(self, page: Page, watch: Watch, device: Device, language: Language) -> None:
        self.context = page.context
        self.page = page
        self.watch = watch
        self.device: Device = device
        self.language: Language = language


class Scene:
    """What a test plays in. `async with` it; `settle` at the end tells what went wrong in any window.

    `wishes` are Playwright's for every context: `color_scheme` and so on.
    """

    def __init__(self, browser: Browser, house: House, **wishes: Any) -> None:
        self.browser = browser
        self.house = house
        self.wishes: dict[str, Any] = wishes
        self.windows: list[Window] = []
        self.session: Created | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for window in self.windows:
            await window.context.close()

    async def window(self, device: Device = "desktop", language: Language = "nl") -> Window:
        """A fresh browser on this device."""
        watch = Watch(self.house.url, self.house.world_url)
        opened = await open_window(self.browser, watch, device, language, **self.wishes)
        await _set_clock(opened, self.house.offset)
        self.windows.append(opened)
        return opened

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for the house and in every window. Timers do not hurry: what they look at is later.

        Phones go first, so that none asks with a clock that is behind; one that asks meanwhile is told so once, and
        asks again. PCs go last: they ask, by their own clock, what is true by then.
        """
        ahead = self.house.offset + seconds
        await self._set_clocks("phone", ahead)
        await self.house.pass_time(seconds)
        await self._set_clocks("desktop", ahead)

    async def _set_clocks(self, device: Device, ahead: float) -> None:
        for window in self.windows:
            window.watch.expect("^401 [A-Z]+ /phone/v1/")
            if window.device == device:
                await _set_clock(window, ahead)

    async def begun(self, profile: str = "bijstand", **wishes: Any) -> Created:
        """A session that the provider opened; from now on this scene is about it."""
        self.session = await self.house.office.create_session(profile, **wishes)
        return self.session

    def silence_the_provider(self) -> None:
        """From now on the provider does not take any data in."""
        self.house.office.answer_kind, self.house.office.answer_with = "data", [500] * 1000

    async def acknowledge(self) -> None:
        """The provider fetches what waits for it, and says that it is safe."""
        assert self.session is not None
        brought = await self.house.office.pull_payload(self.session.id)
        await self.house.office.acknowledge(self.session.id, brought.digest)

    def provider(self, language: Language) -> str:
        """The provider's name, as people read it."""
        return NAME.nl if language == "nl" else NAME.en

    async def until_settled(self, person: Role, source: str, meanwhile: Callable[[], Awaitable[None]]) -> str:
        """How one source of one person ended; `meanwhile` is done at every change, and a few times a second."""
        assert self.session is not None
        watch = self.house.parts.changes.watch(f"session {self.session.id}")
        try:
            async with asyncio.timeout(PATIENCE_MS / 1000):
                while (status := await self._status(person, source)) not in SETTLED:
                    await meanwhile()
                    await watch.wait(0.2)
            return status
        finally:
            watch.close()

    async def _status(self, person: Role, source: str) -> str:
        assert self.session is not None
        opened = await self.house.parts.sessions.read(self.session.id)
        return opened.session.people[person].sources[source].status

    async def messages(self) -> list[dict[str, Any]]:
        """What lies in the pretend world's inbox, newest first."""
        async with self.house.http.get(f"{self.house.world_url}/sandbox/inbox.json") as answer:
            return await answer.json()

    async def message_with(self, text: str) -> dict[str, Any]:
        """The first message that holds this text, now or in a moment."""
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while not (found := [m for m in await self.messages() if text in m["text"]]):  # noqa: ASYNC110 - no notice
                await asyncio.sleep(0.1)
        return found[0]

    async def sms_code(self, user: str) -> str:
        """The latest login code that was sent to this persona."""
        return next(message["code"] for message in await self.messages() if message["to"] == user)

    async def settle(self) -> None:
        """Raises AssertionError with everything that went wrong."""
        wrong = [problem for window in self.windows for problem in window.watch.problems]
        assert wrong == [], "\n".join(wrong)


async def open_window(
    browser: Browser, watch: Watch, device: Device = "desktop", language: Language = "nl", **wishes: Any
) -> Window:
    """A browser of its own under this watch. Close its context at the end."""
    context = await browser.new_context(locale=LOCALES[language], **{**DEVICES[device], **wishes})
    context.set_default_timeout(PATIENCE_MS)
    await watch.over(context)
    await context.add_init_script(_CLOCK)
    return Window(await context.new_page(), watch, device, language)


async def _set_clock(window: Window, ahead: float) -> None:
    """This many seconds ahead, in pages that are open and in those to come."""
    await window.context.add_init_script(f"clockGoesAhead({ahead})")
    for page in window.context.pages:
        await page.evaluate(f"globalThis.clockGoesAhead?.({ahead})")


@asynccontextmanager
async def chromium(path: str) -> AsyncGenerator[Browser]:
    """Debian's Chromium, without a window. In containers it has no user namespaces to build its sandbox from."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()
