"""Answers as no source should give them: cut off, in another encoding, with odd values. Hypothesis chooses which.

Nothing here takes anything away in such a form that the rest is still a good answer: after damage, an answer that says
"there is nothing" was not read but guessed.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from connectors.testing.documents import CANARY, ODD, Document, document

# Not one of these can stand in JSON or XML.
_INVALID = (b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3\x28", b"\x1b[2J")
_ENCODINGS = ("utf-16", "utf-16-be", "utf-32", "cp037")
_OTHERS = (
    b"",
    b" ",
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"0",
    b"true",
    b"<",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    f"<html><body>{CANARY}</body></html>".encode(),
    f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e "{CANARY}">]><x>&e;</x>'.encode(),
    f'{{"errors": [{{"message": "{CANARY}"}}]}}'.encode(),
    f'{{"message": "{CANARY}"}}'.encode(),
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    b"%PDF-1.7\n",
)


def damaged(body: bytes) -> st.SearchStrategy[bytes]:
    """The ways in which `body` may come in damaged, or something else in its place."""
    ways: list[st.SearchStrategy[bytes]] = [
        st.integers(0, max(0, len(body) - 2)).map(lambda end: body[:end]),
        st.builds(_spliced(body), st.integers(0, len(body)), st.sampled_from(_INVALID)),
        st.sampled_from(_ENCODINGS).map(lambda encoding: body.decode("utf-8", "replace").encode(encoding, "replace")),
        st.sampled_from(_OTHERS),
        st.binary(max_size=200),
        st.just(body + body),
    ]
    read = document(body)
    if read is not None and read.paths():
        ways += [_odd(read), _odd(read), _odd(read)]  # as likely as all the others together
    return st.one_of(ways)


def _spliced(body: bytes) -> Callable[[int, bytes], bytes]:
    return lambda place, odd: body[:place] + odd + body[place:]


def _odd(read: Document) -> st.SearchStrategy[bytes]:
    return st.builds(read.odd, st.sampled_from(read.paths()), st.sampled_from(ODD))
