"""`ophaalbrug ledger`: what became of consents, checked and taken along."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

import click

from broker.cli.asking import ask, json_option, show_rows
from broker.ledger import ledger_exported, ledgers_checked
from broker.ledger_check import Verdict


class _NotTold(click.ClickException):
    """Nothing can be said: other than an answer that something is wrong."""

    exit_code = 2


@click.group()
def ledger() -> None:
    """What became of consents, per provider: salted hashes of receipts in signed chains."""


@ledger.command("verify")
@click.argument("provider_id", required=False)
@click.option("--export", "copy", type=click.File("rb"), help="An earlier export of it, to compare with.")
@click.option("--keys", "former", type=click.File("rb"), help="JWKS of the keys this broker signed with before.")
@json_option
@click.pass_context
def ledger_verify(
    context: click.Context, provider_id: str | None, copy: BinaryIO | None, former: BinaryIO | None, as_json: bool
) -> None:
    """Check the ledger of PROVIDER_ID, or every one; exit code 1 when one is not whole, 2 when that cannot be told."""
    if copy is not None and provider_id is None:
        raise click.UsageError("--export is of one provider: name it")
    exported, keys = copy.read() if copy else None, former.read() if former else None
    try:
        verdicts = ask(context, lambda parts: ledgers_checked(parts, provider_id, exported, keys))
    except click.ClickException as error:
        raise _NotTold(error.message) from None
    _show_verdicts(verdicts, as_json=as_json)
    if any(found.faults for found in verdicts):
        sys.exit(1)


def _show_verdicts(verdicts: list[Verdict], *, as_json: bool) -> None:
    rows = [
        (found.provider, "broken" if found.faults else "whole", found.size, found.hash or "-") for found in verdicts
    ]
    show_rows(("provider", "state", "lines", "hash"), rows, as_json=as_json)
    for found in verdicts:
        for fault in found.faults:
            click.echo(f"{found.provider}: {fault}", err=True)


@ledger.command("export")
@click.argument("provider_id")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default="-",
    help="File to write; default: the screen.",
)
@click.pass_context
def ledger_export(context: click.Context, provider_id: str, output: Path) -> None:
    """Write a provider's ledger as JSON Lines, with its signed heads; an earlier file is replaced if all goes well."""
    written = b"".join(line + b"\n" for line in ask(context, lambda parts: ledger_exported(parts, provider_id)))
    if str(output) == "-":
        click.echo(written, nl=False)
        return
    try:
        _replace(output, written)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None


def _replace(file: Path, content: bytes) -> None:
    """All of it or nothing: what a full disk cuts short must not take the place of an earlier export."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
