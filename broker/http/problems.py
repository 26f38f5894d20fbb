"""From exceptions to answers: RFC 9457 for a program, a page for a person. An expected refusal is never a 500.

One table says what each code means, `broker.errors.CATALOGUE`; the page is that of `problem_pages`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec.structs import replace

from broker.errors import CATALOGUE, Problem
from broker.http.problem_pages import problem_page, wants_problem_page
from broker.http.requests import AnyRequest
from broker.telemetry import log, where
from connectors.contract import DocumentRefused
from connectors.login import LoginRefused
from sessions.errors import Refused
from sessions.store.scripts import StoreUnavailable
from sessions.vault import VaultError

TYPE_PREFIX = "urn:ophaalbrug:problem:"
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5  # where nobody knows better
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


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What an exception comes to: a code of the catalogue, and what goes along."""

    code: str
    errors: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    facts: dict[str, Any] = {}


def answer(said: Said) -> Response[ProblemDetails]:
    """The answer for a program."""
    entry = CATALOGUE[said.code]
    details = ProblemDetails(
        type=TYPE_PREFIX + said.code,
        title=said.code.replace("-", " ").capitalize(),
        status=entry.status,
        detail=entry.en,
        detail_nl=entry.nl,
        code=said.code,
        errors=said.errors,
        tries_left=said.facts.get("triesLeft"),
    )
    return Response(details, status_code=entry.status, media_type=MEDIA_TYPE, headers=said.headers)


def _problem(error: Problem) -> Said:
    return Said(code=error.code, errors=error.errors, headers=error.headers)


def _refused(error: Refused) -> Said:
    return Said(code=error.code, facts=error.facts)


def _login_refused(error: LoginRefused) -> Said:
    """The identity provider cannot be used to begin a login."""
    log.warning("login.unavailable", reason=error.reason)
    return Said(code="login-unavailable")


def _store_unavailable(error: StoreUnavailable) -> Said:
    log.error("store.unavailable", where=where(error))
    return Said(code="store-unavailable")


def _vault(error: VaultError) -> Said:
    """A ciphertext does not open: the token, the server's secret or the store is another one."""
    log.error("vault.does_not_open", where=where(error))
    return Said(code="wrong-secret")


def _document(error: DocumentRefused) -> Said:
    """A file that somebody handed over cannot be used."""
    return Said(code=f"document-{error.reason}")


def _http(error: HTTPException) -> Said:
    """What the framework refuses before a handler runs."""
    code = _BY_STATUS.get(error.status_code, "internal" if error.status_code >= 500 else "invalid-request")
    if code == "internal":
        log.error("request.failed", where=where(error))
    return Said(code=code, errors=_parameters(error), headers=dict(error.headers or {}))


def _parameters(error: HTTPException) -> tuple[str, ...]:
    """The parameters of path and query that are wrong, by name; the framework's words would repeat their values."""
    found: Any = error.extra if isinstance(error, ValidationException) else None
    return tuple(f"{item['key']}: not a valid value" for item in found or ())


def _anything(error: Exception) -> Said:
    """A bug. Nothing of it is shown."""
    log.error("request.failed", where=where(error))
    return Said(code="internal")


def _told(read: Callable[[Any], Said], error: Exception) -> Said:
    """What an exception comes to; what passes by itself (503) also says when to come back (RFC 9110, 15.6.4)."""
    said = read(error)
    if CATALOGUE[said.code].status != 503:
        return said
    return replace(said, headers={"Retry-After": str(RETRY_SECONDS), **said.headers})


def _answering(read: Callable[[Any], Said]) -> Any:
    """A handler of exceptions: a page for a person, RFC 9457 for a program."""

    def answered(request: AnyRequest, error: Exception) -> Response[Any]:
        said = _told(read, error)
        return problem_page(request, said.code, said.headers) if wants_problem_page(request) else answer(said)

    return answered


def _answering_oauth(read: Callable[[Any], Said]) -> Any:
    """The same for the token endpoint, with RFC 6749's code beside ours where it has one."""

    def answered(_: AnyRequest, error: Exception) -> Response[ProblemDetails]:
        made = answer(_told(read, error))
        made.content = replace(made.content, error=_OAUTH_ERRORS.get(made.content.code))
        return made

    return answered


_READERS: dict[type[Exception], Callable[[Any], Said]] = {
    Problem: _problem,
    Refused: _refused,
    LoginRefused: _login_refused,
    StoreUnavailable: _store_unavailable,
    VaultError: _vault,
    DocumentRefused: _document,
    HTTPException: _http,
    Exception: _anything,
}
HANDLERS: Any = {kind: _answering(read) for kind, read in _READERS.items()}
OAUTH_HANDLERS: Any = {kind: _answering_oauth(read) for kind, read in _READERS.items()}
