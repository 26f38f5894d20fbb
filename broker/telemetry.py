"""Logs and metrics. One line per request and per thing that happened; an allow-list of keys drops everything else.

Event names are `area.what_happened`. No personal data can reach a log line: a key that is not listed here is dropped,
and the listed ones hold ids, codes and numbers only.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

ALLOWED = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "reason",
        "outcome",
        "connector",
        "session_ref",
        "provider",
        "role",
        "state",
        "method",
        "route",
        "status",
        "seconds",
        "attempt",
        "type",
        "address",
        "port",
        "where",
        "mode",
    }
)
_LEVELS = {"debug": 10, "info": 20, "warning": 30}

log: structlog.stdlib.BoundLogger = structlog.get_logger()
metrics = CollectorRegistry()
requests_seconds = Histogram(
    "ophaalbrug_request_seconds", "Time to answer a request", ["surface", "status"], registry=metrics
)
sessions_total = Counter("ophaalbrug_sessions_total", "Sessions by the state they entered", ["state"], registry=metrics)
collections_total = Counter(
    "ophaalbrug_collections_total", "Answers of sources", ["connector", "outcome"], registry=metrics
)
deliveries_total = Counter("ophaalbrug_deliveries_total", "Delivery attempts", ["type", "outcome"], registry=metrics)
webhooks_disabled_total = Counter(
    "ophaalbrug_webhooks_disabled_total", "Webhooks that are no longer called", ["reason"], registry=metrics
)
purge_checks_total = Counter(
    "ophaalbrug_purge_checks_total", "Ended sessions looked at for what may not be left", ["outcome"], registry=metrics
)
messages_total = Counter("ophaalbrug_messages_total", "Mails and text messages", ["kind", "outcome"], registry=metrics)


def keep_allowed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every key that is not on the allow-list."""
    for name in [name for name in event if name not in ALLOWED]:
        del event[name]
    return event


def _as_json(event: object, **_: object) -> bytes:
    return msgspec.json.encode(event)


def set_up(level: Literal["debug", "info", "warning"], form: Literal["json", "console"]) -> None:
    """Configure structlog for this process; logs go to standard error."""
    json_lines = structlog.processors.JSONRenderer(serializer=_as_json)
    renderer = json_lines if form == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            keep_allowed,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        # Standard error as it is at that moment: who runs a command inside another process sets its own.
        logger_factory=lambda *_: (
            structlog.BytesLogger(sys.stderr.buffer) if form == "json" else structlog.WriteLogger(sys.stderr)
        ),
        cache_logger_on_first_use=False,
    )


def session_ref(session_id: str) -> str:
    """A short name for a session in logs: it cannot be turned into the id that links carry."""
    return hashlib.sha256(session_id.encode()).hexdigest()[:12]


def where(error: BaseException) -> str:
    """The innermost place an exception came from, and its type; never its text."""
    trace, place = error.__traceback__, "?"
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{'/'.join(code.co_filename.rsplit('/', 2)[-2:])}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"
