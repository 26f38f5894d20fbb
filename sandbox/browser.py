"""The citizen's PC: opens the journey link, starts, shows a QR, types the phone's code, and follows progress.

It proves itself with one cookie and never receives data. Reads no page: it talks to the same addresses the pages do.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from http.cookies import SimpleCookie
from typing import Literal

import aiohttp
import msgspec
from yarl import URL

from sandbox.answers import QUICK, STREAMING, content, first, server_sent
from schemas.base import Record

COOKIE = "__Host-ophaalbrug"


class JourneyView(Record, frozen=True, kw_only=True):
    """Where the session stands. `persons` says per person and source only todo, busy, done or failed."""

    status: str
    provider: str
    purpose: str
    language: str
    household: str
    sources: tuple[str, ...]
    deadline: datetime
    reason: str | None = None
    persons: dict[str, dict[str, str]] = {}
    partner: str = "undecided"
    return_url: str | None = None
    purge_receipt: str | None = None


class ShownToken(Record, frozen=True, kw_only=True):
    """A way in for a phone: the address in the QR picture, or a code to type."""

    url: str
    renew_after_seconds: int
    svg: str | None = None
    typed_code: str | None = None


class Browser:
    """One browser, with the journey link it was given.

    The cookie is kept by hand: it is `Secure`, and a client rightly sends it over https only, while a demo on one
    machine runs over plain http.
    """

    def __init__(self, journey_url: str, http: aiohttp.ClientSession) -> None:
        self.link = URL(journey_url)
        self.origin = str(self.link.origin())
        self.cookie = ""
        self._http = http

    async def open(self) -> JourneyView:
        """Look at the start page. It uses nothing up."""
        return await self._view("GET", self.link.path)

    async def start(self, household: Literal["single", "couple"] | None = None) -> JourneyView:
        """Start here, alone or as a couple where the profile leaves that open; another browser is then out."""
        asked = {} if household is None else {"household": household}
        answer = await self._send("POST", f"{self.link.path}/start", asked)
        body = await content(answer)
        self.cookie = _cookie_of(answer)
        return msgspec.json.decode(body, type=JourneyView)

    async def show_token(self, *, typed: bool = False) -> ShownToken:
        """Show a new QR, or a code to type on the phone."""
        answer = await self._send("POST", "/j/pairing-tokens", {"typed": typed})
        return msgspec.json.decode(await content(answer), type=ShownToken)

    async def type_code(self, code: str) -> JourneyView:
        """Type the four digits on the phone's screen. Raises ApiError: wrong-code (`tries_left`), pairing-ended."""
        return await self._view("POST", "/j/pairing", {"code": code})

    async def status(self) -> JourneyView:
        """Where the session stands."""
        return await self._view("GET", "/j/session")

    async def stop(self) -> JourneyView:
        """Stop: everything is destroyed."""
        return await self._view("POST", "/j/stop")

    async def restart(self) -> JourneyView:
        """Another phone: what was collected is destroyed."""
        return await self._view("POST", "/j/restart")

    async def events(self) -> AsyncGenerator[JourneyView]:
        """Where the session stands, now and at each change, until the broker ends the stream."""
        answer = await self._send("GET", "/j/events", streaming=True)
        async with aclosing(server_sent(answer, JourneyView)) as views:
            async for view in views:
                yield view

    async def wait_for(self, holds: Callable[[JourneyView], bool], seconds: float = 30.0) -> JourneyView:
        """Follow the events until one `holds`. Raises TimeoutError."""
        return await first(self.events, holds, seconds)

    async def _view(self, method: str, path: str, body: Mapping[str, object] | None = None) -> JourneyView:
        answer = await self._send(method, path, body)
        return msgspec.json.decode(await content(answer), type=JourneyView)

    async def _send(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, streaming: bool = False
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "text/event-stream" if streaming else "application/json"}
        if method == "POST":
            headers["Origin"] = self.origin
        if self.cookie:
            headers["Cookie"] = f"{COOKIE}={self.cookie}"
        # A path of the link is sent as it came, not encoded again.
        url = URL(self.origin + path, encoded=True)
        timeout = STREAMING if streaming else QUICK
        return await self._http.request(method, url, json=body, headers=headers, timeout=timeout)


def _cookie_of(answer: aiohttp.ClientResponse) -> str:
    """The value of our cookie in an answer; an empty text when it sets none."""
    jar: SimpleCookie = SimpleCookie()
    for header in answer.headers.getall("Set-Cookie", []):
        jar.load(header)
    return jar[COOKIE].value if COOKIE in jar else ""
