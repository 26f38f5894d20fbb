"""What a provider does with what it receives: checks signatures, opens the payload, checks receipts.

Pure. Made with libraries the broker does not use (standardwebhooks, jwcrypto), so that two implementations must agree;
every algorithm is named here and none is taken from the message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, LiteralString

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwcrypto import jwe, jwk, jws
from jwcrypto.common import JWException
from standardwebhooks import Webhook

from schemas.events import CloudEvent

TOLERANCE_SECONDS = 300
PAYLOAD_TYPE = "ophaalbrug-payload+jws"
PURGE_TYPE = "ophaalbrug-purge-receipt+jws"
CONSENT_TYPE = "ophaalbrug-consent-receipt+jws"

# Our key decides how it may be used: the default profile seals to a curve, nlgov to RSA.
_SEALED_WITH: dict[str, LiteralString] = {"EC": "ECDH-ES", "OKP": "ECDH-ES", "RSA": "RSA-OAEP"}
_SIGNED_WITH = {"EC": "ES256", "OKP": "ES256", "RSA": "PS256"}


class Untrusted(Exception):
    """Something that arrived is not what it should be. The text says which check failed, and nothing else."""


class BrokerKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The broker's public keys: those of payloads and receipts by `kid`, and those of webhooks."""

    signing: dict[str, jwk.JWK]
    webhook: tuple[Ed25519PublicKey, ...]


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An opened payload. `digest` (hex SHA-256 of the JWE) acknowledges it, `jti` the id of the event it came with."""

    payload: dict[str, Any]
    digest: str
    jti: str


def read_jwks(document: bytes) -> BrokerKeys:
    """The keys of `/.well-known/jwks.json`. Raises Untrusted."""
    try:
        keys: list[dict[str, str]] = json.loads(document)["keys"]
        signing = {key["kid"]: jwk.JWK(**key) for key in keys if key["kty"] in ("EC", "RSA")}
        webhook = tuple(Ed25519PublicKey.from_public_bytes(_raw(key["x"])) for key in keys if key["kty"] == "OKP")
    except (JWException, ValueError, KeyError, TypeError):
        raise Untrusted("the broker's keys cannot be read") from None
    return BrokerKeys(signing=signing, webhook=webhook)


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(secret: str, keys: BrokerKeys, headers: Mapping[str, str], body: bytes, now: float) -> CloudEvent:
    """The event in a webhook, when it is of now and both of its signatures hold (Standard Webhooks 1.0.0: `v1`, `v1a`).

    One of the two is enough for a provider; checking both shows how each is done. `now` is in seconds since the epoch:
    with the time of day for a clock, `standardwebhooks.Webhook.verify` does the first half of this. Raises Untrusted.
    """
    known = {name.lower(): value for name, value in headers.items()}
    event_id, timestamp = known.get("webhook-id", ""), known.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise Untrusted("the webhook is not of now")
    given = known.get("webhook-signature", "").split(" ")
    if not _is_among(given, _expected(secret, event_id, int(timestamp), body)):
        raise Untrusted("the v1 signature does not hold")
    signed = f"{event_id}.{timestamp}.".encode() + body
    asymmetric = [signature[4:] for signature in given if signature.startswith("v1a,")]
    if not any(_holds(key, signature, signed) for signature in asymmetric for key in keys.webhook):
        raise Untrusted("the v1a signature does not hold")
    return _event(body, event_id)


def _expected(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """The `v1` signature that belongs to a message. Raises Untrusted for a body that is no text."""
    try:
        return Webhook(secret).sign(event_id, datetime.fromtimestamp(timestamp, UTC), body.decode())
    except UnicodeDecodeError:
        raise Untrusted("the body is no text") from None


def _is_among(given: Iterable[str], expected: str) -> bool:
    """Whether a signature is one of those given, in a time that does not tell how much of it was right."""
    return any(hmac.compare_digest(signature.encode(), expected.encode()) for signature in given)


def _holds(key: Ed25519PublicKey, signature: str, signed: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _event(body: bytes, event_id: str) -> CloudEvent:
    try:
        event = msgspec.json.decode(body, type=CloudEvent)
    except msgspec.MsgspecError:
        raise Untrusted("the body is no CloudEvent") from None
    if event.id != event_id:
        raise Untrusted("the event has another id than its webhook")
    return event


def opened(sealed: str, own: Iterable[jwk.JWK], keys: BrokerKeys) -> Opened:
    """Open a payload: decrypt it with our key, then check that the broker signed what was inside. Raises Untrusted.

    Anybody can encrypt to a public key: only the signature says who did. `own` are our private keys, each with a `kid`.
    """
    try:
        token = jwe.JWE()
        token.deserialize(sealed)
        kid = token.jose_header.get("kid")
        key = next((key for key in own if key["kid"] == kid), None)
        if key is None:
            raise Untrusted("the payload is sealed to a key that is not ours")
        token.allowed_algs = [_SEALED_WITH[key["kty"]], "A256GCM"]
        token.decrypt(key)
    except (JWException, ValueError):
        raise Untrusted("the payload does not open") from None
    inner = token.payload.decode("ascii", "replace")
    payload, header = _signed(inner, PAYLOAD_TYPE, _SIGNED_WITH[key["kty"]], keys)
    for consent in payload.get("consents", []):
        check_consent(consent, keys)
    return Opened(payload=payload, digest=hashlib.sha256(sealed.encode()).hexdigest(), jti=str(header.get("jti")))


def check_consent(consent: Mapping[str, Any], keys: BrokerKeys) -> None:
    """Check that the broker signed this consent receipt, as it reads here. Raises Untrusted."""
    if _signed(str(consent.get("signature")), CONSENT_TYPE, "ES256", keys)[0] != consent.get("receipt"):
        raise Untrusted("a consent receipt is not the one that was signed")


def checked_receipt(receipt: str, keys: BrokerKeys) -> dict[str, Any]:
    """What a purge receipt says: session, state, when, and how much was destroyed. Raises Untrusted."""
    return _signed(receipt, PURGE_TYPE, "ES256", keys)[0]


def _signed(token: str, kind: str, algorithm: str, keys: BrokerKeys) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON in a compact JWS and its header, when one of the broker's keys made it, for this `kind` of document."""
    signed = jws.JWS()
    signed.allowed_algs = [algorithm]
    try:
        signed.deserialize(token)
        header: dict[str, Any] = signed.jose_header
        if header.get("typ") != kind:
            raise Untrusted("a signature is for another kind of document")
        signed.verify(keys.signing[header.get("kid", "")], algorithm)
        return json.loads(signed.payload), header
    except (JWException, ValueError, KeyError):
        raise Untrusted("a signature is not the broker's") from None
