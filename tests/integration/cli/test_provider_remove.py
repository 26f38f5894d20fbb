"""`ophaalbrug provider remove`, run for real: what hangs on a provider goes only when that is said."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from broker.ledger import Ledger
from broker.parts import Parts
from sessions.change import Change
from sessions.model import Session, State
from tests.integration.cli.place import Place
from tests.integration.store.examples import NOW, collecting, consented, opened, session


def test_a_provider_is_not_removed_with_its_ledger_unnoticed(place: Place) -> None:
    """It takes saying so; then nothing of the ledger stays, and of another provider's everything."""
    place.enter("a" * 64)
    place.enter("b" * 64, provider="notaris")
    refused = place.run("provider", "remove", "gemeente")
    assert refused.exit_code == 1
    assert "has a ledger of 1 lines" in refused.stderr
    assert place.run("provider", "remove", "gemeente", "--with-ledger").exit_code == 0

    async def sizes(parts: Parts) -> tuple[int, int]:
        return await Ledger(parts).size("gemeente"), await Ledger(parts).size("notaris")

    assert place.do(sizes) == (0, 1)


def listed(place: Place) -> list[Session]:
    """Sessions of the gemeente in three states, and one of the notaris, as a worker has listed them."""
    made = [session(webhook=False) for _ in range(3)] + [session(provider="notaris", webhook=False)]

    async def act(parts: Parts) -> None:
        for begin, each in zip((opened, collecting, consented, collecting), made, strict=True):
            await begin(parts.sessions, each)
            found = await parts.sessions.read(each.id)
            await parts.records.put_listed(found.session, found.version)

    place.do(act)
    return made


def test_a_provider_is_not_removed_with_its_sessions_unnoticed(place: Place) -> None:
    """It takes saying so; then nobody goes on collecting for who is not there, and another provider's go on."""
    made = listed(place)
    gone = session(webhook=False)
    place.do(lambda parts: parts.records.put_listed(gone, 1))
    refused = place.run("provider", "remove", "gemeente")
    assert refused.exit_code == 1
    assert "gemeente has 4 open sessions" in refused.stderr
    removed = place.run("provider", "remove", "gemeente", "--with-sessions")
    assert (removed.exit_code, removed.stdout) == (0, "")
    assert removed.stderr.count('"session.stopped"') == 3

    async def after(parts: Parts) -> list[State]:
        assert await parts.providers.get("gemeente") is None
        found = await asyncio.gather(*(parts.sessions.read(each.id) for each in made))
        assert [opened.session.maybe_received for opened in found] == [False] * 4
        assert await parts.sessions.payload(made[2].id) is None
        return [opened.session.state for opened in found]

    assert place.do(after) == [State.CANCELLED] * 3 + [State.COLLECTING]


def test_what_the_removed_provider_may_have_is_told(place: Place) -> None:
    """It pulled a payload and never acknowledged it: the operator hears that it must delete that."""
    [_, _, sent, _] = listed(place)

    def pulled(found: Session, now: float) -> Change:
        return Change(session=replace(found, pulled_at=now))

    place.do(lambda parts: parts.sessions.move(sent.id, pulled, NOW))
    removed = place.run("provider", "remove", "gemeente", "--with-sessions")
    assert removed.exit_code == 0
    assert "note: gemeente has data of 1 of its sessions" in removed.stderr
