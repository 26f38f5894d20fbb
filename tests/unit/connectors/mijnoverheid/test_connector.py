"""The connector over real sockets: which register is asked what, and what a failing one means for the whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from aiohttp import web

from connectors.contract import Absent, Failed, Field, Found, Skipped
from connectors.mijnoverheid import MijnOverheid, Settings
from schemas.base import Money, is_bsn
from schemas.wealth import Owner
from tests.unit.connectors.mijnoverheid.registers import (
    BSN,
    HOME,
    KADASTER,
    OTHER_BSN,
    PARTNER_BSN,
    PERSON,
    WOZ_HOME,
    Registers,
    collected,
    collection,
    holder,
    persons,
    registers,
    soap,
)

ALL = ("brp", "brk", "woz", "rdw")


@pytest.fixture
async def world() -> AsyncIterator[Registers]:
    async with registers() as made:
        yield made


def codes(found: Found) -> list[str]:
    return [finding.code for finding in found.records.findings]


async def test_one_home_from_two_registers_and_a_car(world: Registers) -> None:
    """Everything comes together: persons, one home with price and value and both owners, a car with its make."""
    told: list[str] = []
    found = await collected(world.settings(*ALL), told=told)
    home, car = found.records.possessions
    assert home.owners == (
        Owner(person="self", share="1/2", right="eigenaar"),
        Owner(person="partner", share="1/2", right="eigenaar"),
    )
    assert (home.cadastral_id, home.woz_id, home.area_m2) == ("20570000000001", "059900000001", 120)
    assert home.bought_for == Money(amount=Decimal(312000), period="once")
    assert home.values[0].amount.amount == Decimal(401000)
    assert home.mortgage_registered
    assert [source.part for source in home.sources] == ["brk", "woz"]
    assert (car.plate, car.brand, car.sources[0].part) == ("99TJR6", "VOLVO", "rdw")
    assert [person.id for person in found.records.persons] == ["self", "partner"]
    assert {source.part for person in found.records.persons for source in person.sources} == {"brp"}
    assert found.records.findings == ()
    assert sorted(told) == ["brk", "brp", "rdw", "woz"]


async def test_every_register_gets_its_own_key_and_no_bsn_in_its_url(world: Registers) -> None:
    """A BSN travels in bodies only: URLs end up in logs of others. Of fellow owners only their numbers are asked."""
    await collected(world.settings(*ALL))
    assert {(one.register, one.key) for one in world.asked} == {
        ("brp", "key-brp"),
        ("brk", "key-brk"),
        ("holders", "key-brk"),
        ("woz", "key-woz"),
        ("rdw", "key-rdw"),
    }
    for one in world.asked:
        assert BSN not in one.path
        assert BSN not in json.dumps(one.query)
    assert world.of("holders")[0].query == {"fields": "type,tenaamstelling.aandeel,persoon.identificatie,persoon.type"}
    assert world.of("woz")[0].query["adresseerbaarObjectIdentificatie"] == "0599010000000001"


async def test_only_what_the_profile_needs_is_asked(world: Registers) -> None:
    """For a name only the name (and the BSN to check) is asked, and only of the persons register."""
    found = await collected(world.settings(*ALL), frozenset({"person.name"}))
    (asked,) = world.asked
    question = json.loads(asked.body)
    assert question["type"] == "RaadpleegMetBurgerservicenummer"
    assert question["burgerservicenummer"] == [BSN]
    assert {field.split(".")[0] for field in question["fields"]} == {"burgerservicenummer", "naam"}
    assert found.records.possessions == ()
    assert found.records.findings == ()


async def test_nothing_needed_is_nothing_asked(world: Registers) -> None:
    """A profile without a field of this source leaves its registers alone."""
    found = await collected(world.settings(*ALL), frozenset({"pension.scheme"}))
    assert found == Skipped(reason="no-field-asked")
    assert world.asked == []


async def test_the_address_for_woz_is_not_told_when_the_profile_has_no_address(world: Registers) -> None:
    """Finding a home takes its place; that is no reason to pass on where somebody lives."""
    found = await collected(world.settings(*ALL), frozenset({"possession.real-estate"}))
    assert "verblijfplaats.adresseerbaarObjectIdentificatie" in json.loads(world.of("brp")[0].body)["fields"]
    assert found.records.addresses == ()
    assert len(found.records.possessions) == 1


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (401, "refused", False),
        (403, "refused", False),
        (400, "refused", False),
        (429, "unavailable", True),
        (500, "unavailable", True),
        (503, "unavailable", True),
        (504, "timeout", True),
        (302, "unreadable", True),
    ],
)
async def test_without_the_persons_register_there_is_no_answer(
    world: Registers, status: int, kind: str, retryable: bool
) -> None:
    """Whatever the others say, a persons register that fails makes the whole fail, and says how."""
    world.answers("brp", status, b"{}")
    found = await collected(world.settings(*ALL))
    assert isinstance(found, Failed)
    assert (found.kind, found.retryable) == (kind, retryable)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Storing</html>",
        b"",
        b"{}",
        b'{"personen": {}}',
        b'{"personen": [{"burgerservicenummer": 999993653}]}',
        persons({**PERSON, "burgerservicenummer": None}),
        persons(PERSON, PERSON),
        persons({**PERSON, "geboorte": {"datum": {"type": "Datum", "datum": "1985-13-01"}}}),
        persons({**PERSON, "geboorte": {"datum": {"type": "JaarMaandDatum", "jaar": 1985, "maand": 0}}}),
        persons({**PERSON, "geboorte": {"datum": {"type": "Ooit"}}}),
    ],
)
async def test_what_cannot_be_read_is_no_answer(world: Registers, body: bytes) -> None:
    """HTML, wrong types, an impossible date or a person without BSN: unreadable, and never "nobody"."""
    world.answers("brp", 200, body)
    found = await collected(world.settings("brp"))
    assert isinstance(found, Failed)
    assert found.kind == "unreadable"
    assert BSN not in (found.detail or "")


async def test_an_answer_about_somebody_else(world: Registers) -> None:
    """Another BSN in the answer is a wrong person, once and for all."""
    world.answers("brp", 200, persons({**PERSON, "burgerservicenummer": OTHER_BSN}))
    found = await collected(world.settings(*ALL))
    assert isinstance(found, Failed)
    assert (found.kind, found.retryable) == ("wrong-person", False)


@pytest.mark.parametrize(("status", "body"), [(404, b""), (200, persons())])
async def test_a_person_the_register_does_not_know(world: Registers, status: int, body: bytes) -> None:
    """404 and an empty list are the register's word that it knows nobody: absent, not failed."""
    world.answers("brp", status, body)
    assert await collected(world.settings(*ALL)) == Absent()


@pytest.mark.parametrize(
    ("broken", "code", "left"),
    [
        ("brk", "brk-unavailable", ["vehicle"]),
        ("holders", "brk-unavailable", ["vehicle"]),
        ("woz", "woz-unavailable", ["real-estate", "vehicle"]),
        ("rdw", "rdw-unavailable", ["real-estate"]),
    ],
)
async def test_another_register_failing_is_said(world: Registers, broken: str, code: str, left: list[str]) -> None:
    """What did come is found; what did not is named, so that nobody takes the rest for all there is."""
    world.answers(broken, 503)
    found = await collected(world.settings(*ALL))
    assert codes(found) == [code]
    assert found.records.findings[0].kind == "incomplete"
    assert [msgspec.to_builtins(one)["kind"] for one in found.records.possessions] == left


async def test_land_register_down_and_the_home_on_ones_own_name(world: Registers) -> None:
    """Without titles the home address still finds the WOZ object, if the municipality names the person its owner."""
    world.answers("brk", 503)
    mine = {**WOZ_HOME, "belanghebbendeEigenaar": {"burgerservicenummer": BSN}}
    world.answers("woz", 200, collection("wozObjecten", mine))
    found = await collected(world.settings("brp", "brk", "woz"), frozenset({"possession.real-estate"}))
    (home,) = found.records.possessions
    assert home.owners == (Owner(person="self"),)
    assert [source.part for source in home.sources] == ["woz"]
    assert codes(found) == ["brk-unavailable"]


async def test_a_tenants_home_is_not_theirs(world: Registers) -> None:
    """Who owns nothing has no WOZ value, and the landlord's home is not even looked up."""
    world.answers("brk", 200, collection("kadastraalOnroerendeZaken"))
    found = await collected(world.settings("brp", "brk", "woz"), frozenset({"possession.real-estate"}))
    assert found.records.possessions == ()
    assert world.of("woz") == []
    assert found.records.findings == ()


async def test_registers_that_are_not_configured_are_said_when_needed(world: Registers) -> None:
    """A register this host may not ask leaves a hole that the reader is told of; one nobody asked for does not."""
    found = await collected(world.settings("brp"))
    assert codes(found) == ["brk-not-configured", "woz-not-configured", "rdw-not-configured"]
    found = await collected(world.settings("brp"), frozenset({"person.name", "possession.vehicle"}))
    assert codes(found) == ["rdw-not-configured"]


async def test_a_vehicle_register_that_may_not_tell_details(world: Registers) -> None:
    """With `details` off only the plates are asked."""
    found = await collected(world.settings("brp", "rdw", rdw={"details": False}), frozenset({"possession.vehicle"}))
    (car,) = found.records.possessions
    assert (car.plate, car.brand) == ("99TJR6", None)
    assert len(world.of("rdw")) == 1


async def test_the_land_register_through_suwinet(world: Registers) -> None:
    """A host with Suwinet takes real estate from there; the WOZ object is found by postcode and number."""
    owned = (
        "<OnroerendeZaak><KadastraleAanduiding><KadastraleGemeentenaam>Rotterdam</KadastraleGemeentenaam>"
        "<KadastraleSectie>K</KadastraleSectie><KadastraalPerceelnr>4825</KadastraalPerceelnr></KadastraleAanduiding>"
        "<LocatieOZ><StraatadresBag><Postcd>3077AW</Postcd><Straatnaam>Boterdiep</Straatnaam><Huisnr>31</Huisnr>"
        "</StraatadresBag></LocatieOZ><IndMeerGerechtigden>2</IndMeerGerechtigden></OnroerendeZaak>"
    )
    client = f"<ClientSuwi><Burgerservicenr>{BSN}</Burgerservicenr><Eigendom>{owned}</Eigendom></ClientSuwi>"
    world.answers("kadaster", 200, soap(KADASTER, "PersoonsInfo", client))
    found = await collected(world.settings("brp", "kadaster", "woz"), frozenset({"possession.real-estate"}))
    (home,) = found.records.possessions
    assert (home.cadastral_designation, home.woz_id) == ("Rotterdam K 4825", "059900000001")
    assert home.owners == (Owner(person="self", share="1/1"),)
    assert [source.part for source in home.sources] == ["kadaster", "woz"]
    query = world.of("woz")[0].query
    assert (query["postcode"], query["huisnummer"]) == ("3077AW", "31")
    assert "huisletter" not in query
    assert world.of("kadaster")[0].key == "key-kadaster"


async def test_an_object_known_by_its_bag_address_only(world: Registers) -> None:
    """Without the id of the object, that of its address finds the WOZ object."""
    world.answers(
        "brk",
        200,
        collection("kadastraalOnroerendeZaken", {**HOME, "adressen": [{"nummeraanduidingIdentificatie": "05992"}]}),
    )
    here = {**WOZ_HOME, "aanduiding": {"straat": "Boterdiep", "nummeraanduidingIdentificatie": "05992"}}
    world.answers("woz", 200, collection("wozObjecten", here))
    found = await collected(world.settings("brp", "brk", "woz"), frozenset({"possession.real-estate"}))
    (home,) = found.records.possessions
    assert (home.woz_id, home.street) == ("059900000001", "Boterdiep")
    query = world.of("woz")[0].query
    assert query["nummeraanduidingIdentificatie"] == "05992"
    assert "postcode" not in query


async def test_suwinet_failing_is_said(world: Registers) -> None:
    """The finding names the register that was asked."""
    world.answers("kadaster", 503)
    found = await collected(world.settings("brp", "kadaster", "woz"), frozenset({"possession.real-estate"}))
    assert codes(found) == ["kadaster-unavailable"]


async def test_all_objects_are_asked_for_their_holders(world: Registers) -> None:
    """Twenty objects, more than are asked at once, each get their own holders."""
    objects = [{"identificatie": str(number)} for number in range(100, 120)]
    world.answers("brk", 200, collection("kadastraalOnroerendeZaken", *objects))
    found = await collected(world.settings("brp", "brk"), frozenset({"possession.real-estate"}))
    assert [home.cadastral_id for home in found.records.possessions] == [one["identificatie"] for one in objects]
    asked = {one.path.split("/")[3] for one in world.of("holders")}
    assert asked == {one["identificatie"] for one in objects}


async def test_a_cadastral_id_cannot_lead_elsewhere(world: Registers) -> None:
    """An identifier that is no number would become part of a path: the answer is refused instead."""
    world.answers("brk", 200, collection("kadastraalOnroerendeZaken", {**HOME, "identificatie": "../personen?x="}))
    found = await collected(world.settings("brp", "brk"), frozenset({"possession.real-estate"}))
    assert codes(found) == ["brk-unavailable", "woz-not-configured"]
    assert world.of("holders") == []


async def test_other_owners_are_not_named(world: Registers) -> None:
    """A fellow owner who is no partner leaves no trace but the person's own share."""
    world.answers("holders", 200, collection("zakelijkGerechtigden", holder(OTHER_BSN, (2, 3)), holder(BSN, (1, 3))))
    found = await collected(world.settings("brp", "brk"), frozenset({"possession.real-estate"}))
    assert found.records.possessions[0].owners == (Owner(person="self", share="1/3", right="eigenaar"),)
    assert OTHER_BSN.encode() not in msgspec.json.encode(found)


async def test_a_dissolved_partner_is_no_owner_by_name(world: Registers) -> None:
    """Somebody who was a partner is a third person: their share is not told."""
    partner = {
        **PERSON["partners"][0],
        "ontbindingHuwelijkPartnerschap": {"datum": {"type": "JaarDatum", "jaar": 2020}},
    }
    world.answers("brp", 200, persons({**PERSON, "partners": [partner]}))
    found = await collected(world.settings("brp", "brk"))
    assert [owner.person for owner in found.records.possessions[0].owners] == ["self"]


async def test_registers_are_asked_side_by_side() -> None:
    """Persons, land and vehicle register wait for no answer of each other: each answers only once all are asked."""
    made = Registers()
    arrived: list[str] = []
    everyone = asyncio.Barrier(3)

    async def serve(request: web.BaseRequest) -> web.Response:
        if request.path in ("/brp/personen", "/brk/kadastraalonroerendezaken", "/rdw") and len(arrived) < 3:
            arrived.append(request.path)
            await everyone.wait()
        return await made.serve(request)

    runner = web.ServerRunner(web.Server(serve))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.address = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        found = await asyncio.wait_for(collected(made.settings("brp", "brk", "rdw", rdw={"details": False})), 10)
    finally:
        await runner.cleanup()
    assert len(found.records.possessions) == 2


async def test_a_register_that_does_not_answer_in_time() -> None:
    """A deadline passed is a timeout, at the register's own setting."""

    async def silent(_: web.BaseRequest) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    runner = web.ServerRunner(web.Server(silent), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made = Registers()
    made.address = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        found = await collected(made.settings("brp", brp={"timeout_seconds": 0.2}))
    finally:
        await runner.cleanup()
    assert found == Failed(kind="timeout", detail="no usable answer: timeout")


async def test_a_register_that_is_not_there(unused_tcp_port: int) -> None:
    """Nobody listening is unavailable."""
    made = Registers()
    made.address = f"127.0.0.1:{unused_tcp_port}"
    found = await collected(made.settings("brp"))
    assert isinstance(found, Failed)
    assert found.kind == "unavailable"


def test_the_hosts_are_those_of_the_settings() -> None:
    """The door is opened to the configured registers, with the port their address implies, and to nothing else."""
    table = {"brp": {"base_url": "https://brp.example"}, "woz": {"base_url": "http://woz.example:8080/woz"}}
    assert MijnOverheid(msgspec.convert(table, Settings)).hosts() == {"brp.example:443", "woz.example:8080"}


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"brp": {}},
        {"brp": {"base_url": "brp.example"}},
        {"brp": {"base_url": "https://brp.example/"}},
        {"brp": {"base_url": "https://brp.example", "timeout_seconds": 0}},
        {"brp": {"base_url": "https://brp.example", "token": "x"}},
        {"brp": {"base_url": "https://brp.example"}, "bag": {"base_url": "https://bag.example"}},
        {
            "brp": {"base_url": "https://brp.example"},
            "brk": {"base_url": "https://brk.example"},
            "kadaster": {"base_url": "https://kadaster.example"},
        },
    ],
)
def test_wrong_settings_are_refused(table: dict[str, Any]) -> None:
    """A missing persons register, a wrong address, an unknown setting or two land registers: said at the start."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, Settings)


def test_a_key_is_not_shown() -> None:
    """Settings that are printed, in a trace for one, do not give the key away."""
    table = {"brp": {"base_url": "https://brp.example", "api_key": "very-secret"}}
    assert "very-secret" not in repr(msgspec.convert(table, Settings))


def test_the_people_of_these_tests_are_test_persons() -> None:
    """Every BSN here is of the test range and passes the elfproef."""
    for bsn in (BSN, PARTNER_BSN, OTHER_BSN):
        assert bsn.startswith("999")
        assert is_bsn(bsn)


@pytest.mark.parametrize(
    ("field", "groups"),
    [
        ("person.name", {"naam"}),
        ("person.birth", {"geboorte"}),
        ("person.gender", {"geslacht"}),
        ("person.nationality", {"nationaliteiten"}),
        ("address", {"verblijfplaats", "gemeenteVanInschrijving"}),
        ("relation.partner", {"partners"}),
        ("relation.children", {"kinderen"}),
        ("possession.vehicle", set()),
    ],
)
async def test_of_the_persons_register_a_field_asks_its_own_group_only(
    world: Registers, field: Field, groups: set[str]
) -> None:
    """Besides the number by which the answer is checked, nothing is asked that the profile does not name."""
    await collected(world.settings(*ALL), frozenset({field}))
    asked = json.loads(world.of("brp")[0].body)["fields"]
    assert {name.split(".")[0] for name in asked} == {"burgerservicenummer", *groups}
    assert len(asked) == len(set(asked))


def paged(world: Registers, pages: int) -> None:
    """The WOZ register says on each of the first `pages` - 1 pages that there is more, at an address of its own."""
    given = 0

    def reply(_: bytes) -> tuple[int, bytes]:
        nonlocal given
        given += 1
        found = {**WOZ_HOME, "identificatie": f"0599{given:08}", "belanghebbendeEigenaar": {"burgerservicenummer": BSN}}
        links = {"next": {"href": "http://intern.example/wozobjecten?page=9"}} if given < pages else {}
        return 200, json.dumps({"_links": links, "_embedded": {"wozObjecten": [found]}}).encode()

    world.replies["woz"] = reply


async def test_every_page_of_the_value_register_is_read(world: Registers) -> None:
    """`next` says that there is more: the next page is asked by its number, never at an address from an answer."""
    paged(world, 3)
    found = await collected(world.settings(*ALL))
    assert [one.query.get("page") for one in world.of("woz")] == [None, "2", "3"]
    assert {one.query["pageSize"] for one in world.of("woz")} == {"100"}
    homes = [one.woz_id for one in found.records.possessions if hasattr(one, "woz_id")]
    assert homes == ["059900000001", "059900000002", "059900000003"]
    assert codes(found) == []


async def test_a_register_without_end_is_left_off_and_that_is_said(world: Registers) -> None:
    """Ten pages are a street, and no home: what came is kept, and that there is more is a finding."""
    paged(world, 10_000)
    found = await collected(world.settings(*ALL))
    assert len(world.of("woz")) == 10
    assert len([one for one in found.records.possessions if getattr(one, "woz_id", None)]) == 10
    assert [(one.kind, one.code, one.field) for one in found.records.findings] == [
        ("incomplete", "woz-too-many", "possession.real-estate")
    ]
