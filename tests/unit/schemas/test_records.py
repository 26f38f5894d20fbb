"""A source's records: every one carries where it came from."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from schemas.base import Provenance
from schemas.household import Address, Person, Relation
from schemas.income import Employment
from schemas.pension import StatePension
from schemas.records import SELF, Finding, SourceRecords, stamped
from schemas.wealth import Debt, Owner, Vehicle

PROVENANCE = Provenance(source="uwv", transport="api", retrieved_at=datetime(2026, 11, 21, tzinfo=UTC))
OWN = Provenance(source="uwv", part="polis", transport="api", retrieved_at=datetime(2026, 11, 20, tzinfo=UTC))
RECORDS = SourceRecords(
    persons=(Person(id=SELF), Person(id="child-1", sources=(OWN,))),
    relations=(Relation(person="child-1", kind="child", of=SELF),),
    addresses=(Address(persons=(SELF,)),),
    incomes=(Employment(person=SELF),),
    pensions=(StatePension(person=SELF),),
    possessions=(Vehicle(owners=(Owner(person=SELF),), plate="AB123C"),),
    debts=(Debt(owners=(Owner(person=SELF),), type="study"),),
    findings=(Finding(kind="source-note", code="note"),),
)


def test_every_record_gets_its_provenance() -> None:
    """Of all seven kinds; findings name their source themselves."""
    after = stamped(RECORDS, PROVENANCE)
    groups = (after.relations, after.addresses, after.incomes, after.pensions, after.possessions, after.debts)
    assert all(record.sources == (PROVENANCE,) for group in groups for record in group)
    assert after.persons[0].sources == (PROVENANCE,)
    assert after.findings == RECORDS.findings


def test_what_a_connector_said_itself_is_kept() -> None:
    """It may know the register and the moment better."""
    assert stamped(RECORDS, PROVENANCE).persons[1].sources == (OWN,)
    again = stamped(stamped(RECORDS, PROVENANCE), OWN)
    assert again == stamped(RECORDS, PROVENANCE)


def test_nothing_else_is_changed() -> None:
    """Without the provenance the records are those of the connector."""
    after = msgspec.to_builtins(stamped(RECORDS, PROVENANCE))
    before = msgspec.to_builtins(RECORDS)
    for name, group in after.items():
        bare = [{k: v for k, v in record.items() if k != "sources"} for record in group]
        assert bare == [{k: v for k, v in record.items() if k != "sources"} for record in before[name]]


def test_records_survive_the_vault() -> None:
    """They are stored as JSON, encrypted, and read back as the same types."""
    after = stamped(RECORDS, PROVENANCE)
    assert msgspec.json.decode(msgspec.json.encode(after), type=SourceRecords) == after
