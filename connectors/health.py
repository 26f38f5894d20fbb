"""How the sources are doing, so that nobody logs in for nothing: a breaker for each, and its announced maintenance.

A breaker opens when several people in a row got no answer. After a while one person is let through, and what comes of
that decides. Health tells every change of a breaker, and hears those of the broker's other processes; it keeps nothing
and speaks to nobody itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from connectors.contract import Absent, Failed, Found, Outcome
from connectors.maintenance import Window, lasts_until
from schemas.base import Inbound, Record, is_bsn

FAILURES = 3  # people in a row without an answer
REMEMBERED_SECONDS = 600.0  # so long does one person's failure count
OPEN_SECONDS = 30.0  # the first time; doubled each time the source is still out of reach
LONGEST_SECONDS = 300.0
PROBE_SECONDS = 180.0  # a login and its fetch take less; a phone that is gone holds nobody up longer
_SPREAD = 0.2  # so that what went down together does not come back together

State = Literal["up", "down", "maintenance", "unknown"]


class HealthSettings(Inbound, frozen=True, kw_only=True, rename=None):
    """`[health.<source>]`. `probe_bsn` is somebody the source's owner lets us ask about, and `expect` its answer."""

    failures: Annotated[int, Meta(ge=1, le=100)] = FAILURES
    probe_bsn: str | None = None
    expect: Literal["found", "absent"] = "found"
    maintenance: tuple[Window, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no BSN, without repeating it. Raises ValueError."""
        if self.probe_bsn is not None and not is_bsn(self.probe_bsn):
            raise ValueError("probe_bsn must be a BSN")


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """Why a source cannot be asked now, and until when that is so, as far as known (seconds since the epoch)."""

    kind: Literal["down", "maintenance"]
    until: float | None = None


class Breaker(Record, frozen=True, kw_only=True):
    """A source's breaker since it last changed, `at`; times are seconds since the epoch.

    `opened` counts how often in a row the source was out of reach; 0 is a closed breaker. Until `until` nobody is let
    through but `probe`, the one person whose outcome decides. The newest of two is true.
    """

    source: str
    at: float = 0.0
    opened: int = 0
    until: float = 0.0
    probe: str | None = None


def _spread() -> float:
    return random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311  no secret


class Health:
    """The condition of every source, as this process knows it.

    `now` is in seconds since the epoch (UTC). `by` names a person of a session without saying who it is: one person
    counts once however often they try, because what fails may be their own record, and their retries need no login.
    """

    def __init__(
        self,
        settings: Mapping[str, HealthSettings] | None = None,
        tell: Callable[[Breaker], None] = lambda _: None,
        spread: Callable[[], float] = _spread,
    ) -> None:
        self._settings = settings or {}
        self._tell = tell
        self._spread = spread
        self._breakers: dict[str, Breaker] = {}
        self._failing: dict[str, dict[str, float]] = {}  # who got no answer since the last one, and when
        self._answered: set[str] = set()

    def note(self, source: str, outcome: Outcome, now: float, by: str) -> None:
        """What came of asking a source. An outcome that says nothing of it only ends its probe."""
        breaker = self._breaker(source)
        match outcome:
            case Failed(kind="unavailable" | "timeout"):
                self._answered.discard(source)
                self._unanswered(breaker, now, by)
            case Found() | Absent() | Failed(kind="refused" | "unreadable" | "wrong-person"):
                self._answered.add(source)
                self._failing.pop(source, None)
                if breaker.opened:
                    self._change(Breaker(source=source), now)
            case _ if breaker.opened and breaker.probe == by:
                self._change(replace(breaker, until=now, probe=None), now)
            case _:
                pass

    def _unanswered(self, breaker: Breaker, now: float, by: str) -> None:
        """Count it; a fetch that was already under way when the breaker opened tells nothing new."""
        if breaker.opened:
            if breaker.probe == by:
                self._open(breaker, now)
            return
        lately = {who: at for who, at in self._failing.get(breaker.source, {}).items() if now - at < REMEMBERED_SECONDS}
        self._failing[breaker.source] = lately | {by: now}
        if len(self._failing[breaker.source]) >= self._of(breaker.source).failures:
            self._open(breaker, now)

    def _open(self, breaker: Breaker, now: float) -> None:
        self._failing.pop(breaker.source, None)
        seconds = min(OPEN_SECONDS * 2.0 ** min(breaker.opened, 10), LONGEST_SECONDS) * self._spread()
        self._change(replace(breaker, opened=breaker.opened + 1, until=now + seconds, probe=None), now)

    def _change(self, breaker: Breaker, now: float) -> None:
        """Clocks of processes differ: what follows on something is newer than it, whatever the clock says."""
        at = max(now, self._breaker(breaker.source).at + 0.001)
        changed = self._breakers[breaker.source] = replace(breaker, at=at)
        self._tell(changed)

    def heard(self, breaker: Breaker) -> None:
        """What another process told; what we know later stays."""
        if breaker.at <= self._breaker(breaker.source).at:
            return
        self._breakers[breaker.source] = breaker
        self._failing.pop(breaker.source, None)
        (self._answered.discard if breaker.opened else self._answered.add)(breaker.source)

    def admits(self, source: str, now: float, by: str) -> bool:
        """Whether this person may begin now. With an open breaker that is one person at a time, once it is time."""
        if self._maintained_until(source, now) is not None:
            return False
        breaker = self._breaker(source)
        if not breaker.opened:
            return True
        if now < breaker.until and breaker.probe != by:
            return False
        self._change(replace(breaker, until=now + PROBE_SECONDS, probe=by), now)
        return True

    def condition(self, source: str, now: float) -> Condition | None:
        """Why this source cannot be asked now; None when nothing is known against it."""
        until = self._maintained_until(source, now)
        if until is not None:
            return Condition(kind="maintenance", until=until)
        breaker = self._breaker(source)
        return Condition(kind="down", until=breaker.until) if breaker.opened and now < breaker.until else None

    def state(self, source: str, now: float) -> State:
        """The same for operators; `up` is a source whose latest answer was one, `unknown` one that was not asked."""
        condition = self.condition(source, now)
        if condition is not None:
            return condition.kind
        return "up" if source in self._answered else "unknown"

    def _breaker(self, source: str) -> Breaker:
        return self._breakers.get(source) or Breaker(source=source)

    def _of(self, source: str) -> HealthSettings:
        return self._settings.get(source) or HealthSettings()

    def _maintained_until(self, source: str, now: float) -> float | None:
        return lasts_until(self._of(source).maintenance, now)
