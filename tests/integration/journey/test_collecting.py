"""Collecting: who may log in where, what a source's trouble becomes, and that the work outlives a connection."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from yarl import URL

from broker.collection import LOGIN_EXCHANGE_SECONDS
from connectors.belastingdienst import Belastingdienst
from connectors.uwv import connector as uwv
from sandbox.citizen import collect, log_in
from sandbox.stage import SOURCES
from sessions.model import SourceStatus
from tests.house import House, standing
from tests.integration.journey.steps import new_jar, refused, session_when, settled, state_and_code, tried
from tests.stores import Store

_FAULTS = {"down": "unavailable", "html": "unreadable", "wrong-types": "unreadable", "huge": "unreadable"}


async def test_a_cancelled_login_is_no_failure(house: House) -> None:
    """Who cancels at DigiD is back where they were, with the reason, and can begin again."""
    _, _, phone = await house.linked()
    source = await tried(phone, "applicant", "uwv", "login-cancelled")
    assert (source.status, source.reason) == ("todo", "cancelled")
    assert (await tried(phone, "applicant", "uwv", "single")).status == "collected"


async def test_a_login_that_went_wrong_elsewhere_is_not_called_cancelled(house: House) -> None:
    """An error of the identity provider's own is told apart from a citizen who gave up."""
    _, _, phone = await house.linked()
    state, _ = await state_and_code(phone, "applicant", "uwv", "single")
    await phone.callback(state, error="server_error")
    source = await settled(phone, "applicant", "uwv")
    assert (source.status, source.reason) == ("todo", "provider-error")


async def test_a_login_comes_back_to_the_phone_that_began_it(house: House) -> None:
    """The state of another session's login, or one we never gave, is refused, and the rightful phone goes on."""
    _, _, phone = await house.linked()
    _, _, other = await house.linked()
    state, code = await state_and_code(phone, "applicant", "uwv", "single")
    for thief, given in ((other, state), (phone, "never-given")):
        with refused("login-unknown"):
            await thief.callback(given, code=code)
    await phone.callback(state, code=code)
    assert (await settled(phone, "applicant", "uwv")).status == "collected"


async def test_a_login_is_good_for_fifteen_minutes(house: House) -> None:
    """A login that was left hanging is over after fifteen minutes, by time itself."""
    created, _, phone = await house.linked()
    state, code = await state_and_code(phone, "applicant", "uwv", "single")
    await house.pass_time(901)
    left = await session_when(house, created.id, lambda s: s.people["applicant"].sources["uwv"].login is None)
    assert left.people["applicant"].sources["uwv"].reason == "login-expired"
    with refused("login-unknown"):
        await phone.callback(state, code=code)


async def test_a_callback_counts_once(house: House) -> None:
    """A callback that is sent again is refused and changes nothing."""
    _, _, phone = await house.linked()
    state, code = await state_and_code(phone, "applicant", "uwv", "single")
    await phone.callback(state, code=code)
    assert (await settled(phone, "applicant", "uwv")).status == "collected"
    with refused("login-unknown"):
        await phone.callback(state, code=code)
    assert (await settled(phone, "applicant", "uwv")).status == "collected"


async def test_a_newer_login_replaces_the_one_before(house: House) -> None:
    """Two logins begun for one source: only the later one may come back."""
    _, _, phone = await house.linked()
    former = await state_and_code(phone, "applicant", "uwv", "single")
    state, code = await state_and_code(phone, "applicant", "uwv", "single")
    with refused("login-unknown"):
        await phone.callback(former[0], code=former[1])
    await phone.callback(state, code=code)
    assert (await settled(phone, "applicant", "uwv")).status == "collected"


async def test_a_code_that_proves_nothing_fails_the_login(house: House) -> None:
    """A made-up code is an answered question: the source failed at the login, and can be tried again."""
    _, _, phone = await house.linked()
    state, _ = await state_and_code(phone, "applicant", "uwv", "single")
    await phone.callback(state, code="made-up")
    source = await settled(phone, "applicant", "uwv")
    assert (source.status, source.failure, source.retryable) == ("failed", "login", True)
    assert (await tried(phone, "applicant", "uwv", "single")).status == "collected"


async def test_one_person_at_all_of_a_persons_sources(house: House) -> None:
    """Somebody else at the second source is refused; the person of the first one goes on there."""
    _, _, phone = await house.linked()
    assert (await tried(phone, "applicant", "uwv", "single")).status == "collected"
    source = await tried(phone, "applicant", "mijnoverheid", "pensioner")
    assert (source.status, source.failure) == ("failed", "wrong-person")
    assert (await tried(phone, "applicant", "mijnoverheid", "single")).status == "collected"


async def test_the_partner_is_somebody_else(house: House) -> None:
    """The applicant cannot log in as the partner, nor the partner at a source of the applicant."""
    _, _, phone = await house.linked(household="couple")
    assert (await tried(phone, "applicant", "uwv", "married-couple")).status == "collected"
    assert (await tried(phone, "partner", "uwv", "married-couple")).failure == "wrong-person"
    assert (await tried(phone, "partner", "uwv", "married-couple-partner")).status == "collected"
    assert (await tried(phone, "applicant", "mijnoverheid", "married-couple-partner")).failure == "wrong-person"
    assert (await tried(phone, "applicant", "mijnoverheid", "married-couple")).status == "collected"


async def test_the_partner_logs_in_anew(house: House) -> None:
    """A remembered login serves the applicant again, never the partner, also when the browser drops that wish."""
    _, _, phone = await house.linked(household="couple")
    assert (await tried(phone, "applicant", "uwv", "married-couple", phone.jar)).status == "collected"
    again = await phone.login("applicant", "belastingdienst")
    assert again is not None
    assert (await log_in(again, "nobody", jar=phone.jar)).code is not None  # no page was shown: remembered
    await house.pass_time(5)
    forced = await phone.login("partner", "uwv")
    assert forced is not None
    assert {name: URL(forced).query.get(name) for name in ("prompt", "max_age")} == {"prompt": "login", "max_age": "0"}
    weakened = URL(forced).without_query_params("prompt", "max_age")
    back = await log_in(str(weakened), "nobody", jar=phone.jar)
    await phone.callback(back.state, code=back.code)
    assert (await settled(phone, "partner", "uwv")).failure == "login"
    assert (await tried(phone, "partner", "uwv", "married-couple-partner", phone.jar)).status == "collected"


@pytest.mark.parametrize(
    ("user", "finding"), [("partner-mismatch", "partner-mismatch"), ("cohabiting", "no-registered-partner")]
)
async def test_the_partner_is_compared_with_the_register(house: House, user: str, finding: str) -> None:
    """Another one than the registered partner, or none registered: a finding beside the data, not a refusal."""
    _, _, phone = await house.linked(household="couple")
    for role in ("applicant", "partner"):
        name = user if role == "applicant" else f"{user}-partner"
        assert (await tried(phone, role, "mijnoverheid", name)).status == "collected"
    kinds = {found["kind"] for found in (await phone.review()).content["findings"]}
    assert kinds & {"partner-mismatch", "no-registered-partner"} == {finding}


async def test_a_retry_within_fifteen_minutes_needs_no_login(house: House) -> None:
    """A source that was down works at the next try without logging in, until the login is fifteen minutes old."""
    _, _, phone = await house.linked()
    await house.fault("uwv", "down")
    await house.fault("belastingdienst", "down")
    failed = await tried(phone, "applicant", "uwv", "single")
    assert (failed.status, failed.failure, failed.retryable) == ("failed", "unavailable", True)
    assert (await tried(phone, "applicant", "belastingdienst", "single")).status == "failed"
    await house.fault("uwv", "none")
    await house.fault("belastingdienst", "none")
    await house.pass_time(14 * 60)
    assert await phone.login("applicant", "uwv") is None
    assert (await settled(phone, "applicant", "uwv")).status == "collected"
    await house.pass_time(2 * 60)
    assert (await tried(phone, "applicant", "belastingdienst", "single")).status == "collected"
    assert await _asks_for_a_login(house)


async def _asks_for_a_login(house: House) -> bool:
    """Whether a retry after sixteen minutes goes to the identity provider."""
    _, _, phone = await house.linked()
    await house.fault("uwv", "down")
    await tried(phone, "applicant", "uwv", "single")
    await house.pass_time(16 * 60)
    return await phone.login("applicant", "uwv") is not None


async def test_each_trouble_of_a_source_has_its_name_and_the_journey_goes_on(house: House) -> None:
    """Down, a web page, wrong types, 20 MB: failed with the right kind, never an empty answer; the rest goes on."""
    _, _, phone = await house.linked()
    for fault, kind in _FAULTS.items():
        await house.fault("uwv", fault)
        source = await tried(phone, "applicant", "uwv", "single")
        assert (fault, source.status, source.failure) == (fault, "failed", kind)
    outcomes = await collect(phone, "applicant", "single", SOURCES[2:], jar=new_jar())
    assert set(outcomes.values()) <= {"collected", "absent"}
    missing = [found for found in (await phone.review()).content["findings"] if found["kind"] == "missing-source"]
    assert {(found["source"], found["code"]) for found in missing} >= {("uwv", "failed")}
    await house.fault("uwv", "none")
    assert (await tried(phone, "applicant", "uwv", "single")).status == "collected"


async def test_a_source_that_answers_about_somebody_else_fails(house: House) -> None:
    """Data about another person are not kept, whoever sends them."""
    created, _, phone = await house.linked()
    source = await tried(phone, "applicant", "uwv", "wrong-person")
    assert (source.status, source.failure) == ("failed", "wrong-person")
    assert "applicant/uwv" not in (await house.parts.sessions.read(created.id)).session.records


async def test_a_source_that_takes_too_long_fails_as_such(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connector has a deadline; past it the source failed by timeout and can be tried again."""
    short = replace(uwv.Uwv.manifest, timeout_seconds=0.2)
    monkeypatch.setattr(uwv.Uwv, "manifest", short)
    _, _, phone = await house.linked()
    await house.fault("uwv", "slow")
    source = await tried(phone, "applicant", "uwv", "single")
    assert (source.status, source.failure, source.retryable) == ("failed", "timeout", True)


async def test_half_an_answer_is_kept_and_said(house: House) -> None:
    """A register behind a source is down: what did come in is kept, with a finding that it is not all."""
    _, _, phone = await house.linked()
    assert (await tried(phone, "applicant", "mijnoverheid", "half-data")).status == "collected"
    review = await phone.review()
    assert {found["source"] for found in review.content["findings"] if found["kind"] == "incomplete"} == {
        "mijnoverheid"
    }
    assert review.content["household"]["persons"]


async def test_fetching_goes_on_without_the_phone(tmp_path: Path, single_store: Store) -> None:
    """The phone's connection drops while a source is slow: the outcome is there when it comes back."""
    async with standing(tmp_path, single_store.url, slow_seconds=0.5) as house:
        created, _, phone = await house.linked()
        await house.fault("uwv", "slow")
        state, code = await state_and_code(phone, "applicant", "uwv", "single")
        await phone.callback(state, code=code)
        await phone.wait_for(lambda view: view.persons["applicant"].source("uwv").status == "fetching")
        # The stream is closed here, and nothing of the phone is heard until the source has answered.
        await session_when(
            house, created.id, lambda s: s.people["applicant"].sources["uwv"].status is SourceStatus.COLLECTED
        )
        assert (await phone.session()).persons["applicant"].source("uwv").status == "collected"


async def test_a_lease_that_ran_out_is_an_interruption(tmp_path: Path, single_store: Store) -> None:
    """A process that stopped in the middle leaves a lease; past it the source failed, retryable, without new login."""
    async with standing(tmp_path, single_store.url, slow_seconds=20.0) as house:
        _, _, phone = await house.linked()
        await house.fault("belastingdienst", "slow")
        state, code = await state_and_code(phone, "applicant", "belastingdienst", "single")
        await phone.callback(state, code=code)
        await phone.wait_for(lambda v: v.persons["applicant"].here)  # the login proved who this is
        with refused("source-busy"):
            await phone.login("applicant", "belastingdienst")
        await house.pass_time(Belastingdienst.manifest.timeout_seconds + LOGIN_EXCHANGE_SECONDS + 1)
        source = await settled(phone, "applicant", "belastingdienst")
        assert (source.status, source.failure, source.retryable) == ("failed", "interrupted", True)
        await house.fault("belastingdienst", "none")
        assert await phone.login("applicant", "belastingdienst") is None
        assert (await settled(phone, "applicant", "belastingdienst")).status == "collected"


async def test_only_what_is_optional_can_be_left_out(house: House) -> None:
    """Skipping is for optional sources that have no answer yet, and is taken back by logging in after all."""
    _, _, phone = await house.linked("inkomen")
    with refused("source-required"):
        await phone.skip("applicant", "uwv")
    view = await phone.skip("applicant", "mijnoverheid", "not-now")
    source = view.persons["applicant"].source("mijnoverheid")
    assert (source.status, source.reason) == ("skipped", "not-now")
    assert (await tried(phone, "applicant", "mijnoverheid", "single")).status == "collected"
    with refused("wrong-state"):
        await phone.skip("applicant", "mijnoverheid")
    with refused("wrong-state"):
        await phone.login("applicant", "mijnoverheid")


async def test_only_who_takes_part_and_what_is_asked(house: House) -> None:
    """Persons and sources that are not part of this session are unknown."""
    _, _, phone = await house.linked("inkomen")
    with refused("unknown-person"):
        await phone.login("partner", "uwv")
    with refused("unknown-person"):
        await phone.request("POST", "/persons/child-1/sources/uwv/login")
    for source in ("mijnpensioenoverzicht", "nowhere"):
        with refused("unknown-source"):
            await phone.login("applicant", source)
    with refused("unknown-person"):
        await phone.partner_token()
