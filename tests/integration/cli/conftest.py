"""Where commands run that look at what a broker's store holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from broker import providers
from sandbox.backoffice import BackOffice
from sandbox.stage import NAME, PROFILES
from tests.integration.cli.place import Place


@pytest.fixture
def place(tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    found = Place(tmp_path, store_url)
    http: Any = None
    for name in ("gemeente", "notaris"):
        file = tmp_path / f"{name}.toml"
        office = BackOffice(name, "https://brug.example", http)
        file.write_text(office.provider_file(PROFILES[:1], name=NAME, webhook_url=None), encoding="utf-8")
        found.do(lambda parts, file=file: parts.providers.put(providers.read_file(file)))
    return found
