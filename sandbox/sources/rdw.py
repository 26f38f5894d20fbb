"""The pretend vehicle register: SuwiML RDWDossierDigitaleDiensten, vehicles of a person and facts of one plate."""

from __future__ import annotations

from litestar import Response, post
from litestar.datastructures import State
from litestar.params import RawBody

from sandbox.personas import Seat, by_bsn
from sandbox.personas.facts import Vehicle
from sandbox.sources.desk import XML, answer, keyed
from sandbox.sources.soap import Asked, asked, day, enveloped, refused
from sandbox.sources.wire import Json, JsonObject, present
from sandbox.world import World

NAMESPACE = "http://bkwi.nl/SuwiML/Diensten/RDWDossierDigitaleDiensten/v0200"


@post(["/rdw", "/rdw/{service:str}"], guards=[keyed("rdw")], status_code=200)
async def rdw(state: State, body: RawBody) -> Response[bytes]:
    """Both operations of the service; a SOAP fault for anything else."""
    world: World = state.world
    question = asked(body)
    if question is None or question.operation not in ("VoertuigbezitInfoPersoon", "KentekenInfo"):
        return Response(refused("F001", "Aanvraag niet herkend"), status_code=500, media_type=XML)
    return await answer(world, "rdw", by_bsn(question.bsn), lambda seat: reply(seat, question), XML)


def reply(seat: Seat | None, question: Asked) -> bytes:
    """The vehicles registered to the person in `seat`, or just the one whose plate was asked."""
    plate = question.rest.get("KentekenVoertuig", "")
    held = [] if seat is None else [v for v in seat.household.vehicles if seat.owns(v.holders)]
    told: list[Json] = [
        {"Voertuig": _vehicle(v, facts=question.operation == "KentekenInfo")} for v in held if plate in ("", v.plate)
    ]
    if seat is None or not told:
        return enveloped(NAMESPACE, question.operation, {})
    client: JsonObject = {"Burgerservicenr": seat.person.bsn, "Aansprakelijke": told}
    return enveloped(NAMESPACE, question.operation, {"ClientSuwi": client})


def _vehicle(vehicle: Vehicle, *, facts: bool) -> JsonObject:
    """Only `KentekenInfo` tells the brand, the model and when the vehicle was first registered."""
    more = present(
        MerkVoertuig=vehicle.brand,
        TypeVoertuig=vehicle.model,
        DatEersteInschrijvingVoertuigNat=day(vehicle.first_registered),
        DatEersteInschrijvingVoertuigInt=day(vehicle.first_registered),
    )
    return {
        "CdSrtVoertuig": vehicle.kind,
        "KentekenVoertuig": vehicle.plate,
        "StatusVoertuig": {"CdStatusVoertuig": "01", "DatBStatusVoertuig": day(vehicle.held_since)},
        **(more if facts else {}),
    }
