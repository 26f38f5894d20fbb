"""The scene of a fault: one household, one provider, and a broker of real processes of which any may be hurt.

Service, worker and store are processes of their own; the store can be killed, frozen, emptied or left without disk.
Between any two parts a `Line` can stand that behaves badly. Time is the scene's own. At the end `judge` says what came
of it, from what provider and citizen were told and from a search of every place where something could be left.
"""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import shutil
import signal
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

import aiohttp
import msgspec
from redis.asyncio import Redis

from broker.ledger import ledgers_checked
from broker.parts import running
from broker.settings import load
from sandbox import stage as stages
from sandbox.answers import ApiError
from sandbox.personas import HOUSEHOLDS, canaries
from sandbox.residue import Search, all_files
from sandbox.stage import PROVIDER, Stage
from sessions.store import embedded
from sessions.store.scripts import CHANNEL
from tests.faults.lines import Line, lined
from tests.faults.receiver import Receiver
from tests.house import broker_keys_into
from tests.stores import free_ports, gone, wait_until

PERSONA = "single"
ANY_LEASE_SECONDS = 120.0  # more than the lease of any piece of work, and than what a source may take
# Our time flies, and a host that refuses is left alone for half a minute of real time: enough attempts for that.
SCHEDULE_SECONDS = (0.2, 0.5, 1, *[60] * 30, 3600, 86400)
FULL_BYTES = 1
PATIENCE_SECONDS = 60.0
MAY_STAY = {b"session", b"deliveries"}  # the tombstone and its log of attempts: no personal data in either
Name = Literal["serve", "worker", "worker-2"]
STANDING: tuple[Name, ...] = ("serve", "worker")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a session. `told` is the last word to the provider, `read` what the citizen's PC says.

    `arrived`: payloads taken in, of distinct ids, or pulled; `attempts`: how often one was sent; `identical`: with the
    same bytes each time. `left`: kinds of keys of the session that are still in the store and may not be; `residue`:
    canaries found where nothing readable may be; `broker_memory`: those in the service's own memory, measured and not
    judged.
    """

    told: str
    read: str
    arrived: int
    attempts: int
    identical: bool
    receipt: bool
    left: tuple[str, ...]
    waiting: int
    ledger: str
    residue: int
    broker_memory: int


class Store:
    """The broker's store: the server that the product embeds, as a process that can be hurt."""

    def __init__(self, folder: Path, config: Mapping[str, str]) -> None:
        self.folder = folder
        self._config = config
        self._running = embedded.start(folder, config=config)
        self.client = Redis(unix_socket_path=str(self._running.socket), single_connection_client=False)

    @property
    def url(self) -> str:
        return self._running.url

    @property
    def socket(self) -> Path:
        return self._running.socket

    @property
    def pid(self) -> int:
        return int((self.folder / "store.pid").read_text())

    async def kill(self) -> None:
        """kill -9."""
        pid = self.pid
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await self.gone(pid)

    async def gone(self, pid: int) -> None:
        """Return once the server's process is no more."""
        await asyncio.to_thread(wait_until, lambda: gone(pid))

    async def start(self, *, empty: bool = False) -> None:
        """Start again on the same data, or on none."""
        with suppress(embedded.EmbeddedError):
            await asyncio.to_thread(self._running.stop)
        if empty:
            shutil.rmtree(self.folder / "appendonlydir")
        self._running = await asyncio.to_thread(embedded.start, self.folder, config=self._config)

    def freeze(self) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def fill_disk(self) -> None:
        """No file of the store may grow: every write to its log fails, as on a full disk (EFBIG for ENOSPC)."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, resource.RLIM_INFINITY))

    def make_room(self) -> None:
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    async def close(self) -> None:
        await self.client.aclose()
        with suppress(embedded.EmbeddedError):
            await asyncio.to_thread(self._running.stop)


class Scene:
    """What stands, and how to hurt it."""

    def __init__(
        self,
        stage: Stage,
        store: Store,
        lines: Mapping[str, Line],
        receiver: Receiver | None,
        offset_file: Path,
        planted: str,
    ) -> None:
        self.stage = stage
        self.store = store
        self.lines = lines
        self.receiver = receiver
        self.pulled: set[str] = set()  # sessions whose payload was pulled and acknowledged
        self._offset_file = offset_file
        self._planted = planted
        self._offset = 0.0
        self.deaths: list[str] = []  # processes that died of a fault, with their exit codes, in order
        self._guards: dict[Name, asyncio.Task[None]] = {
            name: asyncio.create_task(self._keep_up(name)) for name in STANDING
        }

    def now(self) -> float:
        """The scene's clock, which broker, phone and provider share: seconds since the epoch."""
        return time.time() + self._offset

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for everybody, and have the workers look; an unreachable store is no obstacle."""
        self._offset += seconds
        await asyncio.to_thread(self._write_offset)
        with suppress(Exception):  # whatever state the store is in
            async with asyncio.timeout(1):
                await self.store.client.publish(CHANNEL, "work 0")

    def _write_offset(self) -> None:
        new = self._offset_file.with_suffix(".new")
        new.write_text(str(self._offset), encoding="ascii")
        new.replace(self._offset_file)

    async def restart(self, name: Name, *, fault_point: str = "") -> None:
        """Start a process anew; with a fault point it will die there, once, and then be started again."""
        self._guards.pop(name).cancel()
        await self.stage.stop(name)
        await self._start(name, fault_point)
        self._guards[name] = asyncio.create_task(self._keep_up(name))

    async def add_worker(self) -> None:
        """A second worker on the same store."""
        await self._start("worker-2")
        self._guards["worker-2"] = asyncio.create_task(self._keep_up("worker-2"))

    async def let_be(self, name: Name) -> None:
        """Nobody watches over this process any more: what dies stays dead, until it is started with `restart`."""
        guard = self._guards[name]
        guard.cancel()
        await asyncio.gather(guard, return_exceptions=True)

    async def _start(self, name: Name, fault_point: str = "") -> None:
        arguments = ("serve", "--no-worker") if name == "serve" else ("worker",)
        environment = self.stage.environment
        self.stage.environment = {**environment, "OPHAALBRUG_FAULT_POINT": fault_point}
        try:
            await self.stage.start(name, *arguments)
        finally:
            self.stage.environment = environment

    async def _keep_up(self, name: Name) -> None:
        """What a supervisor does (systemd, Compose): start again what died."""
        while True:
            code = await self.stage.processes[name].wait()
            self.deaths.append(f"{name} {code}")
            await self._start(name)

    async def stop(self, name: Name) -> None:
        """Stop a process as an operator would, and leave it so."""
        await self.let_be(name)
        await self.stage.stop(name)

    async def logged(self, name: Name, event: str, times: int = 1) -> None:
        """Wait until the log of a process has this event so often."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.log_of(name).count(f'"{event}"') < times:  # noqa: ASYNC110 - a file tells nobody that it grew
                await asyncio.sleep(0.05)

    async def revive(self) -> None:
        """Start again what was let be and died."""
        for name in [name for name, guard in self._guards.items() if guard.done()]:
            await self.restart(name)

    async def kill(self, name: Name) -> None:
        """kill -9, from outside and at no particular moment; it is started again."""
        self.stage.processes[name].kill()

    async def close(self) -> None:
        for guard in self._guards.values():
            guard.cancel()
        await asyncio.gather(*self._guards.values(), return_exceptions=True)
        for line in self.lines.values():
            await line.drop()

    def memory_peak(self, name: Name) -> int:
        """The most bytes of memory that a process has had (VmHWM, proc(5))."""
        status = Path(f"/proc/{self.stage.processes[name].pid}/status").read_text(encoding="ascii")
        return 1024 * int(status.split("VmHWM:")[1].split()[0])

    def log_of(self, name: Name) -> str:
        return (self.stage.folder / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    async def pull(self, session_id: str) -> None:
        """The provider fetches the payload by itself, and says that it has it."""
        office = self.stage.backoffice
        opened = await office.pull_payload(session_id)
        await office.acknowledge(session_id, opened.digest)
        self.pulled.add(session_id)

    async def judge(self, session_id: str, read: str) -> Verdict:
        """Look at everything, once all that waits is done. `read`: what the citizen's PC says at the end."""
        await self.worked_off()
        office = self.stage.backoffice
        data = [event for event in office.received if event.kind == "data" and event.session_id == session_id]
        told, receipt = await self._told(session_id)
        found = await self._search()
        seen = self.receiver  # which sees attempts that the back office never hears of
        return Verdict(
            told=told,
            read=read,
            arrived=len({event.id for event in data if event.accepted}) + (session_id in self.pulled),
            attempts=seen.attempts if seen else sum(event.attempts for event in data),
            identical=all(event.same_bytes for event in data) and (seen is None or seen.identical),
            receipt=receipt,
            left=tuple(sorted({kind.decode() for kind in await self._kinds(session_id) - MAY_STAY})),
            waiting=await self._waiting(),
            ledger=await self._ledger(),
            residue=found[0],
            broker_memory=found[1],
        )

    async def _told(self, session_id: str) -> tuple[str, bool]:
        """Where the provider reads the session to be, and whether a genuine purge receipt says the same of it."""
        office = self.stage.backoffice
        try:
            status = (await office.read(session_id)).status
            receipt = (await office.receipts(session_id)).purge_receipt
        except ApiError as error:
            return error.code, False
        facts = await office.check_receipt(receipt) if receipt else {}
        return status, facts.get("session_id", facts.get("sessionId")) == session_id and facts.get("state") == status

    async def worked_off(self) -> None:
        """Wait until nothing waits in the outbox; what a worker died over waits for its lease."""
        for _ in range(40):
            if await self._waiting() == 0:
                return
            await asyncio.sleep(0.25)
            await self.pass_time(ANY_LEASE_SECONDS / 4)

    async def _waiting(self) -> int:
        return int(await self.store.client.zcard("{p0}:outbox"))

    async def _ledger(self) -> str:
        """What a check of the ledger says, and how many lines it has: `whole 1`."""
        environment = {**self.stage.environment, "OPHAALBRUG_REDIS_URL": self.store.url}
        async with running(load(environment), self.store.url) as parts:
            (verdict,) = await ledgers_checked(parts, PROVIDER)
        return f"{'broken' if verdict.faults else 'whole'} {verdict.size}"

    async def _kinds(self, session_id: str) -> set[bytes]:
        """The kinds of what the store still has under this session's id."""
        return {key.split(b":")[1] async for key in self.store.client.scan_iter(f"*:{session_id}")}

    async def _search(self) -> tuple[int, int]:
        """How many canaries lie where nothing readable may be, and in the service's own memory."""
        await self.store.client.set("ophaalbrug:planted", self._planted)
        await self.store.client.save()
        folder = self.stage.folder
        (folder / "tmp" / "planted").write_text(self._planted, encoding="utf-8")
        for log in (folder / "logs").glob("*.log"):
            with log.open("a", encoding="utf-8") as file:
                file.write(self._planted + "\n")
        return await asyncio.to_thread(self._searched)

    def _searched(self) -> tuple[int, int]:
        search = Search(canaries(HOUSEHOLDS[PERSONA]), self._planted)
        folder, pids = self.stage.folder, {name: process.pid for name, process in self.stage.processes.items()}
        data = all_files(self.store.folder)
        places = [
            search.files("AOF", [path for path in data if ".aof" in path.name]),
            search.files("RDB", [path for path in data if path.suffix == ".rdb"]),
            search.files("logs", all_files(folder / "logs")),
            search.files("temporary files", all_files(folder / "tmp")),
            *(search.memory(name, pid) for name, pid in pids.items() if name != "serve"),
            search.memory("store", self.store.pid),
        ]
        return sum(place.count for place in places), search.memory("service", pids["serve"]).count


@asynccontextmanager
async def scene(
    folder: Path,
    *,
    between: tuple[str, ...] = (),
    receiver: Receiver | None = None,
    store: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    fault_point: str = "",
) -> AsyncGenerator[Scene]:
    """A scene that stands while the context lasts.

    `between` names the lines that can be made to behave badly: `store`, `receiver`, `sources`, `people`; `receiver` is
    one that misbehaves before the back office. `store` holds settings of the server, `settings` environment variables
    of the broker. At `fault_point` the first process that gets there dies, and is then started again.
    """
    planted = "Canarie" + secrets.token_hex(8)
    offset_file = folder / "offset"
    broker_keys_into(folder)
    async with AsyncExitStack() as stack:
        server = await asyncio.to_thread(Store, folder / "store", store or {})
        stack.push_async_callback(server.close)
        ports = free_ports(3)
        broker, world, office = ports
        upstream = {"store": server.url, "receiver": office, "sources": world, "people": broker}
        lines = {name: await stack.enter_async_context(lined(upstream[name])) for name in between}
        told_at = _address(lines, "receiver", office)
        if receiver is not None:
            told_at = await stack.enter_async_context(receiver.standing(office))
        held: list[Scene] = []
        stage = await stack.enter_async_context(
            stages.running(
                folder,
                ports=(broker, world, office),
                addresses=(_address(lines, "people", broker), _address(lines, "sources", world)),
                settings={
                    "OPHAALBRUG_REDIS_URL": lines["store"].redis_url if "store" in lines else server.url,
                    "OPHAALBRUG_CLOCK_OFFSET_FILE": str(offset_file),
                    "OPHAALBRUG_DELIVERY_SCHEDULE_SECONDS": msgspec.json.encode(SCHEDULE_SECONDS).decode(),
                    "OPHAALBRUG_WEBHOOK_TIMEOUT_SECONDS": "3",
                    "OPHAALBRUG_FAULT_POINT": fault_point,
                    "SANDBOX_PLANTED": planted,
                    **(settings or {}),
                },
                slow_seconds=0.05,
                sms=False,
                clock=lambda: held[0].now() if held else time.time(),
                webhook_url=f"{told_at}/webhook",
            )
        )
        stage.environment["OPHAALBRUG_FAULT_POINT"] = ""
        standing = Scene(stage, server, lines, receiver, offset_file, planted)
        held.append(standing)
        stack.push_async_callback(standing.close)
        yield standing


def _address(lines: Mapping[str, Line], name: str, port: int) -> str:
    return f"http://127.0.0.1:{lines[name].port if name in lines else port}"


def refusable(error: BaseException) -> bool:
    """Whether a person, or a program, would simply try again."""
    if isinstance(error, ApiError):
        return error.status >= 500 or error.status == 429
    return isinstance(error, aiohttp.ClientError | TimeoutError | OSError)
