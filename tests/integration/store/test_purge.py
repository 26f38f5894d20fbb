"""What a session leaves behind, by effect: after its end the tombstone and nothing else, and what ends by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sessions import ending, pairing
from sessions.change import Change
from sessions.errors import Refused
from sessions.lifecycle import DAY, Event, deadline
from sessions.model import Session, State
from sessions.secrets import random_text
from sessions.store.scripts import StoreUnavailable
from sessions.store.sessions import SessionStore, key
from tests import stores
from tests.integration.store import examples
from tests.integration.store.examples import NOW, QR, everything, kinds, session
from tests.stores import Store, connected


async def _shown(sessions: SessionStore, digest: str, session_id: str) -> None:
    await sessions.move(session_id, lambda s, now: pairing.show_typed_code(s, digest, now), NOW)


def _stopped(found: Session, now: float) -> Change:
    return ending.end(found, Event.STOP, "citizen", lambda _: "receipt", random_text(), now)


_LEFT = {"session", "deliveries", "deadlines", "outbox", "effect:notice", "effect:index"}
_CANARIES = (b"CANARY", b"wrap-public", b"thumbprint", b"sealed-vault-key", QR.encode())


def _assert_tombstone(running: Store, session_id: str, extra: frozenset[str] = frozenset()) -> None:
    """Every key of every node is one that may be left, and none of the values holds what had to go."""
    assert kinds(running) == _LEFT | extra
    left = everything(running)
    assert {name for name in left if name.split(":")[1] in ("session", "vault", "payload", "code")} == {
        key(session_id, "session")
    }
    assert [canary for canary in _CANARIES if canary in repr(left).encode()] == []
    # Which code was taken away is known to who looks whether it is gone, and no longer than that takes.
    assert {n for n, value in left.items() if b"digest-of-code" in repr(value).encode()} <= {
        f"{{p0}}:effect:index:{session_id}"
    }
    effects = {name.removeprefix("{p0}:effect:").encode() for name in left if name.startswith("{p0}:effect:")}
    assert set(dict(left["{p0}:outbox"])) == effects


@pytest.mark.parametrize("reach", [examples.opened, examples.scanned, examples.collecting, examples.consented])
async def test_purge_leaves_the_tombstone_and_nothing_else(sessions: SessionStore, running: Store, reach: Any) -> None:
    """Whatever the state, after the end there is the session's record, its deadline, its last effects and the marks."""
    made = session()
    session_id = await reach(sessions, made)
    if reach is examples.opened:
        await _shown(sessions, "digest-of-code", session_id)
    assert any(canary in repr(everything(running)).encode() for canary in _CANARIES)
    await sessions.move(session_id, _stopped, NOW)
    _assert_tombstone(running, session_id)
    found = (await sessions.read(session_id)).session
    assert (found.state, found.reason, found.phones, found.records) == (State.CANCELLED, "citizen", (), {})


async def test_delivery_leaves_the_tombstone_and_nothing_else(sessions: SessionStore, running: Store) -> None:
    """The same once the provider has acknowledged: the delivery that waited is gone too; the idempotency mark stays."""
    made = session()
    await sessions.create(Change(session=made), NOW, ("name", b"body"))
    await sessions.move(made.id, _stopped, NOW)
    await sessions.move(made.id, lambda s, _: Change(session=s, forget=True), NOW)
    session_id = await examples.consented(sessions, session())
    assert "effect:data" in kinds(running)
    await sessions.move(session_id, examples.acknowledged, NOW)
    _assert_tombstone(running, session_id, frozenset({"idempotency"}))


async def test_a_purge_takes_no_other_session_along(sessions: SessionStore) -> None:
    """Another session of the same partition keeps its vault."""
    first, second = await examples.collecting(sessions, session()), await examples.collecting(sessions, session())
    await sessions.move(first, _stopped, NOW)
    assert await sessions.vault(second, ["applicant/uwv"]) == {"applicant/uwv": b"CANARY-income"}


async def test_a_forgotten_session_leaves_only_its_place_in_the_list_to_clear(
    sessions: SessionStore, running: Store
) -> None:
    """When the tombstone's time is over, only the effect that takes it off the list is left."""
    session_id = await examples.consented(sessions, session(webhook=False))
    await sessions.move(session_id, examples.acknowledged, NOW)
    await sessions.move(session_id, lambda s, _: Change(session=s, forget=True), NOW)
    assert kinds(running) == {"outbox", "effect:index"}
    with pytest.raises(Refused, match="unknown-session"):
        await sessions.read(session_id)


async def test_without_a_webhook_nothing_is_queued_for_the_provider(sessions: SessionStore, running: Store) -> None:
    """The payload waits for a pull: neither data nor notices lie in the outbox, only the list is kept."""
    await examples.consented(sessions, session(webhook=False))
    assert {name for name in kinds(running) if name.startswith("effect")} == {"effect:index"}


async def test_everything_of_a_session_ends_by_itself(sessions: SessionStore, running: Store) -> None:
    """Should nobody sweep for a day: session, vault, payload and codes end a day after the deadline; marks sooner.

    Only queues and effects, which hold nothing of a person, have no end of their own.
    """
    open_one, full = await examples.opened(sessions, session()), await examples.collecting(sessions, session())
    await _shown(sessions, "typed", open_one)
    sent = await examples.consented(sessions, session())
    await sessions.open(full, "proof", NOW)
    found = examples.ends(running)
    lasting = {name for name, at in found.items() if at == -1}
    assert {name.split(":")[1] for name in lasting} == {"deadlines", "outbox", "effect"}
    for session_id in (open_one, full, sent):
        opened = await sessions.read(session_id)
        backstop = deadline(opened.session, opened.seen_at) + DAY
        own = [name for name in found if name.endswith(session_id) and name not in lasting]
        assert {found[name] for name in own} == {backstop}
        assert everything(running)["{p0}:deadlines"].count((session_id.encode(), backstop - DAY)) == 1


async def test_a_deadline_long_past_is_left_to_the_sweep(sessions: SessionStore, running: Store) -> None:
    """A session changed more than a day after its deadline does not vanish: its end still has to be told and signed."""
    made = session(created_at=NOW - 9 * DAY, expires_at=NOW - 5 * DAY)
    await sessions.create(Change(session=made), NOW)
    assert (await sessions.read(made.id)).session == made
    assert examples.ends(running)[key(made.id, "session")] == NOW + DAY
    assert everything(running)["{p0}:deadlines"] == [(made.id.encode(), NOW - 5 * DAY)]


async def test_a_full_store_still_purges(tmp_path: Path) -> None:
    """Out of memory: nothing new is taken, but what has to go can go."""
    with stores.single(tmp_path) as running:
        async with connected(running.url) as connection:
            store = SessionStore(connection)
            session_id = await examples.consented(store, session())
            running.nodes[0].client.config_set("maxmemory", 1)
            with pytest.raises(StoreUnavailable):
                await store.create(Change(session=session()), NOW)
            await store.move(session_id, examples.acknowledged, NOW)
            _assert_tombstone(running, session_id)
