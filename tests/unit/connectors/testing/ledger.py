"""A small good connector over an invented register of debts, to be made worse in one way at a time."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from connectors.contract import Absent, Connector, Context, Found, Label, Login, Manifest, Outcome, Skipped, SourceError
from connectors.outbound import Answer, host_port
from connectors.testing import Case, ConnectorConformance, Exchange, paths_of
from schemas.base import Money, Provenance
from schemas.records import SELF, SourceRecords, stamped
from schemas.wealth import Debt, Owner

BSN = "999990019"
FOUND = b'{"bsn": "999990019", "name": "Kees Keizer", "loans": [{"number": "L-1", "owed": 12.5}]}'
NONE = b'{"bsn": "999990019", "loans": []}'


class LedgerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the register is."""

    url: str


class Loan(msgspec.Struct, frozen=True):
    """A loan in euro."""

    number: str
    owed: Decimal


class Overview(msgspec.Struct, frozen=True):
    """The register's answer."""

    bsn: str
    loans: tuple[Loan, ...]


class Ledger:
    """Good in every way; `read` and `outcome` are there to be replaced."""

    manifest: ClassVar[Manifest] = Manifest(
        id="ledger",
        label=Label(nl="Schuldenboek", en="Ledger"),
        categories=("debts",),
        fields=("debt.other",),
        login=Login(),
    )
    settings_type: ClassVar[type[Any]] = LedgerSettings

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def hosts(self) -> frozenset[str]:
        return frozenset({host_port(self.settings.url)})

    async def collect(self, context: Context) -> Outcome:
        if context.fields.isdisjoint(self.manifest.fields):
            return Skipped(reason="no-field-asked")
        await context.progress("loans")
        return self.outcome(self.read(await self.ask(context), context.subject.bsn), context)

    async def ask(self, context: Context) -> Answer:
        body = msgspec.json.encode({"bsn": context.subject.bsn})
        return await context.door.request("POST", f"{self.settings.url}/loans", body=body)

    def read(self, answer: Answer, bsn: str) -> Overview:
        if answer.status == 429 or answer.status >= 500:
            raise SourceError("unavailable", "status")
        if answer.status != 200:
            raise SourceError("refused", "status", retryable=False)
        try:
            overview = msgspec.json.decode(answer.body, type=Overview)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise SourceError("unreadable", "no overview") from None
        if overview.bsn != bsn:
            raise SourceError("wrong-person", "somebody else", retryable=False)
        if not all(loan.owed.is_finite() for loan in overview.loans):
            raise SourceError("unreadable", "no number")
        return overview

    def outcome(self, overview: Overview, context: Context) -> Outcome:
        if not overview.loans:
            return Absent()
        provenance = Provenance(source="ledger", transport="api", retrieved_at=context.now)
        debts = tuple(
            Debt(
                owners=(Owner(person=SELF),),
                type="other",
                identifier=loan.number,
                outstanding=Money(amount=loan.owed, period="once"),
            )
            for loan in overview.loans
        )
        return Found(records=stamped(SourceRecords(debts=debts), provenance))


class Conformance(ConnectorConformance):
    """The kit as an author would use it, except that pytest does not find it by itself."""

    connector: ClassVar[type[Connector]] = Ledger
    cases: ClassVar[tuple[Case, ...]] = (
        Case("loans", "found", (Exchange("POST", "/loans", FOUND),)),
        Case("none", "absent", (Exchange("POST", "/loans", NONE),)),
    )

    def settings(self, url: str) -> dict[str, Any]:
        return {"url": url}

    def asked(self, exchange: Exchange) -> Iterable[str]:
        return paths_of(Overview)


def of(connector: type[Connector], **changed: Any) -> Conformance:
    """The kit for a connector that was made worse; `changed` replaces attributes of the class."""
    return type("Worse", (Conformance,), {"connector": connector, **changed})()
