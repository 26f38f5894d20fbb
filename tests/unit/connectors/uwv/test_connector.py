"""The UWV connector against two services on real sockets: which outcome each pair of answers has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.contract import Absent, Context, Failed, Field, Found, Outcome, Skipped, Subject
from connectors.outbound import Door
from connectors.suwiml import parse_envelope
from connectors.uwv import Uwv, UwvSettings
from schemas.income import Benefit, Employment
from tests.unit.connectors.uwv.messages import (
    BSN,
    ERROR,
    NOTHING,
    OTHER_BSN,
    WARNING,
    benefit_answer,
    contract,
    gross,
    income_answer,
    relation,
    report,
    right,
)

NOW = datetime(2026, 5, 14, 8, 0, tzinfo=UTC)
JOB = relation(report("20210301", "20210331", 252300, 172))
PAID_WW = relation(report("20210301", "20210331", 100000), contracts=contract("20210101", kind="33"), start="20210101")
GRANTED_WW = right("WW", gross(100000, "6"))
BOTH: tuple[Field, ...] = ("income.employment", "income.benefit")

Reply = bytes | int


class Services:
    """Both UWV services: what they answer, and what they were asked."""

    def __init__(self, incomes: Reply, benefits: Reply) -> None:
        self.replies = {"/incomes": incomes, "/benefits": benefits}
        self.asked: dict[str, bytes] = {}
        self.keys: list[str | None] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked[request.path] = await request.read()
        self.keys.append(request.headers.get("X-API-KEY"))
        reply = self.replies[request.path]
        if isinstance(reply, int):
            return web.Response(status=reply)
        return web.Response(body=reply, content_type="text/xml")

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Uwv]:
        app = web.Application()
        app.router.add_post("/{service}", self.answer)
        async with TestServer(app) as server:
            urls = {name: str(server.make_url(f"/{name}")) for name in ("incomes", "benefits")}
            yield Uwv(UwvSettings(incomes_url=urls["incomes"], benefits_url=urls["benefits"], api_key="sleutel"))


async def collected(services: Services, fields: Sequence[Field] = BOTH) -> Outcome:
    """One collection, through the real door."""
    parts: list[str] = []

    async def progress(part: str) -> None:
        parts.append(part)

    async with services.served() as uwv:
        door = Door.configured(uwv.hosts())
        context = Context(
            subject=Subject(bsn=BSN, level="low"),
            fields=frozenset(fields),
            door=door,
            now=NOW,
            request_id="r1",
            progress=progress,
        )
        try:
            outcome = await uwv.collect(context)
        finally:
            await door.close()
    assert len(parts) == len(services.asked)
    return outcome


async def test_both_answers_are_one_set_of_records_with_provenance() -> None:
    """Jobs from one service and granted benefits from the other, each record saying where and when."""
    services = Services(income_answer(JOB), benefit_answer(GRANTED_WW))
    outcome = await collected(services)
    assert isinstance(outcome, Found)
    assert [type(income) for income in outcome.records.incomes] == [Employment, Benefit]
    assert not outcome.records.findings
    for income in outcome.records.incomes:
        [origin] = income.sources
        assert (origin.source, origin.transport, origin.retrieved_at) == ("uwv", "api", NOW)
    assert services.keys == ["sleutel", "sleutel"]
    assert BSN.encode() in services.asked["/incomes"]
    assert parse_envelope(services.asked["/benefits"]).tag.endswith("}UWVPersoonsWvInfo")


async def test_a_benefit_told_twice_counts_once() -> None:
    """What UWV grants and pays comes in both answers; the payments stay."""
    outcome = await collected(Services(income_answer(PAID_WW), benefit_answer(GRANTED_WW)))
    assert isinstance(outcome, Found)
    [ww] = outcome.records.incomes
    assert isinstance(ww, Benefit)
    assert ww.payroll_number == "123456789L01"


async def test_only_what_the_profile_needs_is_asked_and_kept() -> None:
    """Without benefits in the profile, the benefit service is not asked and paid benefits do not come along."""
    services = Services(income_answer(JOB, PAID_WW), benefit_answer(GRANTED_WW))
    outcome = await collected(services, ("income.employment",))
    assert isinstance(outcome, Found)
    assert [type(income) for income in outcome.records.incomes] == [Employment]
    assert set(services.asked) == {"/incomes"}


async def test_benefits_of_other_payers_come_from_the_income_service() -> None:
    """A profile with only benefits asks both services, and no job comes along."""
    services = Services(income_answer(JOB, PAID_WW), benefit_answer(instead=NOTHING))
    outcome = await collected(services, ("income.benefit",))
    assert isinstance(outcome, Found)
    assert [type(income) for income in outcome.records.incomes] == [Benefit]


async def test_a_profile_without_incomes_asks_nothing() -> None:
    """No field of ours, no request: Skipped."""
    services = Services(503, 503)
    assert await collected(services, ("pension.state",)) == Skipped(reason="no-field-asked")
    assert not services.asked


async def test_nothing_at_both_is_absent() -> None:
    """UWV said that it knows nothing: that is an answer."""
    assert await collected(Services(income_answer(instead=NOTHING), benefit_answer(instead=NOTHING))) == Absent()
    assert await collected(Services(income_answer(), benefit_answer())) == Absent()


async def test_a_warning_alone_is_not_nothing() -> None:
    """No incomes but a warning of the source: the reader gets the warning, not silence."""
    outcome = await collected(Services(income_answer(after=WARNING), benefit_answer(instead=NOTHING)))
    assert isinstance(outcome, Found)
    assert [finding.code for finding in outcome.records.findings] == ["source-remark"]


@pytest.mark.parametrize("failure", [503, 500, 401, b"<html>Onderhoud</html>", benefit_answer(instead=ERROR)])
async def test_one_service_down_beside_records_is_told(failure: Reply) -> None:
    """What was found is true, and the reader knows that it is not all."""
    outcome = await collected(Services(income_answer(JOB), failure))
    assert isinstance(outcome, Found)
    assert len(outcome.records.incomes) == 1
    assert [(each.kind, each.code) for each in outcome.records.findings] == [("incomplete", "benefits-unavailable")]
    outcome = await collected(Services(503, benefit_answer(GRANTED_WW)))
    assert isinstance(outcome, Found)
    assert [each.code for each in outcome.records.findings] == ["incomes-unavailable"]


async def test_one_service_down_beside_nothing_is_a_failure() -> None:
    """ "Nothing here" and "no answer there" together are not "nothing": we do not know."""
    outcome = await collected(Services(503, benefit_answer(instead=NOTHING)))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == ("unavailable", True)


@pytest.mark.parametrize(
    ("reply", "kind", "retryable"),
    [(503, "unavailable", True), (401, "refused", False), (504, "timeout", True), (b"<html/>", "unreadable", True)],
)
async def test_both_down_is_a_failure_of_its_kind(reply: Reply, kind: str, retryable: bool) -> None:
    """An outage never looks like an empty answer, and says whether trying again helps."""
    outcome = await collected(Services(reply, reply))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == (kind, retryable)


async def test_somebody_else_in_either_answer_spoils_both() -> None:
    """If one service confuses people, nothing of it is used."""
    for services in (
        Services(income_answer(JOB, bsn=OTHER_BSN), benefit_answer(GRANTED_WW)),
        Services(income_answer(JOB), benefit_answer(GRANTED_WW, bsn=OTHER_BSN)),
    ):
        outcome = await collected(services)
        assert isinstance(outcome, Failed)
        assert outcome.kind == "wrong-person"
        assert not outcome.retryable


def test_settings_are_checked_and_name_the_hosts() -> None:
    """The door is opened for exactly the two services; an unknown setting is refused."""
    table = {"incomes_url": "https://a.example/x", "benefits_url": "https://b.example:8443/y"}
    assert Uwv(msgspec.convert(table, UwvSettings)).hosts() == {"a.example:443", "b.example:8443"}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**table, "url": "x"}, UwvSettings)
    assert Uwv.manifest.login.sms
    assert Uwv.manifest.order == 20
