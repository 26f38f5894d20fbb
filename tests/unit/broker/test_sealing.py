"""Sealing: opened by two other implementations as they come, and by nobody else; nothing of it can be changed."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from typing import Any, Literal

import joserfc.jwe
import joserfc.jws
import jwcrypto.jwe
import jwcrypto.jws
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from broker.delivery import INLINE_MAX_BYTES, body
from broker.keys import Keys, make
from broker.providers import ProviderError
from broker.sealing import JWS_TYPE, Sealed, seal, seal_document
from schemas.events import EventData
from sessions.change import Effect
from tests.unit.broker.own_keys import own_keys

PAYLOAD = b'{"schemaVersion":"1.0","household":{}}'
ProfileName = Literal["default", "nlgov"]


def private(**kind: Any) -> JWK:
    key = JWK.generate(use="enc", **kind)
    key["kid"] = key.thumbprint()
    return key


P256, X25519 = private(kty="EC", crv="P-256"), private(kty="OKP", crv="X25519")
RECIPIENTS: list[tuple[str, ProfileName]] = [("P-256", "default"), ("X25519", "default"), ("RSA", "nlgov")]
ALGORITHMS = {"default": ("ECDH-ES", "ES256"), "nlgov": ("RSA-OAEP", "PS256")}
every_recipient = pytest.mark.parametrize(
    ("key", "profile"), RECIPIENTS, ids=[kind for kind, _ in RECIPIENTS], indirect=["key"]
)


@cache
def rsa() -> JWK:
    """The slowest to make, when it is needed."""
    return private(kty="RSA", size=3072)


@pytest.fixture
def key(request: pytest.FixtureRequest) -> JWK:
    """A recipient's key of this kind."""
    return rsa() if request.param == "RSA" else {"P-256": P256, "X25519": X25519}[request.param]


def sealed_to(key: JWK, profile: ProfileName, payload: bytes = PAYLOAD) -> Sealed:
    return seal(payload, key.export_public(as_dict=True), profile, own_keys())


def header_of(token: str) -> dict[str, Any]:
    head = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))


def opened_by_jwcrypto(token: str, key: JWK) -> bytes:
    """As a receiver would with jwcrypto, knowing our published keys only; algorithms as they come."""
    outer = jwcrypto.jwe.JWE()
    outer.deserialize(token, key)
    inner = jwcrypto.jws.JWS()
    inner.deserialize(outer.payload.decode())
    kid = inner.jose_header["kid"]
    inner.verify(JWK(**next(k for k in own_keys().jwks()["keys"] if k["kid"] == kid)))
    return inner.payload


def opened_by_joserfc(token: str, key: JWK) -> bytes:
    """As a receiver would with joserfc and its default limits."""
    outer = joserfc.jwe.decrypt_compact(token, JWKRegistry.import_key(key.export(as_dict=True)))
    assert outer.plaintext is not None
    kid = header_of(outer.plaintext.decode())["kid"]
    public = JWKRegistry.import_key(next(k for k in own_keys().jwks()["keys"] if k["kid"] == kid))
    return joserfc.jws.deserialize_compact(outer.plaintext, public, algorithms=["ES256", "PS256"]).payload


@every_recipient
def test_the_provider_opens_it_with_any_library(key: JWK, profile: ProfileName) -> None:
    """jwcrypto and joserfc as they come, in both profiles and on both curves."""
    token = sealed_to(key, profile).jwe
    assert opened_by_jwcrypto(token, key) == PAYLOAD
    assert opened_by_joserfc(token, key) == PAYLOAD


@every_recipient
def test_the_headers_say_exactly_what_was_done(key: JWK, profile: ProfileName) -> None:
    """One algorithm per profile, `kid` always there and the RFC 7638 thumbprint, never compressed."""
    key_algorithm, signature_algorithm = ALGORITHMS[profile]
    token = sealed_to(key, profile).jwe
    outer = header_of(token)
    outer.pop("epk", None)
    typ = "JWE" if profile == "nlgov" else "JOSE"
    assert outer == {"alg": key_algorithm, "enc": "A256GCM", "kid": key.thumbprint(), "cty": "JOSE", "typ": typ}
    inside = jwcrypto.jwe.JWE()
    inside.deserialize(token, key)
    signer = next(k for k in own_keys().jwks()["keys"] if k["alg"] == signature_algorithm)
    expected = {"alg": signature_algorithm, "kid": signer["kid"], "typ": JWS_TYPE}
    assert header_of(inside.payload.decode()) == expected
    assert signer["kid"] == JWK(**signer).thumbprint()


def test_a_kid_of_the_providers_own_is_kept_and_a_missing_one_is_the_thumbprint() -> None:
    """The receiver finds its key by the name it gave; without one by RFC 7638."""
    public = P256.export_public(as_dict=True)
    named = seal(PAYLOAD, {**public, "kid": "zomer-2026"}, "default", own_keys())
    assert header_of(named.jwe)["kid"] == "zomer-2026"
    del public["kid"]
    assert header_of(seal(PAYLOAD, public, "default", own_keys()).jwe)["kid"] == P256.thumbprint()


@every_recipient
def test_nobody_else_opens_it(key: JWK, profile: ProfileName) -> None:
    """Another key of the same kind does not fit, in either library."""
    kind = {"size": 3072} if profile == "nlgov" else {"crv": key["crv"]}
    other = private(kty=key["kty"], **kind)
    token = sealed_to(key, profile).jwe
    with pytest.raises(JWException):
        opened_by_jwcrypto(token, other)
    with pytest.raises((JoseError, ValueError)):
        opened_by_joserfc(token, other)


@every_recipient
@pytest.mark.parametrize("part", range(5), ids=["header", "key", "iv", "ciphertext", "tag"])
def test_any_change_is_noticed(key: JWK, profile: ProfileName, part: int) -> None:
    """Header, encrypted key, nonce, ciphertext and tag all count."""
    pieces = sealed_to(key, profile).jwe.split(".")
    raw = bytearray(base64.urlsafe_b64decode(pieces[part] + "=="))
    if part == 0:
        raw = bytearray(json.dumps({**json.loads(raw), "extra": 1}).encode())
    elif raw:
        raw[-1] ^= 1
    else:
        raw += b"x"  # ECDH-ES has no encrypted key
    pieces[part] = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    with pytest.raises((JWException, ValueError)):
        opened_by_jwcrypto(".".join(pieces), key)
    with pytest.raises((JoseError, ValueError)):
        opened_by_joserfc(".".join(pieces), key)


def test_a_short_tag_is_no_tag() -> None:
    """A tag cut to 64 bits would be guessable."""
    *head, tag = sealed_to(P256, "default").jwe.split(".")
    with pytest.raises((JWException, ValueError)):
        opened_by_jwcrypto(".".join([*head, tag[:11]]), P256)


def test_what_somebody_else_sealed_lacks_our_signature() -> None:
    """Anybody can encrypt to a public key: a payload signed with another key is not ours."""
    stranger = Keys(make(b"x" * 32))
    token = seal(PAYLOAD, P256.export_public(as_dict=True), "default", stranger).jwe
    with pytest.raises(StopIteration):
        opened_by_jwcrypto(token, P256)


@every_recipient
def test_a_document_opens_as_it_is(key: JWK, profile: ProfileName) -> None:
    """An original is not signed, its digest in the payload is; `cty` says what it is, and its size is no matter."""
    content = b"%PDF-1.7 " + bytes(range(256)) * 4000
    token = seal_document(content, "application/pdf", key.export_public(as_dict=True), profile).decode()
    header = header_of(token)
    assert (header["cty"], header["kid"], header["alg"]) == ("application/pdf", key["kid"], ALGORITHMS[profile][0])
    assert (header["enc"], "zip" in header) == ("A256GCM", False)
    outer = jwcrypto.jwe.JWE()
    outer.deserialize(token, key)
    assert outer.payload == content


def test_the_digest_is_that_of_the_whole_token() -> None:
    """Hex SHA-256 over the compact JWE: what a provider acknowledges is what it received."""
    sealed = sealed_to(P256, "default")
    assert sealed.digest == hashlib.sha256(sealed.jwe.encode()).hexdigest()


def test_the_same_payload_never_looks_the_same() -> None:
    """A fresh ephemeral key and nonce each time."""
    assert len({sealed_to(P256, "default").jwe for _ in range(10)}) == 10


@given(st.binary(max_size=3000))
def test_any_payload_comes_out_as_it_went_in(payload: bytes) -> None:
    """Byte for byte, empty included."""
    assert opened_by_jwcrypto(sealed_to(X25519, "default", payload).jwe, X25519) == payload


def test_a_large_payload_is_sealed_too() -> None:
    """It does not fit inline, but it can be fetched and opened."""
    large = json.dumps({"padding": "x" * 1_000_000}).encode()
    assert opened_by_jwcrypto(sealed_to(P256, "default", large).jwe, P256) == large


@every_recipient
def test_what_fits_inline_is_about_33_kilobytes_and_opens_with_default_limits(key: JWK, profile: ProfileName) -> None:
    """Base64 twice costs x 16/9; the largest token that rides along stays under joserfc's 67,712 characters."""
    effect = Effect(key="data:x", kind="data", type="data", event_id="evt_" + "x" * 22, sequence=3)

    def inline(size: int) -> tuple[str, int]:
        token = sealed_to(key, profile, b"x" * size).jwe
        data = EventData(session_id="0" * 22, sequence=3, reference="r" * 64, payload=token, payload_digest="0" * 64)
        return token, len(body(effect, 1_770_000_000.0, "urn:nld:oin:00000000000000000000:systeem:ophaalbrug", data))

    token, size = inline(32_000)
    assert size <= INLINE_MAX_BYTES
    assert opened_by_joserfc(token, key) == b"x" * 32_000
    assert len(token) / 32_000 == pytest.approx(16 / 9, rel=0.03)
    assert inline(33_500)[1] > INLINE_MAX_BYTES
    assert INLINE_MAX_BYTES < 67_712


@pytest.mark.parametrize(
    "jwk", [{}, {"kty": "EC"}, {"kty": "odd"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]
)
def test_a_key_that_is_none_is_refused(jwk: dict[str, Any]) -> None:
    """As the provider's fault, not as an error of ours."""
    with pytest.raises(ProviderError):
        seal(PAYLOAD, jwk, "default", own_keys())
