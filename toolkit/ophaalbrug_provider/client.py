"""The client for blocking code, on the standard library's HTTP: one connection a call, TLS verified, no redirects.

Proxies are those of the environment (`https_proxy`, `no_proxy`). May be shared by threads.
"""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ophaalbrug_provider import receiving
from ophaalbrug_provider.account import Account
from ophaalbrug_provider.calls import Asked, Done, Request, Response, Steps, advanced
from ophaalbrug_provider.conversations import Conversations
from ophaalbrug_provider.errors import Unreachable
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
from ophaalbrug_provider.webhooks import allowing

CHUNK_BYTES = 2**16

_T = TypeVar("_T")


class Client:
    """A provider's calls to its broker. Every method raises ApiError, Unreachable or Unreadable when it fails.

    `timeout_seconds`: for connecting, for each wait, and for an answer in all. `tls`: another context than the
    system's, for a broker with a certificate of your own authority.
    """

    def __init__(
        self,
        account: Account,
        *,
        timeout_seconds: float = 30.0,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._talk = Conversations(account, clock)
        self._timeout = timeout_seconds
        https = urllib.request.HTTPSHandler(context=tls or ssl.create_default_context())
        handlers: list[urllib.request.BaseHandler] = [https, _AsItComes()]
        if account.broker_url.startswith("http:"):  # on this machine: through a proxy a token would leave it, unsealed
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def create_session(self, wanted: NewSession | Mapping[str, object], *, idempotency_key: str) -> Created:
        """Open a session. The same key with the same request gives the same session for 24 hours: keep it beside your
        file, and send it again when no answer came. A mapping is sent as it is, for fields newer than this package.
        """
        return self._run(self._talk.create_session(wanted, idempotency_key))

    def session(self, session_id: str) -> SessionView:
        """Where a session stands; never data."""
        return self._run(self._talk.session(session_id))

    def sessions(
        self, *, reference: str | None = None, status: str | None = None, offset: int = 0, limit: int = 50
    ) -> Page:
        """Your sessions, newest first; may lag a second."""
        return self._run(self._talk.sessions(reference=reference, status=status, offset=offset, limit=limit))

    def cancel(self, session_id: str) -> SessionView:
        """Stop a session and have it purged. Doing it twice changes nothing."""
        return self._run(self._talk.cancel(session_id))

    def payload(self, session_id: str) -> Opened:
        """Fetch and open a payload: for who has no webhook. Keep it and its documents, then `acknowledge`.

        Raises Untrusted, NoKey too.
        """
        return self._run(self._talk.pull_payload(session_id))

    def document(self, session_id: str, document: Document) -> bytes:
        """Fetch and open one of a payload's `documents`, before it is acknowledged. Raises Untrusted, NoKey too."""
        return self._run(self._talk.pull_document(session_id, document))

    def acknowledge(self, session_id: str, digest: str) -> SessionView:
        """Say that the payload with this digest is kept: the broker then destroys everything. Twice changes nothing."""
        return self._run(self._talk.acknowledge(session_id, digest))

    def receipts(self, session_id: str) -> Receipts:
        """The purge receipt, and digests of the consents to compare with `Opened.consent_digests`."""
        return self._run(self._talk.receipts(session_id))

    def profiles(self) -> tuple[Profile, ...]:
        """What you may ask for, as you are registered."""
        return self._run(self._talk.profiles())

    def deliveries(
        self,
        *,
        session: str | None = None,
        type: str | None = None,  # noqa: A002 - the API's own name
        status: str | None = None,
        offset: int = 0,
        limit: int = 50,
    ) -> DeliveryPage:
        """What was sent to your webhook or waits to be, without data; `type` is the last word: data, opened and so on.

        Go on while the page has a `next`: one may be short, or empty, before the last.
        """
        wishes = {"session": session, "type": type, "status": status}
        return self._run(self._talk.deliveries(**wishes, offset=offset, limit=limit))

    def retry_delivery(self, delivery_id: str) -> Delivery:
        """Have a delivery that waits tried now, instead of at its time. Asking twice is asking once."""
        return self._run(self._talk.retry_delivery(delivery_id))

    def webhook(self) -> Webhook:
        """Where events go, whether they do, and which secrets sign them."""
        return self._run(self._talk.webhook())

    def set_webhook(
        self, url: str, *, types: Sequence[str] = (), secret: str | None = None, overlap_seconds: float | None = None
    ) -> Webhook:
        """Set your webhook: all of it. A new `url` is asked first, see `allowing`; it is switched on again.

        `types` of notices that are wanted, all when none is named. Another `secret` (see `new_secret`) takes over at
        once, and the former signs beside it for `overlap_seconds` (a day unless you say otherwise, a week at most);
        without one the present one stays, and a first webhook gets one of the broker's, which is told in this answer
        only: one of your own no lost answer can lose. The same again changes nothing.
        """
        return self._run(self._talk.set_webhook(url, types, secret, overlap_seconds))

    def test_webhook(self) -> Trial:
        """Have a test event sent now; a success switches on again what was switched off. Ten a minute, with `set`."""
        return self._run(self._talk.test_webhook())

    def allowing(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers with which your endpoint answers OPTIONS, with 204: our broker asks whether it wants its events.

        (CloudEvents, "HTTP 1.1 Web Hooks", section 4.) For who else may ask there are none. Asks nothing itself.
        """
        return allowing(headers, self._talk.account.broker_url)

    def purge_receipt(self, receipt: str, *, session_id: str | None = None) -> PurgeReceipt:
        """What a purge receipt says, when the broker signed it. Raises Untrusted too."""
        return self._run(self._talk.check_purge_receipt(receipt, session_id))

    def verify(self, headers: Mapping[str, str], body: bytes) -> Event:
        """The event in a webhook, of which the signatures hold and the time is now. Raises Untrusted too."""
        return self._run(self._talk.verify(headers, body))

    def open(self, event: Event) -> receiving.Arrival:
        """What an event brings, fetched, opened and checked; neither kept nor acknowledged. Raises Untrusted, NoKey."""
        return self._run(receiving.opened(self._talk, event))

    def receive(self, headers: Mapping[str, str], body: bytes, inbox: receiving.Inbox) -> receiving.Outcome:
        """One webhook, done right: answer with the `status` of what this gives. Raises only what `inbox` raises."""
        return self._run(receiving.receive(self._talk, headers, body), inbox)

    def take_in(self, event: Event, inbox: receiving.Inbox) -> receiving.Outcome:
        """`receive`, after `verify`."""
        return self._run(receiving.take_in(self._talk, event), inbox)

    def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Any call of the API, with your access token; `body` is JSON."""
        return self._run(self._talk.call(method, path, body)).body

    def access_token(self) -> str:
        """An access token that is good for at least half a minute."""
        return self._run(self._talk.access_token())

    def _run(self, steps: Steps[_T], inbox: receiving.Inbox | None = None) -> _T:
        """Carry out a conversation."""
        step = advanced(steps, None)
        while not isinstance(step, Done):
            answer = step.of(inbox) if isinstance(step, Asked) else self._exchange(step)
            step = advanced(steps, answer)
        return step.value

    def _exchange(self, request: Request) -> Response | Unreachable:
        """One request over the network."""
        outgoing = urllib.request.Request(  # noqa: S310 - Account lets https through, and http to this machine
            request.url, request.body, dict(request.headers), method=request.method
        )
        give_up_at = time.monotonic() + self._timeout
        try:
            with self._opener.open(outgoing, timeout=self._timeout) as answer:
                return _read(answer, request.max_bytes, give_up_at)
        except (OSError, http.client.HTTPException) as error:
            return Unreachable(f"the broker did not answer: {type(error).__name__}")


class _AsItComes(urllib.request.HTTPErrorProcessor):
    """Every answer is one: none is an exception, and none is followed. A redirect would take the token elsewhere."""

    def http_response(self, request: Any, response: Any) -> Any:
        return response

    https_response = http_response


def _read(answer: Any, max_bytes: int, give_up_at: float) -> Response | Unreachable:
    """All of an answer. `http.client` says nothing of one that was cut off, when it is not asked for all at once."""
    body = bytearray()
    while chunk := answer.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            return Unreachable("the answer is larger than is read")
        if time.monotonic() > give_up_at:
            return Unreachable("the answer took too long")
    if answer.length:
        return Unreachable("the answer was cut off")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(status=answer.status, headers=headers, body=bytes(body))
