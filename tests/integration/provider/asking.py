"""What the tests of the provider API share: raw requests, the shape of a problem, and more providers than one.

Every answer that passes here is checked for the headers that must be on all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from multidict import CIMultiDictProxy
from yarl import URL

from broker import providers
from broker.errors import CATALOGUE
from broker.http.envelope import API_VERSION
from sandbox.backoffice import BackOffice
from sandbox.browser import Browser
from sandbox.citizen import collect
from sandbox.phone import Phone
from sandbox.registration import ProfileEntry
from sandbox.stage import NAME, SOURCES
from tests.house import House

_T = TypeVar("_T")
PROBLEM = "application/problem+json"
# NLgov REST API Design Rules 2.2.2, /core/transport/security-headers and /core/version-header; TLS is the proxy's.
ALWAYS = {
    "API-Version": API_VERSION,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_OF_PAGES = {"Referrer-Policy": "same-origin"}  # with no-referrer a browser sends `Origin: null` with our own forms


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it came."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return msgspec.json.decode(self.body)


async def ask(
    house: House,
    method: str,
    path: str,
    *,
    caller: BackOffice | None = None,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    **content: Any,
) -> Answer:
    """One request, as `caller` (with its access token) or with any `token`; none of both is without Authorization."""
    given = await caller.access_token() if caller else token
    sent = {**(headers or {}), **({"Authorization": f"Bearer {given}"} if given else {})}
    async with house.http.request(
        method, URL(house.url + path, encoded=True), headers=sent, allow_redirects=False, **content
    ) as came:
        answer = Answer(status=came.status, headers=came.headers, body=await came.read())
    always = ALWAYS | (_OF_PAGES if answer.headers.get("Content-Type", "").startswith("text/html") else {})
    assert {name: answer.headers.get(name) for name in always} == always
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    return answer


def problem(answer: Answer, code: str) -> tuple[str, ...]:
    """Check that an answer is this problem of the catalogue, shaped as RFC 9457 says; gives its `errors`."""
    entry, found = CATALOGUE[code], answer.json()
    assert (answer.status, found.get("code")) == (entry.status, code)
    assert answer.headers["Content-Type"].split(";")[0] == PROBLEM
    assert found["type"] == f"urn:ophaalbrug:problem:{code}"
    assert (found["status"], found["detail"], found["detailNl"]) == (entry.status, entry.en, entry.nl)
    assert set(found) <= {"type", "title", "status", "detail", "detailNl", "code", "errors", "triesLeft", "error"}
    return tuple(found.get("errors", ()))


async def until(look: Callable[[], Awaitable[_T]], holds: Callable[[_T], bool], seconds: float = 10.0) -> _T:
    """Look until what is seen `holds`. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not holds(found := await look()):  # noqa: ASYNC110  it happens in the broker, not in this loop
            await asyncio.sleep(0.01)
        return found


async def queued(house: House, session_id: str) -> dict[str, float]:
    """The deliveries of a session that wait: `data` or `notice`, and the seconds until each is due."""
    entries: Any = await house.parts.connection.client.zrange("{p0}:outbox", 0, -1, withscores=True)
    kinds = {name.decode().partition(":")[0]: due - house.now() for name, due in entries if session_id in name.decode()}
    return {kind: seconds for kind, seconds in kinds.items() if kind != "index"}


async def registered(
    house: House, folder: Path, office: BackOffice, profiles: Iterable[ProfileEntry], webhook_url: str | None = None
) -> BackOffice:
    """Add a provider the way the command line does."""
    file = folder / f"{office.id}.toml"
    file.write_text(office.provider_file(profiles, name=NAME, webhook_url=webhook_url), encoding="utf-8")
    await house.parts.providers.put(providers.read_file(file))
    return office


async def consented(house: House, office: BackOffice, **wishes: str) -> tuple[str, Phone]:
    """A session of `office` in which one person collected and consented; gives its id and the phone."""
    created = await office.create_session("bijstand", household="single", **wishes)
    phone = await linked_phone(house, created.journey_url)
    await collect(phone, "applicant", "single", SOURCES)
    assert (await phone.consent("applicant", await phone.review())).sent
    return created.id, phone


async def linked_phone(house: House, journey_url: str) -> Phone:
    """A phone that was linked to the session of this link."""
    browser = Browser(journey_url, house.http)
    await browser.start()
    phone, paired = await house.scanned(browser)
    await browser.type_code(paired.pairing_code)
    return phone
