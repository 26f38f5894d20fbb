"""The PC's pages over real HTTP: which one fits where a session stands, in both languages, and the whole way without a
script.
"""

from __future__ import annotations

import re

import aiohttp
import pytest

from broker.texts import Language
from broker.web.render import text
from sandbox.browser import COOKIE, Browser
from sessions.model import State
from tests.house import House
from tests.integration.journey.reading import Part
from tests.integration.journey.visitor import Visitor, brought_to, of

pytestmark = pytest.mark.asyncio(loop_scope="module")
LANGUAGES: tuple[Language, ...] = ("nl", "en")
EVERY = ("session", "checklist", "number", "pair", "progress", "restart", "stop")
# Which of these show themselves in a state; the others send on to the page that fits.
SHOWN: dict[State, tuple[str, tuple[str, ...]]] = {
    State.OPENED: ("pair", ("checklist", "number", "pair", "stop")),
    State.PAIRING: ("pair", ("pair", "restart", "stop")),
    State.COLLECTING: ("progress", ("progress", "restart", "stop")),
    State.CONSENTED: ("progress", ("progress", "stop")),
    State.CANCELLED: ("progress", ("progress",)),
}
TITLES: dict[tuple[State, str], str] = {
    (State.OPENED, "checklist"): "pc.checklist.title",
    (State.OPENED, "number"): "pc.number.title",
    (State.OPENED, "pair"): "pc.qr.title",
    (State.PAIRING, "pair"): "pc.code.title",
    (State.COLLECTING, "progress"): "pc.progress.title",
    (State.CONSENTED, "progress"): "pc.sent.title",
    (State.CANCELLED, "progress"): "pc.end.citizen.title",
}
# What a page offers to do where that can no longer be done: a second window, a page from before, a second click.
TOO_LATE: dict[State, tuple[str, ...]] = {
    State.OPENED: ("pairing", "unpair", "extension", "restart"),
    State.PAIRING: ("number", "same-device", "extension"),
    State.COLLECTING: ("pairing", "unpair", "number", "same-device"),
    State.CONSENTED: ("pairing", "unpair", "number", "same-device", "language", "extension", "restart"),
    State.CANCELLED: ("pairing", "unpair", "number", "same-device", "language", "extension", "restart"),
}
FIELDS = {"pairing": {"code": "1234"}, "number": {"number": "06 12345678"}, "language": {"language": "en"}}


@pytest.fixture
def house(shared_house: House) -> House:
    """One for all: each test has sessions of its own."""
    return shared_house


def _path(visitor: Visitor) -> str:
    return visitor.at.partition("?")[0]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", SHOWN)
async def test_every_address_shows_the_page_that_fits(
    house: House, web: aiohttp.ClientSession, state: State, language: Language
) -> None:
    """In each state a page shows itself where it fits, and any other address of the journey leads to one that does; all
    speak the session's language.
    """
    visitor = await brought_to(house, web, state, language)
    fits, shown = SHOWN[state]
    for name in EVERY:
        seen = await visitor.open(f"/j/{name}")
        landed = name if name in shown else fits
        assert (visitor.status, _path(visitor), seen.get("lang")) == (200, f"/j/{landed}", language), name
        title = TITLES.get((state, landed), f"pc.{landed}.title")
        assert seen.title() == text(language, title)
        other: Language = "en" if language == "nl" else "nl"
        assert text(other, title) not in seen.words()


@pytest.mark.parametrize("state", TOO_LATE)
async def test_what_cannot_be_done_any_more_leads_on(house: House, web: aiohttp.ClientSession, state: State) -> None:
    """A form that comes too late is answered with a page that says so, whose way on is the page that fits; nothing
    changes.
    """
    visitor = await brought_to(house, web, state)
    await visitor.open("/j/session")
    fits = visitor.seen.title()
    for name in TOO_LATE[state]:
        seen = await visitor.post(f"/j/{name}", **FIELDS.get(name, {}))
        if name == "pairing" and state is not State.CANCELLED:  # the code: the page that fits says it by itself
            assert visitor.status == 200, name
        else:
            assert visitor.status in (409, 410), name
            assert seen.title() in (text("nl", "problem.moved-on.title"), text("nl", "problem.ended.title"))
            seen = await visitor.follow_to("/j/session")
        assert (visitor.status, seen.title()) == (200, fits), name


@pytest.mark.parametrize("language", LANGUAGES)
async def test_links_and_forms_alone_lead_to_progress(
    house: House, web: aiohttp.ClientSession, language: Language
) -> None:
    """Without a script: from the link by the questions to the QR, the typed code, the phone's code, and progress."""
    created = await house.office.create_session("bijstand", household="ask", language=language)
    visitor = Visitor(web, house.url)
    await visitor.open(created.journey_url)
    await visitor.follow("begin")
    await visitor.submit(f"{visitor.at.partition('/household')[0]}/start", household="couple")
    assert visitor.at == "/j/checklist"
    assert text(language, "pc.checklist.partner.sms") in visitor.seen.words()
    await visitor.follow("onwards")
    await visitor.follow("skip-sms")
    assert _is_renewed_without_script(visitor.seen, 30)
    await visitor.follow("cannot-scan")
    words = visitor.seen.words()
    assert f"{house.url}/phone" in words
    (shown,) = re.findall(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", words)
    phone = house.phone()
    paired = await phone.pair(typed_code=shown)
    await visitor.open(visitor.at)  # what the page does by itself
    assert visitor.seen.at("code").get("inputmode") == "numeric"
    code = str(paired.pairing_code)
    await visitor.submit("/j/pairing", code=f" {code[:2]}-{code[2:]} ")
    assert visitor.at == "/j/progress"
    assert visitor.seen.title() == text(language, "pc.progress.title")
    assert [part.get("id") for part in visitor.seen.all("h2")] == ["applicant", "partner"]
    assert {part.get("data-state") for part in visitor.seen.all("ul[@class='sources']/li")} == {"todo"}


def _is_renewed_without_script(seen: Part, seconds: int) -> bool:
    (reload,) = seen.all("noscript/meta[@http-equiv='refresh']")
    return reload.get("content") == str(seconds)


async def test_the_picture_says_what_it_is_and_links_a_phone(house: House, web: aiohttp.ClientSession) -> None:
    """The QR has words for who does not see it, the page counts down, and each look at it shows a fresh token."""
    visitor = await brought_to(house, web, State.OPENED)
    before = await _picture(visitor)
    assert await _picture(visitor) != before
    (figure,) = visitor.seen.all("figure")
    assert "QR-code" in figure.words()
    (live,) = visitor.seen.all("*[@data-live]")
    assert live.get("data-refetch-in") == "30"


async def _picture(visitor: Visitor) -> str:
    await visitor.open("/j/pair")
    (svg,) = re.findall(r"<svg[^>]*>.*?</svg>", visitor.text.partition("<figure")[2], flags=re.DOTALL)
    return svg


@pytest.mark.parametrize("household", ["ask", "single", "couple"])
async def test_the_start_says_who_asks_what_and_why(house: House, web: aiohttp.ClientSession, household: str) -> None:
    """Name, purpose, sources and time are said before anything begins; alone or together is asked where it is open."""
    created = await house.office.create_session("bijstand", household=household)
    visitor = Visitor(web, house.url)
    seen = await visitor.open(created.journey_url)
    for words in ("Gemeente Zandbak (oefening)", "Bijzondere bijstand (oefening)", "UWV", "tien minuten"):
        assert words in seen.words()
    assert "/privacy?lang=nl" in visitor.links()
    begin = seen.at("begin")
    link = visitor.at
    if household == "ask":
        assert begin.get("href") == f"{link}/household"
        return
    await visitor.open(f"{link}/household")
    assert visitor.at == link
    await visitor.submit(f"{link}/start")
    assert visitor.at == "/j/checklist"
    partner = text("nl", "pc.checklist.partner.sms") in visitor.seen.words()
    assert partner is (household == "couple")


async def test_who_is_busy_elsewhere_is_told_in_either_language(house: House, web: aiohttp.ClientSession) -> None:
    """Without the cookie, and without a script: a link shows the same page in the other language, and back."""
    created, _, _ = await house.linked("inkomen", household="single")
    stranger = Visitor(web, house.url)
    assert (await stranger.open(created.journey_url)).title() == text("nl", "pc.busy.title")
    for language in ("en", "nl"):
        seen = await stranger.follow_to_language(language)
        assert (seen.get("lang"), seen.title()) == (language, text(language, "pc.busy.title"))
    assert (await house.parts.sessions.read(created.id)).session.language == "nl"


async def test_scanning_a_mail_changes_nothing(house: House, web: aiohttp.ClientSession) -> None:
    """GET and HEAD on the link and what it leads to, by who follows every link: the session stays as it was."""
    created = await house.office.create_session("bijstand", household="ask")
    before = await house.parts.sessions.read(created.id)
    visitor = Visitor(web, house.url)
    link = created.journey_url.removeprefix(house.url)
    for address in (link, f"{link}/household", f"{link}?lang=en"):
        status, _, body = await visitor.ask("HEAD", address)
        assert (status, body) == (200, b"")
        await visitor.open(address)
        assert (visitor.status, visitor.cookie) == (200, "")
        for linked in visitor.links():
            if linked.startswith("/"):
                assert (await visitor.ask("GET", linked))[0] == 200, linked
    assert (await house.parts.sessions.read(created.id)) == before


@pytest.mark.parametrize("state", SHOWN)
async def test_another_site_can_post_nothing(house: House, web: aiohttp.ClientSession, state: State) -> None:
    """A form of another site is refused on every address, whatever it brings along; nothing changes."""
    visitor = await brought_to(house, web, state)
    before = await _stored(house, visitor)
    for headers in ({"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        for name in ("pairing", "unpair", "language", "extension", "restart", "number", "same-device", "stop"):
            seen = await visitor.post(f"/j/{name}", headers, **FIELDS.get(name, {}))
            assert (visitor.status, seen.title()) == (401, text("nl", "problem.stranger.title")), name
    assert await _stored(house, visitor) == before


async def _stored(house: House, visitor: Visitor) -> object:
    return await house.parts.sessions.read(visitor.cookie.removeprefix("obb_").rpartition(".")[0])


async def test_another_site_cannot_start(house: House, web: aiohttp.ClientSession) -> None:
    """The start is a post too: a page elsewhere that knows a link cannot begin in somebody's browser."""
    created = await house.office.create_session("bijstand", household="single")
    visitor = Visitor(web, house.url)
    await visitor.open(created.journey_url)
    await visitor.post(f"{visitor.at}/start", {"Origin": "https://elsewhere.example"})
    assert (visitor.status, visitor.cookie) == (401, "")
    assert (await house.office.read(created.id)).status == "created"


async def test_a_start_that_says_nothing_leads_back(house: House, web: aiohttp.ClientSession) -> None:
    """Without an answer where one is needed nothing starts: the page that says so leads back to the start."""
    created = await house.office.create_session("bijstand", household="ask")
    visitor = Visitor(web, house.url)
    await visitor.open(created.journey_url)
    link = visitor.at
    for fields in ({}, {"household": ""}, {"household": "alone"}, {"household": "single", "language": "fy"}):
        await visitor.post(f"{link}/start", **fields)
        assert (visitor.status, visitor.seen.title()) == (400, text("nl", "problem.mistake.title")), fields
        assert visitor.cookie == ""
        await visitor.follow_to(link)
        assert visitor.status == 200


async def test_the_cookie_is_the_browsers_own(house: House, web: aiohttp.ClientSession) -> None:
    """One cookie: for this host only, not for scripts, not sent over plain http, gone with the window."""
    created = await house.office.create_session("bijstand", household="single")
    visitor = Visitor(web, house.url)
    await visitor.open(created.journey_url)
    await visitor.submit(f"{visitor.at}/start")
    (cookie,) = visitor.morsels
    assert cookie.key == COOKIE == "__Host-ophaalbrug"
    assert (cookie["path"], cookie["domain"], cookie["expires"], cookie["max-age"]) == ("/", "", "", "")
    assert (bool(cookie["secure"]), bool(cookie["httponly"]), cookie["samesite"].lower()) == (True, True, "lax")
    await visitor.open("/j/progress")
    assert len(visitor.morsels) == 1


@pytest.mark.parametrize("name", [*EVERY, "receipt"])
async def test_without_its_cookie_a_page_says_what_to_do(house: House, web: aiohttp.ClientSession, name: str) -> None:
    """Who comes without a cookie, or with one that is nobody's, reads how to go on; nothing of a session is shown."""
    visitor = Visitor(web, house.url)
    for cookie, status, kind in (("", 401, "stranger"), ("nonsense", 401, "stranger"), ("obb_x.y", 404, "missing")):
        visitor.cookie = cookie
        seen = await visitor.open(f"/j/{name}")
        assert (visitor.status, seen.title()) == (status, text("nl", f"problem.{kind}.title"))
        assert "/" in visitor.links()
        assert visitor.at not in visitor.links()  # no way on that leads back here


async def test_a_browser_that_was_taken_over_reads_it(house: House, web: aiohttp.ClientSession) -> None:
    """The former window says where the page went; its way on leads to the start, from where it can go on here again."""
    created, browser = await house.opened()
    former = of(browser, web)
    await former.open("/j/pair")
    await Browser(created.journey_url, house.http).start()
    for name in ("pair", "progress", "stop", "session"):
        seen = await former.open(f"/j/{name}")
        assert (former.status, seen.title()) == (409, text("nl", "problem.elsewhere.title"))
    (onwards,) = [link for link in former.links() if "/j/" in link]
    seen = await former.open(onwards)
    assert text("nl", "pc.start.elsewhere") in seen.words()
    await former.submit(f"{former.at}/start")
    assert (former.status, former.at) == (200, "/j/checklist")


async def test_who_started_here_goes_on_by_the_link(house: House, web: aiohttp.ClientSession) -> None:
    """The link in the browser that started leads back to where it was; anywhere else it says that somebody is busy."""
    created, browser, _ = await house.linked()
    ours, theirs = of(browser, web), Visitor(web, house.url)
    assert (await ours.open(created.journey_url)).title() == text("nl", "pc.progress.title")
    seen = await theirs.open(created.journey_url)
    assert seen.title() == text("nl", "pc.busy.title")
    assert (theirs.cookie, theirs.forms()) == ("", [])
    link = theirs.at
    await theirs.post(f"{link}/start")
    assert (theirs.status, theirs.cookie) == (409, "")


async def test_a_page_names_what_it_was_made_from(house: House, web: aiohttp.ClientSession) -> None:
    """A page's `data-view` is the id of the stream's first event and the session's ETag: what did not change is not
    asked again.
    """
    for state in (State.OPENED, State.PAIRING, State.COLLECTING, State.CONSENTED):
        visitor = await brought_to(house, web, state)
        await visitor.open("/j/session")
        (live,) = visitor.seen.all("*[@data-live]")
        headers = {"Accept": "text/event-stream", "Cookie": f"{COOKIE}={visitor.cookie}"}
        async with web.get(f"{house.url}/j/events", headers=headers) as stream:
            assert stream.content_type == "text/event-stream"
            lines = [await stream.content.readline() for _ in range(4)]
        assert f"id: {live.get('data-view')}\n".encode() in lines, (state, lines)
        async with web.get(f"{house.url}/j/session", headers=headers | {"Accept": "application/json"}) as answer:
            assert answer.headers["ETag"] == f'"{live.get("data-view")}"'
