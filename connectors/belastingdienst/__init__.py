"""The Belastingdienst: returns, allowances, box 3, own home and fiscal partner, over GraphQL.

Owns the exchange and its outcome. The query is in `query`, the answer's form in `answer`, its meaning in `facts`.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from connectors.access import Access, Client
from connectors.belastingdienst import documents
from connectors.belastingdienst.answer import parse
from connectors.belastingdienst.facts import SOURCE, records
from connectors.belastingdienst.query import FIELDS, query
from connectors.contract import Absent, Context, Failed, Found, Label, Login, Manifest, Skipped, SourceError
from connectors.outbound import Answer, ClientCertificate
from schemas.base import Provenance
from schemas.records import Finding, SourceRecords, stamped


class BelastingdienstSettings(Access, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[connectors.belastingdienst]`: where the service is, and how it knows us."""

    url: str  # of the GraphQL service, to which every question is POSTed
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 20.0
    max_bytes: int = 2_000_000  # how large one answer may be

    def urls(self) -> tuple[str, ...]:
        """The one address."""
        return (self.url,)


class Belastingdienst:
    """One question, one answer; see connectors.contract.Connector."""

    manifest: ClassVar[Manifest] = Manifest(
        id=SOURCE,
        label=Label(nl="Belastingdienst", en="Tax Administration"),
        categories=("persons", "incomes", "possessions", "debts"),
        fields=FIELDS,
        login=Login(minimum_level="low"),
        transports=("api", "upload"),
        order=30,
    )
    settings_type: ClassVar[type[BelastingdienstSettings]] = BelastingdienstSettings
    read = staticmethod(documents.read)

    def __init__(self, settings: BelastingdienstSettings) -> None:
        self._settings = settings
        self._client = Client(settings)

    def hosts(self) -> frozenset[str]:
        """The `host:port` of the service."""
        return self._settings.hosts()

    def certificates(self) -> dict[str, ClientCertificate]:
        """What is shown to it."""
        return self._settings.certificates()

    async def collect(self, context: Context) -> Found | Absent | Skipped | Failed:
        """Ask for the subject's facts on `context.fields`."""
        text = query(context.fields)
        if text is None:
            return Skipped(reason="no-fields")
        await context.progress("belastingdienst")
        try:
            answer = await self._asked(context, text)
            _check_status(answer.status)
            return _outcome(answer.body, context)
        except SourceError as error:
            return error.failed

    async def _asked(self, context: Context, text: str) -> Answer:
        return await self._client.ask(
            context,
            "POST",
            self._settings.url,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            body=msgspec.json.encode({"query": text, "variables": {"bsn": context.subject.bsn}}),
            max_bytes=self._settings.max_bytes,
        )


def _check_status(status: int) -> None:
    if status == 200:
        return
    if status in (400, 401, 403, 404, 405, 415):
        raise SourceError("refused", f"status {status}", retryable=False)
    if status in (429, 500, 502, 503, 504):
        raise SourceError("unavailable", f"status {status}")
    raise SourceError("unreadable", f"status {status}")


def _outcome(body: bytes, context: Context) -> Found | Absent:
    reply = parse(body, context.subject.bsn)
    if reply.person is None:
        return Absent()
    found = records(reply.person, context.fields, context.now)
    if found == SourceRecords():
        if not reply.complete:
            raise SourceError("unavailable", "the source answered with errors and no facts")
        return Absent()
    if not reply.complete:
        finding = Finding(kind="incomplete", code="belastingdienst-incomplete", source=SOURCE)
        found = msgspec.structs.replace(found, findings=(*found.findings, finding))
    provenance = Provenance(
        source=SOURCE,
        transport="api",
        retrieved_at=context.now,
        document_digest=hashlib.sha256(body).hexdigest(),
    )
    return Found(records=stamped(found, provenance))
