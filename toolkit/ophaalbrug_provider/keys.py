"""Keys: our private ones, and the broker's public ones as its JWKS publishes them.

A key decides by its kind how it is used (decision page "sealing profiles"): no algorithm is taken from a message.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, LiteralString

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwcrypto import jwk
from jwcrypto.common import JWException

from ophaalbrug_provider.errors import Unreadable

# The default profile seals to a curve and signs with ES256, nlgov seals to RSA and signs with PS256.
_SEALS: dict[str, tuple[LiteralString, LiteralString]] = {
    "P-256": ("ECDH-ES", "ES256"),
    "X25519": ("ECDH-ES", "ES256"),
    "RSA": ("RSA-OAEP", "PS256"),
}
_SIGNS: dict[str, LiteralString] = {"P-256": "ES256", "Ed25519": "EdDSA", "RSA": "PS256"}
MIN_RSA_BITS = 3072  # NCSC TLS guidelines 2025-05: 128 bits of strength


class PrivateKey:
    """A private key of ours, to sign client assertions with or to open what is sealed to it.

    `kid` is the one it is registered under; without one the broker knows a key by its RFC 7638 thumbprint. Its text
    shows the thumbprint only.
    """

    def __init__(self, key: jwk.JWK, kid: str | None = None) -> None:
        facts: dict[str, Any] = {} if key.is_symmetric else key.export_public(as_dict=True)
        self.kind = str(facts.get("crv") or facts.get("kty"))
        if not key.has_private or self.kind not in {**_SEALS, **_SIGNS}:
            raise ValueError("not a private key of P-256, Ed25519, X25519 or RSA")
        if self.kind == "RSA" and _bits(facts["n"]) < MIN_RSA_BITS:
            raise ValueError(f"an RSA key must have at least {MIN_RSA_BITS} bits")
        self.jwk = key
        self.kid: str | None = kid or facts.get("kid")
        self.thumbprint: str = key.thumbprint()

    @classmethod
    def read(cls, text: bytes | str, *, kid: str | None = None, password: bytes | None = None) -> PrivateKey:
        """A key in PEM (PKCS#8, perhaps with a password) or as a JWK. Raises ValueError, which tells nothing."""
        data = text.encode() if isinstance(text, str) else text
        is_jwk = data.lstrip().startswith(b"{")
        try:
            key = jwk.JWK.from_json(data.decode()) if is_jwk else jwk.JWK.from_pem(data, password)
        except (JWException, ValueError, TypeError):
            raise ValueError("this is no private key in PEM or JWK, or its password is another") from None
        made = cls(key, kid)
        if not is_jwk:  # jwcrypto gives it a name of its own accord
            made.kid = kid
        return made

    def is_called(self, kid: object) -> bool:
        """Whether a message that names `kid` means this key."""
        return kid in (self.kid or self.thumbprint, self.thumbprint)

    @property
    def signs_with(self) -> LiteralString:
        """The algorithm of its client assertions. Raises ValueError for a key that cannot sign."""
        if self.kind not in _SIGNS:
            raise ValueError(f"{self.kind} cannot sign: take P-256, Ed25519 or RSA")
        return _SIGNS[self.kind]

    @property
    def seals_with(self) -> tuple[LiteralString, LiteralString]:
        """How what is sealed to it is encrypted, and signed inside. Raises ValueError for a key that cannot open."""
        if self.kind not in _SEALS:
            raise ValueError(f"nothing is sealed to {self.kind}: take P-256, X25519 or RSA")
        return _SEALS[self.kind]

    def __repr__(self) -> str:
        return f"PrivateKey({self.kind} {self.thumbprint})"


class BrokerKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The broker's public keys: those of payloads and receipts by `kid`, and those of webhooks."""

    signing: dict[str, jwk.JWK]
    webhook: tuple[Ed25519PublicKey, ...]


def read_jwks(document: bytes) -> BrokerKeys:
    """The keys of `/.well-known/jwks.json`; kinds of keys not used here are passed over. Raises Unreadable."""
    try:
        keys: list[Mapping[str, str]] = json.loads(document)["keys"]
        signing = {key["kid"]: jwk.JWK(**key) for key in keys if key["kty"] in ("EC", "RSA")}
        points = [key["x"] for key in keys if key["kty"] == "OKP" and key["crv"] == "Ed25519"]
        webhook = tuple(Ed25519PublicKey.from_public_bytes(from_base64url(x)) for x in points)
    except (JWException, ValueError, KeyError, TypeError, RecursionError):
        raise Unreadable("the broker's keys cannot be read") from None
    return BrokerKeys(signing=signing, webhook=webhook)


def read_webhook_key(text: str) -> Ed25519PublicKey:
    """The broker's public webhook key as the operator gives it: `whpk_` and base64. Raises ValueError."""
    if not text.startswith("whpk_"):
        raise ValueError("a public webhook key begins with whpk_")
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text[5:], validate=True))


def from_base64url(text: str) -> bytes:
    """base64url without its padding (RFC 7515 section 2). Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _bits(modulus: str) -> int:
    return int.from_bytes(from_base64url(modulus), "big").bit_length()
