"""What the PC and the first phone share of linking a phone: showing a way in, and reading a pairing code.

Who may show or type is decided by the surface that asks, and by the session's moves.
"""

from __future__ import annotations

import qr.codes
import qr.pictures
import qr.tokens
from broker.errors import Problem
from broker.parts import Parts
from schemas.base import View
from sessions import pairing
from sessions.lifecycle import TYPED_CODE_SECONDS
from sessions.model import Role
from sessions.secrets import partition_of
from sessions.store.sessions import Opened

_TITLES = {
    "applicant": {
        "nl": "QR-code om je telefoon te koppelen; je kunt ook een code typen",
        "en": "QR code to link your phone; you can type a code instead",
    },
    "partner": {
        "nl": "QR-code voor de telefoon van je partner",
        "en": "QR code for your partner's phone",
    },
}


class ShownToken(View, frozen=True, kw_only=True):
    """A way in for a phone: the address in the QR with its picture, or the code to type."""

    url: str
    svg: str | None = None
    typed_code: str | None = None
    renew_after_seconds: int


async def show_token(parts: Parts, opened: Opened, role: Role, now: float) -> ShownToken:
    """Show a new QR token for this person's phone; older ones stay good for 90 seconds. Raises Refused."""
    session = opened.session
    token = qr.tokens.make_token(session.id)
    digest = parts.keys.ring.digest("pairing", token)
    await parts.sessions.move(session.id, lambda s, at: pairing.show_token(s, digest, role, at), now, opened)
    url = qr.tokens.token_url(parts.settings.base_url, token)
    svg = qr.pictures.svg(url, title=_TITLES[role][session.language])
    return ShownToken(url=url, svg=svg, renew_after_seconds=qr.tokens.RENEWED_EVERY_SECONDS)


async def hand_token(parts: Parts, opened: Opened, now: float) -> qr.tokens.PairingToken:
    """A token for the browser's own device, good together with its cookie only. Raises Refused."""
    session = opened.session
    token = qr.tokens.make_token(session.id)
    digest = parts.keys.ring.digest("pairing", token)
    await parts.sessions.move(
        session.id, lambda s, at: pairing.show_token(s, digest, "applicant", at, s.browser), now, opened
    )
    return token


async def show_typed_code(parts: Parts, opened: Opened, now: float) -> ShownToken:
    """Show a code to type instead of scanning; it replaces an earlier one. Raises Refused."""
    session_id = opened.session.id
    code = qr.codes.make_typed_code(partition_of(session_id))
    digest = parts.keys.ring.digest("typed", code)
    await parts.sessions.move(session_id, lambda s, at: pairing.show_typed_code(s, digest, at), now, opened)
    return ShownToken(
        url=f"{parts.settings.base_url}/phone",
        typed_code=qr.codes.show_typed_code(code),
        renew_after_seconds=int(TYPED_CODE_SECONDS),
    )


def typed_digest(parts: Parts, session_id: str, typed: str) -> str:
    """What the store knows of the pairing code somebody typed. A slip of the finger costs no try: it raises Problem."""
    try:
        code = qr.codes.parse_pairing_code(typed)
    except ValueError:
        raise Problem("invalid-request", errors=("code: must be four digits",)) from None
    return code_digest(parts, session_id, code)


def code_digest(parts: Parts, session_id: str, code: qr.codes.PairingCode) -> str:
    """The HMAC under which a pairing code is stored: it holds for one session only."""
    return parts.keys.ring.digest("pairing-code", f"{session_id}|{code}")
