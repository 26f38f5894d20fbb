"""The PC's pages at the end: each end explained with a way on, the receipt, and nothing of anybody on any page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import unescape
from typing import Any

import aiohttp
import msgspec
import pytest

from broker.texts import Language
from broker.web.render import text
from sandbox.browser import COOKIE, Browser
from sandbox.citizen import collect
from sandbox.personas import HOUSEHOLDS, canaries
from sandbox.phone import Phone, Role
from sandbox.stage import SOURCES
from sessions.lifecycle import DAY, HOUR
from sessions.model import ENDS, State
from tests.house import House
from tests.integration.journey.reading import seen
from tests.integration.journey.steps import own_values, refuse_data, session_when, tried
from tests.integration.journey.visitor import Visitor, of

pytestmark = pytest.mark.asyncio(loop_scope="module")
LANGUAGES: tuple[Language, ...] = ("nl", "en")
ONWARDS = "https://gemeente.example/aanvraag/123"
# What must be read of an end of which nobody knows whether the provider has the data.
_UNCERTAIN: dict[tuple[Language, str], tuple[str, ...]] = {
    ("nl", "undelivered"): ("niet bevestigd", "Niet bevestigd door Gemeente Zandbak (oefening)"),
    ("en", "undelivered"): ("not confirmed", "Not confirmed by Municipality of Sandbox (practice)"),
    ("nl", "withdrawn-maybe"): ("misschien al ontvangen",),
    ("en", "withdrawn-maybe"): ("may already have received it",),
    ("nl", "provider-maybe"): ("ingetrokken", "misschien al ontvangen"),
    ("en", "provider-maybe"): ("request", "may already have received them"),
}
_NAMES = {"nl": "Gemeente Zandbak (oefening)", "en": "Municipality of Sandbox (practice)"}


@pytest.fixture
def house(shared_house: House) -> House:
    """One for all: each test has sessions of its own."""
    return shared_house


class Going(msgspec.Struct):
    """A session on its way to an end."""

    house: House
    session_id: str
    browser: Browser
    phone: Phone

    async def link(self) -> None:
        """A phone is linked, and everything that is needed is collected."""
        self.phone, paired = await self.house.scanned(self.browser)
        await self.browser.type_code(paired.pairing_code)
        await tried(self.phone, "applicant", "uwv", "single")

    async def consent(self) -> None:
        """It is sent, to a provider who is away."""
        refuse_data(self.house)
        await self.link()
        await self.phone.consent("applicant", await self.phone.review())


async def _delivered(going: Going) -> None:
    await going.link()
    await going.phone.consent("applicant", await going.phone.review())


async def _undelivered(going: Going) -> None:
    await going.consent()
    await going.house.pass_time(76 * HOUR + 1)


async def _expired(going: Going) -> None:
    await going.house.pass_time(72 * HOUR + 1)


async def _citizen(going: Going) -> None:
    await going.link()
    await going.phone.stop()


async def _provider(going: Going) -> None:
    await going.link()
    await going.house.office.cancel(going.session_id)


async def _declined(going: Going) -> None:
    await going.link()
    await going.phone.decline_part("applicant")


async def _withdrawn(going: Going) -> None:
    await going.consent()
    await going.phone.withdraw()


async def _pulled_and_withdrawn(going: Going) -> None:
    await going.consent()
    await going.house.office.pull_payload(going.session_id)
    await going.phone.withdraw()


async def _pulled_and_cancelled(going: Going) -> None:
    await going.consent()
    await going.house.office.pull_payload(going.session_id)
    await going.house.office.cancel(going.session_id)


WAYS: dict[str, Callable[[Going], Awaitable[None]]] = {
    "delivered": _delivered,
    "undelivered": _undelivered,
    "expired": _expired,
    "citizen": _citizen,
    "provider": _provider,
    "declined": _declined,
    "withdrawn": _withdrawn,
    "withdrawn-maybe": _pulled_and_withdrawn,
    "provider-maybe": _pulled_and_cancelled,
}


async def _brought(house: House, outcome: str, language: Language = "nl") -> tuple[str, str, Browser]:
    """A session that ended so: its id, its link, and the browser that started it."""
    created = await house.office.create_session(
        "inkomen", household="single", language=language, returnUrl=ONWARDS, reference="dossier-5"
    )
    browser = Browser(created.journey_url, house.http)
    await browser.start()
    await WAYS[outcome](Going(house, created.id, browser, house.phone()))
    await session_when(house, created.id, lambda session: session.state in ENDS)
    return created.id, created.journey_url, browser


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", WAYS)
async def test_every_end_is_explained_with_a_way_on(
    house: House, web: aiohttp.ClientSession, outcome: str, language: Language
) -> None:
    """The page says how it ended, what to do now and where to go on, and keeps a receipt for who started; there is
    nothing left to stop, and nobody else's browser sees a receipt.
    """
    session_id, link, browser = await _brought(house, outcome, language)
    visitor = of(browser, web)
    seen = await visitor.open("/j/session")
    assert (visitor.status, visitor.at, seen.get("lang")) == (200, "/j/progress", language)
    assert seen.title() == text(language, f"pc.end.{outcome}.title")
    for part in ("text", "next"):
        assert text(language, f"pc.end.{outcome}.{part}", provider=_NAMES[language]) in seen.words()
    assert ONWARDS in visitor.links()
    assert "/j/stop" not in visitor.links()
    assert visitor.forms() == []
    assert seen.has("receipt")
    assert session_id in seen.words()
    was_sent = outcome in ("delivered", "undelivered")
    assert len(seen.all("ol[@class='timeline']")) == was_sent
    stranger = Visitor(web, house.url)
    seen = await stranger.open(link)
    assert (stranger.status, seen.title()) == (200, text(language, f"pc.end.{outcome}.title"))
    assert not seen.has("receipt")
    assert session_id not in seen.words()
    assert (stranger.forms(), ONWARDS in stranger.links()) == ([], True)
    await stranger.open("/j/receipt")
    assert stranger.status == 401


async def test_an_end_can_be_read_in_another_language(house: House, web: aiohttp.ClientSession) -> None:
    """By a link, without a script and without the cookie; the session's own language, and so its receipt, stay."""
    session_id, link, browser = await _brought(house, "undelivered")
    title = text("en", "pc.end.undelivered.title")
    for visitor, address in ((of(browser, web), "/j/session"), (Visitor(web, house.url), link)):
        await visitor.open(address)
        seen = await visitor.follow_to_language("en")
        assert (seen.get("lang"), seen.title()) == ("en", title)
        assert text("en", "pc.end.undelivered.next", provider=_NAMES["en"]) in seen.words()
        assert not [name for name in _NAMES.values() if name != _NAMES["en"] and name in seen.words()]
        assert (await visitor.follow_to_language("nl")).get("lang") == "nl"
    assert (await house.parts.sessions.read(session_id)).session.language == "nl"


async def test_nobody_reads_that_it_was_sent_before_it_was(house: House, web: aiohttp.ClientSession) -> None:
    """Until the last consent is in the store neither PC nor phone says so; what the provider certainly has not is not
    said to have been sent either.
    """
    _, browser, phone = await house.linked("inkomen", household="single")
    refuse_data(house)
    await tried(phone, "applicant", "uwv", "single")
    visitor, sent = of(browser, web), text("nl", "pc.timeline.sent")
    assert sent == text("nl", "phone.timeline.sent")
    assert sent not in (await visitor.open("/j/progress")).words()
    assert sent not in (await seen(phone, "verzenden")).words()
    await phone.consent("applicant", await phone.review())
    assert sent in (await visitor.open("/j/progress")).words()
    assert sent in (await seen(phone, "verzenden")).words()
    await phone.withdraw()
    assert sent not in (await visitor.open("/j/progress")).words()
    assert sent not in (await seen(phone, "verzenden")).words()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_both_screens_tell_the_same_of_what_is_not_certain(
    house: House, web: aiohttp.ClientSession, language: Language
) -> None:
    """Not confirmed is called that; and what was taken back, by whom it was, with doubt, may have been received."""
    for outcome in ("undelivered", "withdrawn-maybe", "provider-maybe"):
        created = await house.office.create_session("inkomen", household="single", language=language)
        browser = Browser(created.journey_url, house.http)
        await browser.start()
        going = Going(house, created.id, browser, house.phone())
        await WAYS[outcome](going)
        await session_when(house, created.id, lambda session: session.state in ENDS)
        on_pc = (await of(browser, web).open("/j/session")).words()
        on_phone = (await seen(going.phone, "end")).words()
        for words in (on_pc, on_phone):
            assert all(told in words for told in _UNCERTAIN[language, outcome])
            assert text(language, "pc.timeline.received", provider=_NAMES[language]) not in words


@pytest.mark.parametrize("outcome", ["delivered", "expired"])
async def test_the_receipt_is_a_file_that_proves_itself(house: House, web: aiohttp.ClientSession, outcome: str) -> None:
    """A file to keep: readable, signed by the broker, and with nothing about the person it is of."""
    session_id, _, browser = await _brought(house, outcome)
    visitor = of(browser, web)
    await visitor.open("/j/progress")
    assert visitor.seen.at("receipt-file").get("href") == "/j/receipt"
    status, headers, body = await visitor.ask("GET", "/j/receipt")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert headers["Content-Disposition"] == 'attachment; filename="ophaalbrug-bewijs.json"'
    kept: dict[str, Any] = msgspec.json.decode(body)
    assert (kept["sessionId"], kept["provider"], kept["outcome"]) == (session_id, _NAMES["nl"], outcome)
    signed = await house.office.check_receipt(kept["purgeReceipt"])
    assert (signed["sessionId"], signed["destroyed"]) == (session_id, kept["destroyed"])
    assert b"\n" in body  # a person can read it
    assert not [value for value in own_values("single", "applicant") if value in body.decode()]
    assert "dossier-5" not in body.decode()


async def test_there_is_no_receipt_before_the_end(house: House, web: aiohttp.ClientSession) -> None:
    """Who asks for it while a phone collects reads that it cannot be now."""
    _, browser, _ = await house.linked()
    visitor = of(browser, web)
    seen = await visitor.open("/j/receipt")
    assert (visitor.status, seen.title()) == (409, text("nl", "problem.moved-on.title"))
    assert (await visitor.follow_to("/j/session")).title() == text("nl", "pc.progress.title")


async def test_the_last_page_is_there_for_a_day(house: House, web: aiohttp.ClientSession) -> None:
    """After that the browser is a stranger to it too, and is told so; the link still says how it ended."""
    session_id, link, browser = await _brought(house, "citizen")
    visitor = of(browser, web)
    await house.pass_time(DAY + 1)
    await session_when(house, session_id, lambda session: not session.closing_secrets)
    seen = await visitor.open("/j/progress")
    assert (visitor.status, seen.title()) == (401, text("nl", "problem.stranger.title"))
    seen = await visitor.open(link)
    assert (visitor.status, seen.title()) == (200, text("nl", "pc.end.citizen.title"))
    assert (seen.has("receipt"), ONWARDS in visitor.links()) == (False, False)


async def test_an_attempt_after_which_it_is_too_late_is_explained(house: House, web: aiohttp.ClientSession) -> None:
    """Who began in time and did not finish reads the same words as who never began: they are true for both."""
    created, browser = await house.opened()
    await house.pass_time(72 * HOUR - 60)
    phone, paired = await house.scanned(browser)
    await browser.type_code(paired.pairing_code)
    await tried(phone, "applicant", "uwv", "single")
    await house.pass_time(HOUR + 1)
    await session_when(house, created.id, lambda session: session.state is State.EXPIRED)
    visitor = of(browser, web)
    seen = await visitor.open("/j/session")
    assert seen.title() == text("nl", "pc.end.expired.title")
    assert "Was er iets opgehaald, dan is dat verwijderd." in seen.words()


async def test_no_page_of_the_pc_shows_a_value(house: House, web: aiohttp.ClientSession) -> None:
    """From the start to the receipt: no page, answer or event of the PC has a value of either adult, in any notation;
    the phone, to which they belong, does.
    """
    household = "married-couple"
    created = await house.office.create_session("bijstand", household="couple", reference="dossier-5")
    browser = Browser(created.journey_url, house.http)
    values = {*canaries(HOUSEHOLDS[household]), *own_values(household, "applicant"), "dossier-5"}
    watched = _Watched(of(browser, web), created.journey_url, values)
    await watched.is_clean()
    await browser.start()
    watched.visitor.cookie = browser.cookie
    await watched.is_clean()
    phone, paired = await house.scanned(browser)
    await watched.is_clean()
    await browser.type_code(paired.pairing_code)
    adults: dict[Role, str] = {"applicant": household, "partner": f"{household}-partner"}
    for person, user in adults.items():
        for source in SOURCES:
            await collect(phone, person, user, [source])
            await watched.is_clean()
    shown = msgspec.json.encode((await phone.review()).content).decode()
    assert [value for value in values if value in shown]
    refuse_data(house)
    for person in adults:
        await phone.consent(person, await phone.review())
        await watched.is_clean()
    await phone.withdraw()
    await watched.is_clean()


class _Watched:
    """Everything a PC can see of a session, searched for values."""

    def __init__(self, visitor: Visitor, link: str, values: set[str]) -> None:
        self.visitor = visitor
        self._link = link
        self._values = values

    async def is_clean(self) -> None:
        """None of the values is on any page, in any answer to a program, or in the stream's first event."""
        for address in (self._link, f"{self._link}/household"):
            await self._look(address)
        for name in ("session", "checklist", "number", "pair", "pair?typed", "progress", "restart", "stop", "receipt"):
            await self._look(f"/j/{name}")
        async with self.visitor.http.get(f"{self.visitor.origin}/j/session", headers=self._cookie()) as answer:
            self._search("/j/session", await answer.text())
        async with self.visitor.http.get(f"{self.visitor.origin}/j/events", headers=self._cookie()) as stream:
            self._search("/j/events", (await stream.content.read(4096)).decode())

    async def _look(self, address: str) -> None:
        await self.visitor.open(address)
        self._search(address, self.visitor.text + str(self.visitor.headers) + self.visitor.at)

    def _search(self, address: str, seen: str) -> None:
        assert not [value for value in self._values if value in unescape(seen)], address

    def _cookie(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.visitor.cookie}", "Accept": "application/json"}
