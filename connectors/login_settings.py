"""`[login]`: the DigiD bridge, how we are known there, and how it says who somebody is.

Owns which settings go together; reads no file and asks nobody. The defaults are those of nl-rdo-max.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from connectors.outbound import host_port
from schemas.base import Inbound

Level = Literal["low", "substantial", "high"]
# A claim by its name, or by the names that lead to it: names themselves may have dots, slashes and colons.
ClaimPath = str | tuple[str, ...]

# Ours in an authorization request, and what would put other values in their place (OpenID Connect Core 6, JAR,
# response modes).
_RESERVED = frozenset(
    {
        *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt", "max_age", "acr_values"),
        *("code_challenge", "code_challenge_method", "request", "request_uri", "response_mode"),
    }
)


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


def _acting_claims() -> tuple[ClaimPath, ...]:
    """The other person of a mandate, as the routing service (TVS), Signicat and RFC 8693 name them."""
    tvs = "urn:nl-eid-gdi:1.0:"
    names = ("ActingSubjectID", "LegalSubjectID")
    return (*names, *(f"{tvs}{name}" for name in names), "acting_nin", ("act", "sub"))


class LoginSettings(Inbound, frozen=True, kw_only=True, rename=None):
    """`[login]`. Key files: RSA private keys in PEM, from 2048 bit.

    Raises ValueError for settings that contradict each other.
    """

    issuer: str
    client_id: str
    redirect_uri: str
    extra_hosts: tuple[str, ...] = ()  # host:port of endpoints elsewhere than at the issuer
    client_authentication: Literal["private_key_jwt", "client_secret_basic", "client_secret_post"] = "private_key_jwt"
    key_file: str | None = None  # signs our client assertions
    client_secret_file: str | None = None
    decryption_key_file: str | None = None  # opens what is encrypted to us; `key_file` when absent
    assertion_algorithm: Literal["PS256", "RS256"] = "PS256"
    assertion_audience: str | None = None  # the issuer when absent
    userinfo: Literal["encrypted", "signed", "plain", "none"] = "encrypted"
    scopes: tuple[str, ...] = ("openid",)
    sms_scope: str | None = None  # asked besides where a source wants DigiD's SMS code; not every bridge knows one
    extra_parameters: dict[str, str] = {}  # more to say to the bridge, such as idp_hint
    bsn_claim: ClaimPath = "bsn"
    level_claim: ClaimPath = "loa_authn"
    acting_claims: tuple[ClaimPath, ...] = msgspec.field(default_factory=_acting_claims)
    subject_claim: str = "sub"
    auth_time_claim: str = "auth_time"
    always_fresh: bool = False  # the bridge lets nobody in without logging in anew, and need not say when that was
    levels: dict[str, Level] = msgspec.field(default_factory=_levels)
    ignored_levels: tuple[str, ...] = ()  # what the bridge says in `acr` or the level claim that is no level
    assumed_level: Level | None = None  # what the bridge vouches for where it says no level at all
    acr_values: dict[Level, str] = msgspec.field(default_factory=_acr_values)
    timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 10.0  # per request to the bridge

    def __post_init__(self) -> None:
        """See which settings go together, and that the issuer is an address."""
        host_port(self.issuer)
        for wrong, why in (*self._wrong_names(), *self._wrong_secrets()):
            if wrong:
                raise ValueError(why)

    def hosts(self) -> frozenset[str]:
        """Every `host:port` the door must let through."""
        return frozenset({host_port(self.issuer), *(host.lower() for host in self.extra_hosts)})

    def allows(self, url: str) -> bool:
        """Whether an endpoint may be there: on one of our hosts, and over https where the issuer is."""
        is_protected = urlsplit(url).scheme == "https" or urlsplit(self.issuer).scheme == "http"
        try:
            return is_protected and host_port(url) in self.hosts()
        except ValueError:
            return False

    def _wrong_names(self) -> tuple[tuple[bool, str], ...]:
        reserved = _RESERVED & self.extra_parameters.keys()
        return (
            (not all(map(_is_pair, self.extra_hosts)), "extra_hosts: each is a host:port"),
            (bool(reserved), "extra_parameters: one of them is set by the broker itself"),
            ("openid" not in self.scopes, "scopes: openid must be one of them"),
            (set(self.acr_values) != set(_acr_values()), "acr_values: low, substantial and high must all be there"),
        )

    def _wrong_secrets(self) -> tuple[tuple[bool, str], ...]:
        by_key, is_open = self.client_authentication == "private_key_jwt", not _protected(self.issuer)
        is_sealed = self.userinfo == "encrypted"
        keys = self.key_file or self.decryption_key_file
        return (
            (by_key and not self.key_file, "key_file: private_key_jwt needs it"),
            (not by_key and not self.client_secret_file, "client_secret_file: this client_authentication needs it"),
            (is_sealed and not keys, "decryption_key_file: encrypted userinfo needs it"),
            (is_open and not by_key, "client_authentication: a secret needs an https issuer"),
            (is_open and self.userinfo == "plain", "userinfo: plain needs an https issuer"),
        )


def _is_pair(host: str) -> bool:
    """Whether this is how the door names a host."""
    try:
        return host_port(f"https://{host}") == host.lower()
    except ValueError:
        return False


def _protected(issuer: str) -> bool:
    """Whether nobody can read along: TLS, or this machine only."""
    parts = urlsplit(issuer)
    try:
        is_here = ip_address(parts.hostname or "").is_loopback
    except ValueError:
        is_here = parts.hostname == "localhost"
    return parts.scheme == "https" or is_here
