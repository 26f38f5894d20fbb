"""The vault: reading takes the store, the server's secret and the phone's token together; records cannot be moved."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.secrets import Keyring, PhoneToken, new_phone_token
from sessions.vault import (
    VaultError,
    VaultKey,
    decrypt,
    encrypt,
    mark,
    new_key,
    open_key,
    open_receipts,
    review_key,
    seal_key,
    seal_receipts,
    wrap_public,
)

SESSION = "00" + "a" * 20
RING, OTHER_RING = Keyring(b"r" * 32), Keyring(b"s" * 32)
TOKEN = new_phone_token(SESSION, "p1")
KEY = new_key()
SEALED = seal_key(KEY, wrap_public(TOKEN, RING), SESSION, "p1")


def test_the_phone_opens_the_vault_key_with_its_token() -> None:
    """80 bytes lie in the store for each phone: 32 of HPKE's encapsulated key, 32 of the key, 16 of the tag."""
    assert open_key(SEALED, TOKEN, RING, SESSION, "p1") == KEY
    assert (len(SEALED), len(KEY), len(wrap_public(TOKEN, RING))) == (80, 32, 32)


@pytest.mark.parametrize(
    ("sealed", "token", "ring", "session", "phone"),
    [
        (SEALED, new_phone_token(SESSION, "p1"), RING, SESSION, "p1"),
        (SEALED, PhoneToken(TOKEN[:-1]), RING, SESSION, "p1"),
        (SEALED, TOKEN, OTHER_RING, SESSION, "p1"),
        (SEALED, TOKEN, RING, "00" + "b" * 20, "p1"),
        (SEALED, TOKEN, RING, SESSION, "p2"),
        (seal_key(KEY, wrap_public(TOKEN, OTHER_RING), SESSION, "p1"), TOKEN, RING, SESSION, "p1"),
    ],
    ids=["another token", "a piece of it", "another broker", "another session", "another phone", "another public half"],
)
def test_two_of_three_are_not_enough(sealed: bytes, token: PhoneToken, ring: Keyring, session: str, phone: str) -> None:
    """Whoever lacks the phone's token or the broker's secret reads nothing, and the place counts too."""
    with pytest.raises(VaultError):
        open_key(sealed, token, ring, session, phone)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_tampered_vault_key_does_not_open(position: int, flip: int) -> None:
    """Any changed byte is noticed."""
    changed = bytearray(SEALED)
    changed[position] ^= flip
    with pytest.raises(VaultError):
        open_key(bytes(changed), TOKEN, RING, SESSION, "p1")


@given(st.binary(max_size=100))
def test_something_else_is_no_vault_key(junk: bytes) -> None:
    """Also an empty or cut value is an ordinary refusal."""
    with pytest.raises(VaultError):
        open_key(junk, TOKEN, RING, SESSION, "p1")


def test_the_wrap_key_can_be_made_again_from_the_token_and_only_from_it() -> None:
    """Nothing but its public half needs to be stored; each phone has its own."""
    assert wrap_public(TOKEN, RING) == wrap_public(TOKEN, RING)
    others = [wrap_public(new_phone_token(SESSION, "p1"), RING), wrap_public(TOKEN, OTHER_RING)]
    assert wrap_public(TOKEN, RING) not in others


@given(st.binary(max_size=2000))
def test_a_record_comes_back_as_it_went_in(plain: bytes) -> None:
    """12 bytes of nonce and 16 of tag are all that is added."""
    sealed = encrypt(KEY, SESSION, "applicant/uwv", 1, plain)
    assert decrypt(KEY, SESSION, "applicant/uwv", 1, sealed) == plain
    assert len(sealed) == len(plain) + 28


def test_a_record_never_looks_the_same_twice() -> None:
    """A fresh nonce each time: equal data cannot be recognised."""
    assert len({encrypt(KEY, SESSION, "applicant/uwv", 1, b"same") for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("session", "record", "version"),
    [
        ("00" + "b" * 20, "applicant/uwv", 2),
        (SESSION, "partner/uwv", 2),
        (SESSION, "applicant/belastingdienst", 2),
        (SESSION, "applicant/uwv", 1),
        (SESSION, "applicant/uwv", 3),
    ],
    ids=["session", "person", "source", "rolled back", "not yet"],
)
def test_a_record_cannot_be_moved_swapped_or_rolled_back(session: str, record: str, version: int) -> None:
    """Session, person, source and version are bound to the ciphertext."""
    sealed = encrypt(KEY, SESSION, "applicant/uwv", 2, b"data")
    with pytest.raises(VaultError):
        decrypt(KEY, session, record, version, sealed)


@given(st.binary(max_size=60))
def test_something_else_is_no_record(junk: bytes) -> None:
    """Junk, cut and empty values are refused without saying why."""
    with pytest.raises(VaultError) as error:
        decrypt(KEY, SESSION, "applicant/uwv", 1, junk)
    assert error.value.__cause__ is None


def test_another_vault_key_reads_nothing() -> None:
    """After a restart there is a new key, and what an old copy of the store held stays shut."""
    with pytest.raises(VaultError):
        decrypt(new_key(), SESSION, "r", 1, encrypt(KEY, SESSION, "r", 1, b"data"))


def test_a_key_is_overwritten_when_its_block_ends() -> None:
    """Not only let go of: nothing of it is left where it lay, however the block ends; and a repr never shows it."""

    class Kept(VaultKey):
        def clear(self) -> None:
            """Keep the memory, so that it can be looked at."""

    key = Kept(bytes(KEY))
    assert (key, repr(key)) == (KEY, "VaultKey(...)")
    with pytest.raises(VaultError), key:
        decrypt(key, SESSION, "r", 1, b"")
    assert key == bytes(32)


CLOSED = [
    lambda key: seal_key(key, wrap_public(TOKEN, RING), SESSION, "p1"),
    lambda key: encrypt(key, SESSION, "r", 1, b"data"),
    lambda key: decrypt(key, SESSION, "r", 1, encrypt(KEY, SESSION, "r", 1, b"data")),
    lambda key: mark(key, "identity", b"value"),
    review_key,
]


@pytest.mark.parametrize("use", CLOSED, ids=["seal", "encrypt", "decrypt", "mark", "review"])
def test_a_closed_key_is_good_for_nothing(use: Callable[[VaultKey], object]) -> None:
    """Whoever still has it cannot seal or compare anything under no key at all; closing it again does no harm."""
    with new_key() as key:
        use(KEY)
    key.close()
    with pytest.raises(ValueError, match="closed"):
        use(key)


@given(st.binary(max_size=2000))
def test_a_phone_opens_its_receipts_with_its_token(plain: bytes) -> None:
    """48 bytes are added: of HPKE's encapsulated key and the tag. No vault key is needed, and none opens them."""
    sealed = seal_receipts(plain, wrap_public(TOKEN, RING), SESSION, "p1")
    assert open_receipts(sealed, TOKEN, RING, SESSION, "p1") == plain
    assert len(sealed) == len(plain) + 48


@pytest.mark.parametrize(
    ("token", "ring", "session", "phone"),
    [
        (new_phone_token(SESSION, "p1"), RING, SESSION, "p1"),
        (TOKEN, OTHER_RING, SESSION, "p1"),
        (TOKEN, RING, "00" + "b" * 20, "p1"),
        (TOKEN, RING, SESSION, "p2"),
    ],
    ids=["another token", "another broker", "another session", "another phone"],
)
def test_nobody_else_opens_them(token: PhoneToken, ring: Keyring, session: str, phone: str) -> None:
    """Reading them takes what the vault takes; and neither is a receipt a vault key, nor the other way around."""
    sealed = seal_receipts(KEY, wrap_public(TOKEN, RING), SESSION, "p1")
    with pytest.raises(VaultError):
        open_receipts(sealed, token, ring, session, phone)
    with pytest.raises(VaultError):
        open_key(sealed, TOKEN, RING, SESSION, "p1")
    with pytest.raises(VaultError):
        open_receipts(SEALED, TOKEN, RING, SESSION, "p1")
