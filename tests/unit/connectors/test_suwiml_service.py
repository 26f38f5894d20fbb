"""A SuwiML service over a real socket, signed and not: what it is sent, what it may answer, what each refusal says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from lxml import etree

from connectors import suwiml
from connectors.contract import Context, SourceError, Subject
from connectors.outbound import Door, host_port
from connectors.suwiml import Service, SuwiAccess
from tests.unit.connectors.envelopes import NS, Element, part, signed, verified
from tests.unit.connectors.pki import Authority, Issued

NAMESPACE = "http://bkwi.nl/SuwiML/Diensten/VoorbeeldGSD/v0100"
ACTION = "http://bkwi.nl/SuwiML/Diensten/VoorbeeldGSD-v0100/Vraag"
FWI = "http://bkwi.nl/SuwiML/FWI/v0205"
BSN = "999990019"
NOW = datetime.now(UTC).replace(microsecond=0)


def content(inside: str = "<Naam>Echt</Naam>", name: str = "VraagResponse") -> str:
    return f'<r:{name} xmlns:r="{NAMESPACE}" xmlns:f="{FWI}">{inside}</r:{name}>'


def soap(inside: str) -> bytes:
    return f'<s:Envelope xmlns:s="{suwiml.SOAP}"><s:Body>{inside}</s:Body></s:Envelope>'.encode()


def written(envelope: Element) -> bytes:
    return etree.tostring(envelope)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def source(authority: Authority) -> Issued:
    return authority.issue("source")


class Asked(msgspec.Struct, frozen=True):
    """One request as the service saw it."""

    method: str
    content_type: str | None
    action: str | None
    message: Element


@asynccontextmanager
async def answering(body: bytes, status: int = 200) -> AsyncGenerator[tuple[Context, str, list[Asked]]]:
    """A service with one answer, a context whose door leads to it, its address and what it was asked."""
    seen: list[Asked] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        headers = request.headers
        message = etree.fromstring(await request.read())
        seen.append(Asked(request.method, headers.get("Content-Type"), headers.get("SOAPAction"), message))
        return web.Response(status=status, body=body, content_type="text/xml")

    async def progress(_: str) -> None: ...

    app = web.Application()
    app.router.add_route("*", "/", handler)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        door = Door.configured(frozenset({host_port(url)}))
        subject = Subject(bsn=BSN, level="low")
        try:
            yield (
                Context(subject=subject, fields=frozenset(), door=door, now=NOW, request_id="r1", progress=progress),
                url,
                seen,
            )
        finally:
            await door.close()


async def put(context: Context, url: str, access: SuwiAccess) -> str | None:
    answer = await Service(access).ask(context, url, ACTION, suwiml.operation(NAMESPACE, "Vraag", BSN))
    return suwiml.text(answer, "Naam")


async def refused(body: bytes, access: SuwiAccess, status: int = 200) -> tuple[str, bool, str | None]:
    async with answering(body, status) as (context, url, _):
        with pytest.raises(SourceError) as caught:
            await put(context, url, access)
    failed = caught.value.failed
    return failed.kind, failed.retryable, failed.detail


async def test_a_question_is_one_addressed_post() -> None:
    """SOAP 1.1 in UTF-8 with an empty SOAPAction, To, Action and a new MessageID; without a key, unsigned."""
    async with answering(soap(content())) as (context, url, seen):
        assert await put(context, url, SuwiAccess()) == "Echt"
        assert await put(context, url, SuwiAccess()) == "Echt"
    for asked in seen:
        assert (asked.method, asked.content_type, asked.action) == ("POST", "text/xml; charset=utf-8", '""')
        header = part(asked.message, "e:Header")
        assert [etree.QName(one).localname for one in header] == ["To", "Action", "MessageID"]
        assert (part(header, "a:To").text, part(header, "a:Action").text) == (url, ACTION)
        (question,) = part(asked.message, "e:Body")
        assert (question.tag, [(one.tag, one.text) for one in question]) == (
            f"{{{NAMESPACE}}}Vraag",
            [("Burgerservicenr", BSN)],
        )
        assert asked.message.getroottree().docinfo.encoding == "UTF-8"
    numbers = {part(asked.message, "e:Header/a:MessageID").text or "" for asked in seen}
    assert len(numbers) == 2
    assert all(number.startswith("urn:uuid:") for number in numbers)


async def test_a_signed_question_gets_a_signed_answer(authority: Authority, source: Issued) -> None:
    """With a key the question is signed now, with it; with an authority only an answer it vouches for is read."""
    access = SuwiAccess(
        signing_certificate_file=source.certificate_file,
        signing_key_file=source.key_file,
        answer_authority_file=authority.file,
    )
    async with answering(written(signed(content(), source, NOW))) as (context, url, seen):
        assert await put(context, url, access) == "Echt"
    certificate, parts = verified(seen[0].message)
    assert certificate == source.certificate
    assert {etree.QName(one).localname for one in parts} >= {"Body", "To", "Action", "MessageID", "Timestamp"}
    created = part(seen[0].message, "e:Header/o:Security/u:Timestamp/u:Created").text
    assert created is not None
    assert created.startswith(NOW.strftime("%Y-%m-%dT%H:%M:%S"))


async def test_what_is_not_signed_as_it_must_be_is_not_read(authority: Authority, source: Issued) -> None:
    """Not at all, before the question, or around other content: none of it gets in, and the detail says why."""
    access = SuwiAccess(answer_authority_file=authority.file)
    late = signed(content(), source, NOW - timedelta(hours=1))
    changed = signed(content(), source, NOW)
    part(changed, "e:Body")[0][0].text = "Vals"
    for body in (soap(content()), written(late), written(changed)):
        kind, retryable, detail = await refused(body, access)
        assert (kind, retryable) == ("unreadable", True)
        assert (detail or "").startswith("the answer is not signed as it must be: ")
    fault = soap("<s:Fault><faultcode>s:Client</faultcode></s:Fault>")
    assert await refused(fault, access, 500) == ("refused", False, "SOAP fault: the request was not accepted")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, soap(content(name="AndersResponse")), ("unreadable", True, "the answer is of another operation")),
        (
            200,
            soap(content().replace(NAMESPACE, "http://elders.example/")),
            ("unreadable", True, "the answer is of another operation"),
        ),
        (200, b"<html/>", ("unreadable", True, "not a SOAP message with one body")),
        (500, b"<html/>", ("unavailable", True, "HTTP status 500")),
        (500, soap(content()), ("unavailable", True, "HTTP status 500")),
        (503, soap(content()), ("unavailable", True, "HTTP status 503")),
        (404, soap(content()), ("refused", False, "HTTP status 404")),
        (201, soap(content()), ("refused", False, "HTTP status 201")),
    ],
)
async def test_a_refusal_says_which(status: int, body: bytes, expected: tuple[str, bool, str]) -> None:
    """Another operation, another namespace, no SOAP, or a status that is no answer, each in the log's own words."""
    assert await refused(body, SuwiAccess(), status) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<a>", ("unreadable", True, "not well-formed XML")),
        (b"<!DOCTYPE a><a/>", ("unreadable", True, "a document with a DOCTYPE")),
        (b"<a/>", ("unreadable", True, "not a SOAP message with one body")),
        (
            soap("<s:Fault><faultcode>s:MustUnderstand</faultcode></s:Fault>"),
            ("refused", False, "SOAP fault: the request was not accepted"),
        ),
        (
            soap("<s:Fault><faultcode>VersionMismatch</faultcode></s:Fault>"),
            ("refused", False, "SOAP fault: the request was not accepted"),
        ),
        (
            soap("<s:Fault><faultcode>a:b:Client.X.Y</faultcode></s:Fault>"),
            ("refused", False, "SOAP fault: the request was not accepted"),
        ),
        (
            soap("<s:Fault><faultcode>s:Server.Client</faultcode></s:Fault>"),
            ("unavailable", True, "SOAP fault: the service failed"),
        ),
        (soap("<s:Fault/>"), ("unavailable", True, "SOAP fault: the service failed")),
        (soap(content("<f:FWI><Fout/></f:FWI>")), ("unavailable", True, "the service reports an error (FWI Fout)")),
        (
            soap(f'<f:Fout xmlns:f="{FWI}"/>'),
            ("unavailable", True, "the service reports an error (FWI Fout)"),
        ),
        (
            soap(content("<f:NietGerechtigd/>")),
            ("refused", False, "the service does not answer us (FWI NietGerechtigd)"),
        ),
        (
            soap(content("<f:NietVanToepassing/>")),
            ("refused", False, "the service does not answer us (FWI NietVanToepassing)"),
        ),
    ],
)
def test_what_is_no_answer_says_why(body: bytes, expected: tuple[str, bool, str]) -> None:
    """XML, SOAP and FWI each refuse in words of our own; the source's are not repeated."""
    assert reason(lambda: suwiml.parse_envelope(body)) == expected


def reason(act: Callable[[], object]) -> tuple[str, bool, str | None]:
    with pytest.raises(SourceError) as caught:
        act()
    failed = caught.value.failed
    return failed.kind, failed.retryable, failed.detail


def test_what_is_no_value_says_why() -> None:
    """Persons, amounts, dates and counts refuse in words of our own too."""
    answer = suwiml.parse_envelope(soap(content("<ClientSuwi/>")))
    nobody = suwiml.parse_envelope(soap(content("")))
    cents, guilders = (
        "<b><WaardeBedr>1.5</WaardeBedr></b>",
        "<b><WaardeBedr>1</WaardeBedr><CdMunteenheid>NLG</CdMunteenheid></b>",
    )
    assert reason(lambda: suwiml.client_of(answer, BSN)) == (
        "wrong-person",
        False,
        "the answer is about another person",
    )
    assert [
        reason(act)
        for act in (
            lambda: suwiml.client_of(nobody, BSN),
            lambda: suwiml.amount(etree.fromstring(cents)),
            lambda: suwiml.amount(etree.fromstring(guilders)),
            lambda: suwiml.date("x"),
            lambda: suwiml.integer("x"),
        )
    ] == [
        ("unavailable", True, "the answer is about nobody"),
        ("unreadable", True, "an amount is not a number of cents"),
        ("unreadable", True, "an amount is not in euro"),
        ("unreadable", True, "a date is not of the form YYYYMMDD"),
        ("unreadable", True, "a count is not a whole number"),
    ]


def test_numbers_have_a_longest_form() -> None:
    """Eighteen figures of cents and nine of a count are numbers, one more is not; a sign is no figure."""
    assert suwiml.integer("-999999999") == -999999999
    assert reason(lambda: suwiml.integer("1234567890"))[0] == "unreadable"
    assert reason(lambda: suwiml.integer("+-1"))[0] == "unreadable"
    assert reason(lambda: suwiml.integer("٣"))[0] == "unreadable"
    longer = etree.fromstring(f"<b><WaardeBedr>{'1' * 19}</WaardeBedr></b>")
    assert reason(lambda: suwiml.amount(longer))[0] == "unreadable"


def test_comments_and_instructions_are_no_content() -> None:
    """They drop out wherever they stand, so a Body with one element and a comment has one element."""
    answer = suwiml.parse_envelope(soap(f"<!-- a --><?b c?>{content('<Naam><!-- d -->Echt<?e f?></Naam>')}"))
    assert (suwiml.text(answer, "Naam"), len(answer)) == ("Echt", 1)


def test_children_are_found_in_any_namespace() -> None:
    """Unqualified as SuwiML has them, or qualified; by their own name only, and the first of a name on a path."""
    answer = suwiml.parse_envelope(
        soap(content("<a>1</a><f:a>2</f:a><ab>3</ab><c><d>4</d></c><c><d>5</d></c><e> </e>"))
    )
    assert [one.text for one in suwiml.children(answer, "a")] == ["1", "2"]
    assert suwiml.text(answer, "c", "d") == "4"
    assert (suwiml.text(answer, "c", "x"), suwiml.text(answer, "x", "d"), suwiml.text(answer, "e")) == (
        None,
        None,
        None,
    )
    assert (suwiml.text(None, "a"), suwiml.child(answer)) == (None, answer)


def test_remarks_are_warnings_then_notices() -> None:
    """Those with a text, in their order; an answer without any has none."""
    notices = "<Informatie><Tekst>B</Tekst></Informatie><Waarschuwing><Tekst>A</Tekst></Waarschuwing><Informatie/>"
    assert suwiml.remarks(suwiml.parse_envelope(soap(content(f"<f:FWI>{notices}</f:FWI>")))) == ("A", "B")
    assert suwiml.remarks(suwiml.parse_envelope(soap(content()))) == ()


def test_a_message_names_its_namespaces_as_the_services_do() -> None:
    """Prefixes carry no meaning, but some services look at them: soapenv, wsa, and smls for the operation."""
    message = suwiml.enveloped(suwiml.operation(NAMESPACE, "Vraag", BSN), action=ACTION, to="http://bron.example/")
    assert message.nsmap == {"soapenv": NS["e"], "smls": NAMESPACE}
    assert (message[0].nsmap["wsa"], [one.tag for one in message]) == (
        NS["a"],
        [f"{{{NS['e']}}}Header", f"{{{NS['e']}}}Body"],
    )
    assert etree.tostring(message[1][0]).startswith(b"<smls:Vraag ")


def test_a_certificate_and_its_key_belong_together() -> None:
    """Neither is of use without the other."""
    for half in ({"signing_certificate_file": "a"}, {"signing_key_file": "b"}):
        with pytest.raises(ValueError, match="signing_certificate_file and signing_key_file belong together"):
            SuwiAccess(**half)  # pyright: ignore[reportArgumentType]
