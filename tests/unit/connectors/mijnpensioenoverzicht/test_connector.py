"""The Mijnpensioenoverzicht connector against an interface on a real socket: which outcome each answer has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.contract import Absent, Context, Failed, Field, Found, Outcome, Skipped, Subject
from connectors.mijnpensioenoverzicht import Mijnpensioenoverzicht, MijnpensioenoverzichtSettings
from connectors.outbound import Door
from schemas.pension import SchemePension, StatePension
from tests.unit.connectors.mijnpensioenoverzicht.overviews import (
    DEATH,
    FUND,
    PARENTS_DEATH,
    age,
    aow,
    as_json,
    as_xml,
    block,
    line,
    overview,
    survivor,
)

BSN = "999990019"
NOW = datetime(2026, 5, 14, 8, 0, tzinfo=UTC)
ALL: tuple[Field, ...] = ("pension.scheme", "pension.state", "pension.survivor")
FULL = overview(
    block(age(67), DEATH, Pensioen=[line("H-1", 11400, 6300)], AOW=aow(12900, 18700)),
    orphans=[block(PARENTS_DEATH, age(18), Pensioen=[survivor("H-1", 1960, PerKind=True)])],
)


class Interface:
    """What the interface answers, and what it was asked."""

    def __init__(self, body: bytes = b"", status: int = 200, content_type: str = "application/json") -> None:
        self.reply = (body, status, content_type)
        self.asked: list[tuple[str | None, object]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers.get("X-API-KEY"), json.loads(await request.read())))
        body, status, content_type = self.reply
        return web.Response(body=body, status=status, content_type=content_type)


async def collected(interface: Interface, fields: Sequence[Field] = ALL) -> Outcome:
    """One collection, through the real door."""
    parts: list[str] = []

    async def progress(part: str) -> None:
        parts.append(part)

    app = web.Application()
    app.router.add_post("/mpo/pensioenaanspraken", interface.answer)
    async with TestServer(app) as server:
        settings = MijnpensioenoverzichtSettings(base_url=str(server.make_url("/mpo/")), api_key="sleutel")
        connector = Mijnpensioenoverzicht(settings)
        door = Door.configured(connector.hosts())
        context = Context(
            subject=Subject(bsn=BSN, level="low"),
            fields=frozenset(fields),
            door=door,
            now=NOW,
            request_id="r1",
            progress=progress,
        )
        try:
            outcome = await connector.collect(context)
        finally:
            await door.close()
    asked = {json.dumps(question) for question in interface.asked}  # one that failed may have been put twice
    assert len(parts) == len(asked)
    return outcome


@pytest.mark.parametrize(
    ("body", "content_type"), [(as_json(FULL), "application/json"), (as_xml(FULL), "application/xml")]
)
async def test_pensions_are_found_with_their_provenance(body: bytes, content_type: str) -> None:
    """One request with the BSN in its body; each record says where, when and from which document it is."""
    interface = Interface(body, content_type=content_type)
    outcome = await collected(interface)
    assert isinstance(outcome, Found)
    assert len(outcome.records.pensions) == 3
    for pension in outcome.records.pensions:
        [origin] = pension.sources
        assert (origin.source, origin.transport, origin.retrieved_at) == ("mijnpensioenoverzicht", "api", NOW)
        assert origin.document_digest == hashlib.sha256(body).hexdigest()
    assert interface.asked == [("sleutel", {"burgerservicenummer": BSN})]


async def test_only_the_kinds_the_profile_asks_are_kept() -> None:
    """The source always answers in full; what the profile does not need goes no further."""
    outcome = await collected(Interface(as_json(FULL)), ("pension.state",))
    assert isinstance(outcome, Found)
    assert [type(pension) for pension in outcome.records.pensions] == [StatePension]
    outcome = await collected(Interface(as_json(FULL)), ("pension.scheme",))
    assert isinstance(outcome, Found)
    assert [type(pension) for pension in outcome.records.pensions] == [SchemePension]


async def test_a_profile_without_pensions_asks_nothing() -> None:
    """No field of ours, no request: Skipped."""
    interface = Interface(status=503)
    assert await collected(interface, ("income.benefit",)) == Skipped(reason="no-field-asked")
    assert not interface.asked


@pytest.mark.parametrize(
    "interface",
    [
        Interface(status=404),
        Interface(b'{"title": "niet gevonden"}', status=404),
        Interface(as_json(overview())),
        Interface(as_json(overview(nothing=[FUND], remarks=["Bedragen onder voorbehoud"]))),
    ],
)
async def test_no_pensions_and_nobody_missing_is_absent(interface: Interface) -> None:
    """The source knows nothing of the person, and every provider has said so."""
    assert await collected(interface) == Absent()


async def test_no_pensions_but_a_provider_missing_is_not_absent() -> None:
    """A provider that did not answer may hold all of somebody's pension."""
    outcome = await collected(Interface(as_json(overview(failed=[FUND]))))
    assert isinstance(outcome, Found)
    assert [finding.code for finding in outcome.records.findings] == ["provider-did-not-answer"]


@pytest.mark.parametrize(
    ("interface", "kind", "retryable"),
    [
        (Interface(as_json(overview(status="999"))), "unavailable", True),
        (Interface(status=500), "unavailable", True),
        (Interface(status=503), "unavailable", True),
        (Interface(status=429), "unavailable", True),
        (Interface(status=504), "timeout", True),
        (Interface(status=401), "refused", False),
        (Interface(status=403), "refused", False),
        (Interface(b"<html></html>", status=404, content_type="text/html"), "refused", False),
        (Interface(status=302), "unreadable", True),
        (Interface(b"<html>Onderhoud</html>", content_type="text/html"), "unreadable", True),
        (Interface(b""), "unreadable", True),
        (Interface(b"{" + b" " * 5_000_000 + b"}"), "unreadable", True),
    ],
)
async def test_a_failure_is_never_an_empty_answer(interface: Interface, kind: str, retryable: bool) -> None:
    """Each way of failing has its kind, and says whether trying again helps."""
    outcome = await collected(interface)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == (kind, retryable)


async def test_an_interface_that_is_not_there_is_unavailable() -> None:
    """Nobody listening is an outage."""
    async with TestServer(web.Application()) as server:
        url = str(server.make_url("/"))
    connector = Mijnpensioenoverzicht(MijnpensioenoverzichtSettings(base_url=url))
    door = Door.configured(connector.hosts())

    async def progress(_: str) -> None:
        return

    outcome = await connector.collect(
        Context(
            subject=Subject(bsn=BSN, level="low"),
            fields=frozenset(ALL),
            door=door,
            now=NOW,
            request_id="r1",
            progress=progress,
        )
    )
    await door.close()
    assert isinstance(outcome, Failed)
    assert outcome.kind == "unavailable"


def test_settings_are_checked_and_name_the_host() -> None:
    """The door is opened for exactly one host; an unknown setting is refused."""
    settings = msgspec.convert({"base_url": "https://a.example/mpo"}, MijnpensioenoverzichtSettings)
    assert Mijnpensioenoverzicht(settings).hosts() == {"a.example:443"}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"baseUrl": "https://a.example"}, MijnpensioenoverzichtSettings)
    assert Mijnpensioenoverzicht.manifest.order == 40
