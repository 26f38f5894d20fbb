"""A person's browser without scripts, on the PC's pages: it follows links, fills in forms and keeps one cookie.

Every page it sees is held against the rules that are for all of them; what must hold for one is said in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import Morsel, SimpleCookie
from urllib.parse import urldefrag, urljoin, urlsplit

import aiohttp
from yarl import URL

from broker.http.html import CONTENT_SECURITY_POLICY
from broker.texts import Language
from sandbox.browser import COOKIE, Browser
from sessions.model import State
from tests.house import House
from tests.integration.journey.reading import Part, page
from tests.integration.journey.steps import refuse_data, tried

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PC = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
PHONE = "Mozilla/5.0 (Android 15; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0"
_HOPS = 6


class Visitor:
    """One browser window. After each step `at` and `fragment` are what its address bar shows, `seen` is the
    page."""

    def __init__(self, http: aiohttp.ClientSession, origin: str, agent: str = PC) -> None:
        self.origin = origin
        self.cookie = ""
        self.at = ""
        self.fragment = ""
        self.status = 0
        self.seen = page("<html></html>")
        self.text = ""
        self.headers: dict[str, str] = {}
        self.morsels: list[Morsel[str]] = []
        self.http = http
        self._agent = agent

    async def open(self, address: str, **headers: str) -> Part:
        """Go to an address, and on to where it leads."""
        return await self._go("GET", address, None, headers)

    async def follow(self, id_: str) -> Part:
        """Follow the link with this id."""
        return await self.open(self.seen.at(id_).get("href"))

    async def follow_to(self, path: str) -> Part:
        """Follow a link on this page that leads to `path`."""
        assert path in self.links(), (path, self.links())
        return await self.open(path)

    async def follow_to_language(self, language: Language) -> Part:
        """Follow the link that shows this page in another language."""
        (link,) = self.seen.all(f"nav[@class='languages']//a[@hreflang='{language}']")
        return await self.open(link.get("href"))

    def links(self) -> list[str]:
        """Where the links in the page's main part and its foot lead."""
        return [link.get("href") for link in self.seen.all("main//a") + self.seen.all("footer//a")]

    def forms(self) -> list[str]:
        """Where the page's forms are sent."""
        return [form.get("action") for form in self.seen.all("form")]

    async def submit(self, action: str, **typed: str) -> Part:
        """Fill in the one form with this action as a person would, and send it."""
        (form,) = [form for form in self.seen.all("form") if form.get("action") == action]
        assert form.get("method") == "post"
        fields = {field.get("name"): field.get("value") for field in form.all("input[@type!='radio']")}
        offered = {one.get("name") for one in form.all("input") + form.all("button[@name]")}
        assert set(typed) <= offered, (typed, offered)
        return await self.post(action, **fields | typed)

    async def post(self, address: str, headers: dict[str, str] | None = None, /, **fields: str) -> Part:
        """Send a form, as a page of our own does."""
        sent = {"Origin": self.origin, "Referer": self.origin + self.at, "Sec-Fetch-Site": "same-origin"}
        return await self._go("POST", address, fields, sent | (headers or {}))

    async def ask(self, method: str, address: str) -> tuple[int, Mapping[str, str], bytes]:
        """One request, which is not followed: status, headers and body of the answer."""
        async with await self._send(method, address, None, {}) as answer:
            return answer.status, answer.headers, await answer.read()

    async def _go(self, method: str, address: str, fields: dict[str, str] | None, headers: dict[str, str]) -> Part:
        for _ in range(_HOPS):
            answer = await self._send(method, address, fields, headers)
            async with answer:
                self._arrived(answer, await answer.text())
            if answer.status != 303:
                return self.seen
            method, fields, headers = "GET", None, {}
            address, self.fragment = urldefrag(urljoin(self.origin + self.at, answer.headers["Location"]))
        raise AssertionError(f"sent round and round, at last to {address}")

    async def _send(
        self, method: str, address: str, fields: dict[str, str] | None, headers: dict[str, str]
    ) -> aiohttp.ClientResponse:
        url = urljoin(self.origin + self.at, address)
        assert url.startswith(f"{self.origin}/"), url
        sent = {"Accept": ACCEPT, "User-Agent": self._agent} | headers
        if self.cookie:
            sent["Cookie"] = f"{COOKIE}={self.cookie}"
        return await self.http.request(method, URL(url, encoded=True), data=fields, headers=sent, allow_redirects=False)

    def _arrived(self, answer: aiohttp.ClientResponse, text: str) -> None:
        self.at, self.status, self.text = answer.url.path_qs, answer.status, text
        self.headers = dict(answer.headers)
        assert self.headers["Cache-Control"] == "no-store"
        for header in answer.headers.getall("Set-Cookie", []):
            jar: SimpleCookie = SimpleCookie()
            jar.load(header)
            self.morsels += jar.values()
            self.cookie = jar[COOKIE].value
        if answer.content_type == "text/html":
            self.seen = page(text)
            if self.at.startswith("/j/"):  # the phone app's document holds several screens, of which one is seen
                is_whole(self.seen, text, self.headers)


def is_whole(seen: Part, text: str, headers: dict[str, str]) -> None:
    """What holds for every page of the PC: one heading, title, language, strict policy, nothing of another site."""
    assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert headers["Content-Language"] == seen.get("lang")
    assert seen.get("lang") in ("nl", "en")
    assert seen.title()
    (title,) = seen.all("head/title")
    assert title.words().startswith(seen.title())
    ids = [part.get("id") for part in seen.all("*[@id]")]
    assert len(ids) == len(set(ids)), ids
    assert not {"{", "}"} & set("".join(part.words() for part in seen.all("main") + seen.all("footer")))
    assert not seen.all("*[@style]") + seen.all("style") + seen.all("script[not(@src)]")
    for part in seen.all("*[@src]") + seen.all("form") + seen.all("link"):
        address = part.get("src") or part.get("action") or part.get("href")
        assert address.startswith("/"), address
        assert not urlsplit(address).netloc, address
    for field in seen.all("input[@type!='hidden'][@type!='radio']"):
        assert seen.all(f"label[@for='{field.get('id')}']"), field.get("id")
        assert all(seen.has(id_) for id_ in field.get("aria-describedby").split())
    assert text.startswith("<!DOCTYPE html>")


def of(browser: Browser, http: aiohttp.ClientSession, agent: str = PC) -> Visitor:
    """The window of a browser that started already."""
    visitor = Visitor(http, browser.origin, agent)
    visitor.cookie = browser.cookie
    return visitor


async def brought_to(house: House, web: aiohttp.ClientSession, state: State, language: Language = "nl") -> Visitor:
    """The window of a browser whose session stands in this state; what was sent waits for a provider who is away."""
    created = await house.office.create_session("inkomen", household="single", language=language)
    browser = Browser(created.journey_url, house.http)
    await browser.start()
    visitor = of(browser, web)
    if state is State.OPENED:
        return visitor
    phone, paired = await house.scanned(browser)
    if state is State.PAIRING:
        return visitor
    await browser.type_code(paired.pairing_code)
    if state is State.COLLECTING:
        return visitor
    if state is State.CANCELLED:
        await browser.stop()
        return visitor
    assert state is State.CONSENTED
    refuse_data(house)
    await tried(phone, "applicant", "uwv", "single")
    await phone.consent("applicant", await phone.review())
    return visitor
