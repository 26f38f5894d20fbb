"""Real stores for tests: a single server, Sentinel and Cluster, all from the binary the product embeds.

Owns starting and stopping them, hurting their nodes, and a proxy that loses replies. Every server stands under a
guard: it goes when the test process goes, however that ends.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from redis import Redis
from redis import exceptions as redis_errors

from sessions.store import embedded, guard
from sessions.store.connection import Connection, connect

HOST = "127.0.0.1"
SERVICE = "ophaalbrug"
READY_SECONDS = 20.0
_LAST_SLOT = 16383


@dataclass(frozen=True)
class Node:
    """One server process, with a client that speaks to it directly."""

    port: int
    client: Redis
    pid: int

    def kill(self) -> None:
        """kill -9; returns once the process is gone."""
        os.kill(self.pid, signal.SIGKILL)
        wait_until(lambda: gone(self.pid))

    def stop(self) -> None:
        """Freeze the process (SIGSTOP): its sockets stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@dataclass(frozen=True)
class Store:
    """A running deployment: what to connect to, and the nodes that hold data (the first is the master)."""

    url: str
    nodes: tuple[Node, ...]
    sentinels: tuple[Node, ...] = ()

    def flush(self) -> None:
        for node in self.nodes:
            if node.client.info("replication")["role"] == "master":
                node.client.flushall()


@asynccontextmanager
async def connected(url: str, *, partitions: int | None = None, max_connections: int = 64) -> AsyncIterator[Connection]:
    """A connection that is closed at the end."""
    connection = await connect(url, partitions=partitions, max_connections=max_connections)
    try:
        yield connection
    finally:
        await connection.close()


def wait_until(holds: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
    """Poll until `holds`; raises AssertionError after `seconds`. Not yet reachable counts as not yet."""
    deadline = time.monotonic() + seconds
    while not _holds(holds):
        assert time.monotonic() < deadline, f"not reached within {seconds} s"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@contextmanager
def single(directory: Path) -> Iterator[Store]:
    """The embedded store itself, on its unix socket."""
    with embedded.start(directory / "single") as store, Redis(unix_socket_path=str(store.socket)) as client:
        yield Store(store.url, (Node(0, client, client.info("server")["process_id"]),))


@contextmanager
def sentinel(directory: Path) -> Iterator[Store]:
    """A master, a replica and a sentinel that takes a silent master for lost after 0.3 s."""
    with ExitStack() as stack:
        ports = free_ports(3)
        data = {"repl-diskless-sync-delay": "0", "repl-timeout": "5"}
        master = stack.enter_context(_server(directory / "master", ports[0], data))
        replica = stack.enter_context(
            _server(directory / "replica", ports[1], data | {"replicaof": f"{HOST} {ports[0]}"})
        )
        wait_until(lambda: replica.client.info("replication")["master_link_status"] == "up")
        watch = stack.enter_context(_sentinel_process(directory / "sentinel", ports[2], ports[0]))
        wait_until(lambda: _replicas_known(watch))
        yield Store(f"redis+sentinel://{HOST}:{ports[2]}/{SERVICE}/0", (master, replica), (watch,))


@contextmanager
def cluster(directory: Path) -> Iterator[Store]:
    """Three primaries that share the slots."""
    with ExitStack() as stack:
        ports = free_ports(6)
        nodes = [
            stack.enter_context(
                _server(
                    directory / f"node-{index}",
                    ports[index],
                    {"cluster-enabled": "yes", "cluster-port": str(ports[index + 3]), "cluster-node-timeout": "2000"},
                )
            )
            for index in range(3)
        ]
        _join(nodes, ports[3:])
        yield Store(f"redis+cluster://{HOST}:{ports[0]},{HOST}:{ports[1]}", tuple(nodes))


def master_port(store: Store) -> int:
    """The port of the master, as the sentinel says."""
    return store.sentinels[0].client.sentinel_get_master_addr_by_name(SERVICE)[1]


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, below the range the kernel gives to outgoing connections."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(12_000, 32_000)  # noqa: S311  a port is no secret
        with socket.socket() as probe:
            if port not in found and probe.connect_ex((HOST, port)) != 0:
                found.append(port)
    return found


class DroppingProxy:
    """Stands before one server; once armed, lets a command through and loses its reply with the connection.

    `url` is what to connect to. `passed` holds the chunks that went to the server, so a test can count a command.
    """

    def __init__(self, upstream: str, tls: ssl.SSLContext | None = None) -> None:
        """`upstream` is unix://path or redis://host:port; we listen on a TCP port, with TLS if `tls` is given."""
        self.upstream = upstream
        self.passed: list[bytes] = []
        self.dropped = 0
        self.port = 0
        self._tls = tls
        self._armed: bytes | None = None
        self._served: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"{'rediss' if self._tls else 'redis'}://{HOST}:{self.port}"

    def drop_reply_to(self, command: bytes) -> None:
        """Lose the reply to the next request in which `command` occurs, spelled as it is sent."""
        self._armed = command

    def count(self, command: bytes) -> int:
        """How often `command` went to the server."""
        return sum(chunk.count(command) for chunk in self.passed)

    async def __aenter__(self) -> DroppingProxy:
        self._server = await asyncio.start_server(self._serve, HOST, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None):
        self._server.close()
        await asyncio.sleep(0)  # who was accepted just now begins to be served, and so can be ended
        served = tuple(self._served)
        for task in served:
            task.cancel()
        await asyncio.gather(*served)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client; only `__aexit__` cancels this."""
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        try:
            with suppress(asyncio.CancelledError, OSError):
                await self._carry(reader, writer)
        finally:
            writer.close()
            self._served.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways until one side ends, or until a reply has to be lost."""
        upstream_reader, upstream_writer = await self._dial()
        doomed = asyncio.Event()
        ways = {
            asyncio.create_task(self._requests(reader, upstream_writer, doomed)),
            asyncio.create_task(self._replies(upstream_reader, writer, doomed)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            upstream_writer.close()  # before we wait: who ends us twice would leave it open
            await asyncio.gather(*ways, return_exceptions=True)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.upstream.startswith("unix://"):
            return await asyncio.open_unix_connection(self.upstream.removeprefix("unix://"))
        host, _, port = self.upstream.removeprefix("redis://").partition(":")
        return await asyncio.open_connection(host, int(port))

    async def _requests(
        self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        while chunk := await reader.read(65_536):
            if self._armed is not None and self._armed in chunk:
                self._armed = None
                doomed.set()
            self.passed.append(chunk)
            upstream.write(chunk)
            await upstream.drain()

    async def _replies(
        self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        while chunk := await upstream.read(65_536):
            if doomed.is_set():  # the server answered, so it has done it; the client never hears of it
                self.dropped += 1
                return
            writer.write(chunk)
            await writer.drain()


@contextmanager
def _server(directory: Path, port: int, settings: Mapping[str, str]) -> Iterator[Node]:
    common = {
        "bind": HOST,
        "port": str(port),
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "daemonize": "no",
    }
    with _process(directory, port, embedded.arguments({**common, **settings})) as node:
        yield node


@contextmanager
def _sentinel_process(directory: Path, port: int, master: int) -> Iterator[Node]:
    directory.mkdir(parents=True)
    configuration = directory / "sentinel.conf"  # a sentinel rewrites its file: it will not start without one
    lines = [
        f"port {port}",
        f"bind {HOST}",
        f"dir {directory}",
        f"sentinel monitor {SERVICE} {HOST} {master} 1",
        f"sentinel down-after-milliseconds {SERVICE} 300",
        f"sentinel failover-timeout {SERVICE} 3000",
    ]
    configuration.write_text("\n".join(lines) + "\n")
    with _process(directory, port, [str(configuration), "--sentinel"]) as node:
        yield node


@contextmanager
def _process(directory: Path, port: int, arguments: list[str]) -> Iterator[Node]:
    """Run the server under a guard, and wait until it answers."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "log"
    no_lock = os.open(os.devnull, os.O_RDONLY)
    command = [sys.executable, "-I", "-S", guard.__file__, "", str(no_lock), str(embedded.binary()), *arguments]
    with log.open("wb") as output, Redis(HOST, port, socket_timeout=5) as client:
        guardian = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=output, pass_fds=(no_lock,), start_new_session=True
        )
        os.close(no_lock)
        try:
            wait_until(lambda: guardian.poll() is not None or bool(client.ping()))
            assert guardian.poll() is None, log.read_text()
            yield Node(port, client, client.info("server")["process_id"])
        finally:
            guardian.communicate()


def _join(nodes: list[Node], bus_ports: list[int]) -> None:
    """Share the slots out and let the nodes meet."""
    share = (_LAST_SLOT + 1) // len(nodes)
    for index, node in enumerate(nodes):
        last = _LAST_SLOT if node is nodes[-1] else (index + 1) * share - 1
        node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", index * share, last)
        node.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        nodes[0].client.execute_command("CLUSTER", "MEET", HOST, node.port, bus_ports[index])
    for node in nodes:
        wait_until(lambda node=node: _sees_all(node, len(nodes)))


def _sees_all(node: Node, count: int) -> bool:
    state: dict[str, Any] = node.client.execute_command("CLUSTER INFO")
    return (state["cluster_state"], state["cluster_known_nodes"], state["cluster_slots_assigned"]) == (
        "ok",
        str(count),
        str(_LAST_SLOT + 1),
    )


def _replicas_known(watch: Node) -> bool:
    replicas = watch.client.sentinel_slaves(SERVICE)
    return len(replicas) == 1 and replicas[0]["flags"] == "slave" and replicas[0]["master-link-status"] == "ok"


def _holds(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except (redis_errors.ConnectionError, redis_errors.TimeoutError):
        return False
