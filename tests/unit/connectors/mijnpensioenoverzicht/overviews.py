"""Pension overviews for tests: plain values, written out as JSON or as XML by rules of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from xml.sax.saxutils import escape

Value: TypeAlias = "str | int | bool | Sequence[Value] | Mapping[str, Value]"

FUND = "Stichting Pensioenfonds Horizon"
INSURER = "Levensverzekeraar Anker N.V."


def age(years: int, months: int = 0) -> Value:
    """A `Van` or `Tot` that is an age."""
    return {"Leeftijd": {"Jaren": years, "Maanden": months}}


DEATH: Value = {"OuderdomsPensioenEvent": "Overlijden"}
OWN_DEATH: Value = {"PartnerEvent": "Overlijden"}
PARTNERS_DEATH: Value = {"PartnerEvent": "OverlijdenPartner"}
PARENTS_DEATH: Value = {"WezenEvent": "OverlijdenOuder"}


def line(number: str, reachable: int, accrued: int, provider: str = FUND, **more: Value) -> Value:
    """One pension line of an old-age block."""
    return {
        "TeBereiken": reachable,
        "Opgebouwd": accrued,
        "PensioenUitvoerder": provider,
        "HerkenningsNummer": number,
        "StandPer": "2025-12-31",
        **more,
    }


def survivor(number: str, insured: int, provider: str = FUND, **more: Value) -> Value:
    """One pension line for who stays behind."""
    return {
        "Bedragen": {"VerzekerdBedrag": insured, "OpgebouwdBedrag": insured // 2},
        "PensioenUitvoerder": provider,
        "HerkenningsNummer": number,
        "StandPer": "2025-12-31",
        **more,
    }


def block(since: Value, until: Value, **lines: Value) -> Value:
    """A span of life and what is paid in it."""
    return {"Van": since, "Tot": until, **lines}


def aow(cohabiting: int, single: int) -> Value:
    """The state pension of a block."""
    return {
        "StandPer": "2026-01-01",
        "AOWDetailsOpbouw": {
            "TeBereikenSamenwonend": cohabiting,
            "OpgebouwdSamenwonend": cohabiting // 2,
            "TeBereikenAlleenstaand": single,
            "OpgebouwdAlleenstaand": single // 2,
        },
    }


def overview(
    *old_age: Value,
    partner: Sequence[Value] = (),
    orphans: Sequence[Value] = (),
    status: str = "000",
    remarks: Sequence[str] = (),
    failed: Sequence[str] = (),
    nothing: Sequence[str] = (),
) -> Mapping[str, Value]:
    """A whole overview; its totals repeat that there are pensions of the common kind."""
    summed = (
        [block(age(67), DEATH, Pensioen=1)]
        if any(isinstance(span, Mapping) and "Pensioen" in span for span in old_age)
        else []
    )
    return {
        "StatusCode": status,
        "TijdstipAanmakenBericht": "2026-05-14T10:15:30+02:00",
        "Bijzonderheden": remarks,
        "OntbrekendePuvsError": failed,
        "OntbrekendePuvsGeenGegevens": nothing,
        "Statussen": [],
        "Totalen": {"OuderdomsPensioenTotalen": {"OuderdomsPensioenTotaal": summed}},
        "Details": {
            "OuderdomsPensioenDetails": {"OuderdomsPensioen": old_age},
            "PartnerPensioenDetails": {"PartnerPensioen": partner},
            "WezenPensioenDetails": {"WezenPensioen": orphans},
        },
    }


def as_json(document: Mapping[str, Value]) -> bytes:
    """The JSON form."""
    return json.dumps(document, ensure_ascii=False).encode()


def as_xml(document: Mapping[str, Value]) -> bytes:
    """The XML form: a list is the element repeated, a truth value is `true` or `false`, everything is text."""
    return f'<?xml version="1.0" encoding="UTF-8"?>{_element("Pensioenaanspraken", document)}'.encode()


def _element(name: str, value: Value) -> str:
    if isinstance(value, Mapping):
        return f"<{name}>{''.join(_element(key, each) for key, each in value.items())}</{name}>"
    if isinstance(value, str):
        return f"<{name}>{escape(value)}</{name}>"
    if isinstance(value, bool | int):
        return f"<{name}>{str(value).lower()}</{name}>"
    return "".join(_element(name, each) for each in value)
