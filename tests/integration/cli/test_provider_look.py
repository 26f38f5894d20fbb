"""`ophaalbrug provider add` and a provider's look: what is taken over, and what the operator is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from sandbox.backoffice import BackOffice
from sandbox.stage import NAME, PROFILES


def added(folder: Path, **look: str) -> Result:
    """Add a provider with this look, on a store of its own."""
    http: Any = None
    office = BackOffice("gemeente", "https://brug.example", http)
    file = folder / "provider.toml"
    file.write_text(office.provider_file(PROFILES[:1], name=NAME, **look), encoding="utf-8")
    return CliRunner(env={"OPHAALBRUG_DATA_DIR": str(folder / "data")}).invoke(main, ["provider", "add", str(file)])


def test_an_accent_that_nobody_could_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is added all the same; one that can be read brings no note."""
    monkeypatch.chdir(tmp_path)
    result = added(tmp_path, accent="#ffd700")
    assert (result.exit_code, result.stdout) == (0, "provider gemeente with 1 profile(s)\n")
    assert result.stderr == "note: #ffd700 cannot be made readable; pages keep the default colours\n"
    assert added(tmp_path, accent="#7a1f5c").stderr == ""


def test_an_unsafe_logo_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, with the reason; nothing is registered."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logo.svg").write_bytes(b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>')
    result = added(tmp_path, logo_file="logo.svg")
    assert result.exit_code == 1
    assert result.stderr == "Error: an SVG logo may have no <script>\n"
