"""Checks a ledger: whether it is one chain from its beginning to a signed end, and the one that was exported earlier.

Pure. It takes nothing of what the store says for granted. What it cannot see: a ledger put back whole, with its signed
head, to what it was before. For that there are copies elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from schemas.ledger import HEAD_TYPE, HeadLine, LedgerHead, LedgerLine, beginning, hash_of
from sessions.store.chain import Chain, Head

MARK_EVERY = 100  # of so many heads one is kept beside the lines

_line = msgspec.json.Decoder(LedgerLine)
_head_line = msgspec.json.Decoder(HeadLine)
_claims = msgspec.json.Decoder(LedgerHead)


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger as it was exported: its lines as they are written, and its signed heads."""

    lines: tuple[bytes, ...]
    heads: tuple[str, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What checking found: how many lines, the hash of the last, and what is wrong, in words; nothing: it is whole."""

    provider: str
    size: int
    hash: str
    faults: tuple[str, ...]


def read(file: bytes) -> Exported:
    """An exported ledger. Raises ValueError for a line that is neither a line nor a head."""
    lines: list[bytes] = []
    heads: list[str] = []
    for number, written in enumerate(file.split(b"\n"), start=1):
        if not written:
            continue
        try:
            heads.append(_head_line.decode(written).head)
        except msgspec.ValidationError:
            lines.append(written)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ValueError(f"line {number} of the file is not JSON") from None
    return Exported(lines=tuple(lines), heads=tuple(heads))


def checked(provider: str, chain: Chain, keys: KeySet, exported: Exported | None = None) -> Verdict:
    """Check a provider's ledger, and beside it an earlier copy; heads must be signed by one of `keys`."""
    hashes = [beginning(provider), *map(hash_of, chain.lines)]
    faults = [
        *_line_faults(provider, chain.lines, hashes),
        *_count_faults(chain),
        *_entry_faults(chain),
        *_signature_faults(provider, chain, hashes, keys),
        *(_copy_faults(provider, chain, exported, hashes, keys) if exported is not None else ()),
    ]
    return Verdict(provider=provider, size=chain.head.size, hash=chain.head.hash, faults=tuple(faults))


def _line_faults(provider: str, lines: tuple[bytes, ...], hashes: list[str]) -> Iterator[str]:
    """Each line names its number, its provider and the hash of the line before it."""
    for number, written in enumerate(lines, start=1):
        line = _decoded(written)
        if line is None:
            yield f"line {number} cannot be read"
        elif (line.number, line.provider) != (number, provider):
            yield f"line {number} is not the one that belongs there"
        elif line.previous != hashes[number - 1]:
            yield f"line {number} does not follow on the line before it"


def _decoded(written: bytes) -> LedgerLine | None:
    try:
        return _line.decode(written)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _count_faults(chain: Chain) -> Iterator[str]:
    there, told = len(chain.lines), chain.head.size
    if there < told:
        yield f"line {there + 1} is missing, of {told}"
    if chain.count > told or there > told:
        yield f"there are {max(chain.count, there)} lines, and {told} were added"


def _entry_faults(chain: Chain) -> Iterator[str]:
    """Each entry is there once, and is known: what is known is not added again."""
    known = {line.entry: line.number for line in map(_decoded, chain.lines) if line is not None}
    if known != chain.entries or len(known) != len(chain.lines):
        yield "the entries that are known are not those of the lines, each once"


def _signature_faults(provider: str, chain: Chain, hashes: list[str], keys: KeySet) -> Iterator[str]:
    """The end is signed, and so is one head in every `MARK_EVERY` lines."""
    if chain.head == Head() and not chain.lines and not chain.heads:
        return
    if chain.head.hash != hashes[-1]:
        yield "the last line is not the one the ledger ends with"
    yield from _head_faults(provider, chain.head.signature, hashes, keys, chain.head.size)
    for size, signature in chain.heads.items():
        yield from _head_faults(provider, signature, hashes, keys, size)
    marks = [0, *chain.heads, chain.head.size]
    for before, after in itertools.pairwise(marks):
        if after - before > MARK_EVERY:
            yield f"between lines {before} and {after} a signed head is missing"


def _head_faults(
    provider: str, signature: str, hashes: list[str], keys: KeySet, size: int | None = None
) -> Iterator[str]:
    """A head is signed by the broker and says what is true of the lines; `size` is the one it is kept under."""
    head = _verified(signature, keys)
    if head is None:
        yield "a head is not signed by this broker" if size is None else f"the head of {size} lines is not signed"
    elif head.provider != provider or size not in (None, head.size):
        yield f"the head of {head.size} lines is not the one that belongs there"
    elif head.size >= len(hashes):
        yield f"a signed head has {head.size} lines, and {len(hashes) - 1} are there"
    elif head.hash != hashes[head.size]:
        yield f"line {head.size} is not the one that was signed"


def _verified(signature: str, keys: KeySet) -> LedgerHead | None:
    try:
        found = jws.deserialize_compact(signature, keys, ["ES256"])
        return _claims.decode(found.payload) if found.protected.get("typ") == HEAD_TYPE else None
    except (JoseError, ValueError, msgspec.MsgspecError):
        return None


def _copy_faults(provider: str, chain: Chain, exported: Exported, hashes: list[str], keys: KeySet) -> Iterator[str]:
    """What was exported is still there, line by line."""
    for number, (then, now) in enumerate(zip(exported.lines, chain.lines, strict=False), start=1):
        if then != now:
            yield f"line {number} is not the one that was exported"
            return
    if len(exported.lines) > len(chain.lines):
        yield f"{len(exported.lines)} lines were exported, and {len(chain.lines)} are there"
    for signature in exported.heads:
        yield from _head_faults(provider, signature, hashes, keys)
