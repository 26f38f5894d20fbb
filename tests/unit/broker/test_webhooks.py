"""A provider's webhook: its secrets change over without loss, and it is switched off for good reasons only."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks
from msgspec.structs import replace

from broker.delivery import signature_headers
from broker.providers import FormerSecret, Health, Webhook, new_webhook_secret
from broker.webhook_health import after
from broker.webhooks import MAX_FORMER, rotated, secret_id
from sessions.delivering import AttemptOutcome
from sessions.lifecycle import DAY, HOUR
from tests.unit.broker.own_keys import own_keys

NOW = 1_770_000_000.0
HOOK = Webhook(url="https://gemeente.example/haak", secret=new_webhook_secret(), made_at=NOW - DAY)
HEALTHY = Health(url="digest")
FIVE = 5 * DAY
LIBRARIES = [standardwebhooks.Webhook, svix.webhooks.Webhook]
FAILURES: tuple[AttemptOutcome, ...] = ("throttled", "failed", "unknown", "not-sent")


@pytest.mark.parametrize("library", LIBRARIES, ids=["standardwebhooks", "svix"])
def test_during_the_overlap_both_secrets_verify(library: Any) -> None:
    """A receiver that still has the former secret, and one that has the new one: stock libraries accept the event."""
    now = time.time()
    new, content = new_webhook_secret(), json.dumps({"a": 1}).encode()
    hook = rotated(HOOK, new, HOUR, now)
    headers = signature_headers(own_keys(), hook, "evt_1", int(now), content)
    assert [item.split(",")[0] for item in headers["webhook-signature"].split(" ")] == ["v1", "v1", "v1a"]
    for secret in (HOOK.secret, new):
        library(secret).verify(content, headers)
    with pytest.raises((standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError)):
        library(new_webhook_secret()).verify(content, headers)


def test_after_the_overlap_the_former_secret_signs_nothing() -> None:
    """From the moment it ends."""
    hook = rotated(HOOK, new_webhook_secret(), HOUR, NOW)
    assert hook.secrets(NOW + HOUR - 1) == (hook.secret, HOOK.secret)
    assert hook.secrets(NOW + HOUR) == (hook.secret,)


def test_a_rotation_says_when_each_secret_came_and_goes() -> None:
    """The new one from now, the former until the overlap's end; no overlap leaves none."""
    new = new_webhook_secret()
    hook = rotated(HOOK, new, HOUR, NOW)
    assert (hook.secret, hook.made_at, hook.url) == (new, NOW, HOOK.url)
    assert hook.former == (FormerSecret(secret=HOOK.secret, until=NOW + HOUR, made_at=NOW - DAY),)
    assert rotated(HOOK, new, 0, NOW).former == ()


def test_the_same_secret_again_changes_nothing() -> None:
    """PUT may be sent again."""
    hook = rotated(HOOK, new_webhook_secret(), HOUR, NOW)
    assert rotated(hook, hook.secret, HOUR, NOW + 60) == hook


def test_few_former_secrets_are_kept_and_none_twice() -> None:
    """Who rotates often does not make headers grow; a former secret that comes back signs once, as the newest."""
    hook = HOOK
    for number in range(10):
        hook = rotated(hook, new_webhook_secret(), DAY, NOW + number)
    assert len(hook.former) == MAX_FORMER
    back = hook.former[0].secret
    assert rotated(hook, back, DAY, NOW + 20).secrets(NOW + 20).count(back) == 1


def test_a_secret_is_known_by_what_does_not_tell_it() -> None:
    """The same for the same secret, another for another, and no part of it."""
    other = new_webhook_secret()
    assert secret_id(other) == secret_id(other) != secret_id(HOOK.secret)
    assert secret_id(other) not in other


@pytest.mark.parametrize(
    ("types", "kind", "wanted"),
    [
        ((), "opened", True),
        (("delivered",), "delivered", True),
        (("delivered",), "opened", False),
        (("delivered",), "data", True),
        (("delivered",), "withdrawn", True),
    ],
)
def test_notices_are_sent_as_wanted(types: Any, kind: str, wanted: bool) -> None:
    """None named is all of them; data always go, and so does the word that they were taken back."""
    assert replace(HOOK, types=types).wants(kind) is wanted


@pytest.mark.parametrize("outcome", FAILURES)
def test_days_without_any_success_switch_a_webhook_off(outcome: AttemptOutcome) -> None:
    """From the first failure on, whatever kind each was; not a second sooner."""
    health = after(HEALTHY, outcome, NOW, FIVE)
    assert (health.failing_at, health.disabled_at) == (NOW, None)
    health = after(health, outcome, NOW + FIVE - 1, FIVE)
    assert (health.failing_at, health.disabled_at) == (NOW, None)
    health = after(health, outcome, NOW + FIVE, FIVE)
    assert (health.disabled_at, health.reason) == (NOW + FIVE, "failing")


def test_410_switches_a_webhook_off_at_once() -> None:
    """Never again, it said."""
    health = after(HEALTHY, "refused", NOW, FIVE)
    assert (health.disabled_at, health.reason, health.failing_at) == (NOW, "gone", NOW)


def test_any_success_mends_a_webhook() -> None:
    """What failed before counts no longer, and what was switched off is on."""
    for before in (after(HEALTHY, "failed", NOW, FIVE), after(HEALTHY, "refused", NOW, FIVE)):
        assert after(before, "accepted", NOW + 1, FIVE) == HEALTHY
    assert after(after(HEALTHY, "failed", NOW, FIVE), "failed", NOW + 1, FIVE).failing_at == NOW


def test_what_is_off_stays_off_for_its_first_reason() -> None:
    """A late failure of an attempt that was under way changes neither moment nor reason."""
    off = after(HEALTHY, "refused", NOW, FIVE)
    assert after(off, "failed", NOW + 2 * FIVE, FIVE) == off
