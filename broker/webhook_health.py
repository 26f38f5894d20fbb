"""Whether a provider's webhook is still called: a 410, or days without any success, switch it off until it is mended.

The data wait meanwhile and can be pulled. Only a change is written, so an attempt costs the store nothing here.
"""

from __future__ import annotations

from msgspec.structs import replace

from broker.parts import Parts
from broker.providers import Health, Provider, Webhook
from broker.telemetry import log, webhooks_disabled_total
from sessions.delivering import AttemptOutcome
from sessions.lifecycle import DAY


def after(health: Health, outcome: AttemptOutcome, now: float, longest_seconds: float) -> Health:
    """How a webhook does after an attempt. Any success mends it; `longest_seconds` without one switches it off.

    410 means never again (Standard Webhooks 1.0.0; CloudEvents HTTP webhook 1.0, 2.2).
    """
    if outcome == "accepted":
        return Health(url=health.url)
    failing_at = health.failing_at if health.failing_at is not None else now
    failed = replace(health, failing_at=failing_at)
    if health.disabled_at is not None:
        return failed
    if outcome == "refused":
        return replace(failed, disabled_at=now, reason="gone")
    if now - failing_at >= longest_seconds:
        return replace(failed, disabled_at=now, reason="failing")
    return failed


async def note(parts: Parts, provider: Provider, webhook: Webhook, outcome: AttemptOutcome) -> Health:
    """Note what an attempt says of this webhook, and tell the operator when it is switched off. How it now does."""
    now = parts.clock()
    before = await parts.providers.health(provider.id, webhook)
    found = after(before, outcome, now, parts.settings.webhook_failing_days * DAY)
    if found == before:
        return found
    await parts.providers.put_health(provider.id, found)
    if found.disabled_at is not None and before.disabled_at is None:
        webhooks_disabled_total.labels(found.reason).inc()
        log.warning("webhook.disabled", provider=provider.id, reason=found.reason)
    if found.disabled_at is None and before.disabled_at is not None:
        log.info("webhook.enabled", provider=provider.id)
    return found
