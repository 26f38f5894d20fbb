"""A kit for whoever writes a connector: a pytest class that puts recordings of a source through every rule there is.

Needs the extra `testing` (pytest, hypothesis). As a plug-in (`pytest -p connectors.testing`) it adds the option
`--update-snapshots`. Nothing of the broker may import it. See docs/guides/connector.md.
"""

from __future__ import annotations

import pytest

from connectors.testing.conformance import ConnectorConformance
from connectors.testing.drift import paths_of
from connectors.testing.exchanges import Case, Exchange
from connectors.testing.snapshots import UPDATE

__all__ = ["Case", "ConnectorConformance", "Exchange", "paths_of"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that keeps what comes out now as what is right."""
    parser.addoption(UPDATE, action="store_true", help="keep the outcomes and drift reports of connectors as they are")
