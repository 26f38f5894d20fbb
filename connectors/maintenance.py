"""When a source is in maintenance: windows its owner announced, once or every week by the Dutch clock.

Pure: settings in, an end out. Knows no source and no screen.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from msgspec import Meta

from schemas.base import Inbound

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)")]
Moment = Annotated[datetime, Meta(tz=True)]

_HERE = ZoneInfo("Europe/Amsterdam")
_DAYS: tuple[Day, ...] = get_args(Day)
_JOINED = 8  # windows that follow each other without a gap and are told as one


class Window(Inbound, frozen=True, kw_only=True, rename={"since": "from"}):
    """`[[health.<source>.maintenance]]`: `from` and `until` with their zones, or `days` with `start` and `end`.

    `start` and `end` are Dutch wall clock times (HH:MM); an end that is not after its start is one of the next day.
    """

    since: Moment | None = None
    until: Moment | None = None
    days: tuple[Day, ...] = ()
    start: Clock | None = None
    end: Clock | None = None

    def __post_init__(self) -> None:
        """Refuse what is neither the one nor the other. Raises ValueError."""
        once, weekly = (self.since, self.until), (self.start, self.end, self.days or None)
        if None not in once and not any(weekly):
            if self.since is not None and self.until is not None and self.until <= self.since:
                raise ValueError("a maintenance window ends after it starts")
        elif any(once) or None in weekly:
            raise ValueError("a maintenance window has from and until, or days, start and end")

    def ends(self, now: float) -> float | None:
        """When this window ends, if it lasts now (seconds since the epoch); None when it does not."""
        spans = self._weekly(now) if self.days else [(self.since, self.until)]
        ends = [b.timestamp() for a, b in spans if a and b and a.timestamp() <= now < b.timestamp()]
        return max(ends, default=None)

    def _weekly(self, now: float) -> list[tuple[datetime, datetime]]:
        """The windows that began today or yesterday, the only ones that can last now."""
        today = datetime.fromtimestamp(now, UTC).astimezone(_HERE).date()
        return [self._on(day) for day in (today - timedelta(days=1), today) if _DAYS[day.weekday()] in self.days]

    def _on(self, day: date) -> tuple[datetime, datetime]:
        """The window that begins on `day`. An hour that comes twice, or not at all, makes it longer, never shorter."""
        start, end = time.fromisoformat(self.start or ""), time.fromisoformat(self.end or "")
        last = day if end > start else day + timedelta(days=1)
        ends = [datetime.combine(last, end.replace(fold=fold), _HERE) for fold in (0, 1)]
        return datetime.combine(day, start, _HERE), max(ends, key=datetime.timestamp)


def lasts_until(windows: tuple[Window, ...], now: float) -> float | None:
    """When the maintenance that lasts now will be over; None when none does. Windows that join count as one."""
    until: float | None = None
    for _ in range(_JOINED):
        ends = [end for window in windows if (end := window.ends(now if until is None else until)) is not None]
        if not ends:
            break
        until = max(ends)
    return until
