"""The messages of BRP Personen 2.7.0, as far as we read them: what is not named here is ignored.

Shapes only. What they mean to us is the business of brp.py.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from connectors.mijnoverheid.register import Wire

_Year = Annotated[int, Meta(ge=1, le=9999)]
_Month = Annotated[int, Meta(ge=1, le=12)]


class Question(msgspec.Struct, frozen=True):
    """RaadpleegMetBurgerservicenummer. Naming a field that always comes by itself (`inOnderzoek`) is an error there."""

    burgerservicenummer: tuple[str]
    fields: tuple[str, ...]
    type: Literal["RaadpleegMetBurgerservicenummer"] = "RaadpleegMetBurgerservicenummer"


class Datum(msgspec.Struct, frozen=True, tag_field="type", tag="Datum"):
    """A full date."""

    datum: date


class JaarMaandDatum(msgspec.Struct, frozen=True, tag_field="type", tag="JaarMaandDatum"):
    """A date whose day is unknown."""

    jaar: _Year
    maand: _Month


class JaarDatum(msgspec.Struct, frozen=True, tag_field="type", tag="JaarDatum"):
    """A date of which only the year is known."""

    jaar: _Year


class DatumOnbekend(msgspec.Struct, frozen=True, tag_field="type", tag="DatumOnbekend"):
    """A date that exists, but is not known."""


AnyDate: TypeAlias = Datum | JaarMaandDatum | JaarDatum | DatumOnbekend


class InDoubt(Wire, frozen=True):
    """`inOnderzoek` of a block: it is there only when something we asked for is in doubt."""


class PersonInDoubt(Wire, frozen=True):
    """`inOnderzoek` of the person: which of the loose fields is in doubt."""

    burgerservicenummer: bool = False
    geslacht: bool = False


class Listed(Wire, frozen=True):
    """An entry of one of the national tables."""

    code: str | None = None
    omschrijving: str | None = None


class Title(Wire, frozen=True):
    """A noble title or predicate; a predicate stands before the given names, a title before the surname."""

    omschrijving: str | None = None
    soort: str | None = None


class Naam(Wire, frozen=True):
    """A name; `volledigeNaam` comes only with the person, not with a partner or a child."""

    voornamen: str | None = None
    adellijke_titel_predicaat: Title | None = None
    voorvoegsel: str | None = None
    geslachtsnaam: str | None = None
    voorletters: str | None = None
    volledige_naam: str | None = None
    in_onderzoek: InDoubt | None = None


class Geboorte(Wire, frozen=True):
    """A birth."""

    datum: AnyDate | None = None
    plaats: Listed = Listed()
    land: Listed = Listed()
    in_onderzoek: InDoubt | None = None


class Overlijden(Wire, frozen=True):
    """A death."""

    datum: AnyDate | None = None
    in_onderzoek: InDoubt | None = None


class Opschorting(Wire, frozen=True):
    """Why and since when the register no longer keeps this person up to date: death, emigration, a mistake."""

    reden: Listed = Listed()
    datum: AnyDate | None = None


class Nationaliteit(Wire, frozen=True):
    """A nationality, or one of four ways of not having one that is known; `type` says which."""

    type: Literal[
        "Nationaliteit", "BehandeldAlsNederlander", "VastgesteldNietNederlander", "Staatloos", "NationaliteitOnbekend"
    ]
    nationaliteit: Listed = Listed()
    in_onderzoek: InDoubt | None = None


class Event(Wire, frozen=True):
    """The beginning or end of a marriage or partnership."""

    datum: AnyDate | None = None
    in_onderzoek: InDoubt | None = None


class Partner(Wire, frozen=True):
    """A partner, present or dissolved. Without a BSN when the partner never lived in the Netherlands."""

    burgerservicenummer: str | None = None
    naam: Naam = Naam()
    geboorte: Geboorte = Geboorte()
    soort_verbintenis: Listed = Listed()
    aangaan_huwelijk_partnerschap: Event = Event()
    ontbinding_huwelijk_partnerschap: Event | None = None
    in_onderzoek: InDoubt | None = None


class Kind(Wire, frozen=True):
    """A child."""

    burgerservicenummer: str | None = None
    naam: Naam = Naam()
    geboorte: Geboorte = Geboorte()
    in_onderzoek: InDoubt | None = None


class Verblijfadres(Wire, frozen=True):
    """The inside of all three kinds of address: in the Netherlands, abroad (`regel…`), a described location."""

    officiele_straatnaam: str | None = None
    korte_straatnaam: str | None = None
    huisnummer: int | None = None
    huisletter: str | None = None
    huisnummertoevoeging: str | None = None
    aanduiding_bij_huisnummer: Listed = Listed()
    postcode: str | None = None
    woonplaats: str | None = None
    regel1: str | None = None
    regel2: str | None = None
    regel3: str | None = None
    land: Listed = Listed()
    locatiebeschrijving: str | None = None
    in_onderzoek: InDoubt | None = None


class Verblijfplaats(Wire, frozen=True):
    """Where somebody lives; `type` says which of four kinds it is."""

    type: Literal["Adres", "VerblijfplaatsBuitenland", "Locatie", "VerblijfplaatsOnbekend"]
    verblijfadres: Verblijfadres = Verblijfadres()
    functie_adres: Listed = Listed()
    adresseerbaar_object_identificatie: str | None = None
    nummeraanduiding_identificatie: str | None = None
    datum_van: AnyDate | None = None
    indicatie_vastgesteld_verblijft_niet_op_adres: bool = False
    in_onderzoek: InDoubt | None = None


class Persoon(Wire, frozen=True):
    """A person."""

    burgerservicenummer: str | None = None
    naam: Naam = Naam()
    geboorte: Geboorte = Geboorte()
    geslacht: Listed = Listed()
    nationaliteiten: tuple[Nationaliteit, ...] = ()
    overlijden: Overlijden | None = None
    opschorting_bijhouding: Opschorting | None = None
    geheimhouding_persoonsgegevens: bool = False
    gemeente_van_inschrijving: Listed = Listed()
    verblijfplaats: Verblijfplaats | None = None
    partners: tuple[Partner, ...] = ()
    kinderen: tuple[Kind, ...] = ()
    in_onderzoek: PersonInDoubt = PersonInDoubt()


class Personen(Wire, frozen=True):
    """The answer to RaadpleegMetBurgerservicenummer."""

    personen: tuple[Persoon, ...]
