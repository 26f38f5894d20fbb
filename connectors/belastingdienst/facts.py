"""From the Belastingdienst's answer to our records. Pure.

Returns are given for every year there is. Possessions and debts are those of the latest tax year answered: an account
of an earlier year may be gone since, and would be counted twice if it is not. Amounts are euro, to the cent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol, TypeVar

from connectors.belastingdienst import answer
from connectors.contract import Field, SourceError
from schemas.base import Money, PartialDate, Period, partial_date
from schemas.household import Name, Person, Relation
from schemas.income import Allowance, Assessment
from schemas.records import SELF, Finding, FindingValue, SourceRecords
from schemas.wealth import Balance, Debt, Owner, Possession, PropertyValue, RealEstate

SOURCE = "belastingdienst"

_ALLOWANCES: dict[str, Literal["housing", "care", "childcare", "child-budget"]] = {
    "Huurtoeslag": "housing",
    "Zorgtoeslag": "care",
    "Kinderopvangtoeslag": "childcare",
    "Kindgebondenbudget": "child-budget",
}
# The beginnings of the status texts seen in the profile's description and its demonstration.
_STATUSES: tuple[tuple[str, Literal["filed", "provisional", "final", "objection"]], ...] = (
    ("bezwaar", "objection"),
    ("voorlopig", "provisional"),
    ("definitief", "final"),
    ("aangeslagen", "final"),
    ("ingediend", "filed"),
    ("in behandeling", "filed"),
)
_FORMS: dict[str, Literal["marriage", "registered-partnership"]] = {
    "huwelijk": "marriage",
    "gp": "registered-partnership",
    "geregistreerd partnerschap": "registered-partnership",
}
_CIVIL = ("huwelijk", "gp", "geregistreerd partnerschap")
_CADASTRAL = re.compile(r"NL\.IMKAD\.KadastraalObject\.([0-9]+)(\..*)?", re.ASCII)
_CENT = Decimal("0.01")
_OWN = (Owner(person=SELF),)


class _Yearly(Protocol):
    @property
    def belastingjaar(self) -> int: ...


_Y = TypeVar("_Y", bound=_Yearly)


def records(person: answer.IngeschrevenPersoon, fields: frozenset[Field], now: datetime) -> SourceRecords:
    """What `person` tells on `fields`; `now` tells a partnership that ended from one that lasts. Raises SourceError."""
    homes = _homes(person) if fields & {"possession.real-estate", "debt.mortgage"} else ()
    partner = _partner(person, now.date()) if "relation.partner" in fields else SourceRecords()
    return SourceRecords(
        persons=partner.persons,
        relations=partner.relations,
        incomes=(
            *(_assessments(person) if "income.assessment" in fields else ()),
            *(_allowances(person) if "income.allowance" in fields else ()),
        ),
        possessions=(
            *(_real_estate(person, homes) if "possession.real-estate" in fields else ()),
            *(_balances(person) if "possession.balance" in fields else ()),
        ),
        debts=(
            *(_mortgages(homes) if "debt.mortgage" in fields else ()),
            *(_other_debts(person) if "debt.other" in fields else ()),
        ),
        findings=(
            *partner.findings,
            *(_undated_values(homes) if "possession.real-estate" in fields else ()),
        ),
    )


def _assessments(person: answer.IngeschrevenPersoon) -> Iterable[Assessment]:
    for item in answer.of_type(person.heeft_belastingjaar_aangifte, answer.AangifteIH):
        yield Assessment(
            person=SELF,
            year=item.belastingjaar,
            status=_status(item.status),
            status_text=item.status,
            identifier=item.aangifte_identificatie,
            filed_on=_day(item.indieningsdatum),
            total=_euro(item.verzamelinkomen, "year"),
            box1=_euro(item.box1_inkomen, "year"),
            box2=_euro(item.box2_inkomen, "year"),
            box3=_euro(item.box3_inkomen, "year"),
        )


def _allowances(person: answer.IngeschrevenPersoon) -> Iterable[Allowance]:
    for item in person.heeft_toeslag or ():
        hours = item.aantal_uren_opvang
        yield Allowance(
            person=SELF,
            allowance=_ALLOWANCES[item.toeslag_soort],
            amount=_euro(item.bedrag_maand, "month"),
            provisional=item.is_voorlopig == "Ja",
            start=_day(item.ingangsdatum),
            end=_day(item.einddatum),
            rent=_euro(item.rekenhuur, "month"),
            childcare_hours=None if hours is None else Decimal(hours),
            childcare_hourly_rate=_euro(item.uurtarief_opvang, "hour"),
        )


def _balances(person: answer.IngeschrevenPersoon) -> Iterable[Possession]:
    edge = person.heeft_vermogens_bestanddeel
    for account in _latest(answer.of_type(edge, answer.BankSpaartegoed)):
        yield Balance(
            owners=_OWN,
            type="bank",
            identifier=account.iban,
            country=account.land,
            amount=_euro(account.saldo_peildatum if _in_euro(account.saldo_peildatum) else account.waarde_peildatum),
            reference_date=_reference(account.peildatum, account.belastingjaar),
        )
    for paper in _latest(answer.of_type(edge, answer.Belegging)):
        yield Balance(
            owners=_OWN,
            type="securities",
            identifier=paper.categorie_effect,
            amount=_euro(paper.waarde_peildatum),
            reference_date=_reference(paper.peildatum, paper.belastingjaar),
        )
    for token in _latest(answer.of_type(edge, answer.Cryptovaluta)):
        yield Balance(
            owners=_OWN,
            type="crypto",
            identifier=token.token_symbool,
            amount=_euro(token.waarde_peildatum),
            reference_date=_reference(token.peildatum, token.belastingjaar),
        )


def _other_debts(person: answer.IngeschrevenPersoon) -> Iterable[Debt]:
    for item in _latest(answer.of_type(person.heeft_vermogens_bestanddeel, answer.Schuld)):
        rate = item.rentepercentage
        yield Debt(
            owners=_OWN,
            type="other",
            description=item.schuldsoort,
            outstanding=_euro(item.openstaand_saldo_peildatum),
            interest_rate=None if rate is None else Decimal(str(rate)),
            fixed_until=_day(item.einddatum_rentevasteperiode),
            reference_date=_reference(item.peildatum, item.belastingjaar),
            year=item.belastingjaar,
        )


class _Home(NamedTuple):
    """An own home with its latest year of interest deduction, if there is one."""

    home: answer.EigenWoning
    deduction: answer.Hypotheekrenteaftrek | None

    @property
    def cadastral_id(self) -> str:
        return _cadastral_id(self.home.gekoppeld_aan)

    @property
    def value_year(self) -> int | None:
        """The tax year of the WOZ value: that of the deduction which names the same value, else not known."""
        if self.deduction is None or self.deduction.betreft.woz_waarde != self.home.woz_waarde:
            return None
        return self.deduction.belastingjaar


def _homes(person: answer.IngeschrevenPersoon) -> tuple[_Home, ...]:
    """Every own home once, whether it was named by itself, by a deduction or by both."""
    deductions: dict[str, answer.Hypotheekrenteaftrek] = {}
    for item in answer.of_type(person.heeft_aftrekpost, answer.Hypotheekrenteaftrek):
        former = deductions.get(item.betreft.gekoppeld_aan)
        if former is None or former.belastingjaar < item.belastingjaar:
            deductions[item.betreft.gekoppeld_aan] = item
    homes = {key: item.betreft for key, item in deductions.items()}
    homes |= {home.gekoppeld_aan: home for home in person.heeft_eigen_woning or ()}
    return tuple(_Home(home, deductions.get(key)) for key, home in homes.items())


def _real_estate(person: answer.IngeschrevenPersoon, homes: tuple[_Home, ...]) -> Iterable[Possession]:
    for home in homes:
        values = () if home.value_year is None else _woz(home.home.woz_waarde, home.value_year)
        yield RealEstate(owners=_OWN, cadastral_id=home.cadastral_id, values=values)
    for item in _latest(answer.of_type(person.heeft_vermogens_bestanddeel, answer.OnroerendeZaakOverigBezit)):
        yield RealEstate(
            owners=_OWN,
            cadastral_id=_cadastral_id(item.gekoppeld_aan),
            values=_woz(item.woz_waarde, item.belastingjaar),
        )


def _undated_values(homes: tuple[_Home, ...]) -> Iterable[Finding]:
    """A WOZ value whose year the source does not tell is a remark and no value: a date would be invented."""
    for home in homes:
        if home.value_year is None:
            money = _euro(home.home.woz_waarde)
            yield Finding(
                kind="source-note",
                code="woz-value-undated",
                source=SOURCE,
                person=SELF,
                field="possession.real-estate",
                values=(FindingValue(source=SOURCE, value=str(money.amount)),) if money else (),
            )


def _mortgages(homes: tuple[_Home, ...]) -> Iterable[Debt]:
    """One debt per home: the source knows the debt of a home, not the loans it consists of."""
    for home in homes:
        deduction = home.deduction
        if deduction is not None:
            yield Debt(
                owners=_OWN,
                type="mortgage",
                identifier=home.cadastral_id,
                outstanding=_euro(deduction.eigenwoning_schuld_saldo_einde),
                outstanding_at_start=_euro(deduction.eigenwoning_schuld_saldo_start),
                interest_paid=_euro(deduction.rente_jaar, "year"),
                reference_date=f"{deduction.belastingjaar}-12-31",
                year=deduction.belastingjaar,
            )
        elif home.home.eigenwoning_schuld_saldo is not None and home.home.eigenwoning_schuld_saldo.waarde:
            debt = _euro(home.home.eigenwoning_schuld_saldo)
            yield Debt(owners=_OWN, type="mortgage", identifier=home.cadastral_id, outstanding=debt)


def _partner(person: answer.IngeschrevenPersoon, today: date) -> SourceRecords:
    """The latest fiscal partner. Who is that by a contract, a child or a home is a cohabitant and no partner by law.

    The dates are those of the fiscal partnership, not of the marriage, so the relation has none.
    """
    latest = _latest(person.heeft_fiscale_partner or ())
    if not latest:
        return SourceRecords()
    item = max(latest, key=lambda one: one.begindatum or date.min)
    others = [other for other in item.tussen_personen if other.id != person.id]
    if len(others) != 1 or len(item.tussen_personen) != 2:
        return SourceRecords(findings=(Finding(kind="incomplete", code="fiscal-partner-unclear", source=SOURCE),))
    ground = item.grondslag.strip().lower()
    id_, kind = "partner", "partner" if ground.startswith(_CIVIL) else "cohabitant"
    if item.einddatum is not None and item.einddatum < today:
        id_, kind = "ex-partner-1", "ex-partner"
    relation = Relation(person=id_, kind=kind, of=SELF, form=_FORMS.get(ground))
    return SourceRecords(persons=(_person(id_, others[0]),), relations=(relation,))


def _person(id_: str, found: answer.NatuurlijkPersoon) -> Person:
    parts = (found.voornamen, found.voorvoegsel, found.geslachtsnaam)
    name = Name(
        full=" ".join(part for part in parts if part),
        given_names=found.voornamen,
        prefix=found.voorvoegsel,
        surname=found.geslachtsnaam,
    )
    return Person(id=id_, name=name, birth_date=_partial(found.geboortedatum))


def _latest(items: tuple[_Y, ...]) -> tuple[_Y, ...]:
    year = max((item.belastingjaar for item in items), default=0)
    return tuple(item for item in items if item.belastingjaar == year)


def _woz(amount: answer.Bedrag | None, year: int) -> tuple[PropertyValue, ...]:
    """Tax year T counts the WOZ value at 1 January of T-1 (Wet IB 2001, art. 3.112 and 5.20; Wet WOZ, art. 18)."""
    money = _euro(amount)
    return (PropertyValue(amount=money, reference_date=f"{year - 1}-01-01"),) if money else ()


def _euro(amount: answer.Bedrag | None, period: Period = "once") -> Money | None:
    if amount is None:
        return None
    if not _in_euro(amount):
        raise SourceError("unreadable", "an amount in another currency than euro")
    return Money(amount=Decimal(str(amount.waarde)).quantize(_CENT), period=period)


def _in_euro(amount: answer.Bedrag) -> bool:
    return amount.valuta in (None, "EUR")


def _reference(peildatum: date | None, year: int) -> PartialDate:
    """The reference date of box 3 is 1 January of the tax year (Wet IB 2001, art. 5.3), unless the source says more."""
    return _day(peildatum) or f"{year}-01-01"


def _day(day: date | None) -> PartialDate | None:
    return None if day is None else partial_date(day.isoformat())


def _partial(text: str | None) -> PartialDate | None:
    """A DatumIncompleet: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, with zeros for what is unknown."""
    padded = None if text is None else (text + "-00-00")[:10]
    try:
        return partial_date(padded)
    except ValueError:
        unreadable = SourceError("unreadable", "a date has not the agreed form")
    raise unreadable


def _cadastral_id(text: str) -> str:
    """The BRK's own number out of a NEN 3610 id, so that the same object is known as the same; else the id itself."""
    found = _CADASTRAL.fullmatch(text)
    return found[1] if found else text


def _status(text: str) -> Literal["filed", "provisional", "final", "objection", "unknown"]:
    lowered = text.strip().lower()
    for beginning, status in _STATUSES:
        if lowered.startswith(beginning):
            return status
    return "unknown"
