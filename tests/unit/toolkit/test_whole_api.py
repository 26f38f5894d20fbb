"""Nothing of the API is forgotten: the broker's OpenAPI document against what both clients ask and understand."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from broker.http.openapi import provider_document
from broker.settings import Settings
from ophaalbrug_provider import Account, Client, Document, Invitation, NewSession, Untrusted, new_secret
from ophaalbrug_provider.aio import AsyncClient
from tests.answering import answering
from tests.unit.toolkit.pretend import NOW, Caller, Kind, private_key

Schema = dict[str, Any]
DOCUMENT = provider_document(Settings(sandbox=True))
JOSE = "application/jose"
WANTED = NewSession(
    profile="p",
    household="couple",
    reference="r",
    language="en",
    invitation=Invitation(email="a@b.example", name="A"),
    return_url="https://x.example",
    expires_in=3600,
    test_case="absent",
)
ORIGINAL = Document(number=1, source="uwv", person="applicant", media_type="application/pdf", digest="0" * 64)
# Every operation by the method that calls it, with everything that can be said.
CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "create_session": ((WANTED,), {"idempotency_key": "k"}),
    "session": (("s",), {}),
    "sessions": ((), {"reference": "r", "status": "opened", "offset": 1, "limit": 2}),
    "cancel": (("s",), {}),
    "payload": (("s",), {}),
    "document": (("s", ORIGINAL), {}),
    "acknowledge": (("s", "0" * 64), {}),
    "receipts": (("s",), {}),
    "profiles": ((), {}),
    "deliveries": ((), {"session": "s", "type": "data", "status": "waiting", "offset": 1, "limit": 2}),
    "retry_delivery": (("s-1",), {}),
    "webhook": ((), {}),
    "set_webhook": (
        ("https://x.example",),
        {"types": ["delivered"], "secret": new_secret(), "overlap_seconds": 60},
    ),
    "test_webhook": ((), {}),
}
SEALED = {"payload", "document"}  # what these answer is opened in other tests
HERE = {"verify", "open", "receive", "take_in", "allowing", "purge_receipt", "call", "access_token"}  # no operations


def operations() -> Iterator[tuple[str, str, Schema]]:
    """Method, path as a pattern, and the operation."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), f"/v1{re.sub('{[^}]*}', '[^/]+', path)}", operation


def operation_of(method: str, path: str) -> tuple[str, Schema]:
    """The pattern and the operation that a request meets."""
    (found,) = [(pattern, op) for m, pattern, op in operations() if m == method and re.fullmatch(pattern, path)]
    return found


def sample(schema: Schema) -> Any:
    """JSON with everything a schema describes."""
    if "$ref" in schema:
        return sample(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "oneOf" in schema:
        return next(sample(one) for one in schema["oneOf"] if one.get("type") != "null")
    if "enum" in schema:
        return next(value for value in schema["enum"] if value is not None)
    kind = schema["type"]
    if kind == "array":
        return [sample(schema["items"])]
    if kind == "object" and "properties" in schema:
        return {name: sample(member) for name, member in schema["properties"].items()}
    if kind == "object":
        return {"applicant": sample(schema["additionalProperties"])}
    moment = schema.get("format") == "date-time"
    return {"string": "2027-01-01T00:00:00Z" if moment else "x", "integer": 7, "number": 0.5, "boolean": True}[kind]


class Described:
    """A broker that answers whatever its document describes, with everything in it; `asked` is what came."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.told: Any = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Check that all that can be said was said, and say all that can be answered."""
        if not request.path.startswith("/v1/"):
            return web.json_response({"access_token": "t", "expires_in": 300, "keys": []})
        pattern, operation = operation_of(request.method, request.path)
        self.asked.append((request.method, pattern))
        assert set(request.query) == {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
        assert set(json.loads(await request.read() or b"{}")) == said(operation)
        answers = next(answer for status, answer in operation["responses"].items() if status < "300")["content"]
        self.told = None if JOSE in answers else sample(answers["application/json"]["schema"])
        return web.Response(text="no.jose") if JOSE in answers else web.json_response(self.told)


def said(operation: Schema) -> set[str]:
    """The members of an operation's body."""
    if "requestBody" not in operation:
        return set()
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return set(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"])


@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
async def test_every_operation_has_a_method(kind: Kind) -> None:
    """Each is called by one, with every parameter and member it has, and all that it answers is understood."""
    described = Described()
    async with answering(described.answer) as url:
        caller = Caller(kind, Account("g", url, signing_key=private_key(use="sig")), lambda: float(NOW))
        async with caller.awaited:
            for name in CALLS.keys() - SEALED:
                answer = await caller(name, *CALLS[name][0], **CALLS[name][1])
                assert json.loads(msgspec.json.encode(answer)) == described.told, name
            for name in SEALED:
                with pytest.raises(Untrusted, match="no sealed or signed text"):
                    await caller(name, *CALLS[name][0])
    assert sorted(described.asked) == sorted((method, pattern) for method, pattern, _ in operations())


def test_both_clients_have_the_same_methods() -> None:
    """And no other than those above: what is here is tested here, or is no operation."""
    blocking, asynchronous = (
        {name: inspect.signature(member).parameters for name, member in vars(kind).items() if not name.startswith("_")}
        for kind in (Client, AsyncClient)
    )
    assert set(blocking) == set(asynchronous) == set(CALLS) | HERE
    for name, parameters in blocking.items():
        assert [*parameters] == [*asynchronous[name]], name
        assert [p.default for p in parameters.values()] == [p.default for p in asynchronous[name].values()], name
