"""The least a server can do: answer nothing, make one store trip, check one proof, make one outbound call.

Runs in a process of its own on the broker's server and loop, so that its CPU is taken as the broker's is.
Started by `bench.floor`; the store's and the peer's addresses come from the environment.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import uvicorn
from joserfc import jws
from joserfc.jwk import ECKey
from litestar import Litestar, get, post

from sessions.store.connection import Connection, connect

_KEY = ECKey.generate_key("P-256")
_PROOF = jws.serialize_compact(
    {"typ": "dpop+jwt", "alg": "ES256", "jwk": _KEY.as_dict(private=False)}, b"x" * 250, _KEY, ["ES256"]
)
_store: list[Connection] = []
_http: list[aiohttp.ClientSession] = []


@get("/empty")
async def empty() -> bytes:
    """Nothing."""
    return b""


@get("/trip")
async def trip() -> bytes:
    """One small change in the store, on disk before it is answered: what a phone's call needs at least."""
    await _store[0].client.set("bench", "1")
    return b""


@get("/proof")
async def proof() -> bytes:
    """One DPoP check: a JWT and the key that comes along read, its ES256 signature verified."""
    jwk = msgspec.json.decode(urlsafe_b64decode(_PROOF.split(".")[0] + "=="))["jwk"]
    jws.deserialize_compact(_PROOF, ECKey.import_key(jwk), algorithms=["ES256"])
    return b""


@get("/outbound")
async def outbound() -> bytes:
    """One request to another server."""
    async with _http[0].post(os.environ["BENCH_PEER"], data=b"{}") as answer:
        await answer.read()
    return b""


@post("/peer", status_code=200)
async def peer() -> bytes:
    """What the other server answers."""
    return b"x" * 2000


@asynccontextmanager
async def _lifespan(_: Litestar) -> AsyncGenerator[None]:
    connection = await connect(os.environ["BENCH_STORE"])
    async with aiohttp.ClientSession() as http:
        _store.append(connection)
        _http.append(http)
        yield
    await connection.close()


if __name__ == "__main__":
    handlers = [empty, trip, proof, outbound, peer]
    app = Litestar(handlers, openapi_config=None, logging_config=None, lifespan=[_lifespan])
    uvicorn.run(
        app, port=int(os.environ["BENCH_PORT"]), loop="uvloop", http="httptools", log_config=None, access_log=False
    )
