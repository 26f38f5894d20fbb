"""The client for asyncio, on aiohttp (extra `async`): the same calls as `Client`, awaited."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TypeVar

import aiohttp
from yarl import URL

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

_T = TypeVar("_T")


class AsyncClient:
    """A provider's calls to its broker. Every method raises ApiError, Unreachable or Unreadable when it fails.

    Give it a `session` that you keep yourself, or use it in `async with`, which makes one and closes it.
    """

    def __init__(
        self,
        account: Account,
        session: aiohttp.ClientSession | None = None,
        *,
        timeout_seconds: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._talk = Conversations(account, clock)
        self._session = session
        self._owned: aiohttp.ClientSession | None = None
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    async def __aenter__(self) -> AsyncClient:
        if self._session is None:
            far = not self._talk.account.broker_url.startswith("http:")  # on this machine a proxy has no place
            self._session = self._owned = aiohttp.ClientSession(trust_env=far)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owned is not None:
            await self._owned.close()
            self._session = self._owned = None

    async def create_session(self, wanted: NewSession | Mapping[str, object], *, idempotency_key: str) -> Created:
        """Open a session. The same key with the same request gives the same session for 24 hours: keep it beside your
        file, and send it again when no answer came. A mapping is sent as it is, for fields newer than this package.
        """
        return await self._run(self._talk.create_session(wanted, idempotency_key))

    async def session(self, session_id: str) -> SessionView:
        """Where a session stands; never data."""
        return await self._run(self._talk.session(session_id))

    async def sessions(
        self, *, reference: str | None = None, status: str | None = None, offset: int = 0, limit: int = 50
    ) -> Page:
        """Your sessions, newest first; may lag a second."""
        return await self._run(self._talk.sessions(reference=reference, status=status, offset=offset, limit=limit))

    async def cancel(self, session_id: str) -> SessionView:
        """Stop a session and have it purged. Doing it twice changes nothing."""
        return await self._run(self._talk.cancel(session_id))

    async def payload(self, session_id: str) -> Opened:
        """Fetch and open a payload: for who has no webhook. Keep it and its documents, then `acknowledge`.

        Raises Untrusted, NoKey too.
        """
        return await self._run(self._talk.pull_payload(session_id))

    async def document(self, session_id: str, document: Document) -> bytes:
        """Fetch and open one of a payload's `documents`, before it is acknowledged. Raises Untrusted, NoKey too."""
        return await self._run(self._talk.pull_document(session_id, document))

    async def acknowledge(self, session_id: str, digest: str) -> SessionView:
        """Say that the payload with this digest is kept: the broker then destroys everything. Twice changes nothing."""
        return await self._run(self._talk.acknowledge(session_id, digest))

    async def receipts(self, session_id: str) -> Receipts:
        """The purge receipt, and digests of the consents to compare with `Opened.consent_digests`."""
        return await self._run(self._talk.receipts(session_id))

    async def profiles(self) -> tuple[Profile, ...]:
        """What you may ask for, as you are registered."""
        return await self._run(self._talk.profiles())

    async def deliveries(
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
        return await self._run(self._talk.deliveries(**wishes, offset=offset, limit=limit))

    async def retry_delivery(self, delivery_id: str) -> Delivery:
        """Have a delivery that waits tried now, instead of at its time. Asking twice is asking once."""
        return await self._run(self._talk.retry_delivery(delivery_id))

    async def webhook(self) -> Webhook:
        """Where events go, whether they do, and which secrets sign them."""
        return await self._run(self._talk.webhook())

    async def set_webhook(
        self, url: str, *, types: Sequence[str] = (), secret: str | None = None, overlap_seconds: float | None = None
    ) -> Webhook:
        """Set your webhook: all of it. A new `url` is asked first, see `allowing`; it is switched on again.

        `types` of notices that are wanted, all when none is named. Another `secret` (see `new_secret`) takes over at
        once, and the former signs beside it for `overlap_seconds` (a day unless you say otherwise, a week at most);
        without one the present one stays, and a first webhook gets one of the broker's, which is told in this answer
        only: one of your own no lost answer can lose. The same again changes nothing.
        """
        return await self._run(self._talk.set_webhook(url, types, secret, overlap_seconds))

    async def test_webhook(self) -> Trial:
        """Have a test event sent now; a success switches on again what was switched off. Ten a minute, with `set`."""
        return await self._run(self._talk.test_webhook())

    def allowing(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers with which your endpoint answers OPTIONS, with 204: our broker asks whether it wants its events.

        (CloudEvents, "HTTP 1.1 Web Hooks", section 4.) For who else may ask there are none. Asks nothing itself.
        """
        return allowing(headers, self._talk.account.broker_url)

    async def purge_receipt(self, receipt: str, *, session_id: str | None = None) -> PurgeReceipt:
        """What a purge receipt says, when the broker signed it. Raises Untrusted too."""
        return await self._run(self._talk.check_purge_receipt(receipt, session_id))

    async def verify(self, headers: Mapping[str, str], body: bytes) -> Event:
        """The event in a webhook, of which the signatures hold and the time is now. Raises Untrusted too."""
        return await self._run(self._talk.verify(headers, body))

    async def open(self, event: Event) -> receiving.Arrival:
        """What an event brings, fetched, opened and checked; neither kept nor acknowledged. Raises Untrusted, NoKey."""
        return await self._run(receiving.opened(self._talk, event))

    async def receive(self, headers: Mapping[str, str], body: bytes, inbox: receiving.AsyncInbox) -> receiving.Outcome:
        """One webhook, done right: answer with the `status` of what this gives. Raises only what `inbox` raises."""
        return await self._run(receiving.receive(self._talk, headers, body), inbox)

    async def take_in(self, event: Event, inbox: receiving.AsyncInbox) -> receiving.Outcome:
        """`receive`, after `verify`."""
        return await self._run(receiving.take_in(self._talk, event), inbox)

    async def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Any call of the API, with your access token; `body` is JSON."""
        return (await self._run(self._talk.call(method, path, body))).body

    async def access_token(self) -> str:
        """An access token that is good for at least half a minute."""
        return await self._run(self._talk.access_token())

    async def _run(self, steps: Steps[_T], inbox: receiving.AsyncInbox | None = None) -> _T:
        """Carry out a conversation."""
        step = advanced(steps, None)
        while not isinstance(step, Done):
            answer = await step.of(inbox) if isinstance(step, Asked) else await self._exchange(step)
            step = advanced(steps, answer)
        return step.value

    async def _exchange(self, request: Request) -> Response | Unreachable:
        """One request over the network."""
        if self._session is None:
            raise RuntimeError("give AsyncClient a session, or use it in `async with`")
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                timeout=self._timeout,
                allow_redirects=False,
                raise_for_status=False,
            ) as answer:
                return await _read(answer, request.max_bytes)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Unreachable(f"the broker did not answer: {type(error).__name__}")


async def _read(answer: aiohttp.ClientResponse, max_bytes: int) -> Response | Unreachable:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            return Unreachable("the answer is larger than is read")
    whole = bytes(body) or await answer.read()  # a trace of the caller's session may have read it before us
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(status=answer.status, headers=headers, body=whole)
