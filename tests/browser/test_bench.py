"""The bench itself: every check sees what it is there to see. A check that cannot fail proves nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Route

from qr.pictures import svg
from sandbox.personas import HOUSEHOLDS, canaries
from tests.browser import checks, leftovers
from tests.browser.checks import Checker
from tests.browser.qr_reading import read_qr
from tests.browser.scene import Window, open_window
from tests.browser.watch import Watch

CANARIES = canaries(HOUSEHOLDS["single"])
GOOD = """<!doctype html><html lang="nl"><head><title>Goed</title><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><style>button {min-height: 48px}</style></head>
<body><main><h1>Goed</h1>
<p>Een alinea met een <a href="/elders">koppeling</a> erin.</p>
<p><button type="button">Verder</button></p></main></body></html>"""

HOME = "http://127.0.0.1:9"  # nobody listens there: every request is answered here

Show = Callable[..., Awaitable[Window]]


@pytest_asyncio.fixture(loop_scope="session")
async def show(browser: Browser) -> AsyncGenerator[Show]:
    """Opens a window of its own on a page that is given as HTML, with or without a content security policy."""
    opened: list[BrowserContext] = []

    async def shown(html: str, policy: str = "default-src * data: blob: 'unsafe-inline'") -> Window:
        window = await open_window(browser, Watch(HOME))
        opened.append(window.context)
        headers = {"cache-control": "no-store", "content-security-policy": policy}

        async def answer(route: Route) -> None:
            status = 200 if route.request.url == f"{HOME}/" else 404
            await route.fulfill(body=html, content_type="text/html", headers=headers, status=status)

        await window.context.route("**/*", answer)
        await window.page.goto(f"{HOME}/")
        return window

    yield shown
    for context in opened:
        await context.close()


async def test_a_good_page_passes_everything(show: Show, checker: Checker) -> None:
    """No check cries wolf."""
    window = await show(GOOD)
    assert await checker.everything(window) == []


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        (GOOD.replace(' lang="nl"', ""), "axe html-has-lang"),
        (GOOD.replace("<p>Een", '<p style="color: #aaa">Een'), "axe color-contrast"),
        (GOOD.replace("<h1>", "<h1><img src='data:,'>"), "axe image-alt"),
        (GOOD.replace("<p>Een", "<p><div>Een</div>"), "html close-order"),
        (GOOD.replace("<p>Een", '<p style="width: 600px">Een'), "320x640: the page scrolls"),
        (GOOD.replace("<p>Een", '<p style="height: 9px; overflow: hidden">Een'), "is cut off"),
        (GOOD.replace("<p>Een", '<p style="position: sticky; height: 200px">Een'), "320x256: what sticks covers"),
        (GOOD.replace("min-height: 48px", "min-height: 30px"), 'Verder" is '),
        (GOOD.replace("button {", "button {outline: none; "), "focus is not to be seen on button"),
        (GOOD.replace("<button", '<button onfocus="this.blur()"'), "the keyboard does not reach button"),
        (
            GOOD.replace("<h1>", '<h1 style="position: fixed; inset: 0; background: #fff">'),
            "has focus under something else",
        ),
    ],
    ids=lambda value: value.strip()[:30] if len(value) < 60 else "",
)
async def test_what_is_wrong_is_seen(show: Show, checker: Checker, spoiled: str, said: str) -> None:
    """One fault in a good page is found, and named."""
    window = await show(spoiled)
    assert said in "\n".join(await checker.everything(window))


async def test_a_control_without_an_edge_and_a_movement_are_seen(show: Show) -> None:
    """What forced colours would hide, and what moves for ever."""
    spoiled = GOOD.replace("button {", "button {border: 0; ").replace(
        "<title>", "<style>h1 {animation: go 2s infinite} @keyframes go {to {opacity: 0}}</style><title>"
    )
    window = await show(spoiled)
    told = "\n".join(await checks.by_preference(window.page))
    assert "has no edge" in told
    assert "moves" in told


async def test_the_watch_notes_what_goes_wrong(show: Show) -> None:
    """Console, scripts, policy, strangers, refusals and caches: each is noted, and what was expected is not."""
    window = await show(GOOD, policy="default-src 'self' 'unsafe-inline'; connect-src *")
    await window.page.evaluate(
        """async (stranger) => {
          console.error("oops");
          setTimeout(() => { throw new Error("thrown"); });
          const image = new Image();
          image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";
          document.body.append(image);
          await fetch("/nowhere");
          await fetch(stranger, {mode: "no-cors"});
        }""",
        HOME.replace("127.0.0.1", "localhost"),
    )
    told = "\n".join(window.watch.problems)
    for part in ("console error: oops", "script: ", "policy: img-src", "stranger: GET", "404 GET /nowhere"):
        assert part in told
    window.watch.expect(".")
    assert window.watch.problems == []


@pytest.mark.parametrize(
    "keeping",
    [
        "localStorage.setItem('a', 'b')",
        "sessionStorage.setItem('a', 'b')",
        "caches.open('a')",
        "history.replaceState({a: 1}, '')",
        "document.cookie = 'a=b'",
        "name = 'a'",
        "KEEP({name: 'Jansen'})",
        "KEEP('Jansen')",
        "KEEP(await crypto.subtle.generateKey({name: 'ECDSA', namedCurve: 'P-256'}, true, ['sign']))",
    ],
)
async def test_what_a_page_keeps_is_seen(show: Show, keeping: str) -> None:
    """Whatever is kept beside a key that stays and a token, wherever it is kept."""
    keep = """const KEEP = (value) => new Promise((done) => {
      const request = indexedDB.open("kept");
      request.onupgradeneeded = () => request.result.createObjectStore("one");
      request.onsuccess = () => {
        const writing = request.result.transaction("one", "readwrite");
        writing.objectStore("one").put(value, "here");
        writing.oncomplete = () => { request.result.close(); done(); };
      };
    });"""
    window = await show(GOOD)
    await leftovers.assert_nothing_at_all(window, CANARIES)
    await window.page.evaluate(f"async () => {{ {keep} await ({keeping}); }}")
    with pytest.raises(AssertionError):
        await leftovers.assert_nothing_but_the_key(window, CANARIES)


async def test_a_key_that_stays_and_its_token_may_be_kept(show: Show) -> None:
    """Until the end; after it they may not."""
    window = await show(GOOD)
    await window.page.evaluate(
        """async () => {
          const pair = await crypto.subtle.generateKey({name: "ECDSA", namedCurve: "P-256"}, false, ["sign"]);
          await new Promise((done) => {
            const request = indexedDB.open("kept");
            request.onupgradeneeded = () => request.result.createObjectStore("one");
            request.onsuccess = () => {
              const writing = request.result.transaction("one", "readwrite");
              writing.objectStore("one").put({pair, token: "obp_secret"}, "here");
              writing.oncomplete = () => { request.result.close(); done(); };
            };
          });
        }"""
    )
    await leftovers.assert_nothing_but_the_key(window, CANARIES)
    with pytest.raises(AssertionError):
        await leftovers.assert_nothing_at_all(window, CANARIES)


async def test_a_personal_value_in_an_address_is_seen(show: Show) -> None:
    """An address that was asked once is remembered, in whatever form it carried the value."""
    window = await show(GOOD)
    window.watch.expect("404 GET")
    await window.page.evaluate("(value) => fetch('/x?' + value)", CANARIES[0].encode().hex())
    with pytest.raises(AssertionError):
        await leftovers.assert_nothing_but_the_key(window, CANARIES)


async def test_a_qr_code_is_read_from_the_screen(show: Show) -> None:
    """Only what is to be seen counts."""
    window = await show(
        GOOD.replace("<h1>", f"<div style='width: 260px'>{svg('https://a.test/b#c', title='QR')}</div><h1>")
    )
    assert await read_qr(window.page) == "https://a.test/b#c"
    await window.page.evaluate("document.querySelector('svg').remove()")
    with pytest.raises(AssertionError):
        await read_qr(window.page)
