"""What every command starts from: the settings, the parts of a broker on its store, and how answers are printed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import click
import msgspec

from broker import serving
from broker.errors import CATALOGUE, Problem
from broker.parts import Parts, running
from broker.providers import ProviderError
from broker.settings import Settings, SettingsError, load
from broker.telemetry import set_up
from sessions.errors import Refused
from sessions.store.connection import UNAVAILABLE
from sessions.store.scripts import StoreUnavailable

_T = TypeVar("_T")

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def settings_of(context: click.Context) -> Settings:
    """The settings of the file that was named, or of the default one, and the environment."""
    try:
        return load(file=context.find_root().obj)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run something asynchronous; what an operator can mend is said in one line."""
    try:
        return asyncio.run(work)
    except (SettingsError, ProviderError) as error:
        raise click.ClickException(str(error)) from None
    except (Problem, Refused) as error:
        raise click.ClickException(CATALOGUE[error.code].en) from None
    except (StoreUnavailable, *UNAVAILABLE):  # no word of theirs: it could hold the address, and that a password
        raise click.ClickException("the store does not answer; what was asked may have been done or not") from None


def ask(context: click.Context, question: Callable[[Parts], Coroutine[Any, Any, _T]]) -> _T:
    """Put a question to the parts of a broker with these settings, on its store; what they log is no answer."""
    settings = settings_of(context)
    set_up(settings.log_level, settings.log_format)

    async def put() -> _T:
        with serving.store(settings) as url:
            async with running(settings, url) as parts:
                return await question(parts)

    return run(put())


def show(answer: object) -> None:
    """Print an answer as JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())


def show_rows(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]], *, as_json: bool) -> None:
    """Print a list: a line for each row with tabs between its values, or a JSON array with the columns' names."""
    if as_json:
        show([dict(zip(columns, row, strict=True)) for row in rows])
        return
    for row in rows:
        click.echo("\t".join(map(_cell, row)))


def _cell(value: object) -> str:
    """A value on one line, without tabs of its own."""
    if isinstance(value, tuple):
        return ", ".join(map(_cell, value))  # pyright: ignore[reportUnknownArgumentType] - of whatever it holds
    return "" if value is None else " ".join(str(value).split())
