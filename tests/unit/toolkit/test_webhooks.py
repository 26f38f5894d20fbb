"""Whether a webhook is genuine, against what the broker really sends and what the standard's own libraries say."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import standardwebhooks

from broker.keys import Keys
from broker.providers import Webhook, webhook_problems
from ophaalbrug_provider import Untrusted
from ophaalbrug_provider.keys import read_jwks, read_webhook_key
from ophaalbrug_provider.messages import Event
from ophaalbrug_provider.webhooks import allowing, check_v1, check_v1a, event_in, new_secret, read_secret, stamp_of
from tests.unit.toolkit.pretend import NOW, SECRET, body_of, headers_of

Change = Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]]


def verified(keys: Keys, headers: dict[str, str], body: bytes, *secrets: str) -> Event:
    """Both signatures checked, and the event in it."""
    stamp = stamp_of(headers, NOW)
    check_v1(stamp, body, [read_secret(text) for text in secrets or (SECRET,)])
    check_v1a(stamp, body, read_jwks(json.dumps(keys.jwks()).encode()).webhook)
    return event_in(body, stamp)


def test_a_webhook_of_the_broker_is_believed(keys: Keys) -> None:
    """Both signatures hold over id, time and exact bytes; header names may have any case."""
    body = body_of(reference="ref-1")
    event = verified(keys, {name.title(): value for name, value in headers_of(keys, body).items()}, body)
    assert (event.id, event.kind, event.session_id, event.sequence, event.reference) == (
        *("evt_1", "delivered", "s", 1),
        "ref-1",
    )


def test_what_the_standards_library_signs_is_believed(keys: Keys) -> None:
    """`v1` of the `standardwebhooks` package over the same id, time and body."""
    body = body_of()
    signature = standardwebhooks.Webhook(SECRET).sign("evt_1", datetime.fromtimestamp(NOW, UTC), body.decode())
    given = {"webhook-id": "evt_1", "webhook-timestamp": str(NOW), "webhook-signature": f"v2,x {signature}"}
    check_v1(stamp_of(given, NOW), body, [read_secret(SECRET)])
    assert signature in headers_of(keys, body)["webhook-signature"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda h, b: (h, b + b" "), "v1 signature"),
        (lambda h, b: ({**h, "webhook-id": "evt_2"}, b), "v1 signature"),
        (lambda h, b: ({**h, "webhook-id": ""}, b), "not of now"),
        (lambda h, b: ({**h, "webhook-timestamp": str(NOW + 1)}, b), "v1 signature"),
        (lambda h, b: ({**h, "webhook-timestamp": str(NOW - 301)}, b), "not of now"),
        (lambda h, b: ({**h, "webhook-timestamp": str(NOW + 301)}, b), "not of now"),
        (lambda h, b: ({**h, "webhook-timestamp": "soon"}, b), "not of now"),
        (lambda h, b: ({**h, "webhook-timestamp": "9" * 5000}, b), "not of now"),
        (lambda h, b: ({**h, "webhook-signature": h["webhook-signature"].split(" ")[0]}, b), "v1a signature"),
        (lambda h, b: ({**h, "webhook-signature": h["webhook-signature"].split(" ")[1]}, b), "v1 signature"),
        (lambda h, b: ({**h, "webhook-signature": h["webhook-signature"][:-8] + "AAAAAA=="}, b), "v1a signature"),
        (lambda h, b: ({**h, "webhook-signature": h["webhook-signature"] + "é"}, b), "no webhook's"),
        (lambda h, b: ({**h, "webhook-signature": h["webhook-signature"] + "\udcff"}, b), "no webhook's"),
        (lambda h, b: ({**h, "webhook-id": "evt_\udcff"}, b), "no webhook's"),
        (lambda h, b: ({**h, "webhook-signature": "v1,x " * 50 + h["webhook-signature"]}, b), "v1 signature"),
        (lambda h, b: ({**h, "webhook-signature": ""}, b), "v1 signature"),
        (lambda _, b: ({}, b), "not of now"),
    ],
)
def test_anything_else_is_not_believed(keys: Keys, change: Change, reason: str) -> None:
    """Another byte, id, time or signature, an old message, one of the two signatures missing, or far too many.

    Bytes that are no text reach us as a framework writes them down (PEP 383): they are no reason to fail otherwise.
    """
    body = body_of()
    headers, changed = change(headers_of(keys, body), body)
    with pytest.raises(Untrusted, match=reason):
        verified(keys, headers, changed)


def test_at_the_edge_of_the_tolerance(keys: Keys) -> None:
    """Five minutes off is accepted, to either side."""
    body = body_of()
    for now in (NOW - 300, NOW + 300):
        assert verified(keys, headers_of(keys, body, now=now), body).id == "evt_1"


def test_knowing_the_shared_secret_is_not_enough(keys: Keys, others: Keys) -> None:
    """The second signature needs the broker's private key."""
    body = body_of()
    with pytest.raises(Untrusted, match="v1a"):
        verified(keys, headers_of(others, body), body)


def test_secrets_overlap_while_one_is_replaced(keys: Keys) -> None:
    """Either of our two secrets will do, and one of two signatures of the broker."""
    new = "whsec_" + base64.b64encode(b"n" * 32).decode()
    body = body_of()
    old_headers, new_headers = headers_of(keys, body), headers_of(keys, body, secret=new)
    both = f"{new_headers['webhook-signature'].split(' ')[0]} {old_headers['webhook-signature']}"
    assert verified(keys, new_headers, body, SECRET, new).id == "evt_1"
    assert verified(keys, {**old_headers, "webhook-signature": both}, body, SECRET).id == "evt_1"
    with pytest.raises(Untrusted, match="v1 signature"):
        verified(keys, old_headers, body, new)


@pytest.mark.parametrize("body", [b"[]", b'{"id": "evt_1"}', body_of().replace(b'"1.0"', b'"0.3"')])
def test_a_signed_body_must_be_a_cloud_event(body: bytes) -> None:
    """Version 1.0, with its context attributes."""
    given = {"webhook-id": "evt_1", "webhook-timestamp": str(NOW)}
    with pytest.raises(Untrusted, match="no CloudEvent"):
        event_in(body, stamp_of(given, NOW))


def test_the_body_must_be_the_event_the_header_names(keys: Keys) -> None:
    """Its id is what is de-duplicated: two ids for one event would be two events."""
    body = body_of()
    stamp = stamp_of({**headers_of(keys, body), "webhook-id": "evt_2"}, NOW)
    with pytest.raises(Untrusted, match="another id"):
        event_in(body, stamp)


def test_an_event_of_a_newer_broker_is_read() -> None:
    """Kinds and fields that this package does not know are no reason to refuse."""
    told = json.loads(body_of())
    told["data"] |= {"more": 1}
    stamp = stamp_of({"webhook-id": "evt_1", "webhook-timestamp": str(NOW)}, NOW)
    event = event_in(json.dumps({**told, "subject": "x"}).encode(), stamp)
    assert (event.kind, event.session_id) == ("delivered", "s")
    told["type"] = "nl.ophaalbrug.provider.data"
    for data in ({"payload": {"sessionId": 7}}, "x", None):
        event = event_in(json.dumps({**told, "data": data}).encode(), stamp)
        assert (event.kind, event.session_id, event.payload) == ("nl.ophaalbrug.provider.data", "", None)


def test_an_event_of_a_session_names_it() -> None:
    """One that does not, has no place to be kept under."""
    stamp = stamp_of({"webhook-id": "evt_1", "webhook-timestamp": str(NOW)}, NOW)
    for without in ({}, {"sessionId": "", "sequence": 1}, {"sessionId": "s"}, None):
        body = json.dumps({**json.loads(body_of()), "data": without}).encode()
        with pytest.raises(Untrusted, match="no CloudEvent"):
            event_in(body, stamp)


def test_whether_data_must_be_deleted_is_told() -> None:
    """`maybeReceived` of a withdrawn event, and why the session ended."""
    stamp = stamp_of({"webhook-id": "evt_1", "webhook-timestamp": str(NOW)}, NOW)
    event = event_in(body_of("withdrawn", maybe_received=True, reason="withdrawn"), stamp)
    assert (event.kind, event.maybe_received, event.reason) == ("withdrawn", True, "withdrawn")


def test_a_secret_of_our_own_making(keys: Keys) -> None:
    """It is one for the broker, and for the standard's library; no two are alike."""
    made, body = new_secret(), body_of()
    assert made != new_secret()
    headers = headers_of(keys, body, secret=made)
    assert verified(keys, headers, body, made).id == "evt_1"
    assert len(webhook_problems(Webhook(url="https://x.example/", secret=made), https_only=True)) == 0
    standardwebhooks.Webhook(made)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_" + "A" * 91, "whsec_é", SECRET[6:]])
def test_a_secret_is_of_the_standards_form(text: str) -> None:
    """`whsec_` and the base64 of 24 to 64 bytes; what is wrong is not repeated."""
    with pytest.raises(ValueError, match="a webhook secret is") as raised:
        read_secret(text)
    assert text not in str(raised.value).replace("whsec_", "") or not text.removeprefix("whsec_")


def test_the_brokers_webhook_key_as_the_operator_gives_it(keys: Keys) -> None:
    """`whpk_…`, printed by `provider add`, is the Ed25519 key of the JWKS."""
    (published,) = read_jwks(json.dumps(keys.jwks()).encode()).webhook
    assert read_webhook_key(keys.webhook_public()).public_bytes_raw() == published.public_bytes_raw()
    for wrong in ("", "whpk_", "whpk_AA", keys.webhook_public()[5:]):
        with pytest.raises(ValueError, match=r"."):
            read_webhook_key(wrong)


def test_an_endpoint_allows_its_own_broker_only() -> None:
    """CloudEvents, "HTTP 1.1 Web Hooks", section 4: the validation request is answered by naming who may send."""
    mine = "https://Broker.example/"
    assert allowing({"webhook-request-origin": "broker.example"}, mine) == {"WebHook-Allowed-Origin": "broker.example"}
    assert allowing({"WebHook-Request-Origin": "other.example"}, mine) == {}
    assert allowing({}, mine) == {}
