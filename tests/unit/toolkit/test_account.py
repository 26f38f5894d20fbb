"""Who a provider is: keys of the right kind, an address that is safe, and proof that the broker accepts."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

from ophaalbrug_provider import Account, PrivateKey
from tests.unit.toolkit.pretend import NOW, SECRET, private_key

BROKER = "https://broker.example"
MAKE: dict[str, Any] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "PS256": lambda: rsa.generate_private_key(65537, 3072),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


def pem(key: Any, password: bytes | None = None) -> bytes:
    """A private key as OpenSSL writes it."""
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


@pytest.mark.parametrize("algorithm", MAKE)
def test_an_assertion_is_good_once_for_minutes(algorithm: str) -> None:
    """RFC 7523: issuer and subject are the client, the audience is the broker, with an id of its own each time.

    A broker accepts one that ends within 300 seconds: ours stays good while the clocks differ by two minutes, also
    when ours is the faster one.
    """
    key = MAKE[algorithm]()
    account = Account("gemeente", f"{BROKER}/", signing_key=PrivateKey.read(pem(key)))
    options: Any = {"verify_exp": False, "verify_iat": False}
    made = [account.assertion(NOW + 0.5) for _ in range(2)]
    claims = [jwt.decode(one, key.public_key(), [algorithm], options, audience=BROKER) for one in made]
    assert {(c["iss"], c["sub"], c["aud"], c["exp"]) for c in claims} == {("gemeente", "gemeente", BROKER, NOW + 150)}
    assert not {"iat", "nbf"} & claims[0].keys()
    assert claims[0]["jti"] != claims[1]["jti"]
    assert len(claims[0]["jti"]) >= 16
    assert "kid" not in jwt.get_unverified_header(made[0])


def test_an_assertion_names_the_key_when_it_has_a_name() -> None:
    """A `kid` that is registered; a broker refuses one that it does not know."""
    key = PrivateKey.read(pem(MAKE["ES256"]()), kid="sig-2026")
    assertion = Account("gemeente", BROKER, signing_key=key).assertion(NOW)
    assert jwt.get_unverified_header(assertion)["kid"] == "sig-2026"


@pytest.mark.parametrize(
    "url",
    [
        *("http://broker.example", "broker.example", "https://", "ftp://127.0.0.1", "https://b.example/?a=1", ""),
        *("https://name@b.example", "https://:geheim@b.example"),
    ],
)
def test_a_broker_is_asked_over_tls(url: str) -> None:
    """http is for this machine: a token sent in the open is everybody's."""
    with pytest.raises(ValueError, match="must be https") as raised:
        Account("gemeente", url, signing_key=private_key(use="sig"))
    assert "geheim" not in str(raised.value)
    for local in ("http://127.0.0.1:8000", "http://localhost/", "http://[::1]:1"):
        assert Account("g", local, signing_key=private_key(use="sig")).broker_url == local.rstrip("/")


def test_keys_of_the_wrong_kind_are_refused_at_once() -> None:
    """X25519 cannot sign, nothing is sealed to Ed25519, and short RSA and other curves are no keys here."""
    opens, signs = PrivateKey.read(pem(x25519.X25519PrivateKey.generate())), PrivateKey.read(pem(MAKE["EdDSA"]()))
    with pytest.raises(ValueError, match="cannot sign"):
        Account("g", BROKER, signing_key=opens)
    with pytest.raises(ValueError, match="nothing is sealed"):
        Account("g", BROKER, signing_key=signs, opening_keys=[signs])
    for wrong in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        with pytest.raises(ValueError, match=r"RSA|not a private key"):
            PrivateKey.read(pem(wrong))


def test_a_key_is_read_from_what_there_is() -> None:
    """PEM, PEM with a password, or a JWK, whose own `kid` counts."""
    key = MAKE["ES256"]()
    plain, locked = PrivateKey.read(pem(key).decode()), PrivateKey.read(pem(key, b"open"), password=b"open")
    named = plain.jwk.export_private(as_dict=True) | {"kid": "enc-1"}
    as_jwk = PrivateKey.read(json.dumps(named))
    assert plain.thumbprint == locked.thumbprint == as_jwk.thumbprint
    assert (plain.kid, as_jwk.kid) == (None, "enc-1")


@pytest.mark.parametrize("text", ["", "{}", '{"kty": "oct", "k": "c2VjcmV0"}', "-----BEGIN PRIVATE KEY-----", "\xff"])
def test_what_is_no_private_key_is_refused_without_a_word_of_it(text: str) -> None:
    """A half copied key is a secret too."""
    with pytest.raises(ValueError, match="private key") as raised:
        PrivateKey.read(text)
    assert "c2VjcmV0" not in str(raised.value)


def test_a_public_or_locked_key_is_not_taken() -> None:
    """With a public key nothing opens, and with another password neither."""
    key = MAKE["ES256"]()
    half = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for data, password in ((half, None), (pem(key, b"open"), b"other"), (pem(key, b"open"), None)):
        with pytest.raises(ValueError, match="private key"):
            PrivateKey.read(data, password=password)


def test_nothing_secret_is_in_the_text_of_an_account() -> None:
    """What ends up in a log or a traceback."""
    key = private_key(use="sig")
    account = Account("gemeente", BROKER, signing_key=key, opening_keys=[key], webhook_secrets=[SECRET])
    secret = key.jwk.export_private(as_dict=True)["d"]
    shown = f"{account!r} {key!r} {account.opening_keys}"
    assert SECRET[6:] not in shown
    assert secret not in shown
