"""DPoP proofs (RFC 9449): made by PyJWT and by hand, checked by us; every way to get one wrong is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto import jwk
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from broker import dpop
from broker.dpop import NONCE_SECONDS, Proof, PublicKey, thumbprint, verify
from broker.errors import Problem
from sessions.secrets import Keyring

NOW = 1_770_000_123.0
RING = Keyring(b"k" * 32)
URL = "https://broker.example/phone/v1/session"
TOKEN = "obp_session.phone.secret"
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
PUBLIC: dict[str, Any] = ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def claims(**more: Any) -> dict[str, Any]:
    """What a good proof says; None leaves a claim out."""
    said = {
        "jti": secrets.token_urlsafe(16),
        "htm": "GET",
        "htu": URL,
        "iat": int(NOW),
        "ath": b64(hashlib.sha256(TOKEN.encode()).digest()),
        "nonce": dpop.nonce(RING, NOW),
        **more,
    }
    return {name: value for name, value in said.items() if value is not None}


def made(said: dict[str, Any], key: Any = KEY, algorithm: str = "ES256", **header: Any) -> str:
    head = {"typ": "dpop+jwt", "jwk": PUBLIC, **header}
    return jwt.encode(said, key, algorithm, {name: value for name, value in head.items() if value is not None})


def check(proof: str, method: str = "GET", url: str = URL, token: str | None = TOKEN, now: float = NOW) -> Proof:
    return verify(proof, method, url, token, RING, now)


def refused(proof: str, code: str = "invalid-proof", **more: Any) -> Problem:
    with pytest.raises(Problem) as problem:
        check(proof, **more)
    assert problem.value.code == code
    return problem.value


def test_a_good_proof_names_its_key() -> None:
    """The thumbprint is that of RFC 7638, as another implementation computes it."""
    proof = check(made(claims()))
    assert proof.thumbprint == jwk.JWK(**PUBLIC).thumbprint()


def test_the_thumbprint_of_rfc_7638() -> None:
    """SHA-256 over the required members in lexical order, whatever else stands in the key."""
    key = jwk.JWK.generate(kty="EC", crv="P-256", kid="x", use="sig")
    public = key.export_public(as_dict=True)
    assert thumbprint(PublicKey(kty="EC", crv="P-256", x=public["x"], y=public["y"])) == key.thumbprint()


def test_a_browsers_jwk_has_members_of_its_own() -> None:
    """WebCrypto adds `ext` and `key_ops`; they change nothing."""
    proof = check(made(claims(), jwk={**PUBLIC, "ext": True, "key_ops": ["verify"]}))
    assert proof.thumbprint == check(made(claims())).thumbprint


def test_a_proof_has_an_id_by_which_a_second_use_is_seen() -> None:
    """The same proof gives the same id; another `jti` or another key gives another."""
    said = claims()
    other = {"key": OTHER, "jwk": ECAlgorithm.to_jwk(OTHER.public_key(), as_dict=True)}
    assert check(made(said)).id == check(made(said)).id
    assert len({check(made(said)).id, check(made(claims())).id, check(made(said, **other)).id}) == 3


@pytest.mark.parametrize("off", [-60, -1, 0, 1, 60])
def test_a_minute_of_clock_difference_is_borne(off: int) -> None:
    """Phones' clocks are off; both ways."""
    check(made(claims(iat=NOW + off)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"iat": NOW - 60.5},
        {"iat": NOW + 60.5},
        {"iat": None},
        {"iat": str(NOW)},
        {"iat": True},
        {"iat": 1e300},
        {"htm": "POST"},
        {"htm": "get"},
        {"htm": None},
        {"htu": "https://broker.example/phone/v1/review"},
        {"htu": "https://evil.example/phone/v1/session"},
        {"htu": URL + "?a=b"},
        {"htu": None},
        {"ath": None},
        {"ath": b64(hashlib.sha256(b"another token").digest())},
        {"ath": TOKEN},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 15},
        {"jti": "x" * 201},
        {"jti": 12345678901234567890},
    ],
    ids=str,
)
def test_a_proof_for_something_else_is_refused(wrong: dict[str, Any]) -> None:
    """Stale, from the future, of another method, address or token, or without a usable id."""
    refused(made(claims(**wrong)))


def test_a_request_without_a_token_needs_no_ath() -> None:
    """At pairing there is no access token yet."""
    check(made(claims(ath=None)), token=None)


@pytest.mark.parametrize("given_nonce", [None, "", "guess", dpop.nonce(Keyring(b"o" * 32), NOW)])
def test_a_proof_without_our_nonce_is_told_which_to_use(given_nonce: str | None) -> None:
    """Missing, wrong or another broker's: the answer carries the one to use, and with that it works."""
    problem = refused(made(claims(nonce=given_nonce)), "use-dpop-nonce")
    assert problem.headers["DPoP-Nonce"] == dpop.nonce(RING, NOW)
    assert "use_dpop_nonce" in problem.headers["WWW-Authenticate"]
    check(made(claims(nonce=problem.headers["DPoP-Nonce"])))


def test_a_nonce_lives_for_its_own_five_minutes_and_the_next() -> None:
    """So that nobody is refused at the turn; after that it is old."""
    first = NOW - NOW % NONCE_SECONDS
    old = dpop.nonce(RING, first)
    assert dpop.nonce(RING, first + NONCE_SECONDS - 1) == old != dpop.nonce(RING, first + NONCE_SECONDS)
    last = first + 2 * NONCE_SECONDS - 1
    check(made(claims(nonce=old, iat=last)), now=last)
    refused(made(claims(nonce=old, iat=last + 1)), "use-dpop-nonce", now=last + 1)
    future = dpop.nonce(RING, NOW + NONCE_SECONDS)
    refused(made(claims(nonce=future)), "use-dpop-nonce")


@pytest.mark.parametrize(
    "proof",
    [
        made(claims(), typ="JWT"),
        made(claims(), typ=None),
        made(claims(), jwk=None),
        made(claims(), jwk={**PUBLIC, "crv": "P-384"}),
        made(claims(), jwk={**PUBLIC, "x": PUBLIC["y"]}),
        made(claims(), jwk={**PUBLIC, "x": ""}),
        made(claims(), jwk={**PUBLIC, "x": PUBLIC["x"] + "="}),
        made(claims(), jwk={**PUBLIC, "x": 5}),
        made(claims(), jwk=ECAlgorithm.to_jwk(OTHER.public_key(), as_dict=True)),
        made(claims(), key=None, algorithm="none"),
        made(claims(), key=json.dumps(PUBLIC) * 2, algorithm="HS256"),
        made(claims(), key=RSA, algorithm="RS256", jwk=RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)),
        made(claims(), key=RSA, algorithm="PS256"),
        made(claims(), crit=["exp"]),
        made(claims(), crit=["b64"], b64=False),
    ],
    ids=[
        *("typ", "no typ", "no key", "another curve", "not on the curve", "empty", "padded", "a number"),
        *("another key", "none", "HS256 with the public key", "RSA", "PS256", "crit", "b64"),
    ],
)
def test_a_proof_of_another_make_is_refused(proof: str) -> None:
    """ES256 with the P-256 key in its own header, and nothing else."""
    refused(proof)


def test_a_private_key_in_a_proof_is_refused() -> None:
    """RFC 9449 section 4.3, check 7: the key in the header must not be a private one."""
    refused(made(claims(), jwk=ECAlgorithm.to_jwk(KEY, as_dict=True)))
    check(made(claims(), jwk={**PUBLIC, "d": None}))


def test_a_claimed_algorithm_cannot_be_swapped_after_signing() -> None:
    """Header and signature belong together."""
    head, body, signature = made(claims()).split(".")
    changed = json.loads(base64.urlsafe_b64decode(head + "=="))
    for algorithm in ("none", "HS256", "ES384", "es256"):
        refused(".".join([b64(json.dumps({**changed, "alg": algorithm}).encode()), body, signature]))
    refused(f"{head}.{body}.")
    refused(f"{head}.{b64(json.dumps(claims()).encode())}.{signature}")


def test_the_plain_r_s_signature_is_asked_for() -> None:
    """JOSE signatures are r and s side by side (RFC 7518 section 3.4): zeros and DER are none."""
    head, body, signature = made(claims()).split(".")
    der = KEY.sign(f"{head}.{body}".encode(), ec.ECDSA(SHA256()))
    refused(f"{head}.{body}.{b64(bytes(64))}")
    refused(f"{head}.{body}.{b64(der)}")
    refused(f"{head}.{body}.{signature}AA")


def test_an_oversized_proof_is_not_even_parsed() -> None:
    """2,000 characters are plenty for a P-256 proof."""
    refused(made(claims(more="x" * 2000)))
    assert len(made(claims())) < dpop.MAX_PROOF_CHARACTERS / 2


@pytest.mark.parametrize("deep", [b"[" * 1400, b'{"typ":' * 180])
def test_deep_nesting_is_an_invalid_proof(deep: bytes) -> None:
    """Within the size that is parsed, but deeper than a parser goes; in the header, and signed in the claims."""
    refused(f"{b64(deep)}.e30.e30")
    short = deep[:1100]
    refused(jwt.api_jws.encode(short, KEY, "ES256", {"typ": "dpop+jwt", "jwk": PUBLIC}))


@given(st.text(max_size=300))
def test_junk_is_an_invalid_proof(junk: str) -> None:
    """Never an error of ours."""
    refused(junk)


SCALARS = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_odd_json_is_an_invalid_proof(value: Any) -> None:
    """Also when it is neatly encoded, as header or as claims."""
    odd = b64(json.dumps(value).encode())
    _, body, signature = made(claims()).split(".")
    refused(f"{odd}.{body}.{signature}")
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": PUBLIC}
    signed = jwt.api_jws.encode(json.dumps(value).encode(), KEY, "ES256", head)
    refused(signed)
