"""The personas' values stand in the sandbox only: what the product itself holds would be found in its memory."""

from __future__ import annotations

from pathlib import Path

from sandbox.personas import HOUSEHOLDS, canaries

ROOT = Path(__file__).resolve().parents[3]
PRODUCT = ("broker", "connectors", "qr", "schemas", "sessions")


def test_no_file_of_the_product_holds_a_personas_value() -> None:
    """An example in a docstring is in the memory of every process, where nothing of a persona may be found."""
    wanted = {value for household in HOUSEHOLDS.values() for value in canaries(household)}
    files = (path for name in PRODUCT for path in (ROOT / name).rglob("*") if path.suffix in (".py", ".html", ".toml"))
    found = {(str(path.relative_to(ROOT)), v) for path in files for v in wanted if v in path.read_text("utf-8")}
    assert found == set()
