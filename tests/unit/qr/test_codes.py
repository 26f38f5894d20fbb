"""Codes for people: unbiased, forgiving to type, and leading to the right partition."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qr import codes

PARTITIONS = st.integers(0, 399)


@given(PARTITIONS)
def test_a_code_leads_to_its_partition(partition: int) -> None:
    """The first two letters are the partition, out and back, for every one of the 400."""
    assert codes.partition_of(codes.make_typed_code(partition)) == partition


@pytest.mark.parametrize("partition", [-1, 400])
def test_a_partition_two_letters_cannot_say_is_refused(partition: int) -> None:
    """A code that would lead elsewhere is never made."""
    with pytest.raises(ValueError, match="0 to 399"):
        codes.make_typed_code(partition)


def test_the_alphabet_is_that_of_rfc_8628() -> None:
    """Twenty consonants (6.1): no words by accident, no letter that looks like a digit."""
    assert codes.ALPHABET == "BCDFGHJKLMNPQRSTVWXZ"


def test_every_letter_is_as_likely() -> None:
    """Six random letters without bias: in 120,000 of them no letter is off by more than 8 % (over 6 sigma)."""
    counts = Counter("".join(codes.make_typed_code(0)[2:] for _ in range(20_000)))
    assert set(counts) == set(codes.ALPHABET)
    assert all(abs(count - 6000) < 480 for count in counts.values())


def test_it_is_shown_in_two_groups_of_four() -> None:
    """`BCDF-GHJK`: four letters are what one keeps in mind between two screens."""
    assert codes.show_typed_code(codes.parse_typed_code("bcdfghjk")) == "BCDF-GHJK"


@given(PARTITIONS, st.sampled_from([" ", "-", "–", "‑", "\u00a0", ".", ""]), st.booleans())
def test_any_case_and_separator_is_understood(partition: int, separator: str, lower: bool) -> None:
    """What people and phone keyboards make of a code is still that code."""
    code = codes.make_typed_code(partition)
    typed = f" {code[:2]}{separator}{code[2:4]}{separator}{code[4:]} "
    assert codes.parse_typed_code(typed.lower() if lower else typed) == code


@pytest.mark.parametrize("typed", ["", "BCDF-GHJ", "BCDF-GHJKL", "ACDF-GHJK", "BCDF-GHJ1", "BCDF_GHJK", "BCDF-GHJſ"])
def test_anything_else_is_refused_without_an_echo(typed: str) -> None:
    """Vowels, digits, wrong lengths and letters that only become ours by upper-casing are no code."""
    with pytest.raises(ValueError, match=r"^not a typed code$"):
        codes.parse_typed_code(typed)


def test_pairing_codes_are_four_digits_each_as_likely() -> None:
    """Leading zeros are kept, and no digit is off by more than 8 % in 80,000 (over 7 sigma)."""
    made = [codes.make_pairing_code() for _ in range(20_000)]
    assert all(len(code) == 4 for code in made)
    counts = Counter("".join(made))
    assert set(counts) == set("0123456789")
    assert all(abs(count - 8000) < 640 for count in counts.values())


@given(st.integers(0, 9999))
def test_a_pairing_code_may_be_typed_in_groups(number: int) -> None:
    """`12 34` and `12-34` are 1234."""
    code = f"{number:04d}"
    assert {codes.parse_pairing_code(f" {code[:2]}{mark}{code[2:]}") for mark in (" ", "-", ".", "")} == {code}


@pytest.mark.parametrize("typed", ["", "123", "12345", "12a4", "١٢٣٤", "²345"])
def test_what_is_no_pairing_code_costs_no_try(typed: str) -> None:
    """A slip of the finger is refused before it is compared; digits are those on the screen, not other scripts'."""
    with pytest.raises(ValueError, match=r"^not a pairing code$"):
        codes.parse_pairing_code(typed)
