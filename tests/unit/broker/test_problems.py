"""From exceptions to answers: what every problem of the catalogue carries, whoever asks."""

from __future__ import annotations

from typing import Any, cast

import pytest
from litestar import Request

from broker.errors import CATALOGUE, Problem
from broker.http.problems import HANDLERS, OAUTH_HANDLERS
from broker.http.requests import AnyRequest

SCOPE: Any = {"type": "http", "method": "GET", "path": "/v1/profiles", "headers": [], "query_string": b""}


@pytest.mark.parametrize("handlers", [HANDLERS, OAUTH_HANDLERS], ids=["everywhere", "token-endpoint"])
@pytest.mark.parametrize("code", CATALOGUE)
def test_what_passes_by_itself_says_when_to_come_back(code: Any, handlers: Any) -> None:
    """Retry-After with every 503 (RFC 9110, 15.6.4), and by itself with nothing else; who knows better is heard."""
    request = cast(AnyRequest, Request(SCOPE))
    answer = handlers[Problem](request, Problem(code))
    assert answer.headers.get("Retry-After") == ("5" if CATALOGUE[code].status == 503 else None)
    answer = handlers[Problem](request, Problem(code, headers={"Retry-After": "60"}))
    assert answer.headers["Retry-After"] == "60"
