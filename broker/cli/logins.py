"""`ophaalbrug login`: how this broker is known where citizens log in."""

from __future__ import annotations

import click

from broker.cli.asking import settings_of, show
from broker.parts import digid_at, login_settings
from broker.settings import SettingsError
from connectors.outbound import Door


@click.group()
def login() -> None:
    """The login of citizens."""


@login.command("jwks")
@click.pass_context
def login_jwks(context: click.Context) -> None:
    """Print the public keys of [login] as a JWKS, to register with its provider; nothing is asked there."""
    try:
        found = login_settings(settings_of(context))
        jwks = digid_at(found, Door.configured(found.hosts())).jwks() if found is not None else None
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    if jwks is None:
        raise click.ClickException("there is no [login] in the settings")
    show(jwks)
