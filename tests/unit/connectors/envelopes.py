"""WS-Security by hand, with lxml's C14N and a bare RSA signature: the second opinion on what the product makes.

Shares no code with it, nor its library for signatures.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from tests.unit.connectors.pki import Issued

# lxml gives its element type no public name.
Element: TypeAlias = etree._Element  # pyright: ignore[reportPrivateUsage]
OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
NS = {
    "e": "http://schemas.xmlsoap.org/soap/envelope/",
    "a": "http://www.w3.org/2005/08/addressing",
    "o": f"{OASIS}wssecurity-secext-1.0.xsd",
    "u": f"{OASIS}wssecurity-utility-1.0.xsd",
    "d": "http://www.w3.org/2000/09/xmldsig#",
}
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
ID = f"{{{NS['u']}}}Id"


def c14n(element: Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def digest(element: Element) -> str:
    return b64encode(hashlib.sha256(c14n(element)).digest()).decode()


def signed(
    content: str,
    signer: Issued,
    created: datetime,
    *,
    covered: tuple[str, ...] = ("time", "body"),
    expires: timedelta = timedelta(minutes=5),
    transforms: tuple[str, ...] = (EXCLUSIVE,),
    value_type: str = f"{OASIS}x509-token-profile-1.0#X509v3",
) -> Element:
    """An envelope around `content`, of which the parts with the Ids `covered` are signed."""
    token = b64encode(signer.certificate.public_bytes(Encoding.DER)).decode()
    moments = (moment(created), moment(created + expires))
    envelope = etree.fromstring(
        f'<e:Envelope xmlns:e="{NS["e"]}" xmlns:u="{NS["u"]}"><e:Header><o:Security xmlns:o="{NS["o"]}">'
        f'<o:BinarySecurityToken u:Id="token" ValueType="{value_type}">{token}</o:BinarySecurityToken>'
        f'<u:Timestamp u:Id="time"><u:Created>{moments[0]}</u:Created><u:Expires>{moments[1]}</u:Expires></u:Timestamp>'
        f'</o:Security></e:Header>\n<e:Body u:Id="body">{content}</e:Body>\n</e:Envelope>'
    )
    references = "".join(_reference(envelope, part, transforms) for part in covered)
    signature = etree.fromstring(
        f'<d:Signature xmlns:d="{NS["d"]}"><d:SignedInfo><d:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
        f'<d:SignatureMethod Algorithm="{RSA_SHA256}"/>{references}</d:SignedInfo><d:SignatureValue/>'
        f'<d:KeyInfo><o:SecurityTokenReference xmlns:o="{NS["o"]}"><o:Reference URI="#token"/>'
        "</o:SecurityTokenReference></d:KeyInfo></d:Signature>"
    )
    part(envelope, "e:Header/o:Security").append(signature)
    value = signer.key.sign(c14n(signature[0]), padding.PKCS1v15(), hashes.SHA256())
    signature[1].text = b64encode(value).decode()
    return envelope


def verified(envelope: Element) -> tuple[x509.Certificate, list[Element]]:
    """The certificate and everything it signed, in its order. Raises AssertionError or InvalidSignature."""
    [token] = found(envelope, "e:Header/o:Security/o:BinarySecurityToken")
    [named] = found(envelope, "e:Header/o:Security/d:Signature/d:KeyInfo/o:SecurityTokenReference/o:Reference")
    assert named.get("URI") == f"#{token.get(ID)}"
    assert (token.get("ValueType"), token.get("EncodingType")) == (
        f"{OASIS}x509-token-profile-1.0#X509v3",
        f"{OASIS}soap-message-security-1.0#Base64Binary",
    )
    certificate = x509.load_der_x509_certificate(b64decode(token.text or ""))
    information = part(envelope, "e:Header/o:Security/d:Signature/d:SignedInfo")
    assert part(information, "d:CanonicalizationMethod").get("Algorithm") == EXCLUSIVE
    assert part(information, "d:SignatureMethod").get("Algorithm") == RSA_SHA256
    value = b64decode(part(envelope, "e:Header/o:Security/d:Signature/d:SignatureValue").text or "")
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(value, c14n(information), padding.PKCS1v15(), hashes.SHA256())
    return certificate, [_referred(envelope, one) for one in found(information, "d:Reference")]


def _referred(envelope: Element, reference: Element) -> Element:
    assert [one.get("Algorithm") for one in found(reference, "d:Transforms/d:Transform")] == [EXCLUSIVE]
    assert part(reference, "d:DigestMethod").get("Algorithm") == SHA256
    [element] = [one for one in envelope.iter() if f"#{one.get(ID)}" == reference.get("URI")]
    assert part(reference, "d:DigestValue").text == digest(element)
    return element


def _reference(envelope: Element, id_: str, transforms: tuple[str, ...]) -> str:
    [element] = [one for one in envelope.iter() if one.get(ID) == id_]
    applied = "".join(f'<d:Transform Algorithm="{one}"/>' for one in transforms)
    return (
        f'<d:Reference URI="#{id_}"><d:Transforms>{applied}</d:Transforms><d:DigestMethod Algorithm="{SHA256}"/>'
        f"<d:DigestValue>{digest(element)}</d:DigestValue></d:Reference>"
    )


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def found(element: Element, path: str) -> list[Element]:
    return element.findall(path, NS)


def part(element: Element, path: str) -> Element:
    [only] = found(element, path)
    return only
