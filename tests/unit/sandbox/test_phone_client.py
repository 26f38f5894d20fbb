"""The phone as a program: its proofs, how it answers a nonce, and what it makes of answers and streams."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey

from sandbox.answers import ApiError
from sandbox.browser import Browser
from sandbox.citizen import CallbackResult, LoginStuck, forms, log_in
from sandbox.phone import Phone, proof
from tests.answering import answering, standing
from tests.unit.sandbox.conftest import CALLBACK, Visitor

NOW = 1_800_000_000.0
URL = "http://127.0.0.1:9/phone/v1/session"
VIEW = {
    "status": "opened",
    "provider": "Gemeente",
    "purpose": "toets",
    "language": "nl",
    "linked": False,
    "role": "applicant",
}


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a proof, its signature checked with the key it carries, by another library."""
    head = token.split(".")[0]
    key = ECKey.import_key(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["jwk"])
    verified = jws.deserialize_compact(token, key, algorithms=["ES256"])
    return verified.headers(), json.loads(verified.payload)


def test_a_proof_says_what_rfc_9449_asks() -> None:
    """Type, algorithm, public key; method, address, time, nonce, the token's hash, and an id of its own each time."""
    key = ec.generate_private_key(ec.SECP256R1())
    header, claims = read(proof(key, "GET", URL, now=NOW, nonce="n", token="obp_t"))
    assert header.keys() == {"typ", "alg", "jwk"}
    assert header["typ"] == "dpop+jwt"
    assert header["jwk"].keys() == {"kty", "crv", "x", "y"}
    hashed = base64.urlsafe_b64encode(hashlib.sha256(b"obp_t").digest()).rstrip(b"=").decode()
    again = read(proof(key, "GET", URL, now=NOW))[1]
    assert len(claims["jti"]) >= 16
    assert claims.pop("jti") != again.pop("jti")
    assert claims == {"htm": "GET", "htu": URL, "iat": int(NOW), "nonce": "n", "ath": hashed}
    assert again == {"htm": "GET", "htu": URL, "iat": int(NOW)}


def test_a_test_can_bend_a_proof() -> None:
    """Overrides replace or leave out claims and replace what is in the header; the signature still holds."""
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    bent: dict[str, object] = {"typ": "JWT", "htu": "http://elsewhere.example/", "ath": None}
    header, claims = read(proof(key, "GET", URL, now=NOW, token="obp_t", overrides=bent))
    assert (header["typ"], claims["htu"], "ath" in claims) == ("JWT", "http://elsewhere.example/", False)
    assert read(proof(other, "GET", URL, now=NOW))[0]["jwk"] != header["jwk"]


class Desk:
    """A phone API of three answers, which notes what it was sent. It wants the nonce `fresh`."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.streams = 0

    def _refusal(self, request: web.Request) -> web.Response | None:
        _, claims = read(request.headers["DPoP"])
        self.seen.append(claims)
        self.tokens.append(request.headers.get("Authorization", ""))
        if claims.get("nonce") == "fresh":
            return None
        problem = {"status": 401, "code": "use-dpop-nonce", "detail": "Again."}
        return web.json_response(problem, status=401, headers={"DPoP-Nonce": "fresh"})

    async def pair(self, request: web.Request) -> web.Response:
        """Let in whoever brings the token `secret`."""
        refused = self._refusal(request)
        if refused is not None:
            return refused
        if await request.json() != {"token": "secret"}:
            problem = {"code": "token-invalid", "detail": "Over.", "triesLeft": 2, "errors": ["token: no"]}
            return web.json_response(problem, status=410, content_type="application/problem+json")
        paired = {"accessToken": "obp_a", "pairingCode": "1234", "id": "p", "view": VIEW, "tokenType": "DPoP"}
        return web.json_response(paired, status=201)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Two streams: the first ends before anything happened, the second tells of the end."""
        refused = self._refusal(request)
        if refused is not None:
            return refused
        self.streams += 1
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        last = VIEW if self.streams == 1 else {**VIEW, "status": "delivered"}
        text = f"retry: 1000\n\n: still here\n\nevent: session\ndata: {json.dumps(last)}\n\n"
        for piece in (text[:40], text[40:]):
            await stream.write(piece.encode())
        return stream


@asynccontextmanager
async def at(desk: Desk) -> AsyncIterator[Phone]:
    app = web.Application()
    app.router.add_post("/phone/v1/pairings", desk.pair)
    app.router.add_get("/phone/v1/events", desk.events)
    async with standing(app) as url, aiohttp.ClientSession() as http:
        yield Phone(url, http, clock=lambda: NOW)


async def test_a_phone_sends_again_with_the_nonce_it_is_given_and_keeps_it() -> None:
    """`use-dpop-nonce` costs one more request, once; every request has a proof of its own, bound to the token."""
    desk = Desk()
    async with at(desk) as phone:
        paired = await phone.pair(token="http://127.0.0.1:9/phone#secret")
        assert paired.pairing_code == "1234"
        assert [claims.get("nonce") for claims in desk.seen] == [None, "fresh"]
        await phone.wait_for(lambda view: view.status == "opened")
    assert len(desk.seen) == 3
    assert len({claims["jti"] for claims in desk.seen}) == 3
    assert desk.tokens == ["", "", "DPoP obp_a"]
    assert "ath" in desk.seen[2]
    assert desk.seen[2]["htu"].endswith("/phone/v1/events")


async def test_a_nonce_that_stays_wrong_is_not_tried_for_ever() -> None:
    """A proof that a test bends stays bent: the second refusal is given to the caller."""
    desk = Desk()
    async with at(desk) as phone:
        with pytest.raises(ApiError) as refused:
            await phone.request("POST", "/pairings", {"token": "secret"}, proof_overrides={"nonce": "old"})
    assert (refused.value.status, refused.value.code, len(desk.seen)) == (401, "use-dpop-nonce", 2)


async def test_a_problem_becomes_one_exception() -> None:
    """Status, code, sentence, fields and tries left of an RFC 9457 answer; no token is kept."""
    async with at(Desk()) as phone:
        with pytest.raises(ApiError, match="410 token-invalid: Over") as refused:
            await phone.pair(token="wrong")
        assert (refused.value.errors, refused.value.tries_left, phone.token) == (("token: no",), 2, "")
        with pytest.raises(ApiError) as unknown:
            await phone.review()
    assert (unknown.value.status, unknown.value.code) == (404, "")


async def test_waiting_goes_on_when_a_stream_ends() -> None:
    """The broker ends a stream after five minutes; the phone opens another. Waiting too long is a TimeoutError."""
    desk = Desk()
    async with at(desk) as phone:
        assert (await phone.wait_for(lambda view: view.status == "delivered")).status == "delivered"
        assert desk.streams == 2
        with pytest.raises(TimeoutError):
            await phone.wait_for(lambda view: view.linked, seconds=0.05)


async def test_a_browser_keeps_its_cookie_and_names_its_origin() -> None:
    """The `__Host-` cookie of the start comes back with every request, over plain http too; a POST says from where."""
    asked: list[tuple[str, str, str]] = []
    view = {**VIEW, "household": "single", "sources": [], "deadline": "2027-01-01T00:00:00.000Z"}

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path_qs, request.headers.get("Cookie", ""), request.headers.get("Origin", "")))
        answered = web.json_response(view)
        if request.path.endswith("/start"):
            answered.set_cookie("__Host-ophaalbrug", "obb_s.1", secure=True, httponly=True, samesite="Lax")
        return answered

    async with answering(answer) as base, aiohttp.ClientSession() as http:
        browser = Browser(f"{base}/j/s.mac", http)
        await browser.open()
        await browser.start("single")
        await browser.status()
    cookie = "__Host-ophaalbrug=obb_s.1"
    assert asked == [("/j/s.mac", "", ""), ("/j/s.mac/start", "", base), ("/j/session", cookie, "")]


def test_forms_are_read_with_what_they_hold() -> None:
    """Fields of each form in order, hidden ones with their value; an input before any form is nobody's."""
    page = (
        '<input name="x"><form action="/a"><input type=hidden name=l value="&amp;1"><input name=u></form><form></form>'
    )
    first, second = forms(page)
    assert (first.action, first.fields) == ("/a", {"l": "&1", "u": ""})
    assert (second.action, second.fields) == ("", {})


async def test_a_citizen_logs_in_on_the_pages_themselves(visitor: Visitor) -> None:
    """Name, password and the code from the inbox; what comes back is read, and its address is not visited."""
    back = await log_in(f"{visitor.issuer}/authorize?{visitor.query(scope='openid sms')}", "single")
    assert (back.state, back.error) == ("the-state", None)
    assert (await visitor.redeem(back.code or ""))[0] == 200
    assert CALLBACK.startswith("http://127.0.0.1:9/")


async def test_a_jar_remembers_a_login_unless_a_fresh_one_is_forced(visitor: Visitor) -> None:
    """With the same jar nothing is asked again, so a name nobody has will do; `prompt=login` asks, and it will not."""
    jar = aiohttp.CookieJar(unsafe=True)
    url, forced = (f"{visitor.issuer}/authorize?{visitor.query(prompt=prompt)}" for prompt in (None, "login"))
    await log_in(url, "married-couple", jar=jar)
    assert (await log_in(url, "nobody", jar=jar)).code
    with pytest.raises(LoginStuck):
        await log_in(forced, "nobody", jar=jar)
    with pytest.raises(LoginStuck):
        await log_in(url, "nobody")


async def test_giving_up_and_errors_come_back_as_errors(visitor: Visitor) -> None:
    """Cancelling is `access_denied`; a request that cannot go on has no way back at all."""
    url = f"{visitor.issuer}/authorize?{visitor.query()}"
    assert await log_in(url, "single", cancel=True) == CallbackResult(state="the-state", error="access_denied")
    with pytest.raises(LoginStuck):
        await log_in(f"{visitor.issuer}/authorize?{visitor.query(client_id='other')}", "single")


async def test_two_phones_can_log_in_at_once(visitor: Visitor) -> None:
    """Each login finds its own code in the inbox."""
    url = f"{visitor.issuer}/authorize?{visitor.query(scope='openid sms')}"
    backs = await asyncio.gather(log_in(url, "single"), log_in(url, "pensioner"))
    assert all(back.code for back in backs)
