"""Text messages: how one is handed to the gateway. Knows no session and keeps nothing.

The gateway is CM.com's Business Messaging API as developers.cm.com/messaging/docs has it: "Integration" (address and
product token) and "Shared Features" (sender, numbers, channels). Its answer is read as CM.com's own text SDKs do.
"""

from __future__ import annotations

import msgspec

from broker.mail import Posted
from broker.settings import SmsSettings
from connectors.outbound import Answer, Door, OutboundError

PATH = "/v1.0/message"
ANSWER_MAX_BYTES = 64 * 1024


class _Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one message: 0 is well, from 300 the message is wrong, from 400 it is rejected by a rule.

    From 500 the trouble is the gateway's own.
    """

    message_error_code: int = 0


class _Taken(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The gateway's answer."""

    error_code: int = 0
    messages: tuple[_Message, ...] | None = ()


async def send(door: Door, settings: SmsSettings, number: str, text: str) -> Posted:
    """Hand one message to the gateway; `number` is E.164. `gone` when the gateway rejects it: it would again."""
    message = {
        "allowedChannels": ["SMS"],
        "from": settings.sender,
        "to": [{"number": number.replace("+", "00", 1)}],  # "Start with 00 … No + sign"
        "body": {"type": "auto", "content": text},
    }
    try:
        answer = await door.request(
            "POST",
            settings.base_url + PATH,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/json",
                "X-CM-PRODUCTTOKEN": settings.product_token,
            },
            body=msgspec.json.encode({"messages": {"msg": [message]}}),
            timeout_seconds=settings.timeout_seconds,
            max_bytes=ANSWER_MAX_BYTES,
        )
    except OutboundError as error:
        return Posted(outcome="again", reason=error.kind)
    return _read(answer)


def _read(answer: Answer) -> Posted:
    """What an answer means; its status alone is no acceptance, as each message has a verdict of its own."""
    try:
        taken = msgspec.json.decode(answer.body, type=_Taken)
    except msgspec.MsgspecError:
        return Posted(outcome="again", reason="unreadable", status=answer.status)
    verdicts = [message.message_error_code for message in taken.messages or ()]
    if any(300 <= code < 500 for code in verdicts):
        return Posted(outcome="gone", reason="rejected", status=answer.status)
    if 200 <= answer.status < 300 and not taken.error_code and verdicts and not any(verdicts):
        return Posted(outcome="accepted", status=answer.status)
    return Posted(outcome="again", reason="refused", status=answer.status)
