"""What the pretend world is set up with and what it remembers while it runs: settings, what is broken, the inbox.

Everything is in memory and gone with the process. Serves nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args

import msgspec

from sandbox.downloads.authority import Authority
from sandbox.personas.facts import Fault, Source

SOURCES: tuple[Source, ...] = get_args(Source)
Channel = Literal["mail", "sms"]
SMS_TOKEN = "sandbox-product-token"
API_KEYS: dict[Source, str] = {source: f"sandbox-key-{source}" for source in SOURCES}


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the world is set up. Without `base_url` the runner fills in the address it listens on.

    `client_jwks` is the public JWKS of the one OIDC client: a signing key (`use: sig`) for its assertions and an RSA
    key (`use: enc`) its userinfo is encrypted to. `mail_port` is where the mail server listens; 0 takes a free one.
    `clock` gives seconds since the epoch; `authority` seals the downloads.
    """

    base_url: str = ""
    client_id: str = "ophaalbrug"
    client_jwks: Mapping[str, Any]
    redirect_uris: tuple[str, ...]
    api_keys: Mapping[Source, str] = msgspec.field(default_factory=API_KEYS.copy)
    slow_seconds: float = 2.0
    silent_seconds: float = 120.0
    huge_bytes: int = 20_000_000
    mail_port: int = 0
    sms_token: str = SMS_TOKEN
    authority: Authority = msgspec.field(default_factory=Authority.made)
    clock: Callable[[], float] = time.time


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it lies in the inbox; `at` is seconds since the epoch.

    `to` is a persona (a text with a `code`), a telephone number (a text) or an address (a mail, with its `headers`).
    """

    to: str
    text: str
    at: float
    code: str = ""
    subject: str = ""
    html: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    number: int = 0  # given by the inbox


class World:
    """One running world: its settings, which sources are broken by hand, and the latest messages sent."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.switches: dict[Source | Channel, Fault] = {}
        self.inbox: list[Message] = []
        self._delivered = 0

    def now(self) -> float:
        """Seconds since the epoch, by the clock of the settings."""
        return self.settings.clock()

    def today(self) -> date:
        """The date in UTC, by the same clock."""
        return datetime.fromtimestamp(self.now(), UTC).date()

    def deliver(self, message: Message) -> None:
        """Put a message in the inbox, which keeps the last hundred, and give it a number."""
        self._delivered += 1
        self.inbox = [*self.inbox[-99:], msgspec.structs.replace(message, number=self._delivered)]

    def message(self, number: int) -> Message | None:
        """A message that is still in the inbox."""
        return next((message for message in self.inbox if message.number == number), None)
