"""The persons register against the official test persons and recorded answers.

The public set is in GBA form and is turned into the form of the API by gba_form.py; the expected values come straight
from the GBA form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from connectors.contract import SourceError
from connectors.mijnoverheid import MijnOverheid
from connectors.mijnoverheid.brp import Registered, parse, requested
from connectors.mijnoverheid.brp_wholeness import lost
from schemas.household import Address, Name, Person, Relation
from schemas.records import SELF
from tests.conformance.gba_form import Gba, api_person, full_name, initials

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "sources" / "brp"


def shared(name: str) -> Any:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the public BRP samples are not there: shared/sources/brp/{name}")
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def answers() -> list[tuple[Gba, Registered]]:
    """Every person of the set with what we read of their answer."""
    read: list[tuple[Gba, Registered]] = []
    for gba in shared("gba-mock-test-data.json"):
        body = {"type": "RaadpleegMetBurgerservicenummer", "personen": [api_person(gba)]}
        found = parse(json.dumps(body).encode(), gba["burgerservicenummer"])
        assert found is not None
        read.append((gba, found))
    assert len(read) > 800
    return read


Answers = list[tuple[Gba, Registered]]


def subject(found: Registered) -> Person:
    return found.records.persons[0]


def partial(text: str | None) -> str | None:
    """YYYYMMDD as the partial date a reader should see."""
    if text is None or text[:4] == "0000":
        return None
    known = [text[:4], text[4:6], text[6:]]
    return "-".join(known[: next((i for i, part in enumerate(known) if part == "00"), 3)])


def check(answers: Answers, expected: Callable[[Gba], object], read: Callable[[Registered], object]) -> None:
    for gba, found in answers:
        assert read(found) == expected(gba), gba["burgerservicenummer"]


def test_the_conversion_gives_messages_of_the_api() -> None:
    """What is parsed here is valid by the schemas of the API, so agreeing with this file is agreeing with them."""
    api = shared("openapi-2.7.0.json")
    wanted = {"$ref": "#/components/schemas/Persoon", "components": api["components"]}
    places = {
        kind: Draft202012Validator({"$ref": f"#/components/schemas/{kind}", "components": api["components"]})
        for kind in ("Adres", "VerblijfplaatsBuitenland", "VerblijfplaatsOnbekend")
    }
    whole = Draft202012Validator(wanted)
    for gba in shared("gba-mock-test-data.json"):
        person = api_person(gba)
        assert complaints(whole, person) == []
        place = person["verblijfplaats"]
        assert complaints(places[place["type"]], place) == []


def complaints(validator: Draft202012Validator, message: Gba) -> list[str]:
    """What is wrong with the shape; the official texts themselves break some of the official patterns (a slash)."""
    return [error.message for error in validator.iter_errors(message) if error.validator != "pattern"]


def test_bsn_keeps_its_leading_zeros(answers: Answers) -> None:
    """The BSN answered is the BSN asked, as nine characters."""
    check(answers, lambda gba: gba["burgerservicenummer"], lambda found: subject(found).bsn)


def test_names(answers: Answers) -> None:
    """Every part of the name, and its whole with predicate and title; an unknown name (".") is no name."""

    def expected(gba: Gba) -> object:
        naam = gba["naam"]
        if not full_name(naam):
            return None
        given = naam.get("voornamen")
        surname = naam["geslachtsnaam"] if naam["geslachtsnaam"] != "." else None
        return (full_name(naam), given, initials(given) if given else None, naam.get("voorvoegsel"), surname)

    check(answers, expected, lambda found: name_parts(subject(found)))


def name_parts(person: Person) -> object:
    name = person.name
    return name and (name.full, name.given_names, name.initials, name.prefix, name.surname)


def test_names_are_built_from_their_parts_when_the_register_does_not(answers: Answers) -> None:
    """Without `volledigeNaam` the parts give the very same name."""
    for gba, found in answers:
        person = api_person(gba)
        person["naam"].pop("volledigeNaam", None)
        built = parse(json.dumps({"personen": [person]}).encode(), gba["burgerservicenummer"])
        assert built is not None
        assert subject(built).name == subject(found).name


def test_births(answers: Answers) -> None:
    """Date (partial where the register knows no more), place and country; a code without a name stays a code."""

    def expected(gba: Gba) -> object:
        birth = gba.get("geboorte", {})
        return (partial(birth.get("datum")), listed(birth.get("plaats")), listed(birth.get("land")))

    check(
        answers,
        expected,
        lambda found: (subject(found).birth_date, subject(found).birth_place, subject(found).birth_country),
    )


def listed(entry: Gba | None) -> str | None:
    return (entry or {}).get("omschrijving") or (entry or {}).get("code")


def test_only_one_entry_of_the_set_has_a_gap(answers: Answers) -> None:
    """What every entry has stands in each, but in that of somebody of whom the set has a surname and no birth."""
    fields = frozenset(MijnOverheid.manifest.fields)
    gaps: dict[str, frozenset[str | None]] = {}
    for gba, _ in answers:
        body = {"type": "RaadpleegMetBurgerservicenummer", "personen": [api_person(gba)]}
        if missing := lost(json.dumps(body).encode(), fields):
            gaps[gba["burgerservicenummer"]] = missing
    assert gaps == {"999990962": {"person.birth"}}


def test_genders(answers: Answers) -> None:
    """M, V and O; a person without the block has no gender here either."""
    words = {"M": "male", "V": "female", "O": "unknown"}
    check(answers, lambda gba: words.get(gba.get("geslacht", {}).get("code")), lambda found: subject(found).gender)


def test_nationalities(answers: Answers) -> None:
    """All nationalities in order; unknown and stateless are said, not left out."""

    def expected(gba: Gba) -> tuple[str | None, ...]:
        special = {"0000": "Onbekend", "0499": "Staatloos"}
        found = [one["nationaliteit"] for one in gba["nationaliteiten"]]
        return tuple(special.get(one["code"]) or listed(one) for one in found)

    check(answers, expected, lambda found: subject(found).nationalities)


def test_deaths(answers: Answers) -> None:
    """Who died, and when as far as known."""

    def expected(gba: Gba) -> object:
        return ("overlijden" in gba, partial(gba.get("overlijden", {}).get("datum")))

    check(answers, expected, lambda found: (subject(found).deceased, subject(found).deceased_date))


def test_deaths_known_only_from_the_suspension(answers: Answers) -> None:
    """`opschortingBijhouding` comes by itself: its reason O is a death even when no death was asked for."""
    for gba, _ in answers:
        if gba.get("opschortingBijhouding", {}).get("reden", {}).get("code") != "O":
            continue
        person = api_person(gba)
        person.pop("overlijden", None)
        found = parse(json.dumps({"personen": [person]}).encode(), gba["burgerservicenummer"])
        assert found is not None
        assert subject(found).deceased
        assert subject(found).deceased_date == partial(gba["opschortingBijhouding"]["datum"])


def test_suspensions_that_are_no_death_are_noted(answers: Answers) -> None:
    """Emigration and registration as a non-resident reach the reader as a note of the source."""

    def expected(gba: Gba) -> list[str]:
        reason = gba.get("opschortingBijhouding", {}).get("reden", {"code": "O"})
        return [] if reason["code"] == "O" else [reason["omschrijving"]]

    check(answers, expected, lambda found: [finding.text for finding in found.records.findings])


def test_confidentiality(answers: Answers) -> None:
    """Geheimhouding is carried."""
    check(answers, lambda gba: "geheimhoudingPersoonsgegevens" in gba, lambda found: subject(found).confidential)


def test_investigations(answers: Answers) -> None:
    """What the register doubts is named by block."""
    blocks = {
        "010000": {"bsn", "name", "birth", "gender"},
        "010300": {"birth"},
        "010310": {"birth"},
        "010410": {"gender"},
    }

    def expected(gba: Gba) -> set[str]:
        doubted = blocks.get(gba.get("persoonInOnderzoek", {}).get("aanduidingGegevensInOnderzoek"), set[str]())
        return doubted | ({"nationality"} if any("inOnderzoek" in one for one in gba["nationaliteiten"]) else set())

    check(answers, expected, lambda found: set(subject(found).under_investigation))


def test_addresses(answers: Answers) -> None:
    """Residence, letter address, foreign and unknown residence, each with every part it has."""
    check(answers, expected_address, lambda found: found.records.addresses)


def expected_address(gba: Gba) -> tuple[Address, ...]:
    place = gba["verblijfplaats"]
    if place.get("land", {}).get("code") == "0000" or place.get("straat") == ".":
        return (Address(persons=(SELF,), kind="unknown"),)
    if "land" in place:
        return (
            Address(
                persons=(SELF,),
                kind="foreign",
                lines=tuple(place[key] for key in ("regel1", "regel2", "regel3") if key in place),
                country=listed(place["land"]),
                since=partial(place.get("datumAanvangAdresBuitenland")),
            ),
        )
    doubted = place.get("inOnderzoek", {}).get("aanduidingGegevensInOnderzoek") not in (None, "081400")
    beside = place.get("aanduidingBijHuisnummer", {}).get("omschrijving")
    return (
        Address(
            persons=(SELF,),
            kind={"W": "residence", "B": "letter"}[place["functieAdres"]["code"]],  # pyright: ignore[reportArgumentType]
            street=place.get("naamOpenbareRuimte") or place["straat"],
            number=int(place["huisnummer"]),
            letter=place.get("huisletter"),
            addition=place.get("huisnummertoevoeging"),
            postcode=place["postcode"],
            city=place.get("woonplaats"),
            municipality=gba["gemeenteVanInschrijving"]["omschrijving"],
            lines=(beside,) if beside else (),
            since=partial(place.get("datumAanvangAdreshouding")),
            object_id=place.get("adresseerbaarObjectIdentificatie"),
            under_investigation=doubted,
        ),
    )


def test_partners(answers: Answers) -> None:
    """Partners present and dissolved, with and without BSN: of each only name, birth date and BSN, and the relation."""
    check(
        answers,
        lambda gba: list(expected_partners(gba)),
        lambda found: [pair for pair in related(found) if pair[1].kind != "child"],
    )


def related(found: Registered) -> list[tuple[Person, Relation]]:
    return list(zip(found.records.persons[1:], found.records.relations, strict=True))


def expected_partners(gba: Gba) -> Iterator[tuple[Person, Relation]]:
    for partner in gba["partners"]:
        dissolved = partner.get("ontbindingHuwelijkPartnerschap")
        id_ = "ex-partner-1" if dissolved is not None else "partner"
        relation = Relation(
            person=id_,
            kind="ex-partner" if dissolved is not None else "partner",
            of=SELF,
            form={"H": "marriage", "P": "registered-partnership"}[partner["soortVerbintenis"]["code"]],  # pyright: ignore[reportArgumentType]
            since=partial(partner["aangaanHuwelijkPartnerschap"]["datum"]),
            until=partial(dissolved.get("datum")) if dissolved else None,
        )
        yield expected_third(partner, id_), relation


def expected_third(one: Gba, id_: str) -> Person:
    found = expected_name(one["naam"])
    return Person(
        id=id_,
        bsn=one.get("burgerservicenummer"),
        name=found,
        birth_date=partial(one["geboorte"]["datum"]),
        under_investigation=("relation",) if "inOnderzoek" in one else (),
    )


def expected_name(naam: Gba) -> Name:
    given = naam.get("voornamen")
    return Name(
        full=full_name(naam),
        given_names=given,
        initials=initials(given) if given else None,
        prefix=naam.get("voorvoegsel"),
        surname=naam["geslachtsnaam"],
    )


def test_children(answers: Answers) -> None:
    """Every child in order, numbered, with name, birth date and BSN where there is one."""

    def expected(gba: Gba) -> list[tuple[Person, Relation]]:
        return [
            (expected_third(child, f"child-{n}"), Relation(person=f"child-{n}", kind="child", of=SELF))
            for n, child in enumerate(gba["kinderen"], start=1)
        ]

    check(answers, expected, lambda found: [pair for pair in related(found) if pair[1].kind == "child"])


# --- recorded answers and the question ---


def recorded(name: str) -> Any:
    return shared(f"responses/{name}.json")["response"]


def test_recorded_deceased_person_with_a_partner_without_bsn() -> None:
    """A recorded whole answer: death, suspension, short street name, a partner of whom only the surname is known."""
    body = json.dumps(recorded("BRPIntegrationTest__test_brp_integration_prefill_0")).encode()
    found = parse(body, "999990421")
    assert found is not None
    person, partner = found.records.persons
    assert person.name is not None
    assert (person.name.full, person.name.initials) == ("Adrianus Hendrikus Holthuizen", "A.H.")
    assert (person.birth_date, person.deceased, person.deceased_date) == ("1904-02-15", True, "1998-08-15")
    assert (partner.id, partner.bsn, partner.birth_date) == ("partner", None, None)
    assert partner.name is not None
    assert partner.name.full == "Wiegman"
    (relation,) = found.records.relations
    assert (relation.kind, relation.since, relation.until) == ("partner", "1926-07-15", None)
    (address,) = found.records.addresses
    assert (address.street, address.number, address.postcode) == ("Nieuwe Parklaan", 58, "2597LD")
    assert (address.city, address.municipality, address.since) == (None, "'s-Gravenhage", "1997-07-28")
    assert found.records.findings == ()


def test_recorded_narrow_answer() -> None:
    """An answer holds only what was asked; the rest stays unknown and nothing is invented."""
    body = json.dumps(recorded("HaalCentraalFindPersonV2Test__test_find_person_succesfully_0")).encode()
    found = parse(body, "999990676")
    assert found is not None
    (person,) = found.records.persons
    assert person.name is not None
    assert person.name.full == "Cornelia Francisca Wiegman"
    assert (person.birth_date, person.gender, person.nationalities) == (None, None, ())
    assert (found.records.addresses, found.records.relations, found.home) == ((), (), None)


def test_recorded_family() -> None:
    """Partner and four children in the order of the register."""
    answer = recorded("HaalCentraalFindPersonV2Test__test_get_family_members_exclude_deceased_0")
    with pytest.raises(SourceError) as refused:  # that recording did not ask for the BSN, which proves who it is about
        parse(json.dumps(answer).encode(), "999970124")
    assert refused.value.failed.kind == "unreadable"
    answer["personen"][0]["burgerservicenummer"] = "999970124"
    found = parse(json.dumps(answer).encode(), "999970124")
    assert found is not None
    told = [(one.id, one.bsn, one.name and one.name.full, one.birth_date) for one in found.records.persons[1:]]
    assert told == [
        ("partner", "999970136", "Pia Pauw", "1989-04-01"),
        ("child-1", "999970409", "Pero van Paassen", "2023-02-01"),
        ("child-2", "999970161", "Peet van Paassen", "2018-12-01"),
        ("child-3", "999970173", "Pelle van Paassen", "2017-09-01"),
        ("child-4", "999970185", "Pep van Paassen", "2016-05-01"),
    ]


def test_recorded_death_abroad() -> None:
    """A death with a place we do not read parses like any other."""
    body = json.dumps(recorded("HaalCentraalFindPersonV2Test__test_get_partners_exclude_deceased_1")).encode()
    found = parse(body, "999999692")
    assert found is not None
    assert (subject(found).deceased, subject(found).deceased_date) == (True, "2020-10-01")


@pytest.mark.parametrize(
    "name",
    [
        "HaalCentraalFindPersonV2Test__test_person_not_found_0",
        "HaalCentraalFindPersonV2Test__test_get_children_person_not_found_results_0",
    ],
)
def test_recorded_unknown_person(name: str) -> None:
    """An empty list means that the register does not know the person."""
    assert parse(json.dumps(recorded(name)).encode(), "111222333") is None


def test_an_answer_about_several_others_is_refused() -> None:
    """A recorded answer about four children is about nobody who asked."""
    answer = recorded("HaalCentraalFindPersonV2Test__test_get_children_exclude_deceased_1")
    with pytest.raises(SourceError) as refused:
        parse(json.dumps(answer).encode(), "999970124")
    assert refused.value.failed.kind == "wrong-person"


def test_every_requested_field_exists_in_the_api() -> None:
    """A path to a field that does not exist, or that always comes by itself, would be answered with 400."""
    schemas = shared("openapi-2.7.0.json")["components"]["schemas"]
    paths = {*requested(frozenset(MijnOverheid.manifest.fields), place=True), *requested(frozenset(), place=True)}
    for path in paths:
        assert exists(schemas, "Persoon", path.split(".")), path
        assert path.partition(".")[0] not in ("opschortingBijhouding", "geheimhoudingPersoonsgegevens", "rni")


def exists(schemas: Gba, name: str, path: list[str]) -> bool:
    """Whether `path` leads somewhere from the schema `name`, through lists and every variant of a polymorphic one."""
    if not path:
        return True
    for properties in every_properties(schemas, schemas[name]):
        if path[0] not in properties:
            continue
        found = properties[path[0]]
        target = found.get("items", found).get("$ref", "").rpartition("/")[2]
        if not path[1:] or (target and exists(schemas, target, path[1:])):
            return True
    return False


def every_properties(schemas: Gba, schema: Gba) -> Iterator[Gba]:
    yield schema.get("properties", {})
    for part in schema.get("allOf", []):
        yield from every_properties(schemas, part)
    references = [schema.get("$ref"), *schema.get("discriminator", {}).get("mapping", {}).values()]
    for reference in references:
        if reference is not None:
            target = schemas[reference.rpartition("/")[2]]
            yield from every_properties(schemas, {k: v for k, v in target.items() if k != "discriminator"})
            for part in target.get("allOf", []):
                if "properties" in part:
                    yield part["properties"]
