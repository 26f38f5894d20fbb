"""How a session looks to each party: the provider, the PC browser, a phone. Pure; no collected data in any of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from broker.clock import utc
from broker.texts import Language
from schemas.base import View
from sessions.consenting import is_partial, is_ready
from sessions.lifecycle import attempt_end, deadline
from sessions.model import (
    InvitationStatus,
    Phone,
    Profile,
    Session,
    SourceState,
    SourceStatus,
    State,
    Text,
    Transport,
)
from sessions.pairing import own_phone
from sessions.store.sessions import Opened

Progress = Literal["todo", "busy", "done", "failed"]

_PROGRESS: dict[SourceStatus, Progress] = {
    SourceStatus.TODO: "todo",
    SourceStatus.LOGIN: "busy",
    SourceStatus.FETCHING: "busy",
    SourceStatus.COLLECTED: "done",
    SourceStatus.ABSENT: "done",
    SourceStatus.SKIPPED: "done",
    SourceStatus.FAILED: "failed",
}


class Offered(msgspec.Struct, frozen=True):
    """This broker's sources: their names on screen, and what can be done at each."""

    labels: dict[str, str] = {}
    transports: dict[str, tuple[Transport, ...]] = {}


class ProviderView(View, frozen=True, kw_only=True):
    """A session as its provider sees it: before consent per person and source only todo, busy, done or failed.

    `maybe_received`: consent was taken back, or the provider cancelled, when it had the payload, or may have had it: it
    is to delete it.
    """

    id: str
    status: State
    profile: str
    created_at: datetime
    expires_at: datetime
    deadline: datetime
    reference: str | None = None
    reason: str | None = None
    persons: dict[str, dict[str, Progress]] = {}
    consented_at: datetime | None = None
    ended_at: datetime | None = None
    payload_digest: str | None = None
    invitation: InvitationStatus | None = None
    maybe_received: bool = False


class SourceView(View, frozen=True, kw_only=True):
    """One source of one person, as the phone shows it.

    `transports`: what can be done here at this source, log in (`api`) or hand over its download (`upload`);
    `transport`: how what was collected came. `gaps` are codes of what is missing from it, `documents` how many there
    are.
    """

    id: str
    label: str
    status: SourceStatus
    required: bool
    failure: str | None = None
    retryable: bool = False
    reason: str | None = None
    settled_at: datetime | None = None
    transport: Transport | None = None
    transports: tuple[Transport, ...] = ()
    gaps: tuple[str, ...] = ()
    documents: int = 0


class PersonView(View, frozen=True, kw_only=True):
    """One adult's part. `here`: this person logged in on this phone, or handed over documents on it."""

    sources: tuple[SourceView, ...]
    here: bool
    consented: bool


class PhoneView(View, frozen=True, kw_only=True):
    """A session as a phone sees it. Until it is linked a phone learns only who asks, and why.

    `partner_phone`: whether the partner's own phone waits for its code, or is linked. `partial`: everything is ready,
    and consent would go with something missing.
    """

    status: State
    provider: str
    purpose: str
    language: Language
    linked: bool
    role: str
    reason: str | None = None
    persons: dict[str, PersonView] = {}
    ready: bool = False
    partial: bool = False
    frozen: bool = False
    partner_phone: Literal["none", "waiting", "linked"] = "none"
    attempt_ends_at: datetime | None = None
    return_url: str | None = None
    purge_receipt: str | None = None
    maybe_received: bool = False


class Closing(View, frozen=True, kw_only=True):
    """What is left to show a phone after the end. `maybe_received`: as in ProviderView."""

    status: State
    reason: str | None = None
    purge_receipt: str | None = None
    maybe_received: bool = False


class JourneyView(View, frozen=True, kw_only=True):
    """A session as the PC page sees it: progress without any data."""

    status: State
    provider: str
    purpose: str
    language: Language
    household: str
    sources: tuple[str, ...]
    deadline: datetime
    reason: str | None = None
    persons: dict[str, dict[str, Progress]] = {}
    partner: str = "undecided"
    attempt_ends_at: datetime | None = None
    return_url: str | None = None
    purge_receipt: str | None = None
    maybe_received: bool = False


def for_provider(opened: Opened) -> ProviderView:
    """The provider's view."""
    session = opened.session
    return ProviderView(
        id=session.id,
        status=session.state,
        profile=session.profile.id,
        created_at=utc(session.created_at),
        expires_at=utc(session.expires_at),
        deadline=utc(deadline(session, opened.seen_at)),
        reference=session.reference,
        reason=session.reason,
        persons=_progress(session),
        consented_at=utc(session.consented_at) if session.consented_at else None,
        ended_at=utc(session.ended_at) if session.ended_at else None,
        payload_digest=session.payload_digest,
        invitation=session.invitation,
        maybe_received=session.maybe_received,
    )


def for_phone(opened: Opened, phone: Phone | None, offered: Offered) -> PhoneView:
    """A phone's view; `phone` is None for one that still waits for its code, and after the end."""
    session, language = opened.session, opened.session.language
    base = PhoneView(
        status=session.state,
        provider=in_language(language, session.recipient.name),
        purpose=in_language(language, session.profile.purpose),
        language=language,
        linked=phone is not None,
        role=phone.role if phone else "applicant",
        reason=session.reason,
        return_url=session.return_url if session.ended else None,
        purge_receipt=session.purge_receipt,
        maybe_received=session.maybe_received,
    )
    if phone is None or session.ended:
        return base
    return replace(
        base,
        persons={role: _person(session, role, phone, offered) for role in session.people},
        ready=session.state is State.COLLECTING and is_ready(session),
        partial=session.state is State.COLLECTING and is_partial(session),
        frozen=session.frozen,
        partner_phone=_partner_phone(session),
        attempt_ends_at=utc(attempt_end(session, opened.seen_at)),
    )


def _partner_phone(session: Session) -> Literal["none", "waiting", "linked"]:
    if session.partner_pairing.pending is not None:
        return "waiting"
    return "linked" if own_phone(session, "partner") else "none"


def _person(session: Session, role: str, phone: Phone, offered: Offered) -> PersonView:
    person = session.people[role]
    return PersonView(
        sources=tuple(_source(session.profile, s, state, offered) for s, state in person.sources.items()),
        here=phone.id in person.phones,
        consented=role in session.consents,
    )


def _source(profile: Profile, source: str, state: SourceState, offered: Offered) -> SourceView:
    return SourceView(
        id=source,
        label=offered.labels.get(source, source),
        status=state.status,
        required=source in profile.required,
        failure=state.failure,
        retryable=state.retryable,
        reason=state.reason,
        settled_at=utc(state.settled_at) if state.settled_at is not None else None,
        transport=state.transport,
        transports=offered.transports.get(source, ()),
        gaps=state.gaps,
        documents=len(state.uploads),
    )


def for_journey(opened: Opened, labels: dict[str, str]) -> JourneyView:
    """The PC browser's view."""
    session, language = opened.session, opened.session.language
    return JourneyView(
        status=session.state,
        provider=in_language(language, session.recipient.name),
        purpose=in_language(language, session.profile.purpose),
        language=language,
        household=session.household,
        sources=tuple(labels.get(s, s) for s in session.profile.sources),
        deadline=utc(deadline(session, opened.seen_at)),
        reason=session.reason,
        persons=_progress(session),
        partner=session.partner,
        attempt_ends_at=utc(attempt_end(session, opened.seen_at)) if session.state is State.COLLECTING else None,
        return_url=session.return_url if session.ended else None,
        purge_receipt=session.purge_receipt,
        maybe_received=session.maybe_received,
    )


def for_closing(session: Session) -> Closing:
    """What a phone that is out may still know."""
    return Closing(
        status=session.state,
        reason=session.reason,
        purge_receipt=session.purge_receipt,
        maybe_received=session.maybe_received,
    )


def _progress(session: Session) -> dict[str, dict[str, Progress]]:
    return {
        role: {source: _PROGRESS[state.status] for source, state in person.sources.items()}
        for role, person in session.people.items()
    }


def outcome(session: Session) -> str:
    """How a session ended, as pages and screens name it: its end state, or why it was cancelled."""
    if session.state is not State.CANCELLED:
        return session.state
    if session.maybe_received:
        return "provider-maybe" if session.reason == "provider" else "withdrawn-maybe"
    return session.reason if session.reason in ("provider", "declined", "withdrawn") else "citizen"


def in_language(language: Language, text: Text) -> str:
    """A text in one of the two languages."""
    return text.nl if language == "nl" else text.en
