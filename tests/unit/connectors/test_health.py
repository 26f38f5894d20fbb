"""The breaker of a source: when it opens, who is let through, what closes it, and what processes tell each other."""

from __future__ import annotations

import pytest
from msgspec import ValidationError, convert

from connectors.contract import Absent, Failed, FailureKind, Found, Outcome, Skipped
from connectors.health import PROBE_SECONDS, REMEMBERED_SECONDS, Breaker, Condition, Health, HealthSettings
from connectors.maintenance import Window
from schemas.records import SourceRecords

NOW = 1_790_000_000.0
DOWN = Failed(kind="unavailable")
FOUND = Found(records=SourceRecords())


def health(tell: list[Breaker] | None = None, **settings: HealthSettings) -> Health:
    """Without jitter; what is told is added to `tell`."""
    return Health(settings, (lambda _: None) if tell is None else tell.append, lambda: 1.0)


def opened(tell: list[Breaker] | None = None, now: float = NOW) -> Health:
    """UWV just found down, by three people."""
    made = health(tell)
    for person in "abc":
        made.note("uwv", DOWN, now, person)
    return made


def down(until: float) -> Condition:
    """The condition of a source that is down."""
    return Condition(kind="down", until=until)


@pytest.mark.parametrize("kind", ["unavailable", "timeout"])
def test_three_people_without_an_answer_open_it(kind: FailureKind) -> None:
    """Not two; for half a minute, and for this source alone."""
    made = health()
    for person in "ab":
        made.note("uwv", Failed(kind=kind), NOW, person)
        assert made.condition("uwv", NOW) is None
        assert made.admits("uwv", NOW, person)
    made.note("uwv", Failed(kind=kind), NOW, "c")
    assert made.condition("uwv", NOW) == made.condition("uwv", NOW + 29) == down(NOW + 30)
    assert not made.admits("uwv", NOW + 29, "d")
    assert made.condition("mijnoverheid", NOW) is None
    assert made.admits("mijnoverheid", NOW, "d")


def test_how_many_people_is_a_setting() -> None:
    """One is enough where the settings say so."""
    made = health(uwv=HealthSettings(failures=1))
    made.note("uwv", DOWN, NOW, "a")
    assert made.condition("uwv", NOW) == down(NOW + 30)


def test_one_person_who_keeps_trying_opens_nothing() -> None:
    """It may be their own record that fails; and their retries cost no login."""
    made = health()
    for second in range(100):
        made.note("uwv", DOWN, NOW + second, "a")
    made.note("uwv", DOWN, NOW + 100, "b")
    assert made.condition("uwv", NOW + 100) is None


def test_failures_count_for_ten_minutes() -> None:
    """Three people in a day are no outage; three in ten minutes are."""
    made = health()
    for number, person in enumerate("abcd"):
        made.note("uwv", DOWN, NOW + number * REMEMBERED_SECONDS / 2, person)
    assert made.condition("uwv", NOW + 1.5 * REMEMBERED_SECONDS) is None
    made.note("uwv", DOWN, NOW + 1.5 * REMEMBERED_SECONDS + 1, "e")
    assert made.condition("uwv", NOW + 1.5 * REMEMBERED_SECONDS + 1) is not None


@pytest.mark.parametrize("outcome", [FOUND, Absent(), Failed(kind="refused"), Failed(kind="unreadable")])
def test_an_answer_begins_the_count_anew(outcome: Outcome) -> None:
    """Also one we do not like: the source is there."""
    made = health()
    for person in "ab":
        made.note("uwv", DOWN, NOW, person)
    made.note("uwv", outcome, NOW, "c")
    for person in "de":
        made.note("uwv", DOWN, NOW, person)
    assert made.condition("uwv", NOW) is None


@pytest.mark.parametrize("outcome", [Skipped(reason="x"), Failed(kind="login"), Failed(kind="interrupted")])
def test_what_says_nothing_of_the_source_changes_nothing(outcome: Outcome) -> None:
    """A login that failed, or our own stop."""
    made = health()
    for person in "ab":
        made.note("uwv", DOWN, NOW, person)
        made.note("uwv", outcome, NOW, "x")
    made.note("uwv", DOWN, NOW, "c")
    made.note("uwv", outcome, NOW + 1, "x")
    assert made.condition("uwv", NOW + 1) == down(NOW + 30)


def test_after_a_while_one_person_is_let_through_and_closes_it() -> None:
    """Half-open: the first to come, who may come again; others wait for what becomes of them."""
    made = opened()
    now = NOW + 30
    assert made.condition("uwv", now) is None
    assert made.admits("uwv", now, "d")
    assert made.admits("uwv", now + 1, "d")
    assert not made.admits("uwv", now + 1, "e")
    assert made.condition("uwv", now + 1) == down(now + 1 + PROBE_SECONDS)
    made.note("uwv", FOUND, now + 2, "d")
    assert made.condition("uwv", now + 2) is None
    assert all(made.admits("uwv", now + 2, person) for person in "efg")


def test_a_probe_that_fails_keeps_it_closed_twice_as_long_up_to_five_minutes() -> None:
    """A source that flaps, or stays away, is asked less and less; once it answered it begins anew."""
    made, now, waits = opened(), NOW, list[float]()
    for _ in range(5):
        condition = made.condition("uwv", now)
        assert condition is not None
        assert condition.until is not None
        waits.append(condition.until - now)
        now = condition.until
        assert made.admits("uwv", now, "d")
        made.note("uwv", DOWN, now, "d")
        assert not made.admits("uwv", now, "d")
    assert waits == [30, 60, 120, 240, 300]
    now += 300
    assert made.admits("uwv", now, "d")
    made.note("uwv", FOUND, now, "d")
    for person in "efg":
        made.note("uwv", DOWN, now, person)
    assert made.condition("uwv", now) == down(now + 30)


def test_fetches_that_were_under_way_tell_nothing_new() -> None:
    """Their timeouts come in after it opened: it is not down twice. An answer does count, whoever got it."""
    made = opened()
    for person in "defghi":
        made.note("uwv", DOWN, NOW + 10, person)
    assert made.condition("uwv", NOW + 10) == down(NOW + 30)
    assert made.admits("uwv", NOW + 30, "p")
    made.note("uwv", DOWN, NOW + 31, "j")
    assert made.condition("uwv", NOW + 31) == down(NOW + 30 + PROBE_SECONDS)
    made.note("uwv", FOUND, NOW + 32, "k")
    assert made.condition("uwv", NOW + 32) is None


def test_a_probe_that_gives_up_makes_room_at_once() -> None:
    """A cancelled login says nothing of the source: the next may find out. Somebody else's does not."""
    made = opened()
    assert made.admits("uwv", NOW + 30, "p")
    made.note("uwv", Failed(kind="login"), NOW + 31, "x")
    assert not made.admits("uwv", NOW + 32, "q")
    made.note("uwv", Failed(kind="login"), NOW + 33, "p")
    assert made.admits("uwv", NOW + 33, "q")


def test_a_probe_that_never_ends_makes_room_after_three_minutes() -> None:
    """A phone that is gone. What comes of it later still counts when it is an answer."""
    made = opened()
    assert made.admits("uwv", NOW + 30, "p")
    late = NOW + 30 + PROBE_SECONDS
    assert not made.admits("uwv", late - 1, "q")
    assert made.admits("uwv", late, "q")
    made.note("uwv", DOWN, late + 1, "p")
    assert made.condition("uwv", late + 1) == down(late + PROBE_SECONDS)
    made.note("uwv", Absent(), late + 2, "p")
    assert made.condition("uwv", late + 2) is None


def test_the_wait_is_spread() -> None:
    """By a fifth at most, so that brokers do not all come back at one moment."""
    waits: set[float] = set()
    for _ in range(50):
        made = Health()
        for person in "abc":
            made.note("uwv", DOWN, NOW, person)
        condition = made.condition("uwv", NOW)
        assert condition is not None
        assert condition.until is not None
        waits.add(condition.until - NOW)
    assert len(waits) > 40
    assert all(24 <= wait <= 36 for wait in waits)


def test_maintenance_comes_before_anything_else() -> None:
    """Nobody is let through, not even the probe; what the breaker knows is there again afterwards."""
    window = convert({"from": "2026-07-04T22:00:00Z", "until": "2026-07-05T04:00:00Z"}, Window)
    made = health(uwv=HealthSettings(maintenance=(window,)))
    assert window.since is not None
    assert window.until is not None
    start, end = window.since.timestamp(), window.until.timestamp()
    for person in "abc":
        made.note("uwv", DOWN, end - 10, person)
    assert made.condition("uwv", end - 5) == Condition(kind="maintenance", until=end)
    assert not made.admits("uwv", start, "d")
    assert made.state("uwv", start) == "maintenance"
    assert made.condition("uwv", end) == down(end + 20)
    assert made.admits("mijnoverheid", start, "d")


def test_the_state_for_operators() -> None:
    """Unknown until it was asked, down as long as nobody is let through, up once it answered."""
    made = health()
    assert made.state("uwv", NOW) == "unknown"
    made.note("uwv", FOUND, NOW, "a")
    assert made.state("uwv", NOW) == "up"
    made.note("uwv", DOWN, NOW, "b")
    assert made.state("uwv", NOW) == "unknown"
    for person in "cd":
        made.note("uwv", DOWN, NOW, person)
    assert made.state("uwv", NOW) == "down"
    assert made.state("uwv", NOW + 30) == "unknown"
    made.note("uwv", Absent(), NOW + 31, "e")
    assert made.state("uwv", NOW + 31) == "up"


def test_processes_tell_each_other() -> None:
    """Opening, letting somebody through, giving up, and closing: each is told once, and another process does alike."""
    told: list[Breaker] = []
    first, second = opened(told), health()
    for breaker in told:
        second.heard(breaker)
    assert second.condition("uwv", NOW) == first.condition("uwv", NOW) == down(NOW + 30)
    assert first.admits("uwv", NOW + 30, "p")
    second.heard(told[-1])
    assert not second.admits("uwv", NOW + 31, "q")
    answers: list[Breaker] = []
    third = health(answers)
    for breaker in told:
        third.heard(breaker)
    third.note("uwv", DOWN, NOW + 32, "p")  # the probe came back at another process
    assert third.condition("uwv", NOW + 32) == down(NOW + 92)
    first.heard(answers[-1])
    assert first.condition("uwv", NOW + 32) == down(NOW + 92)
    third.note("uwv", FOUND, NOW + 33, "z")
    for one in (first, second):
        one.heard(answers[-1])
        assert (one.condition("uwv", NOW + 33), one.state("uwv", NOW + 33)) == (None, "up")
    assert (len(told), len(answers)) == (2, 2)


def test_the_newest_is_true_also_when_clocks_differ() -> None:
    """What follows on something is newer than it; notices that come late or twice change nothing."""
    told: list[Breaker] = []
    ahead, behind = opened(told, now=NOW + 5), health(answers := [])
    behind.heard(told[-1])
    behind.note("uwv", FOUND, NOW, "z")
    for breaker in (answers[-1], told[-1], answers[-1]):
        ahead.heard(breaker)
        behind.heard(breaker)
    assert ahead.condition("uwv", NOW + 5) is None
    assert behind.condition("uwv", NOW) is None


def test_nobody_can_be_known_by_what_is_told() -> None:
    """A notice has the source, moments, a count, and the name of the probe that the caller made up."""
    told: list[Breaker] = []
    made = opened(told)
    made.admits("uwv", NOW + 30, "ref:applicant")
    assert [breaker.probe for breaker in told] == [None, "ref:applicant"]


@pytest.mark.parametrize("bsn", ["", "12345678", "123456789", "99999001", "x"])
def test_a_probe_is_a_bsn(bsn: str) -> None:
    """What is none is refused, and not repeated."""
    with pytest.raises(ValidationError, match="probe_bsn must be a BSN") as refused:
        convert({"probe_bsn": bsn}, HealthSettings)
    assert not bsn or bsn not in str(refused.value).replace("probe_bsn", "")
