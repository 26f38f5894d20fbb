"""The screens for files and for what is missing: what can be handed over where, what became of it, and what is sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from broker.texts import Language
from broker.web.render import text
from connectors.health import FAILURES
from sandbox.citizen import collect
from sandbox.phone import Phone
from sandbox.stage import SOURCES
from tests import stores
from tests.house import House
from tests.integration.journey.handing_over import broken, file_of, open_house, private_house
from tests.integration.journey.reading import Part, seen
from tests.integration.journey.steps import own_phone, settled, tried
from tests.stores import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")
_WORK, _PENSION = "uwv", "mijnpensioenoverzicht"
MAINTENANCE = '{"belastingdienst":{"maintenance":[{"from":"2020-01-01T00:00:00Z","until":"2099-01-01T05:00:00Z"}]}}'
LANGUAGES: tuple[Language, ...] = ("nl", "en")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    """A house that takes documents of every source, while the file's tests run."""
    with stores.single(tmp_path_factory.mktemp("store")) as store:
        async with open_house(tmp_path_factory.mktemp("house"), store.url) as built:
            yield built


@pytest_asyncio.fixture(loop_scope="module")
async def house(standing_house: House) -> AsyncGenerator[House]:
    """The same, in which every register works again after each test."""
    yield standing_house
    for register in ("brk", "woz", "uwv", "mpo"):
        await standing_house.fault(register, "none")


def files(screen: Part) -> set[str]:
    """The ids of the fields that take a file."""
    return {name for name, action in screen.actions().items() if action == "upload"}


async def spoken(phone: Phone, name: str, language: Language) -> Part:
    """A screen in this language."""
    await phone.request("PUT", "/language", {"language": language})
    return await seen(phone, name)


async def test_a_file_is_another_way_beside_the_login(house: House) -> None:
    """The next step offers both, the login first; a labelled field that takes what the source hands out, and where."""
    _, _, phone = await house.linked("werk")
    screen = await seen(phone, "ophalen")
    assert files(screen) == {"file-applicant-uwv"}
    field = screen.at("file-applicant-uwv")
    assert (field.get("type"), field.get("accept")) == ("file", ".pdf,application/pdf")
    assert screen.at("collect-applicant-uwv").get("class") == "button"
    labels = [label for label in screen.all("label") if label.has("file-applicant-uwv")]
    assert [label.words() for label in labels] == [f"{text('nl', 'phone.upload.file')} UWV"]
    assert text("nl", "phone.which.uwv") in screen.at("where-applicant-uwv").words()
    assert text("nl", "phone.upload.no_digid") in screen.at("where-applicant-uwv").words()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_became_of_a_file_is_said(house: House, language: Language) -> None:
    """When it was read and what its seal is worth; more can be chosen, four at most, and all can be taken back."""
    _, _, phone = await house.linked("werk")
    await phone.upload("applicant", _WORK, file_of("single", _WORK))
    screen = await spoken(phone, "ophalen", language)
    words = screen.at("says-applicant-uwv").words()
    assert words.endswith(text(language, "phone.seal.valid"))
    assert screen.state("applicant", _WORK) == "collected"
    assert screen.actions()["take-back-applicant-uwv"] == "take-back"
    await phone.upload("applicant", _WORK, broken("single", _WORK, "changed"))
    doubted = await seen(phone, "ophalen")
    assert doubted.state("applicant", _WORK) == "doubted"
    assert text(language, "phone.seal.invalid", source="UWV") in doubted.at("says-applicant-uwv").words()
    for how in ("unsealed", "other-ca"):
        await phone.upload("applicant", _WORK, broken("single", _WORK, how))
    assert "file-applicant-uwv" not in files(await seen(phone, "ophalen"))
    await phone.take_back("applicant", _WORK)
    assert (await seen(phone, "ophalen")).state("applicant", _WORK) == "todo"


async def test_without_any_login_files_are_the_way(tmp_path: Path, single_store: Store) -> None:
    """Every source takes its file at once and nothing asks for a login; a couple needs two phones, and is told so."""
    async with private_house(tmp_path, single_store.url) as house:
        _, _, phone = await house.linked("werk", household="couple")
        screen = await seen(phone, "ophalen")
        assert files(screen) == {"file-applicant-uwv", "file-applicant-mijnpensioenoverzicht"}
        assert text("nl", "phone.ophalen.first_file") in screen.words()
        assert "collect" not in screen.actions().values()
        assert not screen.has("partner-here")
        assert text("nl", "phone.upload.own_phone") in (await seen(phone, "partner")).words()
        partner = await own_phone(house, phone)
        await phone.upload("applicant", _WORK, file_of("married-couple", _WORK))
        await partner.upload("partner", _WORK, file_of("married-couple-partner", _WORK))
        sending = await seen(partner, "verzenden")
        assert sending.actions()["consent-partner"] == "consent"


async def test_on_a_shared_phone_the_partner_logs_in_first(house: House) -> None:
    """It is said before a file is chosen; after one login the files are there."""
    _, _, phone = await house.linked("werk", household="couple")
    for source in (_WORK, _PENSION):
        await phone.upload("applicant", source, file_of("married-couple", source))
    screen = await seen(phone, "partner")
    assert files(screen) == set()
    assert text("nl", "phone.upload.login_first") in screen.at("partner-uwv").words()
    await tried(phone, "partner", _PENSION, "married-couple-partner")
    assert "file-partner-uwv" in files(await seen(phone, "ophalen"))


async def test_a_source_that_is_down_still_takes_its_file(house: House) -> None:
    """No login, but until when, and that a file will do; after the outage the login is there again."""
    await house.fault("uwv", "down")
    for _ in range(FAILURES):
        await tried((await house.linked("werk"))[2], "applicant", _WORK, "single")
    _, _, phone = await house.linked("werk")
    screen = await seen(phone, "ophalen")
    assert screen.state("applicant", _WORK) == "down"
    assert "file-applicant-uwv" in files(screen)
    assert "collect-applicant-uwv" not in screen.actions()
    assert text("nl", "phone.trouble.file") in screen.at("says-applicant-uwv").words()
    assert text("nl", "phone.ophalen.trouble", source="UWV") in screen.get("data-status")
    await phone.upload("applicant", _WORK, file_of("single", _WORK))
    assert (await seen(phone, "ophalen")).state("applicant", _WORK) == "collected"
    await house.fault("uwv", "none")
    await house.pass_time(60)
    other = (await house.linked("werk"))[2]
    assert "collect-applicant-uwv" in (await seen(other, "ophalen")).actions()
    await tried(other, "applicant", _WORK, "single")


async def test_maintenance_is_said_with_its_end(tmp_path: Path, single_store: Store) -> None:
    """A source in maintenance is told apart from one that is out of reach, with the day where that is another one."""
    async with open_house(tmp_path, single_store.url, settings={"OPHAALBRUG_HEALTH": MAINTENANCE}) as house:
        _, _, phone = await house.linked("alles")
        screen = await seen(phone, "ophalen")
        assert screen.state("applicant", "belastingdienst") == "down"
        words = screen.at("says-applicant-belastingdienst").words()
        assert "1 januari 2099 06:00" in words
        assert "onderhoud" in words


@pytest.mark.parametrize("language", LANGUAGES)
async def test_half_an_answer_is_said_with_what_is_missing(house: House, language: Language) -> None:
    """By its code in words, with a button for the rest; a try in vain says that what was there still is."""
    await house.fault("brk", "down")
    _, _, phone = await house.linked("alles")
    await tried(phone, "applicant", "mijnoverheid", "married-couple")
    screen = await spoken(phone, "ophalen", language)
    assert screen.state("applicant", "mijnoverheid") == "partial"
    assert text(language, "phone.gap.brk-unavailable") in screen.at("says-applicant-mijnoverheid").words()
    assert text(language, "phone.act.rest") in screen.at("collect-applicant-mijnoverheid").words()
    await house.fault("woz", "down")
    assert await phone.login("applicant", "mijnoverheid") is None
    await settled(phone, "applicant", "mijnoverheid")
    again = (await seen(phone, "ophalen")).at("says-applicant-mijnoverheid").words()
    assert text(language, "phone.vain.kept") in again
    assert text(language, "phone.gap.brk-unavailable") in again


async def test_what_there_is_can_be_sent_where_the_profile_allows(house: House) -> None:
    """What is missing is named on Ophalen and Verzenden, and the button says what it does; elsewhere there is none."""
    await house.fault("mpo", "down")
    await house.fault("brk", "down")
    _, _, strict = await house.linked("alles")
    _, _, phone = await house.linked("wat-er-is")
    for one in (strict, phone):
        await collect(one, "applicant", "single", SOURCES)
    assert not (await seen(strict, "ophalen")).has("to-review")
    assert "consent" not in (await seen(strict, "verzenden")).actions().values()
    for language in LANGUAGES:
        collected, sending = await spoken(phone, "ophalen", language), await seen(phone, "verzenden")
        assert collected.has("to-review")
        label = collected.at(f"applicant-{_PENSION}").all("strong")[0].words()
        missing = text(language, "phone.lacking.failed.one", sources=label)
        partly = text(language, "phone.lacking.partly.one", sources="MijnOverheid")
        assert f"{missing} {partly}" in sending.at("lacking").words()
        assert sending.at("consent-applicant").words() == text(language, "phone.consent.last_partial")


async def test_files_that_go_along_are_shown(house: House) -> None:
    """Name, kind, size, seal and source of each; of the other adult a count; one that is withheld says why."""
    _, _, phone = await house.linked("werk", household="couple")
    partner = await own_phone(house, phone)
    await phone.upload("applicant", _WORK, file_of("married-couple", _WORK))
    await partner.upload("partner", _WORK, file_of("married-couple-partner", _WORK))
    screen = await seen(phone, "bekijken")
    (record,) = screen.at("review-documents").all("article")
    words = record.words()
    assert text("nl", "review.document.kind.uwv") in words
    assert text("nl", "review.document.valid") in words
    assert "PDF, " in words
    assert "UWV, vandaag " in words
    assert text("nl", "phone.count.documents.one", number=1) in screen.at("review-elsewhere").words()
    sending = await seen(phone, "verzenden")
    assert text("nl", "phone.verzenden.whole_files", provider="Gemeente Zandbak (oefening)") in sending.words()
    going = [line.words() for line in sending.at("going").all("li")]
    assert text("nl", "phone.count.documents.one", number=1) in going
    _, _, other = await house.linked("werk")
    await other.upload("applicant", _WORK, broken("single", _WORK, "with-bsn"))
    withheld = await seen(other, "bekijken")
    assert not withheld.has("review-documents")
    assert text("nl", "review.code.document-withheld", source="UWV") in withheld.words()
    whole = text("nl", "phone.verzenden.whole_files", provider="Gemeente Zandbak (oefening)")
    assert whole not in (await seen(other, "verzenden")).words()


async def test_a_login_that_proves_nothing_is_said(house: House) -> None:
    """Why a login was refused after it came back is kept, and told at the source."""
    _, _, phone = await house.linked("alles", testCase="level-too-low")
    source = await tried(phone, "applicant", "mijnoverheid", "single")
    assert (source.status, source.failure, source.reason) == ("failed", "login", "level-too-low")
    words = (await seen(phone, "ophalen")).at("says-applicant-mijnoverheid").words()
    assert words.startswith(text("nl", "phone.login.level-too-low"))


async def test_an_error_without_its_state_ends_the_one_login(house: House) -> None:
    """Some bridges forget the state when they tell of an error; a code without it is no login."""
    _, _, phone = await house.linked("alles")
    await phone.login("applicant", _WORK)
    await phone.request("POST", "/logins/callback", {"error": "access_denied"})
    screen = await seen(phone, "ophalen")
    assert screen.state("applicant", _WORK) == "todo"
    assert text("nl", "phone.login.cancelled") in screen.at("says-applicant-uwv").words()
