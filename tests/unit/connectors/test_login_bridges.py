"""DigiD login at bridges of other make: other proof of the client, other forms of userinfo, other names of claims."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from connectors.login import DigiD, Identity, LoginRefused
from tests.unit.connectors.login_provider import (
    BSN,
    CLIENT,
    LOA,
    NOW,
    SUBJECT,
    Change,
    Claims,
    Provider,
    finished,
    key_of,
    meeting,
    public_jwk,
    same,
    seconds,
    signed,
    started,
    with_,
    without,
)

OTHER_BSN = "999990019"
SECRET = "geheim:+/=&%"


def unsealed(token: str) -> str:
    return token


def plain_text(claims: Claims) -> str:
    return json.dumps(claims)


def plain(change: Change = same) -> Provider:
    """A bridge whose userinfo is JSON, with only what the person is asked about."""
    provider = Provider()
    provider.sign_info, provider.seal, provider.info_type = plain_text, unsealed, "application/json; charset=utf-8"
    provider.info_claims = lambda claims: change({name: claims[name] for name in ("sub", "bsn", "loa_authn")})
    return provider


async def met(tmp_path: Path, provider: Provider, *, fresh: bool = False, **options: Any) -> Identity:
    """Who logs in at this bridge with these settings."""
    async with meeting(tmp_path, provider, **options) as digid:
        start = await started(digid, fresh=fresh)
        since = NOW if fresh else None
        return await finished(digid, start, provider.authorized(start.url), fresh_since=since)


async def why(tmp_path: Path, provider: Provider, **options: Any) -> str:
    """Why this login is refused; proves on the way that the refusal repeats nothing of the person."""
    with pytest.raises(LoginRefused) as caught:
        await met(tmp_path, provider, **options)
    assert caught.value.args == (caught.value.reason,)
    return caught.value.reason


def secret_file(tmp_path: Path, text: str = f"{SECRET}\n") -> str:
    file = tmp_path / "secret"
    file.write_text(text, encoding="utf-8")
    return str(file)


async def test_secret_in_the_header(tmp_path: Path) -> None:
    """client_secret_basic: name and secret are form-encoded before they are put together (RFC 6749, 2.3.1)."""
    provider = plain()
    provider.by_assertion = False
    how = {"client_authentication": "client_secret_basic", "client_secret_file": secret_file(tmp_path)}
    assert (await met(tmp_path, provider, userinfo="plain", key_file=None, **how)).bsn == BSN
    ((form, header),) = provider.proofs
    kind, _, value = header.partition(" ")
    assert (kind, b64decode(value).decode()) == ("Basic", f"{CLIENT}:geheim%3A%2B%2F%3D%26%25")
    assert set(form) == {"grant_type", "code", "redirect_uri", "code_verifier"}


async def test_secret_in_the_form(tmp_path: Path) -> None:
    """client_secret_post: name and secret stand in the form, and no assertion or header besides."""
    provider = plain()
    provider.by_assertion = False
    how = {"client_authentication": "client_secret_post", "client_secret_file": secret_file(tmp_path)}
    assert (await met(tmp_path, provider, userinfo="plain", key_file=None, **how)).bsn == BSN
    ((form, header),) = provider.proofs
    assert (form["client_id"], form["client_secret"], header) == (CLIENT, SECRET, "")
    assert "client_assertion" not in form


async def test_a_client_without_keys_registers_none(tmp_path: Path) -> None:
    """With a secret and open userinfo there is nothing to register; with a key to open things there is one."""
    how = {"client_authentication": "client_secret_post", "client_secret_file": secret_file(tmp_path)}
    async with meeting(tmp_path, Provider(), userinfo="plain", key_file=None, **how) as digid:
        assert digid.jwks() == {"keys": []}
    async with meeting(tmp_path, Provider(), **how) as digid:
        keys: Any = digid.jwks()["keys"]
        assert [key["use"] for key in keys] == ["enc"]


@pytest.mark.parametrize("text", ["", " \n", "two\nlines", "\x00"])
async def test_secret_files_are_checked(tmp_path: Path, text: str) -> None:
    """A file without one line of secret stops the start, and the error says nothing of what is in it."""
    how = {"client_authentication": "client_secret_post", "client_secret_file": secret_file(tmp_path, text)}
    with pytest.raises(ValueError, match=r"^client_secret_file: not one line with a secret$"):
        await met(tmp_path, plain(), **how)


async def test_userinfo_that_is_only_signed(tmp_path: Path) -> None:
    """Signed userinfo counts without `exp` (OpenID Connect Core 5.3.2), not when it has passed."""
    provider = Provider()
    provider.seal, provider.info_claims = unsealed, without("exp")
    assert (await met(tmp_path, provider, userinfo="signed")).bsn == BSN
    provider.info_claims = with_(exp=seconds(NOW) - 31)
    assert await why(tmp_path, provider, userinfo="signed") == "invalid"


@pytest.mark.parametrize(
    ("agreed", "change"),
    [
        ("signed", lambda provider: setattr(provider, "sign_info", lambda claims: signed(claims, key_of("other")))),
        ("signed", lambda provider: setattr(provider, "info_claims", with_(aud="other"))),
        ("signed", lambda provider: setattr(provider, "info_claims", with_(sub="other"))),
        ("signed", lambda provider: setattr(provider, "seal", provider.sealed)),
        ("signed", lambda provider: setattr(provider, "info_type", "application/json")),
        ("plain", lambda _: None),
        ("encrypted", lambda _: None),
    ],
    ids=["signature", "audience", "subject", "sealed", "type", "less-than-sent", "more-than-sent"],
)
async def test_userinfo_in_another_form_than_agreed(
    tmp_path: Path, agreed: str, change: Callable[[Provider], None]
) -> None:
    """What was agreed counts: a form with less or other protection is no answer, whatever it says."""
    provider = Provider()
    provider.seal = unsealed
    change(provider)
    assert await why(tmp_path, provider, userinfo=agreed) == "invalid"


async def test_plain_userinfo(tmp_path: Path) -> None:
    """JSON counts when it is about the subject of the id_token; anything else than an object is a fault."""
    assert (await met(tmp_path, plain(), userinfo="plain")) == Identity(
        bsn=BSN, level="low", authenticated_at=NOW, subject=SUBJECT
    )
    assert await why(tmp_path, plain(with_(sub="other")), userinfo="plain") == "invalid"
    assert await why(tmp_path, plain(without("sub")), userinfo="plain") == "invalid"
    provider = plain()
    provider.seal = lambda _: f'["{BSN}"]'
    assert await why(tmp_path, provider, userinfo="plain") == "provider-error"


async def test_everything_in_the_id_token(tmp_path: Path) -> None:
    """A bridge without userinfo: nothing is asked there, and its discovery document need not name it."""
    provider = Provider()
    provider.id_claims, provider.discovery = with_(bsn=BSN, loa_authn=f"{LOA}high"), without("userinfo_endpoint")
    assert (await met(tmp_path, provider, userinfo="none")).bsn == BSN
    assert "/userinfo" not in provider.asked
    assert await why(tmp_path, provider) == "provider-error"


async def test_encrypted_id_tokens(tmp_path: Path) -> None:
    """An id_token encrypted to us is opened and then checked as any other; to somebody else it proves nothing."""
    provider = Provider()
    provider.sign = lambda claims: provider.sealed(signed(claims))
    assert (await met(tmp_path, provider)).bsn == BSN
    provider.sign = lambda claims: provider.sealed(signed(claims, key_of("other")))
    assert await why(tmp_path, provider) == "invalid"
    provider.sign = lambda claims: provider.sealed(signed(claims))[:-4] + "AAAA"
    assert await why(tmp_path, provider) == "invalid"


async def test_an_encrypted_id_token_for_who_has_no_key(tmp_path: Path) -> None:
    """Without a key of our own nothing can be opened: refused, not a crash."""
    provider = plain()
    provider.by_assertion, provider.sign = False, lambda _: "a.b.c.d.e"
    how = {"client_authentication": "client_secret_post", "client_secret_file": secret_file(tmp_path)}
    assert await why(tmp_path, provider, userinfo="plain", key_file=None, **how) == "invalid"


EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
OTHER_ED_KEY = ed25519.Ed25519PrivateKey.generate()


def as_jwk(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, **more: str) -> dict[str, Any]:
    """The public half, by PyJWT."""
    algorithms = jwt.algorithms.get_default_algorithms()
    name = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "EdDSA"
    return {**json.loads(algorithms[name].to_jwk(key.public_key())), "kid": "p-2", "use": "sig", **more}


@pytest.mark.parametrize(
    ("key", "stranger", "algorithm", "named"),
    [
        (EC_KEY, OTHER_EC_KEY, "ES256", {"alg": "ES256"}),
        (EC_KEY, OTHER_EC_KEY, "ES256", {}),
        (ED_KEY, OTHER_ED_KEY, "EdDSA", {"alg": "EdDSA"}),
        (ED_KEY, OTHER_ED_KEY, "EdDSA", {"alg": "Ed25519"}),
        (ED_KEY, OTHER_ED_KEY, "EdDSA", {}),
    ],
)
async def test_elliptic_signatures(
    tmp_path: Path, key: Any, stranger: Any, algorithm: str, named: dict[str, str]
) -> None:
    """ES256 and Ed25519, under its old and its new name, count as RSA does; another key of the kind does not."""
    provider = Provider()
    provider.jwks = {"keys": [public_jwk(key_of("other")), as_jwk(key, **named)]}
    provider.sign = provider.sign_info = lambda claims: jwt.encode(claims, key, algorithm, {"kid": "p-2"})
    assert (await met(tmp_path, provider)).bsn == BSN
    provider.sign = lambda claims: jwt.encode(claims, stranger, algorithm, {"kid": "p-2"})
    assert await why(tmp_path, provider) == "invalid"


async def test_the_new_name_of_ed25519(tmp_path: Path) -> None:
    """A token that says Ed25519 (RFC 9864), which not every library can make, is read as one that says EdDSA."""
    header = urlsafe_b64encode(b'{"alg":"Ed25519","kid":"p-2"}').rstrip(b"=")

    def sign(claims: Claims) -> str:
        text = header + b"." + urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
        return (text + b"." + urlsafe_b64encode(ED_KEY.sign(text)).rstrip(b"=")).decode()

    provider = Provider()
    provider.jwks = {"keys": [as_jwk(ED_KEY)]}
    provider.sign = provider.sign_info = sign
    assert (await met(tmp_path, provider)).bsn == BSN


@pytest.mark.parametrize("crv", ["Ed448", "X25519"])
async def test_keys_of_other_curves_are_none(tmp_path: Path, crv: str) -> None:
    """A key of a curve we do not take is left out, also when it bears the kid that is looked for."""
    provider = Provider()
    provider.jwks = {"keys": [as_jwk(ED_KEY, crv=crv)]}
    provider.sign = lambda claims: jwt.encode(claims, ED_KEY, "EdDSA", {"kid": "p-2"})
    assert await why(tmp_path, provider) == "invalid"


@pytest.mark.parametrize(
    ("path", "claims"),
    [
        ("nin", {"nin": BSN}),
        (("nin", "value"), {"nin": {"value": BSN, "type": "BSN"}}),
        ("urn:example:1.0:bsn", {"urn:example:1.0:bsn": [BSN]}),
        ("idp_id", {"idp_id": f"S00000000:{BSN}"}),
    ],
)
async def test_where_the_bsn_is(tmp_path: Path, path: Any, claims: Claims) -> None:
    """By another name, inside another claim, as a list of one, or with its sector code in capitals."""
    provider = plain(lambda told: {**without("bsn")(told), **claims})
    assert (await met(tmp_path, provider, userinfo="plain", bsn_claim=path)).bsn == BSN


@pytest.mark.parametrize(
    "claims",
    [
        {"nin": BSN},
        {"nin": {"type": "BSN"}},
        {"nin": {"value": [BSN, OTHER_BSN]}},
        {"nin": {"value": []}},
        {"nin": {"value": f"S00000001:{BSN}"}},
        {"nin": [BSN]},
    ],
)
async def test_where_no_bsn_is(tmp_path: Path, claims: Claims) -> None:
    """A way that leads nowhere, or to more than one number, gives nobody."""
    provider = plain(lambda told: {**without("bsn")(told), **claims})
    assert await why(tmp_path, provider, userinfo="plain", bsn_claim=("nin", "value")) == "no-bsn"


@pytest.mark.parametrize(
    "other",
    [
        {"acting_nin": OTHER_BSN},
        {"ActingSubjectID": f"s00000000:{OTHER_BSN}"},
        {"LegalSubjectID": f"s00000000:{OTHER_BSN}"},
        {"urn:nl-eid-gdi:1.0:ActingSubjectID": [OTHER_BSN]},
        {"urn:nl-eid-gdi:1.0:LegalSubjectID": OTHER_BSN},
        {"act": {"sub": "pairwise-2"}},
        {"acting_nin": {"value": OTHER_BSN}},
        {"acting_nin": "unreadable"},
    ],
)
@pytest.mark.parametrize("where", ["id_claims", "info_claims"])
async def test_a_login_with_a_mandate(tmp_path: Path, other: Claims, where: str) -> None:
    """DigiD Machtigen: whoever logs in for somebody else is refused, wherever and however the other one is named."""
    provider = Provider()
    setattr(provider, where, with_(**other))
    assert await why(tmp_path, provider) == "on-behalf"


@pytest.mark.parametrize("own", [BSN, f"s00000000:{BSN}", "", None])
async def test_somebody_acting_for_themself(tmp_path: Path, own: object) -> None:
    """A bridge that always names who acts: the same person is no mandate."""
    provider = Provider()
    provider.info_claims = with_(ActingSubjectID=own)
    assert (await met(tmp_path, provider)).bsn == BSN


async def test_acting_claims_of_ones_own(tmp_path: Path) -> None:
    """The names can be set; then the usual ones mean nothing."""
    provider = Provider()
    provider.info_claims = with_(representative={"bsn": OTHER_BSN})
    assert (await met(tmp_path, provider)).bsn == BSN
    assert await why(tmp_path, provider, acting_claims=(("representative", "bsn"),)) == "on-behalf"


@pytest.mark.parametrize(
    ("acr", "claims", "options", "outcome"),
    [
        (None, {}, {}, "level-too-low"),
        (None, {}, {"assumed_level": "substantial"}, "substantial"),
        ("1", {"loa_authn": f"{LOA}high"}, {}, "level-too-low"),
        ("1", {"loa_authn": f"{LOA}high"}, {"ignored_levels": ("1",)}, "high"),
        ("1", {}, {"ignored_levels": ("1",)}, "level-too-low"),
        ("1", {}, {"ignored_levels": ("1",), "assumed_level": "low"}, "low"),
        ("odd", {}, {"assumed_level": "high"}, "level-too-low"),
        (f"{LOA}low", {}, {"assumed_level": "high"}, "low"),
        (None, {"digid": {"loa": ["20"]}}, {"level_claim": ("digid", "loa"), "levels": {"20": "high"}}, "high"),
    ],
)
async def test_levels_as_bridges_say_them(
    tmp_path: Path, acr: str | None, claims: Claims, options: dict[str, Any], outcome: str
) -> None:
    """What is no level is set aside by name only; a level is assumed only where none at all is stated."""
    provider = plain(lambda told: {**without("loa_authn")(told), **claims})
    provider.id_claims = without("acr") if acr is None else with_(acr=acr)
    try:
        assert (await met(tmp_path, provider, userinfo="plain", **options)).level == outcome
    except LoginRefused as refusal:
        assert refusal.reason == outcome  # noqa: PT017  either way out is an outcome here


async def test_a_level_in_the_id_token(tmp_path: Path) -> None:
    """The level claim counts in the id_token too: the least that is stated anywhere."""
    provider = Provider()
    provider.id_claims = with_(acr=f"{LOA}high", loa_authn=f"{LOA}low")
    provider.info_claims = with_(loa_authn=f"{LOA}high")
    assert (await met(tmp_path, provider)).level == "low"


async def test_a_bridge_that_ignores_prompt_login(tmp_path: Path) -> None:
    """A forced login that was not one: the old `auth_time` gives it away, also at a bridge said to be always fresh."""
    provider = Provider()
    provider.id_claims = with_(auth_time=seconds(NOW - timedelta(minutes=10)))
    for always in (False, True):
        assert await why(tmp_path, provider, fresh=True, always_fresh=always) == "not-fresh"


async def test_a_bridge_that_is_always_fresh(tmp_path: Path) -> None:
    """nl-rdo-max forces DigiD's login each time and gives no `auth_time`: only where that is set `iat` stands in."""
    provider = Provider()
    provider.id_claims = without("auth_time")
    assert await why(tmp_path, provider, fresh=True) == "not-fresh"
    assert (await met(tmp_path, provider, fresh=True, always_fresh=True)).authenticated_at == NOW
    provider.id_claims = lambda claims: {**without("auth_time")(claims), "iat": seconds(NOW) - 60}
    assert await why(tmp_path, provider, fresh=True, always_fresh=True) == "not-fresh"
    provider.id_claims = with_(auth_time="now")
    assert await why(tmp_path, provider, fresh=True, always_fresh=True) == "not-fresh"


async def test_extra_parameters_go_along(tmp_path: Path) -> None:
    """idp_hint and its like are added to ours, and ours stay as they are."""
    provider = Provider()
    async with meeting(tmp_path, provider, extra_parameters={"idp_hint": "digid", "ui_locales": "nl"}) as digid:
        query = dict(parse_qsl(urlsplit((await started(digid)).url).query))
    assert (query["idp_hint"], query["ui_locales"], query["client_id"]) == ("digid", "nl", CLIENT)


async def test_endpoints_on_another_host(tmp_path: Path) -> None:
    """A bridge may have its keys elsewhere, where the settings say so; a host they do not name is never asked."""
    asked: list[str] = []

    async def keys(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        return web.json_response({"keys": [public_jwk(key_of("provider"))]})

    runner = web.ServerRunner(web.Server(keys))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    elsewhere = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        provider = Provider()
        provider.discovery = with_(jwks_uri=f"http://{elsewhere}/keys")
        assert await why(tmp_path, provider) == "provider-error"
        assert asked == []
        assert (await met(tmp_path, provider, extra_hosts=(elsewhere,))).bsn == BSN
        assert asked == ["/keys"]
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "ftp://127.0.0.1/x", "//x", ""])
async def test_no_endpoint_elsewhere(tmp_path: Path, name: str, url: str) -> None:
    """Not one of the endpoints may be on a host that is not in the settings, nor be no address at all."""
    provider = Provider()
    provider.discovery = with_(**{name: url})
    assert await why(tmp_path, provider) == "provider-error"
    assert provider.asked == ["/.well-known/openid-configuration"]


async def test_keys_that_change_while_running(tmp_path: Path) -> None:
    """A new key beside the old is found at its first use, and a storm of unknown ones asks for keys once a minute."""
    provider = Provider()
    async with meeting(tmp_path, provider) as digid:
        await _again(provider, digid, minutes=0)
        provider.jwks = {"keys": [public_jwk(key_of("provider")), public_jwk(key_of("other"), kid="p-2")]}
        provider.id_claims = with_(exp=seconds(NOW) + 3600, iat=seconds(NOW) + 120)
        provider.info_claims = with_(exp=seconds(NOW) + 3600)
        provider.sign = lambda claims: signed(claims, key_of("other"), kid="p-2")
        await _again(provider, digid, minutes=2)
        assert provider.asked.count("/jwks") == 2
        provider.sign = lambda claims: signed(claims, key_of("other"), kid=f"odd-{claims['nonce']}")
        for _ in range(5):
            with pytest.raises(LoginRefused, match="invalid"):
                await _again(provider, digid, minutes=2)
        assert provider.asked.count("/jwks") == 2


async def _again(provider: Provider, digid: DigiD, *, minutes: int) -> None:
    start = await started(digid)
    code = provider.authorized(start.url)
    assert (await finished(digid, start, code, now=NOW + timedelta(minutes=minutes))).bsn == BSN
