"""Sealing: the payload signed by the broker and encrypted to the provider's key, so that only the provider can open it.

Two profiles, no matrix. `default`: ES256 JWS inside an ECDH-ES + A256GCM JWE (P-256 or X25519). `nlgov`: PS256 inside
RSA-OAEP + A256GCM (API module Encryption 1.0). Algorithms are explicit, never compressed, `kid` always there.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec
from joserfc import jwe, jws

from broker.keys import Keys
from broker.providers import import_key

JWS_TYPE = "ophaalbrug-payload+jws"


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed payload: the compact JWE and its digest (hex SHA-256), by which it is acknowledged."""

    jwe: str
    digest: str


def seal(payload: bytes, recipient: dict[str, Any], profile: Literal["default", "nlgov"], keys: Keys) -> Sealed:
    """Sign `payload` (JSON) and encrypt it to `recipient` (public JWK).

    The signature is inside: anyone can encrypt to a public key, only the broker can sign. Its header has registered
    parameters only (RFC 7515 section 4.1): there are libraries that refuse any other.
    """
    sign_alg, signing = ("ES256", keys.es256) if profile == "default" else ("PS256", keys.ps256)
    header = {"alg": sign_alg, "kid": signing.kid, "typ": JWS_TYPE}
    signed = jws.serialize_compact(header, payload, signing, [sign_alg])
    sealed = _encrypted(signed.encode(), "JOSE", recipient, profile)
    return Sealed(jwe=sealed, digest=hashlib.sha256(sealed.encode()).hexdigest())


def seal_document(
    content: bytes, media_type: str, recipient: dict[str, Any], profile: Literal["default", "nlgov"]
) -> bytes:
    """Encrypt an original to `recipient` (public JWK): a compact JWE of its bytes, `cty` its media type.

    It is not signed: its digest stands in the payload, which is.
    """
    return _encrypted(content, media_type, recipient, profile).encode()


def _encrypted(content: bytes, kind: str, recipient: dict[str, Any], profile: Literal["default", "nlgov"]) -> str:
    algorithm = "ECDH-ES" if profile == "default" else "RSA-OAEP"
    key = import_key(recipient)
    typ = "JOSE" if profile == "default" else "JWE"  # the module demands the latter, RFC 7515 4.1.9 suggests the former
    header = {"alg": algorithm, "enc": "A256GCM", "kid": key.kid, "cty": kind, "typ": typ}
    return jwe.encrypt_compact(header, content, key, [algorithm, "A256GCM"])
