"""The Belastingdienst connector against a real HTTP server: what is asked, and what becomes of every kind of answer."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.belastingdienst import Belastingdienst, BelastingdienstSettings
from connectors.belastingdienst.answer import parse
from connectors.belastingdienst.facts import records
from connectors.belastingdienst.query import FIELDS, query
from connectors.contract import Absent, Context, Failed, Field, Found, Outcome, Skipped, SourceError, Subject
from connectors.outbound import Door
from schemas.base import Money
from schemas.income import Allowance, Assessment
from schemas.records import Finding
from schemas.wealth import Balance, Debt, RealEstate

BSN = "999993653"
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
EVERYTHING = frozenset(FIELDS)


def euro(amount: float, currency: str | None = "EUR") -> dict[str, Any]:
    return {"waarde": amount, "valuta": currency}


def home(woz: float = 300000, plot: str = "NL.IMKAD.KadastraalObject.11680384270000") -> dict[str, Any]:
    return {"wozWaarde": euro(woz), "eigenwoningSchuldSaldo": euro(180000), "gekoppeldAan": plot}


def person(**edges: Any) -> dict[str, Any]:
    return {"data": {"ingeschrevenPersoon": {"bsn": BSN, "ID": "me", **edges}}}


class Source:
    """A GraphQL service that gives one prepared answer and remembers what it was asked."""

    def __init__(self, answer: object, status: int = 200, content_type: str = "application/json") -> None:
        self.body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.status = status
        self.content_type = content_type
        self.asked: list[web.BaseRequest] = []
        self.bodies: list[dict[str, Any]] = []

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(request)
        self.bodies.append(await request.json())
        return web.Response(body=self.body, status=self.status, content_type=self.content_type)

    @asynccontextmanager
    async def served(self) -> AsyncGenerator[str]:
        runner = web.ServerRunner(web.Server(self), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/graphql"
        finally:
            await runner.cleanup()

    async def collected(self, fields: frozenset[Any] = EVERYTHING, **options: Any) -> Outcome:
        async with self.served() as url:
            connector = Belastingdienst(BelastingdienstSettings(url=url, **options))
            return await collected(connector, fields)


async def collected(connector: Belastingdienst, fields: frozenset[Any]) -> Outcome:
    parts: list[str] = []

    async def progress(part: str) -> None:
        parts.append(part)

    door = Door.configured(connector.hosts())
    context = Context(
        subject=Subject(bsn=BSN, level="substantial"),
        fields=fields,
        door=door,
        now=NOW,
        request_id="r-1",
        progress=progress,
    )
    try:
        return await connector.collect(context)
    finally:
        await door.close()


async def found(answer: object, fields: frozenset[Any] = EVERYTHING) -> Found:
    outcome = await Source(answer).collected(fields)
    assert isinstance(outcome, Found)
    return outcome


async def failed(answer: object, status: int = 200, content_type: str = "application/json") -> Failed:
    outcome = await Source(answer, status, content_type).collected()
    assert isinstance(outcome, Failed)
    return outcome


def year(amount: str) -> Money:
    return Money(amount=Decimal(amount), period="year")


def once(amount: str) -> Money:
    return Money(amount=Decimal(amount), period="once")


async def test_bsn_travels_as_a_variable_only() -> None:
    """The BSN is in the body's variables: not in the URL, not in a header, not in the query's text."""
    source = Source({"data": {"ingeschrevenPersoon": None}})
    await source.collected(api_key="secret-key")
    request, body = source.asked[0], source.bodies[0]
    assert request.method == "POST"
    assert body["variables"] == {"bsn": BSN}
    assert BSN not in body["query"] + str(request.rel_url) + str(request.headers)
    assert request.headers["X-API-KEY"] == "secret-key"


def test_query_names_only_what_the_profile_needs() -> None:
    """A profile that needs the returns asks for nothing of accounts, homes, debts, allowances or partners."""
    text = query(frozenset({"income.assessment"}))
    assert text is not None
    assert "AangifteIH" in text
    for other in ("Vermogens", "Bank", "Schuld", "Woning", "Toeslag", "Partner", "Aftrek", "ID"):
        assert other not in text.replace("aangifteIdentificatie", "")
    balances = query(frozenset({"possession.balance"})) or ""
    assert "BankSpaartegoed" in balances
    assert "Schuld" not in balances


@pytest.mark.parametrize(
    ("field", "edges", "types"),
    [
        ("relation.partner", {"heeftFiscalePartner"}, set[str]()),
        ("income.assessment", {"heeftBelastingjaarAangifte"}, {"AangifteIH"}),
        ("income.allowance", {"heeftToeslag"}, {"Huurtoeslag", "KinderopvangToeslag"}),
        (
            "possession.real-estate",
            {"heeftVermogensBestanddeel", "heeftEigenWoning", "heeftAftrekpost"},
            {"OnroerendeZaakOverigBezit", "Hypotheekrenteaftrek"},
        ),
        ("possession.balance", {"heeftVermogensBestanddeel"}, {"BankSpaartegoed", "Belegging", "Cryptovaluta"}),
        ("debt.mortgage", {"heeftEigenWoning", "heeftAftrekpost"}, {"Hypotheekrenteaftrek"}),
        ("debt.other", {"heeftVermogensBestanddeel"}, {"Schuld"}),
    ],
)
def test_a_field_asks_its_own_edges_and_types_only(field: Field, edges: set[str], types: set[str]) -> None:
    """The source sends what the query names; so each field names what it needs, and the ID only where two are told."""
    text = query(frozenset({field})) or ""
    assert set(re.findall(r"heeft\w+", text)) == edges
    assert set(re.findall(r"\.\.\. on (\w+)", text)) == types
    assert (" ID " in text) == (field == "relation.partner")


async def test_nothing_needed_is_skipped() -> None:
    """Without a field of this source nobody is asked anything."""
    source = Source({})
    assert await source.collected(frozenset({"pension.state"})) == Skipped(reason="no-fields")
    assert source.asked == []


async def test_returns_become_assessments() -> None:
    """Every year's return with its boxes, per year, to the cent; other kinds of return are left alone."""
    edge = [
        {
            "__typename": "AangifteIH",
            "aangifteIdentificatie": "A-1",
            "status": "Voorlopig vastgesteld",
            "belastingjaar": 2025,
            "indieningsdatum": "2026-04-27",
            "verzamelinkomen": euro(48200.1),
            "box1Inkomen": euro(48200.1, None),
            "box3Inkomen": euro(0),
        },
        {"__typename": "AangifteSchenk"},
        {"__typename": "SomethingNew", "belastingjaar": "odd"},
    ]
    got = await found(person(heeftBelastingjaarAangifte=edge))
    (income,) = got.records.incomes
    assert isinstance(income, Assessment)
    assert (income.year, income.status, income.status_text) == (2025, "provisional", "Voorlopig vastgesteld")
    assert (income.total, income.box1, income.box2, income.box3) == (
        year("48200.10"),
        year("48200.10"),
        None,
        year("0.00"),
    )
    assert (income.identifier, income.filed_on) == ("A-1", "2026-04-27")
    (provenance,) = income.sources
    assert (provenance.source, provenance.transport, provenance.retrieved_at) == ("belastingdienst", "api", NOW)
    assert provenance.document_digest is not None
    assert len(provenance.document_digest) == 64


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Definitief vastgesteld", "final"),
        ("Aangeslagen", "final"),
        ("Voorlopig vastgesteld", "provisional"),
        ("Bezwaar lopend", "objection"),
        ("Ingediend", "filed"),
        ("In behandeling", "filed"),
        ("iets anders", "unknown"),
    ],
)
async def test_status_texts(text: str, status: str) -> None:
    """A status we know gets its word; one we do not know is unknown and never final; the text is kept."""
    item = {"__typename": "AangifteIH", "aangifteIdentificatie": "A", "status": text, "belastingjaar": 2024}
    (income,) = (await found(person(heeftBelastingjaarAangifte=[item]))).records.incomes
    assert isinstance(income, Assessment)
    assert (income.status, income.status_text) == (status, text)


def account(tax_year: int, iban: str, balance: dict[str, Any]) -> dict[str, Any]:
    common = {"belastingjaar": tax_year, "iban": iban, "land": "NL"}
    return {"__typename": "BankSpaartegoed", "waardePeildatum": euro(900), "saldoPeildatum": balance, **common}


async def test_balances_are_of_the_latest_year() -> None:
    """Accounts of the latest tax year, at 1 January unless the source says another date; crypto and securities too."""
    edge = [
        account(2023, "NL00TEST0000000001", euro(5)),
        account(2024, "NL00TEST0000000001", euro(1234.56)),
        account(2024, "NL00TEST0000000002", euro(1000, "USD")),
        {
            "__typename": "Belegging",
            "belastingjaar": 2024,
            "peildatum": "2024-01-02",
            "categorieEffect": "Fondsen",
            "waardePeildatum": euro(10),
        },
        {"__typename": "Cryptovaluta", "belastingjaar": 2024, "tokenSymbool": "BTC", "waardePeildatum": euro(20)},
    ]
    got = await found(person(heeftVermogensBestanddeel=edge), frozenset({"possession.balance"}))
    balances = [item for item in got.records.possessions if isinstance(item, Balance)]
    assert [(b.type, b.identifier, b.amount, b.reference_date) for b in balances] == [
        ("bank", "NL00TEST0000000001", once("1234.56"), "2024-01-01"),
        ("bank", "NL00TEST0000000002", once("900.00"), "2024-01-01"),
        ("securities", "Fondsen", once("10.00"), "2024-01-02"),
        ("crypto", "BTC", once("20.00"), "2024-01-01"),
    ]


async def test_own_home_and_its_mortgage() -> None:
    """A home named by itself and by two years of deductions is one home and one debt: those of the latest year."""
    deductions = [
        {
            "__typename": "Hypotheekrenteaftrek",
            "belastingjaar": tax_year,
            "renteJaar": euro(4000),
            "eigenwoningSchuldSaldoStart": euro(start),
            "eigenwoningSchuldSaldoEinde": euro(end),
            "betreft": home(),
        }
        for tax_year, start, end in ((2024, 200000, 190000), (2025, 190000, 180000))
    ]
    deductions.append({"__typename": "GiftenAftrek"})
    got = await found(person(heeftEigenWoning=[home()], heeftAftrekpost=deductions))
    (estate,) = got.records.possessions
    assert isinstance(estate, RealEstate)
    assert estate.cadastral_id == "11680384270000"
    assert [(v.amount, v.reference_date) for v in estate.values] == [(once("300000.00"), "2024-01-01")]
    (debt,) = got.records.debts
    assert (debt.type, debt.identifier, debt.year) == ("mortgage", "11680384270000", 2025)
    assert (debt.outstanding, debt.outstanding_at_start) == (once("180000.00"), once("190000.00"))
    assert (debt.interest_paid, debt.reference_date) == (year("4000.00"), "2025-12-31")


async def test_woz_value_without_a_year_is_not_dated() -> None:
    """The own home carries no year: without a deduction naming the same value, the value is a remark without a date."""
    got = await found(person(heeftEigenWoning=[home(plot="other-id")]))
    (estate,) = got.records.possessions
    assert isinstance(estate, RealEstate)
    assert (estate.cadastral_id, estate.values) == ("other-id", ())
    (finding,) = got.records.findings
    assert (finding.kind, finding.code, finding.values[0].value) == ("source-note", "woz-value-undated", "300000.00")
    (debt,) = got.records.debts
    assert (debt.outstanding, debt.year, debt.reference_date) == (once("180000.00"), None, None)


async def test_other_real_estate_and_debts() -> None:
    """A second home has its WOZ value of the year before the tax year; a box 3 debt its rate and end of fixed rate."""
    edge = [
        {
            "__typename": "OnroerendeZaakOverigBezit",
            "belastingjaar": 2025,
            "wozWaarde": euro(99000),
            "gekoppeldAan": "NL.IMKAD.KadastraalObject.12345",
        },
        {
            "__typename": "Schuld",
            "belastingjaar": 2025,
            "schuldsoort": "Familie",
            "openstaandSaldoPeildatum": euro(5000),
            "rentepercentage": 2.25,
            "einddatumRentevasteperiode": "2030-06-01",
        },
    ]
    got = await found(person(heeftVermogensBestanddeel=edge))
    (estate,) = got.records.possessions
    assert isinstance(estate, RealEstate)
    assert (estate.cadastral_id, estate.values[0].reference_date) == ("12345", "2024-01-01")
    (debt,) = got.records.debts
    assert isinstance(debt, Debt)
    assert (debt.type, debt.description, debt.outstanding) == ("other", "Familie", once("5000.00"))
    assert (debt.interest_rate, debt.fixed_until) == (Decimal("2.25"), "2030-06-01")
    assert (debt.reference_date, debt.year) == ("2025-01-01", 2025)


async def test_allowances() -> None:
    """The four allowances with their amount per month, and what belongs to rent and child care."""
    common = {"ingangsdatum": "2026-01-01", "einddatum": None, "bedragMaand": euro(101.5)}
    edge = [
        {"toeslagSoort": "Huurtoeslag", "isVoorlopig": "Ja", "rekenhuur": euro(700), **common},
        {"toeslagSoort": "Zorgtoeslag", "isVoorlopig": "Nee", **common},
        {
            "toeslagSoort": "Kinderopvangtoeslag",
            "isVoorlopig": "Onbekend",
            "aantalUrenOpvang": 80,
            "uurtariefOpvang": euro(9.27),
            **common,
        },
        {"toeslagSoort": "Kindgebondenbudget", "isVoorlopig": "Nee", **common},
    ]
    got = await found(person(heeftToeslag=edge))
    items = [item for item in got.records.incomes if isinstance(item, Allowance)]
    assert [(i.allowance, i.provisional) for i in items] == [
        ("housing", True),
        ("care", False),
        ("childcare", False),
        ("child-budget", False),
    ]
    assert all(i.amount == Money(amount=Decimal("101.50"), period="month") and i.start == "2026-01-01" for i in items)
    assert items[0].rent == Money(amount=Decimal("700.00"), period="month")
    assert items[2].childcare_hours == 80
    assert items[2].childcare_hourly_rate == Money(amount=Decimal("9.27"), period="hour")


def partnership(*ids: str, tax_year: int = 2025, end: str | None = None) -> dict[str, Any]:
    people = [
        {
            "ID": id_,
            "geslachtsnaam": f"Naam-{id_}",
            "voornamen": "Bo",
            "voorvoegsel": "van",
            "geboortedatum": "1980-03-00",
        }
        for id_ in ids
    ]
    facts = {"grondslag": "Huwelijk", "begindatum": "2010-05-05", "einddatum": end, "belastingjaar": tax_year}
    return {"tussenPersonen": people, **facts}


async def test_fiscal_partner() -> None:
    """The other person of the latest year's partnership is the partner; a date with zeros is a partial date."""
    edge = [partnership("me", "old", tax_year=2020), partnership("they", "me")]
    got = await found(person(heeftFiscalePartner=edge))
    (partner,) = got.records.persons
    assert partner.name is not None
    assert (partner.id, partner.name.full, partner.birth_date) == ("partner", "Bo van Naam-they", "1980-03")
    (relation,) = got.records.relations
    assert (relation.person, relation.kind, relation.of) == ("partner", "partner", "self")
    assert (relation.form, relation.since) == ("marriage", None)


@pytest.mark.parametrize(
    ("ground", "kind", "form"),
    [
        ("GP", "partner", "registered-partnership"),
        ("Huwelijk of geregistreerd partnerschap", "partner", None),
        ("Notarieel contract", "cohabitant", None),
        ("Gemeenschappelijk kind", "cohabitant", None),
    ],
)
async def test_fiscal_partner_is_not_always_a_partner(ground: str, kind: str, form: str | None) -> None:
    """Only marriage and registered partnership make a partner by law; the other grounds mean living together."""
    got = await found(person(heeftFiscalePartner=[partnership("they", "me") | {"grondslag": ground}]))
    assert (got.records.relations[0].kind, got.records.relations[0].form) == (kind, form)
    assert got.records.persons[0].id == "partner"


async def test_ended_partnership_and_unclear_partnership() -> None:
    """A partnership that ended is an ex-partner; one that does not name the person is reported and not guessed at."""
    got = await found(person(heeftFiscalePartner=[partnership("they", "me", end="2025-09-01")]))
    assert (got.records.relations[0].kind, got.records.persons[0].id) == ("ex-partner", "ex-partner-1")
    got = await found(person(heeftFiscalePartner=[partnership("they", "them")]))
    assert got.records.persons == ()
    assert got.records.findings[0].code == "fiscal-partner-unclear"


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"ingeschrevenPersoon": None}},
        {"data": {"ingeschrevenPersoon": None}, "errors": None},
        person(),
        person(heeftBelastingjaarAangifte=[], heeftToeslag=None),
        person(heeftBelastingjaarAangifte=[{"__typename": "AangifteErf"}]),
    ],
)
async def test_known_nothing_is_absent(answer: object) -> None:
    """The source says it does not know the person, or has nothing on the asked fields: absent, not failed."""
    assert await Source(answer).collected() == Absent()


async def test_another_bsn_is_wrong_person() -> None:
    """An answer about another BSN is refused whole, and asking again would not help."""
    answer = {"data": {"ingeschrevenPersoon": {"bsn": "999991772", "heeftToeslag": []}}}
    outcome = await failed(answer)
    assert (outcome.kind, outcome.retryable) == ("wrong-person", False)
    assert "999991772" not in str(outcome)


ERROR = {"message": f"geheim {BSN}", "path": ["ingeschrevenPersoon"]}


async def test_partial_answer_is_incomplete() -> None:
    """Data beside errors is used, and said to be incomplete."""
    item = {"__typename": "AangifteIH", "aangifteIdentificatie": "A", "status": "Ingediend", "belastingjaar": 2024}
    answer = person(heeftBelastingjaarAangifte=[item], heeftToeslag=None) | {"errors": [ERROR]}
    got = await found(answer)
    assert len(got.records.incomes) == 1
    assert got.records.findings == (
        Finding(kind="incomplete", code="belastingdienst-incomplete", source="belastingdienst"),
    )


@pytest.mark.parametrize(
    ("answer", "kind", "retryable"),
    [
        ({"data": {"ingeschrevenPersoon": None}, "errors": [ERROR]}, "unavailable", True),
        ({"data": None, "errors": [ERROR]}, "unavailable", True),
        (person() | {"errors": [ERROR]}, "unavailable", True),
        ({"errors": [ERROR]}, "refused", False),
        ({"data": None, "errors": [ERROR | {"extensions": {"code": "FORBIDDEN"}}]}, "refused", False),
        ({"data": None}, "unreadable", True),
        ({}, "unreadable", True),
        ([], "unreadable", True),
        (b"<html>storing</html>", "unreadable", True),
        (b"", "unreadable", True),
        (b"\xff\xfe", "unreadable", True),
        (b"[" * 100_000, "unreadable", True),
        (person(heeftToeslag=[{"toeslagSoort": "Andere"}]), "unreadable", True),
        (person(heeftBelastingjaarAangifte=[{"__typename": "AangifteIH", "status": 1}]), "unreadable", True),
        (person(heeftBelastingjaarAangifte=[{"status": "no type"}]), "unreadable", True),
        (person(heeftEigenWoning=[{"wozWaarde": euro(1)}]), "unreadable", True),
        (person(heeftEigenWoning=[{"wozWaarde": euro(1, "USD"), "gekoppeldAan": "x"}]), "unreadable", True),
    ],
)
async def test_failures_are_never_absence(answer: object, kind: str, retryable: bool) -> None:
    """Errors without data, and what is not of the agreed form, are failures; nothing of the answer is repeated."""
    outcome = await failed(answer)
    assert (outcome.kind, outcome.retryable) == (kind, retryable)
    assert BSN not in str(outcome)
    assert "geheim" not in str(outcome)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [(401, "refused", False), (403, "refused", False), (404, "refused", False), (400, "refused", False)]
    + [(status, "unavailable", True) for status in (429, 500, 502, 503, 504)]
    + [(204, "unreadable", True), (418, "unreadable", True)],
)
async def test_http_statuses(status: int, kind: str, retryable: bool) -> None:
    """Refusals, outages and the unexpected are told apart by the status, whatever the body says."""
    outcome = await failed({"data": {"ingeschrevenPersoon": None}}, status)
    assert (outcome.kind, outcome.retryable) == (kind, retryable)


async def test_deadline_and_size_are_ours() -> None:
    """A slow or huge answer is a failure of its kind, however long the service would go on."""
    huge = await Source(b" " * 5000).collected(max_bytes=4000)
    assert isinstance(huge, Failed)
    assert (huge.kind, huge.retryable) == ("unreadable", True)
    waiting = asyncio.Event()

    class Slow(Source):
        async def __call__(self, request: web.BaseRequest) -> web.Response:
            await waiting.wait()
            return await super().__call__(request)

    late = await Slow({}).collected(timeout_seconds=0.1)
    assert isinstance(late, Failed)
    assert (late.kind, late.retryable) == ("timeout", True)
    waiting.set()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just({"waarde": 1e11}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ITEM = st.fixed_dictionaries(
    {
        "__typename": st.sampled_from(
            ["AangifteIH", "Schuld", "Belegging", "BankSpaartegoed", "Hypotheekrenteaftrek", "X"]
        )
    },
    optional={
        "belastingjaar": st.integers(1800, 2300) | JSON,
        "waardePeildatum": st.builds(euro, st.floats()) | JSON,
        "openstaandSaldoPeildatum": st.builds(euro, st.floats()) | JSON,
        "rentepercentage": st.floats() | JSON,
        "peildatum": st.dates().map(str) | JSON,
        "schuldsoort": st.text(),
        "categorieEffect": st.text(),
        "status": st.text(),
        "aangifteIdentificatie": st.text(),
        "verzamelinkomen": st.builds(euro, st.floats(-1e12, 1e12)) | JSON,
        "betreft": st.just(home()) | JSON,
    },
)
EDGES = st.fixed_dictionaries(
    {},
    optional={
        "heeftBelastingjaarAangifte": st.lists(ITEM, max_size=3) | JSON,
        "heeftVermogensBestanddeel": st.lists(ITEM, max_size=3) | JSON,
        "heeftAftrekpost": st.lists(ITEM, max_size=3) | JSON,
        "heeftEigenWoning": st.just([home()]) | JSON,
        "heeftToeslag": JSON,
        "heeftFiscalePartner": JSON,
    },
)


@given(EDGES)
@settings(max_examples=300, deadline=None)
def test_odd_answers_are_read_or_refused(edges: dict[str, Any]) -> None:
    """Whatever the types and values: records, or SourceError; never another exception."""
    with suppress(SourceError):
        reply = parse(json.dumps(person(**edges)).encode(), BSN)
        assert reply.person is not None
        records(reply.person, EVERYTHING, NOW)


@given(st.binary(max_size=200))
def test_odd_bytes_are_refused(body: bytes) -> None:
    """No bytes but an answer are an answer."""
    with pytest.raises(SourceError):
        parse(body, BSN)
