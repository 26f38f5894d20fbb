"""What a purge may leave: the store is asked again after every end, and what should not be there goes, and is told."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from sessions import ending, pairing
from sessions.change import Change
from sessions.lifecycle import Event
from sessions.model import Session
from sessions.secrets import random_text
from sessions.store import remains
from sessions.store.sessions import Opened, SessionStore, key
from tests.integration.store import examples
from tests.integration.store.examples import NOW, everything, session
from tests.stores import DroppingProxy, Store, connected

CODE = "digest-of-code"


async def _ended(sessions: SessionStore) -> Opened:
    """A session that was delivered and purged."""
    session_id = await examples.consented(sessions, session())
    return await sessions.move(session_id, examples.acknowledged, NOW)


def _stopped(found: Session, now: float) -> Change:
    return ending.end(found, Event.STOP, "citizen", lambda _: "receipt", random_text(), now)


def _planted(kind: str, session_id: str) -> tuple[Any, ...]:
    """A command that leaves something of this kind."""
    tag = key(session_id, "session").partition(":")[0]
    effects = {
        "data": f"data:{session_id}",
        "mail": f"mail:{session_id}",
        "text": f"sms:{session_id}:1",
        "last text": f"sms:{session_id}:2",
    }
    match kind:
        case "vault" | "documents":
            return ("HSET", key(session_id, kind), "name", b"CANARY-left")
        case "payload":
            return ("SET", key(session_id, kind), b"CANARY-left")
        case "code":
            return ("SET", f"{tag}:code:{CODE}", session_id)
        case "place in the queue":
            return ("ZADD", f"{tag}:outbox", NOW, f"data:{session_id}")
        case _:
            return ("HSET", f"{tag}:effect:{effects[kind]}", "e", b"CANARY-left")


KINDS = {
    "vault": "vault",
    "payload": "payload",
    "documents": "documents",
    "code": "code",
    "data": "effect",
    "mail": "effect",
    "text": "effect",
    "last text": "effect",
    "place in the queue": "effect",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_left_is_found_and_destroyed(sessions: SessionStore, running: Store, kind: str) -> None:
    """Whatever may not be there: its kind is told, one step takes it away, and nothing else; twice is as once."""
    opened = await _ended(sessions)
    before = everything(running)
    await sessions.connection.client.execute_command(*_planted(kind, opened.session.id))
    assert await remains.look(sessions.connection, opened, CODE) == (KINDS[kind],)
    assert await remains.destroy(sessions.connection, opened, CODE)
    assert await remains.destroy(sessions.connection, opened, CODE)
    after = await sessions.read(opened.session.id)
    assert (after.session, after.version) == (opened.session, opened.version + 1)
    assert await remains.look(sessions.connection, after, CODE) == ()
    assert {n: v for n, v in everything(running).items() if _lasts(n)} == {n: v for n, v in before.items() if _lasts(n)}


def _lasts(name: str) -> bool:
    """Whether a key is compared: the record has another version now, marks end by themselves."""
    return name.split(":")[1] not in ("session", "request")


RICH: dict[str, Any] = {
    "contact": b"CANARY-address",
    "phones": (replace(examples.phone(), vault_key=b"sealed-vault-key"),),
    "records": {"receipts/phone-1": 1},
    "browser": "browser",
    "test_case": "whatever",
}


@pytest.mark.parametrize("field", RICH)
async def test_a_record_that_holds_too_much_is_made_bare(sessions: SessionStore, running: Store, field: str) -> None:
    """The tombstone itself: what it may not hold goes, what it may hold stays, and the session can go on to its end."""
    ended = (await _ended(sessions)).session
    too_much: Session = replace(ended, **{field: RICH[field]})
    opened = await sessions.move(ended.id, lambda _s, _now: Change(session=too_much), NOW)
    assert await remains.look(sessions.connection, opened, "") == ("record",)
    assert await remains.destroy(sessions.connection, opened, "")
    after = await sessions.read(ended.id)
    assert after.session == ended
    assert b"CANARY" not in repr(everything(running)).encode()
    forgotten = await sessions.move(ended.id, lambda s, _: Change(session=s, forget=True), NOW, after)
    assert forgotten.version == after.version + 1


@pytest.mark.parametrize("ends", [examples.opened, examples.scanned, examples.collecting, examples.consented])
async def test_after_a_purge_nothing_is_left(sessions: SessionStore, ends: Any) -> None:
    """Whatever the state: the purging step leaves nothing that this look would find, and every end names its code."""
    session_id = await ends(sessions, session())
    if ends is examples.opened:
        await sessions.move(session_id, lambda s, now: pairing.show_typed_code(s, CODE, now), NOW)
    opened = await sessions.move(session_id, _stopped, NOW)
    assert await remains.look(sessions.connection, opened, CODE) == ()


async def test_nothing_of_another_session_is_touched(sessions: SessionStore) -> None:
    """A living session of the same partition keeps what it has, also while another's remains are destroyed."""
    living = await examples.consented(sessions, session())
    assert await remains.destroy(sessions.connection, await _ended(sessions), CODE)
    assert await sessions.payload(living) == b"CANARY-payload"


async def test_a_record_that_changed_meanwhile_is_left_alone(sessions: SessionStore) -> None:
    """What was decided on an older reading is not written over a newer record: nothing at all is done then."""
    opened = await _ended(sessions)
    await sessions.connection.client.set(key(opened.session.id, "payload"), b"CANARY-left")
    newer = replace(opened.session, closing_secrets=())
    await sessions.move(newer.id, lambda _s, _now: Change(session=newer), NOW)
    assert not await remains.destroy(sessions.connection, opened, CODE)
    assert (await sessions.read(newer.id)).session == newer
    assert await sessions.payload(newer.id) == b"CANARY-left"


async def test_looking_is_one_round_trip(single_store: Store) -> None:
    """However many keys are asked for: one request goes to the store."""
    async with DroppingProxy(single_store.url) as proxy, connected(proxy.url) as connection:
        opened = await _ended(SessionStore(connection))
        proxy.passed.clear()
        assert await remains.look(connection, opened, CODE) == ()
        assert len(proxy.passed) == 1
