"""Moves around inviting: the mail with the link, its reminders, and the text message with the phone app's address.

Pure: each takes a session and the moment and gives a Change, or raises Refused. Whom a message goes to is sealed before
it comes here.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from sessions.change import Change, Effect
from sessions.errors import Refused
from sessions.lifecycle import HOUR, require
from sessions.model import Session, State

TEXTS_AT_MOST = 2
Hours = tuple[float, ...]


class Mail(msgspec.Struct, frozen=True):
    """A mail that is to go out: 0 is the invitation, from 1 on a reminder; `at` is when it is due."""

    number: int
    at: float


def invited(session: Session, contact: bytes) -> Change:
    """The creation of a session whose citizen is to be invited; `contact` is the sealed address."""
    inviting = replace(session, contact=contact, invitation="waiting")
    return Change(session=inviting, effects=(Effect(key=f"mail:{session.id}", kind="mail"),))


def due(session: Session, hours: Hours, now: float) -> Mail | None:
    """The next mail; None when somebody started, the link expired, the address is gone, or all was sent.

    `hours` are when to remind, counted from the creation. What an outage held up is not made good: of several
    reminders that became due meanwhile one is sent.
    """
    if session.contact is None or session.state is not State.CREATED or now >= session.expires_at:
        return None
    if session.mailed_at is None:
        return Mail(0, session.created_at)
    for number, hour in enumerate(hours, 1):
        at = session.created_at + hour * HOUR
        if session.mailed_at < at < session.expires_at:
            return Mail(number, at)
    return None


def mailed(session: Session, hours: Hours, now: float) -> Change | None:
    """A mail went out. After the last one nobody needs the address any more."""
    if session.ended:
        return None
    after = replace(session, mailed_at=now, invitation="sent")
    return Change(session=after if due(after, hours, now) else replace(after, contact=None))


def undeliverable(session: Session) -> Change | None:
    """The address takes no mail, and never will: it goes, and the provider can see that nobody was reached."""
    if session.contact is None:
        return None
    return Change(session=replace(session, contact=None, invitation="failed"))


def text(session: Session, seal: Callable[[str], bytes]) -> Change:
    """A text message is to go out, at most two in a session; `seal` seals the number to the message's name.

    The number lies with the message alone, and goes with it. Raises Refused: too-many-texts, wrong-state.
    """
    require(session, State.OPENED)
    if session.texts_sent >= TEXTS_AT_MOST:
        raise Refused("too-many-texts")
    counted = replace(session, texts_sent=session.texts_sent + 1)
    name = f"sms:{session.id}:{counted.texts_sent}"
    return Change(session=counted, effects=(Effect(key=name, kind="sms", sealed=seal(name)),))
