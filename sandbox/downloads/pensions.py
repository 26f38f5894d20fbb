"""The pension register's downloads: the overview as JSON and as XML, in the model its API answers in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sandbox.downloads.file import Download
from sandbox.personas import Seat
from sandbox.sources.pensions import as_xml, overview
from sandbox.sources.wire import json_bytes


def files(seat: Seat, today: date) -> Iterator[Download]:
    """Both forms of one overview; only the XML tells who it is about."""
    whole = overview(seat.person, f"{today.isoformat()}T12:00:00+00:00")
    yield Download(
        source="mijnpensioenoverzicht",
        name=f"Pensioenoverzicht-{today:%d-%m-%Y}.json",
        media_type="application/json",
        content=json_bytes(whole),
    )
    yield Download(
        source="mijnpensioenoverzicht",
        name="pensioenaanspraken.xml",
        media_type="application/xml",
        content=as_xml(seat, whole),
    )
