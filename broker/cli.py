"""The command line: `ophaalbrug serve`, `worker`, `demo`, and what an operator asks or tells: `provider`, `ledger` and
the rest.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, get_args

import click
import msgspec

from broker import checking, deliveries, serving, views, webhooks
from broker.brand import DEFAULT, palette
from broker.clock import iso
from broker.errors import CATALOGUE, Problem
from broker.http.openapi import phone_document, provider_document
from broker.keys import make
from broker.ledger import Ledger, ledger_exported, ledgers_checked
from broker.ledger_check import Verdict
from broker.parts import Parts, running
from broker.providers import Provider, ProviderError, new_webhook_secret, read_file
from broker.settings import PREFIX, Settings, SettingsError, documented, load
from connectors.registry import default_registry
from sessions.delivering import Status
from sessions.errors import Refused
from sessions.lifecycle import HOUR
from sessions.store.work import Logged

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
@click.option("--overlap-hours", type=click.FloatRange(0, 168), default=24, show_default=True, help="0: none at all.")
@click.pass_context
def provider_rotate(context: click.Context, provider_id: str, overlap_hours: float) -> None:
    """Give a provider a new webhook secret; the old one signs beside it for a while, so that nothing is missed."""
    settings = _settings(context)

    async def rotate() -> None:
        async with _parts(settings) as parts:
            secret, seconds, now = new_webhook_secret(), overlap_hours * HOUR, parts.clock()
            rotated = await parts.providers.change(provider_id, lambda found: _with_secret(found, secret, seconds, now))
            if rotated is None:
                raise ProviderError(f"there is no provider {provider_id} with a webhook")
            _show_provider(rotated, parts)

    _run(rotate())


def _with_secret(found: Provider, secret: str, overlap_seconds: float, now: float) -> Provider:
    if found.webhook is None:
        raise ProviderError(f"there is no provider {found.id} with a webhook")
    return msgspec.structs.replace(found, webhook=webhooks.rotated(found.webhook, secret, overlap_seconds, now))


@provider.command("remove")
@click.argument("provider_id")
@click.option("--with-ledger", is_flag=True, help="Its ledger goes too: export that first.")
@click.pass_context
def provider_remove(context: click.Context, provider_id: str, with_ledger: bool) -> None:
    """Remove a provider: it can open no sessions any more."""
    settings = _settings(context)

    async def remove() -> None:
        async with _parts(settings) as parts:
            lines = await Ledger(parts).size(provider_id)
            if lines and not with_ledger:
                raise ProviderError(f"{provider_id} has a ledger of {lines} lines: export it, then --with-ledger")
            if not await parts.providers.remove(provider_id):
                raise ProviderError(f"there is no provider {provider_id}")
            await Ledger(parts).drop(provider_id)

    _run(remove())


class _NotTold(click.ClickException):
    """Nothing can be said: other than an answer that something is wrong."""

    exit_code = 2


@main.group()
def ledger() -> None:
    """What became of consents, per provider: salted hashes of receipts in signed chains."""


@ledger.command("verify")
@click.argument("provider_id", required=False)
@click.option("--export", "copy", type=click.File("rb"), help="An earlier export of it, to compare with.")
@click.option("--keys", "former", type=click.File("rb"), help="JWKS of the keys this broker signed with before.")
@click.pass_context
def ledger_verify(
    context: click.Context, provider_id: str | None, copy: BinaryIO | None, former: BinaryIO | None
) -> None:
    """Check the ledger of PROVIDER_ID, or every one; exit code 1 when one is not whole, 2 when that cannot be told."""
    if copy is not None and provider_id is None:
        raise click.UsageError("--export is of one provider: name it")
    settings = _settings(context)

    async def check() -> list[Verdict]:
        async with _parts(settings) as parts:
            return await ledgers_checked(
                parts, provider_id, copy.read() if copy else None, former.read() if former else None
            )

    try:
        verdicts = _run(check())
    except click.ClickException as error:
        raise _NotTold(error.message) from None
    for found in verdicts:
        click.echo(f"{found.provider}\t{'broken' if found.faults else 'whole'}\t{found.size}\t{found.hash or '-'}")
        for fault in found.faults:
            click.echo(f"{found.provider}: {fault}", err=True)
    if any(found.faults for found in verdicts):
        sys.exit(1)


@ledger.command("export")
@click.argument("provider_id")
@click.option("--output", type=click.File("wb", atomic=True), default="-", help="File to write; default: the screen.")
@click.pass_context
def ledger_export(context: click.Context, provider_id: str, output: BinaryIO) -> None:
    """Write a provider's ledger as JSON Lines, with its signed heads."""
    settings = _settings(context)

    async def export() -> list[bytes]:
        async with _parts(settings) as parts:
            return await ledger_exported(parts, provider_id)

    output.writelines(line + b"\n" for line in _run(export()))


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


@connector.command("check")
@click.argument("ids", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def connector_check(context: click.Context, ids: tuple[str, ...], as_json: bool) -> None:
    """Check the sources that are switched on and the login, or those named in IDS; exit code 1 when one fails.

    Asks a source about the test person that `[health.<id>] probe_bsn` names, and about nobody without it.
    """
    settings = _settings(context)
    there = checking.checkable(settings)
    if unknown := [name for name in ids if name not in there]:
        raise click.BadParameter(f"not switched on: {', '.join(unknown)}; there are: {', '.join(there) or 'none'}")
    names = tuple(dict.fromkeys(ids)) or there
    click.echo(f"checking {', '.join(names) or 'nothing: no source is switched on'}", err=True)
    reports = _run(checking.checked(settings, names, _show_progress))
    click.echo(msgspec.json.format(msgspec.json.encode(reports)).decode() if as_json else _table(reports))
    if not all(report.ok for report in reports):
        sys.exit(1)


def _show_progress(report: checking.Report) -> None:
    click.echo(f"{report.connector}: {report.note or ('ok' if report.ok else 'failed')}", err=True)


def _table(reports: tuple[checking.Report, ...]) -> str:
    """The steps in columns: source, step, result, host and reason."""
    rows = [
        (report.connector, step.name, step.status, " ".join(filter(None, (step.host, step.reason))))
        for report in reports
        for step in report.steps
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


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


@main.group()
def delivery() -> None:
    """Events to providers, without any data."""


@delivery.command("list")
@click.argument("provider_id")
@click.option("--session", "session_id", help="Of this session only.")
@click.option("--type", "kind", type=click.Choice(get_args(deliveries.EventType)), help="Of this type only.")
@click.option("--status", type=click.Choice(get_args(Status)), help="That stand so only.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@click.pass_context
def delivery_list(
    context: click.Context,
    provider_id: str,
    session_id: str | None,
    kind: deliveries.EventType | None,
    status: Status | None,
    limit: int,
) -> None:
    """List a provider's deliveries, newest sessions first: id, type, status, attempts, and how the last one went."""
    settings, wanted = _settings(context), deliveries.Wanted(session=session_id, type=kind, status=status)

    async def show() -> None:
        async with _parts(settings) as parts:
            for found in (await deliveries.listed(parts, provider_id, wanted, 0, limit)).deliveries:
                click.echo("\t".join(_delivery(found)))

    _run(show())


def _delivery(found: Logged) -> tuple[str, ...]:
    last = f"{found.tried[-1].outcome} ({found.tried[-1].answer})" if found.tried else ""
    due = iso(found.due) if found.status == "waiting" and found.due is not None else ""
    return (deliveries.delivery_id(found), found.line.type, found.status, str(len(found.tried)), last, due)


@delivery.command("retry")
@click.argument("delivery_id")
@click.pass_context
def delivery_retry(context: click.Context, delivery_id: str) -> None:
    """Try a delivery that waits now, instead of at its time."""
    settings = _settings(context)

    async def again() -> None:
        async with _parts(settings) as parts:
            try:
                found = await deliveries.retry(parts, None, delivery_id)
            except (Problem, Refused) as error:
                raise ProviderError(CATALOGUE[error.code].en) from None
            click.echo("\t".join(_delivery(found)))

    _run(again())


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
