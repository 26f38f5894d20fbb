"""Looking and consenting: what was found, as it would be sent; each adult's consent to that; the last one sends.

The review's digest covers the whole content. A consent names the digest it saw, and is refused when the content has
moved since. The first consent freezes the content; the last one seals it in the same step that stores it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec

from broker import review as views
from broker.caller import Caller
from broker.clock import utc
from broker.household import merge
from broker.parts import Parts
from broker.purge import new_event_id
from broker.sealing import seal
from broker.telemetry import log, session_ref, sessions_total
from broker.texts import consent, text_digest
from broker.views import in_language
from connectors.contract import Subject
from schemas.base import View
from schemas.consent import ConsentReceipt, ConsentRecipient, SignedConsent
from schemas.payload import Content, Payload
from schemas.records import Finding, SourceRecords
from sessions import collecting, consenting
from sessions.change import Change
from sessions.ending import end
from sessions.errors import Refused
from sessions.lifecycle import Event, require
from sessions.model import Consent, Phone, Role, Session, SourceStatus, State
from sessions.secrets import random_text, same
from sessions.store.sessions import Opened
from sessions.vault import VaultError, VaultKey, decrypt, encrypt

RECEIPT_TYPE = "ophaalbrug-consent-receipt+jws"
MAX_REMARKS = 50


class ConsentText(View, frozen=True, kw_only=True):
    """What one adult is asked to agree to, word for word, and its digest."""

    person: Role
    text: str
    text_digest: str
    given: bool = False


class Review(View, frozen=True, kw_only=True):
    """What a phone shows under Bekijken: what its persons may see, counts of the rest, and what to consent to."""

    digest: str
    content: Content
    counts: dict[str, views.Counts]
    consents: tuple[ConsentText, ...]
    ready: bool
    frozen: bool


class _Open(msgspec.Struct, frozen=True):
    """The vault's content, decrypted and merged: in memory only, while a request runs."""

    content: Content
    digest: str
    receipts: dict[str, SignedConsent]


class Consents:
    """Review and consent of every session."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def review(self, caller: Caller) -> Review:
        """What this phone may see. Raises Refused(wrong-state)."""
        phone = caller.linked()
        opened, inside = await self._open(caller.opened, caller.vault_key())
        session = opened.session
        shown = frozenset(r for r, p in session.people.items() if phone.id in p.phones)
        hidden = frozenset(session.people) - shown
        return Review(
            digest=inside.digest,
            content=views.visible(inside.content, shown),
            counts={role: views.counts(inside.content, role) for role in sorted(hidden)},
            consents=tuple(self._asked(session, inside.content, role) for role in sorted(shown)),
            ready=consenting.is_ready(session),
            frozen=session.frozen,
        )

    def _asked(self, session: Session, content: Content, role: str) -> ConsentText:
        text = self._text(session, content, role)
        person: Role = "partner" if role == "partner" else "applicant"
        return ConsentText(person=person, text=text, text_digest=text_digest(text), given=person in session.consents)

    def _text(self, session: Session, content: Content, role: str) -> str:
        labels = self._parts.labels(session.language)
        answered = [
            labels.get(source, source)
            for source, state in session.people[role].sources.items()
            if state.status in (SourceStatus.COLLECTED, SourceStatus.ABSENT)
        ]
        name = next((p.name for p in content.household.persons if p.id == role), None)
        return consent(session.language, name, in_language(session.language, session.recipient.name), answered)

    async def _open(self, opened: Opened, key: VaultKey) -> tuple[Opened, _Open]:
        """Decrypt the vault, merge the household, keep what the profile permits; with the session that it belongs to.

        Raises Refused(wrong-state).
        """
        while True:
            session = opened.session
            require(session, State.COLLECTING)
            plain = await self._plain(session, key, list(session.records))
            if plain is not None:
                content = _merged(session, plain)
                receipts = {n.split("/")[1]: _signed.decode(p) for n, p in plain.items() if n.startswith("receipt/")}
                return opened, _Open(content, views.digest(content, _review_key(key)), receipts)
            opened = await self._parts.sessions.read(session.id)

    async def _plain(self, session: Session, key: VaultKey, names: list[str]) -> dict[str, bytes] | None:
        """These records, decrypted; None when the session has moved on since it was read, and the vault with it.

        Raises VaultError when it has not: then the key is another one.
        """
        sealed = await self._parts.sessions.vault(session.id, names)
        try:
            return {n: decrypt(key, session.id, n, session.records[n], sealed.get(n, b"")) for n in names}
        except VaultError:
            newest = await self._parts.sessions.read(session.id)
            if newest.session.records == session.records:
                raise
            return None

    async def give(
        self, caller: Caller, role: Role, review_digest: str, text_hash: str
    ) -> tuple[Opened, SignedConsent]:
        """One adult consents to what was shown. The last consent seals the payload and queues it.

        Answers the session and the signed receipt, which is not kept here. Raises Refused: review-changed, not-ready,
        consent-needs-login, not-your-part, wrong-state.
        """
        opened, phone, key, now = caller.opened, caller.linked(), caller.vault_key(), caller.now
        while True:
            opened, inside = await self._open(opened, key)
            session = opened.session
            moment = consenting.check(session, phone, role)
            text = self._text(session, inside.content, role)
            if not same(inside.digest, review_digest) or not same(text_digest(text), text_hash):
                raise Refused("review-changed")
            if role in session.consents:
                return opened, inside.receipts[role]
            given = Consent(
                at=now,
                review_digest=review_digest,
                phone=phone.id,
                shared_phone=_is_shared(session, phone),
                language=session.language,
                authenticated_at=moment,
            )
            receipt = self._receipt(session, role, given, text)
            given = msgspec.structs.replace(given, receipt_digest=text_digest(receipt.signature))
            change = self._change(session, key, role, given, receipt, inside, now)
            after = await self._parts.sessions.apply(change, opened, now)
            if after is not None:
                self._tell(after.session)
                return after, receipt
            opened = await self._parts.sessions.read(session.id)

    def _change(
        self,
        session: Session,
        key: VaultKey,
        role: Role,
        given: Consent,
        receipt: SignedConsent,
        inside: _Open,
        now: float,
    ) -> Change:
        after = consenting.given(session, role, given)
        if not consenting.is_last(session, role):
            name = f"receipt/{role}"
            version = collecting.next_version(session)
            return consenting.keep(after, encrypt(key, session.id, name, version, msgspec.json.encode(receipt)), name)
        receipts = {**inside.receipts, role: receipt}
        if any(not same(text_digest(r.signature), after.consents[who].receipt_digest) for who, r in receipts.items()):
            raise VaultError("a consent receipt is not the one that was given")
        payload = _payload(session, inside.content, tuple(receipts[r] for r in sorted(receipts)), now)
        ids = (new_event_id(), new_event_id())
        recipient: dict[str, Any] = msgspec.json.decode(session.recipient.key)
        sealed = seal(msgspec.json.encode(payload), recipient, session.profile.sealing, self._parts.keys, ids[0])
        return consenting.send(after, sealed.jwe.encode(), sealed.digest, ids, now)

    def _receipt(self, session: Session, role: Role, given: Consent, text: str) -> SignedConsent:
        receipt = ConsentReceipt(
            receipt_id=random_text(16),
            session_id=session.id,
            person=role,
            recipient=ConsentRecipient(id=session.provider, name=in_language(session.language, session.recipient.name)),
            purpose=in_language(session.language, session.profile.purpose),
            sources=tuple(session.people[role].sources),
            fields=session.profile.fields,
            language=session.language,
            text=text,
            text_digest=text_digest(text),
            review_digest=given.review_digest,
            given_at=utc(given.at),
            authenticated_at=utc(given.authenticated_at),
            shared_phone=given.shared_phone,
        )
        signature = self._parts.keys.sign(msgspec.json.encode(receipt), RECEIPT_TYPE)
        return SignedConsent(receipt=receipt, signature=signature)

    def _tell(self, session: Session) -> None:
        log.info("consent.given", session_ref=session_ref(session.id), state=session.state)
        if session.state is State.CONSENTED:
            sessions_total.labels(session.state).inc()

    async def remark(self, caller: Caller, role: Role, field: str, text: str) -> None:
        """The citizen says that a value is wrong: a finding beside it, never a change of the source's value."""
        opened, phone, key, now = caller.opened, caller.linked(), caller.vault_key(), caller.now
        name = f"remark/{role}"
        while True:
            session = opened.session
            collecting.may_act(session, phone, role)
            if session.frozen:
                raise Refused("frozen")
            plain = await self._plain(session, key, [name] if name in session.records else [])
            if plain is not None:
                before = _findings.decode(plain.get(name, b"[]"))
                remark = Finding(kind="remark", code="remark", person=role, field=field, text=text)
                after = msgspec.json.encode((*before, remark)[-MAX_REMARKS:])
                version = collecting.next_version(session)
                change = collecting.noted(session, name, encrypt(key, session.id, name, version, after))
                if await self._parts.sessions.apply(change, opened, now) is not None:
                    return
            opened = await self._parts.sessions.read(session.id)

    async def amend(self, caller: Caller, role: Role) -> Opened:
        """Toch wijzigen: all consents are void."""
        phone = caller.linked()

        def decide(session: Session, _: float) -> Change:
            collecting.may_act(session, phone, role)
            return consenting.amend(session)

        return await self._parts.sessions.move(caller.session.id, decide, caller.now, caller.opened)

    async def decline(self, caller: Caller, role: Role) -> Opened:
        """An adult does not take part: the applicant ends the session, the partner leaves if the profile allows it."""
        phone = caller.linked()

        def decide(session: Session, at: float) -> Change:
            collecting.may_act(session, phone, role)
            if role == "partner" and consenting.one_person_allowed(session):
                return consenting.partner_out(session)
            event = Event.PARTNER_LOST if role == "partner" else Event.DECLINE
            return end(session, event, "declined", self._parts.sign_purge, new_event_id(), at)

        after = await self._parts.sessions.move(caller.session.id, decide, caller.now, caller.opened)
        if after.session.ended:
            sessions_total.labels(after.session.state).inc()
        log.info("consent.declined", session_ref=session_ref(after.session.id), role=role, state=after.session.state)
        return after


_records = msgspec.json.Decoder(SourceRecords)
_findings = msgspec.json.Decoder(tuple[Finding, ...])
_signed = msgspec.json.Decoder(SignedConsent)
_subject = msgspec.json.Decoder(Subject)


def _merged(session: Session, plain: dict[str, bytes]) -> Content:
    found: dict[Role, dict[str, SourceRecords]] = {}
    bsns: dict[Role, str] = {}
    remarks: list[Finding] = []
    for name, value in plain.items():
        kind, *rest = name.split("/")
        if kind == "remark":
            remarks += _findings.decode(value)
        elif kind in ("applicant", "partner") and rest[-1] == "identity":
            bsns[_role(kind)] = _subject.decode(value).bsn
        elif kind in ("applicant", "partner"):
            found.setdefault(_role(kind), {})[rest[0]] = _records.decode(value)
    statuses: dict[Role, dict[str, str]] = {
        _role(role): {source: state.status.value for source, state in person.sources.items()}
        for role, person in session.people.items()
    }
    content = views.with_remarks(merge(found, statuses=statuses, bsns=bsns), tuple(remarks))
    fields = frozenset(session.profile.fields)
    return views.permitted(content, fields, bsn_allowed=session.profile.bsn_basis is not None)


def _role(name: str) -> Role:
    return "partner" if name == "partner" else "applicant"


def _review_key(key: VaultKey) -> bytes:
    return hmac.new(key, b"ophaalbrug/review", hashlib.sha256).digest()


def _is_shared(session: Session, phone: Phone) -> bool:
    return sum(1 for p in session.people.values() if phone.id in p.phones) > 1


def _payload(session: Session, content: Content, consents: tuple[SignedConsent, ...], now: float) -> Payload:
    return Payload(
        session_id=session.id,
        reference=session.reference,
        purpose=in_language(session.language, session.profile.purpose),
        created_at=utc(now),
        household=content.household,
        incomes=content.incomes,
        pensions=content.pensions,
        possessions=content.possessions,
        debts=content.debts,
        findings=content.findings,
        consents=consents,
    )
