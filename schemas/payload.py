"""What a provider receives, once: payload 1.0. And the same content as the citizens see it, before consent.

Records name their person by a local id, never by BSN unless the profile has a legal basis for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from schemas.base import Record
from schemas.consent import SignedConsent
from schemas.household import Household
from schemas.income import Income
from schemas.pension import Pension
from schemas.records import Finding
from schemas.wealth import Debt, Possession

SCHEMA_VERSION = "1.0"


class Document(Record, frozen=True, kw_only=True):
    """An original document that travels beside the payload, sealed on its own.

    `person` handed it over as `source`'s. `digest` is the hex SHA-256 of its bytes; `seal` is what the electronic
    signature in it is worth, as in the provenance of records.
    """

    number: int
    source: str
    person: str
    media_type: str
    digest: str
    size_bytes: int
    seal: Literal["valid", "invalid", "none"] | None = None


class Content(Record, frozen=True, kw_only=True):
    """The data themselves: what is reviewed, consented to and sent."""

    household: Household = Household()
    incomes: tuple[Income, ...] = ()
    pensions: tuple[Pension, ...] = ()
    possessions: tuple[Possession, ...] = ()
    debts: tuple[Debt, ...] = ()
    findings: tuple[Finding, ...] = ()
    documents: tuple[Document, ...] = ()


class Payload(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Payload 1.0. Lists are always there, also when they are empty: an empty list means nothing was found.

    `createdAt` is the moment of the last consent (UTC).
    """

    session_id: str
    purpose: str
    created_at: datetime
    household: Household
    incomes: tuple[Income, ...]
    pensions: tuple[Pension, ...]
    possessions: tuple[Possession, ...]
    debts: tuple[Debt, ...]
    findings: tuple[Finding, ...]
    consents: tuple[SignedConsent, ...]
    documents: tuple[Document, ...] = ()
    reference: str | None = None
    schema_version: Literal["1.0"] = "1.0"


def json_schema() -> dict[str, Any]:
    """Payload 1.0 as JSON Schema (draft 2020-12), as published at /v1/schemas/payload-1.0.json."""
    (schema,), components = msgspec.json.schema_components((Payload,), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ophaalbrug payload 1.0",
        **schema,
        "$defs": components,
    }
