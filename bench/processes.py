"""CPU of other processes, and the server that answers nothing."""

from __future__ import annotations

import asyncio
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
async def serving_empty(folder: Path) -> AsyncGenerator[tuple[int, str]]:
    """An empty application on the broker's own server, in a process apart: its id and address."""
    port = free_port()
    command = ["-m", "uvicorn", "bench.empty:app", "--port", str(port), "--no-access-log", "--log-level", "error"]
    with (folder / "empty.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--loop", "uvloop", "--http", "httptools", stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}/"
    try:
        async with aiohttp.ClientSession() as http:
            for _ in range(200):
                try:
                    async with http.get(url):
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        yield process.pid, url
    finally:
        process.terminate()
        await process.wait()
