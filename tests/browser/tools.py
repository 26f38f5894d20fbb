"""What the browser tests need of this machine: a missing tool skips with its name, and fails where CI says so."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

MODULES = Path(__file__).parent / "node_modules"


def wanted(program: str, why: str) -> str:
    """Where a program is. Skips the test, or fails it under CI, when it is not there."""
    return shutil.which(program) or _missing(f"{program} is not installed: {why}")


def node_module(name: str, file: str) -> Path:
    """A file of an installed Node package. Skips or fails as `wanted` does."""
    path = MODULES / name / file
    return path if path.is_file() else _missing(f"{name} is not installed: `make test` installs it where npm is")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
