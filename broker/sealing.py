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


def seal(
    payload: bytes, recipient: dict[str, Any], profile: Literal["default", "nlgov"], keys: Keys, jti: str
) -> Sealed:
    """Sign `payload` (JSON) and encrypt it to `recipient` (public JWK). `jti` is the id of the event that brings it.

    The signature is inside: anyone can encrypt to a public key, only the broker can sign.
    """
    sign_alg, key_alg = ("ES256", "ECDH-ES") if profile == "default" else ("PS256", "RSA-OAEP")
    signing = keys.es256 if profile == "default" else keys.ps256
    header = {"alg": sign_alg, "kid": signing.kid, "typ": JWS_TYPE, "jti": jti}
    signed = jws.serialize_compact(header, payload, signing, [sign_alg], registry=_JWS)
    key = import_key(recipient)
    typ = "JOSE" if profile == "default" else "JWE"  # the module demands the latter, RFC 7515 4.1.9 suggests the former
    outer = {"alg": key_alg, "enc": "A256GCM", "kid": key.kid, "cty": "JOSE", "typ": typ}
    sealed = jwe.encrypt_compact(outer, signed.encode(), key, [key_alg, "A256GCM"])
    return Sealed(jwe=sealed, digest=hashlib.sha256(sealed.encode()).hexdigest())


_JWS = jws.JWSRegistry(algorithms=["ES256", "PS256"], strict_check_header=False)
