"""Answers with everything in them, and with next to nothing: every element gets its own place, by value."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors import suwiml
from connectors.contract import Field, SourceError
from connectors.mijnoverheid import brk, kadaster, rdw, woz
from connectors.mijnoverheid.estate import Holder, Location, Title, Valued
from schemas.base import Money
from schemas.wealth import Owner, PropertyValue, RealEstate, Vehicle
from tests.unit.connectors.mijnoverheid.registers import (
    BSN,
    KADASTER,
    OTHER_BSN,
    PARTNER_BSN,
    RDW,
    Registers,
    collected,
    collection,
    holder,
    registers,
    soap,
)

TODAY = date(2026, 9, 1)
FIRST = {
    "straat": "Boterdiep",
    "huisnummer": 31,
    "huisletter": "a",
    "huisnummertoevoeging": "bis-1",
    "postcode": "3077 AW",
    "woonplaats": "Zeewolde",
    "nummeraanduidingIdentificatie": "0599200000000001",
    "adresseerbaarObjectIdentificatie": "0599010000000001",
}
SECOND = {"huisnummer": 33, "postcode": "3077AW", "adresseerbaarObjectIdentificatie": "0599010000000002"}
KEY = ("3077AW", 31, "A", "BIS1")


@pytest.fixture
async def world() -> AsyncIterator[Registers]:
    async with registers() as made:
        yield made


def once(amount: int | str) -> Money:
    return Money(amount=Decimal(amount), period="once")


def suwi(namespace: str, inside: str, bsn: str = BSN) -> suwiml.Element:
    client = f"<ClientSuwi><Burgerservicenr>{bsn}</Burgerservicenr>{inside}</ClientSuwi>"
    return suwiml.parse_envelope(soap(namespace, "PersoonsInfo", client))


def refused(parse: Callable[[], object]) -> tuple[str, bool, str | None]:
    with pytest.raises(SourceError) as caught:
        parse()
    failed = caught.value.failed
    return failed.kind, failed.retryable, failed.detail


# --- land register ---


def test_a_title_with_everything() -> None:
    """Each element of the land register in its own field; the first address is told, all of them say where it is."""
    found = {
        "identificatie": "20570000000001",
        "type": "perceel",
        "koopsom": {"koopsom": 312000, "koopjaar": 2014, "indicatieMetMeerObjectenVerkregen": True},
        "aardCultuurBebouwd": {"code": "2", "waarde": "Wonen"},
        "aardCultuurOnbebouwd": {"waarde": "Tuin"},
        "kadastraleAanduiding": "Zeewolde K 4825",
        "kadastraleGrootte": {"waarde": 250},
        "hypotheekIdentificaties": ["1000000001"],
        "adressen": [FIRST, SECOND, {"postcode": "3077AW"}],
    }
    assert brk.parse_titles(collection("kadastraalOnroerendeZaken", found)) == (
        Title(
            estate=RealEstate(
                owners=(),
                cadastral_id="20570000000001",
                cadastral_designation="Zeewolde K 4825",
                object_id="0599010000000001",
                street="Boterdiep",
                number=31,
                letter="a",
                addition="bis-1",
                postcode="3077 AW",
                city="Zeewolde",
                use="Wonen",
                area_m2=250,
                bought_for=once(312000),
                bought_in="2014",
                bought_with_others=True,
                mortgage_registered=True,
            ),
            location=Location(
                object_ids=frozenset({"0599010000000001", "0599010000000002"}),
                designation_ids=frozenset({"0599200000000001"}),
                addresses=frozenset({KEY, ("3077AW", 33, "", "")}),
            ),
        ),
    )


def test_a_title_with_its_number_only() -> None:
    """What is not told is not made up: no price of nought, no mortgage, no place; a price of nought is one."""
    bare = {"identificatie": "1"}
    assert brk.parse_titles(collection("kadastraalOnroerendeZaken", bare)) == (
        Title(estate=RealEstate(owners=(), cadastral_id="1"), location=Location()),
    )
    (gift,) = brk.parse_titles(collection("kadastraalOnroerendeZaken", {**bare, "koopsom": {"koopsom": 0}}))
    assert gift.estate.bought_for == once(0)
    assert brk.parse_titles(b"{}") == ()
    assert brk.parse_holders(b"{}") == ()


@pytest.mark.parametrize(
    ("told", "use"),
    [
        ({"aardCultuurBebouwd": {"waarde": "Wonen"}, "aardCultuurOnbebouwd": {"waarde": "Tuin"}}, "Wonen"),
        ({"aardCultuurOnbebouwd": {"waarde": "Tuin"}, "type": "perceel"}, "Tuin"),
        ({"type": "appartementsrecht"}, "appartementsrecht"),
    ],
)
def test_what_land_is_used_for(told: dict[str, Any], use: str) -> None:
    """The building's use before the land's, and both before the kind of right."""
    (title,) = brk.parse_titles(collection("kadastraalOnroerendeZaken", {"identificatie": "1", **told}))
    assert title.estate.use == use


@pytest.mark.parametrize(("number", "said"), [(999, None), (1000, "1000"), (9998, "9998"), (9999, None)])
def test_a_year_of_purchase_has_four_figures(number: int, said: str | None) -> None:
    """From 1000 up to what stands for unknown."""
    assert brk.year(number) == said


def test_holders_are_persons_with_a_number() -> None:
    """Share and right as they stand; who has no number, or whose share is not told, is not filled in."""
    nameless = holder(OTHER_BSN)
    del nameless["persoon"]["identificatie"]
    answer = collection("zakelijkGerechtigden", holder(BSN, (1, 3)), nameless, holder(PARTNER_BSN, (2, 3)))
    assert brk.parse_holders(answer) == (
        Holder(bsn=BSN, share="1/3", right="eigenaar"),
        Holder(bsn=PARTNER_BSN, share="2/3", right="eigenaar"),
    )


async def test_the_land_register_is_asked_by_number_in_the_body(world: Registers) -> None:
    """The question is the BSN and the fields that are used; a register that has nothing there has nothing (404)."""
    fields: frozenset[Field] = frozenset({"possession.real-estate"})
    world.answers("holders", 404)
    (home,) = (await collected(world.settings("brp", "brk"), fields)).records.possessions
    assert home.owners == (Owner(person="self"),)
    (asked,) = world.of("brk")
    assert json.loads(asked.body) == {"burgerservicenummer": BSN, "fields": brk.FIELDS}
    world.answers("brk", 404)
    nothing = await collected(world.settings("brp", "brk"), fields)
    assert nothing.records.possessions == ()
    assert [one.code for one in nothing.records.findings] == ["woz-not-configured"]


# --- value register ---


def test_a_valued_home_with_everything() -> None:
    """Each element of the value register in its own field, whose it is and on which ground it stands."""
    found = {
        "identificatie": "059900000001",
        "aanduiding": {key: value for key, value in FIRST.items() if not key.startswith("adresseer")},
        "adresseerbaarObjectIdentificaties": ["0599010000000001", "0599010000000002"],
        "belanghebbendeEigenaar": {"burgerservicenummer": PARTNER_BSN},
        "grondoppervlakte": 120,
        "kadastraalOnroerendeZaken": [{"identificatie": "20570000000001"}, {}],
        "waarden": [
            {
                "vastgesteldeWaarde": 401000,
                "waardepeildatum": "2025-01-01",
                "beschikkingsStatussen": ["genomen", "bezwaar"],
                "indicatieBezwaarBeroep": True,
            }
        ],
    }
    value = PropertyValue(amount=once(401000), reference_date="2025-01-01", status="genomen, bezwaar")
    assert woz.parse(collection("wozObjecten", found)) == (
        Valued(
            estate=RealEstate(
                owners=(),
                woz_id="059900000001",
                object_id="0599010000000001",
                street="Boterdiep",
                number=31,
                letter="a",
                addition="bis-1",
                postcode="3077 AW",
                city="Zeewolde",
                area_m2=120,
                values=(value,),
            ),
            location=Location(
                object_ids=frozenset({"0599010000000001", "0599010000000002"}),
                designation_ids=frozenset({"0599200000000001"}),
                addresses=frozenset({KEY}),
            ),
            cadastral_ids=frozenset({"20570000000001"}),
            owner_bsn=PARTNER_BSN,
        ),
    )


def test_a_valued_home_of_which_nothing_is_told() -> None:
    """No number, place, value or owner is made up."""
    assert woz.parse(collection("wozObjecten", {})) == (Valued(estate=RealEstate(owners=()), location=Location()),)
    assert woz.parse(b"{}") == ()


@pytest.mark.parametrize(
    ("place", "asked"),
    [
        (
            FIRST,
            {"adresseerbaarObjectIdentificatie": "0599010000000001"},
        ),
        (
            {"nummeraanduidingIdentificatie": "0599200000000001", "huisnummer": 31, "postcode": "3077AW"},
            {"nummeraanduidingIdentificatie": "0599200000000001"},
        ),
        (
            {key: FIRST[key] for key in ("huisnummer", "huisletter", "huisnummertoevoeging", "postcode")},
            {"postcode": "3077AW", "huisnummer": "31", "huisletter": "A", "huisnummertoevoeging": "BIS1"},
        ),
        ({"huisnummer": 31, "postcode": "3077AW"}, {"postcode": "3077AW", "huisnummer": "31"}),
    ],
)
async def test_a_value_is_asked_by_the_best_key(world: Registers, place: dict[str, Any], asked: dict[str, str]) -> None:
    """By object, else by address number, else by the address written out; with the fields that are used, a hundred."""
    world.answers("brk", 200, collection("kadastraalOnroerendeZaken", {"identificatie": "1", "adressen": [place]}))
    await collected(world.settings("brp", "brk", "woz"), frozenset({"possession.real-estate"}))
    queries = [one.query for one in world.of("woz")]
    assert {**asked, "fields": woz.FIELDS, "pageSize": "100"} in queries
    assert {one.path for one in world.of("woz")} == {"/woz/wozobjecten"}


# --- land register through Suwinet ---

FLAT = """
<Eigendom>
  <OnroerendeZaak>
    <KadastraleAanduiding>
      <CdKadastraleGemeente>ZWD00</CdKadastraleGemeente><KadastraleGemeentenaam>Zeewolde</KadastraleGemeentenaam>
      <KadastraleSectie>K</KadastraleSectie><KadastraalPerceelnr>4825</KadastraalPerceelnr>
      <VolgnrKadastraalAppartementsrecht>12</VolgnrKadastraalAppartementsrecht>
    </KadastraleAanduiding>
    <OmsKadastraalObject>wonen (appartement)</OmsKadastraalObject>
    <BedrKoopsom><WaardeBedr>31200050</WaardeBedr></BedrKoopsom>
    <JaarAankoop>2014</JaarAankoop>
    <IndMeerGerechtigden>2</IndMeerGerechtigden>
    <ZakelijkRecht><OmsZakelijkRecht>eigendom</OmsZakelijkRecht></ZakelijkRecht>
    <ZakelijkRecht><OmsZakelijkRecht>erfpacht</OmsZakelijkRecht></ZakelijkRecht>
    <LocatieOZ/>
    <LocatieOZ>
      <StraatadresBag>
        <Postcd>3077AW</Postcd><Woonplaatsnaam>Zeewolde</Woonplaatsnaam><Straatnaam>Boterdiep</Straatnaam>
        <Huisnr>31</Huisnr><Huisletter>A</Huisletter><Huisnrtoevoeging>bis-1</Huisnrtoevoeging>
      </StraatadresBag>
    </LocatieOZ>
    <LocatieOZ><StraatadresBag><Postcd>3077AW</Postcd><Huisnr>33</Huisnr></StraatadresBag></LocatieOZ>
    <LocatieOZ><StraatadresBag><Straatnaam>Kade</Straatnaam></StraatadresBag></LocatieOZ>
  </OnroerendeZaak>
  <OnroerendeZaak>
    <KadastraleAanduiding>
      <CdKadastraleGemeente>ZWD00</CdKadastraleGemeente><KadastraleSectie>B</KadastraleSectie>
    </KadastraleAanduiding>
    <IndMeerGerechtigden>1</IndMeerGerechtigden>
  </OnroerendeZaak>
  <OnroerendeZaak/>
</Eigendom>
"""


def test_titles_through_suwinet() -> None:
    """Each element in its own field: cents are euro, a share is whole only when nobody else has one."""
    assert kadaster.parse(suwi(KADASTER, FLAT), BSN) == (
        Title(
            estate=RealEstate(
                owners=(),
                cadastral_designation="Zeewolde K 4825 A12",
                street="Boterdiep",
                number=31,
                letter="A",
                addition="bis-1",
                postcode="3077AW",
                city="Zeewolde",
                use="wonen (appartement)",
                bought_for=once("312000.50"),
                bought_in="2014",
            ),
            location=Location(addresses=frozenset({KEY, ("3077AW", 33, "", "")})),
            holders=(
                Holder(bsn=BSN, share="1/1", right="eigendom"),
                Holder(bsn=BSN, share="1/1", right="erfpacht"),
            ),
        ),
        Title(
            estate=RealEstate(owners=(), cadastral_designation="ZWD00 B"),
            location=Location(),
            holders=(Holder(bsn=BSN),),
        ),
        Title(estate=RealEstate(owners=()), location=Location(), holders=(Holder(bsn=BSN),)),
    )


def test_suwinet_about_somebody_without_land() -> None:
    """Known and without property, or not known at all: nothing, and no failure."""
    assert kadaster.parse(suwi(KADASTER, ""), BSN) == ()
    nothing = suwiml.parse_envelope(soap(KADASTER, "PersoonsInfo", "<NietsGevonden/>"))
    assert kadaster.parse(nothing, BSN) == ()
    assert rdw.parse(nothing, BSN, TODAY) == ()


def test_suwinet_refusals_say_which() -> None:
    """An answer about nobody is unreadable, each parser saying so in the log's own words."""
    empty = suwiml.parse_envelope(soap(KADASTER, "PersoonsInfo", ""))
    nobody = ("unreadable", True, "an answer without a person")
    assert refused(lambda: kadaster.parse(empty, BSN)) == nobody
    assert refused(lambda: rdw.parse(empty, BSN, TODAY)) == nobody
    plateless = suwi(RDW, "<Aansprakelijke><Voertuig/></Aansprakelijke>")
    assert refused(lambda: rdw.parse(plateless, BSN, TODAY)) == ("unreadable", True, "a vehicle without a plate")
    other = ("wrong-person", False, "the answer is about another person")
    assert refused(lambda: rdw.parse(suwi(RDW, "", OTHER_BSN), BSN, TODAY)) == other


async def test_suwinet_is_asked_about_one_person(world: Registers) -> None:
    """Each service gets its own operation and action, as its WSDL names them, and the BSN asked about."""
    world.answers("kadaster", 200, soap(KADASTER, "PersoonsInfo", "<NietsGevonden/>"))
    await collected(world.settings("brp", "kadaster", "rdw"), frozenset({"possession.real-estate"}))
    (asked,) = world.of("kadaster")
    assert f"<Burgerservicenr>{BSN}</Burgerservicenr></smls:PersoonsInfo>".encode() in asked.body
    assert f"Action>{kadaster.ACTION}</".encode() in asked.body


# --- vehicles ---


def liable(plate: str, facts: str = "", since: str = "20200102") -> str:
    registered = f"<DatRegistratieAansprakelijkheid>{since}</DatRegistratieAansprakelijkheid>"
    vehicle = f"<Voertuig><KentekenVoertuig>{plate}</KentekenVoertuig>{facts}</Voertuig>"
    return f"<Aansprakelijke>{registered}{vehicle}</Aansprakelijke>"


NATIONAL = "<DatEersteInschrijvingVoertuigNat>20190304</DatEersteInschrijvingVoertuigNat>"
ABROAD = "<DatEersteInschrijvingVoertuigInt>20180203</DatEersteInschrijvingVoertuigInt>"
FACTS = (
    "<MerkVoertuig>VOLVO</MerkVoertuig><TypeVoertuig>V60</TypeVoertuig><CdSrtVoertuig>P</CdSrtVoertuig>"
    + NATIONAL
    + ABROAD
)
SOLD = liable("11AAA1").replace("<Voertuig>", "<DatEAansprakelijkheid>20260831</DatEAansprakelijkheid><Voertuig>")
CAR = Vehicle(
    owners=(Owner(person="self"),),
    plate="99TJR6",
    brand="VOLVO",
    model="V60",
    type="P",
    first_registered="2018-02-03",
    owned_since="2020-01-02",
)


def test_a_vehicle_with_everything() -> None:
    """Each element in its own field; first registered anywhere counts before first registered here."""
    moped = liable("d-123 xx", NATIONAL, "20210000")
    assert rdw.parse(suwi(RDW, "<Aansprakelijke/>" + liable("99-tjr-6", FACTS) + moped), BSN, TODAY) == (
        CAR,
        Vehicle(owners=(Owner(person="self"),), plate="D123XX", first_registered="2019-03-04", owned_since="2021"),
    )


def test_a_plate_counts_once() -> None:
    """What comes first stands, also over several persons' blocks; a sold vehicle hides none behind it."""
    twice = SOLD + liable("99TJR6", FACTS) + liable("99-TJR-6")
    assert rdw.parse(suwi(RDW, twice), BSN, TODAY) == (CAR,)


async def test_what_stands_behind_a_plate_is_filled_in(world: Registers) -> None:
    """Make, model and first registration by a second question, per vehicle that is still theirs; else what was told."""

    def reply(body: bytes) -> tuple[int, bytes]:
        detailed = b"KentekenInfo" in body
        told = FACTS.replace("<CdSrtVoertuig>P</CdSrtVoertuig>", "") if detailed else "<CdSrtVoertuig>B</CdSrtVoertuig>"
        operation = "KentekenInfo" if detailed else "VoertuigbezitInfoPersoon"
        other = liable("11AAA1", "<MerkVoertuig>FIAT</MerkVoertuig>") if detailed else SOLD
        client = f"<Burgerservicenr>{BSN}</Burgerservicenr>{other}{liable('99TJR6', told, '20200102')}"
        return 200, soap(RDW, operation, f"<ClientSuwi>{client}</ClientSuwi>")

    world.replies["rdw"] = reply
    found = await collected(world.settings("brp", "rdw"), frozenset({"possession.vehicle"}))
    (car,) = found.records.possessions
    assert (car.plate, car.brand, car.model, car.type) == ("99TJR6", "VOLVO", "V60", "B")
    assert (car.first_registered, car.owned_since) == ("2018-02-03", "2020-01-02")
    first, second = (one.body for one in world.of("rdw"))
    assert all(f"<Burgerservicenr>{BSN}</Burgerservicenr>".encode() in asked for asked in (first, second))
    service = "Action>http://bkwi.nl/SuwiML/Diensten/RDWDossierDigitaleDiensten-v0200/"
    assert f"{service}VoertuigbezitInfoPersoon</".encode() in first
    assert f"{service}KentekenInfo</".encode() in second
    assert b"<KentekenVoertuig>" not in first
    assert b"<KentekenVoertuig>99TJR6</KentekenVoertuig>" in second
