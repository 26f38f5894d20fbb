"""Whether a webhook is genuine: Standard Webhooks 1.0.0, `v1` (HMAC) and `v1a` (Ed25519), and the CloudEvent in it.

Pure. Nothing of a body is read before its signatures hold.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ophaalbrug_provider.errors import Untrusted
from ophaalbrug_provider.messages import Event

TOLERANCE_SECONDS = 300
TYPE_PREFIX = "nl.ophaalbrug.session."
TEST_TYPE = "nl.ophaalbrug.webhook.test"
MAX_SIGNATURES = 16  # a broker sends at most five: anybody may send us a header, and each costs a check
_SECRET_BYTES = range(24, 65)


class _Data(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    session_id: Annotated[str, msgspec.Meta(min_length=1)]
    sequence: int
    reference: str | None = None
    reason: str | None = None
    maybe_received: bool = False
    payload: str | None = None
    payload_url: str | None = None
    payload_digest: str | None = None
    purge_receipt: str | None = None


class _CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    source: str
    type: str
    time: str
    specversion: Literal["1.0"]
    data: msgspec.Raw = msgspec.Raw(b"null")


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """The three headers of a webhook: its id, its time as it was sent, and its signatures."""

    id: str
    timestamp: str
    signatures: tuple[str, ...]

    def signed(self, body: bytes) -> bytes:
        """What the signatures are over."""
        return f"{self.id}.{self.timestamp}.".encode() + body


def new_secret() -> str:
    """A webhook secret of your own making, to set with `set_webhook`: known to you before the broker has it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def read_secret(text: str) -> bytes:
    """A webhook secret: `whsec_` and base64 of 24 to 64 bytes. Raises ValueError, which does not repeat it."""
    try:
        secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        secret = b""
    if not text.startswith("whsec_") or len(secret) not in _SECRET_BYTES:
        raise ValueError("a webhook secret is whsec_ and the base64 of 24 to 64 bytes")
    return secret


def stamp_of(headers: Mapping[str, str], now: float) -> Stamp:
    """The headers, in any case of letters, when they are of now (seconds since 1970). Raises Untrusted."""
    known = {name.lower(): value for name, value in headers.items()}
    event_id, timestamp = known.get("webhook-id", ""), known.get("webhook-timestamp", "")
    numeric = timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16
    if not event_id or not numeric or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise Untrusted("the webhook is not of now", "check your clock")
    signatures = known.get("webhook-signature", "")
    if not (event_id + signatures).isascii():  # frameworks turn odd bytes into what cannot be encoded again
        raise Untrusted("the webhook's headers are no webhook's")
    return Stamp(id=event_id, timestamp=timestamp, signatures=tuple(signatures.split(" ", MAX_SIGNATURES)))


def check_v1(stamp: Stamp, body: bytes, own: Iterable[bytes]) -> None:
    """Check that one of our secrets made one of the signatures, in constant time. Raises Untrusted.

    While a secret is replaced there are two of ours, or the broker signs with two.
    """
    made = [hmac.digest(secret, stamp.signed(body), hashlib.sha256) for secret in own]
    expected = [b"v1," + base64.b64encode(digest) for digest in made]
    given = [signature.encode() for signature in stamp.signatures]
    if not any(hmac.compare_digest(theirs, ours) for theirs in given for ours in expected):
        raise Untrusted("the v1 signature does not hold", "check the webhook secret")


def check_v1a(stamp: Stamp, body: bytes, keys: Iterable[Ed25519PublicKey]) -> None:
    """Check that one of the broker's keys made one of the signatures. Raises Untrusted."""
    signed, known = stamp.signed(body), tuple(keys)
    given = [signature[4:] for signature in stamp.signatures if signature.startswith("v1a,")]
    if not any(_holds(key, signature, signed) for signature in given for key in known):
        raise Untrusted("the v1a signature does not hold")


def _holds(key: Ed25519PublicKey, signature: str, signed: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def allowing(headers: Mapping[str, str], broker_url: str) -> dict[str, str]:
    """The headers with which your endpoint answers OPTIONS, when it is our broker that asks whether it may send events.

    (CloudEvents, "HTTP 1.1 Web Hooks", section 4.) Answer 204 with these; without any the broker sends nothing.
    """
    asked = next((value for name, value in headers.items() if name.lower() == "webhook-request-origin"), "")
    origin = urlsplit(broker_url).hostname
    return {"WebHook-Allowed-Origin": origin} if origin and asked.lower() == origin else {}


def event_in(body: bytes, stamp: Stamp) -> Event:
    """The event in a body whose signatures hold. Raises Untrusted."""
    try:
        read = msgspec.json.decode(body, type=_CloudEvent)
        of_session = read.type.startswith(TYPE_PREFIX)
        said = msgspec.structs.asdict(msgspec.json.decode(read.data, type=_Data)) if of_session else {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Untrusted("the body is no CloudEvent") from None
    if read.id != stamp.id:
        raise Untrusted("the event has another id than its webhook")
    kind = "test" if read.type == TEST_TYPE else read.type.removeprefix(TYPE_PREFIX)
    return Event(id=read.id, kind=kind, type=read.type, source=read.source, time=read.time, **said)
