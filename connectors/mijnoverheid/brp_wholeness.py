"""Whether all that the persons register was asked stands in its answer, under names that its API has.

Owns the names of BRP Personen 2.7.0 (OpenAPI), also of what is not read; what the values mean is for brp.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.contract import Field, SourceError
from connectors.mijnoverheid.register import decode
from connectors.unread import Block, Plain, departs

_NAME = Block(
    may=frozenset(
        {
            "voornamen",
            "adellijkeTitelPredicaat",
            "voorvoegsel",
            "geslachtsnaam",
            "voorletters",
            "volledigeNaam",
            "aanduidingNaamgebruik",
            "inOnderzoek",
        }
    )
)
_BIRTH = Block(may=frozenset({"datum", "plaats", "land", "inOnderzoek"}))
_RELATIVE = Block(
    may=frozenset(
        {
            "burgerservicenummer",
            "naam",
            "geboorte",
            "geslacht",
            "soortVerbintenis",
            "aangaanHuwelijkPartnerschap",
            "ontbindingHuwelijkPartnerschap",
            "inOnderzoek",
        }
    ),
    inside={"naam": _NAME, "geboorte": _BIRTH},
)
_HOME = Block(
    may=frozenset(
        {
            "officieleStraatnaam",
            "korteStraatnaam",
            "huisnummer",
            "huisletter",
            "huisnummertoevoeging",
            "aanduidingBijHuisnummer",
            "postcode",
            "woonplaats",
            "regel1",
            "regel2",
            "regel3",
            "land",
            "locatiebeschrijving",
            "inOnderzoek",
        }
    )
)
_PLACE = Block(
    may=frozenset(
        {
            "type",
            "verblijfadres",
            "functieAdres",
            "adresseerbaarObjectIdentificatie",
            "nummeraanduidingIdentificatie",
            "datumVan",
            "datumIngangGeldigheid",
            "indicatieVastgesteldVerblijftNietOpAdres",
            "inOnderzoek",
        }
    ),
    inside={"verblijfadres": _HOME},
)
_NATIONALITY = Block(may=frozenset({"type", "nationaliteit", "redenOpname", "datumIngangGeldigheid", "inOnderzoek"}))
_BLOCKS: Mapping[str, tuple[Field, Block]] = {
    "naam": ("person.name", _NAME),
    "geboorte": ("person.birth", _BIRTH),
    "geslacht": ("person.gender", Block(may=frozenset({"code", "omschrijving"}))),
    "nationaliteiten": ("person.nationality", _NATIONALITY),
    "verblijfplaats": ("address", _PLACE),
    "partners": ("relation.partner", _RELATIVE),
    "kinderen": ("relation.children", _RELATIVE),
}
_PERSON = Block(
    may=frozenset(_BLOCKS)
    | {
        "aNummer",
        "adressering",
        "burgerservicenummer",
        "datumEersteInschrijvingGBA",
        "datumInschrijvingInGemeente",
        "europeesKiesrecht",
        "geheimhoudingPersoonsgegevens",
        "gemeenteVanInschrijving",
        "gezag",
        "immigratie",
        "inOnderzoek",
        "indicatieCurateleRegister",
        "indicatieGezagMinderjarige",
        "leeftijd",
        "opschortingBijhouding",
        "ouders",
        "overlijden",
        "rni",
        "uitsluitingKiesrecht",
        "verblijfstitel",
        "verificatie",
    }
)
_ANSWER = Block(must=frozenset({"personen"}), may=frozenset({"type"}))
# Every entry of the register has these; who died or was taken off it may have no place any more.
_ALWAYS = ("naam", "geboorte")
_ENDED = {"overlijden", "opschortingBijhouding"}


def lost(body: bytes, fields: frozenset[Field]) -> frozenset[Field | None]:
    """Which of the asked `fields` the answer has not, or not whole; None for what could belong to any.

    `body` is an answer that `brp.parse` can read. Raises SourceError(unreadable) when nobody is in it and something
    that we do not know is, or when not all of it is text.
    """
    told: dict[str, Plain] = decode(body, dict[str, Any])
    people = told["personen"]
    odd = departs(told, _ANSWER)
    if odd and not people:
        raise SourceError("unreadable", "something else stands where persons should be")
    found: set[Field | None] = {field for field in _lost(people) if field in (None, *fields)}
    return frozenset(found | {None} if odd else found)


def _lost(people: Plain) -> Iterator[Field | None]:
    for person in people if isinstance(people, list) else ():
        if not isinstance(person, dict):
            continue
        if departs(person, _PERSON):
            yield None
        wanted = (*_ALWAYS, *(() if _ENDED & person.keys() else ("verblijfplaats",)))
        for name, (field, block) in _BLOCKS.items():
            if (name in wanted and name not in person) or departs(person.get(name), block):
                yield field
