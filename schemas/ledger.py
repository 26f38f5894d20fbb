"""The ledger as it is kept and exported: JSON Lines, each naming the hash of the line before it, and signed heads.

Nothing in it is of a person: a receipt stands there under a salted hash, and the salt is in the receipt alone.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal

import msgspec

EntryKind = Literal["given", "amended", "withdrawn", "lapsed"]
HEAD_TYPE = "ophaalbrug-ledger-head+jws"


class LedgerLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What became of a consent. `receipt` is the salted hash of its receipt, `previous` the hash of the line before.

    given: the consent was given; amended: voided, as somebody would still change something; withdrawn: taken back after
    it was sent; lapsed: the attempt or the session ended before anything was received. `at` is when (UTC).
    """

    number: int
    provider: str
    at: str
    kind: EntryKind
    receipt: str
    previous: str
    v: Literal[1] = 1

    @property
    def entry(self) -> str:
        """What is entered once: one receipt can be given once, and taken back once."""
        return f"{self.kind}:{self.receipt}"


class LedgerHead(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a head's signature says: so many lines this provider's ledger had, and this is the hash of the last."""

    provider: str
    size: int
    hash: str
    signed_at: str


class HeadLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signed head (compact JWS of a LedgerHead) in an exported ledger."""

    head: str


def entry_of(signature: str, salt: bytes) -> str:
    """The salted hash under which a receipt stands in the ledger: HMAC-SHA256 of its signature under its salt, hex."""
    return hmac.new(salt, signature.encode(), hashlib.sha256).hexdigest()


def beginning(provider: str) -> str:
    """What the first line names as the hash before it, so that no provider's ledger can stand for another's."""
    return hash_of(f"ophaalbrug/ledger|{provider}".encode())


def hash_of(line: bytes) -> str:
    """The hash of a line as it is written, without its newline (hex SHA-256)."""
    return hashlib.sha256(line).hexdigest()
