"""Fixtures for what lies in the store: the running deployment behind `store_url`, and a connection to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sessions.store.connection import Connection
from sessions.store.sessions import SessionStore
from sessions.store.work import WorkQueue
from tests.stores import Store, connected


@pytest.fixture
def running(request: pytest.FixtureRequest, store_url: str) -> Store:
    """The deployment behind `store_url`, with a client for each of its nodes."""
    found: Store = request.getfixturevalue(request.node.callspec.params["store_url"] + "_store")
    assert found.url == store_url
    return found


@pytest.fixture
async def connection(store_url: str) -> AsyncIterator[Connection]:
    async with connected(store_url) as made:
        yield made


@pytest.fixture
def sessions(connection: Connection) -> SessionStore:
    return SessionStore(connection)


@pytest.fixture
def work(connection: Connection) -> WorkQueue:
    return WorkQueue(connection)
