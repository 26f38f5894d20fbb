"""The vehicle register against the public schema of RDWDossierDigitaleDiensten v0200: messages that schema allows."""

from __future__ import annotations

from datetime import date

import pytest

from connectors import suwiml
from connectors.mijnoverheid.rdw import NAMESPACE, parse
from schemas.records import SELF
from schemas.wealth import Owner, Vehicle
from tests.conformance.suwinet import body_schema

BSN = "999993653"
TODAY = date(2026, 9, 1)
NOTHING = '<f:NietsGevonden xmlns:f="http://bkwi.nl/SuwiML/FWI/v0205"/>'
STATUS = (
    "<StatusVoertuig><CdStatusVoertuig>01</CdStatusVoertuig>"
    "<DatBStatusVoertuig>20240512</DatBStatusVoertuig></StatusVoertuig>"
)


def judged(operation: str, inside: str) -> suwiml.Element:
    """An answer that the public schema accepts."""
    name = f"{operation}Response"
    answer = suwiml.read_xml(f'<r:{name} xmlns:r="{NAMESPACE}">{inside}</r:{name}>'.encode())
    body_schema("RDWDossierDigitaleDiensten", "v0200-b01", "BodyReaction.xsd").assertValid(answer)
    return answer


def client(*vehicles: str) -> str:
    liable = "".join(f"<Aansprakelijke><Voertuig>{vehicle}</Voertuig></Aansprakelijke>" for vehicle in vehicles)
    return f"<ClientSuwi><Burgerservicenr>{BSN}</Burgerservicenr>{liable}</ClientSuwi>"


def test_vehicles_of_a_person() -> None:
    """The answer by person tells plate and kind; what a status code means is not known here, so it decides nothing."""
    first = f"<CdSrtVoertuig>P</CdSrtVoertuig><KentekenVoertuig>99TJR6</KentekenVoertuig>{STATUS}"
    second = "<KentekenVoertuig>99TJR7</KentekenVoertuig>"
    found = parse(judged("VoertuigbezitInfoPersoon", client(first, second, first)), BSN, TODAY)
    mine = (Owner(person=SELF),)
    assert found == (Vehicle(owners=mine, plate="99TJR6", type="P"), Vehicle(owners=mine, plate="99TJR7"))


def test_facts_of_a_plate() -> None:
    """The answer by plate adds make, type and the first registration anywhere."""
    facts = (
        "<CdSrtVoertuig>P</CdSrtVoertuig><KentekenVoertuig>99TJR6</KentekenVoertuig>"
        "<MerkVoertuig>VOLVO</MerkVoertuig><TypeVoertuig>V60</TypeVoertuig>"
        "<DatEersteInschrijvingVoertuigNat>20190300</DatEersteInschrijvingVoertuigNat>"
        "<DatEersteInschrijvingVoertuigInt>20180214</DatEersteInschrijvingVoertuigInt>"
    )
    (found,) = parse(judged("KentekenInfo", client(facts)), BSN, TODAY)
    assert (found.brand, found.model, found.first_registered) == ("VOLVO", "V60", "2018-02-14")
    only_national = facts.replace("20180214", "00000000")
    (found,) = parse(judged("KentekenInfo", client(only_national)), BSN, TODAY)
    assert found.first_registered == "2019-03"


def test_nothing_found() -> None:
    """NietsGevonden is the register's way of saying that no vehicle is in this person's name."""
    assert parse(judged("VoertuigbezitInfoPersoon", NOTHING), BSN, TODAY) == ()


@pytest.mark.parametrize("plate", [None, "99TJR6"])
def test_the_questions_are_valid_by_the_schema(plate: str | None) -> None:
    """Both operations hold the BSN, KentekenInfo the plate behind it."""
    schema = body_schema("RDWDossierDigitaleDiensten", "v0200-b01", "BodyAction.xsd")
    schema.assertValid(suwiml.operation(NAMESPACE, "VoertuigbezitInfoPersoon", BSN))
    question = suwiml.operation(NAMESPACE, "KentekenInfo", BSN)
    if plate is not None:
        suwiml.add(question, "KentekenVoertuig", plate)
    schema.assertValid(question)
