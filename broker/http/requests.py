"""Reading requests: JSON bodies with every mistake named at once, bearer tokens, cookies, language, our own address."""

from __future__ import annotations

import re
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec
from babel import negotiate_locale
from litestar import Request

from broker.errors import Problem
from broker.parts import Parts
from broker.texts import Language
from connectors.contract import DocumentRefused

AnyRequest = Request[Any, Any, Any]
MAX_BODY_BYTES = 64 * 1024
MAX_FIELDS = 20  # of a form, or of the query of an address
FORM = "application/x-www-form-urlencoded"
COOKIE = "__Host-ophaalbrug"
LANGUAGES = ("nl", "en")

_T = TypeVar("_T", bound=msgspec.Struct)


def parts_of(request: AnyRequest) -> Parts:
    """The running broker's parts."""
    return cast(Parts, request.app.state["parts"])


async def body_of(request: AnyRequest, kind: type[_T]) -> _T:
    """The JSON body as `kind`. Raises Problem: unsupported-media-type, too-large, invalid-request."""
    raw = await _whole(request, "application/json")
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Problem("invalid-request", errors=mistakes(raw, kind)) from None


async def sent_in(request: AnyRequest, kind: type[_T]) -> _T:
    """A body as `kind`, sent by a program as JSON or by a page's form. Raises Problem as `body_of` does."""
    if _media_type(request) != FORM:
        return await body_of(request, kind)
    try:
        return msgspec.convert(await form_of(request), kind, strict=False)
    except msgspec.ValidationError:
        raise Problem("invalid-request") from None


async def form_of(request: AnyRequest) -> dict[str, str]:
    """The fields of a form. Raises Problem: unsupported-media-type, too-large, invalid-request.

    Parsed here, as the framework's own parser remembers a thousand bodies: anybody's, and with them assertions.
    """
    raw = await _whole(request, FORM)
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:  # no UTF-8, or too many fields
        raise Problem("invalid-request") from None


async def _whole(request: AnyRequest, media_type: str) -> bytes:
    """The body, which must be of this media type. Raises Problem: unsupported-media-type, too-large."""
    if _media_type(request) != media_type:
        raise Problem("unsupported-media-type")
    raw = await request.body()
    if len(raw) > MAX_BODY_BYTES:
        raise Problem("too-large")
    return raw


def _media_type(request: AnyRequest) -> str:
    return request.headers.get("content-type", "").split(";", 1)[0].strip().lower()


async def file_of(request: AnyRequest, max_bytes: int) -> bytes:
    """The body as it is, whatever it is called. Raises DocumentRefused(too-large) as soon as that is known."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > max_bytes:
        raise DocumentRefused("too-large")
    taken = bytearray()
    async for chunk in request.stream():
        taken += chunk
        if len(taken) > max_bytes:
            raise DocumentRefused("too-large")
    return bytes(taken)


def mistakes(raw: bytes, kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Everything that is wrong with a body, field by field (NLgov ADR: return all validation errors together)."""
    try:
        values = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ("body: not valid JSON",)
    if not isinstance(values, dict):
        return ("body: must be an object",)
    found: list[str] = []
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    given = cast(dict[str, Any], values)
    found += [f"{_shown(name)}: unknown field" for name in given if name not in known]
    for name, field in known.items():
        if name not in given:
            if field.required:
                found.append(f"{name}: is required")
            continue
        try:
            msgspec.convert(given[name], field.type)
        except msgspec.ValidationError as error:
            found.append(f"{name}: {_reason(error)}")
    return tuple(found)


def _shown(name: str) -> str:
    """A field name of the caller's, cut short: names are echoed, values never are."""
    return "".join(c for c in name[:40] if c.isalnum() or c in "_-") or "?"


def _reason(error: msgspec.ValidationError) -> str:
    """What is wrong; msgspec names the expected type, and for an enum the value: that part is left out."""
    return str(error).split(" - at", 1)[0] if "Invalid enum value" not in str(error) else "Invalid value"


def bearer(request: AnyRequest, scheme: str) -> str:
    """The token of the Authorization header. Raises Problem(unauthorized)."""
    name, _, token = request.headers.get("authorization", "").partition(" ")
    if name.lower() != scheme.lower() or not token or len(token) > 300:
        challenge = f'{scheme} realm="ophaalbrug"'
        raise Problem("unauthorized", headers={"WWW-Authenticate": challenge})
    return token


def browser_secret(request: AnyRequest) -> str:
    """What our cookie holds, empty without one. Read here: the framework remembers a thousand whole Cookie headers."""
    for pair in request.headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def preferred_language(request: AnyRequest) -> Language:
    """The language of a page without a session: `?lang=`, else what the browser asks for, else Dutch."""
    asked = request.query_params.get("lang")
    if asked not in LANGUAGES:
        asked = negotiate_locale(_by_weight(request.headers.get("accept-language", "")), LANGUAGES, sep="-")
    return cast(Language, asked or "nl")


def _by_weight(header: str) -> list[str]:
    """The language ranges of an Accept-Language header, most wanted first (RFC 9110, 12.5.4)."""
    found: list[tuple[float, str]] = []
    for part in header.split(","):
        name, _, weight = part.partition(";")
        given = re.fullmatch(r"\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*", weight)
        wanted = float(given[1]) if given else 1.0
        if wanted > 0:
            found.append((wanted, name.strip().lower()))
    return [name for _, name in sorted(found, key=lambda entry: -entry[0])]


def own_url(request: AnyRequest) -> str:
    """The address of this request as its caller knows it, without query: our base address and the path."""
    return parts_of(request).settings.base_url + request.scope["path"]


async def one_address(request: AnyRequest) -> None:
    """Refuse a second spelling of an address, which the router would take for the first (NLgov ADR: no-trailing-slash).

    Raises Problem(not-found).
    """
    path = unquote_to_bytes(request.scope["raw_path"])  # the router has tidied `path` itself
    if b"//" in path or (path.endswith(b"/") and path != b"/"):
        raise Problem("not-found")


def same_origin(request: AnyRequest) -> None:
    """Refuse a browser's POST that another site made. Raises Problem(unauthorized)."""
    base = parts_of(request).settings.base_url
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if (origin is not None and origin != base) or site not in ("same-origin", "none"):
        raise Problem("unauthorized")
