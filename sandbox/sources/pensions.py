"""The pretend pension register: answers in the model of the citizen's download, as JSON or as XML.

All amounts are whole euros gross per year. The register shows every scheme again in each block of ages it is paid in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import zip_longest

import msgspec
from litestar import Response, post
from litestar.datastructures import State
from litestar.params import RawBody
from lxml import etree

from sandbox.personas import Seat, by_bsn
from sandbox.personas.facts import Age, Person, Scheme, StatePension, SurvivorPension
from sandbox.sources.brp import initials
from sandbox.sources.desk import JSON, NothingThere, answer, keyed, problem
from sandbox.sources.wire import Json, JsonObject, add, json_bytes, present
from sandbox.world import World


class BsnBody(msgspec.Struct, frozen=True, kw_only=True):
    """The question."""

    burgerservicenummer: str


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A span of ages, and what is paid in it; without `until` it is for life."""

    since: Age
    until: Age | None
    schemes: tuple[Scheme, ...]
    state: StatePension | None


@post("/mpo/pensioenaanspraken", guards=[keyed("mpo")], status_code=200)
async def pensioenaanspraken(state: State, body: RawBody) -> Response[bytes]:
    """Everything the register knows of one BSN, in the format of the persona; 404 for somebody unknown."""
    world: World = state.world
    try:
        question = msgspec.json.decode(body, type=BsnBody)
    except msgspec.MsgspecError:
        return problem(400, "Burgerservicenummer ontbreekt.")
    seat = by_bsn(question.burgerservicenummer)
    xml = seat is not None and seat.person.pension_format == "xml"
    made = datetime.fromtimestamp(world.now(), UTC).isoformat(timespec="seconds")

    def build(whose: Seat | None) -> bytes:
        if whose is None:
            raise NothingThere
        return as_xml(whose, overview(whose.person, made)) if xml else json_bytes(overview(whose.person, made))

    return await answer(world, "mpo", seat, build, "application/xml" if xml else JSON)


def overview(one: Person, made: str) -> JsonObject:
    """The whole download as JSON has it; `made` is when, ISO 8601 with a zone."""
    spans = blocks(one.schemes, one.state_pension)
    partner = [s for s in one.survivors if s.beneficiary == "partner"]
    orphans = [s for s in one.survivors if s.beneficiary == "child"]
    return {
        "StatusCode": "000",
        "TijdstipAanmakenBericht": made,
        "Bijzonderheden": [],
        "OntbrekendePuvsError": list(one.silent_providers),
        "OntbrekendePuvsGeenGegevens": [],
        "Statussen": [],
        "Totalen": {
            "OuderdomsPensioenTotalen": {"OuderdomsPensioenTotaal": [_old_age_total(block) for block in spans]},
            "PartnerPensioenTotalen": {"PartnerPensioenTotaal": _partner_total(partner)},
            "WezenPensioenTotalen": {"WezenPensioenTotaal": _orphans_total(orphans)},
        },
        "Details": {
            "OuderdomsPensioenDetails": {"OuderdomsPensioen": [_old_age(block) for block in spans]},
            "PartnerPensioenDetails": {"PartnerPensioen": _partner_details(partner)},
            "WezenPensioenDetails": {"WezenPensioen": _orphans_details(orphans)},
        },
    }


def as_xml(seat: Seat, whole: JsonObject) -> bytes:
    """The XML download: the same names, plus who it is about, which the JSON does not tell."""
    one = seat.person
    together = seat.spouse is not None and not seat.spouse.died
    about: JsonObject = {
        "Naam": " ".join(part for part in (initials(one), one.prefix, one.surname) if part),
        "Geboortedatum": f"{one.born}-00-00"[:10] if one.born else None,
        "LevensSituatie": "GehuwdOfSamenwonend" if together else "Alleenstaand",
    }
    root = etree.Element("Pensioenaanspraken")
    for name, value in whole.items():
        if name.startswith("OntbrekendePuvs"):
            add(root, name, {"Puv": value})
        else:
            add(root, name, value)
        if name == "TijdstipAanmakenBericht":
            add(root, "Gegevens", about)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def blocks(schemes: Sequence[Scheme], state: StatePension | None) -> list[Block]:
    """The spans of ages between which nothing changes; the last one has no end."""
    edges = {scheme.start for scheme in schemes} | {scheme.until for scheme in schemes if scheme.until is not None}
    if state is not None:
        edges.add(state.start)
    ages = sorted(edges)
    spans = [_block(since, until, schemes, state) for since, until in zip_longest(ages, ages[1:])]
    return [block for block in spans if block.schemes or block.state]


def _block(since: Age, until: Age | None, schemes: Sequence[Scheme], state: StatePension | None) -> Block:
    paid = tuple(s for s in schemes if s.start <= since and (s.until is None or since < s.until))
    return Block(since=since, until=until, schemes=paid, state=state if state and state.start <= since else None)


def _edges(block: Block) -> JsonObject:
    until: JsonObject = {"OuderdomsPensioenEvent": "Overlijden"} if block.until is None else _age(block.until)
    return {"Van": _age(block.since), "Tot": until}


def _age(age: Age) -> JsonObject:
    return {"Leeftijd": {"Jaren": age.years, "Maanden": age.months}}


def _old_age_total(block: Block) -> JsonObject:
    state = block.state
    return _edges(block) | present(
        AOWSamenwonend=state.reachable_cohabiting if state else None,
        AOWAlleenstaand=state.reachable_single if state else None,
        Pensioen=sum(s.reachable for s in block.schemes if not s.indicative) or None,
        IndicatiefPensioen=sum(s.reachable for s in block.schemes if s.indicative) or None,
    )


def _old_age(block: Block) -> JsonObject:
    return _edges(block) | present(
        AOW=_state(block.state) if block.state else None,
        Pensioen=[_line(s) for s in block.schemes if not s.indicative],
        IndicatiefPensioen=[_line(s) for s in block.schemes if s.indicative],
    )


def _state(state: StatePension) -> JsonObject:
    built: JsonObject = {
        "TeBereikenSamenwonend": state.reachable_cohabiting,
        "OpgebouwdSamenwonend": state.accrued_cohabiting,
        "TeBereikenAlleenstaand": state.reachable_single,
        "OpgebouwdAlleenstaand": state.accrued_single,
    }
    return {"StandPer": state.as_of, "AOWDetailsOpbouw": built}


def _line(scheme: Scheme) -> JsonObject:
    return present(
        TeBereiken=scheme.reachable,
        Opgebouwd=scheme.accrued,
        PensioenUitvoerder=scheme.provider,
        HerkenningsNummer=scheme.number,
        StandPer=scheme.as_of,
        AfhandelingVerevening=scheme.settlement,
    )


_PARTNER_SPAN: JsonObject = {"Van": {"PartnerEvent": "Overlijden"}, "Tot": {"PartnerEvent": "OverlijdenPartner"}}
_ORPHAN_SPAN: JsonObject = {
    "Van": {"WezenEvent": "OverlijdenOuder"},
    "Tot": {"Leeftijd": {"Jaren": 18, "Maanden": 0}},
}


def _amounts(pensions: Sequence[SurvivorPension]) -> JsonObject:
    return present(
        VerzekerdBedrag=sum(p.insured for p in pensions) or None,
        OpgebouwdBedrag=sum(p.accrued for p in pensions) or None,
        VerzekerdBedragNaPens=sum(p.insured_after for p in pensions) or None,
        OpgebouwdBedragNaPens=sum(p.accrued_after for p in pensions) or None,
    )


def _partner_total(pensions: Sequence[SurvivorPension]) -> list[Json]:
    return [_PARTNER_SPAN | {"Pensioen": _amounts(pensions)}] if pensions else []


def _orphans_total(pensions: Sequence[SurvivorPension]) -> list[Json]:
    return [_ORPHAN_SPAN | {"Pensioen": {"BedragenPerKind": _amounts(pensions)}}] if pensions else []


def _partner_details(pensions: Sequence[SurvivorPension]) -> list[Json]:
    lines: list[Json] = [{"Bedragen": _amounts([p]), **_provider(p)} for p in pensions]
    return [_PARTNER_SPAN | {"Pensioen": lines}] if lines else []


def _orphans_details(pensions: Sequence[SurvivorPension]) -> list[Json]:
    lines: list[Json] = [{"Bedragen": _amounts([p]), "PerKind": True, **_provider(p)} for p in pensions]
    return [_ORPHAN_SPAN | {"Pensioen": lines}] if lines else []


def _provider(pension: SurvivorPension) -> JsonObject:
    return {
        "PensioenUitvoerder": pension.provider,
        "HerkenningsNummer": pension.number,
        "StandPer": pension.as_of,
    }
