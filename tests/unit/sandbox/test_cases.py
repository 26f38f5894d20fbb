"""The pretend DigiD and the pretend sources at work on a test case, over real HTTP."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from sandbox.cases import CASES, hinted
from sandbox.personas import by_user
from tests.unit.sandbox.conftest import Visitor, login_in, told
from tests.unit.sandbox.test_world import asking

BASIC = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"


def hint(case: str, role: str = "applicant") -> str:
    """What the broker says at a login in a session with this case."""
    return f"test-case:{case}:{role}"


async def played(visitor: Visitor, case: str, role: str = "applicant", **changes: str | None) -> str:
    """The address the player of a case is sent back to."""
    _, page = await visitor.authorize(login_hint=hint(case, role), **changes)
    return (await visitor.submit("player", login=login_in(page)))[1]


async def bsn_of(visitor: Visitor, address: str) -> str:
    """Who logged in, by the code in `address`."""
    _, tokens = await visitor.redeem(told(address)["code"])
    return str((await visitor.userinfo(tokens["access_token"]))["bsn"])


def test_everybody_who_is_cast_can_log_in() -> None:
    """Each user name of each case is a persona's, and a case for two has both."""
    for case in CASES:
        assert all(by_user(user) is not None for cast in case.cast.values() for user in cast)
        assert (case.household == "couple") == ("partner" in case.cast)


def test_the_guide_tells_what_comes_of_each() -> None:
    """The provider's guide has a row for every case and for nothing else."""
    guide = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "provider.md").read_text("utf-8")
    section = guide.partition("## Trying failures")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", section, flags=re.MULTILINE)) == {case.id for case in CASES}


@pytest.mark.parametrize(
    "text", ["", "single", "test-case:nothing:applicant", "test-case:absent:child", "case:absent:applicant", "a:b:c:d"]
)
async def test_another_hint_is_none_of_ours(visitor: Visitor, text: str) -> None:
    """`login_hint` is a standard parameter: what we do not know changes nothing."""
    assert hinted(text) is None
    _, page = await visitor.authorize(login_hint=text)
    assert 'name="password"' in page


async def test_a_case_offers_its_player_and_says_so(visitor: Visitor) -> None:
    """One button, marked as a test case, and nobody to choose; the SMS code is asked as for anybody."""
    _, page = await visitor.authorize(login_hint=hint("source-down"), scope="openid sms")
    assert "Testgeval: source-down" in page
    assert "<code>source-down</code>" in page
    assert 'name="user"' not in page
    status, page = await visitor.submit("player", login=login_in(page))
    assert (status, 'name="code"' in page) == (200, True)
    _, address = await visitor.submit("sms", login=login_in(page), code=(await visitor.inbox())[0]["code"])
    assert await bsn_of(visitor, address) == "999406723"


async def test_only_a_case_has_a_player(visitor: Visitor) -> None:
    """The button's address is of no use in an ordinary login."""
    _, page = await visitor.authorize()
    assert (await visitor.submit("player", login=login_in(page)))[0] == 400
    assert (await visitor.submit("player", login="nothing"))[0] == 400


async def test_a_player_is_remembered_and_nobody_else(visitor: Visitor) -> None:
    """The session of the player serves the next source; that of somebody else does not, and the player is asked."""
    await visitor.log_in("single")
    address = await played(visitor, "source-down")
    assert await bsn_of(visitor, address) == "999406723"
    status, address = await visitor.authorize(login_hint=hint("source-down"))
    assert (status, "code" in told(address)) == (303, True)


async def test_two_players_take_turns(visitor: Visitor) -> None:
    """The wrong person comes second, and gives way to the first one again."""
    seen = [await bsn_of(visitor, await played(visitor, "wrong-person")) for _ in range(3)]
    assert seen[0] == seen[2] != seen[1]


async def test_whom_nobody_is_cast_for_logs_in_as_they_like(visitor: Visitor) -> None:
    """A partner in a case that has none gets the ordinary page."""
    _, page = await visitor.authorize(login_hint=hint("source-down", "partner"))
    assert 'name="password"' in page


async def test_a_player_may_give_up_or_never_get_in(visitor: Visitor) -> None:
    """Cancelling and an outage come back as the errors of RFC 6749, with the state of the request."""
    assert told(await played(visitor, "login-cancelled"))["error"] == "access_denied"
    _, address = await visitor.authorize(login_hint=hint("digid-down"))
    assert (told(address)["error"], told(address)["state"]) == ("temporarily_unavailable", "the-state")


async def test_a_weak_login_says_that_it_is(visitor: Visitor) -> None:
    """Both tokens say DigiD Basis, also where an SMS code was asked and when the login is remembered."""
    for attempt in ("first", "remembered"):
        if attempt == "first":
            address = await played(visitor, "level-too-low", scope="openid sms")
        else:
            _, address = await visitor.authorize(login_hint=hint("level-too-low"), scope="openid sms")
        _, tokens = await visitor.redeem(told(address)["code"])
        assert (await visitor.verified(tokens["id_token"]))["acr"] == BASIC
        assert (await visitor.userinfo(tokens["access_token"]))["loa_authn"] == BASIC


async def test_one_service_of_a_source_may_be_down(visitor: Visitor) -> None:
    """UWV's incomes are told while its benefits are out of order."""
    method, path, key, body = asking("uwv", "999604491")
    assert (await visitor.ask(method, path, key, **body))[0] == 200
    benefits = body["data"].replace(b"UWVPersoonsIkvInfo", b"UWVPersoonsWvInfo")
    assert (await visitor.ask(method, path, key, data=benefits))[0] == 503


async def test_a_next_version_renames_fields_and_loses_some(visitor: Visitor) -> None:
    """The answer is about the right person still; what was renamed is there under the other name."""
    method, path, key, body = asking("brp", "999605562")
    body["json"]["fields"] = ["burgerservicenummer", "geboorte", "verblijfplaats"]
    one = json.loads((await visitor.ask(method, path, key, **body))[2])["personen"][0]
    assert one["burgerservicenummer"] == "999605562"
    assert "datum" in one["geboortegegevens"]
    assert one.keys().isdisjoint({"geboorte", "verblijfplaats"})
    method, path, key, body = asking("uwv", "999605562")
    told_by_uwv = (await visitor.ask(method, path, key, **body))[2]
    assert (b"DatBIko" in told_by_uwv, b"DatEIko" in told_by_uwv) == (True, False)
    assert (b"<BrutoloonSv>" in told_by_uwv, b"<BedrBrutoloonSv>" in told_by_uwv) == (True, False)


async def test_a_person_may_be_known_nowhere(visitor: Visitor) -> None:
    """The persona of `absent` gets every source's own honest nothing."""
    for source, nothing in {"brp": b'"personen":[]', "uwv": b"NietsGevonden", "mpo": b"Niet gevonden"}.items():
        method, path, key, body = asking(source, "999606888")
        assert nothing in (await visitor.ask(method, path, key, **body))[2]


async def test_a_silent_source_takes_its_time(visitor: Visitor) -> None:
    """The question is taken, and the answer comes only after `silent_seconds`."""
    method, path, key, body = asking("belastingdienst", "999603267")
    asked_at = time.monotonic()
    assert (await visitor.ask(method, path, key, **body))[0] == 200
    assert time.monotonic() - asked_at >= 0.3
