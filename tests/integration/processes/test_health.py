"""A source that is out of reach, before anybody logs in for nothing: over real sockets, in more than one process.

Each house has two processes' worth of a broker on one store: the server, and `house.parts`, which only listens.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from broker.parts import running
from broker.settings import Settings, SettingsError
from connectors.health import PROBE_SECONDS, HealthSettings
from sandbox import app as world
from sandbox.phone import Phone
from sandbox.registration import ProfileEntry, Text
from sandbox.stage import SOURCES
from sandbox.world import API_KEYS, SandboxSettings
from tests.house import House, standing
from tests.integration.journey.steps import (
    eventually,
    refused,
    settled,
    state_and_code,
    tried,
    watch_refusals,
)
from tests.stores import Store, free_ports

TAX_ONLY = ProfileEntry(
    id="aangifte",
    purpose=Text(nl="Inkomenstoets (oefening)", en="Income check (practice)"),
    required=("belastingdienst",),
    fields=("income.assessment",),
)
LONGEST_FIRST = 36.0  # seconds: half a minute and a fifth
SHORTEST_SECOND = 48.0  # twice as long, less a fifth


class Watched:
    """A house, with how long its refusals say to wait."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.waits: list[int] = []
        trace = aiohttp.TraceConfig()

        async def ended(_: aiohttp.ClientSession, __: SimpleNamespace, done: aiohttp.TraceRequestEndParams) -> None:
            if done.response.status == 503 and "Retry-After" in done.response.headers:
                self.waits.append(int(done.response.headers["Retry-After"]))

        trace.on_request_end.append(ended)
        trace.freeze()
        house.http.trace_configs.append(trace)
        watch_refusals(house)

    async def phone(self) -> Phone:
        """Another household's linked phone."""
        return (await self.house.linked())[2]

    async def fails(self, people: int) -> None:
        """So many people try UWV and get no answer."""
        for _ in range(people):
            source = await tried(await self.phone(), "applicant", "uwv", "single")
            assert (source.status, source.failure) == ("failed", "unavailable")

    async def ready(self) -> dict[str, Any]:
        """`/readyz`, which must say that the broker itself is ready."""
        async with self.house.http.get(f"{self.house.url}/readyz") as answer:
            assert answer.status == 200
            told = await answer.json()
        assert told["ready"] is True
        return told["sources"]

    async def gauge(self, source: str) -> dict[str, float]:
        """The metric of one source, by state."""
        async with self.house.http.get(f"{self.house.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        start = f'ophaalbrug_source_state{{connector="{source}",state="'
        return {line[len(start) :].split('"')[0]: float(line.split()[-1]) for line in lines if line.startswith(start)}

    async def hears(self, kind: str | None) -> None:
        """The other process comes to know the same of UWV."""

        async def heard() -> bool:
            found = self.house.parts.health.condition("uwv", self.house.now())
            return (found.kind if found else None) == kind

        await eventually(heard)


@asynccontextmanager
async def house_with(folder: Path, store: Store, **health: Any) -> AsyncGenerator[Watched]:
    """A house whose `[health]` is this."""
    settings = {"OPHAALBRUG_HEALTH": json.dumps(health)}
    async with standing(folder, store.url, settings=settings) as house:
        yield Watched(house)


@pytest.fixture
async def scene(tmp_path: Path, single_store: Store) -> AsyncGenerator[Watched]:
    """A house with no setting for it."""
    async with house_with(tmp_path, single_store) as watched:
        yield watched


async def test_a_source_that_is_down_is_said_before_the_login_and_comes_back(scene: Watched) -> None:
    """Three people fail; the fourth is refused at once, with when to come back; then one is let through and closes it.

    Other sources go on; the broker stays ready; the operator and the other process know.
    """
    assert set(await scene.ready()) == set(SOURCES)
    assert (await scene.ready())["uwv"] == "unknown"
    await scene.house.fault("uwv", "down")
    await scene.fails(2)
    assert (await scene.ready())["uwv"] == "unknown"
    await scene.fails(1)
    assert (await scene.ready())["uwv"] == "down"
    assert await scene.gauge("uwv") == {"up": 0, "down": 1, "maintenance": 0, "unknown": 0}
    await scene.hears("down")
    fourth = await scene.phone()
    with refused("source-unavailable"):
        await fourth.login("applicant", "uwv")
    assert 1 <= scene.waits[-1] <= LONGEST_FIRST
    assert (await fourth.session()).persons["applicant"].source("uwv").status == "todo"
    assert (await tried(fourth, "applicant", "belastingdienst", "single")).status == "collected"
    await scene.house.fault("uwv", "none")
    await scene.house.pass_time(LONGEST_FIRST)
    state, code = await state_and_code(fourth, "applicant", "uwv", "single")
    fifth = await scene.phone()
    with refused("source-unavailable"):
        await fifth.login("applicant", "uwv")
    assert LONGEST_FIRST < scene.waits[-1] <= PROBE_SECONDS
    await fourth.callback(state, code=code)
    assert (await settled(fourth, "applicant", "uwv")).status == "collected"
    assert (await tried(fifth, "applicant", "uwv", "single")).status == "collected"
    assert (await scene.ready())["uwv"] == "up"
    assert await scene.gauge("uwv") == {"up": 1, "down": 0, "maintenance": 0, "unknown": 0}
    await scene.hears(None)


async def test_a_source_that_flaps_is_asked_less_and_less(scene: Watched) -> None:
    """The one who was let through gets no answer either: refused for twice as long, also a retry without a login."""
    await scene.house.fault("uwv", "down")
    await scene.fails(3)
    await scene.house.pass_time(LONGEST_FIRST)
    probe = await scene.phone()
    assert (await tried(probe, "applicant", "uwv", "single")).failure == "unavailable"
    with refused("source-unavailable"):
        await probe.login("applicant", "uwv")
    assert SHORTEST_SECOND - 2 <= scene.waits[-1] <= 2 * LONGEST_FIRST
    await scene.house.fault("uwv", "none")
    await scene.house.pass_time(2 * LONGEST_FIRST)
    assert await probe.login("applicant", "uwv") is None  # the login of a minute ago still holds
    assert (await settled(probe, "applicant", "uwv")).status == "collected"


async def test_one_persons_bad_luck_is_nobody_elses(scene: Watched) -> None:
    """Who tries again and again, for whom nothing comes, neither locks themself out nor others."""
    await scene.house.fault("uwv", "down")
    unlucky = await scene.phone()
    assert (await tried(unlucky, "applicant", "uwv", "single")).failure == "unavailable"
    for _ in range(5):
        assert await unlucky.login("applicant", "uwv") is None
        assert (await settled(unlucky, "applicant", "uwv")).failure == "unavailable"
    await scene.house.fault("uwv", "none")
    assert (await tried(await scene.phone(), "applicant", "uwv", "single")).status == "collected"


async def test_a_login_that_was_begun_goes_on(scene: Watched) -> None:
    """Whoever was at DigiD when it opened is not sent away; their answer closes it for everybody."""
    early = await scene.phone()
    state, code = await state_and_code(early, "applicant", "uwv", "single")
    await scene.house.fault("uwv", "down")
    await scene.fails(3)
    await scene.house.fault("uwv", "none")
    await early.callback(state, code=code)
    assert (await settled(early, "applicant", "uwv")).status == "collected"
    assert (await tried(await scene.phone(), "applicant", "uwv", "single")).status == "collected"


async def test_a_cancelled_probe_makes_room_for_the_next(scene: Watched) -> None:
    """Who was let through gives up at DigiD: nothing is known, so the next may find out at once."""
    await scene.house.fault("uwv", "down")
    await scene.fails(3)
    await scene.house.fault("uwv", "none")
    await scene.house.pass_time(LONGEST_FIRST)
    assert (await tried(await scene.phone(), "applicant", "uwv", "login-cancelled")).reason == "cancelled"
    assert (await tried(await scene.phone(), "applicant", "uwv", "single")).status == "collected"


async def test_a_phone_that_is_gone_holds_nobody_up(scene: Watched) -> None:
    """Its probe is over after three minutes."""
    await scene.house.fault("uwv", "down")
    await scene.fails(3)
    await scene.house.fault("uwv", "none")
    await scene.house.pass_time(LONGEST_FIRST)
    gone, next_one = await scene.phone(), await scene.phone()
    assert await gone.login("applicant", "uwv")
    with refused("source-unavailable"):
        await next_one.login("applicant", "uwv")
    await scene.house.pass_time(PROBE_SECONDS)
    assert (await tried(next_one, "applicant", "uwv", "single")).status == "collected"


async def test_maintenance_is_said_before_the_login(tmp_path: Path, single_store: Store) -> None:
    """Until it is over nobody is sent to DigiD for that source; the broker is ready all the same."""
    now = datetime.now(UTC)
    window = {"from": (now - timedelta(minutes=1)).isoformat(), "until": (now + timedelta(hours=1)).isoformat()}
    async with house_with(tmp_path, single_store, uwv={"maintenance": [window]}) as scene:
        phone = await scene.phone()
        with refused("source-unavailable"):
            await phone.login("applicant", "uwv")
        assert 3500 < scene.waits[-1] <= 3600
        assert (await scene.ready())["uwv"] == "maintenance"
        assert await scene.gauge("uwv") == {"up": 0, "down": 0, "maintenance": 1, "unknown": 0}
        assert (await tried(phone, "applicant", "belastingdienst", "single")).status == "collected"
        await scene.house.pass_time(3600)
        late = await scene.phone()
        assert (await tried(late, "applicant", "uwv", "single")).status == "collected"


async def test_a_source_that_really_stops(tmp_path: Path, single_store: Store) -> None:
    """Nobody listens on its port, and one failure is enough by setting. It comes back there: the journey goes on."""
    (port,) = free_ports(1)
    table = {"url": f"http://127.0.0.1:{port}/belastingdienst/graphql", "api_key": API_KEYS["belastingdienst"]}
    settings = {
        "OPHAALBRUG_HEALTH": '{"belastingdienst": {"failures": 1}}',
        "OPHAALBRUG_CONNECTORS": json.dumps({"belastingdienst": table}),
    }
    async with standing(tmp_path, single_store.url, settings=settings, profiles=(TAX_ONLY,)) as house:
        first = (await house.linked("aangifte"))[2]
        assert (await tried(first, "applicant", "belastingdienst", "single")).failure == "unavailable"
        second = (await house.linked("aangifte"))[2]
        with refused("source-unavailable"):
            await second.login("applicant", "belastingdienst")
        back = SandboxSettings(client_jwks={"keys": []}, redirect_uris=())
        async with world.running(back, port=port):
            await house.pass_time(LONGEST_FIRST)
            assert (await tried(second, "applicant", "belastingdienst", "single")).status == "collected"


async def test_a_window_of_a_source_nobody_knows_is_refused(tmp_path: Path, single_store: Store) -> None:
    """A name mistyped would be a maintenance that nobody is told of."""
    settings = Settings(data_dir=tmp_path, health={"uwf": HealthSettings()})
    with pytest.raises(SettingsError, match="uwf"):
        async with running(settings, single_store.url):
            pass
