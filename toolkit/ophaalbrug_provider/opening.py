"""Opening what is sealed to us, and checking what the broker signed: payloads, documents and receipts.

Pure. Anybody can encrypt to a public key: only the signature inside says who did.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, LiteralString

import msgspec
from jwcrypto import jwe, jws
from jwcrypto.common import JWException

from ophaalbrug_provider.errors import NoKey, Untrusted
from ophaalbrug_provider.keys import BrokerKeys, PrivateKey, from_base64url
from ophaalbrug_provider.messages import Document, Opened, PurgeReceipt

PAYLOAD_TYPE = "ophaalbrug-payload+jws"
PURGE_TYPE = "ophaalbrug-purge-receipt+jws"
CONSENT_TYPE = "ophaalbrug-consent-receipt+jws"


class UnknownSigner(Untrusted):
    """A signature names a key that is not among those given: the broker may have a newer one than we know."""


def open_payload(
    sealed: str,
    own: Iterable[PrivateKey],
    broker: BrokerKeys,
    *,
    session_id: str | None = None,
    digest: str | None = None,
) -> Opened:
    """Open a compact JWE, and check who signed what is inside and every consent in it.

    With `session_id` or `digest` it must be the payload of exactly that. Raises NoKey, Untrusted.
    """
    content, _, key = _decrypted(sealed, own)
    claims = check_signature(content.decode("ascii", "replace"), PAYLOAD_TYPE, key.seals_with[1], broker)
    found = hashlib.sha256(sealed.encode()).hexdigest()
    named, wanted = (claims.get("sessionId"), found), (session_id, digest)
    if any(want is not None and want != is_ for want, is_ in zip(wanted, named, strict=True)):
        raise Untrusted("the payload belongs to another session or event")
    return _opened(claims, found, broker)


def _opened(claims: dict[str, Any], digest: str, broker: BrokerKeys) -> Opened:
    consents: list[Mapping[str, Any]] = claims.get("consents", [])
    try:
        return Opened(
            session_id=msgspec.convert(claims["sessionId"], str),
            payload=claims,
            digest=digest,
            documents=msgspec.convert(claims.get("documents", ()), tuple[Document, ...]),
            consent_digests={str(c["receipt"]["person"]): check_consent(c, broker) for c in consents},
        )
    except (KeyError, TypeError, msgspec.ValidationError):
        raise Untrusted("the payload is not one of this version") from None


def open_document(sealed: str, own: Iterable[PrivateKey], document: Document) -> bytes:
    """Open an original, and check that it is the one which the signed payload lists. Raises NoKey, Untrusted."""
    content, header, _ = _decrypted(sealed, own)
    if hashlib.sha256(content).hexdigest() != document.digest or header.get("cty") != document.media_type:
        raise Untrusted("the document is not the one the payload names")
    return content


def check_consent(consent: Mapping[str, Any], broker: BrokerKeys) -> str:
    """Check that the broker signed a member of `consents` as it reads; its digest, as receipts name it.

    Keep the whole member: it is your proof of consent (GDPR art. 7(1)). Raises Untrusted.
    """
    signature = str(consent.get("signature"))
    if check_signature(signature, CONSENT_TYPE, "ES256", broker) != consent.get("receipt"):
        raise Untrusted("a consent receipt is not the one that was signed")
    return hashlib.sha256(signature.encode()).hexdigest()


def check_purge_receipt(receipt: str, broker: BrokerKeys, *, session_id: str | None = None) -> PurgeReceipt:
    """What a purge receipt says, when the broker signed it, and it is of this session if one is given.

    Raises Untrusted.
    """
    claims = check_signature(receipt, PURGE_TYPE, "ES256", broker)
    if session_id is not None and claims.get("sessionId") != session_id:
        raise Untrusted("the purge receipt belongs to another session")
    try:
        return msgspec.convert(claims, PurgeReceipt)
    except msgspec.ValidationError:
        raise Untrusted("the purge receipt is not one of this version") from None


def check_signature(token: str, kind: str, algorithm: LiteralString, broker: BrokerKeys) -> dict[str, Any]:
    """The JSON in a compact JWS of the broker, for this `kind` of document and by this algorithm. Raises Untrusted."""
    header = _header(token, parts=3)
    if header.get("typ") != kind:
        raise Untrusted("a signature is for another kind of document")
    key = broker.signing.get(str(header.get("kid")))
    if key is None:
        raise UnknownSigner("a signature names a key that the broker does not publish")
    signed = jws.JWS()
    signed.allowed_algs = [algorithm]
    try:
        signed.deserialize(token, key, algorithm)
        claims = json.loads(signed.payload)
    except (JWException, ValueError, RecursionError):
        raise Untrusted("a signature is not the broker's") from None
    if not isinstance(claims, dict):
        raise Untrusted("what was signed is no JSON object")
    return claims


def _decrypted(sealed: str, own: Iterable[PrivateKey]) -> tuple[bytes, dict[str, Any], PrivateKey]:
    """What is inside, the header, and the key of ours that opened it. Raises NoKey, Untrusted.

    A key that was registered under a name may have been given without it, or two under the same: opening tells.
    """
    header, ours = _header(sealed, parts=5), tuple(own)
    if "zip" in header:
        raise Untrusted("what is sealed to us is never compressed")
    named = tuple(key for key in ours if key.is_called(header.get("kid")))
    for key in named or ours:
        content = _opened_with(sealed, key)
        if content is not None:
            return content, header, key
    if not named:
        raise NoKey("this is sealed to a key that is not ours")
    raise Untrusted("this does not open")


def _opened_with(sealed: str, key: PrivateKey) -> bytes | None:
    """What is inside, if this key opens it, by the one algorithm of its kind."""
    token = jwe.JWE(algs=[key.seals_with[0], "A256GCM"])
    try:
        token.deserialize(sealed)
        token.decrypt(key.jwk)
    except (JWException, ValueError):
        return None
    return token.payload


def _header(token: str, parts: int) -> dict[str, Any]:
    """The protected header of a compact token, before anything of it is believed. Raises Untrusted."""
    pieces = token.split(".")
    try:
        header = json.loads(from_base64url(pieces[0])) if len(pieces) == parts else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise Untrusted("this is no sealed or signed text")
    return header
