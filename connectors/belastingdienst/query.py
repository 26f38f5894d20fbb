"""The one GraphQL query to the Belastingdienst: only the types and fields that the profile needs.

Types and fields are those of the government's draft profile (GBO semantics v0.3, source profile BD). That profile names
no way from a person to the facts about them; the edges here follow the one its demonstration uses
(`heeftBelastingjaarAangifte`): `heeft` and the name of the interface or type. As SDL, what a source must add to it:

    extend type IngeschrevenPersoon {
      heeftBelastingjaarAangifte: [BelastingjaarAangifte!]
      heeftVermogensBestanddeel: [VermogensBestanddeel!]
      heeftAftrekpost: [Aftrekpost!]
      heeftEigenWoning: [EigenWoning!]
      heeftToeslag: [Toeslag!]
      heeftFiscalePartner: [FiscalePartner!]
    }
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from connectors.contract import Field


class _Edge(msgspec.Struct, frozen=True):
    """An edge of the person, and what is selected on it for each field of the profile."""

    name: str
    parts: Mapping[Field, tuple[str, ...]]


_HOME = "wozWaarde { waarde valuta } eigenwoningSchuldSaldo { waarde valuta } gekoppeldAan"

_EDGES = (
    _Edge(
        "heeftBelastingjaarAangifte",
        {
            "income.assessment": (
                "... on AangifteIH { aangifteIdentificatie status belastingjaar indieningsdatum"
                " verzamelinkomen { waarde valuta } box1Inkomen { waarde valuta }"
                " box2Inkomen { waarde valuta } box3Inkomen { waarde valuta } }",
            )
        },
    ),
    _Edge(
        "heeftVermogensBestanddeel",
        {
            "possession.balance": (
                "... on BankSpaartegoed { belastingjaar peildatum iban land"
                " waardePeildatum { waarde valuta } saldoPeildatum { waarde valuta } }",
                "... on Belegging { belastingjaar peildatum categorieEffect waardePeildatum { waarde valuta } }",
                "... on Cryptovaluta { belastingjaar peildatum tokenSymbool waardePeildatum { waarde valuta } }",
            ),
            "possession.real-estate": (
                "... on OnroerendeZaakOverigBezit { belastingjaar wozWaarde { waarde valuta } gekoppeldAan }",
            ),
            "debt.other": (
                "... on Schuld { belastingjaar peildatum schuldsoort openstaandSaldoPeildatum { waarde valuta }"
                " rentepercentage einddatumRentevasteperiode }",
            ),
        },
    ),
    _Edge("heeftEigenWoning", {"possession.real-estate": (_HOME,), "debt.mortgage": (_HOME,)}),
    _Edge(
        "heeftAftrekpost",
        {
            # For the home alone the year is asked too: it dates the WOZ value, which carries no date of its own.
            "possession.real-estate": (f"... on Hypotheekrenteaftrek {{ belastingjaar betreft {{ {_HOME} }} }}",),
            "debt.mortgage": (
                "... on Hypotheekrenteaftrek { belastingjaar renteJaar { waarde valuta }"
                " eigenwoningSchuldSaldoStart { waarde valuta } eigenwoningSchuldSaldoEinde { waarde valuta }"
                f" betreft {{ {_HOME} }} }}",
            ),
        },
    ),
    _Edge(
        "heeftToeslag",
        {
            "income.allowance": (
                "toeslagSoort isVoorlopig ingangsdatum einddatum bedragMaand { waarde valuta }",
                "... on Huurtoeslag { rekenhuur { waarde valuta } }",
                "... on KinderopvangToeslag { aantalUrenOpvang uurtariefOpvang { waarde valuta } }",
            )
        },
    ),
    _Edge(
        "heeftFiscalePartner",
        {
            "relation.partner": (
                "belastingjaar grondslag begindatum einddatum"
                " tussenPersonen { ID geslachtsnaam voornamen voorvoegsel geboortedatum }",
            )
        },
    ),
)

FIELDS: tuple[Field, ...] = (
    "relation.partner",
    "income.assessment",
    "income.allowance",
    "possession.real-estate",
    "possession.balance",
    "debt.mortgage",
    "debt.other",
)


def query(fields: frozenset[Field]) -> str | None:
    """The query for `fields`, with the BSN as variable `$bsn`; None when this source has nothing to say on them."""
    edges = [selection for edge in _EDGES if (selection := _selection(edge, fields))]
    if not edges:
        return None
    # The partnership names two persons by ID; ours is needed to know which of them is the other.
    own = "bsn ID" if "relation.partner" in fields else "bsn"
    return f"query Gegevens($bsn: BSN!) {{ ingeschrevenPersoon(bsn: $bsn) {{ {own} {' '.join(edges)} }} }}"


def _selection(edge: _Edge, fields: frozenset[Field]) -> str:
    parts = dict.fromkeys(part for field, selected in edge.parts.items() if field in fields for part in selected)
    return f"{edge.name} {{ __typename {' '.join(parts)} }}" if parts else ""
