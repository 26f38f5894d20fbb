"""The guide's `pull.py`, against a real broker: kept, then said, and nothing of what was taken back in between."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sessions.model import State
from tests.house import House
from tests.integration.provider.asking import until
from tests.integration.provider.test_toolkit_guide import PROFILE, Office, prepared

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Runs the program with other words for `acknowledge`, and tells what is synced, in which order.
WATCHED = """
import os, runpy, stat
from ophaalbrug_provider import Client, Unreachable

synced, said = os.fsync, Client.acknowledge

def fsync(number):
    synced(number)
    print("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file")

def acknowledge(client, session_id, digest):
    print("acknowledging")
    {acknowledging}

os.fsync, Client.acknowledge = fsync, acknowledge
runpy.run_path("pull.py", run_name="__main__")
"""


async def pulled(
    office: Office, acknowledging: str = "return said(client, session_id, digest)"
) -> tuple[int, str, str]:
    """How the program ends, what it prints, and what it says went wrong."""
    program = WATCHED.format(acknowledging=acknowledging)
    process = await office.started(sys.executable, "-c", program)
    out, error = await process.communicate()
    return process.returncode or 0, out.decode(), error.decode()


async def listed(office: Office, count: int) -> list[str]:
    """The sessions that are consented to, newest first, once there are so many of them in the list."""

    async def look() -> list[str]:
        records = office.house.parts.records
        found = await records.listed(office.id, reference=None, state=State.CONSENTED, offset=0, limit=count)
        return [session.id for session in found]

    return await until(look, lambda found: len(found) == count)


async def waiting(house: House, folder: Path) -> tuple[Office, str]:
    """An office, and a session of it that was consented to."""
    office, program = prepared(house, folder, "python")
    await office.register(PROFILE)
    await office.consented(await office.run(program, "create.py", "dossier-2"))
    (session_id,) = await listed(office, 1)
    return office, session_id


def held(folder: Path, session_id: str) -> set[str]:
    """The ends of the names of what is kept of this session."""
    return {path.name.removeprefix(session_id) for path in folder.glob(f"{session_id}*")}


async def test_a_back_office_without_a_webhook(house: House, tmp_path: Path) -> None:
    """It finds what was consented to, has it on disk, name and all, before it says so, and compares the receipts."""
    office, session_id = await waiting(house, tmp_path)
    status, out, error = await pulled(office)
    assert (status, error) == (0, "")
    *before, destroyed = out.splitlines()
    assert before == ["file", "folder", "file", "folder", "acknowledging"]
    assert "'payloads': 1" in destroyed
    assert held(tmp_path, session_id) == {".json"}
    kept = tmp_path / f"{session_id}.json"
    assert (json.loads(kept.read_text())["reference"], kept.stat().st_mode & 0o077) == ("dossier-2", 0)
    assert (await office.ended(session_id)).state.value == "delivered"


async def test_what_is_taken_back_before_it_is_acknowledged_goes(house: House, tmp_path: Path) -> None:
    """The files were written already, and the citizen is told that they are deleted."""
    office, session_id = await waiting(house, tmp_path)
    status, out, error = await pulled(office, "client.cancel(session_id); return said(client, session_id, digest)")
    assert (status, out.splitlines()[-1], error) == (0, "acknowledging", "")
    assert held(tmp_path, session_id) == set()


@pytest.mark.parametrize(
    ("done", "left"), [("client.cancel(session_id)", set()), ("said(client, session_id, digest)", {".json"})]
)
async def test_a_later_run_settles_what_was_cut_off(house: House, tmp_path: Path, done: str, left: set[str]) -> None:
    """No answer came to the acknowledgement: what was received stays, and what was taken back since then goes."""
    office, session_id = await waiting(house, tmp_path)
    status, _, error = await pulled(office, f"{done}; raise Unreachable('cut off')")
    assert (status, session_id in error, held(tmp_path, session_id)) == (1, True, {".json", ".pending"})
    assert await pulled(office) == (0, "", "")
    assert held(tmp_path, session_id) == left


async def test_one_session_that_fails_stops_no_other(house: House, tmp_path: Path) -> None:
    """The newest is sealed to a key that is not there: the one before it is taken in, and the failure is told."""
    office, old = await waiting(house, tmp_path)
    await office.run("openssl", "genpkey", "-algorithm", "X25519", "-out", "other.pem")
    await office.joined("other", PROFILE)
    await office.consented(await office.run(sys.executable, "create.py", "nieuw"))
    new, last = await listed(office, 2)
    assert last == old
    status, _, error = await pulled(office)
    assert (status, error.split()[0], old in error) == (1, new, False)
    assert (held(tmp_path, old), held(tmp_path, new)) == ({".json"}, set())
    (tmp_path / "other.pem").rename(tmp_path / "enc-2.pem")
    assert (await pulled(office))[0] == 0
    assert held(tmp_path, new) == {".json"}
