"""WS-Security on SOAP 1.1 messages: signs ours, and gives of a signed answer nothing but what was signed.

What is signed and how is what the SuwiML WSDLs prescribe (Digikoppeling WUS, WB010): every header, a Timestamp and the
Body, exclusive C14N, SHA-2, the certificate along as a BinarySecurityToken that the signature refers to directly.
It knows no service. The signature itself is made and checked by signxml.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.signer import SignatureReference, XMLSigner
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

# lxml gives its element type no public name.
Element: TypeAlias = etree._Element  # pyright: ignore[reportPrivateUsage]

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = f"{_OASIS}wssecurity-secext-1.0.xsd"
WSU = f"{_OASIS}wssecurity-utility-1.0.xsd"
DS = "http://www.w3.org/2000/09/xmldsig#"
X509_TOKEN = f"{_OASIS}x509-token-profile-1.0#X509v3"
BASE64 = f"{_OASIS}soap-message-security-1.0#Base64Binary"
C14N = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0

VALID_SECONDS = 300  # how long a message of ours is fresh, and how long after the question an answer may be made
SKEW_SECONDS = 60  # by so much two clocks may differ
_ID = f"{{{WSU}}}Id"
_IDS = "//@*[local-name() = 'Id' or local-name() = 'ID' or local-name() = 'id']"
_SIGNATURES = frozenset({SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512})
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})


class Unsigned(Exception):
    """A message that is not signed as it must be. `args` says which rule it breaks, and nothing of the message."""


class Signer:
    """Signs messages with one key. Reading it happens once; making a signature costs about a millisecond."""

    def __init__(self, certificate_file: str, key_file: str) -> None:
        """Raises ValueError (naming no file) unless these are a certificate and its RSA key of 2048 bit or more."""
        certificate, self._key = _certificate(certificate_file), _private_key(key_file)
        if certificate.public_key() != self._key.public_key():
            raise ValueError("signing_certificate_file and signing_key_file are not a pair")
        self._token = b64encode(certificate.public_bytes(Encoding.DER)).decode()
        self._signer = XMLSigner(
            method=SignatureConstructionMethod.detached,
            signature_algorithm=SignatureMethod.RSA_SHA256,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=C14N,
        )

    def sign(self, envelope: Element, now: datetime) -> None:
        """Add a Security header, good from `now` for five minutes, that signs all other headers and the Body."""
        header, body = _part(envelope, "Header"), _part(envelope, "Body")
        security = etree.SubElement(header, _name(WSSE, "Security"), nsmap={"wsse": WSSE, "wsu": WSU})
        security.set(_name(SOAP, "mustUnderstand"), "1")
        token = etree.SubElement(
            security, _name(WSSE, "BinarySecurityToken"), ValueType=X509_TOKEN, EncodingType=BASE64
        )
        token.text = self._token
        signed = [token, _timestamp(security, now), *(one for one in header if one is not security), body]
        for one in signed:
            one.set(_ID, f"id-{uuid4()}")
        references = [SignatureReference(URI=f"#{one.get(_ID)}", c14n_method=C14N) for one in signed]
        security.append(
            self._signer.sign(
                envelope,
                key=self._key,
                reference_uri=references,
                key_info=_key_info(token.get(_ID, "")),
                id_attribute="Id",
            )
        )


class Verifier:
    """Checks that answers are signed by a certificate in `authority_file`, or by one that was issued by one in it."""

    def __init__(self, authority_file: str) -> None:
        """Raises ValueError (naming no file) when there are no certificates in it."""
        try:
            self._trusted = x509.load_pem_x509_certificates(Path(authority_file).read_bytes())
        except (OSError, ValueError):
            raise ValueError("the answer_authority_file has no certificates in PEM") from None

    def body(self, envelope: Element, now: datetime) -> Element:
        """The Body as it was signed, of an answer to a question that was asked at `now` (UTC). Raises Unsigned.

        The signature must cover the one Body that stands directly in the envelope, and the Timestamp, made after the
        question. What is given back is read from the bytes that were signed: what a signature does not cover (a moved
        or doubled Body, an element under a doubled Id) cannot get in.
        """
        security, body = _security(envelope), _part(envelope, "Body")
        timestamp = _one(security, WSU, "Timestamp")
        _check_ids(envelope)
        _check_fresh(timestamp, now)
        order = _references(security)
        if body.get(_ID) not in order or timestamp.get(_ID) not in order:
            raise Unsigned("the signature does not cover Body and Timestamp")
        results = self._verified(envelope, self._signer(security, now), now)
        signed = results[order.index(body.get(_ID, ""))].signed_xml
        if signed is None or signed.tag != body.tag:
            raise Unsigned("what is signed is not the Body")
        return signed

    def _signer(self, security: Element, now: datetime) -> x509.Certificate:
        """The certificate that the signature refers to, when we trust it."""
        token = _one(security, WSSE, "BinarySecurityToken")
        keys = security.findall(
            f"{{{DS}}}Signature/{{{DS}}}KeyInfo/{{{WSSE}}}SecurityTokenReference/{{{WSSE}}}Reference"
        )
        if [key.get("URI") for key in keys] != [f"#{token.get(_ID)}"] or token.get("ValueType") != X509_TOKEN:
            raise Unsigned("the signature does not refer to the one certificate in the message")
        try:
            certificate = x509.load_der_x509_certificate(b64decode(token.text or ""))
        except ValueError:
            raise Unsigned("the certificate cannot be read") from None
        if certificate not in self._trusted:
            self._check_chain(certificate, now)
        return certificate

    def _check_chain(self, certificate: x509.Certificate, now: datetime) -> None:
        ends = ExtensionPolicy.permit_all().may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
        policy = PolicyBuilder().store(Store(self._trusted)).time(now)
        policy = policy.extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ends)
        try:
            policy.build_client_verifier().verify(certificate, [])
        except (VerificationError, ValueError):
            raise Unsigned("the certificate is not from whom it must be") from None

    def _verified(self, envelope: Element, signer: x509.Certificate, now: datetime) -> list[VerifyResult]:
        """One result per reference, in their order."""
        config = SignatureConfiguration(
            expect_references=True,  # any number: which they must be has been judged
            signature_methods=_SIGNATURES,
            digest_algorithms=_DIGESTS,
            verification_time=now,
        )
        try:
            results = XMLVerifier().verify(envelope, x509_cert=signer, id_attribute="Id", expect_config=config)
        except (SignXMLException, ValueError, TypeError, KeyError, etree.LxmlError):
            results = None  # raised below and not here, so that nothing of the message hides in the exception's context
        if not isinstance(results, list):
            raise Unsigned("the signature does not hold")
        return results


def _timestamp(security: Element, now: datetime) -> Element:
    timestamp = etree.SubElement(security, _name(WSU, "Timestamp"))
    for tag, at in (("Created", now), ("Expires", now + timedelta(seconds=VALID_SECONDS))):
        moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        etree.SubElement(timestamp, _name(WSU, tag)).text = moment
    return timestamp


def _key_info(token_id: str) -> Element:
    info = etree.Element(_name(DS, "KeyInfo"), nsmap={"ds": DS})
    reference = etree.SubElement(info, _name(WSSE, "SecurityTokenReference"), nsmap={"wsse": WSSE})
    etree.SubElement(reference, _name(WSSE, "Reference"), URI=f"#{token_id}", ValueType=X509_TOKEN)
    return info


def _part(envelope: Element, name: str) -> Element:
    if envelope.tag != _name(SOAP, "Envelope"):
        raise Unsigned("not a SOAP envelope")
    return _one(envelope, SOAP, name)


def _security(envelope: Element) -> Element:
    """The Security header, with the one signature of the whole message in it."""
    security = _one(_part(envelope, "Header"), WSSE, "Security")
    signature = _one(security, DS, "Signature")
    if list(envelope.iter(_name(DS, "Signature"))) != [signature]:
        raise Unsigned("more than one signature")
    return security


def _one(parent: Element, namespace: str, name: str) -> Element:
    found = parent.findall(_name(namespace, name))
    if len(found) != 1:
        raise Unsigned(f"not one {name} where it must be")
    return found[0]


def _check_ids(envelope: Element) -> None:
    """A doubled Id is how one element is signed and another read."""
    found = envelope.xpath(_IDS)
    ids = [str(one) for one in found] if isinstance(found, list) else []
    if len(ids) != len(set(ids)):
        raise Unsigned("an Id that occurs twice")


def _references(security: Element) -> list[str]:
    """The Ids of what the signature covers, in its order; all of them plain elements, canonicalised and no more."""
    path = f"{{{DS}}}Signature/{{{DS}}}SignedInfo/{{{DS}}}Reference"
    found = list(security.iterfind(path))
    if any(not (one.get("URI") or "").startswith("#") or list(_transforms(one)) != [C14N.value] for one in found):
        raise Unsigned("a reference that is not to an element, by exclusive C14N")
    return [(one.get("URI") or "").removeprefix("#") for one in found]


def _transforms(reference: Element) -> Iterator[str | None]:
    return (one.get("Algorithm") for one in reference.iterfind(f"{{{DS}}}Transforms/{{{DS}}}Transform"))


def _check_fresh(timestamp: Element, now: datetime) -> None:
    """Made after the question (but for the clocks' difference) and not long after: an older one is a repetition."""
    created, expires = (_moment(timestamp.findtext(_name(WSU, tag))) for tag in ("Created", "Expires"))
    skew = timedelta(seconds=SKEW_SECONDS)
    if created is None or not now - skew <= created <= now + timedelta(seconds=VALID_SECONDS) + skew:
        raise Unsigned("the Timestamp is not of now")
    if expires is not None and expires < now - skew:
        raise Unsigned("the Timestamp has expired")


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _may_sign(policy: object, certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    del policy, certificate
    if usage is not None and not usage.digital_signature and not usage.content_commitment:
        raise ValueError("not a certificate to sign with")


def _certificate(path: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(Path(path).read_bytes())
    except (OSError, ValueError):
        raise ValueError("the signing_certificate_file has no certificate in PEM") from None


def _private_key(path: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(Path(path).read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size < 2048:
        raise ValueError("the signing_key_file has no private RSA key of 2048 bit or more, in PEM without a password")
    return key


def _name(namespace: str, local: str) -> str:
    return f"{{{namespace}}}{local}"
