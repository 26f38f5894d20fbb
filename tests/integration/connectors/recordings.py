"""Recorded answers of the built-in sources, in their own formats; the people in them are invented."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

BSN = "999102965"
NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)


def recording(source: str, name: str) -> Path:
    """The file of one answer."""
    return Path(__file__).parent / "recordings" / source / name
