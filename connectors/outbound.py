"""The one door to the outside: every HTTP request the broker makes goes through here.

Two policies. `configured`: exact host:port pairs from the settings (sources, DigiD); private addresses allowed.
`given`: addresses that providers supply (webhook, JWKS): https and public addresses only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. Header names are lower case; `body` is complete and within the size cap."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OutboundError(Exception):
    """No usable answer. The text names no address, body or header."""

    def __init__(self, kind: Literal["timeout", "refused", "too-large", "connection", "address", "redirect"]) -> None:
        super().__init__(kind)
        self.kind = kind


class Door:
    """PLACEHOLDER, being written."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float = 10.0,
        max_bytes: int = 1_000_000,
    ) -> Answer:
        """Ask once; no redirects, no retries. Raises OutboundError."""
        raise OutboundError("connection")
