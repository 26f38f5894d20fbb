"""Sessions in the store, by effect: created once, moved without losing a move, opened once per proof, purged whole."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from sessions import pairing
from sessions.change import Change
from sessions.errors import Refused
from sessions.lifecycle import DAY
from sessions.model import Phone, Session, State
from sessions.secrets import partition_of, random_text
from sessions.store import sessions as store_sessions
from sessions.store.connection import Connection
from sessions.store.sessions import SessionStore, key, slot
from tests.integration.store import examples
from tests.integration.store.examples import NOW, QR, everything, kinds, linked, pending, phone, scanned, session
from tests.stores import DroppingProxy, Store, connected


def _count(found: Session, _: float) -> Change:
    return Change(session=replace(found, sequence=found.sequence + 1))


def _keys(running: Store, kind: str) -> list[str]:
    return [name for name in everything(running) if name.split(":")[1] == kind]


async def _outcome(work: Any) -> str:
    """`done`, or the code of the refusal."""
    try:
        await work
    except Refused as refused:
        return refused.code
    return "done"


# -- creating


async def test_a_created_session_is_read_as_it_was(sessions: SessionStore) -> None:
    """What is stored comes back whole, at version 1; nobody's phone was heard yet."""
    made = session(reference="2026-1", household="ask", counts={"phones": 1})
    assert await sessions.create(Change(session=made), NOW) is None
    found = await sessions.read(made.id)
    assert (found.session, found.version, found.seen_at) == (made, 1, 0.0)


@pytest.mark.parametrize("session_id", ["00" + "a" * 20, "ff" + "a" * 20, "../..", "", "zz" + "0" * 20])
async def test_a_session_that_is_not_there_is_refused(sessions: SessionStore, session_id: str) -> None:
    """An id nobody made, or that is no id at all, is `unknown-session` for reading, opening and moving alike."""
    for call in (
        lambda: sessions.read(session_id),
        lambda: sessions.open(session_id, "proof", NOW),
        lambda: sessions.move(session_id, _count, NOW),
    ):
        assert await _outcome(call()) == "unknown-session"


async def test_one_idempotency_key_is_one_session(sessions: SessionStore, running: Store) -> None:
    """A second creation under the same mark stores nothing and answers what the first one left, whatever it asks."""
    first, second = session(), session(reference="another")
    assert await sessions.create(Change(session=first), NOW, ("name", b"first body")) is None
    assert await sessions.create(Change(session=second), NOW, ("name", b"second body")) == b"first body"
    assert _keys(running, "session") == [key(first.id, "session")]
    assert await sessions.create(Change(session=second), NOW, ("other name", b"second body")) is None


async def test_an_idempotency_key_counts_for_a_day(sessions: SessionStore, connection: Connection) -> None:
    """The mark ends by itself 24 hours after the creation."""
    made = session()
    await sessions.create(Change(session=made), NOW, ("name", b"body"))
    left = await connection.client.pttl("{p0}:idempotency:name")
    assert DAY - 60 < left / 1000 <= DAY


async def test_of_fifty_creations_with_one_key_one_makes_a_session(sessions: SessionStore, running: Store) -> None:
    """A race for one mark has one winner, and everybody learns the winner's answer."""
    made = [session() for _ in range(50)]
    creations = (sessions.create(Change(session=s), NOW, ("name", s.id.encode())) for s in made)
    answers = await asyncio.gather(*creations)
    winner = made[answers.index(None)].id
    assert set(answers) == {None, winner.encode()}
    assert answers.count(None) == 1
    assert _keys(running, "session") == [key(winner, "session")]


async def test_an_id_is_never_given_twice(sessions: SessionStore) -> None:
    """A session that is there is not overwritten by a creation, with or without a mark."""
    made = session(reference="first")
    await sessions.create(Change(session=made), NOW)
    for mark in (None, ("name", b"body")):
        assert await _outcome(sessions.create(Change(session=replace(made, reference="2")), NOW, mark)) == "busy"
    assert (await sessions.read(made.id)).session == made


# -- moving


async def test_a_step_for_an_older_version_is_not_taken(sessions: SessionStore) -> None:
    """Two steps made from one reading: the first lands, the second is told so and changes nothing."""
    made = session()
    await sessions.create(Change(session=made), NOW)
    current = await sessions.read(made.id)
    assert await sessions.apply(Change(session=replace(made, reference="a")), current, NOW)
    late = Change(session=replace(made, language="en"), vault={"lost": b"x"}, payload=b"x")
    assert not await sessions.apply(late, current, NOW)
    after = await sessions.read(made.id)
    assert (after.session.reference, after.session.language, after.version) == ("a", "nl", 2)
    assert await sessions.vault(made.id, ["lost"]) == {}
    assert await sessions.payload(made.id) is None


async def test_interleaved_moves_both_land(sessions: SessionStore) -> None:
    """A move made from a stale reading is decided again on the newest session, so neither change is lost."""
    made = session()
    await sessions.create(Change(session=made), NOW)
    stale = await sessions.read(made.id)
    await sessions.move(made.id, lambda s, _: Change(session=replace(s, reference="a")), NOW)
    await sessions.move(made.id, lambda s, _: Change(session=replace(s, language="en")), NOW, stale)
    after = await sessions.read(made.id)
    assert (after.session.reference, after.session.language, after.version) == ("a", "en", 3)


async def test_no_update_of_fifty_is_lost(sessions: SessionStore) -> None:
    """Fifty moves at once each count one: the session counts fifty and has had fifty versions more."""
    made = session()
    await sessions.create(Change(session=made), NOW)
    after = await asyncio.gather(*(sessions.move(made.id, _count, NOW) for _ in range(50)))
    found = await sessions.read(made.id)
    assert (found.session.sequence, found.version) == (50, 51)
    assert sorted(a.session.sequence for a in after) == list(range(1, 51))


async def test_deciding_nothing_changes_nothing(sessions: SessionStore) -> None:
    """None leaves the session as it is, and its version too; a refusal of the move is passed on."""
    made = session()
    await sessions.create(Change(session=made), NOW)
    current = await sessions.read(made.id)
    assert await sessions.move(made.id, lambda _s, _n: None, NOW, current) is current

    def refuse(_: Session, __: float) -> Change:
        raise Refused("frozen")

    assert await _outcome(sessions.move(made.id, refuse, NOW)) == "frozen"
    assert (await sessions.read(made.id)).version == 1


async def test_a_change_that_refuses_is_stored_first(sessions: SessionStore) -> None:
    """A wrong pairing code counts, and says how many tries are left."""
    session_id = await examples.scanned(sessions, session())
    with pytest.raises(Refused) as caught:
        await sessions.move(session_id, _wrong_code, NOW)
    assert (caught.value.code, caught.value.facts) == ("wrong-code", {"triesLeft": 2})
    assert pending((await sessions.read(session_id)).session).tries == 1


def _wrong_code(found: Session, now: float) -> Change:
    return pairing.type_code(found, "wrong", lambda _: b"", "applicant", random_text(), now)


async def test_a_session_that_never_rests_is_busy(single_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else changes it between every reading and step: the move gives up instead of going on for ever."""
    monkeypatch.setattr(store_sessions, "MOVE_TRIES", 5)
    server = single_store.nodes[0].client
    async with connected(single_store.url) as connection:
        store, made = SessionStore(connection), session()
        await store.create(Change(session=made), NOW)

        def overtaken(found: Session, now: float) -> Change:
            server.hincrby(key(made.id, "session"), "v", 1)
            return _count(found, now)

        assert await _outcome(store.move(made.id, overtaken, NOW)) == "busy"
        assert (await store.read(made.id)).version == 6


# -- a phone's request


def _with_phone() -> Session:
    """A session that one phone may open with `token`."""
    return replace(session(), phones=(Phone(id="phone", token="token", thumbprint="t", wrap_public=b"w"),))


async def test_a_proof_opens_a_session_once(sessions: SessionStore, connection: Connection) -> None:
    """The first use marks the session as seen; a replay is refused and marks nothing; another proof is another use."""
    made = _with_phone()
    await sessions.create(Change(session=made), NOW)
    found = await sessions.open(made.id, "proof", NOW + 1, "token")
    assert (found.session, found.version, found.seen_at) == (made, 1, NOW + 1)
    assert await _outcome(sessions.open(made.id, "proof", NOW + 2, "token")) == "replayed"
    assert (await sessions.read(made.id)).seen_at == NOW + 1
    assert (await sessions.open(made.id, "another", NOW + 3.25, "token")).seen_at == NOW + 3.25
    assert (await sessions.read(made.id)).seen_at == NOW + 3.25
    assert 240_000 < await connection.client.pttl("{p0}:proof:proof") <= 300_000


async def test_more_time_is_being_seen(sessions: SessionStore) -> None:
    """Somebody at the PC says they are still there: the attempt's deadline moves, as by a phone's request."""
    session_id = await scanned(sessions, session())
    await sessions.move(session_id, linked, NOW)
    after = await sessions.move(session_id, lambda s, now: pairing.more_time(s, NOW, now), NOW + 600)
    assert after.seen_at == NOW + 600
    assert (await sessions.read(session_id)).seen_at == NOW + 600
    due = await sessions.connection.client.zscore(f"{slot(session_id)}:deadlines", session_id)
    assert due == NOW + 600 + 3600


async def test_a_stranger_is_not_seen(sessions: SessionStore, running: Store) -> None:
    """Who knows a session's id but no token of it marks nothing; a phone without a token yet uses up its proof only."""
    made = _with_phone()
    await sessions.create(Change(session=made), NOW)
    assert (await sessions.open(made.id, "proof", NOW + 1, "guess")).seen_at == 0
    assert not [name for name in everything(running) if ":proof:" in name]
    assert (await sessions.open(made.id, "proof", NOW + 2)).seen_at == 0
    assert await _outcome(sessions.open(made.id, "proof", NOW + 3)) == "replayed"
    assert (await sessions.read(made.id)).seen_at == 0


async def test_a_proof_is_not_used_up_on_a_session_that_is_not_there(sessions: SessionStore, running: Store) -> None:
    """Nobody can fill the store with proofs, or a session into being, by naming ids at random."""
    assert await _outcome(sessions.open("00" + "a" * 20, "proof", NOW)) == "unknown-session"
    assert everything(running) == {}


async def test_of_fifty_uses_of_one_proof_one_opens(sessions: SessionStore) -> None:
    """A race of replays has one winner."""
    made = _with_phone()
    await sessions.create(Change(session=made), NOW)
    uses = await asyncio.gather(*(_outcome(sessions.open(made.id, "proof", NOW, "token")) for _ in range(50)))
    assert sorted(uses) == ["done", *["replayed"] * 49]


async def test_being_seen_and_being_moved_do_not_hinder_each_other(sessions: SessionStore) -> None:
    """A phone's request between reading and step makes no step stale, and a step does not undo that it was seen."""
    made = _with_phone()
    await sessions.create(Change(session=made), NOW)
    current = await sessions.read(made.id)
    await sessions.open(made.id, "proof", NOW + 5, "token")
    assert await sessions.apply(_count(current.session, NOW), current, NOW)
    after = await sessions.read(made.id)
    assert (after.seen_at, after.session.sequence) == (NOW + 5, 1)


# -- pairing


async def _shown(sessions: SessionStore, digest: str, session_id: str) -> None:
    await sessions.move(session_id, lambda s, now: pairing.show_typed_code(s, digest, now), NOW)


async def test_a_typed_code_finds_its_session(sessions: SessionStore, connection: Connection) -> None:
    """By its digest and partition, for five minutes; elsewhere it is unknown."""
    session_id = await examples.opened(sessions, session(3))
    await _shown(sessions, "typed", session_id)
    assert await sessions.session_of_code(3, "typed") == session_id
    assert 240_000 < await connection.client.pttl("{p3}:code:typed") <= 300_000
    for partition, digest in ((2, "typed"), (3, "other"), (9999, "typed")):
        assert await _outcome(sessions.session_of_code(partition, digest)) == "token-invalid"


async def test_a_new_typed_code_replaces_the_former(sessions: SessionStore) -> None:
    """At most one code of a session is good at a time."""
    session_id = await examples.opened(sessions, session())
    await _shown(sessions, "first", session_id)
    await _shown(sessions, "second", session_id)
    assert await _outcome(sessions.session_of_code(0, "first")) == "token-invalid"
    assert await sessions.session_of_code(0, "second") == session_id


async def test_a_scan_spends_the_typed_code(sessions: SessionStore) -> None:
    """Once a phone waits by QR, the code is good for nobody."""
    session_id = await examples.opened(sessions, session())
    await _shown(sessions, "typed", session_id)
    await sessions.move(session_id, lambda s, now: pairing.scan(s, QR, phone(), "code", now), NOW)
    assert await _outcome(sessions.session_of_code(0, "typed")) == "token-invalid"


async def test_a_typed_code_is_then_good_for_who_typed_it_alone(sessions: SessionStore) -> None:
    """Its answer may be lost: the same phone may ask again until it is linked; any other is refused, and told no more
    than of a code that never was.
    """
    session_id = await examples.opened(sessions, session())
    await _shown(sessions, "typed", session_id)

    def typed(by: Phone) -> Any:
        return _outcome(sessions.move(session_id, lambda s, now: pairing.scan(s, "typed", by, "code", now), NOW))

    assert [await typed(phone()), await typed(phone(2)), await typed(phone())] == ["done", "token-invalid", "done"]
    assert await sessions.session_of_code(0, "typed") == session_id
    await sessions.move(session_id, examples.linked, NOW)
    assert await _outcome(sessions.session_of_code(0, "typed")) == "token-invalid"


async def test_of_fifty_phones_that_scan_one_waits(sessions: SessionStore) -> None:
    """One QR token, fifty device keys at once: exactly one becomes the waiting phone, all others are told."""
    session_id = await examples.opened(sessions, session())

    def scan(by: Phone) -> Any:
        return sessions.move(session_id, lambda s, now: pairing.scan(s, QR, by, f"code-{by.id}", now), NOW)

    outcomes = await asyncio.gather(*(_outcome(scan(phone(number))) for number in range(50)))
    assert sorted(outcomes) == sorted(["done", *["already-paired"] * 49])
    found = (await sessions.read(session_id)).session
    assert found.state is State.PAIRING
    assert pending(found).phone == phone(outcomes.index("done"))


async def test_of_fifty_right_codes_one_links(sessions: SessionStore, running: Store) -> None:
    """The same right code typed fifty times at once links one phone, once, and tells the provider once."""
    session_id = await examples.scanned(sessions, session())
    before = (await sessions.read(session_id)).session.sequence
    moves = (_outcome(sessions.move(session_id, examples.linked, NOW)) for _ in range(50))
    assert sorted(await asyncio.gather(*moves)) == sorted(["done", *["wrong-state"] * 49])
    found = (await sessions.read(session_id)).session
    assert (found.state, [p.id for p in found.phones], found.sequence) == (State.COLLECTING, ["phone-1"], before + 1)
    assert len([name for name in _keys(running, "effect") if ":notice:" in name]) == 1


async def test_of_fifty_wrong_codes_three_count(sessions: SessionStore) -> None:
    """Guessing in parallel gives no more than three tries."""
    session_id = await examples.scanned(sessions, session())
    outcomes = await asyncio.gather(*(_outcome(sessions.move(session_id, _wrong_code, NOW)) for _ in range(50)))
    assert sorted(outcomes) == sorted(["wrong-code"] * 2 + ["pairing-ended"] + ["wrong-state"] * 47)
    assert (await sessions.read(session_id)).session.state is State.OPENED


# -- the vault and the payload


async def test_vault_records_are_kept_by_name(sessions: SessionStore) -> None:
    """Records come back byte for byte; a newer one replaces; what is not there is left out; others stay."""
    session_id = await examples.collecting(sessions, session())
    await examples.put(sessions, session_id, {"applicant/uwv": b"\x00\xff", "applicant/uwv/identity": b""})
    names = ["applicant/uwv", "applicant/uwv/identity", "remark/applicant", "partner/uwv"]
    assert await sessions.vault(session_id, names) == {
        "applicant/uwv": b"\x00\xff",
        "applicant/uwv/identity": b"",
        "remark/applicant": b"CANARY-remark",
    }
    assert await sessions.vault(session_id, []) == {}


async def test_vault_records_can_be_dropped_one_by_one(sessions: SessionStore) -> None:
    """`vault_drop` takes these records and no others; names that are not there do no harm."""
    session_id = await examples.collecting(sessions, session())
    dropped = ("remark/applicant", "receipt/partner")
    await sessions.move(session_id, lambda s, _: Change(session=s, vault_drop=dropped), NOW)
    assert list(await sessions.vault(session_id, ["applicant/uwv", *dropped])) == ["applicant/uwv"]


async def test_the_vault_can_be_emptied(sessions: SessionStore, running: Store) -> None:
    """Another phone or attempt: nothing of the vault is left, unless the same step begins a new one."""
    session_id = await examples.collecting(sessions, session())
    renewed = {"applicant/uwv": b"new"}
    await sessions.move(session_id, lambda s, _: Change(session=s, empty_vault=True, vault=renewed), NOW)
    assert everything(running)[key(session_id, "vault")] == {b"applicant/uwv": b"new"}
    await sessions.move(session_id, lambda s, _: pairing.restart(s), NOW)
    assert _keys(running, "vault") == []


async def test_the_payload_waits_until_it_is_acknowledged(sessions: SessionStore, running: Store) -> None:
    """The step that stores the payload empties the vault; the one that acknowledges it takes the payload."""
    session_id = await examples.collecting(sessions, session())
    assert await sessions.payload(session_id) is None
    await sessions.move(session_id, examples.sent, NOW)
    assert await sessions.payload(session_id) == b"CANARY-payload"
    documents = [await sessions.document(session_id, number) for number in (1, 2)]
    assert documents == [b"CANARY-document", None]
    assert _keys(running, "vault") == []
    await sessions.move(session_id, examples.acknowledged, NOW)
    assert await sessions.payload(session_id) is None


# -- where it lies, and what it costs


async def test_everything_of_a_session_lies_in_one_slot(cluster_store: Store) -> None:
    """On a cluster each key of a session, and each of its partition's queues, has the partition's slot."""
    ask = cluster_store.nodes[0].client.execute_command
    async with connected(cluster_store.url) as connection:
        store = SessionStore(connection)
        for partition in (0, 17, 63):
            cluster_store.flush()
            made = session(partition)
            assert partition_of(made.id) == partition
            session_id = await examples.opened(store, made)
            await _shown(store, "typed", session_id)
            await store.open(session_id, "proof", NOW)
            await store.create(Change(session=session(partition)), NOW, ("name", b"body"))
            await examples.consented(store, session(partition))
            await examples.collecting(store, session(partition))
            assert {"vault", "payload", "documents", "code", "idempotency", "effect:data"} <= kinds(cluster_store)
            slots = {ask("CLUSTER KEYSLOT", name) for name in everything(cluster_store)}
            assert slots == {ask("CLUSTER KEYSLOT", f"{{p{partition}}}")}


async def test_partitions_are_chosen_evenly(connection: Connection) -> None:
    """New sessions spread over all partitions there are, and no others."""
    found = {SessionStore(connection).any_partition() for _ in range(5000)}
    assert found == set(range(connection.partitions))


async def test_reading_opening_and_stepping_cost_one_round_trip(single_store: Store) -> None:
    """One command goes out for a read, an opening or a creation; a move is a reading and a step."""
    async with DroppingProxy(single_store.url) as proxy, connected(proxy.url) as connection:
        store, made = SessionStore(connection), session()
        await store.create(Change(session=session()), NOW)  # from here on the scripts are known
        await store.open((await store.read(await examples.opened(store, session()))).session.id, "first", NOW)

        async def trips(call: Any) -> int:
            before = len(proxy.passed)
            await call
            return len(proxy.passed) - before

        assert await trips(store.create(Change(session=made), NOW, ("name", b"body"))) == 1
        assert await trips(store.read(made.id)) == 1
        assert await trips(store.open(made.id, "proof", NOW)) == 1
        assert await trips(store.move(made.id, _count, NOW)) == 2
        assert await trips(store.move(made.id, _count, NOW, await store.read(made.id))) == 1
