"""The broker as an operator runs it: real processes that share one store, stop when asked, and say why they refuse."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest

from sandbox.browser import Browser, JourneyView
from sandbox.citizen import collect
from sandbox.phone import Phone
from sandbox.stage import SOURCES, Stage, free_port, running
from tests.stores import gone

STOPS_WITHIN_SECONDS = 15.0
AFTER_ANY_LEASE = 120


async def linked(stage: Stage) -> tuple[str, Browser, Phone]:
    """A session with a linked phone; gives its id too."""
    created = await stage.backoffice.create_session("bijstand", household="single", reference="zaak-kenmerk-7")
    browser = Browser(created.journey_url, stage.http)
    await browser.start()
    phone = Phone(stage.broker_url, stage.http)
    paired = await phone.pair(token=(await browser.show_token()).url)
    await browser.type_code(paired.pairing_code)
    return created.id, browser, phone


async def delivered(stage: Stage, session_id: str, phone: Phone) -> None:
    """Collect, consent, and wait until the provider has everything."""
    await collect(phone, "applicant", "single", SOURCES)
    assert (await phone.consent("applicant", await phone.review())).sent
    received = await stage.backoffice.wait_for("data", session_id)
    assert received.payload is not None
    await stage.backoffice.wait_for("delivered", session_id)


def log_of(stage: Stage, name: str) -> str:
    """What a process wrote."""
    return (stage.folder / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")


def leaves_no_dump(pid: int) -> bool:
    """Whether the memory of a process can never become a file, however it crashes."""
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    return re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE) is not None


async def test_service_and_worker_apart_and_logs_that_tell_nothing(tmp_path: Path) -> None:
    """Deliveries come from the worker's process; no log of a journey names person, link, address or query."""
    async with running(tmp_path, slow_seconds=0.1) as stage:
        session_id, browser, phone = await linked(stage)
        await stage.http.get(f"{stage.broker_url}/v1/openapi.json")
        await stage.http.get(
            f"{stage.broker_url}/v1/sessions/{session_id}?bsn=999990342", headers={"X-Secret": "oba_x"}
        )
        await stage.http.get(f"{stage.broker_url}/nergens/geheim-pad?geheime-vraag=1")
        await delivered(stage, session_id, phone)
        assert (await browser.status()).status == "delivered"
        assert all(leaves_no_dump(stage.processes[name].pid) for name in ("serve", "worker"))
        logs = {name: log_of(stage, name) for name in ("serve", "worker")}
        payload = stage.backoffice.payload or {}
    assert "delivery.attempted" in logs["worker"]
    assert "delivery.attempted" not in logs["serve"]
    assert "request.done" in logs["serve"]
    person = payload["household"]["persons"][0]
    address = payload["household"]["addresses"][0]
    personal = [person["name"]["surname"], str(person["birthDate"]), address["street"], address["postcode"]]
    links = [session_id, browser.link.path, browser.cookie, phone.token, "oba_", "obb_", "obp_", "zaak-kenmerk-7"]
    places = ["999990342", "geheim", "geheime-vraag", "X-Secret", "?", "code=", "state="]
    for text in logs.values():
        assert [value for value in (*personal, *links, *places) if value and value in text] == []
        assert "Traceback" not in text


async def test_the_numbers_of_a_worker_apart_can_be_asked(tmp_path: Path) -> None:
    """On the operations port, and nothing else there: ready while the store answers, and what it delivered is counted.

    The server's numbers know nothing of it. A port that is taken is said in one line.
    """
    port = free_port()
    async with running(
        tmp_path, slow_seconds=0.1, worker_apart=False, settings={"OPHAALBRUG_WORKER": "false"}
    ) as stage:
        stage.environment["OPHAALBRUG_OPERATIONS_PORT"] = str(port)
        await stage.start("worker", "worker")
        session_id, _, phone = await linked(stage)
        await delivered(stage, session_id, phone)
        own = f"http://127.0.0.1:{port}"
        assert await answers(stage, f"{own}/healthz") == '{"status":"ok"}'
        assert '"ready":true,"store":"ok"' in await answers(stage, f"{own}/readyz")
        counted = 'ophaalbrug_deliveries_total{outcome="accepted",type="data"} 1.0'
        assert counted in await answers(stage, f"{own}/metrics")
        assert "ophaalbrug_deliveries_total{" not in await answers(stage, f"{stage.broker_url}/metrics")
        assert '"not-found"' in await answers(stage, f"{own}/v1/openapi.json")
        with pytest.raises(RuntimeError, match=rf"^Error: cannot listen on 127.0.0.1 port {port}: .*\n$"):
            await stage.command("worker")
        await stage.stop("worker")
        assert "worker.stopped" in log_of(stage, "worker")
        with pytest.raises(aiohttp.ClientConnectorError):
            await answers(stage, f"{own}/healthz")


async def answers(stage: Stage, url: str) -> str:
    """What stands at an address."""
    async with stage.http.get(url) as answer:
        return await answer.text()


async def test_two_server_processes_share_everything(tmp_path: Path) -> None:
    """Whichever process answers, a journey completes, and a PC's stream sees what was done at the other one."""
    settings = {"OPHAALBRUG_WORKERS": "2"}
    async with running(tmp_path, settings=settings, slow_seconds=0.1) as stage:
        session_id, browser, phone = await linked(stage)
        streams = [asyncio.create_task(follows(browser)) for _ in range(8)]
        await delivered(stage, session_id, phone)
        seen = await asyncio.gather(*streams)
        assert {statuses[-1] for statuses in seen} == {"delivered"}
        assert len(server_processes(stage)) == 2
        assert "delivery.attempted" not in log_of(stage, "serve")
        assert "Traceback" not in log_of(stage, "serve")
        await stops_in_time(stage, "serve")


async def follows(browser: Browser) -> list[str]:
    """The statuses a stream of its own showed, until the end."""
    seen: list[str] = []

    def ended(view: JourneyView) -> bool:
        seen.append(view.status)
        return view.status == "delivered"

    await browser.wait_for(ended, 60)
    return seen


def server_processes(stage: Stage) -> list[int]:
    """The processes that `serve` spawned to answer requests."""
    pid = stage.processes["serve"].pid
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in started if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


async def stops_in_time(stage: Stage, name: str) -> None:
    """Ask a process to stop, and see that it does, and that the embedded store went with it."""
    store = int((stage.folder / "data" / "store.pid").read_text())
    process = stage.processes[name]
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(STOPS_WITHIN_SECONDS):
        assert await process.wait() == 0
    assert gone(store)


async def test_it_stops_with_streams_open(tmp_path: Path) -> None:
    """SIGTERM: streams end by themselves and whole, the worker finishes, the store goes last."""
    async with running(tmp_path, worker_apart=False) as stage:
        _, browser, phone = await linked(stage)
        async with aclosing(browser.events()) as pc, aclosing(phone.events()) as handset:
            await anext(pc)
            await anext(handset)
            await stops_in_time(stage, "serve")
            # One that the server had to cut, ten seconds later, would raise here.
            assert [[view async for view in stream] for stream in (pc, handset)] == [[], []]


async def test_what_waited_is_done_after_a_restart(tmp_path: Path) -> None:
    """A service that was killed comes back, minutes later, with sessions, provider and what was to be delivered.

    What it was about to do when it died is taken up once its lease has passed.
    """
    async with running(tmp_path, slow_seconds=0.1, worker_apart=False) as stage:
        session_id, browser, phone = await linked(stage)
        await collect(phone, "applicant", "single", SOURCES)
        stage.backoffice.answer_kind, stage.backoffice.answer_with = "data", [503]
        assert (await phone.consent("applicant", await phone.review())).sent
        os.kill(stage.processes["serve"].pid, signal.SIGKILL)
        await stage.processes["serve"].wait()
        stage.backoffice.answer_with = []
        (tmp_path / "later").write_text(str(AFTER_ANY_LEASE), encoding="ascii")
        stage.environment["OPHAALBRUG_CLOCK_OFFSET_FILE"] = str(tmp_path / "later")
        await stage.start("serve", "serve")
        await stage.ready()
        received = await stage.backoffice.wait_for("data", session_id, 60)
        assert received.same_bytes
        await stage.backoffice.wait_for("delivered", session_id)
        assert (await browser.status()).status == "delivered"


async def test_a_store_of_other_keys_is_refused(tmp_path: Path) -> None:
    """Nothing in it could be opened: service, worker and command say so in one line, and no traceback."""
    async with running(tmp_path, worker_apart=False) as stage:
        await stage.stop("serve")
        (stage.folder / "data" / "keys.json").unlink()
        for arguments in (("serve",), ("worker",), ("provider", "list")):
            with pytest.raises(RuntimeError) as refusal:
                await stage.command(*arguments)
            last = str(refusal.value).strip().splitlines()[-1]
            assert last == "Error: this store was made with other keys; nothing in it could be opened"
            assert "Traceback" not in str(refusal.value)


async def test_a_second_service_on_the_same_data_is_refused(tmp_path: Path) -> None:
    """It says what is in the way, and the first serves on."""
    async with running(tmp_path, worker_apart=False) as stage:
        stage.environment["OPHAALBRUG_PORT"] = str(free_port())
        with pytest.raises(RuntimeError) as refusal:
            await stage.command("serve")
        (line,) = str(refusal.value).strip().splitlines()
        assert line.startswith("Error: ")
        assert str(stage.folder / "data") in line
        assert "another `ophaalbrug serve`" in line
        assert (await stage.backoffice.create_session("bijstand")).status == "created"


async def test_a_command_beside_the_service_sees_what_it_has(tmp_path: Path) -> None:
    """`session show` says how far a session is and nothing of the person; a rotated secret serves at once."""
    async with running(tmp_path, slow_seconds=0.1, worker_apart=False) as stage:
        session_id, browser, phone = await linked(stage)
        await collect(phone, "applicant", "single", SOURCES)
        shown = await stage.command("session", "show", session_id)
        assert '"status": "collecting"' in shown
        content = (await phone.review()).content
        surname = content["household"]["persons"][0]["name"]["surname"]
        assert surname not in shown
        rotated = await stage.command("provider", "rotate", stage.backoffice.id)
        secret = rotated.split("webhook secret: ")[1].split("\n")[0]
        stage.backoffice.webhook_secret = secret
        assert (await phone.consent("applicant", await phone.review())).sent
        await stage.backoffice.wait_for("delivered", session_id)
        assert stage.backoffice.refused == 0
        assert (await browser.status()).status == "delivered"
