"""SuwiML messages: what is accepted, what is refused, and what its errors mean to us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors import suwiml
from connectors.contract import Context, SourceError, Subject
from connectors.outbound import Door, host_port
from connectors.suwiml import Service, SuwiAccess

NAMESPACE = "http://bkwi.nl/SuwiML/Diensten/VoorbeeldGSD/v0100"
ACTION = "http://bkwi.nl/SuwiML/Diensten/VoorbeeldGSD-v0100/Vraag"
FWI = "http://bkwi.nl/SuwiML/FWI/v0205"
BSN = "999990019"


def soap(content: str) -> bytes:
    return f'<s:Envelope xmlns:s="{suwiml.SOAP}"><s:Body>{content}</s:Body></s:Envelope>'.encode()


def reply(content: str, name: str = "VraagResponse") -> bytes:
    return soap(f'<r:{name} xmlns:r="{NAMESPACE}" xmlns:f="{FWI}">{content}</r:{name}>')


def fault(code: str) -> bytes:
    return soap(
        f"<s:Fault><faultcode>{code}</faultcode><faultstring>x</faultstring>"
        f'<detail><f:Fout xmlns:f="{FWI}"><Code>1</Code><Tekst>geheim</Tekst></f:Fout></detail></s:Fault>'
    )


def kind_of(body: bytes) -> str:
    with pytest.raises(SourceError) as caught:
        suwiml.parse_envelope(body)
    return caught.value.failed.kind


def test_an_answer_is_the_single_child_of_the_soap_body() -> None:
    """The message is what stands in the Body, in the service's namespace, with unqualified children."""
    answer = suwiml.parse_envelope(reply("<ClientSuwi><Naam> Jansen </Naam></ClientSuwi>"))
    assert answer.tag == f"{{{NAMESPACE}}}VraagResponse"
    assert suwiml.text(answer, "ClientSuwi", "Naam") == "Jansen"
    assert suwiml.text(answer, "ClientSuwi", "Leeg") is None


def test_a_request_travels_in_an_envelope_that_reads_back() -> None:
    """What we send is SOAP 1.1 with WS-Addressing, the operation qualified and its children not."""
    message = suwiml.enveloped(suwiml.operation(NAMESPACE, "Vraag", BSN), action=ACTION, to="http://x/")
    sent = etree.fromstring(etree.tostring(message))
    assert sent.findtext(f"{{{suwiml.SOAP}}}Header/{{{suwiml.ADDRESSING}}}Action") == ACTION
    assert sent.findtext(f"{{{suwiml.SOAP}}}Body/{{{NAMESPACE}}}Vraag/Burgerservicenr") == BSN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Storing</body></html>",
        b"<!DOCTYPE html><html></html>",
        b"{}",
        b'<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><a/></Body></Envelope>',
        soap(""),
        soap("<a/><b/>"),
        soap("<a>")[:-5],
    ],
)
def test_what_is_no_soap_message_is_unreadable(body: bytes) -> None:
    """HTML, JSON, SOAP 1.2, an empty or double body and broken XML are not answers."""
    assert kind_of(body) == "unreadable"


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
        '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>',
        '<!DOCTYPE s [<!ENTITY d SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE s [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p; <!ENTITY d "">]>',
        '<!DOCTYPE s SYSTEM "http://127.0.0.1:9/x.dtd" [<!ENTITY d "">]>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_bombs_and_outside_entities_are_refused(doctype: str, encoding: str) -> None:
    """No DOCTYPE passes, in any encoding: neither entities that multiply nor files or addresses they name."""
    message = doctype + reply("<Naam>&d;</Naam>").decode()
    assert kind_of(message.encode(encoding)) == "unreadable"


def test_a_tree_deeper_than_any_message_is_unreadable() -> None:
    """Nesting without end ends in a refusal, not in our stack."""
    assert kind_of(soap("<a>" * 5000 + "</a>" * 5000)) == "unreadable"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("s:Client", "refused"),
        ("s:Client.Authentication", "refused"),
        ("s:MustUnderstand", "refused"),
        ("s:Server", "unavailable"),
        ("", "unavailable"),
    ],
)
def test_a_soap_fault_says_whose_fault_it_is(code: str, kind: str) -> None:
    """Client faults are a refusal, all others an outage (SOAP 1.1, 4.4.1); the source's text stays out of the error."""
    with pytest.raises(SourceError) as caught:
        suwiml.parse_envelope(fault(code))
    assert caught.value.failed.kind == kind
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("<f:FWI><Fout><Code>9</Code><Tekst>x</Tekst></Fout></f:FWI>", "unavailable"),
        ("<ClientSuwi/><f:FWI><Fout><Code>9</Code><Tekst>x</Tekst></Fout></f:FWI>", "unavailable"),
        ("<f:NietGerechtigd/>", "refused"),
        ("<f:NietVanToepassing/>", "refused"),
    ],
)
def test_an_fwi_error_is_never_an_answer(content: str, kind: str) -> None:
    """A Fout beside data spoils the data: half an answer cannot be told from a whole one."""
    assert kind_of(reply(content)) == kind


def test_warnings_and_notices_are_remarks_and_no_errors() -> None:
    """FWI Waarschuwing and Informatie come with a good answer; their texts are kept."""
    notice = (
        "<f:FWI><Waarschuwing><Tekst>Let op</Tekst></Waarschuwing><Informatie><Tekst>Zie</Tekst></Informatie></f:FWI>"
    )
    answer = suwiml.parse_envelope(reply(f"<ClientSuwi/>{notice}"))
    assert suwiml.remarks(answer) == ("Let op", "Zie")


def test_nothing_found_is_told_apart_from_an_answer_about_nobody() -> None:
    """NietsGevonden means that nothing is known; no person and no such word means that we do not know."""
    assert suwiml.client_of(suwiml.parse_envelope(reply("<f:NietsGevonden/>")), BSN) is None
    with pytest.raises(SourceError) as caught:
        suwiml.client_of(suwiml.parse_envelope(reply("<f:FWI><Waarschuwing/></f:FWI>")), BSN)
    assert caught.value.failed.kind == "unavailable"


def test_an_answer_about_somebody_else_is_refused() -> None:
    """The BSN answered must be the BSN asked, and a missing one is not it."""
    for number in ("<Burgerservicenr>999990020</Burgerservicenr>", ""):
        answer = suwiml.parse_envelope(reply(f"<ClientSuwi>{number}</ClientSuwi>"))
        with pytest.raises(SourceError) as caught:
            suwiml.client_of(answer, BSN)
        assert caught.value.failed.kind == "wrong-person"


def value(content: str) -> suwiml.Element:
    return etree.fromstring(f"<Bedrag>{content}</Bedrag>")


@pytest.mark.parametrize(
    ("content", "euro"),
    [
        ("<CdMunteenheid>EUR</CdMunteenheid><WaardeBedr>252300</WaardeBedr>", Decimal("2523.00")),
        ("<CdPositiefNegatief>-</CdPositiefNegatief><WaardeBedr>5</WaardeBedr>", Decimal("-0.05")),
        ("<CdPositiefNegatief>+</CdPositiefNegatief><WaardeBedr>0</WaardeBedr>", Decimal(0)),
        ("<WaardeBedr>999999999999999999</WaardeBedr>", Decimal("9999999999999999.99")),
        ("<CdMunteenheid>EUR</CdMunteenheid>", None),
    ],
)
def test_amounts_are_cents_with_their_sign_apart(content: str, euro: Decimal | None) -> None:
    """WaardeBedr counts eurocents and never has a sign of its own; without it there is no amount."""
    assert suwiml.amount(value(content)) == euro
    assert suwiml.amount(None) is None


@pytest.mark.parametrize(
    "content",
    [
        "<WaardeBedr>-5</WaardeBedr>",
        "<WaardeBedr>1.50</WaardeBedr>",
        "<WaardeBedr>1e5</WaardeBedr>",
        "<WaardeBedr>٣</WaardeBedr>",
        "<CdMunteenheid>NLG</CdMunteenheid><WaardeBedr>100</WaardeBedr>",
    ],
)
def test_an_amount_in_another_form_or_currency_is_unreadable(content: str) -> None:
    """A guess at an amount would be worse than none."""
    with pytest.raises(SourceError):
        suwiml.amount(value(content))


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("20210331", "2021-03-31"),
        ("20210300", "2021-03"),
        ("20210000", "2021"),
        ("00000000", None),
        ("99991231", None),
        ("99991230", None),
        (None, None),
    ],
)
def test_dates_keep_what_is_known(written: str | None, known: str | None) -> None:
    """Zeros are unknown parts, the year 9999 an open end."""
    assert suwiml.date(written) == known


@pytest.mark.parametrize("written", ["20210231", "20211301", "2021", "31-03-2021", "x"])
def test_what_is_no_date_is_unreadable(written: str) -> None:
    """A day that does not exist is an error of the source, not a date."""
    with pytest.raises(SourceError):
        suwiml.date(written)


def test_flags_know_yes_no_and_unknown() -> None:
    """StdIndJN: 1 is yes and 2 is no, which is not how programmers count."""
    assert [suwiml.flag(each) for each in ("1", "2", "0", "9", "", None)] == [True, False, None, None, None, None]


def test_counts_may_be_negative() -> None:
    """Hours are corrected with negative hours; words are no counts."""
    assert [suwiml.integer(each) for each in ("-160", "0", "+8", None)] == [-160, 0, 8, None]
    for odd in ("8,5", "", "-", "--1", "1" * 10):
        with pytest.raises(SourceError):
            suwiml.integer(odd)


@given(st.binary(max_size=400) | st.binary(max_size=100).map(lambda noise: reply("<a>")[:-30] + noise))
def test_odd_bytes_are_an_answer_or_a_source_error(noise: bytes) -> None:
    """Whatever comes in, nothing but SourceError comes out."""
    outcome = "answer"
    try:
        suwiml.parse_envelope(noise)
    except SourceError as error:
        outcome = error.failed.kind
    assert outcome in ("answer", "unreadable", "unavailable", "refused")


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def service(handler: Handler) -> AsyncGenerator[tuple[Context, str]]:
    """A service on a real socket, and a context whose door leads to it."""
    app = web.Application()
    app.router.add_post("/", handler)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        async with context_for(url) as context:
            yield context, url


@asynccontextmanager
async def context_for(url: str) -> AsyncGenerator[Context]:
    async def progress(_: str) -> None: ...

    door = Door.configured(frozenset({host_port(url)}))
    try:
        yield Context(
            subject=Subject(bsn=BSN, level="low"),
            fields=frozenset(),
            door=door,
            now=datetime.now(UTC),
            request_id="r1",
            progress=progress,
        )
    finally:
        await door.close()


async def put(context: Context, url: str, access: SuwiAccess) -> suwiml.Element:
    """Ask the one operation of these tests."""
    return await Service(access).ask(context, url, ACTION, suwiml.operation(NAMESPACE, "Vraag", BSN))


async def asked(handler: Handler, *, timeout_seconds: float = 5.0) -> suwiml.Element | str:
    """The answer, or the kind of failure."""
    async with service(handler) as (context, url):
        try:
            return await put(context, url, SuwiAccess(timeout_seconds=timeout_seconds))
        except SourceError as error:
            return error.failed.kind


def answering(status: int, body: bytes, content_type: str = "text/xml") -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, content_type=content_type)

    return handler


async def test_asking_sends_soap_and_gives_the_answer() -> None:
    """One POST with an empty SOAPAction, as the WSDL has it; back comes the operation's response element."""
    seen: list[tuple[str | None, bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.headers.get("SOAPAction"), await request.read()))
        return web.Response(body=reply("<ClientSuwi/>"), content_type="text/xml")

    answer = await asked(handler)
    assert not isinstance(answer, str)
    assert suwiml.child(answer, "ClientSuwi") is not None
    [(action, body)] = seen
    assert action == '""'
    assert etree.QName(suwiml.parse_envelope(body)).localname == "Vraag"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"", "refused"),
        (403, b"<html/>", "refused"),
        (404, b"", "refused"),
        (429, b"", "unavailable"),
        (502, b"<html/>", "unavailable"),
        (503, b"", "unavailable"),
        (504, b"", "timeout"),
        (500, b"<html>Internal Server Error</html>", "unavailable"),
        (500, fault("s:Client"), "refused"),
        (500, fault("s:Server"), "unavailable"),
        (500, reply("<ClientSuwi/>"), "unavailable"),
        (200, b"<html/>", "unreadable"),
        (200, reply("<ClientSuwi/>", "AndereResponse"), "unreadable"),
        (302, b"", "unreadable"),
        (200, b" " * (suwiml.MAX_BYTES + 1), "unreadable"),
    ],
)
async def test_every_other_answer_has_its_kind_of_failure(status: int, body: bytes, kind: str) -> None:
    """Refusals, outages and nonsense are told apart, for only some of them are worth another try."""
    assert await asked(answering(status, body)) == kind


async def test_a_service_that_does_not_answer_in_time_is_a_timeout() -> None:
    """The deadline is ours, however long the service takes."""
    done = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    async with service(handler) as (context, url):
        with pytest.raises(SourceError) as caught:
            await put(context, url, SuwiAccess(timeout_seconds=0.05))
        done.set()
    assert caught.value.failed.kind == "timeout"


async def test_a_service_that_is_not_there_is_unavailable() -> None:
    """Nobody listening is an outage, not an empty answer."""
    async with service(answering(200, b"")) as (_, url):
        pass
    async with context_for(url) as context:
        with pytest.raises(SourceError) as caught:
            await put(context, url, SuwiAccess())
    assert caught.value.failed.kind == "unavailable"
