"""Events by the rules others made: the JSON schema of CloudEvents, and what can be checked of the NL GOV profile."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import msgspec
import pytest
from jsonschema import Draft7Validator, FormatChecker

from broker.deliveries import EventType
from broker.delivery import body
from broker.purge import new_event_id
from broker.settings import Settings
from schemas.events import EventData
from sessions.change import Effect

SCHEMA = Path(__file__).resolve().parents[2] / ".." / "shared" / "validators" / "cloudevents" / "cloudevents.json"
KINDS: tuple[str, ...] = get_args(EventType)
EVERYTHING = EventData(
    session_id="0" * 22,
    sequence=2**31 - 1,
    reference="r" * 64,
    reason="provider",
    payload="a.b.c.d.e",
    payload_url="https://brug.example/v1/sessions/x/payload",
    payload_digest="0" * 64,
    purge_receipt="a.b.c",
    maybe_received=True,
)
every_event = pytest.mark.parametrize("kind", KINDS)
every_amount = pytest.mark.parametrize(
    "data", [EVERYTHING, EventData(session_id="0" * 22, sequence=1)], ids=["all", "least"]
)


def sent(kind: str, data: EventData = EVERYTHING) -> dict[str, Any]:
    """An event as it goes out, from a broker that was told nothing of itself."""
    effect = Effect(key="k", kind="notice", type=kind, event_id=new_event_id(), sequence=data.sequence)
    return json.loads(body(effect, 1_770_000_000.125, Settings().source_urn, data))


@cache
def validator() -> Draft7Validator:
    """CloudEvents' own schema; skips where absent."""
    if not SCHEMA.exists():
        pytest.skip("needs the CloudEvents JSON schema beside the project (shared/validators/cloudevents)")
    return Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")), format_checker=FormatChecker())


@every_amount
@every_event
def test_an_event_is_valid_by_the_schema(kind: str, data: EventData) -> None:
    """Every kind, with everything an event can say and with the least."""
    validator().validate(sent(kind, data))


def test_the_schema_notices_what_is_wrong() -> None:
    """An event without its id, or with a time that is none, is not valid: the check above says something."""
    event = sent("data")
    assert not validator().is_valid({name: value for name, value in event.items() if name != "id"})
    assert not validator().is_valid({**event, "specversion": ""})


@every_amount
@every_event
def test_attributes_are_named_and_filled_as_the_profile_says(kind: str, data: EventData) -> None:
    """Naming Convention and Type System: a-z and 0-9, at most 20 of them; text without control characters, no null."""
    attributes = {name: value for name, value in sent(kind, data).items() if name != "data"}
    assert attributes.keys() >= {"id", "source", "specversion", "type"}
    for name, value in attributes.items():
        assert re.fullmatch(r"[a-z0-9]{1,20}", name)
        assert re.fullmatch(r"[^\x00-\x1f\x7f-\x9f]+", value)
    assert attributes["specversion"] == "1.0"
    assert attributes["datacontenttype"] == "application/json"  # JSON SHOULD be used


@every_event
def test_type_is_a_reverse_domain_name(kind: str) -> None:
    """`type` MUST be in reverse domain name notation, with at most one version in it; ours has none."""
    labels = sent(kind)["type"].split(".")
    assert (labels[:2], labels[-1]) == (["nl", "ophaalbrug"], kind)
    assert all(re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", label) for label in labels)
    assert not any(re.fullmatch(r"v\d+", label) for label in labels)


def test_source_is_a_dutch_urn_of_organisation_and_system() -> None:
    """`source` SHOULD be a `urn:nld` with the OIN of 20 digits and the system, and MUST NOT be where data are."""
    source = urlsplit(sent("data")["source"])
    assert (source.scheme, source.netloc) == ("urn", "")
    assert re.fullmatch(r"nld:oin:\d{20}:systeem:[A-Za-z0-9-]+", source.path)


def test_no_two_events_share_an_id() -> None:
    """`id` MUST be unique within the producer; `source` is one and the same for all of them."""
    events = [sent(kind) for kind in KINDS * 20]
    assert len({event["id"] for event in events}) == len(events)
    assert len({event["source"] for event in events}) == 1


def test_time_is_that_of_the_record() -> None:
    """RFC 3339 in UTC, of the moment the event was recorded: it is the same at every attempt."""
    assert {sent(kind)["time"] for kind in KINDS} == {"2026-02-02T02:40:00.125Z"}
    assert datetime.fromisoformat(sent("data")["time"]).timestamp() == 1_770_000_000.125


@every_amount
@every_event
def test_nothing_of_the_session_stands_outside_its_data(kind: str, data: EventData) -> None:
    """Context attributes are read and logged by everything on the way: they are few, and the same for everybody."""
    attributes = sent(kind, data)
    assert attributes.keys() == {"specversion", "id", "source", "type", "time", "datacontenttype", "data"}
    assert data.session_id not in json.dumps({**attributes, "data": None})


def test_everything_is_everything() -> None:
    """The event these tests call complete fills every field there is: a new one is tested too."""
    assert all(getattr(EVERYTHING, field.name) != field.default for field in msgspec.structs.fields(EventData))
