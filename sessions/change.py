"""A change: the session as it will be, with everything that must happen in the same atomic step.

Moves (pairing, collecting, consenting, ending) make changes; the store applies them. Pure.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.ledger import EntryKind
from sessions.delivering import Line
from sessions.errors import RefusalCode
from sessions.model import Session

NoticeType = Literal["opened", "paired", "consented", "delivered", "withdrawn", "cancelled", "expired", "undelivered"]


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """As what a broker is known to those it tells something: the `source` of its events, and its address."""

    source: str
    base_url: str


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Something a worker does later. `key` makes it unique: an effect with the same key replaces the waiting one."""

    key: str
    kind: Literal["data", "notice", "index", "mail", "sms", "ledger"]
    type: str = ""
    event_id: str = ""
    sequence: int = 0
    sealed: bytes = b""  # whom an SMS goes to, under the server's secret; gone with the entry
    origin: Origin | None = None  # of an event: what it says of us must be the same at every attempt
    code: str = ""  # digest of the typed code that an end took away: who looks whether it is gone could not know it


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one step does. `vault` holds ciphertexts by record name; `purge` empties everything but the tombstone.

    `line` is what the delivery log says of the event whose answer brought this change.
    `documents` are the sealed originals that lie beside `payload`, by number.
    `codes` maps digests of typed codes to how long they live (seconds); `spent_codes` are taken away.
    """

    session: Session
    vault: dict[str, bytes] = {}
    vault_drop: tuple[str, ...] = ()
    empty_vault: bool = False
    payload: bytes | None = None
    documents: dict[str, bytes] = {}
    effects: tuple[Effect, ...] = ()
    line: Line | None = None
    codes: dict[str, float] = {}
    spent_codes: tuple[str, ...] = ()
    purge: bool = False
    heard: bool = False  # somebody asked for more time: it counts as a request of a phone
    forget: bool = False  # the tombstone's time is over
    refusal: RefusalCode | None = None  # raised after the change is stored: a wrong code counts
    facts: dict[str, int | str] = {}


def notice(session: Session, kind: NoticeType, event_id: str) -> tuple[Session, Effect]:
    """Number the next notice to the provider. The newest notice of a session replaces one that still waits."""
    numbered = msgspec.structs.replace(session, sequence=session.sequence + 1)
    effect = Effect(key=f"notice:{session.id}", kind="notice", type=kind, event_id=event_id, sequence=numbered.sequence)
    return numbered, effect


def entries(session: Session, kind: EntryKind, *roles: str) -> tuple[Effect, ...]:
    """What the provider's ledger is to hold of the consents of `roles`, of everybody where none are named.

    An entry is its kind and the salted hash of a receipt, so the same one queued twice is entered once. A consent of
    before there was a ledger has none.
    """
    consents = [consent for role, consent in sorted(session.consents.items()) if not roles or role in roles]
    return tuple(
        Effect(key=f"ledger:{kind}:{consent.entry}", kind="ledger", type=kind, event_id=consent.entry)
        for consent in consents
        if consent.entry
    )
