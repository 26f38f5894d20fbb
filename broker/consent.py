"""Looking and consenting: what was found, as it would be sent; each adult's consent to that; the last one sends.

The review's digest covers the whole content. A consent names the digest it saw, and is refused when the content has
moved since. The first consent freezes the content; the last one seals it in the same step that stores it.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec

from broker import contents, receipts
from broker import review as views
from broker.caller import Caller
from broker.clock import utc
from broker.contents import Inside
from broker.errors import Problem
from broker.parts import Parts
from broker.purge import new_event_id
from broker.sealing import seal, seal_document
from broker.telemetry import log, session_ref, sessions_total
from broker.texts import consent, text_digest
from broker.views import in_language
from schemas.base import View
from schemas.consent import SignedConsent
from schemas.payload import Content, Document, Payload
from schemas.records import Finding
from sessions import collecting, consenting
from sessions.change import Change
from sessions.ending import end
from sessions.errors import Refused
from sessions.lifecycle import Event, require
from sessions.model import Consent, Phone, Role, Session, State
from sessions.secrets import same
from sessions.store.sessions import Opened
from sessions.vault import VaultError, VaultKey, encrypt, review_key

MAX_REMARKS = 50  # of one person


class ConsentText(View, frozen=True, kw_only=True):
    """What one adult is asked to agree to, word for word, what is told beside it, and the digest of both."""

    person: Role
    text: str
    text_digest: str
    notice: tuple[str, ...] = ()
    given: bool = False


class Review(View, frozen=True, kw_only=True):
    """What a phone shows under Bekijken: what its persons may see, counts of the rest, and what to consent to."""

    digest: str
    content: Content
    counts: dict[str, views.Counts]
    consents: tuple[ConsentText, ...]
    ready: bool
    frozen: bool


class Consents:
    """Review and consent of every session."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def review(self, caller: Caller) -> Review:
        """What this phone may see. Raises Refused(wrong-state)."""
        phone = caller.linked()
        with caller.vault_key() as key:
            opened, inside = await self._open(caller.opened, phone, key)
            digest = views.digest(inside.content, review_key(key))
        session = opened.session
        shown = frozenset(r for r, p in session.people.items() if phone.id in p.phones)
        hidden = frozenset(session.people) - shown
        return Review(
            digest=digest,
            content=views.visible(inside.content, shown),
            counts={role: views.counts(inside.content, role) for role in sorted(hidden)},
            consents=tuple(self._asked(session, inside.content, role) for role in sorted(shown)),
            ready=consenting.is_ready(session),
            frozen=session.frozen,
        )

    def _asked(self, session: Session, content: Content, role: str) -> ConsentText:
        text, told = self._text(session, content, role), receipts.notice(session).sentences
        person: Role = "partner" if role == "partner" else "applicant"
        return ConsentText(
            person=person,
            text=text,
            text_digest=text_digest(text, *told),
            notice=told,
            given=person in session.consents,
        )

    def _text(self, session: Session, content: Content, role: str) -> str:
        labels = self._parts.labels(session.language)
        answered = [labels.get(source, source) for source in receipts.answered(session, role)]
        name = next((p.name for p in content.household.persons if p.id == role), None)
        return consent(session.language, name, in_language(session.language, session.recipient.name), answered)

    async def _open(self, opened: Opened, phone: Phone, key: VaultKey) -> tuple[Opened, Inside]:
        """Decrypt the vault, merge the household, keep what the profile permits; with the session that it belongs to.

        Raises Refused: wrong-state, wrong-secret for a phone that was replaced meanwhile.
        """
        while True:
            session = opened.session
            require(session, State.COLLECTING)
            if session.phone(phone.id) is None:
                raise Refused("wrong-secret")
            found = await contents.opened(self._parts.sessions, session, key)
            if found is not None:
                return opened, found
            opened = await self._parts.sessions.read(session.id)

    async def give(
        self, caller: Caller, role: Role, review_digest: str, text_hash: str
    ) -> tuple[Opened, SignedConsent]:
        """One adult consents to what was shown. The last consent seals the payload and queues it.

        Answers the session and the signed receipt, which is not kept here. The same again answers the same receipt,
        until the end: an answer may be lost. Raises Refused: review-changed, not-ready, consent-needs-login,
        not-your-part, wrong-state.
        """
        opened, shown = caller.opened, (review_digest, text_hash)
        while opened.session.state is not State.CONSENTED:
            with caller.vault_key() as key:
                done = await self._given(caller, key, opened, role, shown)
            if done is not None:
                return done
            opened = await self._parts.sessions.read(caller.session.id)
        return opened, await self._given_before(caller, opened.session, role, shown)

    async def _given(
        self, caller: Caller, key: VaultKey, opened: Opened, role: Role, shown: tuple[str, str]
    ) -> tuple[Opened, SignedConsent] | None:
        """Try it on the session as read; None when that has moved on. `shown`: digests of the review and the text."""
        phone, now, session = caller.linked(), caller.now, opened.session
        collecting.may_act(session, phone, role)  # who was replaced meanwhile holds the key of another vault
        inside = await contents.opened(self._parts.sessions, session, key)
        if inside is None:
            return None
        moment = consenting.check(session, phone, role)
        text, digest = self._text(session, inside.content, role), views.digest(inside.content, review_key(key))
        if not _is_shown((digest, text_digest(text, *receipts.notice(session).sentences)), shown):
            raise Refused("review-changed")
        if role in session.consents:
            return opened, inside.receipts[role]
        given = Consent(
            at=now,
            review_digest=digest,
            phone=phone.id,
            shared_phone=_is_shared(session, phone),
            language=session.language,
            authenticated_at=moment,
        )
        receipt, given = receipts.made(self._parts, session, role, given, text, inside.content)
        change = await self._change(session, key, role, given, receipt, inside, now)
        after = await self._parts.sessions.apply(change, opened, now) if change else None
        if after is None:
            return None
        self._tell(after.session)
        return after, receipt

    async def _given_before(
        self, caller: Caller, session: Session, role: Role, shown: tuple[str, str]
    ) -> SignedConsent:
        """The receipt of a consent that was given on this phone, asked for by giving it once more."""
        given = session.consents.get(role)
        if given is None or given.phone != caller.linked().id:
            raise Refused("wrong-state")
        receipt = (await receipts.again(self._parts, caller)).get(role)
        if receipt is None or not _is_shown((given.review_digest, receipt.receipt.text_digest), shown):
            raise Refused("wrong-state")
        return receipt

    async def receipts(self, caller: Caller) -> tuple[SignedConsent, ...]:
        """The receipts of who consented on this phone, until the end; none for a phone that is not linked."""
        session, phone = caller.session, caller.phone
        mine = [role for role, given in sorted(session.consents.items()) if phone and given.phone == phone.id]
        if not mine:
            return ()
        if session.state is State.CONSENTED:
            found = await receipts.again(self._parts, caller)
        else:
            with caller.vault_key() as key:
                found = (await self._open(caller.opened, caller.linked(), key))[1].receipts
        return tuple(found[role] for role in mine if role in found)

    async def _change(
        self,
        session: Session,
        key: VaultKey,
        role: Role,
        given: Consent,
        receipt: SignedConsent,
        inside: Inside,
        now: float,
    ) -> Change | None:
        """The step of this consent; None when the session has moved on while the documents were read."""
        after = consenting.given(session, role, given)
        if not consenting.is_last(session, role):
            name, version = consenting.receipt_name(role), collecting.next_version(session)
            sealed = encrypt(key, session.id, name, version, msgspec.json.encode(receipt))
            return consenting.keep(after, role, sealed)
        documents = await self._documents(session, key, inside)
        if documents is None:
            return None
        every = receipts.genuine(after, {**inside.receipts, role: receipt})
        payload = _payload(session, inside.content, tuple(every[r] for r in sorted(every)), now)
        ids = (new_event_id(), new_event_id())
        recipient: dict[str, Any] = msgspec.json.decode(session.recipient.key)
        sealed = seal(msgspec.json.encode(payload), recipient, session.profile.sealing, self._parts.keys)
        jwe, kept = sealed.jwe.encode(), receipts.sealed(after, every)
        return consenting.send(after, role, jwe, sealed.digest, ids, now, documents, kept)

    async def _documents(self, session: Session, key: VaultKey, inside: Inside) -> tuple[bytes, ...] | None:
        """The originals, sealed to the provider each on its own; None as in `contents.decrypted`.

        They are large: the work is done beside the event loop. Raises VaultError for one that is not what it was.
        """
        plain = await contents.decrypted(self._parts.sessions, session, key, [*inside.originals])
        if plain is None:
            return None
        recipient: dict[str, Any] = msgspec.json.decode(session.recipient.key)

        def sealed(document: Document, name: str) -> bytes:
            if hashlib.sha256(plain[name]).hexdigest() != document.digest:
                raise VaultError("an original is not the one that was handed over")
            return seal_document(plain[name], document.media_type, recipient, session.profile.sealing)

        pairs = zip(inside.content.documents, inside.originals, strict=True)
        return tuple([await asyncio.to_thread(sealed, document, name) for document, name in pairs])

    def _tell(self, session: Session) -> None:
        log.info("consent.given", session_ref=session_ref(session.id), state=session.state)
        if session.state is State.CONSENTED:
            sessions_total.labels(session.state).inc()

    async def remark(self, caller: Caller, role: Role, field: str, text: str) -> None:
        """The citizen says that a value is wrong: a finding beside it, never a change of the source's value.

        The same again changes nothing: an answer may be lost. Raises Refused(frozen), Problem(too-many-remarks).
        """
        opened = caller.opened
        remark = Finding(kind="remark", code="remark", person=role, field=field, text=text)
        with caller.vault_key() as key:
            while not await self._remarked(caller, key, opened, role, remark):
                opened = await self._parts.sessions.read(opened.session.id)

    async def _remarked(self, caller: Caller, key: VaultKey, opened: Opened, role: Role, remark: Finding) -> bool:
        """Whether the remark is there now; not when the session has moved on since it was read."""
        session = opened.session
        collecting.may_act(session, caller.linked(), role)
        name = f"remark/{role}"
        names = [name] if name in session.records else []
        plain = await contents.decrypted(self._parts.sessions, session, key, names)
        if plain is None:
            return False
        before = contents.findings.decode(plain.get(name, b"[]"))
        if remark in before:
            return True
        if session.frozen:
            raise Refused("frozen")
        if len(before) >= MAX_REMARKS:
            raise Problem("too-many-remarks")
        after, version = msgspec.json.encode((*before, remark)), collecting.next_version(session)
        change = collecting.noted(session, name, encrypt(key, session.id, name, version, after))
        return await self._parts.sessions.apply(change, opened, caller.now) is not None

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


def _is_shown(true: tuple[str, str], shown: tuple[str, str]) -> bool:
    return same(true[0], shown[0]) and same(true[1], shown[1])


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
        documents=content.documents,
        consents=consents,
    )
