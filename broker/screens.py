"""Which screen a phone is to see, and what its lists say: pure, from the session and who looks.

Knows no HTML, no text and no collected data: sentences are the templates', values are `broker.consent`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, cast

import msgspec
from msgspec.structs import replace

from connectors.health import Condition
from sessions.collecting import on_shared_phone
from sessions.consenting import is_awaited, is_partial, one_person_allowed
from sessions.model import (
    ROLES,
    PendingPhone,
    Phone,
    Role,
    Seal,
    Session,
    SourceState,
    SourceStatus,
    State,
    Transport,
)
from sessions.pairing import own_phone
from sessions.uploading import MAX_UPLOADS

Name = Literal["confirm", "code", "ophalen", "partner", "partner-phone", "bekijken", "verzenden", "sent", "end"]
Act = Literal["collect", "again", "rest", ""]
Hand = Literal["file", "another", "login-first", "own-phone", ""]
PartnerPlace = Literal["none", "undecided", "here", "waiting", "elsewhere"]

_SETTLED = frozenset({SourceStatus.COLLECTED, SourceStatus.ABSENT, SourceStatus.SKIPPED})
_ACTS: dict[str, Act] = {
    "todo": "collect",
    "login": "again",
    "failed": "again",
    "skipped": "collect",
    "partial": "rest",
}
_WHILE_COLLECTING = ("ophalen", "partner", "partner-phone", "bekijken", "verzenden")
_SEALS: tuple[Seal, ...] = ("invalid", "none", "valid")  # of several documents the worst is told


class Offers(msgspec.Struct, frozen=True, kw_only=True):
    """What this broker can do now: the ways at each source, and why one cannot be asked at present."""

    transports: Mapping[str, tuple[Transport, ...]]
    condition: Callable[[str], Condition | None]


class SourceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One source of one person. `state` is a SourceStatus; or `down` for one that is to do and cannot be asked now,
    `partial` for one that answered in part, or `doubted` for one of which a document has a bad seal.

    `act` is the login that can be done here and `hand` how a file can be handed over; `primary` is the one step to take
    next. `trouble` is why there is no login now. `settled_at` is in seconds since the epoch. Of `documents` handed over
    `seal` is the worst; `take_back`: they can be taken back here.
    """

    id: str
    number: int
    state: str
    required: bool
    act: Act = ""
    hand: Hand = ""
    primary: bool = False
    may_skip: bool = False
    take_back: bool = False
    trouble: Condition | None = None
    reason: str | None = None
    failure: str | None = None
    retryable: bool = False
    settled_at: float | None = None
    gaps: tuple[str, ...] = ()
    documents: int = 0
    seal: Seal | None = None


class PersonLine(msgspec.Struct, frozen=True, kw_only=True):
    """One adult's part. `acts`: this phone may collect for this person."""

    role: Role
    acts: bool
    done: bool
    sources: tuple[SourceLine, ...]


class Collecting(msgspec.Struct, frozen=True, kw_only=True):
    """What stands under Ophalen: this phone's persons, the other one, where the partner collects, and how far all is.

    `empty`: nothing was collected yet; `partial`: what there is could be sent, and something would be missing;
    `alone_allowed`: without the partner the applicant can go on. `files_only`: what can be done here is done by files.
    `changes_at`: when the next trouble is expected to be over, in seconds since the epoch.
    """

    mine: tuple[PersonLine, ...]
    other: PersonLine | None
    partner: PartnerPlace
    empty: bool
    done: bool
    partial: bool
    alone_allowed: bool
    files_only: bool
    changes_at: float | None


def fitting(session: Session, phone: Phone | None, pending: PendingPhone | None, asked: str) -> Name:
    """The screen that fits: the one that was `asked` where that is possible, else where things stand."""
    if phone is None:
        if pending is None:
            return "end"
        return "code" if asked == "code" else "confirm"
    if session.state is not State.COLLECTING:
        return "sent" if session.state is State.CONSENTED else "end"
    if asked in ("partner", "partner-phone") and not _may_choose(session, phone, asked):
        return "ophalen"
    return cast(Name, asked) if asked in _WHILE_COLLECTING else "ophalen"


def _may_choose(session: Session, phone: Phone, asked: str) -> bool:
    """Whether there is still something to choose about where the partner collects."""
    place = partner_place(session, phone)
    return not session.frozen and place in (("undecided",) if asked == "partner" else ("undecided", "here", "waiting"))


def partner_place(session: Session, phone: Phone) -> PartnerPlace:
    """Where the partner collects, as the applicant's phone sees it; `none` without a partner, and on their own."""
    if "partner" not in session.people or phone.role == "partner":
        return "none"
    if own_phone(session, "partner"):
        return "elsewhere"
    if session.partner_pairing.pending:
        return "waiting"
    begun = any(state != SourceState() for state in session.people["partner"].sources.values())
    return "here" if begun else "undecided"


def collecting(session: Session, phone: Phone, offers: Offers, *, partner: bool = False) -> Collecting:
    """What stands under Ophalen for this phone; with `partner` the screen on which the partner begins here."""
    place = partner_place(session, phone)
    lines = {role: _person(session, phone, role, offers) for role in ROLES if role in session.people}
    hidden = {"partner"} if place in ("undecided", "waiting") and not partner else set[str]()
    shown = {"partner"} if partner else set(lines) - hidden
    mine = _with_next_step(tuple(line for role, line in lines.items() if line.acts and role in shown))
    others = [line for line in lines.values() if not line.acts]
    every = [source for line in mine for source in line.sources]
    ends = [source.trouble.until for source in every if source.trouble and source.trouble.until]
    return Collecting(
        mine=mine,
        other=others[0] if others else None,
        partner=place,
        empty=all(source.state in ("todo", "down") for source in every),
        done=all(line.done for line in lines.values()),
        partial=is_partial(session),
        alone_allowed=one_person_allowed(session),
        files_only=not any(source.act for source in every) and any(source.hand for source in every),
        changes_at=min(ends, default=None),
    )


def _person(session: Session, phone: Phone, role: Role, offers: Offers) -> PersonLine:
    acts = may_collect(session, phone, role)
    states = session.people[role].sources
    lines = [
        _source(session, source, number, state, offers.condition(source))
        for number, (source, state) in enumerate(states.items(), 1)
    ]
    if acts and not session.frozen:
        known = not on_shared_phone(phone, role) or phone.id in session.people[role].phones
        lines = [_with_ways(line, states[line.id], offers.transports.get(line.id, ()), known=known) for line in lines]
    done = all(state.status in _SETTLED for state in states.values())
    return PersonLine(role=role, acts=acts, done=done, sources=tuple(lines))


def _source(session: Session, source: str, number: int, state: SourceState, condition: Condition | None) -> SourceLine:
    """How a source stands. Whoever is logging in there already was let through."""
    seals = {upload.seal for upload in state.uploads}
    return SourceLine(
        id=source,
        number=number,
        state=_shown(state, condition),
        required=source in session.profile.required,
        trouble=None if state.status in (SourceStatus.LOGIN, SourceStatus.FETCHING) else condition,
        reason=state.reason,
        failure=_failure(state),
        retryable=state.retryable,
        settled_at=state.settled_at,
        gaps=state.gaps,
        documents=len(state.uploads),
        seal=next((seal for seal in _SEALS if seal in seals), None),
    )


def _failure(state: SourceState) -> str | None:
    """Why a source failed; one that answers about somebody else is no fault of who logged in, who can try again."""
    answered_wrong = state.failure == "wrong-person" and not state.retryable
    return "wrong-answer" if answered_wrong else state.failure


def _shown(state: SourceState, condition: Condition | None) -> str:
    if state.status is SourceStatus.TODO and condition is not None:
        return "down"
    if state.status is SourceStatus.COLLECTED and state.gaps:
        return "partial"
    is_doubted = state.status is SourceStatus.COLLECTED and any(upload.seal == "invalid" for upload in state.uploads)
    return "doubted" if is_doubted else state.status.value


def _with_ways(line: SourceLine, state: SourceState, ways: tuple[Transport, ...], *, known: bool) -> SourceLine:
    """The line with what this phone can do about it. `known`: it is this person who holds the phone."""
    act = _ACTS.get(line.state, "") if "api" in ways else ""
    if (line.state == "failed" and not line.retryable) or (line.state == "skipped" and line.required):
        act = ""
    asked_for_nothing = act == "" or line.trouble is not None
    open_ = line.state in ("todo", "down", "login", "failed")
    return replace(
        line,
        act="" if asked_for_nothing else act,
        trouble=line.trouble if act or line.state == "down" else None,
        hand=_hand(state, ways, known=known),
        may_skip=open_ and not line.required,
        take_back=line.documents > 0 and state.status is not SourceStatus.FETCHING,
    )


def _hand(state: SourceState, ways: tuple[Transport, ...], *, known: bool) -> Hand:
    """How a file of this source can be handed over now; `sessions.uploading.may_upload` decides."""
    answered = state.status is SourceStatus.ABSENT or (state.transport == "api" and not state.gaps)
    full = len(state.uploads) >= MAX_UPLOADS
    if "upload" not in ways or state.status is SourceStatus.FETCHING or full or (answered and not state.uploads):
        return ""
    if not known:
        return "login-first" if "api" in ways else "own-phone"
    return "another" if state.uploads else "file"


def _with_next_step(persons: tuple[PersonLine, ...]) -> tuple[PersonLine, ...]:
    """The persons with one source marked as the next step; a login that is still to do waits for its turn.

    Where there is a login too, its file waits with it.
    """
    every = [
        (person.role, source) for person in persons for source in person.sources if source.act or source.hand == "file"
    ]
    fresh = [step for step in every if step[1].state in ("todo", "login")]
    failed = [step for step in every if step[1].state in ("failed", "down")]
    following = (fresh or failed or [None])[0]

    def marked(person: PersonLine, source: SourceLine) -> SourceLine:
        if following is not None and (person.role, source.id) == (following[0], following[1].id):
            return replace(source, primary=True)
        return replace(source, act="", hand="") if source.state == "todo" and source.act else source

    return tuple(replace(p, sources=tuple(marked(p, source) for source in p.sources)) for p in persons)


def missing(session: Session) -> tuple[tuple[Role, tuple[str, ...]], ...]:
    """Per adult the sources that must still answer before consent can be asked; none: it can.

    An adult without sources is one whose own phone waits to be let in.
    """
    found: dict[Role, tuple[str, ...]] = {}
    for role in ROLES:
        person = session.people.get(role)
        states = person.sources.items() if person else ()
        found[role] = tuple(source for source, state in states if is_awaited(session.profile, source, state))
    pending = session.partner_pairing.pending is not None
    return tuple((role, lacking) for role, lacking in found.items() if lacking or (pending and role == "partner"))


def lacking(session: Session) -> tuple[tuple[Role, tuple[str, ...], tuple[str, ...]], ...]:
    """Per adult what would not be sent now: the sources that failed, and those that answered in part."""
    found: list[tuple[Role, tuple[str, ...], tuple[str, ...]]] = []
    for role in ROLES:
        states = session.people[role].sources if role in session.people else {}
        failed = tuple(source for source, state in states.items() if state.status is SourceStatus.FAILED)
        partly = tuple(source for source, state in states.items() if state.gaps)
        found.append((role, failed, partly))
    return tuple(one for one in found if one[1] or one[2])


def may_collect(session: Session, phone: Phone, role: str) -> bool:
    """Whether this phone acts for this person: a partner with an own phone acts there, and only there."""
    if phone.role == "partner":
        return role == "partner"
    return role == "applicant" or own_phone(session, "partner") is None
