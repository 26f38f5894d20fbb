"""A citizen at work: fills in the pretend DigiD's pages as a person would, and collects source after source.

Reads the pages' forms, not their wording. Cookies live in the jar of the phone, so that a login that is remembered and
one that is forced anew are both real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html.parser import HTMLParser

import aiohttp
import msgspec
from yarl import URL

from sandbox.answers import QUICK
from sandbox.phone import Phone, PhoneView, Role
from sandbox.world import Message

PASSWORD = "sandbox"
MOST_PAGES = 4
_BUSY = frozenset({"login", "fetching"})


class LoginStuck(Exception):
    """The pages led nowhere: a wrong name, a page that cannot go on, or no code in the inbox."""


class CallbackResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the identity provider sent back to the phone app: a code, or the error it named instead."""

    state: str
    code: str | None = None
    error: str | None = None


class Form(msgspec.Struct, frozen=True):
    """A form on a page: where it goes, and its fields with what they hold already."""

    action: str
    fields: dict[str, str]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the identity provider: its address, its forms, and where it sends the browser, if anywhere."""

    address: URL
    goes_to: str
    forms: list[Form]


class _Forms(HTMLParser):
    """The forms of a page, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(given.get("action", ""), {}))
        elif tag == "input" and self.found and "name" in given:
            self.found[-1].fields[given["name"]] = given.get("value", "")


def forms(page: str) -> list[Form]:
    """The forms of an HTML page."""
    reader = _Forms()
    reader.feed(page)
    return reader.found


async def log_in(
    url: str, username: str, *, jar: aiohttp.CookieJar | None = None, cancel: bool = False
) -> CallbackResult:
    """Log in at `url` and give what comes back at its redirect_uri, which is not visited.

    `jar` is the phone's; without one this is a browser that was never here. `cancel` gives up on the first page that
    is shown. Without a `username` it is whom a test case has log in. Raises LoginStuck.
    """
    start = URL(url)
    cookies = aiohttp.CookieJar(unsafe=True) if jar is None else jar  # an empty jar is false
    async with aiohttp.ClientSession(cookie_jar=cookies, timeout=QUICK) as browser:
        page = await _load(browser, start)
        for _ in range(MOST_PAGES):
            if page.goes_to.startswith(start.query["redirect_uri"]):
                return _returned(URL(page.goes_to))
            if not page.forms:
                break
            form = page.forms[-1] if cancel else await _filled(browser, page, username)
            page = await _load(browser, page.address.join(URL(form.action)), form)
    raise LoginStuck


async def _load(browser: aiohttp.ClientSession, address: URL, form: Form | None = None) -> Page:
    """A page as a browser has it, or where it sends us; with `form` it is submitted."""
    method, data = ("GET", None) if form is None else ("POST", form.fields)
    async with browser.request(method, address, data=data, allow_redirects=False) as answer:
        goes_to = answer.headers.get("Location", "")
        return Page(address=answer.url, goes_to=goes_to, forms=forms(await answer.text()))


def _returned(place: URL) -> CallbackResult:
    told = place.query
    return CallbackResult(state=told.get("state", ""), code=told.get("code"), error=told.get("error"))


async def _filled(browser: aiohttp.ClientSession, page: Page, username: str) -> Form:
    """The page's first form with what a person types: a name and a password, or the code from the inbox."""
    form, typed = page.forms[0], {"user": username, "password": PASSWORD}
    if "code" in form.fields:
        typed = {"code": await _texted_code(browser, page.address, username)}
    return Form(form.action, {name: typed.get(name, value) for name, value in form.fields.items()})


async def _texted_code(browser: aiohttp.ClientSession, page: URL, username: str) -> str:
    """The newest code sent to `username`, or at all when that is empty. Raises LoginStuck."""
    async with browser.get(page.origin().with_path("/sandbox/inbox.json")) as answer:
        inbox = msgspec.json.decode(await answer.read(), type=list[Message])
    code = next((message.code for message in inbox if message.code and username in ("", message.to)), None)
    if code is None:
        raise LoginStuck
    return code


async def collect(
    phone: Phone,
    person: Role,
    username: str,
    sources: Iterable[str],
    on_progress: Callable[[Role, str, str], None] | None = None,
    jar: aiohttp.CookieJar | None = None,
    seconds: float = 60.0,
) -> dict[str, str]:
    """Collect `sources` one after another: log in, hand over, wait until the source answered or the login ended.

    Gives each source's status: `collected, absent, skipped, failed`, or `todo` after a cancelled login. `on_progress`
    is told person, source and status, once before and once after. `jar` stands in for the phone's own cookies.
    Raises TimeoutError, LoginStuck, ApiError.
    """
    outcomes: dict[str, str] = {}
    tell, cookies = on_progress or _silent, phone.jar if jar is None else jar
    for source in sources:
        tell(person, source, "login")
        outcomes[source] = await _collect_one(phone, person, username, source, cookies, seconds)
        tell(person, source, outcomes[source])
    return outcomes


async def _collect_one(
    phone: Phone, person: Role, username: str, source: str, jar: aiohttp.CookieJar, seconds: float
) -> str:
    url = await phone.login(person, source)
    if url is not None:
        back = await log_in(url, username, jar=jar)
        await phone.callback(back.state, code=back.code, error=back.error)

    def status(view: PhoneView) -> str:
        return view.persons[person].source(source).status

    return status(await phone.wait_for(lambda view: status(view) not in _BUSY, seconds))


def _silent(person: Role, source: str, status: str) -> None:
    del person, source, status
