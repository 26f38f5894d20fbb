"""What a login proves: reads the claims of a bridge into one `Identity`, or says why there is none.

Pure. The claims it gets are already known to be the bridge's, about this subject and meant for us.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, cast

import msgspec

from connectors.login_settings import ClaimPath, Level, LoginSettings
from connectors.login_tokens import LEEWAY_SECONDS, Claims
from schemas.base import is_bsn

Reason = Literal[
    "cancelled", "level-too-low", "not-fresh", "no-bsn", "on-behalf", "provider-error", "unreachable", "invalid"
]

_RANK: Mapping[str, int] = {"low": 1, "substantial": 2, "high": 3}
_ID_TOKEN_SECONDS = 600  # an id_token older than this was not made for this login
_SECTOR_BSN = "s00000000:"  # DigiD's sector code of the BSN, in capitals at some bridges; s00000001 is the sofi-number

# How bridges say that a citizen stopped: RFC 6749 by the book; nl-rdo-max (`login_required`, before that the status of
# DigiD's SAML answer); Keycloak (`interaction_required`). The errors of OpenID Connect Core 3.1.2.6 else belong to
# `prompt=none`, which we never ask: whoever must still log in, choose or agree did not.
_STOPPED = frozenset(
    {
        *("access_denied", "saml_authn_failed"),
        *("login_required", "interaction_required", "account_selection_required", "consent_required"),
    }
)


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who logged in, how surely and when (UTC). `subject` is the provider's own name for them."""

    bsn: str
    level: Level
    authenticated_at: datetime
    subject: str


class LoginRefused(Exception):
    """No login. `reason` is closed, and all there is: never a word from the provider or of a person.

    `invalid` is an answer that proves nothing (wrong signature, code, nonce, audience); `provider-error` one that we
    could not use; after `unreachable` and `provider-error` a new attempt may do better. `on-behalf`: somebody logged
    in with another's mandate, and only one's own data are collected here.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def refused(error: str) -> LoginRefused:
    """What the `error` of the provider's redirect means (RFC 6749, 4.1.2.1): a citizen who stopped, or a fault."""
    if error in _STOPPED:
        return LoginRefused("cancelled")
    return LoginRefused("unreachable" if error == "temporarily_unavailable" else "provider-error")


def check_id_token(proof: Claims, nonce: str, now: datetime) -> None:
    """What only the id_token has: the nonce of this login, and an `iat` of just now. Raises LoginRefused."""
    said, issued = proof.get("nonce"), proof.get("iat")
    if not isinstance(said, str) or not secrets.compare_digest(said.encode(), nonce.encode()):
        raise LoginRefused("invalid")
    if not isinstance(issued, int | float) or now.timestamp() - issued > _ID_TOKEN_SECONDS:
        raise LoginRefused("invalid")


def identity(
    settings: LoginSettings,
    proof: Claims,
    told: Claims,
    *,
    minimum_level: Level,
    fresh_since: datetime | None,
    now: datetime,
) -> Identity:
    """Who this is, by the id_token (`proof`) and userinfo (`told`) together. Raises LoginRefused."""
    subject = subject_of(proof, settings)
    if subject_of(told, settings) != subject:
        raise LoginRefused("invalid")
    authenticated_at = _authenticated_at(settings, proof, fresh_since, now)
    bsn = _number(found(told, settings.bsn_claim))
    if not is_bsn(bsn):
        raise LoginRefused("no-bsn")
    _check_own(settings, proof, told, bsn)
    level = _level(settings, proof, told, minimum_level)
    return Identity(bsn=bsn, level=level, authenticated_at=authenticated_at, subject=subject)


def subject_of(claims: Claims, settings: LoginSettings) -> str:
    """The provider's name for whom these claims are about. Raises LoginRefused."""
    value = claims.get(settings.subject_claim)
    if not isinstance(value, str) or not value:
        raise LoginRefused("invalid")
    return value


def found(claims: Claims, path: ClaimPath) -> object:
    """The claim at `path`; a list of one stands for what is in it (Keycloak's multivalued claims). None: not there."""
    value: object = claims
    for name in (path,) if isinstance(path, str) else path:
        value = value.get(name) if isinstance(value, dict) else None
    one = cast("list[object]", value) if isinstance(value, list) else []
    return one[0] if len(one) == 1 else value


def _authenticated_at(settings: LoginSettings, proof: Claims, fresh_since: datetime | None, now: datetime) -> datetime:
    at = proof.get(settings.auth_time_claim)
    if not isinstance(at, int) or isinstance(at, bool):
        # OpenID Connect Core 3.1.2.1: after max_age the claim is required. Otherwise `iat` is the latest it can be,
        # and at a bridge that lets nobody in without a login about when it was.
        stands_in = fresh_since is None or (settings.always_fresh and at is None)
        at = proof.get("iat") if stands_in else None
    if not isinstance(at, int | float) or not 0 < at <= now.timestamp() + LEEWAY_SECONDS:
        raise LoginRefused("not-fresh" if fresh_since else "invalid")
    if fresh_since is not None and at < int(fresh_since.timestamp()):
        raise LoginRefused("not-fresh")
    return datetime.fromtimestamp(at, UTC)


def _number(value: object) -> str:
    """A BSN without DigiD's sector code before it; empty for anything that cannot be one."""
    text = value if isinstance(value, str) else ""
    return text[len(_SECTOR_BSN) :] if text.lower().startswith(_SECTOR_BSN) else text


def _check_own(settings: LoginSettings, proof: Claims, told: Claims, bsn: str) -> None:
    """A mandate names two people; some bridges name the second one always, and then they are the same."""
    others = [found(claims, path) for path in settings.acting_claims for claims in (told, proof)]
    if any(other not in (None, "") and _number(other) != bsn for other in others):
        raise LoginRefused("on-behalf")


def _level(settings: LoginSettings, proof: Claims, told: Claims, minimum: Level) -> Level:
    """The least level that userinfo, the id_token or its `acr` states; unknown words are below every level."""
    stated = (found(told, settings.level_claim), found(proof, settings.level_claim), proof.get("acr"))
    said = [one for one in stated if one is not None and one not in settings.ignored_levels]
    levels: list[Level | None] = [settings.levels.get(one) if isinstance(one, str) else None for one in said]
    if not said:
        levels = [settings.assumed_level]
    known: list[Level] = [level for level in levels if level is not None]
    if len(known) < len(levels):
        raise LoginRefused("level-too-low")
    least: Level = min(known, key=lambda one: _RANK[one])
    if _RANK[least] < _RANK[minimum]:
        raise LoginRefused("level-too-low")
    return least
