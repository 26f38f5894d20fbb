"""What pages are made of besides HTML, over a socket: files to keep for ever, colours and logo to keep for a while."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker import providers
from broker.brand import stylesheet
from broker.web import render
from sandbox.backoffice import BackOffice
from sandbox.stage import NAME, PROFILES
from tests.house import House
from tests.integration.provider.asking import Answer, ask, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8z" style="fill:#7a1f5c"/></svg>'


async def fetched(house: House, path: str) -> Answer:
    """What a browser gets for a style sheet, script or picture."""
    async with house.http.get(house.url + path) as came:
        assert came.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in came.headers
        return Answer(status=came.status, headers=came.headers, body=await came.read())


async def test_a_static_file_may_be_kept_for_ever(house: House) -> None:
    """Its address changes when it does."""
    for name, content in render.static_files().items():
        answer = await fetched(house, render.asset(name))
        assert (answer.status, answer.body) == (200, content)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        kind = render.MEDIA_TYPES[Path(name).suffix]
        assert answer.headers["Content-Type"] == kind + ("; charset=utf-8" if kind.startswith("text/") else "")


async def test_under_a_former_address_it_is_not_kept(house: House) -> None:
    """A page from before an upgrade goes on working; what it gets now is not what that address stood for."""
    answer = await fetched(house, "/static/000000000000/app.css")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "path",
    [
        "/static",
        "/static/app.css",
        "/static/{version}/none.css",
        "/static/{version}/%2e%2e",
        "/static/{version}/..%2f..%2fbrand.py",
        "/brand/nobody/colours.css",
        "/brand/nobody/logo",
        "/brand/waterschap/logo",
    ],
)
async def test_what_is_not_there_is_a_problem(house: House, other: BackOffice, path: str) -> None:
    """Nothing of the file system is reached, and an unknown provider is not told apart from any other address."""
    assert other.id == "waterschap"
    problem(await ask(house, "GET", path.format(version=render.static_version())), "not-found")


async def test_a_provider_has_its_colours_and_logo(house: House, tmp_path: Path) -> None:
    """Anyone may see them; a logo opened by itself may do nothing."""
    office = BackOffice("gemeente-kleurrijk", house.url, house.http, clock=house.now)
    (tmp_path / "logo.svg").write_bytes(LOGO)
    file = tmp_path / "provider.toml"
    text = office.provider_file(PROFILES[:1], name=NAME, accent="#7a1f5c", logo_file="logo.svg")
    file.write_text(text, encoding="utf-8")
    await house.parts.providers.put(providers.read_file(file))
    colours = await fetched(house, "/brand/gemeente-kleurrijk/colours.css")
    assert colours.body.decode() == stylesheet("#7a1f5c")
    assert colours.headers["Content-Type"] == "text/css; charset=utf-8"
    logo = await fetched(house, "/brand/gemeente-kleurrijk/logo")
    assert (logo.body, logo.headers["Content-Type"]) == (LOGO, "image/svg+xml")
    assert logo.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    for answer in (colours, logo):
        assert answer.headers["Cache-Control"] == "public, max-age=300"


async def test_a_provider_without_an_accent_has_the_default_colours(house: House, other: BackOffice) -> None:
    """Its pages ask for colours like any other's."""
    answer = await fetched(house, f"/brand/{other.id}/colours.css")
    assert answer.body.decode() == stylesheet(None)
