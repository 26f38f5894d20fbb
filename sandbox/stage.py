"""The stage: a broker as real processes, with the pretend world and a provider's back office beside it.

Owns keys, settings files, ports and processes of a run, all in one folder. Used by the demo, the tests and the bench.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from jwcrypto.jwk import JWK

from sandbox import app
from sandbox.backoffice import BackOffice, ProfileEntry, Text
from sandbox.downloads.authority import Authority, organisation
from sandbox.world import API_KEYS, SMS_TOKEN, SandboxSettings

PROVIDER = "gemeente-zandbak"
NAME = Text(nl="Gemeente Zandbak (oefening)", en="Municipality of Sandbox (practice)")
SOURCES = ("mijnoverheid", "uwv", "belastingdienst", "mijnpensioenoverzicht")
FIELDS = (
    "person.name",
    "person.birth",
    "person.gender",
    "person.nationality",
    "address",
    "relation.partner",
    "relation.children",
    "income.employment",
    "income.benefit",
    "income.assessment",
    "income.allowance",
    "pension.scheme",
    "pension.state",
    "pension.survivor",
    "possession.real-estate",
    "possession.vehicle",
    "possession.balance",
    "debt.mortgage",
    "debt.other",
)
_PURPOSE = Text(nl="Bijzondere bijstand (oefening)", en="Special assistance (practice)")
PROFILES = (
    ProfileEntry(id="bijstand", purpose=_PURPOSE, required=SOURCES, fields=FIELDS),
    ProfileEntry(id="bijstand-bsn", purpose=_PURPOSE, required=SOURCES, fields=FIELDS, bsn_basis="Participatiewet 53a"),
    ProfileEntry(id="bijstand-nlgov", purpose=_PURPOSE, required=SOURCES, fields=FIELDS, sealing="nlgov"),
    ProfileEntry(
        id="inkomen",
        purpose=Text(nl="Inkomenstoets (oefening)", en="Income check (practice)"),
        required=("uwv",),
        optional=("belastingdienst", "mijnoverheid"),
        fields=("person.name", "income.employment", "income.benefit"),
    ),
)
MAIL_SENDER = "Ophaalbrug (oefening) <post@zandbak.example>"
READY_SECONDS = 30.0
STOP_SECONDS = 20.0


class Stage(msgspec.Struct, kw_only=True):
    """What runs: addresses, the back office, and the broker's processes by name (`serve`, `worker`)."""

    folder: Path
    broker_url: str
    world_url: str
    webhook_url: str
    backoffice: BackOffice
    http: aiohttp.ClientSession
    environment: dict[str, str]
    processes: dict[str, asyncio.subprocess.Process]

    @property
    def socket(self) -> Path:
        """The embedded store's socket."""
        return self.folder / "data" / "store.sock"

    async def start(self, name: str, *arguments: str) -> None:
        """Start one of the broker's processes; its log is `logs/<name>.log`."""
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        with (logs / f"{name}.log").open("ab") as log:
            self.processes[name] = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "broker",
                *arguments,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )

    async def stop(self, name: str) -> None:
        """Stop one process as an operator would; killed when it does not listen."""
        process = self.processes.pop(name, None)
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def command(self, *arguments: str) -> str:
        """Run the command line once and give what it prints. Raises RuntimeError with its error."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "broker",
            *arguments,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await process.communicate()
        if process.returncode:
            raise RuntimeError(error.decode())
        return out.decode()

    async def ready(self) -> None:
        """Wait until the broker can serve. Raises RuntimeError with the end of its log."""
        for _ in range(int(READY_SECONDS / 0.05)):
            serving = self.processes["serve"]
            if serving.returncode is not None:
                break
            try:
                async with self.http.get(f"{self.broker_url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
        log = (self.folder / "logs" / "serve.log").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"the broker does not get ready:\n{log[-2000:]}")


@asynccontextmanager
async def running(
    folder: Path,
    *,
    ports: tuple[int, int, int] = (0, 0, 0),
    addresses: tuple[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    slow_seconds: float = 2.0,
    worker_apart: bool = True,
    sms: bool = True,
    clock: Callable[[], float] = time.time,
    webhook_url: str = "",
) -> AsyncGenerator[Stage]:
    """Everything up and the provider registered; everything down afterwards.

    `ports`: of the broker, the world and the back office; 0 takes a free one. `addresses` are those under which broker
    and world are reached, where something stands before them (TLS for a real phone). `settings` are environment
    variables added to the broker's. Without `sms` no login asks a texted code. `clock` is the outside world's, in
    seconds since the epoch. `webhook_url`: where the provider is told at, where something stands before it.
    """
    broker_port, world_port, office_port = (port or free_port() for port in ports)
    mail_port = free_port()
    broker_url, world_url = addresses or (f"http://127.0.0.1:{broker_port}", f"http://127.0.0.1:{world_port}")
    client_keys = login_keys(folder)
    world = SandboxSettings(
        base_url=world_url,
        client_jwks=client_keys,
        redirect_uris=(f"{broker_url}/phone/terug",),
        slow_seconds=slow_seconds,
        mail_port=mail_port,
        authority=seals(folder),
        clock=clock,
    )
    more = {"OPHAALBRUG_BASE_URL": broker_url, "OPHAALBRUG_UPLOADS": taken(folder), **(settings or {})}
    environment = settings_for(folder, broker_port, world_url, more, mail_port=mail_port, sms=sms)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        await stack.enter_async_context(app.running(world, port=world_port))
        backoffice = BackOffice(PROVIDER, broker_url, http, encryption=("P-256", "RSA-3072"), clock=clock)
        webhook = await stack.enter_async_context(backoffice.listening(port=office_port))
        stage = Stage(
            folder=folder,
            broker_url=broker_url,
            world_url=world_url,
            webhook_url=webhook_url or webhook,
            backoffice=backoffice,
            http=http,
            environment=_environment(folder, environment),
            processes={},
        )
        stack.push_async_callback(_down, stage)
        await _up(stage, worker_apart=worker_apart)
        yield stage


async def _up(stage: Stage, *, worker_apart: bool) -> None:
    await stage.start("serve", "serve", *(["--no-worker"] if worker_apart else []))
    await stage.ready()
    provider = stage.folder / "provider.toml"
    text = stage.backoffice.provider_file(PROFILES, name=NAME, webhook_url=stage.webhook_url)
    await asyncio.to_thread(provider.write_text, text, encoding="utf-8")
    await stage.command("provider", "add", str(provider))
    if worker_apart:
        await stage.start("worker", "worker")


async def _down(stage: Stage) -> None:
    """The worker first, then the service, which owns the store."""
    for name in sorted(stage.processes, reverse=True):
        await stage.stop(name)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def trust_file(folder: Path) -> Path:
    """The root certificate (PEM) that the seals of the world's downloads lead to."""
    return folder / "seal-root.pem"


def seals(folder: Path) -> Authority:
    """Who seals the world's downloads; its keys stay in memory, its root certificate is written for the broker."""
    authority = Authority.made()
    trust_file(folder).write_bytes(authority.root_pem)
    return authority


def taken(folder: Path) -> str:
    """The broker's setting that takes the downloads of every source and trusts their seals."""
    signers = {source: [organisation(source)] for source in SOURCES}
    setting = {"sources": SOURCES, "trust_file": str(trust_file(folder)), "signers": signers}
    return msgspec.json.encode(setting).decode()


def login_keys(folder: Path) -> dict[str, Any]:
    """The broker's keys at the identity provider: PEM files for the broker, public JWKs for the provider."""
    public: list[dict[str, Any]] = []
    for use in ("sig", "enc"):
        key = JWK.generate(kty="RSA", size=2048)
        path = folder / f"login-{use}.pem"
        path.write_bytes(key.export_to_pem(private_key=True, password=None))
        path.chmod(0o600)
        jwk: dict[str, Any] = key.export_public(as_dict=True)
        public.append({**jwk, "kid": key.thumbprint(), "use": use, "alg": "PS256" if use == "sig" else "RSA-OAEP"})
    return {"keys": public}


def settings_for(
    folder: Path, port: int, world: str, more: Mapping[str, str], *, mail_port: int, sms: bool = True
) -> dict[str, str]:
    """The broker's settings as environment variables: this world's sources, its identity provider and its post."""
    registers = {
        name: {"base_url": f"{world}/{name}", "api_key": API_KEYS[name]} for name in ("brp", "woz", "brk", "rdw")
    }
    connectors = {
        "mijnoverheid": registers,
        "uwv": {"incomes_url": f"{world}/uwv", "benefits_url": f"{world}/uwv", "api_key": API_KEYS["uwv"]},
        "belastingdienst": {"url": f"{world}/belastingdienst/graphql", "api_key": API_KEYS["belastingdienst"]},
        "mijnpensioenoverzicht": {"base_url": f"{world}/mpo", "api_key": API_KEYS["mpo"]},
    }
    base_url = more.get("OPHAALBRUG_BASE_URL", f"http://127.0.0.1:{port}")
    login = {
        "issuer": f"{world}/digid",
        "client_id": "ophaalbrug",
        "redirect_uri": f"{base_url}/phone/terug",
        "key_file": str(folder / "login-sig.pem"),
        "decryption_key_file": str(folder / "login-enc.pem"),
        "sms_scope": "sms" if sms else None,
    }
    mail = {"host": "127.0.0.1", "port": mail_port, "tls": "none", "sender": MAIL_SENDER}
    gateway = {"gateway": "cm", "base_url": f"{world}/cm", "product_token": SMS_TOKEN, "sender": "Zandbak"}
    return {
        "OPHAALBRUG_BASE_URL": base_url,
        "OPHAALBRUG_PORT": str(port),
        "OPHAALBRUG_DATA_DIR": str(folder / "data"),
        "OPHAALBRUG_SANDBOX": "true",
        "OPHAALBRUG_LOGIN": msgspec.json.encode(login).decode(),
        "OPHAALBRUG_MAIL": msgspec.json.encode(mail).decode(),
        "OPHAALBRUG_SMS": msgspec.json.encode(gateway).decode(),
        "OPHAALBRUG_CONNECTORS": msgspec.json.encode(connectors).decode(),
        **more,
    }


def _environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPHAALBRUG_")}
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    empty = folder / "ophaalbrug.toml"  # so that none of the working directory is read
    empty.touch()
    return {**kept, "OPHAALBRUG_SETTINGS": str(empty), "TMPDIR": str(temporary), **settings}
