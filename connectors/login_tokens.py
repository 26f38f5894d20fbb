"""Reads the tokens of an OpenID Connect provider: keys, signatures, encryption, and the claims every token has.

Pure: it fetches nothing and knows no login. Everything here refuses with a ValueError that says nothing of the token.
Algorithms are named everywhere: joserfc else takes what the token says.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwe, jws, jwt
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import JWKRegistry, Key, RSAKey

# `EdDSA` (RFC 8037) is what Ed25519 was called before RFC 9864; with an Ed25519 key they are the same.
SIGNATURES = ("RS256", "PS256", "ES256", "Ed25519", "EdDSA")
ENCRYPTIONS = ("RSA-OAEP", "RSA-OAEP-256", "A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM")
LEEWAY_SECONDS = 30
_HEADER_BYTES = 8192  # a header may carry its certificate

Claims = Mapping[str, object]


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A token taken apart and not yet believed: which key says to have signed it, and how."""

    kid: str | None
    algorithm: str
    parts: jws.CompactSignature


class _Standard(msgspec.Struct, frozen=True):
    """What every token of the provider must have, whatever it is about. Times are seconds since the epoch."""

    iss: str
    aud: str | tuple[str, ...]
    exp: float | None = None
    nbf: float | None = None
    iat: float | None = None
    azp: str | None = None


class _KeySet(msgspec.Struct, frozen=True):
    keys: tuple[dict[str, Any], ...]


def private_key(path: str) -> RSAKey:
    """The RSA key in a PEM file. Raises OSError, or ValueError when it is no private RSA key of 2048 bit or more."""
    return _private_key(Path(path).read_bytes())


@lru_cache(maxsize=4)
def _private_key(pem: bytes) -> RSAKey:
    """Reading an RSA key checks it, which takes some hundredths of a second; a process reads its files twice."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size < 2048:
        raise ValueError("not a private RSA key of 2048 bit or more, in PEM without a password")
    found = RSAKey.import_key(key)
    found.ensure_kid()
    return found


def public_keys(body: bytes) -> dict[str, Key]:
    """The signing keys of a JWKS by kid (by thumbprint where it names none); keys of kinds we do not know are left out.

    Raises ValueError.
    """
    keys: dict[str, Key] = {}
    for parameters in msgspec.json.decode(body, type=_KeySet).keys:
        if not _can_verify(parameters):
            continue
        try:
            key = JWKRegistry.import_key(_renamed(parameters))
            keys[key.kid or key.thumbprint()] = key
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return keys


def _can_verify(parameters: Mapping[str, object]) -> bool:
    """A signing key of a kind we accept; an RSA modulus of 2048 bit is 342 characters of base64url."""
    kind, modulus = parameters.get("kty"), parameters.get("n")
    # Of EC and OKP keys the algorithm is one of a curve, and refuses those of another.
    is_strong = kind in ("EC", "OKP") or (kind == "RSA" and isinstance(modulus, str) and len(modulus) >= 342)
    return is_strong and parameters.get("use") in (None, "sig")


def _renamed(parameters: Mapping[str, Any]) -> dict[str, Any]:
    algorithm = parameters.get("alg")
    return {**parameters, "alg": _full_name(algorithm)} if isinstance(algorithm, str) else {**parameters}


def chosen(keys: Mapping[str, Key], kid: str | None) -> Key | None:
    """The key a token names; a token that names none can only mean the only key there is."""
    if kid is None:
        return next(iter(keys.values())) if len(keys) == 1 else None
    return keys.get(kid)


def assertion(key: RSAKey, algorithm: Literal["PS256", "RS256"], claims: dict[str, Any]) -> str:
    """A signed JWT of our own, its key named by thumbprint (RFC 7638)."""
    return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, algorithms=[algorithm])


def opened(token: bytes, key: RSAKey) -> bytes:
    """What a compact JWE to `key` holds. Raises ValueError."""
    try:
        registry = jwe.JWERegistry(algorithms=ENCRYPTIONS, strict_check_header=False)
        registry.max_protected_header_length = _HEADER_BYTES
        inner = jwe.decrypt_compact(token, key, registry=registry).plaintext
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        inner = None
    if inner is None:
        raise ValueError("not a JWE that our key opens")
    return inner


def taken_apart(token: bytes) -> Signed:
    """The parts of a compact JWS with an algorithm we accept. Raises ValueError."""
    try:
        parts = jws.extract_compact(token, registry=_signatures())
        header = msgspec.convert(parts.headers(), dict[str, object])
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("not a JWS") from None
    kid, algorithm = header.get("kid"), header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in SIGNATURES or not isinstance(kid, str | None):
        raise ValueError("not a JWS with an algorithm we accept")
    return Signed(kid=kid, algorithm=algorithm, parts=parts)


def verified(
    signed: Signed, key: Key, *, issuer: str, client_id: str, now: datetime, must_expire: bool = True
) -> Claims:
    """The claims of a token by `issuer` for us alone that is valid now (OpenID Connect Core, 3.1.3.7).

    With `must_expire` a token without `exp` is none. Raises ValueError.
    """
    if not _is_for(key, signed.algorithm) or not _signature_holds(signed, key):
        raise ValueError("the signature is not that of the key")
    standard = msgspec.json.decode(signed.parts.payload, type=_Standard)
    expires = standard.exp is not None or not must_expire
    if not (expires and _for_us(standard, issuer, client_id) and _valid(standard, now.timestamp())):
        raise ValueError("not from this issuer, not for us or not valid now")
    return msgspec.json.decode(signed.parts.payload, type=dict[str, object])


class _Signatures(jws.JWSRegistry):
    """The algorithms of joserfc, the old name of Ed25519 read as the new one: it warns of the old."""

    def get_alg(self, name: str) -> JWSAlgModel:
        return super().get_alg(_full_name(name))


def _full_name(algorithm: str) -> str:
    return "Ed25519" if algorithm == "EdDSA" else algorithm


def _is_for(key: Key, algorithm: str) -> bool:
    """Whether the key says nothing of algorithms, or names this one."""
    return key.get("alg") in (None, _full_name(algorithm))


def _signatures() -> jws.JWSRegistry:
    registry = _Signatures(algorithms=SIGNATURES, strict_check_header=False)
    registry.max_header_length = _HEADER_BYTES
    return registry


def _signature_holds(signed: Signed, key: Key) -> bool:
    try:
        return jws.validate_compact(signed.parts, key, registry=_signatures())
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return False


def _for_us(standard: _Standard, issuer: str, client_id: str) -> bool:
    audience = (standard.aud,) if isinstance(standard.aud, str) else standard.aud
    # With more audiences `azp` must say that it was made for us.
    made_for = client_id if len(audience) == 1 and standard.azp is None else standard.azp
    return standard.iss == issuer and client_id in audience and made_for == client_id


def _valid(standard: _Standard, now: float) -> bool:
    since = max(standard.nbf or 0, standard.iat or 0)
    until = now if standard.exp is None else standard.exp
    return since - LEEWAY_SECONDS <= now < until + LEEWAY_SECONDS
