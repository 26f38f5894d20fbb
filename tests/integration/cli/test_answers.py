"""What every command has in common: answers on standard output, for machines too; else one line and an exit code."""

from __future__ import annotations

import io
import json
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from redis.exceptions import TimeoutError as SlowError
from rich.console import Console

from broker.cli import main
from broker.cli.asking import run as run_work
from broker.errors import Problem
from sandbox import demo
from sandbox.backoffice import BackOffice
from sandbox.stage import NAME, PROFILES
from sessions.errors import Refused
from sessions.store.scripts import StoreUnavailable

Run = Callable[..., Result]
ONE_LINE = "Error: "


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run one command with a data directory of its own; `environment` adds settings."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, typed: bytes | None = None, **environment: str) -> Result:
        given = {"OPHAALBRUG_DATA_DIR": str(tmp_path / "data"), **environment}
        return CliRunner(env=given).invoke(main, arguments, input=typed, prog_name="ophaalbrug")

    return invoke


def commands(group: click.Group = main, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its words."""
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


def provider_file() -> str:
    """One provider with one profile."""
    http: Any = None
    return BackOffice("gemeente", "https://brug.example", http).provider_file(PROFILES[:1], name=NAME, webhook_url=None)


def add_provider(run: Run, folder: Path) -> None:
    """Register it."""
    file = folder / "provider.toml"
    file.write_text(provider_file(), encoding="utf-8")
    assert run("provider", "add", str(file)).exit_code == 0


def said(result: Result, exit_code: int, *words: str) -> None:
    """A refusal: nothing on standard output, one line beside it, and no traceback."""
    assert (result.exit_code, result.stdout) == (exit_code, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(ONE_LINE)
    assert all(word in line for word in words), line


def test_every_command_explains_itself() -> None:
    """Each has a sentence, each option says what it does, and whatever lists can be read by a machine."""
    for words, command in commands():
        assert command.help, words
        options = [one for one in command.params if isinstance(one, click.Option)]
        assert [one.name for one in options if not one.help] == [], words
        if words[-1] in ("list", "verify", "check", "settings"):
            assert "as_json" in {one.name for one in options}, words


def test_what_is_listed_can_be_read_by_a_machine(run: Run, tmp_path: Path) -> None:
    """With --json: arrays of objects with names, also where there is nothing."""
    assert json.loads(run("provider", "list", "--json").stdout) == []
    add_provider(run, tmp_path)
    listed = json.loads(run("provider", "list", "--json").stdout)
    assert listed == [{"id": "gemeente", "name": NAME.nl, "profiles": ["bijstand"]}]
    assert json.loads(run("delivery", "list", "gemeente", "--json").stdout) == []
    verdict = {"provider": "gemeente", "state": "whole", "lines": 0, "hash": "-"}
    assert json.loads(run("ledger", "verify", "--json").stdout) == [verdict]
    sources = json.loads(run("connector", "list", "--json", OPHAALBRUG_CONNECTORS='{"uwv": {}}').stdout)
    assert [one["id"] for one in sources if one["state"] == "on"] == ["uwv"]
    assert all(set(one) == {"id", "state", "name", "categories"} for one in sources)
    settings = {one["variable"]: one for one in json.loads(run("settings", "--json").stdout)}
    assert settings["OPHAALBRUG_PORT"]["default"] == "8000"


def test_a_provider_comes_from_standard_input_too(run: Run) -> None:
    """For a dash: into a container that has no place for files. What cannot be used is refused in one line as well."""
    assert run("provider", "add", "-", typed=provider_file().encode()).stdout == "provider gemeente with 1 profile(s)\n"
    assert run("provider", "list").stdout.startswith("gemeente\t")
    said(run("provider", "add", "-", typed=b"id = "), 1, "-: ")
    said(run("provider", "add", "-", typed=b"\xff"), 1, "standard input")


def test_an_export_that_fails_leaves_the_earlier_one(run: Run, tmp_path: Path) -> None:
    """It is evidence: neither a wrong name nor a store that is not there may empty it; success replaces it."""
    add_provider(run, tmp_path)
    kept = tmp_path / "earlier.jsonl"
    kept.write_bytes(b"evidence\n")
    said(run("ledger", "export", "gemente", "--output", str(kept)), 1, "gemente")
    gone = "redis://127.0.0.1:1"
    said(run("ledger", "export", "gemeente", "--output", str(kept), OPHAALBRUG_REDIS_URL=gone), 1, "reached")
    assert kept.read_bytes() == b"evidence\n"
    assert run("ledger", "export", "gemeente", "--output", str(kept)).exit_code == 0
    assert kept.read_bytes() == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "earlier.jsonl", "provider.toml"]


def test_an_export_goes_where_it_can_be_written(run: Run, tmp_path: Path) -> None:
    """To the screen for a dash; a folder that is not there is said in one line."""
    add_provider(run, tmp_path)
    assert run("ledger", "export", "gemeente", "--output", "-").exit_code == 0
    assert not (tmp_path / "-").exists()
    said(run("ledger", "export", "gemeente", "--output", "nergens/x.jsonl"), 1, "nergens/x.jsonl", "No such file")


def test_settings_that_cannot_be_used_are_no_broken_ledger(run: Run) -> None:
    """Exit code 1 would say that somebody changed it."""
    said(run("ledger", "verify", OPHAALBRUG_PORT="many"), 2, "port")


def test_deliveries_of_nobody_are_not_none(run: Run) -> None:
    """A typing error is told; an empty answer would say that nothing went wrong."""
    said(run("delivery", "list", "gemente"), 1, "no provider gemente")


def test_settings_that_cannot_be_read_are_named(run: Run, tmp_path: Path) -> None:
    """The file, or the variable, is in the line; a file on the command line that is not there is a wrong use."""
    result = run("--settings", "nergens.toml", "provider", "list")
    assert (result.exit_code, "nergens.toml" in result.stderr) == (2, True)
    said(run("provider", "list", OPHAALBRUG_SETTINGS="nergens.toml"), 1, "nergens.toml: No such file")
    file = tmp_path / "settings.toml"
    file.write_text("port = \n", encoding="utf-8")
    said(run("provider", "list", OPHAALBRUG_SETTINGS=str(file)), 1, f"{file}: ", "line 1")
    said(run("provider", "list", OPHAALBRUG_LOGIN="{"), 1, "OPHAALBRUG_LOGIN must be JSON")


@pytest.mark.parametrize("setting", ["PORT", "OPERATIONS_PORT"])
def test_a_port_in_use_is_told_before_anything_starts(run: Run, tmp_path: Path, setting: str) -> None:
    """In one line with the port; no store was started for it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        said(run("serve", **{f"OPHAALBRUG_{setting}": port}), 1, port, "in use")
    assert not (tmp_path / "data").exists()


def test_an_address_that_is_none_is_told(run: Run) -> None:
    """In one line with the name."""
    said(run("serve", OPHAALBRUG_HOST="host.invalid"), 1, "host.invalid")


def test_a_demo_without_its_packages_says_which(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pretend world is an extra of the distribution."""
    monkeypatch.setitem(sys.modules, "sandbox.demo", None)
    said(run("demo", "--once"), 1, "ophaalbrug[sandbox]", "sandbox.demo")


def test_a_demo_without_its_ports_says_which(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the first thing that anybody tries, and port 8000 is everybody's favourite; nothing was started."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port: int = other.getsockname()[1]
        monkeypatch.setattr(demo, "OFFICE_PORT", port)
        monkeypatch.setattr(demo, "PORTS", (0, 0, 0))
        told = io.StringIO()
        monkeypatch.setattr(demo, "say", Console(file=told, width=200))
        assert run("demo").exit_code == 1
    assert f"another program has them: {port}." in told.getvalue()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StoreUnavailable(), "the store does not answer"),
        (SlowError("redis://user:password@host"), "the store does not answer"),
        (Refused("busy"), "Too busy"),
        (Problem("unknown-delivery"), "no such delivery"),
    ],
    ids=["lost", "slow", "refused", "problem"],
)
def test_what_goes_wrong_halfway_is_one_line(error: Exception, words: str) -> None:
    """Whatever command it was, and without what the store's client says: that could hold a password."""

    async def work() -> None:
        raise error

    with pytest.raises(click.ClickException) as told:
        run_work(work())
    assert words in told.value.message
    assert "password" not in told.value.message


def test_keys_are_one_line_of_json(run: Run) -> None:
    """Fit for a file as they are."""
    (line,) = run("keys", "new").stdout.splitlines()
    assert set(json.loads(line)) == {"secret", "es256", "ps256", "ed25519"}
