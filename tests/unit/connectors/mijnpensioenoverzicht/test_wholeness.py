"""The totals of an overview repeat what its details have: each total that nothing answers to names its own field."""

from __future__ import annotations

import msgspec
import pytest

from connectors.contract import SourceError
from connectors.mijnpensioenoverzicht.model import Overview, Tree
from connectors.mijnpensioenoverzicht.wholeness import lost

SPAN: dict[str, Tree] = {"Van": {"Leeftijd": {"Jaren": 67}}, "Tot": {"OuderdomsPensioenEvent": "Overlijden"}}
LINE: Tree = {"TeBereiken": 1, "Opgebouwd": 1, "PensioenUitvoerder": "Fonds De Wind"}
DETAILS: Tree = {"OuderdomsPensioenDetails": {"OuderdomsPensioen": [{**SPAN, "Pensioen": [LINE]}]}}


def missed(totals: Tree, details: Tree = DETAILS) -> frozenset[str | None]:
    told: Tree = {"StatusCode": "000", "Details": details, "Totalen": totals}
    return frozenset(lost(told, msgspec.convert(told, Overview, strict=False)))


def old_age(**amounts: Tree) -> Tree:
    return {"OuderdomsPensioenTotalen": {"OuderdomsPensioenTotaal": [{"Van": None, **amounts}]}}


@pytest.mark.parametrize(
    ("totals", "fields"),
    [
        (None, set[str]()),
        (old_age(Pensioen=5), set[str]()),
        (old_age(IndicatiefPensioen=5), {"pension.scheme"}),
        (old_age(AlleenstaandenPensioen=5), {"pension.scheme"}),
        (old_age(IndicatiefPensioen=0), set[str]()),
        (old_age(AOWSamenwonend=5), {"pension.state"}),
        (old_age(AOWAlleenstaand=5), {"pension.state"}),
        ({"PartnerPensioenTotalen": {"PartnerPensioenTotaal": {"Pensioen": {"X": 5}}}}, {"pension.survivor"}),
        ({"WezenPensioenTotalen": {"WezenPensioenTotaal": {"Pensioen": {"X": 5}}}}, {"pension.survivor"}),
        ({"WezenPensioenTotalen": {"WezenPensioenTotaal": {"Pensioen": {"X": "0.00"}}}}, set[str]()),
    ],
)
def test_a_total_without_a_pension_names_its_field(totals: Tree, fields: set[str]) -> None:
    """Old age by kind, the state's by way of living, survivors by whom they are; a total of nought says nothing."""
    assert missed(totals) == fields


def test_totals_without_any_pension_are_no_absence() -> None:
    """Where there should be pensions and none is found, the overview is refused, in the log's own words."""
    with pytest.raises(SourceError) as refused:
        missed(old_age(Pensioen=5), {})
    failed = refused.value.failed
    assert (failed.kind, failed.detail) == (
        "unreadable",
        "no pensions where the overview has them, or says that it has none",
    )
    assert missed(None, {}) == frozenset()
