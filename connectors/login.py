"""DigiD login as an OpenID Connect relying party, at a bridge of the host's own (such as nl-rdo-max).

Owns where a citizen is sent and what a returned code proves. It keeps nothing of anybody: `Started` is the caller's to
keep until the citizen is back, and `Identity` is all that comes of it.

What a provider must do to work with these settings (the sandbox's does):
- `{issuer}/.well-known/openid-configuration` with `issuer` exactly as in the settings, `authorization_endpoint`,
  `token_endpoint`, `userinfo_endpoint` and `jwks_uri`, all on the issuer's host and port;
- code flow with PKCE S256, `state`, `nonce`, `acr_values`, and `prompt=login` with `max_age=0` for a fresh login;
- token endpoint with `private_key_jwt` (RFC 7523): PS256 unless set otherwise, `aud` the issuer, 60 s, new `jti` each
  time, `kid` the RFC 7638 thumbprint; our public keys are `DigiD.jwks()` (`use` sig and enc);
- id_token signed with RS256, PS256 or ES256: iss, aud, exp, iat, nonce, sub, auth_time, and if it likes acr;
- userinfo as `application/jwt`: a JWT signed as the id_token is, inside a JWE (RSA-OAEP or RSA-OAEP-256; A128CBC-HS256,
  A256CBC-HS512, A128GCM or A256GCM) to our enc key, with iss, aud, exp, the same sub, and the BSN and level claims.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlencode

import msgspec
from joserfc.jwk import Key
from msgspec import Meta

from connectors import login_tokens
from connectors.fetching import Fetches
from connectors.login_tokens import LEEWAY_SECONDS, Claims
from connectors.outbound import Answer, Door, OutboundError, host_port
from schemas.base import Inbound, is_bsn

Level = Literal["low", "substantial", "high"]
Reason = Literal["cancelled", "level-too-low", "not-fresh", "no-bsn", "provider-error", "unreachable", "invalid"]

_RANK: Mapping[str, int] = {"low": 1, "substantial": 2, "high": 3}
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 60
_ID_TOKEN_SECONDS = 600  # an id_token older than this was not made for this login
_DISCOVERY_SECONDS = 3600
_KEYS_SECONDS = 60  # how soon after a fetch an unknown kid may cause another
_MAX_BYTES = 200_000
_SECTOR_BSN = "s00000000:"  # DigiD's sector code of the BSN; s00000001 is the sofi-number


def _levels() -> dict[str, Level]:
    """eIDAS levels, and the authentication contexts of DigiD's SAML interface; DigiD Basis is below low."""
    eidas, saml = "http://eidas.europa.eu/LoA/", "urn:oasis:names:tc:SAML:2.0:ac:classes:"
    return {
        f"{eidas}low": "low",
        f"{eidas}substantial": "substantial",
        f"{eidas}high": "high",
        f"{saml}MobileTwoFactorContract": "low",
        f"{saml}Smartcard": "substantial",
        f"{saml}SmartcardPKI": "high",
    }


def _acr_values() -> dict[Level, str]:
    return {
        "low": "http://eidas.europa.eu/LoA/low",
        "substantial": "http://eidas.europa.eu/LoA/substantial",
        "high": "http://eidas.europa.eu/LoA/high",
    }


class LoginSettings(Inbound, frozen=True, kw_only=True, rename=None):
    """`[login]`: the DigiD bridge and how we are known there. Key files: RSA private keys in PEM, from 2048 bit."""

    issuer: str
    client_id: str
    redirect_uri: str
    key_file: str  # signs our client assertions
    decryption_key_file: str | None = None  # opens userinfo; the same key when absent
    assertion_algorithm: Literal["PS256", "RS256"] = "PS256"
    assertion_audience: str | None = None  # the issuer when absent
    scopes: tuple[str, ...] = ("openid",)
    sms_scope: str | None = None  # asked besides where a source wants DigiD's SMS code; not every bridge knows one
    bsn_claim: str = "bsn"
    level_claim: str = "loa_authn"
    subject_claim: str = "sub"
    auth_time_claim: str = "auth_time"
    levels: dict[str, Level] = msgspec.field(default_factory=_levels)
    acr_values: dict[Level, str] = msgspec.field(default_factory=_acr_values)
    timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 10.0  # per request to the bridge

    def hosts(self) -> frozenset[str]:
        """The one `host:port` the door must let through."""
        return frozenset({host_port(self.issuer)})


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """Where the citizen goes, and the secrets that must be at hand, in the same session, when they come back."""

    url: str
    state: str
    nonce: str
    verifier: str


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who logged in, how surely and when (UTC). `subject` is the provider's own name for them."""

    bsn: str
    level: Level
    authenticated_at: datetime
    subject: str


class LoginRefused(Exception):
    """No login. `reason` is closed, and all there is: never a word from the provider or of a person.

    `invalid` is an answer that proves nothing (wrong signature, code, nonce, audience); `provider-error` one that we
    could not use; after `unreachable` and `provider-error` a new attempt may do better.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class _Discovery(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str


_T = TypeVar("_T")


def refused(error: str) -> LoginRefused:
    """What the `error` of the provider's redirect means (RFC 6749, 4.1.2.1): a citizen who stopped, or a fault."""
    return LoginRefused("cancelled" if error == "access_denied" else "provider-error")


class DigiD:
    """One provider. Its discovery document and keys are kept in memory and fetched again when needed."""

    def __init__(self, settings: LoginSettings, door: Door) -> None:
        """Read the keys. Raises OSError or ValueError when a key file does not hold an RSA key of 2048 bit or more."""
        self._settings = settings
        self._door = door
        self._signing = login_tokens.private_key(settings.key_file)
        self._decryption = login_tokens.private_key(settings.decryption_key_file or settings.key_file)
        self._known: tuple[_Discovery, datetime] | None = None
        self._keys: tuple[dict[str, Key], datetime] | None = None
        self._discoveries = Fetches[_Discovery]()  # a bridge that hangs makes everybody wait once, not in a row
        self._key_fetches = Fetches[dict[str, Key]]()

    def jwks(self) -> dict[str, object]:
        """Our public keys, for registration with the provider."""
        sig, enc, algorithm = self._signing, self._decryption, self._settings.assertion_algorithm
        return {
            "keys": [
                {**sig.as_dict(private=False), "kid": sig.thumbprint(), "use": "sig", "alg": algorithm},
                {**enc.as_dict(private=False), "kid": enc.thumbprint(), "use": "enc"},
            ]
        }

    async def begin(self, *, minimum_level: Level, fresh: bool, now: datetime, sms: bool = False) -> Started:
        """Start a login of at least `minimum_level`; `fresh` makes the provider ask anew who it is.

        `sms` asks for DigiD's SMS code where the bridge has a scope for it. Raises LoginRefused (unreachable,
        provider-error).
        """
        known = await self._discovery(now)
        settings = self._settings
        scopes = [*settings.scopes, *([settings.sms_scope] if sms and settings.sms_scope else [])]
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        query = {
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
        proof = await self._verified(tokens.id_token.encode(), now)
        _check_id_token(proof, started_nonce, now)
        subject = _text(proof, self._settings.subject_claim)
        told = await self._userinfo(known, tokens.access_token, now)
        if _text(told, self._settings.subject_claim) != subject:
            raise LoginRefused("invalid")
        authenticated_at = self._authenticated_at(proof, fresh_since, now)
        level = self._level(proof, told, minimum_level)
        bsn = _bsn(told.get(self._settings.bsn_claim))
        return Identity(bsn=bsn, level=level, authenticated_at=authenticated_at, subject=subject)

    async def _discovery(self, now: datetime) -> _Discovery:
        if self._known is not None and _age(self._known[1], now) < _DISCOVERY_SECONDS:
            return self._known[0]
        return await self._discoveries.join("", lambda: self._fetched_discovery(now))

    async def _fetched_discovery(self, now: datetime) -> _Discovery:
        url = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        known = _decoded((await self._asked("GET", url)).body, _Discovery)
        if known.issuer != self._settings.issuer:
            raise LoginRefused("provider-error")
        self._known = (known, now)
        return known

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
            "client_id": self._settings.client_id,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self._assertion(now),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        answer = await self._asked("POST", known.token_endpoint, headers, urlencode(form).encode(), invalid=(400,))
        return _decoded(answer.body, _Tokens)

    def _assertion(self, now: datetime) -> str:
        issued = int(now.timestamp())
        claims = {
            "iss": self._settings.client_id,
            "sub": self._settings.client_id,
            "aud": self._settings.assertion_audience or self._settings.issuer,
            "jti": secrets.token_urlsafe(24),
            "iat": issued,
            "exp": issued + _ASSERTION_SECONDS,
        }
        return login_tokens.assertion(self._signing, self._settings.assertion_algorithm, claims)

    async def _userinfo(self, known: _Discovery, access_token: str, now: datetime) -> Claims:
        """The claims about the person: signed by the provider, then encrypted to us; anything less is refused."""
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/jwt"}
        answer = await self._asked("GET", known.userinfo_endpoint, headers)
        if answer.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/jwt":
            raise LoginRefused("invalid")
        try:
            token = login_tokens.opened(answer.body.strip(), self._decryption)
        except ValueError:
            raise LoginRefused("invalid") from None
        return await self._verified(token, now)

    async def _verified(self, token: bytes, now: datetime) -> Claims:
        """The claims of a token signed by the provider, meant for us and valid now."""
        settings = self._settings
        try:
            signed = login_tokens.taken_apart(token)
            key = await self._key(signed.kid, now)
            return login_tokens.verified(signed, key, issuer=settings.issuer, client_id=settings.client_id, now=now)
        except ValueError:
            raise LoginRefused("invalid") from None

    def _authenticated_at(self, proof: Claims, fresh_since: datetime | None, now: datetime) -> datetime:
        at = proof.get(self._settings.auth_time_claim)
        if not isinstance(at, int) or isinstance(at, bool):
            # OpenID Connect Core 3.1.2.1: after max_age the claim is required. Otherwise `iat` is the latest it can be.
            at = None if fresh_since else proof.get("iat")
        if not isinstance(at, int | float) or not 0 < at <= now.timestamp() + LEEWAY_SECONDS:
            raise LoginRefused("not-fresh" if fresh_since else "invalid")
        if fresh_since is not None and at < int(fresh_since.timestamp()):
            raise LoginRefused("not-fresh")
        return datetime.fromtimestamp(at, UTC)

    def _level(self, proof: Claims, told: Claims, minimum: Level) -> Level:
        """The level of userinfo, or the id_token's `acr` where that says less; unknown words are below every level."""
        said = [told[self._settings.level_claim]] if self._settings.level_claim in told else []
        said += [proof["acr"]] if "acr" in proof else []
        known: list[Level] = [
            self._settings.levels[one] for one in said if isinstance(one, str) and one in self._settings.levels
        ]
        if not known or len(known) != len(said):
            raise LoginRefused("level-too-low")
        level: Level = min(known, key=lambda one: _RANK[one])
        if _RANK[level] < _RANK[minimum]:
            raise LoginRefused("level-too-low")
        return level

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


def _check_id_token(proof: Claims, nonce: str, now: datetime) -> None:
    """What only the id_token has: the nonce of this login, and an `iat` of just now."""
    said, issued = proof.get("nonce"), proof.get("iat")
    if not isinstance(said, str) or not secrets.compare_digest(said.encode(), nonce.encode()):
        raise LoginRefused("invalid")
    if not isinstance(issued, int | float) or now.timestamp() - issued > _ID_TOKEN_SECONDS:
        raise LoginRefused("invalid")


def _bsn(value: object) -> str:
    """The BSN, with or without DigiD's sector code before it; a sofi-number is none. Raises LoginRefused."""
    bsn = value.removeprefix(_SECTOR_BSN) if isinstance(value, str) else ""
    if not is_bsn(bsn):
        raise LoginRefused("no-bsn")
    return bsn


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise LoginRefused("invalid")
    return value


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
