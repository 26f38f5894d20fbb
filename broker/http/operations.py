"""For operators: is it alive, can it serve, and the numbers. No personal data, no session ids."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from broker.http.requests import AnyRequest, parts_of
from broker.telemetry import metrics
from broker.worker import clock_differs
from sessions.store.scripts import StoreUnavailable


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this process can serve, and why not."""

    ready: bool
    store: str
    clock: str


@get("/healthz", include_in_schema=False, sync_to_thread=False)
def health() -> dict[str, str]:
    """The process runs."""
    return {"status": "ok"}


@get("/readyz", include_in_schema=False)
async def readiness(request: AnyRequest) -> Response[Readiness]:
    """The store answers and the clocks agree."""
    try:
        differs = await clock_differs(parts_of(request))
        found = Readiness(ready=not differs, store="ok", clock="differs" if differs else "ok")
    except StoreUnavailable:
        found = Readiness(ready=False, store="unavailable", clock="unknown")
    return Response(found, status_code=200 if found.ready else 503)


@get("/metrics", include_in_schema=False, sync_to_thread=False)
def numbers() -> Response[bytes]:
    """Prometheus metrics of this process."""
    return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)


def routers() -> list[Any]:
    """The operations surface."""
    return [health, readiness, numbers]
