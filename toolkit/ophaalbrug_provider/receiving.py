"""Receiving a webhook the way a provider must: genuine, once, in order, and kept before the broker hears that it was.

The store is the caller's: an `Inbox`. A 2xx is the broker's permission to destroy everything, so it is given last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from ophaalbrug_provider.calls import Asked, Steps
from ophaalbrug_provider.conversations import Conversations
from ophaalbrug_provider.errors import ApiError, NoKey, ToolkitError, Unreachable, Unreadable, Untrusted
from ophaalbrug_provider.messages import Event, Opened, PurgeReceipt

WITHOUT_DATA = ("withdrawn", "cancelled", "expired", "undelivered")


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One event with what it brings, opened and checked. `documents` are in the order of `payload.documents`.

    `overtaken`: a newer event of this session was kept before; a notice then tells nothing new.
    """

    event: Event
    payload: Opened | None = None
    documents: tuple[bytes, ...] = ()
    purge_receipt: PurgeReceipt | None = None
    overtaken: bool = False

    def __repr__(self) -> str:
        return f"Arrival({self.event.kind} {self.event.id})"  # what people consented to belongs in no log


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    """The event with the highest `sequence` that was kept of a session."""

    sequence: int
    kind: str


class Inbox(Protocol):
    """Where a back office keeps what arrives; must survive a crash. Two calls may come at once, in several threads."""

    def knows(self, event_id: str) -> bool:
        """Whether this event was kept."""
        ...

    def latest(self, session_id: str) -> Latest | None:
        """The newest event kept of a session."""
        ...

    def keep(self, arrival: Arrival) -> None:
        """Keep it all or raise; on return it is on disk. An id that is kept already changes nothing.

        A withdrawn event, or one with `maybe_received`, destroys what its session brought; data that come to be kept
        after one of WITHOUT_DATA are not: look in the same transaction, for the two may come at once.
        """
        ...


class AsyncInbox(Protocol):
    """An `Inbox` for asyncio."""

    async def knows(self, event_id: str) -> bool:
        """Whether this event was kept."""
        ...

    async def latest(self, session_id: str) -> Latest | None:
        """The newest event kept of a session."""
        ...

    async def keep(self, arrival: Arrival) -> None:
        """Keep it all or raise; on return it is on disk. As `Inbox.keep`."""
        ...


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """New, and kept."""

    arrival: Arrival
    status: Literal[204] = 204


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """Kept before: nothing is done twice."""

    event: Event
    status: Literal[204] = 204


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """Data of a session that is over: they were taken back, or another of our programs has them. Not kept."""

    event: Event
    status: Literal[204] = 204


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """Genuine, and about no session: a test event, or a type newer than this package. There is nothing to keep."""

    event: Event
    status: Literal[204] = 204


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Not taken in; the broker tries again. 401 for what cannot be trusted, 503 for what may go better later."""

    error: ToolkitError
    status: Literal[401, 503]


Outcome: TypeAlias = Kept | Again | Dropped | Heard | Refused


def receive(talk: Conversations, headers: Mapping[str, str], body: bytes) -> Steps[Outcome]:
    """One webhook, from its bytes to the `status` it is to be answered with. What the inbox raises, passes through."""
    try:
        event = yield from talk.verify(headers, body)
    except (Untrusted, Unreachable, Unreadable, ApiError) as error:
        return _refused(error)
    return (yield from take_in(talk, event))


def take_in(talk: Conversations, event: Event) -> Steps[Outcome]:
    """An event that `verify` gave: opened, kept, and acknowledged where a 2xx alone does not."""
    if not event.session_id:
        return Heard(event=event)

    def latest(inbox: Any) -> Any:
        return inbox.latest(event.session_id)

    try:
        if (yield Asked(lambda inbox: inbox.knows(event.id))):
            yield from _settle(talk, event)
            return Again(event=event)
        if _taken_back(event, (yield Asked(latest))):
            return Dropped(event=event)
        arrival = yield from opened(talk, event)
        newest: Latest | None = yield Asked(latest)  # it may have been taken back while we fetched
        if _taken_back(event, newest):
            return Dropped(event=event)
        overtaken = newest is not None and newest.sequence > event.sequence
        arrival = msgspec.structs.replace(arrival, overtaken=overtaken)
        yield Asked(lambda inbox: inbox.keep(arrival))
        if arrival.payload is not None and _needs_word(event, arrival.payload):
            yield from _acknowledge(talk, event)
        return Kept(arrival=arrival)
    except ApiError as error:
        return Dropped(event=event) if error.code == "session-ended" else _refused(error)
    except (Untrusted, NoKey, Unreachable, Unreadable) as error:
        return _refused(error)


def _taken_back(event: Event, latest: Latest | None) -> bool:
    return event.kind == "data" and latest is not None and latest.kind in WITHOUT_DATA


def opened(talk: Conversations, event: Event) -> Steps[Arrival]:
    """An event with everything it carries or points at."""
    payload, documents, purged = None, list[bytes](), None
    if event.payload is not None:
        payload = yield from talk.open_payload(event.payload, event.session_id, event)
    elif event.payload_url is not None:  # its address is not followed: ours leads there with our token and nowhere else
        payload = yield from talk.pull_payload(event.session_id, event)
    for document in payload.documents if payload else ():
        documents.append((yield from talk.pull_document(event.session_id, document)))
    if event.purge_receipt is not None:
        purged = yield from talk.check_purge_receipt(event.purge_receipt, event.session_id)
    return Arrival(event=event, payload=payload, documents=tuple(documents), purge_receipt=purged)


def _needs_word(event: Event, payload: Opened) -> bool:
    """Whether a 2xx acknowledges nothing: the payload was fetched, or documents go with it."""
    return event.payload is None or bool(payload.documents)


def _settle(talk: Conversations, event: Event) -> Steps[None]:
    """Acknowledge what was kept before: we may have stopped in between."""
    if event.kind != "data":
        return
    payload = (yield from talk.open_payload(event.payload, event.session_id, event)) if event.payload else None
    if payload is None or _needs_word(event, payload):
        yield from _acknowledge(talk, event)


def _acknowledge(talk: Conversations, event: Event) -> Steps[None]:
    """Say that what this event brought is kept. Doing it twice changes nothing."""
    try:
        yield from talk.acknowledge(event.session_id, str(event.payload_digest))
    except ApiError as error:
        if error.code not in ("session-ended", "unknown-session"):  # it ended otherwise: another event says how
            raise


def _refused(error: ToolkitError) -> Refused:
    return Refused(error=error, status=401 if isinstance(error, Untrusted) else 503)
