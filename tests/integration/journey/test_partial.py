"""Partial truth: what could not be had is told per source, asked again without loss, and sent only where it may be."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from sandbox.citizen import collect
from sandbox.stage import SOURCES
from tests import stores
from tests.house import House
from tests.integration.journey.handing_over import file_of, open_house
from tests.integration.journey.steps import refused, settled, tried

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


async def test_a_source_that_answered_in_part_says_what_is_missing(house: House) -> None:
    """WOZ there and BRK down: collected, with a gap by its code, and a finding in the review."""
    await house.fault("brk", "down")
    _, _, phone = await house.linked("alles")
    source = await tried(phone, "applicant", "mijnoverheid", "married-couple")
    assert (source.status, source.transport, source.gaps) == ("collected", "api", ("brk-unavailable",))
    findings = (await phone.review()).content["findings"]
    assert [f["code"] for f in findings if f["kind"] == "incomplete"] == ["brk-unavailable"]


async def test_asking_again_fills_the_gap(house: House) -> None:
    """Within fifteen minutes without another login; a try that fails loses nothing of what was there."""
    await house.fault("brk", "down")
    _, _, phone = await house.linked("alles")
    await tried(phone, "applicant", "mijnoverheid", "married-couple")
    assert await phone.login("applicant", "mijnoverheid") is None
    again = await settled(phone, "applicant", "mijnoverheid")
    assert (again.status, again.gaps) == ("collected", ("brk-unavailable",))
    before = await phone.review()
    await house.fault("woz", "down")
    assert await phone.login("applicant", "mijnoverheid") is None
    worse = await settled(phone, "applicant", "mijnoverheid")
    assert (worse.status, worse.failure, worse.gaps) == ("collected", "unavailable", ("brk-unavailable",))
    assert (await phone.review()).content["possessions"] == before.content["possessions"]
    for register in ("brk", "woz"):
        await house.fault(register, "none")
    assert await phone.login("applicant", "mijnoverheid") is None
    whole = await settled(phone, "applicant", "mijnoverheid")
    assert (whole.status, whole.failure, whole.gaps) == ("collected", None, ())
    with refused("wrong-state"):
        await phone.login("applicant", "mijnoverheid")


async def test_a_cancelled_login_for_the_rest_loses_nothing(house: House) -> None:
    """Back where it was, with the reason; consent can be asked all the same."""
    await house.fault("brk", "down")
    _, _, phone = await house.linked("alles")
    await collect(phone, "applicant", "married-couple", SOURCES)
    assert (await phone.session()).ready
    await house.pass_time(16 * 60)
    url = await phone.login("applicant", "mijnoverheid")
    assert url is not None
    assert not (await phone.session()).ready
    source = await tried(phone, "applicant", "mijnoverheid", "login-cancelled")
    assert (source.status, source.reason, source.gaps) == ("collected", "cancelled", ("brk-unavailable",))
    view = await phone.session()
    assert (view.ready, view.partial) == (True, True)


async def test_what_there_is_is_sent_where_the_profile_allows(house: House) -> None:
    """A required source that failed is a finding in the payload, beside the gaps; elsewhere it holds consent up."""
    await house.fault("mpo", "down")
    await house.fault("brk", "down")
    strict = (await house.linked("alles"))[2]
    await collect(strict, "applicant", "single", SOURCES)
    assert not (await strict.session()).ready
    with refused("not-ready"):
        await strict.consent("applicant", await strict.review())
    created, _, phone = await house.linked("wat-er-is")
    await collect(phone, "applicant", "single", SOURCES[:-1])
    assert not (await phone.session()).ready  # nobody tried the last one yet
    await collect(phone, "applicant", "single", SOURCES[-1:])
    view = await phone.session()
    assert (view.ready, view.partial) == (True, True)
    assert (await phone.consent("applicant", await phone.review())).sent
    payload = (await house.office.wait_for("data", created.id)).payload
    assert payload is not None
    told = {(f["kind"], f["code"], f["source"]) for f in payload["findings"]}
    assert ("missing-source", "failed", "mijnpensioenoverzicht") in told
    assert ("incomplete", "brk-unavailable", "mijnoverheid") in told


async def test_a_source_that_is_down_is_replaced_by_its_document(house: House) -> None:
    """The failure is gone once the download is handed over; both ways stand in the payload."""
    await house.fault("mpo", "down")
    created, _, phone = await house.linked("alles")
    await collect(phone, "applicant", "single", SOURCES)
    source = (await phone.session()).persons["applicant"].source("mijnpensioenoverzicht")
    assert (source.status, source.transports) == ("failed", ("api", "upload"))
    view = await phone.upload("applicant", "mijnpensioenoverzicht", file_of("single", "mijnpensioenoverzicht"))
    assert (view.ready, view.partial) == (True, False)
    assert (await phone.consent("applicant", await phone.review())).sent
    payload = (await house.office.wait_for("data", created.id)).payload
    assert payload is not None
    assert {o["transport"] for p in payload["pensions"] for o in p["sources"]} == {"upload"}
    assert {o["transport"] for i in payload["incomes"] for o in i["sources"]} == {"api"}
