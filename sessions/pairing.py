"""Moves around linking: opening the start page, showing tokens, scanning, typing the code, another phone.

Pure: each takes a session and the moment and gives a Change, or raises Refused.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from sessions.change import Change, entries, notice
from sessions.errors import Refused
from sessions.lifecycle import (
    PAIRING_CODE_SECONDS,
    PAIRING_TRIES,
    TOKEN_ACCEPTED_SECONDS,
    TYPED_CODE_SECONDS,
    Event,
    attempt_end,
    require,
    transition,
)
from sessions.model import (
    HouseholdPolicy,
    Language,
    Pairing,
    PairingToken,
    PendingPhone,
    PersonState,
    Phone,
    Role,
    Session,
    SourceState,
    State,
)
from sessions.secrets import same

FORMER_BROWSERS = 4
Seal = Callable[[Phone], bytes]  # seals the vault key to a phone


def start(
    session: Session,
    browser: str,
    answer: HouseholdPolicy | None,
    event_id: str,
    now: float,
    language: Language | None = None,
) -> Change:
    """The start page was used by a browser; `answer` is alone or couple where the profile asks it.

    A second browser takes over: the former one is remembered only to be told so. From here on nobody need be invited
    or reminded: the contact details go in this step.
    """
    state = transition(session.state, Event.START)
    _refuse_expired(session, now)
    household = session.household if session.household != "ask" else answer
    if household not in ("single", "couple"):
        raise Refused("household-unknown")
    former = (*session.former_browsers, session.browser)[-FORMER_BROWSERS:] if session.browser else ()
    opened = replace(
        session,
        state=state,
        contact=None,
        language=language or session.language,
        browser=browser,
        former_browsers=tuple(b for b in former if b),
        opened_at=session.opened_at or now,
        unpaired=False,
        partner="with" if household == "couple" else "without",
        pairing=Pairing(),
    )
    spent = _typed(session.pairing)
    if session.opened_at is not None:
        return Change(session=opened, spent_codes=spent)
    opened, effect = notice(opened, "opened", event_id)
    return Change(session=opened, effects=(effect,), spent_codes=spent)


def _refuse_expired(session: Session, now: float) -> None:
    """A session that nobody started in time is over, also when the sweep has not come by yet."""
    if now >= session.expires_at:
        raise Refused("session-ended")


def _typed(pairing: Pairing) -> tuple[str, ...]:
    return (pairing.typed.digest,) if pairing.typed else ()


def speak(session: Session, language: Language) -> Change | None:
    """Another language, for everything that is still to be shown. Raises Refused(frozen) once somebody consented to
    words in the present one.
    """
    require(session, State.OPENED, State.PAIRING, State.COLLECTING)
    if session.language == language:
        return None
    if session.frozen:
        raise Refused("frozen")
    return Change(session=replace(session, language=language))


def more_time(session: Session, seen_at: float, now: float) -> Change:
    """Somebody is still there, and says so on the PC: the attempt gets another hour, as from a phone's request.

    `seen_at` is the last request of any phone. An attempt that ran out is over, also when the sweep is late.
    """
    require(session, State.COLLECTING)
    if now >= attempt_end(session, seen_at):
        raise Refused("wrong-state")
    return Change(session=session, heard=True)


def show_token(session: Session, digest: str, role: Role, now: float, browser: str | None = None) -> Change:
    """A new QR token is shown. Older ones stay good for 90 seconds; a partner's phone has tokens of its own.

    With `browser` it is not shown but handed to that browser, to go on on the same device.
    """
    pairing = _open_pairing(session, role)
    fresh = tuple(t for t in pairing.tokens if now - t.issued_at < TOKEN_ACCEPTED_SECONDS)
    token = PairingToken(digest=digest, issued_at=now, browser=browser)
    return Change(session=_with_pairing(session, role, replace(pairing, tokens=(*fresh, token))))


def show_typed_code(session: Session, digest: str, now: float) -> Change:
    """A code to type instead of scanning, good for five minutes; it replaces an earlier one."""
    pairing = _open_pairing(session, "applicant")
    code = PairingToken(digest=digest, issued_at=now)
    return Change(
        session=_with_pairing(session, "applicant", replace(pairing, typed=code)),
        codes={digest: TYPED_CODE_SECONDS},
        spent_codes=_typed(pairing),
    )


def _open_pairing(session: Session, role: Role) -> Pairing:
    if role == "applicant":
        require(session, State.OPENED)
        return session.pairing
    require(session, State.COLLECTING)
    if session.frozen:
        raise Refused("frozen")
    if session.partner != "with" or session.partner_pairing.pending or own_phone(session, "partner"):
        raise Refused("already-paired" if session.partner == "with" else "unknown-person")
    return session.partner_pairing


def own_phone(session: Session, role: Role) -> Phone | None:
    """The phone that was linked for this person alone."""
    return next((p for p in session.phones if p.role == role), None)


def _with_pairing(session: Session, role: Role, pairing: Pairing) -> Session:
    return replace(session, pairing=pairing) if role == "applicant" else replace(session, partner_pairing=pairing)


def role_of_token(session: Session, digest: str) -> Role:
    """Whose phone a pairing token links. Unknown tokens count as the applicant's and are refused by `scan`."""
    partner = session.partner_pairing
    redeemed = partner.pending.redeemed if partner.pending else None
    return "partner" if digest == redeemed or any(same(t.digest, digest) for t in partner.tokens) else "applicant"


def scan(session: Session, redeemed: str, phone: Phone, code: str, now: float) -> Change:
    """A phone redeems a token or typed code, once, and waits for its pairing code (`code` is its HMAC).

    The same device key may redeem the same token again within 90 seconds (the answer was lost): its pending phone is
    replaced. For that a typed code stays known, to this phone alone, for as long as it was good and the phone waits.
    Any other phone is refused. Raises Refused: token-invalid, already-paired, wrong-state, frozen.
    """
    pairing = session.pairing if phone.role == "applicant" else session.partner_pairing
    if pairing.pending is not None:
        return _scan_again(session, pairing.pending, redeemed, phone, code, now)
    if not _is_shown(pairing, redeemed, now):
        raise Refused("session-ended" if session.ended else "token-invalid")
    if phone.role == "applicant":
        session = replace(session, state=transition(session.state, Event.SCAN), unpaired=False)
        _refuse_expired(session, now)
    else:
        _open_pairing(session, "partner")
    typed = pairing.typed if pairing.typed and same(pairing.typed.digest, redeemed) else None
    pending = PendingPhone(phone=phone, code=code, redeemed=redeemed, scanned_at=now)
    way = Pairing(typed=typed, pending=pending)
    return Change(session=_with_pairing(session, phone.role, way), spent_codes=() if typed else _typed(pairing))


def new_code(session: Session, phone_id: str, code: str, now: float) -> Change:
    """A waiting phone that lost its code (its page was reloaded) gets another; tries and time stay as they were.

    Raises Refused(pairing-ended).
    """
    for pending in (session.pairing.pending, session.partner_pairing.pending):
        if pending is not None and pending.phone.id == phone_id and now - pending.scanned_at < PAIRING_CODE_SECONDS:
            return Change(session=_still_waiting(session, replace(pending, code=code)))
    raise Refused("pairing-ended")


def is_handed(session: Session, redeemed: str) -> bool:
    """Whether this token was handed to a browser, to go on on the same device."""
    return any(token.browser and same(token.digest, redeemed) for token in session.pairing.tokens)


def link_here(
    session: Session, redeemed: str, browser: str, phone: Phone, seal: Seal, event_id: str, now: float
) -> Change:
    """The browser that started goes on on its own device: it redeems the token it was handed, and is linked at once.

    The same device key may do so again while the token is good and nothing was done since (the answer was lost).
    `browser` is the HMAC of the browser's secret that came along. Raises Refused: token-invalid, taken-over.
    """
    shown = [t for t in session.pairing.tokens if now - t.issued_at < TOKEN_ACCEPTED_SECONDS]
    token = next((t for t in shown if same(t.digest, redeemed)), None)
    if token is None or not same(token.browser, browser):
        raise Refused("token-invalid")
    if not same(session.browser, browser):
        raise Refused("taken-over")
    sealed = replace(phone, vault_key=seal(phone))
    if session.phones:
        return _link_again(session, sealed)
    scanned = replace(session, state=transition(session.state, Event.SCAN))
    _refuse_expired(scanned, now)
    change = _link(scanned, sealed, event_id, now)
    return replace(change, session=replace(change.session, pairing=Pairing(tokens=(token,))))


def _link_again(session: Session, phone: Phone) -> Change:
    """The device that was linked here gets another token, and the session another vault key, as the former lies sealed
    under a token nobody may have: only while nothing at all was done under it. The attempt goes on as it began.
    """
    fresh = replace(session, people=_people(session), records={}, partner_pairing=Pairing())
    if session != fresh or [p.thumbprint for p in session.phones] != [phone.thumbprint]:
        raise Refused("token-invalid")
    return Change(session=replace(session, phones=(phone,)))


def _is_shown(pairing: Pairing, redeemed: str, now: float) -> bool:
    shown = [t for t in pairing.tokens if not t.browser and now - t.issued_at < TOKEN_ACCEPTED_SECONDS]
    if pairing.typed and now - pairing.typed.issued_at < TYPED_CODE_SECONDS:
        shown.append(pairing.typed)
    return any(same(token.digest, redeemed) for token in shown)


def _scan_again(session: Session, pending: PendingPhone, redeemed: str, phone: Phone, code: str, now: float) -> Change:
    if not same(pending.redeemed, redeemed):
        raise Refused("token-invalid")
    typed = session.pairing.typed
    late = now - pending.scanned_at >= TOKEN_ACCEPTED_SECONDS
    late = late or (typed is not None and now - typed.issued_at >= TYPED_CODE_SECONDS)
    if late or pending.phone.thumbprint != phone.thumbprint:
        # A typed code can be guessed: who does must not hear that it was a good one.
        raise Refused("token-invalid" if typed else "already-paired")
    return Change(session=_still_waiting(session, replace(pending, phone=phone, code=code)))


def _still_waiting(session: Session, pending: PendingPhone) -> Session:
    """The session whose waiting phone is `pending`; what else its way in holds stays."""
    role = pending.phone.role
    pairing = session.pairing if role == "applicant" else session.partner_pairing
    return _with_pairing(session, role, replace(pairing, pending=pending))


def type_code(session: Session, code: str, seal: Seal, role: Role, event_id: str, now: float) -> Change:
    """The pairing code is typed: on the PC for the first phone, on the first phone for the partner's own.

    `seal` seals the vault key to the waiting phone. Three wrong codes, or two minutes, end the waiting: the Change then
    carries the refusal to give after it is stored.
    """
    pending = _waiting(session, role)
    if now - pending.scanned_at >= PAIRING_CODE_SECONDS:
        return replace(unpair(session, role), refusal="pairing-ended")
    if not same(pending.code, code):
        return _wrong_code(session, role, pending)
    phone = replace(pending.phone, vault_key=seal(pending.phone))
    if role == "partner":
        return Change(session=replace(session, phones=(*session.phones, phone), partner_pairing=Pairing()))
    return _link(session, phone, event_id, now)


def _link(session: Session, phone: Phone, event_id: str, now: float) -> Change:
    """The applicant's phone is linked, and an attempt begins."""
    linked = replace(
        session,
        state=transition(session.state, Event.LINK),
        phones=(phone,),
        pairing=Pairing(),
        attempt_at=now,
        people=_people(session),
    )
    linked, effect = notice(linked, "paired", event_id)
    return Change(session=linked, effects=(effect,), spent_codes=_typed(session.pairing))


def _waiting(session: Session, role: Role) -> PendingPhone:
    require(session, State.PAIRING if role == "applicant" else State.COLLECTING)
    pending = session.pairing.pending if role == "applicant" else session.partner_pairing.pending
    if pending is None:
        raise Refused("pairing-ended")
    return pending


def _wrong_code(session: Session, role: Role, pending: PendingPhone) -> Change:
    tries = pending.tries + 1
    if tries >= PAIRING_TRIES:
        return replace(unpair(session, role), refusal="pairing-ended")
    waiting = _still_waiting(session, replace(pending, tries=tries))
    return Change(session=waiting, refusal="wrong-code", facts={"triesLeft": PAIRING_TRIES - tries})


def unpair(session: Session, role: Role = "applicant") -> Change:
    """The waiting phone is sent away: wrong codes, declined on the phone, or too late. A fresh QR can be shown."""
    if role == "partner":
        return Change(session=replace(session, partner_pairing=Pairing()))
    state = transition(session.state, Event.UNPAIR)
    sent_away = replace(session, state=state, pairing=Pairing(), unpaired=True)
    return Change(session=sent_away, spent_codes=_typed(session.pairing))


def restart(session: Session) -> Change:
    """Another phone, or the attempt ran out: vault, phones and consents go; the household answer stays."""
    state = transition(session.state, Event.RESTART)
    fresh = replace(
        session,
        state=state,
        pairing=Pairing(),
        partner_pairing=Pairing(),
        phones=(),
        people={},
        records={},
        consents={},
        attempt_at=None,
        attempts=session.attempts + 1,
    )
    gone = _typed(session.pairing)
    return Change(session=fresh, empty_vault=True, effects=entries(session, "lapsed"), spent_codes=gone)


def _people(session: Session) -> dict[str, PersonState]:
    roles: tuple[Role, ...] = ("applicant", "partner") if session.partner == "with" else ("applicant",)
    return {role: PersonState(sources={s: SourceState() for s in session.profile.sources}) for role in roles}
