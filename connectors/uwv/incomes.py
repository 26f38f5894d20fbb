"""UWVDossierInkomstenGSD v0200, operation UWVPersoonsIkvInfo: who pays a person, under which contract, and what.

Only what a profile can ask is read: no addresses, no sectors. Amounts in the message are cents per reporting period.
"""

from __future__ import annotations

from datetime import datetime

from connectors import suwiml
from connectors.contract import Field
from connectors.suwiml import Element, child, children, departs, text
from connectors.unread import Block
from connectors.uwv import codes, findings
from connectors.uwv.findings import Told
from connectors.uwv.rhythm import period_of, span, usual_period
from schemas.base import Basis, Money, Period
from schemas.income import Benefit, Contract, Employment, Income, PayPeriod
from schemas.records import SELF, SourceRecords

NAMESPACE = "http://bkwi.nl/SuwiML/Diensten/UWVDossierInkomstenGSD/v0200"
ACTION = "http://bkwi.nl/SuwiML/Diensten/UWVDossierInkomstenGSD-v0200/UWVPersoonsIkvInfo"

_FIELDS: dict[type[Income], Field] = {Employment: "income.employment", Benefit: "income.benefit"}

# What the schema (BodyReaction.xsd, v0200-b02) requires and allows where we read. An amount may lack its value there:
# to us it then is one that we cannot read. A report must have its DatBIko, and has a finding of its own without it.
_AMOUNT = Block(
    must=frozenset({"WaardeBedr"}),
    may=frozenset({"CdMunteenheid", "CdPositiefNegatief", "CdPeriodeEenheidGeldigheidBedr"}),
)
_AMOUNTS = frozenset(
    {
        "BedrBrutoloonSv",
        "BedrLoonLbPremieVolksverz",
        "BedrIngehoudenLbPremieVolksverz",
        "BedrVakantietoeslag",
        "BedrOpgbRechtVakantietoeslag",
        "BedrExtraPrdSalaris",
        "BedrOpgbRechtExtraPrdSalaris",
        "BedrVergoedingReiskostenOnbelast",
        "BedrInUitkBegrBetAlimentatie",
        "BedrRechtstreeksBetAlimentatie",
    }
)
_REPORT = Block(
    may=_AMOUNTS | {"DatBIko", "DatEIko", "AantSvDagenIko", "AantVerloondeUrenIko"},
    inside=dict.fromkeys(_AMOUNTS, _AMOUNT),
)
_CONTRACT = Block(
    must=frozenset({"DatBIkp"}),
    may=frozenset(
        {
            "DatEIkp",
            "CdSrtIkv",
            "CdTypeArbeidscontract",
            "CdInvloedVerzekeringsplicht",
            "IndLoonheffingskortingToegepast",
            "IndRegelmatigArbeidspatroon",
            "IndPersoneelsleningNietInLoon",
            "IndLoonIsMedeAowAlleenstaande",
            "IndLoonInclusiefWajongUitkering",
            "IndVakantiebonnenToegepast",
            "CdAardIkv",
            "CdIncidInkomstenvermindering",
        }
    ),
)
_UNIT = Block(
    must=frozenset({"Loonheffingennr"}),
    may=frozenset(
        {
            "NaamAdministratieveEenheid",
            "DatBAdministratieveEenheid",
            "DatEAdministratieveEenheid",
            "PersoonAdministratieveEenheid",
            "RechtspersoonAdministratieveEenh",
            "FeitelijkAdresAeh",
            "CorrespondentieadresAeh",
        }
    ),
)
_RELATION = Block(
    must=frozenset({"Inkomstenperiode", "Inkomstenopgave"}),
    may=frozenset(
        {
            "VolgnrIkv",
            "AanduidingIkvWerkgever",
            "DatBIkv",
            "DatEIkv",
            "AdministratieveEenheid",
            "SectorRisicogroepIkv",
        }
    ),
    inside={"Inkomstenperiode": _CONTRACT, "Inkomstenopgave": _REPORT, "AdministratieveEenheid": _UNIT},
)
_CLIENT = Block(must=frozenset({"Burgerservicenr"}), may=frozenset({"Inkomstenverhouding"}))
_ANSWER = Block(
    must=frozenset({"ClientSuwi"}), may=frozenset({"PeriodeGegevensleveringIko", "FWI"}), inside={"ClientSuwi": _CLIENT}
)


def request(bsn: str, now: datetime, months: int) -> Element:
    """Ask the income relations and pay of one person, from the first day of the month `months` before `now`."""
    message = suwiml.operation(NAMESPACE, "UWVPersoonsIkvInfo", bsn)
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    asked = suwiml.add(message, "PeriodeGegevensvraagIko")
    suwiml.add(asked, "DatBPeriode", f"{year:04}{month + 1:02}01")
    return message


def parse(response: Element, bsn: str) -> SourceRecords:
    """Employments and benefits in the order of the message; nothing found is no records at all.

    Raises SourceError when the answer is about another person, cannot be understood, or has nothing that we know where
    the schema has relations.
    """
    client = suwiml.client_of(response, bsn)
    relations = () if client is None else tuple(children(client, "Inkomstenverhouding"))
    told = [_told(relation) for relation in relations]
    odd = client is not None and departs(response, _ANSWER)
    reports = [report for relation in relations for report in children(relation, "Inkomstenopgave")]
    undated = any(suwiml.date(text(report, "DatBIko")) is None for report in reports)
    return SourceRecords(
        incomes=findings.certain(told, departs=odd),
        findings=(*findings.of_answer(response, left_out=undated), *findings.unread(told, departs=odd)),
    )


def _told(relation: Element) -> Told:
    """The relation, and whether all of it could be read; without its contracts its kind is not certain either."""
    income = _income(relation)
    contracts = tuple(children(relation, "Inkomstenperiode"))
    known = contracts and not any(departs(contract, _CONTRACT) for contract in contracts)
    return Told(
        income,
        departs=departs(relation, _RELATION) or any(map(_endless, children(relation, "Inkomstenopgave"))),
        field=_FIELDS[type(income)] if known else None,
    )


def _endless(report: Element) -> bool:
    """Whether a report that is told lacks the last day that alone could tell the period of one of its amounts."""
    if child(report, "DatEIko") is not None or suwiml.date(text(report, "DatBIko")) is None:
        return False
    amounts = (amount for name in _AMOUNTS for amount in children(report, name))
    return any(text(amount, "CdPeriodeEenheidGeldigheidBedr") is None for amount in amounts)


def _income(relation: Element) -> Employment | Benefit:
    unit = child(relation, "AdministratieveEenheid")
    payer, payroll_number = _payer(unit), text(unit, "Loonheffingennr")
    contracts = tuple(_contract(span) for span in children(relation, "Inkomstenperiode"))
    number = text(relation, "VolgnrIkv")
    start, end = suwiml.date(text(relation, "DatBIkv")), suwiml.date(text(relation, "DatEIkv"))
    scheme = codes.scheme_of(_latest_kind(contracts), payroll_number, payer)
    if scheme is None:
        return Employment(
            person=SELF,
            employer=payer,
            payroll_number=payroll_number,
            number=number,
            start=start,
            end=end,
            contracts=contracts,
            periods=_pay_periods(relation),
        )
    return Benefit(
        person=SELF,
        scheme=scheme,
        payer=payer,
        payroll_number=payroll_number,
        number=number,
        start=start,
        end=end,
        periods=_pay_periods(relation),
    )


def _payer(unit: Element | None) -> str | None:
    """The name of the payroll unit, else of the legal person behind it, else of the natural person who employs."""
    name = text(unit, "NaamAdministratieveEenheid") or text(
        unit, "RechtspersoonAdministratieveEenh", "NaamRechtspersoon"
    )
    if name is not None:
        return name
    person = child(unit, "PersoonAdministratieveEenheid")
    parts = (text(person, part) for part in ("Voornamen", "Voorvoegsel", "SignificantDeelVanDeAchternaam"))
    return " ".join(part for part in parts if part) or None


def _contract(period: Element) -> Contract:
    nature = text(period, "CdAardIkv")
    return Contract(
        start=suwiml.date(text(period, "DatBIkp")),
        end=suwiml.date(text(period, "DatEIkp")),
        permanent=codes.PERMANENT.get(text(period, "CdTypeArbeidscontract") or ""),
        kind_code=text(period, "CdSrtIkv"),
        nature_code=nature,
        description=codes.NATURES.get(nature or ""),
    )


def _latest_kind(contracts: tuple[Contract, ...]) -> str | None:
    """A relation can change its kind on the way (WW, then its extension): the latest says what it is."""
    known = [contract for contract in contracts if contract.kind_code is not None]
    return max(known, key=lambda contract: contract.start or "").kind_code if known else None


def _pay_periods(relation: Element) -> tuple[PayPeriod, ...]:
    reports = tuple(children(relation, "Inkomstenopgave"))
    spans = [span(suwiml.date(text(each, "DatBIko")), suwiml.date(text(each, "DatEIko"))) for each in reports]
    usual = usual_period(spans)
    periods = (_pay_period(report, period_of(reported, usual)) for report, reported in zip(reports, spans, strict=True))
    return tuple(period for period in periods if period is not None)


def _pay_period(report: Element, period: Period) -> PayPeriod | None:
    start = suwiml.date(text(report, "DatBIko"))
    if start is None:
        return None

    def money(name: str, basis: Basis | None = "gross") -> Money | None:
        return _money(child(report, name), period, basis)

    return PayPeriod(
        start=start,
        end=suwiml.date(text(report, "DatEIko")),
        wage=money("BedrBrutoloonSv"),
        hours=suwiml.integer(text(report, "AantVerloondeUrenIko")),
        days=suwiml.integer(text(report, "AantSvDagenIko")),
        holiday_allowance=money("BedrVakantietoeslag"),
        taxable_wage=money("BedrLoonLbPremieVolksverz"),
        withheld_tax=money("BedrIngehoudenLbPremieVolksverz", None),
        extra_salary=money("BedrExtraPrdSalaris"),
        alimony_paid=money("BedrRechtstreeksBetAlimentatie", None),
    )


def _money(element: Element | None, period: Period, basis: Basis | None) -> Money | None:
    """An amount over its reporting period, unless the message names the amount's own unit of time."""
    amount = suwiml.amount(element)
    if amount is None:
        return None
    stated = codes.AMOUNT_PERIODS.get(text(element, "CdPeriodeEenheidGeldigheidBedr") or "", period)
    return Money(amount=amount, period=stated, basis=basis)
