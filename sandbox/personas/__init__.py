"""The invented households, and who is who in them: lookups by BSN and by DigiD user name, and their canaries.

Every BSN comes from the 999 range and passes the elfproef; every name, street and number is made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from sandbox.personas.alone import NO_PENSION, PENSIONER, SELF_EMPLOYED, SINGLE
from sandbox.personas.couples import COHABITING, FOREIGN_PARTNER
from sandbox.personas.demo import MARRIED_COUPLE
from sandbox.personas.facts import Fact, Household, Person, Who
from sandbox.personas.family import MANY_SCHEMES
from sandbox.personas.trouble import TROUBLE

_ORDINARY = (
    MARRIED_COUPLE,
    SINGLE,
    COHABITING,
    MANY_SCHEMES,
    PENSIONER,
    NO_PENSION,
    SELF_EMPLOYED,
    FOREIGN_PARTNER,
)

HOUSEHOLDS: dict[str, Household] = {household.key: household for household in (*_ORDINARY, *TROUBLE)}

Role = Literal["applicant", "partner", "child", "stranger"]


class Seat(Fact, frozen=True, kw_only=True):
    """A person in their place: which household, and who they are in it."""

    household: Household
    role: Role
    person: Person

    def owns(self, owners: tuple[Who, ...]) -> bool:
        """Whether this person is one of `owners` of their household's things."""
        return self.role in owners

    @property
    def spouse(self) -> Person | None:
        """The person of the other adult, married to or not; nobody for a child or a stranger."""
        other = {"applicant": self.household.partner, "partner": self.household.applicant}
        return other.get(self.role)


def seats(household: Household) -> Iterator[Seat]:
    """Everybody who has a place in `household`, the stranger last."""
    yield Seat(household=household, role="applicant", person=household.applicant)
    if household.partner is not None:
        yield Seat(household=household, role="partner", person=household.partner)
    for child in household.children:
        yield Seat(household=household, role="child", person=child)
    if household.stranger is not None:
        yield Seat(household=household, role="stranger", person=household.stranger)


_SEATS = tuple(seat for household in HOUSEHOLDS.values() for seat in seats(household))
_BY_BSN = {seat.person.bsn: seat for seat in _SEATS if seat.person.bsn}
_BY_USER = {seat.person.user: seat for seat in _SEATS if seat.person.user}


def by_bsn(bsn: str) -> Seat | None:
    """Who has this BSN."""
    return _BY_BSN.get(bsn)


def by_user(user: str) -> Seat | None:
    """Who logs in to the pretend DigiD under this name."""
    return _BY_USER.get(user)


def stranger_to(seat: Seat | None) -> Seat:
    """Somebody else than `seat`, for a source that mixes people up."""
    own = None if seat is None else seat.household.stranger
    if seat is not None and own is not None and own is not seat.person:
        return Seat(household=seat.household, role="stranger", person=own)
    return next(s for s in _SEATS if s.role == "stranger" and (seat is None or s.household is not seat.household))


def canaries(household: Household) -> tuple[str, ...]:
    """Values of at least 8 characters that occur nowhere but in this household: proof of a leak wherever they turn up.

    Surnames, streets, IBANs, BSNs, payroll and scheme numbers; amounts of at least 7 digits in three notations
    (cents `5231847`, decimal `52318.47`, Dutch `52.318,47`).
    """
    people = [seat.person for seat in seats(household)]
    found = [value for person in people for value in _own_words(person)]
    found.append(household.address.street)
    found.extend(account.name for account in household.accounts if account.kind == "bank")
    amounts = [cents for person in people for cents in _own_amounts(person)]
    amounts.extend(_shared_amounts(household))
    found.extend(text for cents in amounts if cents >= 1_000_000 for text in _notations(cents))
    return tuple(dict.fromkeys(value for value in found if len(value) >= 7))


def _own_words(person: Person) -> Iterator[str]:
    yield from (person.bsn, person.surname)
    if person.address is not None:
        yield person.address.street
    if person.abroad is not None:
        yield person.abroad.lines[0]
    yield from (job.payroll_number for job in person.jobs)
    yield from (scheme.number for scheme in person.schemes)


def _own_amounts(person: Person) -> Iterator[int]:
    for assessment in person.assessments:
        yield from (assessment.box1, assessment.box3, assessment.box1 + assessment.box2 + assessment.box3)


def _shared_amounts(household: Household) -> Iterator[int]:
    yield from (account.balance for account in household.accounts)
    yield from (debt.balance for debt in household.debts)
    if household.home is None:
        return
    yield from (value.euro * 100 for value in household.home.values)
    if household.home.mortgage is not None:
        yield from (household.home.mortgage.balance_start, household.home.mortgage.balance_end)


def _notations(cents: int) -> tuple[str, str, str]:
    euro, rest = divmod(cents, 100)
    return str(cents), f"{euro}.{rest:02d}", f"{euro:,}".replace(",", ".") + f",{rest:02d}"
