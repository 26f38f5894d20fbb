"""Contact details and messages: whom we write to, what a message says, and what mail server and gateway may answer."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lxml import html

from broker import contact, mail, sms
from broker.brand import DEFAULT, contrast, palette
from broker.contact import Contact
from broker.mail import Letter, Posted
from broker.settings import MailSettings, Settings, SettingsError, SmsSettings, load
from broker.web.render import text
from connectors.outbound import Door, host_port
from sessions.model import Language
from sessions.secrets import Keyring
from sessions.vault import VaultError
from tests.answering import answering

RING = Keyring(b"k" * 32)
LINK = "https://brug.example/j/00aaaaaaaaaaaaaaaaaaaa.ccccccccccccccccccccccc"
SENDER = "Ophaalbrug <post@brug.example>"
GSM = set(  # GSM 03.38, its basic set: one septet each
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
every_language = pytest.mark.parametrize("language", ["nl", "en"])


def letter(**more: Any) -> Letter:
    values: dict[str, Any] = {
        "reminder": False,
        "provider": "Gemeente Voorbeeld",
        "purpose": "Bijzondere bijstand",
        "name": "A. de Vries",
        "link": LINK,
        "address": "https://brug.example/",
        "until": "vrijdag 3 juli 2026 om 12:00 uur",
        "logs_in": True,
    }
    return Letter(**values | more)


def written(language: Language = "nl", **more: Any) -> EmailMessage:
    return mail.written(letter(**more), language, DEFAULT.light)


def body(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return found.get_content()


@pytest.mark.parametrize(
    "given",
    ["a@b.nl", "jan.de-vries+brug@mail.voorbeeld.example", "o'neill@x.example", "a@xn--bcher-kva.example"],
)
def test_usual_addresses_are_taken(given: str) -> None:
    """What people have: dots, a plus, an apostrophe, a foreign domain in its ASCII form."""
    assert contact.is_address(given)


@pytest.mark.parametrize(
    "given",
    [
        *("", "a", "a@b", "@b.nl", "a@", "a@b..nl", "a..b@c.nl", ".a@b.nl", "a.@b.nl", "a b@c.nl", "a@b@c.nl"),
        *("a@b.nl\n", "a@b.nl\r\nBcc: c@d.nl", "a@b.nl,c@d.nl", "A <a@b.nl>", '"a b"@c.nl', "a@[127.0.0.1]"),
        *("é@b.nl", "a@bücher.nl", "a@-b.nl", "x" * 65 + "@b.nl", "a@" + "b" * 64 + ".nl", "a@" + "b." * 126 + "nl"),
    ],
)
def test_anything_else_is_no_address(given: str) -> None:
    """Nothing that could become two recipients, a header, or an address only some servers know."""
    assert not contact.is_address(given)


@pytest.mark.parametrize(
    "typed",
    ["0612345678", "06 12345678", "06-12 34 56 78", "+31612345678", "+31 (0)6 1234 5678", "0031 6 12345678"],
)
def test_a_dutch_mobile_number_as_people_type_it(typed: str) -> None:
    """With country code or without, in whatever groups."""
    assert contact.dutch_mobile(typed) == "+31612345678"


@pytest.mark.parametrize(
    "typed",
    [
        *("", "06", "0612", "061234567890", "020 1234567", "0900 1234", "112", "0970 12345678", "+49 1512 3456789"),
        *("+44 7911 123456", "0612345678 ext 3", "06-BELMIJNU", "0612345678;0687654321", "x" * 400, "06\x0012345678"),
    ],
)
def test_any_other_number_gets_no_message(typed: str) -> None:
    """Abroad, landlines, paid and short numbers, machines, letters, two at once."""
    assert contact.dutch_mobile(typed) is None


def test_a_sealed_contact_opens_only_where_it_was_sealed() -> None:
    """Not in another session, not with another secret, not changed; and sealing twice gives other bytes."""
    who = Contact(email="a@b.nl", name="A")
    sealed = contact.seal_contact(RING, "s-1", who)
    assert contact.unseal_contact(RING, "s-1", sealed) == who
    assert contact.seal_contact(RING, "s-1", who) != sealed
    assert b"a@b.nl" not in sealed
    for ring, session, changed in (
        (RING, "s-2", sealed),
        (Keyring(b"o" * 32), "s-1", sealed),
        (RING, "s-1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (RING, "s-1", b""),
    ):
        with pytest.raises(VaultError):
            contact.unseal_contact(ring, session, changed)


@every_language
@pytest.mark.parametrize("reminder", [False, True])
def test_both_forms_of_the_mail_say_the_same(language: Language, reminder: bool) -> None:
    """Every sentence of the HTML stands in the text, which is complete by itself."""
    message = written(language, reminder=reminder)
    plain = " ".join(body(message, "plain").split())
    shown = html.document_fromstring(body(message, "html"))
    only_in_html = {text(language, f"mail.invitation.{name}") for name in ("begin", "link")}
    only_in_html.add(shown.findtext(".//h1") or "")
    said = [" ".join(node.text_content().split()) for node in shown.iter("h1", "h2", "li", "p")]
    missing = [words for words in said if words not in plain and words.removesuffix(LINK) not in only_in_html]
    assert missing == []
    assert LINK in plain


@every_language
def test_the_html_is_accessible_and_fetches_nothing(language: Language) -> None:
    """Language, headings in order, no tables, no pictures, no address but the link; text that can be read."""
    page = body(written(language), "html")
    root = html.document_fromstring(page)
    assert root.get("lang") == language
    assert [node.tag for node in root.iter("h1", "h2", "h3")] == ["h1", "h2"]
    assert root.findtext(".//title")
    assert not list(root.iter("table", "img", "link", "script", "form", "iframe", "object", "style"))
    assert [node.get("href") for node in root.iter("a")] == [LINK]
    assert not re.search(r"url\(|src=|background=|@import", page)
    colours = re.findall(r"(?<![-\w])color:(#[0-9a-f]{6})", page)
    button = DEFAULT.light.ink
    assert button in colours
    assert all(contrast(colour, "#fbfaf7") >= 4.5 for colour in colours if colour != button)
    assert contrast(DEFAULT.light.accent, button) >= 4.5


def test_the_button_has_the_providers_colour() -> None:
    """As its pages have."""
    shades = palette("#7a1f5c").light
    page = body(mail.written(letter(), "nl", shades), "html")
    assert f"background:{shades.accent}; color:{shades.ink}" in page


@every_language
def test_a_reminder_can_be_told_from_the_invitation(language: Language) -> None:
    """Another subject, and a sentence that says why there is another mail."""
    first, again = written(language), written(language, reminder=True)
    assert first["Subject"] != again["Subject"]
    assert "Gemeente Voorbeeld" in first["Subject"]
    assert text(language, "mail.invitation.again") in body(again, "plain")
    assert text(language, "mail.invitation.again") not in body(first, "plain")


@every_language
def test_who_only_hands_over_files_reads_nothing_of_digid(language: Language) -> None:
    """Neither form of the mail speaks of a login that there will not be."""
    for logs_in in (True, False):
        made = mail.written(letter(logs_in=logs_in), language, palette(None).light)
        assert [("DigiD" in body(made, form)) for form in ("plain", "html")] == [logs_in] * 2


def test_nobody_unnamed_is_greeted_by_name() -> None:
    """Without a name the greeting is a greeting."""
    assert body(written(name=None), "plain").startswith("Hallo,\n")


@pytest.mark.parametrize(
    "hostile", ["<script>x</script>", '"><img src=x>', "{link}", "{{ 7*7 }}", "=?utf-8?q?=0aX:_y?="]
)
def test_a_name_is_only_ever_a_name(hostile: str) -> None:
    """No markup, no template, no header: it stands in the greeting as it was given."""
    message = written(name=hostile)
    assert html.document_fromstring(body(message, "html")).xpath("string(//p[1])") == f"Beste {hostile},"
    assert body(message, "plain").startswith(f"Beste {hostile},")
    sent = mail.addressed(message, SENDER, "a@b.nl", "<1@brug.example>", datetime(2026, 1, 1, tzinfo=UTC))
    again = message_from_bytes(sent.as_bytes(policy=modern.clone(linesep="\r\n")), policy=modern)
    assert [name for name, _ in again.items()] == [
        *("Subject", "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Language"),
        *("From", "To", "Message-ID", "Date"),
    ]
    assert hostile not in str(again["Subject"]) + str(again["To"])


def test_a_providers_name_stays_on_one_line() -> None:
    """Whatever its file has in it, the subject is one header."""
    assert written(provider="Gemeente\r\nBcc: x@y.nl")["Subject"] == "Gemeente Bcc: x@y.nl vraagt je om gegevens"


@every_language
def test_a_text_message_is_one_message(language: Language) -> None:
    """160 characters of the GSM alphabet, also with a long address; the bare address, and no word on who asks."""
    address = "https://gegevens-ophalen.sociale-dienst.voorbeeld.example/phone"
    words = text(language, "mail.sms.text", address=address)
    assert len(words) <= 160
    assert set(words) <= GSM
    assert address in words


def mail_settings(port: int, **more: Any) -> MailSettings:
    return MailSettings(**{"host": "127.0.0.1", "port": port, "tls": "none", "sender": SENDER, **more})


class _Answers:
    """A mail server that answers as it is told, and keeps what it took."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.taken: list[Envelope] = []
        self.heard = asyncio.Event()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's names
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.heard.set()
        if self.answers.get("mail") == "never":
            await asyncio.Event().wait()
        envelope.mail_from = address
        return self.answers.get("mail", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.answers.get("rcpt", "250 OK")

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append(envelope)
        return self.answers.get("data", "250 OK")


@asynccontextmanager
async def mail_server(box: _Answers, **more: Any) -> AsyncIterator[int]:
    """Gives the port it listens on."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, hostname="post.example", loop=loop, **more), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def posted(port: int, **more: Any) -> Posted:
    message = mail.addressed(written(), SENDER, "a@b.nl", "<1@brug.example>", datetime(2026, 1, 1, tzinfo=UTC))
    return await mail.send(mail_settings(port, **more), message)


async def test_a_mail_goes_to_one_recipient_from_the_sender() -> None:
    """The envelope says what the headers say."""
    box = _Answers()
    async with mail_server(box) as port:
        assert await posted(port) == Posted(outcome="accepted")
    (envelope,) = box.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("post@brug.example", ["a@b.nl"])


@pytest.mark.parametrize(
    ("answers", "outcome", "reason", "status"),
    [
        ({"rcpt": "550 5.1.1 unknown"}, "gone", "recipient", 550),
        ({"rcpt": "451 4.7.1 greylisted"}, "again", "recipient", 451),
        ({"data": "554 5.7.1 not this"}, "gone", "content", 554),
        ({"data": "452 4.2.2 full"}, "again", "content", 452),
        ({"mail": "550 5.7.1 not you"}, "again", "SMTPSenderRefused", 550),
    ],
)
async def test_what_a_mail_servers_answer_means(
    answers: Mapping[str, str], outcome: str, reason: str, status: int
) -> None:
    """A final word on recipient or content ends it; a word on us is for the operator to mend."""
    async with mail_server(_Answers(**answers)) as port:
        found = await posted(port)
    assert (found.outcome, found.reason, found.status) == (outcome, reason, status)


async def test_a_mail_server_that_is_not_there_is_tried_again() -> None:
    """Nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert await posted(port) == Posted(outcome="again", reason="SMTPConnectError")


async def test_a_mail_server_that_says_nothing_is_left_in_time() -> None:
    """The limit is for the mail as a whole."""
    box = _Answers(mail="never")
    async with mail_server(box) as port:
        found = await posted(port, timeout_seconds=0.3)
        assert box.heard.is_set()
    assert (found.outcome, found.status) == ("again", None)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that signs itself, and a server's context with it."""
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "post.example")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context


async def test_a_server_we_trust_gets_password_and_mail_over_tls(
    certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After STARTTLS, with a certificate the machine trusts; the server here takes no login without it."""
    file, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    given: list[Any] = []

    def anybody(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        given.append(data)
        return AuthResult(success=True)

    box = _Answers()
    async with mail_server(box, tls_context=context, require_starttls=True, authenticator=anybody) as port:
        assert await posted(port, tls="starttls", username="u", password="p") == Posted(outcome="accepted")
    assert [(data.login, data.password) for data in given] == [(b"u", b"p")]


async def test_a_server_we_do_not_trust_gets_nothing(certificate: tuple[Path, ssl.SSLContext]) -> None:
    """A certificate that nobody vouches for might be anybody's."""
    box = _Answers()
    async with mail_server(box, tls_context=certificate[1]) as port:
        assert (await posted(port, tls="starttls")).outcome == "again"
    assert not box.heard.is_set()


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_without_tls_nothing_is_sent(tls: str) -> None:
    """A server that speaks no TLS gets neither password nor address."""
    box = _Answers()
    async with mail_server(box) as port:
        found = await posted(port, tls=tls, username="u", password="p", timeout_seconds=2)
    assert found.outcome == "again"
    assert not box.heard.is_set()


async def test_a_refused_password_is_tried_again() -> None:
    """The operator mends it, and the mail still goes."""
    box = _Answers()

    def nobody(*_: object) -> AuthResult:
        return AuthResult(success=False, handled=False)

    async with mail_server(box, authenticator=nobody, auth_require_tls=False) as port:
        found = await posted(port, username="u", password="p")
    assert (found.outcome, found.reason, found.status) == ("again", "SMTPAuthenticationError", 535)


class _Gateway:
    """A gateway that answers as it is told, and keeps what it was asked."""

    def __init__(self, status: int, answer: Any) -> None:
        self.status = status
        self.body = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
        self.asked: list[tuple[str, Mapping[str, str], Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, request.headers, msgspec.json.decode(await request.read())))
        return web.Response(status=self.status, body=self.body, content_type="application/json")


async def texted(gateway: _Gateway) -> Posted:
    async with answering(gateway.answer) as base:
        door = Door.configured(frozenset({host_port(base)}))
        settings = SmsSettings(gateway="cm", product_token="token", sender="Brug", base_url=base)
        try:
            return await sms.send(door, settings, "+31612345678", "Open https://brug.example/phone")
        finally:
            await door.close()


def taken(*codes: int, error: int = 0) -> dict[str, Any]:
    """An answer of the gateway with a verdict for each message."""
    messages = [{"to": "0031612345678", "parts": 1, "messageErrorCode": code, "messageDetails": None} for code in codes]
    return {"details": "", "errorCode": error, "messages": messages}


async def test_the_gateway_is_asked_as_its_documentation_says() -> None:
    """Product token in the header, number with 00, by SMS alone, and no reference that leads to a session."""
    gateway = _Gateway(200, taken(0))
    assert (await texted(gateway)).outcome == "accepted"
    ((path, headers, sent),) = gateway.asked
    assert (path, headers["X-CM-PRODUCTTOKEN"], headers["Content-Type"]) == (
        *("/v1.0/message", "token"),
        "application/json",
    )
    assert sent == {
        "messages": {
            "msg": [
                {
                    "allowedChannels": ["SMS"],
                    "from": "Brug",
                    "to": [{"number": "0031612345678"}],
                    "body": {"type": "auto", "content": "Open https://brug.example/phone"},
                }
            ]
        }
    }


@pytest.mark.parametrize(
    ("status", "answer", "outcome"),
    [
        (200, taken(0), "accepted"),
        (400, taken(303, error=201), "gone"),
        (200, taken(303, error=201), "gone"),
        (200, taken(402), "gone"),
        (200, taken(500), "again"),
        (200, taken(), "again"),
        (200, {"details": "", "errorCode": 102, "messages": None}, "again"),
        (401, {"details": "", "errorCode": 101, "messages": []}, "again"),
        (200, b"<html>", "again"),
        (503, b"", "again"),
        (302, b"", "again"),
    ],
)
async def test_what_the_gateways_answer_means(status: int, answer: Any, outcome: str) -> None:
    """Only a verdict on the message itself is final; trouble of the gateway or with our account passes."""
    assert (await texted(_Gateway(status, answer))).outcome == outcome


MAIL = '{"host": "post.example", "sender": "a@b.example"}'
SMS = '{"gateway": "cm", "product_token": "t", "sender": "Brug"}'


@contextmanager
def refuses_to_load(reason: str) -> Iterator[None]:
    with pytest.raises(SettingsError, match=re.escape(reason)):
        yield


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    file = tmp_path / "ophaalbrug.toml"
    file.touch()
    return file


def test_mail_and_text_messages_are_off_by_themselves() -> None:
    """Without a server or a gateway nothing is promised; reminders are spread over the default three days."""
    settings = Settings()
    assert (settings.mail, settings.sms, settings.reminder_hours) == (None, None, (24, 48, 66))
    assert max(settings.reminder_hours) < settings.session_hours


def test_mail_and_text_messages_can_be_set(empty: Path) -> None:
    """From the environment as JSON; TLS and the gateway's own address are the defaults."""
    environment = {"OPHAALBRUG_MAIL": MAIL, "OPHAALBRUG_SMS": SMS, "OPHAALBRUG_REMINDER_HOURS": "[1, 2.5]"}
    settings = load(environment, empty)
    assert settings.mail == MailSettings(host="post.example", sender="a@b.example", port=587, tls="starttls")
    assert settings.sms is not None
    assert settings.sms.base_url == "https://gw.messaging.cm.com"
    assert settings.reminder_hours == (1, 2.5)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MAIL", '{"host": "x"}', "missing required field `sender`"),
        ("MAIL", '{"host": "", "sender": "a@b.example"}', "[mail] needs a host"),
        ("MAIL", '{"host": "x", "sender": "nobody"}', "[mail] sender must be a mail address"),
        ("MAIL", '{"host": "x", "sender": "a@b.nl", "username": "u"}', "[mail] username and password go together"),
        ("MAIL", '{"host": "x", "sender": "a@b.nl", "pasword": "p"}', "unknown field `pasword`"),
        ("SMS", '{"gateway": "other", "product_token": "t", "sender": "B"}', "Invalid enum value"),
        ("SMS", '{"gateway": "cm", "product_token": "", "sender": "B"}', "[sms] needs a product_token"),
        ("SMS", '{"gateway": "cm", "product_token": "t", "sender": "Gemeente Voorbeeld"}', "[sms] sender must be"),
        ("SMS", '{"gateway": "cm", "product_token": "t", "sender": "B", "base_url": "gw"}', "[sms] base_url must be"),
        ("REMINDER_HOURS", "[48, 24]", "reminder_hours must rise"),
        ("REMINDER_HOURS", "[1, 2, 3, 4]", "length <= 3"),
    ],
)
def test_half_configured_messages_are_refused(empty: Path, name: str, value: str, reason: str) -> None:
    """At the start, in every mode, and not when the first citizen is to be invited."""
    with refuses_to_load(reason):
        load({f"OPHAALBRUG_{name}": value}, empty)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MAIL", MAIL[:-1] + ', "tls": "none"}', "[mail] tls none"),
        ("SMS", SMS[:-1] + ', "base_url": "http://gw.example"}', "[sms] base_url must be https"),
    ],
)
def test_production_writes_to_nobody_in_the_clear(empty: Path, name: str, value: str, reason: str) -> None:
    """Addresses, numbers and passwords travel encrypted."""
    safe = {
        "OPHAALBRUG_MODE": "production",
        "OPHAALBRUG_BASE_URL": "https://brug.example",
        "OPHAALBRUG_KEYS_FILE": "k",
        "OPHAALBRUG_CONTACT_EMAIL": "beheer@brug.example",
        "OPHAALBRUG_CONTACT_URL": "https://brug.example/over",
        "OPHAALBRUG_SOURCE_URN": "urn:nld:oin:00000009990000000000:systeem:brug",
    }
    load({**safe, "OPHAALBRUG_MAIL": MAIL, "OPHAALBRUG_SMS": SMS}, empty)
    with refuses_to_load(reason):
        load({**safe, f"OPHAALBRUG_{name}": value}, empty)
