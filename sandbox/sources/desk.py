"""What every pretend source does alike: ask for its API key, and answer, or fail to, as persona or switch says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from litestar import Response
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers.base import BaseRouteHandler

from sandbox.personas import Seat, stranger_to
from sandbox.personas.facts import Fault, Service, Source
from sandbox.sources.wire import JsonObject, drifted, garbled, json_bytes, narrowed, present
from sandbox.world import World

JSON = "application/json"
HAL = "application/hal+json"
XML = "text/xml"

Asking: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Build: TypeAlias = Callable[[Seat | None], bytes]


class NothingThere(Exception):
    """Raised by a builder when the source would answer 404."""


def keyed(source: Source) -> Callable[[Asking, BaseRouteHandler], None]:
    """A guard that lets nobody by without this source's own key in `X-API-KEY`."""

    def guard(connection: Asking, _: BaseRouteHandler) -> None:
        world: World = connection.app.state.world
        if connection.headers.get("x-api-key") != world.settings.api_keys.get(source):
            raise NotAuthorizedException("API key missing or wrong")

    return guard


async def answer(
    world: World,
    source: Source,
    seat: Seat | None,
    build: Build,
    media_type: str,
    service: Service | None = None,
) -> Response[bytes]:
    """What `source`, or one `service` of it, answers about `seat` (None: somebody it does not know), or how it fails.

    `build` makes the honest body; a fault changes whom it is about, how it looks, or whether and when it comes.
    """
    fault = _fault(world, source, seat, service)
    if fault == "down":
        return problem(503, "Bron niet beschikbaar")
    if fault == "html":
        return Response(_MAINTENANCE, media_type="text/html")
    await asyncio.sleep(_delay(world, fault))
    try:
        body = build(_whom(seat, fault))
    except NothingThere:
        return problem(404, "Niet gevonden")
    if fault == "wrong-types":
        body = garbled(body, media_type)
    if fault == "drifted":
        body = drifted(body, media_type)
    if fault == "huge":
        body += b" " * world.settings.huge_bytes
    return Response(body, media_type=media_type)


def asked_of(whole: JsonObject, fields: str) -> JsonObject:
    """`whole`, or the part of it that the query parameter `fields` (comma-separated dotted paths) asks for."""
    return narrowed(whole, fields.split(","), frozenset({"_links"})) if fields else whole


def problem(status: int, title: str) -> Response[bytes]:
    """An error in the form of RFC 9457, as all the JSON sources use it."""
    body = present(type="about:blank", title=title, status=status)
    return Response(json_bytes(body), status_code=status, media_type="application/problem+json")


def _fault(world: World, source: Source, seat: Seat | None, service: Service | None) -> Fault:
    switched = world.switches.get(source, "none")
    if switched != "none" or seat is None:
        return switched
    whole = seat.household.faults.get(source, "none")
    return whole if service is None else seat.household.faults.get(service, whole)


def _delay(world: World, fault: Fault) -> float:
    """Seconds until the answer; `silent` is longer than anybody waits."""
    return {"slow": world.settings.slow_seconds, "silent": world.settings.silent_seconds}.get(fault, 0.0)


def _whom(seat: Seat | None, fault: Fault) -> Seat | None:
    """Whom the answer is about."""
    if fault == "unknown-person":
        return None
    return stranger_to(seat) if fault == "wrong-person" else seat


_MAINTENANCE = (
    b"<!doctype html><html lang=nl><title>Onderhoud (zandbak)</title>"
    b"<h1>Wij zijn zo terug</h1><p>Deze nagemaakte bron is in onderhoud.</p></html>"
)
