"""The pretend DigiD over real HTTP: what it tells the client, and what it refuses."""

from __future__ import annotations

import pytest
from jwcrypto import jwk

from sandbox.tokens import BadClient, Keys
from sandbox.world import SandboxSettings
from tests.unit.sandbox.conftest import Visitor, login_in, told

LOW = "http://eidas.europa.eu/LoA/low"
SUBSTANTIAL = "http://eidas.europa.eu/LoA/substantial"
HIGH = "http://eidas.europa.eu/LoA/high"


async def test_a_login_tells_the_client_who_it_was(visitor: Visitor) -> None:
    """Code, id_token and userinfo belong together: nonce, level, time, one pairwise subject and the BSN."""
    back = await visitor.log_in("married-couple")
    assert back["state"] == "the-state"
    assert back["iss"] == visitor.issuer
    status, tokens = await visitor.redeem(back["code"])
    assert status == 200
    claims = await visitor.verified(tokens["id_token"])
    assert claims["nonce"] == "the-nonce"
    assert claims["acr"] == LOW
    assert claims["auth_time"] == int(visitor.clock.now)
    info = await visitor.userinfo(tokens["access_token"])
    assert info["bsn"] == "999102965"
    assert info["loa_authn"] == LOW
    assert info["sub"] == claims["sub"] != info["bsn"]
    assert {"session_id", "iss", "aud", "nbf", "exp"} <= info.keys()


async def test_discovery_names_the_endpoints_of_its_own_issuer(visitor: Visitor) -> None:
    """OpenID Connect Discovery: the issuer is the address it was found at, and PKCE is S256 only."""
    async with visitor.browser.get(f"{visitor.issuer}/.well-known/openid-configuration") as answer:
        found = await answer.json()
    assert found["issuer"] == visitor.issuer
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]


@pytest.mark.parametrize(
    ("asked", "level"),
    [
        ({"acr_values": SUBSTANTIAL}, SUBSTANTIAL),
        ({"acr_values": HIGH}, SUBSTANTIAL),
        ({"scope": "openid sms"}, LOW),
    ],
)
async def test_more_certainty_costs_an_sms_code(visitor: Visitor, asked: dict[str, str], level: str) -> None:
    """A higher level, or a scope that says so, asks the code; nobody here reaches high, and the token says so."""
    back = await visitor.log_in("single", **asked)
    assert len(await visitor.inbox()) == 1
    _, tokens = await visitor.redeem(back["code"])
    assert (await visitor.verified(tokens["id_token"]))["acr"] == level


async def test_three_wrong_sms_codes_end_the_login(visitor: Visitor) -> None:
    """A wrong code may be tried again twice; the third sends the citizen back without a login."""
    _, page = await visitor.authorize(acr_values=SUBSTANTIAL)
    login = login_in(page)
    await visitor.submit("login", login=login, user="single", password="sandbox")
    right = (await visitor.inbox())[0]["code"]
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    for _ in range(2):
        status, page = await visitor.submit("sms", login=login, code=wrong)
        assert (status, 'role="alert"' in page) == (200, True)
    _, address = await visitor.submit("sms", login=login, code=wrong)
    assert told(address)["error"] == "access_denied"
    assert (await visitor.submit("sms", login=login, code=right))[0] == 400


async def test_an_earlier_login_is_silently_used_again_unless_a_fresh_one_is_forced(visitor: Visitor) -> None:
    """The trap of the second person: without `prompt=login` or `max_age=0` the first one's session answers."""
    await visitor.log_in("married-couple")
    visitor.clock.now += 30
    _, address = await visitor.authorize()
    _, tokens = await visitor.redeem(told(address)["code"])
    assert (await visitor.userinfo(tokens["access_token"]))["bsn"] == "999102965"
    assert (await visitor.verified(tokens["id_token"]))["auth_time"] == int(visitor.clock.now) - 30
    for forced in ({"prompt": "login"}, {"max_age": "0"}, {"max_age": "29"}):
        status, page = await visitor.authorize(**forced)
        assert (status, "Wachtwoord" in page) == (200, True)
    back = await visitor.log_in("married-couple-partner", prompt="login", max_age="0")
    _, tokens = await visitor.redeem(back["code"])
    assert (await visitor.userinfo(tokens["access_token"]))["bsn"] == "999120748"


async def test_a_session_that_is_not_certain_enough_only_asks_the_sms_code(visitor: Visitor) -> None:
    """Step-up: whoever is logged in by password is asked the code, not the password, and keeps their login time."""
    await visitor.log_in("single")
    at = int(visitor.clock.now)
    visitor.clock.now += 10
    _, page = await visitor.authorize(acr_values=SUBSTANTIAL)
    _, address = await visitor.submit("sms", login=login_in(page), code=(await visitor.inbox())[0]["code"])
    _, tokens = await visitor.redeem(told(address)["code"])
    claims = await visitor.verified(tokens["id_token"])
    assert (claims["acr"], claims["auth_time"]) == (SUBSTANTIAL, at)


async def test_nobody_logged_in_and_no_page_allowed_is_login_required(visitor: Visitor) -> None:
    """`prompt=none` never shows a page."""
    _, address = await visitor.authorize(prompt="none")
    assert told(address)["error"] == "login_required"


async def test_a_session_ends_after_a_quarter_of_an_hour(visitor: Visitor) -> None:
    """An old session is not used again."""
    await visitor.log_in("single")
    visitor.clock.now += 901
    assert (await visitor.authorize())[0] == 200


async def test_cancelling_tells_the_client_so(visitor: Visitor) -> None:
    """The button, and the persona who always cancels, both come back as `access_denied` with the state."""
    _, page = await visitor.authorize()
    _, address = await visitor.submit("cancel", login=login_in(page))
    assert told(address) == {"error": "access_denied", "state": "the-state", "iss": visitor.issuer}
    assert (await visitor.log_in("login-cancelled"))["error"] == "access_denied"


@pytest.mark.parametrize(("user", "password"), [("single", "wrong"), ("nobody", "sandbox"), ("", "")])
async def test_a_wrong_name_or_password_is_asked_again(visitor: Visitor, user: str, password: str) -> None:
    """The page comes back with an alert, and does not say which of the two was wrong."""
    _, page = await visitor.authorize()
    status, page = await visitor.submit("login", login=login_in(page), user=user, password=password)
    assert status == 200
    assert 'role="alert"' in page


async def test_a_login_that_took_too_long_is_over(visitor: Visitor) -> None:
    """After fifteen minutes, or for a login nobody began, there is only an error page."""
    _, page = await visitor.authorize()
    visitor.clock.now += 901
    status, _ = await visitor.submit("login", login=login_in(page), user="single", password="sandbox")
    assert status == 400
    assert (await visitor.submit("cancel", login="made-up"))[0] == 400
    assert (await visitor.submit("sms", login="made-up", code="1"))[0] == 400


@pytest.mark.parametrize("changes", [{"client_id": "other"}, {"redirect_uri": "http://127.0.0.1:9/elsewhere"}])
async def test_an_unknown_client_or_address_is_never_redirected_to(visitor: Visitor, changes: dict[str, str]) -> None:
    """RFC 6749, 3.1.2.4: an error page, no redirect."""
    status, page = await visitor.authorize(**changes)
    assert (status, page.startswith("<!doctype html>")) == (400, True)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"nonce": None}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"scope": "email"}, "invalid_scope"),
    ],
)
async def test_a_request_that_lacks_a_protection_is_sent_back(
    visitor: Visitor, changes: dict[str, str | None], error: str
) -> None:
    """PKCE with S256, a state and a nonce are compulsory."""
    _, address = await visitor.authorize(**changes)
    assert told(address)["error"] == error


async def test_a_code_works_once_for_a_minute_with_its_verifier(visitor: Visitor) -> None:
    """Single use, 60 seconds, bound to the PKCE verifier and the redirect address."""
    back = await visitor.log_in("single")
    assert (await visitor.redeem(back["code"]))[0] == 200
    assert (await visitor.redeem(back["code"]))[1] == {"error": "invalid_grant"}
    for changes, later in (({"code_verifier": "x" * 43}, 0), ({"redirect_uri": "http://127.0.0.1:9/x"}, 0), ({}, 61)):
        _, address = await visitor.authorize()
        visitor.clock.now += later
        assert (await visitor.redeem(told(address)["code"], **changes))[1] == {"error": "invalid_grant"}


async def test_the_client_must_prove_who_it_is(visitor: Visitor) -> None:
    """RFC 7523: signed by the client's key, for this provider, not expired, not too long, not used before."""
    code = (await visitor.log_in("single"))["code"]
    used = visitor.assertion()
    assert (await visitor.redeem("x", client_assertion=used))[1] == {"error": "invalid_grant"}
    stranger = jwk.JWK.generate(kty="EC", crv="P-256")
    now = int(visitor.clock.now)
    for bad in (
        used,
        visitor.assertion(key=stranger),
        visitor.assertion(aud="https://elsewhere"),
        visitor.assertion(iss="other"),
        visitor.assertion(exp=now - 1),
        visitor.assertion(exp=now + 3600),
        "no.jwt.atall",
        visitor.assertion(kid="unknown"),
    ):
        assert await visitor.redeem(code, client_assertion=bad) == (401, {"error": "invalid_client"})
    assert (await visitor.redeem(code, client_assertion_type="basic"))[0] == 401
    assert (await visitor.redeem(code, grant_type="password"))[1] == {"error": "unsupported_grant_type"}
    assert (await visitor.redeem(code))[0] == 200


async def test_userinfo_is_for_a_living_access_token(visitor: Visitor) -> None:
    """A made-up or old token gets 401 with a challenge and no word on anybody."""
    _, tokens = await visitor.redeem((await visitor.log_in("single"))["code"])
    visitor.clock.now += 301
    for token in (tokens["access_token"], "made-up"):
        headers = {"Authorization": f"Bearer {token}"}
        async with visitor.browser.get(f"{visitor.issuer}/userinfo", headers=headers) as answer:
            assert answer.status == 401
            assert "invalid_token" in answer.headers["WWW-Authenticate"]


def test_userinfo_is_never_sent_unencrypted() -> None:
    """Without an encryption key of the client there is no userinfo at all."""
    settings = SandboxSettings(client_jwks={"keys": []}, redirect_uris=())
    with pytest.raises(BadClient):
        Keys(issuer="x", settings=settings).encrypted("token")


async def test_an_sms_code_nobody_was_sent_is_refused(visitor: Visitor) -> None:
    """The SMS page cannot be used to pass by the password."""
    _, page = await visitor.authorize(acr_values=SUBSTANTIAL)
    assert (await visitor.submit("sms", login=login_in(page), code=""))[0] == 400


async def test_pages_say_that_they_are_pretend_and_escape_what_they_show(visitor: Visitor) -> None:
    """Every page carries the banner, labels its fields, and shows nothing that came in unescaped."""
    _, page = await visitor.authorize()
    assert "Zandbak: alles hier is nagemaakt" in page
    assert page.count("<label for=") == 2
    _, page = await visitor.submit("login", login=login_in(page), user="<script>", password="x")
    assert "<script>" not in page
