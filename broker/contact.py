"""Contact details: which addresses and numbers we write to, and how they are sealed until then.

They are sealed under the broker's secret, each to the one place it lies in: a worker must be able to write while nobody
is there, so no phone's key can guard them. When they are deleted is said in decision 21.
"""

from __future__ import annotations

import os
import re

import msgspec
import phonenumbers
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sessions.secrets import Keyring
from sessions.vault import VaultError

MAX_ADDRESS = 254  # RFC 5321 leaves that many: RFC 3696, erratum 1690
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
_COUNTRY = "NL"
_MOBILE_PREFIX = "+316"
_NONCE_BYTES = 12


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an invitation goes to, and how they are greeted."""

    email: str
    name: str | None = None


def is_address(given: str) -> bool:
    """Whether this is a mail address of the usual kind: RFC 5321's dot-string at a domain name of two labels or more.

    No quoted local parts, no address literals, nothing beyond ASCII (domains can be given as xn--…).
    """
    return len(given) <= MAX_ADDRESS and _ADDRESS.fullmatch(given) is not None


def dutch_mobile(typed: str) -> str | None:
    """A Dutch mobile number as E.164 (`+316…`) from what somebody typed; None for anything else.

    The numbers of machines (097) are mobile too, but nobody reads what is sent there.
    """
    if any(character.isalpha() for character in typed):  # which would count as the digits on their keys
        return None
    try:
        number = phonenumbers.parse(typed, _COUNTRY)
    except phonenumbers.NumberParseException:
        return None
    is_mobile = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    if number.extension or not is_mobile or not phonenumbers.is_valid_number_for_region(number, _COUNTRY):
        return None
    found = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return found if found.startswith(_MOBILE_PREFIX) else None


def seal(ring: Keyring, place: str, plain: bytes) -> bytes:
    """Seal to a place (the name of what it lies in): a random 96-bit nonce, ciphertext and tag of AES-256-GCM."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(ring.key("contact")).encrypt(nonce, plain, place.encode())


def unseal(ring: Keyring, place: str, sealed: bytes) -> bytes:
    """What was sealed to this place. Raises VaultError."""
    try:
        return AESGCM(ring.key("contact")).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError):
        raise VaultError("contact details do not belong here") from None


def seal_contact(ring: Keyring, session_id: str, contact: Contact) -> bytes:
    """Seal a contact to its session."""
    return seal(ring, f"mail:{session_id}", msgspec.json.encode(contact))


def unseal_contact(ring: Keyring, session_id: str, sealed: bytes) -> Contact:
    """The contact of a session. Raises VaultError."""
    return msgspec.json.decode(unseal(ring, f"mail:{session_id}", sealed), type=Contact)
