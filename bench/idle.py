"""What sessions cost while nothing happens to them, and how many open pages one change wakes. Part of `make bench`.

CPU per second of the service, the worker and the store, first with nothing to do, then with SESSIONS that wait and
STREAMS of them followed. The time measured holds one sign of life of every stream, with the reading that goes with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from bench.processes import cpu_of
from bench.run import journey, report
from broker.http.streams import KEEPALIVE_SECONDS
from sandbox import stage as stages
from sandbox.browser import Browser
from sandbox.stage import Stage
from sessions.store.connection import connect

SESSIONS = 2000
STREAMS = 500
AT_ONCE = 10
CHANGES = 20
QUIET_SECONDS = 3.0  # what was begun is done by then


class Cpu(msgspec.Struct, kw_only=True):
    """Seconds of CPU per second."""

    serve: float
    worker: float
    store: float


class Idle(msgspec.Struct, kw_only=True, rename="camel"):
    """What is written to `bench/idle.json`. `reads_per_change`: sessions read in the store for one request that changes
    one session, by that request itself and by all streams; a stream's signs of life are in it too.
    """

    empty: Cpu
    idle: Cpu
    sessions: int
    streams: int
    reads_per_change: float


async def cpu_per_second(stage: Stage) -> Cpu:
    """Of each process, over one sign of life of every stream."""
    store = int((stage.folder / "data" / "store.pid").read_text(encoding="ascii"))
    pids = {"serve": stage.processes["serve"].pid, "worker": stage.processes["worker"].pid, "store": store}
    began = {name: cpu_of(pid) for name, pid in pids.items()}
    await asyncio.sleep(KEEPALIVE_SECONDS)
    return Cpu(**{name: round((cpu_of(pid) - began[name]) / KEEPALIVE_SECONDS, 5) for name, pid in pids.items()})


@asynccontextmanager
async def waiting(stage: Stage) -> AsyncGenerator[Browser]:
    """SESSIONS that were made, STREAMS of which were started and are followed; one of these browsers."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        todo, browsers = iter(range(SESSIONS)), list[Browser]()

        async def make() -> None:
            for number in todo:
                created = await stage.backoffice.create_session("bijstand", household="single")
                if number < STREAMS:
                    browsers.append(Browser(created.journey_url, http))
                    await browsers[-1].start()

        await asyncio.gather(*(make() for _ in range(AT_ONCE)))
        followed = [browser.events() for browser in browsers]
        await asyncio.gather(*(anext(events) for events in followed))
        tasks = [asyncio.create_task(_followed(events)) for events in followed]
        await asyncio.sleep(QUIET_SECONDS)
        yield browsers[0]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _followed(events: AsyncGenerator[object]) -> None:
    async for _ in events:
        pass


async def reads_per_change(stage: Stage, browser: Browser) -> float:
    """By the store's own count of the command that reads sessions."""
    store = await connect(f"unix://{stage.socket}")
    try:
        before = await store.client.info("commandstats")
        for _ in range(CHANGES):
            await browser.show_token()
            await asyncio.sleep(0.1)  # longer than a stream waits for the rest of a burst
        after = await store.client.info("commandstats")
    finally:
        await store.close()
    name = "cmdstat_hmget"
    return round((after[name]["calls"] - before[name]["calls"]) / CHANGES, 1)


async def run(folder: Path) -> Idle:
    """Everything, in one run."""
    async with stages.running(folder, sms=False) as stage:
        await journey(stage)  # so that every process is up and has done all it does
        await asyncio.sleep(QUIET_SECONDS)
        empty = await cpu_per_second(stage)
        async with waiting(stage) as browser:
            idle = await cpu_per_second(stage)
            reads = await reads_per_change(stage, browser)
    return Idle(empty=empty, idle=idle, sessions=SESSIONS, streams=STREAMS, reads_per_change=reads)


def show(results: Idle) -> None:
    """A table for people."""
    print(f"{'CPU, ms per second':<44}{'serve':>8}{'worker':>8}{'store':>8}")
    rows = (("no session, no stream", results.empty), (f"{SESSIONS} sessions, {STREAMS} streams, idle", results.idle))
    for name, cpu in rows:
        print(f"  {name:<42}{cpu.serve * 1e3:>8.2f}{cpu.worker * 1e3:>8.2f}{cpu.store * 1e3:>8.2f}")
    print(f"{'sessions read in the store per change':<60}{results.reads_per_change:>8.1f}")


if __name__ == "__main__":
    report(run, show, "idle.json")
