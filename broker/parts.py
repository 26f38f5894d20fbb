"""The parts of a running broker, wired once and passed on. Owns start and stop; decides nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from broker import purge
from broker.clock import Clock, clock
from broker.keys import Keys, load
from broker.providers import Providers
from broker.settings import Settings, SettingsError
from connectors.contract import Connector
from connectors.login import DigiD, LoginSettings
from connectors.outbound import ClientCertificate, Door, host_port
from connectors.registry import default_registry
from sessions.ending import Sign
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
    connectors: dict[str, Connector]
    sources: Door  # to the configured sources, the identity provider and the gateway for text messages
    outside: Door  # to addresses that providers gave
    digid: DigiD | None
    sign_purge: Sign

    def labels(self, language: str) -> dict[str, str]:
        """The sources' names on screen."""
        found = {name: c.manifest.label for name, c in self.connectors.items()}
        return {name: label.nl if language == "nl" else label.en for name, label in found.items()}


@asynccontextmanager
async def running(settings: Settings, redis_url: str) -> AsyncGenerator[Parts]:
    """The parts, connected to the store and listening for changes. Raises SettingsError."""
    keys = load(settings)
    async with AsyncExitStack() as stack:
        connection = await _connected(settings, redis_url)
        stack.push_async_callback(connection.close)
        parts = _made(settings, keys, connection, Changes(connection))
        for close in (parts.outside.close, parts.sources.close, parts.changes.stop):
            stack.push_async_callback(close)
        await _claim_store(parts)
        await parts.changes.start()
        yield parts


async def _connected(settings: Settings, redis_url: str) -> Connection:
    try:
        return await connect(redis_url, partitions=settings.partitions or None)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    except UNAVAILABLE:  # no word of theirs: it could hold the address, and that a password
        raise SettingsError("the store cannot be reached") from None


def _made(settings: Settings, keys: Keys, connection: Connection, changes: Changes) -> Parts:
    try:
        connectors = default_registry().build(settings.connectors)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    login = _login(settings)
    hosts = {host for connector in connectors.values() for host in connector.hosts()}
    hosts |= login.hosts() if login else frozenset()
    hosts |= {host_port(settings.sms.base_url)} if settings.sms else frozenset()
    sources = Door.configured(frozenset(hosts), _certificates(connectors, settings))
    records = Records(connection)
    return Parts(
        settings=settings,
        clock=clock_of(settings),
        keys=keys,
        connection=connection,
        sessions=SessionStore(connection),
        records=records,
        work=WorkQueue(connection),
        changes=changes,
        providers=Providers(records, keys.ring, changes.watch("registry")),
        connectors=connectors,
        sources=sources,
        outside=Door.given(allow_loopback=settings.mode != "production"),
        digid=DigiD(login, sources) if login else None,
        sign_purge=lambda facts: purge.sign_receipt(keys, facts),
    )


def clock_of(settings: Settings) -> Clock:
    """The clock the settings ask for."""
    return clock(Path(settings.clock_offset_file) if settings.clock_offset_file else None)


def _login(settings: Settings) -> LoginSettings | None:
    try:
        return msgspec.convert(settings.login, LoginSettings) if settings.login else None
    except msgspec.ValidationError as error:
        raise SettingsError(f"[login]: {error}") from None


def _certificates(connectors: dict[str, Connector], settings: Settings) -> dict[str, ClientCertificate]:
    """The client certificates that connectors' tables name, for every host of that connector."""
    found: dict[str, ClientCertificate] = {}
    for name, connector in connectors.items():
        table = settings.connectors[name]
        if table.get("certificate_file") and table.get("key_file"):
            shown = ClientCertificate(certificate_file=table["certificate_file"], key_file=table["key_file"])
            found.update(dict.fromkeys(connector.hosts(), shown))
    return found


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
