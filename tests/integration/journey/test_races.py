"""Who links, consents, hands over or changes their mind at one moment: in every order of their steps, and by force."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from broker import purge
from broker.caller import Caller
from broker.clock import utc
from broker.consent import Consents
from broker.contents import written
from broker.http.phone_caller import known_phone
from broker.parts import Parts
from broker.purge import new_event_id
from broker.stopping import stopped
from broker.uploads import Uploads
from connectors.documents import Reading
from sandbox.answers import ApiError
from sandbox.phone import Consented, Paired, Review
from sandbox.phone import Phone as Handset
from sessions import pairing
from sessions.lifecycle import IDLE_SECONDS
from sessions.model import Phone, Role, Session, State
from sessions.secrets import PhoneToken, new_phone_token, random_text
from sessions.secrets import parts as secret_parts
from sessions.vault import new_key, seal_key, wrap_public
from tests import stores
from tests.house import House
from tests.integration.journey.handing_over import file_of, open_house
from tests.integration.journey.steps import tried
from tests.interleaving import Order, each_order, held_parts, snapshot
from tests.stores import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")
_PENSION = "mijnpensioenoverzicht"
Act = Callable[[Parts], Awaitable[Any]]


class Read:
    """A reader of documents that has read this one already."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def read(self, *_: Any) -> Reading:
        """What it says."""
        return self._reading


class Scene:
    """One couple on one phone that collected what is required, put back as often as wanted. Nobody works."""

    def __init__(self, house: House, store: Store, session_id: str, phone: Handset, review: Review, read: Read) -> None:
        self.house, self.store, self.id, self.phone = house, store, session_id, phone
        self.review, self._read = review, read
        self.begin = snapshot(store.nodes[0].client)

    @property
    def parts(self) -> Parts:
        """The broker's parts; the one document there is was read already."""
        return msgspec.structs.replace(self.house.parts, documents=self._read)

    async def session(self) -> Session:
        """Where it stands."""
        return (await self.house.parts.sessions.read(self.id)).session

    async def caller(self, parts: Parts) -> Caller:
        """The phone, as its request comes in."""
        token, ring, now = PhoneToken(self.phone.token), parts.keys.ring, parts.clock()
        digest = ring.digest("phone", token)
        opened = await parts.sessions.open(self.id, random_text(), now, digest)
        phone, pending = known_phone(opened.session, secret_parts(token, "obp_", 3)[1], digest)
        return Caller(opened=opened, token=token, ring=ring, phone=phone, pending=pending, now=now)

    def consent(self, role: Role) -> Act:
        """This adult consents to what was shown at the beginning."""
        text = next(text for text in self.review.consents if text.person == role)

        async def act(parts: Parts) -> State:
            caller = await self.caller(parts)
            opened, receipt = await Consents(parts).give(caller, role, self.review.digest, text.text_digest)
            assert receipt.receipt.person == role
            return opened.session.state

        return act

    async def consented(self, *roles: Role) -> None:
        """The scene, but these adults have consented."""
        await self.begin()
        for role in roles:
            await self.consent(role)(self.parts)

    async def amended(self, parts: Parts) -> State:
        """Toch wijzigen."""
        return (await Consents(parts).amend(await self.caller(parts), "partner")).session.state

    async def uploaded(self, parts: Parts) -> State:
        """The applicant hands over a document."""
        caller = await self.caller(parts)
        return (await Uploads(parts).take(caller, "applicant", _PENSION, b"read already")).session.state

    async def cancelled(self, parts: Parts) -> State:
        """The provider stops."""
        return (await stopped(parts, await parts.sessions.read(self.id), "provider")).session.state

    async def another_phone(self, parts: Parts) -> State:
        """It begins again with another phone, on which something is said already."""
        token, key = new_phone_token(self.id, "another"), new_key()
        digest = parts.keys.ring.digest("phone", token)
        phone = Phone(id="another", token=digest, thumbprint="another", wrap_public=wrap_public(token, parts.keys.ring))
        move, now = parts.sessions.move, parts.clock()
        await move(self.id, lambda s, _: pairing.restart(s), now)
        await move(self.id, lambda s, at: pairing.show_token(s, "shown", "applicant", at), now)
        await move(self.id, lambda s, at: pairing.scan(s, "shown", phone, "code", at), now)

        def seal(to: Phone) -> bytes:
            return seal_key(key, to.wrap_public, self.id, to.id)

        await move(self.id, lambda s, at: pairing.type_code(s, "code", seal, "applicant", new_event_id(), at), now)
        after = await move(self.id, lambda s, _: written(s, key, {"remark/applicant": b"[]"}), now)
        return after.session.state

    async def waiting(self) -> Counter[str]:
        """What waits in the outbox for this session, by kind; a ledger's by what it enters."""
        names: Any = await self.house.parts.connection.client.zrange("{p0}:outbox", 0, -1)
        kinds = [name.decode().split(":") for name in names]
        return Counter(kind[1] if kind[0] == "ledger" else kind[0] for kind in kinds)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Scene]:
    """A house without a worker, in which a couple has everything that is required."""
    folder = tmp_path_factory.mktemp("house")
    with stores.single(tmp_path_factory.mktemp("store")) as store:
        async with open_house(folder, store.url, settings={"OPHAALBRUG_WORKER": "false"}) as house:
            created, _, phone = await house.linked("werk", household="couple")
            await tried(phone, "applicant", "uwv", "married-couple")
            await tried(phone, "partner", "uwv", "married-couple-partner")
            reader, content = house.parts.documents, file_of("married-couple", _PENSION)
            assert reader is not None
            reading = await reader.read(_PENSION, content, utc(house.now()))
            store.nodes[0].client.config_set("appendfsync", "no")  # the disk's pace is not what is played here
            yield Scene(house, store, created.id, phone, await phone.review(), Read(reading))


async def _played(
    scene: Scene, begin: Callable[[], Awaitable[None]], held: Act, other: Act
) -> AsyncGenerator[tuple[Order, Session]]:
    """Every order, each way round, with the session as it was left, which must be whole."""
    for one, two in ((held, other), (other, held)):
        async for order in each_order(
            begin, lambda hold, one=one: one(held_parts(scene.parts, hold)), lambda two=two: two(scene.parts)
        ):
            told = order if one is held else Order(order.at, order.other, order.held)
            left = await scene.session()
            await _whole(scene, left)
            yield told, left


async def _whole(scene: Scene, left: Session) -> None:
    """A payload is there exactly while it waits, and is queued once; every record can be found; time will move it."""
    parts, waiting = scene.house.parts, await scene.waiting()
    is_sent = left.state is State.CONSENTED
    assert (await parts.sessions.payload(scene.id) is not None) == is_sent
    assert waiting["data"] == is_sent
    assert set(await parts.sessions.vault(scene.id, [*left.records])) == set(left.records)
    stored: Any = await parts.connection.client.hkeys(f"{{p0}}:vault:{scene.id}")
    assert {name.decode() for name in stored} == set(left.records)
    assert await parts.connection.client.zscore("{p0}:deadlines", scene.id) is not None
    assert waiting["given"] - waiting["amended"] - waiting["lapsed"] == len(left.consents), waiting


# -- consenting


async def test_two_adults_who_consent_at_once(scene: Scene) -> None:
    """In whatever order: both have their receipt, and what they agreed to is sent once, by the last."""
    async for order, left in _played(scene, scene.begin, scene.consent("applicant"), scene.consent("partner")):
        assert {order.held, order.other} == {State.COLLECTING, State.CONSENTED}, order
        assert (left.state, set(left.consents)) == (State.CONSENTED, {"applicant", "partner"})


async def test_the_same_consent_twice_at_once(scene: Scene) -> None:
    """A button that is pressed twice: both hear that it was sent, which it is once."""
    act = scene.consent("applicant")
    async for order, left in _played(scene, lambda: scene.consented("partner"), act, act):
        assert (order.held, order.other, left.state) == (State.CONSENTED, State.CONSENTED, State.CONSENTED), order


async def test_changing_after_all_beside_the_last_consent(scene: Scene) -> None:
    """Sent, and it is too late to change; or changed, and then no consent stands but one that was given afterwards."""
    last = scene.consent("applicant")
    async for order, left in _played(scene, lambda: scene.consented("partner"), last, scene.amended):
        if left.state is State.CONSENTED:
            assert (order.held, order.other) == (State.CONSENTED, "wrong-state"), order
        else:
            assert (order.held, order.other) == (State.COLLECTING, State.COLLECTING), order
            assert set(left.consents) == {"applicant"}


async def test_changing_after_all_beside_the_first_consent(scene: Scene) -> None:
    """The consent stands, or is void: it is never half there."""
    async for order, left in _played(scene, scene.begin, scene.consent("applicant"), scene.amended):
        assert (order.held, order.other, left.state) == (State.COLLECTING,) * 3, order
        assert set(left.consents) in (set(), {"applicant"})


async def test_a_document_beside_the_first_consent(scene: Scene) -> None:
    """Either it came first and the consent is to something else, or the content was frozen: none slips in unseen."""
    async for order, left in _played(scene, scene.begin, scene.consent("applicant"), scene.uploaded):
        there = bool(left.people["applicant"].sources[_PENSION].uploads)
        expected = ("review-changed", State.COLLECTING) if there else (State.COLLECTING, "frozen")
        assert (order.held, order.other) == expected, order
        assert bool(left.consents) is not there


async def test_a_document_beside_the_last_consent(scene: Scene) -> None:
    """The content is frozen: the data go without it."""
    last = scene.consent("applicant")
    async for order, left in _played(scene, lambda: scene.consented("partner"), last, scene.uploaded):
        assert (order.held, left.state) == (State.CONSENTED, State.CONSENTED), order
        assert order.other in ("frozen", "wrong-state"), order


async def test_a_stop_by_the_provider_beside_the_last_consent(scene: Scene) -> None:
    """One came first; either way it has ended, and nothing is left of the data."""
    last = scene.consent("applicant")
    async for order, left in _played(scene, lambda: scene.consented("partner"), last, scene.cancelled):
        assert (order.other, left.state, left.reason) == (State.CANCELLED, State.CANCELLED, "provider"), order
        assert order.held in (State.CONSENTED, "session-ended"), order


async def test_another_phone_beside_a_consent(scene: Scene) -> None:
    """Who was replaced is refused, and told why: it holds the key of another attempt, and nothing of it counts."""
    async for order, left in _played(scene, scene.begin, scene.consent("applicant"), scene.another_phone):
        assert (order.other, left.state, left.consents) == (State.COLLECTING, State.COLLECTING, {}), order
        assert order.held in (State.COLLECTING, "wrong-secret", "wrong-state"), order


async def test_a_request_beside_the_end_of_its_hour(scene: Scene) -> None:
    """Whoever was let in stays in: the hour that ends at the same moment does not take the attempt from under them."""
    house = scene.house

    async def swept(parts: Parts) -> None:
        later = msgspec.structs.replace(parts, clock=lambda: house.now() + IDLE_SECONDS)
        await purge.sweep(later, scene.id)

    async def asked(parts: Parts) -> State:
        just = msgspec.structs.replace(parts, clock=lambda: house.now() + IDLE_SECONDS - 60)
        return (await scene.caller(just)).session.state

    async for order, left in _played(scene, scene.begin, asked, swept):
        assert left.state is (State.COLLECTING if order.held is State.COLLECTING else State.OPENED), order


# -- all at once, over real HTTP


async def _at_once(*asked: Awaitable[Any]) -> list[Any]:
    """What each came to: an answer, or the code of a refusal."""
    came = await asyncio.gather(*asked, return_exceptions=True)
    assert not [one for one in came if isinstance(one, BaseException) and not isinstance(one, ApiError)]
    return [one.code if isinstance(one, ApiError) else one for one in came]


async def test_of_fifty_devices_with_one_token_one_is_linked(scene: Scene) -> None:
    """Everybody else is told that it came too late; the code of the one that waits links it, and it serves."""
    _, browser = await scene.house.opened("werk")
    url = (await browser.show_token()).url
    phones = [scene.house.phone() for _ in range(50)]
    came = await _at_once(*(phone.pair(token=url) for phone in phones))
    [(phone, paired)] = [(p, one) for p, one in zip(phones, came, strict=True) if isinstance(one, Paired)]
    assert Counter(one for one in came if one is not paired) == {"already-paired": 49}
    await browser.type_code(paired.pairing_code)
    assert (await phone.session()).linked


async def test_one_device_that_asks_fifty_times_is_linked(scene: Scene) -> None:
    """Answers were lost: each time it is answered anew, and what was answered last is good, code and token."""
    _, browser = await scene.house.opened("werk")
    url = (await browser.show_token()).url
    phones = [scene.house.phone() for _ in range(50)]
    for phone in phones:
        phone.key = phones[0].key
    paired = await _at_once(*(phone.pair(token=url) for phone in phones))
    assert all(isinstance(one, Paired) for one in paired)
    seen = await _at_once(*(phone.session() for phone in phones))
    [last] = [number for number, one in enumerate(seen) if one != "wrong-secret"]
    await browser.type_code(paired[last].pairing_code)
    assert (await phones[last].session()).linked


async def test_two_adults_fifty_times_at_once(scene: Scene) -> None:
    """Everybody who asks has the one receipt of that adult; it is sent once, and two consents are entered."""
    await scene.begin()
    roles: list[Role] = ["applicant", "partner"] * 25
    came = await _at_once(*(scene.phone.consent(role, scene.review) for role in roles))
    assert all(isinstance(one, Consented) for one in came), Counter(map(str, came))
    assert len({one.receipt.signature for one in came}) == 2
    left = await scene.session()
    await _whole(scene, left)
    assert (left.state, set(left.consents)) == (State.CONSENTED, {"applicant", "partner"})


async def test_consents_changes_and_documents_at_once(scene: Scene) -> None:
    """Fifty who consent, change their mind or hand over a document: whatever came last, nothing is half there."""
    await scene.begin()
    content = file_of("married-couple", _PENSION)
    asked = [
        *(scene.phone.consent(role, scene.review) for role in ("applicant", "partner") for _ in range(15)),
        *(scene.phone.amend("partner") for _ in range(18)),
        *(scene.phone.upload("applicant", _PENSION, content) for _ in range(2)),
    ]
    came = await _at_once(*asked)
    refusals = Counter(one for one in came if isinstance(one, str))
    assert set(refusals) <= {"review-changed", "frozen", "wrong-state", "too-many-requests"}, refusals
    await _whole(scene, await scene.session())
