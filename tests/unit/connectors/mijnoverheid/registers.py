"""Small real registers over real sockets, and the messages they answer with by default."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web
from lxml import etree

from connectors.contract import Context, Field, Subject
from connectors.mijnoverheid import MijnOverheid, Settings
from connectors.outbound import Door

BSN = "999993653"
PARTNER_BSN = "999970136"
OTHER_BSN = "999991905"
NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
RDW = "http://bkwi.nl/SuwiML/Diensten/RDWDossierDigitaleDiensten/v0200"
KADASTER = "http://bkwi.nl/SuwiML/Diensten/KadasterDossierGSD/v0300"
EVERYTHING = frozenset(MijnOverheid.manifest.fields)

Reply = Callable[[Any], tuple[int, bytes]]


class Asked(msgspec.Struct, frozen=True):
    """One request as a register saw it; `key` is what stood in X-API-KEY."""

    register: str
    path: str
    query: dict[str, str]
    key: str | None
    body: bytes


PERSON: dict[str, Any] = {
    "burgerservicenummer": BSN,
    "naam": {"voornamen": "Suzanne", "geslachtsnaam": "Moulin", "volledigeNaam": "Suzanne Moulin"},
    "geboorte": {"datum": {"type": "Datum", "datum": "1985-12-01"}},
    "verblijfplaats": {
        "type": "Adres",
        "functieAdres": {"code": "W"},
        "adresseerbaarObjectIdentificatie": "0599010000000001",
        "verblijfadres": {"officieleStraatnaam": "Boterdiep", "huisnummer": 31, "postcode": "3077AW"},
    },
    "partners": [
        {
            "burgerservicenummer": PARTNER_BSN,
            "naam": {"voornamen": "Pia", "geslachtsnaam": "Pauw"},
            "soortVerbintenis": {"code": "H"},
        }
    ],
}
HOME: dict[str, Any] = {
    "identificatie": "20570000000001",
    "kadastraleAanduiding": "Rotterdam K 4825",
    "koopsom": {"koopsom": 312000, "koopjaar": 2014},
    "hypotheekIdentificaties": ["1000000001"],
    "adressen": [
        {
            "straat": "Boterdiep",
            "huisnummer": 31,
            "postcode": "3077AW",
            "adresseerbaarObjectIdentificatie": "0599010000000001",
        }
    ],
}
WOZ_HOME: dict[str, Any] = {
    "identificatie": "059900000001",
    "aanduiding": {"straat": "Boterdiep", "huisnummer": 31, "postcode": "3077AW"},
    "adresseerbaarObjectIdentificaties": ["0599010000000001"],
    "belanghebbendeEigenaar": {"burgerservicenummer": PARTNER_BSN},
    "grondoppervlakte": 120,
    "waarden": [{"vastgesteldeWaarde": 401000, "waardepeildatum": "2025-01-01"}],
}


def holder(bsn: str, share: tuple[int, int] = (1, 2)) -> dict[str, Any]:
    return {
        "type": "eigenaar",
        "tenaamstelling": {"aandeel": {"teller": share[0], "noemer": share[1]}},
        "persoon": {"identificatie": bsn, "type": "ingeschreven_natuurlijk_persoon"},
    }


def persons(*found: dict[str, Any]) -> bytes:
    return json.dumps({"type": "RaadpleegMetBurgerservicenummer", "personen": list(found)}).encode()


def collection(name: str, *found: dict[str, Any]) -> bytes:
    return json.dumps({"_links": {}, "_embedded": {name: list(found)}}).encode()


def soap(namespace: str, operation: str, inside: str) -> bytes:
    return (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<s:{operation}Response xmlns:s="{namespace}">{inside}</s:{operation}Response></e:Body></e:Envelope>'
    ).encode()


def vehicle_answer(body: bytes) -> tuple[int, bytes]:
    """A vehicle register that holds one car and knows what stands behind its plate."""
    question = etree.fromstring(body)[-1][0]
    facts = "<MerkVoertuig>VOLVO</MerkVoertuig>" if question.tag == f"{{{RDW}}}KentekenInfo" else ""
    vehicle = f"<Voertuig><KentekenVoertuig>99TJR6</KentekenVoertuig>{facts}</Voertuig>"
    client = (
        f"<ClientSuwi><Burgerservicenr>{BSN}</Burgerservicenr><Aansprakelijke>{vehicle}</Aansprakelijke></ClientSuwi>"
    )
    return 200, soap(RDW, etree.QName(question).localname, client)


class Registers:
    """All registers on one port; `replies` may be replaced per register, `asked` says what they were asked."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[Asked] = []
        self.replies: dict[str, Reply] = {
            "brp": lambda _: (200, persons(PERSON)),
            "brk": lambda _: (200, collection("kadastraalOnroerendeZaken", HOME)),
            "holders": lambda _: (200, collection("zakelijkGerechtigden", holder(BSN), holder(PARTNER_BSN))),
            "woz": lambda _: (200, collection("wozObjecten", WOZ_HOME)),
            "rdw": vehicle_answer,
        }

    def answers(self, register: str, status: int, body: bytes = b"") -> None:
        self.replies[register] = lambda _: (status, body)

    async def serve(self, request: web.BaseRequest) -> web.Response:
        register = request.path.split("/")[1]
        if request.path.endswith("/zakelijkgerechtigden"):
            register = "holders"
        body = await request.read()
        key = request.headers.get("X-API-KEY")
        self.asked.append(Asked(register, request.path, dict(request.query), key, body))
        status, answer = self.replies[register](body)
        return web.Response(status=status, body=answer)

    def of(self, register: str) -> list[Asked]:
        return [one for one in self.asked if one.register == register]

    def settings(self, *registers: str, **changed: Any) -> Settings:
        """Settings with these registers, each with a key of its own name."""
        made = {name: {"base_url": f"http://{self.address}/{name}", "api_key": f"key-{name}"} for name in registers}
        for name, options in changed.items():
            made[name] = made[name] | options
        return msgspec.convert(made, Settings)


@asynccontextmanager
async def registers() -> AsyncGenerator[Registers]:
    made = Registers()
    runner = web.ServerRunner(web.Server(made.serve))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.address = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


async def collected(settings: Settings, fields: frozenset[Field] = EVERYTHING, told: list[str] | None = None) -> Any:
    """What the connector makes of one person, through a real door that is open to its own hosts only."""
    connector = MijnOverheid(settings)
    door = Door.configured(connector.hosts())

    async def progress(part: str) -> None:
        if told is not None:
            told.append(part)

    try:
        return await connector.collect(
            Context(
                subject=Subject(bsn=BSN, level="substantial"),
                fields=fields,
                door=door,
                now=NOW,
                request_id="request-1",
                progress=progress,
            )
        )
    finally:
        await door.close()
