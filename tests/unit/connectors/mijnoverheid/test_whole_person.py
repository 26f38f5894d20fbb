"""A person as the register tells them, with everything in it: every element gets its own place, by value."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contract import SourceError
from connectors.mijnoverheid import brp
from connectors.mijnoverheid.estate import Location
from schemas.household import Address, Name, Person, Relation
from schemas.records import Finding, SourceRecords
from tests.unit.connectors.mijnoverheid.registers import BSN, OTHER_BSN, PARTNER_BSN, PERSON, persons


def day(text: str) -> dict[str, Any]:
    return {"type": "Datum", "datum": text}


NAME = {
    "voornamen": "Anna Maria",
    "voorletters": "A.M.",
    "voorvoegsel": "van der",
    "geslachtsnaam": "Molen",
    "volledigeNaam": "mevrouw A.M. van der Molen",
}
AT: dict[str, Any] = {
    "officieleStraatnaam": "Korenmolenweg",
    "korteStraatnaam": "Korenmlnwg",
    "huisnummer": 14,
    "huisletter": "b",
    "huisnummertoevoeging": "2",
    "aanduidingBijHuisnummer": {"code": "by", "omschrijving": "bij"},
    "postcode": "3891 xb",
    "woonplaats": "Zeewolde",
}
PLACE: dict[str, Any] = {
    "type": "Adres",
    "functieAdres": {"code": "W"},
    "adresseerbaarObjectIdentificatie": "0050010000000001",
    "nummeraanduidingIdentificatie": "0050200000000001",
    "datumVan": day("2015-06-07"),
    "verblijfadres": AT,
}
MARRIAGE: dict[str, Any] = {
    "burgerservicenummer": PARTNER_BSN,
    "naam": {"voorletters": "B.", "geslachtsnaam": "Dijk"},
    "geboorte": {"datum": day("1979-08-09")},
    "soortVerbintenis": {"code": "P"},
    "aangaanHuwelijkPartnerschap": {"datum": day("2010-05-05")},
}
WHOLE: dict[str, Any] = {
    "burgerservicenummer": BSN,
    "naam": NAME,
    "geboorte": {"datum": day("1981-02-14"), "plaats": {"omschrijving": "Urk"}, "land": {"code": "6030"}},
    "geslacht": {"code": "V"},
    "nationaliteiten": [{"type": "Nationaliteit", "nationaliteit": {"omschrijving": "Deense"}}, {"type": "Staatloos"}],
    "geheimhoudingPersoonsgegevens": True,
    "gemeenteVanInschrijving": {"code": "0050", "omschrijving": "Zeewolde"},
    "verblijfplaats": PLACE,
    "partners": [MARRIAGE, MARRIAGE | {"ontbindingHuwelijkPartnerschap": {"datum": day("2012-03-04")}}],
    "kinderen": [
        {
            "burgerservicenummer": OTHER_BSN,
            "naam": {"voornamen": "Cas"},
            "geboorte": {"datum": {"type": "JaarMaandDatum", "jaar": 2011, "maand": 3}},
        }
    ],
}
OTHERS_NAME = Name(full="B. Dijk", initials="B.", surname="Dijk")
KEY = ("3891XB", 14, "B", "2")


def registered(**changed: Any) -> brp.Registered:
    found = brp.parse(persons({"burgerservicenummer": BSN, **changed}), BSN)
    assert found is not None
    return found


def address(**changed: Any) -> Address:
    (only,) = registered(**changed).records.addresses
    return only


def test_a_person_with_everything() -> None:
    """Name, birth, gender, nationalities, home, partners and children, and where a value of the home may be found."""
    assert registered(**WHOLE) == brp.Registered(
        records=SourceRecords(
            persons=(
                Person(
                    id="self",
                    bsn=BSN,
                    name=Name(
                        full="mevrouw A.M. van der Molen",
                        given_names="Anna Maria",
                        initials="A.M.",
                        prefix="van der",
                        surname="Molen",
                    ),
                    birth_date="1981-02-14",
                    birth_place="Urk",
                    birth_country="6030",
                    gender="female",
                    nationalities=("Deense", "Staatloos"),
                    confidential=True,
                ),
                Person(id="partner", bsn=PARTNER_BSN, name=OTHERS_NAME, birth_date="1979-08-09"),
                Person(id="ex-partner-1", bsn=PARTNER_BSN, name=OTHERS_NAME, birth_date="1979-08-09"),
                Person(id="child-1", bsn=OTHER_BSN, name=Name(full="Cas", given_names="Cas"), birth_date="2011-03"),
            ),
            relations=(
                Relation(
                    person="partner", kind="partner", of="self", form="registered-partnership", since="2010-05-05"
                ),
                Relation(
                    person="ex-partner-1",
                    kind="ex-partner",
                    of="self",
                    form="registered-partnership",
                    since="2010-05-05",
                    until="2012-03-04",
                ),
                Relation(person="child-1", kind="child", of="self"),
            ),
            addresses=(
                Address(
                    persons=("self",),
                    kind="residence",
                    street="Korenmolenweg",
                    number=14,
                    letter="b",
                    addition="2",
                    postcode="3891XB",
                    city="Zeewolde",
                    municipality="Zeewolde",
                    lines=("bij",),
                    object_id="0050010000000001",
                    since="2015-06-07",
                ),
            ),
        ),
        home=Location(
            object_ids=frozenset({"0050010000000001"}),
            designation_ids=frozenset({"0050200000000001"}),
            addresses=frozenset({KEY}),
        ),
    )


def test_a_person_of_whom_little_is_known() -> None:
    """Nothing is made up: no name, no home, and no gender that was not told."""
    assert registered() == brp.Registered(records=SourceRecords(persons=(Person(id="self", bsn=BSN),)))
    (unknown,) = registered(geboorte={"land": {"code": "0000"}}, geslacht={"code": "O"}).records.persons
    assert (unknown.birth_country, unknown.gender) == (None, "unknown")
    assert registered(geslacht={"code": "M"}).records.persons[0].gender == "male"


@pytest.mark.parametrize(
    ("changed", "deceased", "since", "said"),
    [
        ({"overlijden": {"datum": day("2025-01-02")}}, True, "2025-01-02", None),
        ({"overlijden": {}}, True, None, None),
        ({"opschortingBijhouding": {"reden": {"code": "O"}, "datum": day("2025-01-03")}}, True, "2025-01-03", None),
        (
            {
                "overlijden": {"datum": day("2025-01-02")},
                "opschortingBijhouding": {"reden": {"code": "O"}, "datum": day("2025-01-03")},
            },
            True,
            "2025-01-02",
            None,
        ),
        (
            {
                "opschortingBijhouding": {
                    "reden": {"code": "E", "omschrijving": "emigratie"},
                    "datum": day("2025-01-03"),
                }
            },
            False,
            None,
            "emigratie",
        ),
    ],
)
def test_death_and_a_register_no_longer_kept(
    changed: dict[str, Any], deceased: bool, since: str | None, said: str | None
) -> None:
    """Death by its own block or as the reason to stop keeping the record; any other reason is a note."""
    records = registered(**changed).records
    assert (records.persons[0].deceased, records.persons[0].deceased_date) == (deceased, since)
    note = Finding(kind="source-note", code="brp-suspended", person="self", text=said)
    assert records.findings == ((note,) if said else ())


def test_an_address_abroad_or_in_words() -> None:
    """Lines and land abroad, a description and its municipality here; nowhere known is said too."""
    since = {"datumVan": day("2015-06-07")}
    abroad = {"regel1": "1, rue Basse", "regel2": "L-1234 Luxembourg", "land": {"omschrijving": "Luxemburg"}}
    town = {"omschrijving": "Zeewolde"}
    assert address(
        verblijfplaats={"type": "VerblijfplaatsBuitenland", "verblijfadres": abroad, **since},
        gemeenteVanInschrijving=town,
    ) == Address(
        persons=("self",),
        kind="foreign",
        lines=("1, rue Basse", "L-1234 Luxembourg"),
        country="Luxemburg",
        since="2015-06-07",
    )
    third = {"type": "VerblijfplaatsBuitenland", "verblijfadres": {"regel3": "Kade 3"}}
    assert address(verblijfplaats=third).lines == ("Kade 3",)
    boat = {"type": "Locatie", "verblijfadres": {"locatiebeschrijving": "Woonboot bij de sluis"}}
    assert address(verblijfplaats=boat, gemeenteVanInschrijving=town) == Address(
        persons=("self",), kind="location", lines=("Woonboot bij de sluis",), municipality="Zeewolde"
    )
    assert address(verblijfplaats={"type": "Locatie"}).lines == ()
    assert address(verblijfplaats={"type": "VerblijfplaatsOnbekend", **since}) == Address(
        persons=("self",), kind="unknown", since="2015-06-07"
    )


def test_an_address_to_write_to() -> None:
    """A letter address is none to live at; without the official street the short one is told, as is what there is."""
    place = {"type": "Adres", "functieAdres": {"code": "B"}, "verblijfadres": {"korteStraatnaam": "Kade"}}
    assert address(verblijfplaats=place) == Address(persons=("self",), kind="letter", street="Kade")
    assert registered(verblijfplaats=place).home is None


@pytest.mark.parametrize(
    ("place", "home"),
    [
        ({"adresseerbaarObjectIdentificatie": "1"}, Location(object_ids=frozenset({"1"}))),
        ({"nummeraanduidingIdentificatie": "2"}, Location(designation_ids=frozenset({"2"}))),
        ({"verblijfadres": AT}, Location(addresses=frozenset({KEY}))),
    ],
)
def test_one_key_is_enough_to_find_a_home(place: dict[str, Any], home: Location) -> None:
    """By object, address number or the address written out, whichever is told."""
    assert registered(verblijfplaats={"type": "Adres", **place}).home == home


@pytest.mark.parametrize(
    ("found", "kind", "retryable", "detail"),
    [
        ([PERSON, {"burgerservicenummer": OTHER_BSN}], "wrong-person", False, "the answer is about another person"),
        ([PERSON, PERSON], "unreadable", True, "the answer is not about one person"),
        ([{}], "unreadable", True, "the answer is not about one person"),
    ],
)
def test_only_an_answer_about_one_person_counts(
    found: list[dict[str, Any]], kind: str, retryable: bool, detail: str
) -> None:
    """Somebody else, two, or nobody in particular: refused, each in the log's own words."""
    with pytest.raises(SourceError) as refused:
        brp.parse(persons(*found), BSN)
    failed = refused.value.failed
    assert (failed.kind, failed.retryable, failed.detail) == (kind, retryable, detail)
    assert brp.parse(persons(), BSN) is None


def test_a_place_is_asked_once() -> None:
    """For the value register the place is added, unless the profile needs the address as a whole already."""
    bare = brp.requested(frozenset({"person.gender"}), place=True)
    assert bare[:2] == ("burgerservicenummer", "geslacht")
    assert [name.rpartition(".")[2] for name in bare[2:]] == [
        "type",
        "adresseerbaarObjectIdentificatie",
        "nummeraanduidingIdentificatie",
        "postcode",
        "huisnummer",
        "huisletter",
        "huisnummertoevoeging",
    ]
    whole = brp.requested(frozenset({"address"}), place=True)
    assert whole == brp.requested(frozenset({"address"}), place=False)
    assert brp.requested(frozenset(), place=False) == ("burgerservicenummer",)


def test_a_doubted_partnership_says_so() -> None:
    """In doubt as a whole, in its beginning or in its end: the person it is about carries it."""
    doubt: dict[str, Any] = {"inOnderzoek": {}}
    partners = [
        MARRIAGE | doubt,
        MARRIAGE | {"aangaanHuwelijkPartnerschap": doubt},
        MARRIAGE | {"ontbindingHuwelijkPartnerschap": doubt},
        MARRIAGE,
    ]
    told = registered(partners=partners).records.persons[1:]
    assert [(one.id, one.under_investigation) for one in told] == [
        ("partner", ("relation",)),
        ("partner-2", ("relation",)),
        ("partner-3", ()),
        ("ex-partner-1", ("relation",)),
    ]
