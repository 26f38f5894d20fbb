"""Pieces of C that come between a process and its system: compiled for the test that needs them, loaded before libc."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def preloaded(folder: Path, name: str) -> str:
    """The library made of `<name>.c` beside this file, for LD_PRELOAD (ld.so(8)). Skips where it cannot be made."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler called cc, on Linux")
    library = folder / f"{name}.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, _HERE / f"{name}.c", "-ldl"], check=True)
    return str(library)
