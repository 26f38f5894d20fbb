"""Receipts of consent: made and signed once, given to who consented and to the provider, and not kept here.

Until the end they can be asked for again. While others must still consent, a receipt lies in the vault. The last
consent empties that; from then on each phone's receipts lie there sealed to the phone's own key (HPKE), so that reading
them takes what reading the vault took: the store, the broker's secret and the phone's token.
"""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from importlib.metadata import version

import msgspec

from broker import texts
from broker.caller import Caller
from broker.clock import utc
from broker.parts import Parts
from broker.views import in_language
from schemas.consent import ConsentBroker, ConsentNotice, ConsentReceipt, ConsentRecipient, SignedConsent
from schemas.ledger import entry_of
from schemas.payload import Content
from sessions import consenting
from sessions.errors import Refused
from sessions.model import ANSWERED, Consent, Role, Session, State
from sessions.secrets import random_text, same
from sessions.vault import VaultError, open_receipts, seal_receipts

RECEIPT_TYPE = "ophaalbrug-consent-receipt+jws"
SALT_BYTES = 32

_signed = msgspec.json.Decoder(dict[str, SignedConsent])


def answered(session: Session, role: str) -> tuple[str, ...]:
    """The sources that answered about this person."""
    states = session.people[role].sources.items()
    return tuple(source for source, s in states if s.status in ANSWERED)


def notice(session: Session) -> ConsentNotice:
    """What is told beside the sentence, to everybody of this session."""
    language, recipient = session.language, session.recipient
    purpose = in_language(language, session.profile.purpose)
    return texts.notice(language, in_language(language, recipient.name), purpose, recipient.contact)


def made(
    parts: Parts, session: Session, role: Role, given: Consent, text: str, content: Content
) -> tuple[SignedConsent, Consent]:
    """The signed receipt of a consent to `text` and `content`, and the consent as the session keeps it.

    What the session keeps of the receipt says nothing about it: its digest, and the salted one of the ledger. The salt
    is in the receipt only.
    """
    told, profile, language = notice(session), session.profile, session.language
    salt = os.urandom(SALT_BYTES)
    receipt = ConsentReceipt(
        receipt_id=random_text(16),
        session_id=session.id,
        reference=session.reference,
        person=role,
        recipient=_recipient(session),
        broker=_broker(parts),
        purpose=in_language(language, profile.purpose),
        bsn_basis=profile.bsn_basis,
        sources=answered(session, role),
        fields=profile.fields,
        documents=sum(1 for document in content.documents if document.person == role),
        language=language,
        text=text,
        notice=told,
        text_digest=texts.text_digest(text, *told.sentences),
        review_digest=given.review_digest,
        given_at=utc(given.at),
        authenticated_at=utc(given.authenticated_at) if given.authenticated_at is not None else None,
        identification="login" if given.authenticated_at is not None else "none",
        shared_phone=given.shared_phone,
        salt=base64.urlsafe_b64encode(salt).rstrip(b"=").decode(),
    )
    signature = parts.keys.sign(msgspec.json.encode(receipt), RECEIPT_TYPE)
    entry = entry_of(signature, salt)
    kept = msgspec.structs.replace(given, receipt_digest=digest(signature), entry=entry)
    return SignedConsent(receipt=receipt, signature=signature), kept


def _recipient(session: Session) -> ConsentRecipient:
    recipient = session.recipient
    return ConsentRecipient(
        id=session.provider, name=in_language(session.language, recipient.name), contact=recipient.contact
    )


def _broker(parts: Parts) -> ConsentBroker:
    settings = parts.settings
    return ConsentBroker(url=settings.base_url, contact=settings.contact_email, software_version=_software())


@cache
def _software() -> str:
    return version("ophaalbrug")


def digest(signature: str) -> str:
    """The digest by which a receipt is told apart (hex SHA-256 of its signature)."""
    return hashlib.sha256(signature.encode()).hexdigest()


def genuine(session: Session, receipts: dict[str, SignedConsent]) -> dict[str, SignedConsent]:
    """These receipts, by role. Raises VaultError when one is not that of the consent the session knows."""
    for role, receipt in receipts.items():
        if not same(digest(receipt.signature), session.consents[role].receipt_digest):
            raise VaultError("a consent receipt is not the one that was given")
    return receipts


def sealed(session: Session, receipts: dict[str, SignedConsent]) -> dict[str, bytes]:
    """By phone, the receipts of who consented on it, sealed to it."""
    return {
        phone.id: seal_receipts(msgspec.json.encode(own), phone.wrap_public, session.id, phone.id)
        for phone in session.phones
        if (own := {role: r for role, r in receipts.items() if session.consents[role].phone == phone.id})
    }


async def again(parts: Parts, caller: Caller) -> dict[str, SignedConsent]:
    """The receipts of who consented on this phone, by role, while everybody's consent waits for its delivery.

    Raises Refused(session-ended) once it ended, VaultError.
    """
    phone, session_id = caller.linked(), caller.session.id
    name = consenting.sealed_name(phone.id)
    found = (await parts.sessions.vault(session_id, [name])).get(name)
    session = (await parts.sessions.read(session_id)).session
    if session.state is not State.CONSENTED:
        raise Refused("session-ended" if session.ended else "wrong-state")
    if found is None:
        return {}
    plain = open_receipts(found, caller.token, caller.ring, session_id, phone.id)
    return genuine(session, _signed.decode(plain))
