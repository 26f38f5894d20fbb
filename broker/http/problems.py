"""From exceptions to RFC 9457 answers: one table, `broker.errors.CATALOGUE`. An expected refusal is never a 500."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec.structs import replace

from broker.errors import CATALOGUE, Problem
from broker.http.requests import AnyRequest
from broker.telemetry import log, where
from connectors.login import LoginRefused
from sessions.errors import Refused
from sessions.store.scripts import StoreUnavailable
from sessions.vault import VaultError

TYPE_PREFIX = "urn:ophaalbrug:problem:"
MEDIA_TYPE = "application/problem+json"
_OAUTH_ERRORS = {
    "invalid-request": "invalid_request",
    "too-large": "invalid_request",
    "unsupported-media-type": "invalid_request",
    "invalid-client": "invalid_client",
    "unsupported-grant-type": "unsupported_grant_type",
}
_BY_STATUS = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "unsupported-media-type"}


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem as RFC 9457 has it, with the sentence for a citizen in both languages and every invalid field.

    `error` is the token endpoint's, which OAuth clients read (RFC 6749 section 5.2).
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    detail_nl: str = msgspec.field(name="detailNl", default="")
    errors: tuple[str, ...] = ()
    tries_left: int | None = msgspec.field(name="triesLeft", default=None)
    error: Literal["invalid_request", "invalid_client", "unsupported_grant_type"] | None = None


def answer(
    code: str,
    *,
    errors: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
    facts: dict[str, Any] | None = None,
) -> Response[ProblemDetails]:
    """The answer for one code of the catalogue."""
    entry = CATALOGUE[code]
    details = ProblemDetails(
        type=TYPE_PREFIX + code,
        title=code.replace("-", " ").capitalize(),
        status=entry.status,
        detail=entry.en,
        detail_nl=entry.nl,
        code=code,
        errors=errors,
        tries_left=(facts or {}).get("triesLeft"),
    )
    return Response(details, status_code=entry.status, media_type=MEDIA_TYPE, headers=headers)


def on_problem(_: AnyRequest, error: Problem) -> Response[ProblemDetails]:
    """Our own problems."""
    return answer(error.code, errors=error.errors, headers=error.headers)


def on_refused(_: AnyRequest, error: Refused) -> Response[ProblemDetails]:
    """What the session refuses."""
    return answer(error.code, facts=error.facts)


def on_login_refused(_: AnyRequest, error: LoginRefused) -> Response[ProblemDetails]:
    """The identity provider cannot be used to begin a login."""
    log.warning("login.unavailable", reason=error.reason)
    return answer("login-unavailable")


def on_store_unavailable(_: AnyRequest, error: StoreUnavailable) -> Response[ProblemDetails]:
    """The store did not answer."""
    log.error("store.unavailable", where=where(error))
    return answer("store-unavailable", headers={"Retry-After": "5"})


def on_vault(_: AnyRequest, error: VaultError) -> Response[ProblemDetails]:
    """A ciphertext does not open: the token, the server's secret or the store is another one."""
    log.error("vault.does_not_open", where=where(error))
    return answer("wrong-secret")


def on_http(_: AnyRequest, error: HTTPException) -> Response[ProblemDetails]:
    """What the framework refuses before a handler runs."""
    code = _BY_STATUS.get(error.status_code, "internal" if error.status_code >= 500 else "invalid-request")
    if code == "internal":
        log.error("request.failed", where=where(error))
    return answer(code, errors=_parameters(error), headers=dict(error.headers or {}))


def _parameters(error: HTTPException) -> tuple[str, ...]:
    """The parameters of path and query that are wrong, by name; the framework's words would repeat their values."""
    found: Any = error.extra if isinstance(error, ValidationException) else None
    return tuple(f"{item['key']}: not a valid value" for item in found or ())


def on_anything(_: AnyRequest, error: Exception) -> Response[ProblemDetails]:
    """A bug. Nothing of it is shown."""
    log.error("request.failed", where=where(error))
    return answer("internal")


def _for_oauth(handler: Callable[[AnyRequest, Any], Response[ProblemDetails]]) -> Any:
    """The same answer, with RFC 6749's code beside ours where it has one."""

    def answered(request: AnyRequest, error: Exception) -> Response[ProblemDetails]:
        made = handler(request, error)
        made.content = replace(made.content, error=_OAUTH_ERRORS.get(made.content.code))
        return made

    return answered


HANDLERS: Any = {
    Problem: on_problem,
    Refused: on_refused,
    LoginRefused: on_login_refused,
    StoreUnavailable: on_store_unavailable,
    VaultError: on_vault,
    HTTPException: on_http,
    Exception: on_anything,
}
OAUTH_HANDLERS: Any = {kind: _for_oauth(handler) for kind, handler in HANDLERS.items()}
