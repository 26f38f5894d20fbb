"""One pair of keys for all: RSA keys take long to make."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from broker.keys import Keys, make
from ophaalbrug_provider import Account
from tests.answering import answering
from tests.unit.toolkit.pretend import PROVIDER, SECRET, Caller, Kind, PretendBroker, private_key


@pytest.fixture(scope="session")
def keys() -> Keys:
    """The broker's keys."""
    return Keys(make())


@pytest.fixture(scope="session")
def others() -> Keys:
    """Keys of some other broker."""
    return Keys(make())


@pytest.fixture
async def broker(keys: Keys) -> AsyncGenerator[PretendBroker]:
    """A pretend broker that listens."""
    made = PretendBroker(keys, private_key())
    async with answering(made.answer) as made.url:
        yield made


@pytest.fixture(params=["blocking", "asyncio"])
async def caller(request: pytest.FixtureRequest, broker: PretendBroker) -> AsyncGenerator[Caller]:
    """Both clients: they must behave alike."""
    kind: Kind = request.param
    account = Account(
        PROVIDER,
        broker.url,
        signing_key=private_key(use="sig"),
        opening_keys=[broker.own],
        webhook_secrets=[SECRET],
    )
    made = Caller(kind, account, lambda: broker.now)
    async with made.awaited:
        yield made
