"""Keeps an outcome or a report as a JSON file beside the test, and compares the next one with it."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import msgspec

UPDATE = "--update-snapshots"


def snapshot_faults(file: Path, value: Any, *, update: bool) -> tuple[str, ...]:
    """How `value`, as JSON, differs from what `file` keeps; with `update` it is kept from now on, without a fault."""
    text = msgspec.json.format(msgspec.json.encode(value)).decode() + "\n"
    if update:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return ()
    if not file.exists():
        return (f"there is no {file.name} yet: look at what it would be, with pytest -p connectors.testing {UPDATE}",)
    kept = file.read_text(encoding="utf-8")
    if kept == text:
        return ()
    lines = difflib.unified_diff(kept.splitlines(), text.splitlines(), "kept", "now", lineterm="", n=1)
    return (f"{file.name} differs; if that is right, keep it with {UPDATE}\n" + "\n".join(lines),)
