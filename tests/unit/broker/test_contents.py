"""The open vault: answers and documents of one source together, and nobody taken for somebody else."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from broker.contents import Handed, apart, birth_mark, inside, together, written
from schemas.base import Money, Provenance
from schemas.household import Name, Person, Relation
from schemas.income import Assessment
from schemas.records import SELF, Finding, SourceRecords, gaps
from schemas.wealth import Owner, Vehicle
from sessions import collecting, uploading
from sessions.model import Session, SourceState, SourceStatus
from sessions.vault import VaultKey, decrypt, mark
from tests.unit.sessions import lives
from tests.unit.sessions.lives import OPTIONAL, REQUIRED

KEY = VaultKey(b"k" * 32)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIELDS = ("income.assessment", "relation.children", "person.birth")


def origin(digest: str | None = None) -> tuple[Provenance, ...]:
    transport = "upload" if digest else "api"
    return (Provenance(source=REQUIRED, transport=transport, retrieved_at=NOW, document_digest=digest),)


def year(number: int, digest: str | None = None) -> Assessment:
    """What was assessed over a year."""
    income = Money(amount=Decimal(30000), period="year")
    return Assessment(person=SELF, year=number, total=income, sources=origin(digest))


def handed(*incomes: Assessment, digest: str = "d1", kept: bool = True, findings: tuple[Finding, ...] = ()) -> bytes:
    return msgspec.json.encode(
        Handed(
            records=SourceRecords(incomes=incomes, findings=findings),
            media_type="application/pdf",
            digest=digest,
            size_bytes=9,
            seal="valid",
            kept=kept,
        )
    )


def session() -> Session:
    linked = lives.linked("couple")
    return replace(linked, profile=replace(linked.profile, fields=FIELDS, documents=True))


def collected(one: Session, role: str, source: str = REQUIRED) -> Session:
    return collecting.put_source(one, role, source, SourceState(status=SourceStatus.COLLECTED))


def name(role: str, number: int, source: str = REQUIRED) -> str:
    return uploading.document_name(role, source, number)


def test_an_answer_and_documents_are_one_source() -> None:
    """Each thing once, with the provenance of all that told of it; the documents are numbered through."""
    plain = {
        f"applicant/{REQUIRED}": msgspec.json.encode(SourceRecords(incomes=(year(2024),))),
        name("applicant", 1): handed(year(2024, "d1"), year(2025, "d1"), digest="d1"),
        name("applicant", 2): handed(year(2025, "d2"), digest="d2", kept=False),
        name("partner", 1, OPTIONAL): handed(year(2025, "d3"), digest="d3"),
    }
    found = inside(session(), plain)
    told = {
        (i.person, i.year): {o.document_digest for o in i.sources}
        for i in found.content.incomes
        if isinstance(i, Assessment)
    }
    assert told == {
        ("applicant", 2024): {None, "d1"},
        ("applicant", 2025): {"d1", "d2"},
        ("partner", 2025): {"d3"},
    }
    documents = [(d.number, d.person, d.source, d.digest) for d in found.content.documents]
    assert documents == [(1, "applicant", REQUIRED, "d1"), (2, "partner", OPTIONAL, "d3")]
    assert found.originals == (
        uploading.original_name("applicant", REQUIRED, 1),
        uploading.original_name("partner", OPTIONAL, 1),
    )


def test_a_document_without_records_is_an_answer_too() -> None:
    """Its findings stand in the content, about the person who handed it over."""
    unread = Finding(kind="incomplete", code="unread-line")
    found = inside(collected(session(), "partner"), {name("partner", 1): handed(findings=(unread,))})
    assert replace(unread, person="partner", source=REQUIRED) in found.content.findings
    assert not [
        f
        for f in found.content.findings
        if f.kind == "missing-source" and f.person == "partner" and f.source == REQUIRED
    ]


def test_every_source_without_an_answer_is_a_finding() -> None:
    """Whether it failed, was skipped, or is still to do."""
    one = session()
    for source, status in ((REQUIRED, SourceStatus.FAILED), (OPTIONAL, SourceStatus.SKIPPED)):
        one = collecting.put_source(one, "applicant", source, SourceState(status=status))
    missing = {(f.person, f.source, f.code) for f in inside(one, {}).content.findings if f.kind == "missing-source"}
    assert missing == {
        ("applicant", REQUIRED, "failed"),
        ("applicant", OPTIONAL, "skipped"),
        ("partner", REQUIRED, "todo"),
        ("partner", OPTIONAL, "todo"),
    }


def test_children_of_two_documents_are_told_apart() -> None:
    """Each document counts its own: the first child of one is not the first of the other."""

    def with_child(given: str, born: str) -> bytes:
        child = Person(id="child-1", name=Name(full=given, given_names=given, surname="Zand"), birth_date=born)
        relation = Relation(person="child-1", kind="child", of=SELF)
        records = SourceRecords(persons=(child,), relations=(relation,))
        return msgspec.json.encode(replace(msgspec.json.decode(handed(), type=Handed), records=records))

    plain = {
        name("applicant", 1): with_child("Pim", "2015-01-01"),
        name("applicant", 2): with_child("Pam", "2018-01-01"),
    }
    home = inside(session(), plain).content.household
    assert [p.name.full for p in home.persons if p.name] == ["Pim", "Pam"]
    assert {relation.person for relation in home.relations} == {"child-1", "child-2"}


def test_apart_names_nobody_but_self_as_before() -> None:
    """Everywhere a person is named; the family stays in the id."""
    records = SourceRecords(
        persons=(Person(id=SELF), Person(id="ex-partner-2"), Person(id="partner")),
        possessions=(Vehicle(plate="A", owners=(Owner(person="partner"), Owner(person=SELF))),),
        findings=(Finding(kind="source-note", code="x", person="ex-partner-2"), Finding(kind="source-note", code="y")),
    )
    after = apart(records, 3)
    assert [person.id for person in after.persons] == [SELF, "ex-partner-3002", "partner-3000"]
    assert [owner.person for owner in after.possessions[0].owners] == ["partner-3000", SELF]
    assert [finding.person for finding in after.findings] == ["ex-partner-3002", None]


def test_together_drops_nothing() -> None:
    """Every list of every answer, in order."""
    one, other = SourceRecords(incomes=(year(2024),)), SourceRecords(incomes=(year(2025),), persons=(Person(id=SELF),))
    assert together([one, other]) == SourceRecords(incomes=(year(2024), year(2025)), persons=(Person(id=SELF),))


def test_what_is_written_opens_under_its_own_name_and_version_only() -> None:
    """Several records in one step have a version each."""
    before = session()
    change = written(before, KEY, {"a": b"one", "b": b"two"})
    versions = {n: change.session.records[n] for n in ("a", "b")}
    assert versions == {"a": before.writes + 1, "b": before.writes + 2}
    for record, plain in (("a", b"one"), ("b", b"two")):
        assert decrypt(KEY, before.id, record, versions[record], change.vault[record]) == plain


@pytest.mark.parametrize(
    ("dates", "marked"),
    [(("1980-05-01",), "1980-05-01"), (("1980-05",), None), ((None,), None), (("1980-05-01", "1981-05-01"), None)],
)
def test_a_whole_birth_date_is_marked(dates: tuple[str | None, ...], marked: str | None) -> None:
    """That of `self`, when there is one; the mark says nothing without the vault key."""
    persons = (*(Person(id=SELF, birth_date=date) for date in dates), Person(id="child-1", birth_date="2020-01-01"))
    expected = mark(KEY, "birth", marked.encode()) if marked else None
    assert birth_mark(SourceRecords(persons=persons), KEY) == expected


def test_gaps_are_codes_of_what_is_incomplete() -> None:
    """Each once, in order, and no other kind of finding."""
    codes = (("incomplete", "woz"), ("source-note", "x"), ("incomplete", "brk"), ("incomplete", "woz"))
    findings = tuple(Finding(kind=kind, code=code, text="words") for kind, code in codes)
    assert gaps(SourceRecords(findings=findings)) == ("brk", "woz")
