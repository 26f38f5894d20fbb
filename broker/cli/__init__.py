"""The command line, `ophaalbrug`: what an operator runs, asks and tells.

One module a room: `service` (serve, worker, demo, settings, openapi, keys), `providers`, `ledgers`, `connectors`,
`logins` and `sessions` (session, delivery). `asking` is what they share: settings, the store, and how answers are
printed.

What stands on standard output is the answer; everything said beside it is on standard error. Exit codes: 0 done, 1
refused or not well, in one line that says why, 2 a wrong use of the command.
"""

from __future__ import annotations

from pathlib import Path

import click

from broker.cli.connectors import connector
from broker.cli.ledgers import ledger
from broker.cli.logins import login
from broker.cli.providers import provider
from broker.cli.service import demo, keys, openapi, serve, settings, worker
from broker.cli.sessions import delivery, session


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--settings",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings file; default: OPHAALBRUG_SETTINGS, or ophaalbrug.toml here.",
)
@click.version_option(package_name="ophaalbrug", prog_name="ophaalbrug")
@click.pass_context
def main(context: click.Context, file: Path | None) -> None:
    """Ophaalbrug: citizens fetch their data, consent once, and it is delivered sealed. Nothing is kept."""
    context.obj = file


for _command in (serve, worker, demo, provider, session, delivery, ledger, connector, login, settings, openapi, keys):
    main.add_command(_command)
