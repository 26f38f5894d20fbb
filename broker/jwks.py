"""A provider's public keys: pasted into its registration, or fetched from its `jwks_uri` through the guarded door."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from broker.parts import Parts
from broker.providers import Provider
from broker.telemetry import log
from connectors.fetching import Fetches
from connectors.outbound import OutboundError

CACHE_SECONDS = 900.0
REFRESH_SECONDS = 30.0  # an unknown kid asks again, but not more often than this
MAX_BYTES = 64 * 1024
MAX_KEYS = 20

_cache: dict[str, tuple[float, tuple[dict[str, Any], ...]]] = {}
_fetches = Fetches[tuple[dict[str, Any], ...]]()  # anyone can send assertions: a crowd of them is one fetch


class _Document(msgspec.Struct, frozen=True):
    keys: tuple[dict[str, Any], ...]


async def provider_keys(parts: Parts, provider: Provider, kid: str | None = None) -> tuple[dict[str, Any], ...]:
    """The provider's keys; fetched ones are kept for a quarter of an hour, an unknown `kid` asks again."""
    if provider.jwks_uri is None:
        return provider.keys
    now = parts.clock()
    fetched_at, known = _cache.get(provider.jwks_uri, (0.0, ()))
    age = now - fetched_at
    missing = not known or (kid is not None and all(jwk.get("kid") != kid for jwk in (*provider.keys, *known)))
    if age > CACHE_SECONDS or (missing and age > REFRESH_SECONDS):
        known = await _fetches.join(provider.jwks_uri, partial(_fetched, parts, provider.jwks_uri, known))
    return provider.keys + known


async def _fetched(parts: Parts, uri: str, known: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """The keys at `uri`, or those we had when it does not answer well; kept either way."""
    keys = await _published(parts, uri)
    found = known if keys is None else keys
    _cache[uri] = (parts.clock(), found)
    return found


async def _published(parts: Parts, uri: str) -> tuple[dict[str, Any], ...] | None:
    """The public keys at `uri`; None when it does not answer well."""
    try:
        answer = await parts.outside.request("GET", uri, max_bytes=MAX_BYTES)
        if answer.status == 200:
            document = msgspec.json.decode(answer.body, type=_Document)
            return tuple(k for k in document.keys[:MAX_KEYS] if "d" not in k and k.get("kty") != "oct")
    except (OutboundError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        log.warning("jwks.not_fetched", reason=type(error).__name__)
    return None
