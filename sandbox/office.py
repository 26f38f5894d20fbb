"""The pretend back office as a program of its own: `python -m sandbox.office`, to try deliveries on a broker that runs.

`GET /provider.toml` is what to register with `ophaalbrug provider add`; `POST /sessions` opens a session and says where
it starts; `GET /` says what came in. Keys and results are in memory: after a restart it must be registered again.
"""

from __future__ import annotations

import asyncio
import os

import aiohttp
import msgspec
from aiohttp import web

from sandbox.answers import ApiError
from sandbox.backoffice import BackOffice
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

    async def overview(_: web.Request) -> web.Response:
        arrived = [
            Arrived(kind=e.kind, session=e.session_id, attempts=e.attempts, opened=e.payload is not None)
            for e in office.received
        ]
        return _json({"provider": office.id, "refused": office.refused, "received": arrived})

    async def provider_file(_: web.Request) -> web.Response:
        text = office.provider_file(PROFILES, name=NAME, webhook_url=webhook_url)
        return web.Response(text=text, content_type="application/toml")

    async def open_session(_: web.Request) -> web.Response:
        try:
            return _json(await office.create_session(PROFILE), 201)
        except (ApiError, aiohttp.ClientError) as error:
            return _json({"error": f"the broker did not open a session ({error}); is this provider registered?"}, 502)

    app = web.Application()
    app.add_routes(
        [
            web.get("/", overview),
            web.get("/provider.toml", provider_file),
            web.post("/sessions", open_session),
        ]
    )
    return app


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


async def serve(broker_url: str, host: str, port: int, webhook_port: int, webhook_url: str) -> None:
    """Serve until cancelled."""
    async with aiohttp.ClientSession() as http:
        office = BackOffice(PROVIDER, broker_url, http, encryption=("P-256", "RSA-3072"))
        async with office.listening(host, webhook_port) as heard_at:
            runner = web.AppRunner(application(office, webhook_url or heard_at), access_log=None)
            await runner.setup()
            await web.TCPSite(runner, host, port).start()
            try:
                await asyncio.Event().wait()
            finally:
                await runner.cleanup()


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
