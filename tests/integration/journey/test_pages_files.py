"""The PC's pages and the app's first screen speak of what a session's sources need here: a login, an SMS, or files."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import msgspec
import pytest

from broker.texts import Language
from broker.web.render import text
from tests.house import House
from tests.integration.journey.handing_over import open_house, private_house
from tests.integration.journey.reading import Part, page
from tests.integration.journey.visitor import Visitor
from tests.stores import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")
LANGUAGES: tuple[Language, ...] = ("nl", "en")


async def _started(house: House, web: aiohttp.ClientSession, profile: str, language: Language = "nl") -> list[Part]:
    """The pages from the link to the checklist, of a couple."""
    created = await house.office.create_session(profile, household="ask", language=language)
    visitor = Visitor(web, house.url)
    pages = [await visitor.open(created.journey_url)]
    link = visitor.at
    pages.append(await visitor.follow("begin"))
    pages.append(await visitor.submit(f"{link}/start", household="couple"))
    assert visitor.at == "/j/checklist"
    return pages


async def _welcome(house: House, language: Language) -> str:
    """What the app says first."""
    async with house.http.get(f"{house.url}/phone?lang={language}", headers={"Accept": "text/html"}) as answer:
        return page(await answer.text()).at("screen-welcome").words()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_where_files_are_all_nobody_is_asked_to_log_in(
    tmp_path: Path, single_store: Store, web: aiohttp.ClientSession, language: Language
) -> None:
    """From the first page to the phone it is files that are spoken of; DigiD is for the source's own site."""
    async with private_house(tmp_path, single_store.url) as house:
        pages = await _started(house, web, "werk", language)
        start, household, checklist = [seen.words() for seen in pages]
        assert text(language, "pc.start.files.title") in start
        assert text(language, "pc.household.couple.text_files") in household
        for name in ("partner.files", "partner_phone.files", "missing_files"):
            assert text(language, f"pc.checklist.{name}") in checklist
        for login in ("pc.start.login.title", "pc.household.couple.text", "pc.checklist.digid", "pc.checklist.missing"):
            assert not [words for words in (start, household, checklist) if text(language, login) in words]
        welcome = await _welcome(house, language)
        assert text(language, "phone.welcome.choose") in welcome
        assert text(language, "phone.welcome.collect") not in welcome
        for address in ("/", "/privacy", "/accessibility"):
            async with house.http.get(f"{house.url}{address}?lang={language}") as answer:
                words = page(await answer.text()).words()
            assert "DigiD" not in words
            assert not [name for name in ("own", "phones") if text(language, f"info.privacy.partner.{name}") in words]


async def test_only_what_the_sessions_sources_need_is_on_the_list(
    tmp_path: Path, single_store: Store, web: aiohttp.ClientSession
) -> None:
    """SMS is for a source that asks it, MijnOverheid for who logs in there; a login needs no file."""
    async with open_house(tmp_path, single_store.url) as house:
        _, _, pension = await _started(house, web, "pensioen")
        _, _, work = await _started(house, web, "werk")
        for checklist, sms in ((pension, False), (work, True)):
            words = checklist.words()
            assert text("nl", "pc.checklist.digid") in words
            assert (text("nl", "pc.checklist.sms") in words) is sms
            assert (text("nl", "pc.checklist.partner.sms") in words) is sms
            assert text("nl", "pc.checklist.mijnoverheid") not in words
            assert text("nl", "pc.checklist.missing") in words
            assert text("nl", "pc.checklist.files", sources="Mijnpensioenoverzicht") not in words
        assert text("nl", "phone.welcome.collect") in await _welcome(house, "nl")


async def test_a_source_without_a_login_takes_its_file(
    tmp_path: Path, single_store: Store, web: aiohttp.ClientSession
) -> None:
    """Beside sources with a login the one that takes files only is named, with what that needs."""
    work = {"incomes_url": "https://uwv.example", "benefits_url": "https://uwv.example", "api_key": "practice"}
    asked = {"OPHAALBRUG_CONNECTORS": msgspec.json.encode({"uwv": work}).decode()}
    async with open_house(tmp_path, single_store.url, settings=asked) as house:
        _, _, checklist = await _started(house, web, "werk")
        words = checklist.words()
        assert text("nl", "pc.checklist.digid") in words
        assert text("nl", "pc.checklist.files", sources="Mijnpensioenoverzicht") in words
