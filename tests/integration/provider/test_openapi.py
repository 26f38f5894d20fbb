"""The OpenAPI documents: valid, open to all, in line with the NLgov REST API Design Rules 2.2.2, and true.

The rules' own linter runs apart; what is checked here are those of its rules that need no more than Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from broker.http import openapi
from broker.http.openapi import phone_document, provider_document
from broker.settings import Settings
from sandbox.backoffice import BackOffice
from sandbox.browser import Browser
from tests.house import House
from tests.integration.journey.handing_over import file_of
from tests.integration.provider.asking import Answer, ask, linked_phone, problem
from tests.integration.provider.receiver import Receiver, receiving
from tests.integration.provider.receiver import status as answering

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRODUCTION = Settings(
    mode="production",
    base_url="https://brug.example",
    secret="s" * 32,
    contact_email="beheer@brug.example",
    contact_url="https://brug.example/over",
)
DOCUMENTS = {"provider": provider_document(PRODUCTION), "phone": phone_document(PRODUCTION)}
every_document = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
Document = dict[str, Any]


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Every path, method and operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/phone/v1/openapi.json"])
async def test_the_documents_are_public_and_valid(house: House, path: str) -> None:
    """OpenAPI 3.1 by the specification's own schema; readable without a token, from any web page."""
    answer = await ask(house, "GET", path)
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    assert document["servers"] == [{"url": house.url + path.removesuffix("/openapi.json")}]


@pytest.mark.parametrize("surface", ["provider", "phone"])
async def test_a_document_is_made_once(house: House, monkeypatch: pytest.MonkeyPatch, surface: str) -> None:
    """Anybody may ask for it, as often as they like: only the first time costs work."""
    path = "/v1/openapi.json" if surface == "provider" else "/phone/v1/openapi.json"
    first = await ask(house, "GET", path)

    def again(_: Settings) -> Document:
        raise AssertionError("made twice")

    monkeypatch.setattr(openapi, f"{surface}_document", again)
    second = await ask(house, "GET", path)
    assert (second.status, second.body) == (200, first.body)


@every_document
async def test_a_production_document_names_its_server_and_whom_to_ask(document: Document) -> None:
    """/core/doc-openapi-contact, /core/transport/tls, /core/semver: https, and name, url and email."""
    assert all(server["url"].startswith("https://brug.example/") for server in document["servers"])
    contact = document["info"]["contact"]
    assert contact == {"name": "Ophaalbrug", "email": "beheer@brug.example", "url": "https://brug.example/over"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", document["info"]["version"])
    assert document["info"]["description"]
    assert document["info"]["license"]["name"] == "EUPL-1.2"


@every_document
async def test_paths_and_parameters_are_named_as_the_rules_say(document: Document) -> None:
    """/core/path-segments-kebab-case, /core/no-trailing-slash, /core/query-keys-camel-case."""
    for path, _, operation in operations(document):
        segments = [segment for segment in path.split("/")[1:] if not segment.startswith("{")]
        assert all(re.fullmatch(r"_?[a-z0-9]+(-[a-z0-9]+)*", segment) for segment in segments), path
        queries = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
        assert all(re.fullmatch(r"[a-z][a-zA-Z0-9]*", name) for name in queries)


@every_document
async def test_every_operation_says_what_may_go_wrong(document: Document) -> None:
    """/core/error-handling: a 400, and problems (RFC 9457) for the rest; API-Version on every answer; no 422."""
    for path, method, operation in operations(document):
        answers = operation["responses"]
        assert "422" not in answers
        for status in ("400", "default"):
            assert list(answers[status]["content"]) == ["application/problem+json"], (path, method)
        assert all("API-Version" in answer["headers"] for answer in answers.values()), (path, method)
        assert operation["operationId"]
        assert operation["summary"]
        assert operation["description"]


@every_document
async def test_properties_are_camel_case(document: Document) -> None:
    """/core/naming: members of every schema of ours."""
    for name, schema in document["components"]["schemas"].items():
        assert all(re.fullmatch(r"[a-z][a-zA-Z0-9]*", member) for member in schema.get("properties", {})), name


async def test_moments_are_date_times() -> None:
    """/core/date-time/format: what is called …At or deadline is a date-time, and nothing is called a date."""
    for schema in DOCUMENTS["provider"]["components"]["schemas"].values():
        for member, meaning in schema.get("properties", {}).items():
            moment = member.endswith("At") or member == "deadline"
            assert moment == ("date-time" in str(meaning)), member
            assert not member.endswith(("Date", "datum"))


async def test_bodies_are_documented(house: House) -> None:
    """What create and acknowledgement want, with every field's bounds; nothing else has a body."""
    document = (await ask(house, "GET", "/v1/openapi.json")).json()
    wanted = {path for path, _, operation in operations(document) if "requestBody" in operation}
    assert wanted == {"/sessions", "/sessions/{session_id}/acknowledgement", "/webhook"}
    practising = document["components"]["schemas"]["SandboxRequest"]
    request = DOCUMENTS["provider"]["components"]["schemas"]["SessionRequest"]
    assert practising["properties"].keys() - request["properties"].keys() == {"testCase"}
    for body in (request, practising):
        assert (body["required"], body["additionalProperties"]) == (["profile"], False)


async def test_every_operation_answers_what_its_document_says(house: House, other: BackOffice, tmp_path: Path) -> None:
    """Each documented call, made for real: its status is there, and its body fits that status's schema."""
    async with receiving(house, tmp_path) as receiver:
        called = await every_webhook_call(house, receiver)
    document = (await ask(house, "GET", "/v1/openapi.json")).json()
    session_id = await with_document(house, other)
    digest = (await other.pull_payload(session_id)).digest
    acknowledged = {"json": {"payloadDigest": digest}}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("post", "/sessions", {"json": {"profile": "bijstand"}}),
        ("get", "/sessions", {}),
        ("get", "/sessions/{session_id}", {}),
        ("get", "/sessions/{session_id}/payload", {}),
        ("get", "/sessions/{session_id}/payload/documents/{number}", {}),
        ("get", "/sessions/{session_id}/receipts", {}),
        ("post", "/sessions/{session_id}/acknowledgement", acknowledged),
        ("get", "/sessions/{session_id}/receipts", {}),
        ("delete", "/sessions/{session_id}", {}),
        ("get", "/profiles", {}),
    ]
    documented = {(method, path) for path, method, _ in operations(document)}
    assert {call[:2] for call in calls} | called == documented
    for method, path, content in calls:
        url = "/v1" + path.replace("{session_id}", session_id).replace("{number}", "1")
        answer = await ask(house, method.upper(), url, caller=other, **content)
        assert 200 <= answer.status < 300, (method, path)
        fits(document, document["paths"][path][method], answer)
    operation = document["paths"]["/sessions/{session_id}/payload"]["get"]
    gone = await ask(house, "GET", f"/v1/sessions/{session_id}/payload", caller=other)
    problem(gone, "session-ended")
    fits(document, operation, gone)
    fits(document, operation, await ask(house, "GET", f"/v1/sessions/{session_id}/payload"))
    wrong = await ask(house, "POST", "/v1/sessions", caller=other, json={"nonsense": 1})
    problem(wrong, "invalid-request")
    fits(document, document["paths"]["/sessions"]["post"], wrong)


async def every_webhook_call(house: House, receiver: Receiver) -> set[tuple[str, str]]:
    """The calls about a webhook and its deliveries, each checked against the document; gives which they were."""
    document, office = (await ask(house, "GET", "/v1/openapi.json")).json(), receiver.office
    receiver.replies = [answering(500, Retry_After="60")] * 9
    created = await office.create_session("bijstand", household="single")
    await Browser(created.journey_url, house.http).start()
    await receiver.wait_for(bool)
    url = (await ask(house, "GET", "/v1/webhook", caller=office)).json()["url"]
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("get", "/deliveries", {}),
        ("post", "/deliveries/{delivery_id}/_retry", {}),
        ("get", "/webhook", {}),
        ("put", "/webhook", {"json": {"url": url}}),
        ("post", "/webhook/_test", {}),
    ]
    for method, path, content in calls:
        address = "/v1" + path.replace("{delivery_id}", f"{created.id}-1")
        answer = await ask(house, method.upper(), address, caller=office, **content)
        if path.endswith("_retry") and answer.status == 409:  # the worker has it in hand just then
            problem(answer, "delivery-under-way")
        else:
            assert answer.status == 200, (method, path)
        fits(document, document["paths"][path][method], answer)
    return {(method, path) for method, path, _ in calls}


async def with_document(house: House, office: BackOffice) -> str:
    """A session in which one person handed over a document and consented."""
    created = await office.create_session("pensioen", household="single", reference="zaak-1")
    phone = await linked_phone(house, created.journey_url)
    await phone.upload("applicant", "mijnpensioenoverzicht", file_of("single", "mijnpensioenoverzicht"))
    assert (await phone.consent("applicant", await phone.review())).sent
    return created.id


async def test_a_file_is_documented_as_bytes() -> None:
    """What a phone hands over has no type of ours: it is told by what is in it."""
    operation = DOCUMENTS["phone"]["paths"]["/persons/{person}/sources/{source}/upload"]["post"]
    assert operation["requestBody"] == {"required": True, "content": {"application/octet-stream": {}}}


def fits(document: Document, operation: Document, answer: Answer) -> None:
    """Check an answer against what its operation says of that status."""
    answers = operation["responses"]
    meant = answers.get(str(answer.status), answers["default"] if answer.status >= 400 else None)
    assert meant is not None, answer.status
    media_type = answer.headers["Content-Type"].split(";")[0]
    schema = {**meant["content"][media_type]["schema"], "components": document["components"]}
    body: Any = answer.json() if media_type.endswith("json") else answer.body.decode()
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(body)
    assert all(name in answer.headers for name in meant["headers"])
