"""`ophaalbrug connector check`: every source and the login, looked at from here with the settings of here.

Needs no store and no running broker. What a step finds is `connectors.checking`'s; this module says what is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from broker.clock import utc
from broker.parts import check_health, clock_of, digid_at, door_to, login_settings
from broker.settings import Settings, SettingsError
from connectors.checking import Probe, Step, check, check_login
from connectors.health import HealthSettings
from connectors.outbound import Door
from connectors.registry import default_registry
from schemas.base import View
from sessions.secrets import random_text

LOGIN = "login"
_FINE = Step(name="settings", status="ok")


class Report(View, frozen=True, kw_only=True):
    """What was found at one source, or at the `login`. `note` is why its settings cannot be used, for an operator."""

    connector: str
    ok: bool
    steps: tuple[Step, ...]
    note: str | None = None


def checkable(settings: Settings) -> tuple[str, ...]:
    """What there is to check: the sources that are asked, and the login where there is one."""
    return (*settings.connectors, *([LOGIN] if settings.login else []))


async def checked(settings: Settings, names: Collection[str], done: Callable[[Report], None]) -> tuple[Report, ...]:
    """Check these, all at the same time; `done` hears of each as soon as it is known. The order is that of `names`.

    Raises SettingsError.
    """
    check_health(settings)

    async def one(name: str) -> Report:
        report = await _report(settings, name)
        done(report)
        return report

    return tuple(await asyncio.gather(*(one(name) for name in names)))


async def _report(settings: Settings, name: str) -> Report:
    looking: Coroutine[Any, Any, tuple[Step, ...]] = _login(settings) if name == LOGIN else _source(settings, name)
    try:
        steps = (_FINE, *await looking)
    except (SettingsError, ValueError) as error:
        steps = (Step(name="settings", status="failed", reason="invalid"),)
        return Report(connector=name, ok=False, steps=steps, note=str(error))
    return Report(connector=name, ok=all(step.status != "failed" for step in steps), steps=steps)


async def _source(settings: Settings, name: str) -> tuple[Step, ...]:
    """Raises ValueError and SettingsError when the settings of this one cannot be used."""
    made = default_registry().build({name: settings.connectors[name]})
    async with AsyncExitStack() as stack:
        door = door_to(made, settings)
        stack.push_async_callback(door.close)
        return await check(made[name], _probe(settings, name, door, settings.connectors[name]))


async def _login(settings: Settings) -> tuple[Step, ...]:
    login = login_settings(settings)
    if login is None:
        raise SettingsError("there is no [login]")
    async with AsyncExitStack() as stack:
        door = door_to({}, settings, login.hosts())
        stack.push_async_callback(door.close)
        return await check_login(digid_at(login, door), _probe(settings, LOGIN, door, settings.login), login.hosts())


def _probe(settings: Settings, name: str, door: Door, table: dict[str, Any]) -> Probe:
    return Probe(
        door=door,
        table=table,
        asked=settings.health.get(name) or HealthSettings(),
        now=utc(clock_of(settings)()),
        request_id=random_text(12),
    )
