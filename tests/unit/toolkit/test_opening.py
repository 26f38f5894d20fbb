"""Payloads, documents and receipts: what the broker really seals and signs opens, and nothing else does."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from joserfc import jwe, jws
from joserfc.jwk import ECKey, RSAKey

from broker.keys import Keys
from broker.sealing import seal_document
from ophaalbrug_provider import Document, NoKey, PrivateKey, Unreadable, Untrusted
from ophaalbrug_provider.keys import BrokerKeys, read_jwks
from ophaalbrug_provider.opening import UnknownSigner, check_purge_receipt, open_document, open_payload
from sandbox.registration import EncryptionKey, new_key
from tests.unit.toolkit.pretend import ORIGINAL, RECEIPT, consented, private_key, public, purge_receipt, sealed_to

PAYLOAD: dict[str, Any] = {"sessionId": "s", "consents": []}
PDF = Document(
    number=1,
    source="uwv",
    person="applicant",
    media_type="application/pdf",
    digest=hashlib.sha256(ORIGINAL).hexdigest(),
)


@pytest.fixture(scope="module")
def known(keys: Keys) -> BrokerKeys:
    return read_jwks(json.dumps(keys.jwks()).encode())


@pytest.fixture(scope="module")
def rsa() -> PrivateKey:
    return private_key("RSA-3072")


@pytest.mark.parametrize(("kind", "profile"), [("P-256", "default"), ("X25519", "default"), ("RSA-3072", "nlgov")])
def test_a_payload_opens_with_our_key_and_is_the_brokers(
    keys: Keys, known: BrokerKeys, kind: EncryptionKey, profile: str
) -> None:
    """Both sealing profiles; the digest is that of the sealed text, and the session it belongs to is inside."""
    key, consent = private_key(kind), consented(keys)
    sealed = sealed_to(key, keys, {"sessionId": "s", "consents": [consent]}, profile=profile)
    inside = open_payload(sealed.jwe, [private_key(), key], known, session_id="s", digest=sealed.digest)
    assert (inside.session_id, inside.digest) == ("s", sealed.digest)
    assert inside.consent_digests == {"applicant": hashlib.sha256(consent["signature"].encode()).hexdigest()}
    assert inside.payload["consents"][0]["receipt"] == RECEIPT


def test_a_key_is_found_by_its_name_or_by_opening(keys: Keys, known: BrokerKeys) -> None:
    """A `kid` of the provider's own choice, or the RFC 7638 thumbprint. Whoever forgot the name, or gave it to two keys
    one after the other, has the right key all the same: it opens.
    """
    made = new_key("P-256", "enc")
    named, unnamed = PrivateKey(made, "enc-2026"), PrivateKey.read(made.export_to_pem(True, None))
    sealed = sealed_to(named, keys, PAYLOAD)
    assert open_payload(sealed.jwe, [named], known).digest == sealed.digest
    stranger, namesake = private_key("X25519"), PrivateKey(new_key("P-256", "enc"), "enc-2026")
    for ours in ([stranger, unnamed], [namesake, named], [named, namesake]):
        assert open_payload(sealed.jwe, ours, known).digest == sealed.digest
    with pytest.raises(NoKey):
        open_payload(sealed.jwe, [stranger, private_key()], known)
    with pytest.raises(Untrusted, match="does not open"):
        open_payload(sealed.jwe, [namesake], known)
    by_thumbprint = sealed_to(unnamed, keys, PAYLOAD)
    assert open_payload(by_thumbprint.jwe, [unnamed], known).digest == by_thumbprint.digest
    assert open_payload(by_thumbprint.jwe, [named], known).digest == by_thumbprint.digest


def test_a_payload_of_somebody_else_is_refused(keys: Keys, others: Keys, known: BrokerKeys) -> None:
    """Signed by another key, altered on the way, or no sealed text at all."""
    key = private_key()
    good = sealed_to(key, keys, PAYLOAD).jwe
    altered = good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB")
    with pytest.raises(UnknownSigner):
        open_payload(sealed_to(key, others, PAYLOAD).jwe, [key], known)
    for token in (altered, "a.b.c", "", "a.b.c.d.e", "é.b.c.d.e", good + ".x", json.dumps({"protected": good})):
        with pytest.raises(Untrusted):
            open_payload(token, [key], known)


@pytest.mark.parametrize("wanted", [{"session_id": "t"}, {"digest": "0" * 64}])
def test_a_payload_of_another_event_is_refused(keys: Keys, known: BrokerKeys, wanted: dict[str, str]) -> None:
    """A genuine payload, played again in another session or event."""
    key = private_key()
    with pytest.raises(Untrusted, match="another session or event"):
        open_payload(sealed_to(key, keys, PAYLOAD).jwe, [key], known, **wanted)


@pytest.mark.parametrize(("inner", "outer"), [("ES256", "RSA-OAEP"), ("PS256", "RSA-OAEP-256")])
def test_a_profile_cannot_be_mixed(keys: Keys, known: BrokerKeys, rsa: PrivateKey, inner: str, outer: str) -> None:
    """Our key fixes both algorithms: genuine signatures and seals of another kind are refused."""
    signing = keys.es256 if inner == "ES256" else keys.ps256
    header = {"alg": inner, "kid": signing.kid, "typ": "ophaalbrug-payload+jws"}
    signed = jws.serialize_compact(header, b"{}", signing, [inner])
    around = {"alg": outer, "enc": "A256GCM", "kid": rsa.thumbprint}
    to = RSAKey.import_key(public(rsa))
    with pytest.raises(Untrusted):
        open_payload(jwe.encrypt_compact(around, signed.encode(), to, [outer, "A256GCM"]), [rsa], known)


@pytest.mark.parametrize("changes", [{"enc": "A128GCM"}, {"alg": "ECDH-ES+A256KW"}, {"zip": "DEF"}])
def test_other_ways_to_encrypt_are_refused(keys: Keys, known: BrokerKeys, changes: dict[str, str]) -> None:
    """A256GCM with a directly agreed key, never compressed (a small text could open into an endless one)."""
    key = private_key()
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key.thumbprint, **changes}
    algorithms = [header["alg"], header["enc"], "DEF"]
    token = jwe.encrypt_compact(header, _signed(keys), ECKey.import_key(public(key)), algorithms)
    with pytest.raises(Untrusted, match=r"does not open|never compressed"):
        open_payload(token, [key], known)


@pytest.mark.parametrize("changes", [{"typ": "JWT"}, {"typ": None}, {"kid": "other"}, {"kid": None}])
def test_what_is_signed_must_be_a_payload(keys: Keys, known: BrokerKeys, changes: dict[str, Any]) -> None:
    """`typ` says so, and `kid` names a published key."""
    key = private_key()
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key.thumbprint}
    to = ECKey.import_key(public(key))
    good = jwe.encrypt_compact(header, _signed(keys), to, ["ECDH-ES", "A256GCM"])
    assert open_payload(good, [key], known).payload == PAYLOAD
    wrong = jwe.encrypt_compact(header, _signed(keys, **changes), to, ["ECDH-ES", "A256GCM"])
    with pytest.raises(Untrusted):
        open_payload(wrong, [key], known)


def _signed(keys: Keys, **changes: Any) -> bytes:
    header = {"alg": "ES256", "kid": keys.es256.kid, "typ": "ophaalbrug-payload+jws", **changes}
    whole = {name: value for name, value in header.items() if value is not None}
    return jws.serialize_compact(whole, json.dumps(PAYLOAD).encode(), keys.es256, ["ES256"]).encode()


@pytest.mark.parametrize(
    "payload", [{}, {"sessionId": 7}, {"sessionId": "s", "documents": [{}]}, {"sessionId": "s", "consents": [{}]}]
)
def test_a_signed_payload_that_is_none_is_refused(keys: Keys, known: BrokerKeys, payload: dict[str, Any]) -> None:
    """Members that this package reads have the form the schema says."""
    key = private_key()
    with pytest.raises(Untrusted):
        open_payload(sealed_to(key, keys, payload).jwe, [key], known)


@pytest.mark.parametrize("wrong", ["kind", "text"])
def test_a_consent_must_be_signed_as_it_reads(keys: Keys, known: BrokerKeys, wrong: str) -> None:
    """A signature over another text, or over another kind of document, is no consent."""
    key = private_key()
    consent = consented(keys, *(["ophaalbrug-purge-receipt+jws"] if wrong == "kind" else []))
    if wrong == "text":
        consent = {**consent, "receipt": {**RECEIPT, "person": "partner"}}
    with pytest.raises(Untrusted):
        open_payload(sealed_to(key, keys, {"sessionId": "s", "consents": [consent]}).jwe, [key], known)


@pytest.mark.parametrize(("kind", "profile"), [("P-256", "default"), ("RSA-3072", "nlgov")])
def test_a_document_is_the_one_the_payload_names(kind: EncryptionKey, profile: Any) -> None:
    """It carries no signature: its digest and media type stand in the signed payload."""
    key = private_key(kind)
    sealed = seal_document(ORIGINAL, "application/pdf", public(key), profile).decode()
    assert open_document(sealed, [key], PDF) == ORIGINAL
    other = seal_document(ORIGINAL + b" ", "application/pdf", public(key), profile).decode()
    renamed = seal_document(ORIGINAL, "application/xml", public(key), profile).decode()
    for wrong in (other, renamed, "x"):
        with pytest.raises(Untrusted):
            open_document(wrong, [key], PDF)
    with pytest.raises(NoKey):
        open_document(sealed, [], PDF)


def test_a_purge_receipt_is_read_only_when_the_broker_signed_it(keys: Keys, others: Keys, known: BrokerKeys) -> None:
    """The facts come from a signature with the right type and key, and are of this session."""
    found = check_purge_receipt(purge_receipt(keys), known, session_id="s")
    assert (found.session_id, found.state, found.destroyed) == ("s", "delivered", {"payloads": 1})
    forged = [purge_receipt(others), keys.sign(b"{}", "JWT"), keys.sign(b"[]", "ophaalbrug-purge-receipt+jws"), "x"]
    forged += [keys.sign(b"{}", "ophaalbrug-purge-receipt+jws"), purge_receipt(keys, session="t")]
    for receipt in forged:
        with pytest.raises(Untrusted):
            check_purge_receipt(receipt, known, session_id="s")


@pytest.mark.parametrize(
    "document", [b"", b"[]", b'{"keys": [{}]}', b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}', b"[" * 9999]
)
def test_keys_that_cannot_be_read_are_not_used(document: bytes) -> None:
    """A JWKS is read whole or not at all."""
    with pytest.raises(Unreadable):
        read_jwks(document)


def test_keys_of_a_kind_not_used_here_are_passed_over(keys: Keys) -> None:
    """RFC 7517 section 5: a broker may publish what only a newer package understands."""
    document = keys.jwks()
    document["keys"].append({"kty": "AKP", "alg": "ML-DSA-65", "pub": "AA", "kid": "new"})
    found = read_jwks(json.dumps(document).encode())
    assert set(found.signing) == {keys.es256.kid, keys.ps256.kid}
