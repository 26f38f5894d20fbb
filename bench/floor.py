"""The floor: the CPU of each thing a journey cannot do without, measured on the same machine in the same run.

Unit: seconds of CPU each. What waits for others (requests, store, outbound) is measured in a server process of its own,
driven side by side as the journeys are; what only computes is measured in a loop.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bench.processes import cpu_of, least_server
from broker import sealing
from broker.keys import Keys, make
from connectors.outbound import Answer, Door
from sandbox.registration import new_key
from sessions import vault
from sessions.secrets import Keyring, new_phone_token
from sessions.store import embedded

CALLS = 1500


class Floor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Seconds of CPU, each."""

    empty_request: float
    store_trip: float
    proof_check: float
    outbound_call: float
    login_cryptography: float
    vault_opening: float
    parsing: dict[str, float]
    sign_and_seal: float


async def measured(
    folder: Path, reading: Mapping[str, Callable[[], Awaitable[object]]], payload: bytes, at_once: int
) -> Floor:
    """Measure everything; `reading` reads each source's own bytes for the person whose journey is measured."""
    empty, trip, proof, outbound = await _served(folder, at_once)
    return Floor(
        empty_request=empty,
        store_trip=trip - empty,
        proof_check=proof - empty,
        outbound_call=outbound - empty,
        login_cryptography=_each(_login_cryptography(), rounds=60),
        vault_opening=_each(_vault_opening(), rounds=200),
        parsing={name: await _each_async(work, rounds=60) for name, work in reading.items()},
        sign_and_seal=_each(_sign_and_seal(payload), rounds=100),
    )


async def _served(folder: Path, at_once: int) -> list[float]:
    """CPU of the least server per call of each kind."""
    with embedded.start(folder / "floor") as store:
        async with least_server(folder, store.url) as (_, peer), least_server(folder, store.url, peer) as (pid, url):
            return [await _per_call(pid, f"{url}/{kind}", at_once) for kind in ("empty", "trip", "proof", "outbound")]


async def _per_call(pid: int, url: str, at_once: int) -> float:
    async with aiohttp.ClientSession() as http:

        async def ask(times: int) -> None:
            for _ in range(times):
                async with http.get(url) as answer:
                    await answer.read()

        await asyncio.gather(*(ask(10) for _ in range(at_once)))
        began = cpu_of(pid)
        await asyncio.gather(*(ask(CALLS // at_once) for _ in range(at_once)))
        return (cpu_of(pid) - began) / (CALLS // at_once * at_once)


def _each(work: Callable[[], object], rounds: int) -> float:
    for _ in range(rounds // 10 + 1):
        work()
    began = time.process_time()
    for _ in range(rounds):
        work()
    return (time.process_time() - began) / rounds


async def _each_async(work: Callable[[], Awaitable[object]], rounds: int) -> float:
    for _ in range(rounds // 10 + 1):
        await work()
    began = time.process_time()
    for _ in range(rounds):
        await work()
    return (time.process_time() - began) / rounds


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


def _vault_opening() -> Callable[[], object]:
    """The vault key opened with a phone's token (HPKE), for a call that needs it."""
    ring = Keyring(b"b" * 32)
    token = new_phone_token("00" * 11, "phone")
    sealed = vault.seal_key(vault.new_key(), vault.wrap_public(token, ring), "00" * 11, "phone")
    return lambda: vault.open_key(sealed, token, ring, "00" * 11, "phone")


def _sign_and_seal(payload: bytes) -> Callable[[], object]:
    keys = Keys(make())
    recipient: dict[str, Any] = new_key("P-256", "enc").export_public(as_dict=True)
    return lambda: sealing.seal(payload, recipient, "default", keys)


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
