"""Which record a finding stands at: the only one it can be about, or none. Pure; it words nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from broker.household import label_of
from broker.matching import field_of, persons_of
from broker.pointers import Shown, concerned, pointed
from schemas.household import Person, Relation
from schemas.payload import Content
from schemas.records import Finding

_OF_RECORDS = ("clash", "under-investigation", "source-note", "remark")  # the other kinds speak of a whole source


class Places:
    """Where the findings of a content belong, as far as `shown` adults may see it."""

    def __init__(self, content: Content, shown: Iterable[str]) -> None:
        self._content = content
        self._pointed = {person: pointed(content, person) for person in shown}
        self._placed: dict[int, list[Finding]] = {}
        self.apart: list[Finding] = []
        for finding in content.findings:
            found = self._candidates(finding)
            at = self._placed.setdefault(id(found[0]), []) if len(found) == 1 else self.apart
            at.append(finding)

    def at(self, record: Shown) -> list[Finding]:
        """The findings that stand at this record."""
        return self._placed.get(id(record), [])

    def pointer(self, record: Shown, reader: str) -> tuple[str, str] | None:
        """As whom a remark on this record is made, the reader if it concerns them, and what it points at."""
        concerns = concerned(record, self._content) & self._pointed.keys()
        if not concerns:
            return None
        person = reader if reader in concerns else min(concerns)
        return person, next(one.names[0] for one in self._pointed[person] if one.record is record)

    def _candidates(self, finding: Finding) -> list[Shown]:
        if finding.kind == "remark":
            of_person = self._pointed.get(finding.person or "", ())
            exact = [one.record for one in of_person if one.names[0] == finding.field]
            return exact or [one.record for one in of_person if finding.field in one.names]
        if finding.kind not in _OF_RECORDS or finding.field is None:
            return []
        everything = {id(one.record): one.record for told in self._pointed.values() for one in told}
        return [record for record in everything.values() if self._fits(finding, record)]

    def _fits(self, finding: Finding, record: Shown) -> bool:
        if isinstance(record, Person):
            return self._fits_person(finding, record)
        if finding.field != field_of(record) or (finding.person and finding.person not in persons_of(record)):
            return False
        return finding.kind != "clash" or finding.text in (None, label_of(record))

    def _fits_person(self, finding: Finding, person: Person) -> bool:
        if finding.field is not None and finding.field.startswith("person."):
            return finding.person == person.id
        return any(
            finding.field == field_of(bond) and finding.person in (None, bond.of, bond.person)
            for bond in self._bonds(person)
        )

    def _bonds(self, person: Person) -> Iterator[Relation]:
        return (bond for bond in self._content.household.relations if bond.person == person.id)
