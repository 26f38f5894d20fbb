"""DigiD login against two independent providers, whole: the sandbox's DigiD and PyPI's oidc-provider-mock.

The mock is a general OpenID Connect provider in its own process. It knows client secrets and open userinfo, no
`private_key_jwt`, no signed or encrypted userinfo, no PKCE, `prompt` or `max_age` (it lets each pass), no level but as
a claim of the user, and calls every login one of just now. What it is told of a user overrides what it would say.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.login import DigiD, Identity, LoginRefused, LoginSettings, Started, refused
from connectors.outbound import Door
from sandbox.app import running
from sandbox.world import SandboxSettings
from schemas.base import is_bsn

RETURN = "http://127.0.0.1:9/terug"
LOA = "http://eidas.europa.eu/LoA/"
BSN = "999993653"
TOKEN_SECONDS = 120

Told = dict[str, str]


def told(address: str) -> Told:
    """What the way back tells us."""
    assert address.startswith(f"{RETURN}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


async def landed(browser: aiohttp.ClientSession, method: str, url: str, **form: str) -> tuple[int, str]:
    """The status of one request of a browser, and where it leads or the page it shows."""
    async with browser.request(method, url, data=form or None, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location") or await answer.text()


async def why(digid: DigiD, start: Started, code: str, **changed: Any) -> str:
    """Why the login is refused."""
    with pytest.raises(LoginRefused) as caught:
        await ended(digid, start, code, **changed)
    return caught.value.reason


async def ended(digid: DigiD, start: Started, code: str, **changed: Any) -> Identity:
    usual: dict[str, Any] = {
        "started_nonce": start.nonce,
        "verifier": start.verifier,
        "minimum_level": "low",
        "fresh_since": None,
        "now": datetime.now(UTC),
    }
    return await digid.finish(code=code, **{**usual, **changed})


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    """oidc-provider-mock in a process of its own, with its own clock and its own warnings; gives its address."""
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", "0", "--host", "127.0.0.1", "--require-nonce=true"]
    command += ["--require-registration=true", "--token-max-age", str(TOKEN_SECONDS)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            found = next(filter(None, (re.search(r"running on (http://[\d.:]+)", line) for line in process.stderr)))
            drain = threading.Thread(target=process.stderr.read)  # or it would stop at a full pipe
            drain.start()
            yield found[1]
        finally:
            process.terminate()
            process.wait()
        drain.join()


class Bridge:
    """The mock as our bridge: one registered client of it, and a citizen's browser."""

    def __init__(self, issuer: str, digid: DigiD, browser: aiohttp.ClientSession) -> None:
        self.issuer = issuer
        self.digid = digid
        self.browser = browser

    async def begin(self, *, fresh: bool = False) -> Started:
        return await self.digid.begin(minimum_level="low", fresh=fresh, now=datetime.now(UTC))

    async def log_in(self, start: Started, **claims: object) -> Told:
        """Somebody with these claims logs in; what we are told on the way back."""
        usual = {"bsn": BSN, "loa_authn": f"{LOA}substantial"}
        async with self.browser.put(f"{self.issuer}/users/somebody", json={**usual, **claims}) as answer:
            assert answer.status == 204
        assert (await landed(self.browser, "GET", start.url))[0] == 200
        _, address = await landed(self.browser, "POST", start.url, sub="somebody")
        return told(address)

    async def identity(self, *, fresh: bool = False, **claims: object) -> Identity:
        start = await self.begin(fresh=fresh)
        since = datetime.now(UTC) if fresh else None
        return await ended(self.digid, start, (await self.log_in(start, **claims))["code"], fresh_since=since)

    async def reason(self, *, fresh: bool = False, **claims: object) -> str:
        with pytest.raises(LoginRefused) as caught:
            await self.identity(fresh=fresh, **claims)
        return caught.value.reason


@asynccontextmanager
async def bridge(
    issuer: str, tmp_path: Path, method: str = "client_secret_basic", **options: Any
) -> AsyncGenerator[Any]:
    """A client registered at the mock with a secret (RFC 7591), and our side of it."""
    async with aiohttp.ClientSession() as browser:
        wanted = {"redirect_uris": [RETURN], "token_endpoint_auth_method": method}
        async with browser.post(f"{issuer}/oauth2/clients", json=wanted) as answer:
            client = await answer.json()
        secret = tmp_path / "secret"
        secret.write_text(options.pop("secret", client["client_secret"]), encoding="utf-8")
        named: dict[str, Any] = {
            "issuer": issuer,
            "client_id": client["client_id"],
            "redirect_uri": RETURN,
            "client_authentication": method,
            "client_secret_file": str(secret),
            "userinfo": "plain",
        }
        settings = LoginSettings(**{**named, **options})
        door = Door.configured(settings.hosts())
        try:
            yield Bridge(issuer, DigiD(settings, door), browser)
        finally:
            await door.close()


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_the_mock_logs_somebody_in(mock: str, tmp_path: Path, method: str) -> None:
    """The whole way by either proof of the client: state comes back, and JSON userinfo gives BSN and level."""
    async with bridge(mock, tmp_path, method) as met:
        start = await met.begin()
        back = await met.log_in(start)
        assert back["state"] == start.state
        identity = await ended(met.digid, start, back["code"], minimum_level="substantial")
    assert (identity.bsn, identity.level, identity.subject) == (BSN, "substantial", "somebody")
    assert abs((datetime.now(UTC) - identity.authenticated_at).total_seconds()) < 60


async def test_the_mock_tells_it_all_in_the_id_token(mock: str, tmp_path: Path) -> None:
    """Without userinfo, and with claims of other names inside others: the id_token is enough."""
    options = {"userinfo": "none", "bsn_claim": ("nin", "value"), "level_claim": "acr"}
    async with bridge(mock, tmp_path, **options) as met:
        assert (await met.identity(nin={"value": BSN}, acr=f"{LOA}low")).level == "low"
        assert await met.reason(nin={"value": "123456789"}, acr=f"{LOA}low") == "no-bsn"


async def test_the_mock_finds_our_secret_wrong(mock: str, tmp_path: Path) -> None:
    """A secret that is not ours is a fault of the settings, and no verdict on who logged in."""
    async with bridge(mock, tmp_path, secret="not-ours") as met:
        assert await met.reason() == "provider-error"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"nonce": "of-another-login"}, "invalid"),
        ({"aud": "another-client"}, "invalid"),
        ({"aud": ["another-client"]}, "invalid"),
        ({"iss": "https://another.example"}, "invalid"),
        ({"iat": 1_700_000_000}, "invalid"),
        ({"exp": 1_700_000_000}, "invalid"),
        ({"bsn": None}, "no-bsn"),
        ({"acr": f"{LOA}none"}, "level-too-low"),
        ({"acting_nin": "999990019"}, "on-behalf"),
    ],
)
async def test_the_mock_says_what_we_refuse(mock: str, tmp_path: Path, claims: dict[str, object], reason: str) -> None:
    """Tokens rightly signed but of another login, client, issuer or time; and people we cannot serve."""
    async with bridge(mock, tmp_path) as met:
        assert await met.reason(**claims) == reason


async def test_what_the_mock_gave_before_is_worth_nothing_now(mock: str, tmp_path: Path) -> None:
    """A code counts once, for the login it was given in; an id_token until it expires."""
    async with bridge(mock, tmp_path) as met:
        start, other = await met.begin(), await met.begin()
        code = (await met.log_in(start))["code"]
        assert await why(met.digid, start, code, started_nonce=other.nonce) == "invalid"
        assert await why(met.digid, start, code) == "invalid"
        code = (await met.log_in(other))["code"]
        later = datetime.now(UTC) + timedelta(seconds=TOKEN_SECONDS + 31)
        assert await why(met.digid, other, code, now=later) == "invalid"


async def test_somebody_stops_at_the_mock(mock: str, tmp_path: Path) -> None:
    """Denying there is an outcome; the mock leaves `state` out of that answer, which RFC 6749 does not allow."""
    async with bridge(mock, tmp_path) as met:
        start = await met.begin()
        _, address = await landed(met.browser, "POST", start.url, action="deny")
    back = told(address)
    assert refused(back["error"]).reason == "cancelled"
    assert "state" not in back


async def test_the_mock_ignores_that_a_login_must_be_fresh(mock: str, tmp_path: Path) -> None:
    """It asks nobody to log in anew and says of each token that the login was just now. A true `auth_time` counts."""
    async with bridge(mock, tmp_path) as met:
        assert (await met.identity(fresh=True)).bsn == BSN
        assert await met.reason(fresh=True, auth_time=int(time.time()) - 60) == "not-fresh"
        assert await met.reason(fresh=True, auth_time=None) == "not-fresh"


class Sandbox:
    """The sandbox's DigiD as our bridge, with a clock that is moved, and one browser for all who log in."""

    def __init__(self) -> None:
        self.now = time.time()
        self.issuer = ""

    def clock(self) -> float:
        return self.now

    def at(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    @asynccontextmanager
    async def met(self, tmp_path: Path) -> AsyncGenerator[tuple[DigiD, aiohttp.ClientSession]]:
        """Our side of it, whose keys it knows from the start, and the browser."""
        file = tmp_path / "client.pem"
        form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        key = await asyncio.to_thread(rsa.generate_private_key, 65537, 2048)
        file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
        keys = self._client("http://127.0.0.1:1", file)[0].jwks()
        world = SandboxSettings(client_jwks=keys, redirect_uris=(RETURN,), clock=self.clock)
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of 127.0.0.1 too
        async with running(world) as address, aiohttp.ClientSession(cookie_jar=jar) as browser:
            self.issuer = f"{address}/digid"
            digid, door = self._client(self.issuer, file)
            try:
                yield digid, browser
            finally:
                await door.close()

    def _client(self, issuer: str, file: Path) -> tuple[DigiD, Door]:
        settings = LoginSettings(issuer=issuer, client_id="ophaalbrug", redirect_uri=RETURN, key_file=str(file))
        door = Door.configured(settings.hosts())
        return DigiD(settings, door), door

    async def log_in(self, browser: aiohttp.ClientSession, url: str, user: str) -> Told:
        _, page = await landed(browser, "GET", url)
        if page.startswith(RETURN):
            return told(page)
        login = {"login": _login(page)}
        _, page = await landed(browser, "POST", f"{self.issuer}/login", **login, user=user, password="sandbox")
        return told(page)


def _login(page: str) -> str:
    found = re.search(r'name="login" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def test_the_sandbox_logs_somebody_in(tmp_path: Path) -> None:
    """The default settings, whole: assertion, PKCE, encrypted userinfo; the minimum level counts."""
    world = Sandbox()
    async with world.met(tmp_path) as (digid, browser):
        start = await digid.begin(minimum_level="low", fresh=False, now=world.at())
        back = await world.log_in(browser, start.url, "single")
        identity = await ended(digid, start, back["code"], now=world.at())
        assert (back["state"], identity.level, is_bsn(identity.bsn)) == (start.state, "low", True)
        assert identity.authenticated_at == world.at().replace(microsecond=0)
        code = (await world.log_in(browser, start.url, "single"))["code"]
        assert await why(digid, start, code, now=world.at(), minimum_level="substantial") == "level-too-low"


async def test_the_sandbox_keeps_a_code_to_its_login(tmp_path: Path) -> None:
    """Another verifier, another nonce, a second time or too late: nothing."""
    world = Sandbox()
    async with world.met(tmp_path) as (digid, browser):
        start = await digid.begin(minimum_level="low", fresh=False, now=world.at())
        for changed in ({"verifier": "x" * 43}, {"started_nonce": "another"}):
            code = (await world.log_in(browser, start.url, "single"))["code"]
            assert await why(digid, start, code, now=world.at(), **changed) == "invalid"
        assert await why(digid, start, code, now=world.at()) == "invalid"
        code = (await world.log_in(browser, start.url, "single"))["code"]
        world.now += 61
        assert await why(digid, start, code, now=world.at()) == "invalid"


async def test_somebody_stops_at_the_sandbox(tmp_path: Path) -> None:
    """Stopping is an outcome, and comes back with the state of the login."""
    world = Sandbox()
    async with world.met(tmp_path) as (digid, browser):
        start = await digid.begin(minimum_level="low", fresh=False, now=world.at())
        _, page = await landed(browser, "GET", start.url)
        _, address = await landed(browser, "POST", f"{world.issuer}/cancel", login=_login(page))
        back = told(address)
    assert (refused(back["error"]).reason, back["state"]) == ("cancelled", start.state)


async def test_a_partner_in_the_same_browser(tmp_path: Path) -> None:
    """A fresh login gives the partner; a bridge that ignores it gives the first one again, and that is seen."""
    world = Sandbox()
    async with world.met(tmp_path) as (digid, browser):
        first = await digid.begin(minimum_level="low", fresh=False, now=world.at())
        one = await ended(digid, first, (await world.log_in(browser, first.url, "married-couple"))["code"])
        world.now += 30
        start, since = await digid.begin(minimum_level="low", fresh=True, now=world.at()), world.at()
        code = (await world.log_in(browser, _ignored(start.url), "married-couple-partner"))["code"]
        assert await why(digid, start, code, now=world.at(), fresh_since=since) == "not-fresh"
        code = (await world.log_in(browser, start.url, "married-couple-partner"))["code"]
        two = await ended(digid, start, code, now=world.at(), fresh_since=since)
    assert one.bsn != two.bsn
    assert one.subject != two.subject


def _ignored(url: str) -> str:
    """The same question as a bridge reads it that does not know `prompt` and `max_age`."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("prompt", "max_age")]
    return urlunsplit(parts._replace(query=urlencode(query)))
