"""Asks UWV's two services what the profile needs, and says honestly what came of it.

Owns the settings and the joining of two answers; what a message means is read in `incomes` and `benefits`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from connectors.contract import (
    Absent,
    Context,
    Failed,
    Field,
    Found,
    Label,
    Login,
    Manifest,
    Outcome,
    Skipped,
    SourceError,
)
from connectors.outbound import ClientCertificate
from connectors.suwiml import Element, Service, SuwiAccess
from connectors.uwv import benefits, findings, incomes, verzekeringsbericht
from schemas.base import Provenance
from schemas.income import Benefit, Employment, Income
from schemas.records import Finding, SourceRecords, stamped


class UwvSettings(SuwiAccess, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[connectors.uwv]`: where the two services are; how they know us is the same for both."""

    incomes_url: str  # UWVDossierInkomstenGSD v0200
    benefits_url: str  # UWVDossierWerknemersverzekeringenGSD v0200
    months: Annotated[int, Meta(ge=1, le=120)] = 24  # how far back pay is asked
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 12.0  # per service

    def urls(self) -> tuple[str, ...]:
        """Both addresses."""
        return self.incomes_url, self.benefits_url


class _Question(msgspec.Struct, frozen=True, kw_only=True):
    """One operation: `part` names it to the phone and in findings."""

    part: str
    fields: frozenset[Field]
    url: str
    action: str
    request: Element
    parse: Callable[[Element, str], SourceRecords]


class Uwv:
    """Employments from the income service; benefits from both, for payers other than UWV are only in the first."""

    manifest: ClassVar[Manifest] = Manifest(
        id=findings.SOURCE,
        label=Label(nl="UWV", en="UWV"),
        categories=("incomes",),
        fields=("income.employment", "income.benefit"),
        login=Login(sms=True),
        transports=("api", "upload"),
        order=20,
    )
    settings_type: ClassVar[type[UwvSettings]] = UwvSettings
    read = staticmethod(verzekeringsbericht.read)

    def __init__(self, settings: UwvSettings) -> None:
        self._settings = settings
        self._service = Service(settings)

    def hosts(self) -> frozenset[str]:
        """The `host:port` pairs of the two services."""
        return self._settings.hosts()

    def certificates(self) -> dict[str, ClientCertificate]:
        """What is shown to them."""
        return self._settings.certificates()

    async def collect(self, context: Context) -> Outcome:
        """Ask the services the profile's fields need, at the same time.

        One service down beside records of the other is Found with a finding; beside "nothing found" it is Failed,
        because then all we know is that we do not know.
        """
        questions = [question for question in self._questions(context) if question.fields & context.fields]
        if not questions:
            return Skipped(reason="no-field-asked")
        answers = await asyncio.gather(*(self._answer(question, context) for question in questions))
        failures = {q.part: a for q, a in zip(questions, answers, strict=True) if isinstance(a, Failed)}
        found = {q.part: a for q, a in zip(questions, answers, strict=True) if isinstance(a, SourceRecords)}
        return _outcome(_joined(found, context.fields), failures, context)

    def _questions(self, context: Context) -> tuple[_Question, ...]:
        bsn, settings = context.subject.bsn, self._settings
        return (
            _Question(
                part="incomes",
                fields=frozenset({"income.employment", "income.benefit"}),
                url=settings.incomes_url,
                action=incomes.ACTION,
                request=incomes.request(bsn, context.now, settings.months),
                parse=incomes.parse,
            ),
            _Question(
                part="benefits",
                fields=frozenset({"income.benefit"}),
                url=settings.benefits_url,
                action=benefits.ACTION,
                request=benefits.request(bsn),
                parse=benefits.parse,
            ),
        )

    async def _answer(self, question: _Question, context: Context) -> SourceRecords | Failed:
        await context.progress(question.part)
        try:
            response = await self._service.ask(context, question.url, question.action, question.request)
            return question.parse(response, context.subject.bsn)
        except SourceError as error:
            return error.failed


def _joined(found: dict[str, SourceRecords], fields: frozenset[Field]) -> SourceRecords:
    """The records of both answers, without what the profile does not ask and without a benefit told twice."""
    nothing = SourceRecords()
    paid, granted = found.get("incomes", nothing), found.get("benefits", nothing)
    relations: list[Income] = list(paid.incomes)
    relations += benefits.not_yet_paid(_benefits(granted.incomes), _benefits(paid.incomes))
    wanted: tuple[type[Income], ...] = tuple(
        kind for field, kind in (("income.employment", Employment), ("income.benefit", Benefit)) if field in fields
    )
    return SourceRecords(
        incomes=tuple(income for income in relations if isinstance(income, wanted)),
        findings=tuple(dict.fromkeys(f for f in (*paid.findings, *granted.findings) if f.field in (None, *fields))),
    )


def _benefits(relations: tuple[Income, ...]) -> tuple[Benefit, ...]:
    return tuple(relation for relation in relations if isinstance(relation, Benefit))


def _outcome(records: SourceRecords, failures: dict[str, Failed], context: Context) -> Outcome:
    wrong = next((failed for failed in failures.values() if failed.kind == "wrong-person"), None)
    if wrong is not None:
        return wrong
    if failures and not records.incomes:
        return next(iter(failures.values()))
    missing: tuple[Finding, ...] = tuple(findings.incomplete(f"{part}-unavailable") for part in failures)
    if not records.incomes and not records.findings:
        return Absent()
    complete = msgspec.structs.replace(records, findings=(*records.findings, *missing))
    provenance = Provenance(source=findings.SOURCE, transport="api", retrieved_at=context.now)
    return Found(records=stamped(complete, provenance))
