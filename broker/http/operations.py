"""For operators: is it alive, can it serve, and the numbers. No personal data, no session ids."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, get_args

import msgspec
import uvicorn
from litestar import Litestar, Response, get
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from broker.http import problems
from broker.http.envelope import enveloped
from broker.http.requests import AnyRequest, one_address, parts_of
from broker.parts import Parts
from broker.telemetry import metrics
from broker.worker import clock_differs
from connectors.health import State
from sessions.store.scripts import StoreUnavailable

GRACEFUL_SECONDS = 2
sources_state = Gauge(
    "ophaalbrug_source_state", "1 for the state a source is in", ["connector", "state"], registry=metrics
)


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this process can serve, and why not; `sources` is for who reads it, and makes nothing unready."""

    ready: bool
    store: str
    clock: str
    sources: dict[str, State]


@get("/healthz", include_in_schema=False, sync_to_thread=False)
def health() -> dict[str, str]:
    """The process runs."""
    return {"status": "ok"}


@get("/readyz", include_in_schema=False)
async def readiness(request: AnyRequest) -> Response[Readiness]:
    """The store answers and the clocks agree. A source that is down must not take the broker away too."""
    parts = parts_of(request)
    sources = _sources(parts)
    try:
        differs = await clock_differs(parts)
        found = Readiness(ready=not differs, store="ok", clock="differs" if differs else "ok", sources=sources)
    except StoreUnavailable:
        found = Readiness(ready=False, store="unavailable", clock="unknown", sources=sources)
    return Response(found, status_code=200 if found.ready else 503)


def _sources(parts: Parts) -> dict[str, State]:
    """How every source is doing, as far as this process knows."""
    now = parts.clock()
    return {source: parts.health.state(source, now) for source in parts.connectors}


@get("/metrics", include_in_schema=False, sync_to_thread=False)
def numbers(request: AnyRequest) -> Response[bytes]:
    """Prometheus metrics of this process."""
    for source, found in _sources(parts_of(request)).items():
        for state in get_args(State):
            sources_state.labels(source, state).set(state == found)
    return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)


def routers() -> list[Any]:
    """The operations surface."""
    return [health, readiness, numbers]


@asynccontextmanager
async def listening(parts: Parts) -> AsyncGenerator[None]:
    """The operations surface on the port of its own, where the settings name one, beside this process's real work."""
    settings = parts.settings
    if not settings.operations_port:
        yield
        return
    app = Litestar(
        routers(),
        before_request=one_address,
        exception_handlers=problems.HANDLERS,
        openapi_config=None,
        logging_config=None,
    )
    app.state["parts"] = parts
    config = uvicorn.Config(
        enveloped(app, https=False),  # pyright: ignore[reportArgumentType] - ASGI types of two libraries
        host=settings.host,
        port=settings.operations_port,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield
    finally:
        await server.shutdown()
