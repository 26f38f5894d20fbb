"""The pretend back office as a program of its own: `python -m sandbox.office`, to try deliveries on a broker that runs.

`GET /provider.toml` is what to register with `ophaalbrug provider add`; `POST /sessions` opens a session and says where
it starts, with a `testCase` in its form if failure is wished; `POST /webhook/_test` has the broker try our webhook and
says how that went; `GET /` says what came in, and gives browsers a page with a button for each case. Keys and results
are in memory: after a restart it must be registered again.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web

from sandbox import pages
from sandbox.answers import ApiError
from sandbox.backoffice import BackOffice
from sandbox.cases import CASES
from sandbox.stage import NAME, PROFILES, PROVIDER

PROFILE = PROFILES[0].id


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """One event that came in, without its data."""

    kind: str
    session: str
    attempts: int
    opened: bool


def application(office: BackOffice, webhook_url: str) -> web.Application:
    """The office's own few addresses."""

    async def overview(request: web.Request) -> web.Response:
        if _is_browser(request):
            return web.Response(text=pages.office(office.id, CASES), content_type="text/html")
        arrived = [
            Arrived(kind=e.kind, session=e.session_id, attempts=e.attempts, opened=e.payload is not None)
            for e in office.received
        ]
        return _json({"provider": office.id, "refused": office.refused, "received": arrived})

    async def provider_file(_: web.Request) -> web.Response:
        text = office.provider_file(PROFILES, name=NAME, webhook_url=webhook_url)
        return web.Response(text=text, content_type="application/toml")

    async def stylesheet(_: web.Request) -> web.Response:
        return web.Response(text=pages.style(), content_type="text/css")

    async def open_session(request: web.Request) -> web.Response:
        try:
            created = await office.create_session(PROFILE, **_wishes(str((await request.post()).get("testCase", ""))))
            if _is_browser(request):
                return web.Response(status=303, headers={"Location": created.journey_url})
            return _json(created, 201)
        except (ApiError, aiohttp.ClientError) as error:
            return _json({"error": f"the broker did not open a session ({error}); is this provider registered?"}, 502)

    async def try_webhook(_: web.Request) -> web.Response:
        try:
            await office.set_webhook(webhook_url)  # where it went elsewhere, or was given up, it comes here from now on
            return _json(await office.test_webhook())
        except (ApiError, aiohttp.ClientError) as error:
            return _json({"error": f"the broker did not try our webhook ({error})"}, 502)

    app = web.Application()
    app.add_routes(
        [
            web.get("/", overview),
            web.get("/sandbox/style.css", stylesheet),
            web.get("/provider.toml", provider_file),
            web.post("/sessions", open_session),
            web.post("/webhook/_test", try_webhook),
        ]
    )
    return app


def _is_browser(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _wishes(case: str) -> dict[str, str]:
    """What to ask of the broker so that a case can show; one we do not know is for the broker to refuse."""
    household = next((known.household for known in CASES if known.id == case), "single")
    return {"testCase": case, "household": household} if case else {}


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


@asynccontextmanager
async def opened(office: BackOffice, webhook_url: str, host: str, port: int) -> AsyncGenerator[None]:
    """Serve the addresses of `office` while the context lasts."""
    runner = web.AppRunner(application(office, webhook_url), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


async def serve(broker_url: str, host: str, port: int, webhook_port: int, webhook_url: str) -> None:
    """Serve until cancelled."""
    async with aiohttp.ClientSession() as http:
        office = BackOffice(PROVIDER, broker_url, http, encryption=("P-256", "RSA-3072"))
        async with (
            office.listening(host, webhook_port) as heard_at,
            opened(office, webhook_url or heard_at, host, port),
        ):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(
        serve(
            os.environ.get("SANDBOX_BROKER", "http://127.0.0.1:8000"),
            os.environ.get("SANDBOX_HOST", "127.0.0.1"),
            int(os.environ.get("SANDBOX_PORT", "8090")),
            int(os.environ.get("SANDBOX_WEBHOOK_PORT", "8091")),
            os.environ.get("SANDBOX_WEBHOOK", ""),
        )
    )
