"""Nobody reads "verzonden", nor "ontvangen", before the store has it on disk: shown with a disk that takes its time.

When something was on disk is seen where the store's file is synced: how long the file was, and when that was done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from tests.faults.citizen import Citizen
from tests.faults.conftest import Note
from tests.faults.moments import stayed_calm
from tests.faults.preloading import preloaded
from tests.faults.scene import Scene, scene
from tests.stores import wait_until

SLOW_SECONDS = 1.0
LONG_SECONDS = 90.0
_REWRITTEN = "Background AOF rewrite finished successfully"  # a worker's first deed, which begins another file
WHO = {"answer", "pc", "phone", "provider"}


class _View(Protocol):
    @property
    def status(self) -> str: ...


class Seen:
    """When each reader first read a status, in nanoseconds of the monotonic clock."""

    def __init__(self) -> None:
        self.at: dict[str, dict[str, int]] = {"consented": {}, "delivered": {}}

    def note(self, who: str, status: str) -> bool:
        """Note what was read, of which the last word implies the one before; whether it was the last."""
        words = {"consented": ("consented",), "delivered": ("consented", "delivered")}
        for word in words.get(status, ()):
            self.at[word].setdefault(who, time.monotonic_ns())
        return status == "delivered"

    def by(self, who: str) -> Callable[[_View], bool]:
        """What to hold each view of a stream against."""
        return lambda view: self.note(who, view.status)


@pytest.mark.parametrize("fsync", ["always", "everysec"])
async def test_nobody_reads_it_before_it_is_on_disk(
    folder: Path, cell: Note, monkeypatch: pytest.MonkeyPatch, fsync: str
) -> None:
    """With `always` all four hear of consent and delivery only once these are on disk; with `everysec` sooner.

    The second is why production refuses that setting, and that this test can tell.
    """
    slow, syncs = folder / "slow", folder / "syncs"
    monkeypatch.setenv("LD_PRELOAD", preloaded(folder, "slow_fdatasync"))
    monkeypatch.setenv("SLOW_SYNC_SECONDS", str(slow))
    monkeypatch.setenv("SLOW_SYNC_LOG", str(syncs))
    async with scene(folder, store={"appendfsync": fsync}) as standing:
        citizen = Citizen(standing)
        await citizen.go(until="review")
        await asyncio.to_thread(wait_until, lambda: _REWRITTEN in (standing.store.folder / "store.log").read_text(), 60)
        slow.write_text(str(SLOW_SECONDS), encoding="ascii")
        seen = await _sent(standing, citizen)
        slow.unlink()
        payload = b":payload:" + citizen.session_id.encode()
        consented = await _on_disk(standing, syncs, b"SET", payload)
        delivered = await _on_disk(standing, syncs, b"UNLINK", payload)
        verdict = await standing.judge(citizen.session_id, await citizen.go(since="delivery"))
        cell(f"fdatasync takes {SLOW_SECONDS} s, {fsync}", "consent", verdict)
        stayed_calm(standing)
    assert set(seen.at["consented"]) == WHO
    assert set(seen.at["delivered"]) == WHO - {"answer"}
    for word, on_disk in (("consented", consented), ("delivered", delivered)):
        sooner = {who for who, at in seen.at[word].items() if at < on_disk}
        assert bool(sooner) is (fsync == "everysec"), (word, sooner)


async def _sent(standing: Scene, citizen: Citizen) -> Seen:
    """Consent, while everybody who may look does, until all of them read that it was delivered."""
    seen, office = Seen(), standing.stage.backoffice

    async def provider_reads() -> None:
        give_up_at = time.monotonic() + LONG_SECONDS
        while not seen.note("provider", (await citizen.ask(lambda: office.read(citizen.session_id))).status):
            assert time.monotonic() < give_up_at
            await asyncio.sleep(0.05)

    async def consent() -> None:
        review = await citizen.ask(citizen.phone.review)
        assert (await citizen.ask(lambda: citizen.phone.consent("applicant", review))).sent
        seen.note("answer", "consented")

    await asyncio.gather(
        citizen.ask(lambda: citizen.browser.wait_for(seen.by("pc"), LONG_SECONDS)),
        citizen.ask(lambda: citizen.phone.wait_for(seen.by("phone"), LONG_SECONDS)),
        provider_reads(),
        consent(),
    )
    return seen


async def _on_disk(standing: Scene, syncs: Path, command: bytes, key: bytes) -> int:
    """When the step that first gave this command on this key was on disk, as `Seen` counts; its transaction whole.

    Waits until it is.
    """
    found: list[int] = []

    def look() -> bool:
        lines = [tuple(map(int, line.split())) for line in syncs.read_text(encoding="ascii").splitlines()]
        for file in (standing.store.folder / "appendonlydir").glob("*.incr.aof"):
            inode, end = file.stat().st_ino, _end(file.read_bytes(), command, key)
            found[:] = [ended for where, size, _, ended in lines if end and where == inode and size >= end] or found
        return bool(found)

    await asyncio.to_thread(wait_until, look)
    return min(found)


def _end(log: bytes, command: bytes, key: bytes) -> int:
    """Where in an append-only file the transaction with this command on this key ends; 0 when it is not there."""
    words = log.split(b"\r\n")
    for at, word in enumerate(words):
        if word.endswith(key) and words[at - 2] == command:
            last = words.index(b"EXEC", at)
            return len(b"\r\n".join(words[: last + 1])) + 2
    return 0
