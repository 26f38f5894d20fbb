"""The PC's pages while a phone collects: progress, another language, more time, another phone, and stopping."""

from __future__ import annotations

import aiohttp
import pytest

from broker.texts import Language
from broker.web.render import text
from sessions.lifecycle import HOUR, MINUTE
from sessions.model import State
from tests.house import House
from tests.integration.journey.steps import refused, session_when, tried
from tests.integration.journey.visitor import Visitor, brought_to, of

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROGRESS = text("nl", "pc.progress.title")


@pytest.fixture
def house(shared_house: House) -> House:
    """One for all: each test has sessions of its own."""
    return shared_house


async def test_progress_shows_each_source_of_each_person(house: House, web: aiohttp.ClientSession) -> None:
    """Per person and source a state in words, and how many are done; a source that failed points to the phone."""
    _, browser, phone = await house.linked(household="couple")
    await tried(phone, "applicant", "uwv", "married-couple")
    await house.fault("belastingdienst", "down")
    await tried(phone, "partner", "belastingdienst", "married-couple-partner")
    await phone.login("partner", "mijnoverheid")
    visitor = of(browser, web)
    seen = await visitor.open("/j/progress")
    states = [[item.get("data-state") for item in people.all("li")] for people in seen.all("ul[@class='sources']")]
    assert states == [["todo", "collected", "todo", "todo"], ["fetching", "todo", "failed", "todo"]]
    (main,) = seen.all("main")
    assert main.get("data-status") == text("nl", "pc.progress.status", done=1, all=8)
    assert text("nl", "pc.progress.state_failed") in main.words()


async def test_a_language_before_the_start_goes_along(house: House, web: aiohttp.ClientSession) -> None:
    """Looking in another language changes nothing; starting there makes it the session's."""
    created = await house.office.create_session("bijstand", household="ask")
    visitor = Visitor(web, house.url)
    await visitor.open(created.journey_url)
    link = visitor.at
    seen = await visitor.follow_to_language("en")
    assert (visitor.at, seen.get("lang")) == (f"{link}?lang=en", "en")
    assert "Municipality of Sandbox (practice)" in seen.title()
    assert (await house.parts.sessions.read(created.id)).session.language == "nl"
    seen = await visitor.follow("begin")
    assert seen.title() == text("en", "pc.household.title")
    seen = await visitor.follow_to_language("nl")
    assert seen.title() == text("nl", "pc.household.title")
    seen = await visitor.follow_to_language("en")
    seen = await visitor.submit(f"{link}/start", household="single")
    assert (visitor.at, seen.title()) == ("/j/checklist", text("en", "pc.checklist.title"))


@pytest.mark.parametrize(
    ("state", "title"),
    [(State.OPENED, "pc.qr.title"), (State.PAIRING, "pc.code.title"), (State.COLLECTING, "pc.progress.title")],
)
async def test_a_language_under_way_changes_every_page(
    house: House, web: aiohttp.ClientSession, state: State, title: str
) -> None:
    """On each page after the start one click changes the language of that page and all that follow, and back."""
    visitor = await brought_to(house, web, state)
    await visitor.open("/j/session")
    languages: tuple[Language, ...] = ("en", "nl")
    for language in languages:
        seen = await visitor.submit("/j/language", language=language)
        assert (visitor.status, seen.get("lang"), seen.title()) == (200, language, text(language, title))
        assert (await visitor.open("/j/stop")).title() == text(language, "pc.stop.title")
        await visitor.open("/j/session")
    await visitor.post("/j/language", language="fy")
    assert visitor.status == 400


async def test_a_page_stays_where_it_is_in_another_language(house: House, web: aiohttp.ClientSession) -> None:
    """On the way to the QR too the same page comes back; a Referer of elsewhere leads to the page that fits."""
    visitor = await brought_to(house, web, State.OPENED)
    languages: tuple[Language, ...] = ("en", "nl", "en", "nl")
    for name, language in zip(("/j/checklist", "/j/number", "/j/stop", "/j/pair?typed"), languages, strict=True):
        await visitor.open(name)
        seen = await visitor.submit("/j/language", language=language)
        assert (visitor.at, seen.get("lang")) == (name, language)
    for referer in ("https://elsewhere.example/j/stop", f"{house.url}/j/language", f"{house.url}@elsewhere.example/"):
        await visitor.post("/j/language", {"Referer": referer}, language="en")
        assert (visitor.status, visitor.at) == (200, "/j/pair")


async def test_words_that_were_agreed_to_stay(house: House, web: aiohttp.ClientSession) -> None:
    """Once an adult consented no page offers another language; a page from before is told that it cannot be now."""
    _, browser, phone = await house.linked("inkomen", household="couple")
    await tried(phone, "applicant", "uwv", "married-couple")
    await tried(phone, "partner", "uwv", "married-couple-partner")
    visitor = of(browser, web)
    await visitor.open("/j/progress")
    assert "/j/language" in visitor.forms()
    await phone.consent("applicant", await phone.review())
    await visitor.open("/j/progress")
    assert "/j/language" not in visitor.forms()
    seen = await visitor.post("/j/language", language="en")
    assert (visitor.status, seen.title()) == (409, text("nl", "problem.moved-on.title"))
    seen = await visitor.follow_to("/j/session")
    assert (seen.title(), seen.get("lang")) == (PROGRESS, "nl")


async def test_more_time_is_offered_in_time_and_given(house: House, web: aiohttp.ClientSession) -> None:
    """In the last ten minutes the page warns, until when; one click moves the end by an hour, as the phone sees it."""
    _, browser, phone = await house.linked()
    visitor = of(browser, web)
    await visitor.open("/j/progress")
    assert "/j/extension" not in visitor.forms()
    (live,) = visitor.seen.all("*[@data-live]")
    assert 49 * MINUTE < int(live.get("data-refetch-in")) <= 50 * MINUTE + 2  # to be there when the warning is due
    await house.pass_time(51 * MINUTE)
    seen = await visitor.open("/j/progress")
    (live,) = seen.all("*[@data-live]")
    assert int(live.get("data-refetch-in")) <= 9 * MINUTE + 2
    assert text("nl", "pc.progress.short") in seen.words()
    seen = await visitor.submit("/j/extension")
    assert (visitor.at, text("nl", "pc.progress.short") in seen.words()) == ("/j/progress", False)
    await house.pass_time(58 * MINUTE)
    assert (await phone.session()).status == "collecting"


async def test_more_time_does_not_wake_the_dead(house: House, web: aiohttp.ClientSession) -> None:
    """An attempt that ran out is over: a click that comes too late is told so, and leads to the QR."""
    created, browser, phone = await house.linked()
    visitor = of(browser, web)
    await house.pass_time(51 * MINUTE)
    await visitor.open("/j/progress")
    await house.pass_time(10 * MINUTE)
    seen = await visitor.submit("/j/extension")
    assert (visitor.status, seen.title()) == (409, text("nl", "problem.moved-on.title"))
    await session_when(house, created.id, lambda session: session.state is State.OPENED)
    seen = await visitor.follow_to("/j/session")
    assert text("nl", "pc.qr.again") in seen.words()
    with refused("wrong-secret"):
        await phone.session()


async def test_more_time_ends_after_a_day(house: House, web: aiohttp.ClientSession) -> None:
    """However often one asks, an attempt takes 24 hours at most; the last warning says so, and offers nothing."""
    _, browser, phone = await house.linked()
    visitor = of(browser, web)
    for _ in range(27):
        await house.pass_time(52 * MINUTE)
        await visitor.post("/j/extension")
        assert visitor.at == "/j/progress"
    ends_at = (await phone.session()).attempt_ends_at
    assert ends_at is not None
    assert ends_at.timestamp() - house.now() < HOUR
    await house.pass_time(ends_at.timestamp() - house.now() - 9 * MINUTE)
    seen = await visitor.open("/j/progress")
    assert "/j/extension" not in visitor.forms()
    assert text("nl", "pc.progress.no_more") in seen.words()


async def test_another_phone_says_first_what_it_deletes(house: House, web: aiohttp.ClientSession) -> None:
    """The page asks, and says what goes; no leads back; yes deletes it, and shows a fresh QR that says so."""
    created, browser, phone = await house.linked("inkomen")
    await tried(phone, "applicant", "uwv", "single")
    visitor = of(browser, web)
    await visitor.open("/j/progress")
    seen = await visitor.follow("other-phone")
    assert (seen.title(), text("nl", "pc.restart.lead") in seen.words()) == (text("nl", "pc.restart.title"), True)
    assert (await visitor.follow_to("/j/progress")).title() == PROGRESS
    assert (await phone.session()).persons["applicant"].source("uwv").status == "collected"
    await visitor.open("/j/restart")
    seen = await visitor.submit("/j/restart")
    assert (visitor.at, text("nl", "pc.qr.again") in seen.words()) == ("/j/pair", True)
    assert (await house.parts.sessions.read(created.id)).session.records == {}
    with refused("wrong-secret"):
        await phone.session()


@pytest.mark.parametrize("state", [State.OPENED, State.PAIRING, State.COLLECTING, State.CONSENTED])
async def test_stopping_is_asked_first(house: House, web: aiohttp.ClientSession, state: State) -> None:
    """Every page has the way out, which asks, and says what goes; no leads back; yes ends it, with a receipt. What was
    sent already is taken back, as the provider may have it.
    """
    leads, ends = ("sent", "withdrawn") if state is State.CONSENTED else ("lead", "citizen")
    visitor = await brought_to(house, web, state)
    fits = await visitor.open("/j/session")
    seen = await visitor.follow_to("/j/stop")
    assert text("nl", f"pc.stop.{leads}", provider="Gemeente Zandbak (oefening)") in seen.words()
    (back,) = [link for link in visitor.links() if link in ("/j/pair", "/j/progress")]
    assert (await visitor.open(back)).title() == fits.title()
    await visitor.follow_to("/j/stop")
    for _ in range(2):  # a second click changes nothing
        seen = await visitor.post("/j/stop")
        assert (visitor.status, visitor.at) == (200, "/j/progress")
        assert (seen.title(), seen.has("receipt")) == (text("nl", f"pc.end.{ends}.title"), True)
