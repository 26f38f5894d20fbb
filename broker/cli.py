"""The command line: `ophaalbrug serve`, `worker`, `demo`, `provider`, `connector`, `session`, `settings`, `openapi`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from broker import serving, views
from broker.brand import DEFAULT, palette
from broker.http.openapi import phone_document, provider_document
from broker.keys import make
from broker.parts import Parts, running
from broker.providers import Provider, ProviderError, Webhook, new_webhook_secret, read_file
from broker.settings import PREFIX, Settings, SettingsError, documented, load
from connectors.registry import default_registry
from sessions.errors import Refused

_T = TypeVar("_T")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--settings", "file", type=click.Path(path_type=Path), help="Settings file; default ophaalbrug.toml.")
@click.version_option(package_name="ophaalbrug", prog_name="ophaalbrug")
@click.pass_context
def main(context: click.Context, file: Path | None) -> None:
    """Ophaalbrug: citizens fetch their data, consent once, and it is delivered sealed. Nothing is kept."""
    context.obj = file


def _settings(context: click.Context) -> Settings:
    try:
        return load(file=context.find_root().obj)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run something asynchronous; what an operator can mend is said in one line."""
    try:
        return asyncio.run(work)
    except (SettingsError, ProviderError) as error:
        raise click.ClickException(str(error)) from None


@asynccontextmanager
async def _parts(settings: Settings) -> AsyncGenerator[Parts]:
    with serving.store(settings) as url:
        async with running(settings, url) as parts:
            yield parts


@main.command()
@click.option("--no-worker", is_flag=True, help="Leave deliveries and deadlines to `ophaalbrug worker`.")
@click.pass_context
def serve(context: click.Context, no_worker: bool) -> None:
    """Run the broker, with its worker, on the embedded store or the one of OPHAALBRUG_REDIS_URL."""
    settings = _settings(context)
    if file := context.find_root().obj:
        os.environ[f"{PREFIX}SETTINGS"] = str(file)  # server processes read it again
    if no_worker:
        settings = msgspec.structs.replace(settings, worker=False)
    try:
        serving.serve(settings)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.pass_context
def worker(context: click.Context) -> None:
    """Run a worker alone: deliveries, lists and deadlines."""
    _run(serving.work(_settings(context)))


@main.group()
def provider() -> None:
    """Who may open sessions."""


@provider.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def provider_add(context: click.Context, file: Path) -> None:
    """Add or replace the provider described in FILE (TOML); prints the webhook secret if one was made."""
    settings = _settings(context)
    try:
        found = read_file(file, https_only=settings.mode == "production")
    except ProviderError as error:
        raise click.ClickException(str(error)) from None

    async def add() -> None:
        async with _parts(settings) as parts:
            await parts.providers.put(found)
            _show_provider(found, parts)

    _run(add())
    if found.accent is not None and palette(found.accent) is DEFAULT:
        click.echo(f"note: {found.accent} cannot be made readable; pages keep the default colours", err=True)


def _show_provider(found: Provider, parts: Parts) -> None:
    click.echo(f"provider {found.id} with {len(found.profile)} profile(s)")
    if found.webhook is not None:
        click.echo(f"webhook secret: {found.webhook.secret}")
        click.echo(f"webhook public key: {parts.keys.webhook_public()}")


@provider.command("list")
@click.pass_context
def provider_list(context: click.Context) -> None:
    """List the providers and their profiles."""
    settings = _settings(context)

    async def show() -> None:
        async with _parts(settings) as parts:
            for found in await parts.providers.all():
                click.echo(f"{found.id}\t{found.name.nl}\t{', '.join(p.id for p in found.profile)}")

    _run(show())


@provider.command("rotate")
@click.argument("provider_id")
@click.pass_context
def provider_rotate(context: click.Context, provider_id: str) -> None:
    """Give a provider a new webhook secret; the old one stops working at once."""
    settings = _settings(context)

    async def rotate() -> None:
        async with _parts(settings) as parts:
            found = await parts.providers.get(provider_id)
            if found is None or found.webhook is None:
                raise ProviderError(f"there is no provider {provider_id} with a webhook")
            webhook = Webhook(url=found.webhook.url, secret=new_webhook_secret())
            rotated = msgspec.structs.replace(found, webhook=webhook)
            await parts.providers.put(rotated)
            _show_provider(rotated, parts)

    _run(rotate())


@provider.command("remove")
@click.argument("provider_id")
@click.pass_context
def provider_remove(context: click.Context, provider_id: str) -> None:
    """Remove a provider: it can open no sessions any more."""
    settings = _settings(context)

    async def remove() -> None:
        async with _parts(settings) as parts:
            if not await parts.providers.remove(provider_id):
                raise ProviderError(f"there is no provider {provider_id}")

    _run(remove())


@main.group()
def connector() -> None:
    """The sources."""


@connector.command("list")
@click.pass_context
def connector_list(context: click.Context) -> None:
    """List the connectors there are, and which are switched on."""
    on = _settings(context).connectors
    for manifest in default_registry().manifests():
        state = "on" if manifest.id in on else "off"
        click.echo(f"{manifest.id}\t{state}\t{manifest.label.nl}\t{', '.join(manifest.categories)}")


@main.group()
def session() -> None:
    """Sessions, without personal data."""


@session.command("show")
@click.argument("session_id")
@click.pass_context
def session_show(context: click.Context, session_id: str) -> None:
    """Show where a session stands."""
    settings = _settings(context)

    async def show() -> None:
        async with _parts(settings) as parts:
            try:
                found = views.for_provider(await parts.sessions.read(session_id))
            except Refused:
                raise ProviderError("there is no such session") from None
            click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())

    _run(show())


@main.command("settings")
def settings_command() -> None:
    """Every setting with its default and what it is for."""
    for name, default, about in documented():
        click.echo(f"OPHAALBRUG_{name.upper()}\n    {about}\n    default: {default or '(empty)'}")


@main.command()
@click.argument("surface", type=click.Choice(["provider", "phone"]), default="provider")
@click.pass_context
def openapi(context: click.Context, surface: str) -> None:
    """Print the OpenAPI document of a surface."""
    documents: dict[str, Callable[[Settings], dict[str, Any]]] = {
        "provider": provider_document,
        "phone": phone_document,
    }
    click.echo(msgspec.json.format(msgspec.json.encode(documents[surface](_settings(context)))).decode())


@main.group()
def keys() -> None:
    """The broker's own keys."""


@keys.command("new")
def keys_new() -> None:
    """Print fresh keys, for a keys file with mode 0600."""
    click.echo(msgspec.json.encode(make()).decode())


@main.command()
@click.option("--once", is_flag=True, help="End after one journey.")
@click.option("--household", default="married-couple", show_default=True, help="Which pretend household plays.")
@click.option("--broker-url", help="Address of the broker, where a proxy with TLS stands before port 8000.")
@click.option("--world-url", help="The same for the pretend world on port 8010, where people log in.")
def demo(once: bool, household: str, broker_url: str | None, world_url: str | None) -> None:
    """Play a whole household's journey in a pretend world, and keep serving it."""
    from sandbox.demo import play

    if bool(broker_url) != bool(world_url):
        raise click.UsageError("--broker-url and --world-url go together")
    addresses = (broker_url, world_url) if broker_url and world_url else None
    sys.exit(play(once=once, household=household, addresses=addresses))
