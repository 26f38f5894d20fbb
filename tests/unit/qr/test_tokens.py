"""Pairing tokens: strong, and readable only as they were made."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qr import tokens

SESSION_IDS = st.text("ABCabcXYZxyz0189_-", min_size=1, max_size=64)


@given(SESSION_IDS)
def test_a_token_names_its_session(session_id: str) -> None:
    """The session id comes back out of the token: it says in which partition to look."""
    token = tokens.make_token(session_id)
    assert tokens.parse_token(token) == (token, session_id)


def test_a_secret_has_at_least_128_random_bits() -> None:
    """A thousand secrets: every one at least 128 bits wide, none twice, and every one of those bits moves."""
    made = {tokens.make_token("s").partition(".")[2] for _ in range(1000)}
    assert len(made) == 1000
    numbers = [int.from_bytes(_decoded(secret)) for secret in made]
    always, ever = ~0, 0
    for number in numbers:
        always &= number
        ever |= number
    assert (ever & ~always).bit_count() >= 128


def test_the_secret_is_base64url_of_22_characters_or_more() -> None:
    """The form in the picture: characters that need no escaping in a fragment."""
    secret = tokens.make_token("s").partition(".")[2]
    assert re.fullmatch(r"[A-Za-z0-9_-]{22,}", secret)


@pytest.mark.parametrize("session_id", ["", "a.b", "a b", "a/b", "é", "a" * 65, "a\n"])
def test_an_id_that_could_not_be_read_back_is_refused(session_id: str) -> None:
    """A token that could not be taken apart again is never made."""
    with pytest.raises(ValueError, match="session id"):
        tokens.make_token(session_id)


@given(st.text(max_size=80))
def test_anything_but_a_token_is_refused_without_an_echo(text: str) -> None:
    """What came in stays out of the error: it may be somebody's secret with a typing mistake."""
    with pytest.raises(ValueError, match=r"^not a pairing token$"):
        tokens.parse_token(text + "!")


@pytest.mark.parametrize("wrong", ["{}\n", " {}", "{}=", "#{}", "x.{}"])
def test_a_token_with_anything_around_it_is_refused(wrong: str) -> None:
    """One token has one spelling, so one digest."""
    with pytest.raises(ValueError, match="not a pairing token"):
        tokens.parse_token(wrong.format(tokens.make_token("s")))


@pytest.mark.parametrize("base", ["https://intake.example.nl", "https://intake.example.nl/"])
def test_the_token_rides_in_the_fragment(base: str) -> None:
    """Nothing of the token stands in the path or query, which servers and proxies log."""
    token = tokens.make_token("s1")
    assert tokens.token_url(base, token) == f"https://intake.example.nl/phone#{token}"


def _decoded(secret: str) -> bytes:
    return base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
