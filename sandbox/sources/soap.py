"""The envelope around the pretend SuwiML services: what a question is, and how an answer or a refusal is wrapped.

SOAP 1.1; the payload's root is in the service's namespace, everything below it in none (SuwiML schemas, `unqualified`).
"""

from __future__ import annotations

import msgspec
from lxml import etree

from sandbox.sources.wire import Json, add

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_FWI = "http://bkwi.nl/SuwiML/FWI/v0205"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question: which operation, about whom, and what else was said (by element name)."""

    operation: str
    namespace: str
    bsn: str
    rest: dict[str, str]


def asked(body: bytes) -> Asked | None:
    """Read the question, or None when it is not a SOAP message about one BSN."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        envelope = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        return None
    question = envelope.find(f"{{{_SOAP}}}Body/*")
    if envelope.tag != f"{{{_SOAP}}}Envelope" or question is None:
        return None
    name = etree.QName(question)
    leaves = {str(leaf.tag): (leaf.text or "").strip() for leaf in question.iter(etree.Element) if len(leaf) == 0}
    bsn = leaves.pop("Burgerservicenr", "")
    return Asked(operation=name.localname, namespace=name.namespace or "", bsn=bsn, rest=leaves) if bsn else None


def enveloped(namespace: str, operation: str, members: dict[str, Json]) -> bytes:
    """The answer of `operation` with `members`; without any it says that nothing was found (`NietsGevonden`)."""
    envelope = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soapenv": _SOAP})
    body = etree.SubElement(envelope, f"{{{_SOAP}}}Body")
    reply = etree.SubElement(body, f"{{{namespace}}}{operation}Response", nsmap={"svc": namespace, "fwi": _FWI})
    for name, value in members.items():
        add(reply, name, value)
    if not members:
        etree.SubElement(reply, f"{{{_FWI}}}NietsGevonden")
    return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)


def refused(code: str, text: str) -> bytes:
    """A SOAP fault carrying the framework's own error message."""
    envelope = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soapenv": _SOAP})
    fault = etree.SubElement(etree.SubElement(envelope, f"{{{_SOAP}}}Body"), f"{{{_SOAP}}}Fault")
    add(fault, "faultcode", "soapenv:Client")
    add(fault, "faultstring", "AanvraagNietOk")
    error = etree.SubElement(etree.SubElement(fault, "detail"), f"{{{_FWI}}}Fout")
    add(error, "Code", code)
    add(error, "Tekst", text)
    add(error, "Bron", {"DN": "CN=zandbak"})
    return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)


def day(text: str) -> str | None:
    """An ISO date as `YYYYMMDD`, zeros for what is unknown; None for nothing."""
    return text.replace("-", "").ljust(8, "0") if text else None
