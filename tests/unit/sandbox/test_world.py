"""The pretend sources over real HTTP: keys, honest answers, and every way to fail."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from sandbox.app import running
from sandbox.world import SandboxSettings
from tests.unit.sandbox.conftest import CALLBACK, Visitor

QUERY = "query($bsn: BSN!) { ingeschrevenPersoon(bsn: $bsn) { bsn heeftBelastingjaarAangifte { belastingjaar } } }"


def envelope(operation: str, bsn: str) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<x:{operation} xmlns:x="urn:x"><Burgerservicenr>{bsn}</Burgerservicenr></x:{operation}>'
        "</s:Body></s:Envelope>"
    ).encode()


def asking(source: str, bsn: str) -> tuple[str, str, str, dict[str, Any]]:
    """The question of every source about one person."""
    raadpleeg = {
        "type": "RaadpleegMetBurgerservicenummer",
        "burgerservicenummer": [bsn],
        "fields": ["burgerservicenummer"],
    }
    return {
        "brp": ("POST", "/brp/personen", "brp", {"json": raadpleeg}),
        "woz": ("GET", "/woz/wozobjecten?adresseerbaarObjectIdentificatie=9901010000010017", "woz", {}),
        "brk": ("POST", "/brk/kadastraalonroerendezaken", "brk", {"json": {"burgerservicenummer": bsn}}),
        "rdw": ("POST", "/rdw", "rdw", {"data": envelope("VoertuigbezitInfoPersoon", bsn)}),
        "uwv": ("POST", "/uwv", "uwv", {"data": envelope("UWVPersoonsIkvInfo", bsn)}),
        "belastingdienst": (
            "POST",
            "/belastingdienst/graphql",
            "belastingdienst",
            {"json": {"query": QUERY, "variables": {"bsn": bsn}}},
        ),
        "mpo": ("POST", "/mpo/pensioenaanspraken", "mpo", {"json": {"burgerservicenummer": bsn}}),
    }[source]


ALL = pytest.mark.parametrize("source", ["brp", "woz", "brk", "rdw", "uwv", "belastingdienst", "mpo"])


@ALL
async def test_a_source_answers_to_its_own_key_only(visitor: Visitor, source: str) -> None:
    """Without its key, or with another source's, a source says 401."""
    method, path, key, body = asking(source, "999102965")
    assert (await visitor.ask(method, path, key, **body))[0] == 200
    assert (await visitor.ask(method, path, **body))[0] == 401
    assert (await visitor.ask(method, path, "rdw" if source == "brp" else "brp", **body))[0] == 401


@ALL
async def test_a_source_can_be_broken_and_mended_while_it_runs(visitor: Visitor, source: str) -> None:
    """`down` is 503, `html` a web page, `slow` the same answer later, `none` mends it."""
    method, path, key, body = asking(source, "999102965")
    honest = await visitor.ask(method, path, key, **body)
    seen: dict[str, tuple[int, str, bytes]] = {}
    for fault in ("down", "html", "slow", "huge", "none"):
        assert (await visitor.ask("PUT", f"/sandbox/faults/{source}", json={"fault": fault}))[0] == 200
        seen[fault] = await visitor.ask(method, path, key, **body)
    assert seen["down"][0] == 503
    assert seen["html"][:2] == (200, "text/html")
    assert seen["slow"] == seen["none"] == honest
    assert len(seen["huge"][2]) > 3_000_000


@pytest.mark.parametrize(("source", "fault"), [("brp", "broken"), ("nothing", "down")])
async def test_a_switch_that_does_not_exist_is_refused(visitor: Visitor, source: str, fault: str) -> None:
    """An unknown source or fault is 400."""
    assert (await visitor.ask("PUT", f"/sandbox/faults/{source}", json={"fault": fault}))[0] == 400


@pytest.mark.parametrize(
    ("bsn", "source", "status", "media"),
    [
        ("999406723", "uwv", 503, "application/problem+json"),
        ("999442478", "uwv", 200, "text/html"),
        ("999442478", "belastingdienst", 200, "application/json"),
        ("999425092", "belastingdienst", 200, "application/json"),
    ],
)
async def test_a_persona_brings_its_own_trouble(
    visitor: Visitor, bsn: str, source: str, status: int, media: str
) -> None:
    """Down, a web page, wrong types and slow are facts of a household; its other sources are well."""
    method, path, key, body = asking(source, bsn)
    assert (await visitor.ask(method, path, key, **body))[:2] == (status, media)
    method, path, key, body = asking("brp", bsn)
    assert (await visitor.ask(method, path, key, **body))[0] == 200


async def test_the_source_of_wrong_person_answers_about_somebody_else(visitor: Visitor) -> None:
    """UWV gives a real record, but of another BSN than the one asked."""
    method, path, key, body = asking("uwv", "999550998")
    _, _, answer = await visitor.ask(method, path, key, **body)
    assert b"999567512" in answer
    assert b"999550998" not in answer


async def test_half_data_lacks_the_woz_and_a_pension_provider(visitor: Visitor) -> None:
    """The land register knows the home, the WOZ is down, and the pension register names who did not answer."""
    method, path, key, body = asking("brk", "999532844")
    assert b"Halverwegesingel" in (await visitor.ask(method, path, key, **body))[2]
    place = "/woz/wozobjecten?postcode=9998AA&huisnummer=50"
    assert (await visitor.ask("GET", place, "woz"))[0] == 503
    method, path, key, body = asking("mpo", "999532844")
    assert json.loads((await visitor.ask(method, path, key, **body))[2])["OntbrekendePuvsError"] == [
        "Zandbak Pensioenfonds Zwijgzaam"
    ]


async def test_no_pension_is_an_answer_without_pensions(visitor: Visitor) -> None:
    """Somebody without any pension is known all the same: status 000 and empty lists, no error and no 404."""
    method, path, key, body = asking("mpo", "999351424")
    status, _, answer = await visitor.ask(method, path, key, **body)
    told = json.loads(answer)
    assert (status, told["StatusCode"]) == (200, "000")
    assert told["Details"]["OuderdomsPensioenDetails"] == {"OuderdomsPensioen": []}


@pytest.mark.parametrize(
    ("source", "status", "sign"),
    [
        ("brp", 200, b'"personen":[]'),
        ("brk", 200, b'"_embedded":{}'),
        ("rdw", 200, b"NietsGevonden"),
        ("uwv", 200, b"NietsGevonden"),
        ("belastingdienst", 200, b'"ingeschrevenPersoon":null'),
        ("mpo", 404, b"Niet gevonden"),
    ],
)
async def test_a_source_that_knows_nobody_says_so_in_its_own_way(
    visitor: Visitor, source: str, status: int, sign: bytes
) -> None:
    """An unknown BSN is an honest nothing, each source in its own form."""
    method, path, key, body = asking(source, "999999990")
    answered = await visitor.ask(method, path, key, **body)
    assert answered[0] == status
    assert sign in answered[2]


@pytest.mark.parametrize(
    "changes",
    [
        {"fields": []},
        {"fields": ["naam.x", "bestaatniet"]},
        {"fields": ["inOnderzoek"]},
        {"type": "Zoek"},
        {"burgerservicenummer": []},
    ],
)
async def test_the_brp_refuses_a_question_that_is_not_in_order(visitor: Visitor, changes: dict[str, object]) -> None:
    """400 for no fields, unknown ones, ones that come of themselves, another kind of question, nobody."""
    good = {"type": "RaadpleegMetBurgerservicenummer", "burgerservicenummer": ["999102965"], "fields": ["naam"]}
    assert (await visitor.ask("POST", "/brp/personen", "brp", json=good))[0] == 200
    assert (await visitor.ask("POST", "/brp/personen", "brp", json=good | changes))[0] == 400
    assert (await visitor.ask("POST", "/brp/personen", "brp", data=b"{"))[0] == 400


@pytest.mark.parametrize("path", ["/brk/kadastraalonroerendezaken", "/mpo/pensioenaanspraken", "/belastingdienst"])
async def test_a_body_that_cannot_be_read_is_refused(visitor: Visitor, path: str) -> None:
    """No JSON, no answer."""
    assert (await visitor.ask("POST", path, path.split("/")[1], data=b"{"))[0] == 400


@pytest.mark.parametrize("source", ["rdw", "uwv"])
async def test_a_soap_service_answers_nonsense_with_a_fault(visitor: Visitor, source: str) -> None:
    """SOAP 1.1: a fault travels with status 500; other operations than the service's own are nonsense too."""
    for body in (b"x", envelope("AndereVraag", "999102965")):
        status, media, answer = await visitor.ask("POST", f"/{source}/dienst", source, data=body)
        assert (status, media, b"Fault" in answer) == (500, "text/xml", True)


async def test_the_land_register_leads_from_a_person_to_owners_and_mortgages(visitor: Visitor) -> None:
    """By BSN to the object, from there to each right and inscription, in whole or narrowed by `fields`; else 404."""
    zaken = "/brk/kadastraalonroerendezaken/99010001700017"

    async def got(path: str) -> tuple[int, Any]:
        status, _, body = await visitor.ask("GET", path, "brk")
        return status, json.loads(body)

    _, one = await got(zaken)
    for right in one["zakelijkGerechtigdeIdentificaties"]:
        assert (await got(f"{zaken}/zakelijkgerechtigden/{right}"))[0] == 200
    for loan in one["hypotheekIdentificaties"]:
        assert (await got(f"{zaken}/hypotheken/{loan}"))[1]["bedragZekerheidsstelling"]["som"] == 410_000
    _, listed = await got(f"{zaken}/zakelijkgerechtigden?fields=type,persoon.identificatie")
    assert listed["_embedded"]["zakelijkGerechtigden"][1] == {
        "type": "eigenaar",
        "persoon": {"identificatie": "999120748"},
        "_links": {"self": {"href": "/kadastraalonroerendezaken/99010001700017/zakelijkgerechtigden/990100017000172"}},
    }
    assert len((await got(f"{zaken}/hypotheken"))[1]["_embedded"]["hypotheken"]) == 1
    for lost in ("/brk/kadastraalonroerendezaken/1", f"{zaken}/hypotheken/1", f"{zaken}/zakelijkgerechtigden/1"):
        assert (await got(lost))[0] == 404


async def test_the_woz_is_asked_by_place_or_number(visitor: Visitor) -> None:
    """A search needs a place; an object is found by its number; a rented home is not there."""
    assert (await visitor.ask("GET", "/woz/wozobjecten", "woz"))[0] == 400
    _, _, found = await visitor.ask("GET", "/woz/wozobjecten/990100010017?fields=waarden.vastgesteldeWaarde", "woz")
    assert [value["vastgesteldeWaarde"] for value in json.loads(found)["waarden"]] == [468_731, 441_962]
    assert (await visitor.ask("GET", "/woz/wozobjecten/1", "woz"))[0] == 404
    _, _, rented = await visitor.ask("GET", "/woz/wozobjecten?postcode=9999CD&huisnummer=204", "woz")
    assert json.loads(rented)["_embedded"] == {"wozObjecten": []}


async def test_the_tax_office_has_no_list_of_everybody(visitor: Visitor) -> None:
    """The draft's query for all persons is an error, and a query with a mistake is told so as GraphQL does."""
    for query in ("{ ingeschrevenPersoonLijst { bsn } }", "{ nergens }"):
        _, _, body = await visitor.ask("POST", "/belastingdienst", "belastingdienst", json={"query": query})
        assert json.loads(body)["errors"]


async def test_the_pages_of_the_world_can_be_read(visitor: Visitor) -> None:
    """The start page names who can log in, the stylesheet and the inbox are there."""
    start = (await visitor.ask("GET", "/"))[2].decode()
    assert "married-couple-partner" in start
    assert (await visitor.ask("GET", "/sandbox/style.css"))[1] == "text/css"
    await visitor.log_in("single", scope="openid sms")
    assert "inlogcode" in (await visitor.ask("GET", "/sandbox/inbox"))[2].decode()


async def test_the_world_answers_under_the_address_it_was_given() -> None:
    """Behind a proxy the issuer is the public address, while the world listens where it was told to."""
    settings = SandboxSettings(base_url="https://zandbak.test", client_jwks={"keys": []}, redirect_uris=(CALLBACK,))
    path = "/digid/.well-known/openid-configuration"
    async with running(settings) as address, aiohttp.request("GET", address + path) as answer:
        assert (await answer.json())["issuer"] == "https://zandbak.test/digid"
