"""Answers of the persons register with names changed or gone: what was asked and is not there, is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.contract import Absent, Failed, Field, Found
from connectors.mijnoverheid.brp_wholeness import lost
from schemas.records import gaps
from tests.unit.connectors.mijnoverheid.registers import (
    EVERYTHING,
    PERSON,
    collected,
    persons,
    registers,
)

DEAD = {"overlijden": {"datum": {"type": "DatumOnbekend"}}}
EMIGRATED = {"opschortingBijhouding": {"reden": {"code": "E", "omschrijving": "emigratie"}}}
WHOLE: dict[str, Any] = {
    **PERSON,
    "geslacht": {"code": "V", "omschrijving": "vrouw"},
    "nationaliteiten": [{"type": "Nationaliteit", "nationaliteit": {"code": "0001", "omschrijving": "Nederlandse"}}],
    "gemeenteVanInschrijving": {"code": "0599", "omschrijving": "Rotterdam"},
    "kinderen": [{"naam": {"geslachtsnaam": "Moulin"}, "geboorte": {"datum": {"type": "JaarDatum", "jaar": 2015}}}],
}
# What is changed, and which field says so; None where it could be any.
RENAMED: dict[str, str | None] = {
    "naam": "person.name",
    "naam.geslachtsnaam": "person.name",
    "naam.volledigeNaam": "person.name",
    "geboorte": "person.birth",
    "geboorte.datum": "person.birth",
    "geslacht": None,
    "geslacht.code": "person.gender",
    "nationaliteiten": None,
    "nationaliteiten.nationaliteit": "person.nationality",
    "verblijfplaats": "address",
    "verblijfplaats.verblijfadres": "address",
    "verblijfplaats.functieAdres": "address",
    "verblijfplaats.verblijfadres.postcode": "address",
    "gemeenteVanInschrijving": None,
    "partners": None,
    "partners.naam": "relation.partner",
    "partners.naam.geslachtsnaam": "relation.partner",
    "partners.soortVerbintenis": "relation.partner",
    "kinderen": None,
    "kinderen.geboorte": "relation.children",
    "kinderen.geboorte.datum": "relation.children",
}


def changed(value: Any, path: str, to: str | None) -> Any:
    """The message with the name at a dotted path changed, or gone."""
    if isinstance(value, list):
        return [changed(one, path, to) for one in value]
    head, _, rest = path.partition(".")
    if rest:
        return {**value, head: changed(value[head], rest, to)}
    kept = {to if name == head else name: inner for name, inner in value.items()}
    return {name: inner for name, inner in kept.items() if name is not None}


def lost_of(person: dict[str, Any], fields: frozenset[Field] = EVERYTHING) -> frozenset[Field | None]:
    """What is lost of one person."""
    return lost(persons(person), fields)


async def collect(person: dict[str, Any], *asked: Field, **beside: Any) -> Any:
    """What the connector makes of this answer of the persons register, over a real socket."""
    async with registers() as made:
        body = json.dumps({"type": "RaadpleegMetBurgerservicenummer", "personen": [person] if person else [], **beside})
        made.answers("brp", 200, body.encode())
        return await collected(made.settings("brp"), frozenset(asked) or frozenset({"person.name", "person.birth"}))


def test_the_answer_as_it_is_has_no_gap() -> None:
    """What the other tests take away is there."""
    assert lost_of(WHOLE) == frozenset()


@pytest.mark.parametrize("path", RENAMED)
def test_a_name_that_the_api_does_not_have_is_a_gap(path: str) -> None:
    """Under another name nothing is read: the block it is in is not whole, and that is said."""
    drifted = changed(WHOLE, path, "nieuweNaam")
    assert RENAMED[path] in lost_of(drifted)


@pytest.mark.parametrize(("name", "field"), [("naam", "person.name"), ("geboorte", "person.birth")])
def test_what_every_entry_has_and_is_gone_is_a_gap(name: str, field: Field) -> None:
    """Asked and not there; not asked, it is no business of the profile."""
    gone = changed(WHOLE, name, None)
    assert lost_of(gone) == {field}
    assert lost_of(gone, EVERYTHING - {field}) == frozenset()


@pytest.mark.parametrize(("beside", "expected"), [({}, {"address"}), (DEAD, set()), (EMIGRATED, set())])
def test_only_who_left_the_register_has_no_place(beside: dict[str, Any], expected: set[str]) -> None:
    """An unknown place is told as one; none at all is a loss, but of who died or emigrated."""
    assert lost_of({**changed(WHOLE, "verblijfplaats", None), **beside}) == expected
    assert lost_of({**WHOLE, "verblijfplaats": {"type": "VerblijfplaatsOnbekend"}}) == frozenset()


@pytest.mark.parametrize("name", ["geslacht", "nationaliteiten", "partners", "kinderen", "gemeenteVanInschrijving"])
def test_what_not_everybody_has_may_be_gone(name: str) -> None:
    """Somebody without a partner has no `partners`: that is no gap."""
    assert lost_of(changed(WHOLE, name, None)) == frozenset()


async def test_a_gap_reaches_the_outcome_with_what_can_be_told() -> None:
    """The name is told, the birth is not, and a finding of this source says which."""
    found = await collect(changed(WHOLE, "geboorte", "geboortegegevens"))
    assert isinstance(found, Found)
    assert found.records.persons[0].name is not None
    [finding] = found.records.findings
    assert (finding.kind, finding.code, finding.source) == ("incomplete", "brp-unread", "mijnoverheid")
    assert gaps(found.records) == ("brp-unread",)


@pytest.mark.parametrize(("gone", "field"), [(("geboorte",), "person.birth"), (("geboorte", "verblijfplaats"), None)])
async def test_the_gap_names_the_field_where_it_is_one(gone: tuple[str, ...], field: str | None) -> None:
    """Of several fields there still is one finding."""
    drifted = {name: value for name, value in WHOLE.items() if name not in gone}
    found = await collect(drifted, "person.name", "person.birth", "address")
    assert isinstance(found, Found)
    assert [finding.field for finding in found.records.findings] == [field]


async def test_nothing_of_what_was_asked_is_unreadable() -> None:
    """An entry with a BSN and no more would be a person of whom nothing is known."""
    found = await collect({"burgerservicenummer": WHOLE["burgerservicenummer"], "persoonsgegevens": {}})
    assert isinstance(found, Failed)
    assert found.kind == "unreadable"


async def test_nobody_beside_something_unknown_is_unreadable() -> None:
    """An empty list is an answer, unless something that we do not know stands beside it."""
    assert await collect({}) == Absent()
    found = await collect({}, ingeschrevenen=[WHOLE])
    assert isinstance(found, Failed)
    assert found.kind == "unreadable"


async def test_something_unknown_beside_a_person_is_a_gap() -> None:
    """It may be a second part of the answer."""
    found = await collect(WHOLE, ingeschrevenen=[])
    assert isinstance(found, Found)
    assert gaps(found.records) == ("brp-unread",)
