"""Provider authentication: OAuth client credentials with `private_key_jwt` (RFC 7523), an opaque token of 300 seconds.

An assertion is good once, for at most 300 seconds, for our issuer only. Algorithms: ES256, PS256, EdDSA and Ed25519.
"""

from __future__ import annotations

import base64
import warnings
from typing import Any, Literal

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import Key

from broker.errors import Problem
from broker.jwks import provider_keys
from broker.parts import Parts
from broker.providers import Provider, ProviderError, import_key
from broker.telemetry import log
from sessions.secrets import ProviderToken, new_provider_token

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_SECONDS = 300
ASSERTION_SECONDS = 300.0
SKEW_SECONDS = 10.0
MAX_ASSERTION_CHARACTERS = 8000
_ALGORITHMS = {"EC": ["ES256"], "RSA": ["PS256"], "OKP": ["EdDSA", "Ed25519"]}


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    alg: Literal["ES256", "PS256", "EdDSA", "Ed25519"]
    kid: str | None = None


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    iss: str
    sub: str
    aud: str | tuple[str, ...]
    jti: str
    exp: float
    iat: float | None = None
    nbf: float | None = None


class _Grant(msgspec.Struct, frozen=True):
    """Whose an access token is, until when by our clock; the store's own expiry only tidies up."""

    provider: str
    until: float


async def grant(parts: Parts, assertion: str) -> ProviderToken:
    """Exchange a client assertion for an access token. Raises Problem(invalid-client)."""
    provider, claims = await _verified(parts, assertion)
    fresh = await parts.records.use_once(parts.keys.ring.digest("assertion", f"{provider.id}|{claims.jti}"))
    if not fresh:
        raise _refused("replayed")
    token = new_provider_token()
    granted = msgspec.json.encode(_Grant(provider.id, parts.clock() + TOKEN_SECONDS)).decode()
    await parts.records.put_token(parts.keys.ring.digest("provider", token), granted)
    return token


async def provider_of(parts: Parts, token: str) -> Provider:
    """The provider an access token belongs to. Raises Problem(unauthorized)."""
    found = None
    if token.startswith("oba_") and len(token) < 100:
        found = await parts.records.grant_of_token(parts.keys.ring.digest("provider", token))
    granted = msgspec.json.decode(found, type=_Grant) if found else None
    valid = granted is not None and parts.clock() < granted.until
    provider = await parts.providers.get(granted.provider) if granted and valid else None
    if provider is None:
        raise Problem("unauthorized", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
    return provider


async def _verified(parts: Parts, assertion: str) -> tuple[Provider, _Claims]:
    if len(assertion) > MAX_ASSERTION_CHARACTERS or assertion.count(".") != 2:
        raise _refused("malformed")
    try:
        header = msgspec.json.decode(_part(assertion, 0), type=_Header)
        claims = msgspec.json.decode(_part(assertion, 1), type=_Claims)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise _refused("malformed") from None
    provider = await parts.providers.get(claims.iss) if claims.iss == claims.sub else None
    if provider is None:
        raise _refused("unknown-client")
    keys = await provider_keys(parts, provider, header.kid)
    if not any(_signed_with(assertion, header, jwk) for jwk in keys):
        raise _refused("bad-signature")
    _check(claims, issuer=parts.settings.base_url, now=parts.clock())
    return provider, claims


def _check(claims: _Claims, issuer: str, now: float) -> None:
    audience = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
    wrong = [
        (audience != (issuer,), "wrong-audience"),
        (claims.exp <= now, "expired"),
        (claims.exp > now + ASSERTION_SECONDS + SKEW_SECONDS, "too-long"),
        (claims.iat is not None and claims.exp - claims.iat > ASSERTION_SECONDS, "too-long"),
        (claims.iat is not None and claims.iat > now + SKEW_SECONDS, "from-the-future"),
        (claims.nbf is not None and claims.nbf > now + SKEW_SECONDS, "from-the-future"),
        (not 16 <= len(claims.jti) <= 200, "short-jti"),
    ]
    for is_wrong, reason in wrong:
        if is_wrong:
            raise _refused(reason)


def _signed_with(assertion: str, header: _Header, jwk: dict[str, Any]) -> bool:
    """Whether this key of the provider made the signature; a key serves its own algorithm only."""
    allowed = _ALGORITHMS.get(str(jwk.get("kty")), [])
    if jwk.get("use", "sig") != "sig" or header.alg not in allowed or jwk.get("alg", header.alg) != header.alg:
        return False
    try:
        key = import_key(jwk)
    except ProviderError:  # fetched from the provider, which may publish anything
        return False
    if header.kid is not None and header.kid != key.kid:
        return False
    return _verifies(assertion, header.alg, key)


def _verifies(assertion: str, algorithm: str, key: Key) -> bool:
    try:
        with warnings.catch_warnings():
            # RFC 9864 deprecates the name EdDSA for Ed25519; providers' libraries still use it.
            warnings.simplefilter("ignore", SecurityWarning)
            jws.deserialize_compact(assertion, key, algorithms=[algorithm])
    except (JoseError, ValueError):
        return False
    return True


def _part(assertion: str, number: int) -> bytes:
    text = assertion.split(".")[number]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _refused(reason: str) -> Problem:
    log.info("oauth.refused", reason=reason)
    return Problem("invalid-client")
