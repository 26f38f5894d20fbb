"""What the tests of documents share: the files personas would download, and houses that take them.

Owns no rule: what must hold is said in the tests.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from sandbox.downloads.authority import Authority, organisation
from sandbox.downloads.broken import Broken, broken_file
from sandbox.downloads.file import Download
from sandbox.downloads.shelf import downloads
from sandbox.personas import Seat, by_user
from sandbox.registration import ProfileEntry, Text
from sandbox.stage import FIELDS, SOURCES
from tests.house import House, standing
from tests.integration.journey.steps import watch_refusals
from tests.readings import remembered

TODAY = date(2026, 11, 22)
_PURPOSE = Text(nl="Oefening met documenten", en="Practice with documents")
_PENSION, _WORK = "mijnpensioenoverzicht", "uwv"
PROFILES = (
    ProfileEntry(id="pensioen", purpose=_PURPOSE, required=(_PENSION,), fields=FIELDS, documents=True),
    ProfileEntry(
        id="pensioen-nlgov", purpose=_PURPOSE, required=(_PENSION,), fields=FIELDS, documents=True, sealing="nlgov"
    ),
    ProfileEntry(id="werk", purpose=_PURPOSE, required=(_WORK,), optional=(_PENSION,), fields=FIELDS, documents=True),
    ProfileEntry(
        id="werk-bsn",
        purpose=_PURPOSE,
        required=(_WORK,),
        fields=FIELDS,
        documents=True,
        bsn_basis="Participatiewet 53a",
    ),
    ProfileEntry(id="zonder", purpose=_PURPOSE, required=(_WORK,), optional=(_PENSION,), fields=FIELDS),
    ProfileEntry(id="wat-er-is", purpose=_PURPOSE, required=SOURCES, fields=FIELDS, partial=True),
    ProfileEntry(id="alles", purpose=_PURPOSE, required=SOURCES, fields=FIELDS),
)


@cache
def authority() -> Authority:
    """Who seals every file of this test process."""
    return Authority.made()


@cache
def files(user: str) -> tuple[Download, ...]:
    """Everything this persona can download."""
    return downloads(seat_of(user), authority=authority(), today=TODAY)


def file_of(user: str, source: str, media_type: str | None = None) -> bytes:
    """The first download of this persona at a source."""
    wanted = (f for f in files(user) if f.source == source and media_type in (None, f.media_type))
    return next(wanted).content


def broken(user: str, source: str, how: Broken) -> bytes:
    """A PDF of this persona that is broken in one way."""
    name = next(f.name for f in files(user) if f.source == source)
    found = broken_file(seat_of(user), name, how, authority=authority(), today=TODAY)
    assert found is not None
    return found.content


def seat_of(user: str) -> Seat:
    """Who logs in under this name."""
    seat = by_user(user)
    assert seat is not None
    return seat


@asynccontextmanager
async def open_house(
    folder: Path, redis_url: str, *, settings: dict[str, str] | None = None, **uploads: Any
) -> AsyncGenerator[House]:
    """A standing house that takes the downloads of every source; `uploads` are more of its `[uploads]`.

    Files may take longer than the product lets them: what a busy machine adds is no rule of these tests. The same file
    is read once.
    """
    trust = folder / "seals.pem"
    trust.write_bytes(authority().root_pem)
    signers = {source: [organisation(source)] for source in SOURCES}
    patience = {"cpu_seconds": 10, "wall_seconds": 60}
    taken = {"sources": SOURCES, "trust_file": str(trust), "signers": signers, **patience, **uploads}
    more = {"OPHAALBRUG_UPLOADS": msgspec.json.encode(taken).decode(), **(settings or {})}
    async with standing(folder, redis_url, profiles=PROFILES, settings=more) as built:
        watch_refusals(built)
        with remembered():
            yield built


@asynccontextmanager
async def private_house(folder: Path, redis_url: str) -> AsyncGenerator[House]:
    """A house without any login and without any source that is asked: documents are all it has."""
    async with open_house(
        folder, redis_url, settings={"OPHAALBRUG_LOGIN": "{}", "OPHAALBRUG_CONNECTORS": "{}"}
    ) as built:
        yield built
