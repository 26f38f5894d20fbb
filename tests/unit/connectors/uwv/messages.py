"""UWV answers for tests, written element by element in the order of the schemas (a conformance test checks that)."""

from __future__ import annotations

from connectors.uwv import benefits, incomes

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
FWI = "http://bkwi.nl/SuwiML/FWI/v0205"
BSN = "999990019"
OTHER_BSN = "999990020"
NOTHING = f'<f:NietsGevonden xmlns:f="{FWI}"/>'
WARNING = (
    f'<f:FWI xmlns:f="{FWI}"><Waarschuwing><Code>W1</Code><Tekst>Gegevens tot en met maart</Tekst>'
    "<Bron><DN>UWV</DN></Bron></Waarschuwing></f:FWI>"
)
ERROR = f'<f:FWI xmlns:f="{FWI}"><Fout><Code>E1</Code><Tekst>Storing</Tekst><Bron><DN>UWV</DN></Bron></Fout></f:FWI>'


def tags(**values: object) -> str:
    """Elements in the order given; None leaves one out."""
    return "".join(f"<{name}>{value}</{name}>" for name, value in values.items() if value is not None)


def cents(value: int, **more: object) -> str:
    """The inside of a StandaardBedr."""
    sign = "-" if value < 0 else "+"
    return tags(CdMunteenheid="EUR", CdPositiefNegatief=sign, WaardeBedr=abs(value), **more)


def report(start: str, end: str | None, wage: int | None = None, hours: int | None = None, **more: object) -> str:
    """An Inkomstenopgave; `wage` in cents."""
    paid = None if wage is None else cents(wage)
    return tags(
        Inkomstenopgave=tags(DatBIko=start, DatEIko=end, AantVerloondeUrenIko=hours, BedrBrutoloonSv=paid, **more)
    )


def contract(
    start: str, end: str | None = None, kind: str | None = "15", term: str | None = None, nature: str | None = None
) -> str:
    """An Inkomstenperiode."""
    return tags(
        Inkomstenperiode=tags(DatBIkp=start, DatEIkp=end, CdSrtIkv=kind, CdTypeArbeidscontract=term, CdAardIkv=nature)
    )


def employer(name: str | None = "Bakkerij Bruin", number: str = "123456789L01", inside: str | None = None) -> str:
    """An AdministratieveEenheid."""
    legal = tags(RechtspersoonAdministratieveEenh=tags(FiNr="123456789", NaamRechtspersoon="Bruin Beheer B.V."))
    return tags(
        AdministratieveEenheid=tags(NaamAdministratieveEenheid=name, Loonheffingennr=number).replace(
            "</Loonheffingennr>", f"</Loonheffingennr>{inside or legal}"
        )
    )


def relation(
    *reports: str,
    contracts: str | None = None,
    unit: str | None = None,
    start: str | None = "20200101",
    end: str | None = None,
) -> str:
    """An Inkomstenverhouding."""
    head = tags(VolgnrIkv=1, DatBIkv=start, DatEIkv=end)
    return tags(
        Inkomstenverhouding=head + (unit or employer()) + (contracts or contract("20200101")) + "".join(reports)
    )


def income_answer(*relations: str, bsn: str = BSN, instead: str | None = None, after: str = "") -> bytes:
    """An UWVPersoonsIkvInfoResponse in its envelope; `instead` replaces all of it."""
    client = tags(ClientSuwi=tags(Burgerservicenr=bsn) + "".join(relations))
    return _enveloped(incomes.NAMESPACE, "UWVPersoonsIkvInfoResponse", instead or client + after)


def gross(value: int, unit: str | None, start: str | None = None) -> str:
    """A BrutoUitkeringsbedrag in cents."""
    return tags(
        BrutoUitkeringsbedrag=tags(
            CdMunteenheid="EUR", WaardeBedr=value, CdUitkeringsperiode=unit, DatBBrutoUitkeringsbedr=start
        )
    )


def right(
    scheme: str, *amounts: str, start: str | None = "20210101", end: str | None = None, since: str | None = "20210101"
) -> str:
    """An Uitkeringsverhouding with one Uitkeringsperiode that starts at `since`."""
    head = tags(DatBUitkeringsverhouding=start, DatEUitkeringsverhouding=end, SzWet=tags(CdSzWet=scheme))
    period = tags(Uitkeringsperiode=tags(DatBUitkeringsperiode=since) + "".join(amounts))
    return tags(Uitkeringsverhouding=head + period)


def benefit_answer(*rights: str, bsn: str = BSN, instead: str | None = None) -> bytes:
    """An UWVPersoonsWvInfoResponse in its envelope; `instead` replaces all of it."""
    client = tags(ClientSuwi=tags(Burgerservicenr=bsn) + "".join(rights))
    return _enveloped(benefits.NAMESPACE, "UWVPersoonsWvInfoResponse", instead or client)


def _enveloped(namespace: str, name: str, content: str) -> bytes:
    message = f'<u:{name} xmlns:u="{namespace}">{content}</u:{name}>'
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{message}</s:Body></s:Envelope>'.encode()
