"""UWV messages against the published SuwiML schemas: what we send is valid, what is valid we read."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

from connectors import suwiml
from connectors.contract import SourceError
from connectors.uwv import benefits, incomes
from schemas.income import Benefit, Employment, Income
from tests.unit.connectors.uwv import messages
from tests.unit.connectors.uwv.messages import (
    BSN,
    benefit_answer,
    cents,
    contract,
    employer,
    gross,
    income_answer,
    relation,
    report,
    right,
    tags,
)

SCHEMAS = Path(__file__).resolve().parents[2] / ".." / "shared" / "sources" / "suwinet" / "xsd"
INCOMES = SCHEMAS / "UWVDossierInkomstenGSD-v0200-b02/Diensten/UWVDossierInkomstenGSD/v0200-b02"
BENEFITS = (
    SCHEMAS / "UWVDossierWerknemersverzekeringenGSD-v0200-b01/Diensten/UWVDossierWerknemersverzekeringenGSD/v0200-b01"
)

pytestmark = pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the public SuwiML schemas are not on this machine")

NATURAL_PERSON = tags(
    PersoonAdministratieveEenheid=tags(Voornamen="Anna", Voorvoegsel="de", SignificantDeelVanDeAchternaam="Bruin")
)

INCOME_ANSWERS = {
    "monthly job": income_answer(
        relation(
            report(
                "20210301",
                "20210331",
                252300,
                172,
                BedrLoonLbPremieVolksverz=cents(240000),
                BedrIngehoudenLbPremieVolksverz=cents(50000),
                BedrVakantietoeslag=cents(0),
                BedrExtraPrdSalaris=cents(10000),
                BedrRechtstreeksBetAlimentatie=cents(1),
            ),
            contracts=contract("20190101", "20191231", term="B") + contract("20200101", nature="01"),
        )
    ),
    "four-weekly job": income_answer(
        relation(
            report("20210104", "20210131", 200000, 160),
            report("20210201", "20210228", 200000, 160),
            report("20210329", "20210425", 200000, 160),
        )
    ),
    "correction": income_answer(relation(report("20210301", "20210331", -15050, -12))),
    "benefit by kind": income_answer(
        relation(report("20210301", "20210331", 100000), contracts=contract("20210101", kind="33"))
    ),
    "benefit by payer": income_answer(
        relation(
            report("20210301", "20210331", 100000),
            unit=employer("WIA (WGA)-Uitkering van UWV", "810220350L20"),
            contracts=contract("20210101", kind=None),
        )
    ),
    "natural person as employer": income_answer(
        relation(report("20210301", "20210331", 1), unit=employer(None, inside=NATURAL_PERSON))
    ),
    "unknown days": income_answer(
        relation(report("20210300", "00000000", 1), start="20190000", end="99991231", contracts=contract("20200100"))
    ),
    "own period": income_answer(
        relation(
            tags(
                Inkomstenopgave=tags(
                    DatBIko="20210101", BedrBrutoloonSv=cents(3600000, CdPeriodeEenheidGeldigheidBedr="10")
                )
            )
        )
    ),
    "warning": income_answer(relation(report("20210301", "20210331", 1)), after=messages.WARNING),
    "nobody's jobs": income_answer(),
    "nothing found": income_answer(instead=messages.NOTHING),
}

BENEFIT_ANSWERS = {
    "monthly": benefit_answer(right("WW", gross(100000, "6"))),
    "indexed": benefit_answer(right("WIA", gross(100000, "6"), gross(102000, "6", "20210701"))),
    "every unit": benefit_answer(*(right("ZW", gross(700, unit)) for unit in "0123456789")),
    "two rights": benefit_answer(right("WW", end="20210630"), right("IOW", gross(1, "9"), start=None)),
    "nobody's benefits": benefit_answer(),
    "nothing found": benefit_answer(instead=messages.NOTHING),
}


def schema(folder: Path, name: str) -> etree.XMLSchema:
    """One of a service's schemas, with all it includes."""
    return etree.XMLSchema(etree.parse(str(folder / name)))


@pytest.fixture(scope="module")
def income_schema() -> etree.XMLSchema:
    return schema(INCOMES, "BodyReaction.xsd")


@pytest.fixture(scope="module")
def benefit_schema() -> etree.XMLSchema:
    return schema(BENEFITS, "BodyReaction.xsd")


def income_of(case: str) -> Income:
    [income] = incomes.parse(suwiml.parse_envelope(INCOME_ANSWERS[case]), BSN).incomes
    return income


def test_our_requests_are_valid() -> None:
    """Both requests, taken out of the envelope we send, pass the schema of the request element."""
    now = datetime(2026, 5, 14, tzinfo=UTC)
    for folder, request in ((INCOMES, incomes.request(BSN, now, 24)), (BENEFITS, benefits.request(BSN))):
        sent = suwiml.parse_envelope(etree.tostring(suwiml.enveloped(request, action="a", to="b")))
        schema(folder, "BodyAction.xsd").assertValid(sent)


def test_our_actions_are_those_of_the_wsdl() -> None:
    """The WS-Addressing action is written in the service's WSDL."""
    for folder, action in ((INCOMES, incomes.ACTION), (BENEFITS, benefits.ACTION)):
        [wsdl] = folder.glob("*.wsdl")
        assert f'Action="{action}"' in wsdl.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", INCOME_ANSWERS)
def test_valid_income_answers_are_read(case: str, income_schema: etree.XMLSchema) -> None:
    """Each message is valid to the letter, and the parser takes it."""
    response = suwiml.parse_envelope(INCOME_ANSWERS[case])
    income_schema.assertValid(response)
    records = incomes.parse(response, BSN)
    assert len(records.incomes) == len(response.findall("ClientSuwi/Inkomstenverhouding"))
    assert not [finding for finding in records.findings if finding.kind == "incomplete"]


@pytest.mark.parametrize("case", BENEFIT_ANSWERS)
def test_valid_benefit_answers_are_read(case: str, benefit_schema: etree.XMLSchema) -> None:
    """Each message is valid to the letter, and the parser takes it."""
    response = suwiml.parse_envelope(BENEFIT_ANSWERS[case])
    benefit_schema.assertValid(response)
    records = benefits.parse(response, BSN)
    assert len(records.incomes) == len(response.findall("ClientSuwi/Uitkeringsverhouding"))
    assert "uwv-unread" not in [finding.code for finding in records.findings]


def test_a_valid_error_answer_is_an_outage(income_schema: etree.XMLSchema) -> None:
    """FWI instead of a person is valid SuwiML, and never an empty answer."""
    message = income_answer(instead=messages.ERROR)
    income_schema.assertValid(etree.fromstring(message)[0][0])
    with pytest.raises(SourceError) as caught:
        suwiml.parse_envelope(message)
    assert caught.value.failed.kind == "unavailable"


def test_valid_answers_have_the_values_we_expect() -> None:
    """Spot checks over the cases above: amounts, periods, hours, schemes and names."""
    monthly, four_weekly = income_of("monthly job"), income_of("four-weekly job")
    assert isinstance(monthly, Employment)
    assert isinstance(four_weekly, Employment)
    [period] = monthly.periods
    assert period.wage is not None
    assert (period.wage.amount, period.wage.period, period.hours) == (Decimal(2523), "month", 172)
    assert period.alimony_paid is not None
    assert [each.permanent for each in monthly.contracts] == [False, None]
    assert [each.wage and each.wage.period for each in four_weekly.periods] == ["four-weeks"] * 3
    correction = income_of("correction")
    assert isinstance(correction, Employment)
    assert (correction.periods[0].hours, correction.periods[0].wage and correction.periods[0].wage.amount) == (
        -12,
        Decimal("-150.50"),
    )
    schemes = [income_of(case) for case in ("benefit by kind", "benefit by payer")]
    assert [each.scheme for each in schemes if isinstance(each, Benefit)] == ["WW", "WGA"]
    person = income_of("natural person as employer")
    assert isinstance(person, Employment)
    assert person.employer == "Anna de Bruin"
