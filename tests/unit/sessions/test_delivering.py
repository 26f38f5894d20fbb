"""The delivery log's lines: what is kept of many attempts, and what must never be forgotten of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.delivering import ATTEMPTS_KEPT, Attempt, AttemptOutcome, Line, may_have_arrived, read, tried, written

NOW = 1_770_000_000.0
OUTCOMES: tuple[AttemptOutcome, ...] = ("accepted", "refused", "throttled", "failed", "unknown", "not-sent")


def attempt(outcome: AttemptOutcome, at: float = NOW) -> Attempt:
    return Attempt(at=at, outcome=outcome, answer="5xx", seconds=0.25)


@pytest.mark.parametrize(
    ("outcome", "arrived"),
    [(outcome, outcome in ("accepted", "unknown")) for outcome in OUTCOMES],
)
def test_only_what_was_answered_otherwise_or_never_left_did_not_arrive(outcome: AttemptOutcome, arrived: bool) -> None:
    """A status other than 2xx is a no; silence after the first byte is not."""
    assert may_have_arrived((attempt("failed"), attempt(outcome))) is arrived
    assert not may_have_arrived(())


@given(st.lists(st.sampled_from(OUTCOMES), max_size=3 * ATTEMPTS_KEPT))
def test_a_long_log_forgets_only_what_says_nothing(outcomes: list[AttemptOutcome]) -> None:
    """However many attempts, few are kept, the newest among them, and that the receiver may have it is never lost."""
    kept: tuple[Attempt, ...] = ()
    for number, outcome in enumerate(outcomes):
        kept = tried(kept, attempt(outcome, NOW + number))
        assert kept[-1].at == NOW + number
    assert len(kept) == min(len(outcomes), ATTEMPTS_KEPT)
    assert may_have_arrived(kept) == bool({"accepted", "unknown"} & {*outcomes})
    assert [one.at for one in kept] == sorted(one.at for one in kept)


def test_what_was_not_an_attempt_adds_nothing() -> None:
    """A delivery that is put off keeps its log as it is."""
    assert tried((attempt("failed"),), None) == (attempt("failed"),)


def test_a_line_comes_back_as_it_was_written() -> None:
    """With its attempts, and how it ended."""
    line = Line(sequence=3, event_id="evt_1", type="data", queued_at=NOW, tried=(attempt("unknown"),), closed="refused")
    assert read(written(line)) == line
