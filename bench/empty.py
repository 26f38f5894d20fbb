"""The emptiest request this server can answer: what every call costs before we do anything."""

from __future__ import annotations

from litestar import Litestar, get


@get("/", sync_to_thread=False)
def nothing() -> bytes:
    """Nothing."""
    return b""


app = Litestar([nothing], openapi_config=None, logging_config=None)
