"""Burgerservicenummers in texts. Numbers from the 999 range, which is given to nobody."""

from __future__ import annotations

import pytest

from connectors.documents.numbers import labelled_bsns, may_hold_bsn

BSN = "999993653"
OTHER = "999990019"


@pytest.mark.parametrize(
    "text",
    [
        f"BSN {BSN}",
        f"bsn: {BSN}",
        f"Uw burgerservicenummer (BSN): {BSN}.",
        f"Burgerservicenummer\n{BSN}",
        f"BSN-nummer: {BSN}",
        f"Sofinummer {BSN}",
        f"Sofi-nummer: {BSN}",
        "BSN 9999.93.653",
        "BSN 999 993 653",
        "BSN 999.993.653",
        "BSN 999 99 3653",
        "BSN\N{NO-BREAK SPACE}999\N{NO-BREAK SPACE}993\N{NO-BREAK SPACE}653",
        f'{{"burgerservicenummer": "{BSN}"}}',
        f"<Burgerservicenummer>{BSN}</Burgerservicenummer>",
        f"<p:bsn>\n  {BSN}\n</p:bsn>",
    ],
)
def test_a_number_that_the_text_calls_bsn_is_found(text: str) -> None:
    """However it is grouped, and whatever marks stand between the name and the number."""
    assert labelled_bsns(text) == (BSN,)
    assert may_hold_bsn(text)


def test_each_is_told_once_in_the_order_of_the_text() -> None:
    """Two persons in one file are two numbers; a number on every page is one."""
    assert labelled_bsns(f"BSN {OTHER}\nBSN {BSN}\nSofinummer {OTHER}") == (OTHER, BSN)


@pytest.mark.parametrize(
    "text",
    [
        f"Relatienummer {BSN}",
        f"BSN van uw werkgever {BSN}",
        f"xbsn {BSN}",
        "BSN 999993654",
        f"BSN {BSN}1",
        "BSN 123456782L01",
        f"BSN {'.' * 21}{BSN}",
        "BSN: niet bekend",
    ],
)
def test_a_number_with_another_name_is_not_called_bsn(text: str) -> None:
    """Nor is one that does not pass the elfproef, is longer, or has a word between the name and itself."""
    assert labelled_bsns(text) == ()


@pytest.mark.parametrize(
    "text", [BSN, f"RSIN {BSN}", f"a{BSN}b", f"1.{BSN},00", "111 222 333 999.993.653", "9999 93 653"]
)
def test_nine_digits_anywhere_may_be_one(text: str) -> None:
    """An employer's number too: who decides what leaves the broker must not have to guess."""
    assert may_hold_bsn(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Loonheffingennummer 123456782L01",
        "999993654",
        f"{BSN}0",
        f"0{BSN}",
        "NL00BANK0999993653",
        "99-99-93653",
        "€ 3.250,00 152,00 01-01-2025",
    ],
)
def test_what_is_no_bsn(text: str) -> None:
    """Longer numbers, those that fail the elfproef, amounts, dates, and a loonheffingennummer."""
    assert not may_hold_bsn(text)
