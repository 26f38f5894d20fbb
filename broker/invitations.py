"""Inviting: what is mailed and texted, when, and how often it is tried. When a session allows it is for its moves.

Addresses and numbers are opened here for as long as one attempt takes, and never told to a log or an error.
"""

from __future__ import annotations

import random
from typing import Literal

from babel.dates import format_date, format_time, get_timezone

from broker import mail, sms
from broker.brand import palette
from broker.clock import utc
from broker.contact import Contact, dutch_mobile, seal, unseal, unseal_contact
from broker.creation import journey_url
from broker.delivery import next_wait
from broker.errors import Problem
from broker.mail import Letter, Posted
from broker.parts import Parts
from broker.telemetry import log, messages_total, session_ref
from broker.texts import Language
from broker.views import in_language
from broker.web.render import text
from sessions import inviting
from sessions.change import Change
from sessions.errors import Refused
from sessions.inviting import Mail
from sessions.lifecycle import MINUTE
from sessions.model import Session
from sessions.store.sessions import Opened
from sessions.store.work import Claim

# Of these waits the last one repeats: a mail until somebody starts or the link expires, a text for ten minutes.
MAIL_WAITS = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * 60 * MINUTE)
TEXT_WAITS = (5.0, 15.0, 60.0, 3 * MINUTE)
TEXT_SECONDS = 10 * MINUTE
PHONE_PATH = "/phone"


async def send_text(parts: Parts, opened: Opened, typed_number: str) -> Opened:
    """Have the phone app's address texted to a Dutch mobile number, at most twice in a session.

    Raises Problem(invalid-request) for any other number, and where no gateway is configured; Refused: too-many-texts,
    wrong-state, session-ended.
    """
    if parts.settings.sms is None:
        raise Problem("invalid-request", errors=("number: this broker sends no text messages",))
    number = dutch_mobile(typed_number)
    if number is None:
        raise Problem("invalid-request", errors=("number: a Dutch mobile number is needed, such as 06 12345678",))

    def decide(session: Session, _: float) -> Change:
        return inviting.text(session, lambda place: seal(parts.keys.ring, place, number.encode()))

    return await parts.sessions.move(opened.session.id, decide, parts.clock(), opened)


def letter_of(parts: Parts, session: Session, contact: Contact, number: int) -> Letter:
    """What the invitation (0), or a reminder, says. The provider's own reference is not in it: mail is open to many."""
    language = session.language
    return Letter(
        reminder=number > 0,
        provider=in_language(language, session.recipient.name),
        purpose=in_language(language, session.profile.purpose),
        name=contact.name,
        link=journey_url(parts, session.id),
        address=f"{parts.settings.base_url}/",
        until=_in_words(session.expires_at, language),
        logs_in=parts.can_log_in(session.profile.sources),
    )


def _in_words(moment: float, language: Language) -> str:
    """A moment in Dutch time, as people say it."""
    zone, locale = get_timezone("Europe/Amsterdam"), "nl" if language == "nl" else "en_GB"
    local = utc(moment).astimezone(zone)
    day = format_date(local.date(), "EEEE d MMMM y", locale)
    return text(language, "mail.when", day=day, time=format_time(local, "HH:mm", tzinfo=zone, locale=locale))


class Messenger:
    """Carries out the mail and sms effects of the outbox."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def mail(self, claim: Claim) -> None:
        """Send what is due now, and wait for what is due next: a reminder, until somebody starts.

        What was sent is written down after the server took it. A worker that dies in between has it sent again, under
        the same Message-ID.
        """
        hours = self._parts.settings.reminder_hours
        session, now = await self._session(claim), self._parts.clock()
        due = inviting.due(session, hours, now) if session is not None else None
        if session is not None and due is not None and due.at <= now:
            posted = await self._post(session, due, now)
            self._tell("invitation", session, posted)
            if posted.outcome == "again":
                await self._parts.work.again(claim, now + self._wait(MAIL_WAITS, claim, due.number), now)
                return
            due = await self._written_down(session, posted, now)
        if due is None:
            await self._parts.work.done(claim)
        else:
            await self._parts.work.again(claim, due.at, now)

    async def _session(self, claim: Claim) -> Session | None:
        try:
            return (await self._parts.sessions.read(claim.queued.session)).session
        except Refused:
            return None

    async def _post(self, session: Session, due: Mail, now: float) -> Posted:
        settings, ring = self._parts.settings, self._parts.keys.ring
        if settings.mail is None:  # since this session was made
            return Posted(outcome="gone", reason="not-configured")
        contact = unseal_contact(ring, session.id, session.contact or b"")
        provider = await self._parts.providers.get(session.provider)
        shades = palette(provider.accent if provider else None).light
        written = mail.written(letter_of(self._parts, session, contact, due.number), session.language, shades)
        at = self._message_id(session.id, due.number)
        return await mail.send(
            settings.mail, mail.addressed(written, settings.mail.sender, contact.email, at, utc(now))
        )

    def _message_id(self, session_id: str, number: int) -> str:
        """The same for every attempt of one mail, so that mail programs can show one; tells nothing of the session."""
        settings = self._parts.settings
        digest = self._parts.keys.ring.digest("message", f"{session_id}|{number}")
        domain = mail.domain_of(settings.mail.sender) if settings.mail else ""
        return f"<{digest}@{domain}>"

    async def _written_down(self, session: Session, posted: Posted, now: float) -> Mail | None:
        """Note that a mail went out, or that none ever will; answers the next one."""
        hours = self._parts.settings.reminder_hours

        def decide(found: Session, at: float) -> Change | None:
            if posted.outcome == "accepted":
                return inviting.mailed(found, hours, at)
            return inviting.undeliverable(found)

        after = await self._parts.sessions.move(session.id, decide, now)
        return inviting.due(after.session, hours, now)

    async def text(self, claim: Claim) -> None:
        """Send one text message. With the entry its number goes: after success, a rejection, or ten minutes."""
        session, settings = await self._session(claim), self._parts.settings
        now, until = self._parts.clock(), claim.queued.queued_at + TEXT_SECONDS
        if session is None or session.ended or settings.sms is None or now >= until:
            await self._parts.work.done(claim)
            return
        effect = claim.queued.effect
        number = unseal(self._parts.keys.ring, effect.key, effect.sealed).decode()
        words = text(session.language, "mail.sms.text", address=settings.base_url + PHONE_PATH)
        posted = await sms.send(self._parts.sources, settings.sms, number, words)
        self._tell("text", session, posted)
        later = now + self._wait(TEXT_WAITS, claim)
        if posted.outcome == "again" and later < until:
            await self._parts.work.again(claim, later, now)
        else:
            await self._parts.work.done(claim)

    def _wait(self, waits: tuple[float, ...], claim: Claim, succeeded: int = 0) -> float:
        """Seconds until the next attempt; `succeeded` attempts under this claim's name went well."""
        schedule, chance = self._parts.settings.delivery_schedule_seconds or waits, random.random()  # noqa: S311
        return next_wait(schedule, max(0, claim.queued.attempts - succeeded), "again", None, chance)

    def _tell(self, kind: Literal["invitation", "text"], session: Session, posted: Posted) -> None:
        messages_total.labels(kind, posted.outcome).inc()
        facts = {"session_ref": session_ref(session.id), "provider": session.provider, "outcome": posted.outcome}
        if posted.outcome == "accepted":
            log.info("message.sent", type=kind, **facts)
        else:
            log.warning("message.not_sent", type=kind, reason=posted.reason, status=posted.status, **facts)
