"""Which screen a phone is to see, and what its lists say: pure, from the session and who looks.

Knows no HTML, no text and no collected data: sentences are the templates', values are `broker.consent`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

import msgspec
from msgspec.structs import replace

from sessions.consenting import one_person_allowed
from sessions.model import (
    ROLES,
    PendingPhone,
    Phone,
    Role,
    Session,
    SourceState,
    SourceStatus,
    State,
)
from sessions.pairing import own_phone

Name = Literal["confirm", "code", "ophalen", "partner", "partner-phone", "bekijken", "verzenden", "sent", "end"]
Act = Literal["collect", "again", "anyway", ""]
PartnerPlace = Literal["none", "undecided", "here", "waiting", "elsewhere"]

_SETTLED = frozenset({SourceStatus.COLLECTED, SourceStatus.ABSENT, SourceStatus.SKIPPED})
_ACTS: dict[str, Act] = {"todo": "collect", "login": "again", "failed": "again", "down": "anyway", "skipped": "collect"}
_WHILE_COLLECTING = ("ophalen", "partner", "partner-phone", "bekijken", "verzenden")


class SourceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One source of one person. `state` is a SourceStatus, or `down` for one that is to do and fails at present.

    `act` is what can be done about it here; `primary` is the one step to take next. `settled_at` is in seconds since
    the epoch.
    """

    id: str
    number: int
    state: str
    required: bool
    act: Act
    primary: bool = False
    may_skip: bool = False
    reason: str | None = None
    failure: str | None = None
    settled_at: float | None = None


class PersonLine(msgspec.Struct, frozen=True, kw_only=True):
    """One adult's part. `acts`: this phone may collect for this person."""

    role: Role
    acts: bool
    done: bool
    sources: tuple[SourceLine, ...]


class Collecting(msgspec.Struct, frozen=True, kw_only=True):
    """What stands under Ophalen: this phone's persons, the other one, where the partner collects, and how far all is.

    `empty`: nothing was collected yet; `alone_allowed`: without the partner the applicant can go on.
    """

    mine: tuple[PersonLine, ...]
    other: PersonLine | None
    partner: PartnerPlace
    empty: bool
    done: bool
    alone_allowed: bool


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


def collecting(session: Session, phone: Phone, troubled: Callable[[str], bool], *, partner: bool = False) -> Collecting:
    """What stands under Ophalen for this phone; with `partner` the screen on which the partner begins here.

    `troubled` says of a source whether it fails at present.
    """
    place = partner_place(session, phone)
    lines = {role: _person(session, phone, role, troubled) for role in ROLES if role in session.people}
    hidden = {"partner"} if place in ("undecided", "waiting") and not partner else set[str]()
    shown = {"partner"} if partner else set(lines) - hidden
    mine = tuple(line for role, line in lines.items() if line.acts and role in shown)
    others = [line for line in lines.values() if not line.acts]
    return Collecting(
        mine=_with_next_step(mine),
        other=others[0] if others else None,
        partner=place,
        empty=all(source.state in ("todo", "down") for line in mine for source in line.sources),
        done=all(line.done for line in lines.values()),
        alone_allowed=one_person_allowed(session),
    )


def _person(session: Session, phone: Phone, role: Role, troubled: Callable[[str], bool]) -> PersonLine:
    acts = may_collect(session, phone, role)
    states = session.people[role].sources
    lines = [
        _source(session, source, number, state, acts=acts, down=troubled(source))
        for number, (source, state) in enumerate(states.items(), 1)
    ]
    done = all(state.status in _SETTLED for state in states.values())
    return PersonLine(role=role, acts=acts, done=done, sources=tuple(lines))


def _source(session: Session, source: str, number: int, state: SourceState, *, acts: bool, down: bool) -> SourceLine:
    status = "down" if down and state.status is SourceStatus.TODO else state.status.value
    act = _ACTS.get(status, "") if acts and not session.frozen else ""
    required = source in session.profile.required
    if (status == "failed" and not state.retryable) or (status == "skipped" and required):
        act = ""
    return SourceLine(
        id=source,
        number=number,
        state=status,
        required=required,
        act=act,
        may_skip=act != "" and not required and status != "skipped",
        reason=state.reason,
        failure=state.failure,
        settled_at=state.settled_at,
    )


def _with_next_step(persons: tuple[PersonLine, ...]) -> tuple[PersonLine, ...]:
    """The persons with one source marked as the next step; what else is still to do waits for its turn."""
    every = [(person.role, source) for person in persons for source in person.sources if source.act]
    fresh = [step for step in every if step[1].state in ("todo", "login")]
    failed = [step for step in every if step[1].state == "failed"]
    following = (fresh or failed or [None])[0]

    def marked(person: PersonLine, source: SourceLine) -> SourceLine:
        if following is not None and (person.role, source.id) == (following[0], following[1].id):
            return replace(source, primary=True)
        return replace(source, act="") if source.state == "todo" else source

    return tuple(replace(p, sources=tuple(marked(p, source) for source in p.sources)) for p in persons)


def missing(session: Session) -> tuple[tuple[Role, tuple[str, ...]], ...]:
    """Per adult the sources that must still answer before consent can be asked; none: it can.

    An adult without sources is one whose own phone waits to be let in.
    """
    found: dict[Role, tuple[str, ...]] = {}
    for role in ROLES:
        person = session.people.get(role)
        states = person.sources.items() if person else ()
        found[role] = tuple(
            s for s, state in states if _is_missing(state.status, required=s in session.profile.required)
        )
    pending = session.partner_pairing.pending is not None
    return tuple((role, lacking) for role, lacking in found.items() if lacking or (pending and role == "partner"))


def _is_missing(status: SourceStatus, *, required: bool) -> bool:
    busy = status in (SourceStatus.LOGIN, SourceStatus.FETCHING)
    return busy or (required and status not in (SourceStatus.COLLECTED, SourceStatus.ABSENT))


def may_collect(session: Session, phone: Phone, role: str) -> bool:
    """Whether this phone acts for this person: a partner with an own phone acts there, and only there."""
    if phone.role == "partner":
        return role == "partner"
    return role == "applicant" or own_phone(session, "partner") is None
