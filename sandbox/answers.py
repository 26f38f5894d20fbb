"""What clients of the broker's HTTP surfaces share: typed answers, problems as one exception, and event streams.

Knows RFC 9457 and server-sent events, and no address, key or token.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import TypeVar

import aiohttp
import msgspec

from schemas.base import Record

_T = TypeVar("_T")

QUICK = aiohttp.ClientTimeout(total=30)
STREAMING = aiohttp.ClientTimeout(total=None, sock_read=60)  # the broker says that it is still there every 20 seconds


class ApiError(Exception):
    """The broker said no: the HTTP status, its stable `code`, and a sentence for people.

    `errors` names each invalid field of a 400; `tries_left` comes with a wrong pairing code.
    """

    def __init__(
        self, status: int, code: str, detail: str, errors: tuple[str, ...] = (), tries_left: int | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.tries_left = tries_left


class _Problem(Record, frozen=True, kw_only=True):
    """Problem details (RFC 9457) with the broker's own members."""

    code: str = ""
    detail: str = ""
    errors: tuple[str, ...] = ()
    tries_left: int | None = None


async def refusal(answer: aiohttp.ClientResponse) -> ApiError:
    """The problem an answer of 400 and up carries; an answer that is no problem document has an empty code."""
    problem = _Problem()
    with suppress(msgspec.MsgspecError):
        problem = msgspec.json.decode(await answer.read(), type=_Problem)
    return ApiError(answer.status, problem.code, problem.detail, problem.errors, problem.tries_left)


async def content(answer: aiohttp.ClientResponse) -> bytes:
    """The whole body, after which the connection is free again. Raises ApiError for 400 and up."""
    async with answer:
        if answer.status >= 400:
            raise await refusal(answer)
        return await answer.read()


async def server_sent(answer: aiohttp.ClientResponse, kind: type[_T]) -> AsyncGenerator[_T]:
    """The `data` of each event of a stream (HTML Living Standard 9.2), until the stream ends. Raises ApiError.

    Every event here is whole JSON; names, ids and comments are passed over.
    """
    async with answer:
        if answer.status >= 400:
            raise await refusal(answer)
        data: list[bytes] = []
        async for line in answer.content:
            field, _, value = line.rstrip(b"\r\n").partition(b":")
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif not field and not value and data:
                yield msgspec.json.decode(b"\n".join(data), type=kind)
                data = []


async def first(streams: Callable[[], AsyncGenerator[_T]], holds: Callable[[_T], bool], seconds: float) -> _T:
    """The first event that `holds`; a stream that ends is opened again. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while True:
            async with aclosing(streams()) as events:
                found = await _holding(events, holds)
            if found is not None:
                return found


async def _holding(events: AsyncGenerator[_T], holds: Callable[[_T], bool]) -> _T | None:
    async for event in events:
        if holds(event):
            return event
    return None
