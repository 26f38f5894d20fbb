"""Checking a ledger: a whole one passes, and whatever was done to one behind the broker's back is found."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, KeySet
from msgspec.structs import replace

from broker.ledger_check import MARK_EVERY, Exported, checked, read
from schemas.ledger import HEAD_TYPE, HeadLine, LedgerHead, LedgerLine, beginning, hash_of
from sessions.store.chain import Chain, Head

KEY, OTHER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
KEYS = KeySet([KEY])
AT = "2026-11-22T10:00:00Z"
SIZE = 12
MARKS = (1, 5, 9)


def _signed(size: int, hash_: str, provider: str = "gemeente", key: ECKey = KEY, typ: str = HEAD_TYPE) -> str:
    head = LedgerHead(provider=provider, size=size, hash=hash_, signed_at=AT)
    header = {"alg": "ES256", "kid": KEY.ensure_kid() or KEY.kid, "typ": typ}
    return jws.serialize_compact(header, msgspec.json.encode(head), key, ["ES256"])


def _lines(receipts: list[str], provider: str = "gemeente") -> tuple[bytes, ...]:
    lines: list[bytes] = []
    for number, receipt in enumerate(receipts, start=1):
        previous = hash_of(lines[-1]) if lines else beginning(provider)
        line = LedgerLine(number=number, provider=provider, at=AT, kind="given", receipt=receipt, previous=previous)
        lines.append(msgspec.json.encode(line))
    return tuple(lines)


def _chain(lines: tuple[bytes, ...], marks: tuple[int, ...] = MARKS, key: ECKey = KEY) -> Chain:
    """A chain as the broker would have made it of these lines."""
    decoded = [msgspec.json.decode(line, type=LedgerLine) for line in lines]
    end = hash_of(lines[-1])
    return Chain(
        head=Head(size=len(lines), hash=end, signature=_signed(len(lines), end, key=key), marked=marks[-1]),
        lines=lines,
        count=len(lines),
        entries={line.entry: line.number for line in decoded},
        heads={size: _signed(size, hash_of(lines[size - 1]), key=key) for size in marks},
    )


RECEIPTS = [f"{number:064x}" for number in range(SIZE)]
WHOLE = _chain(_lines(RECEIPTS))


def _faults(chain: Chain, exported: Exported | None = None) -> tuple[str, ...]:
    return checked("gemeente", chain, KEYS, exported).faults


def _exported(chain: Chain) -> Exported:
    return Exported(lines=chain.lines, heads=(*chain.heads.values(), chain.head.signature))


def test_a_whole_ledger_is_whole() -> None:
    """By itself and beside each earlier copy of it; so is one that nothing was ever added to."""
    verdict = checked("gemeente", WHOLE, KEYS, _exported(WHOLE))
    assert verdict.faults == ()
    assert (verdict.size, verdict.hash) == (SIZE, hash_of(WHOLE.lines[-1]))
    for size in range(5, SIZE):
        earlier = _chain(WHOLE.lines[:size], marks=tuple(mark for mark in MARKS if mark <= size))
        assert _faults(WHOLE, _exported(earlier)) == ()
    empty = Chain(head=Head(), lines=(), count=0, entries={}, heads={})
    assert _faults(empty, Exported(lines=(), heads=())) == ()


@given(st.integers(0, SIZE - 1), st.data())
def test_any_changed_byte_is_found(number: int, data: st.DataObject) -> None:
    """Wherever it is, in whichever line, also in the last."""
    line = bytearray(WHOLE.lines[number])
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= data.draw(st.integers(1, 255))
    lines = (*WHOLE.lines[:number], bytes(line), *WHOLE.lines[number + 1 :])
    assert _faults(replace(WHOLE, lines=lines))
    assert _faults(WHOLE, replace(_exported(WHOLE), lines=lines))


def _without(number: int) -> tuple[bytes, ...]:
    return (*WHOLE.lines[: number - 1], *WHOLE.lines[number:])


@pytest.mark.parametrize("number", range(1, SIZE + 1))
def test_a_removed_line_is_found(number: int) -> None:
    """A gap, or the lines moved up; also when everybody's count is lowered with it."""
    assert _faults(replace(WHOLE, lines=WHOLE.lines[: number - 1], count=SIZE - 1))
    closed = replace(WHOLE, lines=_without(number), count=SIZE - 1, head=replace(WHOLE.head, size=SIZE - 1))
    assert _faults(closed)


@pytest.mark.parametrize("number", range(1, SIZE + 1))
def test_an_inserted_line_is_found(number: int) -> None:
    """Also a copy of one that is there, and one behind the end that the count does not know."""
    lines = (*WHOLE.lines[:number], WHOLE.lines[number - 1], *WHOLE.lines[number:])
    assert _faults(replace(WHOLE, lines=lines, count=SIZE + 1))
    assert _faults(replace(WHOLE, lines=lines, count=SIZE + 1, head=replace(WHOLE.head, size=SIZE + 1)))
    assert _faults(replace(WHOLE, count=SIZE + 1))


@given(st.permutations(range(SIZE)))
def test_another_order_is_found(order: list[int]) -> None:
    """Any but the one in which the lines were added."""
    found = _faults(replace(WHOLE, lines=tuple(WHOLE.lines[place] for place in order)))
    assert bool(found) == (order != list(range(SIZE)))


@pytest.mark.parametrize("size", range(SIZE))
def test_a_cut_off_end_is_found(size: int) -> None:
    """By the head; with a new head made for it, by its signature; by the kept heads that say there was more."""
    lines, kept = WHOLE.lines[:size], {n: s for n, s in WHOLE.heads.items() if n <= size}
    entries = {entry: number for entry, number in WHOLE.entries.items() if number <= size}
    assert _faults(replace(WHOLE, lines=lines, count=size, entries=entries, heads=kept))
    end = hash_of(lines[-1]) if lines else ""
    shorter = replace(WHOLE.head, size=size, hash=end)
    assert _faults(replace(WHOLE, lines=lines, count=size, entries=entries, heads=kept, head=shorter))
    if 0 < size < MARKS[-1]:
        true_head = replace(shorter, signature=_signed(size, end))
        assert _faults(replace(WHOLE, lines=lines, count=size, entries=entries, head=true_head))


@pytest.mark.parametrize("size", [0, *MARKS])
def test_a_ledger_that_was_put_back_is_found_by_a_copy(size: int) -> None:
    """Cut off at a head that was truly signed, it is whole by itself: only what was exported shows that there was more.

    Also the heads of the copy alone do, without its lines.
    """
    lines = WHOLE.lines[:size]
    put_back = Chain(head=Head(), lines=(), count=0, entries={}, heads={})
    if size:
        put_back = _chain(lines, marks=tuple(mark for mark in MARKS if mark <= size))
    assert _faults(put_back) == ()
    assert _faults(put_back, _exported(WHOLE))
    assert _faults(put_back, Exported(lines=(), heads=_exported(WHOLE).heads))


def test_a_rewritten_ledger_is_found() -> None:
    """All hashes made anew over other lines: nobody but the broker can sign its end, and a copy shows the rest."""
    rewritten = _lines([*RECEIPTS[:3], "f" * 64, *RECEIPTS[4:]])
    forged = _chain(rewritten, key=OTHER)
    assert len(_faults(forged)) == 1 + len(MARKS)
    resigned = _chain(rewritten)
    assert _faults(resigned) == ()
    assert _faults(resigned, _exported(WHOLE))
    old_end = replace(resigned, head=replace(resigned.head, signature=WHOLE.head.signature))
    assert _faults(old_end) == ("line 12 is not the one that was signed",)


@pytest.mark.parametrize("mark", MARKS)
def test_a_kept_head_cannot_be_moved_or_exchanged(mark: int) -> None:
    """Under another number of lines, of another provider, or with something else signed by the same key."""
    end = hash_of(WHOLE.lines[mark - 1])
    moved = {**{n: s for n, s in WHOLE.heads.items() if n != mark}, mark + 1: WHOLE.heads[mark]}
    others: list[dict[int, str]] = [
        moved,
        {**WHOLE.heads, mark: _signed(mark, end, provider="notaris")},
        {**WHOLE.heads, mark: _signed(mark, end, typ="ophaalbrug-purge-receipt+jws")},
        {**WHOLE.heads, mark: "no.signature.atall"},
        {**WHOLE.heads, mark: ""},
    ]
    for heads in others:
        assert _faults(replace(WHOLE, heads=heads))


def test_one_head_in_so_many_lines_must_be_there() -> None:
    """Whoever takes the kept heads away is noticed where more than `MARK_EVERY` lines have none."""
    lines = _lines([f"{number:064x}" for number in range(2 * MARK_EVERY)])
    assert _faults(_chain(lines, marks=(1, MARK_EVERY + 1))) == ()
    found = _faults(_chain(lines, marks=(1,)))
    assert found == (f"between lines 1 and {2 * MARK_EVERY} a signed head is missing",)


def test_one_providers_ledger_cannot_stand_for_anothers() -> None:
    """Every line and every head names its provider."""
    assert len(checked("notaris", WHOLE, KEYS).faults) >= SIZE + 1 + len(MARKS)


def test_an_entry_stands_there_once_and_is_known() -> None:
    """One that was forgotten could be added again; one that is there twice was."""
    forgotten = dict(list(WHOLE.entries.items())[1:])
    assert _faults(replace(WHOLE, entries=forgotten))
    assert _faults(_chain(_lines([*RECEIPTS[:-1], RECEIPTS[0]])))


def test_heads_of_before_need_the_key_of_before() -> None:
    """After a change of keys the former one is given along; without it the ledger cannot be called whole."""
    old = _chain(WHOLE.lines)
    assert checked("gemeente", old, KeySet([OTHER])).faults
    assert checked("gemeente", old, KeySet([OTHER, KEY])).faults == ()


def test_an_export_is_read_as_it_was_written() -> None:
    """Lines keep their bytes, heads are told apart; a line that is not JSON is refused by its number."""
    heads = [msgspec.json.encode(HeadLine(head=signature)) for signature in _exported(WHOLE).heads]
    file = b"\n".join([*WHOLE.lines, *heads, b""])
    assert read(file) == _exported(WHOLE)
    with pytest.raises(ValueError, match="line 2 of the file is not JSON"):
        read(WHOLE.lines[0] + b"\nnonsense\n")
    with pytest.raises(ValueError, match="line 1 of the file is not JSON"):
        read(b'{"head":"\xff"}\n')
    other: Any = {"number": 1}
    assert read(msgspec.json.encode(other)).lines == (b'{"number":1}',)
