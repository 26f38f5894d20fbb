"""The public test persons are in GBA form; this turns them into the form of the API (BRP Personen, OpenAPI 2.7.0).

Written from the OpenAPI alone: it shares nothing with the connector, and test_brp.py checks its messages against the
schemas of the API.
"""

from __future__ import annotations

from typing import Any

Gba = dict[str, Any]
MONTHS = (
    "januari",
    "februari",
    "maart",
    "april",
    "mei",
    "juni",
    "juli",
    "augustus",
    "september",
    "oktober",
    "november",
    "december",
)


def api_date(text: str) -> dict[str, Any]:
    """YYYYMMDD with zeros for what is unknown, as AbstractDatum."""
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
    if not year:
        return {"type": "DatumOnbekend", "onbekend": True, "langFormaat": "onbekend"}
    if not month:
        return {"type": "JaarDatum", "jaar": year, "langFormaat": f"{year}"}
    long = f"{MONTHS[month - 1]} {year}"
    if not day:
        return {"type": "JaarMaandDatum", "jaar": year, "maand": month, "langFormaat": long}
    return {"type": "Datum", "datum": f"{text[:4]}-{text[4:6]}-{text[6:]}", "langFormaat": f"{day} {long}"}


def initials(given: str) -> str:
    return "".join(f"{name[0]}." for name in given.split())


def api_name(naam: Gba, *, full: bool) -> Gba:
    """A name with what the API derives; the standard value "." (unknown) is never passed on."""
    kept = {key: value for key, value in naam.items() if value != "."}
    if "voornamen" in kept:
        kept["voorletters"] = initials(kept["voornamen"])
    if full and (text := full_name(naam)):
        kept["volledigeNaam"] = text
    return kept


def full_name(naam: Gba) -> str:
    """Predicate, given names, title, prefix, surname (description of VolledigeNaam)."""
    honour = naam.get("adellijkeTitelPredicaat", {})
    parts = [
        honour.get("omschrijving") if honour.get("soort") == "predicaat" else None,
        naam.get("voornamen"),
        honour.get("omschrijving") if honour.get("soort") == "titel" else None,
        naam.get("voorvoegsel"),
        naam["geslachtsnaam"] if naam["geslachtsnaam"] != "." else None,
    ]
    return " ".join(part for part in parts if part)


def dated(block: Gba) -> Gba:
    return {**block, **({"datum": api_date(block["datum"])} if "datum" in block else {})}


def api_nationality(one: Gba) -> Gba:
    code = one["nationaliteit"]["code"]
    kind = {"0000": "NationaliteitOnbekend", "0499": "Staatloos"}.get(code, "Nationaliteit")
    made: Gba = {"type": kind}
    if kind == "Nationaliteit":
        made["nationaliteit"] = one["nationaliteit"]
    if "inOnderzoek" in one:
        made["inOnderzoek"] = {"type": True, "nationaliteit": True}
    return made


def api_place(place: Gba) -> Gba:
    if place.get("land", {}).get("code") == "0000" or place.get("straat") == ".":
        return {"type": "VerblijfplaatsOnbekend"}
    if "land" in place:
        made: Gba = {"type": "VerblijfplaatsBuitenland"}
        made["verblijfadres"] = {key: place[key] for key in ("regel1", "regel2", "regel3", "land") if key in place}
        if "datumAanvangAdresBuitenland" in place:
            made["datumVan"] = api_date(place["datumAanvangAdresBuitenland"])
        return made
    return api_dutch_place(place)


def api_dutch_place(place: Gba) -> Gba:
    inside: Gba = {"huisnummer": int(place["huisnummer"]), "korteStraatnaam": place["straat"]}
    if "naamOpenbareRuimte" in place:
        inside["officieleStraatnaam"] = place["naamOpenbareRuimte"]
    for key in ("huisletter", "huisnummertoevoeging", "aanduidingBijHuisnummer", "postcode", "woonplaats"):
        if key in place:
            inside[key] = place[key]
    made: Gba = {"type": "Adres", "verblijfadres": inside}
    for key in ("functieAdres", "adresseerbaarObjectIdentificatie", "nummeraanduidingIdentificatie"):
        if key in place:
            made[key] = place[key]
    if "datumAanvangAdreshouding" in place:
        made["datumVan"] = api_date(place["datumAanvangAdreshouding"])
    doubt_place(made, inside, place.get("inOnderzoek", {}).get("aanduidingGegevensInOnderzoek"))
    return made


def doubt_place(made: Gba, inside: Gba, code: str | None) -> None:
    """Group 0811 is the address, an element per part; group 0814 (immigration) another block in the API."""
    if code == "080000":
        made["inOnderzoek"] = {"type": True, "datumVan": True}
    if code in ("080000", "081100"):
        inside["inOnderzoek"] = {"huisnummer": True, "korteStraatnaam": True, "postcode": True}
    if code in ("081120", "081160"):
        inside["inOnderzoek"] = {{"081120": "huisnummer", "081160": "postcode"}[code]: True}
    if code == "089999":
        made["indicatieVastgesteldVerblijftNietOpAdres"] = True


def api_related(one: Gba) -> Gba:
    made: Gba = {"naam": api_name(one["naam"], full=False), "geboorte": dated(one["geboorte"])}
    for key in ("burgerservicenummer", "geslacht", "soortVerbintenis"):
        if key in one:
            made[key] = one[key]
    for key in ("aangaanHuwelijkPartnerschap", "ontbindingHuwelijkPartnerschap"):
        if key in one:
            made[key] = dated(one[key])
    if "inOnderzoek" in one:
        made["inOnderzoek"] = {"burgerservicenummer": True}
    return made


def api_person(gba: Gba) -> Gba:
    """One person of the set as the API would answer, with the blocks we ask for."""
    made: Gba = {"naam": api_name(gba["naam"], full=True), "verblijfplaats": api_place(gba["verblijfplaats"])}
    for key in ("burgerservicenummer", "geslacht", "gemeenteVanInschrijving"):
        if key in gba:
            made[key] = gba[key]
    for key in ("geboorte", "overlijden", "opschortingBijhouding"):
        if key in gba:
            made[key] = dated(gba[key])
    if gba.get("geheimhoudingPersoonsgegevens") == "1":
        made["geheimhoudingPersoonsgegevens"] = True
    made["nationaliteiten"] = [api_nationality(one) for one in gba["nationaliteiten"]]
    made["partners"] = [api_related(one) for one in gba["partners"]]
    made["kinderen"] = [api_related(one) for one in gba["kinderen"]]
    doubt_person(made, gba.get("persoonInOnderzoek", {}).get("aanduidingGegevensInOnderzoek"))
    return made


def doubt_person(made: Gba, code: str | None) -> None:
    """Category 01: group 03 is birth, 04 is gender; all zeros is everything of the person."""
    if code in ("010000", "010300", "010310"):
        made.setdefault("geboorte", {})["inOnderzoek"] = {"datum": True}
    if code in ("010000", "010410"):
        made["inOnderzoek"] = {"geslacht": True, **({"burgerservicenummer": True} if code == "010000" else {})}
    if code == "010000":
        made["naam"]["inOnderzoek"] = {"voornamen": True, "geslachtsnaam": True}
