"""Sessions in each state as the moves make them, and a look at everything a store holds."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from redis import Redis
from redis.asyncio import RedisCluster

from sessions import consenting, ending, pairing
from sessions.change import Change
from sessions.model import PendingPhone, Phone, Profile, Recipient, Role, Session, Text
from sessions.secrets import new_session_id, random_text
from sessions.store.connection import Subscription
from sessions.store.sessions import SessionStore
from tests.stores import Store

NOW = float(int(time.time()))  # deadlines become TTLs on the store's own clock
DAY = 86_400.0
QR = "digest-of-qr"
PROFILE = Profile(id="schuldhulp", purpose=Text(nl="Schuldhulp", en="Debt help"), required=("uwv",), household="single")


def session(partition: int = 0, *, webhook: bool = True, **fields: Any) -> Session:
    """A session as a provider has just created it."""
    recipient = Recipient(provider="gemeente", name=Text(nl="Gemeente", en="Municipality"), key="{}", webhook=webhook)
    made: dict[str, Any] = {
        "id": new_session_id(partition),
        "provider": "gemeente",
        "profile": PROFILE,
        "recipient": recipient,
        "language": "nl",
        "household": "single",
        "created_at": NOW,
        "expires_at": NOW + 3 * DAY,
        "return_url": "https://gemeente.example/terug",
    }
    return Session(**(made | fields))


def phone(number: int = 1, role: Role = "applicant") -> Phone:
    """A phone that has not been linked yet; nothing of it occurs anywhere else."""
    return Phone(
        id=f"phone-{number}",
        token=f"digest-of-token-{number}",
        thumbprint=f"thumbprint-{number}",
        wrap_public=f"wrap-public-{number}".encode(),
        role=role,
    )


async def opened(store: SessionStore, made: Session) -> str:
    """Create a session and open it with one QR token shown; answers its id."""
    await store.create(Change(session=made), NOW)
    await store.move(made.id, lambda s, now: pairing.start(s, "browser", None, random_text(), now), NOW)
    await store.move(made.id, lambda s, now: pairing.show_token(s, QR, "applicant", now), NOW)
    return made.id


async def scanned(store: SessionStore, made: Session) -> str:
    """A session whose phone waits for its pairing code, `code`."""
    session_id = await opened(store, made)
    await store.move(session_id, lambda s, now: pairing.scan(s, QR, phone(), "code", now), NOW)
    return session_id


def linked(found: Session, now: float) -> Change:
    """The move that links the waiting phone."""
    return pairing.type_code(found, "code", lambda _: b"sealed-vault-key", "applicant", random_text(), now)


async def collecting(store: SessionStore, made: Session) -> str:
    """A session with a linked phone and two records in its vault."""
    session_id = await scanned(store, made)
    await store.move(session_id, linked, NOW)
    await put(store, session_id, {"applicant/uwv": b"CANARY-income", "remark/applicant": b"CANARY-remark"})
    return session_id


async def put(store: SessionStore, session_id: str, records: dict[str, bytes]) -> None:
    """Write vault records in one step."""
    await store.move(session_id, lambda s, _: Change(session=s, vault=records), NOW)


async def consented(store: SessionStore, made: Session) -> str:
    """A session whose sealed payload waits for the provider, with a document beside it."""
    session_id = await collecting(store, made)
    await store.move(session_id, sent, NOW)
    return session_id


def sent(found: Session, now: float) -> Change:
    """The last consent."""
    ids = (random_text(), random_text())
    return consenting.send(found, "applicant", b"CANARY-payload", "digest", ids, now, (b"CANARY-document",))


def acknowledged(found: Session, now: float) -> Change | None:
    """The provider has it."""
    return ending.acknowledge(found, "digest", lambda _: "receipt", random_text(), now)


def pending(found: Session) -> PendingPhone:
    """The phone that waits for its code; there must be one."""
    assert found.pairing.pending is not None
    return found.pairing.pending


async def hear(subscription: Subscription, *expected: bytes) -> None:
    """Wait for these notices; others may come between, and in a cluster those of an earlier test come late."""
    missing = list(expected)
    async with asyncio.timeout(5):
        while missing:
            message = await anext(subscription)
            if message in missing:
                missing.remove(message)


def port_of(client: RedisCluster, key: str) -> int:
    """The port of the node that holds `key`."""
    node = client.get_node_from_key(key)
    assert node is not None
    return int(node.port)


def masters(store: Store) -> list[Redis]:
    """A client for every node that takes writes."""
    return [node.client for node in store.nodes if node.client.info("replication")["role"] == "master"]


def everything(store: Store) -> dict[str, Any]:
    """Every key of every node that takes writes, with its value."""
    return {name.decode(): _value(client, name) for client in masters(store) for name in client.scan_iter(count=1000)}


def _value(client: Redis, name: bytes) -> Any:
    kind = client.type(name)
    if kind == b"hash":
        return client.hgetall(name)
    return client.zrange(name, 0, -1, withscores=True) if kind == b"zset" else client.get(name)


def ends(store: Store) -> dict[str, float]:
    """When each key ends by itself (seconds since the epoch), -1 for never."""
    return {
        name.decode(): (at / 1000 if (at := client.pexpiretime(name)) > 0 else -1)
        for client in masters(store)
        for name in client.scan_iter(count=1000)
    }


def kinds(store: Store) -> set[str]:
    """The keys that are there without their ids, and without the marks of requests and proofs, which end by themselves.

    `{p0}:session:<id>` is `session`, `{p0}:effect:notice:<id>` is `effect:notice`.
    """
    names = [name.partition(":")[2].split(":") for name in everything(store)]
    return {":".join(parts[:-1]) or parts[0] for parts in names if parts[0] not in ("request", "proof")}
