"""Everything a provider asks a broker, as conversations without I/O: the whole API, tokens, and genuine webhooks.

Owns what is remembered between calls: the access token, until shortly before it runs out, and the broker's keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ophaalbrug_provider import opening, webhooks
from ophaalbrug_provider.account import Account
from ophaalbrug_provider.calls import LARGE_BYTES, SMALL_BYTES, Request, Response, Steps, content, decoded, sent
from ophaalbrug_provider.errors import Unreadable, Untrusted
from ophaalbrug_provider.keys import BrokerKeys, read_jwks
from ophaalbrug_provider.messages import (
    Created,
    Delivery,
    DeliveryPage,
    Document,
    Event,
    NewSession,
    Opened,
    Page,
    Profile,
    PurgeReceipt,
    Receipts,
    SessionView,
    Trial,
    Webhook,
)

EARLY_SECONDS = 30
JWKS_SECONDS = 300
JWKS_AGAIN_SECONDS = 30  # a key we do not know asks again, but not more often than this
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_T = TypeVar("_T")


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int


class Conversations:
    """The conversations of one account. `clock` gives seconds since 1970.

    Used from several threads or tasks at once, the worst that happens is a token or a key set fetched twice.
    """

    def __init__(self, account: Account, clock: Callable[[], float]) -> None:
        self.account = account
        self.clock = clock
        self._token = ("", 0.0)
        self._broker: tuple[BrokerKeys | None, float] = (None, 0.0)

    def access_token(self) -> Steps[str]:
        """An access token that is good for a while yet. Raises ApiError, Unreadable."""
        token, good_until = self._token
        if self.clock() < good_until:
            return token
        now = self.clock()
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.account.assertion(now),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        url = f"{self.account.broker_url}/oauth/token"
        granted = decoded(
            (yield from sent(Request(method="POST", url=url, headers=headers, body=urlencode(form).encode()))), _Token
        )
        self._token = (granted.access_token, now + granted.expires_in - EARLY_SECONDS)
        return granted.access_token

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = SMALL_BYTES,
    ) -> Steps[Response]:
        """One request with our access token; after a 401 once more, with a new one. Raises ApiError, Unreadable."""
        whole = {**(headers or {}), **({} if body is None else {"Content-Type": "application/json"})}
        url, token = self.account.broker_url + path, (yield from self.access_token())
        request = Request(method=method, url=url, headers=_bearing(token, whole), body=body, max_bytes=max_bytes)
        response = yield from sent(request)
        if response.status == 401:  # refused before anything was done: whatever the call is, it may be sent again
            if self._token[0] == token:  # else another thread has renewed it already
                self._token = ("", 0.0)
            renewed = _bearing((yield from self.access_token()), whole)
            response = yield from sent(msgspec.structs.replace(request, headers=renewed))
        content(response)
        return response

    def create_session(self, wanted: NewSession | Mapping[str, object], idempotency_key: str) -> Steps[Created]:
        body, key = msgspec.json.encode(wanted), {"Idempotency-Key": idempotency_key}
        return decoded((yield from self.call("POST", "/v1/sessions", body, key)), Created)

    def session(self, session_id: str) -> Steps[SessionView]:
        return decoded((yield from self.call("GET", _path(session_id))), SessionView)

    def sessions(self, **wishes: str | int | None) -> Steps[Page]:
        return decoded((yield from self.call("GET", f"/v1/sessions{_query(wishes)}")), Page)

    def cancel(self, session_id: str) -> Steps[SessionView]:
        return decoded((yield from self.call("DELETE", _path(session_id))), SessionView)

    def acknowledge(self, session_id: str, digest: str) -> Steps[SessionView]:
        body = msgspec.json.encode({"payloadDigest": digest})
        return decoded((yield from self.call("POST", f"{_path(session_id)}/acknowledgement", body)), SessionView)

    def receipts(self, session_id: str) -> Steps[Receipts]:
        return decoded((yield from self.call("GET", f"{_path(session_id)}/receipts")), Receipts)

    def profiles(self) -> Steps[tuple[Profile, ...]]:
        return decoded((yield from self.call("GET", "/v1/profiles")), tuple[Profile, ...])

    def deliveries(self, **wishes: str | int | None) -> Steps[DeliveryPage]:
        return decoded((yield from self.call("GET", f"/v1/deliveries{_query(wishes)}")), DeliveryPage)

    def retry_delivery(self, delivery_id: str) -> Steps[Delivery]:
        path = f"/v1/deliveries/{quote(delivery_id, safe='')}/_retry"
        return decoded((yield from self.call("POST", path)), Delivery)

    def webhook(self) -> Steps[Webhook]:
        return decoded((yield from self.call("GET", "/v1/webhook")), Webhook)

    def set_webhook(
        self, url: str, types: Sequence[str], secret: str | None, overlap_seconds: float | None
    ) -> Steps[Webhook]:
        said = {"url": url, "types": tuple(types), "secret": secret, "overlapSeconds": overlap_seconds}
        body = msgspec.json.encode({name: value for name, value in said.items() if value is not None})
        return decoded((yield from self.call("PUT", "/v1/webhook", body)), Webhook)

    def test_webhook(self) -> Steps[Trial]:
        return decoded((yield from self.call("POST", "/v1/webhook/_test")), Trial)

    def pull_payload(self, session_id: str, event: Event | None = None) -> Steps[Opened]:
        """Fetch and open a payload; with `event`, exactly the one it announces."""
        response = yield from self.call("GET", f"{_path(session_id)}/payload", max_bytes=LARGE_BYTES)
        return (yield from self.open_payload(_text(response), session_id, event))

    def open_payload(self, sealed: str, session_id: str, event: Event | None = None) -> Steps[Opened]:
        """Open a payload of this session; with `event`, exactly the one it brings. Raises NoKey, Untrusted."""

        def opened(broker: BrokerKeys) -> Opened:
            return opening.open_payload(
                sealed,
                self.account.opening_keys,
                broker,
                session_id=session_id,
                digest=event and str(event.payload_digest),
            )

        return (yield from self._with_keys(opened))

    def pull_document(self, session_id: str, document: Document) -> Steps[bytes]:
        path = f"{_path(session_id)}/payload/documents/{document.number}"
        response = yield from self.call("GET", path, max_bytes=LARGE_BYTES)
        return opening.open_document(_text(response), self.account.opening_keys, document)

    def check_purge_receipt(self, receipt: str, session_id: str | None) -> Steps[PurgeReceipt]:
        def checked(broker: BrokerKeys) -> PurgeReceipt:
            return opening.check_purge_receipt(receipt, broker, session_id=session_id)

        return (yield from self._with_keys(checked))

    def verify(self, headers: Mapping[str, str], body: bytes) -> Steps[Event]:
        """The event in a webhook: `v1` must hold when we have secrets, `v1a` always. Raises Untrusted."""
        stamp = webhooks.stamp_of(headers, self.clock())
        if self.account.webhook_secrets:
            webhooks.check_v1(stamp, body, self.account.webhook_secrets)
        if self.account.webhook_keys:
            webhooks.check_v1a(stamp, body, self.account.webhook_keys)
        else:
            yield from self._with_keys(lambda broker: _check_v1a(stamp, body, broker.webhook))
        return webhooks.event_in(body, stamp)

    def _with_keys(self, check: Callable[[BrokerKeys], _T]) -> Steps[_T]:
        """What `check` finds with the broker's keys; where it misses one, with keys fetched anew."""
        known, fetched_at = self._broker
        if known is None or not 0 <= self.clock() - fetched_at < JWKS_SECONDS:  # below 0: the clock was put back
            known, fetched_at = yield from self._fetched_keys()
        try:
            return check(known)
        except opening.UnknownSigner:
            if self.clock() - fetched_at < JWKS_AGAIN_SECONDS:
                raise
        return check((yield from self._fetched_keys())[0])

    def _fetched_keys(self) -> Steps[tuple[BrokerKeys, float]]:
        url = f"{self.account.broker_url}/.well-known/jwks.json"
        response = yield from sent(Request(method="GET", url=url, headers={"Accept": "application/json"}))
        self._broker = fetched = (read_jwks(content(response)), self.clock())
        return fetched


def _check_v1a(stamp: webhooks.Stamp, body: bytes, keys: tuple[Ed25519PublicKey, ...]) -> None:
    """As `webhooks.check_v1a`, but a signature that does not hold may be of a key newer than those we know."""
    try:
        webhooks.check_v1a(stamp, body, keys)
    except Untrusted as error:
        raise opening.UnknownSigner(error.happened) from None


def _bearing(token: str, headers: Mapping[str, str]) -> dict[str, str]:
    return {**headers, "Authorization": f"Bearer {token}"}


def _query(wishes: Mapping[str, str | int | None]) -> str:
    return "?" + urlencode({name: value for name, value in wishes.items() if value is not None})


def _path(session_id: str) -> str:
    return f"/v1/sessions/{quote(session_id, safe='')}"


def _text(response: Response) -> str:
    try:
        return response.body.decode("ascii")
    except UnicodeDecodeError:
        raise Unreadable("the broker's answer is no sealed text") from None
