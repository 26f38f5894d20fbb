"""`ophaalbrug session` and `ophaalbrug delivery`: where sessions and their events stand, without personal data."""

from __future__ import annotations

from typing import get_args

import click

from broker import deliveries, views
from broker.cli.asking import ask, json_option, show, show_rows
from broker.clock import iso
from broker.parts import Parts
from broker.providers import ProviderError
from sessions.delivering import Status
from sessions.errors import Refused
from sessions.store.work import Logged

_COLUMNS = ("id", "type", "status", "attempts", "last", "due")


@click.group()
def session() -> None:
    """Sessions, without personal data."""


@session.command("show")
@click.argument("session_id")
@click.pass_context
def session_show(context: click.Context, session_id: str) -> None:
    """Show where a session stands, as JSON."""

    async def found(parts: Parts) -> views.ProviderView:
        try:
            return views.for_provider(await parts.sessions.read(session_id))
        except Refused:
            raise ProviderError("there is no such session") from None

    show(ask(context, found))


@click.group()
def delivery() -> None:
    """Events to providers, without any data."""


@delivery.command("list")
@click.argument("provider_id")
@click.option("--session", "session_id", help="Of this session only.")
@click.option("--type", "kind", type=click.Choice(get_args(deliveries.EventType)), help="Of this type only.")
@click.option("--status", type=click.Choice(get_args(Status)), help="With this status only.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@json_option
@click.pass_context
def delivery_list(
    context: click.Context,
    provider_id: str,
    session_id: str | None,
    kind: deliveries.EventType | None,
    status: Status | None,
    limit: int,
    as_json: bool,
) -> None:
    """List a provider's deliveries, newest sessions first.

    Id, type, status, attempts, how the last one went, and when the next is.
    """
    wanted = deliveries.Wanted(session=session_id, type=kind, status=status)

    async def found(parts: Parts) -> list[Logged]:
        listed: list[Logged] = []
        offset: int | None = 0
        while offset is not None and len(listed) < limit:
            page = await deliveries.listed(parts, provider_id, wanted, offset, limit - len(listed))
            listed, offset = [*listed, *page.deliveries], page.next
        if not listed and await parts.providers.get(provider_id) is None:
            raise ProviderError(f"there is no provider {provider_id}")
        return listed

    show_rows(_COLUMNS, map(_row, ask(context, found)), as_json=as_json)


def _row(found: Logged) -> tuple[object, ...]:
    last = f"{found.tried[-1].outcome} ({found.tried[-1].answer})" if found.tried else None
    due = iso(found.due) if found.status == "waiting" and found.due is not None else None
    return (deliveries.delivery_id(found), found.line.type, found.status, len(found.tried), last, due)


@delivery.command("retry")
@click.argument("delivery_id")
@json_option
@click.pass_context
def delivery_retry(context: click.Context, delivery_id: str, as_json: bool) -> None:
    """Try a delivery that waits now, instead of at its time."""
    retried = ask(context, lambda parts: deliveries.retry(parts, None, delivery_id))
    show_rows(_COLUMNS, [_row(retried)], as_json=as_json)
