"""The two OpenAPI documents: one for providers, one for phones. Public, and made from the handlers themselves.

Handlers name their body with `body=...` (a type, or what gives one for the settings), or with `file=True` where it is
bytes as they are; problems are documented once for all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

import msgspec
from litestar import Litestar, Response, get
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, Contact, License, SecurityScheme, Server

from broker.http import phone, provider
from broker.http.envelope import API_VERSION
from broker.http.problems import MEDIA_TYPE, ProblemDetails
from broker.http.requests import AnyRequest, parts_of
from broker.settings import Settings

_REF = "#/components/schemas/{name}"
_PROVIDER_ABOUT = "Open sessions for citizens, follow them, and receive what they consented to, sealed to your key."
_PHONE_ABOUT = (
    "What the phone app calls. Every request carries a DPoP proof; answer 401 use-dpop-nonce by repeating it."
)
_BEARER = SecurityScheme(
    type="http", scheme="bearer", description="A token of 300 seconds from POST /oauth/token (private_key_jwt)."
)
_DPOP = SecurityScheme(type="http", scheme="dpop", description="RFC 9449, with server nonces.")

Schema = dict[str, Any]


def provider_document(settings: Settings) -> Schema:
    """The provider API; served at /v1/openapi.json."""
    config = _config(settings, "Ophaalbrug provider API", _PROVIDER_ABOUT, _BEARER, "/v1")
    return _document(config, provider.HANDLERS, provider.caller_of, settings)


def phone_document(settings: Settings) -> Schema:
    """The phone API; served at /phone/v1/openapi.json."""
    config = _config(settings, "Ophaalbrug phone API", _PHONE_ABOUT, _DPOP, "/phone/v1")
    return _document(config, phone.HANDLERS, phone.caller_of, settings)


def _config(settings: Settings, title: str, about: str, scheme: SecurityScheme, base: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title=title,
        version=API_VERSION,
        description=about,
        contact=Contact(name="Ophaalbrug", url=settings.contact_url, email=settings.contact_email),
        license=License(name="EUPL-1.2", identifier="EUPL-1.2"),
        servers=[Server(url=settings.base_url + base)],
        components=Components(security_schemes={"caller": scheme}),
        security=[{"caller": []}],
        use_handler_docstrings=True,
    )


def _document(config: OpenAPIConfig, handlers: list[HTTPRouteHandler], caller: Any, settings: Settings) -> Schema:
    # Without its logging: that would take over this process's, and write addresses of requests to it.
    app = Litestar(handlers, dependencies={"caller": Provide(caller)}, openapi_config=config, logging_config=None)
    document = app.openapi_schema.to_schema()
    bodies = {h.handler_name: _body_type(h.opt["body"], settings) for h in handlers if "body" in h.opt}
    schemas, components = msgspec.json.schema_components([ProblemDetails, *bodies.values()], ref_template=_REF)
    document["components"].setdefault("schemas", {}).update(components)
    body_schemas = dict(zip(bodies, schemas[1:], strict=True))
    for handler in handlers:
        for path in handler.paths:
            operation = document["paths"][_openapi_path(path)][next(iter(handler.http_methods)).lower()]
            if "file" in handler.opt:
                operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
            _complete(operation, body_schemas.get(handler.handler_name), schemas[0])
    return document


def _body_type(body: Any, settings: Settings) -> type[msgspec.Struct]:
    return body if isinstance(body, type) else body(settings)


def _openapi_path(path: str) -> str:
    return re.sub(":(str|int)}", "}", path)


def _complete(operation: Schema, body: Schema | None, problem: Schema) -> None:
    """Add the body, and the problems any call may answer with; every answer carries API-Version."""
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    operation["responses"].pop("400", None)
    for status, meaning in (("400", "Invalid input, every mistake named"), ("default", "A problem (RFC 9457)")):
        operation["responses"][status] = {"description": meaning, "content": {MEDIA_TYPE: {"schema": problem}}}
    version = {"description": "version of this API", "schema": {"type": "string"}}
    for response in operation["responses"].values():
        cast(Schema, response).setdefault("headers", {})["API-Version"] = version


def _made_once(request: AnyRequest, name: str, make: Callable[[Settings], Schema]) -> Response[bytes]:
    """A document, made when it is first asked for: that takes a hundred times as long as sending it."""
    state = request.app.state
    if name not in state:
        state[name] = msgspec.json.encode(make(parts_of(request).settings))
    return Response(state[name], media_type="application/json", headers=_OPEN)


_OPEN = {"Access-Control-Allow-Origin": "*"}


@get("/v1/openapi.json", media_type="application/json", include_in_schema=False, sync_to_thread=False)
def provider_openapi(request: AnyRequest) -> Response[bytes]:
    """The provider API's document."""
    return _made_once(request, "provider_openapi", provider_document)


@get("/phone/v1/openapi.json", media_type="application/json", include_in_schema=False, sync_to_thread=False)
def phone_openapi(request: AnyRequest) -> Response[bytes]:
    """The phone API's document."""
    return _made_once(request, "phone_openapi", phone_document)


def routers() -> list[Any]:
    """Both documents."""
    return [provider_openapi, phone_openapi]
