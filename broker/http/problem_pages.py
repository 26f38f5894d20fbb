"""A problem as a page: what happened, what to do now, and always a way on. Which problem it is, `problems` knows.

The sentence that says what happened is the catalogue's; advice and titles are written per kind of problem.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from litestar import Response

from broker.creation import journey_url
from broker.errors import CATALOGUE
from broker.http.html import html, wants_page
from broker.http.requests import AnyRequest, browser_secret, parts_of, preferred_language
from sessions.errors import Refused
from sessions.secrets import parts as secret_parts

Kind = Literal["missing", "stranger", "ended", "elsewhere", "moved-on", "linking", "later", "mistake"]
_PROGRAMS = ("/v1/", "/oauth/", "/.well-known/", "/phone/v1/", "/phone/screens/")
_CURRENT = "/j/session"  # the page that fits where the session of this browser's cookie stands

_KINDS: dict[str, Kind] = {
    "not-found": "missing",
    "unknown-session": "missing",
    "wrong-secret": "stranger",
    "unauthorized": "stranger",
    "session-ended": "ended",
    "taken-over": "elsewhere",
    "token-invalid": "linking",
    "already-paired": "linking",
    "wrong-code": "linking",
    "pairing-ended": "linking",
    "busy": "later",
    "login-unavailable": "later",
    "too-many-requests": "later",
    "store-unavailable": "later",
    "internal": "later",
    "invalid-request": "mistake",
    "unsupported-media-type": "mistake",
    "too-large": "mistake",
    "method-not-allowed": "mistake",
    "household-unknown": "mistake",
}


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A link onwards; `label` is the last part of its text's name."""

    url: str
    label: Literal["continue", "ending", "here", "retry", "home"]


def wants_problem_page(request: AnyRequest) -> bool:
    """Whether a person would see the answer. What programs and the phone's own scripts ask stays JSON."""
    return wants_page(request) and not request.scope["path"].startswith(_PROGRAMS)


def problem_page(request: AnyRequest, code: str, headers: dict[str, str]) -> Response[bytes]:
    """The page for a code of the catalogue, with its status."""
    parts, language, kind = parts_of(request), preferred_language(request), kind_of(code)
    entry = CATALOGUE[code]
    other = f"{request.scope['path']}?lang={'nl' if language == 'en' else 'en'}" if request.method == "GET" else ""
    page = html(
        parts,
        "problem.html",
        language,
        status=entry.status,
        kind=kind,
        happened=entry.nl if language == "nl" else entry.en,
        ways=_ways(request, kind),
        contact=parts.settings.contact_email,
        other_language_url=other,
    )
    page.headers.update(headers)
    return page


def kind_of(code: str) -> Kind:
    """The kind of problem a code is; whatever has no kind of its own could be done a moment ago, or on the phone."""
    return _KINDS.get(code, "moved-on")


def _ways(request: AnyRequest, kind: Kind) -> list[Way]:
    """The ways on, the best first. The last one is always there."""
    ways: list[Way] = []
    path = request.scope["path"]
    known = browser_secret(request) and path != _CURRENT
    if path.startswith("/j/") and path.endswith("/start"):
        ways.append(Way(url=path.removesuffix("/start"), label="here"))
    if kind == "elsewhere":
        ways += [Way(url=url, label="here") for url in _start_page(request)]
    if kind == "later" and request.method == "GET":
        ways.append(Way(url=path, label="retry"))
    elif known and kind in ("missing", "moved-on", "linking", "later", "mistake"):
        ways.append(Way(url=_CURRENT, label="continue"))
    elif known and kind == "ended":
        ways.append(Way(url=_CURRENT, label="ending"))
    return [*ways, Way(url="/", label="home")]


def _start_page(request: AnyRequest) -> list[str]:
    """The start page of the cookie's session: only for who was refused as taken over, and so knew its secret once."""
    try:
        session_id, _ = secret_parts(browser_secret(request), "obb_", 2)
    except Refused:
        return []
    return [journey_url(parts_of(request), session_id)]
