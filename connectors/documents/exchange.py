"""What the broker and the process that reads a file say to each other, in msgpack over a pipe."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from connectors.contract import MediaType, Unusable
from schemas.records import SourceRecords

Seal = Literal["valid", "invalid", "none"]

MAX_ANSWER_BYTES = 4_000_000


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One file and how it is to be read.

    `trust` holds certificates in DER; `signers` are the organisations a seal may name, any where there are none.
    """

    source: str
    media_type: MediaType
    content: bytes
    now: datetime
    trust: tuple[bytes, ...]
    signers: tuple[str, ...]
    max_pages: int
    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int


class Told(msgspec.Struct, frozen=True, kw_only=True, tag="told"):
    """What the file says and is; the fields are those of Reading."""

    records: SourceRecords
    seal: Seal | None  # None: there is one, and nothing to judge it by
    bsns: tuple[str, ...]
    may_hold_bsn: bool


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """Why the file cannot be used."""

    reason: Unusable
