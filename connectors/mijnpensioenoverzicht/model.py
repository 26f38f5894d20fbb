"""The pension overview as its source writes it, in JSON or XML: one typed model for both.

Owns the reading of bytes and nothing of what the values mean. Only what we use is modelled; totals, the person's name
and statuses are passed over, and stand in the bare `tree` for who must see them. No official schema is public: names
and types are those that independent public readers of the download agree on. Amounts are gross euro per year.
"""

from __future__ import annotations

import codecs
from decimal import Decimal
from typing import Annotated, TypeAlias

import msgspec
from lxml import etree
from msgspec import Meta

from connectors.contract import SourceError
from connectors.suwiml import Element, read_xml


class Age(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """`Leeftijd`."""

    jaren: Annotated[int, Meta(ge=0, le=150)]
    maanden: Annotated[int, Meta(ge=0, le=11)] = 0


class Edge(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """`Van` or `Tot`: an age or one event (a death)."""

    leeftijd: Age | None = None
    ouderdoms_pensioen_event: str | None = None
    partner_event: str | None = None
    wezen_event: str | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One old-age pension of one provider; `herkennings_nummer` is the provider's number of the scheme."""

    te_bereiken: Decimal | None = None
    opgebouwd: Decimal | None = None
    pensioen_uitvoerder: str
    herkennings_nummer: str | None = None
    stand_per: str | None = None
    afhandeling_verevening: str | None = None


class StateAmounts(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """`AOWDetailsOpbouw`: to be reached and built up, for both ways of living."""

    te_bereiken_samenwonend: Decimal | None = None
    opgebouwd_samenwonend: Decimal | None = None
    te_bereiken_alleenstaand: Decimal | None = None
    opgebouwd_alleenstaand: Decimal | None = None


class StateLine(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """`AOW`."""

    stand_per: str | None = None
    amounts: StateAmounts | None = msgspec.field(default=None, name="AOWDetailsOpbouw")


class OldAgeBlock(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What is paid between two ages; a scheme comes back in every block in which it pays."""

    van: Edge
    tot: Edge
    state: StateLine | None = msgspec.field(default=None, name="AOW")
    pensioen: tuple[Line, ...] | None = ()
    indicatief_pensioen: tuple[Line, ...] | None = ()
    alleenstaanden_pensioen: tuple[Line, ...] | None = ()


class SurvivorAmounts(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """`Bedragen`: insured and built up, when the person dies before (or after: `na_pens`) retirement."""

    verzekerd_bedrag: Decimal | None = None
    opgebouwd_bedrag: Decimal | None = None
    verzekerd_bedrag_na_pens: Decimal | None = None
    opgebouwd_bedrag_na_pens: Decimal | None = None


class SurvivorLine(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One pension for whom the person leaves behind."""

    bedragen: SurvivorAmounts | None = None
    pensioen_uitvoerder: str
    herkennings_nummer: str | None = None
    stand_per: str | None = None
    afhandeling_scheiding: str | None = None
    per_kind: bool = False


class SurvivorBlock(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What a partner or child gets between two edges of their life."""

    van: Edge
    tot: Edge
    pensioen: tuple[SurvivorLine, ...] | None = ()
    indicatief_pensioen: tuple[SurvivorLine, ...] | None = ()


class OldAgeDetails(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """`OuderdomsPensioenDetails`."""

    ouderdoms_pensioen: tuple[OldAgeBlock, ...] | None = ()


class PartnerDetails(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """`PartnerPensioenDetails`."""

    partner_pensioen: tuple[SurvivorBlock, ...] | None = ()


class OrphanDetails(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """`WezenPensioenDetails`."""

    wezen_pensioen: tuple[SurvivorBlock, ...] | None = ()


class Details(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Everything per provider."""

    ouderdoms_pensioen_details: OldAgeDetails | None = None
    partner_pensioen_details: PartnerDetails | None = None
    wezen_pensioen_details: OrphanDetails | None = None


class Overview(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """`Pensioenaanspraken`. `status_code` is text: "000" is good, and its zeros count.

    A "puv" is a pension provider: those that failed to answer, and those that have nothing about the person.
    """

    status_code: str
    bijzonderheden: tuple[str, ...] | None = ()
    ontbrekende_puvs_error: tuple[str, ...] | None = ()
    ontbrekende_puvs_geen_gegevens: tuple[str, ...] | None = ()
    details: Details | None = None


ROOT = "Pensioenaanspraken"

# What is a list in the model; XML does not tell one element from a list of one.
_LISTS = frozenset(
    {
        "OuderdomsPensioen",
        "PartnerPensioen",
        "WezenPensioen",
        "Pensioen",
        "IndicatiefPensioen",
        "AlleenstaandenPensioen",
    }
)
# Lists of plain texts: repeated, or wrapped (one writer puts each name in a `Puv`).
_TEXT_LISTS = frozenset({"Bijzonderheden", "OntbrekendePuvsError", "OntbrekendePuvsGeenGegevens"})

Tree: TypeAlias = "str | int | float | bool | list[Tree] | dict[str, Tree] | None"


def read(body: bytes, content_type: str | None = None) -> Overview:
    """Read an overview, by its content type or else by its first character.

    Raises SourceError(unreadable) for anything else than such a document.
    """
    form = _form(body, content_type)
    if form == "json":
        return read_json(body)
    if form == "xml":
        return read_xml_overview(body)
    raise SourceError("unreadable", "neither JSON nor XML")


def read_json(body: bytes) -> Overview:
    """Read the JSON form, one object. Raises SourceError(unreadable)."""
    try:
        return msgspec.json.decode(body.removeprefix(codecs.BOM_UTF8), type=Overview, strict=False)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise SourceError("unreadable", "not a pension overview in JSON") from None


def read_xml_overview(body: bytes) -> Overview:
    """Read the XML form, root `Pensioenaanspraken`. Raises SourceError(unreadable)."""
    root = read_xml(body)
    if etree.QName(root).localname != ROOT:
        raise SourceError("unreadable", "not a pension overview in XML")
    try:
        return msgspec.convert(_tree(root), type=Overview, strict=False)
    except (msgspec.MsgspecError, ValueError):
        raise SourceError("unreadable", "not a pension overview in XML") from None


def tree(body: bytes, content_type: str | None = None) -> Tree:
    """A document as it stands, whatever it is about: an object per element, an XML root of another name being None.

    Raises SourceError(unreadable) for what is neither JSON nor XML.
    """
    if _form(body, content_type) == "xml":
        root = read_xml(body)
        return _tree(root) if etree.QName(root).localname == ROOT else None
    try:
        return msgspec.json.decode(body.removeprefix(codecs.BOM_UTF8))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise SourceError("unreadable", "not JSON") from None


def _form(body: bytes, content_type: str | None) -> str | None:
    declared = (content_type or "").partition(";")[0].strip().lower()
    for form in ("json", "xml"):
        if declared.endswith((f"/{form}", f"+{form}")):
            return form
    start = body.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    return {b"{": "json", b"<": "xml"}.get(start)


def _tree(element: Element) -> Tree:
    """An element as the JSON form would have it: leaves are text, empty ones None, numbers are left to the model."""
    if len(element) == 0:
        return (element.text or "").strip() or None
    groups: dict[str, list[Element]] = {}
    for child in element:
        groups.setdefault(etree.QName(child).localname, []).append(child)
    return {name: _branch(name, group) for name, group in groups.items()}


def _branch(name: str, group: list[Element]) -> Tree:
    """The children of one name. Several where the model knows one stay several, so that reading fails aloud."""
    if name in _TEXT_LISTS:
        return [trimmed for each in group for leaf in each.itertext() if (trimmed := str(leaf).strip())]
    trees: list[Tree] = [tree for each in group if (tree := _tree(each)) is not None]
    if name in _LISTS or len(trees) > 1:
        return trees
    return trees[0] if trees else None
