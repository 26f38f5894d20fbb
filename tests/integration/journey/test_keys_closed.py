"""Every vault key that is opened is closed again, whoever opened it and however that ended."""

from __future__ import annotations

from typing import Any

import pytest

import broker.caller
import broker.http.journey
import broker.http.phone_pairing
from sandbox.citizen import collect
from sandbox.stage import SOURCES
from sessions.errors import Refused
from sessions.store.sessions import SessionStore
from sessions.vault import VaultKey
from tests.house import House
from tests.integration.journey.steps import eventually, own_phone, state_and_code


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[VaultKey]:
    """The keys that the broker opens or makes from here on; it runs in this process."""
    keys: list[VaultKey] = []

    def kept(make: Any) -> Any:
        def made(*given: Any) -> VaultKey:
            keys.append(make(*given))
            return keys[-1]

        return made

    for module, name in (
        (broker.caller, "open_key"),
        (broker.http.journey, "new_key"),
        (broker.http.phone_pairing, "new_key"),
    ):
        monkeypatch.setattr(module, name, kept(getattr(module, name)))
    return keys


async def test_a_whole_journey_leaves_no_key_open(house: House, opened: list[VaultKey]) -> None:
    """Linking, a partner's own phone, collecting, looking, a remark, two consents: a key each time, and all closed."""
    created, _, phone = await house.linked(household="couple")
    partner = await own_phone(house, phone)
    await collect(phone, "applicant", "married-couple", SOURCES)
    await collect(partner, "partner", "married-couple-partner", SOURCES)
    await phone.remark("applicant", "debts", "klopt niet")
    await phone.consent("applicant", await phone.review())
    await partner.consent("partner", await partner.review())
    await house.office.wait_for("delivered", created.id)
    assert len(opened) >= 2 + 2 * len(SOURCES) + 1 + 2 * 2
    assert not any(opened)


async def test_a_source_that_is_asked_has_the_key_for_so_long(house: House, opened: list[VaultKey]) -> None:
    """The request that began is over and the task goes on with the key; it is closed when the answer is kept."""
    _, _, phone = await house.linked()
    await house.fault("uwv", "slow")
    state, code = await state_and_code(phone, "applicant", "uwv", "single")
    await phone.callback(state, code=code)
    assert len(list(filter(None, opened))) == 1
    await phone.wait_for(lambda v: v.persons["applicant"].source("uwv").status == "collected")

    async def closed() -> bool:
        return not any(opened)

    await eventually(closed)  # the task ends after what it stored


async def test_a_step_that_is_refused_closes_it_too(
    house: House, opened: list[VaultKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session moved on just before a source was to be asked: there is no task, and no key."""
    _, _, phone = await house.linked()
    state, code = await state_and_code(phone, "applicant", "uwv", "single")

    async def refused(*_: object) -> None:
        raise Refused("busy")

    monkeypatch.setattr(SessionStore, "move", refused)
    with pytest.raises(Exception, match="busy"):
        await phone.callback(state, code=code)
    assert len(opened) == 2
    assert not any(opened)
