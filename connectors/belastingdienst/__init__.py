"""The Belastingdienst: returns, allowances, box 3, own home and fiscal partner, over GraphQL.

Owns the exchange and its outcome. The query is in `query`, the answer's form in `answer`, its meaning in `facts`.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

import msgspec

from connectors.belastingdienst.answer import parse
from connectors.belastingdienst.facts import SOURCE, records
from connectors.belastingdienst.query import FIELDS, query
from connectors.contract import Absent, Context, Failed, Found, Label, Login, Manifest, Skipped, SourceError
from connectors.outbound import Answer, host_port
from schemas.base import Inbound, Provenance
from schemas.records import Finding, SourceRecords, stamped


class BelastingdienstSettings(Inbound, frozen=True, kw_only=True, rename=None):
    """`[connectors.belastingdienst]`."""

    url: str
    """Address of the GraphQL service, to which every question is POSTed."""
    api_key: str | None = None
    """Sent as `X-API-KEY` where the service wants one."""
    timeout_seconds: float = 20.0
    """How long one answer may take."""
    max_bytes: int = 2_000_000
    """How large one answer may be."""


class Belastingdienst:
    """One question, one answer; see connectors.contract.Connector."""

    manifest: ClassVar[Manifest] = Manifest(
        id=SOURCE,
        label=Label(nl="Belastingdienst", en="Tax Administration"),
        categories=("persons", "incomes", "possessions", "debts"),
        fields=FIELDS,
        login=Login(minimum_level="low"),
        order=30,
    )
    settings_type: ClassVar[type[BelastingdienstSettings]] = BelastingdienstSettings

    def __init__(self, settings: BelastingdienstSettings) -> None:
        self._settings = settings
        self._hosts = frozenset({host_port(settings.url)})

    def hosts(self) -> frozenset[str]:
        """The one `host:port` of the service."""
        return self._hosts

    async def collect(self, context: Context) -> Found | Absent | Skipped | Failed:
        """Ask for the subject's facts on `context.fields`. Lets OutboundError through, as the contract says."""
        text = query(context.fields)
        if text is None:
            return Skipped(reason="no-fields")
        await context.progress("belastingdienst")
        answer = await self._asked(context, text)
        try:
            _check_status(answer.status)
            return _outcome(answer.body, context)
        except SourceError as error:
            return error.failed

    async def _asked(self, context: Context, text: str) -> Answer:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "X-Request-ID": context.request_id}
        if self._settings.api_key is not None:
            headers["X-API-KEY"] = self._settings.api_key
        return await context.door.request(
            "POST",
            self._settings.url,
            headers=headers,
            body=msgspec.json.encode({"query": text, "variables": {"bsn": context.subject.bsn}}),
            timeout_seconds=self._settings.timeout_seconds,
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
