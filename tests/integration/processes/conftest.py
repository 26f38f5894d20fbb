"""What every test with processes of its own may start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import broker_keys_into


@pytest.fixture(autouse=True)
def _keys(tmp_path: Path) -> None:
    """A broker in this test's folder finds its keys there: making them takes a second, and test_keys proves it."""
    broker_keys_into(tmp_path)
