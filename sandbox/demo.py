"""The demo: a whole household's journey, told as it happens, and searched for what it may not leave behind.

Real processes: the broker, its worker and the store run apart; this program is the outside world, the PC and the phone.
Progress goes to standard error; the last line of standard output is one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sandbox import office as offices
from sandbox import stage as stages
from sandbox.backoffice import Received
from sandbox.browser import Browser
from sandbox.citizen import collect
from sandbox.personas import HOUSEHOLDS, canaries
from sandbox.phone import Phone, Review, Role
from sandbox.residue import BlindError, Search, all_files, ask_store, process_ids
from sandbox.stage import SOURCES, Stage

PORTS = (8000, 8010, 8020)
OFFICE_PORT = 8030
CATEGORIES = ("incomes", "pensions", "possessions", "debts")
PLANTED_NAME = "SANDBOX_PLANTED"

say = Console(stderr=True, highlight=False)


class Residue(msgspec.Struct, kw_only=True):
    """What the searches found: where nothing readable may be, and, apart, in the broker's own memory."""

    found: int = 0
    broker_memory: int = 0
    places: int = 0


class Outcome(msgspec.Struct, kw_only=True):
    """The demo's last line."""

    status: str
    persons: dict[str, dict[str, str]]
    payload: dict[str, int]
    webhook: dict[str, Any]
    purged: bool
    residue: int
    broker_memory: int = msgspec.field(name="brokerMemory")
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether everything that was promised is so."""
        collected = all(s in ("collected", "absent") for p in self.persons.values() for s in p.values())
        whole = self.status == "delivered" and self.purged and self.webhook["verified"]
        return collected and whole and self.residue == 0


def play(*, once: bool, household: str, addresses: tuple[str, str] | None = None) -> int:
    """Play the journey; 0 only if all of it holds. Without `once` everything keeps serving until Ctrl-C.

    `addresses`: under which broker and pretend world are reached, where something stands before them.
    """
    if household not in HOUSEHOLDS:
        say.print(f"There is no household {household!r}; there are: {', '.join(HOUSEHOLDS)}")
        return 2
    if taken := _taken(_ports(once=once, addresses=addresses)):
        numbers = ", ".join(map(str, taken))
        say.print(f"The demo needs these ports, and another program has them: {numbers}. End that first.")
        return 1
    try:
        return asyncio.run(_play(once=once, household=household, addresses=addresses))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130


def _ports(*, once: bool, addresses: tuple[str, str] | None) -> tuple[int, ...]:
    """The ports that people are told of, or that something stands before; a demo that just plays takes any."""
    fixed = PORTS if addresses or not once else ()
    return fixed if once else (*fixed, OFFICE_PORT)


def _taken(ports: tuple[int, ...]) -> list[int]:
    """Those of the ports at which nothing can listen."""
    found: list[int] = []
    for port in ports:
        with socket.socket() as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError:
                found.append(port)
    return found


async def _play(*, once: bool, household: str, addresses: tuple[str, str] | None) -> int:
    _stop_in_order()
    planted = "Canarie" + secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix="ophaalbrug-") as folder:
        ports = (0, 0, 0) if once and not addresses else PORTS
        with say.status("Starting the store, the broker, its worker and the pretend world ..."):
            settings = {PLANTED_NAME: planted}
            stack = stages.running(Path(folder), ports=ports, addresses=addresses, settings=settings)
            stage = await stack.__aenter__()
        try:
            _introduce(stage)
            outcome = await Journey(stage, household, planted).run()
            print(json.dumps(msgspec.to_builtins(outcome)), flush=True)
            if not once:
                await _keep_serving(stage)
            return 0 if outcome.holds else 1
        finally:
            await stack.__aexit__(None, None, None)


def _stop_in_order() -> None:
    """Told to end, or its terminal closed, the demo takes its processes along."""
    playing = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel if playing else lambda: None)


def _introduce(stage: Stage) -> None:
    say.rule("[bold]Ophaalbrug: one household's journey")
    say.print(
        "A municipality asks for a household's figures. Two people fetch them from\n"
        "four pretend sources, look at them, consent, and send them once.\n"
        "Everything here is made up: no real person, no real service.\n"
    )
    say.print(f"  broker [cyan]{stage.broker_url}[/]   pretend world [cyan]{stage.world_url}[/]\n")


async def _keep_serving(stage: Stage) -> None:
    invitation = {"email": "jij@zandbak.example"}
    session = await stage.backoffice.create_session("bijstand", household="ask", invitation=invitation)
    say.rule("[bold]Still serving: try it by hand")
    say.print(
        "Open the first address in a browser. Where a phone is to scan the QR code, choose\n"
        "[italic]Ik kan niet scannen[/] and open the phone's address in a second window. Log in as\n"
        "[bold]married-couple[/], and as partner [bold]married-couple-partner[/], password [bold]sandbox[/];\n"
        "SMS codes and mail lie in the inbox.\n"
    )
    addresses = {
        "start here, on the PC": session.journey_url,
        "the phone, in a second window": f"{stage.broker_url}/phone",
        "inbox: SMS codes, and the mail that invites": f"{stage.world_url}/sandbox/inbox",
        "who can log in": f"{stage.world_url}/",
        "the municipality's own page, with failures on demand": f"http://127.0.0.1:{OFFICE_PORT}/",
        "provider API": f"{stage.broker_url}/v1/openapi.json",
        "phone API": f"{stage.broker_url}/phone/v1/openapi.json",
    }
    for name, address in addresses.items():
        say.print(f"  {name}:\n    [cyan]{address}[/]", soft_wrap=True)
    say.print("\nPress Ctrl-C to stop.")
    async with offices.opened(stage.backoffice, stage.webhook_url, "127.0.0.1", OFFICE_PORT):
        await asyncio.Event().wait()


class Journey:
    """One journey of one household, from session to purge."""

    def __init__(self, stage: Stage, household: str, planted: str) -> None:
        self.stage = stage
        self.household = HOUSEHOLDS[household]
        self.search = Search(canaries(self.household), planted)
        self.planted = planted
        self.residue = Residue()

    @property
    def people(self) -> dict[Role, str]:
        """Who takes part, and under which name they log in."""
        found: dict[Role, str] = {"applicant": self.household.applicant.user}
        if self.household.partner is not None and self.household.partner.user:
            found["partner"] = self.household.partner.user
        return found

    async def run(self) -> Outcome:
        """Play it, step by step."""
        began = time.monotonic()
        office = self.stage.backoffice
        created = await office.create_session(
            "bijstand", household="couple" if len(self.people) == 2 else "single", reference="demo-1"
        )
        say.print("[bold]1[/] The municipality opens a session and sends a link.")
        browser, phone = await self._link(created.journey_url)
        persons = await self._collect(phone)
        await self._look_around("before consent")
        await self._consent(phone)
        await self._look_around("after consent")
        received = await self._delivered(created.id)
        ended = await office.wait_for("delivered", created.id)
        session = await office.read(created.id)
        purged = await self._purged(created.id, ended)
        say.print(f"[bold]7[/] Everything was destroyed here; the broker's signed receipt says so: [green]{purged}[/]")
        await self._look_around("after purge")
        closing = await browser.status()
        say.print(f"  the PC says: {closing.status}\n")
        return Outcome(
            status=session.status,
            persons=persons,
            payload=_counts(received.payload or {}),
            webhook={"verified": received.accepted and not office.refused, "attempts": received.attempts},
            purged=purged,
            residue=self.residue.found,
            broker_memory=self.residue.broker_memory,
            seconds=round(time.monotonic() - began, 1),
        )

    async def _link(self, journey_url: str) -> tuple[Browser, Phone]:
        browser, phone = Browser(journey_url, self.stage.http), Phone(self.stage.broker_url, self.stage.http)
        page = await browser.open()
        say.print("[bold]2[/] The citizen opens it on a PC and reads who asks, and why:")
        say.print(f"  {page.provider}: {page.purpose}")
        await browser.start()
        shown = await browser.show_token()
        paired = await phone.pair(token=urlsplit(shown.url).fragment)
        await browser.type_code(paired.pairing_code)
        say.print(
            f"[bold]3[/] The phone scans the QR; its code [bold]{paired.pairing_code}[/] is typed on the PC. Linked."
        )
        return browser, phone

    async def _collect(self, phone: Phone) -> dict[str, dict[str, str]]:
        say.print("[bold]4[/] Source by source, each with its own login:")
        found: dict[str, dict[str, str]] = {}
        bar = Progress(
            SpinnerColumn(), TextColumn("  {task.description}"), TimeElapsedColumn(), console=say, transient=True
        )
        with bar:
            for role, user in self.people.items():
                task = bar.add_task(role, total=len(SOURCES))

                def on_progress(person: Role, source: str, status: str, task: Any = task) -> None:
                    bar.update(task, description=f"{person}: {source} {status}")

                found[role] = await collect(phone, role, user, SOURCES, on_progress)
        for role, sources in found.items():
            say.print(f"  {role:<10} " + "  ".join(f"{_mark(state)} {source}" for source, state in sources.items()))
        return found

    async def _consent(self, phone: Phone) -> None:
        review = await phone.review()
        _show_review(review)
        for role in self.people:
            review = await phone.review()
            await phone.consent(role, review)
            say.print(f"  {role} consents")

    async def _delivered(self, session_id: str) -> Received:
        received = await self.stage.backoffice.wait_for("data", session_id)
        say.print(
            f"[bold]6[/] The municipality's webhook got it (attempts: {received.attempts}): "
            "signature verified,\n  opened with its own key."
        )
        return received

    async def _purged(self, session_id: str, ended: Received) -> bool:
        """Whether the notice and the API give the same purge receipt, signed by the broker, about this session."""
        office = self.stage.backoffice
        receipt = (await office.receipts(session_id)).purge_receipt
        facts = await office.check_receipt(receipt) if receipt else {}
        return bool(facts) and facts == ended.purge_receipt and facts.get("sessionId") == session_id

    async def _look_around(self, moment: str) -> None:
        """Search every place where nothing readable may be, and the broker's own memory apart."""
        with say.status(f"Searching store, files, logs and the worker's memory, {moment} ..."):
            found = await asyncio.to_thread(self._searched, await self._planted_store())
        self.residue.found += found
        word = "[green]nothing[/]" if found == 0 else f"[red]{found} values[/]"
        say.print(f"  searched {self.residue.places} places {moment}: {word} readable")

    async def _planted_store(self) -> dict[int, str]:
        """Plant in the store and on disk, make a snapshot, and say which processes to look into."""
        await ask_store(self.stage.socket, "SET", "ophaalbrug:planted", self.planted)
        await ask_store(self.stage.socket, "SAVE")
        for log in (self.stage.folder / "logs").glob("*.log"):
            with log.open("a", encoding="utf-8") as file:
                file.write(self.planted + "\n")
        (self.stage.folder / "tmp" / "planted").write_text(self.planted, encoding="utf-8")
        return process_ids(self.stage.processes["serve"].pid)

    def _searched(self, descendants: Mapping[int, str]) -> int:
        folder = self.stage.folder
        data = all_files(folder / "data")
        places = [
            self.search.files("AOF", [p for p in data if ".aof" in p.name]),
            self.search.files("RDB", [p for p in data if p.suffix == ".rdb"]),
            self.search.files("logs", all_files(folder / "logs")),
            self.search.files("temporary files", all_files(folder / "tmp")),
            self.search.memory("worker", self.stage.processes["worker"].pid),
        ]
        places += [self.search.memory("store", pid) for pid, name in descendants.items() if "valkey" in name]
        if len(places) != 6:
            raise BlindError("the store's process was not found")
        self.residue.places = len(places)
        own = self.search.memory("broker", self.stage.processes["serve"].pid)
        self.residue.broker_memory = max(self.residue.broker_memory, own.count)
        return sum(place.count for place in places)


def _mark(state: str) -> str:
    return "[green]✓[/]" if state in ("collected", "absent") else f"[red]{state}[/]"


def _show_review(review: Review) -> None:
    content = msgspec.to_builtins(review.content)
    counts = _counts(content)
    say.print(
        "[bold]5[/] They look at what was found:\n  "
        + ", ".join(f"{name} {number}" for name, number in counts.items())
        + f", findings {len(content.get('findings', []))}"
    )


def _counts(content: Mapping[str, Any]) -> dict[str, int]:
    persons = len(content.get("household", {}).get("persons", []))
    return {"persons": persons, **{name: len(content.get(name, [])) for name in CATEGORIES}}
