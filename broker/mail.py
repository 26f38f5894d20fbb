"""Mail: how an invitation is written, and how it is handed to the mail server. Knows no session and keeps nothing.

Nothing in a mail follows who reads it: no pictures, no counting links, nothing fetched from anywhere.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr

import aiosmtplib
import msgspec

from broker.brand import Shades
from broker.delivery import Verdict
from broker.settings import MailSettings
from broker.texts import Language
from broker.web.render import render, text

PERMANENT = 500  # RFC 5321, 4.2.1: a reply of 5yz will be the same next time


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in an invitation. `address` is how a genuine link begins; `until` is a moment in words.

    `logs_in`: at one of the sources at least; elsewhere people only hand over files.
    """

    reminder: bool
    provider: str
    purpose: str
    name: str | None
    link: str
    address: str
    until: str
    logs_in: bool


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message: `gone` means never again. `reason` is of the protocol, and names nobody."""

    outcome: Verdict
    reason: str | None = None
    status: int | None = None


def written(letter: Letter, language: Language, shades: Shades) -> EmailMessage:
    """The mail, as text and as HTML that says the same; who it is from and to is added by `addressed`."""
    kind = "reminder" if letter.reminder else "invitation"
    subject = _line(text(language, f"mail.subject.{kind}", provider=letter.provider))
    facts = {"letter": letter, "subject": subject, "shades": shades}
    mail = EmailMessage()
    mail["Subject"] = subject
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: nobody's absence notice should answer it
    mail.set_content(render("mail/invitation.txt", language, **facts), cte="quoted-printable")
    mail.add_alternative(render("mail/invitation.html", language, **facts), subtype="html", cte="quoted-printable")
    mail["Content-Language"] = language  # setting the content drops what was said of it before
    return mail


def addressed(mail: EmailMessage, sender: str, email: str, message_id: str, at: datetime) -> EmailMessage:
    """Put sender, recipient, id and date on it. The recipient's name is in no header: an address is all that is needed
    there, and a name could say more to a mail program than it seems to.
    """
    name, address = parseaddr(sender)
    mail["From"] = Address(name, addr_spec=address)
    mail["To"] = Address(addr_spec=email)
    mail["Message-ID"] = message_id
    mail["Date"] = at
    return mail


def domain_of(sender: str) -> str:
    """The domain a sender writes from."""
    return parseaddr(sender)[1].rpartition("@")[2]


def _line(words: str) -> str:
    """On one line, whatever the provider's file has in it."""
    return " ".join(words.split())


async def send(settings: MailSettings, mail: EmailMessage) -> Posted:
    """Hand a mail to the server. Its word on the recipient or the content, when final, is final for us.

    Anything else (no connection, no TLS, a refused login or sender) is for the operator to mend: it is tried again.
    """
    try:
        async with asyncio.timeout(settings.timeout_seconds):
            await aiosmtplib.send(
                mail,
                hostname=settings.host,
                port=settings.port,
                local_hostname=domain_of(settings.sender),
                username=settings.username or None,
                password=settings.password or None,
                use_tls=settings.tls == "tls",
                start_tls=settings.tls == "starttls",
                timeout=settings.timeout_seconds,
            )
    except aiosmtplib.SMTPRecipientsRefused as error:
        return _answered("recipient", error.recipients[0].code)
    except aiosmtplib.SMTPDataError as error:
        return _answered("content", error.code)
    except aiosmtplib.SMTPResponseException as error:
        return Posted(outcome="again", reason=type(error).__name__, status=error.code)
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        return Posted(outcome="again", reason=type(error).__name__)
    return Posted(outcome="accepted")


def _answered(reason: str, status: int) -> Posted:
    return Posted(outcome="gone" if status >= PERMANENT else "again", reason=reason, status=status)
