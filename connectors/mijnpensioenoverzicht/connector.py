"""Asks Mijnpensioenoverzicht for one person's overview and says honestly what came of it.

Owns the call and its outcomes; what an overview means is read in `parse`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from connectors.access import Access, Client, unaccepted
from connectors.contract import (
    Absent,
    Context,
    Field,
    Found,
    Label,
    Login,
    Manifest,
    Outcome,
    Skipped,
    SourceError,
)
from connectors.mijnpensioenoverzicht import download
from connectors.mijnpensioenoverzicht.parse import SOURCE, parse
from connectors.outbound import Answer, ClientCertificate
from schemas.base import Provenance
from schemas.pension import Pension, SchemePension, StatePension, SurvivorPension
from schemas.records import SourceRecords, stamped

MAX_BYTES = 4_000_000

_RECORDS: dict[Field, type[Pension]] = {
    "pension.scheme": SchemePension,
    "pension.state": StatePension,
    "pension.survivor": SurvivorPension,
}


class MijnpensioenoverzichtSettings(Access, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[connectors.mijnpensioenoverzicht]`: where the interface is, and how it knows us."""

    base_url: str
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 25.0  # the source itself asks every pension provider

    def urls(self) -> tuple[str, ...]:
        """The one address."""
        return (self.base_url,)


class Mijnpensioenoverzicht:
    """Pensions to come of one person. The answer names nobody, so whom it is about cannot be checked here."""

    manifest: ClassVar[Manifest] = Manifest(
        id=SOURCE,
        label=Label(nl="Mijnpensioenoverzicht", en="Mijnpensioenoverzicht"),
        categories=("pensions",),
        fields=("pension.scheme", "pension.state", "pension.survivor"),
        login=Login(),
        transports=("api", "upload"),
        order=40,
    )
    settings_type: ClassVar[type[MijnpensioenoverzichtSettings]] = MijnpensioenoverzichtSettings
    read = staticmethod(download.read)

    def __init__(self, settings: MijnpensioenoverzichtSettings) -> None:
        self._settings = settings
        self._client = Client(settings)

    def hosts(self) -> frozenset[str]:
        """The `host:port` pair of the interface."""
        return self._settings.hosts()

    def certificates(self) -> dict[str, ClientCertificate]:
        """What is shown to it."""
        return self._settings.certificates()

    async def collect(self, context: Context) -> Outcome:
        """Ask the overview and keep the kinds of pension the profile asks.

        Absent only when the overview says that there is no pension, and no provider failed to answer.
        """
        wanted = tuple(kind for field, kind in _RECORDS.items() if field in context.fields)
        if not wanted:
            return Skipped(reason="no-field-asked")
        await context.progress("pensions")
        try:
            answer = await self._ask(context)
            return _outcome(answer, wanted, context)
        except SourceError as error:
            return error.failed

    async def _ask(self, context: Context) -> Answer:
        return await self._client.ask(
            context,
            "POST",
            f"{self._settings.base_url.rstrip('/')}/pensioenaanspraken",
            headers={"Content-Type": "application/json", "Accept": "application/json, application/xml;q=0.9"},
            body=msgspec.json.encode({"burgerservicenummer": context.subject.bsn}),
            max_bytes=MAX_BYTES,
        )


def _outcome(answer: Answer, wanted: tuple[type[Pension], ...], context: Context) -> Found | Absent:
    declared = answer.headers.get("content-type")
    # A page in HTML is a gateway that lost its way, not the source saying that it knows nobody.
    if answer.status == 404 and not (declared or "").startswith("text/html"):
        return Absent()
    if answer.status != 200:
        raise unaccepted(answer.status)
    overview = parse(answer.body, declared)
    pensions = tuple(pension for pension in overview.pensions if isinstance(pension, wanted))
    findings = tuple(each for each in overview.findings if each.field in (None, *context.fields))
    if not pensions and not any(finding.kind == "incomplete" for finding in findings):
        return Absent()
    provenance = Provenance(
        source=SOURCE,
        transport="api",
        retrieved_at=context.now,
        document_digest=sha256(answer.body).hexdigest(),
    )
    return Found(records=stamped(SourceRecords(pensions=pensions, findings=findings), provenance))
