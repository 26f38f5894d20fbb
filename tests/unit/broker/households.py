"""Invented answers of sources, and shorthand for merging them: what the tests of the merge share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from broker.household import merge
from schemas.base import Money, Provenance, is_bsn
from schemas.household import Address, Name, Person, Relation
from schemas.payload import Content
from schemas.records import Finding, SourceRecords, stamped
from schemas.wealth import Balance, Owner, Vehicle
from sessions.model import Role

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
BSNS = [str(n) for n in range(999_990_000, 999_991_000) if is_bsn(str(n))]
APPLICANT, PARTNER, CHILD, OTHER = BSNS[:4]
LOGINS: dict[Role, str] = {"applicant": APPLICANT, "partner": PARTNER}
ANNA = Person(id="self", bsn=APPLICANT, name=Name(full="A. de Vries", surname="Vries"), birth_date="1980-05-01")
BRAM = Person(id="self", bsn=PARTNER, name=Name(full="B. Bos", surname="Bos"), birth_date="1979-02-03")
MARRIED = Relation(person="partner", kind="partner", of="self", form="marriage", since="2010-06-01")
CHILD_OF = Relation(person="child-1", kind="child", of="self")
MIA = Person(
    id="child-1", bsn=CHILD, name=Name(full="Mia Bos", given_names="Mia", surname="Bos"), birth_date="2012-01-01"
)
OWN = (Owner(person="self"),)
HOME = Address(persons=("self",), street="Dorpsstraat", number=1, postcode="1234AB", city="Zandstad", since="2010")
REGISTERED: dict[Role, SourceRecords] = {
    "applicant": SourceRecords(
        persons=(ANNA, replace(BRAM, id="partner"), MIA), relations=(MARRIED, CHILD_OF), addresses=(HOME,)
    ),
    "partner": SourceRecords(
        persons=(BRAM, replace(ANNA, id="partner"), MIA), relations=(MARRIED, CHILD_OF), addresses=(HOME,)
    ),
}


def euro(amount: str | int, period: Any = "once") -> Money:
    return Money(amount=Decimal(amount), period=period)


def told(source: str, **records: Any) -> dict[str, SourceRecords]:
    """One source's answer, every record with its provenance."""
    provenance = Provenance(source=source, transport="api", retrieved_at=NOW)
    return {source: stamped(SourceRecords(**records), provenance)}


def register(**records: Any) -> dict[str, SourceRecords]:
    return told("mijnoverheid", **records)


def household(
    applicant: Mapping[str, SourceRecords], partner: Mapping[str, SourceRecords] | None = None, **options: Any
) -> Content:
    """The merge of one or two adults who have logged in."""
    found: dict[Role, Mapping[str, SourceRecords]] = {"applicant": applicant}
    if partner is not None:
        found["partner"] = partner
    bsns = options.pop("bsns", {role: LOGINS[role] for role in found})
    return merge(found, statuses=options.pop("statuses", {role: {} for role in found}), bsns=bsns, **options)


def couple() -> Content:
    return household(*({"mijnoverheid": r} for r in _sourced(REGISTERED)))


def _sourced(answers: Mapping[Role, SourceRecords]) -> Iterator[SourceRecords]:
    for role in ("applicant", "partner"):
        yield stamped(answers[role], Provenance(source="mijnoverheid", transport="api", retrieved_at=NOW))


def quarrel() -> Content:
    """A couple of whom four answers each say other things: as many findings, persons and things as fit in one."""
    answers: dict[Role, dict[str, SourceRecords]] = {}
    for number, role in enumerate(LOGINS):
        for place, source in enumerate(("mijnoverheid", "belastingdienst", "uwv", "mijnpensioenoverzicht")):
            year = f"19{60 + place}"
            persons = (Person(id="self", birth_date=year), Person(id="child-1", bsn=CHILD, birth_date=f"20{place:02}"))
            car = Vehicle(owners=(Owner(person="self"), Owner(person="child-1")), plate=f"{number}", brand=source)
            account = Balance(owners=OWN, type="bank", identifier="1", amount=euro(place), reference_date=year)
            answers.setdefault(role, {}).update(
                told(source, persons=persons, relations=(CHILD_OF,), possessions=(car, account), addresses=(HOME,))
            )
    return household(answers["applicant"], answers["partner"])


def ids(content: Content) -> list[str]:
    return [person.id for person in content.household.persons]


def links(content: Content) -> list[tuple[str, str, str]]:
    return [(r.person, r.kind, r.of) for r in content.household.relations]


def findings(content: Content, kind: str) -> list[Finding]:
    return [finding for finding in content.findings if finding.kind == kind]


def said(finding: Finding) -> list[tuple[str, str]]:
    return [(value.source, value.value) for value in finding.values]
