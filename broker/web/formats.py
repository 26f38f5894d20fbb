"""How amounts, dates, ages and shares are written in the two languages. Pure; knows no record and no page.

Numbers and dates follow CLDR (by Babel); the words between them come from the texts (`review.format`). English is
that of Europe: day before month, 24 hours.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from calendar import monthrange
from collections.abc import Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal

from broker.clock import utc
from broker.texts import Language
from broker.web.render import text
from schemas.base import Money, PartialDate
from schemas.pension import Age

LOCALES: dict[Language, str] = {"nl": "nl", "en": "en_GB"}

_HERE = ZoneInfo("Europe/Amsterdam")
_PATTERNS = {4: "y", 7: "MMMM y", 10: "d MMMM y"}  # by the length of a partial date
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}", re.ASCII)


def money(given: Money, language: Language) -> str:
    """The amount alone: `€ 3.250,00` or `€3,250.00`.

    Cents are written where the source speaks in cents, also when they are zero; a source of whole euros
    (`Decimal("468731")`) gets none, for it did not say them.
    """
    return amount(given.amount, language)


def amount(euros: Decimal, language: Language) -> str:
    """A number of euros, as `money` writes it."""
    exponent = euros.as_tuple().exponent
    whole = isinstance(exponent, int) and exponent >= 0
    pattern = {"nl": "¤\xa0#,##0{0};¤\xa0-#,##0{0}", "en": "¤#,##0{0};-¤#,##0{0}"}[language].format(
        "" if whole else ".00"
    )
    return format_currency(euros, "EUR", format=pattern, locale=LOCALES[language], currency_digits=False)


def per(given: Money, language: Language) -> str:
    """What stands beside an amount: `bruto per maand`; empty for a net worth or a sum paid once."""
    words = [text(language, f"review.format.{given.basis}")] if given.basis else []
    if given.period != "once":
        words.append(text(language, f"review.format.per-{given.period}"))
    return " ".join(words)


def sum_of_money(given: Money, language: Language) -> str:
    """The amount with what stands beside it, in one line."""
    return " ".join(part for part in (money(given, language), per(given, language)) if part)


def number(value: Decimal | int, language: Language) -> str:
    """A number with its decimals as given: `2,57`."""
    return format_decimal(value, locale=LOCALES[language], decimal_quantization=False)


def date(partial: PartialDate, language: Language) -> str:
    """A date as exactly as it is known: `2024`, `april 2026`, `3 april 2026`."""
    year, month, day = (int(part) for part in f"{partial}-01-01"[:10].split("-"))
    return format_date(dt.date(year, month, day), _PATTERNS[len(partial)], locale=LOCALES[language])


def span(start: PartialDate | None, end: PartialDate | None, language: Language) -> str:
    """From when until when, both included: `april 2026` for a whole month; empty when neither is known."""
    if start is not None and end is not None:
        if _is_month(start, end):
            return date(start[:7], language)
        return text(language, "review.format.from-until", start=date(start, language), end=date(end, language))
    if start is not None:
        return text(language, "review.format.since", start=date(start, language))
    return text(language, "review.format.until", end=date(end, language)) if end is not None else ""


def size(octets: int, language: Language) -> str:
    """The size of a file: `85 kB`, `1,2 MB`; never less than 1 kB."""
    if octets < 1_000_000:
        return f"{max(1, round(octets / 1000))}\xa0kB"
    return f"{format_decimal(octets / 1_000_000, format='0.0', locale=LOCALES[language])}\xa0MB"


def _is_month(start: PartialDate, end: PartialDate) -> bool:
    if len(start) < 10 or len(end) < 10 or start[:7] != end[:7]:
        return False
    return start[8:] == "01" and int(end[8:]) == monthrange(int(start[:4]), int(start[5:7]))[1]


def moment(at: float, now: float, language: Language) -> str:
    """A moment (seconds since the epoch), in Dutch time: `vandaag 14:05`, `gisteren 14:05`, `3 april 2026 14:05`."""
    then, today = _local(at), _local(now).date()
    time = time_of_day(at, language)
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((then.date() - today) // dt.timedelta(days=1))
    if near is not None:
        return text(language, f"review.format.{near}", time=time)
    return f"{format_date(then.date(), 'd MMMM y', locale=LOCALES[language])} {time}"


def by_then(at: float, now: float, language: Language) -> str:
    """When something is over (seconds since the epoch), in whole minutes, never too early: `14:06`, `morgen 06:00`."""
    return near(math.ceil(at / 60) * 60, now, language)


def near(at: float, now: float, language: Language) -> str:
    """A moment, as `moment` writes it, without its day where that is today: `14:05`, `morgen 14:05`."""
    is_today = _local(at).date() == _local(now).date()
    return time_of_day(at, language) if is_today else moment(at, now, language)


def time_of_day(at: float, language: Language) -> str:
    """The Dutch time of day of a moment (seconds since the epoch): `14:05`."""
    return format_time(_local(at), "HH:mm", locale=LOCALES[language])


def _local(at: float) -> dt.datetime:
    return utc(at).astimezone(_HERE)


def age(given: Age, language: Language) -> str:
    """`67 jaar en 3 maanden`."""
    years = text(language, "review.format.years", number=given.years)
    if not given.months:
        return years
    name = "month" if given.months == 1 else "months"
    return listed([years, text(language, f"review.format.{name}", number=given.months)], language)


def share(given: str, language: Language) -> str:
    """A part of a whole, `numerator/denominator`: `de helft`, `1/3 deel`; all of it for `1/1`."""
    if given == "1/2":
        return text(language, "review.format.half")
    top, _, bottom = given.partition("/")
    return text(language, "review.format.whole") if top == bottom else text(language, "review.format.part", part=given)


def listed(words: Sequence[str], language: Language) -> str:
    """`UWV, Belastingdienst en MijnOverheid`."""
    return format_list(list(words), locale=LOCALES[language]) if words else ""


def count(kind: str, how_many: int, language: Language) -> str:
    """How many of a category of the review there are, in words: `1 inkomen`, `5 inkomens`."""
    form = "one" if how_many == 1 else "many"
    return text(language, f"phone.count.{kind}.{form}", number=how_many)


def account(identifier: str) -> str:
    """An IBAN in groups of four, as it is printed; another number as it is."""
    if not _IBAN.fullmatch(identifier):
        return identifier
    return " ".join(identifier[at : at + 4] for at in range(0, len(identifier), 4))
