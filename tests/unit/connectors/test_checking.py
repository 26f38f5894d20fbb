"""Checking a source: its own way where it has one, and what becomes of each outcome. Over a real door and sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
import pytest
from aiohttp import web

from connectors.checking import Probe, Step, check, judged, reached
from connectors.contract import (
    Absent,
    Connector,
    Context,
    Failed,
    Found,
    Label,
    Login,
    Manifest,
    Outcome,
    Skipped,
)
from connectors.health import HealthSettings
from connectors.outbound import Door, host_port
from schemas.records import Finding, SourceRecords
from tests.answering import answering

BSN = "999990019"
NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)
FOUND = Found(records=SourceRecords())
PARTLY = Found(records=SourceRecords(findings=(Finding(kind="incomplete", code="x-unavailable"),)))


class Plain:
    """A source at one address, that says what it is told to say."""

    manifest: ClassVar[Manifest] = Manifest(
        id="plain",
        label=Label(nl="Bron", en="Source"),
        categories=("debts",),
        fields=("debt.other", "person.name"),
        login=Login(minimum_level="substantial"),
        timeout_seconds=0.2,
    )
    settings_type: ClassVar[type[Any]] = dict

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self.asked: list[Context] = []

    def hosts(self) -> frozenset[str]:
        return frozenset({host_port(self._settings["url"])})

    async def collect(self, context: Context) -> Outcome:
        self.asked.append(context)
        outcome = self._settings["says"]
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is None:
            await asyncio.sleep(5)
            return Absent()
        return outcome


class WithOwnCheck(Plain):
    """A source that need not ask about anybody."""

    async def check(self, probe: Probe) -> tuple[Step, ...]:
        """Its own table."""
        answer = await probe.door.request("GET", f"{self._settings['url']}/status")
        return (Step(name="answer", status="ok" if answer.status == 200 else "failed"),)


class Badly(Plain):
    """A source whose own check has a bug, with a person in its words."""

    async def check(self, probe: Probe) -> tuple[Step, ...]:
        """Fails."""
        raise KeyError(probe.asked.probe_bsn)


class Server:
    """What answers: the paths it was asked, and with what status."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.status = 404
        self.headers: dict[str, str] = {}
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path_qs)
        return web.Response(
            status=self.status, headers=self.headers, text="x" * (200_000 if request.path == "/" else 1)
        )


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    """A server on a port of its own."""
    made = Server()
    async with answering(made.answer) as made.url:
        yield made


async def steps(connector: Connector, url: str, probe_bsn: str | None = BSN) -> tuple[Step, ...]:
    """What a check finds, through a door that is open to this source alone."""
    door = Door.configured(connector.hosts())
    asked = HealthSettings(probe_bsn=probe_bsn)
    try:
        return await check(connector, Probe(door=door, table={"url": url}, asked=asked, now=NOW, request_id="r1"))
    finally:
        await door.close()


def made(kind: type[Plain], server: Server, says: object) -> Plain:
    """A connector at this server."""
    return kind({"url": server.url, "says": says})


async def test_a_source_is_reached_and_then_asked_about_the_probe(server: Server) -> None:
    """Once, with all of its fields and at its own level; where it is reached nobody is named."""
    connector = made(Plain, server, FOUND)
    assert [(step.name, step.status) for step in await steps(connector, server.url)] == [
        ("reachable", "ok"),
        ("credentials", "ok"),
        ("answer", "ok"),
    ]
    (context,) = connector.asked
    assert (context.subject.bsn, context.subject.level) == (BSN, "substantial")
    assert (context.fields, context.now, context.request_id) == (frozenset(Plain.manifest.fields), NOW, "r1")
    assert server.paths == ["/"]


async def test_without_a_probe_nobody_is_asked_about(server: Server) -> None:
    """Not even to see what happens."""
    connector = made(Plain, server, FOUND)
    found = await steps(connector, server.url, None)
    assert {step.reason for step in found[1:]} == {"no-probe"}
    assert not connector.asked


@pytest.mark.parametrize("status", [200, 302, 401, 404, 500])
async def test_any_answer_is_a_host_that_is_reached(server: Server, status: int) -> None:
    """Also one the door does not let in, such as a redirect or a page of 200 kB."""
    server.status, server.headers = status, {"Location": "http://elsewhere.example/"}
    (step, *_) = await steps(made(Plain, server, FOUND), server.url)
    assert (step.name, step.status, step.host) == ("reachable", "ok", host_port(server.url))


async def test_a_host_that_is_not_let_through_is_not_reached(server: Server) -> None:
    """What a connector does not name it cannot call."""
    door = Door.configured(frozenset())
    (step,) = await reached(door, frozenset({host_port(server.url)}), {"url": server.url})
    assert (step.status, step.reason) == ("failed", "address")
    assert not server.paths


async def test_the_scheme_is_that_of_the_settings(server: Server) -> None:
    """Wherever in the table the address stands; https for a host that stands nowhere."""
    host = host_port(server.url)
    door = Door.configured(frozenset({host}))
    try:
        nested = {"brp": {"base_url": f"{server.url}/brp"}, "more": [{"x": 1}]}
        for table, reason in ((nested, None), ({"urls": [server.url]}, None), ({"host": host}, "tls")):
            (step,) = await reached(door, frozenset({host}), table)
            assert step.reason == reason
    finally:
        await door.close()


@pytest.mark.parametrize("says", [RuntimeError(BSN), None])
async def test_what_goes_wrong_has_a_closed_reason(server: Server, says: object) -> None:
    """A bug, or no answer within the manifest's deadline; nobody's words or number are in the steps."""
    found = await steps(made(Plain, server, says), server.url)
    assert (found[-1].name, found[-1].status) == ("answer", "failed")
    assert found[-1].reason == ("timeout" if says is None else "internal")
    assert BSN not in msgspec.json.encode(found).decode()


async def test_a_connector_may_check_itself(server: Server) -> None:
    """Then its own steps are all there is; a bug in them stays its own."""
    own = made(WithOwnCheck, server, FOUND)
    assert await steps(own, server.url) == (Step(name="answer", status="failed"),)
    assert server.paths == ["/status"]
    assert (await steps(made(Badly, server, FOUND), server.url)) == (
        Step(name="answer", status="failed", reason="internal"),
    )
    assert not own.asked


@pytest.mark.parametrize(
    ("outcome", "expect", "credentials", "answer"),
    [
        (FOUND, "found", ("ok", None), ("ok", None)),
        (FOUND, "absent", ("ok", None), ("failed", "expected-absent")),
        (Absent(), "absent", ("ok", None), ("ok", None)),
        (Absent(), "found", ("ok", None), ("failed", "expected-found")),
        (PARTLY, "found", ("ok", None), ("failed", "incomplete")),
        (Skipped(reason="x"), "found", ("not-checked", "skipped"), ("not-checked", "skipped")),
        (Failed(kind="refused"), "found", ("failed", "refused"), ("not-checked", "refused")),
        (Failed(kind="unavailable"), "found", ("not-checked", "unavailable"), ("failed", "unavailable")),
        (Failed(kind="timeout"), "absent", ("not-checked", "timeout"), ("failed", "timeout")),
        (Failed(kind="unreadable"), "found", ("ok", None), ("failed", "unreadable")),
        (Failed(kind="wrong-person"), "absent", ("ok", None), ("failed", "wrong-person")),
    ],
)
def test_what_an_outcome_says(outcome: Outcome, expect: Any, credentials: Any, answer: Any) -> None:
    """Of our credentials, and of the answer; an outage says nothing of credentials."""
    first, second = judged(outcome, expect)
    assert (first.name, second.name) == ("credentials", "answer")
    assert ((first.status, first.reason), (second.status, second.reason)) == (credentials, answer)
