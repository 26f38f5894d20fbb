"""What the Belastingdienst answers, as typed as the query asked for it.

Owns the form of the answer and its errors; what the values mean is `facts.py`. Every refusal is a SourceError without a
word of the answer in it.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Raw

from connectors.contract import SourceError

Year = Annotated[int, Meta(ge=1900, le=2200)]
Euros = Annotated[float, Meta(ge=-1e12, le=1e12)]


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of everything read here. The structs for GraphQL types carry the type's own name."""


class Bedrag(Wire, frozen=True, kw_only=True):
    """An amount; without `valuta` it is in euro."""

    waarde: Euros
    valuta: str | None = None


class AangifteIH(Wire, frozen=True, kw_only=True):
    """The income tax return of one year."""

    aangifte_identificatie: str
    status: str
    belastingjaar: Year
    indieningsdatum: date | None = None
    verzamelinkomen: Bedrag | None = None
    box1_inkomen: Bedrag | None = None
    box2_inkomen: Bedrag | None = None
    box3_inkomen: Bedrag | None = None


class BankSpaartegoed(Wire, frozen=True, kw_only=True):
    """A bank account: `saldo_peildatum` may be in its own currency, `waarde_peildatum` is what box 3 counts."""

    belastingjaar: Year
    peildatum: date | None = None
    iban: str | None = None
    land: str
    waarde_peildatum: Bedrag
    saldo_peildatum: Bedrag


class Belegging(Wire, frozen=True, kw_only=True):
    """Securities."""

    belastingjaar: Year
    peildatum: date | None = None
    categorie_effect: str
    waarde_peildatum: Bedrag


class Cryptovaluta(Wire, frozen=True, kw_only=True):
    """A digital currency."""

    belastingjaar: Year
    peildatum: date | None = None
    token_symbool: str
    waarde_peildatum: Bedrag


class OnroerendeZaakOverigBezit(Wire, frozen=True, kw_only=True):
    """A home or land other than the own home."""

    belastingjaar: Year
    woz_waarde: Bedrag | None = None
    gekoppeld_aan: str


class Schuld(Wire, frozen=True, kw_only=True):
    """A debt that counts in box 3."""

    belastingjaar: Year
    peildatum: date | None = None
    schuldsoort: str
    openstaand_saldo_peildatum: Bedrag
    rentepercentage: float | None = None
    einddatum_rentevasteperiode: date | None = None


class EigenWoning(Wire, frozen=True, kw_only=True):
    """The own home. It carries no year."""

    woz_waarde: Bedrag
    eigenwoning_schuld_saldo: Bedrag | None = None
    gekoppeld_aan: str


class Hypotheekrenteaftrek(Wire, frozen=True, kw_only=True):
    """A year's mortgage interest of one home."""

    belastingjaar: Year
    rente_jaar: Bedrag | None = None  # asked only where the profile needs mortgages
    eigenwoning_schuld_saldo_start: Bedrag | None = None
    eigenwoning_schuld_saldo_einde: Bedrag | None = None
    betreft: EigenWoning


class Toeslag(Wire, frozen=True, kw_only=True):
    """An allowance, of any of the four kinds."""

    toeslag_soort: Literal["Huurtoeslag", "Zorgtoeslag", "Kinderopvangtoeslag", "Kindgebondenbudget"]
    is_voorlopig: Literal["Ja", "Nee", "Onbekend"]
    ingangsdatum: date
    einddatum: date | None = None
    bedrag_maand: Bedrag
    rekenhuur: Bedrag | None = None
    aantal_uren_opvang: int | None = None
    uurtarief_opvang: Bedrag | None = None


class NatuurlijkPersoon(Wire, frozen=True, kw_only=True):
    """One of the two partners. `geboortedatum` has zeros for what is unknown."""

    id: str = msgspec.field(name="ID")
    geslachtsnaam: str
    voornamen: str | None = None
    voorvoegsel: str | None = None
    geboortedatum: str | None = None


class FiscalePartner(Wire, frozen=True, kw_only=True):
    """Two persons who are partners for the income tax of one year."""

    belastingjaar: Year
    grondslag: str
    begindatum: date | None = None
    einddatum: date | None = None
    tussen_personen: tuple[NatuurlijkPersoon, ...]


class IngeschrevenPersoon(Wire, frozen=True, kw_only=True):
    """The person asked for. Where an edge gives an interface its items stay raw until their type is known."""

    bsn: str
    id: str | None = msgspec.field(name="ID", default=None)
    heeft_belastingjaar_aangifte: tuple[Raw, ...] | None = None
    heeft_vermogens_bestanddeel: tuple[Raw, ...] | None = None
    heeft_aftrekpost: tuple[Raw, ...] | None = None
    heeft_eigen_woning: tuple[EigenWoning, ...] | None = None
    heeft_toeslag: tuple[Toeslag, ...] | None = None
    heeft_fiscale_partner: tuple[FiscalePartner, ...] | None = None


class Reply(Wire, frozen=True, kw_only=True):
    """The person, or None when the source does not know them; `complete` is False when parts failed."""

    person: IngeschrevenPersoon | None
    complete: bool


class _Data(Wire, frozen=True, kw_only=True):
    ingeschreven_persoon: IngeschrevenPersoon | None


class _Extensions(Wire, frozen=True, kw_only=True):
    code: str | int | None = None


class _Error(Wire, frozen=True, kw_only=True):
    extensions: _Extensions | None = None


class _Body(Wire, frozen=True, kw_only=True):
    """`data` is left out when the request was refused before anything ran (GraphQL specification, 7.1)."""

    data: _Data | msgspec.UnsetType | None = msgspec.UNSET
    errors: tuple[_Error, ...] | None = None


class _Typed(Wire, frozen=True, kw_only=True):
    typename: str = msgspec.field(name="__typename")


_T = TypeVar("_T")


def parse(body: bytes, bsn: str) -> Reply:
    """Read the body of a 200 answer about `bsn`. Raises SourceError."""
    read = _decoded(body, _Body)
    person = read.data.ingeschreven_persoon if isinstance(read.data, _Data) else None
    if person is None and read.errors:
        raise _whole_failure(read)
    if person is None and not isinstance(read.data, _Data):
        raise SourceError("unreadable", "neither data nor errors")
    if person is not None and person.bsn != bsn:
        raise SourceError("wrong-person", "the answer is about another BSN", retryable=False)
    return Reply(person=person, complete=not read.errors)


def of_type(items: tuple[Raw, ...] | None, wanted: type[_T]) -> tuple[_T, ...]:
    """The items of the GraphQL type that `wanted` is named after; others are left alone. Raises SourceError."""
    return tuple(_decoded(item, wanted) for item in items or () if _decoded(item, _Typed).typename == wanted.__name__)


def _decoded(body: bytes | Raw, wanted: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        unreadable = SourceError("unreadable", "the answer has not the agreed form")
    raise unreadable  # outside the handler: the reader's own message may quote the answer


def _whole_failure(read: _Body) -> SourceError:
    codes = {error.extensions.code for error in read.errors or () if error.extensions}
    if codes & {"UNAUTHENTICATED", "FORBIDDEN"}:
        return SourceError("refused", "the source refused our credentials", retryable=False)
    if read.data is msgspec.UNSET:
        return SourceError("refused", "the source refused the query", retryable=False)
    return SourceError("unavailable", "the source answered with errors only")
