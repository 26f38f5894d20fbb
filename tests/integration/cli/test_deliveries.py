"""`ophaalbrug delivery list`, run for real: all that is asked for, however far down the list of sessions it stands."""

from __future__ import annotations

import json

import pytest

from broker import deliveries
from broker.deliveries import Found, Wanted
from broker.parts import Parts
from sessions.model import Session
from tests.integration.cli.place import Place
from tests.integration.store.examples import opened, session


def listed(place: Place, made: list[Session]) -> None:
    """Open these sessions, and list them as a worker does."""

    async def act(parts: Parts) -> None:
        for each in made:
            await opened(parts.sessions, each)
            await parts.records.put_listed((await parts.sessions.read(each.id)).session, 2)

    place.do(act)


def test_the_list_goes_on_past_what_one_page_looks_through(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits stands behind many newer sessions that are of no interest: it is listed all the same."""
    monkeypatch.setattr(deliveries, "MOST_SESSIONS", 1)
    made = [session() for _ in range(3)]
    listed(place, made)
    shown = json.loads(place.run("delivery", "list", "gemeente", "--status", "waiting", "--json").stdout)
    assert {row["id"].split("-")[0] for row in shown} == {each.id for each in made}
    few = json.loads(place.run("delivery", "list", "gemeente", "--limit", "2", "--json").stdout)
    assert len(few) == 2


def test_sessions_without_deliveries_are_looked_through_a_page_at_a_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider without a webhook has none: one request still reads no more sessions than a page has."""
    monkeypatch.setattr(deliveries, "MOST_SESSIONS", 1)
    listed(place, [session(webhook=False) for _ in range(3)])

    async def page(parts: Parts) -> Found:
        return await deliveries.listed(parts, "gemeente", Wanted(), 0, 10)

    found: Found = place.do(page)
    assert (found.deliveries, found.next) == ((), deliveries.PLACES)
