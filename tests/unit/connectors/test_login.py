"""DigiD login against a real OpenID Connect provider over sockets, honest and otherwise."""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from connectors import login_tokens
from connectors.login import DigiD, Identity, LoginRefused, LoginSettings, refused
from connectors.outbound import Door
from tests.unit.connectors.login_provider import (
    BSN,
    CLIENT,
    LOA,
    NOW,
    RETURN,
    SUBJECT,
    Change,
    Claims,
    Provider,
    finished,
    key_of,
    logged_in,
    meeting,
    pem,
    public_jwk,
    reason,
    seconds,
    signed,
    started,
    unsigned,
    with_,
    without,
)


async def test_begin_sends_the_citizen_with_everything(tmp_path: Path) -> None:
    """The address has code flow, PKCE S256, state, nonce and level; nothing forces a new login unless asked."""
    provider = Provider()
    async with meeting(tmp_path, provider) as digid:
        start = await started(digid, level="substantial")
        other = await started(digid)
    query = dict(parse_qsl(urlsplit(start.url).query))
    challenge = urlsafe_b64encode(hashlib.sha256(start.verifier.encode()).digest()).rstrip(b"=").decode()
    assert query == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": RETURN,
        "scope": "openid",
        "state": start.state,
        "nonce": start.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "acr_values": f"{LOA}substantial",
    }
    secrets_made = {start.state, start.nonce, start.verifier, other.state, other.nonce, other.verifier}
    assert len(secrets_made) == 6
    assert all(len(secret) >= 43 for secret in secrets_made)
    assert start.verifier not in start.url


async def test_begin_fresh_and_sms(tmp_path: Path) -> None:
    """A fresh login has prompt=login and max_age=0; the SMS scope is asked only where the settings have one."""
    async with meeting(tmp_path, Provider(), sms_scope="sms") as digid:
        fresh = await digid.begin(minimum_level="low", fresh=True, now=NOW, sms=True)
        plain = await digid.begin(minimum_level="low", fresh=False, now=NOW)
    query = dict(parse_qsl(urlsplit(fresh.url).query))
    assert (query["prompt"], query["max_age"], query["scope"]) == ("login", "0", "openid sms")
    assert "prompt" not in plain.url
    assert dict(parse_qsl(urlsplit(plain.url).query))["scope"] == "openid"


async def test_login_gives_an_identity(tmp_path: Path) -> None:
    """The whole way: code, tokens, nested userinfo; the weaker of two stated levels counts."""
    identity = await logged_in(tmp_path, Provider(), fresh_since=NOW)
    assert identity == Identity(bsn=BSN, level="low", authenticated_at=NOW, subject=SUBJECT)


async def test_other_algorithms_agree(tmp_path: Path) -> None:
    """PS256 signatures and GCM encryption are as good; RS256 assertions can be set; a lone key needs no kid."""
    provider = Provider()
    provider.jwks = {
        "keys": [public_jwk(key_of("provider"), alg="PS256"), {"kty": "odd"}, {"kty": "oct", "k": "AA", "use": "enc"}]
    }
    provider.sign = lambda claims: jwt.encode(claims, key_of("provider"), "PS256")
    provider.sign_info = provider.sign
    provider.seal = lambda token: provider.sealed(token, "RSA-OAEP-256", "A256GCM")
    async with meeting(tmp_path, provider, assertion_algorithm="RS256") as digid:
        start = await started(digid)
        assert (await finished(digid, start, provider.authorized(start.url))).bsn == BSN


@pytest.mark.parametrize(
    "change",
    [
        with_(nonce="another"),
        without("nonce"),
        with_(iss="https://other.example"),
        with_(aud="other-client"),
        with_(aud=["other-client"]),
        with_(aud=[CLIENT, "other-client"]),
        with_(aud=[CLIENT, "other-client"], azp="other-client"),
        with_(azp="other-client"),
        with_(exp=seconds(NOW) - 31),
        without("exp"),
        with_(exp="soon"),
        with_(nbf=seconds(NOW) + 31),
        with_(iat=seconds(NOW) + 31),
        with_(iat=seconds(NOW) - 601),
        without("iat"),
        without("sub"),
        with_(sub=""),
        with_(auth_time=seconds(NOW) + 3600),
    ],
)
async def test_id_tokens_that_prove_nothing(tmp_path: Path, change: Change) -> None:
    """Wrong nonce, issuer, audience or times: the login is refused as invalid."""
    provider = Provider()
    provider.id_claims = change
    assert await reason(tmp_path, provider) == "invalid"


async def test_audiences_with_azp(tmp_path: Path) -> None:
    """A token for several audiences counts when `azp` says it was made for us."""
    provider = Provider()
    provider.id_claims = with_(aud=["other", CLIENT], azp=CLIENT)
    assert (await logged_in(tmp_path, provider)).bsn == BSN


@pytest.mark.parametrize(
    "sign",
    [
        unsigned,
        lambda claims: signed(claims, key_of("other")),
        lambda claims: signed(claims, kid="unknown"),
        lambda claims: signed(claims, algorithm="RS512"),
        lambda claims: signed(claims, algorithm="PS256"),
        lambda claims: jwt.encode(claims, "p" * 64, "HS256", {"kid": "p-1"}),
        lambda claims: signed(claims).rpartition(".")[0] + ".",
        lambda _: "no.token",
        lambda _: "",
    ],
    ids=["none", "other-key", "unknown-kid", "alg", "not-the-keys-alg", "hmac", "no-signature", "garbage", "empty"],
)
@pytest.mark.parametrize("which", ["sign", "sign_info"])
async def test_signatures_that_prove_nothing(tmp_path: Path, sign: Callable[[Claims], str], which: str) -> None:
    """Neither the id_token nor userinfo counts unsigned, or signed with another key or another algorithm."""
    provider = Provider()
    setattr(provider, which, sign)
    assert await reason(tmp_path, provider) == "invalid"


@pytest.mark.parametrize(
    "change",
    [
        with_(sub="somebody-else"),
        without("sub"),
        with_(iss="https://other.example"),
        with_(aud="other-client"),
        with_(exp=seconds(NOW) - 31),
        without("exp"),
        with_(nbf=seconds(NOW) + 31),
    ],
)
async def test_userinfo_that_proves_nothing(tmp_path: Path, change: Change) -> None:
    """Userinfo about another subject, from another issuer, for another client or of another time is invalid."""
    provider = Provider()
    provider.info_claims = change
    assert await reason(tmp_path, provider) == "invalid"


async def test_userinfo_must_be_encrypted_to_us(tmp_path: Path) -> None:
    """Signed only, plain JSON, another content type, another's key, or a weak algorithm: refused."""
    provider = Provider()
    provider.seal = same_token
    assert await reason(tmp_path, provider) == "invalid"
    provider.sign_info = json.dumps
    assert await reason(tmp_path, provider) == "invalid"
    provider = Provider()
    provider.info_type = "application/json"
    assert await reason(tmp_path, provider) == "invalid"
    provider = Provider()
    provider.seal = lambda token: provider.sealed(token, "RSA1_5", "A128CBC-HS256")
    assert await reason(tmp_path, provider) == "invalid"
    provider = Provider()
    sealed = provider.seal

    def to_another(token: str) -> str:
        provider.client_jwks = {"keys": [public_jwk(key_of("other"), use="enc")]}
        return sealed(token)

    provider.seal = to_another
    assert await reason(tmp_path, provider) == "invalid"


def same_token(token: str) -> str:
    return token


async def test_replayed_code_and_foreign_verifier(tmp_path: Path) -> None:
    """A code is good once and only with the verifier of its own login."""
    provider = Provider()
    async with meeting(tmp_path, provider) as digid:
        start, other = await started(digid), await started(digid)
        code = provider.authorized(start.url)
        assert (await finished(digid, start, code)).bsn == BSN
        with pytest.raises(LoginRefused, match="invalid"):
            await finished(digid, start, code)
        with pytest.raises(LoginRefused, match="invalid"):
            await finished(digid, start, provider.authorized(start.url), verifier=other.verifier)
        with pytest.raises(LoginRefused, match="invalid"):
            await finished(digid, start, provider.authorized(other.url), verifier=other.verifier)


async def test_fresh_logins(tmp_path: Path) -> None:
    """With fresh_since a login of before that second, or without a time, is refused; of that second it counts."""
    since = NOW - timedelta(seconds=5)
    for change in (
        with_(auth_time=seconds(since) - 1),
        without("auth_time"),
        with_(auth_time="now"),
        with_(auth_time=True),
    ):
        provider = Provider()
        provider.id_claims = change
        assert await reason(tmp_path, provider, fresh_since=since) == "not-fresh"
    provider = Provider()
    provider.id_claims = with_(auth_time=seconds(since))
    fresh = await logged_in(tmp_path, provider, fresh_since=since + timedelta(milliseconds=900))
    assert fresh.authenticated_at == since


async def test_login_time_without_fresh(tmp_path: Path) -> None:
    """Where no fresh login was asked the provider may reuse one, and may leave its time out: `iat` is the bound."""
    provider = Provider()
    provider.id_claims = with_(auth_time=seconds(NOW) - 800)
    assert (await logged_in(tmp_path, provider)).authenticated_at == NOW - timedelta(seconds=800)
    provider.id_claims = without("auth_time")
    assert (await logged_in(tmp_path, provider)).authenticated_at == NOW


@pytest.mark.parametrize(
    ("acr", "loa", "minimum", "outcome"),
    [
        (f"{LOA}low", f"{LOA}low", "low", "low"),
        (f"{LOA}high", f"{LOA}substantial", "substantial", "substantial"),
        (f"{LOA}low", f"{LOA}substantial", "substantial", "level-too-low"),
        (f"{LOA}substantial", f"{LOA}low", "substantial", "level-too-low"),
        (f"{LOA}substantial", f"{LOA}substantial", "high", "level-too-low"),
        (None, f"{LOA}high", "high", "high"),
        (None, "urn:oasis:names:tc:SAML:2.0:ac:classes:Smartcard", "substantial", "substantial"),
        (None, "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", "low", "level-too-low"),
        (None, "substantial", "low", "level-too-low"),
        (None, 3, "low", "level-too-low"),
        (None, None, "low", "level-too-low"),
    ],
)
async def test_levels(tmp_path: Path, acr: str | None, loa: object, minimum: str, outcome: str) -> None:
    """The weakest stated level must reach the minimum; what is not in the table is below every level."""
    provider = Provider()
    provider.id_claims = without("acr") if acr is None else with_(acr=acr)
    provider.info_claims = without("loa_authn") if loa is None else with_(loa_authn=loa)
    try:
        assert (await logged_in(tmp_path, provider, minimum_level=minimum)).level == outcome
    except LoginRefused as refusal:
        assert refusal.reason == outcome  # noqa: PT017  either way out is an outcome here


@pytest.mark.parametrize("bsn", [None, "", "123456789", "99999365", 999993653, f"s00000001:{BSN}", "000000000"])
async def test_no_bsn(tmp_path: Path, bsn: object) -> None:
    """No BSN, one that fails the elfproef, a number, or a sofi-number: nobody is logged in."""
    provider = Provider()
    provider.info_claims = with_(bsn=bsn)
    assert await reason(tmp_path, provider) == "no-bsn"


async def test_bsn_with_its_sector_code(tmp_path: Path) -> None:
    """DigiD's own spelling, with the sector code of the BSN before it, is the same BSN."""
    provider = Provider()
    provider.info_claims = with_(bsn=f"s00000000:{BSN}")
    assert (await logged_in(tmp_path, provider)).bsn == BSN


@pytest.mark.parametrize(
    ("path", "status", "outcome"),
    [
        ("/token", 400, "invalid"),
        ("/token", 401, "provider-error"),
        ("/token", 500, "provider-error"),
        ("/userinfo", 401, "provider-error"),
        ("/jwks", 503, "provider-error"),
        ("/.well-known/openid-configuration", 404, "provider-error"),
        ("/token", 302, "provider-error"),
    ],
)
async def test_provider_in_trouble(tmp_path: Path, path: str, status: int, outcome: str) -> None:
    """An error of the provider is its error; only a refused code says something of the login."""
    provider = Provider()
    provider.status = {path: status}
    assert await reason(tmp_path, provider) == outcome


async def test_provider_out_of_reach(tmp_path: Path) -> None:
    """Nobody listens: unreachable, so that a source can say it is down before anyone logs in."""
    async with meeting(tmp_path, Provider()) as digid:
        settings = digid._settings  # pyright: ignore[reportPrivateUsage]
    door = Door.configured(settings.hosts())
    with pytest.raises(LoginRefused, match="unreachable"):
        await started(DigiD(settings, door))
    await door.close()


@pytest.mark.parametrize(
    "change",
    [with_(issuer="http://other.example"), without("token_endpoint"), with_(jwks_uri="http://127.0.0.1:1/jwks")],
)
async def test_discovery_must_be_the_issuers(tmp_path: Path, change: Change) -> None:
    """A document of another issuer, without an endpoint, or with one on another host than the settings name."""
    provider = Provider()
    provider.discovery = change
    assert await reason(tmp_path, provider) == "provider-error"


async def test_documents_are_kept_and_keys_renewed(tmp_path: Path) -> None:
    """Discovery and keys are fetched once; an unknown kid fetches keys again, but at most once a minute."""
    provider = Provider()
    async with meeting(tmp_path, provider) as digid:
        for _ in range(2):
            start = await started(digid)
            await finished(digid, start, provider.authorized(start.url))
        assert provider.asked.count("/jwks") == 1
        assert provider.asked.count("/.well-known/openid-configuration") == 1
        provider.jwks = {"keys": [public_jwk(key_of("other"), kid="p-2")]}
        provider.sign = provider.sign_info = lambda claims: signed(claims, key_of("other"), kid="p-2")
        start = await started(digid)
        with pytest.raises(LoginRefused, match="invalid"):
            await finished(digid, start, provider.authorized(start.url))
        assert provider.asked.count("/jwks") == 1
        later = NOW + timedelta(seconds=61)
        assert (await finished(digid, start, provider.authorized(start.url), now=later)).bsn == BSN
        assert provider.asked.count("/jwks") == 2


async def test_a_bridge_that_hangs_is_waited_for_once(tmp_path: Path) -> None:
    """Logins that need the same document wait for one request and end with it; they do not wait in a row."""
    provider = Provider()
    async with meeting(tmp_path, provider, timeout_seconds=1.0) as digid:
        provider.hangs = "/.well-known/openid-configuration"
        begun = await asyncio.gather(*(started(digid) for _ in range(10)), return_exceptions=True)
        assert [str(outcome) for outcome in begun] == ["unreachable"] * 10
        assert provider.asked == ["/.well-known/openid-configuration"]
        provider.hangs = "/jwks"
        start = await started(digid)
        codes = [provider.authorized(start.url) for _ in range(10)]
        ended = await asyncio.gather(*(finished(digid, start, code) for code in codes), return_exceptions=True)
        assert [str(outcome) for outcome in ended] == ["unreachable"] * 10
        assert provider.asked.count("/jwks") == 1
        provider.hangs = ""
        assert (await finished(digid, start, provider.authorized(start.url))).bsn == BSN


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("access_denied", "cancelled"),
        ("saml_authn_failed", "cancelled"),
        ("login_required", "cancelled"),
        ("interaction_required", "cancelled"),
        ("account_selection_required", "cancelled"),
        ("consent_required", "cancelled"),
        ("temporarily_unavailable", "unreachable"),
        ("server_error", "provider-error"),
        ("invalid_request", "provider-error"),
        ("", "provider-error"),
    ],
)
def test_callback_errors(error: str, outcome: str) -> None:
    """Whatever bridges call it, a citizen who stopped is no fault; a bridge that is busy is not a broken one."""
    assert refused(error).reason == outcome


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),  # noqa: S505  short on purpose
        ec.generate_private_key(ec.SECP256R1()),
    ],
    ids=["short", "ec"],
)
def test_key_files_are_checked(tmp_path: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    """A short key, another kind, a public key or no key stops the start."""
    file = tmp_path / "key.pem"
    file.write_bytes(pem(key))
    with pytest.raises(ValueError, match="RSA key"):
        login_tokens.private_key(str(file))
    public = key_of("client").public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    for content in (b"no key", public.public_bytes(serialization.Encoding.PEM, form)):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="RSA key"):
            login_tokens.private_key(str(file))


def test_public_keys_hold_no_private_half(tmp_path: Path) -> None:
    """What we give for registration has two public keys with their uses, and nothing secret."""
    file = tmp_path / "key.pem"
    file.write_bytes(pem(key_of("client")))
    settings = LoginSettings(issuer="http://127.0.0.1:1", client_id=CLIENT, redirect_uri=RETURN, key_file=str(file))
    keys: Any = DigiD(settings, Door.configured(settings.hosts())).jwks()["keys"]
    assert [set(key) - {"alg"} for key in keys] == [{"kty", "n", "e", "kid", "use"}] * 2
    assert [key["use"] for key in keys] == ["sig", "enc"]


@cache
def jose_key() -> login_tokens.RSAKey:
    """Ours, checked once."""
    return login_tokens.RSAKey.import_key(key_of("client"))


PART = st.one_of(
    st.text(alphabet="abAB01-_=", max_size=12),
    st.sampled_from(
        [
            b"[" * 4000,
            b"{}",
            b'{"alg":"RS256"}',
            b'{"alg":1}',
            b'{"alg":"RS256","kid":[]}',
            b"null",
            b'{"b64":false,"crit":["b64"],"alg":"RS256"}',
        ]
    ).map(lambda raw: urlsafe_b64encode(raw).rstrip(b"=").decode()),
)


@given(st.lists(PART, max_size=6).map(".".join) | st.text(max_size=20))
def test_odd_tokens_are_refused(token: str) -> None:
    """Whatever comes as a token is read or refused with a ValueError, and nothing else."""
    with pytest.raises(ValueError, match="not a JWE"):
        login_tokens.opened(token.encode(), jose_key())
    try:
        parts = login_tokens.taken_apart(token.encode())
    except ValueError:
        return
    with pytest.raises(ValueError, match="signature"):
        login_tokens.verified(parts, jose_key(), issuer="i", client_id="c", now=NOW)
