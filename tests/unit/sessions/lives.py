"""Sessions at every point of their life, brought there by the moves themselves and by nothing else."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from sessions import collecting, consenting, ending, pairing
from sessions.errors import RefusalCode, Refused
from sessions.lifecycle import HOUR, Event
from sessions.model import Consent, Login, Phone, Profile, Recipient, Role, Session, SourceStatus, State, Text

NOW = 1_770_000_000.0
EXPIRES = NOW + 72 * HOUR
REQUIRED, OPTIONAL = "uwv", "belastingdienst"
PC, FIRST, OWN = "browser-1", "phone-1", "phone-2"


def created(**more: Any) -> Session:
    """A session nobody has opened."""
    values: dict[str, Any] = {
        "id": "00" + "a" * 20,
        "provider": "gemeente",
        "profile": Profile(
            id="bijstand",
            purpose=Text(nl="Bijstand", en="Assistance"),
            required=(REQUIRED,),
            optional=(OPTIONAL,),
        ),
        "recipient": Recipient(provider="gemeente", name=Text(nl="Gemeente", en="City"), key="{}", webhook=True),
        "language": "nl",
        "household": "ask",
        "created_at": NOW,
        "expires_at": EXPIRES,
        "reference": "zaak-1",
        "return_url": "https://gemeente.example/terug",
    }
    return Session(**values | more)


def opened(household: str = "single", **more: Any) -> Session:
    answer = "couple" if household == "couple" else "single"
    return pairing.start(created(**more), PC, answer, "evt_opened", NOW).session


def phone(phone_id: str = FIRST, role: Role = "applicant") -> Phone:
    """A phone as it scans: it has no vault key yet."""
    return Phone(
        id=phone_id, token=f"mac-{phone_id}", thumbprint=f"key-{phone_id}", wrap_public=phone_id.encode(), role=role
    )


def seal(to: Phone) -> bytes:
    return b"vault key for " + to.wrap_public


def sign(facts: ending.PurgeFacts) -> str:
    return f"signed:{facts.state}"


def waiting(household: str = "single", **more: Any) -> Session:
    """A phone has scanned; its code is 'code'."""
    shown = pairing.show_token(opened(household, **more), "qr", "applicant", NOW).session
    return pairing.scan(shown, "qr", phone(), "code", NOW).session


def linked(household: str = "single", **more: Any) -> Session:
    return pairing.type_code(waiting(household, **more), "code", seal, "applicant", "evt_paired", NOW).session


def partner_waiting(session: Session, now: float = NOW) -> Session:
    """The partner's own phone has scanned; its code is 'code-2'."""
    shown = pairing.show_token(session, "qr-2", "partner", now).session
    return pairing.scan(shown, "qr-2", phone(OWN, "partner"), "code-2", now).session


def with_own_phone(session: Session, now: float = NOW) -> Session:
    return pairing.type_code(partner_waiting(session, now), "code-2", seal, "partner", "", now).session


def logging_in(session: Session, role: Role = "applicant", source: str = REQUIRED, on: str = FIRST) -> Session:
    """A login is under way; it comes back with the state 'state-<role>-<source>'."""
    login = Login(
        state=f"state-{role}-{source}", nonce="n", verifier="v", phone=on, started_at=NOW, fresh=role == "partner"
    )
    return collecting.begin_login(session, held(session, on), role, source, login).session


def held(session: Session, phone_id: str = FIRST) -> Phone:
    found = session.phone(phone_id)
    assert found is not None
    return found


def fetching(session: Session, role: Role = "applicant", source: str = REQUIRED, on: str = FIRST) -> Session:
    """The source is being asked, under a lease until NOW + 60, for a person who has proven who they are."""
    after = logging_in(session, role, source, on)
    after = collecting.begin_fetching(after, held(after, on), role, source, NOW + 60).session
    return collecting.identified(
        after, held(after, on), role, source, NOW + 60, role, b"identity", NOW, "substantial"
    ).session


def done(session: Session, role: Role = "applicant", source: str = REQUIRED, on: str = FIRST) -> Session:
    return collecting.collected(fetching(session, role, source, on), role, source, NOW + 60, b"records", at=NOW).session


def consent(on: str = FIRST) -> Consent:
    return Consent(
        at=NOW,
        review_digest="review",
        phone=on,
        shared_phone=False,
        language="nl",
        authenticated_at=NOW,
        receipt_digest=f"receipt-{on}",
    )


def agreed(session: Session, role: Role = "applicant") -> Session:
    """One adult consented, and it was not the last."""
    return consenting.keep(consenting.given(session, role, consent()), role, b"receipt").session


def sent(session: Session | None = None) -> Session:
    """Everyone consented: the payload waits for the provider."""
    ready = session or done(linked())
    after = ready
    for role in ready.people:
        after = consenting.given(after, "partner" if role == "partner" else "applicant", consent())
    return consenting.send(after, "applicant", b"jwe", "digest", ("evt_data", "evt_consented"), NOW).session


def ended(event: Event, session: Session, reason: str | None = None) -> Session:
    return ending.end(session, event, reason, sign, "evt_end", NOW).session


def in_state(state: State) -> Session:
    """A session in this state, by the shortest way."""
    match state:
        case State.CREATED:
            return created()
        case State.OPENED:
            return opened()
        case State.PAIRING:
            return waiting()
        case State.COLLECTING:
            return linked()
        case State.CONSENTED:
            return sent()
        case State.DELIVERED:
            return ended(Event.ACKNOWLEDGE, sent())
        case State.CANCELLED:
            return ended(Event.STOP, linked(), "citizen")
        case State.EXPIRED:
            return ended(Event.EXPIRE, opened())
        case State.UNDELIVERED:
            return ended(Event.GIVE_UP, sent())


def status(session: Session, role: Role = "applicant", source: str = REQUIRED) -> SourceStatus:
    return session.people[role].sources[source].status


def only(session: Session, **more: Any) -> Session:
    """The session with some fields otherwise, for what no move would make."""
    return replace(session, **more)


@contextmanager
def refuses(code: RefusalCode) -> Generator[None]:
    """What stands inside is refused, with this code."""
    with pytest.raises(Refused) as refused:
        yield
    assert refused.value.code == code
