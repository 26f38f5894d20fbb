"""The pretend UWV: SuwiML income relations (UWVPersoonsIkvInfo) and employee insurance (UWVPersoonsWvInfo).

Amounts are whole eurocents with the sign in an element of its own; dates are `YYYYMMDD`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec
from litestar import Response, post
from litestar.datastructures import State
from litestar.params import RawBody

from sandbox.personas import Seat, by_bsn
from sandbox.personas.facts import Benefit, Job
from sandbox.sources.desk import XML, answer, keyed
from sandbox.sources.soap import Asked, asked, day, enveloped, refused
from sandbox.sources.wire import Json, JsonObject, present
from sandbox.world import World

INCOME = "http://bkwi.nl/SuwiML/Diensten/UWVDossierInkomstenGSD/v0200"
INSURANCE = "http://bkwi.nl/SuwiML/Diensten/UWVDossierWerknemersverzekeringenGSD/v0200"
_MONTHLY = "6"  # CdUitkeringsperiode: per month


class Pay(msgspec.Struct, frozen=True, kw_only=True):
    """What was reported over one pay period; amounts in cents, and both may be negative in a correction."""

    start: date
    end: date
    wage: int
    withheld: int
    hours: int


@post(["/uwv", "/uwv/{service:str}"], guards=[keyed("uwv")], status_code=200)
async def uwv(state: State, body: RawBody) -> Response[bytes]:
    """Both operations, told apart by the question itself; a SOAP fault for anything else."""
    world: World = state.world
    question = asked(body)
    if question is None or question.operation not in ("UWVPersoonsIkvInfo", "UWVPersoonsWvInfo"):
        return Response(refused("F001", "Aanvraag niet herkend"), status_code=500, media_type=XML)
    seat = by_bsn(question.bsn)
    if question.operation == "UWVPersoonsIkvInfo":
        return await answer(world, "uwv", seat, lambda whose: incomes(whose, question), XML)
    return await answer(world, "uwv", seat, lambda whose: benefits(whose, question), XML, "uwv-benefits")


def incomes(seat: Seat | None, question: Asked) -> bytes:
    """Income relations with the pay reported in the period that was asked (all of it when none was)."""
    first, last = question.rest.get("DatBPeriode") or "0", question.rest.get("DatEPeriode") or "9"

    def within(pays: list[Pay]) -> list[Pay]:
        return [pay for pay in pays if f"{pay.start:%Y%m%d}" <= last and f"{pay.end:%Y%m%d}" >= first]

    if seat is None:
        return enveloped(INCOME, question.operation, {})
    relations: list[Json] = [_employment(job, n, within(pays_of(job))) for n, job in enumerate(seat.person.jobs, 1)]
    relations += [_in_payment(b, n, within(_paid(b))) for n, b in enumerate(seat.person.benefits, len(relations) + 1)]
    told = [relation for relation in relations if relation]
    members: JsonObject = {"ClientSuwi": {"Burgerservicenr": seat.person.bsn, "Inkomstenverhouding": told}}
    return enveloped(INCOME, question.operation, members if told else {})


def benefits(seat: Seat | None, question: Asked) -> bytes:
    """Rights to benefits that UWV itself pays."""
    told: list[Json] = [] if seat is None else [_right(benefit) for benefit in seat.person.benefits if benefit.law]
    if seat is None or not told:
        return enveloped(INSURANCE, question.operation, {})
    client: JsonObject = {"Burgerservicenr": seat.person.bsn, "Uitkeringsverhouding": told}
    return enveloped(INSURANCE, question.operation, {"ClientSuwi": client})


def pays_of(job: Job) -> list[Pay]:
    """Every reported period of a job, corrections as reports of their own over the period they correct."""
    spans = list(_spans(date.fromisoformat(job.first_period), job.periods, job.rhythm == "four-weeks"))
    reported = [Pay(start=s, end=e, wage=job.wage, withheld=job.withheld, hours=job.hours) for s, e in spans]
    for correction in job.corrections:
        start, end = spans[correction.period]
        reported.append(Pay(start=start, end=end, wage=correction.wage, withheld=0, hours=correction.hours))
    return sorted(reported, key=lambda pay: pay.start)


def _paid(benefit: Benefit) -> list[Pay]:
    spans = _spans(date.fromisoformat(benefit.first_period), benefit.periods, four_weekly=False)
    return [Pay(start=s, end=e, wage=benefit.amount, withheld=benefit.withheld, hours=0) for s, e in spans]


def _spans(first: date, count: int, four_weekly: bool) -> Iterator[tuple[date, date]]:
    """First and last day of `count` successive pay periods, of four weeks or a calendar month."""
    start = first
    for _ in range(count):
        following = start + timedelta(days=28) if four_weekly else (start + timedelta(days=31)).replace(day=1)
        yield start, following - timedelta(days=1)
        start = following


def _employment(job: Job, number: int, pays: list[Pay]) -> JsonObject | None:
    term = present(
        DatBIkp=day(job.since),
        DatEIkp=day(job.until),
        CdSrtIkv="15",
        CdTypeArbeidscontract="O" if job.permanent else "B",
        IndLoonheffingskortingToegepast="1",
        IndRegelmatigArbeidspatroon="1",
        CdAardIkv="01",
    )
    return _relation(number, job.since, job.until, _payer(job.employer, job.payroll_number), term, pays)


def _in_payment(benefit: Benefit, number: int, pays: list[Pay]) -> JsonObject | None:
    term = present(DatBIkp=day(benefit.since), DatEIkp=day(benefit.until), CdSrtIkv=benefit.kind_code)
    payer = _payer(benefit.payer, benefit.payroll_number)
    return _relation(number, benefit.since, benefit.until, payer, term, pays)


def _relation(
    number: int, since: str, until: str, payer: JsonObject, term: JsonObject, pays: list[Pay]
) -> JsonObject | None:
    """One income relation; the schema has none without pay, so nothing is told when nothing was reported."""
    if not pays:
        return None
    return present(
        VolgnrIkv=number,
        DatBIkv=day(since),
        DatEIkv=day(until),
        AdministratieveEenheid=payer,
        Inkomstenperiode=[term],
        Inkomstenopgave=[_report(pay) for pay in pays],
    )


def _payer(name: str, payroll_number: str) -> JsonObject:
    legal: JsonObject = {"FiNr": payroll_number[:9], "NaamRechtspersoon": name}
    return {
        "NaamAdministratieveEenheid": name,
        "Loonheffingennr": payroll_number,
        "RechtspersoonAdministratieveEenh": legal,
    }


def _report(pay: Pay) -> JsonObject:
    weekdays = sum((pay.start + timedelta(days=n)).weekday() < 5 for n in range((pay.end - pay.start).days + 1))
    return {
        "DatBIko": f"{pay.start:%Y%m%d}",
        "DatEIko": f"{pay.end:%Y%m%d}",
        "AantSvDagenIko": weekdays,
        "AantVerloondeUrenIko": pay.hours,
        "BedrBrutoloonSv": _amount(pay.wage),
        "BedrLoonLbPremieVolksverz": _amount(pay.wage),
        "BedrIngehoudenLbPremieVolksverz": _amount(pay.withheld),
    }


def _amount(cents: int) -> JsonObject:
    return {"CdMunteenheid": "EUR", "CdPositiefNegatief": "-" if cents < 0 else "+", "WaardeBedr": abs(cents)}


def _right(benefit: Benefit) -> JsonObject:
    """A right to a benefit, with the gross amount per month."""
    return present(
        DatBUitkeringsverhouding=day(benefit.since),
        DatEUitkeringsverhouding=day(benefit.until),
        SzWet={"CdSzWet": benefit.law},
        Uitkeringsperiode=present(
            DatBUitkeringsperiode=day(benefit.since),
            DatEUitkeringsperiode=day(benefit.until),
            BrutoUitkeringsbedrag=present(
                CdMunteenheid="EUR",
                WaardeBedr=benefit.amount,
                CdUitkeringsperiode=_MONTHLY,
                DatBBrutoUitkeringsbedr=day(benefit.since),
                DatEBrutoUitkeringsbedr=day(benefit.until),
            ),
        ),
    )
