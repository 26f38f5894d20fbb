"""Pages as answers: HTML with the headers every page carries, and whether a request asks for one.

What stands on a page is the business of templates and of who calls; this only knows how a page leaves the house.
"""

from __future__ import annotations

import msgspec
from litestar import Response

from broker.http.requests import AnyRequest
from broker.parts import Parts
from broker.texts import Language
from broker.views import in_language
from broker.web.render import render
from sessions.model import Session

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_NOT_USED = ("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "microphone", "payment", "usb")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _NOT_USED),
    # Not no-referrer: with that a browser sends `Origin: null` along with our own forms.
    "Referrer-Policy": "same-origin",
    "Vary": "Accept, Accept-Language",
}


def wants_page(request: AnyRequest) -> bool:
    """Whether a person's browser asks: it names text/html. A program asks for JSON or for anything (`*/*`)."""
    accepted = request.headers.get("accept", "").lower().split(",")
    return any(part.split(";", 1)[0].strip() == "text/html" for part in accepted)


def html(parts: Parts, template: str, language: Language, *, status: int = 200, **facts: object) -> Response[bytes]:
    """A page of `broker/web/templates` with these facts and `sandbox`. Raises what rendering raises."""
    page = render(template, language, sandbox=parts.settings.sandbox, **facts)
    headers = {**_HEADERS, "Content-Language": language}
    return Response(page.encode(), status_code=status, media_type="text/html", headers=headers)


class ShownProvider(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as pages and screens show it. `logo`: whether there is one."""

    id: str
    name: str
    logo: bool


async def shown_provider(parts: Parts, session: Session, language: Language) -> ShownProvider:
    """The session's provider: its name as pinned, its logo as registered now."""
    provider = await parts.providers.get(session.provider)
    name = in_language(language, session.recipient.name)
    return ShownProvider(id=session.provider, name=name, logo=bool(provider and provider.logo))
