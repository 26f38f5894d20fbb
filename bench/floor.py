"""The floor: the CPU of each thing a journey cannot do without, measured by itself, on the same machine in the same run.

Unit: seconds of CPU each. Nothing here is our own code, except the parsers of the sources' bytes and the sealing, whose
work is the cryptography and the parsing themselves.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from bench.processes import cpu_of, serving_empty
from broker import sealing
from broker.keys import Keys, make
from connectors.outbound import Answer, Door
from sandbox.registration import new_key
from sessions.store import embedded
from sessions.store.connection import connect

ROUNDS = 400


class Floor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Seconds of CPU, each."""

    empty_request: float
    store_trip: float
    proof_check: float
    outbound_call: float
    login_cryptography: float
    parsing: dict[str, float]
    sign_and_seal: float


async def measured(folder: Path, reading: Mapping[str, Callable[[], Awaitable[object]]], payload: bytes) -> Floor:
    """Measure everything; `reading` reads each source's own bytes for the person whose journey is measured."""
    return Floor(
        empty_request=await _empty_request(folder),
        store_trip=await _store_trip(folder),
        proof_check=_each(_proof_check()),
        outbound_call=await _outbound_call(),
        login_cryptography=_each(_login_cryptography(), rounds=60),
        parsing={name: await _each_async(work, rounds=60) for name, work in reading.items()},
        sign_and_seal=_each(_sign_and_seal(payload), rounds=100),
    )


def _each(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    for _ in range(rounds // 10 + 1):
        work()
    began = time.process_time()
    for _ in range(rounds):
        work()
    return (time.process_time() - began) / rounds


async def _each_async(work: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> float:
    for _ in range(rounds // 10 + 1):
        await work()
    began = time.process_time()
    for _ in range(rounds):
        await work()
    return (time.process_time() - began) / rounds


async def _empty_request(folder: Path) -> float:
    """CPU of the server for one empty request, over a kept connection."""
    async with serving_empty(folder) as (pid, url), aiohttp.ClientSession() as http:
        for _ in range(100):
            await (await http.get(url)).read()
        began = cpu_of(pid)
        for _ in range(ROUNDS):
            await (await http.get(url)).read()
        return (cpu_of(pid) - began) / ROUNDS


async def _store_trip(folder: Path) -> float:
    """CPU of our process for one small command to the store and its answer."""
    with embedded.start(folder / "floor") as store:
        connection = await connect(store.url)
        await connection.client.hset("bench", "v", "1")
        try:
            return await _each_async(lambda: connection.client.hmget("bench", ["v"]))
        finally:
            await connection.close()


def _proof_check() -> Callable[[], object]:
    """One ES256 verification with a key that comes along."""
    key = ec.generate_private_key(ec.SECP256R1())
    numbers, message = key.public_key().public_numbers(), b"x" * 300
    signature = key.sign(message, ec.ECDSA(hashes.SHA256()))

    def check() -> None:
        ec.EllipticCurvePublicNumbers(numbers.x, numbers.y, ec.SECP256R1()).public_key().verify(
            signature, message, ec.ECDSA(hashes.SHA256())
        )

    return check


def _login_cryptography() -> Callable[[], object]:
    """RSA of one login: our assertion signed, id_token and userinfo verified, userinfo decrypted (2048 bits)."""
    key, message = rsa.generate_private_key(65537, 2048), b"x" * 300
    signed = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - what the bridge uses
    sealed = key.public_key().encrypt(b"k" * 32, oaep)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)

    def login() -> None:
        key.sign(message, pss, hashes.SHA256())
        key.public_key().verify(signed, message, padding.PKCS1v15(), hashes.SHA256())
        key.public_key().verify(signed, message, padding.PKCS1v15(), hashes.SHA256())
        key.decrypt(sealed, oaep)

    return login


async def _outbound_call() -> float:
    """CPU of one request with a plain client over a kept connection; the other side runs apart."""
    body = b"x" * 2000

    async def reply(_: web.Request) -> web.Response:
        return web.Response(body=body)

    app = web.Application()
    app.router.add_post("/", reply)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with aiohttp.ClientSession() as http:

        async def call() -> None:
            async with http.post(url, data=b"{}") as response:
                await response.read()

        both = await _each_async(call)
    await runner.cleanup()
    return both / 2  # both ends run in this process and do about the same work


class Replay(Door):
    """A door that has every answer already: what is left is reading them."""

    def __init__(self, recorded: Mapping[tuple[str, str, bytes], Answer]) -> None:
        self._recorded = recorded

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float = 10.0,
        max_bytes: int = 1_000_000,
    ) -> Answer:
        """The recorded answer to the same address, by operation where one address serves several."""
        del headers, timeout_seconds, max_bytes
        return self._recorded[method, url, operation(body)]


def operation(body: bytes | None) -> bytes:
    """Which SOAP operation a body asks; nothing for other bodies."""
    found = re.search(rb"<soap[^>]*:Body[^>]*>\s*<(?:\w+:)?(\w+)", body or b"", re.IGNORECASE)
    return found[1] if found else b""


def _sign_and_seal(payload: bytes) -> Callable[[], object]:
    keys = Keys(make())
    recipient: dict[str, Any] = new_key("P-256", "enc").export_public(as_dict=True)
    return lambda: sealing.seal(payload, recipient, "default", keys, "evt_bench")
