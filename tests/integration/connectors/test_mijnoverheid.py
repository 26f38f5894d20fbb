"""MijnOverheid by the rules for every connector: all its registers, with the land register in both its forms."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.mijnoverheid import MijnOverheid, brk, woz
from connectors.mijnoverheid.brp import requested
from connectors.testing import Case, ConnectorConformance, Exchange
from tests.integration.connectors.recordings import BSN, NOW, recording

OBJECTS = "/brk/kadastraalonroerendezaken"
SOAP = "text/xml; charset=utf-8"


def told(method: str, path: str, name: str, when: bytes = b"", *, names_subject: bool = True) -> Exchange:
    """One register's answer out of its file."""
    return Exchange(method, path, recording("mijnoverheid", name), when=when, names_subject=names_subject)


PERSON = told("POST", "/brp/personen", "personen.json")
NOBODY = told("POST", "/brp/personen", "personen-nobody.json")
HOME = told("POST", OBJECTS, "onroerende-zaken.json")
NO_HOME = told("POST", OBJECTS, "onroerende-zaken-none.json")
# The BSNs of all who share the home: whoever is not known to the person is left out.
HOLDERS = told("GET", f"{OBJECTS}/99010001700017/zakelijkgerechtigden", "gerechtigden.json", names_subject=False)
# The one owner the municipality writes to may be anybody of the household.
WOZ = told("GET", "/woz/wozobjecten", "woz-objecten.json", names_subject=False)
CARS = told("POST", "/rdw", "voertuigbezit.xml", b"VoertuigbezitInfoPersoon")
CAR = told("POST", "/rdw", "kenteken.xml", b"KentekenInfo")
NO_CARS = told("POST", "/rdw", "voertuigbezit-none.xml", b"VoertuigbezitInfoPersoon")
KADASTER = told("POST", "/kadaster", "kadaster.xml", b"PersoonsInfo")


class TestMijnOverheid(ConnectorConformance):
    """A family with a home and a car, a person with neither and a foreign partner, and nobody."""

    connector = MijnOverheid
    bsn = BSN
    now = NOW
    absent_statuses = frozenset({404})
    cases = (
        Case("family", "found", (PERSON, HOME, HOLDERS, WOZ, CARS, CAR)),
        Case(
            "foreign-partner",
            "found",
            (told("POST", "/brp/personen", "personen-foreign-partner.json"), NO_HOME, NO_CARS),
        ),
        Case("nobody", "absent", (NOBODY, NO_HOME, NO_CARS)),
    )

    def settings(self, url: str) -> dict[str, dict[str, str]]:
        """All registers on one host, the land register as BRK."""
        return {name: {"base_url": f"{url}/{name}", "api_key": "KEY"} for name in ("brp", "brk", "woz", "rdw")}

    def asked(self, exchange: Exchange) -> Iterable[str]:
        """What stands in `fields` of the question."""
        if exchange.path == PERSON.path:
            names = requested(frozenset(MijnOverheid.manifest.fields), place=True)
            return {f"personen[].{_listed(name)}" for name in names}
        if exchange.path == WOZ.path:
            return {f"_embedded.wozObjecten[].{_listed(name)}" for name in woz.FIELDS.split(",")}
        if exchange.path == HOME.path:
            return {f"_embedded.kadastraalOnroerendeZaken[].{name}" for name in brk.FIELDS.split(",")}
        if exchange.path == HOLDERS.path:
            return {f"_embedded.zakelijkGerechtigden[].{name}" for name in brk.HOLDER_FIELDS.split(",")}
        return ()


class TestThroughSuwinet(ConnectorConformance):
    """The same family, with the land register as Suwinet tells of it, and without vehicles."""

    connector = MijnOverheid
    bsn = BSN
    now = NOW
    absent_statuses = frozenset({404})
    never_absent = "the other class has it"
    cases = (Case("family", "found", (PERSON, KADASTER, WOZ)),)

    def settings(self, url: str) -> dict[str, dict[str, str]]:
        """The registers on one host, without RDW."""
        return {name: {"base_url": f"{url}/{name}"} for name in ("brp", "kadaster", "woz")}


def _listed(name: str) -> str:
    """The path of a field whose first part is a list."""
    first, dot, rest = name.partition(".")
    many = first in ("nationaliteiten", "partners", "kinderen", "kadastraalOnroerendeZaken")
    return f"{first}[]{dot}{rest}" if many else name
