"""Sentinel as we need it: who is master is asked again, so that no write goes to one that was replaced."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from redis import exceptions as redis_errors
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool, SentinelManagedConnection

RECHECK_SECONDS = 1.0  # how long a former master that still answers can be taken for the master


class Sentinels(Sentinel):
    """Asks for the master as the client protocol of Sentinel has it.

    redis-py reads SENTINEL MASTERS, which goes on naming the former master while the promoted one already serves.
    """

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Host and port of the master, from the first sentinel that knows. Raises MasterNotFoundError."""
        for sentinel in self.sentinels:
            try:
                address: Any = await sentinel.sentinel_get_master_addr_by_name(service_name)
            except (redis_errors.ConnectionError, redis_errors.TimeoutError):
                continue
            if address:
                return address[0].decode() if isinstance(address[0], bytes) else str(address[0]), int(address[1])
        raise MasterNotFoundError("No sentinel that answers knows the master.")


class MasterPool(SentinelConnectionPool, BlockingConnectionPool):
    """A bounded pool of connections to the present master.

    redis-py asks the sentinels only when it connects, so an open connection to a master that was replaced but still
    answers would go on taking writes that are lost later. We ask again before a command, at most once a second.
    """

    _asked_at = float("-inf")

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        await self._recheck()
        line = cast(SentinelManagedConnection, connection)
        if line.is_connected and (line.host, line.port) != self.master_address:
            await connection.disconnect()
        await super().ensure_connection(connection)

    async def _recheck(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._asked_at < RECHECK_SECONDS:
            return
        self._asked_at = now
        try:
            await self.get_master_address()
        except MasterNotFoundError:
            return  # no sentinel answers: an open connection may go on; a new one will ask, and fail, by itself
