"""Burgerservicenummers in a text: those it calls so, and whether there may be one at all.

Errs on the side of finding: a number that may be a BSN is treated as one by who decides what leaves the broker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.base import is_bsn

# Nine digits in a row or in groups as people write them, and no digit on either side. A loonheffingennummer
# (123456782L01) begins with nine digits and is the employer's.
_NINE = r"(?<!\d)(?:\d{9}|\d{4}[. ]\d{2}[. ]\d{3}|\d{3}[. ]\d{3}[. ]\d{3}|\d{3}[. ]\d{2}[. ]\d{4})(?!\d)(?!L\d\d)"
_ANY = re.compile(_NINE)
# Between the name and the number: punctuation, quotes, the end of a tag or of a line; never another word.
_LABELLED = re.compile(
    rf"\b(?:bsn|burgerservicenummer|sofi-?nummer)(?:-?nummer)?[^0-9A-Za-z]{{0,20}}({_NINE})", re.IGNORECASE
)
_SEPARATORS = str.maketrans("", "", ". ")


def labelled_bsns(text: str) -> tuple[str, ...]:
    """The numbers that `text` itself calls BSN, Burgerservicenummer or sofinummer, once each, in its order."""
    return tuple(dict.fromkeys(_passing(match[1] for match in _LABELLED.finditer(_plain(text)))))


def may_hold_bsn(text: str) -> bool:
    """Whether nine digits that stand alone anywhere in `text` pass the elfproef: an employer's RSIN does so too."""
    return any(True for _ in _passing(match[0] for match in _ANY.finditer(_plain(text))))


def _plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def _passing(found: Iterator[str]) -> Iterator[str]:
    return (number for number in (digits.translate(_SEPARATORS) for digits in found) if is_bsn(number))
