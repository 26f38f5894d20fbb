"""The code tables of the SuwiML income messages, as far as we say something else because of a code.

Codes travel along as they are; a code that is not in a table is no error.
"""

from __future__ import annotations

import re

from schemas.base import Period

# CdSrtIkv, the kinds of income relation that are not wage (11-17): a short name of the scheme.
SCHEMES = {
    "18": "Wachtgeld",
    "21": "Overig pensioen",
    "22": "AOW",
    "23": "Oorlogs- of verzetspensioen",
    "24": "ANW",
    "31": "ZW",
    "32": "WAO",
    "33": "WW",
    "34": "IOAW",
    "35": "WW",
    "36": "WAZ",
    "37": "Wajong",
    "38": "Wajong met WAZ, WAO, IVA of WGA",
    "39": "IVA",
    "40": "WGA",
    "42": "Bbz",
    "43": "Participatiewet",
    "44": "WWIK",
    "45": "IOAZ",
    "46": "TW",
    "50": "Overige sociale verzekering",
    "51": "WIJ",
    "52": "IOW",
    "53": "VUT",
    "54": "Levensloop",
    "55": "APPA",
    "56": "Ouderdomspensioen",
    "57": "Nabestaandenpensioen",
    "58": "Arbeidsongeschiktheidspensioen",
    "59": "Lijfrente",
    "60": "Lijfrente",
    "61": "Aanvulling op uitkering",
    "62": "Ontslagvergoeding",
    "63": "Overig pensioen",
}

# CdAardIkv, the nature of the working relation: the ones a reader of the data has to tell apart.
NATURES = {
    "01": "arbeidsovereenkomst",
    "07": "stage",
    "10": "sociale werkvoorziening",
    "11": "uitzendkracht",
    "18": "publiekrechtelijke aanstelling",
    "20": "beschut werk",
    "82": "payrolling",
}

# CdTypeArbeidscontract; given up to and including 2019.
PERMANENT = {"O": True, "B": False}

# CdPeriode (CdPeriodeEenheidGeldigheidBedr), the units that a Money can have.
AMOUNT_PERIODS: dict[str, Period] = {"03": "day", "04": "week", "05": "four-weeks", "06": "month", "10": "year"}

# CdUitkeringsperiode: the unit we state and the factor that brings the amount there, chosen so that it stays exact
# (two weeks doubled, five weeks divided by five, a quarter times four).
BENEFIT_PERIODS: dict[str, tuple[Period, str]] = {
    "1": ("day", "1"),
    "2": ("week", "1"),
    "3": ("four-weeks", "2"),
    "4": ("four-weeks", "1"),
    "5": ("week", "0.2"),
    "6": ("month", "1"),
    "7": ("year", "4"),
    "8": ("year", "1"),
    "9": ("once", "1"),
}

# The payroll numbers under which UWV pays benefits, not its own staff.
_UWV_PAYROLL = frozenset(f"810220350L{unit}" for unit in ("02", "04", "20", "23", "26", "53"))

# Words in the names UWV pays under ("WIA (WGA)-Uitkering van UWV"), the more telling ones first.
_NAMED_SCHEMES = (
    ("IVA", "IVA"),
    ("WGA", "WGA"),
    ("WIA", "WIA"),
    ("Wajong", "Wajong"),
    ("WAO", "WAO"),
    ("WAZ", "WAZ"),
    ("IOW", "IOW"),
    ("TW", "TW"),
    ("Ziektewet", "ZW"),
    ("ZW", "ZW"),
    ("WW", "WW"),
)


def scheme_of(kind: str | None, payroll_number: str | None, payer: str | None) -> str | None:
    """The benefit scheme of an income relation, None when it is an employment.

    It is a benefit by its kind (CdSrtIkv) or because UWV's benefit offices pay it; in the latter case the payer's name
    tells the scheme, and "UWV" stands for one it does not tell.
    """
    if kind in SCHEMES:
        return SCHEMES[kind]
    if payroll_number not in _UWV_PAYROLL:
        return None
    named = (scheme for word, scheme in _NAMED_SCHEMES if re.search(rf"\b{word}\b", payer or "", re.IGNORECASE))
    return next(named, "UWV")
