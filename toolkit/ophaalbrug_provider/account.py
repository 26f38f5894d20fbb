"""Who you are to a broker: your id and keys, the broker's address, and what you share with it for webhooks."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from jwcrypto import jwt

from ophaalbrug_provider.keys import PrivateKey, read_webhook_key
from ophaalbrug_provider.webhooks import read_secret

ASSERTION_SECONDS = 150  # half of what a broker accepts: our clocks may differ by minutes, as with webhooks
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Account:
    """A provider at a broker. Checked at once: a wrong key or secret is a ValueError here, and never repeated in it.

    `opening_keys`: the private halves of keys with `use: enc`, the old ones too for as long as sessions may use them.
    `webhook_secrets`: `whsec_…`; two while one is replaced, none if you only pull or check `v1a` alone.
    `webhook_keys`: the broker's `whpk_…`, to trust these alone; without them those of its JWKS are used.
    """

    def __init__(
        self,
        provider_id: str,
        broker_url: str,
        *,
        signing_key: PrivateKey,
        opening_keys: Sequence[PrivateKey] = (),
        webhook_secrets: Sequence[str] = (),
        webhook_keys: Sequence[str] = (),
    ) -> None:
        self.provider_id = provider_id
        self.broker_url = _address(broker_url)
        self.signing_key = signing_key
        self.opening_keys = tuple(opening_keys)
        self.webhook_secrets = tuple(read_secret(text) for text in webhook_secrets)
        self.webhook_keys = tuple(read_webhook_key(text) for text in webhook_keys)
        signing_key.signs_with  # noqa: B018 - refuses a key of the wrong kind now and not at the first call
        for key in self.opening_keys:
            key.seals_with  # noqa: B018

    def assertion(self, now: float) -> str:
        """Proof of who asks for an access token (RFC 7523): good once, for minutes. `now` in seconds since 1970.

        Without `iat`, which is optional: a clock a little fast would make it a moment that is yet to come.
        """
        key = self.signing_key
        claims = {"iss": self.provider_id, "sub": self.provider_id, "aud": self.broker_url}
        once = {"exp": int(now) + ASSERTION_SECONDS, "jti": secrets.token_urlsafe(24)}
        header = {"alg": key.signs_with, "typ": "JWT", **({"kid": key.kid} if key.kid else {})}
        token = jwt.JWT(header=json.dumps(header), claims=json.dumps({**claims, **once}), algs=[key.signs_with])
        token.make_signed_token(key.jwk)
        return token.serialize()

    def __repr__(self) -> str:
        return f"Account({self.provider_id} at {self.broker_url})"


def _address(url: str) -> str:
    """The broker's address without a slash at its end: https, or http on this machine. Raises ValueError."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    more = parts.query or parts.fragment or parts.username is not None
    if not parts.hostname or more or not (parts.scheme == "https" or local):
        raise ValueError("the broker's address must be https, with a host, and no name, password or query")
    return url.rstrip("/")
