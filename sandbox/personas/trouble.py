"""Households with which something goes wrong: a source that is down, slow, garbled, wrong about whom it knows, or huge.

Apart from that each is a plain household, so that what did come in can be seen to be kept.
"""

from __future__ import annotations

from msgspec.structs import replace

from sandbox.personas.facts import (
    Account,
    Address,
    Age,
    Assessment,
    Home,
    Household,
    Job,
    Person,
    Scheme,
    Union,
    WozValue,
    aow,
)


def _address(number: int, street: str, house: int) -> Address:
    return Address(
        street=street,
        number=house,
        postcode="9998AA",
        object_id=f"99010100000{number:05d}",
        designation_id=f"99012000000{number:05d}",
        since="2017-05-01",
    )


def _worker(number: int, bsn: str, user: str, given_names: str, surname: str, *, box1: int) -> Person:
    """A person with one of each: a job, an assessment and a pension scheme, told apart by `number` (3 digits)."""
    return Person(
        bsn=bsn,
        user=user,
        given_names=given_names,
        surname=surname,
        gender="V" if number % 2 else "M",
        born=f"19{70 + number % 20}-0{1 + number % 9}-1{number % 10}",
        jobs=(
            Job(
                employer=f"Zandbak Werkgever {number}",
                payroll_number=f"70{number:03d}4186L01",
                since="2019-01-01",
                first_period="2025-11-01",
                periods=12,
                wage=301_118 + number,
                withheld=58_214,
                hours=152,
            ),
        ),
        assessments=(Assessment(year=2025, status="Definitief vastgesteld", filed_on="2026-03-30", box1=box1),),
        schemes=(
            Scheme(
                provider=f"Zandbak Pensioenfonds {number}",
                number=f"ZPT-{number:03d}90417",
                start=Age(years=67),
                reachable=9_000 + number,
                accrued=3_000 + number,
            ),
        ),
        state_pension=aow(0.4),
    )


SOURCE_DOWN = Household(
    key="source-down",
    title_nl="UWV ligt eruit (503)",
    title_en="UWV is out of order (503)",
    address=_address(401, "Stormvloedschans", 12),
    applicant=_worker(401, "999406723", "source-down", "Ruben", "Stilstaanderik", box1=3_814_629),
    accounts=(Account(owners=("applicant",), name="NL25ZAND2291694567", balance=1_418_236),),
    faults={"uwv": "down"},
)

SLOW_SOURCE = Household(
    key="slow-source",
    title_nl="De Belastingdienst antwoordt traag",
    title_en="The tax office answers slowly",
    address=_address(402, "Slaapmutsjesdijk", 5),
    applicant=_worker(402, "999425092", "slow-source", "Saar", "Slakkengangsma", box1=3_647_918),
    accounts=(Account(owners=("applicant",), name="NL62ZAND5882829356", balance=1_573_864),),
    faults={"belastingdienst": "slow"},
)

WRONG_FORMAT = Household(
    key="wrong-format",
    title_nl="Bronnen antwoorden in een verkeerde vorm: een webpagina, of verkeerde typen",
    title_en="Sources answer in a wrong form: a web page, or wrong types",
    address=_address(403, "Koeterwaalssteeg", 88),
    applicant=_worker(403, "999442478", "wrong-format", "Tijn", "Brabbeltaalman", box1=4_052_187),
    accounts=(Account(owners=("applicant",), name="NL51ZAND3778300773", balance=1_296_451),),
    faults={"uwv": "html", "belastingdienst": "wrong-types", "mpo": "wrong-types", "rdw": "html"},
)

LOGIN_CANCELLED = Household(
    key="login-cancelled",
    title_nl="Annuleert het inloggen",
    title_en="Cancels the login",
    address=_address(404, "Omkeerlaantje", 1),
    applicant=_worker(404, "999460249", "login-cancelled", "Ursula", "Terugkrabbelink", box1=3_391_746),
    cancels_login=True,
)

PARTNER_MISMATCH = Household(
    key="partner-mismatch",
    title_nl="Er logt een ander in dan de geregistreerde partner",
    title_en="Somebody else than the registered partner logs in",
    address=_address(405, "Persoonsverwarring", 33),
    applicant=_worker(405, "999477353", "partner-mismatch", "Vera", "Verwisselingen", box1=4_183_972),
    partner=Person(bsn="999495239", given_names="Wouter", surname="Rechtmatigstra", gender="M", born="1980-02-29"),
    union=Union(kind="marriage", since="2011-11-11"),
    stranger=replace(
        _worker(406, "999513643", "partner-mismatch-partner", "Xander", "Voorkruiperink", box1=3_528_461),
        address=_address(406, "Buitenstaandersweg", 90),
    ),
)

HALF_DATA = Household(
    key="half-data",
    title_nl="Halve gegevens: de WOZ ligt eruit en een pensioenuitvoerder ontbreekt",
    title_en="Half the data: the WOZ is down and a pension provider is missing",
    address=_address(407, "Halverwegesingel", 50),
    applicant=replace(
        _worker(407, "999532844", "half-data", "Yara", "Halfgevuldinga", box1=4_417_358),
        silent_providers=("Zandbak Pensioenfonds Zwijgzaam",),
    ),
    home=Home(
        owners=("applicant",),
        woz_id="990100000407",
        building_id="9901100000000407",
        cadastral_id="99010000000407",
        designation="Zandstad L 918",
        area_m2=131,
        values=(WozValue(year=2025, euro=287_416), WozValue(year=2024, euro=279_853)),
        price_euro=241_000,
        bought_in=2017,
    ),
    accounts=(Account(owners=("applicant",), name="NL48ZAND7870803286", balance=1_187_629),),
    faults={"woz": "down"},
)

WRONG_PERSON = Household(
    key="wrong-person",
    title_nl="UWV antwoordt over iemand anders",
    title_en="UWV answers about somebody else",
    address=_address(408, "Naamplaatjesgang", 2),
    applicant=_worker(408, "999550998", "wrong-person", "Zeger", "Naamgenotelaar", box1=3_976_184),
    stranger=replace(
        _worker(409, "999567512", "", "Alma", "Iemandandersma", box1=4_264_913),
        address=_address(409, "Elderswaartspad", 14),
    ),
    accounts=(Account(owners=("applicant",), name="NL38ZAND7216486474", balance=1_642_398),),
    faults={"uwv": "wrong-person"},
)

HUGE_ANSWER = Household(
    key="huge-answer",
    title_nl="Mijnpensioenoverzicht stuurt 20 MB",
    title_en="The pension register sends 20 MB",
    address=_address(410, "Overvloedsplein", 20),
    applicant=_worker(410, "999585411", "huge-answer", "Bram", "Olifantsgeduld", box1=3_762_549),
    accounts=(Account(owners=("applicant",), name="NL91ZAND5952154346", balance=1_735_182),),
    faults={"mpo": "huge"},
)

SOURCE_TIMEOUT = Household(
    key="source-timeout",
    title_nl="De Belastingdienst neemt de vraag aan en antwoordt niet",
    title_en="The tax office takes the question and never answers",
    address=_address(411, "Wachtverzachterkade", 7),
    applicant=_worker(411, "999603267", "source-timeout", "Coos", "Geduldenstein", box1=3_583_427),
    accounts=(Account(owners=("applicant",), name="NL50ZAND6140827359", balance=1_384_915),),
    faults={"belastingdienst": "silent"},
)

HALF_ANSWERS = Household(
    key="half-answers",
    title_nl="Halve antwoorden: het Kadaster, een dienst van UWV en een pensioenuitvoerder zwijgen",
    title_en="Half the answers: the land register, a UWV service and a pension provider are silent",
    address=_address(412, "Deeltijdswal", 31),
    applicant=replace(
        _worker(412, "999604491", "half-answers", "Dirkje", "Gedeeltelijkema", box1=4_128_753),
        silent_providers=("Zandbak Pensioenfonds Stilzwijgend",),
    ),
    home=Home(
        owners=("applicant",),
        woz_id="990100000412",
        building_id="9901100000000412",
        cadastral_id="99010000000412",
        designation="Zandstad M 412",
        area_m2=118,
        values=(WozValue(year=2025, euro=318_942), WozValue(year=2024, euro=305_267)),
        price_euro=264_000,
        bought_in=2017,
    ),
    accounts=(Account(owners=("applicant",), name="NL38ZAND4472910635", balance=1_259_734),),
    faults={"brk": "down", "uwv-benefits": "down"},
)

SCHEMA_DRIFT = Household(
    key="schema-drift",
    title_nl="Velden heten ineens anders of zijn weg: bij de BRP, UWV en Mijnpensioenoverzicht",
    title_en="Fields are suddenly renamed or gone: at the BRP, UWV and the pension register",
    address=_address(413, "Verhuisdagenplein", 64),
    applicant=_worker(413, "999605562", "schema-drift", "Evert", "Anderenaamstra", box1=3_917_264),
    accounts=(Account(owners=("applicant",), name="NL39ZAND8203746151", balance=1_476_382),),
    faults={"brp": "drifted", "uwv": "drifted", "mpo": "drifted"},
)

ABSENT = Household(
    key="absent",
    title_nl="Geen enkele bron kent deze persoon",
    title_en="No source knows this person",
    address=_address(414, "Nergenshuizerpad", 3),
    applicant=Person(
        bsn="999606888", user="absent", given_names="Fleur", surname="Onbekendemaker", gender="V", born="1988-04-16"
    ),
    faults={
        "brp": "unknown-person",
        "brk": "unknown-person",
        "rdw": "unknown-person",
        "uwv": "unknown-person",
        "belastingdienst": "unknown-person",
        "mpo": "unknown-person",
    },
)

TROUBLE = (
    SOURCE_DOWN,
    SLOW_SOURCE,
    WRONG_FORMAT,
    LOGIN_CANCELLED,
    PARTNER_MISMATCH,
    HALF_DATA,
    WRONG_PERSON,
    HUGE_ANSWER,
    SOURCE_TIMEOUT,
    HALF_ANSWERS,
    SCHEMA_DRIFT,
    ABSENT,
)
