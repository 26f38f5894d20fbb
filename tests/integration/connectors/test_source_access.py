"""Sources as mandated hosts meet them: mutual TLS on real sockets, and SuwiML that is signed both ways.

The service of these tests checks and makes signatures by hand (tests/unit/connectors/envelopes.py).
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from lxml import etree

from connectors.contract import Connector, Context, Failed, Found, Outcome, Subject
from connectors.mijnoverheid import MijnOverheid
from connectors.mijnoverheid import Settings as MijnOverheidSettings
from connectors.outbound import Door
from connectors.uwv import Uwv, UwvSettings
from tests.unit.connectors.envelopes import Element, found, part, signed, verified
from tests.unit.connectors.pki import Authority, Issued

BSN = "999990019"
NAMESPACE = "http://bkwi.nl/SuwiML/Diensten/UWVDossierInkomstenGSD/v0200"
JOB = (
    "<Inkomstenverhouding><DatBIkv>20200101</DatBIkv><VolgnrIkv>1</VolgnrIkv><AdministratieveEenheid>"
    "<Loonheffingennr>123456782L01</Loonheffingennr><NaamAdministratieveEenheid>Bakkerij Voorbeeld"
    "</NaamAdministratieveEenheid></AdministratieveEenheid></Inkomstenverhouding>"
)


def answer(bsn: str = BSN) -> str:
    client = f"<ClientSuwi><Burgerservicenr>{bsn}</Burgerservicenr>{JOB}</ClientSuwi>"
    return f'<r:UWVPersoonsIkvInfoResponse xmlns:r="{NAMESPACE}">{client}</r:UWVPersoonsIkvInfoResponse>'


def bare(content: str) -> bytes:
    soap = "http://schemas.xmlsoap.org/soap/envelope/"
    return f'<e:Envelope xmlns:e="{soap}"><e:Body>{content}</e:Body></e:Envelope>'.encode()


class Service:
    """UWV's income service on a real socket. `reply` makes its answer; `met` says whose certificates it saw."""

    def __init__(self) -> None:
        self.asked: list[Element] = []
        self.met: list[str | None] = []
        self.reply: Callable[[], bytes] = lambda: bare(answer())

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        shown = request.transport.get_extra_info("peercert")
        self.met.append(dict(pair[0] for pair in shown["subject"])["commonName"] if shown else None)
        self.asked.append(etree.fromstring(await request.read()))
        return web.Response(body=self.reply(), content_type="text/xml")


@asynccontextmanager
async def served(handler: Any, context: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    """Serve on a free port; gives the address without a slash at the end."""
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def demanding(authority: Authority, own: Issued) -> ssl.SSLContext:
    """TLS that talks to nobody without a certificate of this authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
    context.load_cert_chain(own.certificate_file, own.key_file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def asking(connector: Any) -> AsyncGenerator[Context]:
    """A context with the door as the broker opens it for this connector."""

    async def progress(_: str) -> None: ...

    door = Door.configured(connector.hosts(), connector.certificates())
    try:
        yield Context(
            subject=Subject(bsn=BSN, level="low"),
            fields=frozenset({"income.employment", "person.name", "possession.vehicle"}),
            door=door,
            now=datetime.now(UTC),
            request_id="verzoek-1",
            progress=progress,
        )
    finally:
        await door.close()


async def collected(connector: Connector) -> Outcome:
    async with asking(connector) as context:
        return await connector.collect(context)


def uwv(url: str, **settings: object) -> Uwv:
    table = {"incomes_url": url, "benefits_url": f"{url}/benefits", **settings}
    return Uwv(msgspec.convert(table, UwvSettings))


def employers(outcome: Outcome) -> list[str | None]:
    assert isinstance(outcome, Found)
    return [getattr(income, "employer", None) for income in outcome.records.incomes]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Issued:
    return authority.issue("broker")


@pytest.fixture(scope="module")
def theirs(authority: Authority) -> Issued:
    return authority.issue("uwv")


async def test_a_source_sees_our_certificate_and_we_check_its_own(
    authority: Authority, ours: Issued, theirs: Issued
) -> None:
    """Mutual TLS: both sides prove themselves by certificates of an authority both were told of."""
    service = Service()
    async with served(service, demanding(authority, theirs)) as url:
        shown = {"certificate_file": ours.certificate_file, "key_file": ours.key_file}
        outcome = await collected(uwv(url, **shown, authority_file=authority.file))
    assert employers(outcome) == ["Bakkerij Voorbeeld"]
    assert service.met == ["broker"]


async def test_without_the_right_certificate_nothing_is_asked(
    authority: Authority, ours: Issued, theirs: Issued, tmp_path: Path
) -> None:
    """No certificate, one of a stranger's authority, or a source that is a stranger: unavailable, and no BSN leaves."""
    stranger = Authority(tmp_path)
    false = stranger.issue("broker")
    service = Service()
    shown = {"certificate_file": ours.certificate_file, "key_file": ours.key_file}
    async with served(service, demanding(authority, theirs)) as url:
        for settings in (
            {"authority_file": authority.file},
            {
                "authority_file": authority.file,
                "certificate_file": false.certificate_file,
                "key_file": false.key_file,
            },
            {"authority_file": stranger.file, **shown},
            shown,
        ):
            outcome = await collected(uwv(url, **settings))
            assert isinstance(outcome, Failed)
            assert (outcome.kind, outcome.retryable) == ("unavailable", True)
    assert service.asked == []


async def test_every_register_has_a_certificate_of_its_own(authority: Authority, theirs: Issued) -> None:
    """MijnOverheid asks several registers; each sees the certificate its own table names."""
    met: list[tuple[str, str]] = []

    async def register(request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        subject = dict(pair[0] for pair in request.transport.get_extra_info("peercert")["subject"])
        met.append((request.path, subject["commonName"]))
        return web.Response(status=503, headers={"Retry-After": "60"})

    one, other = authority.issue("for-brp"), authority.issue("for-rdw")
    tls = demanding(authority, theirs)
    async with served(register, tls) as brp, served(register, tls) as rdw:
        tables = {
            name: {
                "base_url": f"{url}/{name}",
                "certificate_file": issued.certificate_file,
                "key_file": issued.key_file,
                "authority_file": authority.file,
            }
            for name, url, issued in (("brp", brp, one), ("rdw", rdw, other))
        }
        await collected(MijnOverheid(msgspec.convert(tables, MijnOverheidSettings)))
    assert sorted(met) == [("/brp/personen", "for-brp"), ("/rdw", "for-rdw")]


def test_one_host_is_shown_one_certificate(tmp_path: Path) -> None:
    """Two registers at one host and port share its connections: other certificates there cannot be meant."""
    files = {"certificate_file": str(tmp_path / "c"), "key_file": str(tmp_path / "k")}
    brp = {"base_url": "https://registers.example/brp", **files}
    same = {"brp": brp, "woz": {**brp, "base_url": "https://registers.example/woz"}}
    assert msgspec.convert(same, MijnOverheidSettings).certificates().keys() == {"registers.example:443"}
    other = {"brp": brp, "woz": {"base_url": "https://registers.example/woz", **files, "authority_file": "a"}}
    with pytest.raises(msgspec.ValidationError, match="two registers"):
        msgspec.convert(other, MijnOverheidSettings)


def signing(ours: Issued, authority: Authority | None = None) -> dict[str, str]:
    table = {"signing_certificate_file": ours.certificate_file, "signing_key_file": ours.key_file}
    return table if authority is None else {**table, "answer_authority_file": authority.file}


async def test_a_signed_question_holds_as_it_arrives(ours: Issued) -> None:
    """What stands on the wire is signed: the service finds our certificate, every header and the Body under it."""
    service = Service()
    async with served(service) as url:
        assert employers(await collected(uwv(url, **signing(ours)))) == ["Bakkerij Voorbeeld"]
    [message] = service.asked
    certificate, parts = verified(message)
    assert certificate == ours.certificate
    names = [etree.QName(one).localname for one in parts]
    assert names == ["BinarySecurityToken", "Timestamp", "To", "Action", "MessageID", "Body"]
    assert part(parts[-1], "*").findtext("Burgerservicenr") == BSN
    assert part(message, "e:Header/a:To").text == url


async def test_a_question_that_is_put_once_more_is_another_message(ours: Issued) -> None:
    """A service that keeps numbers to catch repeated messages must not take ours for one."""
    service = Service()
    replies = iter([web.Response(status=503)])

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        made = await service(request)
        return next(replies, made)

    async with served(handler) as url:
        assert employers(await collected(uwv(url, **signing(ours)))) == ["Bakkerij Voorbeeld"]
    first, second = service.asked
    assert verified(first)[0] == verified(second)[0] == ours.certificate
    assert part(first, "e:Header/a:MessageID").text != part(second, "e:Header/a:MessageID").text


async def test_without_keys_nothing_is_signed() -> None:
    """The ordinary message has the addressing headers, and no more."""
    service = Service()
    async with served(service) as url:
        assert employers(await collected(uwv(url))) == ["Bakkerij Voorbeeld"]
    assert [etree.QName(one).localname for one in part(service.asked[0], "e:Header")] == ["To", "Action", "MessageID"]


async def test_a_signed_answer_is_read(authority: Authority, ours: Issued, theirs: Issued) -> None:
    """Signed by whom the settings name, over Body and Timestamp: then it counts."""
    service = Service()
    service.reply = lambda: etree.tostring(signed(answer(), theirs, datetime.now(UTC)))
    async with served(service) as url:
        assert employers(await collected(uwv(url, **signing(ours, authority)))) == ["Bakkerij Voorbeeld"]


async def test_an_answer_that_is_not_signed_as_it_must_be_is_none(
    authority: Authority, ours: Issued, theirs: Issued, tmp_path: Path
) -> None:
    """Unsigned, by a stranger, of yesterday, or with another Body put before the signed one: unreadable."""
    stranger, now = Authority(tmp_path).issue("uwv"), datetime.now(UTC)

    def wrapped() -> bytes:
        envelope = signed(answer("999991905"), theirs, now)
        body = part(envelope, "e:Body")
        part(envelope, "e:Header").append(body)
        forged = etree.SubElement(envelope, body.tag)
        forged.append(etree.fromstring(answer()))
        return etree.tostring(envelope)

    service = Service()
    async with served(service) as url:
        for reply in (
            lambda: bare(answer()),
            lambda: etree.tostring(signed(answer(), stranger, now)),
            lambda: etree.tostring(signed(answer(), theirs, now - timedelta(days=1))),
            wrapped,
        ):
            service.reply = reply
            outcome = await collected(uwv(url, **signing(ours, authority)))
            assert isinstance(outcome, Failed)
            assert outcome.kind == "unreadable"
            assert BSN not in str(outcome)
    assert len(service.asked) == 4
    assert all(found(one, "e:Header/o:Security") for one in service.asked)


async def test_a_fault_is_believed_unsigned(authority: Authority, ours: Issued) -> None:
    """Who cannot read our signature cannot always sign: a fault brings no data, and its reason is worth having."""
    service = Service()
    service.reply = lambda: bare("<e:Fault><faultcode>e:Client</faultcode><faultstring>x</faultstring></e:Fault>")
    async with served(service) as url:
        outcome = await collected(uwv(url, **signing(ours, authority)))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == ("refused", False)
