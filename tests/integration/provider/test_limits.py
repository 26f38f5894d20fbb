"""What anybody may send without showing who they are: not endlessly much, and nothing of it stays in memory.

The framework parses forms, queries, cookies and paths behind caches of a thousand entries each, for as long as the
process lives. The house runs in the process of the tests, so that these can look into them.
"""

from __future__ import annotations

import pytest
from litestar._asgi.routing_trie.traversal import parse_path_params
from litestar._parsers import parse_cookie_string, parse_query_string, parse_url_encoded_form_data

from broker.http.envelope import MAX_ADDRESS_BYTES
from broker.http.requests import COOKIE, FORM, MAX_BODY_BYTES, MAX_FIELDS
from tests.house import House
from tests.integration.provider.asking import ask, problem
from tests.integration.provider.assertions import exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = "a" * MAX_ADDRESS_BYTES
MANY = "&".join(f"lang={number}" for number in range(MAX_FIELDS + 1))


def remembered() -> list[int]:
    """How often the framework was given something to remember, by cache."""
    caches = (parse_url_encoded_form_data, parse_query_string, parse_cookie_string, parse_path_params)
    return [cache.cache_info().misses for cache in caches]


async def test_no_form_is_remembered(house: House) -> None:
    """Neither an assertion, which is a secret while it lives, nor what a stranger fills a body with."""
    before = remembered()
    problem(await exchange(house, "a.b.c"), "invalid-client")
    for number in range(3):
        body = f"grant_type=client_credentials&client_assertion={number}{'a' * (MAX_BODY_BYTES - 60)}"
        answer = await ask(house, "POST", "/oauth/token", data=body, headers={"Content-Type": FORM})
        problem(answer, "invalid-client")
    assert remembered() == before


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("&".join(f"a{number}=" for number in range(MAX_FIELDS + 1)), "invalid-request"),
        ("grant_type=client_credentials&x=" + "a" * MAX_BODY_BYTES, "too-large"),
    ],
    ids=["fields", "bytes"],
)
async def test_a_form_has_an_end(house: House, body: str, code: str) -> None:
    """In fields and in bytes; with the code that OAuth clients read."""
    answer = await ask(house, "POST", "/oauth/token", data=body, headers={"Content-Type": FORM})
    problem(answer, code)
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize(
    "path",
    [
        f"/?lang={LONG}",
        f"/?{MANY}",
        f"/nergens?lang={LONG}",
        f"/phone?code={LONG}",
        f"/v1/sessions?reference={LONG}",
        f"/healthz?{LONG}",
        f"/j/{LONG}",
        f"/v1/sessions/{LONG}",
        f"/brand/{'%61' * MAX_ADDRESS_BYTES}/logo",
        f"/{LONG}",
    ],
    ids=lambda path: path[:16],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_an_endless_address_is_refused(house: House, method: str, path: str, accept: str) -> None:
    """Whether there is anything at it or not, before a path or a query is parsed, also for the page of a mistake."""
    before = remembered()
    problem(await ask(house, method, path, headers={"Accept": accept}), "too-large")
    assert remembered() == before


async def test_a_long_address_is_no_endless_one(house: House) -> None:
    """What a provider may ask of its list, and what an identity provider comes back with, fit well."""
    reference = "%2D" * 64
    assert (await ask(house, "GET", f"/v1/sessions?reference={reference}", caller=house.office)).status == 200
    back = f"/phone?code={'c' * 1200}&state={'s' * 100}&iss=https%3A%2F%2Finlog.example"
    assert (await ask(house, "GET", back, headers={"Accept": "text/html"})).status == 200
    fits = "/?lang=en&x="
    page = await ask(house, "GET", fits + "a" * (MAX_ADDRESS_BYTES - len(fits) + 1))
    assert (page.status, b'lang="en"' in page.body) == (200, True)


async def test_no_cookie_is_remembered(house: House) -> None:
    """Those of others on the same host may be many: ours is found among them, and none of them stays."""
    _, browser = await house.opened()
    await browser.start()
    before = remembered()[2]
    many = "; ".join(f"other{number}={'x' * 100}" for number in range(50))
    cookies = f"{many}; {COOKIE}={browser.cookie}; last=1"
    answer = await ask(house, "GET", "/j/checklist", headers={"Cookie": cookies, "Accept": "text/html"})
    assert answer.status == 200
    assert remembered()[2] == before
