"""The secrets of the three parties, and the keys derived from the broker's master secret.

A provider, a browser and a phone each hold a secret of their own kind. The kinds are distinct types with distinct
prefixes and distinct HMAC keys, so that none can be used in place of another. Only HMACs are stored.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import NewType

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sessions.errors import Refused

ProviderToken = NewType("ProviderToken", str)  # oba_<secret>
BrowserSecret = NewType("BrowserSecret", str)  # obb_<session>.<secret>
PhoneToken = NewType("PhoneToken", str)  # obp_<session>.<phone>.<secret>

MASTER_BYTES = 32
PARTITION_DIGITS = 2


def random_text(size: int = 16) -> str:
    """`size` random bytes as base64url: 16 bytes is 128 bits (OWASP ASVS 5.0, V11.5.1)."""
    return secrets.token_urlsafe(size)


def new_session_id(partition: int) -> str:
    """An id that carries its partition in its first two (hexadecimal) digits. An id is not a secret."""
    return f"{partition:02x}{secrets.token_hex(10)}"


def partition_of(session_id: str) -> int:
    """The partition a session id carries. Raises Refused(unknown-session) for text that is no session id."""
    if len(session_id) != PARTITION_DIGITS + 20 or not session_id.isascii() or not session_id.isalnum():
        raise Refused("unknown-session")
    try:
        return int(session_id[:PARTITION_DIGITS], 16)
    except ValueError:
        raise Refused("unknown-session") from None


def new_phone_token(session_id: str, phone_id: str) -> PhoneToken:
    """A token for one phone of one session, with 256 random bits."""
    return PhoneToken(f"obp_{session_id}.{phone_id}.{random_text(32)}")


def new_browser_secret(session_id: str) -> BrowserSecret:
    """A secret for the browser that started a session."""
    return BrowserSecret(f"obb_{session_id}.{random_text(32)}")


def new_provider_token() -> ProviderToken:
    """An opaque access token for a provider."""
    return ProviderToken(f"oba_{random_text(32)}")


def parts(secret: str, prefix: str, count: int) -> list[str]:
    """Split a secret into its `count` parts. Raises Refused(wrong-secret) when it is not of this kind."""
    if not secret.startswith(prefix) or len(secret) > 200:
        raise Refused("wrong-secret")
    found = secret[len(prefix) :].split(".")
    if len(found) != count or not all(found):
        raise Refused("wrong-secret")
    return found


class Keyring:
    """Keys derived from the master secret, one per purpose (HKDF-SHA256). Losing the master loses all of them."""

    def __init__(self, master: bytes) -> None:
        if len(master) < MASTER_BYTES:
            raise ValueError(f"the broker secret must have at least {MASTER_BYTES} bytes")
        self._master = master
        self._derived: dict[str, bytes] = {}

    def key(self, purpose: str) -> bytes:
        """The 32-byte key for `purpose`."""
        found = self._derived.get(purpose)
        if found is None:
            found = HKDF(SHA256(), 32, salt=None, info=f"ophaalbrug/{purpose}".encode()).derive(self._master)
            self._derived[purpose] = found
        return found

    def digest(self, purpose: str, secret: str) -> str:
        """The HMAC under which a secret is stored: base64url, 43 characters. `purpose` keeps the kinds apart."""
        mac = hmac.digest(self.key(f"digest/{purpose}"), secret.encode(), "sha256")
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    def fingerprint(self) -> str:
        """What a store remembers of the keys it was made with; says nothing about them."""
        return self.digest("fingerprint", "ophaalbrug")[:16]


def same(left: str | None, right: str | None) -> bool:
    """Constant-time comparison; nothing equals None."""
    return left is not None and right is not None and hmac.compare_digest(left.encode(), right.encode())
