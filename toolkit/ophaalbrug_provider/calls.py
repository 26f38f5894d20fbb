"""A call as data: what goes out, what comes back, and a conversation as a generator of both. No I/O.

The two clients carry out the same conversations, one over blocking sockets and one in asyncio.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec

from ophaalbrug_provider.errors import ApiError, Unreachable, Unreadable

_T = TypeVar("_T")
_R = TypeVar("_R")

SMALL_BYTES = 2**20
LARGE_BYTES = 2**26  # sealed payloads and documents


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request; of the answer at most `max_bytes` are read. Redirects are not followed."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    max_bytes: int = SMALL_BYTES

    def __repr__(self) -> str:
        return f"Request({self.method})"  # its headers and body hold tokens


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Response({self.status})"


class Asked(msgspec.Struct, frozen=True):
    """A question for the caller's own store: `of` takes it and gives the answer (for asyncio, its awaitable)."""

    of: Callable[[Any], Any]


class Done(msgspec.Struct, frozen=True):
    """The end of a conversation, and what it came to."""

    value: Any


Steps: TypeAlias = Generator[Request | Asked, Any, _T]


def advanced(steps: Steps[Any], answer: Any) -> Request | Asked | Done:
    """The next step after an answer (None at first); an Unreachable is raised where the request was made."""
    try:
        return steps.throw(answer) if isinstance(answer, Unreachable) else steps.send(answer)
    except StopIteration as done:
        return Done(done.value)


def sent(request: Request) -> Steps[Response]:
    """One request of a conversation."""
    response: Response = yield request
    return response


def content(response: Response) -> bytes:
    """The body of an answer below 300. Raises ApiError for every other."""
    if response.status >= 300:
        raise _refusal(response)
    return response.body


def decoded(response: Response, kind: type[_R]) -> _R:
    """The JSON of an answer below 300, as `kind`. Raises ApiError, Unreadable."""
    try:
        return msgspec.json.decode(content(response), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unreadable("the broker's answer cannot be read") from None


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    code: str = ""
    detail: str = ""
    errors: tuple[str, ...] = ()


def _refusal(response: Response) -> ApiError:
    problem = _Problem()
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        try:
            problem = msgspec.json.decode(response.body, type=_Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            problem = _Problem()
    wait = response.headers.get("retry-after", "")
    seconds = float(wait) if wait.isascii() and wait.isdecimal() else None
    return ApiError(response.status, problem.code, problem.detail, problem.errors, seconds)
