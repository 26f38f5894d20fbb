"""The command line, run for real on the embedded store: what an operator does and is told, in words and exit codes."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from openapi_spec_validator import OpenAPIV31SpecValidator

from broker.cli import main
from broker.settings import MIN_SECRET_BYTES, Settings
from sandbox.backoffice import BackOffice
from sandbox.stage import NAME, PROFILES

Run = Callable[..., Result]
HOOK = "https://gemeente.example/haak"
SAFE = {
    "OPHAALBRUG_MODE": "production",
    "OPHAALBRUG_BASE_URL": "https://brug.example",
    "OPHAALBRUG_KEYS_FILE": "keys.json",
    "OPHAALBRUG_SECRET": "s" * MIN_SECRET_BYTES,
    "OPHAALBRUG_CONTACT_EMAIL": "beheer@brug.example",
    "OPHAALBRUG_CONTACT_URL": "https://brug.example/over",
    "OPHAALBRUG_SOURCE_URN": "urn:nld:oin:00000009990000000000:systeem:brug",
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run one command with a data directory of its own; `environment` adds settings."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, **environment: str) -> Result:
        given = {"OPHAALBRUG_DATA_DIR": str(tmp_path / "data"), **environment}
        return CliRunner(env=given).invoke(main, arguments, prog_name="ophaalbrug")

    return invoke


@pytest.fixture
def office() -> BackOffice:
    """A provider with its keys; it makes no requests here."""
    http: Any = None
    return BackOffice("gemeente", "https://brug.example", http)


def written(folder: Path, office: BackOffice, webhook_url: str | None = HOOK) -> str:
    """The provider's file."""
    file = folder / "provider.toml"
    file.write_text(office.provider_file(PROFILES[:1], name=NAME, webhook_url=webhook_url), encoding="utf-8")
    return str(file)


def refused(result: Result, *words: str) -> None:
    """Check that a command ended with one line that says why, and no traceback."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert all(word in line for word in words), line


def test_a_provider_is_added_listed_rotated_and_removed(run: Run, tmp_path: Path, office: BackOffice) -> None:
    """What is added stays, in a store that each command starts for itself; rotating gives another secret."""
    added = run("provider", "add", written(tmp_path, office))
    assert added.exit_code == 0, added.output
    assert "provider gemeente with 1 profile(s)" in added.stdout
    assert f"webhook secret: {office.webhook_secret}" in added.stdout
    assert "webhook public key: whpk_" in added.stdout
    listed = run("provider", "list")
    assert listed.stdout == f"gemeente\t{NAME.nl}\tbijstand\n"
    rotated = run("provider", "rotate", "gemeente")
    assert "webhook secret: whsec_" in rotated.stdout
    assert office.webhook_secret not in rotated.stdout
    assert run("provider", "remove", "gemeente").exit_code == 0
    assert run("provider", "list").stdout == ""


def test_a_rotated_secret_leaves_the_former_for_a_while(run: Run, tmp_path: Path, office: BackOffice) -> None:
    """Both sign meanwhile, and the provider's file is not needed for it; without an overlap the former is gone."""
    run("provider", "add", written(tmp_path, office))
    assert run("provider", "rotate", "gemeente", "--overlap-hours", "0").exit_code == 0
    assert run("provider", "rotate", "gemeente", "--overlap-hours", "169").exit_code == 2
    rotated = run("provider", "rotate", "gemeente")
    assert rotated.stdout.count("whsec_") == 1


def test_deliveries_are_listed_and_retried(run: Run, tmp_path: Path, office: BackOffice) -> None:
    """A provider that sent nothing has none; what is not there cannot be tried again, and that is said in one line."""
    run("provider", "add", written(tmp_path, office))
    listed = run("delivery", "list", "gemeente", "--status", "waiting", "--type", "data")
    assert (listed.exit_code, listed.stdout) == (0, "")
    refused(run("delivery", "retry", f"{'0' * 22}-1"), "no such delivery")
    refused(run("delivery", "retry", "geheim"), "no such delivery")


def test_adding_again_keeps_a_webhook_that_the_file_leaves_out(run: Run, tmp_path: Path, office: BackOffice) -> None:
    """The provider may have set it itself: it goes when that is said, and a secret that was kept is not shown."""
    assert run("provider", "add", written(tmp_path, office)).exit_code == 0
    again = run("provider", "add", written(tmp_path, office, None))
    shown, secret, key = again.stdout.splitlines()
    assert (shown, secret) == ("provider gemeente with 1 profile(s)", "webhook secret: as it was")
    assert key.startswith("webhook public key: whpk_")
    fresh = run("provider", "add", "--fresh-webhook", written(tmp_path, office, None))
    assert fresh.stdout == "provider gemeente with 1 profile(s)\n"
    refused(run("provider", "rotate", "gemeente"), "gemeente", "webhook")


def test_a_file_without_secrets_restores_a_provider(run: Run, tmp_path: Path, office: BackOffice) -> None:
    """Its first adding makes a secret and shows it; the next keep that, or what it was rotated to, and show none."""
    file = Path(written(tmp_path, office))
    file.write_text(file.read_text().replace(f', secret = "{office.webhook_secret}"', ""))
    assert "whsec_" not in file.read_text()
    made = run("provider", "add", str(file)).stdout
    assert made.count("webhook secret: whsec_") == 1
    assert "webhook secret: as it was" in run("provider", "add", str(file)).stdout
    assert "webhook secret: whsec_" in run("provider", "rotate", "gemeente").stdout
    again = run("provider", "add", str(file))
    assert "webhook secret: as it was" in again.stdout
    assert again.stderr == ""
    fresh = run("provider", "add", "--fresh-webhook", str(file)).stdout
    assert "webhook secret: whsec_" in fresh
    assert fresh != made


def test_events_that_go_elsewhere_are_told(run: Run, tmp_path: Path, office: BackOffice) -> None:
    """The address of the file wins over the one that the provider set since: the operator hears that it was another."""
    run("provider", "add", written(tmp_path, office))
    moved = run("provider", "add", written(tmp_path, office, "https://gemeente.example/elders"))
    assert moved.stderr == "note: events went to another address until now\n"
    assert f"webhook secret: {office.webhook_secret}" in moved.stdout


def test_who_is_not_there_cannot_be_rotated_or_removed(run: Run) -> None:
    """Said in one line."""
    refused(run("provider", "rotate", "niemand"), "niemand")
    refused(run("provider", "remove", "niemand"), "niemand")


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('id = "gemeente"', "id = ", "provider.toml"),
        ('id = "gemeente"', 'id = "Gemeente X"', "id"),
        ("purpose", "doel", "doel"),
        ("[[profile]]", "[[profielen]]", "profielen"),
        ("https://", "ftp://", "https"),
        ("whsec_", "geheim_", "whsec_"),
        ('"EC"', '"oct"', "public"),
        ('"P-256"', '"P-999"', "key"),
        ("income.employment", "income.everything", "field"),
        (None, "\0", "provider.toml"),
        (None, "", "provider.toml"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    run: Run, tmp_path: Path, office: BackOffice, old: str | None, new: str, word: str
) -> None:
    """One line that names what is wrong; nothing of it is kept."""
    file = Path(written(tmp_path, office))
    text = file.read_text(encoding="utf-8")
    assert old is None or old in text
    file.write_text(text.replace(old, new) if old else new, encoding="utf-8")
    refused(run("provider", "add", str(file)), word)
    assert not (tmp_path / "data").exists()


def test_a_private_key_in_a_providers_file_is_refused(run: Run, tmp_path: Path, office: BackOffice) -> None:
    """It does not belong to us, and no part of it is repeated."""
    secret = office.signing_key.export_private(as_dict=True)["d"]
    file = Path(written(tmp_path, office))
    public = office.signing_key.export_public(as_dict=True)["x"]
    file.write_text(file.read_text().replace(f'x = "{public}"', f'x = "{public}", d = "{secret}"'))
    assert secret in file.read_text()
    result = run("provider", "add", str(file))
    refused(result, "public keys only")
    assert secret not in result.output


def test_a_file_that_is_not_there_is_refused(run: Run) -> None:
    """As any command line does: exit code 2."""
    result = run("provider", "add", "nergens.toml")
    assert (result.exit_code, "nergens.toml" in result.stderr) == (2, True)


def test_every_source_is_listed_with_its_state(run: Run) -> None:
    """On where the settings have a table for it, off otherwise."""
    off = {line.split("\t")[0]: line.split("\t")[1] for line in run("connector", "list").stdout.splitlines()}
    assert set(off) >= {"mijnoverheid", "uwv", "belastingdienst", "mijnpensioenoverzicht"}
    assert set(off.values()) == {"off"}
    on = run("connector", "list", OPHAALBRUG_CONNECTORS='{"uwv": {}}').stdout.splitlines()
    assert [line.split("\t")[0] for line in on if line.split("\t")[1] == "on"] == ["uwv"]


def test_a_session_that_is_not_there_is_not_shown(run: Run) -> None:
    """Also when what is given is no session id at all."""
    for session_id in ("00" * 11, "nonsense", ""):
        refused(run("session", "show", session_id), "no such session")


def test_every_setting_is_documented(run: Run) -> None:
    """Its name as a variable, its sentence and its default: nothing to look up in code."""
    shown = run("settings").stdout
    blocks = {block.split("\n")[0]: block for block in shown.split("OPHAALBRUG_")[1:]}
    assert set(blocks) == {name.upper() for name in Settings.__struct_fields__}
    assert all(len(block.split("\n")[1].strip()) > 10 for block in blocks.values())
    assert all("default:" in block for block in blocks.values())


@pytest.mark.parametrize(("surface", "base"), [("provider", "/v1"), ("phone", "/phone/v1")])
def test_the_openapi_documents_can_be_printed(run: Run, surface: str, base: str) -> None:
    """Valid OpenAPI 3.1 with the server of these settings, without a store."""
    document = json.loads(run("openapi", surface, **SAFE).stdout)
    OpenAPIV31SpecValidator(document).validate()
    assert document["servers"] == [{"url": f"https://brug.example{base}"}]


def test_fresh_keys_can_be_used(run: Run, tmp_path: Path, office: BackOffice) -> None:
    """`keys new` prints what `keys_file` wants; each time others."""
    first, second = json.loads(run("keys", "new").stdout), json.loads(run("keys", "new").stdout)
    assert set(first) == {"secret", "es256", "ps256", "ed25519"}
    assert all(first[name] != second[name] for name in first)
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(first))
    assert run("provider", "add", written(tmp_path, office), OPHAALBRUG_KEYS_FILE=str(file)).exit_code == 0
    file.write_text(json.dumps(second))
    refused(run("provider", "list", OPHAALBRUG_KEYS_FILE=str(file)), "other keys")


def test_keys_can_be_renewed_on_the_same_store(run: Run, tmp_path: Path, office: BackOffice) -> None:
    """`keys renew` prints the file with other signing keys: what the store holds can still be opened with it."""
    file = tmp_path / "keys.json"
    file.write_text(run("keys", "new").stdout)
    assert run("provider", "add", written(tmp_path, office), OPHAALBRUG_KEYS_FILE=str(file)).exit_code == 0
    before = json.loads(file.read_text())
    file.write_text(run("keys", "renew", str(file)).stdout)
    after = json.loads(file.read_text())
    assert after["secret"] == before["secret"]
    assert after["es256"] != before["es256"]
    listed = run("provider", "list", OPHAALBRUG_KEYS_FILE=str(file))
    assert office.id in listed.stdout
    (tmp_path / "junk").write_text("{}")
    refused(run("keys", "renew", str(tmp_path / "junk")), "this is no keys file")


def test_keys_of_our_own_making_are_for_the_owner_only(run: Run, tmp_path: Path) -> None:
    """Mode 0600 in a directory of mode 0700."""
    assert run("provider", "list").exit_code == 0
    assert stat.S_IMODE((tmp_path / "data" / "keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_production_adds_no_provider_on_http(run: Run, office: BackOffice, tmp_path: Path) -> None:
    """Its webhook would be refused at every delivery; in development it may be on this machine."""
    file = written(tmp_path, office, "http://127.0.0.1:8090/haak")
    refused(run("provider", "add", file, **SAFE), "https")
    assert run("provider", "add", file).exit_code == 0


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [
        ("BASE_URL", "http://brug.example", "https"),
        ("BASE_URL", "https://brug.example/", "slash"),
        ("KEYS_FILE", "", "keys_file"),
        ("SECRET", "short", "secret"),
        ("CONTACT_EMAIL", "", "contact_email must be your own"),
        ("SANDBOX", "true", "sandbox"),
        ("CLOCK_OFFSET_FILE", "offset", "clock_offset_file"),
        ("DELIVERY_SCHEDULE_SECONDS", "[1]", "delivery_schedule_seconds"),
        ("KEYS_FILE", "nergens.json", "keys new"),
    ],
)
@pytest.mark.parametrize("command", [("serve",), ("worker",), ("provider", "list")], ids=" ".join)
def test_production_refuses_what_is_not_safe(
    run: Run, command: tuple[str, ...], setting: str, value: str, word: str
) -> None:
    """Whichever command it is: one line, and no secret in it."""
    result = run(*command, **{**SAFE, f"OPHAALBRUG_{setting}": value})
    refused(result, word)
    assert SAFE["OPHAALBRUG_SECRET"] not in result.output


def test_production_names_every_reason_at_once(run: Run) -> None:
    """An operator mends them in one go."""
    refused(run("serve", OPHAALBRUG_MODE="production", OPHAALBRUG_SANDBOX="true"), "https", "secret", "sandbox")


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({"OPHAALBRUG_NONSENSE": "1"}, "nonsense"),
        ({"OPHAALBRUG_PORT": "many"}, "port"),
        ({"OPHAALBRUG_MODE": "testing"}, "mode"),
        ({"OPHAALBRUG_LOGIN": "{"}, ""),
        ({"OPHAALBRUG_CONNECTORS": '{"nonsense": {}}'}, "nonsense"),
        ({"OPHAALBRUG_LOGIN": '{"issuer": 7}'}, "login"),
        ({"OPHAALBRUG_REDIS_URL": "nonsense://x"}, ""),
        ({"OPHAALBRUG_REDIS_URL": "redis://127.0.0.1:1"}, ""),
        ({"OPHAALBRUG_DATA_DIR": "/dev/null/data"}, "/dev/null/data"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_used_are_refused(run: Run, environment: dict[str, str], word: str) -> None:
    """Unknown names, wrong types, and a store that is not there: one line each."""
    refused(run("provider", "list", **environment), word)


def test_a_settings_file_can_be_named(run: Run, tmp_path: Path) -> None:
    """With `--settings`; a name in it that no setting has is refused as well."""
    file = tmp_path / "other.toml"
    file.write_text('base_url = "https://elders.example"\n')
    document = json.loads(run("--settings", str(file), "openapi").stdout)
    assert document["servers"][0]["url"] == "https://elders.example/v1"
    file.write_text("nonsense = 1\n")
    refused(run("--settings", str(file), "openapi"), "nonsense")
    file.write_text("port = \n")
    refused(run("--settings", str(file), "openapi"))
