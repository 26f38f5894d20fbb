"""One signing key for all pretend worlds of a test process: making and checking an RSA key takes longer than a world.

Everything else of a world's keys is its own.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jwcrypto.jwk import JWK

from sandbox.tokens import Keys


def share_signing_key() -> None:
    """From now on every world of this process signs with the same key."""
    own = _signing_key()
    shared: Any = Keys
    shared._own, shared._private = own, own.get_op_key("sign")


@cache
def _signing_key() -> JWK:
    return JWK.generate(kty="RSA", size=2048, use="sig", alg="RS256")
