"""The least a server can do: answer nothing, make one store trip, check one proof, make one outbound call.

Runs in a process of its own on the broker's server and loop, so that its CPU is taken as the broker's is.
Started by `bench.floor`; the store's and the peer's addresses come from the environment.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from litestar import Litestar, get, post

from sessions.store.connection import Connection, connect

_KEY = ec.generate_private_key(ec.SECP256R1())
_NUMBERS = _KEY.public_key().public_numbers()
_MESSAGE = b"x" * 300
_SIGNATURE = _KEY.sign(_MESSAGE, ec.ECDSA(hashes.SHA256()))
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
    """One ES256 verification with a key that comes along."""
    key = ec.EllipticCurvePublicNumbers(_NUMBERS.x, _NUMBERS.y, ec.SECP256R1()).public_key()
    key.verify(_SIGNATURE, _MESSAGE, ec.ECDSA(hashes.SHA256()))
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
