"""DigiD login as an OpenID Connect relying party, at a bridge of the host's own (such as nl-rdo-max) or a broker's.

Owns where a citizen is sent and what a returned code proves. It keeps nothing of anybody: `Started` is the caller's to
keep until the citizen is back, and `Identity` is all that comes of it.

What a provider must do to work with the default settings (the sandbox's does), and what can be set otherwise:
- `{issuer}/.well-known/openid-configuration` with `issuer` exactly as in the settings, `authorization_endpoint`,
  `token_endpoint`, `userinfo_endpoint` and `jwks_uri`, all on the issuer's host and port or one of `extra_hosts`, and
  over https where the issuer is;
- code flow with PKCE S256, `state`, `nonce`, `acr_values`, and `prompt=login` with `max_age=0` for a fresh login;
- token endpoint with `private_key_jwt` (RFC 7523): PS256 unless set otherwise, `aud` the issuer, 60 s, new `jti` each
  time, `kid` the RFC 7638 thumbprint; our public keys are `DigiD.jwks()` (`use` sig and enc). Or with a client secret;
- id_token signed with RS256, PS256, ES256 or Ed25519, encrypted to our enc key if it likes: iss, aud, exp, iat, nonce,
  sub, auth_time, and if it likes acr;
- userinfo as `application/jwt`: a JWT signed as the id_token is, inside a JWE (RSA-OAEP or RSA-OAEP-256; A128CBC-HS256,
  A256CBC-HS512, A128GCM or A256GCM) to our enc key, with iss, aud, exp, the same sub, and the BSN and level claims. Or
  signed only (`exp` may then be absent, OpenID Connect Core 5.3.2), or JSON, or all of it in the id_token.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from joserfc.jwk import Key

from connectors import login_claims, login_tokens
from connectors.fetching import Fetches
from connectors.login_claims import Identity, LoginRefused, Reason, refused
from connectors.login_client import Client
from connectors.login_settings import Level, LoginSettings
from connectors.login_tokens import Claims
from connectors.outbound import Answer, Door, OutboundError

__all__ = ["DigiD", "Identity", "Level", "LoginRefused", "LoginSettings", "Reason", "Started", "refused"]

_DISCOVERY_SECONDS = 3600
_KEYS_SECONDS = 60  # how soon after a fetch an unknown kid may cause another
_MAX_BYTES = 200_000


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """Where the citizen goes, and the secrets that must be at hand, in the same session, when they come back."""

    url: str
    state: str
    nonce: str
    verifier: str


class _Discovery(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""  # a provider may have none


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str


_T = TypeVar("_T")


class DigiD:
    """One provider. Its discovery document and keys are kept in memory and fetched again when needed."""

    def __init__(self, settings: LoginSettings, door: Door) -> None:
        """Read the keys. Raises OSError or ValueError as `Client` does."""
        self._settings = settings
        self._door = door
        self._client = Client(settings)
        self._known: tuple[_Discovery, datetime] | None = None
        self._keys: tuple[dict[str, Key], datetime] | None = None
        self._discoveries = Fetches[_Discovery]()  # a bridge that hangs makes everybody wait once, not in a row
        self._key_fetches = Fetches[dict[str, Key]]()

    def jwks(self) -> dict[str, object]:
        """Our public keys, for registration with the provider."""
        return self._client.jwks()

    async def discovered(self, now: datetime) -> None:
        """See that the provider says where everything is. Raises LoginRefused (unreachable, provider-error)."""
        await self._discovery(now)

    async def usable_keys(self, now: datetime) -> int:
        """How many of its keys we can verify with, as it gives them now. Raises LoginRefused as `discovered` does."""
        known = await self._discovery(now)
        return len(await self._fetched_keys(known.jwks_uri, now))

    async def begin(
        self, *, minimum_level: Level, fresh: bool, now: datetime, sms: bool = False, hint: str | None = None
    ) -> Started:
        """Start a login of at least `minimum_level`; `fresh` makes the provider ask anew who it is.

        `sms` asks for DigiD's SMS code where the bridge has a scope for it; `hint` is passed on as `login_hint`. Raises
        LoginRefused (unreachable, provider-error).
        """
        known = await self._discovery(now)
        settings = self._settings
        scopes = [*settings.scopes, *([settings.sms_scope] if sms and settings.sms_scope else [])]
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        query = {
            **settings.extra_parameters,
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": settings.redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
            "acr_values": settings.acr_values[minimum_level],
        }
        if fresh:
            query |= {"prompt": "login", "max_age": "0"}
        if hint is not None:
            query["login_hint"] = hint
        separator = "&" if "?" in known.authorization_endpoint else "?"
        url = f"{known.authorization_endpoint}{separator}{urlencode(query)}"
        return Started(url=url, state=state, nonce=nonce, verifier=verifier)

    async def finish(
        self,
        *,
        code: str,
        started_nonce: str,
        verifier: str,
        minimum_level: Level,
        fresh_since: datetime | None,
        now: datetime,
    ) -> Identity:
        """Redeem `code` and say who logged in. Raises LoginRefused.

        With `fresh_since` (when this login was started) a login of before that moment, to the second, is refused: it
        is somebody else's, silently used again.
        """
        known = await self._discovery(now)
        tokens = await self._redeemed(known, code, verifier, now)
        proof = await self._verified(self._readable(tokens.id_token.encode()), now)
        login_claims.check_id_token(proof, started_nonce, now)
        told = proof if self._settings.userinfo == "none" else await self._userinfo(known, tokens.access_token, now)
        return login_claims.identity(
            self._settings, proof, told, minimum_level=minimum_level, fresh_since=fresh_since, now=now
        )

    async def _discovery(self, now: datetime) -> _Discovery:
        if self._known is not None and _age(self._known[1], now) < _DISCOVERY_SECONDS:
            return self._known[0]
        return await self._discoveries.join("", lambda: self._fetched_discovery(now))

    async def _fetched_discovery(self, now: datetime) -> _Discovery:
        url = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        known = _decoded((await self._asked("GET", url)).body, _Discovery)
        if known.issuer != self._settings.issuer or not self._trusted(known):
            raise LoginRefused("provider-error")
        self._known = (known, now)
        return known

    def _trusted(self, known: _Discovery) -> bool:
        """Whether every endpoint we use is where it may be; the door lets through what any source may ask."""
        asked = [known.authorization_endpoint, known.token_endpoint, known.jwks_uri]
        asked += [known.userinfo_endpoint] if self._settings.userinfo != "none" else []
        return all(self._settings.allows(url) for url in asked)

    async def _key(self, kid: str | None, now: datetime) -> Key:
        """The provider's key `kid`. One we do not know is looked for once more, but not oftener than once a minute."""
        known = await self._discovery(now)
        keys, fetched_at = self._keys or ({}, None)
        key = login_tokens.chosen(keys, kid)
        if key is None and (fetched_at is None or _age(fetched_at, now) >= _KEYS_SECONDS):
            keys = await self._key_fetches.join(known.jwks_uri, lambda: self._fetched_keys(known.jwks_uri, now))
            key = login_tokens.chosen(keys, kid)
        if key is None:
            raise LoginRefused("invalid")
        return key

    async def _fetched_keys(self, uri: str, now: datetime) -> dict[str, Key]:
        keys = _public_keys((await self._asked("GET", uri)).body)
        self._keys = (keys, now)
        return keys

    async def _redeemed(self, known: _Discovery, code: str, verifier: str, now: datetime) -> _Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.redirect_uri,
            "code_verifier": verifier,
        }
        asked, proof = self._client.proven(form, now)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **proof}
        answer = await self._asked("POST", known.token_endpoint, headers, urlencode(asked).encode(), invalid=(400,))
        return _decoded(answer.body, _Tokens)

    async def _userinfo(self, known: _Discovery, access_token: str, now: datetime) -> Claims:
        """The claims about the person, in the form that was agreed; anything less is refused."""
        form = self._settings.userinfo
        wanted = "application/json" if form == "plain" else "application/jwt"
        headers = {"Authorization": f"Bearer {access_token}", "Accept": wanted}
        answer = await self._asked("GET", known.userinfo_endpoint, headers)
        if answer.headers.get("content-type", "").partition(";")[0].strip().lower() != wanted:
            raise LoginRefused("invalid")
        if form == "plain":
            return _decoded(answer.body, dict[str, object])
        token = answer.body.strip()
        if form == "encrypted":
            return await self._verified(self._opened(token), now)
        return await self._verified(token, now, must_expire=False)

    def _readable(self, token: bytes) -> bytes:
        """The JWS in an id_token, which a provider may encrypt to us: five parts then, and not three."""
        return self._opened(token) if token.count(b".") == 4 else token

    def _opened(self, token: bytes) -> bytes:
        try:
            return self._client.opened(token)
        except ValueError:
            raise LoginRefused("invalid") from None

    async def _verified(self, token: bytes, now: datetime, *, must_expire: bool = True) -> Claims:
        """The claims of a token signed by the provider, meant for us and valid now."""
        issuer, client_id = self._settings.issuer, self._settings.client_id
        try:
            signed = login_tokens.taken_apart(token)
            key = await self._key(signed.kid, now)
            return login_tokens.verified(
                signed, key, issuer=issuer, client_id=client_id, now=now, must_expire=must_expire
            )
        except ValueError:
            raise LoginRefused("invalid") from None

    async def _asked(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        invalid: tuple[int, ...] = (),
    ) -> Answer:
        """A 200 answer of the provider; a status in `invalid` says that what we brought proves nothing."""
        try:
            answer = await self._door.request(
                method,
                url,
                headers=headers,
                body=body,
                timeout_seconds=self._settings.timeout_seconds,
                max_bytes=_MAX_BYTES,
            )
        except OutboundError as error:
            down = error.kind in ("timeout", "connection", "refused")
            raise LoginRefused("unreachable" if down else "provider-error") from None
        if answer.status != 200:
            raise LoginRefused("invalid" if answer.status in invalid else "provider-error")
        return answer


def _public_keys(body: bytes) -> dict[str, Key]:
    try:
        return login_tokens.public_keys(body)
    except ValueError:
        raise LoginRefused("provider-error") from None


def _decoded(body: bytes, wanted: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise LoginRefused("provider-error") from None


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _age(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()
