"""kill -9 of service and worker between any two things they do to the world, in the course of one journey.

The lists below are all the moments there are: that is a test of its own.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.faults.citizen import Citizen
from tests.faults.conftest import Note
from tests.faults.scene import Name, Scene, scene

LOGIN = "POST /phone/v1/persons/{person}/sources/{source}/login"
CONSENT = "POST /phone/v1/persons/{person}/consent"
IN_SERVICE = (
    "POST /oauth/token > answer",
    "POST /v1/sessions > step",
    "POST /v1/sessions > answer",
    "POST /j/{link}/start > step",
    "POST /j/{link}/start > answer",
    "POST /j/pairing-tokens > step",
    "POST /j/pairing-tokens > answer",
    "POST /phone/v1/pairings > open",
    "POST /phone/v1/pairings > step",
    "POST /phone/v1/pairings > answer",
    "POST /j/pairing > step",
    "POST /j/pairing > answer",
    f"{LOGIN} > open",
    f"{LOGIN} > step",
    f"{LOGIN} > answer",
    "POST /phone/v1/logins/callback > open",
    "POST /phone/v1/logins/callback > step",
    "POST /phone/v1/logins/callback > answer",
    "fetch > login",
    "fetch > step",
    "fetch > source",
    "fetch > step 2",
    "fetch > end",
    "GET /phone/v1/session > open",
    "GET /phone/v1/session > answer",
    "GET /phone/v1/events > open",
    "GET /phone/v1/events > answer",
    "GET /phone/v1/review > open",
    "GET /phone/v1/review > answer",
    f"{CONSENT} > open",
    f"{CONSENT} > step",
    f"{CONSENT} > answer",
    "GET /j/session > answer",
)
IN_WORKER = (
    "claim > claim",
    "deadlines > claim",
    "index > index",
    "index > step",
    "index > end",
    "data > post",
    "data > step",
    "data > end",
    "notice > post",
    "notice > step",
    "notice > end",
    "ledger > step",
    "ledger > step 2",
    "ledger > end",
)
# Reading keys, being looked at by a supervisor, and the daily work at the start: no part of anybody's journey.
APART = {"GET /readyz > answer", "GET /.well-known/jwks.json > answer", "rewrite > end"}


@pytest.mark.parametrize("moment", IN_SERVICE)
async def test_kill_of_the_service(folder: Path, cell: Note, moment: str) -> None:
    """The service dies at this moment, without a word, and is started again: the journey completes, once."""
    async with scene(folder, fault_point=moment) as standing:
        await _goes_through(standing, Citizen(standing), cell, "kill -9 of the service", moment, "serve")


@pytest.mark.parametrize("moment", IN_WORKER)
async def test_kill_of_the_worker(folder: Path, cell: Note, moment: str) -> None:
    """The worker dies at this moment of what follows on consent, and is started again: one delivery, all told."""
    async with scene(folder) as standing:
        armed = partial(standing.restart, "worker", fault_point=moment)
        citizen = Citizen(standing, {"consent": armed})
        await _goes_through(standing, citizen, cell, "kill -9 of the worker", moment, "worker")


async def _goes_through(standing: Scene, citizen: Citizen, cell: Note, fault: str, moment: str, name: Name) -> None:
    read = await citizen.go()
    verdict = await standing.judge(citizen.session_id, read)
    assert standing.deaths == [f"{name} -9"], standing.deaths
    cell(fault, moment, verdict)
    assert verdict.told == "delivered"


async def test_these_are_all_the_moments(folder: Path) -> None:
    """A journey without a fault reaches these moments and no others."""
    async with scene(folder, fault_point="every") as standing:
        await Citizen(standing).go()
        await standing.worked_off()
        reached = {name: _reached(standing.log_of(name)) for name in ("serve", "worker")}
    assert reached["serve"] - APART == set(IN_SERVICE)
    assert reached["worker"] - APART == set(IN_WORKER)


def _reached(log: str) -> set[str]:
    """The moments a log tells of; planted words are no JSON."""
    lines = (json.loads(line) for line in log.splitlines() if line.startswith("{"))
    return {line["where"] for line in lines if line["event"] == "fault.passed"}
