"""`ophaalbrug login jwks`: what an operator gives the provider of the login, and what is said when there is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jwcrypto.jwk import JWK

from broker.cli import main
from sandbox.stage import login_keys, settings_for

PRIVATE = {"d", "p", "q", "dp", "dq", "qi"}


def jwks(folder: Path, **login: str) -> Result:
    """The command, for the login of the pretend world with these lines of the table changed."""
    environment = settings_for(folder, 1, "http://127.0.0.1:2", {}, mail_port=3)
    environment["OPHAALBRUG_LOGIN"] = json.dumps(json.loads(environment["OPHAALBRUG_LOGIN"]) | login)
    return CliRunner(env=environment).invoke(main, ["login", "jwks"], prog_name="ophaalbrug")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_public_keys_of_the_login_are_printed(tmp_path: Path) -> None:
    """One to verify with and one to encrypt to, under their RFC 7638 thumbprints; nothing private, and no data kept."""
    made = {key["kid"]: key for key in login_keys(tmp_path)["keys"]}
    result = jwks(tmp_path)
    keys = json.loads(result.stdout)["keys"]
    assert (result.exit_code, result.stderr) == (0, "")
    assert {key["use"] for key in keys} == {"sig", "enc"}
    for key in keys:
        assert not PRIVATE & set(key)
        assert key["kid"] == JWK(**key).thumbprint()
        assert (key["n"], key["use"]) == (made[key["kid"]]["n"], made[key["kid"]]["use"])
    assert not (tmp_path / "data").exists()


def test_without_a_login_there_are_none() -> None:
    """Said in one line."""
    result = CliRunner().invoke(main, ["login", "jwks"], prog_name="ophaalbrug")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: there is no [login] in the settings\n"


@pytest.mark.parametrize("content", [None, b"", b"geheim"])
def test_a_key_file_that_cannot_be_used_is_told(tmp_path: Path, content: bytes | None) -> None:
    """In one line that repeats nothing of what is in it."""
    login_keys(tmp_path)
    if content is not None:
        (tmp_path / "other.pem").write_bytes(content)
    result = jwks(tmp_path, key_file=str(tmp_path / "other.pem"))
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: [login]: ")
    assert "geheim" not in line
