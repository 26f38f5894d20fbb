"""Judges what a connector is and did: every function gives the faults it finds, as sentences without personal data.

Runs nothing itself. An empty tuple is a good verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import msgspec

from connectors.contract import Absent, Connector, Failed, FailureKind, Field, Found, Manifest, Outcome, Skipped
from connectors.outbound import host_port
from connectors.registry import Registry
from connectors.testing.runs import Run, made
from schemas.base import Provenance
from schemas.records import SourceRecords

CATEGORIES = {
    "person": "persons",
    "address": "persons",
    "relation": "persons",
    "income": "incomes",
    "pension": "pensions",
    "possession": "possessions",
    "debt": "debts",
}
# Which lists of records may hold something for a field of this kind. A person may come along with any of them.
_LISTS = {
    "person": {"persons"},
    "address": {"addresses"},
    "relation": {"relations"},
    "income": {"incomes"},
    "pension": {"pensions"},
    "possession": {"possessions"},
    "debt": {"debts"},
}
MAX_TIMEOUT_SECONDS = 120.0  # somebody is waiting with a phone in their hand
MAX_LABEL = 30
_PART = re.compile(r"[a-z][a-z0-9-]{0,29}")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def manifest_faults(connector_class: type[Connector]) -> tuple[str, ...]:
    """What is wrong with the manifest, beyond what the registry refuses."""
    try:
        Registry().register(connector_class)
    except (TypeError, ValueError) as error:
        return (f"the registry refuses it: {error}",)
    return tuple(_manifest_faults(connector_class.manifest))


def settings_faults(connector_class: type[Connector], settings: Mapping[str, Any], url: str) -> tuple[str, ...]:
    """What is wrong with how it takes its settings; `url` is the only address in them."""
    return tuple(_settings_faults(connector_class, settings, url))


def outcome_faults(outcome: Outcome | None, manifest: Manifest, fields: frozenset[Field]) -> tuple[str, ...]:
    """What is wrong with an outcome by itself, whatever the source answered."""
    if isinstance(outcome, Failed):
        known = outcome.kind in get_args(FailureKind)
        return () if known else (f"Failed has a kind that does not exist: {outcome.kind!r}",)
    if isinstance(outcome, Skipped):
        return () if _SLUG.fullmatch(outcome.reason) else ("the reason of Skipped is not of the form no-field-asked",)
    if isinstance(outcome, Found):
        return tuple(_found_faults(outcome, manifest, fields))
    return () if isinstance(outcome, Absent) else ("collect gave no outcome of the contract",)


def run_faults(run: Run, manifest: Manifest, private: tuple[str, ...]) -> tuple[str, ...]:
    """What is wrong with how it went; `private` are texts that nobody but the outcome's records may hold."""
    return (*_conduct_faults(run, manifest), *_privacy_faults(run, private))


def incomplete(outcome: Outcome | None) -> bool:
    """Whether an outcome says that something did not come: a failure, or records with a finding that says so."""
    if isinstance(outcome, Found):
        return any(finding.kind == "incomplete" for finding in outcome.records.findings)
    return isinstance(outcome, Failed)


def _manifest_faults(manifest: Manifest) -> Iterator[str]:
    for language, text in (("Dutch", manifest.label.nl), ("English", manifest.label.en)):
        if not text.strip() or text != text.strip() or len(text) > MAX_LABEL:
            yield f"the {language} label is empty, has spaces around it or is longer than {MAX_LABEL}"
    if len(set(manifest.fields)) != len(manifest.fields):
        yield "a field is named twice"
    unknown = set(manifest.fields) - set(get_args(Field))
    if unknown:
        yield f"fields that do not exist: {', '.join(sorted(unknown))}"
    needed = {CATEGORIES[field.partition(".")[0]] for field in set(manifest.fields) - unknown}
    if needed != set(manifest.categories):
        yield f"its fields are of the categories {', '.join(sorted(needed))}; it names {', '.join(manifest.categories)}"
    if not 1 <= manifest.timeout_seconds <= MAX_TIMEOUT_SECONDS:
        yield f"timeout_seconds is not between 1 and {MAX_TIMEOUT_SECONDS:.0f}"


def _settings_faults(connector_class: type[Connector], settings: Mapping[str, Any], url: str) -> Iterator[str]:
    try:
        hosts = made(connector_class, settings).hosts()
    except ValueError as error:
        yield f"the settings are refused: {error}"
        return
    if not hosts:
        yield "hosts() is empty: the door would let nothing out"
    for host in sorted(hosts - {host_port(url)}):
        yield f"hosts() names {host}, which is not in the settings"
    try:
        made(connector_class, {**settings, "no-such-setting": 1})
    except ValueError:
        return
    yield "a setting with a typing error passes in silence: settings_type lacks forbid_unknown_fields"


def _found_faults(found: Found, manifest: Manifest, fields: frozenset[Field]) -> Iterator[str]:
    records = found.records
    if records == SourceRecords():
        yield "Found without a record or a finding: that is Absent, or a failure"
    try:
        again = msgspec.json.decode(msgspec.json.encode(found), type=Found)
    except (msgspec.MsgspecError, ValueError, TypeError, UnicodeEncodeError):
        yield "the records are not what their types say: they do not come back from JSON"
    else:
        if again != found:
            yield "the records are not what their types say: from JSON they come back as others"
    allowed = {name for field in fields for name in _LISTS[field.partition(".")[0]]} | {"persons", "findings"}
    for name in records.__struct_fields__:
        if getattr(records, name) and name not in allowed:
            yield f"it gives {name}, for which no field was asked"
    origins: set[Provenance] = set()
    for name in records.__struct_fields__:
        origins |= {origin for record in getattr(records, name) for origin in getattr(record, "sources", ())}
    if any(origin.source != manifest.id for origin in origins):
        yield "a record says that it comes from another source"


def _conduct_faults(run: Run, manifest: Manifest) -> Iterator[str]:
    if run.crash is not None:
        yield f"it raised what the contract does not know: {run.crash}"
    if run.outcome is None and run.crash is None and not run.cancelled:
        yield "it did not end"
    if any(attempt.refused for attempt in run.attempts):
        yield "it asked the door for a host that hosts() does not name"
    if run.connected - run.hosts:
        yield "it connected past the door"
    if run.written:
        yield "it wrote a file"
    if run.left_running:
        yield f"it left tasks running: {', '.join(run.left_running)}"
    if any(attempt.timeout_seconds > manifest.timeout_seconds for attempt in run.attempts):
        yield "a request may take longer than the manifest's timeout_seconds"
    if any(_PART.fullmatch(part) is None for part in run.progress):
        yield "progress() was told something else than the name of a part, as `loans`"


def _privacy_faults(run: Run, private: tuple[str, ...]) -> Iterator[str]:
    told = {
        "a log, a print or the text of an exception": run.said,
        "the address of a request": " ".join(attempt.url for attempt in run.attempts),
        "what it tells progress()": " ".join(run.progress),
        "the detail of a failure": (run.outcome.detail or "") if isinstance(run.outcome, Failed) else "",
        "the reason of a skip": run.outcome.reason if isinstance(run.outcome, Skipped) else "",
    }
    for place, text in told.items():
        if any(secret in text for secret in private):
            yield f"personal data in {place}"
