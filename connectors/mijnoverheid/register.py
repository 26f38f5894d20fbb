"""One register behind MijnOverheid: its settings, one HTTP call to it, and what its refusals mean.

Owns nothing of what a register says; its messages are the business of the module named after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from connectors.access import Access, Client, unaccepted
from connectors.contract import Context, Failed, SourceError
from connectors.suwiml import SuwiAccess

_T = TypeVar("_T")
_AT_ONCE = 8


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """Base of what we read of a register's JSON messages: what is not named is ignored."""


class Register(Access, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a register is and how we make ourselves known; `base_url` is its API's, without a slash at the end."""

    base_url: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.base_url.endswith("/"):
            raise ValueError("a base_url has no slash at the end")

    def urls(self) -> tuple[str, ...]:
        """The one address."""
        return (self.base_url,)


class SuwiRegister(SuwiAccess, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same of a register behind Suwinet; `base_url` is the address of its SOAP endpoint."""

    base_url: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.base_url.endswith("/"):
            raise ValueError("a base_url has no slash at the end")

    def urls(self) -> tuple[str, ...]:
        """The one address."""
        return (self.base_url,)


class Api:
    """Asks one register that speaks JSON. Belongs to the event loop that first uses it."""

    def __init__(self, register: Register) -> None:
        """Raises ValueError when a file that the settings name cannot be used."""
        self._base_url = register.base_url
        self._client = Client(register)

    async def get(self, context: Context, path: str, query: dict[str, str]) -> bytes | None:
        """GET a resource: its body, or None when the register has nothing there (404). Raises SourceError."""
        return await self._asked(context, "GET", f"{path}?{urlencode(query)}", None)

    async def post(self, context: Context, path: str, question: msgspec.Struct) -> bytes | None:
        """POST a question as JSON: the body of the answer, or None for a 404. Raises SourceError."""
        return await self._asked(context, "POST", path, msgspec.json.encode(question))

    async def _asked(self, context: Context, method: str, path: str, body: bytes | None) -> bytes | None:
        headers = {"Accept": "application/hal+json, application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = await self._client.ask(context, method, self._base_url + path, headers=headers, body=body)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise unaccepted(answer.status)
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
