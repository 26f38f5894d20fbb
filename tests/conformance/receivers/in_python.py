"""What a provider in Python does with an event and what it carries: two libraries for each, set to nothing of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import joserfc.jwe
import joserfc.jwk
import joserfc.jws
import jwcrypto.jwe
import jwcrypto.jwk
import jwcrypto.jws
import standardwebhooks
import svix.webhooks

Opener = Callable[[str, list[dict[str, Any]], Mapping[str, Any]], bytes]
SIGNED_WITH = ("ES256", "PS256")


def by_joserfc(sealed: str, own: list[dict[str, Any]], broker: Mapping[str, Any]) -> bytes:
    """The payload in a compact JWE to one of `own` (private JWKs), its signature checked by the `broker`'s JWKS.

    Everything is left as it comes; it is told of PS256, which it does not take by itself.
    """
    keys = joserfc.jwk.KeySet.import_key_set({"keys": own})
    inner = joserfc.jwe.decrypt_compact(sealed, keys).plaintext
    assert inner is not None
    signers = joserfc.jwk.KeySet.import_key_set({"keys": broker["keys"]})
    return joserfc.jws.deserialize_compact(inner, signers, algorithms=[*SIGNED_WITH]).payload


def by_jwcrypto(sealed: str, own: list[dict[str, Any]], broker: Mapping[str, Any]) -> bytes:
    """As `by_joserfc`, with nothing named at all."""
    outer, inner = jwcrypto.jwe.JWE(), jwcrypto.jws.JWS()
    outer.deserialize(sealed)
    outer.decrypt(_named(own, outer.jose_header))
    inner.deserialize(outer.payload.decode())
    inner.verify(_named(broker["keys"], inner.jose_header))
    return inner.payload


def _named(keys: list[dict[str, Any]], header: Mapping[str, Any]) -> jwcrypto.jwk.JWK:
    return jwcrypto.jwk.JWK(**next(key for key in keys if key["kid"] == header["kid"]))


def verifiers(secret: str, headers: Mapping[str, str], body: bytes) -> list[str]:
    """Which of the two libraries verify an event, by their own clock."""
    libraries = {"standardwebhooks": standardwebhooks.Webhook, "svix": svix.webhooks.Webhook}
    return [name for name, library in libraries.items() if _holds(library(secret), headers, body)]


def _holds(library: Any, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        library.verify(body, dict(headers))
    except (standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError):
        return False
    return True


OPENERS: dict[str, Opener] = {"joserfc": by_joserfc, "jwcrypto": by_jwcrypto}
