"""Turns a pension overview into our records: pure, bytes in and records out, whatever way the bytes came.

The overview lists every pension again in every span of life in which it pays; here each pension becomes one record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Generic, Literal, NamedTuple, TypeAlias, TypeVar

from connectors.contract import SourceError
from connectors.mijnpensioenoverzicht.model import (
    Details,
    Edge,
    Line,
    OldAgeBlock,
    Overview,
    SurvivorAmounts,
    SurvivorBlock,
    SurvivorLine,
    read,
    tree,
)
from connectors.mijnpensioenoverzicht.wholeness import lost, old_age_blocks, orphan_blocks, partner_blocks
from connectors.unread import unread
from schemas.base import Money, PartialDate, partial_date
from schemas.pension import Age, PensionBlock, SchemePension, StatePension, SurvivorPension
from schemas.records import SELF, Finding, FindingValue, SourceRecords

SOURCE = "mijnpensioenoverzicht"

_Kind: TypeAlias = Literal["certain", "indicative", "single"]
_L = TypeVar("_L", Line, SurvivorLine)


class _Span(NamedTuple, Generic[_L]):
    """One pension during one span of life; `since` None: from a death on, `until` None: for life."""

    since: Age | None
    until: Age | None
    kind: _Kind
    line: _L


def parse(body: bytes, content_type: str | None = None) -> SourceRecords:
    """Read an overview (JSON or XML, see `model.read`) into pensions and findings; amounts gross euro per year.

    Raises SourceError: `unreadable`, also for an overview without pensions that does not say so itself; `unavailable`
    when the overview says that it failed.
    """
    overview = read(body, content_type)
    if overview.status_code != "000":
        raise SourceError("unavailable", "the overview has an error status")
    fields = lost(tree(body, content_type), overview)
    details = overview.details or Details()
    blocks = sorted(old_age_blocks(details), key=lambda block: _months(block.van))
    return SourceRecords(
        pensions=(
            *_schemes(blocks),
            *_state(blocks),
            *_survivors("partner", partner_blocks(details)),
            *_survivors("child", orphan_blocks(details)),
        ),
        findings=(*_findings(overview), *unread(SOURCE, "mpo-unread", fields)),
    )


def _schemes(blocks: Iterable[OldAgeBlock]) -> Iterable[SchemePension]:
    """One record per scheme and kind: it starts in its first span, its amounts are those of its last (for life).

    A temporary pension is one whose last span ends at an age.
    """
    spans = (
        _Span(_age(block.van), _age(block.tot), kind, line)
        for block in blocks
        for kind, lines in _old_age_lines(block)
        for line in lines or ()
    )
    for pension in _by_scheme(spans):
        merged = _merged(pension, lambda line: (line.te_bereiken, line.opgebouwd))
        last = merged[-1]
        yield SchemePension(
            person=SELF,
            provider=last.line.pensioen_uitvoerder,
            scheme=_scheme(last.line),
            indicative=last.kind == "indicative",
            only_single=last.kind == "single",
            starts_at=merged[0].since,
            reachable=_yearly(last.line.te_bereiken),
            accrued=_yearly(last.line.opgebouwd),
            blocks=tuple(_block(span) for span in merged),
            as_of=day(last.line.stand_per),
            settlement=last.line.afhandeling_verevening,
        )


def _old_age_lines(block: OldAgeBlock) -> tuple[tuple[_Kind, tuple[Line, ...] | None], ...]:
    return (
        ("certain", block.pensioen),
        ("indicative", block.indicatief_pensioen),
        ("single", block.alleenstaanden_pensioen),
    )


def _block(span: _Span[Line]) -> PensionBlock:
    return PensionBlock(
        since=span.since,
        until=span.until,
        reachable=_yearly(span.line.te_bereiken),
        accrued=_yearly(span.line.opgebouwd),
    )


def _state(blocks: Iterable[OldAgeBlock]) -> Iterable[StatePension]:
    """The AOW: it may start in a later span than the pensions, and its amounts are those of its last span."""
    spans = [(block, block.state) for block in blocks if block.state is not None]
    if not spans:
        return
    state = spans[-1][1]
    amounts = state.amounts
    yield StatePension(
        person=SELF,
        starts_at=_age(spans[0][0].van),
        reachable_cohabiting=_yearly(amounts and amounts.te_bereiken_samenwonend),
        accrued_cohabiting=_yearly(amounts and amounts.opgebouwd_samenwonend),
        reachable_single=_yearly(amounts and amounts.te_bereiken_alleenstaand),
        accrued_single=_yearly(amounts and amounts.opgebouwd_alleenstaand),
        as_of=day(state.stand_per),
    )


def _survivors(beneficiary: str, blocks: Iterable[SurvivorBlock]) -> Iterable[SurvivorPension]:
    """One record per scheme, kind and span in which the amounts are the same (a partner may get more until an age)."""
    spans = (
        _Span(_age(block.van), _age(block.tot), kind, line)
        for block in sorted(blocks, key=lambda block: _months(block.van))
        for kind, lines in _survivor_lines(block)
        for line in lines or ()
    )
    for pension in _by_scheme(spans):
        for span in _merged(pension, lambda line: (line.bedragen, line.per_kind)):
            yield _survivor(beneficiary, span)


def _survivor_lines(block: SurvivorBlock) -> tuple[tuple[_Kind, tuple[SurvivorLine, ...] | None], ...]:
    return (("certain", block.pensioen), ("indicative", block.indicatief_pensioen))


def _survivor(beneficiary: str, span: _Span[SurvivorLine]) -> SurvivorPension:
    line = span.line
    amounts = line.bedragen or SurvivorAmounts()
    return SurvivorPension(
        person=SELF,
        beneficiary=beneficiary,
        provider=line.pensioen_uitvoerder,
        scheme=_scheme(line),
        indicative=span.kind == "indicative",
        per_child=line.per_kind,
        since=span.since,
        until=span.until,
        insured=_yearly(amounts.verzekerd_bedrag),
        accrued=_yearly(amounts.opgebouwd_bedrag),
        insured_after=_yearly(amounts.verzekerd_bedrag_na_pens),
        accrued_after=_yearly(amounts.opgebouwd_bedrag_na_pens),
        as_of=day(line.stand_per),
        settlement=line.afhandeling_scheiding,
    )


def _by_scheme(spans: Iterable[_Span[_L]]) -> Iterable[list[_Span[_L]]]:
    """The spans of each pension, in the order given: the same provider, number and kind is the same pension.

    Two such lines in one span of life are two pensions (some lines have no number): told apart by their order.
    """
    pensions: dict[object, list[_Span[_L]]] = {}
    seen: Counter[object] = Counter()
    for span in spans:
        scheme = (span.line.pensioen_uitvoerder, span.line.herkennings_nummer, span.kind)
        during = (scheme, span.since, span.until)
        seen[during] += 1
        pensions.setdefault((scheme, seen[during]), []).append(span)
    return pensions.values()


def _merged(spans: Iterable[_Span[_L]], amounts: Callable[[_L], object]) -> list[_Span[_L]]:
    """Join spans that follow one another with the same amounts; the later line speaks for both."""
    merged: list[_Span[_L]] = []
    for span in spans:
        last = merged[-1] if merged else None
        follows = last is not None and last.until is not None and last.until == span.since
        if last is not None and follows and amounts(last.line) == amounts(span.line):
            merged[-1] = span._replace(since=last.since)
        else:
            merged.append(span)
    return merged


def _findings(overview: Overview) -> Iterable[Finding]:
    for remark in overview.bijzonderheden or ():
        yield Finding(kind="source-note", code="source-remark", source=SOURCE, person=SELF, text=remark)
    for provider in overview.ontbrekende_puvs_error or ():
        value = FindingValue(source=SOURCE, value=provider)
        yield Finding(kind="incomplete", code="provider-did-not-answer", source=SOURCE, person=SELF, values=(value,))
    for provider in overview.ontbrekende_puvs_geen_gegevens or ():
        value = FindingValue(source=SOURCE, value=provider)
        yield Finding(kind="source-note", code="provider-has-no-data", source=SOURCE, person=SELF, values=(value,))


def _scheme(line: Line | SurvivorLine) -> str:
    return line.herkennings_nummer or line.pensioen_uitvoerder


def _age(edge: Edge) -> Age | None:
    """The age at an edge, None for an event (a death). Raises SourceError when it is neither."""
    if edge.leeftijd is not None:
        return Age(years=edge.leeftijd.jaren, months=edge.leeftijd.maanden)
    if edge.ouderdoms_pensioen_event or edge.partner_event or edge.wezen_event:
        return None
    raise SourceError("unreadable", "a span of life without an edge")


def _months(edge: Edge) -> int:
    age = _age(edge)
    return age.years * 12 + age.months if age is not None else -1


def _yearly(amount: Decimal | None) -> Money | None:
    if amount is None:
        return None
    # Decimal also reads "NaN", "Infinity" and exponents of millions: no such thing is an amount of money.
    if not amount.is_finite() or abs(amount.adjusted()) > 12:
        raise SourceError("unreadable", "an amount is not a plain number")
    plain = Decimal(f"{amount:f}")  # some writers say 1.44E+4, which not every reader of the payload takes for a number
    return Money(amount=plain, period="year", basis="gross")


def day(text: str | None) -> PartialDate | None:
    """An ISO date, of which some writers add a time or a zone. Raises SourceError(unreadable) for anything else."""
    try:
        return partial_date(text[:10] if text else None)
    except ValueError:
        raise SourceError("unreadable", "a date is not of the form YYYY-MM-DD") from None
