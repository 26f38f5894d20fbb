"""The contract between the broker and a source: a frozen manifest, and `collect` with four honest outcomes.

An empty answer is never a failure and a failure never an empty answer: `Absent` means the source said it knows
nothing, `Failed` means we do not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

import msgspec

from connectors.outbound import Door, OutboundError
from schemas.base import Record
from schemas.records import SourceRecords

FailureKind = Literal[
    "unavailable",  # the source could not be reached, or said it is out of order
    "timeout",  # it did not answer in time
    "refused",  # it refused our credentials or the request
    "unreadable",  # it answered in a form we do not understand
    "wrong-person",  # it answered about somebody else
    "interrupted",  # our own process stopped in the middle
    "login",  # the login did not succeed
]

Field = Literal[
    "person.name",
    "person.birth",
    "person.gender",
    "person.nationality",
    "address",
    "relation.partner",
    "relation.children",
    "income.employment",
    "income.benefit",
    "income.assessment",
    "income.allowance",
    "pension.scheme",
    "pension.state",
    "pension.survivor",
    "possession.real-estate",
    "possession.vehicle",
    "possession.balance",
    "debt.mortgage",
    "debt.other",
]


class Found(Record, tag="found", frozen=True, kw_only=True):
    """The source knows the person; here is what it says."""

    records: SourceRecords


class Absent(Record, tag="absent", frozen=True, kw_only=True):
    """The source answered that it has nothing about this person."""


class Skipped(Record, tag="skipped", frozen=True, kw_only=True):
    """Nothing was asked, and why."""

    reason: str


class Failed(Record, tag="failed", frozen=True, kw_only=True):
    """We do not know. `detail` is for operators: never a word from a source or a person in it."""

    kind: FailureKind
    retryable: bool = True
    detail: str | None = None


Outcome = Found | Absent | Skipped | Failed

MediaType = Literal["application/pdf", "application/json", "application/xml"]
Unusable = Literal[
    "too-large",  # more bytes than are taken
    "not-supported",  # another kind of file than this source hands out, whatever its name says
    "encrypted",  # a password is needed to open it
    "damaged",  # it cannot be read to its end
    "too-many-pages",  # more than any such document has
    "too-slow",  # reading it takes more time or memory than it may
    "other-document",  # it can be read, and is not what this source hands out
    "version",  # it is what this source hands out, in a version we do not know
]


class Label(Record, frozen=True, kw_only=True):
    """A name on screen, in both languages."""

    nl: str
    en: str


class Login(Record, frozen=True, kw_only=True):
    """How a citizen proves who they are for this source. `minimum_level` is an eIDAS level of assurance."""

    minimum_level: Literal["low", "substantial", "high"] = "low"
    sms: bool = False  # DigiD will ask an SMS code for this source


class Manifest(Record, frozen=True, kw_only=True):
    """What a connector is, before it is asked anything."""

    id: str
    label: Label
    categories: tuple[Literal["persons", "incomes", "pensions", "possessions", "debts"], ...]
    fields: tuple[Field, ...]
    login: Login
    transports: tuple[Literal["api", "upload"], ...] = ("api",)
    timeout_seconds: float = 30.0
    order: int = 100


class Subject(Record, frozen=True, kw_only=True):
    """Whose data is asked: proven at the login, never typed in. `level` is the level of assurance of that login."""

    bsn: str
    level: str


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a connector may use. `progress` tells the phone in which part of the work we are (no data in it)."""

    subject: Subject
    fields: frozenset[Field]
    door: Door
    now: datetime
    request_id: str
    progress: Callable[[str], Awaitable[None]]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A file a citizen handed over, opened. `pages` are the lines of text of a PDF, page by page; others have none."""

    media_type: MediaType
    content: bytes
    pages: tuple[tuple[str, ...], ...] = ()


class DocumentRefused(Exception):
    """A file that cannot be used. `reason` is closed, and all there is: never a word of the file."""

    def __init__(self, reason: Unusable) -> None:
        super().__init__(reason)
        self.reason: Unusable = reason


class Connector(Protocol):
    """A source. `settings_type` is the struct `[connectors.<id>]` is read into; the instance is made with it, once.

    `collect` raises nothing for what a source may do: `SourceError` and `OutboundError` become `Failed` at the caller,
    any other exception is a bug (and still becomes `Failed(unreadable)`, never silence).

    One that has `certificates()` says by `host:port` what is shown there (`ClientCertificate`); of one that has not,
    `certificate_file` and `key_file` of its settings count.

    One whose manifest names the transport `upload` also has `read`, a static method: what a document the citizen handed
    over says, in records without provenance. It runs in a process of its own and knows no settings. It raises
    DocumentRefused (other-document, version, damaged).

    One that knows a better way to see whether it can be used than asking about somebody has `check(probe)`, which gives
    the steps it took (`connectors.checking`: Probe, Step).
    """

    manifest: ClassVar[Manifest]
    settings_type: ClassVar[type[Any]]

    def __init__(self, settings: Any) -> None: ...

    async def collect(self, context: Context) -> Found | Absent | Skipped | Failed: ...

    def hosts(self) -> frozenset[str]:
        """The `host:port` pairs this connector calls, from its settings; the door lets it reach no other."""
        ...


class SourceError(Exception):
    """A source answered in a way that is an outcome: raised deep in a parser, turned into `Failed` at the top."""

    def __init__(self, kind: FailureKind, detail: str, *, retryable: bool = True) -> None:
        super().__init__(detail)
        self.failed = Failed(kind=kind, retryable=retryable, detail=detail)


async def outcome_of(connector: Connector, context: Context) -> Outcome:
    """Ask a source once, within the deadline of its manifest. What a source may do becomes an outcome; bugs go on."""
    try:
        async with asyncio.timeout(connector.manifest.timeout_seconds):
            return await connector.collect(context)
    except TimeoutError:
        return Failed(kind="timeout")
    except SourceError as error:
        return error.failed
    except OutboundError as error:
        return Failed(kind="timeout" if error.kind == "timeout" else "unavailable", detail=error.kind)
