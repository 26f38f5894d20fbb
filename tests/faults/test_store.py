"""The store killed, silent, or back without its data, before every step of a journey and after the last."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from sandbox.answers import ApiError
from sandbox.backoffice import BackOffice
from sandbox.browser import COOKIE, Browser
from sandbox.citizen import collect
from sandbox.phone import Phone
from sandbox.stage import Stage, running
from tests.faults.citizen import Citizen
from tests.faults.conftest import Note
from tests.faults.moments import AFTER, ANSWERING, MOMENTS, Fault, stayed_calm, struck
from tests.faults.scene import PERSONA, Scene, scene
from tests.stores import wait_until

FROZEN_SECONDS = 10.0
ENDS_WITHIN_SECONDS = 20.0
NOTICED_WITHIN_SECONDS = 20.0


async def _kill(standing: Scene) -> None:
    await standing.store.kill()


async def _start(standing: Scene) -> None:
    await standing.store.start()


async def _freeze(standing: Scene) -> None:
    standing.store.freeze()


async def _thaw(standing: Scene) -> None:
    standing.store.thaw()


async def _empty(standing: Scene) -> None:
    """The disk was lost. Until an operator adds the provider again it is nobody's, and hears so."""
    await standing.store.kill()
    await standing.store.start(empty=True)
    give_up_at = time.monotonic() + NOTICED_WITHIN_SECONDS
    while (refusal := await _refusal(standing.stage.backoffice)).status != 401:  # it has yet to find that it lost touch
        assert time.monotonic() < give_up_at, refusal
        await asyncio.sleep(0.1)
    await standing.stage.command("provider", "add", str(standing.stage.folder / "provider.toml"))


async def _refusal(office: BackOffice) -> ApiError:
    with pytest.raises(ApiError) as refusal:
        await office.read("p0-is-not-there")
    return refusal.value


KILLED = Fault(name="kill -9 of the store", strike=_kill, mend=_start, seconds=1.0)
FROZEN = Fault(name="store silent for ten seconds", strike=_freeze, mend=_thaw, seconds=FROZEN_SECONDS)
EMPTIED = Fault(name="store back without its data", strike=_empty)


@pytest.mark.parametrize("fault", [KILLED, FROZEN], ids=["killed", "frozen"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_store_is_away_for_a_while(folder: Path, cell: Note, fault: Fault, moment: str) -> None:
    """The journey waits, and completes: one delivery, whatever the store was doing when it went."""
    async with scene(folder) as standing:
        citizen, read = await struck(standing, moment, fault)
        verdict = await standing.judge(citizen.session_id, read)
        cell(fault.name, moment, verdict)
        assert verdict.told == "delivered"
        stayed_calm(standing)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_store_comes_back_without_its_data(folder: Path, cell: Note, moment: str) -> None:
    """What is gone is said to be gone, to citizen and provider; what had arrived stays so; a new session goes well."""
    async with scene(folder) as standing:
        citizen, read = await struck(standing, moment, EMPTIED)
        verdict = await standing.judge(citizen.session_id, read)
        cell(EMPTIED.name, moment, verdict)
        assert verdict.told == ("delivered" if moment == "create" else "unknown-session")
        if moment in (ANSWERING, AFTER):
            assert verdict.arrived == 1
        stayed_calm(standing)


async def test_a_service_ends_with_its_embedded_store(folder: Path) -> None:
    """`serve` does not stay behind without the store that it started: it ends, not well, for a supervisor to see.

    Started again it goes on where it was, and so does the worker that stayed.
    """
    async with running(folder, slow_seconds=0.05, sms=False) as stage:
        office = stage.backoffice
        created = await office.create_session("inkomen", household="single")
        browser, phone = Browser(created.journey_url, stage.http), Phone(stage.broker_url, stage.http)
        await browser.start()
        code = (await phone.pair(token=(await browser.show_token()).url)).pairing_code
        await asyncio.to_thread(wait_until, lambda: "worker.started" in log_of(stage, "worker"))
        os.kill(int((folder / "data" / "store.pid").read_text()), signal.SIGKILL)
        async with asyncio.timeout(ENDS_WITHIN_SECONDS):
            assert await stage.processes["serve"].wait() == 1
        said = log_of(stage, "serve")
        assert "store.gone" in said
        assert (
            said.strip().splitlines()[-1].startswith("Error: the embedded store stopped by itself: see store.log in ")
        )
        assert "Traceback" not in said
        await stage.start("serve", "serve", "--no-worker")
        await stage.ready()
        await browser.type_code(code)
        await collect(phone, "applicant", PERSONA, ("uwv",))
        await phone.consent("applicant", await phone.review())
        await office.wait_for("delivered", created.id)
        assert "Traceback" not in log_of(stage, "worker")


async def test_a_worker_keeps_no_embedded_store_of_its_own(folder: Path) -> None:
    """A worker that comes up while the service is away makes way for it, and says what it waits for."""
    async with running(folder, sms=False) as stage:
        for name in ("worker", "serve"):
            await stage.stop(name)
        with pytest.raises(
            RuntimeError, match="no service runs on this data directory; start `ophaalbrug serve` first"
        ):
            await stage.command("worker")
        await stage.start("serve", "serve")
        await stage.ready()


def log_of(stage: Stage, name: str) -> str:
    """What a process wrote."""
    return (stage.folder / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize(("language", "words"), [("nl", "Deze sessie is er niet (meer)."), ("en", "There is no such")])
async def test_a_lost_session_is_said_in_plain_words(folder: Path, language: str, words: str) -> None:
    """Whose session the store has lost reads so on the PC, with a way on, and on the phone: 404, and never a 500."""
    async with scene(folder) as standing:
        citizen = Citizen(standing)
        await citizen.go(until="type-code")
        await _empty(standing)
        headers = {"Accept": "text/html", "Accept-Language": language, "Cookie": f"{COOKIE}={citizen.browser.cookie}"}
        for path in ("/j/session", citizen.browser.link.path):
            address = standing.stage.broker_url + path
            async with standing.stage.http.get(address, headers=headers) as answer:
                page = await answer.text()
            assert answer.status == 404
            assert words in page
            assert 'href="/"' in page
        with pytest.raises(ApiError) as refusal:
            await citizen.phone.session()
        assert (refusal.value.status, refusal.value.code) == (404, "unknown-session")
