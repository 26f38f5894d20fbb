"""`ophaalbrug provider`: who may open sessions, and with which webhook secret."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from broker import webhooks
from broker.brand import DEFAULT, palette
from broker.cli.asking import ask, json_option, settings_of, show_rows
from broker.ledger import Ledger
from broker.parts import Parts
from broker.providers import Provider, ProviderError, new_webhook_secret, read, read_file
from broker.registry import Put
from broker.stopping import open_sessions, stop_all
from sessions.lifecycle import HOUR


@click.group()
def provider() -> None:
    """Who may open sessions."""


@provider.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--fresh-webhook", is_flag=True, help="The webhook is what FILE says and nothing else, or there is none.")
@click.pass_context
def provider_add(context: click.Context, file: Path, fresh_webhook: bool) -> None:
    """Add or replace the provider described in FILE (TOML); - reads it from standard input.

    Of its webhook, what FILE does not name stays as it was. The secret is printed, made here if there was none, unless
    it is the one that was kept; and the key that signs beside it.
    """
    https_only = settings_of(context).mode == "production"
    try:
        found = _from_standard_input(https_only) if str(file) == "-" else read_file(file, https_only=https_only)
    except ProviderError as error:
        raise click.ClickException(str(error)) from None

    async def add(parts: Parts) -> tuple[Put, str]:
        return await parts.providers.put(found, fresh_webhook=fresh_webhook), parts.keys.webhook_public()

    put, webhook_public = ask(context, add)
    before, kept = put.before, put.kept.webhook
    named = found.webhook is not None and found.webhook.secret != ""
    stayed = before is not None and kept is not None and before.secret == kept.secret
    _show_provider(put.kept, webhook_public, show_secret=named or not stayed)
    if before is not None and kept is not None and before.url != kept.url:
        click.echo("note: events went to another address until now", err=True)
    if found.accent is not None and palette(found.accent) is DEFAULT:
        click.echo(f"note: {found.accent} cannot be made readable; pages keep the default colours", err=True)


def _from_standard_input(https_only: bool) -> Provider:
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise ProviderError("standard input is not UTF-8") from None
    return read(text, Path("-"), https_only=https_only)


def _show_provider(found: Provider, webhook_public: str, *, show_secret: bool = True) -> None:
    click.echo(f"provider {found.id} with {len(found.profile)} profile(s)")
    if found.webhook is not None:
        click.echo(f"webhook secret: {found.webhook.secret if show_secret else 'as it was'}")
        click.echo(f"webhook public key: {webhook_public}")


@provider.command("list")
@json_option
@click.pass_context
def provider_list(context: click.Context, as_json: bool) -> None:
    """List the providers and their profiles: id, name, profiles."""
    providers = ask(context, lambda parts: parts.providers.all())
    rows = [(found.id, found.name.nl, tuple(profile.id for profile in found.profile)) for found in providers]
    show_rows(("id", "name", "profiles"), rows, as_json=as_json)


@provider.command("rotate")
@click.argument("provider_id")
@click.option("--overlap-hours", type=click.FloatRange(0, 168), default=24, show_default=True, help="0: none at all.")
@click.pass_context
def provider_rotate(context: click.Context, provider_id: str, overlap_hours: float) -> None:
    """Give a provider a new webhook secret; the old one signs beside it for a while, so that nothing is missed."""

    async def rotate(parts: Parts) -> tuple[Provider, str]:
        secret, seconds, now = new_webhook_secret(), overlap_hours * HOUR, parts.clock()
        rotated = await parts.providers.change(provider_id, lambda found: _with_secret(found, secret, seconds, now))
        if rotated is None:
            raise ProviderError(f"there is no provider {provider_id} with a webhook")
        return rotated, parts.keys.webhook_public()

    _show_provider(*ask(context, rotate))


def _with_secret(found: Provider, secret: str, overlap_seconds: float, now: float) -> Provider:
    if found.webhook is None:
        raise ProviderError(f"there is no provider {found.id} with a webhook")
    return msgspec.structs.replace(found, webhook=webhooks.rotated(found.webhook, secret, overlap_seconds, now))


@provider.command("remove")
@click.argument("provider_id")
@click.option("--with-ledger", is_flag=True, help="Its ledger goes too: export that first.")
@click.option("--with-sessions", is_flag=True, help="Its open sessions are stopped, and what was collected is wiped.")
@click.pass_context
def provider_remove(context: click.Context, provider_id: str, with_ledger: bool, with_sessions: bool) -> None:
    """Remove a provider: it can open no sessions any more."""

    async def remove(parts: Parts) -> int:
        waiting = await open_sessions(parts, provider_id)
        if waiting and not with_sessions:
            raise ProviderError(f"{provider_id} has {len(waiting)} open sessions: let them end, or --with-sessions")
        lines = await Ledger(parts).size(provider_id)
        if lines and not with_ledger:
            raise ProviderError(f"{provider_id} has a ledger of {lines} lines: export it, then --with-ledger")
        received = await stop_all(parts, provider_id)
        if not await parts.providers.remove(provider_id):
            raise ProviderError(f"there is no provider {provider_id}")
        await Ledger(parts).drop(provider_id)
        return received

    received = ask(context, remove)
    if received:
        click.echo(
            f"note: {provider_id} has data of {received} of its sessions, or may have: it must delete them", err=True
        )
