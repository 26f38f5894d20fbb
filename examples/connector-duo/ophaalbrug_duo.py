"""Study debts of one person at DUO, over GraphQL.

Types and fields are those of the government's draft profile of this source (GBO semantics v0.3, source profile ROD:
`IngeschrevenPersoon`, `StudieLening`, `Bedrag`). No service answers to it yet. The draft names no way from a person to
their loans; the edge here is ours, after the one its demonstration uses elsewhere. As SDL, what a source must add:

    extend type IngeschrevenPersoon {
      heeftStudieLening: [StudieLening!]
    }
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from connectors.contract import Absent, Context, Found, Label, Login, Manifest, Outcome, Skipped, SourceError
from connectors.outbound import Answer, host_port
from schemas.base import Money, Provenance
from schemas.records import SELF, SourceRecords, stamped
from schemas.wealth import Debt, Owner

SOURCE = "duo"
QUERY = (
    "query Lening($bsn: BSN!) { ingeschrevenPersoon(bsn: $bsn) { bsn heeftStudieLening {"
    " openstaandSaldo { waarde valuta } leenstelselCohort } } }"
)


class DuoSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[connectors.duo]`: where the service is, and how it knows us."""

    url: str
    api_key: str


class Bedrag(msgspec.Struct, frozen=True):
    """An amount; without `valuta` it is in euro."""

    waarde: Annotated[float, Meta(ge=-1e12, le=1e12)]
    valuta: str | None = None


class StudieLening(msgspec.Struct, frozen=True, rename="camel"):
    """A loan. The draft gives it no number and no date."""

    openstaand_saldo: Bedrag
    leenstelsel_cohort: str


class IngeschrevenPersoon(msgspec.Struct, frozen=True, rename="camel"):
    """The person asked for."""

    bsn: str
    heeft_studie_lening: tuple[StudieLening, ...]


class Data(msgspec.Struct, frozen=True, rename="camel"):
    """`data` of the answer; no person where DUO does not know the BSN."""

    ingeschreven_persoon: IngeschrevenPersoon | None


class Reply(msgspec.Struct, frozen=True):
    """A GraphQL answer. Errors mean that something of it did not come, so they are never passed over."""

    data: Data | None = None
    errors: tuple[msgspec.Raw, ...] = ()


class Duo:
    """One question, one answer; see connectors.contract.Connector."""

    manifest: ClassVar[Manifest] = Manifest(
        id=SOURCE,
        label=Label(nl="DUO", en="DUO"),
        categories=("debts",),
        fields=("debt.other",),
        login=Login(minimum_level="substantial"),
        timeout_seconds=20.0,
        order=50,
    )
    settings_type: ClassVar[type[DuoSettings]] = DuoSettings

    def __init__(self, settings: DuoSettings) -> None:
        self._settings = settings

    def hosts(self) -> frozenset[str]:
        """The one `host:port` of the service."""
        return frozenset({host_port(self._settings.url)})

    async def collect(self, context: Context) -> Outcome:
        """Ask for the loans. Absent is a person that DUO does not know, or who has no loan."""
        if context.fields.isdisjoint(self.manifest.fields):
            return Skipped(reason="no-field-asked")
        await context.progress("loans")
        answer = await self._asked(context)
        person = _read(answer, context.subject.bsn)
        if person is None or not person.heeft_studie_lening:
            return Absent()
        provenance = Provenance(
            source=SOURCE,
            transport="api",
            retrieved_at=context.now,
            document_digest=sha256(answer.body).hexdigest(),
        )
        debts = tuple(_debt(loan) for loan in person.heeft_studie_lening)
        return Found(records=stamped(SourceRecords(debts=debts), provenance))

    async def _asked(self, context: Context) -> Answer:
        return await context.door.request(
            "POST",
            self._settings.url,
            headers={
                "Content-Type": "application/json",
                "X-API-KEY": self._settings.api_key,
                "X-Request-ID": context.request_id,
            },
            body=msgspec.json.encode({"query": QUERY, "variables": {"bsn": context.subject.bsn}}),
            timeout_seconds=15.0,
        )


def _read(answer: Answer, bsn: str) -> IngeschrevenPersoon | None:
    """The person of the answer, if it is one and about them. Raises SourceError, without a word of the answer."""
    if answer.status == 429 or answer.status >= 500:
        raise SourceError("unavailable", f"HTTP status {answer.status}")
    if answer.status != 200:
        raise SourceError("refused", f"HTTP status {answer.status}", retryable=False)
    try:
        reply = msgspec.json.decode(answer.body, type=Reply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise SourceError("unreadable", "not the answer that was asked for") from None
    if reply.errors or reply.data is None:
        raise SourceError("unavailable", "the source answered with errors")
    person = reply.data.ingeschreven_persoon
    if person is not None and person.bsn != bsn:
        raise SourceError("wrong-person", "the answer is about another BSN", retryable=False)
    return person


def _debt(loan: StudieLening) -> Debt:
    """A loan as a debt. `reference_date` stays empty: the source does not say of which day its balance is."""
    balance = loan.openstaand_saldo
    if balance.valuta not in (None, "EUR"):
        raise SourceError("unreadable", "an amount in another currency than euro")
    return Debt(
        owners=(Owner(person=SELF),),
        type="study",
        creditor="DUO",
        description=loan.leenstelsel_cohort,
        outstanding=Money(amount=Decimal(str(balance.waarde)).quantize(Decimal("0.01")), period="once"),
    )
