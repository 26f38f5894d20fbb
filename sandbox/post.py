"""The pretend post: a mail server and a gateway for text messages. What they take lies in the inbox, and goes nowhere.

The gateway speaks as CM.com's Business Messaging API does (developers.cm.com/messaging/docs). Addresses that begin with
`niemand@` and numbers that end in 404 do not exist. Mail and texts can each be switched off (`down`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from typing import Any, cast

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session
from litestar import MediaType, Request, Response, post
from litestar.datastructures import State
from litestar.params import RawBody

from sandbox.sources.desk import problem
from sandbox.world import Message, World

NOBODY = "niemand@"
NO_NUMBER = "404"


class Letterbox:
    """What the mail server does with a mail (an aiosmtpd handler: it calls these by name)."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take an address, put it off, or refuse it for good."""
        if self._world.switches.get("mail", "none") != "none":
            return "451 4.3.0 out of order, try again later"
        if address.startswith(NOBODY):
            return "550 5.1.1 nobody of that name here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Deliver into the inbox."""
        mail = message_from_bytes(cast(bytes, envelope.content), EmailMessage, policy=modern)
        for address in envelope.rcpt_tos:
            self._world.deliver(_delivered(mail, address, self._world.now()))
        return "250 OK"


def _delivered(mail: EmailMessage, address: str, at: float) -> Message:
    def part(kind: str) -> str:
        found = mail.get_body((kind,))
        return found.get_content() if found is not None else ""

    headers = tuple((name, str(value)) for name, value in mail.items())
    return Message(
        to=address, text=part("plain"), html=part("html"), subject=str(mail["Subject"]), headers=headers, at=at
    )


@asynccontextmanager
async def mail_server(world: World, host: str) -> AsyncGenerator[None]:
    """Listen for mail on the port of the settings while the context lasts."""
    box = Letterbox(world)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(box, hostname="zandbak.example", loop=loop), host, world.settings.mail_port
    )
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


class _To(msgspec.Struct, frozen=True):
    number: str


class _Body(msgspec.Struct, frozen=True):
    type: str
    content: str


class _Sms(msgspec.Struct, frozen=True, kw_only=True, rename={"sender": "from", "channels": "allowedChannels"}):
    sender: str
    to: tuple[_To, ...]
    body: _Body
    channels: tuple[str, ...] = ()


class _Messages(msgspec.Struct, frozen=True):
    msg: tuple[_Sms, ...]


class _Order(msgspec.Struct, frozen=True):
    messages: _Messages


@post("/cm/v1.0/message", status_code=200)
async def gateway(state: State, request: Request[Any, Any, State], body: RawBody) -> Response[bytes]:
    """Take text messages; each has a verdict of its own."""
    world: World = state.world
    if world.switches.get("sms", "none") != "none":
        return problem(503, "De sms-dienst is uitgezet")
    if request.headers.get("x-cm-producttoken") != world.settings.sms_token:
        return _answer(401, "No account found for the given authentication", 101, ())
    try:
        order = msgspec.json.decode(body, type=_Order)
    except msgspec.MsgspecError:
        return _answer(400, "The request could not be read", 202, ())
    verdicts = tuple(_taken(world, sms, to.number) for sms in order.messages.msg for to in sms.to)
    if any(verdict["status"] == "Rejected" for verdict in verdicts):
        return _answer(400, "Some or all messages have not been sent", 201, verdicts)
    return _answer(200, f"Created {len(verdicts)} message(s)", 0, verdicts)


def _taken(world: World, sms: _Sms, number: str) -> dict[str, object]:
    exists = number.startswith("00") and not number.endswith(NO_NUMBER)
    if exists:
        world.deliver(Message(to=f"+{number[2:]}", text=sms.body.content, at=world.now()))
    verdict = {"status": "Accepted", "parts": 1, "messageErrorCode": 0, "messageDetails": None}
    if not exists:
        verdict = {"status": "Rejected", "parts": 0, "messageErrorCode": 303, "messageDetails": "Invalid number"}
    return {"to": number, "reference": None, **verdict}


def _answer(status: int, details: str, code: int, verdicts: tuple[dict[str, object], ...]) -> Response[bytes]:
    content = msgspec.json.encode({"details": details, "errorCode": code, "messages": verdicts})
    return Response(content, status_code=status, media_type=MediaType.JSON)
