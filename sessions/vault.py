"""The vault: collected data under a key that only the citizen's phones can open.

A session has one random vault key. For each phone it lies sealed (HPKE, RFC 9180: X25519, HKDF-SHA256, AES-256-GCM) to
a key whose private half is derived from that phone's token together with the broker's secret, and is nowhere else.
Records are AES-256-GCM; the associated data name session, record and version, so none can be moved, swapped or rolled
back. Reading takes three things at once: the store, the server's secret and the phone's token.
"""

from __future__ import annotations

import hmac
import os
from types import TracebackType
from typing import Literal, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sessions.secrets import Keyring, PhoneToken

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_KEY_BYTES = 32
_NONCE_BYTES = 12


class VaultError(Exception):
    """A ciphertext does not belong where it was found, or the key is another one."""


class VaultKey(bytearray):
    """A 256-bit vault key in memory of its own: used in a `with`, at whose end it is overwritten and good for nothing.

    Who opens a key closes it: a request its own, a collecting task the one that it was given. How far that goes, and
    what of it Python cannot promise, is in docs/decisions/0004-the-phone-holds-the-key.md.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return "VaultKey(...)"  # no key in a traceback, a log or a failing test

    def close(self) -> None:
        """Overwrite it; may be called again."""
        _overwrite(self)
        self.clear()


def new_key() -> VaultKey:
    """A fresh 256-bit vault key."""
    return VaultKey(os.urandom(_KEY_BYTES))


def _must_be_open(key: VaultKey) -> None:
    """A closed key is a mistake of ours, found before anything is sealed, or compared, under no key at all."""
    if not key:
        raise ValueError("the vault key is closed")


def _overwrite(secret: bytearray) -> None:
    secret[:] = bytes(len(secret))


def _wrap_private(token: PhoneToken, keys: Keyring) -> X25519PrivateKey:
    # The token names its session and phone, so the derivation is bound to both.
    derived = bytearray(_KEY_BYTES)
    HKDF(SHA256(), _KEY_BYTES, salt=keys.key("wrap"), info=b"ophaalbrug/wrap").derive_into(token.encode(), derived)
    private = X25519PrivateKey.from_private_bytes(derived)
    _overwrite(derived)
    return private


def wrap_public(token: PhoneToken, keys: Keyring) -> bytes:
    """The 32-byte public half of a phone's wrap key: all that is stored of it."""
    return _wrap_private(token, keys).public_key().public_bytes_raw()


def seal_key(key: VaultKey, public: bytes, session_id: str, phone_id: str) -> bytes:
    """Seal the vault key to a phone (80 bytes). Needs nothing secret of the phone."""
    _must_be_open(key)
    return _SUITE.encrypt(key, X25519PublicKey.from_public_bytes(public), info=_info(session_id, phone_id))


def open_key(sealed: bytes, token: PhoneToken, keys: Keyring, session_id: str, phone_id: str) -> VaultKey:
    """Open the vault key with the phone's token. Raises VaultError."""
    try:
        return VaultKey(_SUITE.decrypt(sealed, _wrap_private(token, keys), info=_info(session_id, phone_id)))
    except (InvalidTag, ValueError):
        raise VaultError("the vault key does not open with this token") from None


def _info(session_id: str, phone_id: str) -> bytes:
    return f"ophaalbrug/vault-key|{session_id}|{phone_id}".encode()


def seal_receipts(plain: bytes, public: bytes, session_id: str, phone_id: str) -> bytes:
    """Seal the receipts of who consented on a phone to that phone. Needs nothing secret of it, and no vault key."""
    return _SUITE.encrypt(plain, X25519PublicKey.from_public_bytes(public), info=_receipts_info(session_id, phone_id))


def open_receipts(sealed: bytes, token: PhoneToken, keys: Keyring, session_id: str, phone_id: str) -> bytes:
    """Open a phone's receipts with its token. Raises VaultError."""
    try:
        return _SUITE.decrypt(sealed, _wrap_private(token, keys), info=_receipts_info(session_id, phone_id))
    except (InvalidTag, ValueError):
        raise VaultError("the receipts do not open with this token") from None


def _receipts_info(session_id: str, phone_id: str) -> bytes:
    return f"ophaalbrug/receipts|{session_id}|{phone_id}".encode()


def encrypt(key: VaultKey, session_id: str, record: str, version: int, plain: bytes) -> bytes:
    """Encrypt one record: a 96-bit random nonce followed by ciphertext and tag."""
    _must_be_open(key)
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, _bound(session_id, record, version))


def decrypt(key: VaultKey, session_id: str, record: str, version: int, sealed: bytes) -> bytes:
    """Decrypt one record; `version` is the one the session names. Raises VaultError."""
    _must_be_open(key)
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(session_id, record, version))
    except (InvalidTag, ValueError):
        raise VaultError("a vault record does not belong here") from None


def mark(key: VaultKey, kind: Literal["identity", "birth", "document"], value: bytes) -> str:
    """What may be kept of a value to compare it within one session: an HMAC under the vault key, in hex."""
    return _mac(key, f"ophaalbrug/{kind}|".encode() + value).hex()


def review_key(key: VaultKey) -> bytes:
    """The key of the digests of what was shown: without the vault key they cannot be guessed at."""
    return _mac(key, b"ophaalbrug/review")


def _mac(key: VaultKey, value: bytes) -> bytes:
    _must_be_open(key)
    return hmac.digest(key, value, "sha256")


def _bound(session_id: str, record: str, version: int) -> bytes:
    return f"{session_id}|{record}|{version}".encode()
