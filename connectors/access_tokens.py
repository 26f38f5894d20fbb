"""OAuth 2.0 client credentials (RFC 6749, 4.4): the access token with which a source may be asked.

Owns how we prove ourselves at the token endpoint, and keeping one token until shortly before its end. It knows no
source, and no token or secret gets into an error.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Literal
from urllib.parse import quote_plus, urlencode
from uuid import uuid4

import msgspec
from joserfc.jwk import RSAKey

from connectors import login_tokens
from connectors.contract import Context, SourceError
from connectors.fetching import Fetches
from connectors.outbound import Answer, host_port

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 300
_OURS = frozenset({"grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope"})
EARLY_SECONDS = 30.0  # before its end a token is not used any more: it must outlive the request it goes with
YOUNG_SECONDS = 60.0  # a token this new that is refused would be refused again: then it is us who are refused
UNTOLD_SECONDS = 60.0  # the life of a token whose answer does not say (expires_in is only recommended)


class OAuth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`oauth` of a source. `client_authentication` is how we prove ourselves, by its name in the IANA registry.

    `client_secret_…` need `client_secret_file` (the secret; white space around it is dropped), `private_key_jwt` needs
    `key_file` (RFC 7523; an RSA key in PEM) and `tls_client_auth` (RFC 8705) the `certificate_file` of the source
    itself. `parameters` go along in the question for a token.
    """

    token_url: str
    client_id: str
    client_authentication: Literal[
        "client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth"
    ] = "client_secret_basic"
    client_secret_file: str | None = None
    key_file: str | None = None
    algorithm: Literal["PS256", "RS256"] = "PS256"
    audience: str | None = None  # of our assertion; the token_url when absent
    scope: str | None = None
    parameters: dict[str, str] = {}

    def __post_init__(self) -> None:
        host_port(self.token_url)
        if self.client_authentication.startswith("client_secret_") != (self.client_secret_file is not None):
            raise ValueError(
                "oauth has a client_secret_file for the methods client_secret_basic and client_secret_post only"
            )
        if (self.client_authentication == "private_key_jwt") != (self.key_file is not None):
            raise ValueError("oauth has a key_file for the method private_key_jwt only")
        if not _OURS.isdisjoint(self.parameters):
            raise ValueError("parameters of oauth cannot replace our own")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.token_url!r})"


class _Granted(msgspec.Struct, frozen=True):
    """A successful answer (RFC 6749, 5.1); what is not named is ignored."""

    access_token: str
    token_type: str
    expires_in: float | None = None


class _Kept(msgspec.Struct, frozen=True):
    token: str
    since: float
    until: float


class Tokens:
    """The token of one source, fetched once for all who need it. Belongs to the event loop that first uses it."""

    def __init__(self, oauth: OAuth, *, timeout_seconds: float) -> None:
        """Read the secret or the key. Raises ValueError, which names neither file nor secret."""
        self._oauth = oauth
        self._timeout_seconds = timeout_seconds
        self._secret = _secret(oauth)
        self._key = _key(oauth)
        self._kept: _Kept | None = None
        self._fetches: Fetches[str] = Fetches()

    def current(self) -> str | None:
        """The token that can be used now."""
        kept = self._kept
        return kept.token if kept is not None and _now() < kept.until else None

    def drop(self, token: str) -> bool:
        """Forget a token that a source refused; whether asking with another makes sense."""
        kept = self._kept
        if kept is None or kept.token != token:
            return True  # another has been fetched meanwhile, or will be
        if _now() < kept.since + YOUNG_SECONDS:
            return False
        self._kept = None
        return True

    async def fetched(self, context: Context, deadline: float) -> str:
        """A new token, within `deadline` (the event loop's clock). Raises SourceError, OutboundError, TimeoutError.

        One question for all who wait; who gives up ends it for nobody else.
        """
        async with asyncio.timeout_at(deadline):
            return await self._fetches.join("token", lambda: self._fetch(context))

    async def _fetch(self, context: Context) -> str:
        form = {"grant_type": "client_credentials", **self._oauth.parameters, **self._proof(context)}
        if self._oauth.scope is not None:
            form["scope"] = self._oauth.scope
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **self._basic()}
        answer = await context.door.request(
            "POST",
            self._oauth.token_url,
            headers=headers,
            body=urlencode(form).encode(),
            timeout_seconds=self._timeout_seconds,
            max_bytes=100_000,
        )
        granted = _granted(answer)
        now = _now()
        lives = UNTOLD_SECONDS if granted.expires_in is None else granted.expires_in
        self._kept = _Kept(token=granted.access_token, since=now, until=now + lives - EARLY_SECONDS)
        return granted.access_token

    def _basic(self) -> dict[str, str]:
        """RFC 6749, 2.3.1: both halves are form-encoded before they are joined."""
        if self._oauth.client_authentication != "client_secret_basic":
            return {}
        pair = f"{quote_plus(self._oauth.client_id)}:{quote_plus(self._secret)}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    def _proof(self, context: Context) -> dict[str, str]:
        """What stands in the form of who we are."""
        if self._oauth.client_authentication == "client_secret_basic":
            return {}
        named = {"client_id": self._oauth.client_id}
        if self._key is not None:
            signed = self._signed(self._key, context)
            return {**named, "client_assertion_type": _ASSERTION_TYPE, "client_assertion": signed}
        return {**named, "client_secret": self._secret} if self._secret else named

    def _signed(self, key: RSAKey, context: Context) -> str:
        """An assertion, which says who we are to this endpoint, once and for a short while."""
        issued, name = int(context.now.timestamp()), self._oauth.client_id
        claims = {
            "iss": name,
            "sub": name,
            "aud": self._oauth.audience or self._oauth.token_url,
            "jti": str(uuid4()),
            "iat": issued,
            "exp": issued + _ASSERTION_SECONDS,
        }
        return login_tokens.assertion(key, self._oauth.algorithm, claims)


def _granted(answer: Answer) -> _Granted:
    """Read the answer of a token endpoint. Raises SourceError: what it says of us it says of our asking the source."""
    if answer.status in (400, 401, 403):
        raise SourceError("refused", f"the token endpoint answered with status {answer.status}", retryable=False)
    if answer.status != 200:
        raise SourceError("unavailable", f"the token endpoint answered with status {answer.status}")
    try:
        granted = msgspec.json.decode(answer.body, type=_Granted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        granted = None  # raised below and not here, so that no token hides in the exception's context
    if granted is None or granted.token_type.lower() != "bearer" or not _sendable(granted.access_token):
        raise SourceError("unreadable", "the token endpoint gave no bearer token")
    return granted


def _sendable(token: str) -> bool:
    """Whether it can stand in a header (RFC 6750: visible ASCII)."""
    return token.isascii() and token.isprintable() and bool(token) and " " not in token


def _secret(oauth: OAuth) -> str:
    if oauth.client_secret_file is None:
        return ""
    try:
        secret = Path(oauth.client_secret_file).read_text().strip()
    except (OSError, UnicodeDecodeError):
        secret = ""
    if not secret:
        raise ValueError("the client_secret_file of oauth cannot be read, or is empty")
    return secret


def _key(oauth: OAuth) -> RSAKey | None:
    if oauth.key_file is None:
        return None
    try:
        return login_tokens.private_key(oauth.key_file)
    except (OSError, ValueError):
        raise ValueError("the key_file of oauth holds no private RSA key of 2048 bit or more, in PEM") from None


def _now() -> float:
    return asyncio.get_running_loop().time()
