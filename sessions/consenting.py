"""Moves around consent: each adult consents for themself, may still change, may decline; the last consent sends.

Pure: each takes a session and the moment and gives a Change, or raises Refused.
"""

from __future__ import annotations

from msgspec.structs import replace

from sessions.change import Change, Effect, notice
from sessions.collecting import may_act, part, with_record
from sessions.errors import Refused
from sessions.lifecycle import Event, require, transition
from sessions.model import Consent, Pairing, Phone, Role, Session, SourceStatus, State

_BUSY = (SourceStatus.LOGIN, SourceStatus.FETCHING)
_ANSWERED = (SourceStatus.COLLECTED, SourceStatus.ABSENT)


def is_ready(session: Session) -> bool:
    """Whether consent can be asked: every required source answered for everyone, nothing is under way."""
    for person in session.people.values():
        for source, state in person.sources.items():
            if state.status in _BUSY or (source in session.profile.required and state.status not in _ANSWERED):
                return False
    return session.partner_pairing.pending is None


def login_moment(session: Session, role: Role) -> float | None:
    """When this person last proved who they are in this attempt, in seconds since the epoch."""
    moments = [s.authenticated_at for s in part(session, role).sources.values() if s.authenticated_at is not None]
    return max(moments, default=None)


def check(session: Session, phone: Phone, role: Role) -> float:
    """Refuse a consent that cannot be given here and now; otherwise the moment of this person's login.

    Raises Refused: wrong-state, not-your-part, not-ready, consent-needs-login.
    """
    may_act(session, phone, role)
    if not is_ready(session):
        raise Refused("not-ready")
    moment = login_moment(session, role)
    if moment is None or phone.id not in part(session, role).phones:
        raise Refused("consent-needs-login")
    return moment


def given(session: Session, role: Role, consent: Consent) -> Session:
    """The session with this person's consent: content is frozen from the first one on."""
    return replace(session, consents={**session.consents, role: consent})


def is_last(session: Session, role: Role) -> bool:
    """Whether everyone who takes part has consented once `role` has."""
    return set(session.people) <= set(session.consents) | {role}


def keep(session: Session, receipt: bytes, record: str) -> Change:
    """Store a consent that is not the last; the encrypted receipt waits in the vault for the others."""
    state = transition(session.state, Event.CONSENT)
    return Change(session=with_record(replace(session, state=state), record), vault={record: receipt})


def send(session: Session, payload: bytes, digest: str, event_ids: tuple[str, str], now: float) -> Change:
    """The last consent: the sealed payload is stored and queued; vault and vault keys are destroyed, and counted.

    `event_ids` are the ids of the data event and of the notice. Without a webhook nothing is queued: the payload waits
    for a pull and an acknowledgement.
    """
    state = transition(session.state, Event.SEND)
    keys = sum(1 for phone in session.phones if phone.vault_key)
    sent = replace(
        session,
        state=state,
        consented_at=now,
        payload_digest=digest,
        payload_id=event_ids[0],
        records={},
        phones=tuple(replace(phone, vault_key=None) for phone in session.phones),
        counts={"vaultRecords": len(session.records), "vaultKeys": keys},
    )
    sent, effect = notice(sent, "consented", event_ids[1])
    sent = replace(sent, sequence=sent.sequence + 1)
    data = Effect(key=f"data:{sent.id}", kind="data", type="data", event_id=event_ids[0], sequence=sent.sequence)
    return Change(session=sent, payload=payload, empty_vault=True, effects=(effect, data))


def amend(session: Session) -> Change:
    """Toch wijzigen, by any adult: all consents are void and the content can change again."""
    state = transition(session.state, Event.AMEND)
    dropped = tuple(r for r in session.records if r.startswith("receipt/"))
    kept = {r: v for r, v in session.records.items() if r not in dropped}
    return Change(session=replace(session, state=state, consents={}, records=kept), vault_drop=dropped)


def partner_out(session: Session) -> Change:
    """The partner declines or is left out, where the profile allows one person: their records are purged.

    All consents are void: they were for the household as it was.
    """
    require(session, State.COLLECTING)
    if session.partner != "with":
        raise Refused("unknown-person")
    gone = tuple(r for r in session.records if r.startswith(("partner/", "receipt/")) or r == "remark/partner")
    alone = replace(
        session,
        state=transition(session.state, Event.PARTNER_OUT),
        partner="without",
        people={r: p for r, p in session.people.items() if r != "partner"},
        phones=tuple(p for p in session.phones if p.role != "partner"),
        partner_pairing=Pairing(),
        records={r: v for r, v in session.records.items() if r not in gone},
        consents={},
    )
    return Change(session=alone, vault_drop=gone)


def one_person_allowed(session: Session) -> bool:
    """Whether the profile lets the applicant go on alone."""
    return session.profile.household != "couple" and session.household != "couple"
