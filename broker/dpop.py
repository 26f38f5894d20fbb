"""DPoP (RFC 9449): a phone proves with every request that it holds the key its token is bound to.

Proofs are ES256, carry a nonce of ours that changes every five minutes, name method and address, and are good once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from msgspec import Meta

from broker.errors import Problem
from sessions.secrets import Keyring, same

WINDOW_SECONDS = 60.0
NONCE_SECONDS = 300.0
MAX_PROOF_CHARACTERS = 2000


Coordinate = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$", max_length=43)]  # 32 bytes as base64url


class PublicKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A phone's public key as a JWK: P-256 only, and never with its private part (RFC 9449 section 4.3, check 7)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate
    y: Coordinate
    d: None = None


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    typ: Literal["dpop+jwt"]
    alg: Literal["ES256"]
    jwk: PublicKey


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    jti: str
    htm: str
    htu: str
    iat: float
    ath: str | None = None
    nonce: str | None = None


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a valid proof says: the key's thumbprint (RFC 7638) and an id that may be used once."""

    thumbprint: str
    id: str


_header = msgspec.json.Decoder(_Header)
_claims = msgspec.json.Decoder(_Claims)


def nonce(ring: Keyring, now: float) -> str:
    """The nonce a proof must carry now; needs no store, all processes agree on it."""
    return ring.digest("dpop-nonce", str(int(now // NONCE_SECONDS)))


def verify(proof: str, method: str, url: str, token: str | None, ring: Keyring, now: float) -> Proof:
    """Check a proof for one request. `url` is without query; `token` is the access token it comes with, if any.

    Raises Problem: use-dpop-nonce when the nonce is missing or old, invalid-proof for everything else.
    """
    header, claims = _parsed(proof)
    if claims.nonce is None or not _is_ours(claims.nonce, ring, now):
        challenge = {"DPoP-Nonce": nonce(ring, now), "WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}
        raise Problem("use-dpop-nonce", headers=challenge)
    expected_ath = _ath(token) if token is not None else None
    holds = (
        claims.htm == method
        and claims.htu == url
        and abs(now - claims.iat) <= WINDOW_SECONDS
        and 16 <= len(claims.jti) <= 200
        and (expected_ath is None or same(claims.ath, expected_ath))
    )
    if not holds:
        raise _invalid()
    thumb = thumbprint(header.jwk)
    used = hashlib.sha256(f"{thumb}|{claims.jti}".encode()).digest()
    return Proof(thumbprint=thumb, id=base64.urlsafe_b64encode(used[:18]).decode())


def thumbprint(key: PublicKey) -> str:
    """The RFC 7638 thumbprint: SHA-256 over the required members in lexical order."""
    canonical = f'{{"crv":"{key.crv}","kty":"{key.kty}","x":"{key.x}","y":"{key.y}"}}'
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _parsed(proof: str) -> tuple[_Header, _Claims]:
    if len(proof) > MAX_PROOF_CHARACTERS:
        raise _invalid()
    try:
        head = proof.split(".", 1)[0]
        header = _header.decode(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        verified = jws.deserialize_compact(proof, _key(header.jwk), algorithms=["ES256"])
        return header, _claims.decode(verified.payload)
    except (JoseError, msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        raise _invalid() from None


@lru_cache(maxsize=4096)  # a phone comes a dozen times, always with the same key
def _key(jwk: PublicKey) -> ECKey:
    return ECKey.import_key(msgspec.to_builtins(jwk))


def _invalid() -> Problem:
    return Problem("invalid-proof", headers={"WWW-Authenticate": 'DPoP error="invalid_dpop_proof"'})


def _is_ours(given: str, ring: Keyring, now: float) -> bool:
    return any(hmac.compare_digest(given.encode(), nonce(ring, at).encode()) for at in (now, now - NONCE_SECONDS))


def _ath(token: str) -> str:
    return _base64url(hashlib.sha256(token.encode()).digest())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
