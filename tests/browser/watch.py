"""A watch over everything a browser window does: what must never happen in any test is noted here, and told at its end.

Errors in the console and in scripts, violations of the content security policy, requests to strangers, service workers,
answers that may be cached, refusals nobody expected. It also remembers every address, for the search for personal data.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Request, Response, WebError, Worker

TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.effectiveDirective} refuses ${event.blockedURI} in ${event.sourceFile}`), true);
"""
_CACHEABLE = re.compile(r"^/(static|brand)/")
_FAILED_LOAD = "Failed to load resource"


class Watch:
    """What happened in one browser context. `home` is the broker's origin; `others` are those it may speak to."""

    def __init__(self, home: str, *others: str) -> None:
        self.home = home
        self.addresses: list[str] = []
        self.sources: dict[str, Response] = {}  # the HTML the page is made of: its document, and the last part fetched
        self._known = {home, *others}
        self._problems: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    async def over(self, context: BrowserContext) -> None:
        """Begin. Nothing that pages do before this is seen."""
        await context.add_init_script(TELL_VIOLATIONS)
        context.on("console", self._said)
        context.on("weberror", self._raised)
        context.on("request", self._asked)
        context.on("response", self._answered)
        context.on("serviceworker", self._worker)

    def expect(self, pattern: str) -> None:
        """From now on problems that match this are part of the test (`409 POST /phone/v1/…`, `offline …`)."""
        self._expected.append(re.compile(pattern))

    @property
    def problems(self) -> list[str]:
        """What went wrong and was not expected."""
        return [told for told in self._problems if not any(e.search(told) for e in self._expected)]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if message.text.startswith(_FAILED_LOAD):  # told better by the answer itself
            if "net::" in message.text:
                self._problems.append(f"offline {message.location['url']}")
            return
        self._problems.append(f"console {message.type}: {message.text}")

    def _raised(self, error: WebError) -> None:
        self._problems.append(f"script: {error.error}")

    def _asked(self, request: Request) -> None:
        self.addresses.append(request.url)
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" not in self._known:
            self._problems.append(f"stranger: {request.method} {request.url}")

    def _answered(self, response: Response) -> None:
        parts = urlsplit(response.url)
        if f"{parts.scheme}://{parts.netloc}" != self.home:
            return
        if response.status >= 400:
            self._problems.append(f"{response.status} {response.request.method} {parts.path}")
        if not _CACHEABLE.match(parts.path) and response.headers.get("cache-control") != "no-store":
            self._problems.append(f"cacheable: {parts.path}")
        self._noted(response)

    def _noted(self, response: Response) -> None:
        kind = response.request.resource_type
        if kind == "document":
            self.sources.clear()
        if response.ok and response.headers.get("content-type", "").startswith("text/html"):
            self.sources[kind] = response

    def _worker(self, worker: Worker) -> None:
        self._problems.append(f"service worker: {worker.url}")
