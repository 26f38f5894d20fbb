"""The broker's own keys: the master secret, and the keys it signs with. Made once, kept beside the store or given.

Signing keys: ES256 (payloads in the default profile, receipts), PS256 (payloads in nlgov), Ed25519 (webhooks).
A store made with other keys is refused, because nothing in it could be opened any more.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, KeySet, OKPKey, RSAKey

from broker.settings import Settings, SettingsError
from sessions.secrets import Keyring

_ALGORITHMS = {"EC": "ES256", "RSA": "PS256", "OKP": "Ed25519"}
RSA_BITS = 3072  # NCSC TLS guidelines 2025-05 and ASVS V11.2.3: 128 bits of strength


class KeyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What `keys.json` holds. `secret` may stand in the settings instead.

    `former` are public JWKs: what they signed is on its way, or kept by others for years, so they stay published.
    `former_ed25519` sign webhooks beside the new one, for receivers that know only those.
    """

    secret: str
    es256: dict[str, Any]
    ps256: dict[str, Any]
    ed25519: str  # base64 of the 32-byte seed
    former: tuple[dict[str, Any], ...] = ()
    former_ed25519: tuple[str, ...] = ()


class Keys:
    """The keys in use."""

    def __init__(self, file: KeyFile) -> None:
        self.ring = Keyring(base64.b64decode(file.secret))
        self.es256 = ECKey.import_key(file.es256)
        self.ps256 = _rsa(msgspec.json.encode(file.ps256))
        self.webhook = _ed25519(file.ed25519)
        self.former = tuple(JWKRegistry.import_key(jwk) for jwk in file.former)
        self.former_webhooks = tuple(map(_ed25519, file.former_ed25519))
        for key in (self.es256, self.ps256, *self.former):
            key.ensure_kid()

    def sign(self, claims: bytes, typ: str) -> str:
        """Sign a receipt: a compact ES256 JWS with `kid` and `typ`."""
        return jws.serialize_compact({"alg": "ES256", "kid": self.es256.kid, "typ": typ}, claims, self.es256, ["ES256"])

    def jwks(self) -> dict[str, Any]:
        """The public halves, as served at /.well-known/jwks.json: of the keys in use, then of those before them."""
        webhooks = [OKPKey.import_key(key.public_key()) for key in (self.webhook, *self.former_webhooks)]
        keys = [self.es256, self.ps256, *webhooks, *self.former]
        public = KeySet(keys).as_dict(private=False)["keys"]
        return {"keys": [{**key, "use": "sig", "alg": _ALGORITHMS[str(key["kty"])]} for key in public]}

    def webhook_public(self) -> str:
        """The public webhook key as Standard Webhooks writes it: `whpk_` and base64."""
        return "whpk_" + base64.b64encode(self.webhook.public_key().public_bytes_raw()).decode()


def _ed25519(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))


@lru_cache(maxsize=2)
def _rsa(jwk: bytes) -> RSAKey:
    """Reading an RSA key checks it, which takes a tenth of a second, and a process reads its keys file twice."""
    return RSAKey.import_key(msgspec.json.decode(jwk, type=dict[str, Any]))


def make(secret: bytes | None = None) -> KeyFile:
    """Fresh keys; `secret` is the master secret when the settings give one."""
    return KeyFile(
        secret=base64.b64encode(secret or secrets.token_bytes(32)).decode(),
        es256=ECKey.generate_key("P-256").as_dict(private=True),
        ps256=RSAKey.generate_key(RSA_BITS).as_dict(private=True),
        ed25519=base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode(),
    )


def renewed(file: KeyFile) -> KeyFile:
    """Other signing keys beside the same secret. Of the former ones the public halves stay, so nothing that they signed
    is lost; and of webhooks the last private one, which goes on signing until the next change.
    """
    fresh = make()
    ec, rsa = ECKey.import_key(file.es256), RSAKey.import_key(file.ps256)
    public = (ec.as_dict(private=False), rsa.as_dict(private=False))
    return msgspec.structs.replace(
        fresh, secret=file.secret, former=(*public, *file.former), former_ed25519=(file.ed25519,)
    )


def read(content: bytes) -> KeyFile:
    """A keys file. Raises SettingsError, which repeats nothing of it."""
    try:
        file = msgspec.json.decode(content, type=KeyFile)
        Keys(file)
    except (JoseError, ValueError):
        raise SettingsError("this is no keys file") from None
    return file


def load(settings: Settings) -> Keys:
    """The keys named by the settings; in development a file in `data_dir` that is made at the first start.

    Production makes none: two machines would sign with different ones. Raises SettingsError when its file is not there,
    or the keys cannot be used.
    """
    path = Path(settings.keys_file) if settings.keys_file else settings.data_dir / "keys.json"
    if not path.exists():
        if settings.mode == "production":
            raise SettingsError(f"keys_file {path} does not exist; make one with `ophaalbrug keys new`")
        _write(path, make(settings.secret.encode() or None))
    try:
        file = msgspec.json.decode(path.read_bytes(), type=KeyFile)
        return Keys(_with_secret(file, settings.secret))
    except (JoseError, ValueError, OSError):  # no word of theirs: it could hold a piece of a key
        raise SettingsError(f"keys file {path} (with secret) cannot be used") from None


def _with_secret(file: KeyFile, secret: str) -> KeyFile:
    if not secret:
        return file
    return msgspec.structs.replace(file, secret=base64.b64encode(secret.encode()).decode())


def _write(path: Path, file: KeyFile) -> None:
    """Write for the owner only, and whole or not at all: two processes may start at the same moment."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=path.parent) as handle:  # made with mode 0600
        handle.write(msgspec.json.encode(file))
        handle.flush()
        with contextlib.suppress(FileExistsError):
            os.link(handle.name, path)
