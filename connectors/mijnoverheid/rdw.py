"""The vehicle register through Suwinet (SuwiML RDWDossierDigitaleDiensten v0200): which vehicles are in one's name.

Owns two questions and the reading of their answers: VoertuigbezitInfoPersoon gives the plates, KentekenInfo what stands
behind a plate. The second is a permission of its own: a host that lacks it switches `details` off.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec

from connectors import suwiml
from connectors.contract import Context
from connectors.mijnoverheid.register import SuwiRegister, together
from connectors.suwiml import Element, child, children, text
from schemas.base import PartialDate
from schemas.records import SELF
from schemas.wealth import Owner, Vehicle

NAMESPACE = "http://bkwi.nl/SuwiML/Diensten/RDWDossierDigitaleDiensten/v0200"
_ACTIONS = "http://bkwi.nl/SuwiML/Diensten/RDWDossierDigitaleDiensten-v0200/"


class Settings(SuwiRegister, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The register, and whether make, type and first registration of each vehicle are asked too."""

    details: bool = True


class Vehicles:
    """Asks the register. Belongs to the event loop that first uses it."""

    def __init__(self, settings: Settings) -> None:
        """Raises ValueError when a file that the settings name cannot be used."""
        self._settings = settings
        self._service = suwiml.Service(settings)

    async def ask(self, context: Context) -> tuple[Vehicle, ...]:
        """The vehicles in this person's name. Raises SourceError when any part of it did not come."""
        answer = await self._answer(context, "VoertuigbezitInfoPersoon")
        vehicles = parse(answer, context.subject.bsn, context.now.date())
        if not self._settings.details:
            return vehicles
        return tuple(await together(self._detailed(context, vehicle) for vehicle in vehicles))

    async def _detailed(self, context: Context, vehicle: Vehicle) -> Vehicle:
        response = await self._answer(context, "KentekenInfo", plate=vehicle.plate)
        told = parse(response, context.subject.bsn, context.now.date())
        return next((_filled(vehicle, one) for one in told if one.plate == vehicle.plate), vehicle)

    async def _answer(self, context: Context, operation: str, plate: str | None = None) -> Element:
        question = suwiml.operation(NAMESPACE, operation, context.subject.bsn)
        if plate is not None:
            suwiml.add(question, "KentekenVoertuig", plate)
        return await self._service.ask(context, self._settings.base_url, _ACTIONS + operation, question)


def parse(response: Element, bsn: str, today: date) -> tuple[Vehicle, ...]:
    """Read either answer about `bsn`, each plate once, without what was no longer theirs on `today`.

    Raises SourceError, also for an answer that neither names a vehicle nor says that there is none.
    """
    if suwiml.nothing_found(response):
        return ()
    clients = list(children(response, "ClientSuwi"))
    if not clients:
        raise suwiml.SourceError("unreadable", "an answer without a person")
    found: dict[str, Vehicle] = {}
    for client in clients:
        suwiml.check_person(client, bsn)
        for vehicle in _vehicles(client, today):
            found.setdefault(vehicle.plate, vehicle)
    return tuple(found.values())


def _vehicles(client: Element, today: date) -> Iterator[Vehicle]:
    for liable in children(client, "Aansprakelijke"):
        vehicle = child(liable, "Voertuig")
        if vehicle is None or _ended(suwiml.date(text(liable, "DatEAansprakelijkheid")), today):
            continue
        national = suwiml.date(text(vehicle, "DatEersteInschrijvingVoertuigNat"))
        yield Vehicle(
            owners=(Owner(person=SELF),),
            plate=_plate(text(vehicle, "KentekenVoertuig")),
            brand=text(vehicle, "MerkVoertuig"),
            model=text(vehicle, "TypeVoertuig"),
            type=text(vehicle, "CdSrtVoertuig"),
            first_registered=suwiml.date(text(vehicle, "DatEersteInschrijvingVoertuigInt")) or national,
            owned_since=suwiml.date(text(liable, "DatRegistratieAansprakelijkheid")),
        )


def _plate(found: str | None) -> str:
    plate = (found or "").replace("-", "").replace(" ", "").upper()
    if not plate:
        raise suwiml.SourceError("unreadable", "a vehicle without a plate")
    return plate


def _ended(until: PartialDate | None, today: date) -> bool:
    """Whether `until` lies before `today`; a date without a day ends with its month or year."""
    return until is not None and until < today.isoformat()[: len(until)]


def _filled(vehicle: Vehicle, known: Vehicle) -> Vehicle:
    return msgspec.structs.replace(
        vehicle,
        brand=known.brand,
        model=known.model,
        type=known.type or vehicle.type,
        first_registered=known.first_registered,
    )
