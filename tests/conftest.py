"""Fixtures every test may use: real stores, started once per worker at first use and empty for every test."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import hypothesis
import pytest

from tests import stores
from tests.stores import Store

# How long one example takes says more about the machine than about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_collection_finish() -> None:
    """What was loaded stays until the end: the garbage collector need not look through all of it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def single_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with stores.single(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="session")
def sentinel_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with stores.sentinel(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="session")
def cluster_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with stores.cluster(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def single_store(single_server: Store) -> Store:
    """The embedded store on its unix socket, empty. Do not hurt it: others use it after you."""
    single_server.flush()
    return single_server


@pytest.fixture
def sentinel_store(sentinel_servers: Store) -> Store:
    """A master and a replica under Sentinel, empty. Do not hurt them: others use them after you."""
    sentinel_servers.flush()
    return sentinel_servers


@pytest.fixture
def cluster_store(cluster_servers: Store) -> Store:
    """Three primaries, empty. Do not hurt them: others use them after you."""
    cluster_servers.flush()
    return cluster_servers


@pytest.fixture(params=["single", "sentinel", "cluster"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty store, once for each way of running one."""
    running: Store = request.getfixturevalue(f"{request.param}_store")
    return running.url
