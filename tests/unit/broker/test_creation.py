"""Creating a session: the links that are derived and never stored, and what a request may say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.creation import SessionRequest, link_mac, session_of_link
from sessions.errors import Refused
from sessions.secrets import Keyring, new_session_id

RING = Keyring(b"k" * 32)
SESSION = "00" + "5a" * 10  # fixed: it is part of test names
LINK = f"{SESSION}.{link_mac(RING, SESSION)}"


def test_a_link_leads_to_its_session() -> None:
    """Nothing is stored for it: the same id gives the same link, so a reminder repeats the invitation's."""
    assert session_of_link(RING, LINK) == SESSION
    assert link_mac(Keyring(b"k" * 32), SESSION) == link_mac(RING, SESSION)


def test_a_link_cannot_be_guessed_from_another() -> None:
    """At least 128 bits of HMAC (22 characters of six bits), of another value for every session and every broker."""
    macs = {link_mac(RING, new_session_id(0)) for _ in range(1000)}
    assert len(macs) == 1000
    assert {len(mac) for mac in macs} == {22}
    assert link_mac(Keyring(b"o" * 32), SESSION) != link_mac(RING, SESSION)


@pytest.mark.parametrize(
    "link",
    [
        "",
        ".",
        SESSION,
        SESSION + ".",
        LINK[:-1],
        LINK + "A",
        LINK.replace(".", ".."),
        f"{SESSION[:-1]}b.{link_mac(RING, SESSION)}",
        f"{SESSION}.{link_mac(Keyring(b'o' * 32), SESSION)}",
        f"{SESSION}.{RING.digest('browser', SESSION)[:22]}",
        LINK.swapcase(),
    ],
)
def test_a_link_we_did_not_make_is_an_unknown_session(link: str) -> None:
    """Cut, lengthened, of another session, another broker or another purpose."""
    with pytest.raises(Refused, match="unknown-session"):
        session_of_link(RING, link)


@given(st.text(max_size=80))
def test_junk_is_an_unknown_session(link: str) -> None:
    """Whatever stands in the address."""
    with pytest.raises(Refused, match="unknown-session"):
        session_of_link(RING, link)


def test_a_request_needs_a_profile_only() -> None:
    """Everything else has a default; names are camelCase."""
    request = msgspec.json.decode(b'{"profile": "bijstand", "returnUrl": "https://x.example/"}', type=SessionRequest)
    assert (request.profile, request.language, request.return_url) == ("bijstand", "nl", "https://x.example/")


@pytest.mark.parametrize(
    "wrong",
    [
        {"household": "three"},
        {"reference": ""},
        {"reference": "a b"},
        {"reference": "x" * 65},
        {"reference": "zaak-1\n"},
        {"reference": "999993653\n"},
        {"language": "fr"},
        {"returnUrl": "http://x.example"},
        {"returnUrl": "https://x.example/ y"},
        {"returnUrl": "https://x.example/\n"},
        {"returnUrl": "javascript:alert(1)"},
        {"expiresIn": 3599},
        {"expiresIn": 12 * 7 * 24 * 3600 + 1},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_request_that_says_something_else_is_refused(wrong: dict[str, Any]) -> None:
    """Bounds and forms of every field; unknown fields too."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"profile": "bijstand", **wrong}, SessionRequest)
