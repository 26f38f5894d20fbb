"""Servers of a test's own, on real sockets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY_BYTES = 2**22


@asynccontextmanager
async def answering(handler: Handler) -> AsyncGenerator[str]:
    """A server that has every request handled so, while the context lasts; gives its address, without a path."""
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_route("*", "/{path:.*}", handler)
    async with standing(app) as url:
        yield url


@asynccontextmanager
async def standing(app: web.Application) -> AsyncGenerator[str]:
    """A server with routes of its own, while the context lasts; gives its address, without a path."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
