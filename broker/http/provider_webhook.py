"""The provider's own webhook over the API: reading it, setting it, trying it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from litestar import get, post, put
from litestar.di import NamedDependency

from broker import webhooks
from broker.clock import utc
from broker.errors import Problem
from broker.http.requests import AnyRequest, body_of, parts_of
from broker.parts import Parts
from broker.providers import Health, Provider, Webhook
from broker.webhooks import WebhookRequest, secret_id
from schemas.base import View
from sessions.delivering import AttemptOutcome


class SecretView(View, frozen=True, kw_only=True):
    """A secret without the secret. `createdAt` is unknown of one that a file named; `endsAt` is of a former one."""

    id: str
    created_at: datetime | None
    ends_at: datetime | None


class WebhookView(View, frozen=True, kw_only=True):
    """The webhook as it is. `types` that are wanted: when empty all. `secret` is there once, when it was made here.

    `reason`: gone (it answered 410) or failing (no success for days). `firstFailureAt`: since then nothing succeeded.
    """

    url: str
    types: tuple[str, ...]
    status: Literal["enabled", "disabled"]
    reason: Literal["gone", "failing"] | None
    disabled_at: datetime | None
    first_failure_at: datetime | None
    secrets: tuple[SecretView, ...]
    public_key: str
    secret: str | None = None


class TestOutcome(View, frozen=True, kw_only=True):
    """How the test event fared. `answer`: the class of the receiver's status, or why there was none."""

    outcome: AttemptOutcome
    answer: str
    seconds: float
    status: Literal["enabled", "disabled"]


@get("/webhook")
async def read_webhook(request: AnyRequest, caller: NamedDependency[Provider]) -> WebhookView:
    """Where events go, whether they do, and which secrets sign them."""
    parts = parts_of(request)
    if caller.webhook is None:
        raise Problem("no-webhook")
    return _view(parts, caller.webhook, await parts.providers.health(caller.id, caller.webhook))


@put("/webhook", body=WebhookRequest)
async def set_webhook(request: AnyRequest, caller: NamedDependency[Provider]) -> WebhookView:
    """Set address, types and secret. A new address must first agree to it; the webhook is switched on again."""
    parts = parts_of(request)
    done = await webhooks.change(parts, caller, await body_of(request, WebhookRequest))
    return _view(parts, done.webhook, done.health, done.made)


@post("/webhook/_test", status_code=200)
async def test_webhook(request: AnyRequest, caller: NamedDependency[Provider]) -> TestOutcome:
    """Send a test event now and tell how it fared; a success switches on what was switched off."""
    tried = await webhooks.try_out(parts_of(request), caller)
    one = tried.attempt
    return TestOutcome(
        outcome=one.outcome, answer=one.answer, seconds=one.seconds, status=webhooks.status(tried.health)
    )


def _view(parts: Parts, webhook: Webhook, health: Health, made: str | None = None) -> WebhookView:
    return WebhookView(
        url=webhook.url,
        types=webhook.types,
        status=webhooks.status(health),
        reason=health.reason,
        disabled_at=_moment(health.disabled_at),
        first_failure_at=_moment(health.failing_at),
        secrets=_secrets(webhook, parts.clock()),
        public_key=parts.keys.webhook_public(),
        secret=made,
    )


def _secrets(webhook: Webhook, now: float) -> tuple[SecretView, ...]:
    newest = SecretView(id=secret_id(webhook.secret), created_at=_moment(webhook.made_at), ends_at=None)
    former = [one for one in webhook.former if now < one.until]
    return (
        newest,
        *(SecretView(id=secret_id(o.secret), created_at=_moment(o.made_at), ends_at=utc(o.until)) for o in former),
    )


def _moment(at: float | None) -> datetime | None:
    return None if at is None else utc(at)


HANDLERS: Any = [read_webhook, set_webhook, test_webhook]
