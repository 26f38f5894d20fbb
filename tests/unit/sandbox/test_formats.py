"""The pure builders: facts of a persona in, a register's own format out."""

from __future__ import annotations

import json
from datetime import date

import pytest
from lxml import etree

from sandbox.personas import HOUSEHOLDS, Seat, by_bsn, by_user
from sandbox.personas.facts import Age, Scheme, StatePension
from sandbox.sources import brk, brp, pensions, rdw, uwv
from sandbox.sources.soap import Asked, asked, day
from sandbox.sources.wire import garbled, narrowed

TODAY = date(2026, 11, 21)


def seat_of(user: str) -> Seat:
    seat = by_user(user)
    assert seat is not None
    return seat


@pytest.mark.parametrize(
    ("text", "kind"),
    [("2013-02-07", "Datum"), ("2013-02", "JaarMaandDatum"), ("2013", "JaarDatum"), ("", "DatumOnbekend")],
)
def test_brp_dates_say_how_much_of_them_is_known(text: str, kind: str) -> None:
    """The BRP has four forms of date, one for each degree of knowing."""
    assert brp.when(text)["type"] == kind


def test_suwiml_dates_have_zeros_for_what_is_unknown() -> None:
    """SuwiML writes eight digits, `00` for an unknown month or day, and leaves an absent date out."""
    assert [day(text) for text in ("2013-02-07", "2013-02", "2013", "")] == ["20130207", "20130200", "20130000", None]


def test_fields_give_what_was_asked_and_what_comes_of_itself() -> None:
    """Only asked paths remain, with the variant's `type` and marks of doubt; items of a list stay, even when empty."""
    whole = brp.person(seat_of("no-pension"), TODAY)
    always = frozenset({"inOnderzoek", "type"})
    kept = narrowed(whole, ["burgerservicenummer", "verblijfplaats.verblijfadres.postcode"], always)
    assert set(kept) == {"burgerservicenummer", "verblijfplaats"}
    home = kept["verblijfplaats"]
    assert isinstance(home, dict)
    assert home["verblijfadres"] == {"postcode": "9999LM"}
    assert home["type"] == "Adres"
    assert "inOnderzoek" in home
    assert narrowed({"partners": [{"a": 1}]}, ["partners.b"], always) == {"partners": [{}]}


def test_the_register_knows_a_partner_by_law_only() -> None:
    """Registered partners know each other, cohabitants do not, a widow's marriage has ended, a foreigner has no BSN."""
    partners = {
        user: brp.person(seat_of(user), TODAY).get("partners")
        for user in ("married-couple", "cohabiting", "pensioner", "foreign-partner")
    }
    assert partners["cohabiting"] is None
    married, widowed, foreign = (json.dumps(partners[u]) for u in ("married-couple", "pensioner", "foreign-partner"))
    assert '"burgerservicenummer": "999120748"' in married
    assert "ontbindingHuwelijkPartnerschap" in widowed
    assert "burgerservicenummer" not in foreign
    assert "DatumOnbekend" in foreign


def test_a_joint_home_is_seen_by_both_owners_in_halves() -> None:
    """Both owners find the same object by their own BSN, and each has a half of it."""
    first, second = (brk.owned(by_bsn(bsn)) for bsn in ("999102965", "999120748"))
    assert first == second
    household = HOUSEHOLDS["married-couple"]
    assert household.home is not None
    for who in household.home.owners:
        right = brk.title(household, household.home, who)["tenaamstelling"]
        assert isinstance(right, dict)
        assert right["aandeel"] == {"teller": 1, "noemer": 2}


def test_pay_comes_per_month_or_per_four_weeks_with_corrections_apart() -> None:
    """Monthly pay follows the calendar, four-weekly pay 28 days; a correction reports a negative amount and hours."""
    monthly = uwv.pays_of(seat_of("married-couple").person.jobs[0])
    assert [(pay.start.day, (pay.end.month - pay.start.month)) for pay in monthly] == [(1, 0)] * 12
    weekly = uwv.pays_of(seat_of("family-many-schemes").person.jobs[0])
    assert {(pay.end - pay.start).days for pay in weekly} == {27}
    assert [(pay.wage, pay.hours) for pay in weekly if pay.wage < 0] == [(-38_064, -20)]


def test_a_negative_amount_has_its_sign_in_an_element_of_its_own() -> None:
    """SuwiML amounts are unsigned cents with `-` or `+` beside them."""
    message = uwv.incomes(seat_of("family-many-schemes"), question("UWVPersoonsIkvInfo"))
    signs = etree.fromstring(message).xpath("//BedrBrutoloonSv[WaardeBedr='38064']/CdPositiefNegatief/text()")
    assert signs == ["-"]


def test_pay_outside_the_asked_period_is_not_told() -> None:
    """Only reports that overlap the asked period are given; with none left the answer is that nothing was found."""
    rest = {"DatBPeriode": "20260101", "DatEPeriode": "20260131"}
    one = uwv.incomes(seat_of("single"), question("UWVPersoonsIkvInfo", rest))
    assert len(etree.fromstring(one).findall(".//Inkomstenopgave")) == 1
    none = uwv.incomes(seat_of("single"), question("UWVPersoonsIkvInfo", {"DatBPeriode": "20990101"}))
    assert b"NietsGevonden" in none
    assert b"ClientSuwi" not in none


def test_a_vehicle_is_told_to_its_holder_only() -> None:
    """The registered holder sees the car, the partner sees nothing; facts of it only come with `KentekenInfo`."""
    assert b"ZB417X" in rdw.reply(seat_of("married-couple"), question("VoertuigbezitInfoPersoon"))
    assert b"NietsGevonden" in rdw.reply(seat_of("married-couple-partner"), question("VoertuigbezitInfoPersoon"))
    assert b"SCHELPWAGEN" in rdw.reply(seat_of("married-couple"), question("KentekenInfo"))


def test_a_pension_is_repeated_in_every_block_it_is_paid_in() -> None:
    """Blocks change where something starts or ends; a temporary pension is gone from the last one, AOW starts late."""
    early = Scheme(provider="A", number="A-1", start=Age(years=62), until=Age(years=67), reachable=1, accrued=1)
    life = Scheme(provider="B", number="B-1", start=Age(years=65), reachable=2, accrued=2)
    state = StatePension(
        start=Age(years=67, months=3),
        reachable_cohabiting=3,
        accrued_cohabiting=3,
        reachable_single=4,
        accrued_single=4,
    )
    found = pensions.blocks([early, life], state)
    seen = [(block.since.years, [s.number for s in block.schemes], block.state is not None) for block in found]
    assert seen == [
        (62, ["A-1"], False),
        (65, ["A-1", "B-1"], False),
        (67, ["B-1"], False),
        (67, ["B-1"], True),
    ]


def test_the_xml_download_tells_who_it_is_about_and_which_provider_is_missing() -> None:
    """The XML has a name, a birth date and a way of living, which the JSON lacks; missing providers are listed."""
    seat = seat_of("half-data")
    message = etree.fromstring(pensions.as_xml(seat, pensions.overview(seat.person, "2026-11-21T00:00:00+00:00")))
    assert message.findtext("Gegevens/Geboortedatum") == seat.person.born
    assert message.findtext("Gegevens/LevensSituatie") == "Alleenstaand"
    assert message.findtext("OntbrekendePuvsError/Puv") == "Zandbak Pensioenfonds Zwijgzaam"


def test_garbling_changes_types_but_not_who_it_is_about() -> None:
    """A garbled document parses as JSON or XML, holds the same BSN, and no other value of its right type."""
    answer = b'{"bsn": "999102965", "jaar": 2025, "naam": "A", "delen": [{"x": 1.5}]}'
    told = json.loads(garbled(answer, "application/json"))
    assert told["bsn"] == "999102965"
    assert not isinstance(told["jaar"], int)
    assert not isinstance(told["naam"], str)
    xml = garbled(b"<a><Burgerservicenr>999102965</Burgerservicenr><DatB>20260101</DatB></a>", "text/xml")
    assert b"999102965" in xml
    assert b"20260101" not in xml


@pytest.mark.parametrize("body", [b"", b"<html/>", b"{}", b"<!DOCTYPE x [<!ENTITY e 'y'>]><x>&e;</x>"])
def test_what_is_no_question_is_not_answered(body: bytes) -> None:
    """Anything but a SOAP message about one BSN is not read as one."""
    assert asked(body) is None


def question(operation: str, rest: dict[str, str] | None = None) -> Asked:
    return Asked(operation=operation, namespace="", bsn="", rest=rest or {})
