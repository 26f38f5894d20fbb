"""`ophaalbrug connector check` against the pretend world, over real sockets: what an operator is told, in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from sandbox import app as world
from sandbox.personas import by_user
from sandbox.stage import SOURCES, login_keys, settings_for
from sandbox.world import SandboxSettings
from tests.stores import free_ports

NOBODY = "999990019"  # passes the elfproef; the pretend world knows no such person


class Scene(msgspec.Struct, kw_only=True):
    """A pretend world that runs, and the settings of a broker that may ask it."""

    url: str
    environment: dict[str, str]

    async def run(self, *arguments: str, **tables: dict[str, Any]) -> Result:
        """The command, with `tables` put over the settings. It has an event loop of its own, so it gets a thread."""
        given = dict(self.environment)
        for name, table in tables.items():
            variable = f"OPHAALBRUG_{name.upper()}"
            given[variable] = json.dumps(json.loads(given.get(variable, "{}")) | table)
        command = ["connector", "check", *arguments]
        return await asyncio.to_thread(CliRunner(env=given).invoke, main, command, prog_name="ophaalbrug")

    async def fault(self, register: str, kind: str) -> None:
        """Break a register of the world, or mend it with `none`."""
        async with (
            aiohttp.ClientSession() as http,
            http.put(f"{self.url}/sandbox/faults/{register}", json={"fault": kind}) as answer,
        ):
            assert answer.status == 200


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Scene]:
    """A world with every source and the login up."""
    monkeypatch.chdir(tmp_path)
    port, mail_port = free_ports(2)
    url = f"http://127.0.0.1:{port}"
    environment = settings_for(tmp_path, 1, url, {}, mail_port=mail_port)
    pretend = SandboxSettings(client_jwks=login_keys(tmp_path), redirect_uris=("http://127.0.0.1:1/phone/terug",))
    async with world.running(pretend, port=port):
        yield Scene(url=url, environment=environment)


def probe_bsn() -> str:
    """A persona whom every source knows."""
    seat = by_user("single")
    assert seat is not None
    return seat.person.bsn


def probes(**more: str) -> dict[str, Any]:
    """Every source may be asked about one persona."""
    return {source: {"probe_bsn": probe_bsn(), **more} for source in SOURCES}


def lines(result: Result) -> set[tuple[str, ...]]:
    """The table without its white space."""
    return {tuple(line.split()) for line in result.stdout.splitlines()}


def steps(result: Result) -> dict[str, dict[str, tuple[str, str | None]]]:
    """The JSON: status and reason of each step, by source; of several hosts the last."""
    return {
        report["connector"]: {step["name"]: (step["status"], step["reason"]) for step in report["steps"]}
        for report in json.loads(result.stdout)
    }


async def test_all_is_well(scene: Scene) -> None:
    """Every source answers its question as expected, the login has keys: exit code 0, and progress while it runs."""
    result = await scene.run(health=probes())
    assert result.exit_code == 0, result.output
    told = lines(result)
    host = scene.url.removeprefix("http://")
    for source in SOURCES:
        assert {
            (source, "settings", "ok"),
            (source, "reachable", "ok", host),
            (source, "credentials", "ok"),
            (source, "answer", "ok"),
        } <= told
    assert {("login", "discovery", "ok"), ("login", "keys", "ok")} <= told
    assert {f"{name}: ok" for name in (*SOURCES, "login")} < set(result.stderr.splitlines())
    assert probe_bsn() not in result.output


async def test_nobody_is_asked_about_without_a_setting(scene: Scene) -> None:
    """Then the sources are reached only, and that is said; it is no failure."""
    result = await scene.run("uwv", "mijnoverheid", "--json")
    assert result.exit_code == 0
    assert list(steps(result)) == ["uwv", "mijnoverheid"]
    for found in steps(result).values():
        assert found["reachable"] == ("ok", None)
        assert found["credentials"] == found["answer"] == ("not-checked", "no-probe")


async def test_a_source_that_is_stopped(scene: Scene) -> None:
    """It is named with its host, nothing more is tried there, the others are checked all the same: exit code 1."""
    (closed,) = free_ports(1)
    gone = f"http://127.0.0.1:{closed}/uwv"
    connectors = json.loads(scene.environment["OPHAALBRUG_CONNECTORS"])
    stopped = {"uwv": {**connectors["uwv"], "incomes_url": gone, "benefits_url": gone}}
    result = await scene.run(health=probes(), connectors=stopped)
    assert result.exit_code == 1
    assert {
        ("uwv", "settings", "ok"),
        ("uwv", "reachable", "failed", f"127.0.0.1:{closed}", "connection"),
        ("uwv", "credentials", "not-checked", "unreachable"),
        ("uwv", "answer", "not-checked", "unreachable"),
        ("belastingdienst", "answer", "ok"),
    } <= lines(result)
    assert "uwv: failed" in result.stderr.splitlines()


@pytest.mark.parametrize(
    ("fault", "credentials", "reason"),
    [
        ("down", ("not-checked", "unavailable"), "unavailable"),
        ("html", ("ok", None), "unreadable"),
        ("wrong-types", ("ok", None), "unreadable"),
        ("wrong-person", ("ok", None), "wrong-person"),
    ],
)
async def test_a_source_that_answers_badly(
    scene: Scene, fault: str, credentials: tuple[str, str | None], reason: str
) -> None:
    """Reachable, and what is wrong has a word of its own."""
    await scene.fault("uwv", fault)
    result = await scene.run("uwv", "--json", health=probes())
    assert result.exit_code == 1
    found = steps(result)["uwv"]
    assert found["reachable"] == ("ok", None)
    assert (found["credentials"], found["answer"]) == (credentials, ("failed", reason))


async def test_a_part_that_is_down_is_no_good_answer(scene: Scene) -> None:
    """The land register does not answer, the others do."""
    await scene.fault("brk", "down")
    result = await scene.run("mijnoverheid", "--json", health=probes())
    assert result.exit_code == 1
    assert steps(result)["mijnoverheid"]["answer"] == ("failed", "incomplete")


async def test_credentials_that_are_refused(scene: Scene) -> None:
    """A wrong API key, told apart from an outage; the key is not shown."""
    connectors = json.loads(scene.environment["OPHAALBRUG_CONNECTORS"])
    wrong = {"mijnpensioenoverzicht": {**connectors["mijnpensioenoverzicht"], "api_key": "not-our-key"}}
    result = await scene.run("mijnpensioenoverzicht", "--json", health=probes(), connectors=wrong)
    assert result.exit_code == 1
    found = steps(result)["mijnpensioenoverzicht"]
    assert found["reachable"] == ("ok", None)
    assert (found["credentials"], found["answer"]) == (("failed", "refused"), ("not-checked", "refused"))
    assert "not-our-key" not in result.output


async def test_what_is_expected_is_a_setting(scene: Scene) -> None:
    """A person whom the source should not know; either way round a surprise fails."""
    absent = {"mijnpensioenoverzicht": {"probe_bsn": NOBODY, "expect": "absent"}}
    assert (await scene.run("mijnpensioenoverzicht", health=absent)).exit_code == 0
    found = {"mijnpensioenoverzicht": {"probe_bsn": NOBODY}}
    result = await scene.run("mijnpensioenoverzicht", "--json", health=found)
    assert steps(result)["mijnpensioenoverzicht"]["answer"] == ("failed", "expected-found")
    known = {"mijnpensioenoverzicht": probes(expect="absent")["mijnpensioenoverzicht"]}
    result = await scene.run("mijnpensioenoverzicht", "--json", health=known)
    assert (result.exit_code, steps(result)["mijnpensioenoverzicht"]["answer"]) == (1, ("failed", "expected-absent"))


async def test_tls_that_does_not_work_is_told_apart(scene: Scene) -> None:
    """Somebody listens there and speaks no TLS, where the settings say https."""
    connectors = json.loads(scene.environment["OPHAALBRUG_CONNECTORS"])
    secure = {**connectors["mijnpensioenoverzicht"], "base_url": f"{scene.url.replace('http', 'https')}/mpo"}
    result = await scene.run("mijnpensioenoverzicht", "--json", connectors={"mijnpensioenoverzicht": secure})
    assert result.exit_code == 1
    assert steps(result)["mijnpensioenoverzicht"]["reachable"] == ("failed", "tls")


async def test_a_login_that_is_not_there(scene: Scene) -> None:
    """The provider does not answer, or there is none under that address; the keys are not looked for."""
    (closed,) = free_ports(1)
    gone = {"issuer": f"http://127.0.0.1:{closed}/digid"}
    result = await scene.run("login", "--json", login=gone)
    assert result.exit_code == 1
    assert steps(result)["login"] == {
        "settings": ("ok", None),
        "reachable": ("failed", "connection"),
        "discovery": ("failed", "connection"),
        "keys": ("not-checked", "unreachable"),
    }
    elsewhere = await scene.run("login", "--json", login={"issuer": f"{scene.url}/nothing"})
    assert steps(elsewhere)["login"]["discovery"] == ("failed", "provider-error")


async def test_settings_that_cannot_be_used(scene: Scene) -> None:
    """Said per source, with the table that is wrong; the others are checked all the same."""
    key = {"key_file": "nowhere.pem"}
    result = await scene.run("uwv", "login", "mijnoverheid", "--json", connectors={"uwv": {"months": 0}}, login=key)
    assert result.exit_code == 1
    found = steps(result)
    assert found["uwv"] == found["login"] == {"settings": ("failed", "invalid")}
    assert found["mijnoverheid"]["reachable"] == ("ok", None)
    notes = {report["connector"]: report["note"] for report in json.loads(result.stdout)}
    assert notes["uwv"].startswith("[connectors.uwv]: ")
    assert notes["login"].startswith("[login]: ")
    assert f"uwv: {notes['uwv']}" in result.stderr.splitlines()


async def test_a_certificate_that_cannot_be_used(scene: Scene, tmp_path: Path) -> None:
    """The source it belongs to is named."""
    (tmp_path / "empty.pem").touch()
    connectors = json.loads(scene.environment["OPHAALBRUG_CONNECTORS"])
    files = {"certificate_file": str(tmp_path / "empty.pem"), "key_file": str(tmp_path / "empty.pem")}
    result = await scene.run("uwv", "--json", connectors={"uwv": {**connectors["uwv"], **files}})
    assert steps(result)["uwv"] == {"settings": ("failed", "invalid")}
    assert json.loads(result.stdout)[0]["note"] == "[connectors.uwv]: a certificate or key file cannot be used"


async def test_names_that_are_not_there(scene: Scene) -> None:
    """A source that is not switched on, and a [health] table of a source nobody knows."""
    result = await scene.run("uwf")
    assert (result.exit_code, "not switched on: uwf" in result.stderr) == (2, True)
    result = await scene.run("uwv", health={"uwf": {}})
    assert (result.exit_code, "[health]: no connector called uwf" in result.stderr) == (1, True)


def test_with_nothing_switched_on_there_is_nothing_to_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is said, and is no failure."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["connector", "check"])
    assert (result.exit_code, "no source is switched on" in result.stderr) == (0, True)
