"""UWV's answers with everything in them: every element gets its own place, by value."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors import suwiml
from connectors.uwv import benefits, codes, incomes
from schemas.base import Money
from schemas.income import Benefit, Contract, Employment, PayPeriod
from schemas.records import Finding, SourceRecords
from tests.unit.connectors.uwv.messages import (
    BSN,
    WARNING,
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

LEFT_OUT = Finding(kind="incomplete", code="period-without-dates", source="uwv", person="self")
REMARK = Finding(
    kind="source-note", code="source-remark", source="uwv", person="self", text="Gegevens tot en met maart"
)


def read_incomes(message: bytes) -> SourceRecords:
    return incomes.parse(suwiml.parse_envelope(message), BSN)


def read_benefits(message: bytes) -> SourceRecords:
    return benefits.parse(suwiml.parse_envelope(message), BSN)


def month(amount: str) -> Money:
    return Money(amount=Decimal(amount), period="month", basis="gross")


def withheld(amount: str) -> Money:
    return Money(amount=Decimal(amount), period="month")


PAID = report(
    "20210301",
    "20210331",
    252300,
    172,
    AantSvDagenIko=23,
    BedrVakantietoeslag=cents(100),
    BedrLoonLbPremieVolksverz=cents(200),
    BedrIngehoudenLbPremieVolksverz=cents(300),
    BedrExtraPrdSalaris=cents(400),
    BedrRechtstreeksBetAlimentatie=cents(500),
)
PERIOD = PayPeriod(
    start="2021-03-01",
    end="2021-03-31",
    wage=month("2523.00"),
    hours=172,
    days=23,
    holiday_allowance=month("1.00"),
    taxable_wage=month("2.00"),
    withheld_tax=withheld("3.00"),
    extra_salary=month("4.00"),
    alimony_paid=withheld("5.00"),
)


def test_an_employment_with_everything() -> None:
    """Employer, dates, contract and pay; what is withheld or paid on is neither gross nor net."""
    agreed = contract("20200102", "20211230", term="B", nature="11")
    message = income_answer(relation(PAID, contracts=agreed, end="20211231"), after=WARNING)
    assert read_incomes(message) == SourceRecords(
        incomes=(
            Employment(
                person="self",
                employer="Bakkerij Bruin",
                payroll_number="123456789L01",
                number="1",
                start="2020-01-01",
                end="2021-12-31",
                contracts=(
                    Contract(
                        start="2020-01-02",
                        end="2021-12-30",
                        permanent=False,
                        kind_code="15",
                        nature_code="11",
                        description="uitzendkracht",
                    ),
                ),
                periods=(PERIOD,),
            ),
        ),
        findings=(REMARK,),
    )


def test_a_benefit_in_payment_with_everything() -> None:
    """The same elements under a benefit's kind: scheme and payer, and no contract."""
    unit = employer("Gemeente Zeewolde", "987654321L02")
    message = income_answer(relation(PAID, contracts=contract("20200101", kind="43"), unit=unit, end="20211231"))
    assert read_incomes(message) == SourceRecords(
        incomes=(
            Benefit(
                person="self",
                scheme="Participatiewet",
                payer="Gemeente Zeewolde",
                payroll_number="987654321L02",
                number="1",
                start="2020-01-01",
                end="2021-12-31",
                periods=(PERIOD,),
            ),
        )
    )


def test_an_employment_of_which_little_is_told() -> None:
    """A relation with what the schema requires and no more, not even a payer: nothing in it is made up."""
    bare = tags(Inkomstenperiode=tags(DatBIkp="20200101"), Inkomstenopgave=tags(DatBIko="20210301"))
    assert read_incomes(income_answer(tags(Inkomstenverhouding=bare))) == SourceRecords(
        incomes=(
            Employment(
                person="self",
                contracts=(Contract(start="2020-01-01"),),
                periods=(PayPeriod(start="2021-03-01"),),
            ),
        )
    )


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ({"Voornamen": "Anna", "Voorvoegsel": "de", "SignificantDeelVanDeAchternaam": "Bruin"}, "Anna de Bruin"),
        ({"SignificantDeelVanDeAchternaam": "Bruin"}, "Bruin"),
        ({"Voornamen": "Anna"}, "Anna"),
        ({}, None),
    ],
)
def test_a_natural_person_who_employs_is_named_by_what_is_told(parts: dict[str, str], name: str | None) -> None:
    """What there is of the name, in its order, and no name when there is none."""
    unit = employer(None, inside=tags(PersoonAdministratieveEenheid=tags(**parts)))
    [job] = read_incomes(income_answer(relation(unit=unit))).incomes
    assert isinstance(job, Employment)
    assert job.employer == name


@pytest.mark.parametrize(("name", "scheme"), [("ww-uitkering van uwv", "WW"), (None, "UWV")])
def test_a_benefit_office_is_known_by_its_number(name: str | None, scheme: str) -> None:
    """However its name is spelled, and also when it has none."""
    assert codes.scheme_of(None, "810220350L04", name) == scheme
    assert codes.scheme_of("15", "812345678L04", name) is None


def test_of_kinds_without_a_date_the_dated_one_is_the_latest() -> None:
    """A span whose beginning is not known comes before one whose is; a span without a kind says nothing."""
    undated = contract("00000000", kind="33")
    for listed in (undated + contract("20200101", kind="15"), contract("20200101", kind="15") + undated):
        [job] = read_incomes(income_answer(relation(contracts=listed + contract("20220101", kind=None)))).incomes
        assert isinstance(job, Employment)
        assert [each.kind_code for each in job.contracts].count("33") == 1


def test_a_granted_benefit_with_everything() -> None:
    """Scheme, dates, and spans with their own end; what lasts on has none."""
    ended = gross(10000, "6", "20210201").replace(
        "</BrutoUitkeringsbedrag>",
        "<DatEBrutoUitkeringsbedr>20210228</DatEBrutoUitkeringsbedr></BrutoUitkeringsbedrag>",
    )
    granted = right("WIA", ended, gross(20000, "6"), end="20220131").replace(
        "<Uitkeringsperiode>", "<Uitkeringsperiode><DatEUitkeringsperiode>20211231</DatEUitkeringsperiode>"
    )
    assert read_benefits(benefit_answer(granted, right("WW"))) == SourceRecords(
        incomes=(
            Benefit(
                person="self",
                scheme="WIA",
                payer="UWV",
                start="2021-01-01",
                end="2022-01-31",
                periods=(
                    PayPeriod(start="2021-02-01", end="2021-02-28", wage=month("100.00")),
                    PayPeriod(start="2021-01-01", end="2021-12-31", wage=month("200.00")),
                ),
            ),
            Benefit(
                person="self", scheme="WW", payer="UWV", start="2021-01-01", periods=(PayPeriod(start="2021-01-01"),)
            ),
        )
    )


def test_a_granted_benefit_without_a_first_day() -> None:
    """A span that began nobody knows when is left out, and that is said; the benefit itself is told."""
    message = benefit_answer(right("WW", gross(100, "6"), start=None, since=None), right("ZW", gross(100, "6")))
    assert read_benefits(message) == SourceRecords(
        incomes=(
            Benefit(person="self", scheme="WW", payer="UWV"),
            Benefit(
                person="self",
                scheme="ZW",
                payer="UWV",
                start="2021-01-01",
                periods=(PayPeriod(start="2021-01-01", wage=month("1.00")),),
            ),
        ),
        findings=(LEFT_OUT,),
    )


def test_a_granted_benefit_without_a_scheme_is_uwvs() -> None:
    """Which one is not known, who pays it is."""
    [granted] = read_benefits(benefit_answer(right("", gross(100, "6")))).incomes
    assert isinstance(granted, Benefit)
    assert (granted.scheme, granted.payer) == ("UWV", "UWV")


def test_what_is_left_out_of_any_relation_is_said_once() -> None:
    """One report without a first day, in whichever relation, is one finding beside the source's own remarks."""
    undated = relation(report("00000000", None, 100), report("00000000", None, 100))
    records = read_incomes(income_answer(relation(PAID), undated, after=WARNING))
    assert records.findings == (REMARK, LEFT_OUT)


@pytest.mark.parametrize(
    ("granted", "payment", "same"),
    [
        (("2021-01-01", "2021-06-30"), ("2021-06-30", None), True),
        (("2021-01-01", "2021-06-30"), ("2021-07-01", None), False),
        (("2021-07-01", None), ("2021-01-01", "2021-06-30"), False),
        (("2021-06-30", None), ("2021-01-01", "2021-06-30"), True),
        ((None, "2021-06-30"), (None, None), True),
        (("2021-07-01", None), (None, "2021-06-30"), False),
    ],
)
def test_spans_overlap_on_a_single_day(
    granted: tuple[str | None, str | None], payment: tuple[str | None, str | None], same: bool
) -> None:
    """A benefit granted and paid is one when the spans share a day; an edge that is not known is open."""
    one = Benefit(person="self", scheme="IVA", start=granted[0], end=granted[1])
    paid = Benefit(
        person="self", scheme="WIA", start=payment[0], end=payment[1], periods=(PayPeriod(start="2021-01-01"),)
    )
    other = Benefit(person="self", scheme="WW", start="2021-01-01")
    assert benefits.not_yet_paid((one, other), (paid,)) == ((other,) if same else (one, other))


def test_granted_benefits_are_asked_of_one_person() -> None:
    """The question names the service's operation and the person, and nothing else."""
    asked = benefits.request(BSN)
    assert (asked.tag, [(part.tag, part.text) for part in asked]) == (
        f"{{{benefits.NAMESPACE}}}UWVPersoonsWvInfo",
        [("Burgerservicenr", BSN)],
    )
