"""Nobody can read what waits: the store's files, searched after every step of a couple's journey."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from broker import purge
from sandbox.citizen import collect
from sandbox.personas import HOUSEHOLDS, canaries
from sandbox.residue import Search, all_files
from sandbox.stage import SOURCES
from tests import stores
from tests.house import House, standing
from tests.integration.journey.steps import eventually, own_phone
from tests.stores import Store

_HOUSEHOLD = "married-couple"
_REMARK = "Opmerkelijkheidje over de hypotheek"
_PLANTED = "Gezaaidekanarie4711"
_TURN = "ophaalbrug:turn:rewrite-log"


class _Watched:
    """The files of a store, searched for a household's values and for what a citizen wrote."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._folder = folder
        self._values = (*canaries(HOUSEHOLDS[_HOUSEHOLD]), _REMARK)
        self.searches = 0
        store.nodes[0].client.set("planted", _PLANTED)  # a search that does not find this one sees nothing

    def is_clean(self, after: str) -> None:
        """None of the values is in any file, in any form."""
        found = Search(self._values, _PLANTED).files(after, all_files(self._folder))
        assert (found.place, found.count) == (after, 0)
        self.searches += 1


def _appended(folder: Path) -> bytes:
    """What lies in the append-only files."""
    return b"".join(path.read_bytes() for path in all_files(folder) if "appendonly" in path.name)


async def test_the_stores_files_never_hold_what_was_collected(tmp_path: Path) -> None:
    """From the first login to the tombstone, with every write in the append-only file, no value is readable there."""
    with stores.single(tmp_path) as store:
        folder = tmp_path / "single"
        watched = _Watched(store, folder)
        world = tmp_path / "house"
        world.mkdir()
        async with standing(world, store.url) as house:
            session_id = await _journey(house, watched)
            client = store.nodes[0].client
            client.bgrewriteaof()
            stores.wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
            watched.is_clean("after a rewrite")
        assert watched.searches == 18
        assert session_id.encode() in _appended(folder)  # it is that file, and it was written during the journey


async def _journey(house: House, watched: _Watched) -> str:
    """A couple, each on an own phone, with a retry and a remark; searched after every step."""
    created, _, phone = await house.linked(household="couple")
    watched.is_clean("after linking")
    partner = await own_phone(house, phone)
    watched.is_clean("after the partner's phone came in")
    await house.fault("uwv", "down")
    await collect(phone, "applicant", _HOUSEHOLD, ["uwv"])
    watched.is_clean("after a source that was down")
    await house.fault("uwv", "none")
    for source in SOURCES:
        await collect(phone, "applicant", _HOUSEHOLD, [source])
        watched.is_clean(f"after {source} of the applicant")
        await collect(partner, "partner", f"{_HOUSEHOLD}-partner", [source])
        watched.is_clean(f"after {source} of the partner")
    await phone.remark("applicant", "debts", _REMARK)
    watched.is_clean("after a remark")
    review = await phone.review()
    watched.is_clean("after a review")
    await phone.consent("applicant", review)
    watched.is_clean("after one consent")
    house.office.answer_kind, house.office.answer_with = "data", [500, 500]
    await partner.consent("partner", await partner.review())
    watched.is_clean("after the last consent")
    await house.office.wait_for("data", created.id)
    watched.is_clean("after the arrival")
    await house.office.wait_for("delivered", created.id)
    watched.is_clean("after the purge")
    return created.id


async def test_the_search_would_find_them(tmp_path: Path) -> None:
    """The same search finds a household's value in the store's files when one is written there."""
    with stores.single(tmp_path) as store:
        watched = _Watched(store, tmp_path / "single")
        watched.is_clean("before")
        surname = HOUSEHOLDS[_HOUSEHOLD].applicant.surname
        store.nodes[0].client.set("leak", surname.encode("utf-16-le"))
        found = Search(canaries(HOUSEHOLDS[_HOUSEHOLD]), _PLANTED).files("leak", all_files(tmp_path / "single"))
        assert found.count == 1


async def test_what_was_deleted_leaves_the_file_within_a_day(tmp_path: Path) -> None:
    """A worker has the append-only file written anew when it begins; no other process does so again that day."""
    with stores.single(tmp_path) as store:
        client, folder = store.nodes[0].client, tmp_path / "single"
        client.set("deleted", _PLANTED)
        client.unlink("deleted")
        assert _PLANTED.encode() in _appended(folder)
        world = tmp_path / "house"
        world.mkdir()
        async with standing(world, store.url) as house:
            await eventually(_is_true(lambda: _PLANTED.encode() not in _appended(folder)))
            before = client.info("persistence")["aof_rewrites"]
            await purge.rewrite_log(house.parts)
            assert client.info("persistence")["aof_rewrites"] == before


async def test_a_file_that_may_not_be_written_anew_is_tried_again(tmp_path: Path) -> None:
    """Where the store forbids it, or who has the turn dies, the next hour's look finds the turn free."""
    with stores.single(tmp_path) as store:
        client = store.nodes[0].client
        client.execute_command("ACL", "SETUSER", "default", "-bgrewriteaof")
        world = tmp_path / "house"
        world.mkdir()
        async with standing(world, store.url) as house:
            await purge.rewrite_log(house.parts)
            assert client.info("persistence")["aof_rewrites"] == 0
            assert client.ttl(_TURN) <= 300
            client.unlink(_TURN)
            client.execute_command("ACL", "SETUSER", "default", "+bgrewriteaof")
            await purge.rewrite_log(house.parts)
            await eventually(_is_true(lambda: client.info("persistence")["aof_rewrites"] == 1))
            assert 22 * 3600 < client.ttl(_TURN) < 24 * 3600


def _is_true(holds: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        return holds()

    return asked
