"""Pairing tokens: the secret a QR code carries from the PC to the phone.

Owns their form, their strength and how often they are renewed. Does not know which token is current or used up:
that is an atomic step in the store, which keeps only an HMAC of it.
"""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple, NewType

PairingToken = NewType("PairingToken", str)
"""`<session id>.<secret>`. Single use; never logged, never in a path or query."""

RENEWED_EVERY_SECONDS = 30

# 144 bits (ASVS 5.0 V7.2.3 asks 128). A multiple of three bytes has no spare bits in base64: one secret, one spelling.
_SECRET_BYTES = 18
_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_TOKEN = re.compile(r"(?P<session>[A-Za-z0-9_-]{1,64})\.[A-Za-z0-9_-]{22,64}", re.ASCII)


class Scanned(NamedTuple):
    """A token as a phone presents it: well formed, nothing more. `session_id` says in which partition to look."""

    token: PairingToken
    session_id: str


def make_token(session_id: str) -> PairingToken:
    """A fresh token for a session. Raises ValueError if the id could not be read back from a token."""
    if _SESSION_ID.fullmatch(session_id) is None:
        raise ValueError("a session id is 1 to 64 characters of A-Z, a-z, 0-9, _ and -")
    return PairingToken(f"{session_id}.{secrets.token_urlsafe(_SECRET_BYTES)}")


def parse_token(text: str) -> Scanned:
    """Read what a phone presents. Raises ValueError, without the text in it, for anything but a token."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        raise ValueError("not a pairing token")
    return Scanned(PairingToken(text), found["session"])


def token_url(base_url: str, token: PairingToken) -> str:
    """The address in the picture. The token rides in the fragment, which a browser never sends to a server."""
    return f"{base_url.rstrip('/')}/phone#{token}"
