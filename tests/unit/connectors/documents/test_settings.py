"""The settings of uploads."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from connectors.documents import DocumentReader, DocumentSettings
from connectors.documents.settings import trusted
from tests.unit.connectors.documents.files import authority
from tests.unit.connectors.documents.test_seal import root


def test_every_certificate_of_the_file_is_trusted(tmp_path: Path) -> None:
    """In the order in which they stand; without a file nobody is."""
    file = tmp_path / "roots.pem"
    both = (authority(), authority("Andere CA"))
    file.write_bytes(b"# wie wij vertrouwen\n" + b"".join(by.pem for by in both))
    assert trusted(str(file)) == tuple(root(by) for by in both)
    assert trusted(None) == ()


@pytest.mark.parametrize(
    "content", [None, b"", b"geen certificaat", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_trust_file_that_cannot_be_read_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    """With the setting's name, before a citizen waits."""
    file = tmp_path / "roots.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match="trust_file"):
        DocumentReader(DocumentSettings(trust_file=str(file)))


def test_settings_are_bounded() -> None:
    """None of the limits can be set to nothing, and a misspelled one is no setting."""
    for wrong in ({"max_bytes": 0}, {"processes": 0}, {"cpu_seconds": 0}, {"memory_bytes": 1000}, {"maxBytes": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, DocumentSettings)
    table = {"sources": ["uwv"], "signers": {"uwv": ["X"]}, "cpu_seconds": 1}
    read = msgspec.convert(table, DocumentSettings)
    assert (read.sources, read.signers, read.cpu_seconds) == (("uwv",), {"uwv": ("X",)}, 1)
