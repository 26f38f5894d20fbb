"""Making a review page in tests: records with every attribute filled, and what a person reads of the page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from types import SimpleNamespace
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import inspect
from msgspec.structs import replace

from broker import review as views
from broker.consent import ConsentText, Review
from broker.texts import Language
from broker.web.render import render
from broker.web.review_page import Asked, Entry, ReviewPage, review_page
from broker.web.values import DATES
from connectors.contract import Field
from schemas.base import Provenance
from schemas.household import Address, Household, Name, Person, Relation
from schemas.income import Allowance, Assessment, Benefit, Employment
from schemas.payload import Content
from schemas.pension import SchemePension, StatePension, SurvivorPension
from schemas.records import Finding
from schemas.wealth import Balance, Debt, Owner, RealEstate, Vehicle
from sessions.model import ROLES, Role

AT = datetime(2026, 4, 3, 12, 5, tzinfo=UTC)
NOW = AT.timestamp() + 600
ALL = frozenset(get_args(Field))
LABELS = {
    "uwv": "UWV",
    "belastingdienst": "Belastingdienst",
    "mijnoverheid": "MijnOverheid",
    "mpo": "Pensioenoverzicht",
}
KINDS = (
    *(Person, Address, Employment, Benefit, Assessment, Allowance, SchemePension, StatePension, SurvivorPension),
    *(RealEstate, Vehicle, Balance, Debt),
)
_T = TypeVar("_T", bound=msgspec.Struct)


def source(name: str = "uwv") -> tuple[Provenance, ...]:
    return (Provenance(source=name, transport="api", retrieved_at=AT),)


def filled(kind: type[_T], **given: Any) -> _T:
    """A record with something in every attribute: texts name their attribute, dates are days, choices the first."""
    values = {field.name: _value(field.name, field.type) for field in msgspec.structs.fields(kind)}
    return kind(**values | _WHOSE.get(kind, {"person": "applicant", "sources": source()}) | given)


_OWN = {"owners": (Owner(person="applicant", share="1/2", right="eigenaar"),), "sources": source("mijnoverheid")}
_WHOSE: dict[type, dict[str, Any]] = {
    Person: {"id": "applicant", "bsn": None, "sources": source("mijnoverheid")},
    Address: {"persons": ("applicant",), "sources": source("mijnoverheid")},
    **dict.fromkeys((RealEstate, Vehicle, Balance, Debt), _OWN),
}


def _value(name: str, kind: Any) -> Any:
    return _made(name, inspect.type_info(kind))


def _made(name: str, kind: inspect.Type) -> Any:
    match kind:
        case inspect.UnionType(types=types):
            return _made(name, next(one for one in types if not isinstance(one, inspect.NoneType)))
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.VarTupleType(item_type=item):
            return (_made(name, item),)
        case inspect.StructType(cls=cls):
            return cls(**{f.name: _value(f.name, f.type) for f in msgspec.structs.fields(cls)})
        case inspect.StrType():
            return "2025-04-03" if name in DATES else f"Tekst-{name.replace('_', '-')}"
        case inspect.IntType():
            return 7
        case inspect.BoolType():
            return True
        case inspect.DecimalType():
            return Decimal("1234.50")
        case _:
            return AT


def person(id_: str, name: str, born: str | None = "1980-05-01") -> Person:
    return Person(id=id_, name=Name(full=name, given_names=name), birth_date=born, sources=source("mijnoverheid"))


def couple(**more: Any) -> Content:
    """Two married adults with a child, and what `more` says."""
    married = Relation(person="partner", kind="partner", of="applicant", form="marriage", since="2010-06-01")
    parents = [Relation(person="child-1", kind="child", of=role) for role in ROLES]
    people = (person("applicant", "Anna"), person("partner", "Bram"), person("child-1", "Mia", "2012-01-01"))
    return Content(household=Household(persons=people, relations=(married, *parents)), **more)


def content_of(record: Any, **more: Any) -> Content:
    """A content in which this is the only record beside its person."""
    home = Household(persons=() if isinstance(record, Person) else (person("applicant", "Anna"),))
    match record:
        case Person():
            return Content(household=Household(persons=(record,)), **more)
        case Address():
            return Content(household=replace(home, addresses=(record,)), **more)
        case Employment() | Benefit() | Assessment() | Allowance():
            return Content(household=home, incomes=(record,), **more)
        case SchemePension() | StatePension() | SurvivorPension():
            return Content(household=home, pensions=(record,), **more)
        case Debt():
            return Content(household=home, debts=(record,), **more)
        case _:
            return Content(household=home, possessions=(record,), **more)


def review_of(content: Content, *shown: Role, frozen: bool = False, ready: bool = True) -> Review:
    """The review as a phone gets it on which `shown` logged in; without them everybody who is there."""
    adults = [role for role in ROLES if role in {person.id for person in content.household.persons}]
    here = list(shown) or adults
    return Review(
        digest="",
        content=views.visible(content, frozenset(here)),
        counts={role: views.counts(content, role) for role in adults if role not in here},
        consents=tuple(ConsentText(person=role, text="", text_digest="") for role in here),
        ready=ready,
        frozen=frozen,
    )


def asked_all(fields: frozenset[str] = ALL, **unanswered: tuple[str, ...]) -> Asked:
    """Every category is asked, of sources that answered but for those named."""
    everywhere = dict.fromkeys(("incomes", "pensions", "possessions", "debts"), ("uwv", "belastingdienst"))
    answered = {name: tuple(s for s in told if s not in unanswered.get(name, ())) for name, told in everywhere.items()}
    return Asked(fields=fields, answered=answered, unanswered=unanswered, labels=LABELS)


def shown_page(review: Review, language: Language = "nl", reader: Role = "applicant") -> ReviewPage:
    return review_page(review, asked_all(), reader, language, NOW)


def entries(page: ReviewPage) -> list[Entry]:
    return [entry for category in page.categories for group in category.groups for entry in group.entries]


def html_of(page: ReviewPage, language: Language = "nl") -> str:
    return render("review.html", language, page=page, provider=SimpleNamespace(name="Gemeente Zandbak"))


def words_of(html: str) -> str:
    """What is read of a page, with ordinary spaces."""
    bare = re.sub(r"<[^>]*>", " ", html)
    return re.sub(r"\s+", " ", unescape(bare).replace("\xa0", " "))


RAW = re.compile(
    r"\bNone\b|\bTrue\b|\bFalse\b|\d{4}-\d{2}-\d{2}|\d{4}-\d{2}\b(?!-)|Tekst-\w+\(|schemas\.|[{}]"
    r"|\b(?:four-weeks|child-budget|real-estate|ex-partner-\d|child-\d)\b"
)
"""What never stands on a page in any language."""
ENGLISH = re.compile(
    r"\b(?:month|year|week|gross|net|once|marriage|registered|male|female|unknown|residence|filed|provisional|final"
    r"|objection|housing|care|childcare|securities|mortgage|study|consumer|applicant|todo|skipped|failed)\b"
)
"""Words of ours that are no Dutch."""


def raw_in(html: str, language: Language) -> list[str]:
    """Whatever a program would write and a person would not; in Dutch also decimals with a point."""
    words = words_of(html)
    found = RAW.findall(words)
    if language == "nl":
        found += ENGLISH.findall(words) + re.findall(r"(?<![\d.])\d+\.\d{2}(?![\d.])", words)
    return found


def remark(pointer: str, text: str = "klopt niet", who: str = "applicant") -> Finding:
    return Finding(kind="remark", code="remark", person=who, field=pointer, text=text)
