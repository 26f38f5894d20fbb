"""A small OpenID Connect provider over sockets that can be told to do wrong, and a broker's side to meet it with.

The provider signs with PyJWT and encrypts with jwcrypto: two implementations must agree.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwcrypto import jwe, jwk

from connectors.login import DigiD, Identity, LoginRefused, LoginSettings, Started
from connectors.outbound import Door

BSN = "999993653"
SUBJECT = "pairwise-1"
CLIENT = "ophaalbrug"
RETURN = "https://broker.example/phone/terug"
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LOA = "http://eidas.europa.eu/LoA/"


@cache
def key_of(owner: Literal["provider", "client", "other"]) -> rsa.RSAPrivateKey:
    """Keys cost time to make: one for each owner in a test process, when it is needed."""
    del owner
    return rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(serialization.Encoding.PEM, *form)


def public_jwk(key: rsa.RSAPrivateKey, **more: str) -> dict[str, Any]:
    exported = jwk.JWK.from_pem(pem(key)).export_public(as_dict=True)
    return {**exported, "kid": "p-1", "use": "sig", "alg": "RS256", **more}


def seconds(at: datetime) -> int:
    return int(at.timestamp())


Claims = dict[str, Any]
Change = Callable[[Claims], Claims]


def same(claims: Claims) -> Claims:
    return claims


class Provider:
    """A small OpenID provider. What it should do wrong is set on it."""

    def __init__(self) -> None:
        self.issuer = ""
        self.client_jwks: dict[str, Any] = {}
        self.asked: list[str] = []
        self.queries: dict[str, dict[str, str]] = {}
        self.assertions: set[str] = set()
        self.by_assertion = True
        self.proofs: list[tuple[dict[str, str], str]] = []
        self.jwks: dict[str, Any] = {"keys": [public_jwk(key_of("provider"))]}
        self.discovery: Change = same
        self.id_claims: Change = same
        self.info_claims: Change = same
        self.sign: Callable[[Claims], str] = signed
        self.sign_info: Callable[[Claims], str] = signed
        self.seal: Callable[[str], str] = self.sealed
        self.info_type = "application/jwt"
        self.status: dict[str, int] = {}
        self.hangs = ""

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(request.path)
        if request.path == self.hangs:
            await asyncio.Event().wait()
        if request.path in self.status:
            return web.Response(status=self.status[request.path], text=f"storing {BSN}")
        if request.path == "/token":
            return await self.token(request)
        if request.path == "/userinfo":
            return self.userinfo(request)
        documents = {"/.well-known/openid-configuration": self.document(), "/jwks": self.jwks}
        return web.json_response(documents[request.path])

    def document(self) -> Claims:
        names = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        endpoints = {f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in names.items()}
        return self.discovery({"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks", **endpoints, "more": [1]})

    def authorized(self, url: str) -> str:
        """What a citizen's login does with the address we send them to: gives a code."""
        query = dict(parse_qsl(urlsplit(url).query))
        code = secrets.token_urlsafe(16)
        self.queries[code] = query
        return code

    async def token(self, request: web.BaseRequest) -> web.Response:
        form = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        self.proofs.append((form, request.headers.get("Authorization", "")))
        if self.by_assertion:
            self.check_client(form)
        query = self.queries.pop(form["code"], None)
        if query is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        challenge = urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if challenge != query["code_challenge"] or form["redirect_uri"] != query["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        claims = {
            **self.standard(),
            "iat": seconds(NOW),
            "nonce": query["nonce"],
            "auth_time": seconds(NOW),
            "acr": query["acr_values"],
        }
        return web.json_response({"access_token": "at-1", "id_token": self.sign(self.id_claims(claims))})

    def check_client(self, form: dict[str, str]) -> None:
        """RFC 7523: signed with the client's key, for us, each once."""
        assertion = form["client_assertion"]
        kid = jwt.get_unverified_header(assertion)["kid"]
        key = next(key for key in self.client_jwks["keys"] if key["kid"] == kid and key["use"] == "sig")
        options: Any = {"require": ["exp", "jti", "iss", "sub", "aud", "iat"], "verify_exp": False, "verify_iat": False}
        claims = jwt.decode(assertion, jwt.PyJWK(key), ["PS256", "RS256"], audience=self.issuer, options=options)
        assert claims["iss"] == claims["sub"] == CLIENT
        assert 0 < claims["exp"] - claims["iat"] <= 300
        assert claims["jti"] not in self.assertions
        self.assertions.add(claims["jti"])

    def userinfo(self, request: web.BaseRequest) -> web.Response:
        assert request.headers["Authorization"] == "Bearer at-1"
        claims = {**self.standard(), "bsn": BSN, "loa_authn": f"{LOA}substantial", "session_id": "s"}
        body = self.seal(self.sign_info(self.info_claims(claims)))
        return web.Response(body=body.encode(), headers={"Content-Type": self.info_type})

    def standard(self) -> Claims:
        times = {"nbf": seconds(NOW), "exp": seconds(NOW) + 300}
        return {"iss": self.issuer, "aud": CLIENT, "sub": SUBJECT, **times}

    def sealed(self, token: str, algorithm: str = "RSA-OAEP", encryption: str = "A128CBC-HS256") -> str:
        key = next(key for key in self.client_jwks["keys"] if key["use"] == "enc")
        header = {"alg": algorithm, "enc": encryption, "cty": "JWT", "x-more": "ignored"}
        sealed = jwe.JWE(token.encode(), json.dumps(header), header_registry=None, algs=[algorithm, encryption])
        sealed.add_recipient(jwk.JWK(**key))
        return sealed.serialize(compact=True)


def signed(claims: Claims, key: rsa.RSAPrivateKey | None = None, algorithm: str = "RS256", kid: str = "p-1") -> str:
    return jwt.encode(claims, key or key_of("provider"), algorithm, {"kid": kid})


def unsigned(claims: Claims) -> str:
    return jwt.encode(claims, None, "none", {"kid": "p-1"})  # pyright: ignore[reportArgumentType]


@asynccontextmanager
async def meeting(tmp_path: Path, provider: Provider, **options: Any) -> AsyncGenerator[DigiD]:
    """The provider served on a free port, and our side of it."""
    runner = web.ServerRunner(web.Server(provider), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with client(tmp_path, provider.issuer, **options) as digid:
            provider.client_jwks = digid.jwks()
            yield digid
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client(tmp_path: Path, issuer: str, **options: Any) -> AsyncGenerator[DigiD]:
    """Our side of a provider, with a key of its own unless `options` say otherwise."""
    key_file = tmp_path / "client.pem"
    key_file.write_bytes(pem(key_of("client")))
    named: dict[str, Any] = {"issuer": issuer, "client_id": CLIENT, "redirect_uri": RETURN, "key_file": str(key_file)}
    settings = LoginSettings(**{**named, **options})
    door = Door.configured(settings.hosts())
    try:
        yield DigiD(settings, door)
    finally:
        await door.close()


async def started(digid: DigiD, *, fresh: bool = False, level: Any = "low") -> Started:
    return await digid.begin(minimum_level=level, fresh=fresh, now=NOW)


async def finished(digid: DigiD, start: Started, code: str, **options: Any) -> Identity:
    usual: dict[str, Any] = {"minimum_level": "low", "fresh_since": None, "now": NOW, "started_nonce": start.nonce}
    return await digid.finish(code=code, **{**usual, "verifier": start.verifier, **options})


async def logged_in(tmp_path: Path, provider: Provider, **options: Any) -> Identity:
    async with meeting(tmp_path, provider) as digid:
        start = await started(digid)
        return await finished(digid, start, provider.authorized(start.url), **options)


async def reason(tmp_path: Path, provider: Provider, **options: Any) -> str:
    """Why this login is refused; proves on the way that the refusal repeats nothing of the person."""
    with pytest.raises(LoginRefused) as caught:
        await logged_in(tmp_path, provider, **options)
    assert caught.value.args == (caught.value.reason,)
    return caught.value.reason


def without(name: str) -> Change:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def with_(**changed: Any) -> Change:
    return lambda claims: {**claims, **changed}
