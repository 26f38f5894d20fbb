"""The pretend DigiD: an OpenID Connect provider with a password page and, where more certainty is asked, an SMS code.

Owns who is logged in and what the client is told about them. Code flow with PKCE S256, `private_key_jwt`, and userinfo
that is signed and then encrypted, as nl-rdo-max gives it. It looks like no government site and says it is pretend.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from typing import Literal, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from sandbox.cases import Case, Part, hinted
from sandbox.personas import Seat, by_bsn, by_user
from sandbox.tokens import BadClient, Keys, s256, session_name
from sandbox.world import Message, World

Level = Literal["low", "substantial", "high"]
LOA: dict[Level, str] = {
    "low": "http://eidas.europa.eu/LoA/low",
    "substantial": "http://eidas.europa.eu/LoA/substantial",
    "high": "http://eidas.europa.eu/LoA/high",
}
BASIC = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"  # DigiD Basis: below every eIDAS level
_RANK: dict[Level, int] = {"low": 0, "substantial": 1, "high": 2}

PASSWORD = "sandbox"
LOGIN_SECONDS = 900
CODE_SECONDS = 60
TOKEN_SECONDS = 300
SESSION_SECONDS = 900
SMS_TRIES = 3


class Refusal(Exception):
    """An error of RFC 6749 or OpenID Connect: its code is all the client is told."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the client asked at the authorization endpoint, checked."""

    redirect_uri: str
    state: str
    nonce: str
    challenge: str
    level: Level
    sms: bool
    prompt: str
    max_age: float | None
    scope: str
    part: Part | None

    @property
    def is_weak(self) -> bool:
        """Whether this login is to prove too little."""
        return self.part is not None and self.part.case.login == "weak"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody is logged in at the provider, in one browser. Times are seconds since the epoch."""

    bsn: str
    level: Level
    sms: bool
    auth_time: float


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A login under way: after the password it knows who, and which code went out by SMS.

    `player` is who is to log in, where a test case says so.
    """

    request: Request
    started: float
    player: Seat | None = None
    bsn: str = ""
    auth_time: float = 0
    sms_code: str = ""
    tries: int = 0


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a code or an access token stands for, from `issued` on."""

    request: Request
    session: Session
    session_id: str
    issued: float


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Show a page of the login under way: name and password, the SMS code, or the `player` of a test `case`."""

    login: str
    step: Literal["password", "player", "sms"]
    wrong: bool = False
    player: str = ""
    case: Case | None = None


class Redirect(msgspec.Struct, frozen=True, kw_only=True):
    """Send the browser back to the client; with `session` it is to keep that as its cookie."""

    url: str
    session: str = ""


_T = TypeVar("_T")


class DigiD:
    """All state of the provider, in memory. Every method takes its time from the world's clock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.issuer = f"{world.settings.base_url}/digid"
        self.keys = Keys(issuer=self.issuer, settings=world.settings)
        self._logins: dict[str, Pending] = {}
        self._sessions: dict[str, Session] = {}
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, Grant] = {}

    def authorize(self, query: Mapping[str, str], cookie: str) -> Page | Redirect:
        """Start a login, or answer at once when this browser's session is fresh and certain enough.

        Raises Refusal for a client or address we do not know: then nobody may be redirected.
        """
        settings = self._world.settings
        if query.get("client_id") != settings.client_id or query.get("redirect_uri") not in settings.redirect_uris:
            raise Refusal("invalid_client")
        try:
            request = _checked(query)
        except Refusal as refusal:
            return self._back(query["redirect_uri"], query.get("state", ""), error=refusal.code)
        player = self._player(cookie, request)
        session = self._reusable(cookie, request, player)
        if session is not None and _enough(session, request):
            return self._granted(request, session, cookie)
        if request.prompt == "none":
            return self._back(request.redirect_uri, request.state, error="login_required")
        pending = Pending(request=request, started=self._world.now(), player=player)
        login = _remember(self._logins, pending)
        if session is not None:
            return self._texted(login, session.bsn, session.auth_time)
        if request.part is None or player is None:
            return Page(login=login, step="password")
        return Page(login=login, step="player", player=player.person.user, case=request.part.case)

    def password(self, login: str, user: str, password: str) -> Page | Redirect:
        """Judge the first page. Raises Refusal when the login under way is unknown or too old."""
        self._pending(login)
        seat = by_user(user)
        if seat is None or not secrets.compare_digest(password.encode(), PASSWORD.encode()):
            return Page(login=login, step="password", wrong=True)
        return self._recognised(login, seat)

    def play(self, login: str) -> Page | Redirect:
        """The player of a test case logs in. Raises Refusal as `password` does, and when there is none."""
        player = self._pending(login).player
        if player is None:
            raise Refusal("invalid_request")
        return self._recognised(login, player)

    def _recognised(self, login: str, seat: Seat) -> Page | Redirect:
        """It is clear who this is: on to the SMS code, or back to the client."""
        if seat.household.cancels_login:
            return self.cancel(login)
        if _wants_sms(self._pending(login).request):
            return self._texted(login, seat.person.bsn, self._world.now())
        return self._logged_in(login, Session(bsn=seat.person.bsn, level="low", sms=False, auth_time=self._world.now()))

    def sms(self, login: str, code: str) -> Page | Redirect:
        """Judge the second page: three wrong codes end the login. Raises Refusal as `password` does."""
        pending = self._pending(login)
        if not pending.sms_code:
            raise Refusal("invalid_request")
        if not secrets.compare_digest(code.strip().encode(), pending.sms_code.encode()):
            if pending.tries + 1 >= SMS_TRIES:
                return self.cancel(login)
            self._logins[login] = msgspec.structs.replace(pending, tries=pending.tries + 1)
            return Page(login=login, step="sms", wrong=True)
        level: Level = "low" if pending.request.level == "low" else "substantial"
        session = Session(bsn=pending.bsn, level=level, sms=True, auth_time=pending.auth_time)
        return self._logged_in(login, session)

    def cancel(self, login: str) -> Redirect:
        """The citizen gave up: the client is told `access_denied`."""
        request = self._pending(login).request
        del self._logins[login]
        return self._back(request.redirect_uri, request.state, error="access_denied")

    def token(self, form: Mapping[str, str]) -> dict[str, str | int]:
        """Redeem a code, once: an access token for userinfo and the id_token. Raises Refusal."""
        try:
            self.keys.check_assertion(form, self._world.now())
        except BadClient:
            raise Refusal("invalid_client", status=401) from None
        if form.get("grant_type") != "authorization_code":
            raise Refusal("unsupported_grant_type")
        grant = self._codes.pop(form.get("code", ""), None)
        if grant is None or self._world.now() - grant.issued > CODE_SECONDS:
            raise Refusal("invalid_grant")
        if form.get("redirect_uri") != grant.request.redirect_uri or not s256(form, grant.request.challenge):
            raise Refusal("invalid_grant")
        access = _remember(self._tokens, msgspec.structs.replace(grant, issued=self._world.now()))
        claims = {
            "sub": self._subject(grant.session.bsn),
            "nonce": grant.request.nonce,
            "auth_time": int(grant.session.auth_time),
            "acr": _said_level(grant),
        }
        id_token = self.keys.signed(claims, self._world.now(), TOKEN_SECONDS)
        answer: dict[str, str | int] = {"access_token": access, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}
        return answer | {"id_token": id_token, "scope": grant.request.scope}

    def userinfo(self, access_token: str) -> str:
        """Who logged in, as a signed JWT inside a JWE for the client. Raises Refusal."""
        grant = self._tokens.get(access_token)
        if grant is None or self._world.now() - grant.issued > TOKEN_SECONDS:
            raise Refusal("invalid_token", status=401)
        claims = {
            "sub": self._subject(grant.session.bsn),
            "bsn": grant.session.bsn,
            "loa_authn": _said_level(grant),
            "session_id": grant.session_id,
        }
        try:
            return self.keys.encrypted(self.keys.signed(claims, self._world.now(), TOKEN_SECONDS))
        except BadClient:
            raise Refusal("invalid_client") from None

    def _pending(self, login: str) -> Pending:
        pending = self._logins.get(login)
        if pending is None or self._world.now() - pending.started > LOGIN_SECONDS:
            raise Refusal("invalid_request")
        return pending

    def _player(self, cookie: str, request: Request) -> Seat | None:
        """Who is to log in, by the test case and by who was logged in here before."""
        before = self._sessions.get(cookie)
        seat = None if before is None else by_bsn(before.bsn)
        return None if request.part is None else request.part.player("" if seat is None else seat.person.user)

    def _reusable(self, cookie: str, request: Request, player: Seat | None) -> Session | None:
        """This browser's session, unless it is too old, another player's, or the client wants a fresh login."""
        session = self._sessions.get(cookie)
        if session is None or request.prompt == "login" or (player is not None and session.bsn != player.person.bsn):
            return None
        age = self._world.now() - session.auth_time
        limit = SESSION_SECONDS if request.max_age is None else min(request.max_age, SESSION_SECONDS)
        return session if age <= limit and request.max_age != 0 else None

    def _texted(self, login: str, bsn: str, auth_time: float) -> Page:
        """Send a code to the persona's inbox and ask for it."""
        code = f"{secrets.randbelow(1_000_000):06d}"
        known = msgspec.structs.replace(self._logins[login], bsn=bsn, auth_time=auth_time, sms_code=code)
        self._logins[login] = known
        seat = by_bsn(bsn)
        user = seat.person.user if seat is not None else ""
        text = f"Uw (nagemaakte) inlogcode is {code}."
        self._world.deliver(Message(to=user, text=text, code=code, at=self._world.now()))
        return Page(login=login, step="sms")

    def _logged_in(self, login: str, session: Session) -> Redirect:
        request = self._logins.pop(login).request
        return self._granted(request, session, _remember(self._sessions, session))

    def _granted(self, request: Request, session: Session, cookie: str) -> Redirect:
        grant = Grant(request=request, session=session, session_id=session_name(cookie), issued=self._world.now())
        code = _remember(self._codes, grant)
        return msgspec.structs.replace(self._back(request.redirect_uri, request.state, code=code), session=cookie)

    def _back(self, redirect_uri: str, state: str, **told: str) -> Redirect:
        """Back to the client, with the issuer named against mix-up (RFC 9207)."""
        query = urlencode({**told, "state": state, "iss": self.issuer})
        separator = "&" if urlsplit(redirect_uri).query else "?"
        return Redirect(url=f"{redirect_uri}{separator}{query}")

    def _subject(self, bsn: str) -> str:
        """A pairwise subject: the same person is somebody else at every client and every issuer."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.issuer} {self._world.settings.client_id} {bsn}"))


def _checked(query: Mapping[str, str]) -> Request:
    """The request in our own terms. Raises Refusal for what this provider does not do or a client may not leave out.

    Also when a test case has it out of order.
    """
    scope = query.get("scope", "")
    wanted = query.get("response_type"), query.get("code_challenge_method"), bool(query.get("code_challenge"))
    if wanted[0] != "code":
        raise Refusal("unsupported_response_type")
    if wanted[1:] != ("S256", True) or not query.get("state") or not query.get("nonce"):
        raise Refusal("invalid_request")
    if "openid" not in scope.split():
        raise Refusal("invalid_scope")
    part = hinted(query.get("login_hint", ""))
    if part is not None and part.case.login == "down":
        raise Refusal("temporarily_unavailable")
    max_age = query.get("max_age", "")
    if max_age and not max_age.isdecimal():
        raise Refusal("invalid_request")
    return Request(
        redirect_uri=query["redirect_uri"],
        state=query["state"],
        nonce=query["nonce"],
        challenge=query["code_challenge"],
        level=_level(query.get("acr_values", "")),
        sms="sms" in scope.split(),
        prompt=query.get("prompt", ""),
        max_age=float(max_age) if max_age else None,
        scope=scope,
        part=part,
    )


def _level(acr_values: str) -> Level:
    """The lowest level that was asked; nothing known is low."""
    asked = acr_values.split()
    for level, uri in LOA.items():
        if uri in asked:
            return level
    return "low"


def _wants_sms(request: Request) -> bool:
    return (request.sms or request.level != "low") and not request.is_weak


def _said_level(grant: Grant) -> str:
    """The level as the client is told it."""
    return BASIC if grant.request.is_weak else LOA[grant.session.level]


def _enough(session: Session, request: Request) -> bool:
    """Whether the session is as certain as asked. Nobody here reaches high, so for that substantial is the best."""
    if request.is_weak:
        return True
    reachable = min(_RANK[request.level], _RANK["substantial"])
    return _RANK[session.level] >= reachable and (session.sms or not request.sms)


def _remember(kept: dict[str, _T], value: _T) -> str:
    """Keep `value` under a fresh secret, and no more than the last thousand."""
    if len(kept) >= 1000:
        del kept[next(iter(kept))]
    name = secrets.token_urlsafe(32)
    kept[name] = value
    return name
