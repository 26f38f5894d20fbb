"""The example connector is a package of its own: installed beside the broker it is a source, and no file changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "connector-duo"
# Without the plug-in for asyncio, which an author need not have.
QUIETLY = ("-q", "-p", "no:cacheprovider", "-p", "no:asyncio")
COMMAND = Path(sys.executable).with_name("ophaalbrug")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has put it: built from a copy, so that nothing of the project is touched."""
    folder = tmp_path_factory.mktemp("example")
    copy, target = folder / "source", folder / "installed"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    run(folder, folder, sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(copy))
    return target


def run(folder: Path, path: Path, *command: str, **environment: str) -> str:
    """What a process prints in which Python also looks in `path`. The process must end well."""
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_it_is_found_by_its_entry_point(installed: Path, tmp_path: Path) -> None:
    """`connector list` names it last, off until the settings have a table for it; without the package it is unknown."""
    file = tmp_path / "settings.toml"
    file.write_text('[connectors.duo]\nurl = "https://duo.example/graphql"\napi_key = "KEY"\n', encoding="utf-8")
    data = {"OPHAALBRUG_DATA_DIR": str(tmp_path / "data")}
    line = "duo\toff\tDUO\tdebts"
    without = run(tmp_path, tmp_path, str(COMMAND), "connector", "list", **data).splitlines()
    off = run(tmp_path, installed, str(COMMAND), "connector", "list", **data).splitlines()
    on = run(tmp_path, installed, str(COMMAND), "--settings", str(file), "connector", "list", **data).splitlines()
    assert off == [*without, line]
    assert on[-1] == line.replace("off", "on")


def test_its_own_tests_pass(installed: Path, tmp_path: Path) -> None:
    """With the kit as its only help, and outside the project: a plug-in, recordings and what was kept."""
    tests = tmp_path / "tests"
    shutil.copytree(EXAMPLE / "tests", tests, ignore=shutil.ignore_patterns("__pycache__"))
    options = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]["addopts"]
    arguments = [*QUIETLY, "--rootdir", str(tmp_path), *options, str(tests)]
    printed = run(tmp_path, installed, sys.executable, "-W", "error", "-m", "pytest", *arguments)
    assert "22 passed" in printed, printed


def test_snapshots_are_kept_by_the_option(installed: Path, tmp_path: Path) -> None:
    """`--update-snapshots` writes again what the package carries, byte for byte."""
    tests = tmp_path / "tests"
    shutil.copytree(EXAMPLE / "tests", tests, ignore=shutil.ignore_patterns("__pycache__", "snapshots"))
    arguments = [*QUIETLY, "-p", "connectors.testing", "--import-mode=importlib"]
    selected = ["-k", "snapshot or drift", "--update-snapshots", str(tests)]
    run(tmp_path, installed, sys.executable, "-m", "pytest", *arguments, *selected)
    kept, made = EXAMPLE / "tests" / "snapshots", tests / "snapshots"
    names = sorted(path.relative_to(kept) for path in kept.rglob("*.json"))
    assert names == sorted(path.relative_to(made) for path in made.rglob("*.json"))
    assert [(made / name).read_bytes() for name in names] == [(kept / name).read_bytes() for name in names]
