"""The pretend post: mails and text messages lie in the inbox, and it says no as the real ones do."""

from __future__ import annotations

import asyncio
import json
import smtplib
from email.message import EmailMessage
from typing import Any

import aiohttp
import pytest

from sandbox.app import running
from sandbox.stage import free_port
from sandbox.world import SMS_TOKEN, Message, SandboxSettings, World
from tests.unit.sandbox.conftest import Visitor


def order(number: str) -> dict[str, Any]:
    """One text message, as the gateway wants it."""
    message = {"from": "Brug", "to": [{"number": number}], "body": {"type": "auto", "content": "Hallo"}}
    return {"messages": {"msg": [message]}}


async def asked(visitor: Visitor, body: bytes, token: str = SMS_TOKEN) -> tuple[int, dict[str, Any]]:
    """Status and answer of the gateway."""
    headers = {"X-CM-PRODUCTTOKEN": token, "Content-Type": "application/json"}
    async with visitor.browser.post(f"{visitor.address}/cm/v1.0/message", data=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_the_gateway_takes_a_message_into_the_inbox(visitor: Visitor) -> None:
    """Accepted, with the number as a person reads it."""
    status, answer = await asked(visitor, json.dumps(order("0031612345678")).encode())
    assert (status, answer["errorCode"], answer["messages"][0]["messageErrorCode"]) == (200, 0, 0)
    assert [(m["to"], m["text"]) for m in await visitor.inbox()] == [("+31612345678", "Hallo")]


@pytest.mark.parametrize(
    ("body", "token", "status", "code"),
    [
        (json.dumps(order("0031612345404")).encode(), SMS_TOKEN, 400, 201),
        (json.dumps(order("+31612345678")).encode(), SMS_TOKEN, 400, 201),
        (b"{}", SMS_TOKEN, 400, 202),
        (json.dumps(order("0031612345678")).encode(), "another", 401, 101),
    ],
)
async def test_the_gateway_says_what_is_wrong(
    visitor: Visitor, body: bytes, token: str, status: int, code: int
) -> None:
    """A number that does not exist or is not written with 00, a body it cannot read, a token it does not know."""
    found, answer = await asked(visitor, body, token)
    assert (found, answer["errorCode"]) == (status, code)
    assert await visitor.inbox() == []


async def test_the_post_can_be_switched_off(visitor: Visitor) -> None:
    """Down is down, and mended it works again."""
    sent = json.dumps(order("0031612345678")).encode()
    for fault, status in (("down", 503), ("none", 200)):
        assert (await visitor.ask("PUT", "/sandbox/faults/sms", json={"fault": fault}))[0] == 200
        assert (await asked(visitor, sent))[0] == status


def test_the_inbox_keeps_the_last_hundred() -> None:
    """Each message has a number of its own, by which it can be read while it is there."""
    world = World(SandboxSettings(client_jwks={"keys": []}, redirect_uris=()))
    for count in range(102):
        world.deliver(Message(to="a", text=str(count), at=0.0))
    assert [world.inbox[0].number, world.inbox[-1].number] == [3, 102]
    assert world.message(2) is None
    assert world.message(102) == world.inbox[-1]


async def test_a_mail_without_html_is_read_as_text() -> None:
    """Any mail program may send here; refused addresses are refused by name."""
    port = free_port()
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Dag", "a@x.example", "b@x.example"
    mail.set_content("Hallo")
    settings = SandboxSettings(client_jwks={"keys": []}, redirect_uris=(), mail_port=port)
    async with running(settings) as address:

        def send(to: str) -> None:
            with smtplib.SMTP("127.0.0.1", port) as server:
                server.send_message(mail, to_addrs=[to])

        await asyncio.to_thread(send, "b@x.example")
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            await asyncio.to_thread(send, "niemand@x.example")
        async with aiohttp.ClientSession() as browser:
            async with browser.get(f"{address}/sandbox/inbox.json") as answer:
                (message,) = await answer.json()
            async with browser.get(f"{address}/sandbox/mail/{message['number']}") as answer:
                assert answer.status == 404
    assert (message["to"], message["subject"], message["text"].strip(), message["html"]) == (
        *("b@x.example", "Dag", "Hallo"),
        "",
    )
