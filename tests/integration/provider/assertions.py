"""Client assertions as providers make them, and as attackers would: made with PyJWT, which the broker does not use."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from typing import Any

import jwt
from jwcrypto.jwk import JWK
from jwt.algorithms import OKPAlgorithm

from ophaalbrug_provider.conversations import ASSERTION_TYPE
from tests.house import House
from tests.integration.provider.asking import Answer, ask

_JWS = jwt.PyJWS()
_JWS.register_algorithm("Ed25519", OKPAlgorithm())  # RFC 9864's name for EdDSA with this curve


def new(kind: str, use: str = "sig", **more: str) -> JWK:
    """A private key: P-256, P-384, RSA, Ed25519 or X25519."""
    if kind == "RSA":
        key = JWK.generate(kty="RSA", size=2048, use=use, **more)
    else:
        key = JWK.generate(kty="EC" if kind.startswith("P-") else "OKP", crv=kind, use=use, **more)
    key["kid"] = key.thumbprint()
    return key


def public(*keys: JWK) -> tuple[dict[str, Any], ...]:
    """Their public halves."""
    return tuple(key.export_public(as_dict=True) for key in keys)


def claims(house: House, client: str, **more: object) -> dict[str, Any]:
    """What a right assertion says; a claim that is given as None is left out."""
    now = int(house.now())
    told = {"iss": client, "sub": client, "aud": house.url, "jti": str(uuid.uuid4()), "iat": now, "exp": now + 60}
    return {name: value for name, value in {**told, **more}.items() if value is not None}


def signed(told: dict[str, Any], key: JWK, algorithm: str, **header: object) -> str:
    """An assertion. `header` adds to or replaces what its header says."""
    fields = {"kid": key["kid"], **header}
    headers = {name: value for name, value in fields.items() if value is not None}
    pem = key.export_to_pem(private_key=True, password=None)
    return _JWS.encode(json.dumps(told).encode(), pem, algorithm, headers)


def forged(told: dict[str, Any], header: dict[str, object], secret: bytes | None = None) -> str:
    """An assertion that nobody's private key signed: with an HMAC under `secret`, or with nothing."""
    parts = [part(json.dumps(header).encode()), part(json.dumps(told).encode())]
    signature = hmac.new(secret, ".".join(parts).encode(), hashlib.sha256).digest() if secret else b""
    return ".".join([*parts, part(signature)])


def part(raw: bytes) -> str:
    """Base64url without padding, as in RFC 7515."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def exchange(house: House, assertion: str, **more: str) -> Answer:
    """What the token endpoint answers to an assertion; `more` replaces fields of the form."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        **more,
    }
    return await ask(house, "POST", "/oauth/token", data=form)
