"""What one person's journey costs the broker, against its floor; how fast a QR picture is made. `make bench`.

The floor is written down here, not taken from the run: per phone call one store trip, one DPoP check and one empty
request; per call of PC and provider one store trip and one empty request; per call of a source or the identity provider
one outbound call and the reading of its bytes; four logins' RSA; six openings of the vault key; one signature and
seal. The run checks the counts of source calls.
"""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

import qr.pictures
from bench.floor import Floor, Replay, measured, operation
from bench.processes import cpu_of
from connectors.contract import Connector, Context, Subject
from connectors.outbound import Answer, Door
from connectors.registry import default_registry
from sandbox import stage as stages
from sandbox.browser import Browser
from sandbox.citizen import log_in
from sandbox.personas import HOUSEHOLDS
from sandbox.phone import Phone
from sandbox.stage import FIELDS, SOURCES, Stage

R = TypeVar("R")

AT_ONCE = 10  # journeys side by side, so that the broker is as warm as the loops that measure the floor
ROUNDS = 6
PERSON = "single"

# The calls of one journey.
PROVIDER_CALLS = 1  # create
PC_CALLS = 4  # look, start, show a QR, type the code
PHONE_CALLS = 1 + 1 + 4 * 2 + 2  # pair; event stream; per source login and callback; review, consent
VAULT_CALLS = 4 + 2  # callbacks, review, consent: the phone's calls that open the vault
LOGIN_CALLS = 4 * 2  # code redeemed, userinfo fetched
SOURCE_CALLS = {"mijnoverheid": 3, "uwv": 2, "belastingdienst": 1, "mijnpensioenoverzicht": 1}


class Results(msgspec.Struct, kw_only=True, rename="camel"):
    """What is written to `bench/results.json`. Times are seconds of CPU of the broker's process."""

    journey: float
    journey_floor: float
    floor_ratio: float
    journeys_per_second_per_core: float
    qr_svg: float
    qr_png: float
    floor: Floor
    payload_bytes: int
    python: str
    processors: int


class Recorder(Door):
    """A door that remembers the answers that came through it."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.recorded: dict[tuple[str, str, bytes], Answer] = {}
        self.calls = 0

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float = 10.0,
        max_bytes: int = 1_000_000,
    ) -> Answer:
        """Pass on, and remember."""
        answer = await self._door.request(
            method, url, headers=headers, body=body, timeout_seconds=timeout_seconds, max_bytes=max_bytes
        )
        self.recorded[method, url, operation(body)] = answer
        self.calls += 1
        return answer


async def journey(stage: Stage) -> bytes:
    """One person, from session to consent; the delivered payload as JSON."""
    created = await stage.backoffice.create_session("bijstand", household="single")
    browser, phone = Browser(created.journey_url, stage.http), Phone(stage.broker_url, stage.http)
    await browser.open()
    await browser.start()
    paired = await phone.pair(token=(await browser.show_token()).url)
    await browser.type_code(paired.pairing_code)
    await _collect(phone)
    await phone.consent("applicant", await phone.review())
    received = await stage.backoffice.wait_for("data", created.id)
    return msgspec.json.encode(received.payload)


async def _collect(phone: Phone) -> None:
    """Every source, as an app does it: one event stream for all of them."""
    async with aclosing(phone.events()) as views:
        await anext(views)
        for source in SOURCES:
            back = await log_in(await phone.login("applicant", source) or "", PERSON, jar=phone.jar)
            await phone.callback(back.state, code=back.code)
            async for view in views:
                if view.persons["applicant"].source(source).status in ("collected", "absent"):
                    break


async def cost_of_a_journey(stage: Stage) -> tuple[float, bytes]:
    """Seconds of CPU of the broker's process per journey, and a payload."""
    await asyncio.gather(*(journey(stage) for _ in range(AT_ONCE)))
    broker = stage.processes["serve"].pid
    began = cpu_of(broker)
    payload = b""
    for _ in range(ROUNDS):
        payload, *_ = await asyncio.gather(*(journey(stage) for _ in range(AT_ONCE)))
    return (cpu_of(broker) - began) / (ROUNDS * AT_ONCE), payload


async def reading(stage: Stage) -> dict[str, Callable[[], Awaitable[object]]]:
    """Per source the work of reading its answers, which are fetched once for it; checks the counts written down."""
    tables = msgspec.json.decode(stage.environment["OPHAALBRUG_CONNECTORS"])
    found: dict[str, Callable[[], Awaitable[object]]] = {}
    for name, connector in default_registry().build(tables).items():
        recorder = Recorder(Door.configured(connector.hosts()))
        await connector.collect(_context(recorder))
        if recorder.calls != SOURCE_CALLS[name]:
            raise SystemExit(f"{name} makes {recorder.calls} calls, {SOURCE_CALLS[name]} are written down: correct it")
        found[name] = _reads(connector, Replay(recorder.recorded))
        await recorder._door.close()
    return found


def _reads(connector: Connector, door: Door) -> Callable[[], Awaitable[object]]:
    context = _context(door)
    return lambda: connector.collect(context)


def _context(door: Door) -> Context:
    async def progress(_: str) -> None: ...

    return Context(
        subject=Subject(bsn=HOUSEHOLDS[PERSON].applicant.bsn, level="low"),
        fields=frozenset(FIELDS),
        door=door,
        now=datetime.now(UTC),
        request_id="bench",
        progress=progress,
    )


def floor_of_a_journey(floor: Floor) -> float:
    """The sum, by the counts above."""
    calls = PROVIDER_CALLS + PC_CALLS + PHONE_CALLS
    outbound = LOGIN_CALLS + sum(SOURCE_CALLS.values())
    return (
        calls * (floor.empty_request + floor.store_trip)
        + PHONE_CALLS * floor.proof_check
        + outbound * floor.outbound_call
        + 4 * floor.login_cryptography
        + VAULT_CALLS * floor.vault_opening
        + sum(floor.parsing.values())
        + floor.sign_and_seal
    )


def picture_time(draw: Callable[[str], object]) -> float:
    """Seconds of CPU for one QR picture."""
    url = "https://ophaalbrug.example/phone#00" + "a" * 20 + "." + "b" * 24
    draw(url)
    began = time.process_time()
    for _ in range(50):
        draw(url)
    return (time.process_time() - began) / 50


async def run(folder: Path) -> Results:
    """Everything, in one run."""
    async with stages.running(folder, sms=False) as stage:
        cost, payload = await cost_of_a_journey(stage)
        floor = await measured(folder, await reading(stage), payload, AT_ONCE)
    least = floor_of_a_journey(floor)
    return Results(
        journey=cost,
        journey_floor=least,
        floor_ratio=round(cost / least, 2),
        journeys_per_second_per_core=round(1 / cost, 1),
        qr_svg=picture_time(lambda url: qr.pictures.svg(url, title="QR")),
        qr_png=picture_time(qr.pictures.png),
        floor=floor,
        payload_bytes=len(payload),
        python=platform.python_version(),
        processors=os.cpu_count() or 0,
    )


def show(results: Results) -> None:
    """A table for people."""
    floor = results.floor
    calls = PROVIDER_CALLS + PC_CALLS + PHONE_CALLS
    outbound = LOGIN_CALLS + sum(SOURCE_CALLS.values())
    rows = [
        ("empty requests", calls, floor.empty_request),
        ("store trips", calls, floor.store_trip),
        ("DPoP checks", PHONE_CALLS, floor.proof_check),
        ("outbound calls", outbound, floor.outbound_call),
        ("logins' RSA", 4, floor.login_cryptography),
        ("vault keys opened", VAULT_CALLS, floor.vault_opening),
        *((f"reading {name}", 1, seconds) for name, seconds in floor.parsing.items()),
        ("sign and seal", 1, floor.sign_and_seal),
    ]
    print(f"{'the floor of one journey':<34}{'times':>6}{'µs each':>10}{'ms':>9}")
    for name, times, seconds in rows:
        print(f"  {name:<32}{times:>6}{seconds * 1e6:>10.0f}{times * seconds * 1e3:>9.2f}")
    print(f"  {'together':<48}{results.journey_floor * 1e3:>9.2f}")
    print(f"{'one journey, CPU of the broker':<50}{results.journey * 1e3:>9.2f}")
    print(f"{'ratio to the floor':<50}{results.floor_ratio:>9.2f}")
    print(f"{'journeys per second per core':<50}{results.journeys_per_second_per_core:>9.1f}")
    print(f"{'QR picture as SVG, ms':<50}{results.qr_svg * 1e3:>9.2f}")
    print(f"{'QR picture as PNG, ms':<50}{results.qr_png * 1e3:>9.2f}")


def report(run: Callable[[Path], Coroutine[Any, Any, R]], show: Callable[[R], None], name: str) -> None:
    """Run in a folder of its own, show, and write to the file of this name in `bench/`."""
    with tempfile.TemporaryDirectory(prefix="ophaalbrug-") as folder:
        results = asyncio.run(run(Path(folder)))
    show(results)
    Path(__file__).with_name(name).write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


if __name__ == "__main__":
    report(run, show, "results.json")
