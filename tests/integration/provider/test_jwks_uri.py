"""Providers that publish their keys: fetched when needed, kept, and never more trusted than pasted ones."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from jwcrypto.jwk import JWK

from broker.jwks import CACHE_SECONDS, REFRESH_SECONDS
from broker.providers import ProfileEntry, Provider, checked
from sessions.model import Text
from tests.answering import answering
from tests.house import House
from tests.integration.provider.asking import Answer, ask, problem
from tests.integration.provider.assertions import claims, exchange, new, public, signed

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = Text(nl="Doel", en="Purpose")
PROFILE = ProfileEntry(id="bijstand", purpose=TEXT, required=("uwv",), fields=("income.employment",))
FIRST, SECOND, SEALING = new("P-256"), new("P-256"), new("P-256", use="enc")


class Publisher:
    """A provider's server for its keys. `keys` is what it shows, `status` how it answers, `asked` how often it was."""

    def __init__(self) -> None:
        self.keys: list[Any] = [*public(FIRST, SEALING)]
        self.status = 200
        self.asked = 0
        self.client = ""
        self.body: bytes | None = None

    async def answer(self, request: web.Request) -> web.Response:
        """The document (or `body`), for whatever is asked."""
        del request
        self.asked += 1
        if self.body is not None:
            return web.Response(body=self.body, status=self.status)
        return web.json_response({"keys": self.keys}, status=self.status)


@pytest_asyncio.fixture(loop_scope="module")
async def publisher(house: House) -> AsyncGenerator[Publisher]:
    """A registered provider whose file names a `jwks_uri` and no key."""
    publisher = Publisher()
    async with answering(publisher.answer) as url:
        publisher.client = f"p-{uuid.uuid4().hex}"
        provider = Provider(id=publisher.client, name=TEXT, jwks_uri=f"{url}/jwks", profile=(PROFILE,))
        await house.parts.providers.put(checked(provider))
        yield publisher


async def entered(house: House, publisher: Publisher, key: JWK, **header: object) -> Answer:
    """What an assertion signed with this key gets."""
    return await exchange(house, signed(claims(house, publisher.client), key, "ES256", **header))


async def created(house: House, answer: Answer) -> Answer:
    """A session of whoever holds this answer's token."""
    token = answer.json()["access_token"]
    return await ask(house, "POST", "/v1/sessions", token=token, json={"profile": "bijstand"})


async def test_published_keys_serve_for_both(house: House, publisher: Publisher) -> None:
    """Who the provider is, and what is sealed to; fetched once, and kept."""
    assert publisher.asked == 0
    for _ in range(3):
        assert (await created(house, await entered(house, publisher, FIRST))).status == 201
    assert publisher.asked == 1


async def test_an_unknown_kid_asks_again_but_not_at_every_request(house: House, publisher: Publisher) -> None:
    """A rotated key works within half a minute; who invents kids cannot make us a nuisance to the provider."""
    assert (await entered(house, publisher, FIRST)).status == 200
    publisher.keys = [*public(SECOND, SEALING)]
    for _ in range(5):
        problem(await entered(house, publisher, SECOND), "invalid-client")
    assert publisher.asked == 1
    await house.pass_time(REFRESH_SECONDS + 1)
    assert (await entered(house, publisher, SECOND)).status == 200
    assert publisher.asked == 2
    problem(await entered(house, publisher, FIRST), "invalid-client")


async def test_a_crowd_is_one_fetch(house: House, publisher: Publisher) -> None:
    """Anyone can send an assertion that names an unknown key, and many at once: the provider is asked once."""
    answers = await asyncio.gather(*(entered(house, publisher, new("P-256")) for _ in range(40)))
    assert {answer.status for answer in answers} == {401}
    assert publisher.asked == 1
    await house.pass_time(CACHE_SECONDS + 1)
    answers = await asyncio.gather(*(entered(house, publisher, FIRST) for _ in range(40)))
    assert {answer.status for answer in answers} == {200}
    assert publisher.asked == 2


async def test_known_keys_stay_while_the_provider_is_down(house: House, publisher: Publisher) -> None:
    """Also after they should have been fetched anew; a provider that comes back is asked again."""
    assert (await entered(house, publisher, FIRST)).status == 200
    publisher.status = 500
    await house.pass_time(CACHE_SECONDS + 1)
    assert (await entered(house, publisher, FIRST)).status == 200
    assert publisher.asked == 2
    publisher.status, publisher.keys = 200, [*public(SECOND, SEALING)]
    await house.pass_time(REFRESH_SECONDS + 1)
    assert (await entered(house, publisher, SECOND)).status == 200


async def test_a_provider_that_was_down_at_first_is_asked_again_soon(house: House, publisher: Publisher) -> None:
    """Having no keys is not kept for a quarter of an hour, also for an assertion that names none."""
    publisher.status = 503
    problem(await entered(house, publisher, FIRST, kid=None), "invalid-client")
    publisher.status = 200
    await house.pass_time(REFRESH_SECONDS + 1)
    assert (await entered(house, publisher, FIRST, kid=None)).status == 200


@pytest.mark.parametrize(
    "published",
    [
        pytest.param(FIRST.export_private(as_dict=True), id="private-key"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": FIRST["kid"]}, id="secret"),
        pytest.param({"kty": "EC", "kid": FIRST["kid"]}, id="nothing-in-it"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": FIRST["kid"]}, id="no-point"),
        pytest.param({"kty": "EC", "crv": 7, "x": None, "kid": FIRST["kid"]}, id="wrong-types"),
        pytest.param({**public(new("P-384"))[0], "kid": FIRST["kid"]}, id="other-curve"),
        pytest.param({**public(new("X25519"))[0], "kid": FIRST["kid"]}, id="no-signing-key"),
        pytest.param({"kid": FIRST["kid"]}, id="no-type"),
        pytest.param({**public(FIRST)[0], "use": "enc"}, id="for-sealing"),
        pytest.param({**public(FIRST)[0], "alg": "ES384"}, id="for-another-algorithm"),
    ],
)
@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
async def test_a_key_that_should_not_be_there_is_no_key(
    house: House, publisher: Publisher, published: dict[str, Any], algorithm: str
) -> None:
    """Private members, secrets and broken keys are passed over, and the good key beside them still works."""
    publisher.keys = [published, *public(SECOND, SEALING)]
    key = FIRST if algorithm == "ES256" else new("Ed25519")
    assertion = signed(claims(house, publisher.client), key, algorithm, kid=FIRST["kid"])
    problem(await exchange(house, assertion), "invalid-client")
    assert (await entered(house, publisher, SECOND)).status == 200


@pytest.mark.parametrize(
    "document", [[], ["text"], [[]], [None], [*public(FIRST)] * 1000], ids=["empty", "text", "list", "null", "many"]
)
async def test_a_document_that_cannot_be_used_gives_no_access(
    house: House, publisher: Publisher, document: list[Any]
) -> None:
    """Too large, or not a list of keys."""
    publisher.keys = document
    problem(await entered(house, publisher, FIRST), "invalid-client")


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", b'{"keys":[{"kty":"\xff"}]}', b'{"keys":[{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}]}"],
    ids=["nothing", "zero", "no-utf-8", "nested-without-end"],
)
async def test_a_document_that_cannot_be_read_gives_no_access(house: House, publisher: Publisher, body: bytes) -> None:
    """Whatever stands there: it is no failure of ours."""
    publisher.body = body
    problem(await entered(house, publisher, FIRST), "invalid-client")


async def test_a_key_as_webcrypto_exports_it_is_one_to_seal_to(house: House, publisher: Publisher) -> None:
    """It says that the public half may do nothing (`key_ops`), which is true of deriving there and not of sealing."""
    publisher.keys = [*public(FIRST), {**public(SEALING)[0], "key_ops": [], "ext": True}]
    assert (await created(house, await entered(house, publisher, FIRST))).status == 201


@pytest.mark.parametrize(
    "sealing",
    [
        pytest.param(None, id="none"),
        pytest.param({"kty": "OKP", "crv": "X25519", "x": "A" * 43, "use": "enc"}, id="point-of-low-order"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "use": "enc"}, id="no-point"),
        pytest.param({"kty": "EC", "crv": "P-256", "use": "enc"}, id="nothing-in-it"),
        pytest.param(public(new("P-384", use="enc"))[0], id="other-curve"),
    ],
)
async def test_without_a_key_to_seal_to_no_session_opens(
    house: House, publisher: Publisher, sealing: dict[str, Any] | None
) -> None:
    """What could not be sealed in the end is not begun: `recipient-key`."""
    publisher.keys = [*public(FIRST), *([sealing] if sealing else [])]
    problem(await created(house, await entered(house, publisher, FIRST)), "recipient-key")
