"""What a phone's request must be: a fresh proof of its own key for this request, and a body exactly as asked."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from broker import dpop
from sandbox.phone import BASE, Phone, proof
from tests.house import House
from tests.integration.journey.steps import checked, raw, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")
_JSON = {"Content-Type": "application/json"}


@pytest.fixture
def house(shared_house: House) -> House:
    """One for all: each test has sessions of its own."""
    return shared_house


def _headers(house: House, phone: Phone, method: str, path: str, **claims: object) -> dict[str, str]:
    """The headers of a request as this phone would send it, but for `claims`."""
    url, nonce = f"{phone.base_url}{path}", dpop.nonce(house.parts.keys.ring, house.now())
    signed = proof(phone.key, method, url, now=house.now(), nonce=nonce, token=phone.token, overrides=claims)
    return {"DPoP": signed, "Authorization": f"DPoP {phone.token}"}


async def _asked(house: House, phone: Phone, headers: dict[str, str]) -> str:
    """What GET session says to these headers: the problem's code."""
    return checked(*await raw(phone, house, "GET", f"{BASE}/session", headers=headers)).code


async def test_a_proof_is_good_once(house: House) -> None:
    """A proof that was used is refused, on the same request and when it pairs a phone."""
    _, browser, phone = await house.linked()
    headers = _headers(house, phone, "GET", f"{BASE}/session")
    status, _, _ = await raw(phone, house, "GET", f"{BASE}/session", headers=headers)
    assert status == 200
    assert await _asked(house, phone, headers) == "replayed"
    await browser.restart()
    stranger, token = house.phone(), (await browser.show_token()).url.rpartition("#")[2]
    again = _headers(house, stranger, "POST", f"{BASE}/pairings", ath=None)
    body = msgspec.json.encode({"token": token})
    del again["Authorization"]
    answers = [
        await raw(stranger, house, "POST", f"{BASE}/pairings", headers=again | _JSON, data=body) for _ in range(2)
    ]
    assert answers[0][0] == 201
    assert checked(*answers[1]).code == "replayed"


async def test_every_wrong_proof_is_refused(house: House) -> None:
    """A proof names method, address, moment and token of one request, and carries a public key: nothing else goes."""
    _, _, phone = await house.linked()
    wrong: dict[str, dict[str, object]] = {
        "another address": {"htu": f"{house.url}{BASE}/review"},
        "another host": {"htu": f"https://elders.example{BASE}/session"},
        "another method": {"htm": "POST"},
        "stale": {"iat": int(house.now()) - 61},
        "from the future": {"iat": int(house.now()) + 62},
        "another token": {"ath": "A" * 43},
        "no token": {"ath": None},
        "a short id": {"jti": "short"},
        "no id": {"jti": None},
        "another type": {"typ": "jwt"},
        "with the private key": {"jwk": _private_jwk()},
    }
    for what, claims in wrong.items():
        code = await _asked(house, phone, _headers(house, phone, "GET", f"{BASE}/session", **claims))
        assert (what, code) == (what, "invalid-proof")
    assert (await phone.session()).linked


def _private_jwk() -> dict[str, object]:
    """A key with its private part, as no client may send it."""
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = (urlsafe_b64encode(n.to_bytes(32, "big")).rstrip(b"=").decode() for n in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "d": "A" * 43, "x": x, "y": y}


async def test_a_proof_needs_our_nonce(house: House) -> None:
    """Without a nonce, with one of somebody else's or with an old one, the phone is given the nonce to use."""
    _, _, phone = await house.linked()
    old = dpop.nonce(house.parts.keys.ring, house.now() - 600)
    for nonce in (None, "somebody-else", old):
        headers = _headers(house, phone, "GET", f"{BASE}/session", nonce=nonce)
        async with house.http.get(f"{house.url}{BASE}/session", headers=headers) as answer:
            assert answer.headers["DPoP-Nonce"] == dpop.nonce(house.parts.keys.ring, house.now())
            assert 'error="use_dpop_nonce"' in answer.headers["WWW-Authenticate"]
            code = checked(answer.status, answer.headers["Content-Type"], await answer.read()).code
        assert code == "use-dpop-nonce"
    await house.pass_time(601)
    assert (await phone.session()).linked


async def test_a_stolen_token_is_of_no_use(house: House) -> None:
    """The token without the device's key, with another key, or without any proof opens nothing."""
    _, _, phone = await house.linked()
    thief = house.phone()
    thief.token = phone.token
    for act in (thief.session, thief.review, thief.stop, thief.receipt):
        with refused("wrong-secret"):
            await act()
    good = _headers(house, phone, "GET", f"{BASE}/session")
    assert await _asked(house, phone, {"Authorization": good["Authorization"]}) == "invalid-proof"
    assert await _asked(house, phone, {"DPoP": good["DPoP"]}) == "unauthorized"
    assert await _asked(house, phone, good | {"Authorization": f"Bearer {phone.token}"}) == "unauthorized"
    assert await _asked(house, phone, good | {"DPoP": "x" * 5000}) == "invalid-proof"
    assert (await phone.session()).linked


async def test_the_key_of_another_phone_does_not_open_the_vault(house: House) -> None:
    """Two phones of two sessions: neither token works with the other's key, nor for the other's session."""
    _, _, one = await house.linked()
    _, _, other = await house.linked()
    one.token, other.token = other.token, one.token
    for phone in (one, other):
        with refused("wrong-secret"):
            await phone.review()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "invalid-request"),
        (b"[]", "invalid-request"),
        (b"null", "invalid-request"),
        (b'{"person": "applicant", "field": "x", "text": "\xff"}', "invalid-request"),
        (b"[" * 20_000, "invalid-request"),
        (b'{"person": "neighbour", "field": "income", "text": "x"}', "invalid-request"),
        (b'{"person": "applicant", "field": "income", "text": 7}', "invalid-request"),
        (b'{"person": "applicant", "field": "a b", "text": "x"}', "invalid-request"),
        (b'{"person": "applicant", "field": "income", "text": "x", "more": 1}', "invalid-request"),
        (b'{"person": "applicant", "field": "income", "text": "' + b"x" * 501 + b'"}', "invalid-request"),
        (b'{"text": "' + b"x" * 70_000 + b'"}', "too-large"),
    ],
    ids=lambda value: value[:24].decode(errors="replace") if isinstance(value, bytes) else value,
)
async def test_a_body_is_exactly_as_asked(house: House, content: bytes, code: str) -> None:
    """Malformed, oversized, wrongly typed or unknown: refused as a problem that quotes no value; nothing is kept."""
    created, _, phone = await house.linked()
    path = f"{BASE}/remarks"
    headers = _headers(house, phone, "POST", path) | _JSON
    problem = checked(*await raw(phone, house, "POST", path, headers=headers, data=content))
    assert problem.code == code
    assert bool(problem.errors) == (code == "invalid-request")
    assert "xxxx" not in "".join(problem.errors)
    assert (await house.parts.sessions.read(created.id)).session.records == {}


async def test_every_mistake_is_named_at_once(house: House) -> None:
    """A request with several mistakes names them all, by field."""
    _, _, phone = await house.linked()
    path = f"{BASE}/persons/applicant/consent"
    content = b'{"reviewDigest": "short", "extra": true}'
    headers = _headers(house, phone, "POST", path) | _JSON
    problem = checked(*await raw(phone, house, "POST", path, headers=headers, data=content))
    assert {line.split(":")[0] for line in problem.errors} == {"reviewDigest", "extra", "textDigest"}


async def test_only_json_and_only_known_addresses(house: House) -> None:
    """Another media type, an unknown address and another method are problems of the catalogue too."""
    _, browser, phone = await house.linked()
    form = _headers(house, phone, "POST", f"{BASE}/remarks")
    found = [
        checked(*await raw(phone, house, "POST", f"{BASE}/remarks", headers=form, data={"person": "applicant"})),
        checked(*await raw(phone, house, "GET", f"{BASE}/nowhere", headers={})),
        checked(*await raw(phone, house, "PUT", f"{BASE}/session", headers={})),
    ]
    assert [problem.code for problem in found] == ["unsupported-media-type", "not-found", "method-not-allowed"]
    elsewhere = {"Origin": "https://elders.example", "Cookie": f"__Host-ophaalbrug={browser.cookie}"}
    assert checked(*await raw(phone, house, "POST", "/j/stop", headers=elsewhere)).code == "unauthorized"
    assert (await browser.status()).status == "collecting"


async def test_a_pairing_needs_exactly_one_way_in(house: House) -> None:
    """A token and a typed code together, or neither, is a mistake of the caller."""
    for body in ({}, {"token": "a", "typedCode": "b"}):
        with refused("invalid-request"):
            await house.phone().request("POST", "/pairings", body)


async def test_a_callback_needs_exactly_a_code_or_an_error(house: House) -> None:
    """A login comes back with a code, or with the error it named instead."""
    _, _, phone = await house.linked()
    for body in ({"state": "s"}, {"state": "s", "code": "c", "error": "e"}):
        with refused("invalid-request"):
            await phone.request("POST", "/logins/callback", body)
