"""One register behind MijnOverheid: its settings, one HTTP call to it, and what its refusals mean.

Owns nothing of what a register says; its messages are the business of the module named after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from connectors import suwiml
from connectors.contract import Failed, SourceError
from connectors.outbound import Answer, Door, OutboundError, host_port

_T = TypeVar("_T")
_AT_ONCE = 8


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """Base of what we read of a register's JSON messages: what is not named is ignored."""


class Register(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a register is and how we make ourselves known: `api_key` travels in the header X-API-KEY.

    `base_url` is the address of the API without a slash at the end, or of the SOAP endpoint.
    """

    base_url: str
    api_key: str | None = None
    timeout_seconds: float = 10.0

    def __post_init__(self) -> None:
        host_port(self.base_url)
        if self.base_url.endswith("/"):
            raise ValueError("a base_url has no slash at the end")
        if self.timeout_seconds <= 0:
            raise ValueError("timeout_seconds is more than 0")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"  # never the key

    def credentials(self) -> dict[str, str]:
        """The headers that say who asks."""
        return {"X-API-KEY": self.api_key} if self.api_key is not None else {}


async def get(door: Door, register: Register, path: str, query: dict[str, str]) -> bytes | None:
    """GET a resource: its body, or None when the register has nothing there (404). Raises SourceError."""
    return await _asked(door, register, "GET", f"{path}?{urlencode(query)}", None)


async def post(door: Door, register: Register, path: str, question: msgspec.Struct) -> bytes | None:
    """POST a question as JSON: the body of the answer, or None for a 404. Raises SourceError."""
    return await _asked(door, register, "POST", path, msgspec.json.encode(question))


async def _asked(door: Door, register: Register, method: str, path: str, body: bytes | None) -> bytes | None:
    headers = {"Accept": "application/hal+json, application/json", **register.credentials()}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        answer = await door.request(
            method, register.base_url + path, headers=headers, body=body, timeout_seconds=register.timeout_seconds
        )
    except OutboundError as error:
        raise suwiml.unreachable(error) from None
    return _usable(answer)


def _usable(answer: Answer) -> bytes | None:
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise suwiml.unaccepted(answer.status)
    return answer.body


def decode(body: bytes, shape: type[_T]) -> _T:
    """Read JSON into `shape`. Raises SourceError(unreadable), which carries nothing of the body along."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # raised below and not here, so that no value hides in the exception's context
    raise SourceError("unreadable", "not the message that was expected")


async def outcome(call: Awaitable[_T]) -> _T | Failed:
    """The result of `call`, or why there is none."""
    try:
        return await call
    except SourceError as error:
        return error.failed


async def together(calls: Iterable[Awaitable[_T]]) -> list[_T]:
    """The results of all calls, a few at a time. Raises the first failure once none of them is running any more."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def in_turn(call: Awaitable[_T]) -> _T | Failed:
        async with turn:
            return await outcome(call)

    results: list[_T] = []
    for result in await asyncio.gather(*(in_turn(call) for call in calls)):
        if isinstance(result, Failed):
            raise SourceError(result.kind, result.detail or "", retryable=result.retryable)
        results.append(result)
    return results
