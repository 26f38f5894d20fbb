"""Runs the receiver in Node (in_node.mjs) and gives what it says of each request."""

from __future__ import annotations

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

HERE = Path(__file__).parent
ANSWER_SECONDS = 20.0
_LINE_BYTES = 2**20


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it made of one request: which checks held, and the payload with the header of its signature."""

    verified: tuple[str, ...]
    payload: str | None = None
    header: dict[str, str] = {}
    error: str | None = None


class NodeReceiver:
    """A running receiver. `url` is its endpoint; `told` has its words on the next request."""

    def __init__(self, process: Process, url: str) -> None:
        self.url = url
        self._process = process

    async def told(self) -> Told:
        """What it says of the next request it got. Raises TimeoutError."""
        return msgspec.json.decode(await _line(self._process), type=Told)


@asynccontextmanager
async def receiving(secret: str, keys: list[dict[str, Any]], jwks: str) -> AsyncGenerator[NodeReceiver]:
    """A receiver while the context lasts. Skips, or fails under CI, when Node or its packages are missing."""
    program = shutil.which("node")
    if program is None or not (HERE / "node_modules" / "jose").is_dir():
        _missing()
    process = await asyncio.create_subprocess_exec(
        program, str(HERE / "in_node.mjs"), stdin=PIPE, stdout=PIPE, limit=_LINE_BYTES
    )
    try:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode({"secret": secret, "keys": keys, "jwks": jwks}) + b"\n")
        port = int(await _line(process))
        yield NodeReceiver(process, f"http://127.0.0.1:{port}/haak")
    finally:
        process.kill()
        await process.wait()


async def _line(process: Process) -> bytes:
    assert process.stdout is not None
    async with asyncio.timeout(ANSWER_SECONDS):
        return await process.stdout.readline()


def _missing() -> NoReturn:
    reason = "node, or what it needs here, is not installed: `make test` installs the packages where npm is"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
