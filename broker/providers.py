"""Providers: who may open sessions, for which purposes, with which keys, and where their webhook is.

What their file says, and that it can work; the registry they are kept in is `broker.registry`.
"""

from __future__ import annotations

import base64
import re
import secrets
import tomllib
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

import msgspec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key
from msgspec.structs import replace

from broker.brand import ACCENT_PATTERN, MAX_LOGO_BYTES, LogoError, logo_type
from broker.contact import is_address
from connectors.contract import Field
from connectors.outbound import host_port
from sessions.change import NoticeType
from sessions.model import Profile, Text

ID_PATTERN = r"^[a-z][a-z0-9-]{1,62}$"
_FIELDS = frozenset(get_args(Field))
ALWAYS_SENT: Final = ("data", "withdrawn")

Sealing: TypeAlias = Literal["default", "nlgov"]
_KEY_ALGORITHMS: dict[Sealing, str] = {"default": "ECDH-ES", "nlgov": "RSA-OAEP"}


class ProviderError(Exception):
    """A provider's file cannot be used; the text says which line is wrong and why."""


class FormerSecret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A secret that was rotated away: events are signed with it too, until `until` (seconds since the epoch)."""

    secret: str
    until: float
    made_at: float | None = None


class Webhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where events go. `secret` is a Standard Webhooks secret (`whsec_` and base64 of 24 to 64 bytes).

    `types` are the notices that are wanted, all of them when it is empty. What carries the data, or takes it back,
    always goes. `made_at` is when the secret was set here, `former` those that still sign beside it.
    """

    url: str
    secret: str = ""
    types: tuple[NoticeType, ...] = ()
    made_at: float | None = None
    former: tuple[FormerSecret, ...] = ()

    def secrets(self, now: float) -> tuple[str, ...]:
        """What an event of this moment is signed with, the newest first."""
        return (self.secret, *(former.secret for former in self.former if now < former.until))

    def wants(self, kind: str) -> bool:
        """Whether an event of this type is sent."""
        return not self.types or kind in (*ALWAYS_SENT, *self.types)


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the webhook at `url` (a digest) does: since when every attempt failed, and since when it is not called."""

    url: str = ""
    failing_at: float | None = None
    disabled_at: float | None = None
    reason: Literal["gone", "failing"] | None = None


class ProfileEntry(Profile, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[[profile]]` of a provider's file: what sessions pin, with typing errors refused."""


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider as its file says. `keys` are public JWKs: `use: sig` for client assertions, `use: enc` to seal to.

    `contact` is where citizens can ask and withdraw, a mail or web address: consents name it.
    `accent` colours the pages its citizens see; `logo` holds the bytes of the file's `logo_file`.
    """

    id: str
    name: Text
    keys: tuple[dict[str, Any], ...] = ()
    jwks_uri: str | None = None
    webhook: Webhook | None = None
    profile: tuple[ProfileEntry, ...] = ()
    return_url: str | None = None
    contact: str | None = None
    accent: str | None = None
    logo: bytes | None = None

    def profile_named(self, profile_id: str) -> Profile | None:
        """The profile with this id."""
        return next((p for p in self.profile if p.id == profile_id), None)


def read_file(path: Path, *, https_only: bool = False) -> Provider:
    """Read a provider's TOML file; see `read`. Raises ProviderError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # of the file system and of UTF-8
        raise ProviderError(f"{path}: {error}") from None
    return read(text, path, https_only=https_only)


def read(text: str, path: Path, *, https_only: bool = False) -> Provider:
    """Read the text of a provider's file, and the logo it names, beside `path`; see `checked`. Raises ProviderError."""
    try:
        values = tomllib.loads(text)
        if "logo_file" in values:
            values["logo"] = _start_of(path.parent / str(values.pop("logo_file")), MAX_LOGO_BYTES + 1)
        return checked(msgspec.convert(values, Provider), https_only=https_only)
    except (OSError, ValueError) as error:  # of the logo, TOML and msgspec
        raise ProviderError(f"{path}: {error}") from None


def _start_of(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def checked(provider: Provider, *, https_only: bool = False) -> Provider:
    """Refuse what could not work later. Raises ProviderError.

    `https_only` is for production: the guarded door asks nothing else there.
    """
    problems = [
        (re.fullmatch(ID_PATTERN, provider.id) is None, "id must be 2 to 63 of a-z, 0-9 and -"),
        (not provider.profile, "at least one [[profile]] is needed"),
        (len({p.id for p in provider.profile}) != len(provider.profile), "profile ids must differ"),
        (not provider.keys and provider.jwks_uri is None, "keys or jwks_uri is needed"),
        (any("d" in k or k.get("kty") == "oct" for k in provider.keys), "keys must be public keys only"),
        (any(not p.required for p in provider.profile), "a profile needs at least one required source"),
        (any(len({*p.sources}) != len(p.sources) for p in provider.profile), "a profile names a source twice"),
        (any(not _FIELDS.issuperset(p.fields) for p in provider.profile), "a profile names an unknown field"),
        (
            provider.jwks_uri is None and any(sealing_jwk(provider.keys, p.sealing) is None for p in provider.profile),
            "a profile has no key to seal to (use: enc; P-256 or X25519, for nlgov RSA of 3072 bits)",
        ),
        (not _is_contact(provider.contact), "contact must be a mail address, or a web address with https"),
        *_address_problems(provider, https_only=https_only),
        *_look_problems(provider),
    ]
    found = [text for wrong, text in problems if wrong]
    if found:
        raise ProviderError("; ".join(found))
    for key in provider.keys:
        import_key(key)
    if not all(can_seal(key, sealing) for sealing in _KEY_ALGORITHMS for key in provider.keys if _fits(key, sealing)):
        raise ProviderError("a key with use: enc cannot be sealed to")
    return provider


def completed(provider: Provider, before: Provider | None) -> Provider:
    """The provider as it is to be kept: of its webhook, what its file does not name stays as it was `before`.

    The provider itself sets those things too, over the API, and rotated secrets stand in no file. A secret that
    neither names is made here.
    """
    named, was = provider.webhook, before.webhook if before is not None else None
    if named is None:
        return replace(provider, webhook=was)
    if was is not None:
        named = replace(named, types=named.types or was.types)
        if named.secret in ("", was.secret):
            named = replace(named, secret=was.secret, made_at=was.made_at, former=was.former)
    return replace(provider, webhook=replace(named, secret=named.secret or new_webhook_secret()))


def _look_problems(provider: Provider) -> list[tuple[bool, str]]:
    accent, reason = provider.accent, ""
    try:
        if provider.logo is not None:
            logo_type(provider.logo)
    except LogoError as error:
        reason = str(error)
    wrong = accent is not None and re.fullmatch(ACCENT_PATTERN, accent) is None
    return [(wrong, "accent must be # and six hexadecimal digits"), (reason != "", reason)]


def _address_problems(provider: Provider, *, https_only: bool) -> list[tuple[bool, str]]:
    uri = provider.jwks_uri
    wrong = webhook_problems(provider.webhook, https_only=https_only) if provider.webhook is not None else {}
    return [
        *((True, f"the webhook's {field} {reason}") for field, reason in wrong.items()),
        (uri is not None and not _is_address(uri, https_only), "jwks_uri must be https, with a host"),
    ]


def _is_contact(contact: str | None) -> bool:
    return contact is None or is_address(contact) or _is_address(contact, https_only=True)


def webhook_problems(webhook: Webhook, *, https_only: bool) -> dict[str, str]:
    """What is wrong with a webhook, by field. A secret that is not there is made later."""
    wrong: dict[str, str] = {}
    if not _is_address(webhook.url, https_only):
        wrong["url"] = "must be https, with a host"
    if not all(map(_is_webhook_secret, filter(None, webhook.secrets(0.0)))):
        wrong["secret"] = "must be whsec_…"  # noqa: S105 - what is wrong with one
    return wrong


def _is_address(url: str, https_only: bool) -> bool:
    """Whether the guarded door could ask it; http is for loopback in development, which the door sees to."""
    try:
        host_port(url)
        return not https_only or urlsplit(url).scheme == "https"
    except ValueError:
        return False


def _is_webhook_secret(text: str) -> bool:
    """Standard Webhooks 1.0.0: `whsec_` and the base64 of 24 to 64 bytes."""
    try:
        return text.startswith("whsec_") and 24 <= len(base64.b64decode(text[6:], validate=True)) <= 64
    except ValueError:
        return False


def import_key(jwk: dict[str, Any]) -> Key:
    """A public JWK with its `kid` (the RFC 7638 thumbprint where it names none). Raises ProviderError.

    `key_ops` and `ext` are left out: WebCrypto writes there what its own private half may do (RFC 7517, 4.3), and it
    is `use` that says what a key is for here.
    """
    try:
        key = JWKRegistry.import_key({name: value for name, value in jwk.items() if name not in ("key_ops", "ext")})
    except (JoseError, ValueError, KeyError, TypeError):
        raise ProviderError("a key is not a usable JWK") from None
    key.ensure_kid()
    return key


def new_webhook_secret() -> str:
    """A Standard Webhooks secret of 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def sealing_jwk(keys: tuple[dict[str, Any], ...], profile: Sealing) -> dict[str, Any] | None:
    """The key to seal to: `use: enc`; P-256 or X25519 for default, RSA of at least 3072 bits for nlgov.

    A key that says which `alg` it is for is used for no other.
    """
    return next((jwk for jwk in keys if _fits(jwk, profile)), None)


def _fits(jwk: dict[str, Any], profile: Sealing) -> bool:
    algorithm = _KEY_ALGORITHMS[profile]
    if jwk.get("use") != "enc" or jwk.get("alg", algorithm) != algorithm:
        return False
    if profile == "nlgov":
        return jwk.get("kty") == "RSA" and _rsa_bits(jwk) >= 3072
    return jwk.get("crv") in ("P-256", "X25519")


def can_seal(jwk: dict[str, Any], profile: Sealing) -> bool:
    """Whether something can be encrypted to this key. Tried, because a key may look right and still be no use.

    (Such as an X25519 point of low order: RFC 7748, 6.1.)
    """
    algorithm = _KEY_ALGORITHMS[profile]
    try:
        key = import_key(jwk)
        header = {"alg": algorithm, "enc": "A256GCM", "kid": key.kid}
        jwe.encrypt_compact(header, b"{}", key, [algorithm, "A256GCM"])
    except (ProviderError, JoseError, ValueError, TypeError):
        return False
    return True


def _rsa_bits(jwk: dict[str, Any]) -> int:
    modulus = str(jwk.get("n", ""))
    try:
        return int.from_bytes(base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4)), "big").bit_length()
    except ValueError:
        return 0
