"""Adults on their own: renting, retired, without any pension, self-employed."""

from __future__ import annotations

from sandbox.personas.facts import (
    Account,
    Address,
    Age,
    Allowance,
    Assessment,
    Benefit,
    Debt,
    Home,
    Household,
    Job,
    Person,
    Scheme,
    Union,
    Vehicle,
    WozValue,
    aow,
)

SINGLE = Household(
    key="single",
    title_nl="Alleenstaand, huurwoning, loon, huur- en zorgtoeslag; geheimhouding in de BRP",
    title_en="Single, rented home, wages, rent and care allowance; confidentiality flag in the BRP",
    address=Address(
        street="Steltkluutlaan",
        number=204,
        addition="2hg",
        postcode="9999CD",
        object_id="9901010000020204",
        designation_id="9901200000020204",
        since="2023-02",
    ),
    applicant=Person(
        bsn="999192243",
        user="single",
        given_names="Fenna",
        surname="Knotwilgenburg",
        gender="V",
        born="1996-07-22",
        confidential=True,
        jobs=(
            Job(
                employer="Zandbak Bakkerij",
                payroll_number="758577596L03",
                since="2024-01-15",
                permanent=False,
                first_period="2025-11-01",
                periods=12,
                wage=218_436,
                withheld=21_877,
                hours=121,
            ),
        ),
        assessments=(Assessment(year=2025, status="Voorlopig vastgesteld", filed_on="2026-04-02", box1=2_611_739),),
        allowances=(
            Allowance(
                kind="Huurtoeslag",
                monthly=21_700,
                provisional=True,
                since="2026-01-01",
                until="2026-12-31",
                rent=68_450,
            ),
            Allowance(kind="Zorgtoeslag", monthly=12_300, provisional=True, since="2026-01-01", until="2026-12-31"),
        ),
        schemes=(
            Scheme(
                provider="Zandbak Pensioenfonds Brood",
                number="ZPD-20847716",
                start=Age(years=67),
                reachable=7_812,
                accrued=1_104,
            ),
        ),
        state_pension=aow(0.22, start=Age(years=68)),
    ),
    accounts=(Account(owners=("applicant",), name="NL18ZAND1100264839", balance=1_142_387),),
    debts=(Debt(owners=("applicant",), kind="Studieschuld", balance=2_208_641, rate=2.57, fixed_until="2029-12-31"),),
)

PENSIONER = Household(
    key="pensioner",
    title_nl="Gepensioneerd en verweduwd: AOW en pensioen lopen al",
    title_en="Retired and widowed: AOW and pension already in payment",
    address=Address(
        street="Zilvermeeuwhof",
        number=3,
        postcode="9999JK",
        object_id="9901010000050003",
        designation_id="9901200000050003",
        since="1994-04",
    ),
    applicant=Person(
        bsn="999316813",
        user="pensioner",
        given_names="Maria Petronella",
        prefix="van",
        surname="Grijskopspechts",
        gender="V",
        born="1951-08-09",
        benefits=(
            Benefit(
                payer="Zandbak Volksverzekeringen",
                payroll_number="777017459L02",
                kind_code="22",
                since="2017-05-09",
                first_period="2025-11-01",
                periods=12,
                amount=158_092,
                withheld=0,
            ),
            Benefit(
                payer="Zandbak Pensioenfonds Handel",
                payroll_number="712517490L06",
                kind_code="21",
                since="2017-05-09",
                first_period="2025-11-01",
                periods=12,
                amount=84_315,
                withheld=15_920,
            ),
        ),
        assessments=(Assessment(year=2025, status="Definitief vastgesteld", filed_on="2026-03-09", box1=2_908_884),),
        schemes=(
            Scheme(
                provider="Zandbak Pensioenfonds Handel",
                number="ZPA-12765083",
                start=Age(years=65, months=9),
                reachable=10_117,
                accrued=10_117,
            ),
        ),
        state_pension=aow(1.0, start=Age(years=65, months=9)),
    ),
    partner=Person(
        bsn="999333379",
        given_names="Nicolaas",
        surname="Avondroodhuis",
        gender="M",
        born="1948-12-24",
        died="2022-10-02",
    ),
    union=Union(kind="marriage", since="1974-06-06", ended="2022-10-02"),
    home=Home(
        owners=("applicant",),
        woz_id="990100050003",
        building_id="9901100000050003",
        cadastral_id="99010005000003",
        designation="Zandstad H 2207",
        area_m2=160,
        values=(WozValue(year=2025, euro=355_918), WozValue(year=2024, euro=341_207)),
        price_euro=61_000,
        bought_in=1994,
    ),
    accounts=(Account(owners=("applicant",), name="NL41ZAND2020352687", balance=6_812_937),),
)

NO_PENSION = Household(
    key="no-pension",
    title_nl="Geen pensioen opgebouwd; adres in onderzoek",
    title_en="No pension built up; address under investigation",
    address=Address(
        street="Watersnipdreef",
        number=940,
        postcode="9999LM",
        object_id="9901010000060940",
        designation_id="9901200000060940",
        since="2025-08-30",
        doubted_since="2026-02-17",
    ),
    applicant=Person(
        bsn="999351424",
        user="no-pension",
        given_names="Otto",
        surname="Zonderpenninck",
        gender="O",
        born="2003-12",
        jobs=(
            Job(
                employer="Zandbak Strandtent",
                payroll_number="734535764L02",
                since="2026-05-01",
                permanent=False,
                first_period="2026-05-01",
                periods=6,
                wage=104_518,
                withheld=0,
                hours=70,
            ),
        ),
    ),
)

SELF_EMPLOYED = Household(
    key="self-employed",
    title_nl="Zelfstandige: winst in box 1, bij UWV niets bekend",
    title_en="Self-employed: profit in box 1, nothing known at UWV",
    address=Address(
        street="Grauwegorsweg",
        number=77,
        postcode="9999NP",
        object_id="9901010000070077",
        designation_id="9901200000070077",
        since="2014-10-10",
    ),
    applicant=Person(
        bsn="999369441",
        user="self-employed",
        given_names="Pelle",
        surname="Eigenbaasmans",
        gender="M",
        born="1987-02-14",
        assessments=(
            Assessment(year=2024, status="Definitief vastgesteld", filed_on="2025-07-01", box1=6_194_372),
            Assessment(
                year=2025, status="Voorlopig vastgesteld", filed_on="2026-06-28", box1=5_873_614, box3=1_201_738
            ),
        ),
        schemes=(
            Scheme(
                provider="Zandbak Levensverzekeraar",
                number="ZLV-68215540",
                start=Age(years=67),
                reachable=9_024,
                accrued=3_760,
                indicative=True,
            ),
        ),
        state_pension=aow(0.38, start=Age(years=67, months=6)),
    ),
    vehicles=(
        Vehicle(
            holders=("applicant",),
            plate="ZB933D",
            brand="SCHELPWAGEN",
            model="BESTEL",
            first_registered="2023-01-30",
            held_since="2023-01-30",
        ),
    ),
    accounts=(Account(owners=("applicant",), name="NL84ZAND5350716351", balance=4_397_216),),
    debts=(
        Debt(owners=("applicant",), kind="Zakelijke lening", balance=3_516_829, rate=5.4, fixed_until="2028-06-30"),
    ),
)
