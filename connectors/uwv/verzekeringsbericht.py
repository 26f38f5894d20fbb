"""UWV's Verzekeringsbericht (PDF), as the citizen downloads it: employers, contract forms and pay, and what UWV pays.

Owns what the printed words mean. Amounts are euro per pay period (SV-loon, gross). A row that cannot be read for
certain is counted in a finding, never guessed: one lost row makes no other row less true. When there are rows and none
of them can be read the document is refused, because handing on nothing would look like no pay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from connectors import printed
from connectors.contract import Document, DocumentRefused
from connectors.uwv import codes
from connectors.uwv.findings import SOURCE, incomplete
from connectors.uwv.rhythm import period_of, span, usual_period
from connectors.uwv.verzekeringsbericht_lines import Block, Message, cut, is_message
from connectors.uwv.verzekeringsbericht_rows import Row
from schemas.base import Money
from schemas.household import Name, Person
from schemas.income import Benefit, Contract, Employment, PayPeriod
from schemas.records import SELF, Finding, FindingValue, SourceRecords

VERSIONS = frozenset({"004", "005", "006"})

_LONGEST_TEXT = 200
_PAYROLL = re.compile(r"([0-9]{9}) ?(L[0-9]{2})")
_PAID_BY_UWV = re.compile(r"\buitkering\b.*\bvan UWV", re.IGNORECASE)
# One of UWV's benefit offices, all alike: what a payer's name says is looked up as if it were there.
_BENEFIT_OFFICE = "810220350L04"
_CONTRACTS = {
    f"{form} voor {length} tijd{on_call}": length == "onbepaalde" and on_call != ", oproepovereenkomst"
    for form, endings in (
        ("schriftelijke arbeidsovereenkomst", (", geen oproepovereenkomst", ", oproepovereenkomst")),
        ("niet schriftelijke arbeidsovereenkomst", (", geen oproepovereenkomst", ", oproepovereenkomst")),
        ("publiekrechtelijke aanstelling", ("",)),
    )
    for length in ("onbepaalde", "bepaalde")
    for on_call in endings
}
"""The forms of contract and whether each is permanent, as the rules for assessing income from employment have them
(Rekenregels IBL 8.1.1): for an indefinite time and not on call."""


def read(document: Document) -> SourceRecords:
    """Incomes in the order of the document, and the person when name or birth date is certain.

    Raises DocumentRefused: other-document; version (another than VZB-004, 005 and 006, or none printed); damaged.
    """
    pages = tuple(printed.lines(page) for page in document.pages)
    if not is_message(pages):
        raise DocumentRefused("other-document")
    message = cut(pages)
    if not message.versions or not message.versions <= VERSIONS:
        raise DocumentRefused("version")
    return _records(message)


def _records(message: Message) -> SourceRecords:
    named = [block for block in message.blocks if _payer(block) or _payroll(block)]
    unread = sum(_unread(block) for block in message.blocks)
    if unread and not any(block.rows for block in named):
        raise DocumentRefused("damaged")
    empty = () if any(block.rows for block in named) else (incomplete("document-not-read"),)
    return SourceRecords(
        persons=_persons(message),
        incomes=tuple(_income(block) for block in named),
        findings=(*printed.unread(SOURCE, unread), *empty, *_cars(named)),
    )


def _persons(message: Message) -> tuple[Person, ...]:
    """Name and birth date as on every page; what differs from page to page is not certain."""
    name = next(iter(message.names)) if len(message.names) == 1 else None
    born = next(iter(message.birth_dates)) if len(message.birth_dates) == 1 else None
    if name is None and born is None:
        return ()
    return (Person(id=SELF, name=Name(full=name) if name else None, birth_date=born),)


def _unread(block: Block) -> int:
    """How much of a block is left out. Without payer and payroll number it is nobody's pay, and no row counts."""
    contract_unread = block.contract is not None and (_scheme(block) is not None or _contract(block) is None)
    payer, payroll = _payer(block), _payroll(block)
    lost = 0 if payer or payroll else len(block.rows)
    return block.unread + lost + (payer is None) + (block.payroll is not None and payroll is None) + contract_unread


def _income(block: Block) -> Employment | Benefit:
    scheme = _scheme(block)
    if scheme is not None:
        return Benefit(
            person=SELF,
            scheme=scheme,
            payer=_payer(block),
            payroll_number=_payroll(block),
            periods=tuple(_periods(block.rows)),
        )
    contract = _contract(block)
    return Employment(
        person=SELF,
        employer=_payer(block),
        payroll_number=_payroll(block),
        contracts=(contract,) if contract else (),
        periods=tuple(_periods(block.rows)),
    )


def _payer(block: Block) -> str | None:
    return block.employer if block.employer and len(block.employer) <= _LONGEST_TEXT else None


def _payroll(block: Block) -> str | None:
    found = _PAYROLL.fullmatch(block.payroll or "")
    return found[1] + found[2] if found else None


def _scheme(block: Block) -> str | None:
    """The benefit, when one of UWV's benefit offices pays or the payer's name says so; None for an employer."""
    named = _PAID_BY_UWV.search(block.employer or "") is not None
    return codes.scheme_of(None, _BENEFIT_OFFICE if named else _payroll(block), block.employer)


def _contract(block: Block) -> Contract | None:
    """The form of contract; one we do not know is told as printed, unless there is something else in it."""
    if block.contract is None:
        return None
    form = _known_form(block.contract)
    if form is not None:
        return Contract(permanent=_CONTRACTS[form], description=form)
    if len(block.contract) > _LONGEST_TEXT or re.search("[0-9]", block.contract):
        return None
    return Contract(description=block.contract)


def _known_form(text: str) -> str | None:
    """Words may be broken at the end of a line, with or without a hyphen: only their letters are compared."""
    letters = _letters(text)
    return next((form for form in _CONTRACTS if _letters(form) == letters), None)


def _letters(text: str) -> str:
    return re.sub("[ -]", "", text).lower()


def _periods(rows: Sequence[Row]) -> Iterator[PayPeriod]:
    """Month or four weeks is not printed: as with the messages, the dates of the rows tell."""
    spans = [span(row.start, row.end) for row in rows]
    usual = usual_period(spans)
    for row, reported in zip(rows, spans, strict=True):
        wage = Money(amount=row.wage, period=period_of(reported, usual), basis="gross")
        yield PayPeriod(start=row.start, end=row.end, wage=wage, hours=row.hours)


def _cars(blocks: Iterable[Block]) -> Iterator[Finding]:
    """Amounts of a company car are no wage and have no place in a pay period: a note per employer tells them."""
    for block in blocks:
        values = tuple(
            FindingValue(source=SOURCE, value=f"{_payer(block) or _payroll(block)}, {row.start}: {_car(row)}")
            for row in block.rows
            if row.own is not None or row.value is not None
        )
        if values:
            yield Finding(
                kind="source-note",
                code="company-car",
                source=SOURCE,
                person=SELF,
                field="income.employment",
                values=values,
            )


def _car(row: Row) -> str:
    amounts = (("waarde privégebruik", row.value), ("eigen bijdrage", row.own))
    return ", ".join(f"{label} {_dutch(amount)}" for label, amount in amounts if amount is not None)


def _dutch(amount: Decimal) -> str:
    return f"€ {amount:.2f}".replace(".", ",")
