"""Pages without a session: the front door, what happens to people's data, and the accessibility statement.

The periods they name are those of the code, so that what is promised is what is done.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from babel.dates import format_date
from litestar import Response, get

from broker.http.html import html
from broker.http.requests import AnyRequest, parts_of, preferred_language
from sessions import lifecycle

ASSESSED_ON = date(2026, 11, 22)  # when the accessibility of the pages was last tested as a whole


@get("/", include_in_schema=False, sync_to_thread=False)
def home(request: AnyRequest) -> Response[bytes]:
    """What this is, for who comes without a link."""
    return _page(request, "home.html")


@get("/privacy", include_in_schema=False, sync_to_thread=False)
def privacy(request: AnyRequest) -> Response[bytes]:
    """What is fetched, where it is kept and for how long, who can read it when, and what one's rights are."""
    periods = {
        "idle_minutes": round(lifecycle.IDLE_SECONDS / lifecycle.MINUTE),
        "attempt_hours": round(lifecycle.ATTEMPT_SECONDS / lifecycle.HOUR),
        "delivery_hours": round(lifecycle.DELIVERY_SECONDS / lifecycle.HOUR),
        "closing_hours": round(lifecycle.CLOSING_SECONDS / lifecycle.HOUR),
        "trace_days": round(lifecycle.TOMBSTONE_SECONDS / lifecycle.DAY),
    }
    return _page(request, "privacy.html", **periods)


@get("/accessibility", include_in_schema=False, sync_to_thread=False)
def accessibility(request: AnyRequest) -> Response[bytes]:
    """The accessibility statement: what was tested and how, what is known to fall short, and how to tell us."""
    locale = "nl_NL" if preferred_language(request) == "nl" else "en_GB"
    assessed = format_date(ASSESSED_ON, "long", locale=locale)
    return _page(request, "accessibility.html", assessed=assessed)


def _page(request: AnyRequest, template: str, **facts: Any) -> Response[bytes]:
    parts, language = parts_of(request), preferred_language(request)
    other = f"{request.scope['path']}?lang={'nl' if language == 'en' else 'en'}"
    facts |= {"email": parts.settings.contact_email, "website": parts.settings.contact_url}
    return html(parts, template, language, other_language_url=other, can_log_in=parts.can_log_in(), **facts)


def routers() -> list[Any]:
    """The pages without a session."""
    return [home, privacy, accessibility]
