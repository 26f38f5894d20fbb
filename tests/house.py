"""A whole house for tests: a broker in this process on a real store and real sockets, the pretend world, a back office.

Time is the house's own: `pass_time` moves the broker's clock and wakes its worker.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvicorn
from jwcrypto.jwk import JWK

from broker import providers, serving
from broker.keys import make
from broker.parts import Parts, clock_of, running
from broker.settings import Settings, load
from sandbox import app as world
from sandbox import stage
from sandbox.backoffice import BackOffice, Created
from sandbox.browser import Browser
from sandbox.citizen import collect
from sandbox.phone import Paired, Phone
from sandbox.registration import ProfileEntry, new_key
from sandbox.stage import NAME, PROFILES, PROVIDER, SOURCES
from sandbox.world import SandboxSettings
from sessions.store.scripts import CHANNEL
from tests.stores import free_ports
from tests.worlds import share_signing_key


class House(msgspec.Struct, kw_only=True):
    """What stands: addresses, the running broker's parts, the provider, and the registers that are `broken` now."""

    url: str
    world_url: str
    office: BackOffice
    http: aiohttp.ClientSession
    parts: Parts
    settings: Settings
    offset_file: Path
    offset: float = 0.0
    broken: set[str] = msgspec.field(default_factory=set)

    def now(self) -> float:
        """The broker's clock."""
        return self.parts.clock()

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and have the worker look at what became due."""
        self.offset += seconds
        temporary = self.offset_file.with_suffix(".new")
        temporary.write_text(str(self.offset), encoding="ascii")
        temporary.replace(self.offset_file)
        await self.parts.connection.client.publish(CHANNEL, "work 0")

    async def opened(self, profile: str = "bijstand", **wishes: str | int) -> tuple[Created, Browser]:
        """A session that a browser has started."""
        wishes.setdefault("household", "single")
        created = await self.office.create_session(profile, **wishes)
        browser = Browser(created.journey_url, self.http)
        await browser.start()
        return created, browser

    def phone(self) -> Phone:
        """A phone that never saw this broker."""
        return Phone(self.url, self.http, clock=self.now)

    async def scanned(self, browser: Browser) -> tuple[Phone, Paired]:
        """A phone that scanned the browser's QR and waits for its code."""
        phone = self.phone()
        return phone, await phone.pair(token=(await browser.show_token()).url)

    async def linked(self, profile: str = "bijstand", **wishes: str | int) -> tuple[Created, Browser, Phone]:
        """A session with a linked phone."""
        created, browser = await self.opened(profile, **wishes)
        phone, paired = await self.scanned(browser)
        await browser.type_code(paired.pairing_code)
        return created, browser, phone

    async def collected(
        self, user: str = "single", profile: str = "bijstand", **wishes: str | int
    ) -> tuple[Created, Browser, Phone]:
        """A session in which the applicant collected every source."""
        created, browser, phone = await self.linked(profile, **wishes)
        await collect(phone, "applicant", user, SOURCES)
        return created, browser, phone

    async def fault(self, register: str, kind: str) -> None:
        """Break a register of the pretend world, or mend it with `none`."""
        async with self.http.put(f"{self.world_url}/sandbox/faults/{register}", json={"fault": kind}) as answer:
            assert answer.status == 200
        (self.broken.discard if kind == "none" else self.broken.add)(register)

    async def mend(self) -> None:
        """Every register works, and the back office takes in and fetches what it is sent."""
        for register in [*self.broken]:
            await self.fault(register, "none")
        self.office.answer_kind, self.office.answer_with, self.office.follows_links = None, [], True


@asynccontextmanager
async def standing(
    folder: Path,
    redis_url: str,
    *,
    webhook: bool = True,
    profiles: tuple[ProfileEntry, ...] = PROFILES,
    settings: Mapping[str, str] | None = None,
    **world_settings: Any,
) -> AsyncGenerator[House]:
    """A house that stands while the context lasts, on the store at `redis_url`."""
    port, world_port, mail_port = free_ports(3)
    world_url, offset_file = f"http://127.0.0.1:{world_port}", folder / "offset"
    environment = stage.settings_for(folder, port, world_url, settings or {}, mail_port=mail_port)
    environment |= {
        "OPHAALBRUG_CLOCK_OFFSET_FILE": str(offset_file),
        "OPHAALBRUG_DELIVERY_SCHEDULE_SECONDS": "[0.05, 0.1, 0.2]",
        "OPHAALBRUG_LOG_LEVEL": "warning",
    }
    environment |= settings or {}
    client_jwks = _keys_into(folder)
    share_signing_key()
    empty = folder / "ophaalbrug.toml"
    empty.touch()
    loaded = load(environment, empty)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        pretend = SandboxSettings(
            client_jwks=client_jwks,
            redirect_uris=(f"{loaded.base_url}/phone/terug",),
            clock=clock_of(loaded),
            mail_port=mail_port,
            **world_settings,
        )
        await stack.enter_async_context(world.running(pretend, port=world_port))
        office = BackOffice(PROVIDER, loaded.base_url, http, clock=clock_of(loaded))
        office.encryption_keys.append(_keys_once()[2])
        endpoint = await stack.enter_async_context(office.listening())
        await stack.enter_async_context(_serving(loaded, redis_url))
        parts = await stack.enter_async_context(running(loaded, redis_url))
        file = folder / "provider.toml"
        file.write_text(office.provider_file(profiles, name=NAME, webhook_url=endpoint if webhook else None))
        await parts.providers.put(providers.read_file(file))
        yield House(
            url=loaded.base_url,
            world_url=world_url,
            office=office,
            http=http,
            parts=parts,
            settings=loaded,
            offset_file=offset_file,
        )


@cache
def _keys_once() -> tuple[Path, dict[str, Any], JWK]:
    """RSA keys take a second to make: the broker's, its login's and the provider's, once for each test process."""
    folder = Path(tempfile.mkdtemp(prefix="ophaalbrug-keys-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "keys.json").write_bytes(msgspec.json.encode(make()))
    return folder, stage.login_keys(folder), new_key("RSA-3072", "enc")


def broker_keys_into(folder: Path) -> None:
    """Give a broker whose data directory is `data` in this folder its keys."""
    (folder / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy(_keys_once()[0] / "keys.json", folder / "data" / "keys.json")


def _keys_into(folder: Path) -> dict[str, Any]:
    """Give a house its keys; the public halves its identity provider knows."""
    made, public, _ = _keys_once()
    broker_keys_into(folder)
    for use in ("sig", "enc"):
        shutil.copy(made / f"login-{use}.pem", folder)
    return public


@asynccontextmanager
async def _serving(settings: Settings, redis_url: str) -> AsyncGenerator[None]:
    """The broker on its port, in this event loop, without uvicorn's signal handlers."""
    config = serving.server_config(settings, redis_url)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    assert not server.should_exit, "the broker did not start"
    try:
        yield
    finally:
        await world.stopped(server)
