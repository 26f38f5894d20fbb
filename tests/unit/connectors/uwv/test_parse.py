"""From UWV's messages to incomes: each trap of the format has a test."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import suwiml
from connectors.contract import SourceError
from connectors.uwv import benefits, incomes
from schemas.base import Money
from schemas.income import Benefit, Employment, PayPeriod
from schemas.records import SourceRecords
from tests.unit.connectors.uwv.messages import (
    BSN,
    NOTHING,
    OTHER_BSN,
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


def read_incomes(message: bytes) -> SourceRecords:
    return incomes.parse(suwiml.parse_envelope(message), BSN)


def read_benefits(message: bytes) -> SourceRecords:
    return benefits.parse(suwiml.parse_envelope(message), BSN)


def employment(*reports: str, **parts: str) -> Employment:
    [income] = read_incomes(income_answer(relation(*reports, **parts))).incomes
    assert isinstance(income, Employment)
    return income


def benefit(message: bytes) -> Benefit:
    records = read_incomes(message) if b"IkvInfo" in message else read_benefits(message)
    [income] = records.incomes
    assert isinstance(income, Benefit)
    return income


def euro(amount: str, period: str = "month", basis: str | None = "gross") -> Money:
    return Money(amount=Decimal(amount), period=period, basis=basis)  # pyright: ignore[reportArgumentType]


def test_a_request_names_the_person_and_the_months_back() -> None:
    """Pay is asked from the first of a month, also across a year's end; nothing else is asked."""
    now = datetime(2026, 1, 15, tzinfo=UTC)
    request = incomes.request(BSN, now, 24)
    assert suwiml.text(request, "Burgerservicenr") == BSN
    assert suwiml.text(request, "PeriodeGegevensvraagIko", "DatBPeriode") == "20240101"
    assert suwiml.text(incomes.request(BSN, now, 1), "PeriodeGegevensvraagIko", "DatBPeriode") == "20251201"


def test_a_job_has_its_employer_contract_and_pay() -> None:
    """Everything the profile can ask is read: cents become euro, amounts get the period of their dates."""
    paid = report(
        "20210301",
        "20210331",
        252300,
        172,
        BedrLoonLbPremieVolksverz=cents(240000),
        BedrIngehoudenLbPremieVolksverz=cents(50001),
        BedrVakantietoeslag=cents(0),
        BedrExtraPrdSalaris=cents(10000),
    )
    job = employment(paid, contracts=contract("20200101", kind="15", term="O", nature="01"))
    assert (job.person, job.employer, job.payroll_number, job.number) == (
        "self",
        "Bakkerij Bruin",
        "123456789L01",
        "1",
    )
    assert (job.start, job.end) == ("2020-01-01", None)
    assert job.periods == (
        PayPeriod(
            start="2021-03-01",
            end="2021-03-31",
            wage=euro("2523"),
            hours=172,
            taxable_wage=euro("2400"),
            withheld_tax=euro("500.01", basis=None),
            holiday_allowance=euro("0"),
            extra_salary=euro("100"),
        ),
    )
    [agreed] = job.contracts
    assert (agreed.permanent, agreed.kind_code, agreed.nature_code, agreed.description) == (
        True,
        "15",
        "01",
        "arbeidsovereenkomst",
    )


def test_monthly_and_four_weekly_pay_are_told_apart() -> None:
    """28 days of a four-weekly payer are four weeks, also when they happen to be February."""
    job = employment(
        report("20210104", "20210131", 200000),
        report("20210201", "20210228", 200000),
        report("20210329", "20210425", 200000),
    )
    assert [period.wage and period.wage.period for period in job.periods] == ["four-weeks"] * 3
    job = employment(report("20210201", "20210228", 200000), report("20210301", "20210331", 200000))
    assert [period.wage and period.wage.period for period in job.periods] == ["month"] * 2


def test_an_amount_that_names_its_own_period_is_believed() -> None:
    """CdPeriodeEenheidGeldigheidBedr beats what the dates suggest."""
    yearly = tags(
        Inkomstenopgave=tags(
            DatBIko="20210301",
            DatEIko="20210331",
            BedrBrutoloonSv=cents(3600000, CdPeriodeEenheidGeldigheidBedr="10"),
        )
    )
    assert employment(yearly).periods[0].wage == euro("36000", "year")


def test_corrections_are_negative_hours_and_amounts() -> None:
    """A correction is not an error: the sign of hours is in the number, that of money in an element of its own."""
    [period] = employment(report("20210301", "20210331", -15050, -12)).periods
    assert (period.hours, period.wage) == (-12, euro("-150.50"))


def test_contracts_change_within_one_relation() -> None:
    """Permanent or temporary is known per span, and not at all since 2020."""
    job = employment(
        report("20210301", "20210331", 1),
        contracts=contract("20180101", "20181231", term="B")
        + contract("20190101", "20191231", term="O")
        + contract("20200101", nature="11"),
    )
    assert [each.permanent for each in job.contracts] == [False, True, None]
    assert job.contracts[2].description == "uitzendkracht"


def test_the_same_employer_can_have_two_relations() -> None:
    """Relations are not merged: each has its own number, contract and pay."""
    records = read_incomes(
        income_answer(relation(report("20210301", "20210331", 1)), relation(report("20210301", "20210331", 2)))
    )
    assert len(records.incomes) == 2


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("33", "WW"),
        ("35", "WW"),
        ("22", "AOW"),
        ("31", "ZW"),
        ("37", "Wajong"),
        ("40", "WGA"),
        ("43", "Participatiewet"),
    ],
)
def test_a_benefit_kind_makes_a_benefit(kind: str, scheme: str) -> None:
    """What is paid under a benefit code is no job, whoever pays it."""
    message = income_answer(relation(report("20210301", "20210331", 100), contracts=contract("20200101", kind=kind)))
    assert benefit(message).scheme == scheme


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("WW-Uitkering van UWV", "WW"),
        ("WIA (WGA)-Uitkering van UWV", "WGA"),
        ("WIA (IVA)-Uitkering van UWV", "IVA"),
        ("Ziektewet- of WAZO-Uitkering van UWV", "ZW"),
        ("Toeslag bij Uitkering (TW) van UWV", "TW"),
        ("UWV", "UWV"),
    ],
)
def test_uwv_as_an_employer_is_a_benefit(name: str, scheme: str) -> None:
    """UWV's benefit payroll numbers never pay wages; without a code, the payer's name tells the scheme."""
    unit = employer(name, "810220350L04")
    message = income_answer(
        relation(report("20210301", "20210331", 100), unit=unit, contracts=contract("20200101", kind=None))
    )
    assert benefit(message).scheme == scheme


def test_a_relation_is_what_its_latest_kind_says() -> None:
    """A relation that goes from wage to benefit counts as what it became, in whatever order it is listed."""
    kinds = contract("20210601", kind="31") + contract("20200101", "20210531", kind="15")
    message = income_answer(relation(report("20210601", "20210630", 100), contracts=kinds))
    assert benefit(message).scheme == "ZW"


def test_an_unknown_kind_is_an_employment_and_keeps_its_code() -> None:
    """A code that is not in the table is no reason to lose an income."""
    job = employment(report("20210301", "20210331", 100), contracts=contract("20200101", kind="85"))
    assert job.contracts[0].kind_code == "85"


def test_an_employer_without_a_name_is_named_after_who_is_behind_it() -> None:
    """The legal person, or the natural person, of whom only the name is taken."""
    assert employment(report("20210301", "20210331"), unit=employer(None)).employer == "Bruin Beheer B.V."
    person = tags(
        PersoonAdministratieveEenheid=tags(Voornamen="Anna", Voorvoegsel="de", SignificantDeelVanDeAchternaam="Bruin")
    )
    assert employment(report("20210301", "20210331"), unit=employer(None, inside=person)).employer == "Anna de Bruin"


def test_partial_and_open_dates_stay_what_they_are() -> None:
    """Unknown days and months are left out; an end in 9999 is no end."""
    job = employment(
        report("20210300", "00000000", 100, 1),
        start="20190000",
        end="99991231",
        contracts=contract("20200100", "99991230"),
    )
    assert (job.start, job.end, job.contracts[0].start, job.contracts[0].end) == ("2019", None, "2020-01", None)
    assert job.periods[0].start == "2021-03"


def test_pay_without_a_first_day_is_left_out_aloud() -> None:
    """What cannot be placed in time is not given a time; the reader is told that something is missing."""
    records = read_incomes(income_answer(relation(report("00000000", None, 100), report("20210301", "20210331", 1))))
    [job] = records.incomes
    assert isinstance(job, Employment)
    assert [period.start for period in job.periods] == ["2021-03-01"]
    assert [(finding.kind, finding.code) for finding in records.findings] == [("incomplete", "period-without-dates")]


def test_the_source_own_warning_becomes_a_note() -> None:
    """A warning beside good data reaches the reader in the source's words."""
    records = read_incomes(income_answer(relation(report("20210301", "20210331", 1)), after=WARNING))
    [note] = records.findings
    assert (note.kind, note.code, note.text) == ("source-note", "source-remark", "Gegevens tot en met maart")


def test_nothing_found_is_no_records() -> None:
    """NietsGevonden, and a person without relations, are both: nothing known."""
    for message in (income_answer(instead=NOTHING), income_answer()):
        assert read_incomes(message) == SourceRecords()
    for message in (benefit_answer(instead=NOTHING), benefit_answer()):
        assert read_benefits(message) == SourceRecords()


def test_another_person_is_refused() -> None:
    """Neither message is read when it is about somebody else."""
    for parse, message in (
        (read_incomes, income_answer(bsn=OTHER_BSN)),
        (read_benefits, benefit_answer(bsn=OTHER_BSN)),
    ):
        with pytest.raises(SourceError) as caught:
            parse(message)
        assert caught.value.failed.kind == "wrong-person"


@pytest.mark.parametrize(
    ("unit", "wage"),
    [
        ("1", euro("100.03", "day")),
        ("2", euro("100.03", "week")),
        ("3", euro("200.06", "four-weeks")),
        ("4", euro("100.03", "four-weeks")),
        ("5", euro("20.006", "week")),
        ("6", euro("100.03", "month")),
        ("7", euro("400.12", "year")),
        ("8", euro("100.03", "year")),
        ("9", euro("100.03", "once")),
    ],
)
def test_a_granted_amount_keeps_its_worth_in_every_unit(unit: str, wage: Money) -> None:
    """CdUitkeringsperiode: units we do not have are brought to one we have, without rounding."""
    granted = benefit(benefit_answer(right("WW", gross(10003, unit))))
    assert (granted.scheme, granted.payer, granted.start) == ("WW", "UWV", "2021-01-01")
    assert granted.periods == (PayPeriod(start="2021-01-01", wage=wage),)


@pytest.mark.parametrize("unit", ["0", None])
def test_an_amount_per_nothing_is_left_out_aloud(unit: str | None) -> None:
    """Without a unit of time an amount means nothing; the span stays and a finding tells."""
    records = read_benefits(benefit_answer(right("WIA", gross(10000, unit))))
    [granted] = records.incomes
    assert isinstance(granted, Benefit)
    assert granted.periods == (PayPeriod(start="2021-01-01"),)
    assert [finding.code for finding in records.findings] == ["period-without-dates"]


def test_amounts_within_one_period_have_their_own_dates() -> None:
    """An indexed benefit has several amounts in one period: each is a span of its own."""
    granted = benefit(benefit_answer(right("WIA", gross(10000, "6"), gross(10200, "6", "20210701"))))
    assert [(each.start, each.wage) for each in granted.periods] == [
        ("2021-01-01", euro("100")),
        ("2021-07-01", euro("102")),
    ]


def paid(scheme: str, start: str | None, end: str | None = None, *, with_periods: bool = True) -> Benefit:
    periods = (PayPeriod(start="2021-01-01"),) if with_periods else ()
    return Benefit(person="self", scheme=scheme, start=start, end=end, periods=periods)


@pytest.mark.parametrize(
    ("granted", "payment", "told_twice"),
    [
        (paid("WW", "2021-01-01"), paid("WW", "2021-02-01"), True),
        (paid("WIA", "2021-01-01"), paid("WGA", None), True),
        (paid("WW", "2019", "2020-06-30"), paid("WW", "2021-02-01"), False),
        (paid("WW", "2021-01-01"), paid("ZW", "2021-01-01"), False),
        (paid("WW", "2021-01-01"), paid("WW", "2021-01-01", with_periods=False), False),
    ],
)
def test_a_benefit_granted_and_paid_counts_once(granted: Benefit, payment: Benefit, told_twice: bool) -> None:
    """The same scheme over an overlapping span is one benefit; other schemes and other times are others."""
    assert benefits.not_yet_paid((granted,), (payment,)) == (() if told_twice else (granted,))


PIECES = st.sampled_from(
    [
        relation(report("20210301", "20210331", 1)),
        relation(report("x", "20210331", 1)),
        "<Inkomstenverhouding/>",
        "<Inkomstenverhouding><Inkomstenopgave><AantVerloondeUrenIko>1,5</AantVerloondeUrenIko></Inkomstenopgave></Inkomstenverhouding>",
        "<Inkomstenverhouding><Inkomstenopgave><DatBIko>99999999</DatBIko></Inkomstenopgave></Inkomstenverhouding>",
        right("WW", gross(1, "6")),
        right("", gross(1, "?")),
        "<Uitkeringsverhouding><Uitkeringsperiode><BrutoUitkeringsbedrag>x</BrutoUitkeringsbedrag></Uitkeringsperiode></Uitkeringsverhouding>",
    ]
)


@given(st.lists(PIECES | st.text("<>/ab1", max_size=12), max_size=5))
def test_odd_messages_are_records_or_a_source_error(pieces: list[str]) -> None:
    """Whatever stands in the message, the parsers return records or raise SourceError, nothing else."""
    for read, message in ((read_incomes, income_answer(*pieces)), (read_benefits, benefit_answer(*pieces))):
        try:
            assert isinstance(read(message), SourceRecords)
        except SourceError:
            continue
