"""The downloads over HTTP: a page with everybody's files, and each file as the browser would save it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template
from typing import get_args
from urllib.parse import quote

import msgspec
from litestar import MediaType, Response, get
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery

from sandbox.downloads import pensions
from sandbox.downloads.broken import Broken, broken_file
from sandbox.downloads.file import Download
from sandbox.downloads.shelf import download, papers
from sandbox.personas import HOUSEHOLDS, Seat, by_bsn, seats
from sandbox.sources.desk import problem
from sandbox.world import World

_TEMPLATE = Path(__file__).parents[1] / "templates" / "page.html"
_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


@get("/downloads", sync_to_thread=True)
def shelf(state: State) -> Response[str]:
    """Everybody who can log in, and their files."""
    world: World = state.world
    people = [seat for household in HOUSEHOLDS.values() for seat in seats(household) if seat.person.user]
    listed = "".join(_person(seat, list(_names(seat, world))) for seat in people)
    ways = ", ".join(f"<code>?broken={way}</code>" for way in get_args(Broken))
    content = (
        "<p>Wat elke persona bij de bronnen kan downloaden. Alles is verzonnen.</p>"
        '<p lang="en">What every persona can download at the sources. All of it is made up.</p>'
        f"<p>Kapotte versies van een pdf: zet iets achter het adres. "
        f'<span lang="en">Broken versions of a PDF: add to its address.</span> {ways}</p>'
        f'<ul class="personas">{listed}</ul>'
    )
    page = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(title="Downloads", content=content)
    return Response(page, media_type=MediaType.HTML, headers={**_HEADERS, "Content-Security-Policy": _POLICY})


@get("/downloads/{bsn:str}/{name:str}", sync_to_thread=True)
def one_file(state: State, bsn: FromPath[str], name: FromPath[str], broken: FromQuery[str] = "") -> Response[bytes]:
    """One file, to be saved; with `broken` a PDF in one of the ways that should not be taken."""
    world: World = state.world
    seat = by_bsn(bsn)
    found = None if seat is None else _found(seat, name, broken, world)
    if found is None:
        return problem(404, "Dit bestand is er niet")
    saved = {"Content-Disposition": f'attachment; filename="{found.name}"'}
    return Response(found.content, media_type=found.media_type, headers={**_HEADERS, **saved})


def _found(seat: Seat, name: str, how: str, world: World) -> Download | None:
    authority, today = world.settings.authority, world.today()
    if not how:
        return download(seat, name, authority=authority, today=today)
    try:
        way: Broken = msgspec.convert(how, Broken)
    except msgspec.ValidationError:
        return None
    return broken_file(seat, name, way, authority=authority, today=today)


def _names(seat: Seat, world: World) -> Iterator[tuple[str, str]]:
    """Site and name of every file; none is sealed for that."""
    for file in pensions.files(seat, world.today()):
        yield file.source, file.name
    for paper in papers(seat, world.today()):
        yield paper.source, paper.name


def _person(seat: Seat, names: list[tuple[str, str]]) -> str:
    files = "".join(
        f'<li>{escape(site)}: <a href="/downloads/{seat.person.bsn}/{quote(name)}">{escape(name)}</a></li>'
        for site, name in names
    )
    return f"<li><h2><code>{escape(seat.person.user)}</code></h2><ul>{files}</ul></li>"
