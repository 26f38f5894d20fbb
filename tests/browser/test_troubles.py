"""Trouble at a source: told before anybody logs in, over without a reload, answered in part, and sent as it stands."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import expect

from sandbox.stage import SOURCES
from tests.browser.people import linked_phone
from tests.browser.scene import Scene
from tests.browser.tour import ONE_FAILURE
from tests.house import House
from tests.integration.journey.handing_over import file_of, open_house
from tests.stores import Store


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path, single_store: Store) -> AsyncGenerator[House]:
    """A house that takes one person without an answer of UWV for an outage."""
    async with open_house(tmp_path, single_store.url, settings=ONE_FAILURE) as built:
        yield built


async def test_trouble_is_told_before_anybody_logs_in(scene: Scene) -> None:
    """A source that is down offers no login, but its file; when it is time the screen says so by itself."""
    first = await linked_phone(scene, profile="werk")
    await scene.house.fault("uwv", "down")
    assert await first.collect("applicant", "uwv", "single") == "failed"
    second = await linked_phone(scene, profile="werk")
    await second.sees_source("applicant", "uwv", "down")
    await expect(second.page.locator("#collect-applicant-uwv")).to_have_count(0)
    await expect(second.page.locator("#file-applicant-uwv")).to_be_enabled()
    await scene.house.fault("uwv", "none")
    await scene.pass_time(60)
    await second.sees_source("applicant", "uwv", "todo")
    assert await second.collect("applicant", "uwv", "single") == "collected"


async def test_an_outage_that_the_screen_did_not_know(scene: Scene) -> None:
    """Nobody is sent away for nothing: the refusal is said at the source, and the screen is as it is now."""
    second = await linked_phone(scene, profile="werk")
    first = await linked_phone(scene, profile="werk")
    await scene.house.fault("uwv", "down")
    assert await first.collect("applicant", "uwv", "single") == "failed"
    second.window.watch.expect("^503 POST /phone/v1/persons/applicant/sources/uwv/login$")
    await second.begin("applicant", "uwv")
    await second.sees_source("applicant", "uwv", "down")
    await second.reads("phone.problem.source-unavailable")
    await second.hand_over("applicant", "uwv", file_of("single", "uwv"))
    await second.sees_source("applicant", "uwv", "collected")


async def test_half_an_answer_is_sent_as_it_stands(scene: Scene) -> None:
    """What is missing is said at its source, a try for the rest loses nothing, and what there is can be sent."""
    phone = await linked_phone(scene, profile="wat-er-is")
    await scene.house.fault("brk", "down")
    await scene.house.fault("mpo", "down")
    assert await phone.collect("applicant", "mijnoverheid", "single") == "partial"
    await phone.reads("phone.act.rest")
    await phone.page.locator("#collect-applicant-mijnoverheid").click()
    await phone.sees_source("applicant", "mijnoverheid", "partial")
    await phone.collect_all("applicant", "single", SOURCES[1:3])
    assert await phone.collect("applicant", SOURCES[3], "single") == "failed"
    await phone.go_to("bekijken")
    await expect(phone.page.locator("#review-notes")).to_contain_text(
        phone.words("review.missing.failed", sources="Mijnpensioenoverzicht")
    )
    await phone.go_to("verzenden")
    await phone.reads("phone.consent.last_partial")
    await phone.consent("applicant")
    await phone.sees_title("phone.end.delivered.title")
    payload = (await scene.house.office.wait_for("data")).payload
    assert payload is not None
    told = {(finding["kind"], finding["code"]) for finding in payload["findings"]}
    assert {("missing-source", "failed"), ("incomplete", "brk-unavailable")} <= told


async def test_a_login_error_without_its_state_is_told(scene: Scene) -> None:
    """A bridge that forgets the state of an error leaves nobody before a screen that says nothing."""
    phone = await linked_phone(scene, profile="werk")
    await phone.begin("applicant", "uwv")
    await phone.page.wait_for_url(f"{scene.house.world_url}/**")
    await phone.opens(f"{scene.house.url}/phone/terug?error=access_denied")
    await phone.on_screen("ophalen")
    await expect(phone.source("applicant", "uwv")).to_contain_text(phone.words("phone.login.cancelled"))
