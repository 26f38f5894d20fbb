"""The way to the store, against real servers: single, Sentinel and Cluster."""

from __future__ import annotations

import asyncio
import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis.asyncio import RedisCluster

from sessions.store import connection as store_connection
from sessions.store.connection import UNAVAILABLE, Connection, Subscription, connect
from tests import stores
from tests.stores import DroppingProxy, Store, connected, wait_until

_COUNT = "return redis.call('INCR', KEYS[1])"
_PUBLISH = "return redis.call('PUBLISH', ARGV[1], ARGV[2])"


async def _soon(subscription: Subscription) -> bytes | None:
    return await asyncio.wait_for(anext(subscription), 10)


# -- every way of running a store


async def test_bytes_go_in_and_come_out(store_url: str) -> None:
    """Values are bytes on every topology, and scripts run."""
    async with connected(store_url) as store:
        await store.client.set("{p0}:key", b"\xff\x00")
        assert await store.client.get("{p0}:key") == b"\xff\x00"
        assert await store.client.eval(_COUNT, 1, "{p0}:count") == 1


async def test_partitions_follow_the_topology_and_can_be_set(store_url: str) -> None:
    """64 on a cluster, 1 otherwise, or what the caller says."""
    async with connected(store_url) as store:
        assert store.partitions == (64 if store_url.startswith("redis+cluster") else 1)
    async with connected(store_url, partitions=128) as store:
        assert store.partitions == 128


async def test_now_is_the_stores_clock(store_url: str) -> None:
    """`now` is TIME of a node, with its microseconds."""
    async with connected(store_url) as store:
        assert abs(await store.now() - time.time()) < 1
        assert len({await store.now() % 1 for _ in range(3)}) > 1


async def _client_info(store: Connection) -> dict[str, str]:
    if isinstance(store.client, RedisCluster):
        return await store.client.execute_command("CLIENT INFO", target_nodes=store.client.get_random_node())
    return await store.client.execute_command("CLIENT INFO")


async def test_connections_carry_our_name_and_speak_resp2(store_url: str) -> None:
    """An operator finds our connections by name; RESP2 keeps the check for unread bytes alive."""
    async with connected(store_url) as store:
        about = await _client_info(store)
        assert (about["name"], about["resp"]) == ("ophaalbrug", "2")


async def test_more_callers_than_connections_wait_for_their_turn(store_url: str) -> None:
    """A used-up pool makes callers wait; it does not fail them."""
    async with connected(store_url, max_connections=2) as store:
        counts = await asyncio.gather(*(store.client.eval(_COUNT, 1, "{p1}:count") for _ in range(100)))
        assert sorted(counts) == list(range(1, 101))


async def test_waiting_for_a_connection_ends(single_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that stays empty raises after a while, so callers do not pile up for ever."""
    monkeypatch.setattr(store_connection, "CONNECT_SECONDS", 0.1)
    server = single_store.nodes[0].client
    async with connected(single_store.url, max_connections=1) as store:
        blocked = asyncio.create_task(store.client.blpop(["nothing"], timeout=0.5))
        await asyncio.to_thread(wait_until, lambda: server.info("clients")["blocked_clients"] == 1)
        with pytest.raises(UNAVAILABLE):
            await store.client.ping()
        assert await blocked is None


async def test_a_cancelled_command_leaves_no_reply_for_the_next(store_url: str) -> None:
    """A connection whose reply nobody read is never used again."""
    async with connected(store_url, max_connections=1) as store:
        await store.client.set("{p2}:a", "stale")
        for turns in range(20):  # cancelled before it is sent, while it waits, and after
            task = asyncio.create_task(store.client.get("{p2}:a"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await store.client.get("{p2}:b") is None


async def test_durability_is_what_the_store_is_set_to(store_url: str) -> None:
    """`always` where AOF is on and the fsync comes before the answer, on every topology."""
    async with connected(store_url) as store:
        assert await store.durability() == "always"


async def test_durability_tells_weaker_settings_apart(tmp_path: Path) -> None:
    """Fsync once a second, never, or no AOF at all are each named; a forbidden CONFIG is unknown, never good."""
    with stores.single(tmp_path) as running:
        server = running.nodes[0].client
        async with connected(running.url) as store:
            server.config_set("appendfsync", "everysec")
            assert await store.durability() == "everysec"
            server.config_set("appendfsync", "no")
            assert await store.durability() == "no-fsync"
            server.config_set("appendonly", "no")
            assert await store.durability() == "no-aof"
            server.execute_command("ACL", "SETUSER", "default", "-config")
            assert await store.durability() == "unknown"


async def test_every_primary_rewrites_its_log(running: Store) -> None:
    """Asked once, each of them writes its append-only file anew; while one is at it that is no error."""
    primaries = [node.client for node in running.nodes if node.client.info("replication")["role"] == "master"]
    async with connected(running.url) as store:
        assert await store.rewrite_log()
        assert await store.rewrite_log()
    for server in primaries:
        wait_until(lambda server=server: server.info("persistence")["aof_rewrites"] >= 1)


async def test_a_rewrite_that_is_not_allowed_is_told(tmp_path: Path) -> None:
    """A store that forbids it answers so; it is no outage."""
    with stores.single(tmp_path) as running:
        running.nodes[0].client.execute_command("ACL", "SETUSER", "default", "-bgrewriteaof")
        async with connected(running.url) as store:
            assert not await store.rewrite_log()


# -- a command goes out once


async def test_a_lost_reply_does_not_run_a_script_twice(single_store: Store) -> None:
    """The server ran the script and its answer was lost: the caller gets an error and nothing is sent again."""
    async with DroppingProxy(single_store.url) as proxy, connected(proxy.url) as store:
        sha = await store.client.script_load(_COUNT)
        proxy.drop_reply_to(b"EVALSHA")
        with pytest.raises(UNAVAILABLE):
            await store.client.evalsha(sha, 1, "count")
        assert (proxy.dropped, proxy.count(b"EVALSHA")) == (1, 1)
        assert await store.client.get("count") == b"1"


async def test_a_closed_connection_is_noticed_before_it_is_used(single_store: Store) -> None:
    """A connection the server closed is made anew before a command is sent on it, so nothing fails."""
    async with connected(single_store.url) as store:
        await store.client.ping()
        close_others = single_store.nodes[0].client.client_kill_filter
        assert await asyncio.to_thread(close_others, _type="normal", skipme=True) >= 1
        assert await store.client.ping()


def _certificate(directory: Path) -> Path:
    """A key and a certificate of 127.0.0.1 that signs itself, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(stores.HOST))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = directory / "certificate.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *plain) + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


async def test_tls_checks_the_certificate(single_store: Store, tmp_path: Path) -> None:
    """`rediss://` speaks TLS, and only with a server whose certificate is trusted."""
    file = _certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    async with DroppingProxy(single_store.url, tls=context) as proxy:
        async with connected(f"{proxy.url}?ssl_ca_certs={file}") as store:
            assert await store.client.ping()
        with pytest.raises(UNAVAILABLE):
            await connect(proxy.url)


# -- subscriptions


async def test_a_publish_inside_a_script_reaches_a_subscription(store_url: str) -> None:
    """On every topology, from whichever node the script runs on."""
    async with connected(store_url) as store:
        subscription = await store.subscribe("changes")
        for partition in range(6):  # these lie on different nodes of a cluster
            await store.client.eval(_PUBLISH, 1, f"{{p{partition}}}:x", "changes", f"n-{partition}")
            assert await _soon(subscription) == f"n-{partition}".encode()
        await subscription.aclose()


async def test_waiting_with_a_timeout_loses_nothing(single_store: Store) -> None:
    """A consumer may give up waiting and wait again, on the same connection."""
    async with connected(single_store.url) as store:
        subscription = await store.subscribe("changes")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(subscription), 0.05)
        await store.client.publish("changes", "still here")
        assert await _soon(subscription) == b"still here"
        await subscription.aclose()


async def test_a_lost_subscription_tells_of_the_gap(store_url: str, request: pytest.FixtureRequest) -> None:
    """After the connection broke it is made again, and the consumer hears that messages may be missing."""
    running: Store = request.getfixturevalue(request.node.callspec.params["store_url"] + "_store")
    async with connected(store_url) as store:
        subscription = await store.subscribe("changes")
        assert sum(node.client.client_kill_filter(_type="pubsub") for node in running.nodes) >= 1
        assert await _soon(subscription) is None
        await store.client.eval(_PUBLISH, 1, "{p0}:x", "changes", "again")
        assert await _soon(subscription) == b"again"
        await subscription.aclose()


async def test_silence_is_no_gap_while_the_node_answers(single_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that is asked after a silence and answers keeps its subscription."""
    monkeypatch.setattr(store_connection, "IDLE_SECONDS", 0.1)
    async with connected(single_store.url) as store:
        subscription = await store.subscribe("changes")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(subscription), 0.6)
        await store.client.publish("changes", "one")
        assert await _soon(subscription) == b"one"
        await subscription.aclose()


async def test_a_silent_node_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that hangs with its sockets open is a gap, told once the subscription stands again."""
    monkeypatch.setattr(store_connection, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(store_connection, "READ_SECONDS", 0.2)
    with stores.single(tmp_path) as running:
        async with connected(running.url) as store:
            subscription = await store.subscribe("changes")
            running.nodes[0].stop()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(subscription), 0.3)
            running.nodes[0].resume()
            assert await _soon(subscription) is None
            await subscription.aclose()


async def test_closing_ends_the_loop_of_who_listens(single_store: Store) -> None:
    """`aclose` from elsewhere ends `async for`."""
    async with connected(single_store.url) as store:
        subscription = await store.subscribe("changes")
        heard: asyncio.Queue[bytes | None] = asyncio.Queue()

        async def listen() -> None:
            async for message in subscription:
                heard.put_nowait(message)

        listening = asyncio.create_task(listen())
        await store.client.publish("changes", "one")
        assert await asyncio.wait_for(heard.get(), 5) == b"one"
        await subscription.aclose()
        await asyncio.wait_for(listening, 5)
        assert heard.empty()


# -- addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "redis://:secret@127.0.0.1:1?protocol=3",
        "redis://:secret/unquoted@127.0.0.1:1",
        "redis+cluster://:secret@",
        "redis+cluster://:secret@127.0.0.1:port",
        "redis+cluster://:secret@127.0.0.1:1/2",
        "redis+cluster://:secret@127.0.0.1:1?what=1",
        "redis+sentinel://:secret@127.0.0.1:1",
        "redis+sentinel://:secret@127.0.0.1:1/service/x",
    ],
)
async def test_an_unreadable_address_is_refused_without_being_quoted(url: str) -> None:
    """ValueError says what is wrong, and never repeats an address that may hold a password."""
    with pytest.raises(ValueError, match="address") as caught:
        await connect(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("kind", ["unix:///nowhere/store.sock", "redis", "redis+cluster", "redis+sentinel"])
async def test_nobody_there_is_said_at_once(kind: str) -> None:
    """`connect` raises one of UNAVAILABLE where no server listens, and leaves nothing open."""
    port = stores.free_ports(1)[0]
    url = kind if ":" in kind else f"{kind}://127.0.0.1:{port}" + ("/service/0" if kind.endswith("sentinel") else "")
    with pytest.raises(UNAVAILABLE):
        await connect(url)


@pytest.mark.parametrize("topology", ["cluster", "sentinel"])
async def test_credentials_of_the_address_are_used(tmp_path: Path, topology: str) -> None:
    """User and password are percent-decoded and log in at every data node; wrong ones are refused."""
    with getattr(stores, topology)(tmp_path) as running:
        for node in running.nodes:
            node.client.execute_command("ACL", "SETUSER", "broker", "on", ">p@ss:/word", "~*", "&*", "+@all")
            node.client.execute_command("ACL", "SETUSER", "default", "-get")
        async with connected(running.url.replace("://", "://broker:p%40ss%3A%2Fword@")) as store:
            assert await store.client.get("key") is None
        with pytest.raises(UNAVAILABLE):
            await connect(running.url.replace("://", "://broker:wrong@"))
