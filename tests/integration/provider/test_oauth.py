"""Access tokens: who gets one with which assertion, how long it lives, and what gives no access (RFC 7523)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from jwcrypto.jwk import JWK

from broker.oauth import ASSERTION_TYPE
from broker.providers import ProfileEntry, Provider, checked
from sandbox.backoffice import BackOffice
from sandbox.stage import NAME, PROFILES
from sessions.model import Text
from tests.house import House
from tests.integration.provider.asking import ask, problem, registered, until
from tests.integration.provider.assertions import claims, exchange, forged, new, part, public, signed

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENT = "sleutelbos"
KEYS = {"ES256": new("P-256"), "PS256": new("RSA"), "EdDSA": new("Ed25519"), "Ed25519": new("Ed25519")}
SEALING = new("P-256", use="enc")
PROFILE = ProfileEntry(
    id="bijstand", purpose=Text(nl="Doel", en="Purpose"), required=("uwv",), fields=("income.employment",)
)
ES256 = KEYS["ES256"]
SLASHED = "our address with a slash"


def provider_of(*keys: JWK, name: str = CLIENT, **more: Any) -> Provider:
    """A provider with these keys to sign with, and one to seal to."""
    return checked(
        Provider(id=name, name=Text(nl=NAME.nl, en=NAME.en), keys=public(*keys, SEALING), profile=(PROFILE,), **more)
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def client(house: House) -> str:
    """A provider that has a key of every kind; its sealing key is for nothing else."""
    await house.parts.providers.put(provider_of(*KEYS.values()))
    return CLIENT


@pytest.mark.parametrize("algorithm", list(KEYS))
async def test_every_algorithm_of_the_profile_is_accepted(house: House, algorithm: str) -> None:
    """ES256, PS256, EdDSA and Ed25519 (RFC 9864) give an opaque Bearer token of 300 seconds that works."""
    answer = await exchange(house, signed(claims(house, CLIENT), KEYS[algorithm], algorithm))
    granted = answer.json()
    assert (answer.status, granted["token_type"], granted["expires_in"]) == (200, "Bearer", 300)
    assert (await ask(house, "GET", "/v1/profiles", token=granted["access_token"])).status == 200


async def test_the_audience_is_this_issuer(house: House) -> None:
    """As a text, or as a list of one."""
    for audience in (house.url, [house.url]):
        told = claims(house, CLIENT, aud=audience)
        assert (await exchange(house, signed(told, ES256, "ES256"))).status == 200


async def test_no_other_audience_will_do(house: House) -> None:
    """Not the token endpoint, and nobody beside us: what is meant for two is good for an attacker between them."""
    elsewhere = "https://elsewhere.example"
    for audience in (f"{house.url}/oauth/token", [house.url, elsewhere], [elsewhere, house.url], [house.url] * 2):
        told = claims(house, CLIENT, aud=audience)
        problem(await exchange(house, signed(told, ES256, "ES256")), "invalid-client")


async def test_without_a_kid_the_key_is_found_by_trying(house: House) -> None:
    """RFC 7515 leaves `kid` optional."""
    assert (await exchange(house, signed(claims(house, CLIENT), ES256, "ES256", kid=None))).status == 200


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"aud": "https://elsewhere.example"}, id="audience"),
        pytest.param({"aud": None}, id="no-audience"),
        pytest.param({"aud": []}, id="empty-audience"),
        pytest.param({"aud": SLASHED}, id="audience-with-a-slash"),
        pytest.param({"sub": "waterschap"}, id="iss-is-not-sub"),
        pytest.param({"iss": "waterschap"}, id="sub-is-not-iss"),
        pytest.param({"iss": "nobody", "sub": "nobody"}, id="unknown-client"),
        pytest.param({"exp": -1}, id="expired"),
        pytest.param({"exp": 0}, id="expires-now"),
        pytest.param({"exp": None}, id="no-expiry"),
        pytest.param({"exp": "later"}, id="expiry-is-text"),
        pytest.param({"exp": 3600}, id="far-too-long"),
        pytest.param({"exp": 330}, id="a-little-too-long"),
        pytest.param({"iat": -260, "exp": 60}, id="long-since-it-was-made"),
        pytest.param({"iat": 60, "exp": 120}, id="from-the-future"),
        pytest.param({"nbf": 60}, id="not-yet"),
        pytest.param({"jti": "x" * 15}, id="short-jti"),
        pytest.param({"jti": "x" * 201}, id="endless-jti"),
        pytest.param({"jti": None}, id="no-jti"),
    ],
)
async def test_an_assertion_that_says_the_wrong_things_is_refused(house: House, change: dict[str, Any]) -> None:
    """Each claim counts, though the signature is right; times are relative to now, and never more than 300 seconds."""
    now = int(house.now())
    told = {name: now + v if name in ("exp", "iat", "nbf") and isinstance(v, int) else v for name, v in change.items()}
    if told.get("aud") == SLASHED:
        told["aud"] = f"{house.url}/"
    problem(await exchange(house, signed(claims(house, CLIENT, **told), ES256, "ES256")), "invalid-client")


async def test_nesting_without_end_is_refused(house: House) -> None:
    """However deep: it is our parser that stops, and it is no failure of ours."""
    text = json.dumps(claims(house, CLIENT))[:-1] + ', "extra": ' + "[" * 2500 + "]" * 2500 + "}"
    header = json.dumps({"alg": "ES256", "kid": ES256["kid"]})
    problem(await exchange(house, f"{part(header.encode())}.{part(text.encode())}.eA"), "invalid-client")


STRANGER = new("P-256")


@pytest.mark.parametrize(
    ("key", "algorithm", "header"),
    [
        pytest.param(STRANGER, "ES256", {"kid": ES256["kid"]}, id="strangers-key-under-our-kid"),
        pytest.param(STRANGER, "ES256", {}, id="unknown-kid"),
        pytest.param(STRANGER, "ES256", {"kid": None}, id="strangers-key-without-kid"),
        pytest.param(ES256, "ES256", {"kid": KEYS["PS256"]["kid"]}, id="kid-of-our-other-key"),
        pytest.param(SEALING, "ES256", {}, id="signed-with-the-sealing-key"),
        pytest.param(SEALING, "ES256", {"kid": None}, id="sealing-key-without-kid"),
        pytest.param(KEYS["PS256"], "RS256", {}, id="RS256"),
        pytest.param(ES256, "ES256", {"crit": ["b64"], "b64": True}, id="critical-header-we-do-not-know"),
    ],
)
async def test_an_assertion_with_the_wrong_key_or_algorithm_is_refused(
    house: House, key: JWK, algorithm: str, header: dict[str, Any]
) -> None:
    """A key serves its own client, its own use and its own algorithm only."""
    problem(await exchange(house, signed(claims(house, CLIENT), key, algorithm, **header)), "invalid-client")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "ES256", 7, None])
async def test_an_assertion_that_no_private_key_signed_is_refused(house: House, algorithm: str | int | None) -> None:
    """`none`, and an HMAC whose secret is the public key (which everybody has), also under another name."""
    secret = None if str(algorithm).lower() == "none" else ES256.export_to_pem()
    header: dict[str, object] = {"alg": algorithm, "kid": ES256["kid"]}
    problem(await exchange(house, forged(claims(house, CLIENT), header, secret)), "invalid-client")


async def test_another_providers_key_is_refused(house: House, other: BackOffice) -> None:
    """A registered provider is not every registered provider."""
    told = claims(house, CLIENT)
    problem(await exchange(house, signed(told, other.signing_key, "ES256")), "invalid-client")


@pytest.mark.parametrize("assertion", ["", "a", "a.b", "a.b.c", "....", "é.é.é", "bnVsbA.bnVsbA.bnVsbA", "a" * 9000])
async def test_what_is_no_assertion_is_refused(house: House, assertion: str) -> None:
    """Any text at all."""
    problem(await exchange(house, assertion), "invalid-client")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"grant_type": "authorization_code"}, "unsupported-grant-type"),
        ({"grant_type": ""}, "invalid-request"),
        ({"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, "invalid-client"),
    ],
)
async def test_there_is_one_grant_and_one_way_to_prove_oneself(house: House, form: dict[str, str], code: str) -> None:
    """Client credentials with private_key_jwt; anything else is named as RFC 6749 (5.2) does."""
    answer = await exchange(house, signed(claims(house, CLIENT), ES256, "ES256"), **form)
    problem(answer, code)
    assert answer.json()["error"] == code.replace("-", "_")


@pytest.mark.parametrize(
    ("media_type", "body", "code"),
    [
        ("application/json", b'{"grant_type": "client_credentials"}', "unsupported-media-type"),
        ("application/json", b"{", "unsupported-media-type"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken", "unsupported-media-type"),
        ("multipart/form-data", b"--x", "unsupported-media-type"),
        ("text/plain", b"grant_type=client_credentials", "unsupported-media-type"),
        ("application/x-www-form-urlencoded", b"\xff\xfe%zz&&=&", "invalid-request"),
        ("Application/X-WWW-Form-Urlencoded; charset=utf-8", b"%zz&&=&", "invalid-request"),
    ],
)
async def test_what_is_no_form_is_refused(house: House, media_type: str, body: bytes, code: str) -> None:
    """Whatever is sent to the token endpoint, the answer is a problem of the catalogue and no failure of ours."""
    answer = await ask(house, "POST", "/oauth/token", data=body, headers={"Content-Type": media_type})
    problem(answer, code)
    assert answer.json()["error"] == "invalid_request"


async def test_an_assertion_is_good_once(house: House) -> None:
    """Of fifty at the same moment one gets a token; another assertion with the same jti gets none either."""
    told = claims(house, CLIENT)
    assertion = signed(told, ES256, "ES256")
    answers = await asyncio.gather(*(exchange(house, assertion) for _ in range(50)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 49
    again = signed({**told, "exp": told["exp"] + 1}, ES256, "ES256")
    problem(await exchange(house, again), "invalid-client")


async def test_the_jti_of_one_provider_is_free_for_another(house: House, other: BackOffice) -> None:
    """No provider can use up another's."""
    jti = "the-same-jti-for-both"
    assert (await exchange(house, signed(claims(house, CLIENT, jti=jti), ES256, "ES256"))).status == 200
    told = claims(house, other.id, jti=jti)
    assert (await exchange(house, signed(told, other.signing_key, "ES256"))).status == 200


async def test_a_token_ends_after_300_seconds_of_our_clock(house: House, other: BackOffice) -> None:
    """Not a second before, and whatever the store's clock says."""
    token = await other.access_token()
    await house.pass_time(298)
    assert (await ask(house, "GET", "/v1/profiles", token=token)).status == 200
    await house.pass_time(3)
    answer = await ask(house, "GET", "/v1/profiles", token=token)
    problem(answer, "unauthorized")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_a_removed_provider_has_no_access(house: House, tmp_path: Path) -> None:
    """Its tokens end with it, and it gets no new ones."""
    office = BackOffice("tijdelijk", house.url, house.http, clock=house.now)
    await registered(house, tmp_path, office, PROFILES[:1])
    token = await office.access_token()
    assert (await ask(house, "GET", "/v1/profiles", token=token)).status == 200
    await house.parts.providers.remove(office.id)
    gone = await until(lambda: ask(house, "GET", "/v1/profiles", token=token), lambda answer: answer.status != 200)
    problem(gone, "unauthorized")
    told = claims(house, office.id)
    problem(await exchange(house, signed(told, office.signing_key, "ES256")), "invalid-client")


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic b2JhXzE6", "Bearer oba_unknown", "Bearer obb_0.x", "DPoP oba_x"],
)
async def test_without_a_token_there_is_no_access(house: House, authorization: str | None) -> None:
    """401 with a challenge, on every call of the provider API."""
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in [("GET", "/v1/profiles"), ("POST", "/v1/sessions"), ("DELETE", "/v1/sessions/x")]:
        answer = await ask(house, method, path, headers=headers)
        problem(answer, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_the_metadata_say_where_and_how(house: House) -> None:
    """RFC 8414: the issuer is our base address, and what is promised is what the other tests use."""
    told = (await ask(house, "GET", "/.well-known/oauth-authorization-server")).json()
    assert told["issuer"] == house.url
    assert told["token_endpoint"] == f"{house.url}/oauth/token"
    assert told["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert told["token_endpoint_auth_signing_alg_values_supported"] == list(KEYS)
    assert ASSERTION_TYPE.endswith("jwt-bearer")


async def test_the_published_keys_are_public(house: House) -> None:
    """One for each algorithm we sign with, each with a kid, and no private member."""
    keys = (await ask(house, "GET", "/.well-known/jwks.json")).json()["keys"]
    assert [key["alg"] for key in keys] == ["ES256", "PS256", "Ed25519"]
    assert all(key["kid"] and key["use"] == "sig" for key in keys)
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & {name for key in keys for name in key}
