"""The public SuwiML schemas, to judge messages by."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

SUWINET = Path(__file__).resolve().parents[2] / ".." / "shared" / "sources" / "suwinet"


def body_schema(service: str, version: str, document: str) -> etree.XMLSchema:
    """The schema of a service's requests (`BodyAction.xsd`) or answers (`BodyReaction.xsd`); skips where absent."""
    path = SUWINET / "xsd" / f"{service}-{version}" / "Diensten" / service / version / document
    if not path.exists():
        pytest.skip(f"the public SuwiML schema is not there: shared/sources/suwinet/xsd/{service}-{version}")
    return etree.XMLSchema(etree.parse(path))


def recorded(name: str) -> bytes:
    """A recorded answer, as it stood inside the SOAP body; skips where absent."""
    path = SUWINET / "recorded" / name
    if not path.exists():
        pytest.skip(f"the recorded SuwiML answer is not there: shared/sources/suwinet/recorded/{name}")
    return path.read_bytes()
