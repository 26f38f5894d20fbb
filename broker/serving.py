"""Running the service: the store before the server, the server before the worker stops, everything down in order."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

from broker.http import operations
from broker.http.app import create, tune_collector
from broker.parts import running
from broker.settings import PREFIX, Settings, SettingsError
from broker.telemetry import log, set_up
from broker.worker import Worker
from sessions.store.embedded import EmbeddedError, adopt_or_start, served, start

GRACEFUL_SECONDS = 10  # an open event stream would otherwise block the stop for ever
KEEP_ALIVE_SECONDS = 75  # longer than proxies and clients keep a connection: who closes first must not be us
# Uvicorn on uvloop and httptools; our own log line per request instead of its access log with raw paths.
_OPTIONS: dict[str, Any] = {
    "loop": "uvloop",
    "http": "httptools",
    "ws": "none",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "date_header": False,
    "timeout_graceful_shutdown": GRACEFUL_SECONDS,
    "timeout_keep_alive": KEEP_ALIVE_SECONDS,
}


@contextmanager
def store(settings: Settings, *, own: bool = False) -> Generator[str]:
    """The store's address: the one configured, or the embedded store, which lives as long as its starter.

    `own` is for the service: it starts the store itself, after a command that had it for a moment has let it go. It
    ends when that store does, with SettingsError: who restarts the service, restarts both.
    """
    if settings.redis_url:
        yield settings.redis_url
        return
    try:
        embedded = (start if own else adopt_or_start)(settings.data_dir)
    except EmbeddedError as error:
        hint = " Does another `ophaalbrug serve` run on this data directory?" if own else ""
        raise SettingsError(f"{error}{hint}") from None
    with embedded:
        if own:
            embedded.watch(_leave_too)
        try:
            yield embedded.url
        finally:
            if own and embedded.lost:
                raise SettingsError(f"the embedded store stopped by itself: see store.log in {settings.data_dir}")


def _leave_too() -> None:
    """The store is gone, and with it all that we could do."""
    log.error("store.gone")
    os.kill(os.getpid(), signal.SIGTERM)


async def check(settings: Settings, url: str) -> None:
    """Find out before the server starts, in words for an operator, that keys, store and sources can be used.

    Production keeps consented payloads, so there every write must be on disk. Raises SettingsError.
    """
    async with running(settings, url) as parts:
        durability = await parts.connection.durability()
    if settings.mode != "production":
        return
    if durability not in ("always", "unknown"):
        raise SettingsError(f"production needs a store with appendonly yes and appendfsync always, not {durability}")
    if durability == "unknown":
        log.warning("store.durability_unknown", reason="CONFIG is forbidden to this user")


def serve(settings: Settings) -> None:
    """Serve until a signal comes. Raises SettingsError."""
    if settings.operations_port and settings.workers > 1:
        raise SettingsError("operations_port needs workers = 1: several server processes cannot share that port")
    for port in filter(None, (settings.port, settings.operations_port)):
        _see_it_is_free(settings.host, port)
    _leave_no_dump()
    set_up(settings.log_level, settings.log_format)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    with store(settings, own=True) as url:
        asyncio.run(check(settings, url))
        log.info("service.started", mode=settings.mode, address=settings.host, port=settings.port)
        if settings.workers == 1:
            server = uvicorn.Server(server_config(settings, url))
            tune_collector()
            server.run()
            return
        # Every server process reads the settings again: it must see what was decided here.
        os.environ |= {f"{PREFIX}REDIS_URL": url, f"{PREFIX}WORKER": str(settings.worker)}
        uvicorn.run(
            "broker.http.app:from_environment",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            **_OPTIONS,
        )


def _see_it_is_free(host: str, port: int) -> None:
    """Say before anything starts that nobody can listen here, in words for an operator. Raises SettingsError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind(address)
    except OSError as error:
        reason = (error.strerror or "no such address").lower()
        raise SettingsError(f"cannot listen on {host} port {port}: {reason}; choose another host or port") from None


def _leave_no_dump() -> None:
    """A crash of this process, or of one that it starts, must not write its memory to a disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Uvicorn gives a signal back once it has stopped; leaving by exception lets the store stop after it."""
    raise SystemExit(0)


def server_config(settings: Settings, url: str) -> uvicorn.Config:
    """The one server of a process."""
    app: Any = create(settings, url)  # ASGI types of two libraries
    return uvicorn.Config(app, host=settings.host, port=settings.port, **_OPTIONS)


async def work(settings: Settings) -> None:
    """Run one worker without a server, until a signal comes; it listens on `operations_port` alone, if that is set.

    It is a guest of the service's embedded store: with one of its own it would keep the service out. Raises
    SettingsError.
    """
    if settings.operations_port:
        _see_it_is_free(settings.host, settings.operations_port)
    _leave_no_dump()
    set_up(settings.log_level, settings.log_format)
    with store(settings) as url:
        await check(settings, url)
        if not settings.redis_url and not served(settings.data_dir):
            raise SettingsError("no service runs on this data directory; start `ophaalbrug serve` first")
        async with running(settings, url) as parts, operations.listening(parts):
            worker = Worker(parts)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, worker.stop)
            await worker.run()
