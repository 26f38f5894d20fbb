"""The cryptography of the pretend DigiD: its keys, its tokens, and the client's proof of who it is.

PyJWT and jwcrypto, on purpose not the library the broker uses: two implementations must agree.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwcrypto import jwe, jwk

from sandbox.world import SandboxSettings

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_ALGORITHMS = ("ES256", "PS256", "RS256", "EdDSA")
_LONGEST_ASSERTION = 300


class BadClient(Exception):
    """The client did not prove who it is."""


class Keys:
    """The provider's signing key, made at first use, and the client's public keys."""

    def __init__(self, *, issuer: str, settings: SandboxSettings) -> None:
        self._issuer = issuer
        self._client_id = settings.client_id
        self._client_keys = cast("list[dict[str, Any]]", settings.client_jwks.get("keys", []))
        self._seen: dict[str, float] = {}

    @cached_property
    def _own(self) -> jwk.JWK:
        return jwk.JWK.generate(kty="RSA", size=2048, use="sig", alg="RS256")

    @cached_property
    def _private(self) -> RSAPrivateKey:
        """The key as PyJWT takes it; reading an RSA key checks it, which takes 40 ms."""
        return cast(RSAPrivateKey, self._own.get_op_key("sign"))

    @property
    def _kid(self) -> str:
        return self._own.thumbprint()

    def jwks(self) -> dict[str, Any]:
        """The public half, for the JWKS endpoint."""
        return {"keys": [{**json.loads(self._own.export_public()), "kid": self._kid}]}

    def signed(self, claims: Mapping[str, str | int], now: float, seconds: int) -> str:
        """A JWT (RS256) of `claims` to the client, good for `seconds`."""
        times = {"iat": int(now), "nbf": int(now), "exp": int(now) + seconds}
        whole = {"iss": self._issuer, "aud": self._client_id, **times, **claims}
        return jwt.encode(whole, self._private, "RS256", {"kid": self._kid})

    def encrypted(self, token: str) -> str:
        """`token` as a JWE to the client's encryption key. Raises BadClient when its JWKS has none."""
        key = next((key for key in self._client_keys if key.get("use") == "enc"), None)
        if key is None:
            raise BadClient
        header = {"alg": "RSA-OAEP", "enc": "A128CBC-HS256", "cty": "JWT", "typ": "JWT", "kid": key.get("kid", "")}
        sealed = jwe.JWE(token.encode(), json.dumps(header))
        sealed.add_recipient(jwk.JWK(**key))
        return sealed.serialize(compact=True)

    def check_assertion(self, form: Mapping[str, str], now: float) -> None:
        """The client authenticates with a signed assertion (RFC 7523), each good once. Raises BadClient."""
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            raise BadClient
        claims = self._assertion(form.get("client_assertion", ""))
        expires, name = claims["exp"], str(claims["jti"])
        if claims["iss"] != self._client_id or claims["sub"] != self._client_id:
            raise BadClient
        if not now < expires <= now + _LONGEST_ASSERTION or name in self._seen:
            raise BadClient
        self._seen = {seen: until for seen, until in self._seen.items() if until > now} | {name: expires}

    def _assertion(self, assertion: str) -> dict[str, Any]:
        audience = [self._issuer, f"{self._issuer}/token"]
        # Times are judged by the world's clock, not by PyJWT's.
        options: Any = {"require": ["exp", "jti", "iss", "sub", "aud"], "verify_exp": False, "verify_iat": False}
        options |= {"verify_nbf": False}
        try:
            key = self._client_key(jwt.get_unverified_header(assertion).get("kid"))
            return jwt.decode(assertion, key, algorithms=_ASSERTION_ALGORITHMS, audience=audience, options=options)
        except jwt.PyJWTError as error:
            raise BadClient from error

    def _client_key(self, kid: str | None) -> jwt.PyJWK:
        for key in self._client_keys:
            if key.get("use", "sig") == "sig" and (kid is None or key.get("kid") == kid):
                return jwt.PyJWK(key)
        raise BadClient


def s256(form: Mapping[str, str], challenge: str) -> bool:
    """Whether the verifier in `form` belongs to `challenge` (RFC 7636, S256)."""
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    return secrets.compare_digest(urlsafe_b64encode(digest).rstrip(b"="), challenge.encode())


def session_name(cookie: str) -> str:
    """A name for a browser's session that tells nothing of its cookie."""
    return hashlib.sha256(cookie.encode()).hexdigest()[:32]
