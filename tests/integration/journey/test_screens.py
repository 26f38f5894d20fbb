"""The phone app's screens over real HTTP: which one fits, what stands on it in both languages, and what never does."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker import contents, dpop, providers
from broker.http.html import CONTENT_SECURITY_POLICY
from broker.texts import Language
from broker.web import formats
from broker.web.render import text
from connectors.health import FAILURES
from sandbox.browser import Browser
from sandbox.citizen import collect
from sandbox.phone import Phone, Role
from sandbox.registration import ProfileEntry, Text
from sandbox.stage import FIELDS, SOURCES
from tests.house import House
from tests.integration.journey.reading import page, seen, shown
from tests.integration.journey.steps import (
    asked_couple,
    couple_collected,
    own_phone,
    own_values,
    refuse_data,
    refused,
    state_and_code,
    tried,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
TABS = ("ophalen", "bekijken", "verzenden")
EVERY = (*TABS, "partner", "partner-phone", "confirm", "code", "sent", "end", "no-such-screen")
LANGUAGES: tuple[Language, ...] = ("nl", "en")


@pytest.fixture
def house(shared_house: House) -> House:
    """One for all: each test has sessions of its own."""
    return shared_house


@pytest.mark.parametrize("path", ["/phone", "/phone/terug?code=abc&state=def", "/phone?lang=en"])
async def test_the_app_knows_nobody(house: House, path: str) -> None:
    """The app's document is the same for everybody, speaks the wished language, and brings what a first proof needs."""
    language: Language = "en" if path.endswith("en") else "nl"
    async with house.http.get(f"{house.url}{path}", headers={"Accept": "text/html"}) as answer:
        found = page(await answer.text())
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert "Set-Cookie" not in answer.headers
    frame = found.at("shell")
    assert found.get("lang") == language
    assert frame.get("data-nonce") == dpop.nonce(house.parts.keys.ring, house.now())
    assert abs(int(frame.get("data-now")) - house.now()) < 10
    assert text(language, "phone.elsewhere.title") in found.at("screen-elsewhere").words()


async def test_a_waiting_phone_is_asked_whose_page_it_is(house: House) -> None:
    """Until its code is typed a phone sees who asks, and the place for its code; yes and no weigh the same."""
    _, browser = await house.opened()
    phone, paired = await house.scanned(browser)
    assert {name: await shown(phone, name) for name in EVERY} == dict.fromkeys(EVERY, "confirm") | {"code": "code"}
    asking = await seen(phone, "confirm")
    assert text("nl", "phone.confirm.applicant.question") in asking.words()
    buttons = [asking.at(name) for name in ("accept", "refuse")]
    assert [button.get("class") for button in buttons] == ["button", "button"]
    assert paired.pairing_code not in await phone.screen("code")
    await browser.type_code(paired.pairing_code)
    assert await shown(phone, "code") == "ophalen"


async def test_a_screen_of_a_session_that_moves_meanwhile(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody consents last while the screen to do so is made: what comes is where it stands then, and no refusal."""
    _, _, phone = await house.collected()
    review, opened = await phone.review(), contents.opened

    async def moved_first(*about: Any) -> Any:
        monkeypatch.undo()
        await phone.consent("applicant", review)
        return await opened(*about)

    monkeypatch.setattr(contents, "opened", moved_first)
    assert await shown(phone, "verzenden") in ("sent", "end")


async def test_one_person_sees_the_screen_that_fits(house: House) -> None:
    """While collecting the tabs are there and nothing of a partner; then it was sent; then it is over."""
    created, _, phone = await house.linked()
    for name in EVERY:
        assert await shown(phone, name) == (name if name in TABS else "ophalen")
    await collect(phone, "applicant", "single", SOURCES)
    refuse_data(house)
    await phone.consent("applicant", await phone.review())
    assert {await shown(phone, name) for name in EVERY} == {"sent"}
    await phone.withdraw()
    assert {await shown(phone, name) for name in EVERY} == {"end"}
    assert created.id in await phone.screen("end")


async def test_where_the_partner_collects_is_chosen_once(house: House) -> None:
    """The partner's screens are there while it is open where the partner collects, and not for the partner."""
    _, _, phone = await house.linked(household="couple")
    assert (await shown(phone, "partner"), await shown(phone, "partner-phone")) == ("partner", "partner-phone")
    warning = (await seen(phone, "partner")).words()
    assert text("nl", "phone.partner_here.both_see") in warning
    waiting = house.phone()
    paired = await waiting.pair(token=(await phone.partner_token()).url)
    assert (await seen(phone, "partner-phone")).at("approve-form").get("data-pairing") == paired.id
    assert text("nl", "phone.code.partner.title") in (await seen(waiting, "code")).words()
    assert (await shown(phone, "partner")) == "ophalen"
    await phone.approve(paired.id, paired.pairing_code)
    for one in (phone, waiting):
        assert {await shown(one, "partner"), await shown(one, "partner-phone")} == {"ophalen"}


async def test_no_phone_sees_a_screen_of_another(house: House) -> None:
    """A screen takes the phone's own token and proof, as every request does; a phone that is out sees none."""
    _, browser, phone = await house.linked()
    stranger = house.phone()
    stranger.token = phone.token
    with refused("wrong-secret"):
        await stranger.screen("ophalen")
    async with house.http.get(f"{house.url}/phone/v1/screens/ophalen") as answer:
        assert answer.status == 401
    await browser.restart()
    with refused("wrong-secret"):
        await phone.screen("ophalen")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_screen_speaks_the_sessions_language(house: House, language: Language) -> None:
    """Every screen of a couple's journey, in the language the phone chose last."""
    other: Language = "en" if language == "nl" else "nl"
    created = await house.office.create_session("bijstand", household="couple", language=other)
    browser = Browser(created.journey_url, house.http)
    await browser.start()
    phone, paired = await house.scanned(browser)
    await phone.request("PUT", "/language", {"language": language})
    found = [await seen(phone, name) for name in ("confirm", "code")]
    await browser.type_code(paired.pairing_code)
    found += [await seen(phone, name) for name in (*TABS, "partner", "partner-phone")]
    await collect(phone, "applicant", "married-couple", SOURCES)
    await collect(phone, "partner", "married-couple-partner", SOURCES)
    found += [await seen(phone, name) for name in TABS]
    refuse_data(house)
    for person in ("applicant", "partner"):
        await phone.consent(person, await phone.review())
        found.append(await seen(phone, "verzenden"))
    await phone.withdraw()
    found.append(await seen(phone, "end"))
    assert {screen.get("data-language") for screen in found} == {language}
    titles = {screen.get("data-screen"): screen.title() for screen in found}
    assert titles["verzenden"] == text(language, "phone.verzenden.title")
    assert titles["end"] == text(language, "phone.end.withdrawn.title")
    ours, theirs = text(language, "phone.partner.leave"), text(other, "phone.partner.leave")
    assert any(ours in screen.words() for screen in found)
    assert not any(theirs in screen.words() for screen in found)


async def test_the_stream_speaks_the_sessions_language(house: House) -> None:
    """After another language is chosen a stream that was there before names the sources in it."""
    _, _, phone = await house.linked()
    async with aclosing(phone.events()) as events:
        before = await anext(events)
        await phone.request("PUT", "/language", {"language": "en"})
        after = await anext(events)
    named = [{source.id: source.label for source in view.persons["applicant"].sources} for view in (before, after)]
    assert named == [house.parts.labels("nl"), house.parts.labels("en")]
    assert named[0] != named[1]


async def test_sources_stand_in_order_with_one_next_step(house: House) -> None:
    """The next source has the one button that is filled; what is collected has none, and says when."""
    _, _, phone = await house.linked()
    empty = await seen(phone, "ophalen")
    assert empty.title() == text("nl", "phone.ophalen.empty")
    assert [item.get("id") for item in empty.all("li[@data-state]")] == [f"applicant-{s}" for s in SOURCES]
    await tried(phone, "applicant", SOURCES[0], "single")
    screen = await seen(phone, "ophalen")
    assert [screen.state("applicant", source) for source in SOURCES] == ["collected", "todo", "todo", "todo"]
    filled = [b.get("id") for b in screen.all("button[@class='button']")]
    assert filled == [f"collect-applicant-{SOURCES[1]}"]
    assert screen.get("data-status") == text("nl", "phone.ophalen.progress", done=1, all=4)


async def test_a_login_that_ended_is_said_kindly(house: House) -> None:
    """A cancelled login leaves the source to do, with why; one under way can be begun again."""
    _, _, phone = await house.linked()
    await phone.login("applicant", "uwv")
    under_way = await seen(phone, "ophalen")
    assert under_way.state("applicant", "uwv") == "login"
    assert under_way.actions()["collect-applicant-uwv"] == "collect"
    told, _ = await state_and_code(phone, "applicant", "uwv", "single")
    await phone.callback(told, error="access_denied")
    again = await seen(phone, "ophalen")
    assert text("nl", "phone.login.cancelled") in again.at("applicant-uwv").words()


async def test_an_outage_is_said_before_the_next_login(fresh_house: House) -> None:
    """Nobody is sent to log in for nothing: who is still to do so is told until when, and so is who tried in vain."""
    _, _, phone = await fresh_house.linked(household="couple")
    await fresh_house.fault("brp", "down")
    for _ in range(FAILURES - 1):
        await tried((await fresh_house.linked())[2], "applicant", "mijnoverheid", "single")
    await tried(phone, "applicant", "mijnoverheid", "married-couple")
    failed = await seen(phone, "ophalen")
    assert failed.state("applicant", "mijnoverheid") == "failed"
    down = await seen(phone, "partner")
    assert down.state("partner", "mijnoverheid") == "down"
    over = datetime.fromisoformat(down.get("data-renew-at")).timestamp()
    soonest = formats.by_then(over, fresh_house.now(), "nl")
    until = formats.near(fresh_house.now() + 3600, fresh_house.now(), "nl")
    told = text("nl", "phone.trouble.down", source="MijnOverheid", at=soonest, until=until)
    assert told in failed.at("applicant-mijnoverheid").words()
    assert told in down.at("partner-mijnoverheid").words()
    assert not {"collect-applicant-mijnoverheid", "collect-partner-mijnoverheid"} & {*failed.actions(), *down.actions()}
    assert down.at("collect-partner-uwv").get("class") == "button"
    await fresh_house.pass_time(over - fresh_house.now())
    again = await seen(phone, "partner")
    assert (again.state("partner", "mijnoverheid"), again.get("data-renew-at")) == ("todo", "")
    assert "collect-applicant-mijnoverheid" in (await seen(phone, "ophalen")).actions()


async def test_the_wrong_person_is_told_so(house: House) -> None:
    """The applicant logs in for the partner: nothing is collected, and the reason is said without a name."""
    _, _, phone = await house.linked(household="couple")
    await tried(phone, "applicant", "uwv", "married-couple")
    await tried(phone, "partner", "uwv", "married-couple")
    screen = await seen(phone, "ophalen")
    assert screen.state("partner", "uwv") == "failed"
    assert text("nl", "phone.failure.wrong-person") in screen.at("partner-uwv").words()


async def test_only_optional_sources_can_be_skipped(house: House) -> None:
    """An optional source is skipped with a reason, which is shown; it can be collected after all."""
    _, _, phone = await house.linked("inkomen")
    before = await seen(phone, "ophalen")
    skips = {name for name, action in before.actions().items() if action == "skip"}
    assert skips == {"skip-form-applicant-belastingdienst", "skip-form-applicant-mijnoverheid"}
    reasons = [one.get("value") for one in before.at("skip-form-applicant-belastingdienst").all("input")]
    await phone.skip("applicant", "belastingdienst", reasons[0])
    after = await seen(phone, "ophalen")
    assert after.state("applicant", "belastingdienst") == "skipped"
    assert text("nl", f"phone.skipped.{reasons[0]}") in after.words()
    assert "collect-applicant-belastingdienst" in after.actions()


async def test_a_source_without_anything_is_no_failure(house: House) -> None:
    """A source that has nothing about somebody is shown as an answer."""
    _, _, phone = await house.linked()
    await collect(phone, "applicant", "no-pension", SOURCES)
    screen = await seen(phone, "ophalen")
    states = {source: screen.state("applicant", source) for source in SOURCES}
    assert "absent" in states.values()
    absent = next(source for source, found in states.items() if found == "absent")
    assert "collect" not in str(screen.actions().get(f"collect-applicant-{absent}"))


async def test_what_is_missing_is_said_before_sending(house: House) -> None:
    """Before everything that is required is there, Verzenden names what is missing and offers no consent."""
    _, _, phone = await house.linked(household="couple")
    await collect(phone, "applicant", "married-couple", SOURCES)
    screen = await seen(phone, "verzenden")
    missing = screen.at("missing").words()
    assert text("nl", "phone.person.partner") in missing
    assert text("nl", "phone.person.applicant") not in missing
    assert "consent" not in screen.actions().values()


async def test_the_consent_on_screen_is_the_consent_that_is_given(house: House) -> None:
    """Verzenden shows each adult's sentence word for word, and its buttons carry the digests that consent takes."""
    _, _, phone = await couple_collected(house)
    review, screen = await phone.review(), await seen(phone, "verzenden")
    for adult in review.consents:
        assert screen.at(f"consent-text-{adult.person}").words() == adult.text
    refuse_data(house)
    for person in ("applicant", "partner"):
        button = (await seen(phone, "verzenden")).at(f"consent-{person}")
        digests = {"reviewDigest": button.get("data-review"), "textDigest": button.get("data-text")}
        await phone.request("POST", f"/persons/{person}/consent", digests)
    assert await shown(phone, "verzenden") == "sent"


async def test_given_consent_can_be_taken_back_before_it_is_sent(house: House) -> None:
    """After the first consent nothing can be collected, and there is a way back; it names a person of this phone."""
    _, _, phone = await couple_collected(house)
    await phone.consent("applicant", await phone.review())
    frozen = await seen(phone, "verzenden")
    assert "consent-applicant" not in frozen.actions()
    assert frozen.at("amend").get("data-person") == "applicant"
    assert set((await seen(phone, "ophalen")).actions().values()) <= {"more-time"}
    await phone.amend("applicant")
    assert "consent-applicant" in (await seen(phone, "verzenden")).actions()


async def test_a_phone_shows_no_values_of_the_other(house: House) -> None:
    """With two phones no screen of one holds a value of the other's person, and only its own person's consent."""
    _, _, phone = await house.linked(household="couple")
    partner = await own_phone(house, phone)
    await collect(phone, "applicant", "married-couple", SOURCES)
    await collect(partner, "partner", "married-couple-partner", SOURCES)
    pairs: list[tuple[Phone, Role, Role]] = [(phone, "applicant", "partner"), (partner, "partner", "applicant")]
    for one, role, other in pairs:
        told = "".join([await one.screen(name) for name in TABS])
        assert [value for value in own_values("married-couple", other) if value in told] == []
        screen = await seen(one, "verzenden")
        assert f"consent-{role}" in screen.actions()
        assert f"consent-{other}" not in screen.actions()
        assert text("nl", f"phone.verzenden.waiting_for_{other}") in screen.words()


async def test_leaving_says_what_it_means(house: House) -> None:
    """Where one person may go on the partner can be left out; where not, it says beforehand that it ends."""
    _, _, ends = await house.linked(household="couple")
    assert text("nl", "phone.ask.without_ends.title") in (await seen(ends, "ophalen")).words()
    _, _, alone = await asked_couple(house)
    assert text("nl", "phone.ask.without_alone.title") in (await seen(alone, "ophalen")).words()
    await alone.decline_part("partner")
    assert text("nl", "phone.partner.leave") not in (await seen(alone, "ophalen")).words()


@pytest.mark.parametrize("reason", ["citizen", "provider", "declined", "delivered"])
async def test_every_end_is_explained(house: House, reason: str) -> None:
    """However it ended: what happened, what to do, the receipt of the purge and the way back."""
    created, _, phone = await house.collected(returnUrl="https://www.example.org/terug")
    match reason:
        case "citizen":
            await phone.stop()
        case "provider":
            await house.office.cancel(created.id)
        case "declined":
            await phone.decline_part("applicant")
        case _:
            await phone.consent("applicant", await phone.review())
            await house.office.wait_for("delivered", created.id)
    screen = await seen(phone, "ophalen")
    assert screen.get("data-screen") == "end"
    assert text("nl", f"phone.end.{reason}.title", provider=screen.get("data-provider")) == screen.title()
    assert screen.at("return").get("href") == "https://www.example.org/terug"
    purge = screen.at("receipts").get("data-purge")
    assert (await house.office.check_receipt(purge))["sessionId"] == created.id


async def test_names_of_providers_are_text(fresh_house: House, tmp_path: Path) -> None:
    """Whatever a provider is called, or asks for, it is shown as text."""
    hostile = Text(nl="""<script>alert('1')</script>"&{t}""", en="<b>")
    profile = ProfileEntry(id="bijstand", purpose=hostile, required=SOURCES, fields=FIELDS)
    file = tmp_path / "hostile.toml"
    file.write_text(fresh_house.office.provider_file((profile,), name=hostile))
    await fresh_house.parts.providers.put(providers.read_file(file))
    _, browser = await fresh_house.opened()
    phone, paired = await fresh_house.scanned(browser)
    screens = [await seen(phone, "confirm")]
    await browser.type_code(paired.pairing_code)
    screens += [await seen(phone, name) for name in TABS]
    for screen in screens:
        assert screen.all("script") == []
        assert screen.get("data-provider") == hostile.nl
    assert hostile.nl in screens[0].words()


async def test_the_first_phone_hears_of_the_partners_phone(house: House) -> None:
    """Events tell that the partner's phone waits, and that it is linked, so that the screen is renewed."""
    _, _, phone = await house.linked(household="couple")
    partner = house.phone()

    async def told() -> str:
        return msgspec.json.decode(await phone.request("GET", "/session"))["partnerPhone"]

    assert await told() == "none"
    paired = await partner.pair(token=(await phone.partner_token()).url)
    assert await told() == "waiting"
    await phone.approve(paired.id, paired.pairing_code)
    assert await told() == "linked"
