"""Settings: one typed struct, filled from `ophaalbrug.toml` and from the environment, which wins.

Every field says what it is for. Production refuses unsafe combinations with all reasons at once.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from connectors.documents import DocumentSettings
from connectors.health import HealthSettings
from connectors.outbound import host_port
from sessions.change import Origin
from sessions.uploading import MAX_KEPT_BYTES

PREFIX = "OPHAALBRUG_"
_STRUCTURED = ("login", "connectors", "delivery_schedule_seconds", "mail", "sms", "uploads", "reminder_hours", "health")
MIN_SECRET_BYTES = 32
LEASE_MARGIN_SECONDS = 15.0
_OWN = ("contact_email", "contact_url", "source_urn")  # said in an operator's name
_SMS_SENDER = "at most 11 letters and digits, or a number of at most 16 digits"
MAX_PARTITIONS = 256  # a session's id begins with its partition, in two hexadecimal digits


class SettingsError(Exception):
    """The settings cannot be used; the text lists every reason."""


class MailSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mail server that takes our mail. `sender` is the From address, with or without a name before it.

    `tls`: starttls (and nothing at all without it), tls from the first byte, or none. `timeout_seconds` is for one mail
    as a whole.
    """

    host: str
    sender: str
    port: int = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    timeout_seconds: float = 20.0


class SmsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gateway that takes our text messages; `sender` is what a phone shows: 11 letters or digits, or a number."""

    gateway: Literal["cm"]
    product_token: str
    sender: str
    base_url: str = "https://gw.messaging.cm.com"
    timeout_seconds: float = 10.0


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of the broker. Environment: OPHAALBRUG_ and the name in capitals."""

    mode: Annotated[
        Literal["development", "production"],
        Meta(description="production refuses to start with anything unsafe; development allows http and loopback"),
    ] = "development"
    base_url: Annotated[str, Meta(description="address under which people and providers reach the broker")] = (
        "http://127.0.0.1:8000"
    )
    host: Annotated[str, Meta(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(description="port to listen on")] = 8000
    operations_port: Annotated[
        int,
        Meta(
            description="port for health and metrics alone, of a single server process or of a worker; 0 puts a "
            "server's with the rest"
        ),
    ] = 0
    workers: Annotated[int, Meta(description="number of server processes")] = 1
    data_dir: Annotated[Path, Meta(description="where the embedded store and development keys live")] = Path("var")
    redis_url: Annotated[
        str, Meta(description="address of Valkey or Redis; empty runs the embedded store in data_dir")
    ] = ""
    partitions: Annotated[
        int,
        Meta(
            description="partitions of the store; 0 chooses 1, or 64 in a cluster; may be raised, never lowered",
            ge=0,
            le=MAX_PARTITIONS,
        ),
    ] = 0
    secret: Annotated[str, Meta(description="the broker secret, at least 32 bytes; replaces the one in keys_file")] = ""
    keys_file: Annotated[
        str,
        Meta(description="file with the broker's signing keys and secret; in development empty makes one in data_dir"),
    ] = ""
    contact_email: Annotated[str, Meta(description="where operators can be reached; shown in the API and on pages")] = (
        "beheer@ophaalbrug.example"
    )
    contact_url: Annotated[str, Meta(description="page about this broker; linked from its front page")] = (
        "https://ophaalbrug.example"
    )
    source_urn: Annotated[str, Meta(description="source of our CloudEvents (NL GOV: urn:nld:oin:…:systeem:…)")] = (
        "urn:nld:oin:00000000000000000000:systeem:ophaalbrug"
    )
    log_level: Annotated[Literal["debug", "info", "warning"], Meta(description="least level that is logged")] = "info"
    log_format: Annotated[Literal["json", "console"], Meta(description="json for machines, console for people")] = (
        "json"
    )
    worker: Annotated[bool, Meta(description="whether serve also runs the delivery worker")] = True
    session_hours: Annotated[float, Meta(description="hours a session waits for someone to start", ge=1, le=2016)] = 72
    webhook_failing_days: Annotated[
        float, Meta(description="days without any success after which a webhook is no longer called", gt=0)
    ] = 5
    webhook_timeout_seconds: Annotated[float, Meta(description="how long a receiver may take to answer")] = 20.0
    delivery_schedule_seconds: Annotated[
        tuple[float, ...], Meta(description="waits between delivery attempts; other than default for tests only")
    ] = ()
    clock_offset_file: Annotated[
        str, Meta(description="file with seconds to add to the clock; for tests, refused in production")
    ] = ""
    fault_point: Annotated[
        str, Meta(description="moment at which this process kills itself; for tests, refused in production")
    ] = ""
    sandbox: Annotated[
        bool, Meta(description="whether the pretend outside world, and testCase, may be used; never production")
    ] = False
    mail: Annotated[
        MailSettings | None, Meta(description="[mail]: the server for invitations; without it none are sent")
    ] = None
    reminder_hours: Annotated[
        tuple[float, ...],
        Meta(description="hours after its creation at which nobody having started a session is reminded", max_length=3),
    ] = (24, 48, 66)
    sms: Annotated[
        SmsSettings | None, Meta(description="[sms]: the gateway for text messages; without it none are offered")
    ] = None
    login: Annotated[dict[str, Any], Meta(description="[login]: the DigiD bridge; see docs/guides/operator.md")] = {}
    connectors: Annotated[
        dict[str, dict[str, Any]], Meta(description="[connectors.<id>]: one table per source that is asked")
    ] = {}
    uploads: Annotated[
        DocumentSettings | None,
        Meta(description="[uploads]: sources whose own downloads are taken; without it none are"),
    ] = None
    health: Annotated[
        dict[str, HealthSettings],
        Meta(description="[health.<id>]: what to ask a source to check it, and when it is in maintenance"),
    ] = {}

    @property
    def origin(self) -> Origin:
        """As what this broker is known to providers."""
        return Origin(source=self.source_urn, base_url=self.base_url)

    @property
    def lease_seconds(self) -> float:
        """For how long a worker has what it does in hand: longer than anything that it does may take."""
        limits = [self.webhook_timeout_seconds]
        limits += [channel.timeout_seconds for channel in (self.mail, self.sms) if channel is not None]
        return max(limits) + LEASE_MARGIN_SECONDS


def load(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    """Read the settings. `file` defaults to OPHAALBRUG_SETTINGS or, if it is there, to `ophaalbrug.toml` here.

    Raises SettingsError for unknown names, wrong types and anything production forbids.
    """
    environment = os.environ if environment is None else environment
    named = file or environment.get(f"{PREFIX}SETTINGS")
    path = Path(named or "ophaalbrug.toml")
    try:
        values = _from_file(path) if named or path.is_file() else {}
        values.update(_from_environment(environment))
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_path)
    except ValueError as error:  # validation errors are ValueErrors
        raise SettingsError(str(error)) from None
    check(settings)
    return settings


def _from_file(path: Path) -> dict[str, Any]:
    """What the settings file says. Raises SettingsError, which names the file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # no UTF-8, or no TOML
        raise SettingsError(f"{path}: {error}") from None


def _path(kind: type[Any], value: Any) -> Any:
    return kind(value)


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, text in environment.items():
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or name == "settings":
            continue
        try:
            found[name] = msgspec.json.decode(text) if name in _STRUCTURED else text
        except msgspec.DecodeError as error:
            raise SettingsError(f"{variable} must be JSON: {error}") from None
    return found


def check(settings: Settings) -> None:
    """Refuse what cannot work, and what production must not run with. Raises SettingsError with every reason."""
    rules = [
        (not _is_origin(settings.base_url), "base_url must be scheme, host and port only, without a slash at its end"),
        (sorted({*settings.reminder_hours}) != [*settings.reminder_hours], "reminder_hours must rise"),
        (
            settings.uploads is not None and settings.uploads.max_bytes > MAX_KEPT_BYTES,
            f"[uploads] max_bytes is at most {MAX_KEPT_BYTES}, what the originals of one session may be together",
        ),
        *_messaging(settings),
    ]
    if settings.mode == "production":
        rules += _forbidden(settings)
    reasons = [reason for wrong, reason in rules if wrong]
    if reasons:
        raise SettingsError(f"{settings.mode} refuses to start: " + "; ".join(reasons))


def _messaging(settings: Settings) -> list[tuple[bool, str]]:
    """What is wrong with [mail] and [sms]; one that is there must be whole."""
    mail, sms = settings.mail, settings.sms
    rules: list[tuple[bool, str]] = []
    if mail is not None:
        rules += [
            (not mail.host, "[mail] needs a host"),
            ("@" not in parseaddr(mail.sender)[1], "[mail] sender must be a mail address"),
            (bool(mail.username) != bool(mail.password), "[mail] username and password go together"),
        ]
    if sms is not None:
        rules += [
            (not sms.product_token, "[sms] needs a product_token"),
            (re.fullmatch("[A-Za-z0-9 ]{1,11}|[0-9]{1,16}", sms.sender) is None, f"[sms] sender must be {_SMS_SENDER}"),
            (not _is_address(sms.base_url), "[sms] base_url must be an address without a slash at its end"),
        ]
    return rules


def _forbidden(settings: Settings) -> list[tuple[bool, str]]:
    return [
        (urlsplit(settings.base_url).scheme != "https", "base_url must be https"),
        (
            not settings.keys_file,
            "keys_file must name a file: signing keys come with the secret, and every process needs the same ones",
        ),
        (
            0 < len(settings.secret.encode()) < MIN_SECRET_BYTES,
            f"secret must have at least {MIN_SECRET_BYTES} bytes",
        ),
        (settings.mail is not None and settings.mail.tls == "none", "[mail] tls none sends addresses in the clear"),
        (
            settings.sms is not None and urlsplit(settings.sms.base_url).scheme != "https",
            "[sms] base_url must be https",
        ),
        (
            bool(settings.login) and urlsplit(str(settings.login.get("issuer"))).scheme != "https",
            "[login] issuer must be https",
        ),
        *((getattr(settings, name) in ("", getattr(Settings(), name)), f"{name} must be your own") for name in _OWN),
        (settings.sandbox, "the sandbox is a pretend world"),
        (bool(settings.clock_offset_file), "clock_offset_file is for tests"),
        (bool(settings.fault_point), "fault_point is for tests"),
        (bool(settings.delivery_schedule_seconds), "delivery_schedule_seconds is for tests"),
    ]


def _is_address(url: str) -> bool:
    try:
        host_port(url)
    except ValueError:
        return False
    return not url.endswith("/")


def _is_origin(url: str) -> bool:
    """Links are made by adding to it, and issuer and DPoP addresses are compared with it to the letter."""
    parts = urlsplit(url)
    return _is_address(url) and url == f"{parts.scheme}://{parts.netloc}"


def documented() -> list[tuple[str, str, str]]:
    """Every setting: name, default as text, and its sentence."""
    info = msgspec.inspect.type_info(Settings)
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101 - for the type checker
    hints = get_type_hints(Settings, include_extras=True)
    rows: list[tuple[str, str, str]] = []
    for field in info.fields:
        meta = next(m for m in hints[field.name].__metadata__ if isinstance(m, Meta))
        default = {} if field.default is msgspec.NODEFAULT else field.default
        rows.append((field.name, "" if default is None else str(default), meta.description or ""))
    return rows
