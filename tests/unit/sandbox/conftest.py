"""A running pretend world for the tests of its HTTP side, and a browser and client to meet it with."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import jwt
import pytest
from jwcrypto import jwe, jwk

from sandbox.app import running
from sandbox.world import API_KEYS, SandboxSettings
from tests.worlds import share_signing_key

CALLBACK = "http://127.0.0.1:9/terug"
SIGNING = jwk.JWK.generate(kty="EC", crv="P-256", use="sig", kid="sig-1", alg="ES256")
SEALING = jwk.JWK.generate(kty="RSA", size=2048, use="enc", kid="enc-1", alg="RSA-OAEP")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class Visitor:
    """A browser (its cookies) and the client behind it, against one running world."""

    def __init__(self, address: str, browser: aiohttp.ClientSession, clock: Clock) -> None:
        self.address = address
        self.issuer = f"{address}/digid"
        self.browser = browser
        self.clock = clock
        self.verifier = secrets.token_urlsafe(32)

    def query(self, **changes: str | None) -> str:
        """A good authorization request with `changes`; None leaves a parameter out."""
        challenge = urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        asked: dict[str, str | None] = {
            "client_id": "ophaalbrug",
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid",
            "state": "the-state",
            "nonce": "the-nonce",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return urlencode({name: value for name, value in (asked | changes).items() if value is not None})

    async def authorize(self, **changes: str | None) -> tuple[int, str]:
        """Follow the link; the status and either the page or where it leads back to."""
        return await self._shown("GET", f"{self.issuer}/authorize?{self.query(**changes)}")

    async def submit(self, step: str, **form: str) -> tuple[int, str]:
        """Send a form of the login pages."""
        return await self._shown("POST", f"{self.issuer}/{step}", data=form)

    async def log_in(self, user: str, **changes: str | None) -> dict[str, str]:
        """From the link to the way back, with the SMS code when it is asked; what the client is told."""
        _, page = await self.authorize(**changes)
        login = login_in(page)
        status, page = await self.submit("login", login=login, user=user, password="sandbox")
        if status == 200:
            _, page = await self.submit("sms", login=login, code=(await self.inbox())[0]["code"])
        return told(page)

    async def inbox(self) -> list[dict[str, Any]]:
        """The messages, newest first."""
        async with self.browser.get(f"{self.address}/sandbox/inbox.json") as answer:
            return await answer.json()

    async def redeem(self, code: str, **changes: str) -> tuple[int, dict[str, Any]]:
        """Exchange a code as the client does."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion(),
        }
        async with self.browser.post(f"{self.issuer}/token", data=form | changes) as answer:
            return answer.status, await answer.json()

    def assertion(self, *, key: jwk.JWK = SIGNING, kid: str = "sig-1", **changes: Any) -> str:
        """A good client assertion with `changes` in its claims."""
        claims = {
            "iss": "ophaalbrug",
            "sub": "ophaalbrug",
            "aud": self.issuer,
            "jti": secrets.token_hex(16),
            "exp": int(self.clock.now) + 60,
        }
        pem = key.export_to_pem(private_key=True, password=None)
        return jwt.encode(claims | changes, pem, "ES256", {"kid": kid})

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """Who logged in: decrypted with our key, and verified with the provider's published one."""
        headers = {"Authorization": f"Bearer {access_token}"}
        async with self.browser.get(f"{self.issuer}/userinfo", headers=headers) as answer:
            assert answer.status == 200
            assert answer.content_type == "application/jwt"
            sealed = jwe.JWE()
            sealed.deserialize(await answer.text(), SEALING)
        assert json.loads(sealed.objects["protected"])["enc"] == "A128CBC-HS256"
        return await self.verified(sealed.payload.decode())

    async def verified(self, token: str) -> dict[str, Any]:
        """The claims of a token of the provider."""
        async with self.browser.get(f"{self.issuer}/jwks") as answer:
            keys = jwt.PyJWKSet.from_dict(await answer.json())
        key = keys[jwt.get_unverified_header(token)["kid"]]
        # The world's clock is ours, so its times are judged by ours.
        options: Any = {"verify_iat": False, "verify_nbf": False, "verify_exp": False}
        claims = jwt.decode(token, key, ["RS256"], options, audience="ophaalbrug", issuer=self.issuer)
        assert claims["nbf"] <= self.clock.now < claims["exp"]
        return claims

    async def ask(self, method: str, path: str, source: Any = "", **body: Any) -> tuple[int, str, bytes]:
        """Call a source with its own key; status, media type and body."""
        headers = {"X-API-KEY": API_KEYS.get(source, "no-key")}
        async with self.browser.request(method, self.address + path, headers=headers, **body) as answer:
            return answer.status, answer.content_type, await answer.read()

    async def _shown(self, method: str, url: str, **more: Any) -> tuple[int, str]:
        async with self.browser.request(method, url, allow_redirects=False, **more) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()


def login_in(page: str) -> str:
    """The login under way that a page belongs to."""
    found = re.search(r'name="login" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def told(address: str) -> dict[str, str]:
    """What the way back tells the client."""
    assert address.startswith(CALLBACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    """A visitor to a world of their own."""
    clock = Clock()
    share_signing_key()
    public = [json.loads(key.export_public()) for key in (SIGNING, SEALING)]
    settings = SandboxSettings(
        client_jwks={"keys": public},
        redirect_uris=(CALLBACK,),
        slow_seconds=0.2,
        silent_seconds=0.3,
        huge_bytes=3_000_000,
        clock=clock,
    )
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of 127.0.0.1 too
    async with running(settings) as address, aiohttp.ClientSession(cookie_jar=jar) as browser:
        yield Visitor(address, browser, clock)
