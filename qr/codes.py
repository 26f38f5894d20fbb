"""Codes for people: the one typed on a phone instead of scanning, and the one read from a phone to the PC.

Owns their alphabet, length and reading. A code is short, so its strength lies in the limits around it (lifetime,
tries, rate), and those are kept by `sessions`.
"""

from __future__ import annotations

import secrets
from typing import NewType

TypedCode = NewType("TypedCode", str)
"""Eight letters: two for the partition, six random (26 bits). Shown as `BCDF-GHJK`. Single use."""

PairingCode = NewType("PairingCode", str)
"""Four digits, shown on the phone and typed on the PC: one chance in 3333 with three tries."""

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628, 6.1: no vowels, so no words, and nothing that looks like a digit
PARTITIONS = len(ALPHABET) ** 2

_RANDOM_LETTERS = 6
_TYPED_LENGTH = 2 + _RANDOM_LETTERS
_PAIRING_LENGTH = 4
# What people and their keyboards put between the groups: spaces, dashes (also typographic ones), dots.
_SEPARATORS = {ord(character): None for character in " \t\u00a0\u202f-\u2010\u2011\u2012\u2013\u2014\u2212."}


def make_typed_code(partition: int) -> TypedCode:
    """A fresh code that leads to `partition`. Raises ValueError outside 0..399, all that two letters can say."""
    if not 0 <= partition < PARTITIONS:
        raise ValueError(f"a partition is 0 to {PARTITIONS - 1}")
    high, low = divmod(partition, len(ALPHABET))
    random = (secrets.choice(ALPHABET) for _ in range(_RANDOM_LETTERS))
    return TypedCode(ALPHABET[high] + ALPHABET[low] + "".join(random))


def show_typed_code(code: TypedCode) -> str:
    """The code as it stands on screen: `BCDF-GHJK`."""
    return f"{code[:4]}-{code[4:]}"


def parse_typed_code(text: str) -> TypedCode:
    """Read what somebody typed: any case, with or without spaces and dashes. Raises ValueError for anything else."""
    code = text.translate(_SEPARATORS)
    # The ASCII test comes first: upper() turns some foreign letters into ours (ſ becomes S).
    if len(code) != _TYPED_LENGTH or not code.isascii() or not set(code.upper()) <= set(ALPHABET):
        raise ValueError("not a typed code")
    return TypedCode(code.upper())


def partition_of(code: TypedCode) -> int:
    """The partition a code leads to, 0..399. Whether that partition exists is the store's to say."""
    return ALPHABET.index(code[0]) * len(ALPHABET) + ALPHABET.index(code[1])


def make_pairing_code() -> PairingCode:
    """A fresh code of four digits, every one as likely."""
    return PairingCode(f"{secrets.randbelow(10**_PAIRING_LENGTH):0{_PAIRING_LENGTH}d}")


def parse_pairing_code(text: str) -> PairingCode:
    """Read what somebody typed on the PC. Raises ValueError for anything but four digits, so that costs no try."""
    code = text.translate(_SEPARATORS)
    if len(code) != _PAIRING_LENGTH or not (code.isascii() and code.isdigit()):
        raise ValueError("not a pairing code")
    return PairingCode(code)
