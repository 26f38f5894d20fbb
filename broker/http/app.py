"""The ASGI application: all surfaces, one envelope, problems for errors, and the worker beside it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.types import ASGIApp, HTTPScope

from broker.collection import Collection
from broker.consent import Consents
from broker.dpop import nonce
from broker.http import information, openapi, operations, pages, phone, problems, provider, screens, statics
from broker.http.envelope import dying, enveloped
from broker.http.requests import MAX_BODY_BYTES, one_address
from broker.http.streams import ended_by_signals
from broker.parts import Parts, running
from broker.settings import Settings, load
from broker.telemetry import set_up
from broker.uploads import Uploads
from broker.worker import Worker

WORKER_STOP_SECONDS = 30.0


def create(settings: Settings, redis_url: str) -> ASGIApp:
    """An application that connects to the store when it starts and lets go when it stops."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncGenerator[None]:
        set_up(settings.log_level, settings.log_format)
        async with running(settings, redis_url) as parts:
            app.state["parts"] = parts
            app.state["collection"] = Collection(parts)
            app.state["consents"] = Consents(parts)
            app.state["uploads"] = Uploads(parts)
            async with operations.listening(parts), working(parts):
                with ended_by_signals(parts):
                    yield
            await app.state["collection"].stop()

    app = Litestar(
        [
            *provider.routers(),
            *phone.routers(),
            *screens.routers(),
            *pages.routers(),
            *([] if settings.operations_port else operations.routers()),
            *openapi.routers(),
            *statics.routers(),
            *information.routers(),
        ],
        before_request=one_address,
        exception_handlers=problems.HANDLERS,
        openapi_config=None,
        lifespan=[lifespan],
        request_max_body_size=MAX_BODY_BYTES + 1,
        logging_config=None,
    )

    def fresh_nonce(scope: HTTPScope) -> list[tuple[bytes, bytes]]:
        """Every answer to a phone carries the nonce for its next proof (RFC 9449 section 8.2): no 401 in between."""
        if not scope["path"].startswith("/phone/v1/"):
            return []
        parts: Parts = app.state["parts"]
        return [(b"dpop-nonce", nonce(parts.keys.ring, parts.clock()).encode())]

    whole = dying(app) if settings.fault_point else app
    return enveloped(whole, https=settings.base_url.startswith("https:"), also=fresh_nonce)


@asynccontextmanager
async def working(parts: Parts) -> AsyncGenerator[None]:
    """A worker beside the server, unless the settings leave that to another process."""
    if not parts.settings.worker:
        yield
        return
    worker = Worker(parts)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await asyncio.wait([task], timeout=WORKER_STOP_SECONDS)
        task.cancel()


def tune_collector() -> None:
    """What is there at the start stays: leave it out of garbage collection, and collect new objects less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def from_environment() -> ASGIApp:
    """For uvicorn's `--factory`: settings and the store's address from the environment."""
    tune_collector()
    settings = load()
    return create(settings, settings.redis_url)
