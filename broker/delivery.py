"""Delivering events to a provider's webhook: what is sent, how it is signed, and what each answer means.

CloudEvents 1.0 as JSON, signed per Standard Webhooks 1.0.0 (HMAC `v1` and Ed25519 `v1a` together). A body is built from
stored facts only, so every attempt of one event sends the same bytes under the same id. How an attempt went goes into
the delivery log by the step that follows from it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import random
import time
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import msgspec

from broker import webhook_health
from broker.clock import iso
from broker.keys import Keys
from broker.parts import Parts
from broker.providers import Provider, Webhook
from broker.purge import new_event_id
from broker.telemetry import deliveries_total, log, session_ref, sessions_total
from connectors.outbound import Answer, OutboundError
from schemas.events import TYPE_PREFIX, CloudEvent, EventData
from sessions import ending, faults
from sessions.change import Change, Effect
from sessions.delivering import Attempt, AttemptOutcome, Line
from sessions.errors import Refused
from sessions.lifecycle import DAY, DELIVERY_SECONDS
from sessions.model import Session
from sessions.store.sessions import Opened
from sessions.store.work import Claim, line_of

# Standard Webhooks 1.0.0: at once, then these waits; the last attempt is 75 h 35 min after the first.
SCHEDULE_SECONDS = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
JITTER = 0.1
GATEWAYS = (502, 504)  # said by who stands before the receiver, and had no good answer of it: it may have everything
THROTTLED = (429, *GATEWAYS)
PENALTY_SECONDS = 60.0
INLINE_MAX_BYTES = 60_000
ANSWER_MAX_BYTES = 64 * 1024
DISABLED_PAUSE_SECONDS = 900.0  # how late a delivery can be after its webhook was switched on again
LAST_TRY_SECONDS = 600.0  # before a delivery is given up: it must be able to end well
CLOCKS_APART_SECONDS = 10.0  # between two workers, each of which may be five off the store's

Verdict = Literal["accepted", "again", "throttled", "gone"]
_OUTCOMES: dict[Verdict, AttemptOutcome] = {
    "accepted": "accepted",
    "gone": "refused",
    "throttled": "throttled",
    "again": "failed",
}


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt: the receiver's answer, or None, and the attempt as the log has it."""

    answer: Answer | None
    attempt: Attempt

    @property
    def verdict(self) -> Verdict:
        """What it means: a receiver that did not answer in time is as busy as one that says so."""
        return "throttled" if self.attempt.answer == "timeout" else verdict(self.answer)


def body(effect: Effect, queued_at: float, source: str, data: EventData) -> bytes:
    """A CloudEvent as JSON. Deterministic: the same facts give the same bytes."""
    event = CloudEvent(
        id=effect.event_id, source=source, type=TYPE_PREFIX + effect.type, time=iso(queued_at), data=data
    )
    return msgspec.json.encode(event)


def signature_headers(keys: Keys, webhook: Webhook, event_id: str, timestamp: int, content: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0.0 over `id.timestamp.content`: a `v1` per secret that is good now, a `v1a`
    per key of ours.
    """
    signed = f"{event_id}.{timestamp}.".encode() + content
    symmetric = [_symmetric(secret, signed) for secret in webhook.secrets(timestamp)]
    asymmetric = (base64.b64encode(key.sign(signed)).decode() for key in (keys.webhook, *keys.former_webhooks))
    return {
        "content-type": "application/cloudevents+json",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join((*symmetric, *(f"v1a,{signature}" for signature in asymmetric))),
    }


def _symmetric(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def verdict(answer: Answer | None) -> Verdict:
    """What a receiver's answer means: any 2xx accepts, 410 says never again, anything else (or none) is tried again."""
    if answer is None:
        return "again"
    if 200 <= answer.status < 300:
        return "accepted"
    if answer.status == 410:
        return "gone"
    return "throttled" if answer.status in THROTTLED else "again"


def next_wait(
    schedule: tuple[float, ...],
    attempts: int,
    outcome: Verdict,
    retry_after: float | None,
    chance: float,
    left: float = math.inf,
) -> float:
    """Seconds until the next attempt, after `attempts` that failed before this one.

    `chance` in [0, 1) takes off up to 10 %, never adds: the last attempt must come before the delivery deadline. A
    throttled receiver is left alone for at least a minute (or the longest wait of the schedule, if that is shorter). A
    receiver's Retry-After is honoured up to twice our own wait, and no further than `left`: the seconds until the last
    moment at which an attempt still makes sense.
    """
    base = schedule[min(attempts, len(schedule) - 1)]
    wait = base * (1 - JITTER * chance)
    if outcome == "throttled":
        wait = max(wait, min(PENALTY_SECONDS, max(schedule)))
    return wait if retry_after is None else max(wait, min(retry_after, 2 * base, left))


def retry_after(answer: Answer | None, now: float) -> float | None:
    """Seconds a receiver asks to wait (RFC 9110 section 10.2.3: seconds, or a date)."""
    text = answer.headers.get("retry-after", "") if answer is not None else ""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


async def post(parts: Parts, webhook: Webhook, event_id: str, content: bytes) -> Sent:
    """One attempt, signed now. An answer of any kind, or none, is an outcome: nothing is raised."""
    now, began = parts.clock(), time.monotonic()
    headers = signature_headers(parts.keys, webhook, event_id, int(now), content)
    faults.reach("post")
    try:
        answer = await parts.outside.request(
            "POST",
            webhook.url,
            headers=headers,
            body=content,
            timeout_seconds=parts.settings.webhook_timeout_seconds,
            max_bytes=ANSWER_MAX_BYTES,
        )
    except OutboundError as error:
        log.info("delivery.no_answer", reason=error.kind)
        outcome, said, answer = _unanswered(error), error.kind, None
    else:
        outcome = "unknown" if answer.status in GATEWAYS else _OUTCOMES[verdict(answer)]
        said = f"{answer.status // 100}xx"
    seconds = round(time.monotonic() - began, 3)
    return Sent(answer=answer, attempt=Attempt(at=now, outcome=outcome, answer=said, seconds=seconds))


def _unanswered(error: OutboundError) -> AttemptOutcome:
    """What to think of an attempt without an answer: from the first byte that left on, the receiver may have it all."""
    if error.kind == "redirect":  # which is an answer, and no 2xx
        return "failed"
    return "unknown" if error.is_sent else "not-sent"


class Delivery:
    """Carries out the data and notice effects of the outbox."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._schedule = parts.settings.delivery_schedule_seconds or SCHEDULE_SECONDS

    async def carry_out(self, claim: Claim) -> None:
        """One attempt of one event, and what follows from its answer."""
        queued, now = claim.queued, self._parts.clock()
        try:
            session = (await self._parts.sessions.read(queued.session)).session
        except Refused:
            await self._parts.work.done(claim)
            return
        provider = await self._parts.providers.get(session.provider)
        webhook = provider.webhook if provider is not None else None
        if self._is_over(claim, session, webhook, now):
            await self._parts.work.done(claim)
            return
        if provider is None or webhook is None or await self._is_off(provider, webhook):
            await self._parts.work.put_off(claim, now + DISABLED_PAUSE_SECONDS)  # as long as the data may be pulled
            return
        made = await self._content(claim, session)
        if made is None:  # withdrawn or acknowledged between two readings
            await self._parts.work.done(claim)
            return
        content, inline = made
        if not self._in_time(claim):
            await self._parts.work.put_off(claim, queued.due)
            return
        sent = await post(self._parts, webhook, queued.effect.event_id, content)
        self._tell(claim, session, sent)
        await self._conclude(claim, session, sent, inline=inline)
        await self._note(provider, webhook, sent)

    async def _is_off(self, provider: Provider, webhook: Webhook) -> bool:
        return (await self._parts.providers.health(provider.id, webhook)).disabled_at is not None

    def _in_time(self, claim: Claim) -> bool:
        """Whether an attempt that begins now is over before anybody else may begin one: we may have been held up."""
        latest = claim.lease_until - self._parts.settings.webhook_timeout_seconds - CLOCKS_APART_SECONDS
        return self._parts.clock() <= latest

    def _is_over(self, claim: Claim, session: Session, webhook: Webhook | None, now: float) -> bool:
        """Whether nobody waits for it any more: another payload, an old notice, or one that is not wanted."""
        effect = claim.queued.effect
        if effect.kind == "data":
            return session.payload_id != effect.event_id
        # The end's own notice is the last: one of before would now say another thing under the same id.
        overtaken = session.ended and effect.sequence != session.sequence
        late = now - claim.queued.queued_at >= _lasts(effect)
        return overtaken or late or webhook is None or not webhook.wants(effect.type)

    async def _content(self, claim: Claim, session: Session) -> tuple[bytes, bool] | None:
        """The event's body, and whether it carries everything inline; None when the payload is gone."""
        effect = claim.queued.effect
        origin = effect.origin or self._parts.settings.origin  # the latter for what an older release queued
        base = EventData(session_id=session.id, sequence=effect.sequence, reference=session.reference)

        def made(data: EventData) -> bytes:
            return body(effect, claim.queued.queued_at, origin.source, data)

        if effect.kind == "notice":
            return made(msgspec.structs.replace(base, **_ending(session))), False
        sealed = await self._parts.sessions.payload(session.id)
        if sealed is None:
            return None
        base = msgspec.structs.replace(base, payload_digest=session.payload_digest)
        whole = made(msgspec.structs.replace(base, payload=sealed.decode()))
        if len(whole) <= INLINE_MAX_BYTES:
            return whole, True
        url = f"{origin.base_url}/v1/sessions/{session.id}/payload"
        return made(msgspec.structs.replace(base, payload_url=url)), False

    def _tell(self, claim: Claim, session: Session, sent: Sent) -> None:
        effect, outcome = claim.queued.effect, sent.verdict
        deliveries_total.labels(effect.type, outcome).inc()
        log.info(
            "delivery.attempted",
            session_ref=session_ref(session.id),
            provider=session.provider,
            type=effect.type,
            outcome=outcome,
            status=sent.answer.status if sent.answer else None,
            seconds=sent.attempt.seconds,
            attempt=len(claim.queued.tried) + 1,
        )

    async def _note(self, provider: Provider, webhook: Webhook, sent: Sent) -> None:
        """What the attempt says of the webhook. Only afterwards: nothing may keep what was concluded from the store."""
        await webhook_health.note(self._parts, provider, webhook, sent.attempt.outcome)

    async def _conclude(self, claim: Claim, session: Session, sent: Sent, *, inline: bool) -> None:
        outcome, work, queued = sent.verdict, self._parts.work, claim.queued
        if outcome == "accepted":
            if inline and session.payload_digest is not None and not session.documents:
                line = line_of(claim, sent.attempt, "delivered")
                await acknowledge(self._parts, session.id, session.payload_digest, line)  # which ends the delivery too
            else:
                await work.done(claim, "delivered", sent.attempt)
            return
        if outcome == "gone":  # Standard Webhooks: 410 means stop; the data can still be pulled
            await work.done(claim, "refused", sent.attempt)
            return
        now = self._parts.clock()
        asked, chance = retry_after(sent.answer, now), random.random()  # noqa: S311
        left = queued.queued_at + _lasts(queued.effect) - LAST_TRY_SECONDS - now
        wait = next_wait(self._schedule, queued.attempts, outcome, asked, chance, left)
        await work.again(claim, now + wait, now, sent.attempt)


def _lasts(effect: Effect) -> float:
    """For how many seconds from when it was queued an event is sent; one that asks to delete, as long as the data."""
    return DELIVERY_SECONDS if effect.kind == "data" or effect.type == "withdrawn" else DAY


def _ending(session: Session) -> dict[str, Any]:
    """What a notice says of a session that ended."""
    if not session.ended:
        return {}
    return {
        "purge_receipt": session.purge_receipt,
        "reason": session.reason,
        "maybe_received": session.maybe_received,
    }


async def acknowledge(parts: Parts, session_id: str, digest: str, line: Line | None = None) -> Opened:
    """The provider has the payload: delivered and purged in one step. Doing it twice changes nothing.

    `line` is what the delivery log says of the event whose answer acknowledged it.
    Raises Refused: payload-mismatch, wrong-state, session-ended, unknown-session.
    """
    delivers = False

    def decide(session: Session, now: float) -> Change | None:
        nonlocal delivers
        change = ending.acknowledge(session, digest, parts.sign_purge, new_event_id(), now)
        delivers = change is not None
        return change if line is None else msgspec.structs.replace(change or Change(session=session), line=line)

    after = await parts.sessions.move(session_id, decide, parts.clock())
    if delivers:
        sessions_total.labels(after.session.state).inc()
        log.info("session.delivered", session_ref=session_ref(session_id), provider=after.session.provider)
    return after
