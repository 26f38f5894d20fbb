"""What holds for every answer of the broker, and what operators ask: health, readiness and numbers."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from broker import serving
from broker.http.app import create
from broker.settings import Settings, SettingsError
from sandbox.backoffice import BackOffice
from sandbox.stage import SOURCES, free_port
from tests.house import House, standing
from tests.integration.provider.asking import ask, consented, problem
from tests.stores import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/v1", "not-found"),
        ("GET", "/v1/nothing", "not-found"),
        ("GET", "/v2/sessions", "not-found"),
        ("GET", "/.env", "not-found"),
        ("GET", "/v1/../../etc/passwd", "not-found"),
        ("GET", "/%C3%A9/%00/%ff", "not-found"),
        ("PUT", "/v1/sessions", "method-not-allowed"),
        ("POST", "/v1/profiles", "method-not-allowed"),
        ("GET", "/oauth/token", "method-not-allowed"),
        ("GET", "/v1/sessions", "unauthorized"),
    ],
)
async def test_every_refusal_is_a_problem(house: House, method: str, path: str, code: str) -> None:
    """With the security headers and the API version that `ask` checks on every answer."""
    problem(await ask(house, method, path), code)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/profiles/",
        "/v1/sessions/",
        "/v1/openapi.json/",
        "/healthz/",
        "/v1/profiles//",
        "/.well-known/jwks.json/",
        "//v1/profiles",
        "/v1//profiles",
        "/v1/profiles%2F",
    ],
)
async def test_every_resource_has_one_address(house: House, path: str) -> None:
    """NLgov ADR /core/no-trailing-slash: 404 and no redirect; nor are slashes doubled."""
    problem(await ask(house, "GET", path, caller=house.office), "not-found")


async def test_a_method_that_is_not_allowed_names_those_that_are(house: House) -> None:
    """RFC 9110 section 15.5.6: 405 comes with Allow."""
    answer = await ask(house, "PUT", "/v1/sessions", caller=house.office)
    assert {"GET", "POST"} <= {name.strip() for name in answer.headers["Allow"].split(",")}


async def test_an_answer_names_no_software(house: House) -> None:
    """No Server header; of the broker only the version of its API."""
    answer = await ask(house, "GET", "/healthz")
    assert not {"Server", "X-Powered-By"} & set(answer.headers)


async def test_health_and_readiness(house: House) -> None:
    """Alive without asking the store; ready when the store answers and the clocks agree, however the sources do."""
    assert (await ask(house, "GET", "/healthz")).json() == {"status": "ok"}
    answer = await ask(house, "GET", "/readyz")
    sources = dict.fromkeys(SOURCES, "unknown")
    assert (answer.status, answer.json()) == (200, {"ready": True, "store": "ok", "clock": "ok", "sources": sources})


async def test_numbers_say_nothing_of_anybody(house: House, other: BackOffice) -> None:
    """Counts by state, source, outcome and surface; no session id, provider or reference."""
    session_id, _ = await consented(house, other, reference="zaak-geheim")
    text = (await ask(house, "GET", "/metrics")).body.decode()
    for name in ("ophaalbrug_sessions_total", "ophaalbrug_collections_total", "ophaalbrug_request_seconds_count"):
        assert name in text
    assert 'surface="provider"' in text
    assert not any(secret in text for secret in (session_id, "zaak-geheim", other.id))


async def test_operations_may_have_a_port_of_their_own(tmp_path: Path, single_store: Store) -> None:
    """Then nobody else sees them: the main port has none of them, theirs has nothing else."""
    port = free_port()
    settings = {"OPHAALBRUG_OPERATIONS_PORT": str(port)}
    async with standing(tmp_path, single_store.url, settings=settings) as house:
        own = f"http://127.0.0.1:{port}"
        for path in ("/healthz", "/readyz", "/metrics"):
            problem(await ask(house, "GET", path), "not-found")
            async with house.http.get(own + path) as answer:
                assert (answer.status, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")
        for path in ("/v1/openapi.json", "/.well-known/jwks.json", "/j/session", "/readyz/"):
            async with house.http.get(own + path) as answer:
                assert (answer.status, (await answer.json())["code"]) == (404, "not-found")
    with pytest.raises(OSError, match=r"onnect"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_several_processes_cannot_share_that_port(tmp_path: Path) -> None:
    """It is said at the start, and not found out when the second process fails."""
    with pytest.raises(SettingsError, match="operations_port needs workers = 1"):
        serving.serve(Settings(data_dir=tmp_path, operations_port=free_port(), workers=2))


async def test_whom_to_tell_about_a_weakness(house: House) -> None:
    """RFC 9116: plain text in UTF-8, with contacts, and an end that is less than a year away (2.5.5)."""
    answer = await ask(house, "GET", "/.well-known/security.txt")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    fields = [line.split(": ", 1) for line in answer.body.decode().splitlines()]
    contacts = [value for name, value in fields if name == "Contact"]
    assert contacts == [f"mailto:{house.settings.contact_email}", house.settings.contact_url]
    assert all(contact.startswith(("mailto:", "https://")) for contact in contacts)
    (expires,) = [datetime.fromisoformat(value) for name, value in fields if name == "Expires"]
    assert 360 < (expires.timestamp() - house.now()) / 86400 < 365
    assert ["Preferred-Languages", "nl, en"] in fields


async def test_over_https_browsers_are_told_to_stay_there(tmp_path: Path, single_store: Store) -> None:
    """Strict-Transport-Security for a year on an https base address (ADR /core/transport/security-headers)."""
    settings = Settings(base_url="https://brug.example", data_dir=tmp_path)
    app: Any = create(settings, single_store.url)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/nothing",
        "raw_path": b"/nothing",
        "query_string": b"",
        "root_path": "",
        "scheme": "https",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 443),
    }
    await app(scope, receive, send)
    headers = dict(sent[0]["headers"])
    assert headers[b"strict-transport-security"] == b"max-age=31536000; includeSubDomains"
