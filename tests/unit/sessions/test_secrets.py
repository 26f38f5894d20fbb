"""Secrets of the three parties: of one kind each, long enough, stored as HMACs, compared in constant time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.secrets import (
    Keyring,
    new_browser_secret,
    new_phone_token,
    new_provider_token,
    new_session_id,
    partition_of,
    parts,
    random_text,
    same,
)
from tests.unit.sessions.lives import refuses

SESSION = new_session_id(3)
RING = Keyring(bytes(range(32)))


@given(st.integers(0, 255))
def test_a_session_id_carries_its_partition(partition: int) -> None:
    """The first two digits say where everything of the session lies."""
    session_id = new_session_id(partition)
    assert partition_of(session_id) == partition
    assert re.fullmatch(r"[0-9a-f]{22}", session_id)


@given(st.text(max_size=40))
def test_text_that_is_no_session_id_is_an_unknown_session(text: str) -> None:
    """Whatever stands in a link or a token is refused, never an error of ours."""
    if re.fullmatch(r"[0-9a-fA-F]{2}[0-9A-Za-z]{20}", text):
        return
    with refuses("unknown-session"):
        partition_of(text)


@pytest.mark.parametrize("text", ["", "zz" + "0" * 20, "0x" + "0" * 20, "٣٣" + "0" * 20, "00" + "0" * 19 + "|"])
def test_odd_session_ids_are_refused(text: str) -> None:
    """Among them what `int` would take for a number."""
    with refuses("unknown-session"):
        partition_of(text)


def test_the_three_kinds_cannot_be_taken_for_one_another() -> None:
    """A secret of one party is not even parsed where another's is expected."""
    kinds = {
        ("obp_", 3): new_phone_token(SESSION, "p1"),
        ("obb_", 2): new_browser_secret(SESSION),
        ("oba_", 1): new_provider_token(),
    }
    for (prefix, count), secret in kinds.items():
        assert parts(secret, prefix, count)[-1] in secret
        for other_prefix, other_count in kinds.keys() - {(prefix, count)}:
            with refuses("wrong-secret"):
                parts(secret, other_prefix, other_count)


def test_phone_and_browser_secrets_name_their_session() -> None:
    """So the store is asked for one session only."""
    assert parts(new_phone_token(SESSION, "p1"), "obp_", 3)[:2] == [SESSION, "p1"]
    assert parts(new_browser_secret(SESSION), "obb_", 2)[0] == SESSION


@pytest.mark.parametrize("text", ["", "obp_", "obp_a.b", "obp_a.b.c.d", "obp_a..c", "obp_.b.c", "obp_a.b." + "x" * 200])
def test_a_malformed_secret_is_a_wrong_secret(text: str) -> None:
    """Too few, too many or empty parts, or more than any of ours is long."""
    with refuses("wrong-secret"):
        parts(text, "obp_", 3)


def test_secrets_are_random_and_long_enough() -> None:
    """At least 128 bits (OWASP ASVS 5.0 V11.5.1); tokens have 256."""
    assert len({random_text() for _ in range(1000)}) == 1000
    assert len(random_text()) == 22
    assert len(parts(new_phone_token(SESSION, "p1"), "obp_", 3)[2]) == 43


def test_a_digest_depends_on_purpose_secret_and_broker() -> None:
    """What is stored for one purpose proves nothing for another, and says nothing without our key."""
    digest = RING.digest("phone", "secret")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", digest)
    assert digest == Keyring(bytes(range(32))).digest("phone", "secret")
    others = [
        RING.digest("browser", "secret"),
        RING.digest("phone", "Secret"),
        Keyring(b"k" * 32).digest("phone", "secret"),
    ]
    assert digest not in others


def test_every_purpose_has_a_key_of_its_own() -> None:
    """32 bytes each; a digest's key is no key for anything else."""
    keys = {RING.key(purpose) for purpose in ("wrap", "registry", "digest/phone", "digest/browser")}
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 4


def test_a_short_master_secret_is_refused() -> None:
    """At least 32 bytes."""
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(b"k" * 31)


def test_a_fingerprint_tells_brokers_apart_and_nothing_more() -> None:
    """A store remembers it to refuse other keys."""
    assert RING.fingerprint() == Keyring(bytes(range(32))).fingerprint() != Keyring(b"k" * 32).fingerprint()
    assert len(RING.fingerprint()) == 16


@given(st.text(), st.text())
def test_same_is_equality(left: str, right: str) -> None:
    """Of any text, in constant time."""
    assert same(left, left)
    assert same(left, right) is (left == right)


def test_nothing_is_the_same_as_nothing() -> None:
    """A secret that was never set matches no secret that was not sent."""
    assert not same(None, None)
    assert not same("x", None)
    assert not same(None, "x")
