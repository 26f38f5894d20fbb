"""Pages without a session, and problems as pages: for people in their language, with a way on; JSON for programs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from lxml import html as parsing

from broker.errors import CATALOGUE
from broker.texts import Language
from broker.web.render import text, texts
from sandbox.browser import COOKIE, Browser
from sessions import lifecycle
from tests.house import House, standing
from tests.integration.provider.asking import Answer, ask, problem
from tests.stores import single

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGES = {"/": "home", "/privacy": "privacy", "/accessibility": "accessibility"}


async def seen(house: House, path: str, **headers: str) -> Answer:
    """A page as a browser asks for it; every page has the policy that lets nothing in from elsewhere."""
    answer = await ask(house, "GET", path, headers={**PAGE, **headers})
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "camera=()" in answer.headers["Permissions-Policy"]
    return answer


def parsed(answer: Answer) -> Any:
    """The page's elements."""
    return parsing.fromstring(answer.body.decode())


def words(answer: Answer) -> str:
    """The text of a page's main part, in one line."""
    return " ".join(parsed(answer).xpath("string(//main)").split())


def links(answer: Answer) -> list[str]:
    """Where a page's main part leads, in order; its mail addresses left out."""
    found = parsed(answer).xpath("//main//a/@href")
    return [url for url in found if not url.startswith("mailto:")]


@pytest.mark.parametrize(("path", "name"), PAGES.items())
@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "", "nl"),
        ("", "nl-BE, en;q=0.5", "nl"),
        ("", "nl;q=0.5, en-GB", "en"),
        ("", "fr, en;q=0.1", "en"),
        ("", "fr", "nl"),
        ("", "en;q=0, *", "nl"),
        ("?lang=en", "nl", "en"),
        ("?lang=nl", "en", "nl"),
        ("?lang=fr", "en", "en"),
        ("?lang=%22%3E", ";q=x,,", "nl"),
    ],
)
async def test_a_page_speaks_the_language_that_was_asked(
    house: House, path: str, name: str, query: str, accepted: str, language: Language
) -> None:
    """By choice, else by what the browser prefers, else Dutch; the other language is one link away."""
    answer = await seen(house, path + query, **{"Accept-Language": accepted})
    page = parsed(answer)
    assert (answer.status, answer.headers["Content-Language"], page.get("lang")) == (200, language, language)
    assert page.findtext(".//h1") == texts(language)[f"info.{name}.title"]
    other = "nl" if language == "en" else "en"
    assert page.xpath("//nav[@class='languages']//a/@href") == [f"{path}?lang={other}"]


async def test_the_front_door_leads_to_the_phone_app(house: House) -> None:
    """Who is under way on a computer opens this address on the phone; nobody starts a session here."""
    answer = await seen(house, "/")
    assert "/phone" in links(answer)
    assert "<form" not in answer.body.decode()


async def test_the_privacy_page_promises_what_the_code_does(house: House) -> None:
    """Every period on it is a constant of the code, in both languages."""
    periods = {
        "idle_minutes": lifecycle.IDLE_SECONDS / 60,
        "attempt_hours": lifecycle.ATTEMPT_SECONDS / 3600,
        "delivery_hours": lifecycle.DELIVERY_SECONDS / 3600,
        "closing_hours": lifecycle.CLOSING_SECONDS / 3600,
        "trace_days": lifecycle.TOMBSTONE_SECONDS / 86400,
    }
    languages: tuple[Language, ...] = ("nl", "en")
    for language in languages:
        page = words(await seen(house, f"/privacy?lang={language}"))
        for name in ("data_long", "package_long", "cookie_long", "trace_long"):
            given = {key: round(value) for key, value in periods.items()}
            assert text(language, f"info.privacy.keep.{name}", **given) in page


async def test_the_accessibility_statement_says_how_to_report(house: House) -> None:
    """With the operator's address, the date of the last test, and who decides when we do not."""
    answer = await seen(house, "/accessibility")
    assert f"mailto:{house.settings.contact_email}" in answer.body.decode()
    assert re.search(r"\d{1,2} [a-z]+ 20\d\d\.", words(answer))
    assert links(answer) == ["https://www.nationaleombudsman.nl/"]


async def test_a_program_gets_json_where_a_person_gets_a_page(house: House) -> None:
    """The same address, code and status; the provider's and the phone's own interfaces never answer a page."""
    problem(await ask(house, "GET", "/nergens"), "not-found")
    problem(await ask(house, "GET", "/nergens", headers={"Accept": "application/json"}), "not-found")
    for path in ("/v1/nergens", "/phone/v1/nergens", "/phone/screens/nergens", "/.well-known/nergens"):
        assert (await ask(house, "GET", path, headers=PAGE)).headers["Content-Type"].startswith("application/problem+")
    answer = await seen(house, "/nergens")
    assert answer.status == CATALOGUE["not-found"].status
    assert CATALOGUE["not-found"].nl in words(answer)


async def test_a_lost_link_leads_to_who_invited(house: House) -> None:
    """The page of a link that is wrong says what to check, and repeats nothing of the link."""
    answer = await seen(house, "/j/onbekend.geheim")
    assert answer.status == 404
    assert texts("nl")["problem.missing.next"] in words(answer)
    assert "geheim" not in words(answer)
    assert links(answer) == ["/"]


async def test_whoever_was_taken_over_can_come_back(house: House) -> None:
    """The former browser is shown the start page of its own session: it knew that link already."""
    created, browser = await house.opened()
    cookie = f"{COOKIE}={browser.cookie}"
    await Browser(created.journey_url, house.http).start()
    answer = await seen(house, "/j/session", Cookie=cookie)
    assert (answer.status, links(answer)) == (409, [created.journey_url, "/"])
    assert texts("nl")["problem.elsewhere.title"] in words(answer)


async def test_a_stranger_is_shown_no_start_page(house: House) -> None:
    """Knowing a session's id is not knowing its link."""
    created, browser = await house.opened()
    forged = browser.cookie[:-4] + ("AAAA" if not browser.cookie.endswith("AAAA") else "BBBB")
    answer = await seen(house, "/j/session", Cookie=f"{COOKIE}={forged}")
    assert answer.status == 401
    assert created.journey_url not in answer.body.decode()
    assert links(answer) == ["/"]


async def test_what_passes_can_be_tried_again(tmp_path: Path) -> None:
    """While the store is away, the page says so with its status, and leads to itself."""
    (tmp_path / "house").mkdir()
    with single(tmp_path / "store") as store:
        async with standing(tmp_path / "house", store.url) as house:
            (node,) = store.nodes
            node.stop()
            try:
                answer = await seen(house, "/brand/iemand/logo", **{"Accept-Language": "en"})
            finally:
                node.resume()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert CATALOGUE["store-unavailable"].en in words(answer)
    assert links(answer) == ["/brand/iemand/logo", "/"]
