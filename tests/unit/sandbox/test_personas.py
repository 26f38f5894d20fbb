"""The invented households: whether they can serve as test persons at all, and whether the demo's numbers hold."""

from __future__ import annotations

import itertools

import pytest

from sandbox.personas import HOUSEHOLDS, by_bsn, by_user, canaries, seats, stranger_to
from sandbox.personas.demo import MARRIED_COUPLE
from sandbox.personas.facts import Household

PEOPLE = [seat.person for household in HOUSEHOLDS.values() for seat in seats(household)]
ALL = pytest.mark.parametrize("household", HOUSEHOLDS.values(), ids=lambda household: household.key)


def test_every_bsn_is_a_distinct_test_number_that_passes_the_elfproef() -> None:
    """BSNs are nine digits from the 999 range, weighted sum (9..2, -1) a multiple of 11, each given once."""
    numbers = [person.bsn for person in PEOPLE if person.bsn]
    assert len(set(numbers)) == len(numbers)
    for bsn in numbers:
        assert len(bsn) == 9
        assert bsn.startswith("999")
        weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
        assert sum(w * int(d) for w, d in zip(weights, bsn, strict=True)) % 11 == 0


def test_every_account_has_an_iban_that_is_valid_mod_97() -> None:
    """ISO 13616: country and check digits moved to the end, letters as numbers, the whole is 1 mod 97."""
    ibans = [a.name for household in HOUSEHOLDS.values() for a in household.accounts if a.kind == "bank"]
    assert len(set(ibans)) == len(ibans) >= 15
    for iban in ibans:
        assert int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


def test_canaries_are_long_and_of_one_household_only() -> None:
    """A canary is at least 7 signs, and no canary of one household is found within one of another."""
    of = {key: canaries(household) for key, household in HOUSEHOLDS.items()}
    for one, other in itertools.permutations(of, 2):
        assert not [(a, b) for a in of[one] for b in of[other] if a in b]
    assert all(len(value) >= 7 for values in of.values() for value in values)


@ALL
def test_canaries_name_everybody(household: Household) -> None:
    """Every surname, BSN and street of a household is among its canaries."""
    values = canaries(household)
    assert household.address.street in values
    for seat in seats(household):
        assert seat.person.surname in values
        assert not seat.person.bsn or seat.person.bsn in values


def test_amounts_among_the_canaries_come_in_three_notations() -> None:
    """An amount is looked for as cents, as a decimal and as the Dutch write it."""
    assert {"5231847", "52318.47", "52.318,47"} <= set(canaries(MARRIED_COUPLE))


def test_the_demo_household_has_the_numbers_of_the_demo() -> None:
    """Five persons, 4 incomes (a job and an assessment each), 6 pensions, 3 possessions and 1 debt, joint ones once."""
    home = MARRIED_COUPLE.home
    adults = [MARRIED_COUPLE.applicant, MARRIED_COUPLE.partner]
    assert len(list(seats(MARRIED_COUPLE))) == 5
    assert home is not None
    assert home.mortgage is not None
    assert home.owners == ("applicant", "partner")
    incomes, pensions = 0, 0
    for one in adults:
        assert one is not None
        assert (one.benefits, one.allowances, one.survivors, one.silent_providers) == ((), (), (), ())
        incomes += len(one.jobs) + len(one.assessments)
        pensions += len(one.schemes) + (one.state_pension is not None)
    assert (incomes, pensions) == (4, 6)
    assert 1 + len(MARRIED_COUPLE.vehicles) + len(MARRIED_COUPLE.accounts) == 3
    assert not MARRIED_COUPLE.debts


@ALL
def test_everybody_is_found_by_number_and_by_name(household: Household) -> None:
    """Lookups by BSN and by user name give the same person in the same place."""
    for seat in seats(household):
        assert not seat.person.bsn or by_bsn(seat.person.bsn) == seat
        assert not seat.person.user or by_user(seat.person.user) == seat
    assert by_user(household.key) is not None


@ALL
def test_a_stranger_is_always_somebody_else(household: Household) -> None:
    """A source that mixes people up always answers about another BSN than the one asked."""
    for seat in seats(household):
        assert stranger_to(seat).person.bsn != seat.person.bsn
    assert stranger_to(None).person.bsn
