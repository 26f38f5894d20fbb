"""The parsers one by one: traps in real registers, and odd input that must never surprise."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import suwiml
from connectors.contract import SourceError
from connectors.mijnoverheid import brk, brp, kadaster, rdw, woz
from connectors.mijnoverheid.estate import Holder
from schemas.household import Person
from schemas.records import SourceRecords
from tests.unit.connectors.mijnoverheid.registers import (
    BSN,
    HOME,
    KADASTER,
    OTHER_BSN,
    PERSON,
    RDW,
    WOZ_HOME,
    collection,
    holder,
    persons,
    soap,
)

TODAY = date(2026, 9, 1)


def person(**changed: Any) -> SourceRecords:
    found = brp.parse(persons({**PERSON, **changed}), BSN)
    assert found is not None
    return found.records


# --- persons ---


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"type": "Datum", "datum": "1985-12-01", "langFormaat": "1 december 1985"}, "1985-12-01"),
        ({"type": "JaarMaandDatum", "jaar": 1985, "maand": 2}, "1985-02"),
        ({"type": "JaarDatum", "jaar": 1985}, "1985"),
        ({"type": "DatumOnbekend", "onbekend": True}, None),
    ],
)
def test_dates_have_four_forms(written: dict[str, Any], read: str | None) -> None:
    """What the register does not know of a date is not made up."""
    assert person(geboorte={"datum": written}).persons[0].birth_date == read


def test_partners_present_and_past() -> None:
    """One partner at a time is the rule, not the law of nature: each gets an id of its own."""
    past = {"ontbindingHuwelijkPartnerschap": {"datum": {"type": "JaarDatum", "jaar": 2019}}}
    found = person(partners=[{**past}, {}, {"soortVerbintenis": {"code": "P"}}, {**past}])
    told = [(one.person, one.kind, one.form, one.until) for one in found.relations]
    assert told == [
        ("partner", "partner", None, None),
        ("partner-2", "partner", "registered-partnership", None),
        ("ex-partner-1", "ex-partner", None, "2019"),
        ("ex-partner-2", "ex-partner", None, "2019"),
    ]


def test_a_dissolution_without_a_date_is_still_one() -> None:
    """An empty block says that it ended, though not when."""
    (relation,) = person(partners=[{"ontbindingHuwelijkPartnerschap": {}}]).relations
    assert (relation.kind, relation.until) == ("ex-partner", None)


def test_a_child_of_whom_nothing_is_known_is_counted() -> None:
    """The register may know that there is a child and nothing else."""
    found = person(partners=[], kinderen=[{}, {"burgerservicenummer": OTHER_BSN}])
    assert found.persons[1:] == (Person(id="child-1"), Person(id="child-2", bsn=OTHER_BSN))


def test_nothing_else_of_third_persons_is_read() -> None:
    """Gender and birth place of a partner stay where they are, even when they are sent unasked."""
    sent = {"geslacht": {"code": "M"}, "geboorte": {"plaats": {"omschrijving": "Parijs"}}}
    (_, partner) = person(partners=[sent]).persons
    assert (partner.gender, partner.birth_place) == (None, None)


@pytest.mark.parametrize(
    ("naam", "full"),
    [
        ({"geslachtsnaam": "Vries", "voorvoegsel": "de", "voorletters": "A."}, "A. de Vries"),
        ({"voornamen": "Suzanne"}, "Suzanne"),
        (
            {
                "voornamen": "Maria",
                "adellijkeTitelPredicaat": {"omschrijving": "jonkvrouw", "soort": "predicaat"},
                "geslachtsnaam": "Zee",
            },
            "jonkvrouw Maria Zee",
        ),
        (
            {
                "voornamen": "Jan",
                "adellijkeTitelPredicaat": {"omschrijving": "baron", "soort": "titel"},
                "voorvoegsel": "van",
                "geslachtsnaam": "Zee",
            },
            "Jan baron van Zee",
        ),
        ({}, None),
    ],
)
def test_names_from_parts(naam: dict[str, Any], full: str | None) -> None:
    """A predicate stands before the given names, a title before the surname; no parts make no name."""
    name = person(naam=naam).persons[0].name
    assert (name and name.full) == full


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("BehandeldAlsNederlander", "Behandeld als Nederlander"),
        ("VastgesteldNietNederlander", "Vastgesteld niet-Nederlander"),
        ("Staatloos", "Staatloos"),
        ("NationaliteitOnbekend", "Onbekend"),
        ("Nationaliteit", "Onbekend"),
    ],
)
def test_having_no_known_nationality_is_said(kind: str, said: str) -> None:
    """Four special cases, and a nationality without a name."""
    assert person(nationaliteiten=[{"type": kind}]).persons[0].nationalities == (said,)


def test_doubts_are_named_by_block() -> None:
    """`inOnderzoek` sits on every block; each is carried to the record it doubts."""
    doubt = {"inOnderzoek": {"datumIngangOnderzoek": {"type": "JaarDatum", "jaar": 2020}}}
    found = person(
        naam={"voornamen": "Suzanne", **doubt},
        geboorte=doubt,
        nationaliteiten=[{"type": "Staatloos", **doubt}],
        overlijden=doubt,
        inOnderzoek={"burgerservicenummer": True, "geslacht": True, "leeftijd": True},
        partners=[{"naam": doubt, "aangaanHuwelijkPartnerschap": doubt}],
        kinderen=[{"geboorte": doubt, **doubt}, {}],
    )
    assert [one.under_investigation for one in found.persons] == [
        ("bsn", "name", "birth", "gender", "nationality", "death"),
        ("name", "relation"),
        ("birth", "relation"),
        (),
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"inOnderzoek": {"datumVan": True}},
        {"verblijfadres": {"huisnummer": 31, "inOnderzoek": {"huisnummer": True}}},
        {"indicatieVastgesteldVerblijftNietOpAdres": True},
    ],
)
def test_a_doubted_address(changed: dict[str, Any]) -> None:
    """In doubt as a whole, in part, or known to be left: the address says so."""
    assert person(verblijfplaats={**PERSON["verblijfplaats"], **changed}).addresses[0].under_investigation


def test_a_described_location() -> None:
    """A caravan or a boat without an address is a location in words."""
    place = {"type": "Locatie", "verblijfadres": {"locatiebeschrijving": "Naast de derde brug"}}
    (address,) = person(verblijfplaats=place).addresses
    assert (address.kind, address.lines) == ("location", ("Naast de derde brug",))


@pytest.mark.parametrize(
    "place",
    [
        {"type": "VerblijfplaatsBuitenland", "verblijfadres": {"regel1": "Rue 1", "land": {"omschrijving": "Spanje"}}},
        {"type": "VerblijfplaatsOnbekend"},
        {"type": "Locatie"},
        {"type": "Adres"},
    ],
)
def test_who_has_no_address_here_has_no_home_to_value(place: dict[str, Any]) -> None:
    """Only a Dutch address can be looked up in the WOZ register."""
    found = brp.parse(persons({**PERSON, "verblijfplaats": place}), BSN)
    assert found is not None
    assert found.home is None


# --- land, value, vehicles ---


def test_what_no_longer_exists_is_no_possession() -> None:
    """The land register also answers with objects that were split or merged away."""
    assert brk.parse_titles(collection("kadastraalOnroerendeZaken", {**HOME, "indicatieVervallen": True})) == ()


@pytest.mark.parametrize("number", [0, 9999, 12, 10**30, None])
def test_no_purchase_in_an_impossible_year(number: int | None) -> None:
    """Zero and 9999 stand for unknown in land registers."""
    assert brk.year(number) is None


def test_a_company_with_the_number_of_a_person() -> None:
    """RSIN and BSN share their form: only the type says which it is."""
    company = holder(BSN)
    company["persoon"]["type"] = "ingeschreven_niet_natuurlijk_persoon"
    assert brk.parse_holders(collection("zakelijkGerechtigden", company)) == ()


def test_a_share_that_is_not_known() -> None:
    """Where several hold one share together nobody's own part is known."""
    together = holder(BSN)
    together["tenaamstelling"] = {"gezamenlijkAandeel": {"teller": 1, "noemer": 2}}
    assert brk.parse_holders(collection("zakelijkGerechtigden", together)) == (Holder(bsn=BSN, right="eigenaar"),)


def test_a_contested_value_says_so() -> None:
    """The proxy leaves only whether an objection or appeal is pending; a value without a date is no value."""
    values = [
        {"vastgesteldeWaarde": 1, "waardepeildatum": "2024-01-01", "indicatieBezwaarBeroep": True},
        {"vastgesteldeWaarde": 2, "waardepeildatum": "2023-01-01"},
        {"vastgesteldeWaarde": 3},
        {"waardepeildatum": "2022-01-01"},
    ]
    (found,) = woz.parse(collection("wozObjecten", {**WOZ_HOME, "waarden": values}))
    assert [(v.reference_date, v.status) for v in found.estate.values] == [
        ("2024-01-01", "bezwaar_of_beroep"),
        ("2023-01-01", None),
    ]


def vehicles(inside: str) -> tuple[Any, ...]:
    client = f"<ClientSuwi><Burgerservicenr>{BSN}</Burgerservicenr>{inside}</ClientSuwi>"
    return rdw.parse(suwiml.parse_envelope(soap(RDW, "KentekenInfo", client)), BSN, TODAY)


@pytest.mark.parametrize(("until", "theirs"), [("20260831", 0), ("20260901", 1), ("20250000", 0), ("20260000", 1)])
def test_a_vehicle_that_was_sold(until: str, theirs: int) -> None:
    """Liability that ended before today is no possession; with only a year known, the whole year counts."""
    vehicle = "<Voertuig><KentekenVoertuig>99-tjr-6</KentekenVoertuig></Voertuig>"
    since = "<DatRegistratieAansprakelijkheid>20200102</DatRegistratieAansprakelijkheid>"
    ended = f"<DatEAansprakelijkheid>{until}</DatEAansprakelijkheid>"
    found = vehicles(f"<Aansprakelijke>{since}{ended}{vehicle}</Aansprakelijke>")
    assert [(one.plate, one.owned_since) for one in found] == [("99TJR6", "2020-01-02")] * theirs


def test_a_person_without_vehicles() -> None:
    """Known to the register and liable for nothing."""
    assert vehicles("") == ()
    assert vehicles("<Aansprakelijke/>") == ()


def read_vehicles(answer: suwiml.Element) -> object:
    return rdw.parse(answer, BSN, TODAY)


def read_titles(answer: suwiml.Element) -> object:
    return kadaster.parse(answer, BSN)


@pytest.mark.parametrize("parse", [read_vehicles, read_titles])
def test_an_answer_that_says_nothing_is_no_absence(parse: Callable[[suwiml.Element], object]) -> None:
    """Neither a person nor NietsGevonden: we do not know, so it is no empty answer."""
    with pytest.raises(SourceError) as refused:
        parse(suwiml.parse_envelope(soap(RDW, "KentekenInfo", "")))
    assert refused.value.failed.kind == "unreadable"


@pytest.mark.parametrize("namespace", [RDW, KADASTER])
def test_suwinet_about_somebody_else(namespace: str) -> None:
    """Both services name the person they answer about."""
    client = f"<ClientSuwi><Burgerservicenr>{OTHER_BSN}</Burgerservicenr></ClientSuwi>"
    answer = suwiml.parse_envelope(soap(namespace, "PersoonsInfo", client))
    with pytest.raises(SourceError) as refused:
        (read_vehicles if namespace == RDW else read_titles)(answer)
    assert refused.value.failed.kind == "wrong-person"


def test_a_vehicle_without_a_plate_is_unreadable() -> None:
    """A vehicle nobody can name cannot be told from another."""
    with pytest.raises(SourceError):
        vehicles("<Aansprakelijke><Voertuig/></Aansprakelijke>")


# --- odd input ---

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["Datum", "Adres"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
_PARSERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "brp": (lambda body: brp.parse(body, BSN), persons(PERSON)),
    "brk": (brk.parse_titles, collection("kadastraalOnroerendeZaken", HOME)),
    "holders": (brk.parse_holders, collection("zakelijkGerechtigden", holder(BSN))),
    "woz": (woz.parse, collection("wozObjecten", WOZ_HOME)),
}


def tried(parse: Callable[[bytes], object], body: bytes) -> None:
    """Parse, or refuse as a source does; what was parsed survives being stored and read again."""
    found: Any = None
    with suppress(SourceError):
        found = parse(body)
    if isinstance(found, brp.Registered):
        assert stored(found.records) == found.records
    elif isinstance(found, tuple) and found and not isinstance(found[0], Holder):
        records = SourceRecords(possessions=tuple(one.estate for one in found))
        assert stored(records) == records


def stored(records: SourceRecords) -> SourceRecords:
    return msgspec.json.decode(msgspec.json.encode(records), type=SourceRecords)


def test_a_refusal_carries_nothing_along() -> None:
    """What is wrong with a message may be somebody's data: neither the text nor the context of the error has it."""
    with pytest.raises(SourceError) as refused:
        brp.parse(persons({**PERSON, "geslacht": "Moulin-with-secrets"}), BSN)
    assert refused.value.__context__ is None
    assert refused.value.__cause__ is None
    assert "Moulin" not in str(refused.value)


@pytest.mark.parametrize("name", _PARSERS)
@given(body=st.binary(max_size=200))
def test_any_bytes(name: str, body: bytes) -> None:
    """No bytes whatever bring a parser to anything but records or a SourceError."""
    tried(_PARSERS[name][0], body)


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside a message."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, item in inside for path in paths(item, (*here, key)))]


@pytest.mark.parametrize("name", _PARSERS)
@given(data=st.data())
def test_a_good_message_with_one_odd_value(name: str, data: st.DataObject) -> None:
    """Any value at any place of a good message: still records that can be stored, or a SourceError."""
    parse, body = _PARSERS[name]
    message = {"root": json.loads(body)}
    path = data.draw(st.sampled_from(paths(message)[1:]))
    target: Any = message
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = data.draw(_JSON)
    tried(parse, json.dumps(message["root"]).encode())


def test_a_message_nested_without_end() -> None:
    """Depth is no way to bring the process down."""
    for parse, _ in _PARSERS.values():
        with pytest.raises(SourceError):
            parse(b'{"personen":' + b"[" * 100_000)
        tried(parse, b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


_ELEMENTS = st.sampled_from(
    [
        "ClientSuwi",
        "Burgerservicenr",
        "Aansprakelijke",
        "Voertuig",
        "KentekenVoertuig",
        "DatEAansprakelijkheid",
        "Eigendom",
        "OnroerendeZaak",
        "LocatieOZ",
        "StraatadresBag",
        "Huisnr",
        "JaarAankoop",
        "BedrKoopsom",
        "WaardeBedr",
        "NietsGevonden",
    ]
)
_XML = st.recursive(
    st.sampled_from(["", BSN, "20260101", "99991231", "00000000", "x", "-1", "1e3", "٣", "121"]),
    lambda inner: st.lists(st.tuples(_ELEMENTS, inner), max_size=4).map(
        lambda items: "".join(f"<{name}>{text}</{name}>" for name, text in items)
    ),
    max_leaves=15,
)


@given(inside=_XML)
def test_any_arrangement_of_suwinet_elements(inside: str) -> None:
    """Elements the services know, at places and with values they do not: records or a SourceError."""
    client = f"<ClientSuwi><Burgerservicenr>{BSN}</Burgerservicenr>{inside}</ClientSuwi>"
    for body in (inside, client):
        answer = soap(KADASTER, "PersoonsInfo", body)
        for parse in (read_titles, read_vehicles):
            with suppress(SourceError):
                parse(suwiml.parse_envelope(answer))
