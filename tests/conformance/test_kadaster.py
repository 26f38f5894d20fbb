"""The land register through Suwinet against recorded answers and the public schema of KadasterDossierGSD v0300."""

from __future__ import annotations

from decimal import Decimal

import pytest
from lxml import etree

from connectors import suwiml
from connectors.contract import SourceError
from connectors.mijnoverheid.estate import Holder, Title, address_key
from connectors.mijnoverheid.kadaster import ACTION, NAMESPACE, parse
from schemas.base import Money
from tests.conformance.suwinet import body_schema, recorded


def titles(bsn: str) -> tuple[Title, ...]:
    body = recorded(f"KadasterDossierGSD_PersoonsInfo_{bsn}.xml")
    message = suwiml.enveloped(suwiml.read_xml(body), action=ACTION, to="https://suwinet.example/kadaster")
    return parse(suwiml.parse_envelope(etree.tostring(message)), bsn)


def test_recorded_owner_of_four_plots() -> None:
    """Four plots in two municipalities, one with an address; others have a right too, so no share is known."""
    found = titles("111111110")
    assert [title.estate.cadastral_designation for title in found] == [
        "Zwolle DD 11482",
        "Zwolle G1 43970",
        "Hilversum HH 12051",
        "Zwolle G1 43980",
    ]
    assert {title.holders for title in found} == {(Holder(bsn="111111110", right="Eigendom (recht van)"),)}
    assert {title.estate.use for title in found} == {"Bebouwd: Wonen"}
    home = found[3].estate
    assert (home.street, home.number, home.postcode, home.city) == ("Van der Laenstraat", 121, "8012TB", "Zwolle")
    assert (home.bought_for, home.bought_in) == (None, None)
    assert found[3].location.addresses == {address_key("8012TB", 121, None, None)}
    assert [bool(title.location.addresses) for title in found] == [False, False, False, True]


def test_recorded_owner_of_a_flat() -> None:
    """A flat bought for 75,250 euro (the message counts cents), of which nobody else has a part."""
    (title,) = titles("444444440")
    flat = title.estate
    assert flat.cadastral_designation == "Naarden A 2535 A2"
    assert flat.bought_for == Money(amount=Decimal("75250.00"), period="once")
    assert (flat.bought_in, flat.use) == ("1965", "Bebouwd: Wonen (appartement)")
    assert (flat.street, flat.number, flat.postcode) == ("Marktstraat", 12, "1411EA")
    assert title.holders == (Holder(bsn="444444440", share="1/1", right="Eigendom (recht van)"),)


def test_recorded_answer_about_somebody_else() -> None:
    """Whoever asks for one person and gets another learns nothing."""
    body = recorded("KadasterDossierGSD_PersoonsInfo_444444440.xml")
    with pytest.raises(SourceError) as refused:
        parse(suwiml.read_xml(body), "111111110")
    assert refused.value.failed.kind == "wrong-person"


def test_the_question_is_valid_by_the_schema() -> None:
    """PersoonsInfo holds the BSN and nothing else."""
    schema = body_schema("KadasterDossierGSD", "v0300-b02", "BodyAction.xsd")
    schema.assertValid(suwiml.operation(NAMESPACE, "PersoonsInfo", "111111110"))


def test_past_ownership_is_no_possession() -> None:
    """A schema-valid answer that somebody owned something in the past gives no title."""
    owned = "<Eigendom><IndEigendomOZVerleden>1</IndEigendomOZVerleden></Eigendom>"
    client = f"<ClientSuwi><Burgerservicenr>999993653</Burgerservicenr>{owned}</ClientSuwi>"
    answer = suwiml.read_xml(
        f'<k:PersoonsInfoResponse xmlns:k="{NAMESPACE}">{client}</k:PersoonsInfoResponse>'.encode()
    )
    body_schema("KadasterDossierGSD", "v0300-b02", "BodyReaction.xsd").assertValid(answer)
    assert parse(answer, "999993653") == ()
