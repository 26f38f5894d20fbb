"""A provider's webhook as the provider itself sets it: its address, which notices it wants, its secrets, and a try.

An address is only taken once it agreed: the validation request of CloudEvents' HTTP webhook 1.0, section 4.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from broker import webhook_health
from broker.clock import iso
from broker.delivery import ANSWER_MAX_BYTES, post
from broker.errors import Problem
from broker.parts import Parts
from broker.providers import FormerSecret, Health, Provider, Webhook, new_webhook_secret, webhook_problems
from broker.purge import new_event_id
from broker.telemetry import log
from connectors.outbound import OutboundError
from schemas.base import Inbound
from schemas.events import TrialData, TrialEvent
from sessions.change import NoticeType
from sessions.delivering import Attempt
from sessions.lifecycle import DAY

OVERLAP_SECONDS = DAY
MAX_FORMER = 3  # with the newest: what receivers' libraries bear to read
MINUTE = 60
TRIES_A_MINUTE = 10


class WebhookRequest(Inbound, frozen=True, kw_only=True):
    """The webhook as it is to be. Without `types` every notice comes; without `secret` the present one stays.

    Another `secret` takes over at once, and the former signs beside it for `overlapSeconds`.
    """

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    types: Annotated[tuple[NoticeType, ...], msgspec.Meta(max_length=20)] = ()
    secret: Annotated[str, msgspec.Meta(pattern=r"^whsec_[A-Za-z0-9+/]{32,86}={0,2}$(?!\n)")] | None = None
    overlap_seconds: Annotated[float, msgspec.Meta(ge=0, le=7 * DAY)] = OVERLAP_SECONDS


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that was set; `made` is its secret when it was made here: told this once."""

    webhook: Webhook
    health: Health
    made: str | None = None


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """How a test event fared, and how the webhook does since."""

    attempt: Attempt
    health: Health


def secret_id(secret: str) -> str:
    """By what a secret is known without being told: the start of its SHA-256. Of random bytes that tells nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


def rotated(webhook: Webhook, secret: str, overlap_seconds: float, now: float) -> Webhook:
    """The webhook with another secret; the former signs beside it for a while, so that receivers can change over.

    Standard Webhooks 1.0.0: several signatures in one header are how secrets are rotated without loss.
    """
    if secret == webhook.secret:
        return webhook
    until = FormerSecret(secret=webhook.secret, until=now + overlap_seconds, made_at=webhook.made_at)
    kept = [former for former in (until, *webhook.former) if now < former.until and former.secret != secret]
    return replace(webhook, secret=secret, made_at=now, former=tuple(kept[:MAX_FORMER]))


async def change(parts: Parts, provider: Provider, asked: WebhookRequest) -> Changed:
    """Set the webhook; the same request again changes nothing. It is asked from now on, also if it was switched off.

    Raises Problem: invalid-request, webhook-unproven, too-many-requests; Refused(busy).
    """
    now, before = parts.clock(), provider.webhook
    made = new_webhook_secret()
    _refuse_unusable(asked, https_only=parts.settings.mode == "production")
    if before is None or asked.url != before.url:
        await prove(parts, provider, asked.url)

    def decide(found: Provider) -> Provider:
        return _with(found, asked, made, now, is_first=before is None)

    after = await parts.providers.change(provider.id, decide)
    if after is None or after.webhook is None:
        raise Problem("unauthorized")  # the provider was removed just now
    health = await parts.providers.health(provider.id, after.webhook)
    if health.failing_at is not None:
        await parts.providers.put_health(provider.id, health := Health(url=health.url))
    log.info("webhook.set", provider=provider.id)
    return Changed(webhook=after.webhook, health=health, made=made if after.webhook.secret == made else None)


def _with(found: Provider, asked: WebhookRequest, made: str, now: float, *, is_first: bool) -> Provider:
    """`is_first`: the provider had no webhook when it asked, so it is told `made`, also where another was quicker."""
    webhook = found.webhook or Webhook(url=asked.url, secret=asked.secret or made, made_at=now)
    if asked.secret is not None or is_first:
        webhook = rotated(webhook, asked.secret or made, asked.overlap_seconds, now)
    return replace(found, webhook=replace(webhook, url=asked.url, types=asked.types))


def _refuse_unusable(asked: WebhookRequest, *, https_only: bool) -> None:
    """Raises Problem(invalid-request), naming what is wrong and repeating none of it."""
    wrong = webhook_problems(Webhook(url=asked.url, secret=asked.secret or ""), https_only=https_only)
    if wrong:
        raise Problem("invalid-request", errors=tuple(f"{field}: {reason}" for field, reason in wrong.items()))


async def prove(parts: Parts, provider: Provider, url: str) -> None:
    """Ask the address whether it wants events of ours; it says so by naming our host, or `*`.

    Raises Problem: webhook-unproven, too-many-requests.
    """
    await _refuse_too_many(parts, provider)
    origin = urlsplit(parts.settings.base_url).hostname or ""
    try:
        answer = await parts.outside.request(
            "OPTIONS",
            url,
            headers={"WebHook-Request-Origin": origin},
            timeout_seconds=parts.settings.webhook_timeout_seconds,
            max_bytes=ANSWER_MAX_BYTES,
        )
    except OutboundError as error:
        log.info("webhook.unproven", provider=provider.id, reason=error.kind)
        raise Problem("webhook-unproven") from None
    allowed = answer.headers.get("webhook-allowed-origin", "").strip().lower()
    if not 200 <= answer.status < 300 or allowed not in ("*", origin):
        log.info("webhook.unproven", provider=provider.id, status=answer.status)
        raise Problem("webhook-unproven")


async def try_out(parts: Parts, provider: Provider) -> Tried:
    """Send a test event now. A success switches on again what was switched off; a failure switches nothing off.

    Raises Problem: no-webhook, too-many-requests.
    """
    webhook = provider.webhook
    if webhook is None:
        raise Problem("no-webhook")
    await _refuse_too_many(parts, provider)
    event_id, now = new_event_id(), parts.clock()
    data = TrialData(provider=provider.id)
    event = TrialEvent(id=event_id, source=parts.settings.source_urn, time=iso(now), data=data)
    sent = await post(parts, webhook, event_id, msgspec.json.encode(event))
    if sent.attempt.outcome == "accepted":
        health = await webhook_health.note(parts, provider, webhook, "accepted")
    else:
        health = await parts.providers.health(provider.id, webhook)
    return Tried(attempt=sent.attempt, health=health)


async def _refuse_too_many(parts: Parts, provider: Provider) -> None:
    """Raises Problem(too-many-requests): what a provider has us send, it may not have us send at will."""
    if await parts.records.count(f"webhook:{provider.id}", MINUTE, parts.clock()) > TRIES_A_MINUTE:
        raise Problem("too-many-requests", headers={"Retry-After": str(MINUTE)})


def status(health: Health) -> Literal["enabled", "disabled"]:
    """Whether a webhook is asked."""
    return "disabled" if health.disabled_at is not None else "enabled"
