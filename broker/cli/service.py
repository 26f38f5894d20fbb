"""The service itself: running it, the demo of it, and what it is set up with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import click
import msgspec

from broker import serving
from broker.cli.asking import json_option, run, settings_of, show, show_rows
from broker.http.openapi import phone_document, provider_document
from broker.keys import make, read, renewed
from broker.settings import PREFIX, Settings, SettingsError, documented


@click.command()
@click.option("--no-worker", is_flag=True, help="Leave deliveries and deadlines to `ophaalbrug worker`.")
@click.pass_context
def serve(context: click.Context, no_worker: bool) -> None:
    """Run the broker, with its worker, on the embedded store or the one of OPHAALBRUG_REDIS_URL."""
    found = settings_of(context)
    if file := context.find_root().obj:
        os.environ[f"{PREFIX}SETTINGS"] = str(file)  # server processes read it again
    if no_worker:
        found = msgspec.structs.replace(found, worker=False)
    try:
        serving.serve(found)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.pass_context
def worker(context: click.Context) -> None:
    """Run a worker alone: deliveries, lists and deadlines. Its health and numbers are on `operations_port`, if set."""
    run(serving.work(settings_of(context)))


@click.command()
@click.option("--once", is_flag=True, help="End after one journey.")
@click.option("--household", default="married-couple", show_default=True, help="Which pretend household plays.")
@click.option("--broker-url", help="Address of the broker, where a proxy with TLS stands before port 8000.")
@click.option("--world-url", help="The same for the pretend world on port 8010, where people log in.")
def demo(once: bool, household: str, broker_url: str | None, world_url: str | None) -> None:
    """Play a whole household's journey in a pretend world, and keep serving it."""
    if bool(broker_url) != bool(world_url):
        raise click.UsageError("--broker-url and --world-url go together")
    try:
        from sandbox.demo import play
    except ModuleNotFoundError as error:
        reason = f"the demo needs the extra `sandbox`, as in ophaalbrug[sandbox]: {error.name} is not installed"
        raise click.ClickException(reason) from None
    addresses = (broker_url, world_url) if broker_url and world_url else None
    sys.exit(play(once=once, household=household, addresses=addresses))


@click.command("settings")
@json_option
def settings(as_json: bool) -> None:
    """Every setting with its default and what it is for."""
    rows = [(f"{PREFIX}{name.upper()}", default, about) for name, default, about in documented()]
    if as_json:
        show_rows(("variable", "default", "about"), rows, as_json=True)
        return
    for variable, default, about in rows:
        click.echo(f"{variable}\n    {about}\n    default: {default or '(empty)'}")


@click.command()
@click.argument("surface", type=click.Choice(["provider", "phone"]), default="provider")
@click.pass_context
def openapi(context: click.Context, surface: str) -> None:
    """Print the OpenAPI document of a surface: the provider's, or the phone's."""
    documents: dict[str, Callable[[Settings], dict[str, Any]]] = {
        "provider": provider_document,
        "phone": phone_document,
    }
    show(documents[surface](settings_of(context)))


@click.group()
def keys() -> None:
    """The broker's own keys."""


@keys.command("new")
def keys_new() -> None:
    """Print fresh keys, for a keys file with mode 0600."""
    click.echo(msgspec.json.encode(make()).decode())


@keys.command("renew")
@click.argument("file", type=click.File("rb"))
def keys_renew(file: BinaryIO) -> None:
    """Print FILE with other signing keys: the secret stays, and what the former ones signed can still be checked."""
    try:
        before = read(file.read())
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    click.echo(msgspec.json.encode(renewed(before)).decode())
