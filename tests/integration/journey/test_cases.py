"""Failures on demand: each `testCase`, from the provider's wish to what the phone is told and what is sent.

Nobody here chooses a persona: the phone logs in as whom the pretend DigiD offers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from html import escape
from typing import Any, get_args

import msgspec
import pytest
import pytest_asyncio
from msgspec.structs import replace

from broker.creation import TestCase
from broker.web.render import text
from connectors.belastingdienst import Belastingdienst
from sandbox.backoffice import Created
from sandbox.cases import CASES
from sandbox.citizen import collect, log_in
from sandbox.phone import Phone, Role
from sandbox.stage import SOURCES
from tests import stores
from tests.house import House, standing
from tests.integration.journey.handing_over import PROFILES
from tests.integration.journey.steps import own_values, refused, settled, watch_refusals

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUPLES = {case.id for case in CASES if case.household == "couple"}
FINE = ("collected", None, None, ())
WRONG_PERSON = ("failed", "wrong-person", None, ())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    """One broker in sandbox mode, whose silent source gives up before the test does."""
    folder = tmp_path_factory.mktemp("house")
    with stores.single(tmp_path_factory.mktemp("store")) as store:
        async with standing(folder, store.url, profiles=PROFILES, silent_seconds=3.0) as built:
            watch_refusals(built)
            yield built


async def walked(house: House, case: str, *, profile: str = "wat-er-is") -> tuple[Created, Phone]:
    """A session with this test case, in which everybody tried every source once."""
    household = "couple" if case in COUPLES else "single"
    created, _, phone = await house.linked(profile, household=household, testCase=case)
    for role in await people(phone):
        await collect(phone, role, "", SOURCES)
    return created, phone


async def people(phone: Phone) -> tuple[Role, ...]:
    """Who takes part."""
    return ("applicant", "partner") if "partner" in (await phone.session()).persons else ("applicant",)


async def told(
    phone: Phone, role: Role = "applicant"
) -> dict[str, tuple[str, str | None, str | None, tuple[str, ...]]]:
    """What the phone is told of each source: status, failure, reason and gaps."""
    sources = (await phone.session()).persons[role].sources
    return {s.id: (s.status, s.failure, s.reason, s.gaps) for s in sources}


def with_troubles(**troubles: tuple[str, str | None, str | None, tuple[str, ...]]) -> dict[str, Any]:
    """Every source collected, but for these."""
    return {source: troubles.get(source, FINE) for source in SOURCES}


async def sent(house: House, created: Created, phone: Phone) -> dict[str, Any]:
    """Everybody consents; the payload as the provider opened it."""
    for role in await people(phone):
        await phone.consent(role, await phone.review())
    payload = (await house.office.wait_for("data", created.id)).payload
    assert payload is not None
    return payload


def findings(payload: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    """What the payload says about itself, apart from notes of how figures differ."""
    found = {(f["kind"], f["code"], f.get("source", "")) for f in payload["findings"]}
    return {one for one in found if one[0] != "source-note"}


async def kept(house: House, created: Created) -> set[str]:
    """The names of the vault records of this session."""
    return set((await house.parts.sessions.read(created.id)).session.records)


async def test_broker_and_pretend_world_know_the_same_cases(house: House) -> None:
    """The closed list of the API is the list of the sandbox, which tells each in two languages."""
    async with house.http.get(f"{house.world_url}/cases") as answer:
        listed = (await answer.json())["cases"]
    assert {case["id"] for case in listed} == {*get_args(TestCase)}
    assert all(len(case["nl"]) > 10 and len(case["en"]) > 10 for case in listed)
    async with house.http.get(f"{house.world_url}/cases", headers={"Accept": "text/html"}) as answer:
        page = await answer.text()
    assert all(f"<code>{case['id']}</code>" in page for case in listed)


async def test_a_session_without_a_test_case_is_an_ordinary_one(house: House) -> None:
    """No hint goes to DigiD, which then asks for a name."""
    _, _, phone = await house.linked("alles")
    url = await phone.login("applicant", "uwv")
    assert url is not None
    assert "login_hint" not in url
    assert (await log_in(url, "single")).code is not None


async def test_login_cancelled(house: House) -> None:
    """Giving up at DigiD fails nothing: each source is still to do, with the reason, and nothing can be sent."""
    created, phone = await walked(house, "login-cancelled")
    assert await told(phone) == dict.fromkeys(SOURCES, ("todo", None, "cancelled", ()))
    assert escape(text("nl", "phone.login.cancelled")) in await phone.screen("ophalen")
    assert not (await phone.session()).ready
    assert await kept(house, created) == set()


async def test_wrong_person(house: House) -> None:
    """Somebody else at the second source is refused and leaves nothing; trying again brings the first one back."""
    created, _, phone = await house.linked("wat-er-is", testCase="wrong-person")
    await collect(phone, "applicant", "", ["mijnoverheid", "uwv"])
    assert (await told(phone))["uwv"] == WRONG_PERSON
    assert await kept(house, created) == {"applicant/mijnoverheid", "applicant/mijnoverheid/identity"}
    await collect(phone, "applicant", "", ["uwv", "belastingdienst", "mijnpensioenoverzicht"])
    assert await told(phone) == with_troubles(belastingdienst=WRONG_PERSON)
    payload = await sent(house, created, phone)
    assert findings(payload) == {("missing-source", "failed", "belastingdienst")}
    assert not [value for value in own_values("pensioner", "applicant") if value in str(payload)]


async def test_partner_mismatch(house: House) -> None:
    """Another one than the registered partner: everything is collected and sent, and a finding says who is who not."""
    created, phone = await walked(house, "partner-mismatch")
    assert await told(phone, "applicant") == await told(phone, "partner") == with_troubles()
    payload = await sent(house, created, phone)
    assert findings(payload) == {("partner-mismatch", "other-registered-partner", "mijnoverheid")}
    assert {person["id"] for person in payload["household"]["persons"]} == {
        *("applicant", "partner", "registered-partner")
    }


async def test_same_person(house: House) -> None:
    """The applicant cannot be the partner: refused at every source, nothing kept, and nothing goes."""
    created, phone = await walked(house, "same-person")
    assert await told(phone, "applicant") == with_troubles()
    assert await told(phone, "partner") == dict.fromkeys(SOURCES, WRONG_PERSON)
    assert not {name for name in await kept(house, created) if name.startswith("partner")}
    assert not (await phone.consent("applicant", await phone.review())).sent
    digests = {"reviewDigest": (await phone.review()).digest, "textDigest": "0" * 64}
    with refused("consent-needs-login"):
        await phone.request("POST", "/persons/partner/consent", digests)
    assert (await house.office.read(created.id)).status == "collecting"


async def test_unregistered_cohabitation(house: House) -> None:
    """Two people at one address whom the BRP does not join: sent as cohabitants, with a finding."""
    created, phone = await walked(house, "unregistered-cohabitation")
    payload = await sent(house, created, phone)
    assert findings(payload) == {("no-registered-partner", "cohabitation-not-registered", "mijnoverheid")}
    assert [relation["kind"] for relation in payload["household"]["relations"]] == ["cohabitant"]


async def test_source_timeout(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that never answers has failed once its time is over, can be tried again, and is missing in words."""
    monkeypatch.setattr(Belastingdienst, "manifest", replace(Belastingdienst.manifest, timeout_seconds=0.3))
    created, phone = await walked(house, "source-timeout")
    assert await told(phone) == with_troubles(belastingdienst=("failed", "timeout", None, ()))
    said = text("nl", "phone.failure.timeout", source="Belastingdienst")
    assert escape(said) in await phone.screen("ophalen")
    assert (await phone.session()).persons["applicant"].source("belastingdienst").retryable
    payload = await sent(house, created, phone)
    assert findings(payload) == {("missing-source", "failed", "belastingdienst")}
    assert {income["kind"] for income in payload["incomes"]} == {"employment"}


async def test_source_down(house: House) -> None:
    """UWV out of order: a failure and no empty answer; where everything is required consent has to wait."""
    created, phone = await walked(house, "source-down")
    assert await told(phone) == with_troubles(uwv=("failed", "unavailable", None, ()))
    assert escape(text("nl", "phone.failure.unavailable", source="UWV")) in await phone.screen("ophalen")
    payload = await sent(house, created, phone)
    assert findings(payload) == {("missing-source", "failed", "uwv")}
    _, strict = await walked(house, "source-down", profile="alles")
    with refused("not-ready"):
        await strict.consent("applicant", await strict.review())


async def test_half_data(house: House) -> None:
    """What answered in part is collected, says per part what is missing, and goes with a finding for each."""
    created, phone = await walked(house, "half-data")
    assert await told(phone) == with_troubles(
        mijnoverheid=("collected", None, None, ("brk-unavailable",)),
        uwv=("collected", None, None, ("benefits-unavailable",)),
        mijnpensioenoverzicht=("collected", None, None, ("provider-did-not-answer",)),
    )
    payload = await sent(house, created, phone)
    assert findings(payload) == {
        ("incomplete", "brk-unavailable", "mijnoverheid"),
        ("incomplete", "benefits-unavailable", "uwv"),
        ("incomplete", "provider-did-not-answer", "mijnpensioenoverzicht"),
    }
    homes = [p for p in payload["possessions"] if p["kind"] == "real-estate"]
    parts = {origin.get("part") for home in homes for origin in home["sources"] if origin["source"] == "mijnoverheid"}
    assert parts == {"woz"}


async def test_schema_drift(house: House) -> None:
    """Fields renamed or gone: what cannot be read is a failure, what can is kept and says what is missing.

    An overview of pensions under another name is no overview without pensions.
    """
    created, phone = await walked(house, "schema-drift")
    assert await told(phone) == with_troubles(
        mijnoverheid=("collected", None, None, ("brp-unread",)),
        uwv=("collected", None, None, ("uwv-unread",)),
        mijnpensioenoverzicht=("failed", "unreadable", None, ()),
    )
    payload = await sent(house, created, phone)
    assert findings(payload) == {
        ("incomplete", "brp-unread", "mijnoverheid"),
        ("incomplete", "uwv-unread", "uwv"),
        ("missing-source", "failed", "mijnpensioenoverzicht"),
    }
    assert payload["pensions"] == []
    assert "addresses" not in payload["household"]
    [person] = payload["household"]["persons"]
    assert "birthDate" not in person
    assert person["name"]["surname"] == "Anderenaamstra"
    [job] = [income for income in payload["incomes"] if income["kind"] == "employment"]
    assert job["periods"]
    assert not [period for period in job["periods"] if "wage" in period]


async def test_someone_elses_record(house: House) -> None:
    """A record about another person is refused for good: nothing of it is kept, shown or sent."""
    created, phone = await walked(house, "someone-elses-record")
    assert await told(phone) == with_troubles(uwv=WRONG_PERSON)
    assert not (await phone.session()).persons["applicant"].source("uwv").retryable
    assert "applicant/uwv" not in await kept(house, created)
    assert escape(text("nl", "phone.failure.wrong-answer", source="UWV")) in await phone.screen("ophalen")
    assert b"Zandbak Werkgever 409" not in await phone.request("GET", "/review")
    payload = await sent(house, created, phone)
    assert findings(payload) == {("missing-source", "failed", "uwv")}
    assert "Zandbak Werkgever 409" not in str(payload)


async def test_digid_down(house: House) -> None:
    """Nobody can log in: each source is still to do, the phone says that DigiD is out of reach, nothing goes."""
    created, phone = await walked(house, "digid-down")
    assert await told(phone) == dict.fromkeys(SOURCES, ("todo", None, "unreachable", ()))
    assert escape(text("nl", "phone.login.unreachable")) in await phone.screen("ophalen")
    assert not (await phone.session()).ready
    assert await kept(house, created) == set()


async def test_absent(house: House) -> None:
    """Known nowhere is an answer: every source absent, an empty payload, and no finding that something is missing."""
    created, phone = await walked(house, "absent")
    assert await told(phone) == dict.fromkeys(SOURCES, ("absent", None, None, ()))
    view = await phone.session()
    assert (view.ready, view.partial) == (True, False)
    payload = await sent(house, created, phone)
    assert [payload[part] for part in ("incomes", "pensions", "possessions", "debts", "findings")] == [[]] * 5
    assert payload["household"]["persons"] == [{"id": "applicant"}]


async def test_level_too_low(house: House) -> None:
    """A login by password alone is refused at every source, with the reason, and proves nobody: nothing can go."""
    created, phone = await walked(house, "level-too-low")
    assert await told(phone) == dict.fromkeys(SOURCES, ("failed", "login", "level-too-low", ()))
    assert await kept(house, created) == set()
    assert (await phone.review()).consents == ()


async def test_a_case_goes_with_the_session_and_not_with_the_person(house: House) -> None:
    """Whom nobody is cast for logs in as they like: a partner in a case for one."""
    _, _, phone = await house.linked("alles", household="couple", testCase="source-down")
    await collect(phone, "applicant", "", ["mijnoverheid"])
    await collect(phone, "partner", "married-couple-partner", ["mijnoverheid"])
    assert (await settled(phone, "partner", "mijnoverheid")).status == "collected"


async def test_a_test_case_is_one_of_the_list(house: House) -> None:
    """Another value is refused by name and not repeated; the document of this broker has the list."""
    with refused("invalid-request") as caught:
        await house.office.create_session("alles", testCase="explodes")
    assert [error.split(":")[0] for error in caught.value.errors] == ["testCase"]
    assert "explodes" not in str(caught.value.errors)
    async with house.http.get(f"{house.url}/v1/openapi.json") as answer:
        schemas = (await answer.json())["components"]["schemas"]
    assert "half-data" in msgspec.json.encode(schemas["SandboxRequest"]).decode()


async def test_outside_sandbox_mode_a_test_case_is_an_unknown_field(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Refused as any other unknown field, together with the other mistakes, and the document does not know it."""
    folder = tmp_path_factory.mktemp("real")
    with stores.single(tmp_path_factory.mktemp("store")) as store:
        async with standing(folder, store.url, settings={"OPHAALBRUG_SANDBOX": "false"}) as house:
            watch_refusals(house)
            with refused("invalid-request") as caught:
                await house.office.create_session("bijstand", testCase="source-down", colour="blue")
            assert {*caught.value.errors} == {"testCase: unknown field", "colour: unknown field"}
            async with house.http.get(f"{house.url}/v1/openapi.json") as answer:
                assert "testCase" not in await answer.text()
