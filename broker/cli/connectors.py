"""`ophaalbrug connector`: the sources there are, and whether they can be used."""

from __future__ import annotations

import sys

import click

from broker import checking
from broker.cli.asking import json_option, run, settings_of, show, show_rows
from connectors.registry import default_registry


@click.group()
def connector() -> None:
    """The sources."""


@connector.command("list")
@json_option
@click.pass_context
def connector_list(context: click.Context, as_json: bool) -> None:
    """List the connectors there are, and which are switched on: id, state, name, categories."""
    on = settings_of(context).connectors
    rows = [
        (manifest.id, "on" if manifest.id in on else "off", manifest.label.nl, tuple(manifest.categories))
        for manifest in default_registry().manifests()
    ]
    show_rows(("id", "state", "name", "categories"), rows, as_json=as_json)


@connector.command("check")
@click.argument("ids", nargs=-1)
@json_option
@click.pass_context
def connector_check(context: click.Context, ids: tuple[str, ...], as_json: bool) -> None:
    """Check the sources that are switched on and the login, or those named in IDS; exit code 1 when one fails.

    Asks a source about the test person that `[health.<id>] probe_bsn` names, and about nobody without it.
    """
    settings = settings_of(context)
    there = checking.checkable(settings)
    if unknown := [name for name in ids if name not in there]:
        raise click.BadParameter(f"not switched on: {', '.join(unknown)}; there are: {', '.join(there) or 'none'}")
    names = tuple(dict.fromkeys(ids)) or there
    click.echo(f"checking {', '.join(names) or 'nothing: no source is switched on'}", err=True)
    reports = run(checking.checked(settings, names, _show_progress))
    if as_json:
        show(reports)
    else:
        _show_table(reports)
    if not all(report.ok for report in reports):
        sys.exit(1)


def _show_progress(report: checking.Report) -> None:
    click.echo(f"{report.connector}: {report.note or ('ok' if report.ok else 'failed')}", err=True)


def _show_table(reports: tuple[checking.Report, ...]) -> None:
    """The steps in columns: source, step, result, host and reason."""
    rows = [
        (report.connector, step.name, step.status, " ".join(filter(None, (step.host, step.reason))))
        for report in reports
        for step in report.steps
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(map(str.ljust, row, widths)).rstrip())
