"""The land register through Suwinet (SuwiML KadasterDossierGSD v0300, PersoonsInfo): for hosts with a public task.

An alternative to brk.py, chosen in the settings. Owns its question and the reading of its answer; it says less: no
BAG ids, no mortgages, and of fellow owners only whether there are any.
"""

from __future__ import annotations

from collections.abc import Iterable

from connectors import suwiml
from connectors.contract import Context
from connectors.mijnoverheid.brk import year
from connectors.mijnoverheid.estate import Holder, Location, Title, address_key
from connectors.suwiml import Element, child, children, text
from schemas.base import Money
from schemas.wealth import RealEstate

NAMESPACE = "http://bkwi.nl/SuwiML/Diensten/KadasterDossierGSD/v0300"
ACTION = "http://bkwi.nl/SuwiML/Diensten/KadasterDossierGSD-v0300/PersoonsInfo"


async def ask(context: Context, service: suwiml.Service, url: str) -> tuple[Title, ...]:
    """Everything this person has a right on. Raises SourceError."""
    bsn = context.subject.bsn
    response = await service.ask(context, url, ACTION, suwiml.operation(NAMESPACE, "PersoonsInfo", bsn))
    return parse(response, bsn)


def parse(response: Element, bsn: str) -> tuple[Title, ...]:
    """Read a PersoonsInfoResponse about `bsn`. Raises SourceError, also for an answer that says nothing at all."""
    if suwiml.nothing_found(response):
        return ()
    client = suwiml.child(response, "ClientSuwi")
    if client is None:
        raise suwiml.SourceError("unreadable", "an answer without a person")
    suwiml.check_person(client, bsn)
    owned = child(client, "Eigendom")
    return tuple(_title(found, bsn) for found in children(owned, "OnroerendeZaak")) if owned is not None else ()


def _title(found: Element, bsn: str) -> Title:
    addresses = [at for place in children(found, "LocatieOZ") if (at := child(place, "StraatadresBag")) is not None]
    at = addresses[0] if addresses else None
    price = suwiml.amount(child(found, "BedrKoopsom"))
    estate = RealEstate(
        owners=(),
        cadastral_designation=_designation(child(found, "KadastraleAanduiding")),
        street=text(at, "Straatnaam"),
        number=suwiml.integer(text(at, "Huisnr")),
        letter=text(at, "Huisletter"),
        addition=text(at, "Huisnrtoevoeging"),
        postcode=text(at, "Postcd"),
        city=text(at, "Woonplaatsnaam"),
        use=text(found, "OmsKadastraalObject"),
        bought_for=Money(amount=price, period="once") if price is not None else None,
        bought_in=year(suwiml.integer(text(found, "JaarAankoop"))),
    )
    return Title(estate=estate, location=_location(addresses), holders=_holders(found, bsn))


def _designation(found: Element | None) -> str | None:
    """As the land register writes it: "Beekbergen K 4825", for a flat with its number behind an A."""
    section, plot = text(found, "KadastraleSectie"), text(found, "KadastraalPerceelnr")
    flat = text(found, "VolgnrKadastraalAppartementsrecht")
    place = text(found, "KadastraleGemeentenaam") or text(found, "CdKadastraleGemeente")
    return " ".join(part for part in (place, section, plot, f"A{flat}" if flat else None) if part) or None


def _location(addresses: Iterable[Element]) -> Location:
    keys = (
        address_key(
            text(at, "Postcd"),
            suwiml.integer(text(at, "Huisnr")),
            text(at, "Huisletter"),
            text(at, "Huisnrtoevoeging"),
        )
        for at in addresses
    )
    return Location(addresses=frozenset(key for key in keys if key))


def _holders(found: Element, bsn: str) -> tuple[Holder, ...]:
    """One holder per right of the person; the share is known only where the register says that nobody else has one."""
    share = "1/1" if suwiml.flag(text(found, "IndMeerGerechtigden")) is False else None
    rights = [text(right, "OmsZakelijkRecht") for right in children(found, "ZakelijkRecht")]
    return tuple(Holder(bsn=bsn, share=share, right=right) for right in rights or [None])
