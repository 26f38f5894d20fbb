"""Bekijken for the invented households, through real sources and the real merge; and remarks on their way out."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from broker.texts import Language
from sandbox.citizen import collect
from sandbox.personas import HOUSEHOLDS
from sandbox.personas.facts import Household
from sandbox.phone import Phone
from sandbox.stage import SOURCES
from tests.house import House
from tests.integration.journey.reading import Part, seen
from tests.integration.journey.steps import couple_collected, own_phone, own_values
from tests.unit.broker.web.reviewing import raw_in

pytestmark = pytest.mark.asyncio(loop_scope="module")
LANGUAGES: tuple[Language, ...] = get_args(Language)
WITHOUT = ("slow-source", "login-cancelled", "wrong-person", "huge-answer")  # nothing to see that others do not show
SHOWN = [key for key in HOUSEHOLDS if key not in WITHOUT]
UNKNOWN = "absent"  # known nowhere
KINDS = ("incomes", "pensions", "possessions", "debts")


@pytest.fixture
def house(shared_house: House) -> House:
    """One for all: each test has sessions of its own."""
    return shared_house


async def spoken(phone: Phone, language: Language) -> Part:
    """The screen in this language."""
    await phone.request("PUT", "/language", {"language": language})
    return await seen(phone, "bekijken")


def partner_of(home: Household) -> str:
    """Who logs in as partner; nobody where there is no second adult with a login."""
    user = home.partner.user if home.partner else ""
    return user or (home.stranger.user if home.stranger else "")


async def collected(house: House, key: str) -> Phone:
    """A phone with everything of a household."""
    home = HOUSEHOLDS[key]
    partner = partner_of(home)
    _, _, phone = await house.linked(household="couple" if partner else "single")
    await collect(phone, "applicant", home.applicant.user, SOURCES)
    if partner:
        await collect(phone, "partner", partner, SOURCES)
    return phone


@pytest.mark.parametrize("key", SHOWN)
async def test_every_household_can_be_read(house: House, key: str) -> None:
    """Everything collected stands there with title and source, in both languages, and nothing as a program has it."""
    phone = await collected(house, key)
    content = (await phone.review()).content
    for language in LANGUAGES:
        screen = await spoken(phone, language)
        assert raw_in(await phone.screen("bekijken"), language) == []
        for kind in KINDS:
            records = screen.at(f"category-{kind}").all("article")
            assert len(records) == len(content.get(kind, []))
        persons = screen.at("category-persons").all("article")
        home = content["household"]
        assert len(persons) == len(home["persons"]) + len(home.get("addresses", []))
        for record in screen.all("article"):
            assert record.at(f"{record.get('id')}-title").words()
            (source,) = record.all("p[@class='from']")
            if key == UNKNOWN:
                assert source.words() == ""  # who logged in is there, and no source says so
            else:
                assert re.search(r"\w+, .*\d\d:\d\d", source.words())


async def test_an_own_phone_shows_nothing_of_the_other(house: House) -> None:
    """Each adult on an own phone: what goes of the other is counted, and none of it is on the page."""
    _, _, phone = await house.linked(household="couple")
    partner = await own_phone(house, phone)
    await collect(phone, "applicant", "married-couple", SOURCES)
    await collect(partner, "partner", "married-couple-partner", SOURCES)
    for mine, other in ((phone, "partner"), (partner, "applicant")):
        for language in LANGUAGES:
            words = (await spoken(mine, language)).words()
            assert not [value for value in own_values("married-couple", other) if value in words]
    expected = "Of your partner this goes along too: name and other personal details, 2 incomes and 3 pensions."
    assert expected in (await spoken(phone, "en")).words()


async def test_a_remark_goes_along_with_its_record(house: House) -> None:
    """Said at a home by the form on the page: it stands there, and the provider finds the record by it."""
    session, _, phone = await couple_collected(house)
    screen = await seen(phone, "bekijken")
    (form,) = screen.at("category-possessions").all("form[contains(@data-field, 'real-estate')]")
    assert form.get("data-action") == "remark"
    await phone.remark("applicant", form.get("data-field"), "De garage <b>hoort</b> hierbij.")
    screen = await seen(phone, "bekijken")
    (home,) = [record for record in screen.all("article") if "garage" in record.words()]
    assert home.has(form.get("id"))
    assert "Jouw opmerking: De garage <b>hoort</b> hierbij." in home.words()
    for person in ("applicant", "partner"):
        await phone.consent(person, await phone.review())
    payload: Any = (await house.office.wait_for("data", session)).payload
    (remark,) = [finding for finding in payload["findings"] if finding["kind"] == "remark"]
    field, _, key = remark["field"].rstrip("]").partition("[")
    assert (remark["person"], field) == ("applicant", "possession.real-estate")
    assert key in [thing.get("cadastralId") for thing in payload["possessions"]]
