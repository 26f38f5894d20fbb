"""The way to the store: one `Connection` for a single server, Sentinel or Cluster, made from an address.

Owns the client's behaviour when things go wrong. The rule behind all of it: a command goes out once. Only an answer
that says "not run here" (MOVED, ASK, TRYAGAIN) is followed; a lost reply is an error for the caller, who repeats the
step under the same request id. Knows no keys and no steps.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis import exceptions as redis_errors
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sessions.store.cluster import Cluster
from sessions.store.sentinel import MasterPool, Sentinels

CLUSTER_PARTITIONS = 64  # may be raised, never lowered: session ids carry their partition
MAX_CONNECTIONS = 64  # per process; in a cluster commands under way at once
CONNECT_SECONDS = 5.0
READ_SECONDS = 5.0
_SENTINEL_SECONDS = 1.0  # a sentinel answers at once or is not asked further
IDLE_SECONDS = 10.0  # silence on a subscription after which we ask whether the node is still there
_RECONNECT_SECONDS = 0.2

Durability = Literal["always", "everysec", "no-fsync", "no-aof", "unknown"]
_DURABILITIES: tuple[Durability, ...] = ("unknown", "no-aof", "no-fsync", "everysec", "always")  # worst first

# What a caller may see when the store cannot answer now; whether the command was run is then unknown.
UNAVAILABLE = (redis_errors.ConnectionError, redis_errors.TimeoutError, redis_errors.ClusterError)


def is_closed(error: RuntimeError) -> bool:
    """Whether it says that a connection was closed under a command: uvloop has no exception of its own for that."""
    return "the handler is closed" in str(error)


class Connection:
    """The store as the steps see it. Bytes go in and come out; `client` never repeats a command by itself."""

    def __init__(
        self,
        client: Redis | RedisCluster,
        partitions: int,
        line: Callable[[], AbstractConnection],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self.client = client
        self.partitions = partitions
        self._line = line
        self._close = close

    async def subscribe(self, channel: str) -> Subscription:
        """Listen to `channel`, on a connection of its own; returns once the server confirmed.

        In a cluster any node will do: a publish on one reaches all. Raises one of UNAVAILABLE.
        """
        subscription = Subscription(self._line, channel)
        await subscription.open()
        return subscription

    async def now(self) -> float:
        """The store's clock (TIME of one node), in seconds since 1970."""
        if isinstance(self.client, RedisCluster):
            node = random.choice(self.client.get_primaries())  # noqa: S311  any will do
            seconds, microseconds = await self.client.time(target_nodes=node)
        else:
            seconds, microseconds = await self.client.time()
        return int(seconds) + int(microseconds) / 1e6

    async def durability(self) -> Durability:
        """When a write is on disk: the worst answer of all primaries; "unknown" where CONFIG is forbidden."""
        if not isinstance(self.client, RedisCluster):
            return await _durability(self.client.config_get)
        answers = [await _durability(self.client.config_get, target_nodes=node) for node in self.client.get_primaries()]
        return next(worst for worst in _DURABILITIES if worst in answers)

    async def rewrite_log(self) -> bool:
        """Have every primary begin to write its append-only file anew, without what was deleted.

        One that is at it already goes on. False where the store does not allow us to ask. Raises one of UNAVAILABLE.
        """
        if not isinstance(self.client, RedisCluster):
            return await _rewrites(self.client.execute_command)
        nodes = self.client.get_primaries()
        answers = [await _rewrites(self.client.execute_command, target_nodes=node) for node in nodes]
        return all(answers)

    async def close(self) -> None:
        """Close every connection but those of subscriptions, which are closed by who holds them."""
        await self._close()


class Subscription:
    """One channel. Iterate for messages; `None` means a gap: messages may be lost, read the state afresh."""

    def __init__(self, line: Callable[[], AbstractConnection], channel: str) -> None:
        self._make = line
        self._channel = channel
        self._line: AbstractConnection | None = None
        self._closed = False

    async def open(self) -> None:
        """Connect and wait for the server's confirmation. Raises one of UNAVAILABLE."""
        line = self._make()
        try:
            await line.connect()
            await line.send_command("SUBSCRIBE", self._channel)
            await line.read_response()
        except BaseException:
            await line.disconnect(nowait=True)
            raise
        self._line = line

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> bytes | None:
        """The next message, or None once after each loss of the connection. May be cancelled without loss."""
        while not self._closed:
            try:
                if self._line is None:
                    await self.open()
                    return None
                return await _next_message(self._line)
            except (*UNAVAILABLE, OSError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and not is_closed(error):
                    raise
                await self._drop()
                if not self._closed:
                    await asyncio.sleep(_RECONNECT_SECONDS)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Stop listening; a task that waits for a message ends its loop."""
        self._closed = True
        await self._drop()

    async def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.disconnect(nowait=True)


async def connect(url: str, *, partitions: int | None = None, max_connections: int = MAX_CONNECTIONS) -> Connection:
    """Connect to the store at `url` and see that it answers.

    `redis://`, `rediss://` and `unix://` as redis-py reads them; `redis+cluster://[user:password@]h1:p,h2:p` and
    `redis+sentinel://[user:password@]h1:p,h2:p/<service>[/<db>]`, with `rediss+…` for TLS. Raises ValueError for an
    address that cannot be read (without quoting it: it may hold a password), and one of UNAVAILABLE.
    """
    address = urlsplit(url)
    make = _TOPOLOGIES.get(address.scheme)
    if make is None:
        raise ValueError(
            "The store's address must begin with one of: " + ", ".join(f"{name}://" for name in _TOPOLOGIES)
        )
    connection = make(address, max_connections)
    connection.partitions = partitions or connection.partitions
    try:
        await connection.client.initialize()
        await connection.now()
    except BaseException:
        await connection.close()
        raise
    return connection


def _single(address: SplitResult, max_connections: int) -> Connection:
    _query(address)
    if address.scheme != "unix":
        _hosts(address, 6379)  # redis-py reads it all again, but its errors may quote a password
    pool = BlockingConnectionPool.from_url(
        address.geturl(), max_connections=max_connections, timeout=CONNECT_SECONDS, retry=_once(), **_options()
    )
    client = Redis.from_pool(pool)
    return Connection(client, 1, pool.make_connection, client.aclose)


def _cluster(address: SplitResult, max_connections: int) -> Connection:
    if address.path.strip("/"):
        raise ValueError("A cluster's address has no path: a cluster knows no database numbers.")
    nodes = [ClusterNode(host, port) for host, port in _hosts(address, 6379)]
    options = _options() | _credentials(address) | _tls(address) | _query(address)
    client = Cluster(turns=max_connections, startup_nodes=nodes, retry=_once(), **options)

    def line() -> AbstractConnection:
        node = random.choice(client.get_nodes())  # noqa: S311  any will do, and another one after a failure
        return node.connection_class(**node.connection_kwargs, retry=_once())

    return Connection(client, CLUSTER_PARTITIONS, line, client.aclose)


def _sentinel(address: SplitResult, max_connections: int) -> Connection:
    service, _, database = address.path.strip("/").partition("/")
    if not service or not (database or "0").isdecimal():
        raise ValueError("A Sentinel address ends in /<service>/<db>.")
    query = _query(address)
    theirs = {name.removeprefix("sentinel_"): query.pop(name) for name in _SENTINEL_LOGIN if name in query}
    shared = _options() | _tls(address) | query
    timeouts = {"socket_timeout": _SENTINEL_SECONDS, "socket_connect_timeout": _SENTINEL_SECONDS}
    sentinel = Sentinels(_hosts(address, 26379), sentinel_kwargs=shared | timeouts | theirs | {"retry": _once()})
    pool = MasterPool(
        service,
        sentinel,
        max_connections=max_connections,
        timeout=CONNECT_SECONDS,
        retry=_once(),
        db=int(database or 0),
        **shared,
        **_credentials(address),
    )
    client = Redis.from_pool(pool)

    async def close() -> None:
        await client.aclose()
        await sentinel.aclose()

    return Connection(client, 1, pool.make_connection, close)


async def _next_message(line: AbstractConnection) -> bytes:
    """Read until a message comes; a node that stays silent after a PING is lost."""
    asked = False
    while True:
        reply = await line.read_response(timeout=IDLE_SECONDS, disconnect_on_error=False)
        if isinstance(reply, list) and reply[0] == b"message":
            return reply[2]
        if reply is not None:
            asked = False  # a pong
        elif asked:
            raise redis_errors.ConnectionError("The subscription's node no longer answers.")
        else:
            await line.send_command("PING", check_health=False)
            asked = True


async def _durability(config_get: Callable[..., Awaitable[Any]], **where: ClusterNode) -> Durability:
    try:
        found = await config_get("appendonly", "appendfsync", **where)
    except redis_errors.ResponseError:
        return "unknown"
    settings = {_text(name): _text(value) for name, value in found.items()}
    if settings["appendonly"] != "yes":
        return "no-aof"
    modes: Mapping[str, Durability] = {"always": "always", "everysec": "everysec", "no": "no-fsync"}
    return modes.get(settings["appendfsync"], "unknown")


async def _rewrites(execute: Callable[..., Awaitable[Any]], **where: ClusterNode) -> bool:
    try:
        await execute("BGREWRITEAOF", **where)
    except redis_errors.ResponseError as refused:
        return "in progress" in str(refused)
    return True


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _once() -> Retry:
    return Retry(NoBackoff(), 0)


def _options() -> dict[str, Any]:
    """What every connection shares.

    RESP2: with RESP3 redis-py's pools skip the check for unread bytes before a connection is used again, and every
    connect costs two more round trips; scripts answer the same in both.
    """
    return {
        "protocol": 2,
        "client_name": "ophaalbrug",
        "driver_info": None,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": READ_SECONDS,
    }


def _hosts(address: SplitResult, default_port: int) -> list[tuple[str, int]]:
    parts = [urlsplit(f"//{host}") for host in address.netloc.rpartition("@")[2].split(",")]
    try:
        found = [(part.hostname or "", part.port or default_port) for part in parts]
    except ValueError:
        found = [("", 0)]
    if not all(host for host, _ in found):
        raise ValueError("The store's address must name its hosts as h1:port,h2:port.")
    return found


def _credentials(address: SplitResult) -> dict[str, str]:
    user, _, password = address.netloc.rpartition("@")[0].partition(":")
    found = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in found.items() if value}


def _tls(address: SplitResult) -> dict[str, bool]:
    return {"ssl": True} if address.scheme.startswith("rediss") else {}


def _query(address: SplitResult) -> dict[str, str]:
    found = dict(parse_qsl(address.query, strict_parsing=bool(address.query)))
    if not found.keys() <= _QUERY[address.scheme.partition("+")[2]]:
        raise ValueError("The store's address has an option that is not known for it.")
    return found


_SENTINEL_LOGIN = frozenset({"sentinel_username", "sentinel_password"})
_TLS_FILES = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
_QUERY = {"": _TLS_FILES | {"db"}, "cluster": _TLS_FILES, "sentinel": _TLS_FILES | _SENTINEL_LOGIN}
_TOPOLOGIES: Mapping[str, Callable[[SplitResult, int], Connection]] = {
    "redis": _single,
    "rediss": _single,
    "unix": _single,
    "redis+cluster": _cluster,
    "rediss+cluster": _cluster,
    "redis+sentinel": _sentinel,
    "rediss+sentinel": _sentinel,
}
