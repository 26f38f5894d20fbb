"""The cluster client: redis-py's, with another way of sending one command.

Owns what happens between "this node should have it" and an answer: a bound on commands under way, no repeats, and
redirections followed one by one. Finding the node, and learning the topology, stay redis-py's.
"""

from __future__ import annotations

import asyncio
from typing import Any

from redis import exceptions as redis_errors
from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode, PipelineCommand

_TURN_SECONDS = 5.0  # how long a command waits for its turn
_REDIRECTIONS = 16
_TRY_AGAIN_SECONDS = 0.05


class Cluster(RedisCluster):
    """RedisCluster whose commands go out once, wait for a turn, and follow only "not run here" answers.

    What redis-py 8.1 does otherwise, and why not: ASKING and the command it is for go out on two connections of a
    pool, so an ASK is followed by chance; every fifth MOVED and every CLUSTERDOWN closes all connections, also those
    on which others wait for a reply; a pool that is used up raises at once; and an unreachable cluster raises an
    error that is no RedisError. Pipelines are redis-py's own and stand outside the bound.
    """

    def __init__(self, *, turns: int, **options: Any) -> None:
        # Each node's pool must hold all turns, and what pipelines and redirections take beside them.
        super().__init__(max_connections=4 * turns, **options)
        self._turns = asyncio.Semaphore(turns)

    async def initialize(self, *arguments: Any, **options: Any) -> Cluster:
        """Learn the topology if that is due. Raises redis' ConnectionError if no node can tell it."""
        try:
            await super().initialize(*arguments, **options)
        except redis_errors.RedisClusterException as error:
            raise redis_errors.ConnectionError("No node of the cluster can be reached, or not all slots.") from error
        return self

    async def aclose(self) -> None:
        """Close all connections; also those redis-py forgets when the topology was about to be learned anew."""
        await super().aclose()
        await self.nodes_manager.aclose()
        await self.nodes_manager.aclose("startup_nodes")

    async def _execute_command(self, target_node: ClusterNode, *args: Any, **kwargs: Any) -> Any:
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise redis_errors.ConnectionError("No connection to the cluster came free in time.") from None
        try:
            return await self._send(target_node, args, kwargs)
        finally:
            self._turns.release()

    async def _send(self, node: ClusterNode, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Send to `node`, then to where each redirection points. An error that leaves doubt is raised at once."""
        asking = False
        for _ in range(_REDIRECTIONS):
            try:
                return await (_ask(node, args, kwargs) if asking else node.execute_command(*args, **kwargs))
            except redis_errors.MovedError as moved:
                await self.nodes_manager.move_slot(moved)
                node, asking = self.nodes_manager.get_node_from_slot(moved.slot_id), False
            except redis_errors.AskError as ask:
                node, asking = self._node_at(ask), True
            except redis_errors.TryAgainError:  # some keys of the slot have moved and some have not yet
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
            except (redis_errors.ConnectionError, redis_errors.TimeoutError):
                await self._distrust(node)
                raise
        raise redis_errors.ClusterError("The slot kept moving.")

    def _node_at(self, ask: redis_errors.AskError) -> ClusterNode:
        """The node an ASK points to, which may be new to us."""
        known = self.get_node(host=ask.host, port=ask.port)
        if known is not None:
            return known
        node = ClusterNode(ask.host, ask.port, **self.connection_kwargs)
        self.nodes_manager.set_nodes(self.nodes_manager.nodes_cache, {node.name: node})
        return node

    async def _distrust(self, node: ClusterNode) -> None:
        """Forget the idle connections to a node that failed us, and learn the topology before the next command."""
        node.update_active_connections_for_reconnect()
        await node.disconnect_free_connections()
        self.nodes_manager.move_node_to_end_of_cached_nodes(node.name)
        self._initialize = True


async def _ask(node: ClusterNode, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Send ASKING and the command as one write on one connection, as ASKING counts for the next command only."""
    command = PipelineCommand(1, *args, **kwargs)
    await node.execute_pipeline([PipelineCommand(0, "ASKING"), command])
    if isinstance(command.result, Exception):
        raise command.result
    return command.result
