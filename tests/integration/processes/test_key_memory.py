"""A vault key is in the service's memory while a request or a collecting task needs it, and not afterwards."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from broker.keys import load
from broker.settings import load as settings_of
from sandbox.citizen import collect, log_in
from sandbox.phone import Phone
from sandbox.stage import SOURCES, Stage, running
from sessions.store.sessions import SessionStore
from sessions.vault import open_key
from tests.integration.processes.test_processes import linked
from tests.stores import connected

SLOW = "slow-source"  # the household whose Belastingdienst answers late: long enough to look meanwhile
HALF = 16  # of a key: what is left of a freed object may lack its beginning


async def _key_of(stage: Stage, session_id: str, phone: Phone) -> bytes:
    """The vault key, opened as the broker does: with the store, its secret and the phone's token."""
    nothing = stage.folder / "nothing.toml"
    nothing.touch()
    ring = load(settings_of(stage.environment, nothing)).ring
    async with connected(f"unix://{stage.socket}") as connection:
        session = (await SessionStore(connection).read(session_id)).session
    [linked_phone] = session.phones
    assert linked_phone.vault_key is not None
    with open_key(linked_phone.vault_key, phone.token, ring, session.id, linked_phone.id) as key:
        return bytes(key)


def _copies(pid: int, *secrets: bytes) -> list[int]:
    """How often each lies in the private writable memory of a process (proc(5))."""
    writable = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw.p ", re.MULTILINE)
    found = [0] * len(secrets)
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in writable.findall(Path(f"/proc/{pid}/maps").read_text("utf-8", "replace")):
            with suppress(OSError, ValueError, OverflowError):  # a mapping that is gone, or is not to be read
                memory.seek(int(start, 16))
                content = memory.read(int(end, 16) - int(start, 16))
                found = [count + content.count(secret) for count, secret in zip(found, secrets, strict=True)]
    return found


async def test_a_vault_key_leaves_the_services_memory(tmp_path: Path) -> None:
    """Found while a source is being asked, which shows that the search sees; gone after each request, and at the end.

    The phone's token is still found at the end: it stands in the headers of requests, which nobody can overwrite.
    """
    async with running(tmp_path, slow_seconds=2.0) as stage:
        session_id, _, phone = await linked(stage)
        key = await _key_of(stage, session_id, phone)
        halves = (key[:HALF], key[HALF:])
        serve, worker = (stage.processes[name].pid for name in ("serve", "worker"))
        assert _copies(serve, *halves) == [0, 0]
        url = await phone.login("applicant", "belastingdienst")
        assert url is not None
        back = await log_in(url, SLOW)
        await phone.callback(back.state, code=back.code)
        assert min(_copies(serve, *halves)) >= 1
        await phone.wait_for(lambda v: v.persons["applicant"].source("belastingdienst").status == "collected")
        assert _copies(serve, *halves) == [0, 0]
        await collect(phone, "applicant", SLOW, [source for source in SOURCES if source != "belastingdienst"])
        await phone.remark("applicant", "incomes", "klopt niet")
        review = await phone.review()
        assert _copies(serve, *halves) == [0, 0]
        assert (await phone.consent("applicant", review)).sent
        await stage.backoffice.wait_for("delivered", session_id)
        *left, tokens = _copies(serve, *halves, phone.token.encode())
        assert left == [0, 0]
        assert tokens >= 1
        assert _copies(worker, *halves) == [0, 0]
