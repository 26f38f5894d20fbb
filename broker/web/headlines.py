"""A record in short: what a person knows it by, its amount, and the two or three things that matter about it.

All that is in the record stands in `values.details`; nothing here is the only place of a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from broker.matching import persons_of
from broker.pointers import Shown
from broker.web import formats
from broker.web.values import ages, said, worded
from broker.web.voice import Voice
from schemas.base import Money, PartialDate
from schemas.household import Address, Person, Relation
from schemas.income import Allowance, Assessment, Benefit, Contract, Employment, Income, PayPeriod
from schemas.pension import Pension, SchemePension, StatePension, SurvivorPension
from schemas.wealth import Balance, Debt, Owner, PropertyValue, RealEstate, Vehicle
from sessions.model import ROLES

_WHOLE_DATE = len("2026-04-03")


class Headline(msgspec.Struct, frozen=True):
    """`amount` and `period` are empty where there is no one amount; `facts` are short, without a full stop."""

    title: str
    amount: str = ""
    period: str = ""
    facts: tuple[str, ...] = ()


def headline(record: Shown, relations: tuple[Relation, ...], voice: Voice) -> Headline:
    """The record in short. `relations` say what a person is to the reader."""
    match record:
        case Person():
            return _person(record, relations, voice)
        case Address():
            return _address(record, voice)
        case Employment() | Benefit() | Assessment() | Allowance():
            return _income(record, voice)
        case SchemePension() | StatePension() | SurvivorPension():
            return _pension(record, voice)
        case RealEstate():
            return _real_estate(record, voice)
        case Vehicle():
            return _vehicle(record, voice)
        case Balance():
            return _balance(record, voice)
        case Debt():
            return _debt(record, voice)


def _made(title: str, amount: Money | None, facts: Iterable[str], voice: Voice) -> Headline:
    told = tuple(fact for fact in facts if fact)
    if amount is None:
        return Headline(title, facts=told)
    return Headline(title, formats.money(amount, voice.language), formats.per(amount, voice.language), told)


def _labelled(name: str, amount: Money | None, voice: Voice) -> str:
    return voice.say(f"review.fact.{name}", amount=formats.sum_of_money(amount, voice.language)) if amount else ""


def _dated(name: str, at: PartialDate | None, voice: Voice) -> str:
    """A day is told otherwise than a month or a year: `op 3 april`, `in april`."""
    if not at:
        return ""
    name = name if len(at) == _WHOLE_DATE else f"{name}-in"
    return voice.say(f"review.fact.{name}", date=formats.date(at, voice.language))


def _person(person: Person, relations: tuple[Relation, ...], voice: Voice) -> Headline:
    role = "you" if person.id == voice.reader else "partner" if person.id in ROLES else "other"
    called = voice.say(f"review.role.{role}")
    bonds = [relation for relation in relations if relation.person == person.id]
    says_itself = person.name is None or (role == "partner" and bonds) or role == "other"
    own = "" if says_itself else called
    facts = [own, *related(bonds, voice), _dated("born", person.birth_date, voice)]
    if person.deceased:
        facts.append(_dated("died", person.deceased_date, voice) or voice.say("review.fact.deceased"))
    if person.confidential:
        facts.append(voice.say("review.fact.confidential"))
    return _made(person.name.full if person.name else called, None, facts, voice)


def related(bonds: list[Relation], voice: Voice) -> list[str]:
    """What somebody is to the adults: `Kind van jullie samen`, `Getrouwd met jou, sinds 25 mei 2012`."""
    parents = [bond.of for bond in bonds if bond.kind == "child"]
    found = [voice.say(f"review.relation.child-{_whose(parents, voice)}")] if parents else []
    for bond in bonds:
        if bond.kind != "child":
            told = voice.say(f"review.relation.{_bond(bond)}", whom=_whom(bond.of, voice))
            span = formats.span(bond.since, bond.until, voice.language)
            found.append(f"{told}, {span}" if span else told)
    return found


def _bond(relation: Relation) -> str:
    """By its form where that is known: who was widowed has no ex-partner, but somebody they were married to."""
    kinds = {"partner": relation.form, "ex-partner": relation.form and f"was-{relation.form}"}
    return kinds.get(relation.kind) or relation.kind


def _whom(person: str, voice: Voice) -> str:
    if person not in ROLES:
        return voice.who(person)
    return voice.say("review.whom.you" if person == voice.reader else "review.whom.partner")


def place(at: Address | RealEstate) -> str:
    """An address in one line: `Voorbeeldlaan 17b, 9999 AB Zandstad`; empty when there is none."""
    number = f"{at.number or ''}{at.letter or ''}"
    door = "-".join(part for part in (number, at.addition) if part)
    street = " ".join(part for part in (at.street, door) if part)
    postcode = at.postcode and (f"{at.postcode[:4]} {at.postcode[4:]}" if len(at.postcode) == 6 else at.postcode)
    city = " ".join(part for part in (postcode, at.city) if part)
    lines = (*at.lines, at.country) if isinstance(at, Address) else ()
    return ", ".join(part for part in (street, city, *lines) if part)


def _address(address: Address, voice: Voice) -> Headline:
    lives = persons_of(address) & set(ROLES)
    whose = _whose_words(lives, voice) if voice.together and lives else ""
    facts = (voice.say(f"review.address.{address.kind}"), whose, formats.span(address.since, None, voice.language))
    if not (shown := place(address)):
        return _made(facts[0], None, facts[1:], voice)
    return _made(shown, None, facts, voice)


def _whose(persons: Iterable[str], voice: Voice) -> str:
    found = set(persons)
    return "both" if found >= set(ROLES) else "you" if found == {voice.reader} else "partner"


def _whose_words(persons: Iterable[str], voice: Voice) -> str:
    whose = _whose(persons, voice)
    return voice.say(f"review.whose.{whose}")


def _income(income: Income, voice: Voice) -> Headline:
    match income:
        case Employment() | Benefit():
            return _paid(income, voice)
        case Assessment():
            return _assessment(income, voice)
        case Allowance():
            facts = (
                voice.say("review.fact.provisional") if income.provisional else "",
                formats.span(income.start, income.end, voice.language),
                _labelled("rent", income.rent, voice),
            )
            return _made(voice.say(f"review.title.{income.allowance}"), income.amount, facts, voice)


def _paid(income: Employment | Benefit, voice: Voice) -> Headline:
    """With the wage or benefit of the latest period; of a period and its correction the larger one."""
    if isinstance(income, Employment):
        kind, title, fact = "wage", income.employer or voice.say("review.title.employer"), _contract(income, voice)
    else:
        kind, title, fact = "benefit", said(income.scheme, voice), income.payer or ""
    lasting = formats.span(income.start, income.end, voice.language)
    paid = [(period, period.wage) for period in income.periods if period.wage]
    if not paid:
        return _made(title, None, (fact, lasting), voice)
    latest, wage = max(paid, key=_paid_last)
    over = voice.say(f"review.fact.{kind}", span=formats.span(latest.start, latest.end, voice.language))
    return _made(title, wage, (over, fact, lasting), voice)


def _paid_last(paid: tuple[PayPeriod, Money]) -> tuple[str, Decimal]:
    return paid[0].start, paid[1].amount


def _contract(employment: Employment, voice: Voice) -> str:
    """Permanent or not, else the kind of contract, of the latest one."""
    if not employment.contracts:
        return ""
    latest = max(employment.contracts, key=_begun)
    if latest.permanent is not None:
        return voice.say("review.fact.permanent" if latest.permanent else "review.fact.temporary")
    word = said(latest.description or "", voice)
    return word[:1].upper() + word[1:]


def _begun(contract: Contract) -> str:
    return contract.start or ""


def _assessment(income: Assessment, voice: Voice) -> Headline:
    known = income.status != "unknown"
    status = voice.say(f"review.value.{income.status}") if known else said(income.status_text or "", voice)
    title = voice.say("review.title.assessment", year=income.year)
    filed = _dated("filed", income.filed_on, voice)
    facts = (filed or status,) if income.status == "filed" else (status, filed)
    made = _made(title, income.total, facts, voice)
    return msgspec.structs.replace(made, period="")  # the year is in the title


def _pension(pension: Pension, voice: Voice) -> Headline:
    match pension:
        case StatePension():
            return _state(pension, voice)
        case SchemePension():
            return _scheme(pension, voice)
        case SurvivorPension():
            return _survivor(pension, voice)


def _state(pension: StatePension, voice: Voice) -> Headline:
    """No amount stands out: which of the two ways of living applies is not ours to say."""
    facts = (
        ages(pension.starts_at, None, voice),
        _labelled("cohabiting", pension.reachable_cohabiting, voice),
        _labelled("single", pension.reachable_single, voice),
    )
    return _made(voice.say("review.title.state"), None, facts, voice)


def _scheme(pension: SchemePension, voice: Voice) -> Headline:
    until = pension.blocks[-1].until if pension.blocks else None
    facts = (
        ages(pension.starts_at, until, voice),
        voice.say("review.fact.reachable") if pension.reachable else "",
        _labelled("accrued", pension.accrued, voice),
        voice.say("review.fact.indicative") if pension.indicative else "",
        voice.say("review.fact.only-single") if pension.only_single else "",
    )
    return _made(pension.provider, pension.reachable or pension.accrued, facts, voice)


def _survivor(pension: SurvivorPension, voice: Voice) -> Headline:
    for_whom = "each-child" if pension.per_child else "child" if pension.beneficiary == "child" else "partner"
    facts = (
        voice.say(f"review.fact.for-{for_whom}"),
        ages(pension.since, pension.until, voice),
        _labelled("after", pension.insured_after, voice) if pension.insured else "",
        voice.say("review.fact.indicative") if pension.indicative else "",
    )
    return _made(pension.provider, pension.insured or pension.insured_after, facts, voice)


def owners(found: tuple[Owner, ...], voice: Voice) -> str:
    """Whose a thing is: said where there are two adults, or where only a part of it is theirs."""
    shares = {owner.person: owner.share for owner in found if owner.share and owner.share != "1/1"}
    persons = {owner.person for owner in found}
    if not voice.together and not shares:
        return ""
    whose = _whose_words(persons, voice)
    if len(shares) < len(persons):
        return whose
    if len(persons) > 1 and len(set(shares.values())) == 1:
        part = formats.share(next(iter(shares.values())), voice.language)
        return voice.say("review.whose.each", whose=whose, share=part)
    parts = ", ".join(
        f"{voice.who(person)} {formats.share(share, voice.language)}"
        if len(persons) > 1
        else formats.share(share, voice.language)
        for person, share in sorted(shares.items())
    )
    return f"{whose}: {parts}"


def _real_estate(estate: RealEstate, voice: Voice) -> Headline:
    latest = max(estate.values, key=_reference, default=None)
    price = formats.money(estate.bought_for, voice.language) if estate.bought_for else ""
    year = (estate.bought_in or "")[:4]
    facts = (
        owners(estate.owners, voice),
        _dated("woz", latest.reference_date if latest else None, voice),
        said(estate.use or "", voice),
        voice.say("review.fact.bought", price=price, date=year) if price and year else "",
        voice.say("review.fact.mortgage") if estate.mortgage_registered else "",
    )
    title = place(estate) or estate.cadastral_designation or voice.say("review.title.real-estate")
    return _made(title, latest.amount if latest else None, facts, voice)


def _reference(value: PropertyValue) -> str:
    return value.reference_date


def _vehicle(vehicle: Vehicle, voice: Voice) -> Headline:
    named = " ".join(part for part in (vehicle.brand, vehicle.model) if part)
    facts = (
        owners(vehicle.owners, voice),
        voice.say("review.fact.plate", plate=vehicle.plate) if named else "",
        _dated("first-registered", vehicle.first_registered, voice),
        _dated("owned", vehicle.owned_since, voice),
    )
    return _made(named or vehicle.plate, vehicle.catalogue_price, facts, voice)


def _balance(balance: Balance, voice: Voice) -> Headline:
    title = voice.say(f"review.value.{balance.type}")
    number = worded("identifier", balance.identifier, voice) if balance.identifier else ""
    facts = (
        owners(balance.owners, voice),
        number,
        balance.institution or "",
        _dated("as-of", balance.reference_date, voice),
    )
    return _made(title, balance.amount, facts, voice)


def _debt(debt: Debt, voice: Voice) -> Headline:
    title = voice.say(f"review.value.{debt.type}")
    if debt.type == "other":
        title = said(debt.description or "", voice) or voice.say("review.title.debt")
    rate = worded("interest_rate", debt.interest_rate, voice) if debt.interest_rate is not None else ""
    facts = (
        owners(debt.owners, voice),
        debt.creditor or "",
        _dated("as-of", debt.reference_date, voice),
        voice.say("review.fact.rate", rate=rate) if rate else "",
        _labelled("registered", debt.registered, voice),
    )
    return _made(title, debt.outstanding or debt.registered, facts, voice)
