"""Steps that several journey tests take, and a watch over every refusal the broker gives.

Owns no rule: what must hold is said in the tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urldefrag, urlsplit

import aiohttp
import msgspec
import pytest

from broker.errors import CATALOGUE
from broker.http.problems import MEDIA_TYPE, TYPE_PREFIX
from sandbox.answers import ApiError
from sandbox.browser import COOKIE, Browser
from sandbox.citizen import collect, log_in
from sandbox.personas import HOUSEHOLDS
from sandbox.personas.facts import Person
from sandbox.phone import Phone, Role, SourceView
from sandbox.stage import SOURCES
from sessions.model import Session
from tests.house import House
from tests.stores import Store

SECONDS = 30.0


class Problem(msgspec.Struct, frozen=True):
    """What every refusal must be (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    detailNl: str  # noqa: N815 - the name on the wire
    errors: tuple[str, ...] = ()


def watch_refusals(house: House) -> None:
    """From now on every answer of 400 and up of the broker must be a problem of the closed catalogue."""
    trace = aiohttp.TraceConfig()

    async def ended(_: aiohttp.ClientSession, __: SimpleNamespace, done: aiohttp.TraceRequestEndParams) -> None:
        if done.response.status >= 400 and str(done.url).startswith(house.url):
            checked(done.response.status, done.response.headers.get("Content-Type", ""), await done.response.read())

    trace.on_request_end.append(ended)
    trace.freeze()
    house.http.trace_configs.append(trace)


def checked(status: int, media_type: str, body: bytes) -> Problem:
    """The problem an answer carries, which must be the catalogue's own line."""
    assert media_type.split(";")[0] == MEDIA_TYPE
    problem = msgspec.json.decode(body, type=Problem)
    entry = CATALOGUE[problem.code]
    assert (problem.status, problem.detail, problem.detailNl) == (entry.status, entry.en, entry.nl)
    assert (problem.type, status) == (TYPE_PREFIX + problem.code, entry.status)
    return problem


def refused(code: str) -> pytest.RaisesExc[ApiError]:
    """The block must be refused with this code."""
    return pytest.raises(ApiError, match=rf"^{CATALOGUE[code].status} {code}:")


async def handed_token(house: House, browser: Browser) -> str:
    """The token a browser is handed for its own device."""
    headers = {"Cookie": f"{COOKIE}={browser.cookie}", "Origin": house.url, "Accept": "application/json"}
    async with house.http.post(f"{house.url}/j/same-device", headers=headers) as answer:
        assert answer.status == 201
        url = (await answer.json())["url"]
    assert urldefrag(url).url == f"{house.url}/phone"
    return urlsplit(url).fragment


def new_jar() -> aiohttp.CookieJar:
    """The cookies of a browser that was never anywhere."""
    return aiohttp.CookieJar(unsafe=True)


async def session_when(house: House, session_id: str, holds: Callable[[Session], bool]) -> Session:
    """The stored session as soon as it `holds`, without any request of a phone or browser."""
    watch = house.parts.changes.watch(f"session {session_id}")
    try:
        async with asyncio.timeout(SECONDS):
            while not holds(session := (await house.parts.sessions.read(session_id)).session):
                await watch.wait(0.2)
            return session
    finally:
        watch.close()


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until what has no notice of its own `holds`."""
    async with asyncio.timeout(SECONDS):
        while not await holds():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.02)


async def settled(phone: Phone, person: Role, source: str) -> SourceView:
    """One source, once nothing is under way there."""
    view = await phone.wait_for(lambda v: v.persons[person].source(source).status not in ("login", "fetching"))
    return view.persons[person].source(source)


async def tried(phone: Phone, person: Role, source: str, user: str, jar: aiohttp.CookieJar | None = None) -> SourceView:
    """One source, after one login there as `user`; without a jar in a browser that remembers nobody."""
    await collect(phone, person, user, [source], jar=new_jar() if jar is None else jar)
    return await settled(phone, person, source)


async def state_and_code(phone: Phone, person: Role, source: str, user: str) -> tuple[str, str]:
    """A login that succeeded at the identity provider and was not handed over yet."""
    url = await phone.login(person, source)
    assert url is not None
    back = await log_in(url, user)
    assert back.code is not None
    return back.state, back.code


async def couple_collected(house: House, household: str = "married-couple") -> tuple[str, Browser, Phone]:
    """A couple that collected everything on one phone."""
    created, browser, phone = await house.linked(household="couple")
    await collect(phone, "applicant", household, SOURCES)
    await collect(phone, "partner", f"{household}-partner", SOURCES)
    return created.id, browser, phone


async def asked_couple(house: House) -> tuple[str, Browser, Phone]:
    """A couple by their own answer, where the profile leaves that open, on one linked phone."""
    created = await house.office.create_session("bijstand", household="ask")
    browser = Browser(created.journey_url, house.http)
    await browser.start("couple")
    phone, paired = await house.scanned(browser)
    await browser.type_code(paired.pairing_code)
    return created.id, browser, phone


async def collected_but_one(house: House) -> tuple[str, Browser, Phone]:
    """A couple with everything that is required, and optional sources still to do."""
    created, browser, phone = await house.linked("inkomen", household="couple")
    await tried(phone, "applicant", "uwv", "married-couple")
    await tried(phone, "partner", "uwv", "married-couple-partner")
    return created.id, browser, phone


async def own_phone(house: House, first: Phone) -> Phone:
    """The partner's own phone, let in by the first one."""
    partner = house.phone()
    paired = await partner.pair(token=(await first.partner_token()).url)
    await first.approve(paired.id, paired.pairing_code)
    return partner


def own_values(household: str, role: Role) -> tuple[str, ...]:
    """Values of one adult that a phone on which only the other logged in must not show."""
    home = HOUSEHOLDS[household]
    person = home.applicant if role == "applicant" else home.partner
    assert isinstance(person, Person)
    amounts = [amount for a in person.assessments for amount in (a.box1, a.box3) if amount]
    values = [person.bsn, person.given_names, person.born]
    if person.surname not in {child.surname for child in home.children}:  # one's own children are shown, by name
        values.append(person.surname)
    values += [job.employer for job in person.jobs] + [scheme.number for scheme in person.schemes]
    return (*values, *(f"{cents // 100}.{cents % 100:02d}" for cents in amounts))


def refuse_data(house: House) -> None:
    """The back office answers every data event with an error from now on; notices it takes."""
    house.office.answer_kind, house.office.answer_with = "data", [500] * 10_000


async def raw(phone: Phone, house: House, method: str, path: str, **sent: Any) -> tuple[int, str, bytes]:
    """A request of a phone with whatever headers and body; gives status, media type and body."""
    async with house.http.request(method, f"{phone.base_url}{path}", **sent) as answer:
        return answer.status, answer.headers.get("Content-Type", ""), await answer.read()


def keys(store: Store, pattern: str = "*") -> list[bytes]:
    """The names of what lies in the store."""
    return [bytes(name) for name in store.nodes[0].client.scan_iter(pattern, count=1000) if isinstance(name, bytes)]
