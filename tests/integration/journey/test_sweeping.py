"""Time and a person at the same moment: the sweep never undoes what somebody did meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from broker import purge
from sessions.lifecycle import HOUR, LOGIN_SECONDS
from sessions.store.sessions import Opened, SessionStore
from tests.house import House
from tests.stores import Store


class _Interrupted(SessionStore):
    """A store in which something happens just after a session was read."""

    def __init__(self, house: House, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(house.parts.connection)
        self._meanwhile = meanwhile

    async def read(self, session_id: str) -> Opened:
        opened = await super().read(session_id)
        await self._meanwhile()
        return opened


async def test_who_acts_at_the_last_moment_goes_on(house: House) -> None:
    """The hour is over just as the phone begins a login: the attempt is not ended under its hands."""
    created, _, phone = await house.linked()
    sessions = _Interrupted(house, lambda: phone.login("applicant", "uwv"))
    late = house.now() + HOUR + 60
    await purge.sweep(replace(house.parts, sessions=sessions, clock=lambda: late), created.id)
    view = await phone.session()
    assert (view.status, view.persons["applicant"].source("uwv").status) == ("collecting", "login")


async def test_a_deadline_that_came_nearer_stays(house: House, single_store: Store) -> None:
    """A login begins while the sweep finds nothing due: the login's own limit is not pushed back."""
    created, _, phone = await house.linked()
    sessions = _Interrupted(house, lambda: phone.login("applicant", "uwv"))
    await purge.sweep(replace(house.parts, sessions=sessions), created.id)
    due = single_store.nodes[0].client.zscore("{p0}:deadlines", created.id)
    assert isinstance(due, float)
    assert due <= house.now() + LOGIN_SECONDS
