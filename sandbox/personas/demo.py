"""The demo household: registered partners whose records merge into 4 incomes, 6 pensions, 3 possessions and 1 debt."""

from __future__ import annotations

from sandbox.personas.facts import (
    Account,
    Address,
    Age,
    Assessment,
    Home,
    Household,
    Job,
    Mortgage,
    Person,
    Scheme,
    Union,
    Vehicle,
    WozValue,
    aow,
)

MARRIED_COUPLE = Household(
    key="married-couple",
    title_nl="Geregistreerde partners met drie kinderen, koopwoning en hypotheek (de demo)",
    title_en="Registered partners with three children, own home and mortgage (the demo)",
    address=Address(
        street="Kwartelkoningpad",
        number=17,
        letter="b",
        postcode="9999AB",
        object_id="9901010000010017",
        designation_id="9901200000010017",
        since="2019-06-03",
    ),
    applicant=Person(
        bsn="999102965",
        user="married-couple",
        given_names="Anneke Roos",
        prefix="de",
        surname="Dwarsligterink",
        gender="V",
        born="1984-03-12",
        jobs=(
            Job(
                employer="Zandbak Waterwerken B.V.",
                payroll_number="715616026L01",
                since="2015-09-01",
                first_period="2025-11-01",
                periods=12,
                wage=431_827,
                withheld=102_344,
                hours=156,
            ),
        ),
        assessments=(
            Assessment(
                year=2025, status="Definitief vastgesteld", filed_on="2026-03-21", box1=5_231_847, box3=1_046_219
            ),
        ),
        schemes=(
            Scheme(
                provider="Zandbak Pensioenfonds Water",
                number="ZPW-44710921",
                start=Age(years=67),
                reachable=14_412,
                accrued=8_133,
            ),
            Scheme(
                provider="Zandbak Levensverzekeraar",
                number="ZLV-90263317",
                start=Age(years=65),
                reachable=4_236,
                accrued=4_236,
            ),
        ),
        state_pension=aow(0.44),
    ),
    partner=Person(
        bsn="999120748",
        user="married-couple-partner",
        given_names="Berend Jan",
        surname="Oeverzwaluwe",
        gender="M",
        born="1982-11-30",
        jobs=(
            Job(
                employer="Zandbak Scholengroep",
                payroll_number="769724534L04",
                since="2012-08-01",
                first_period="2025-11-01",
                periods=12,
                wage=389_464,
                withheld=88_517,
                hours=142,
            ),
        ),
        assessments=(Assessment(year=2025, status="Definitief vastgesteld", filed_on="2026-03-21", box1=4_718_593),),
        schemes=(
            Scheme(
                provider="Zandbak Pensioenfonds Onderwijs",
                number="ZPO-17358842",
                start=Age(years=67),
                reachable=13_908,
                accrued=9_472,
            ),
            Scheme(
                provider="Zandbak Pensioenfonds Bouw",
                number="ZPB-63091175",
                start=Age(years=67),
                reachable=2_184,
                accrued=2_184,
            ),
        ),
        state_pension=aow(0.46),
        pension_format="xml",
    ),
    union=Union(kind="partnership", since="2012-05-25"),
    children=(
        Person(
            bsn="999136483", given_names="Cato", prefix="de", surname="Dwarsligterink", gender="V", born="2013-02-07"
        ),
        Person(
            bsn="999154849", given_names="Dirk", prefix="de", surname="Dwarsligterink", gender="M", born="2015-10-19"
        ),
        Person(
            bsn="999174472", given_names="Emma", prefix="de", surname="Dwarsligterink", gender="V", born="2019-12-01"
        ),
    ),
    home=Home(
        owners=("applicant", "partner"),
        woz_id="990100010017",
        building_id="9901100000010017",
        cadastral_id="99010001700017",
        designation="Zandstad K 4825",
        area_m2=214,
        values=(WozValue(year=2025, euro=468_731), WozValue(year=2024, euro=441_962)),
        price_euro=389_500,
        bought_in=2019,
        mortgage=Mortgage(
            identifier="9901000000420017",
            lender="Zandbak Hypotheken N.V.",
            registered_euro=410_000,
            balance_start=29_918_436,
            balance_end=29_184_763,
            interest=723_918,
        ),
    ),
    vehicles=(
        Vehicle(
            holders=("applicant",),
            plate="ZB417X",
            brand="SCHELPWAGEN",
            model="STRANDLOPER 1.2",
            first_registered="2021-04-15",
            held_since="2022-01-08",
        ),
    ),
    accounts=(Account(owners=("applicant", "partner"), name="NL69ZAND5800471574", balance=1_873_452),),
)
