"""Whether a source can be used, found out before a citizen does: a table of steps, each with a closed reason.

Owns the steps that are the same for every source and for the login. It asks about nobody but the person the settings
name for it, and no word of a source or of that person gets into a step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, cast

import msgspec

from connectors.contract import Absent, Connector, Context, Failed, Found, Outcome, Skipped, Subject, outcome_of
from connectors.health import HealthSettings
from connectors.login import DigiD, LoginRefused
from connectors.outbound import Door, OutboundError, host_port
from schemas.base import View

REACH_SECONDS = 10.0
_MAX_BYTES = 100_000

StepName = Literal["settings", "reachable", "credentials", "answer", "discovery", "keys"]
Reason = Literal[
    "invalid",  # a setting, or a file that a setting names
    "timeout",  # nothing came in time
    "connection",  # nobody listens there, or what came is no HTTP
    "tls",  # somebody listens there, but its certificate or its TLS will not do
    "address",  # the connector does not name this host
    "unreachable",  # an earlier step failed, so this one was not taken
    "no-probe",  # the settings name nobody who may be asked about
    "refused",  # our credentials
    "unavailable",  # it says that it is out of order
    "unreadable",  # it answered in a form we do not understand
    "incomplete",  # it answered, and a part of it did not
    "wrong-person",  # it answered about somebody else
    "expected-found",  # it knows nothing of somebody it should know
    "expected-absent",  # it knows somebody it should not
    "provider-error",  # the login's provider says something we cannot use
    "skipped",  # the connector asked nothing
    "internal",  # the connector, or its own check, has a bug
]


class Step(View, frozen=True, kw_only=True):
    """One thing that was looked at; `host` is the `host:port` of the settings where it is about one."""

    name: StepName
    status: Literal["ok", "failed", "not-checked"]
    host: str | None = None
    reason: Reason | None = None


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What a check may use. `table` are the connector's settings as they stand; `asked` says whom to ask about."""

    door: Door
    table: Mapping[str, Any]
    asked: HealthSettings
    now: datetime
    request_id: str


async def check(connector: Connector, probe: Probe) -> tuple[Step, ...]:
    """Check one source: by its own `check(probe)` where it has one, else host by host and then by one question."""
    own = getattr(connector, "check", None)
    try:
        return await (own(probe) if own else _checked(connector, probe))
    except Exception:  # whatever a connector does: the others are still to be checked, and its words are not ours
        return (Step(name="answer", status="failed", reason="internal"),)


async def _checked(connector: Connector, probe: Probe) -> tuple[Step, ...]:
    hosts = await reached(probe.door, connector.hosts(), probe.table)
    if not any(step.status == "ok" for step in hosts):
        return (*hosts, *_untaken("unreachable"))
    if probe.asked.probe_bsn is None:
        return (*hosts, *_untaken("no-probe"))
    outcome = await outcome_of(connector, _context(connector, probe, probe.asked.probe_bsn))
    return (*hosts, *judged(outcome, probe.asked.expect))


def _untaken(reason: Reason) -> tuple[Step, Step]:
    return (
        Step(name="credentials", status="not-checked", reason=reason),
        Step(name="answer", status="not-checked", reason=reason),
    )


async def reached(door: Door, hosts: frozenset[str], table: Mapping[str, Any]) -> tuple[Step, ...]:
    """Whether each of these hosts answers in HTTP, whatever it answers. Nobody is asked about."""
    origins = _origins(table)
    return tuple(
        await asyncio.gather(*(_reached(door, host, origins.get(host, f"https://{host}")) for host in sorted(hosts)))
    )


async def _reached(door: Door, host: str, origin: str) -> Step:
    try:
        await door.request("GET", f"{origin}/", timeout_seconds=REACH_SECONDS, max_bytes=_MAX_BYTES)
    except OutboundError as error:
        reason = _unreached(error, is_https=origin.startswith("https:"))
        return Step(name="reachable", status="failed" if reason else "ok", host=host, reason=reason)
    return Step(name="reachable", status="ok", host=host)


def _unreached(error: OutboundError, *, is_https: bool) -> Reason | None:
    """Why there was no answer; None when there was one that the door does not let in."""
    match error.kind:
        case "redirect" | "too-large":
            return None
        case "timeout" | "address":
            return error.kind
        case "refused":
            return "connection"  # it failed so often that the door asks no more
        case "connection":
            return "connection" if error.may_mend or not is_https else "tls"


def _origins(table: object) -> dict[str, str]:
    """The scheme, host and port of every address in these settings, by `host:port`."""
    if isinstance(table, Mapping):
        values = cast(Mapping[object, object], table).values()
        return {host: origin for value in values for host, origin in _origins(value).items()}
    if isinstance(table, list):
        return {host: origin for value in cast(list[object], table) for host, origin in _origins(value).items()}
    try:
        host = host_port(table) if isinstance(table, str) else ""
    except ValueError:
        return {}
    return {host: f"{str(table).partition(':')[0].lower()}://{host}"} if host else {}


def _context(connector: Connector, probe: Probe, bsn: str) -> Context:
    async def progress(_: str) -> None:
        return

    manifest = connector.manifest
    return Context(
        subject=Subject(bsn=bsn, level=manifest.login.minimum_level),
        fields=frozenset(manifest.fields),
        door=probe.door,
        now=probe.now,
        request_id=probe.request_id,
        progress=progress,
    )


def judged(outcome: Outcome, expect: Literal["found", "absent"]) -> tuple[Step, Step]:
    """What an outcome says of our credentials, and whether it is the one we expect."""
    match outcome:
        case Failed(kind="refused"):
            return Step(name="credentials", status="failed", reason="refused"), _untaken("refused")[1]
        case Failed(kind="unavailable" | "timeout" as kind):
            return _untaken(kind)[0], Step(name="answer", status="failed", reason=kind)
        case Skipped() | Failed(kind="login" | "interrupted"):
            return _untaken("skipped")
        case _:
            accepted, reason = Step(name="credentials", status="ok"), _unexpected(outcome, expect)
            return accepted, Step(name="answer", status="failed" if reason else "ok", reason=reason)


def _unexpected(outcome: Outcome, expect: Literal["found", "absent"]) -> Reason | None:
    match outcome:
        case Failed(kind="wrong-person" | "unreadable" as kind):
            return kind
        case Found(records=records) if any(finding.kind == "incomplete" for finding in records.findings):
            return "incomplete"
        case Found() if expect == "absent":
            return "expected-absent"
        case Absent() if expect == "found":
            return "expected-found"
        case _:
            return None


async def check_login(digid: DigiD, probe: Probe, hosts: frozenset[str]) -> tuple[Step, ...]:
    """Check the login's provider: its hosts, its discovery document, and that it has keys we can use."""
    reach = await reached(probe.door, hosts, probe.table)
    try:
        await digid.discovered(probe.now)
    except LoginRefused as refused:
        untaken = Step(name="keys", status="not-checked", reason="unreachable")
        return (*reach, Step(name="discovery", status="failed", reason=_of(refused)), untaken)
    return (*reach, Step(name="discovery", status="ok"), await _keys(digid, probe.now))


async def _keys(digid: DigiD, now: datetime) -> Step:
    try:
        usable = await digid.usable_keys(now)
    except LoginRefused as refused:
        return Step(name="keys", status="failed", reason=_of(refused))
    return Step(name="keys", status="ok" if usable else "failed", reason=None if usable else "provider-error")


def _of(refused: LoginRefused) -> Reason:
    return "connection" if refused.reason == "unreachable" else "provider-error"
