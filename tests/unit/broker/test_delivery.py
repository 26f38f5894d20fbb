"""Deliveries: the same bytes every time, signatures that receivers' libraries accept, and what each answer means."""

from __future__ import annotations

import base64
import itertools
import json
import time
from email.utils import formatdate
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from broker import delivery
from broker.delivery import SCHEDULE_SECONDS, Sent, body, next_wait, retry_after, signature_headers, verdict
from broker.keys import Keys, make, renewed
from broker.providers import Webhook, new_webhook_secret
from broker.purge import new_event_id
from connectors.outbound import Answer
from schemas.events import EventData
from sessions.change import Effect
from sessions.delivering import Attempt
from sessions.lifecycle import DELIVERY_SECONDS, HOUR

KEYS = Keys(make(b"s" * 32))
HOOK = Webhook(url="https://gemeente.example/haak", secret=new_webhook_secret())
URN = "urn:nld:oin:00000000000000000000:systeem:ophaalbrug"
QUEUED = 1_770_000_000.125
LIBRARIES = [standardwebhooks.Webhook, svix.webhooks.Webhook]
every_library = pytest.mark.parametrize("library", LIBRARIES, ids=["standardwebhooks", "svix"])


def effect(kind: str = "data") -> Effect:
    return Effect(key="k", kind="data" if kind == "data" else "notice", type=kind, event_id="evt_abc", sequence=4)


def content(kind: str = "data", **more: Any) -> bytes:
    data = EventData(session_id="0" * 22, sequence=4, reference="zaak-1", **more)
    return body(effect(kind), QUEUED, URN, data)


def answered(status: int, **headers: str) -> Answer:
    return Answer(status=status, headers={n.replace("_", "-"): v for n, v in headers.items()}, body=b"")


def test_an_event_is_a_cloudevent() -> None:
    """CloudEvents 1.0 in structured mode, with our types; nothing personal in the context attributes."""
    event = json.loads(content(payload="a.b.c.d.e", payload_digest="0" * 64))
    assert event == {
        "specversion": "1.0",
        "id": "evt_abc",
        "source": URN,
        "type": "nl.ophaalbrug.session.data",
        "time": "2026-02-02T02:40:00.125Z",
        "datacontenttype": "application/json",
        "data": {
            "sessionId": "0" * 22,
            "sequence": 4,
            "reference": "zaak-1",
            "payload": "a.b.c.d.e",
            "payloadDigest": "0" * 64,
        },
    }
    assert json.loads(content("opened"))["type"] == "nl.ophaalbrug.session.opened"


def test_every_attempt_sends_the_same_bytes() -> None:
    """The body is made from stored facts only, so a receiver can tell a repeat by id and by content."""
    assert len({content(payload="x") for _ in range(20)}) == 1


def signed(timestamp: int, sent: bytes) -> dict[str, str]:
    return signature_headers(KEYS, HOOK, "evt_abc", timestamp, sent)


@every_library
def test_receivers_libraries_accept_the_signature(library: Any) -> None:
    """Both verify `v1` beside a `v1a` they do not know; one gives back what was sent, the other nothing."""
    sent = content(payload="x")
    assert library(HOOK.secret).verify(sent, signed(int(time.time()), sent)) in (json.loads(sent), None)


@every_library
@pytest.mark.parametrize("wrong", ["body", "id", "timestamp", "secret", "stale"])
def test_receivers_libraries_refuse_what_was_changed(library: Any, wrong: str) -> None:
    """Body, id and moment are all signed, with this endpoint's own secret."""
    now, sent, secret = int(time.time()), content(), HOOK.secret
    headers = signed(now - 3600 if wrong == "stale" else now, sent)
    match wrong:
        case "body":
            sent = sent.replace(b"zaak-1", b"zaak-2")
        case "id":
            headers["webhook-id"] = "evt_other"
        case "timestamp":
            headers["webhook-timestamp"] = str(now + 1)
        case "secret":
            secret = new_webhook_secret()
        case _:
            pass
    with pytest.raises((standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError)):
        library(secret).verify(sent, headers)


def test_the_public_key_verifies_too() -> None:
    """`v1a` is Ed25519 over `id.timestamp.body`, under the key we publish as whpk_ and as a JWK."""
    sent = content(payload="x")
    headers = signed(1_770_000_000, sent)
    signatures = dict(item.split(",") for item in headers["webhook-signature"].split(" "))
    assert set(signatures) == {"v1", "v1a"}
    raw = base64.b64decode(KEYS.webhook_public().removeprefix("whpk_"))
    jwk = next(k for k in KEYS.jwks()["keys"] if k["alg"] == "Ed25519")
    assert base64.urlsafe_b64decode(jwk["x"] + "=") == raw
    key = Ed25519PublicKey.from_public_bytes(raw)
    key.verify(base64.b64decode(signatures["v1a"]), b"evt_abc.1770000000." + sent)
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(signatures["v1a"]), b"evt_abc.1770000001." + sent)


@every_library
def test_after_a_change_of_our_keys_both_sign(library: Any) -> None:
    """A receiver that knows our former public key verifies too, as does one that knows the new one, or neither."""
    former, sent, now = make(b"s" * 32), content(payload="x"), int(time.time())
    new = Keys(renewed(former))
    headers = signature_headers(new, HOOK, "evt_abc", now, sent)
    library(HOOK.secret).verify(sent, headers)
    given = [item[4:] for item in headers["webhook-signature"].split(" ") if item.startswith("v1a,")]
    for keys, signature in zip((new, Keys(former)), given, strict=True):
        signed = f"evt_abc.{now}.".encode() + sent
        keys.webhook.public_key().verify(base64.b64decode(signature), signed)


def test_the_headers_are_those_of_the_standard() -> None:
    """Id and moment of the attempt, and the media type of CloudEvents."""
    headers = signed(1_770_000_000, content())
    assert headers["webhook-id"] == "evt_abc"
    assert headers["webhook-timestamp"] == "1770000000"
    assert headers["content-type"] == "application/cloudevents+json"


def test_an_event_id_holds_no_dot() -> None:
    """Standard Webhooks signs `id.timestamp.body`: a dot in the id would make that ambiguous."""
    ids = {new_event_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert not any("." in event_id for event_id in ids)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        *((status, "accepted") for status in (200, 201, 202, 204, 299)),
        *((status, "throttled") for status in (429, 502, 504)),
        (410, "gone"),
        *((status, "again") for status in (100, 301, 304, 400, 401, 404, 409, 500, 501, 503)),
    ],
)
def test_what_an_answer_means(status: int, meaning: str) -> None:
    """Any 2xx accepts, 410 means never again, 429/502/504 ask for rest, everything else is tried again."""
    assert verdict(answered(status)) == meaning


def test_no_answer_is_tried_again() -> None:
    """By the ordinary schedule: a lost connection says nothing about load."""
    assert verdict(None) == "again"


def test_the_schedule_is_that_of_the_standard_and_ends_before_the_deadline() -> None:
    """0 s, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: the last attempt 75 h 35 min after the first."""
    hours = [2, 5, 10, 14, 20, 24]
    assert (5.0, 300.0, 1800.0, *(h * HOUR for h in hours)) == SCHEDULE_SECONDS
    assert sum(SCHEDULE_SECONDS) == 75 * HOUR + 35 * 60 + 5 < DELIVERY_SECONDS


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=9, max_size=9))
def test_chance_never_moves_the_last_attempt_past_the_deadline(chances: list[float]) -> None:
    """Waits are shortened by up to a tenth, never lengthened: all ten attempts happen before 76 h."""
    waits = [next_wait(SCHEDULE_SECONDS, n, "again", None, chance) for n, chance in enumerate(chances)]
    assert all(0.9 * base <= wait <= base for base, wait in zip(SCHEDULE_SECONDS, waits, strict=True))
    assert list(itertools.accumulate(waits))[-1] < DELIVERY_SECONDS


def test_after_the_schedule_the_last_wait_repeats() -> None:
    """Until the delivery deadline ends it."""
    assert next_wait(SCHEDULE_SECONDS, 40, "again", None, 0.0) == SCHEDULE_SECONDS[-1]


@pytest.mark.parametrize(
    ("asked", "wait"),
    [(0.0, 300.0), (299.0, 300.0), (450.0, 450.0), (600.0, 600.0), (601.0, 600.0), (float("inf"), 600.0)],
)
def test_retry_after_is_honoured_between_once_and_twice_our_own_wait(asked: float, wait: float) -> None:
    """A receiver may slow us down, not speed us up, and not put us off for ever."""
    assert next_wait(SCHEDULE_SECONDS, 1, "again", asked, 0.0) == wait
    assert next_wait(SCHEDULE_SECONDS, 1, "throttled", asked, 0.0) == wait


@given(st.floats(5, 10), st.floats(0, 1, exclude_max=True))
def test_a_receiver_is_never_asked_before_the_moment_it_named(asked: float, chance: float) -> None:
    """Chance does not undercut Retry-After."""
    assert next_wait(SCHEDULE_SECONDS, 0, "throttled", asked, chance) >= asked


def test_a_throttled_receiver_gets_at_least_a_minute() -> None:
    """Where the schedule's own wait is shorter, whatever it asks; a schedule of short waits (in tests) stays short."""
    for asked in (None, 0.0, 7.0, 120.0):
        assert next_wait(SCHEDULE_SECONDS, 0, "throttled", asked, 0.9) == delivery.PENALTY_SECONDS
    assert next_wait(SCHEDULE_SECONDS, 1, "throttled", None, 0.0) == 300.0
    assert next_wait((0.1, 0.2), 0, "throttled", None, 0.0) == 0.2


@pytest.mark.parametrize(
    ("left", "wait"), [(172_801.0, 172_800.0), (100_000.0, 100_000.0), (86_000.0, 86_400.0), (-5.0, 86_400.0)]
)
def test_retry_after_does_not_cost_the_last_attempt(left: float, wait: float) -> None:
    """Who asks for two days when one and a bit are left is tried once more before it is given up."""
    assert next_wait(SCHEDULE_SECONDS, 8, "again", 200_000.0, 0.0, left) == wait


@pytest.mark.parametrize(
    ("answer", "said", "meaning"),
    [
        (None, "timeout", "throttled"),
        (None, "connection", "again"),
        (None, "refused", "again"),
        (answered(503), "5xx", "again"),
        (answered(429), "4xx", "throttled"),
    ],
)
def test_who_is_too_slow_is_left_alone_as_who_says_so(answer: Answer | None, said: str, meaning: str) -> None:
    """Standard Webhooks 1.0.0: a time-out is a sign of load, as 429 is; other failures on the line are not."""
    assert Sent(answer=answer, attempt=Attempt(at=QUEUED, outcome="unknown", answer=said)).verdict == meaning


NOW = 1_770_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("١٢", None),
        ("Mon, 99 Xyz 9999 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    """RFC 9110 section 10.2.3; what is neither is no wish at all."""
    assert retry_after(answered(429, retry_after=text), NOW) == seconds


def test_who_does_not_answer_has_no_wish() -> None:
    """Neither has an answer without the header."""
    assert retry_after(None, NOW) is None
    assert retry_after(answered(429), NOW) is None


DATES = st.tuples(*[st.integers(0, 99999)] * 6).map(
    lambda p: f"Mon, {p[0] % 100} Jan {p[1]} {p[2] % 100}:{p[3] % 100}:{p[4] % 100} +{p[5]}"
)


@given(st.text() | DATES)
def test_whatever_stands_in_retry_after_is_borne(text: str) -> None:
    """A receiver's header never raises."""
    asked = retry_after(answered(429, retry_after=text), NOW)
    assert asked is None or asked >= 0
