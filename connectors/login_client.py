"""Who we are at the bridge: our keys and secret, the proof of them at its token endpoint, and what is encrypted to us.

Reads the files once and keeps what was in them; shows nobody but the bridge the secret, and nobody the private keys.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import quote_plus

from connectors import login_tokens
from connectors.login_settings import LoginSettings

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 60


class Client:
    """One client at one bridge."""

    def __init__(self, settings: LoginSettings) -> None:
        """Read the files.

        Raises OSError, or ValueError when a key is no RSA key of 2048 bit or more, or the secret file holds none.
        """
        self._settings = settings
        sealed_to = settings.decryption_key_file or settings.key_file
        self._signing = login_tokens.private_key(settings.key_file) if settings.key_file else None
        self._decryption = login_tokens.private_key(sealed_to) if sealed_to else None
        self._secret = _secret(settings.client_secret_file) if settings.client_secret_file else ""

    def jwks(self) -> dict[str, object]:
        """Our public keys, for registration with the provider: to verify our assertions, to encrypt to us."""
        sig, enc, keys = self._signing, self._decryption, list[dict[str, object]]()
        if sig is not None and self._settings.client_authentication == "private_key_jwt":
            algorithm = self._settings.assertion_algorithm
            keys.append({**sig.as_dict(private=False), "kid": sig.thumbprint(), "use": "sig", "alg": algorithm})
        if enc is not None:
            keys.append({**enc.as_dict(private=False), "kid": enc.thumbprint(), "use": "enc"})
        return {"keys": keys}

    def proven(self, form: Mapping[str, str], now: datetime) -> tuple[dict[str, str], dict[str, str]]:
        """`form` as the token endpoint wants it from us, and the headers that go with it (OpenID Connect Core 9)."""
        name, how = self._settings.client_id, self._settings.client_authentication
        if how == "client_secret_basic":
            pair = f"{quote_plus(name)}:{quote_plus(self._secret)}"  # RFC 6749, 2.3.1: encoded as in a form
            return {**form}, {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        if how == "client_secret_post":
            return {**form, "client_id": name, "client_secret": self._secret}, {}
        proof = {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": self._assertion(now)}
        return {**form, "client_id": name, **proof}, {}

    def opened(self, token: bytes) -> bytes:
        """What a JWE to us holds. Raises ValueError."""
        if self._decryption is None:
            raise ValueError("no key to open it with")
        return login_tokens.opened(token, self._decryption)

    def _assertion(self, now: datetime) -> str:
        """RFC 7523; `_signing` is there, or the settings would have been refused."""
        issued, settings = int(now.timestamp()), self._settings
        claims = {
            "iss": settings.client_id,
            "sub": settings.client_id,
            "aud": settings.assertion_audience or settings.issuer,
            "jti": secrets.token_urlsafe(24),
            "iat": issued,
            "exp": issued + _ASSERTION_SECONDS,
        }
        assert self._signing is not None  # noqa: S101 - for the type checker: with this method there is a key
        return login_tokens.assertion(self._signing, settings.assertion_algorithm, claims)


def _secret(path: str) -> str:
    """The one line of the file. Raises OSError or ValueError."""
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        secret = ""
    if not secret or not secret.isprintable():
        raise ValueError("client_secret_file: not one line with a secret")
    return secret
