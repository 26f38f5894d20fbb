"""Mijnpensioenoverzicht by the rules for every connector, on its download as JSON and as XML."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from connectors.mijnpensioenoverzicht import Mijnpensioenoverzicht
from connectors.mijnpensioenoverzicht.model import Overview
from connectors.testing import Case, ConnectorConformance, Exchange, paths_of
from tests.integration.connectors.recordings import BSN, NOW, recording

NONE = b'{"StatusCode": "000", "TijdstipAanmakenBericht": "2026-09-01T12:00:00+00:00", "Details": {}}'


def asked(answer: bytes | Path, status: int = 200, content_type: str | None = None) -> tuple[Exchange, ...]:
    """The one question there is, with this answer."""
    return (Exchange("POST", "/pensioenaanspraken", answer, status, content_type),)


class TestMijnpensioenoverzicht(ConnectorConformance):
    """The download as JSON, an overview without pensions, somebody unknown, and an overview that failed."""

    connector = Mijnpensioenoverzicht
    bsn = BSN
    now = NOW
    absent_statuses = frozenset({404})
    cases: ClassVar[tuple[Case, ...]] = (
        Case("pensions", "found", asked(recording("mijnpensioenoverzicht", "aanspraken.json"))),
        Case("no-pensions", "absent", asked(NONE)),
        Case("unknown", "absent", asked(b"", 404)),
        Case("error-status", "unavailable", asked(b'{"StatusCode": "999"}')),
    )

    def settings(self, url: str) -> dict[str, str]:
        """The interface, on the host."""
        return {"base_url": url, "api_key": "KEY"}

    def asked(self, exchange: Exchange) -> Iterable[str]:
        """What the model has a place for."""
        del exchange
        return paths_of(Overview)


class TestAsXml(TestMijnpensioenoverzicht):
    """The same overview in the other form of the download."""

    never_absent = "the other class has it"
    cases = (
        Case("pensions", "found", asked(recording("mijnpensioenoverzicht", "aanspraken.xml"), 200, "application/xml")),
    )

    def asked(self, exchange: Exchange) -> Iterable[str]:
        """Nothing: the names in it are those of the JSON form."""
        del exchange
        return ()
