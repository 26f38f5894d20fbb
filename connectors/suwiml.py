"""What every SuwiML message shares: the SOAP envelope around it, its value types, and what its errors mean to us.

Knows no service: which operations exist and what their elements mean is each source's own business. Source of the
rules: SuwiML Transactiestandaard 4.0, Basisschema v0801 and FWI v0205 (Fout, Waarschuwing, Informatie).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TypeAlias
from uuid import uuid4

from lxml import etree

from connectors.contract import FailureKind, SourceError
from connectors.outbound import Answer, Door, OutboundError
from schemas.base import PartialDate, partial_date

# lxml gives its element type no public name.
Element: TypeAlias = etree._Element  # pyright: ignore[reportPrivateUsage]

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ADDRESSING = "http://www.w3.org/2005/08/addressing"
MAX_BYTES = 4_000_000

_EXPECTED_STATUSES = frozenset({200, 500})  # SOAP 1.1 over HTTP: a fault travels with status 500


async def ask(
    door: Door,
    url: str,
    action: str,
    request_body: Element,
    *,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = 12.0,
) -> Element:
    """Send one operation and return its answer, `<Operation>Response` in the request's namespace.

    `action` is the WS-Addressing action of the operation in the service's WSDL (whose soapAction is empty). Raises
    SourceError for everything that is not such an answer.
    """
    name = etree.QName(request_body)
    body = envelope(name.namespace or "", request_body, action=action, to=url)
    sent = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""', **(headers or {})}
    try:
        answer = await door.request(
            "POST", url, headers=sent, body=body, timeout_seconds=timeout_seconds, max_bytes=MAX_BYTES
        )
    except OutboundError as error:
        raise unreachable(error) from None
    response = _answered(answer)
    if etree.QName(response).text != f"{name.text}Response":
        raise SourceError("unreadable", "the answer is of another operation")
    return response


def envelope(namespace: str, body: Element, *, action: str | None = None, to: str | None = None) -> bytes:
    """A SOAP 1.1 envelope around `body`, an element of the service's `namespace`.

    With `action` and `to` it carries the WS-Addressing headers that the services' WSDL requires.
    """
    root = etree.Element(_name(SOAP, "Envelope"), nsmap={"soapenv": SOAP, "smls": namespace})
    if action is not None and to is not None:
        header = etree.SubElement(root, _name(SOAP, "Header"), nsmap={"wsa": ADDRESSING})
        for tag, text in (("To", to), ("Action", action), ("MessageID", f"urn:uuid:{uuid4()}")):
            etree.SubElement(header, _name(ADDRESSING, tag)).text = text
    etree.SubElement(root, _name(SOAP, "Body")).append(body)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def operation(namespace: str, name: str, bsn: str) -> Element:
    """A request element of the service's `namespace` about one person; its children are unqualified."""
    request = etree.Element(_name(namespace, name), nsmap={"smls": namespace})
    add(request, "Burgerservicenr", bsn)
    return request


def add(parent: Element, name: str, value: str | None = None) -> Element:
    """Append an unqualified child to a message under construction."""
    child = etree.SubElement(parent, name)
    child.text = value
    return child


def parse_envelope(body: bytes) -> Element:
    """The answer inside the SOAP Body.

    Raises SourceError: `unreadable` for what is no SOAP message (HTML, a DOCTYPE, two bodies), `refused` when the
    request or its sender is not accepted, `unavailable` when the service reports that it failed.
    """
    root = read_xml(body)
    bodies = root.findall(_name(SOAP, "Body")) if root.tag == _name(SOAP, "Envelope") else []
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise SourceError("unreadable", "not a SOAP message with one body")
    content = bodies[0][0]
    _raise_for_fault(content)
    _raise_for_fwi(content)
    return content


def read_xml(body: bytes) -> Element:
    """Parse a document from outside: no DTD, entities, network or huge trees; comments and instructions dropped.

    Raises SourceError(unreadable), also for any DOCTYPE: no message of a source has one, every XML attack does.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise SourceError("unreadable", "not well-formed XML") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise SourceError("unreadable", "a document with a DOCTYPE")
    return root


def children(element: Element, name: str) -> Iterator[Element]:
    """The children called `name`. SuwiML children are unqualified; a sender that qualifies them is understood too."""
    return element.iterchildren(name, "{*}" + name)


def child(element: Element | None, *path: str) -> Element | None:
    """The first element at `path` below `element`, or None."""
    for name in path:
        if element is None:
            return None
        element = next(children(element, name), None)
    return element


def text(element: Element | None, *path: str) -> str | None:
    """The trimmed text at `path` below `element`; None when it is missing or empty."""
    found = child(element, *path)
    return ((found.text or "").strip() or None) if found is not None else None


def nothing_found(response: Element) -> bool:
    """Whether the source answered that it knows nothing about this person (FWI NietsGevonden)."""
    return child(response, "NietsGevonden") is not None


def remarks(response: Element) -> tuple[str, ...]:
    """The texts of the warnings and notices (FWI Waarschuwing, Informatie) that come with an answer."""
    fwi = child(response, "FWI")
    notices = () if fwi is None else (*children(fwi, "Waarschuwing"), *children(fwi, "Informatie"))
    return tuple(found for notice in notices if (found := text(notice, "Tekst")))


def client_of(response: Element, bsn: str) -> Element | None:
    """The ClientSuwi of an answer about one person, None when the source knows nothing about them.

    Raises SourceError when it is about somebody else, or says neither the one nor the other.
    """
    if nothing_found(response):
        return None
    client = child(response, "ClientSuwi")
    if client is None:
        raise SourceError("unavailable", "the answer is about nobody")
    check_person(client, bsn)
    return client


def check_person(client: Element, bsn: str) -> None:
    """Raise SourceError(wrong-person) unless `client` (a ClientSuwi) is about `bsn`."""
    if text(client, "Burgerservicenr") != bsn:
        raise SourceError("wrong-person", "the answer is about another person", retryable=False)


def amount(element: Element | None) -> Decimal | None:
    """A StandaardBedr in euro: WaardeBedr counts cents, the sign stands in CdPositiefNegatief.

    None when there is no amount. Raises SourceError when it is no number or not in euro.
    """
    cents = text(element, "WaardeBedr")
    if cents is None:
        return None
    if not (cents.isascii() and cents.isdigit() and len(cents) <= 18):
        raise SourceError("unreadable", "an amount is not a number of cents")
    if text(element, "CdMunteenheid") not in (None, "EUR"):
        raise SourceError("unreadable", "an amount is not in euro")
    euro = Decimal(cents).scaleb(-2)
    return -euro if text(element, "CdPositiefNegatief") == "-" else euro


def date(value: str | None) -> PartialDate | None:
    """A Datum (YYYYMMDD, zeros for what is unknown, year 9999 for an open end). Raises SourceError for another form."""
    try:
        return partial_date(value)
    except ValueError:
        raise SourceError("unreadable", "a date is not of the form YYYYMMDD") from None


def flag(value: str | None) -> bool | None:
    """A StdIndJN: 1 is yes, 2 is no; anything else means that it is not known."""
    return {"1": True, "2": False}.get(value or "")


def integer(value: str | None) -> int | None:
    """A whole number of at most nine digits, possibly negative. Raises SourceError for another form."""
    if value is None:
        return None
    digits = value.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise SourceError("unreadable", "a count is not a whole number")
    return -int(digits) if value.startswith("-") else int(digits)


def unreachable(error: OutboundError) -> SourceError:
    """What it means for a source that the door got no usable answer."""
    kinds: dict[str, FailureKind] = {"timeout": "timeout", "too-large": "unreadable", "redirect": "unreadable"}
    return SourceError(kinds.get(error.kind, "unavailable"), f"no usable answer: {error.kind}")


def unaccepted(status: int) -> SourceError:
    """What it means for a source that it answered with an HTTP `status` other than success."""
    if status in (408, 504):
        return SourceError("timeout", f"HTTP status {status}")
    if status == 429 or status >= 500:
        return SourceError("unavailable", f"HTTP status {status}")
    return SourceError("refused", f"HTTP status {status}", retryable=False)


def _answered(answer: Answer) -> Element:
    if answer.status not in _EXPECTED_STATUSES:
        raise unaccepted(answer.status)
    try:
        response = parse_envelope(answer.body)
    except SourceError as error:
        # A 500 that is no SOAP fault comes from something in front of the service: that is an outage, not an answer.
        if answer.status == 500 and error.failed.kind == "unreadable":
            raise unaccepted(answer.status) from None
        raise
    if answer.status == 500:
        raise unaccepted(answer.status)
    return response


def _raise_for_fault(content: Element) -> None:
    """SOAP 1.1, 4.4.1: a fault code is a qualified name, Client when the request is to blame, with dotted details."""
    if content.tag != _name(SOAP, "Fault"):
        return
    code = (text(content, "faultcode") or "").rpartition(":")[2].partition(".")[0]
    if code in ("Client", "MustUnderstand", "VersionMismatch"):
        raise SourceError("refused", "SOAP fault: the request was not accepted", retryable=False)
    raise SourceError("unavailable", "SOAP fault: the service failed")


def _raise_for_fwi(content: Element) -> None:
    if child(content, "FWI", "Fout") is not None or etree.QName(content).localname == "Fout":
        raise SourceError("unavailable", "the service reports an error (FWI Fout)")
    for name in ("NietGerechtigd", "NietVanToepassing"):
        if child(content, name) is not None:
            raise SourceError("refused", f"the service does not answer us (FWI {name})", retryable=False)


def _name(namespace: str, local: str) -> str:
    return f"{{{namespace}}}{local}"
