"""Opening sessions: what is refused, with every mistake named at once, and what a repeated request answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from broker.http.requests import MAX_BODY_BYTES
from sandbox.backoffice import BackOffice
from tests.house import House
from tests.integration.provider.asking import Answer, ask, linked_phone, problem, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEEKS_12 = 12 * 7 * 24 * 3600
TEST_BSN = "999990342"


async def create(house: House, body: object, *, caller: BackOffice | None = None, key: str | None = None) -> Answer:
    """Ask for a session."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return await ask(house, "POST", "/v1/sessions", caller=caller or house.office, json=body, headers=headers)


async def send(house: House, body: bytes, media_type: str = "application/json") -> Answer:
    """Ask for a session with exactly these bytes."""
    headers = {"Content-Type": media_type}
    return await ask(house, "POST", "/v1/sessions", caller=house.office, data=body, headers=headers)


async def test_a_session_is_created_with_everything_a_provider_may_wish(house: House) -> None:
    """201 with a Location that can be read, and a link for the citizen; times are UTC with a Z."""
    wishes = {
        "profile": "bijstand",
        "household": "couple",
        "reference": "zaak-2026.1_a",
        "language": "en",
        "returnUrl": "https://gemeente.example/klaar?zaak=1",
        "expiresIn": 3600,
    }
    answer = await create(house, wishes)
    made = answer.json()
    assert (answer.status, made["status"]) == (201, "created")
    assert made["expiresAt"].endswith("Z")
    path = answer.headers["Location"].removeprefix(house.url)
    assert path == f"/v1/sessions/{made['id']}"
    read = (await ask(house, "GET", path, caller=house.office)).json()
    assert (read["status"], read["reference"], read["profile"]) == ("created", "zaak-2026.1_a", "bijstand")
    assert read["expiresAt"] == made["expiresAt"]
    assert made["journeyUrl"].startswith(f"{house.url}/j/{made['id']}.")


async def test_every_mistake_is_named_at_once(house: House) -> None:
    """NLgov ADR /core/error-handling/all-errors: wrong, unknown and missing fields in one answer, without values."""
    wrong: dict[str, Any] = {
        "household": "three",
        "reference": "with space",
        "language": "fr",
        "returnUrl": "http://gemeente.example",
        "expiresIn": 1,
        "bsn": TEST_BSN,
        "invitation": {"email": 7},
    }
    answer = await create(house, wrong)
    named = {text.split(":")[0] for text in problem(answer, "invalid-request")}
    assert named == {"profile", *wrong}
    assert not any(value in answer.body.decode() for value in ("three", "with space", "gemeente.example", TEST_BSN))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("profile", None),
        ("profile", 7),
        ("household", "SINGLE"),
        ("reference", ""),
        ("reference", "a" * 65),
        ("reference", "zaak 1"),
        ("reference", "zaak\n"),
        ("reference", "zaak/1"),
        ("reference", TEST_BSN),
        ("reference", "9999.90.342"),
        ("reference", "bsn-999990342"),
        ("reference", "a999990342b"),
        ("reference", "1234567a.999990342"),
        ("language", "nl-NL"),
        ("returnUrl", "http://gemeente.example"),
        ("returnUrl", "javascript:alert(1)"),
        ("returnUrl", "https://gemeente.example/a b"),
        ("returnUrl", "https://" + "a" * 2001),
        ("expiresIn", 3599),
        ("expiresIn", WEEKS_12 + 1),
        ("expiresIn", "3600"),
        ("expiresIn", 3600.5),
        ("unknown", None),
    ],
)
async def test_a_wrong_field_is_refused_by_name(house: House, field: str, value: object) -> None:
    """A reference is 1 to 64 of a small set and never a BSN; addresses are https; seconds are whole and bounded."""
    errors = problem(await create(house, {"profile": "bijstand", field: value}), "invalid-request")
    assert [text.split(":")[0] for text in errors] == [field]


@pytest.mark.parametrize("seconds", [3600, WEEKS_12])
async def test_the_bounds_themselves_are_allowed(house: House, seconds: int) -> None:
    """An hour, and twelve weeks."""
    assert (await create(house, {"profile": "bijstand", "expiresIn": seconds})).status == 201


async def test_nine_digits_that_are_no_bsn_may_be_a_reference(house: House) -> None:
    """Only what passes the elfproef is refused, and only nine digits in a row."""
    for reference in ("999990343", "9999-90343", "9999903420", "zaak-2026-00002", "99999a0342"):
        assert (await create(house, {"profile": "bijstand", "reference": reference})).status == 201


async def test_a_profile_of_another_provider_is_unknown(house: House, other: BackOffice) -> None:
    """`bijstand-nlgov` is the first provider's only; nobody has `nonsense`."""
    problem(await create(house, {"profile": "bijstand-nlgov"}, caller=other), "unknown-profile")
    problem(await create(house, {"profile": "nonsense"}), "unknown-profile")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b'{"profile": "\xff"}',
        b'{"profile": "bijstand"} trailing',
        b"[]",
        b"null",
        b'"bijstand"',
        b'{"profile": "bijstand", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"[" * 60_000,
        b'{"a":' * 10_000,
    ],
    ids=lambda body: str(body[:30]),
)
async def test_what_is_no_json_object_is_refused(house: House, body: bytes) -> None:
    """Also when it is nested without end."""
    assert problem(await send(house, body), "invalid-request")


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "", "x"])
async def test_only_json_is_read(house: House, media_type: str) -> None:
    """415, whatever stands in the body (NLgov ADR: media types that are not known)."""
    problem(await send(house, b'{"profile": "bijstand"}', media_type), "unsupported-media-type")


async def test_a_charset_beside_json_is_fine(house: House) -> None:
    """Parameters of the media type are not judged."""
    assert (await send(house, b'{"profile": "bijstand"}', "Application/JSON; charset=utf-8")).status == 201


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, MAX_BODY_BYTES + 2, 4 * MAX_BODY_BYTES])
async def test_an_oversized_body_is_refused(house: House, size: int) -> None:
    """413, also when it does not say how long it is going to be."""
    body = b'{"profile": "bijstand"}'.ljust(size)
    problem(await send(house, body), "too-large")

    async def chunks() -> Any:
        for start in range(0, size, 10_000):
            yield body[start : start + 10_000]

    headers = {"Content-Type": "application/json"}
    streamed = await ask(house, "POST", "/v1/sessions", caller=house.office, data=chunks(), headers=headers)
    problem(streamed, "too-large")


async def test_the_largest_body_is_read(house: House) -> None:
    """64 KiB to the byte."""
    assert (await send(house, b'{"profile": "bijstand"}'.ljust(MAX_BODY_BYTES))).status == 201


async def test_the_same_key_and_body_answer_the_same(house: House) -> None:
    """Byte for byte, however the JSON is written, and also after somebody started."""
    wishes = {"profile": "bijstand", "household": "single", "reference": "zaak-1"}
    first = await create(house, wishes, key="zaak-1")
    await linked_phone(house, first.json()["journeyUrl"])
    again = await create(house, dict(reversed(wishes.items())), key="zaak-1")
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["Location"] == first.headers["Location"]


async def test_the_same_key_with_another_body_is_a_conflict(house: House) -> None:
    """409 `idempotency-mismatch`, and the first session is untouched."""
    first = await create(house, {"profile": "bijstand"}, key="zaak-2")
    problem(await create(house, {"profile": "bijstand", "language": "en"}, key="zaak-2"), "idempotency-mismatch")
    assert (await create(house, {"profile": "bijstand"}, key="zaak-2")).body == first.body


async def test_fifty_at_once_make_one_session(house: House) -> None:
    """The key decides, not who comes first; without a key each makes its own."""
    wishes = {"profile": "bijstand", "reference": "vijftig"}
    answers = await asyncio.gather(*(create(house, wishes, key="vijftig") for _ in range(50)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    others = await asyncio.gather(*(create(house, wishes) for _ in range(5)))
    assert len({answer.json()["id"] for answer in others}) == 5


async def test_a_key_is_the_providers_own(house: House, other: BackOffice) -> None:
    """Two providers may choose the same one."""
    wishes = {"profile": "bijstand"}
    mine = await create(house, wishes, key="gedeeld")
    theirs = await create(house, wishes, key="gedeeld", caller=other)
    assert mine.json()["id"] != theirs.json()["id"]


@pytest.mark.parametrize("key", ["", "with space", "a" * 256, "é"])
async def test_a_key_that_cannot_be_used_is_refused(house: House, key: str) -> None:
    """1 to 255 visible characters."""
    errors = problem(await create(house, {"profile": "bijstand"}, key=key), "invalid-request")
    assert [text.split(":")[0] for text in errors] == ["Idempotency-Key"]


@pytest.mark.parametrize(("profile", "household"), [("alleen", "couple"), ("samen", "single"), ("alleen", "ask")])
async def test_a_household_outside_the_profile_is_refused(house: House, profile: str, household: str) -> None:
    """A profile that is fixed to one way of living is not bent by a request."""
    await with_fixed_profiles(house)
    errors = problem(await create(house, {"profile": profile, "household": household}), "invalid-request")
    assert [text.split(":")[0] for text in errors] == ["household"]


async def with_fixed_profiles(house: House) -> None:
    """Give the provider profiles for one household each; they are there when they are listed."""
    provider = await house.parts.providers.get(house.office.id)
    assert provider is not None
    base = provider.profile[0]
    fixed = (replace(base, id="alleen", household="single"), replace(base, id="samen", household="couple"))
    if provider.profile_named("alleen") is None:
        await house.parts.providers.put(replace(provider, profile=(*provider.profile, *fixed)))

    async def listed() -> list[str]:
        answer = await ask(house, "GET", "/v1/profiles", caller=house.office)
        return [profile["id"] for profile in answer.json()]

    await until(listed, lambda ids: "samen" in ids)
