"""Moves around consent: each adult consents for themself, may still change, may decline; the last consent sends.

Pure: each takes a session and the moment and gives a Change, or raises Refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from sessions.change import Change, Effect, entries, notice
from sessions.collecting import may_act, on_shared_phone, part, with_record
from sessions.errors import Refused
from sessions.lifecycle import Event, require, transition
from sessions.model import ANSWERED, Consent, Pairing, Phone, Profile, Role, Session, SourceState, SourceStatus, State

_BUSY = (SourceStatus.LOGIN, SourceStatus.FETCHING)


def is_awaited(profile: Profile, source: str, state: SourceState) -> bool:
    """Whether consent must wait for this source: it is under way, or required and without an answer.

    Where the profile takes what there is, a required source that failed is waited for no longer; one that nobody tried
    or that was skipped still is.
    """
    if state.status in _BUSY:
        return True
    answered = state.status in ANSWERED or (profile.partial and state.status is SourceStatus.FAILED)
    return source in profile.required and not answered


def is_ready(session: Session) -> bool:
    """Whether consent can be asked: nobody's source is awaited, and no partner's phone is being linked."""
    states = [(source, state) for person in session.people.values() for source, state in person.sources.items()]
    awaited = any(is_awaited(session.profile, source, state) for source, state in states)
    return not awaited and session.partner_pairing.pending is None


def is_partial(session: Session) -> bool:
    """Whether something would be missing from what is consented to now: a source that failed, or answered in part."""
    states = [state for person in session.people.values() for state in person.sources.values()]
    return is_ready(session) and any(state.gaps or state.status is SourceStatus.FAILED for state in states)


def login_moment(session: Session, role: Role) -> float | None:
    """When this person last proved who they are in this attempt, in seconds since the epoch."""
    moments = [s.authenticated_at for s in part(session, role).sources.values() if s.authenticated_at is not None]
    return max(moments, default=None)


def check(session: Session, phone: Phone, role: Role) -> float | None:
    """Refuse a consent that cannot be given here and now; otherwise the moment of this person's login.

    None for who handed over documents only, on a phone that is theirs: on a shared one a partner's consent needs a
    login. Raises Refused: wrong-state, not-your-part, not-ready, consent-needs-login.
    """
    may_act(session, phone, role)
    if not is_ready(session):
        raise Refused("not-ready")
    moment = login_moment(session, role)
    unproven = moment is None and on_shared_phone(phone, role)
    if unproven or phone.id not in part(session, role).phones:
        raise Refused("consent-needs-login")
    return moment


def given(session: Session, role: Role, consent: Consent) -> Session:
    """The session with this person's consent: content is frozen from the first one on."""
    return replace(session, consents={**session.consents, role: consent})


def is_last(session: Session, role: Role) -> bool:
    """Whether everyone who takes part has consented once `role` has."""
    return set(session.people) <= set(session.consents) | {role}


def keep(session: Session, role: Role, receipt: bytes) -> Change:
    """Store a consent that is not the last; the encrypted receipt waits in the vault for the others."""
    state, record = transition(session.state, Event.CONSENT), receipt_name(role)
    after = with_record(replace(session, state=state), record)
    return Change(session=after, vault={record: receipt}, effects=entries(after, "given", role))


def receipt_name(role: str) -> str:
    """The vault record of a consent that waits for the other adult's."""
    return f"receipt/{role}"


def sealed_name(phone_id: str) -> str:
    """The vault record of the receipts a phone may ask for again, sealed to it."""
    return f"receipts/{phone_id}"


def send(
    session: Session,
    role: Role,
    payload: bytes,
    digest: str,
    event_ids: tuple[str, str],
    now: float,
    documents: tuple[bytes, ...] = (),
    receipts: Mapping[str, bytes] | None = None,
) -> Change:
    """The last consent, `role`'s: the sealed payload is queued; vault and vault keys are destroyed, and counted.

    `documents` are the sealed originals, in the order of their numbers from 1; `receipts` are, by phone, those of who
    consented on it, sealed to it: all that the vault holds from here on. `event_ids` are the ids of the data event and
    of the notice. Without a webhook neither is queued: the payload waits for a pull and an acknowledgement.
    """
    state = transition(session.state, Event.SEND)
    keys = sum(1 for phone in session.phones if phone.vault_key)
    sent = replace(
        session,
        state=state,
        consented_at=now,
        payload_digest=digest,
        payload_id=event_ids[0],
        documents=len(documents),
        records={},
        phones=tuple(replace(phone, vault_key=None) for phone in session.phones),
        counts={"vaultRecords": len(session.records), "vaultKeys": keys},
    )
    sent, effect = notice(sent, "consented", event_ids[1])
    sent = replace(sent, sequence=sent.sequence + 1)
    data = Effect(key=f"data:{sent.id}", kind="data", type="data", event_id=event_ids[0], sequence=sent.sequence)
    kept = {sealed_name(phone): sealed for phone, sealed in (receipts or {}).items()}
    for name in kept:
        sent = with_record(sent, name)
    return Change(
        session=sent,
        payload=payload,
        documents={str(number): sealed for number, sealed in enumerate(documents, start=1)},
        vault=kept,
        empty_vault=True,
        effects=(effect, data, *entries(session, "given", role)),
    )


def amend(session: Session) -> Change:
    """Toch wijzigen, by any adult: all consents are void and the content can change again."""
    state = transition(session.state, Event.AMEND)
    dropped = tuple(r for r in session.records if r.startswith("receipt/"))
    kept = {r: v for r, v in session.records.items() if r not in dropped}
    after = replace(session, state=state, consents={}, records=kept)
    return Change(session=after, vault_drop=dropped, effects=entries(session, "amended"))


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
    return Change(session=alone, vault_drop=gone, effects=entries(session, "amended"))


def one_person_allowed(session: Session) -> bool:
    """Whether the profile lets the applicant go on alone."""
    return session.profile.household != "couple" and session.household != "couple"
