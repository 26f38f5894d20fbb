"""What every SuwiML message shares: the SOAP envelope around it, its value types, and what its errors mean to us.

Knows no service: which operations exist and what their elements mean is each source's own business. Source of the
rules: SuwiML Transactiestandaard 4.0, Basisschema v0801 and FWI v0205 (Fout, Waarschuwing, Informatie).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from lxml import etree

from connectors.access import Access, Client, unaccepted
from connectors.contract import Context, SourceError
from connectors.outbound import Answer
from connectors.unread import Block
from connectors.wsse import SOAP, Element, Signer, Unsigned, Verifier
from schemas.base import PartialDate, partial_date

ADDRESSING = "http://www.w3.org/2005/08/addressing"
MAX_BYTES = 4_000_000

_EXPECTED_STATUSES = frozenset({200, 500})  # SOAP 1.1 over HTTP: a fault travels with status 500


class SuwiAccess(Access, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a SuwiML service may be asked: over TLS as every source, and signed where the service wants that (PEM files).

    `answer_authority_file` has the certificate that answers are signed with, or the one it was issued by; with it an
    answer that is not signed so is refused.
    """

    signing_certificate_file: str | None = None
    signing_key_file: str | None = None
    answer_authority_file: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.signing_certificate_file is None) != (self.signing_key_file is None):
            raise ValueError("signing_certificate_file and signing_key_file belong together")


class Service:
    """Asks a SuwiML service. Belongs to the event loop that first uses it."""

    def __init__(self, access: SuwiAccess) -> None:
        """Raises ValueError when a file that the settings name cannot be used."""
        self._client = Client(access)
        self._signer: Signer | None = None
        if access.signing_certificate_file is not None and access.signing_key_file is not None:
            self._signer = Signer(access.signing_certificate_file, access.signing_key_file)
        self._verifier = Verifier(access.answer_authority_file) if access.answer_authority_file is not None else None

    async def ask(self, context: Context, url: str, action: str, request: Element) -> Element:
        """Send one operation and return its answer, `<Operation>Response` in the request's namespace.

        `action` is the WS-Addressing action of the operation in the service's WSDL (whose soapAction is empty). Raises
        SourceError for everything that is not such an answer.
        """
        answer = await self._client.ask(
            context,
            "POST",
            url,
            headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'},
            body=lambda: self._message(request, action, url, context.now),
            max_bytes=MAX_BYTES,
        )
        response = self._answered(answer, context.now)
        name = etree.QName(request)
        if etree.QName(response).text != f"{name.text}Response":
            raise SourceError("unreadable", "the answer is of another operation")
        return response

    def _message(self, request: Element, action: str, url: str, now: datetime) -> bytes:
        message = enveloped(request, action=action, to=url)
        if self._signer is not None:
            self._signer.sign(message, now)
        return etree.tostring(message, xml_declaration=True, encoding="UTF-8")

    def _answered(self, answer: Answer, now: datetime) -> Element:
        if answer.status not in _EXPECTED_STATUSES:
            raise unaccepted(answer.status)
        try:
            response = parse_envelope(answer.body, self._verifier, now)
        except SourceError as error:
            # A 500 that is no SOAP fault comes from something in front of the service: an outage, not an answer.
            if answer.status == 500 and error.failed.kind == "unreadable":
                raise unaccepted(answer.status) from None
            raise
        if answer.status == 500:
            raise unaccepted(answer.status)
        return response


def enveloped(request: Element, *, action: str, to: str) -> Element:
    """A SOAP 1.1 envelope, which takes `request` in, with the WS-Addressing headers that the services' WSDL requires.

    The MessageID is new every time.
    """
    root = etree.Element(_name(SOAP, "Envelope"), nsmap={"soapenv": SOAP, "smls": etree.QName(request).namespace or ""})
    header = etree.SubElement(root, _name(SOAP, "Header"), nsmap={"wsa": ADDRESSING})
    for tag, text in (("To", to), ("Action", action), ("MessageID", f"urn:uuid:{uuid4()}")):
        etree.SubElement(header, _name(ADDRESSING, tag)).text = text
    etree.SubElement(root, _name(SOAP, "Body")).append(request)
    return root


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


def parse_envelope(body: bytes, verifier: Verifier | None = None, now: datetime | None = None) -> Element:
    """The answer inside the SOAP Body; with a `verifier` the answer as it was signed, to a question asked at `now`.

    Raises SourceError: `unreadable` for what is no SOAP message (HTML, a DOCTYPE, two bodies) or is not signed as it
    must be, `refused` when the request or its sender is not accepted, `unavailable` when the service reports that it
    failed. Such a report is believed unsigned: it brings no data.
    """
    root = read_xml(body)
    bodies = root.findall(_name(SOAP, "Body")) if root.tag == _name(SOAP, "Envelope") else []
    content = _content(bodies)
    _raise_for_fault(content)
    _raise_for_fwi(content)
    if verifier is None or now is None:
        return content
    try:
        return _content([verifier.body(root, now)])
    except Unsigned as error:
        raise SourceError("unreadable", f"the answer is not signed as it must be: {error}") from None


def _content(bodies: list[Element]) -> Element:
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise SourceError("unreadable", "not a SOAP message with one body")
    return bodies[0][0]


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
    return element.iterchildren("{*}" + name)


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


def departs(element: Element, block: Block) -> bool:
    """Whether something stands in `element` that its schema does not know, or something is missing that it requires."""
    named = [(etree.QName(each).localname, each) for each in element]
    told = {name for name, each in named if len(each) or (each.text or "").strip()}
    if not block.must <= told or not {name for name, _ in named} <= block.must | block.may:
        return True
    return any(departs(each, block.inside[name]) for name, each in named if name in block.inside)


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
