"""A phone that proved itself: the session it belongs to, and the vault key while its request runs."""

from __future__ import annotations

import msgspec

from sessions.errors import Refused
from sessions.model import PendingPhone, Phone, Session
from sessions.secrets import Keyring, PhoneToken
from sessions.store.sessions import Opened
from sessions.vault import VaultKey, open_key


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and when. `phone` is None while it waits for its code (`pending`), and after the end."""

    opened: Opened
    token: PhoneToken
    ring: Keyring
    phone: Phone | None
    pending: PendingPhone | None
    now: float

    @property
    def session(self) -> Session:
        """The session as read for this request."""
        return self.opened.session

    def linked(self) -> Phone:
        """The linked phone. Raises Refused when it is not linked (yet, or any more)."""
        if self.phone is None:
            raise Refused("session-ended" if self.session.ended else "wrong-state")
        return self.phone

    def vault_key(self) -> VaultKey:
        """The vault key, opened with this phone's token; whoever asks for it closes it.

        Raises Refused where there is none, VaultError.
        """
        phone = self.linked()
        if phone.vault_key is None:
            raise Refused("wrong-state")
        return open_key(phone.vault_key, self.token, self.ring, self.session.id, phone.id)
