"""Whose phone a request comes from: its token, its device's proof (DPoP, RFC 9449), and the session they open."""

from __future__ import annotations

import msgspec

from broker import dpop
from broker.caller import Caller
from broker.http.requests import AnyRequest, bearer, own_url, parts_of
from sessions.errors import Refused
from sessions.model import PendingPhone, Phone, Session
from sessions.secrets import PhoneToken, same
from sessions.secrets import parts as secret_parts


async def caller_of(request: AnyRequest) -> Caller:
    """The phone this request comes from: one store trip marks the proof as used and reads the session."""
    parts = parts_of(request)
    token = PhoneToken(bearer(request, "DPoP"))
    session_id, phone_id, _ = secret_parts(token, "obp_", 3)
    now, ring = parts.clock(), parts.keys.ring
    proof = proof_of(request, token, now)
    digest = ring.digest("phone", token)
    opened = await parts.sessions.open(session_id, proof.id, now, digest)
    phone, pending = known_phone(opened.session, phone_id, digest)
    known = phone or (pending.phone if pending else None)
    if known is not None and not same(known.thumbprint, proof.thumbprint):
        raise Refused("wrong-secret")
    return Caller(opened=opened, token=token, ring=ring, phone=phone, pending=pending, now=now)


async def anew(request: AnyRequest, caller: Caller) -> Caller | None:
    """The same phone with its session as that is now; None where nothing changed since.

    Raises Refused: wrong-secret, session-ended for a phone that is out since.
    """
    opened = await parts_of(request).sessions.read(caller.session.id)
    if opened.version == caller.opened.version:
        return None
    _, phone_id, _ = secret_parts(caller.token, "obp_", 3)
    phone, pending = known_phone(opened.session, phone_id, caller.ring.digest("phone", caller.token))
    return msgspec.structs.replace(caller, opened=opened, phone=phone, pending=pending)


def known_phone(session: Session, phone_id: str, digest: str) -> tuple[Phone | None, PendingPhone | None]:
    """The phone that holds this token: linked, or waiting for its code, or neither once the session ended.

    Raises Refused: wrong-secret for a phone that is out, session-ended.
    """
    pendings = (session.pairing.pending, session.partner_pairing.pending)
    pending = next((p for p in pendings if p is not None and p.phone.id == phone_id), None)
    phone = session.phone(phone_id)
    known = phone or (pending.phone if pending else None)
    if known is not None and same(known.token, digest):
        return phone, pending
    if any(same(secret, digest) for secret in session.closing_secrets):
        return None, None
    raise Refused("session-ended" if session.ended else "wrong-secret")


def proof_of(request: AnyRequest, token: str | None, now: float) -> dpop.Proof:
    """The request's proof, checked; `token` is None where a phone has none yet. Raises Problem."""
    ring = parts_of(request).keys.ring
    given = request.headers.get("dpop", "")
    return dpop.verify(given, request.method, own_url(request), token, ring, now)
