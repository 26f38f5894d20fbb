"""Where an error came from, as logs tell it: a file and a line, and nothing of what was said."""

from __future__ import annotations

import importlib

import pytest

from broker.telemetry import where


def test_the_place_of_an_error_is_told_wherever_it_is() -> None:
    """In a file its folder, name and line; in code that has no file what stands for one. Never the error's words."""
    with pytest.raises(ModuleNotFoundError) as frozen:
        importlib.import_module("geheim")
    with pytest.raises(ValueError, match="geheim") as own:
        raise ValueError("geheim")
    assert where(frozen.value).startswith("ModuleNotFoundError at <frozen importlib._bootstrap>:")
    assert where(own.value).startswith("ValueError at broker/test_telemetry.py:")
    assert "geheim" not in where(own.value)
