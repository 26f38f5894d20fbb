"""The one clock. `now` is passed on from here to every step; nothing else in the product reads the time.

Processes under test read an offset from a file, so that time can jump without waiting; refused in production.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

Clock = Callable[[], float]


def clock(offset_file: Path | None = None) -> Clock:
    """A clock in seconds since the epoch; `offset_file` holds seconds to add (a missing file is no offset)."""
    if offset_file is None:
        return time.time

    def shifted() -> float:
        try:
            return time.time() + float(offset_file.read_text(encoding="ascii"))
        except FileNotFoundError:
            return time.time()

    return shifted


def utc(seconds: float) -> datetime:
    """A moment as a UTC datetime in whole milliseconds, which is how every surface shows it."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def iso(seconds: float) -> str:
    """A moment as RFC 3339 text in UTC with `Z`, in whole milliseconds."""
    return utc(seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
