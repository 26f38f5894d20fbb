"""CPU of other processes, and servers that do the least."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from sandbox.stage import free_port


def cpu_of(pid: int) -> float:
    """Seconds of CPU a process used so far, all its threads (Linux: /proc/PID/task/*/schedstat, nanoseconds)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9


@asynccontextmanager
async def least_server(folder: Path, store: str, peer: str = "") -> AsyncGenerator[tuple[int, str]]:
    """`bench.least` in a process apart: its id and address."""
    port = free_port()
    environment = {**os.environ, "BENCH_PORT": str(port), "BENCH_STORE": store, "BENCH_PEER": f"{peer}/peer"}
    with (folder / f"least-{port}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.least", env=environment, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _answering(f"{url}/empty")
        yield process.pid, url
    finally:
        process.terminate()
        await process.wait()


async def _answering(url: str) -> None:
    async with aiohttp.ClientSession() as http:
        for _ in range(400):
            try:
                async with http.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
    raise TimeoutError(url)
