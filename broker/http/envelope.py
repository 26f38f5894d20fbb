"""Around every answer: security headers, the API version, one log line and one measurement. Plain ASGI, for speed.

What has an endless address gets no further than this.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from broker.http import problems
from broker.http.requests import MAX_FIELDS
from broker.telemetry import log, requests_seconds
from sessions import faults

Header = tuple[bytes, bytes]
API_VERSION = "1.0.0"
MAX_ADDRESS_BYTES = 2048  # path and query together; an identity provider's answer is the longest there is
_HEADERS: list[Header] = [
    (b"api-version", API_VERSION.encode()),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_TLS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_SURFACES = {"v1": "provider", "oauth": "provider", "phone": "phone", "j": "journey", ".well-known": "provider"}


def enveloped(app: ASGIApp, *, https: bool, also: Callable[[HTTPScope], list[Header]] = lambda _: []) -> ASGIApp:
    """Wrap an ASGI application. `also` adds headers to the answer to one request; the application's own go before."""
    always = [*_HEADERS, _TLS] if https else _HEADERS

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = list(message["headers"])
                names = {name for name, _ in given}
                message["headers"] = given + [h for h in (*always, *also(scope)) if h[0] not in names]
            await send(message)

        try:
            if _fits(scope):
                await app(scope, receive, sending)
            else:
                await _refuse(sending)
        finally:
            _measure(scope, status, time.perf_counter() - started)

    return wrapped


def _fits(scope: HTTPScope) -> bool:
    """Whether the framework may see this address: it remembers a thousand paths and as many queries, anybody's."""
    query = scope["query_string"]
    return len(scope["raw_path"]) + len(query) <= MAX_ADDRESS_BYTES and query.count(b"&") < MAX_FIELDS


async def _refuse(send: Send) -> None:
    """The problem `too-large`, for a program: no page of ours has such an address."""
    told = problems.answer(problems.Said(code="too-large"))
    body = msgspec.json.encode(told.content)
    headers = [(b"content-type", problems.MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": told.content.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def dying(app: ASGIApp) -> ASGIApp:
    """For tests that kill this process: what a request reaches is named for its method and route."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                faults.reach("answer")
            await send(message)

        with faults.during(lambda: f"{scope['method']} {scope.get('path_template') or '?'}"):
            await app(scope, receive, sending)

    return wrapped


def _measure(scope: HTTPScope, status: int, seconds: float) -> None:
    route = str(scope.get("path_template") or "?")
    surface = _SURFACES.get(route.strip("/").split("/", 1)[0], "operations")
    requests_seconds.labels(surface, str(status)).observe(seconds)
    if surface != "operations":
        log.info("request.done", method=scope["method"], route=route, status=status, seconds=round(seconds, 4))
