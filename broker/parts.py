"""The parts of a running broker, wired once and passed on. Owns start and stop; decides nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from broker import purge
from broker.clock import Clock, clock
from broker.keys import Keys, load
from broker.registry import Providers
from broker.settings import Settings, SettingsError
from broker.telemetry import log
from broker.views import Offered
from connectors.contract import Connector, Manifest
from connectors.documents import DocumentReader
from connectors.health import Breaker, Health
from connectors.login import DigiD, LoginSettings
from connectors.outbound import ClientCertificate, Door, host_port
from connectors.registry import default_registry
from sessions import faults
from sessions.ending import Sign
from sessions.model import Transport
from sessions.store.changes import Changes
from sessions.store.connection import UNAVAILABLE, Connection, connect
from sessions.store.records import Records
from sessions.store.sessions import SessionStore
from sessions.store.work import WorkQueue


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a request or the worker may need."""

    settings: Settings
    clock: Clock
    keys: Keys
    connection: Connection
    sessions: SessionStore
    records: Records
    work: WorkQueue
    changes: Changes
    providers: Providers
    manifests: dict[str, Manifest]  # of every source that is switched on, in the order in which a citizen meets them
    connectors: dict[str, Connector]  # of those that are asked
    documents: DocumentReader | None  # of those whose downloads are taken, as the settings name them
    sources: Door  # to the configured sources, the identity provider and the gateway for text messages
    outside: Door  # to addresses that providers gave
    digid: DigiD | None
    health: Health
    sign_purge: Sign

    def labels(self, language: str) -> dict[str, str]:
        """The sources' names on screen."""
        found = {name: manifest.label for name, manifest in self.manifests.items()}
        return {name: label.nl if language == "nl" else label.en for name, label in found.items()}

    def offered(self, language: str) -> Offered:
        """The sources as a phone is told of them."""
        return Offered(self.labels(language), self.transports())

    def can_log_in(self, sources: Collection[str] | None = None) -> bool:
        """Whether any of these sources, or any at all, is logged in for: elsewhere nobody should read of DigiD."""
        ways = self.transports()
        return any("api" in ways.get(source, ()) for source in (ways if sources is None else sources))

    def transports(self) -> dict[str, tuple[Transport, ...]]:
        """What can be done at each source: log in there, hand over its download, or both."""
        asked = self.connectors.keys() if self.digid else ()
        taken = self.settings.uploads.sources if self.settings.uploads else ()
        ways: tuple[tuple[Transport, Collection[str]], ...] = (("api", asked), ("upload", taken))
        return {name: tuple(way for way, sources in ways if name in sources) for name in self.manifests}


@asynccontextmanager
async def running(settings: Settings, redis_url: str) -> AsyncGenerator[Parts]:
    """The parts, connected to the store and listening for changes. Raises SettingsError."""
    keys = load(settings)
    faults.arm(settings.fault_point, _passed)
    async with AsyncExitStack() as stack:
        connection = await _connected(settings, redis_url)
        stack.push_async_callback(connection.close)
        parts = _made(settings, keys, connection, Changes(connection))
        for close in (parts.outside.close, parts.sources.close, parts.changes.stop):
            stack.push_async_callback(close)
        await _claim_store(parts)
        await parts.changes.start()
        yield parts


def _passed(moment: str) -> None:
    log.info("fault.passed", where=moment)


async def _connected(settings: Settings, redis_url: str) -> Connection:
    try:
        return await connect(redis_url, partitions=settings.partitions or None)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    except UNAVAILABLE:  # no word of theirs: it could hold the address, and that a password
        raise SettingsError("the store cannot be reached") from None


def _made(settings: Settings, keys: Keys, connection: Connection, changes: Changes) -> Parts:
    try:
        registry = default_registry()
        connectors = registry.build(settings.connectors)
        documents = DocumentReader(settings.uploads) if settings.uploads else None
    except ValueError as error:
        raise SettingsError(str(error)) from None
    uploads = _uploads(registry.manifests(), settings)
    login = login_settings(settings)
    hosts = login.hosts() if login else frozenset[str]()
    hosts |= {host_port(settings.sms.base_url)} if settings.sms else frozenset()
    sources = door_to(connectors, settings, hosts)
    records = Records(connection)
    return Parts(
        settings=settings,
        clock=clock_of(settings),
        keys=keys,
        connection=connection,
        sessions=SessionStore(connection, settings.origin),
        records=records,
        work=WorkQueue(connection),
        changes=changes,
        providers=Providers(records, keys.ring, changes.watch("registry")),
        manifests={m.id: m for m in registry.manifests() if m.id in uploads or m.id in connectors},
        connectors=connectors,
        documents=documents,
        sources=sources,
        outside=Door.given(allow_loopback=settings.mode != "production"),
        digid=digid_at(login, sources) if login else None,
        health=_health(settings, changes),
        sign_purge=lambda facts: purge.sign_receipt(keys, facts),
    )


def _health(settings: Settings, changes: Changes) -> Health:
    """What is known of the sources, shared by all processes of this broker. Raises SettingsError."""
    check_health(settings)

    def tell(breaker: Breaker) -> None:
        if not breaker.opened:
            log.info("source.back", connector=breaker.source)
        elif breaker.until > breaker.at and breaker.probe is None:
            log.warning("source.down", connector=breaker.source, seconds=round(breaker.until - breaker.at))
        changes.tell("health", msgspec.json.encode(breaker).decode())

    def hear(words: str) -> None:
        with suppress(msgspec.MsgspecError):  # of a release that tells it otherwise
            health.heard(msgspec.json.decode(words, type=Breaker))

    health = Health(settings.health, tell)
    changes.hear("health", hear)
    return health


def check_health(settings: Settings) -> None:
    """Refuse what is said of a source that nobody knows: a window with its name mistyped would never be kept."""
    if unknown := sorted(settings.health.keys() - {manifest.id for manifest in default_registry().manifests()}):
        raise SettingsError(f"[health]: no connector called {', '.join(unknown)}")


def clock_of(settings: Settings) -> Clock:
    """The clock the settings ask for."""
    return clock(Path(settings.clock_offset_file) if settings.clock_offset_file else None)


def _uploads(manifests: tuple[Manifest, ...], settings: Settings) -> tuple[str, ...]:
    """The sources whose downloads are taken. Raises SettingsError for one that hands out none, or that nobody knows."""
    sources = settings.uploads.sources if settings.uploads else ()
    able = {manifest.id for manifest in manifests if "upload" in manifest.transports}
    if unable := sorted(set(sources) - able):
        raise SettingsError(f"[uploads] sources: no download of {', '.join(unable)} can be read")
    return sources


def door_to(connectors: dict[str, Connector], settings: Settings, more: frozenset[str] = frozenset()) -> Door:
    """The way to the hosts of these connectors, and to `more` of them, and to no other. Raises SettingsError."""
    hosts = {host for connector in connectors.values() for host in connector.hosts()}
    return Door.configured(more | hosts, _certificates(connectors, settings))


def digid_at(login: LoginSettings, door: Door) -> DigiD:
    """The login's provider. Raises SettingsError when a key file cannot be used."""
    try:
        return DigiD(login, door)
    except (OSError, ValueError) as error:
        raise SettingsError(f"[login]: {error}") from None


def login_settings(settings: Settings) -> LoginSettings | None:
    """What `[login]` says, if it is there. Raises SettingsError."""
    try:
        return msgspec.convert(settings.login, LoginSettings) if settings.login else None
    except msgspec.ValidationError as error:
        raise SettingsError(f"[login]: {error}") from None


def _certificates(connectors: dict[str, Connector], settings: Settings) -> dict[str, ClientCertificate]:
    """What is shown to which host: as the connectors say, or as the tables do of a connector that does not say it.

    Raises SettingsError when a file cannot be used, or two connectors would show one host two things.
    """
    found: dict[str, ClientCertificate] = {}
    for name, connector in connectors.items():
        for host, shown in _shown(connector, settings.connectors[name]).items():
            if found.setdefault(host, shown) != shown:
                raise SettingsError(f"[connectors.{name}]: another connector shows the same host other certificates")
            try:
                shown.context()
            except OSError:
                raise SettingsError(f"[connectors.{name}]: a certificate or key file cannot be used") from None
    return found


def _shown(connector: Connector, table: dict[str, Any]) -> dict[str, ClientCertificate]:
    certificates: Callable[[], dict[str, ClientCertificate]] | None = getattr(connector, "certificates", None)
    if certificates is not None:
        return certificates()
    if table.get("certificate_file") and table.get("key_file"):
        shown = ClientCertificate(certificate_file=table["certificate_file"], key_file=table["key_file"])
        return dict.fromkeys(connector.hosts(), shown)
    return {}


async def _claim_store(parts: Parts) -> None:
    """Refuse a store that was made with other keys, or with more partitions than we would now use."""
    wanted = parts.connection.partitions
    meta = await parts.records.claim_store(parts.keys.ring.fingerprint(), wanted)
    if meta["fingerprint"] != parts.keys.ring.fingerprint():
        raise SettingsError("this store was made with other keys; nothing in it could be opened")
    if int(meta["partitions"]) > wanted:
        raise SettingsError(
            f"this store has {meta['partitions']} partitions; their number can be raised, never lowered"
        )
    if int(meta["partitions"]) < wanted:
        await parts.records.raise_partitions(wanted)
