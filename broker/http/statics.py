"""What pages are made of besides HTML: style sheets, scripts, the mark; and a provider's colours and logo.

Nothing here knows a session, and nothing is personal: these answers may be kept by browsers and by what stands between.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from broker.brand import logo_type, stylesheet
from broker.errors import Problem
from broker.http.requests import AnyRequest, parts_of
from broker.providers import Provider
from broker.web.render import MEDIA_TYPES, static_files, static_version

FOR_EVER = "public, max-age=31536000, immutable"
FOR_A_WHILE = "public, max-age=300"
_LOGO_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@get("/static/{version:str}/{name:str}", include_in_schema=False, sync_to_thread=False)
def static_file(version: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A static file. Under its present version it never changes; a page of a former version gets it as it is now."""
    content = static_files().get(name)
    if content is None:
        raise Problem("not-found")
    kept = FOR_EVER if version == static_version() else "no-cache"
    media_type = MEDIA_TYPES[PurePosixPath(name).suffix]
    return Response(content, media_type=media_type, headers={"Cache-Control": kept})


@get("/brand/{provider_id:str}/colours.css", include_in_schema=False)
async def colours(request: AnyRequest, provider_id: FromPath[str]) -> Response[bytes]:
    """The provider's accent as custom properties, readable in light and dark."""
    provider = await _provider(request, provider_id)
    sheet = stylesheet(provider.accent).encode()
    return Response(sheet, media_type="text/css", headers={"Cache-Control": FOR_A_WHILE})


@get("/brand/{provider_id:str}/logo", include_in_schema=False)
async def logo(request: AnyRequest, provider_id: FromPath[str]) -> Response[bytes]:
    """The provider's logo, which may do nothing, also when it is opened by itself."""
    provider = await _provider(request, provider_id)
    if provider.logo is None:
        raise Problem("not-found")
    headers = {"Cache-Control": FOR_A_WHILE, "Content-Security-Policy": _LOGO_POLICY}
    return Response(provider.logo, media_type=logo_type(provider.logo), headers=headers)


async def _provider(request: AnyRequest, provider_id: str) -> Provider:
    found = await parts_of(request).providers.get(provider_id)
    if found is None:
        raise Problem("not-found")
    return found


def routers() -> list[Any]:
    """Static files and brands."""
    return [static_file, colours, logo]
