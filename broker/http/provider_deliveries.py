"""The delivery log over the API, without any data, and another attempt on demand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from broker import deliveries
from broker.clock import utc
from broker.deliveries import EventType, Wanted, delivery_id
from broker.http.requests import AnyRequest, parts_of
from broker.providers import Provider
from broker.telemetry import log, session_ref
from schemas.base import View
from sessions.delivering import PLACES, Attempt, AttemptOutcome, Status
from sessions.store.work import Logged

PAGE_SIZE = 50
MAX_OFFSET = 1_000_000 * PLACES


class AttemptView(View, frozen=True, kw_only=True):
    """One attempt. `answer`: the class of the receiver's status (`5xx`), or why there was none."""

    started_at: datetime
    outcome: AttemptOutcome
    answer: str
    seconds: float


class DeliveryView(View, frozen=True, kw_only=True):
    """One event on its way; `eventId` is its webhook-id. `nextAttemptAt` is there while it waits.

    `status`: dropped is what no longer went, because a newer notice came or the session ended.
    """

    id: str
    session_id: str
    event_id: str
    type: str
    sequence: int
    status: Status
    queued_at: datetime
    next_attempt_at: datetime | None
    attempts: tuple[AttemptView, ...]


class DeliveryPage(View, frozen=True, kw_only=True):
    """A page of deliveries, those of the newest session first; `next` is the offset of the next page."""

    deliveries: tuple[DeliveryView, ...]
    next: int | None = None


@get("/deliveries")
async def list_deliveries(
    request: AnyRequest,
    caller: NamedDependency[Provider],
    session: FromQuery[str | None] = None,
    type: FromQuery[EventType | None] = None,  # noqa: A002 - the query's own name
    status: FromQuery[Status | None] = None,
    offset: Annotated[int, QueryParameter(ge=0, le=MAX_OFFSET)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = PAGE_SIZE,
) -> DeliveryPage:
    """What was sent or waits to be, by session, type and status. Where little fits, a page may be short, or empty."""
    wanted = Wanted(session=session, type=type, status=status)
    found = await deliveries.listed(parts_of(request), caller.id, wanted, offset, limit)
    return DeliveryPage(deliveries=tuple(_view(one) for one in found.deliveries), next=found.next)


@post("/deliveries/{delivery_id:str}/_retry", status_code=200)
async def retry_delivery(
    request: AnyRequest, caller: NamedDependency[Provider], delivery_id: FromPath[str]
) -> DeliveryView:
    """Try a delivery that waits now, instead of at its time. Asking twice is asking once."""
    found = await deliveries.retry(parts_of(request), caller.id, delivery_id)
    log.info("delivery.asked_again", session_ref=session_ref(found.session), provider=caller.id, type=found.line.type)
    return _view(found)


def _view(logged: Logged) -> DeliveryView:
    line = logged.line
    return DeliveryView(
        id=delivery_id(logged),
        session_id=logged.session,
        event_id=line.event_id,
        type=line.type,
        sequence=line.sequence,
        status=logged.status,
        queued_at=utc(line.queued_at),
        next_attempt_at=utc(logged.due) if logged.status == "waiting" and logged.due is not None else None,
        attempts=tuple(_attempt(one) for one in logged.tried),
    )


def _attempt(attempt: Attempt) -> AttemptView:
    return AttemptView(
        started_at=utc(attempt.at), outcome=attempt.outcome, answer=attempt.answer, seconds=attempt.seconds
    )


HANDLERS: Any = [list_deliveries, retry_delivery]
