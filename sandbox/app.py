"""The pretend world as one web application: the login, the inbox and the switches beside the sources and the post.

Owns HTTP only; who is logged in is `digid`, what a source says is `sources`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uvicorn
from litestar import Litestar, MediaType, Request, Response, get, post, put
from litestar.datastructures import Cookie, State
from litestar.params import FromPath, RawBody, URLEncodedBody
from litestar.response import Redirect as Away

from sandbox import digid, pages
from sandbox.cases import CASES
from sandbox.downloads.serving import one_file, shelf
from sandbox.personas.facts import Fault, Source
from sandbox.post import gateway, mail_server
from sandbox.sources.belastingdienst import belastingdienst
from sandbox.sources.brk import mortgages, objects, one_mortgage, one_object, one_owner, owners
from sandbox.sources.brp import personen
from sandbox.sources.desk import problem
from sandbox.sources.pensions import pensioenaanspraken
from sandbox.sources.rdw import rdw
from sandbox.sources.uwv import uwv
from sandbox.sources.woz import wozobject, wozobjecten
from sandbox.world import Channel, SandboxSettings, World

COOKIE = "sandbox_idp_session"
Form = URLEncodedBody[dict[str, str]]
Asked = Request[Any, Any, State]

_SOURCES = (
    personen,
    wozobjecten,
    wozobject,
    objects,
    one_object,
    owners,
    one_owner,
    mortgages,
    one_mortgage,
    rdw,
    uwv,
    belastingdienst,
    pensioenaanspraken,
)


class Switch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a source is to fail from now on; `none` mends it."""

    fault: Fault


@get("/")
async def start_page() -> Response[str]:
    """Who can log in, and what each shows."""
    return _html(pages.start())


@get("/sandbox/style.css", media_type="text/css")
async def stylesheet() -> str:
    """The one stylesheet."""
    return pages.style()


@get("/cases")
async def cases(request: Asked) -> Response[Any]:
    """The failures a provider can ask for: a page for people, JSON for programs."""
    if "text/html" in request.headers.get("accept", ""):
        return _html(pages.cases(CASES))
    told = {"cases": [{"id": c.id, "nl": c.nl, "en": c.en, "household": c.household} for c in CASES]}
    return Response(msgspec.json.encode(told), media_type=MediaType.JSON)


@get("/sandbox/inbox")
async def inbox(state: State) -> Response[str]:
    """The latest messages, for people."""
    return _html(pages.inbox(reversed(_world(state).inbox)))


@get("/sandbox/inbox.json")
async def inbox_json(state: State) -> Response[bytes]:
    """The latest messages, newest first, for programs."""
    return Response(msgspec.json.encode(_world(state).inbox[::-1]), media_type=MediaType.JSON)


@get("/sandbox/mail/{number:int}")
async def letter(state: State, number: FromPath[int]) -> Response[Any]:
    """A mail as a mail program shows it, with links that work."""
    message = _world(state).message(number)
    if message is None or not message.html:
        return problem(404, "Deze mail is er niet")
    # Mails carry their style with them, which our own pages may not.
    policy = _POLICY.replace("style-src 'self'", "style-src 'unsafe-inline'")
    return _html(message.html, policy=policy)


@put("/sandbox/faults/{source:str}")
async def switch(state: State, source: FromPath[str], body: RawBody) -> Response[bytes]:
    """Break a source, or `mail` or `sms`, for everybody, or mend it. Personas keep their own faults."""
    try:
        name: Source | Channel = msgspec.convert(source, Source | Channel)
        wanted = msgspec.json.decode(body, type=Switch)
    except msgspec.MsgspecError:
        return problem(400, "Onbekende bron of storing")
    _world(state).switches[name] = wanted.fault
    return Response(body, media_type=MediaType.JSON)


@get("/digid/.well-known/openid-configuration")
async def discovery(state: State) -> dict[str, object]:
    """OpenID Connect Discovery 1.0."""
    issuer = _idp(state).issuer
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["pairwise"],
        "scopes_supported": ["openid", "sms"],
        "acr_values_supported": list(digid.LOA.values()),
        "claims_supported": ["sub", "bsn", "loa_authn", "session_id", "acr", "auth_time"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "PS256", "RS256", "EdDSA"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "userinfo_signing_alg_values_supported": ["RS256"],
        "userinfo_encryption_alg_values_supported": ["RSA-OAEP"],
        "userinfo_encryption_enc_values_supported": ["A128CBC-HS256"],
        "authorization_response_iss_parameter_supported": True,
    }


@get("/digid/jwks")
async def jwks(state: State) -> dict[str, Any]:
    """The provider's public key."""
    return _idp(state).keys.jwks()


@get("/digid/authorize")
async def authorize(state: State, request: Asked) -> Response[Any]:
    """The client sends the citizen here."""
    cookie = request.cookies.get(COOKIE, "")
    try:
        return _step(state, _idp(state).authorize(dict(request.query_params.items()), cookie))
    except digid.Refusal as refusal:
        return _html(pages.refused(refusal.code), 400)


@post("/digid/login", status_code=200)
async def login(state: State, data: Form) -> Response[Any]:
    """Name and password."""
    try:
        step = _idp(state).password(data.get("login", ""), data.get("user", ""), data.get("password", ""))
        return _step(state, step)
    except digid.Refusal as refusal:
        return _html(pages.refused(refusal.code), 400)


@post("/digid/player", status_code=200)
async def play(state: State, data: Form) -> Response[Any]:
    """The player of a test case logs in."""
    try:
        return _step(state, _idp(state).play(data.get("login", "")))
    except digid.Refusal as refusal:
        return _html(pages.refused(refusal.code), 400)


@post("/digid/sms", status_code=200)
async def sms(state: State, data: Form) -> Response[Any]:
    """The code that was sent."""
    try:
        return _step(state, _idp(state).sms(data.get("login", ""), data.get("code", "")))
    except digid.Refusal as refusal:
        return _html(pages.refused(refusal.code), 400)


@post("/digid/cancel", status_code=200)
async def cancel(state: State, data: Form) -> Response[Any]:
    """The citizen gives up."""
    try:
        return _step(state, _idp(state).cancel(data.get("login", "")))
    except digid.Refusal as refusal:
        return _html(pages.refused(refusal.code), 400)


@post("/digid/token", status_code=200)
async def token(state: State, data: Form) -> Response[dict[str, str | int]]:
    """The client redeems its code."""
    try:
        return Response(_idp(state).token(data), headers={"Cache-Control": "no-store"})
    except digid.Refusal as refusal:
        return Response({"error": refusal.code}, status_code=refusal.status, headers={"Cache-Control": "no-store"})


@get("/digid/userinfo")
async def userinfo(state: State, request: Asked) -> Response[Any]:
    """Who logged in: a signed JWT inside a JWE."""
    scheme, _, access = request.headers.get("authorization", "").partition(" ")
    try:
        told = _idp(state).userinfo(access if scheme.lower() == "bearer" else "")
    except digid.Refusal as refusal:
        header = {"WWW-Authenticate": f'Bearer error="{refusal.code}"'}
        return Response({"error": refusal.code}, status_code=refusal.status, headers=header)
    return Response(told.encode(), media_type="application/jwt", headers={"Cache-Control": "no-store"})


def create_app(settings: SandboxSettings) -> Litestar:
    """The whole world, set up by `settings`, which must have its `base_url` by now."""
    world = World(settings)
    own = (start_page, cases, stylesheet, inbox, inbox_json, letter, switch, shelf, one_file)
    provider = (discovery, jwks, authorize, login, play, sms, cancel, token, userinfo)
    return Litestar(
        route_handlers=[*own, *provider, gateway, *_SOURCES],
        state=State({"world": world, "digid": digid.DigiD(world)}),
        openapi_config=None,
        logging_config=None,
        request_max_body_size=100_000,
    )


@asynccontextmanager
async def running(settings: SandboxSettings, *, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
    """Serve the world in this event loop while the context lasts; gives its address, `http://host:port`.

    Port 0 takes a free one. Settings without `base_url` get that address.
    """
    with socket.create_server((host, port)) as listening:
        address = f"http://{host}:{listening.getsockname()[1]}"
        app = create_app(msgspec.structs.replace(settings, base_url=settings.base_url or address))
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=1, timeout_keep_alive=75
        )
        async with mail_server(_world(app.state), host), _serving(uvicorn.Server(config), listening):
            yield address


@asynccontextmanager
async def _serving(server: uvicorn.Server, listening: socket.socket) -> AsyncGenerator[None]:
    """Start and stop without uvicorn's own signal handlers: those of the program around us stay in force."""
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[listening])
    try:
        yield
    finally:
        await stopped(server)


async def stopped(server: uvicorn.Server) -> None:
    """Stop a server as its `shutdown` does, but without the tenth of a second that sleeps: tests stop hundreds."""
    for listening in server.servers:
        listening.close()
    for connection in tuple(server.server_state.connections):
        connection.shutdown()
    if tasks := tuple(server.server_state.tasks):
        _, late = await asyncio.wait(tasks, timeout=server.config.timeout_graceful_shutdown)
        for task in late:
            task.cancel()
    await server.lifespan.shutdown()


def _world(state: State) -> World:
    return state.world


def _idp(state: State) -> digid.DigiD:
    return state.digid


_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"


def _html(body: str, status: int = 200, policy: str = _POLICY) -> Response[str]:
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Content-Security-Policy": policy}
    return Response(body, media_type=MediaType.HTML, status_code=status, headers=headers)


def _step(state: State, step: digid.Page | digid.Redirect) -> Response[Any]:
    """The next page, or back to the client with this browser's session as its cookie."""
    if isinstance(step, digid.Page):
        return _html(pages.login(step))
    secure = _world(state).settings.base_url.startswith("https:")
    cookie = Cookie(key=COOKIE, value=step.session, path="/digid", httponly=True, samesite="lax", secure=secure)
    return Away(step.url, status_code=303, cookies=[cookie] if step.session else None)
